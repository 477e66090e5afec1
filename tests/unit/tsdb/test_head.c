/* Rules of the head one by one: admission, exemplars, matchers, readers that wait, commits, limits. */
#include "unit/tsdb/head_test.h"

#define RANGE 100000

static char *dir;

static int set_up(void **state)
{
	dir = scratch_new();
	return 0;
}

static int tear_down(void **state)
{
	scratch_fini(dir);
	return 0;
}

static struct head *open_with(struct head_config cfg)
{
	cfg.dir = dir;
	cfg.chunk_range_ms = RANGE;
	return open_head(cfg, NULL);
}

static void must_commit(struct head *h)
{
	struct err e;
	ok(commit(h, true, &e), &e);
}

/* --- admission ----------------------------------------------------------------------------- */

static void test_samples_in_order_only(void **state)
{
	struct head *h = open_with((struct head_config){ .max_future_ms = 1000 });
	struct head_series *s = series_i(h, 1);
	head_batch_begin(h, 500000);
	assert_int_equal(head_append(h, s, 500000, 1), HEAD_OK);
	assert_int_equal(head_append(h, s, 500000, 1), HEAD_OK_SAME);
	assert_int_equal(head_append(h, s, 500000, 2), HEAD_DUPLICATE);
	assert_int_equal(head_append(h, s, 499999, 1), HEAD_OUT_OF_ORDER);
	assert_int_equal(head_append(h, s, 501001, 1), HEAD_TOO_FAR_IN_FUTURE);
	assert_int_equal(head_append(h, series_i(h, 2), 1, 1), HEAD_OK); /* bounds were fixed before */
	head_batch_begin(h, 500000);
	assert_int_equal(head_append(h, series_i(h, 3), 500000 - RANGE / 2, 1), HEAD_OK);
	assert_int_equal(head_append(h, series_i(h, 4), 500000 - RANGE / 2 - 1, 1), HEAD_OUT_OF_BOUNDS);
	assert_string_equal(head_result_text(HEAD_OUT_OF_ORDER), "out of order sample");
	assert_string_equal(head_result_text(HEAD_DUPLICATE), "duplicate sample for timestamp");
	struct head_stats st;
	head_stats(h, &st);
	assert_int_equal(st.refused[HEAD_OUT_OF_BOUNDS], 1);
	assert_int_equal(st.samples, 3);
	head_close(h);
}

static void test_bounds_of_a_batch_hold_after_others_appended(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, series_i(h, 1), 500000, 1), HEAD_OK);
	head_batch_begin(h, 0);
	struct head_batch b = head_batch_save(h);
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, series_i(h, 2), 500000 + RANGE, 1), HEAD_OK);
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, series_i(h, 3), 500000, 1), HEAD_OUT_OF_BOUNDS);
	head_batch_resume(h, b);
	assert_int_equal(head_append(h, series_i(h, 3), 500000, 1), HEAD_OK);
	/* But nothing comes to where a block was cut meanwhile. */
	head_truncate(h, 500000 + RANGE / 2);
	head_batch_resume(h, b);
	assert_int_equal(head_append(h, series_i(h, 4), 500000, 1), HEAD_OUT_OF_BOUNDS);
	assert_int_equal(head_append(h, series_i(h, 4), 500000 + RANGE / 2, 1), HEAD_OK);
	head_close(h);
}

static void test_nothing_is_added_to_a_range_that_is_being_cut(void **state)
{
	for (int ooo = 0; ooo < 2; ooo++) {
		struct head *h = open_with((struct head_config){ .ooo_window_ms = ooo ? RANGE : 0 });
		enum head_result late = ooo ? HEAD_OK_OOO : HEAD_OUT_OF_BOUNDS;
		head_batch_begin(h, 0);
		assert_int_equal(head_append(h, series_i(h, 1), RANGE - 1, 1), HEAD_OK);
		head_batch_begin(h, 0);
		struct head_batch b = head_batch_save(h);
		head_cut_begin(h, RANGE);
		assert_int_equal(head_append(h, series_i(h, 2), RANGE - 1, 1), late);
		head_batch_begin(h, 0);
		assert_int_equal(head_append(h, series_i(h, 3), RANGE - 1, 1), late);
		head_batch_resume(h, b);
		assert_int_equal(head_append(h, series_i(h, 4), RANGE - 1, 1), late);
		assert_int_equal(head_append(h, series_i(h, 4), RANGE, 1), HEAD_OK);
		head_cut_end(h); /* it failed */
		head_batch_begin(h, 0);
		assert_int_equal(head_append(h, series_i(h, 5), RANGE - 1, 1), HEAD_OK);
		must_commit(h);
		head_close(h);
		scratch_fini(dir);
		dir = scratch_new();
	}
}

static void test_duplicates_are_known_by_their_bits(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	struct head_series *s = series_i(h, 1);
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, s, 5, double_of_bits(STALE_NAN_BITS)), HEAD_OK);
	assert_int_equal(head_append(h, s, 5, double_of_bits(STALE_NAN_BITS)), HEAD_OK_SAME);
	assert_int_equal(head_append(h, s, 5, double_of_bits(NORMAL_NAN_BITS)), HEAD_DUPLICATE);
	assert_int_equal(head_append(h, s, 6, 0.0), HEAD_OK);
	assert_int_equal(head_append(h, s, 6, -0.0), HEAD_DUPLICATE);
	must_commit(h);
	/* Also when the chunk has been closed, written out and read back. */
	assert_int_equal(head_append(h, s, RANGE, 7), HEAD_OK);
	must_commit(h);
	flush_chunks(h);
	head_close(h);
	h = open_with((struct head_config){ .ooo_window_ms = RANGE });
	head_batch_begin(h, 0);
	s = series_i(h, 1);
	assert_int_equal(head_append(h, s, 6, 0.0), HEAD_OK_SAME);
	assert_int_equal(head_append(h, s, 6, 1.0), HEAD_DUPLICATE);
	assert_int_equal(head_append(h, s, RANGE, 7), HEAD_OK_SAME);
	assert_int_equal(head_append(h, s, 7, 1.0), HEAD_OK_OOO);
	assert_int_equal(head_append(h, s, 7, 1.0), HEAD_OK_SAME);
	head_close(h);
}

static void test_stale_float_on_histograms_becomes_a_histogram(void **state)
{
	static const struct hist_span span = { 0, 1 };
	static const int64_t delta = 3;
	struct histogram hist = {
		.count = 3, .sum = 1, .pos_spans = &span, .n_pos_spans = 1, .pos_deltas = &delta, .n_pos = 1
	};
	struct histogram bad = hist;
	bad.count = 1;
	struct head *h = open_with((struct head_config){ 0 });
	struct err e;
	head_batch_begin(h, 0);
	assert_int_equal(head_append_hist(h, series_i(h, 1), 10, &hist, &e), HEAD_OK);
	assert_int_equal(head_append_hist(h, series_i(h, 1), 10, &hist, &e), HEAD_OK_SAME);
	assert_int_equal(head_append_hist(h, series_i(h, 1), 20, &bad, &e), HEAD_BAD_HISTOGRAM);
	assert_true(e.msg[0] != 0);
	assert_int_equal(head_append(h, series_i(h, 1), 30, double_of_bits(STALE_NAN_BITS)), HEAD_OK);
	must_commit(h);
	for (int pass = 0; pass < 2; pass++) {
		struct got_all all;
		read_all(h, INT64_MIN, INT64_MAX, &all);
		assert_int_equal(all.series.p[0].s.n, 2);
		assert_non_null(all.series.p[0].s.p[1].h);
		assert_true(hist_is_stale(all.series.p[0].s.p[1].h));
		got_fini(&all);
		head_close(h);
		h = open_with((struct head_config){ 0 });
	}
	head_close(h);
}

static void test_series_limit_and_aliases(void **state)
{
	struct head *h = open_with((struct head_config){ .max_series = 2 });
	struct head_series *a = series_i(h, 1), *b = series_i(h, 2), *got;
	struct hash128 other = { 1, 2 };
	struct err e;
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(series_i(h, 1), a);
	head_series_alias(h, other, b);
	head_lookup(h, &other, 1, &got);
	assert_ptr_equal(got, b);
	struct strbuf scratch = { 0 };
	struct label l = { STR("a"), STR("b") };
	struct labels ls = { &l, 1 };
	assert_int_equal(head_series_get(h, head_key(ls, &scratch), ls, &got, NULL, &e), -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&scratch);
	head_close(h);
}

static void test_key_is_the_hash_of_remote_write_bytes(void **state)
{
	struct label l[] = { { STR("__name__"), STR("up") }, { STR("job"), STR("x") } };
	static const char wire[] = "\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01x";
	struct strbuf scratch = { 0 };
	struct hash128 a = head_key((struct labels){ l, 2 }, &scratch), b = hash_bytes128(wire, sizeof(wire) - 1);
	assert_true(a.lo == b.lo && a.hi == b.hi);
	strbuf_fini(&scratch);
}

/* --- exemplars --------------------------------------------------------------------------------- */

static enum head_result exemplar(struct head *h, unsigned i, int64_t t, double v, const char *trace)
{
	struct label l = { STR("trace_id"), str_c(trace) };
	return head_append_exemplar(h, series_i(h, i), t, v, (struct labels){ &l, 1 });
}

static size_t exemplars_of(struct head *h, const char *i, int64_t mint, int64_t maxt, int64_t *ret_last)
{
	struct arena a;
	struct matcher *m;
	struct head_exemplar *x;
	struct err e;
	size_t n;
	arena_init(&a, NULL);
	ok(matcher_compile(MATCH_RE, STR("i"), str_c(i), &m, &e), &e);
	struct head_reader *r = head_reader_open(h, mint, maxt);
	ok(head_reader_exemplars(r, &m, 1, &a, &x, &n, &e), &e);
	for (size_t k = 1; k < n; k++)
		assert_true(x[k].series_id > x[k - 1].series_id || x[k].t >= x[k - 1].t);
	for (size_t k = 0; k < n; k++)
		assert_true(str_eq(labels_get(x[k].labels, STR("trace_id")), STR("abc")));
	*ret_last = n ? x[n - 1].t : 0;
	head_reader_close(r);
	matcher_free(m);
	arena_fini(&a);
	return n;
}

static void test_exemplars_fill_a_ring(void **state)
{
	struct head *h = open_with((struct head_config){ .max_exemplars = 10 });
	int64_t last;
	char longest[140];
	memset(longest, 'x', sizeof(longest));
	longest[139] = '\0';
	for (int pass = 0; pass < 2; pass++) {
		for (int64_t t = pass * 99 + 1; t <= pass * 99 + 25; t++)
			assert_int_equal(exemplar(h, (unsigned)t % 3, t, 1, "abc"), HEAD_OK);
		assert_int_equal(exemplar(h, 1, pass * 99 + 25, 1, "abc"), HEAD_EXEMPLAR_DUPLICATE);
		assert_int_equal(exemplar(h, 1, pass * 99 + 24, 1, "abc"), HEAD_EXEMPLAR_OUT_OF_ORDER);
		assert_int_equal(exemplar(h, 1, pass * 99 + 30, 1, longest), HEAD_EXEMPLAR_TOO_LONG);
		assert_int_equal(exemplars_of(h, ".*", INT64_MIN, INT64_MAX, &last), 10);
		assert_int_equal(exemplars_of(h, "1", INT64_MIN, INT64_MAX, &last), 4);
		assert_int_equal(last, pass * 99 + 25);
		assert_int_equal(exemplars_of(h, ".*", pass * 99 + 20, pass * 99 + 21, &last), 2);
		must_commit(h);
		head_close(h);
		h = open_with((struct head_config){ .max_exemplars = 10 });
		assert_int_equal(exemplars_of(h, ".*", INT64_MIN, INT64_MAX, &last), 10);
	}
	head_close(h);
	h = open_with((struct head_config){ 0 });
	assert_int_equal(exemplar(h, 1, 1, 1, "abc"), HEAD_EXEMPLAR_OFF);
	assert_true(head_result_ok(HEAD_EXEMPLAR_OFF));
	head_close(h);
}

/* --- matchers ------------------------------------------------------------------------------------ */

/* 600 series: a 0..9, b 0..19 or missing, c only on some. */
static void many_series(struct head *h)
{
	for (unsigned i = 0; i < 600; i++) {
		char a[8], b[8], u[8];
		snprintf(a, sizeof(a), "%u", i % 10);
		snprintf(b, sizeof(b), "v%u", i / 10 % 20);
		snprintf(u, sizeof(u), "%u", i);
		struct label l[4] = { { STR("a"), str_c(a) } };
		size_t n = 1;
		if (i % 3)
			l[n++] = (struct label){ STR("b"), str_c(b) };
		if (i % 7 == 0)
			l[n++] = (struct label){ STR("c"), STR("x") };
		l[n++] = (struct label){ STR("u"), str_c(u) };
		series_of(h, l, n);
	}
}

static size_t naive(struct head_reader *r, struct matcher *const *m, size_t n_m, const uint32_t *all, size_t n,
		    uint32_t *out)
{
	size_t k = 0;
	struct arena a;
	arena_init(&a, NULL);
	for (size_t i = 0; i < n; i++) {
		struct head_view v;
		assert_int_equal(head_reader_series(r, all[i], false, &a, &v, NULL), 1);
		if (matchers_match(m, n_m, v.labels))
			out[k++] = all[i];
	}
	arena_fini(&a);
	return k;
}

static void check_matchers(struct head_reader *r, struct matcher *const *m, size_t n_m)
{
	struct arena a;
	struct err e;
	uint32_t *all, *got;
	size_t n_all, n;
	arena_init(&a, NULL);
	ok(head_reader_select(r, NULL, 0, true, &a, &all, &n_all, &e), &e);
	assert_int_equal(n_all, 600);
	uint32_t *want = arena_array(&a, n_all, sizeof(*want));
	size_t n_want = naive(r, m, n_m, all, n_all, want);
	ok(head_reader_select(r, m, n_m, true, &a, &got, &n, &e), &e);
	assert_int_equal(n, n_want);
	if (n)
		assert_memory_equal(got, want, n * sizeof(*got));
	ok(head_reader_select(r, m, n_m, false, &a, &got, &n, &e), &e);
	assert_int_equal(n, n_want);
	for (size_t i = 1; i < n; i++)
		assert_true(got[i - 1] < got[i]);
	arena_fini(&a);
}

static void test_matchers_select_as_a_scan_does(void **state)
{
	static const struct {
		enum matcher_type type;
		const char *name, *value;
	} pool[] = {
		{ MATCH_EQ, "a", "3" },     { MATCH_EQ, "b", "" },      { MATCH_NEQ, "b", "" },
		{ MATCH_NEQ, "a", "3" },    { MATCH_RE, "b", "v1.*" },  { MATCH_NRE, "b", "v1.*" },
		{ MATCH_RE, "a", "1|2|5" }, { MATCH_NRE, "a", "1|2" },  { MATCH_RE, "b", ".*" },
		{ MATCH_RE, "b", ".+" },    { MATCH_RE, "b", "v3|" },   { MATCH_NRE, "b", "v3|" },
		{ MATCH_EQ, "none", "x" },  { MATCH_NEQ, "none", "x" }, { MATCH_EQ, "none", "" },
		{ MATCH_RE, "c", "x?" },    { MATCH_NRE, "c", ".+" },   { MATCH_NEQ, "b", "v4" },
		{ MATCH_RE, "u", ".*7" },   { MATCH_EQ, "u", "77" },
	};
	struct head *h = open_with((struct head_config){ 0 });
	struct matcher *m[ARRAY_LEN(pool)];
	struct err e;
	many_series(h);
	for (size_t i = 0; i < ARRAY_LEN(pool); i++)
		ok(matcher_compile(pool[i].type, str_c(pool[i].name), str_c(pool[i].value), &m[i], &e), &e);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	for (size_t i = 0; i < ARRAY_LEN(pool); i++) {
		for (size_t k = 0; k < ARRAY_LEN(pool); k++) {
			struct matcher *three[3] = { m[i], m[k], m[(i * 7 + k * 3) % ARRAY_LEN(pool)] };
			check_matchers(r, three, 1 + (i + k) % 3);
		}
	}
	head_reader_close(r);
	for (size_t i = 0; i < ARRAY_LEN(pool); i++)
		matcher_free(m[i]);
	head_close(h);
}

static void test_label_names_values_and_top_lists(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	struct arena a;
	struct err e;
	struct matcher *m;
	struct str *v;
	size_t n;
	struct head_top_lists top;
	many_series(h);
	arena_init(&a, NULL);
	ok(matcher_compile(MATCH_EQ, STR("u"), STR("6"), &m, &e), &e);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	ok(head_reader_label_names(r, NULL, 0, &a, &v, &n, &e), &e);
	assert_int_equal(n, 4);
	assert_true(str_eq(v[2], STR("c")));
	ok(head_reader_label_names(r, &m, 1, &a, &v, &n, &e), &e);
	assert_int_equal(n, 2);
	ok(head_reader_label_values(r, STR("b"), NULL, 0, &a, &v, &n, &e), &e);
	assert_int_equal(n, 20);
	assert_true(str_eq(v[2], STR("v10")));
	ok(head_reader_label_values(r, STR("a"), &m, 1, &a, &v, &n, &e), &e);
	assert_int_equal(n, 1);
	ok(head_reader_label_values(r, STR("nope"), NULL, 0, &a, &v, &n, &e), &e);
	assert_int_equal(n, 0);
	ok(head_top(r, STR("a"), 3, &a, &top, &e), &e);
	assert_int_equal(top.n_series_by_metric, 3);
	assert_int_equal(top.series_by_metric[0].value, 60);
	assert_true(str_eq(top.values_by_label[0].name, STR("u")));
	assert_int_equal(top.values_by_label[0].value, 600);
	assert_true(str_eq(top.series_by_pair[0].name, STR("c=x")));
	assert_int_equal(top.series_by_pair[0].value, 86);
	head_reader_close(r);
	matcher_free(m);
	arena_fini(&a);
	head_close(h);
}

/* --- readers that wait --------------------------------------------------------------------------------- */

static size_t count_samples(const struct head_view *v)
{
	struct arena a;
	struct err e;
	size_t n = 0;
	arena_init(&a, NULL);
	for (size_t i = 0; i < v->n_chunks; i++) {
		struct chunk_cols c;
		ok(chunk_decode(v->chunks[i].chunk, &a, &c, &e), &e);
		n += c.n;
	}
	arena_fini(&a);
	return n;
}

static void append_range(struct head *h, unsigned i, int64_t from, int64_t to)
{
	for (int64_t t = from; t < to; t += 500) {
		head_batch_begin(h, t);
		assert_int_equal(head_append(h, series_i(h, i), t, (double)t), HEAD_OK);
	}
	must_commit(h);
}

static size_t samples_of(struct head *h, unsigned i)
{
	struct arena a;
	struct head_view v;
	struct err e;
	arena_init(&a, NULL);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	assert_int_equal(head_reader_series(r, head_series_id(series_i(h, i)), true, &a, &v, &e), 1);
	size_t n = count_samples(&v);
	for (size_t k = 1; k < v.n_chunks; k++)
		assert_true(v.chunks[k - 1].maxt < v.chunks[k].mint);
	head_reader_close(r);
	arena_fini(&a);
	return n;
}

/* It has two names in the log then, and chunks of both in files: those of the second one are older. */
static void test_a_series_that_went_and_came_again_keeps_its_chunks_over_restarts(void **state)
{
	struct head_config cfg = { .chunk_file_bytes = 65536 };
	struct head *h = open_with(cfg);
	append_range(h, 1, 0, RANGE / 2);
	append_range(h, 2, 0, 2 * RANGE);
	head_truncate(h, RANGE);
	while (head_gc(h, 1000) == 1)
		;
	struct head_stats st;
	head_stats(h, &st);
	assert_int_equal(st.series_removed, 1);
	for (int64_t round = 2; round < 8; round += 2) {
		append_range(h, 1, round * RANGE, (round + 2) * RANGE);
		flush_chunks(h); /* all but the last chunk */
		head_close(h);
		h = open_with(cfg);
		assert_int_equal(samples_of(h, 1), (size_t)round * RANGE / 500 + RANGE / 2 / 500);
	}
	head_close(h);
}

static void test_what_a_reader_was_given_stays(void **state)
{
	struct head *h = open_with((struct head_config){ .chunk_file_bytes = 4096 });
	struct arena a;
	struct head_view v;
	struct err e;
	append_range(h, 2, 0, RANGE / 2);
	append_range(h, 1, 0, 2 * RANGE);
	arena_init(&a, NULL);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	assert_int_equal(head_reader_series(r, head_series_id(series_i(h, 1)), true, &a, &v, &e), 1);
	size_t before = count_samples(&v);
	assert_int_equal(before, 2 * RANGE / 500);
	flush_chunks(h);
	append_range(h, 1, 2 * RANGE, 4 * RANGE);
	flush_chunks(h);
	assert_int_equal(count_samples(&v), before);
	head_truncate(h, 3 * RANGE);
	assert_int_equal(head_gc(h, 1000), HEAD_GC_WAIT);
	assert_int_equal(count_samples(&v), before);
	/* A reader of the time after does not wait for, nor see, what was cut. */
	struct head_reader *late = head_reader_open(h, INT64_MIN, INT64_MAX);
	head_reader_close(r);
	struct head_view w;
	struct arena b;
	arena_init(&b, NULL);
	assert_int_equal(head_reader_series(late, head_series_id(series_i(h, 1)), true, &b, &w, &e), 1);
	size_t late_n = count_samples(&w);
	int rc;
	while ((rc = head_gc(h, 3)) == 1)
		assert_int_equal(count_samples(&w), late_n);
	assert_int_equal(rc, 0);
	assert_int_equal(count_samples(&w), late_n);
	assert_true(str_eq(labels_get(w.labels, STR("i")), STR("1")));
	head_reader_close(late);
	struct head_stats st;
	head_stats(h, &st);
	assert_int_equal(st.series, 1);
	assert_int_equal(st.series_removed, 1);
	arena_fini(&a);
	arena_fini(&b);
	head_close(h);
}

struct hook {
	struct head *h;
	unsigned calls, fail_at;
};

/* A checkpoint during which series come, as they do when the owner suspends. */
static int on_checkpoint(void *arg, struct err *err)
{
	struct hook *k = arg;
	char u[16];
	snprintf(u, sizeof(u), "new%u", k->calls);
	struct label l[] = { { STR("a"), STR("0") }, { STR("u"), str_c(u) } };
	for (int i = 0; i < 40; i++) {
		u[0] = (char)('a' + i % 26);
		series_of(k->h, l, 2);
	}
	if (++k->calls == k->fail_at)
		return err_set(err, ERR_CANCELLED, "enough");
	return 0;
}

static void test_a_selection_may_suspend_or_be_cancelled(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	struct arena a;
	struct err e;
	struct matcher *m;
	uint32_t *ids;
	size_t n;
	for (unsigned i = 0; i < 30000; i++)
		series_i(h, i);
	struct hook k = { h, 0, 0 };
	arena_init(&a, NULL);
	ok(matcher_compile(MATCH_RE, STR("i"), STR("[0-9]*[13579]"), &m, &e), &e);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	head_reader_set_checkpoint(r, on_checkpoint, &k);
	ok(head_reader_select(r, &m, 1, true, &a, &ids, &n, &e), &e);
	assert_int_equal(n, 15000);
	assert_true(k.calls > 3);
	k.fail_at = k.calls + 2;
	assert_int_equal(head_reader_select(r, &m, 1, true, &a, &ids, &n, &e), -ERR_CANCELLED);
	head_reader_close(r);
	matcher_free(m);
	arena_fini(&a);
	head_close(h);
}

/* --- commits -------------------------------------------------------------------------------------------- */

static struct sys_ops ops;

static int sync_fails(int fd)
{
	errno = EIO;
	return -1;
}

static void test_a_duplicate_waits_for_the_first_copy(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	struct err e;
	assert_int_equal(head_commit_wanted(h), 0);
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, series_i(h, 1), 10, 1), HEAD_OK);
	assert_int_equal(head_commit_wanted(h), 1);
	struct head_commit *c = head_commit_begin(h);
	assert_null(head_commit_begin(h));
	/* Sent again while the first is on its way. */
	assert_int_equal(head_append(h, series_i(h, 1), 10, 1), HEAD_OK_SAME);
	assert_int_equal(head_commit_wanted(h), 1);
	assert_int_equal(head_append(h, series_i(h, 1), 20, 1), HEAD_OK);
	assert_int_equal(head_commit_wanted(h), 2);
	ok(head_commit_run(c, true, &e), &e);
	head_commit_end(h, c, 0);
	assert_int_equal(head_committed(h), 1);
	must_commit(h);
	assert_int_equal(head_committed(h), 2);
	assert_int_equal(head_commit_wanted(h), 0);
	head_close(h);
}

static void test_two_failed_syncs_stop_everything(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	struct err e;
	head_batch_begin(h, 0);
	assert_int_equal(head_append(h, series_i(h, 1), 10, 1), HEAD_OK);
	ops = sys_real;
	ops.fdatasync = sync_fails;
	sys = &ops;
	assert_int_equal(commit(h, true, &e), -ERR_DATA_LOSS);
	assert_false(head_writable(h));
	assert_int_equal(commit(h, true, &e), -ERR_DATA_LOSS);
	sys = &sys_real;
	assert_int_equal(commit(h, true, &e), -ERR_DATA_LOSS); /* and stays so */
	head_close(h);
}

static void test_read_only_changes_nothing(void **state)
{
	struct head *h = open_with((struct head_config){ 0 });
	append_range(h, 1, 0, RANGE);
	head_close(h);
	h = open_with((struct head_config){ .read_only = true });
	head_batch_begin(h, 0);
	struct got_all all;
	read_all(h, INT64_MIN, INT64_MAX, &all);
	assert_int_equal(all.series.p[0].s.n, RANGE / 500);
	got_fini(&all);
	assert_int_equal(head_append(h, series_i(h, 1), RANGE, 1), HEAD_UNAVAILABLE);
	assert_null(head_commit_begin(h));
	assert_null(head_flush_begin(h, 1000));
	head_close(h);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_samples_in_order_only),
		T(test_bounds_of_a_batch_hold_after_others_appended),
		T(test_nothing_is_added_to_a_range_that_is_being_cut),
		T(test_duplicates_are_known_by_their_bits),
		T(test_stale_float_on_histograms_becomes_a_histogram),
		T(test_series_limit_and_aliases),
		T(test_key_is_the_hash_of_remote_write_bytes),
		T(test_exemplars_fill_a_ring),
		T(test_matchers_select_as_a_scan_does),
		T(test_label_names_values_and_top_lists),
		T(test_a_series_that_went_and_came_again_keeps_its_chunks_over_restarts),
		T(test_what_a_reader_was_given_stays),
		T(test_a_selection_may_suspend_or_be_cancelled),
		T(test_a_duplicate_waits_for_the_first_copy),
		T(test_two_failed_syncs_stop_everything),
		T(test_read_only_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
