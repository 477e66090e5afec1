#include "chunk/hist.h"

#include "unit/chunk/vectors.h"

static struct histogram hist_at(const struct vector *v, size_t i, bool is_float, struct arena *a)
{
	struct histogram h = hist_of_json(json_object_get(json_array_get(v->samples, i), "h"), a);
	assert_int_equal(h.is_float, is_float);
	return h;
}

static size_t for_each_vector(int enc_a, int enc_b, void (*fn)(const struct vector *v, struct arena *a))
{
	json_t *all = vectors_load();
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vector v = vector_at(all, i);
		if (v.enc == enc_a || v.enc == enc_b) {
			struct arena a;
			arena_init(&a, NULL);
			fn(&v, &a);
			arena_fini(&a);
			seen++;
		}
		free(v.data);
	}
	json_decref(all);
	return seen;
}

/* --- decoding ------------------------------------------------------------------- */

static void check_decode(const struct vector *v, struct arena *a)
{
	struct err e;
	struct chunk_cols cols;
	struct chunk c = { (uint8_t)v->enc, str_mem(v->data, v->n_data) };
	bool is_float = v->enc == 3 || v->enc == 6;
	assert_int_equal(chunk_samples(c), v->n);
	assert_int_equal(chunk_decode(c, a, &cols, &e), 0);
	assert_int_equal(cols.n, v->n);
	assert_int_equal(cols.kind, CHUNK_KIND_HIST);
	for (size_t i = 0; i < cols.n; i++) {
		struct histogram want = hist_at(v, i, is_float, a);
		assert_int_equal(cols.t[i], vector_t(v, i));
		if (cols.st)
			assert_int_equal(cols.st[i], vector_st(v, i));
		if (!hist_equal(&cols.h[i], &want))
			fail_msg("%s enc %d sample %zu differs", v->name, v->enc, i);
		if (!hist_is_stale(&want))
			assert_int_equal(cols.h[i].hint, want.hint);
	}
	if (cols.n < 3)
		return;
	struct chunk_cols part;
	assert_int_equal(chunk_decode_range(c, cols.t[1], cols.t[cols.n - 2], a, &part, &e), 0);
	assert_int_equal(part.n, cols.n - 2);
	assert_true(hist_equal(&part.h[0], &cols.h[1]));
}

static void test_decoder_reads_the_bytes_of_prometheus(void **state)
{
	assert_true(for_each_vector(2, 3, check_decode) > 20);
	assert_true(for_each_vector(5, 6, check_decode) > 20);
}

static void check_cut(const struct vector *v, struct arena *a)
{
	for (size_t n = 0; n < v->n_data; n++) {
		uint8_t *cut = xmemdup(v->data, n);
		struct err e;
		struct chunk_cols cols;
		struct arena_mark m = arena_mark(a);
		struct chunk c = { (uint8_t)v->enc, str_mem(cut, n) };
		assert_int_equal(chunk_decode(c, a, &cols, &e), -ERR_DATA_LOSS);
		arena_rewind(a, m);
		free(cut);
	}
}

static void test_cut_chunks_are_data_loss(void **state)
{
	for_each_vector(2, 3, check_cut);
	for_each_vector(5, 6, check_cut);
}

/* --- appending ------------------------------------------------------------------- */

/* Appends the vector's histograms to one chunk, which must come out as Prometheus wrote it. */
static void check_encode(const struct vector *v, struct arena *a)
{
	if (strstr(v->name, "resets"))
		return; /* of several chunks: below */
	bool is_float = v->enc == 3;
	struct hist_app *app = hist_app_new(is_float);
	for (size_t i = 0; i < v->n; i++) {
		struct histogram h = hist_at(v, i, is_float, a);
		if (h.hint != HIST_HINT_GAUGE)
			h.hint = HIST_HINT_UNKNOWN; /* what the reader makes of it, not what was appended */
		if (hist_app_append(app, vector_t(v, i), &h) == HIST_NEW_CHUNK)
			fail_msg("%s enc %d: new chunk at %zu", v->name, v->enc, i);
	}
	struct str s = hist_app_bytes(app);
	struct hist_app_stat st = hist_app_stat(app);
	assert_int_equal(st.n, v->n);
	assert_int_equal(st.size_bytes, v->n_data);
	if (s.n != v->n_data || memcmp(s.p, v->data, s.n) != 0)
		fail_msg("%s enc %d: bytes differ", v->name, v->enc);
	hist_app_free(app);
}

static void test_appender_writes_the_bytes_of_prometheus(void **state)
{
	for_each_vector(2, 2, check_encode);
	for_each_vector(3, 3, check_encode);
}

/* The vectors resets#0, #1, #2 are one series, cut where counts fell. */
static void check_resets(int enc)
{
	json_t *all = vectors_load();
	struct arena a;
	arena_init(&a, NULL);
	struct hist_app *app = hist_app_new(enc == 3);
	bool begun = false;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vector v = vector_at(all, i);
		if (v.enc == enc && strncmp(v.name, "resets#", 7) == 0) {
			for (size_t k = 0; k < v.n; k++) {
				struct histogram h = hist_at(&v, k, enc == 3, &a);
				/* The third chunk begins because its first histogram said so. */
				bool told = k == 0 && strcmp(v.name, "resets#2") == 0;
				h.hint = told ? HIST_HINT_RESET : HIST_HINT_UNKNOWN;
				enum hist_append r = hist_app_append(app, vector_t(&v, k), &h);
				assert_int_equal(r == HIST_NEW_CHUNK, begun && k == 0);
				if (r == HIST_NEW_CHUNK) {
					hist_app_begin(app);
					r = hist_app_append(app, vector_t(&v, k), &h);
					assert_int_equal(r, HIST_APPENDED);
				}
				begun = true;
			}
			struct str s = hist_app_bytes(app);
			assert_int_equal(s.n, v.n_data);
			assert_memory_equal(s.p, v.data, s.n);
		}
		free(v.data);
	}
	assert_true(begun);
	hist_app_free(app);
	arena_fini(&a);
	json_decref(all);
}

static void test_counter_reset_begins_a_chunk_with_its_header(void **state)
{
	check_resets(2);
	check_resets(3);
}

/* An integer histogram of schema 0 with one positive span per given bucket. */
static struct histogram simple(const struct hist_span *spans, uint32_t n_spans, const int64_t *deltas, uint32_t n)
{
	struct histogram h = { .pos_spans = spans, .n_pos_spans = n_spans, .pos_deltas = deltas, .n_pos = n, .sum = 1 };
	uint64_t c = 0;
	for (uint32_t i = 0; i < n; i++) {
		c += (uint64_t)deltas[i];
		h.count += c;
	}
	return h;
}

static const struct hist_span two_apart[] = { { 0, 1 }, { 2, 1 } };
static const struct hist_span four[] = { { 0, 4 } };
static const struct hist_span middle[] = { { 1, 2 } };

static void test_new_buckets_recode_the_chunk(void **state)
{
	const int64_t d1[] = { 3, 1 };
	const int64_t d2[] = { 3, -1, 0, 3 };
	struct histogram h1 = simple(two_apart, 2, d1, 2), h2 = simple(four, 1, d2, 4);
	struct hist_app *app = hist_app_new(false);
	assert_int_equal(hist_app_append(app, 1, &h1), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 2, &h2), HIST_RECODED);
	/* Fewer buckets again: the missing ones are in use, which is a reset. */
	assert_int_equal(hist_app_append(app, 3, &h1), HIST_NEW_CHUNK);

	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	struct err e;
	struct chunk c = { CHUNK_HIST, hist_app_bytes(app) };
	assert_int_equal(chunk_decode(c, &a, &cols, &e), 0);
	assert_int_equal(cols.n, 2);
	const int64_t wide[] = { 3, -3, 0, 4 };
	assert_int_equal(cols.h[0].n_pos, 4);
	assert_memory_equal(cols.h[0].pos_deltas, wide, sizeof(wide));
	assert_memory_equal(cols.h[1].pos_deltas, d2, sizeof(d2));
	arena_fini(&a);
	hist_app_free(app);
}

static void test_missing_empty_buckets_are_filled_in(void **state)
{
	const int64_t d1[] = { 0, 2, 0, -2 }, d2[] = { 3, 0 };
	struct histogram h1 = simple(four, 1, d1, 4), h2 = simple(middle, 1, d2, 2);
	struct hist_app *app = hist_app_new(false);
	assert_int_equal(hist_app_append(app, 1, &h1), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 2, &h2), HIST_APPENDED);
	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	struct err e;
	struct chunk c = { CHUNK_HIST, hist_app_bytes(app) };
	assert_int_equal(chunk_decode(c, &a, &cols, &e), 0);
	const int64_t wide[] = { 0, 3, 0, -3 };
	assert_memory_equal(cols.h[1].pos_deltas, wide, sizeof(wide));
	assert_int_equal(cols.h[1].n_pos_spans, 1);
	arena_fini(&a);
	hist_app_free(app);
}

static void test_gauge_takes_any_change_of_buckets(void **state)
{
	const int64_t d1[] = { 3, 1 }, d2[] = { 2, -1 };
	struct histogram h1 = simple(two_apart, 2, d1, 2), h2 = simple(middle, 1, d2, 2);
	h1.hint = h2.hint = HIST_HINT_GAUGE;
	struct hist_app *app = hist_app_new(false);
	assert_int_equal(hist_app_append(app, 1, &h1), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 2, &h2), HIST_RECODED);
	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	struct err e;
	struct chunk c = { CHUNK_HIST, hist_app_bytes(app) };
	assert_int_equal(hist_chunk_flag(c), HIST_CHUNK_GAUGE);
	assert_int_equal(chunk_decode(c, &a, &cols, &e), 0);
	const int64_t w1[] = { 3, -3, 0, 4 }, w2[] = { 0, 2, -1, -1 };
	assert_memory_equal(cols.h[0].pos_deltas, w1, sizeof(w1));
	assert_memory_equal(cols.h[1].pos_deltas, w2, sizeof(w2));
	assert_int_equal(cols.h[1].hint, HIST_HINT_GAUGE);
	arena_fini(&a);
	hist_app_free(app);
}

/* The header of a chunk that begins with `h` after one that ended with `before`. */
static enum hist_chunk_flag flag_after(struct histogram before, struct histogram h)
{
	struct hist_app *app = hist_app_new(h.is_float);
	assert_int_equal(hist_app_append(app, 1, &before), HIST_APPENDED);
	hist_app_begin(app);
	assert_int_equal(hist_app_append(app, 2, &h), HIST_APPENDED);
	struct chunk c = { hist_app_stat(app).enc, hist_app_bytes(app) };
	enum hist_chunk_flag f = hist_chunk_flag(c);
	hist_app_free(app);
	return f;
}

static void test_header_after_a_cut_depends_on_the_histogram_before(void **state)
{
	const int64_t low[] = { 1, 0 }, high[] = { 2, 0 };
	struct histogram l = simple(middle, 1, low, 2), h = simple(middle, 1, high, 2);
	assert_int_equal(flag_after(l, h), HIST_CHUNK_NOT_RESET);
	assert_int_equal(flag_after(h, l), HIST_CHUNK_RESET);
	struct histogram other = h;
	other.schema = 1;
	assert_int_equal(flag_after(l, other), HIST_CHUNK_UNKNOWN);
	h.hint = HIST_HINT_RESET;
	assert_int_equal(flag_after(l, h), HIST_CHUNK_RESET);
	assert_int_equal(flag_after(l, hist_stale(false)), HIST_CHUNK_NOT_RESET);
	assert_int_equal(flag_after(hist_stale(false), l), HIST_CHUNK_UNKNOWN);
	const double f[] = { 1, 1 };
	struct histogram fl = {
		.is_float = true, .pos_spans = middle, .n_pos_spans = 1, .pos_counts = f, .n_pos = 2, .count_f = 2
	};
	assert_int_equal(flag_after(hist_stale(true), fl), HIST_CHUNK_NOT_RESET);
}

static void test_stale_marker_ends_a_chunk(void **state)
{
	const int64_t d[] = { 1, 0 };
	struct histogram h = simple(middle, 1, d, 2), stale = hist_stale(false);
	struct hist_app *app = hist_app_new(false);
	assert_int_equal(hist_app_append(app, 1, &h), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 2, &stale), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 3, &stale), HIST_APPENDED);
	assert_int_equal(hist_app_append(app, 4, &h), HIST_NEW_CHUNK);
	hist_app_begin(app);
	assert_int_equal(hist_app_append(app, 4, &h), HIST_APPENDED);
	struct chunk c = { CHUNK_HIST, hist_app_bytes(app) };
	assert_int_equal(hist_chunk_flag(c), HIST_CHUNK_UNKNOWN);
	hist_app_free(app);
}

/* What goes in comes out, whatever the layouts do. */
static void test_any_gauges_come_back(void **state)
{
	uint32_t seed = 12345;
	for (int round = 0; round < 60; round++) {
		bool is_float = round & 1;
		struct arena a;
		arena_init(&a, NULL);
		struct hist_app *app = hist_app_new(is_float);
		struct histogram in[40];
		for (int i = 0; i < 40; i++) {
			struct hist_span *s = arena_array(&a, 5, sizeof(*s));
			int64_t *b = arena_array(&a, 40, sizeof(*b));
			struct histogram h = { .is_float = is_float, .hint = HIST_HINT_GAUGE };
			for (int k = 0; k < 4; k++) {
				seed = seed * 1103515245 + 12345;
				s[k].offset = (int32_t)(seed >> 16) % 5 + (k > 0);
				s[k].length = 1 + (seed >> 20) % 4;
				h.n_pos += s[k].length;
			}
			int64_t last = 0;
			for (uint32_t k = 0; k < h.n_pos; k++) {
				seed = seed * 1103515245 + 12345;
				int64_t v = 1 + (seed >> 8) % 100000;
				b[k] = is_float ? (int64_t)double_bits((double)v / 7) : v - last;
				last = v;
			}
			h.pos_spans = s;
			h.n_pos_spans = 4;
			h.pos_deltas = b;
			h.sum = seed;
			in[i] = h;
			assert_int_not_equal(hist_app_append(app, i, &h), HIST_NEW_CHUNK);
		}
		struct chunk_cols cols;
		struct err e;
		struct chunk c = { is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST, hist_app_bytes(app) };
		assert_int_equal(chunk_decode(c, &a, &cols, &e), 0);
		assert_int_equal(cols.n, 40);
		for (int i = 0; i < 40; i++) {
			struct histogram x, y; /* without the empty buckets that the union brought */
			assert_int_equal(hist_compact(&x, &cols.h[i], 0, &a, &e), 0);
			assert_int_equal(hist_compact(&y, &in[i], 0, &a, &e), 0);
			assert_true(hist_equal(&x, &y));
		}
		hist_app_free(app);
		arena_fini(&a);
	}
}

/* Four bits a sample: the least there is. */
static void test_long_runs_of_equal_histograms_come_back(void **state)
{
	(void)state;
	for (int is_float = 0; is_float < 2; is_float++) {
		struct arena a;
		struct chunk_cols cols;
		struct err e;
		struct histogram h = { .is_float = is_float, .sum = 2 };
		if (is_float)
			h.count_f = 1;
		else
			h.count = 1;
		arena_init(&a, NULL);
		struct hist_app *app = hist_app_new(is_float);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(hist_app_append(app, i * 1000, &h), HIST_APPENDED);
		struct chunk c = { is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST, hist_app_bytes(app) };
		assert_int_equal(chunk_decode(c, &a, &cols, &e), 0);
		assert_int_equal(cols.n, 1000);
		hist_app_free(app);
		arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoder_reads_the_bytes_of_prometheus),
		cmocka_unit_test(test_cut_chunks_are_data_loss),
		cmocka_unit_test(test_appender_writes_the_bytes_of_prometheus),
		cmocka_unit_test(test_counter_reset_begins_a_chunk_with_its_header),
		cmocka_unit_test(test_new_buckets_recode_the_chunk),
		cmocka_unit_test(test_missing_empty_buckets_are_filled_in),
		cmocka_unit_test(test_gauge_takes_any_change_of_buckets),
		cmocka_unit_test(test_header_after_a_cut_depends_on_the_histogram_before),
		cmocka_unit_test(test_stale_marker_ends_a_chunk),
		cmocka_unit_test(test_any_gauges_come_back),
		cmocka_unit_test(test_long_runs_of_equal_histograms_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
