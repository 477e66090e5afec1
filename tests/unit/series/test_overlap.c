#include "series/overlap.h"

#include "chunk/xor.h"
#include "series/samples.h"
#include "unit/unit.h"

static struct arena a;
static struct err e;

static int set_up(void **state)
{
	arena_init(&a, NULL);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&a);
	return 0;
}

/* A raw chunk of n samples from t0 on, every `step`, all with value v. */
static struct series_chunk chunk(int64_t t0, int64_t step, size_t n, double v)
{
	struct xor_app app;
	uint8_t *buf = arena_alloc(&a, 8192);
	xor_app_init(&app, buf, 8192);
	for (size_t i = 0; i < n; i++)
		assert_true(xor_append(&app, t0 + (int64_t)i * step, v));
	struct series_chunk c = { .mint = t0, .maxt = t0 + (int64_t)(n - 1) * step };
	c.part[SERIES_RAW].chunk = (struct chunk){ CHUNK_XOR, xor_app_bytes(&app) };
	return c;
}

static void test_chunks_apart_stay_as_they_are(void **state)
{
	struct series_chunk c[] = { chunk(0, 10, 5, 1), chunk(50, 10, 5, 1), chunk(200, 10, 1, 1) }, *out;
	size_t n;
	assert_false(series_chunks_overlap(c, 3));
	assert_int_equal(series_chunks_join(c, 3, &a, &out, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(out, c, sizeof(c));
}

static void test_overlapping_chunks_keep_every_time_once(void **state)
{
	/* 0..2990 every 10, and 5..2995 every 10 out of order, and a chunk apart. */
	struct series_chunk c[] = { chunk(0, 10, 300, 1), chunk(5, 10, 300, 2), chunk(2000, 10, 20, 3),
				    chunk(9000, 10, 3, 4) };
	struct series_chunk *out;
	struct series_samples s;
	size_t n;
	assert_true(series_chunks_overlap(c, 4));
	assert_int_equal(series_chunks_join(c, 4, &a, &out, &n, &e), 0);
	assert_false(series_chunks_overlap(out, n));
	assert_int_equal(n, 600 / OVERLAP_CHUNK_SAMPLES + 1);
	assert_int_equal(series_samples_decode(out, n, SERIES_PICK_AVG, false, INT64_MIN, INT64_MAX, &a, &s, &e), 0);
	assert_int_equal(s.n, 603);
	for (size_t i = 0; i < 600; i++) {
		assert_int_equal(s.t[i], i * 5);
		assert_true(s.v[i] == (i % 2 ? 2 : 1) || s.v[i] == 3);
	}
	for (size_t i = 0; i < n; i++) {
		assert_true(out[i].mint <= out[i].maxt);
		assert_true(chunk_samples(out[i].part[SERIES_RAW].chunk) <= OVERLAP_CHUNK_SAMPLES);
	}
}

static void test_replicas_are_not_joined(void **state)
{
	struct series_chunk c[] = { chunk(0, 10, 50, 1), chunk(2, 10, 50, 2), chunk(5, 10, 50, 3),
				    chunk(7, 10, 50, 4) };
	struct series s = { .chunks = c, .n_chunks = 4 };
	c[0].source = c[2].source = 7;
	c[1].source = c[3].source = 9;
	assert_int_equal(series_join_sources(&s, &a, &e), 0);
	assert_int_equal(s.n_chunks, 2);
	assert_int_equal(chunk_samples(s.chunks[0].part[SERIES_RAW].chunk), 100);
	assert_int_equal(chunk_samples(s.chunks[1].part[SERIES_RAW].chunk), 100);
	assert_int_equal(s.chunks[0].mint, 0);
	assert_int_equal(s.chunks[1].mint, 2);
}

static void test_damage_is_reported(void **state)
{
	struct series_chunk c[] = { chunk(0, 10, 50, 1), chunk(5, 10, 50, 2) }, *out;
	size_t n;
	c[1].part[SERIES_RAW].chunk.data.n = 5;
	assert_int_equal(series_chunks_join(c, 2, &a, &out, &n, &e), -ERR_DATA_LOSS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_chunks_apart_stay_as_they_are),
		TEST(test_overlapping_chunks_keep_every_time_once),
		TEST(test_replicas_are_not_joined),
		TEST(test_damage_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
