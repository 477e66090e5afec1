#include "series/dedup.h"

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

/* A replica from pairs t, v. */
static struct series_samples floats(const double *tv, size_t pairs)
{
	struct series_samples s = { .n = pairs,
				    .t = arena_alloc(&a, (pairs + 1) * sizeof(int64_t)),
				    .v = arena_alloc(&a, (pairs + 1) * sizeof(double)) };
	for (size_t i = 0; i < pairs; i++) {
		s.t[i] = (int64_t)tv[2 * i];
		s.v[i] = tv[2 * i + 1];
	}
	return s;
}

#define S(...) floats((const double[]){ __VA_ARGS__ }, sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double) / 2)

static void expect(const struct series_samples *got, struct series_samples want)
{
	assert_int_equal(got->n, want.n);
	for (size_t i = 0; i < want.n; i++) {
		assert_int_equal(got->t[i], want.t[i]);
		assert_true(got->v[i] == want.v[i]);
	}
}

static struct series_samples merge(const struct series_samples *r, size_t n, enum dedup_func f, bool counter)
{
	struct series_samples out;
	assert_int_equal(dedup_merge(r, n, f, counter, &a, &out, &e), 0);
	return out;
}

static void test_penalty_stays_with_a_replica_that_has_no_gap(void **state)
{
	struct series_samples r[] = {
		S(10000, 1, 20000, 2, 30000, 3, 40000, 4),
		S(12000, 101, 22000, 102, 32000, 103, 42000, 104),
	};
	struct series_samples out = merge(r, 2, DEDUP_PENALTY, false);
	expect(&out, S(10000, 1, 20000, 2, 30000, 3, 40000, 4));
}

static void test_penalty_goes_over_at_a_gap_and_does_not_come_back_early(void **state)
{
	/* Replica a misses 30000..60000: the first sample of b after the penalty of 2 x 10 s is that at 42000. */
	struct series_samples r[] = {
		S(10000, 1, 20000, 2, 70000, 7, 80000, 8),
		S(12000, 101, 22000, 102, 32000, 103, 42000, 104, 52000, 105, 62000, 106, 72000, 107, 82000, 108),
	};
	struct series_samples out = merge(r, 2, DEDUP_PENALTY, false);
	expect(&out, S(10000, 1, 20000, 2, 42000, 104, 52000, 105, 62000, 106, 72000, 107, 82000, 108));
}

static void test_penalty_lifts_a_counter_that_would_fall(void **state)
{
	struct series_samples r[] = {
		S(10000, 10, 20000, 20),
		S(10000, 5, 20000, 8, 30000, 11, 40000, 14, 50000, 17, 60000, 20),
	};
	struct series_samples out = merge(r, 2, DEDUP_PENALTY, true);
	expect(&out, S(10000, 10, 20000, 20, 50000, 20, 60000, 23));
	out = merge(r, 2, DEDUP_PENALTY, false);
	expect(&out, S(10000, 10, 20000, 20, 50000, 17, 60000, 20));
}

static void test_penalty_folds_three_replicas(void **state)
{
	struct series_samples r[] = { S(10000, 1, 20000, 1), S(11000, 2, 21000, 2),
				      S(12000, 3, 22000, 3, 32000, 3, 42000, 3, 52000, 3) };
	struct series_samples out = merge(r, 3, DEDUP_PENALTY, false);
	assert_int_equal(out.t[0], 10000);
	assert_true(out.v[out.n - 1] == 3);
	for (size_t i = 1; i < out.n; i++)
		assert_true(out.t[i] > out.t[i - 1]);
}

static void test_chain_takes_every_time_once(void **state)
{
	struct series_samples r[] = { S(1, 1, 2, 1, 5, 1), S(1, 2, 3, 2, 5, 2), S(4, 3) };
	struct series_samples out = merge(r, 3, DEDUP_CHAIN, false);
	assert_int_equal(out.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(out.t[i], i + 1);
}

static void test_chain_marks_histograms_that_do_not_follow_their_own(void **state)
{
	struct histogram h = { .is_float = true, .hint = HIST_HINT_NOT_RESET, .sum = 1 };
	const struct histogram *hs[] = { &h, &h, &h };
	struct series_samples x = S(1, 0, 2, 0, 4, 0), y = S(3, 0);
	x.h = hs;
	const struct histogram *hy[] = { &h };
	y.h = hy;
	struct series_samples r[] = { x, y };
	struct series_samples out = merge(r, 2, DEDUP_CHAIN, false);
	assert_int_equal(out.n, 4);
	assert_int_equal(out.h[0]->hint, HIST_HINT_UNKNOWN);
	assert_int_equal(out.h[1]->hint, HIST_HINT_NOT_RESET);
	assert_int_equal(out.h[2]->hint, HIST_HINT_UNKNOWN);
	assert_int_equal(out.h[3]->hint, HIST_HINT_UNKNOWN);
	assert_int_equal(h.hint, HIST_HINT_NOT_RESET);
}

static void test_empty_replicas_do_no_harm(void **state)
{
	struct series_samples r[] = { { 0 }, S(1, 1), { 0 } };
	struct series_samples out = merge(r, 3, DEDUP_PENALTY, true);
	expect(&out, S(1, 1));
	out = merge(r, 3, DEDUP_CHAIN, false);
	expect(&out, S(1, 1));
	struct series_samples none[] = { { 0 }, { 0 } };
	assert_int_equal(merge(none, 2, DEDUP_CHAIN, false).n, 0);
	assert_int_equal(merge(none, 2, DEDUP_PENALTY, false).n, 0);
}

static void test_overlapping_chunks_become_pseudo_replicas(void **state)
{
	struct series_chunk c[] = { { .mint = 0, .maxt = 10 },
				    { .mint = 5, .maxt = 15 },
				    { .mint = 11, .maxt = 20 },
				    { .mint = 12, .maxt = 13 },
				    { .mint = 16, .maxt = 30 } };
	uint32_t list[5];
	assert_int_equal(dedup_split_overlaps(c, 5, &a, list), 3);
	const uint32_t want[] = { 0, 1, 0, 2, 1 };
	assert_memory_equal(list, want, sizeof(want));
}

static void test_functions_that_are_counters(void **state)
{
	assert_true(dedup_is_counter(STR("rate")));
	assert_false(dedup_is_counter(STR("delta")));
	assert_int_equal(series_pick_of(STR("min_over_time")), SERIES_PICK_MIN);
	assert_int_equal(series_pick_of(STR("sum")), SERIES_PICK_AVG);
	assert_int_equal(series_pick_of(STR("sum_over_time")), SERIES_PICK_SUM);
	assert_int_equal(series_pick_of(STR("xrate")), SERIES_PICK_COUNTER);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_penalty_stays_with_a_replica_that_has_no_gap),
		TEST(test_penalty_goes_over_at_a_gap_and_does_not_come_back_early),
		TEST(test_penalty_lifts_a_counter_that_would_fall),
		TEST(test_penalty_folds_three_replicas),
		TEST(test_chain_takes_every_time_once),
		TEST(test_chain_marks_histograms_that_do_not_follow_their_own),
		TEST(test_empty_replicas_do_no_harm),
		TEST(test_overlapping_chunks_become_pseudo_replicas),
		TEST(test_functions_that_are_counters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
