#include "promqltest/store.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/vec.h"
#include "chunk/chunk.h"
#include "chunk/hist.h"
#include "labels/builder.h"
#include "promqltest/nhcb.h"

#include <stdio.h>
#include <stdlib.h>

/* Upstream cuts histogram chunks towards this size, of not fewer samples than that. */
#define CHUNK_TARGET_BYTES 1024
#define CHUNK_MIN_SAMPLES 10
/* Length of its blocks under test: chunks end with them. */
#define BLOCK_MS (24 * INT64_C(3600000))

struct one_series {
	struct labels *labels;
	int64_t last_t;
	double last_v; /* of a float */
	bool any, last_is_hist;
	VEC(int64_t) t;
	VEC(double) v;
	VEC(int64_t) st;
	VEC(int64_t) ht;
	VEC(int64_t) hst;
	VEC(struct histogram) h;        /* as decoded; point into the store's arena */
	size_t n_closed;                /* of h, in finished chunks */
	struct hist_app *app;           /* the open chunk, or NULL */
	int64_t chunk_start, chunk_end; /* of the open chunk; the end is a prediction */
	bool predicted;
};

struct store {
	struct arena arena; /* histograms */
	VEC(struct one_series *) series;
};

struct store *store_new(void)
{
	struct store *s = xcalloc(1, sizeof(*s));
	arena_init(&s->arena, NULL);
	return s;
}

void store_clear(struct store *s)
{
	for (size_t i = 0; i < s->series.n; i++) {
		struct one_series *o = s->series.p[i];
		vec_fini(&o->t);
		vec_fini(&o->v);
		vec_fini(&o->st);
		vec_fini(&o->ht);
		vec_fini(&o->hst);
		vec_fini(&o->h);
		hist_app_free(o->app);
		free(o->labels);
		free(o);
	}
	vec_fini(&s->series);
	arena_fini(&s->arena);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	store_clear(s);
	free(s);
}

static struct one_series *find_or_add(struct store *s, struct labels l)
{
	for (size_t i = 0; i < s->series.n; i++)
		if (labels_eq(*s->series.p[i]->labels, l))
			return s->series.p[i];
	struct one_series *o = xcalloc(1, sizeof(*o));
	o->labels = labels_dup(l);
	*vec_push(&s->series) = o;
	return o;
}

/* --- histograms -------------------------------------------------------------------- */

/* Puts what the open chunk holds, as it reads back, after the histograms of finished chunks. */
static void decode_open(struct store *s, struct one_series *o)
{
	o->h.n = o->n_closed;
	if (!o->app)
		return;
	struct hist_app_stat stat = hist_app_stat(o->app);
	if (stat.n == 0)
		return;
	struct str bytes = hist_app_bytes(o->app);
	char *copy = arena_memdup(&s->arena, bytes.p, bytes.n);
	struct chunk_cols cols;
	struct err err = ERR_NONE;
	struct chunk c = { stat.enc, { copy, bytes.n } };
	if (!copy || chunk_decode(c, &s->arena, &cols, &err) < 0) {
		fprintf(stderr, "histogram chunk: %s\n", err.msg);
		abort();
	}
	for (size_t i = 0; i < cols.n; i++)
		*vec_push(&o->h) = cols.h[i];
}

static void close_chunk(struct store *s, struct one_series *o)
{
	decode_open(s, o);
	o->n_closed = o->h.n;
}

/* Whether size or time end the open chunk before a sample at `t`: upstream's rule. */
static bool chunk_is_full(struct one_series *o, int64_t t)
{
	struct hist_app_stat stat = hist_app_stat(o->app);
	if (stat.n == 0)
		return false;
	if (!o->predicted && stat.size_bytes >= CHUNK_TARGET_BYTES / 4) {
		double ratio = (double)CHUNK_TARGET_BYTES / (double)stat.size_bytes;
		double n =
			(double)(o->chunk_end - o->chunk_start) / ((double)(stat.t_last - o->chunk_start + 1) * ratio);
		if (n > 1)
			o->chunk_end = (int64_t)((double)o->chunk_start +
						 (double)(o->chunk_end - o->chunk_start) / (double)(int64_t)n);
		o->predicted = true;
	}
	int64_t block_end = (o->chunk_start / BLOCK_MS + 1) * BLOCK_MS;
	return (t >= o->chunk_end || stat.size_bytes >= CHUNK_TARGET_BYTES * 2) &&
	       (stat.n >= CHUNK_MIN_SAMPLES || t >= block_end);
}

static void append_hist(struct store *s, struct one_series *o, int64_t t, const struct histogram *h)
{
	bool fresh = !o->app;
	if (o->app && !o->last_is_hist) {
		close_chunk(s, o);
		hist_app_free(o->app);
		fresh = true;
	}
	if (fresh)
		o->app = hist_app_new(true);
	bool full = chunk_is_full(o, t);
	if (full) {
		close_chunk(s, o);
		hist_app_begin(o->app);
	}
	if (hist_app_append(o->app, t, h) == HIST_NEW_CHUNK) {
		close_chunk(s, o);
		hist_app_begin(o->app);
		fresh = true;
		enum hist_append again = hist_app_append(o->app, t, h);
		CHECK(again != HIST_NEW_CHUNK);
	}
	if (fresh || full) {
		o->chunk_start = t;
		o->chunk_end = (t / BLOCK_MS + 1) * BLOCK_MS;
		o->predicted = false;
	}
}

/* --- samples ----------------------------------------------------------------------- */

/* Whether the sample repeats the last one; *ret_msg is set where it contradicts it. */
static bool is_repeated(const struct one_series *o, int64_t t, double v, const struct histogram *h,
			const char **ret_msg)
{
	*ret_msg = NULL;
	if (!o->any || t > o->last_t)
		return false;
	if (t < o->last_t)
		*ret_msg = "out of order sample";
	else if (h || o->last_is_hist || double_bits(v) != double_bits(o->last_v))
		*ret_msg = "duplicate sample for timestamp";
	return true;
}

static const char *append(struct store *s, struct one_series *o, int64_t t, int64_t st, double v,
			  const struct histogram *h, struct arena *a)
{
	struct histogram stale = hist_stale(true);
	struct err err = ERR_NONE;
	const char *msg;
	if (is_repeated(o, t, v, h, &msg))
		return msg;
	if (!h && value_is_stale(v) && o->any && o->last_is_hist)
		h = &stale;
	else if (h && hist_validate(h, &err) < 0)
		return arena_strdup(a, err.msg);
	if (h) {
		append_hist(s, o, t, h);
		*vec_push(&o->ht) = t;
		*vec_push(&o->hst) = st;
	} else {
		*vec_push(&o->t) = t;
		*vec_push(&o->v) = v;
		*vec_push(&o->st) = st;
	}
	o->any = true;
	o->last_t = t;
	o->last_v = v;
	o->last_is_hist = h != NULL;
	return NULL;
}

static const char *load_series(struct store *s, const struct script_series *in, int64_t step_ms, struct arena *a)
{
	struct one_series *o = find_or_add(s, in->labels);
	for (size_t i = 0; i < in->n_values; i++) {
		const struct promql_seq_value *v = &in->values[i];
		int64_t t = (int64_t)i * step_ms;
		int64_t st = in->st && !in->st[i].omitted ? t + (int64_t)in->st[i].v : 0;
		if (v->omitted)
			continue;
		const char *msg = append(s, o, t, st, v->v, v->h, a);
		if (msg)
			return msg;
	}
	decode_open(s, o);
	return NULL;
}

const char *store_load(struct store *s, const struct script_cmd *c, struct arena *a)
{
	const char *msg = NULL;
	for (size_t i = 0; i < c->n_series && !msg; i++)
		msg = load_series(s, &c->series[i], c->load.step_ms, a);
	if (msg || !c->load.nhcb)
		return msg;
	struct script_series *made;
	size_t n;
	msg = nhcb_convert(c, a, &made, &n);
	for (size_t i = 0; i < n && !msg; i++)
		msg = load_series(s, &made[i], c->load.step_ms, a);
	return msg;
}

/* --- source ------------------------------------------------------------------------ */

struct set {
	struct store *store;
	struct matcher *const *matchers;
	size_t n_matchers, at;
	int64_t mint, maxt;
};

static int source_select(void *arg, struct matcher *const *matchers, size_t n_matchers,
			 const struct promql_hints *hints, void **ret_set, struct err *err)
{
	(void)err;
	struct set *set = xcalloc(1, sizeof(*set));
	*set = (struct set){ .store = arg,
			     .matchers = matchers,
			     .n_matchers = n_matchers,
			     .mint = hints->mint_ms,
			     .maxt = hints->maxt_ms };
	*ret_set = set;
	return 0;
}

/* Index of the first time not before `t`. */
static size_t lower_bound(const int64_t *v, size_t n, int64_t t)
{
	size_t lo = 0;
	while (lo < n) {
		size_t mid = lo + (n - lo) / 2;
		if (v[mid] < t)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

/* First and number of the times in mint..maxt. */
static size_t slice(const int64_t *v, size_t n, const struct set *set, size_t *ret_n)
{
	size_t from = lower_bound(v, n, set->mint);
	size_t to = set->maxt == INT64_MAX ? n : lower_bound(v, n, set->maxt + 1);
	*ret_n = to > from ? to - from : 0;
	return from;
}

static int source_next(void *arg, void *opaque, struct promql_series *ret, struct err *err)
{
	(void)arg;
	(void)err;
	struct set *set = opaque;
	while (set->at < set->store->series.n) {
		const struct one_series *o = set->store->series.p[set->at++];
		if (!matchers_match(set->matchers, set->n_matchers, *o->labels))
			continue;
		*ret = (struct promql_series){ .labels = *o->labels };
		size_t f = slice(o->t.p, o->t.n, set, &ret->n_floats);
		size_t h = slice(o->ht.p, o->ht.n, set, &ret->n_hists);
		if (ret->n_floats == 0 && ret->n_hists == 0)
			continue;
		if (ret->n_floats) {
			ret->t = o->t.p + f;
			ret->v = o->v.p + f;
			ret->st = o->st.p + f;
		}
		if (ret->n_hists) {
			ret->ht = o->ht.p + h;
			ret->h = o->h.p + h;
			ret->hst = o->hst.p + h;
		}
		return 1;
	}
	return 0;
}

static void source_close(void *arg, void *set)
{
	(void)arg;
	free(set);
}

struct promql_source store_source(struct store *s)
{
	return (struct promql_source){ .arg = s, .select = source_select, .next = source_next, .close = source_close };
}
