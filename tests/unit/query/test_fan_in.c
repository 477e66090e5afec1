/*
 * However samples are cut into chunks, chunks spread over stores, stores put
 * in order, and series handed to the engine: no bit of a result changes.
 */
#include "unit/unit.h"

#include "chunk/xor.h"
#include "series/merge.h"
#include "series/samples.h"
#include "unit/promql/sample.h"

#define STEP 7000
#define START 3000
#define END (START + 59 * STEP)
#define STORES 5
#define ROUNDS 4

/* ---- stores ---- */

/* One store: series sorted by labels, each with some of its chunks. */
struct store {
	VEC(struct series) series;
};

/* The same samples as the rig's, cut and spread anew. */
struct fan {
	struct arena a;
	struct store stores[STORES];
	bool shuffled; /* series come to the engine in any order */
};

/* Encodes samples [lo, hi) of a series. */
static struct series_chunk encode(struct fan *f, const struct rig_series *s, size_t lo, size_t hi)
{
	struct xor_app app;
	size_t cap = 64 + 32 * (hi - lo);
	uint8_t *buf = arena_array(&f->a, cap, 1);
	xor_app_init(&app, buf, cap);
	for (size_t i = lo; i < hi; i++)
		assert_true(xor_append(&app, s->t[i], s->v[i]));
	return (struct series_chunk){
		.mint = s->t[lo],
		.maxt = s->t[hi - 1],
		.part[SERIES_RAW].chunk = { CHUNK_XOR, xor_app_bytes(&app) },
	};
}

/* Puts a chunk of the newest series of a store at its end. */
static void put_chunk(struct series *s, struct series_chunk c)
{
	s->chunks = xreallocarray(s->chunks, s->n_chunks + 1, sizeof(*s->chunks));
	s->chunks[s->n_chunks++] = c;
}

/* Cuts a series at random places. Each chunk goes to some stores; of a cut that is not `whole` also to none. */
static void cut(struct fan *f, const struct rig_series *s, struct series *of_store, bool whole)
{
	for (size_t lo = 0, hi; lo < s->n; lo = hi) {
		size_t n = 1 + rnd() % (rnd() % 3 ? 12 : 60);
		hi = MIN(s->n, lo + n);
		struct series_chunk c = encode(f, s, lo, hi);
		uint64_t where = rnd() % (1 << STORES);
		if (whole && where == 0)
			where = 1 << rnd() % STORES;
		for (int k = 0; k < STORES; k++)
			if (where >> k & 1)
				put_chunk(&of_store[k], c);
	}
}

static int by_chunk(const void *a, const void *b)
{
	return series_chunk_cmp(a, b);
}

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(((const struct rig_series *)a)->labels, ((const struct rig_series *)b)->labels);
}

static void fan_init(struct fan *f, const struct rig *r)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->a, NULL);
	for (size_t i = 0; i < r->series.n; i++) {
		const struct rig_series *s = &r->series.p[i];
		struct series of_store[STORES] = { { .labels = { NULL, 0 } } };
		cut(f, s, of_store, true);
		if (rnd() % 2)
			cut(f, s, of_store, false);
		for (int k = 0; k < STORES; k++) {
			if (!of_store[k].n_chunks)
				continue;
			of_store[k].labels = s->labels;
			qsort(of_store[k].chunks, of_store[k].n_chunks, sizeof(struct series_chunk), by_chunk);
			*vec_push(&f->stores[k].series) = of_store[k];
		}
	}
}

static void fan_fini(struct fan *f)
{
	for (int k = 0; k < STORES; k++) {
		for (size_t i = 0; i < f->stores[k].series.n; i++)
			free(f->stores[k].series.p[i].chunks);
		vec_fini(&f->stores[k].series);
	}
	arena_fini(&f->a);
}

/* ---- a source over the merge of all stores ---- */

struct store_cursor {
	struct series_cursor c;
	const struct store *store;
	struct matcher *const *m;
	size_t n_m, at;
};

static int cursor_next(struct series_cursor *c, struct series *ret, struct err *err)
{
	struct store_cursor *x = (struct store_cursor *)c;
	(void)err;
	while (x->at < x->store->series.n) {
		*ret = x->store->series.p[x->at++];
		if (matchers_match(x->m, x->n_m, ret->labels))
			return 1;
	}
	return 0;
}

static void cursor_close(struct series_cursor *c)
{
	free(c);
}

struct fan_set {
	struct fan *fan;
	struct series_merge *merge;
	struct promql_hints hints;
	struct arena cur;
	/* of shuffled series */
	struct arena kept;
	VEC(struct promql_series) all;
	bool read;
};

static int fan_select(void *arg, struct matcher *const *m, size_t n, const struct promql_hints *h, void **ret,
		      struct err *err)
{
	struct fan_set *s = xcalloc(1, sizeof(*s));
	struct series_cursor *cursors[STORES];
	(void)err;
	s->fan = arg;
	s->hints = *h;
	arena_init(&s->cur, NULL);
	arena_init(&s->kept, NULL);
	for (size_t k = 0; k < STORES; k++) {
		struct store_cursor *x = xcalloc(1, sizeof(*x));
		*x = (struct store_cursor){ { cursor_next, cursor_close }, &s->fan->stores[k], m, n, 0 };
		cursors[k] = &x->c;
	}
	for (size_t k = STORES - 1; k > 0; k--) {
		size_t other = rnd() % (k + 1);
		struct series_cursor *c = cursors[k];
		cursors[k] = cursors[other];
		cursors[other] = c;
	}
	s->merge = series_merge_new(cursors, STORES, NULL, NULL, NULL);
	*ret = s;
	return 0;
}

/* The next series of the merge that has samples in the range, decoded into `a`. */
static int next_merged(struct fan_set *s, struct arena *a, struct promql_series *ret, struct err *err)
{
	struct series in;
	struct series_samples out = { 0 };
	for (;;) {
		int rc = co_series_merge_next(s->merge, &in, err);
		if (rc == 1)
			rc = series_samples_decode(in.chunks, in.n_chunks, series_pick_of(s->hints.func), false,
						   s->hints.mint_ms, s->hints.maxt_ms, a, &out, err)
				     ? -err->code
				     : 1;
		if (rc != 1)
			return rc;
		if (out.n == 0)
			continue;
		*ret = (struct promql_series){ .n_floats = out.n, .t = out.t, .v = out.v };
		return labels_copy(in.labels, a, &ret->labels, err) ? -err->code : 1;
	}
}

static int next_shuffled(struct fan_set *s, struct promql_series *ret, struct err *err)
{
	struct promql_series one;
	int rc = s->read ? 0 : 1;
	while (rc == 1 && (rc = next_merged(s, &s->kept, &one, err)) == 1)
		*vec_push(&s->all) = one;
	if (rc < 0)
		return rc;
	s->read = true;
	if (s->all.n == 0)
		return 0;
	size_t k = rnd() % s->all.n;
	*ret = s->all.p[k];
	s->all.p[k] = s->all.p[--s->all.n];
	return 1;
}

static int fan_next(void *arg, void *set, struct promql_series *ret, struct err *err)
{
	struct fan_set *s = set;
	(void)arg;
	if (s->fan->shuffled)
		return next_shuffled(s, ret, err);
	arena_fini(&s->cur);
	return next_merged(s, &s->cur, ret, err);
}

static void fan_close(void *arg, void *set)
{
	struct fan_set *s = set;
	(void)arg;
	series_merge_free(s->merge);
	vec_fini(&s->all);
	arena_fini(&s->cur);
	arena_fini(&s->kept);
	free(s);
}

static bool fan_same(void *arg, const struct promql_hints *a, const struct promql_hints *b)
{
	(void)arg;
	(void)a;
	(void)b;
	return rnd() % 2;
}

/* ---- comparing ---- */

static int run(const struct promql_source *src, const char *text, struct arena *a, int64_t step,
	       struct promql_result *res, struct err *err)
{
	struct promql_parse_opts all = PROMQL_PARSE_ALL;
	struct promql_expr *e;
	int rc = promql_parse(str_c(text), &all, a, &e, NULL, err);
	struct promql_query q = { e, str_c(text), step ? START : END, END, step };
	return rc ? rc : promql_exec(&q, NULL, src, a, res, err);
}

/* The result as text, series sorted, values as bits. Free it. */
static char *text_of(const struct promql_source *src, const char *text, int64_t step)
{
	struct promql_result res;
	struct err err = ERR_NONE;
	struct strbuf b = { 0 };
	struct arena a;
	arena_init(&a, NULL);
	int rc = run(src, text, &a, step, &res, &err);
	strbuf_add_c(&b, rc ? err.msg : "");
	for (int64_t t = step ? START : END; !rc && t <= END; t += STEP) {
		char *slice = rig_slice(&res, t);
		strbuf_printf(&b, "%lld\n%s", (long long)t, slice);
		free(slice);
	}
	arena_fini(&a);
	return strbuf_steal(&b);
}

static void check(struct rig *r, struct fan *f, const char *text)
{
	struct promql_source plain = rig_source(r);
	struct promql_source fan = {
		.arg = f, .select = fan_select, .next = fan_next, .close = fan_close, .same = fan_same
	};
	for (int64_t step = 0; step <= STEP; step += STEP) {
		char *want = text_of(&plain, text, step), *got = text_of(&fan, text, step);
		if (strcmp(want, got) != 0)
			fail_msg("%s, step %lld\nwant:\n%.3000s\ngot:\n%.3000s", text, (long long)step, want, got);
		free(want);
		free(got);
	}
}

/* Whether a result may depend on the order of series, or is about histograms, which here are in no chunks. */
static bool is_out(const char *text, bool shuffled)
{
	static const char *const ordered[] = { "sum", "avg(", "stddev(", "stdvar", "topk", "bottomk", "limitk" };
	if (strcmp(text, "h") == 0 || strstr(text, "(h") || strstr(text, "h ") == text)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(ordered) && shuffled; i++)
		if (strncmp(text, ordered[i], strlen(ordered[i])) == 0 && !strstr(text, "_over_time"))
			return true;
	return shuffled && strstr(text, "group_left sum");
}

static void check_all(struct rig *r, struct fan *f)
{
	static const char *const exact[] = { "sum(i)", "sum by (k) (i)", "avg by (le) (i)",
					     "sum(count_over_time(c[1m]))" };
	for (size_t i = 0; i < ARRAY_LEN(sample_functions); i++)
		for (size_t k = 0; k < ARRAY_LEN(sample_ranges); k++) {
			char *text = xasprintf("%s(%s)", sample_functions[i], sample_ranges[k]);
			check(r, f, text);
			free(text);
		}
	for (size_t i = 0; i < ARRAY_LEN(sample_exprs); i++)
		if (!is_out(sample_exprs[i], f->shuffled))
			check(r, f, sample_exprs[i]);
	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		check(r, f, exact[i]);
}

static void load_floats(struct rig *r)
{
	size_t n = 0;
	sample_load(r);
	for (size_t i = 0; i < r->series.n; i++)
		if (r->series.p[i].nh == 0)
			r->series.p[n++] = r->series.p[i];
	r->series.n = n;
	qsort(r->series.p, n, sizeof(*r->series.p), by_labels);
}

static void test_chunks_and_stores(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct rig r;
		struct fan f;
		load_floats(&r);
		fan_init(&f, &r);
		check_all(&r, &f);
		fan_fini(&f);
		rig_fini(&r);
	}
}

static void test_order_of_series(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct rig r;
		struct fan f;
		load_floats(&r);
		fan_init(&f, &r);
		f.shuffled = true;
		check_all(&r, &f);
		fan_fini(&f);
		rig_fini(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_and_stores),
		cmocka_unit_test(test_order_of_series),
	};
	sample_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
