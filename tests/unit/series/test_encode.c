#include "series/encode.h"

#include "chunk/xor.h"
#include "series/samples.h"
#include "unit/unit.h"

/* What came out. */
struct got {
	struct arena a;
	struct series_chunk c[64];
	size_t n;
	int fail_at; /* the chunk that is refused; -1: none */
};

static int keep(void *arg, struct chunk c, int64_t mint, int64_t maxt, struct err *err)
{
	struct got *g = arg;
	if ((int)g->n == g->fail_at)
		return err_set(err, ERR_UNAVAILABLE, "full");
	struct series_chunk *k = &g->c[g->n++];
	*k = (struct series_chunk){ .mint = mint, .maxt = maxt };
	k->part[SERIES_RAW].chunk = (struct chunk){ c.enc, str_mem(arena_memdup(&g->a, c.data.p, c.data.n), c.data.n) };
	return 0;
}

static struct got *got(void)
{
	static struct got g;
	g = (struct got){ .fail_at = -1 };
	arena_init(&g.a, NULL);
	return &g;
}

static void test_floats_are_cut_at_120_samples_and_read_back(void **state)
{
	struct got *g = got();
	struct series_samples s;
	int64_t t[250];
	double v[250];
	for (int i = 0; i < 250; i++) {
		t[i] = 1000 * i;
		v[i] = i * 0.1;
	}
	assert_int_equal(series_encode_floats(t, v, 250, keep, g, NULL), 0);
	assert_int_equal(g->n, 3);
	assert_true(g->c[1].mint == 120000 && g->c[1].maxt == 239000);
	assert_int_equal(chunk_samples(g->c[2].part[0].chunk), 10);
	assert_int_equal(series_samples_decode(g->c, 3, SERIES_PICK_AVG, false, 0, INT64_MAX, &g->a, &s, NULL), 0);
	assert_int_equal(s.n, 250);
	for (int i = 0; i < 250; i++)
		assert_true(s.t[i] == t[i] && s.v[i] == v[i]);
	assert_int_equal(series_encode_floats(t, v, 0, keep, g, NULL), 0);
	assert_int_equal(g->n, 3);
	arena_fini(&g->a);
}

static void test_histograms_of_both_forms_get_chunks_of_their_own(void **state)
{
	static const struct hist_span span = { 0, 1 };
	static const int64_t delta[] = { 3 };
	static const double count[] = { 3 };
	struct got *g = got();
	struct histogram i = {
		.count = 3, .sum = 1, .pos_spans = &span, .n_pos_spans = 1, .pos_deltas = delta, .n_pos = 1
	};
	struct histogram f = i;
	f.is_float = true;
	f.count_f = 3;
	f.zero_count_f = 0;
	f.pos_counts = count;
	const struct histogram *h[300];
	int64_t t[300];
	for (int k = 0; k < 300; k++) {
		h[k] = k < 150 ? &i : &f;
		t[k] = k;
	}
	assert_int_equal(series_encode_hists(t, h, 300, keep, g, NULL), 0);
	assert_int_equal(g->n, 4);
	assert_int_equal(g->c[0].part[0].chunk.enc, CHUNK_HIST);
	assert_int_equal(g->c[2].part[0].chunk.enc, CHUNK_FLOAT_HIST);
	assert_true(g->c[1].mint == 120 && g->c[1].maxt == 149 && g->c[3].mint == 270 && g->c[3].maxt == 299);
	struct series_samples s;
	assert_int_equal(series_samples_decode(g->c, 4, SERIES_PICK_AVG, false, 0, INT64_MAX, &g->a, &s, NULL), 0);
	assert_int_equal(s.n, 300);
	for (int k = 0; k < 300; k++)
		assert_true(hist_equal(s.h[k], h[k]));
	arena_fini(&g->a);
}

static void test_an_error_of_the_taker_ends_the_encoding(void **state)
{
	struct got *g = got();
	int64_t t[500] = { 0 };
	double v[500] = { 0 };
	struct err e = ERR_NONE;
	for (int i = 0; i < 500; i++)
		t[i] = i;
	g->fail_at = 2;
	assert_int_equal(series_encode_floats(t, v, 500, keep, g, &e), -ERR_UNAVAILABLE);
	assert_int_equal(g->n, 2);
	arena_fini(&g->a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floats_are_cut_at_120_samples_and_read_back),
		cmocka_unit_test(test_histograms_of_both_forms_get_chunks_of_their_own),
		cmocka_unit_test(test_an_error_of_the_taker_ends_the_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
