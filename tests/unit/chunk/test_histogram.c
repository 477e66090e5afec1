#include "chunk/histogram.h"

#include "unit/unit.h"

#include <math.h>

static const struct hist_span span3[] = { { 2, 3 } };
static const int64_t deltas3[] = { 2, -1, 3 }; /* 2, 1, 4 */

static struct histogram good(void)
{
	return (struct histogram){ .schema = 3,
				   .count = 10,
				   .zero_count = 3,
				   .sum = 1.5,
				   .zero_threshold = 0.01,
				   .pos_spans = span3,
				   .n_pos_spans = 1,
				   .pos_deltas = deltas3,
				   .n_pos = 3 };
}

static void refused(struct histogram h, const char *text)
{
	struct err e;
	assert_int_equal(hist_validate(&h, &e), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, text);
}

static void test_validation_has_the_words_of_prometheus(void **state)
{
	struct err e;
	struct histogram h = good();
	assert_int_equal(hist_validate(&h, &e), 0);

	h.count = 11;
	refused(h, "10 observations found in buckets, but the Count field is 11: histogram's "
		   "observation count should equal the number of observations found in the buckets "
		   "(in absence of NaN)");
	h.sum = NAN;
	assert_int_equal(hist_validate(&h, &e), 0);
	h.count = 9;
	refused(h, "10 observations found in buckets, but the Count field is 9: histogram's "
		   "observation count should be at least the number of observations found in the "
		   "buckets");

	h = good();
	h.schema = 9;
	refused(h, "histogram has an invalid schema, which must be between -4 and 8 for "
		   "exponential buckets, or -53 for custom buckets, got schema 9");

	h = good();
	h.n_pos = 2;
	refused(h, "positive side: spans need 3 buckets, have 2 buckets: histogram spans specify "
		   "different number of buckets than provided");

	const struct hist_span back[] = { { 2, 2 }, { -1, 1 } };
	h = good();
	h.neg_spans = back;
	h.n_neg_spans = 2;
	refused(h, "negative side: span number 2 with offset -1: histogram has a span whose offset "
		   "is negative");

	const int64_t below[] = { 2, -3, 3 };
	h = good();
	h.pos_deltas = below;
	refused(h, "positive side: bucket number 2 has observation count of -1: histogram has a "
		   "bucket whose observation count is negative");
}

static void test_float_validation_does_not_add_up(void **state)
{
	struct err e;
	const double counts[] = { 2.5, 1, -0.25 };
	struct histogram h = {
		.is_float = true, .count_f = 100, .pos_spans = span3, .n_pos_spans = 1, .pos_counts = counts, .n_pos = 3
	};
	refused(h, "positive side: bucket number 3 has observation count of -0.25: histogram has a "
		   "bucket whose observation count is negative");
	const double fine[] = { 2.5, 1, 0 };
	h.pos_counts = fine;
	assert_int_equal(hist_validate(&h, &e), 0);
	h.count_f = -1;
	refused(h, "observation count is  -1: histogram's observation count is negative");
	h.count_f = 1;
	h.zero_count_f = -2;
	refused(h, "zero bucket has observation count of -2: histogram has a bucket whose "
		   "observation count is negative");
}

static void test_custom_bounds_are_checked(void **state)
{
	struct err e;
	double bounds[] = { 1, 2.5, 5, 10 };
	struct histogram h = { .schema = HIST_SCHEMA_CUSTOM,
			       .count = 7,
			       .pos_spans = span3,
			       .n_pos_spans = 1,
			       .pos_deltas = deltas3,
			       .n_pos = 3,
			       .bounds = bounds,
			       .n_bounds = 4 };
	assert_int_equal(hist_validate(&h, &e), 0);
	h.n_bounds = 3;
	refused(h, "custom buckets: only 3 custom bounds defined which is insufficient to cover "
		   "total span length of 5: histogram custom bounds are too few");
	h.n_bounds = 4;
	bounds[2] = 2.5;
	refused(h, "custom buckets: previous bound is 2.500000 and current is 2.500000: histogram "
		   "custom bounds must be in strictly increasing order");
	bounds[2] = NAN;
	refused(h, "custom buckets: histogram custom bounds must not be NaN");
	bounds[2] = 5;
	bounds[3] = INFINITY;
	refused(h, "custom buckets: last +Inf bound must not be explicitly defined: histogram "
		   "custom bounds must be finite");
	bounds[3] = 10;
	h.zero_threshold = 0.1;
	refused(h, "custom buckets: must have zero threshold of 0");
	struct histogram exp = good();
	exp.bounds = bounds;
	exp.n_bounds = 1;
	refused(exp, "histogram with exponential schema must not have custom bounds");
}

static void test_float_form_has_absolute_counts(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct histogram h = good(), f, copy;
	assert_int_equal(hist_to_float(&f, &h, &a, &e), 0);
	assert_true(f.is_float && f.count_f == 10 && f.zero_count_f == 3);
	assert_true(f.pos_counts[0] == 2 && f.pos_counts[1] == 1 && f.pos_counts[2] == 4);
	assert_false(hist_equal(&f, &h));
	assert_int_equal(hist_copy(&copy, &f, &a, &e), 0);
	assert_true(copy.pos_counts != f.pos_counts && hist_equal(&copy, &f));
	arena_fini(&a);
}

static void test_over_budget_is_an_error(void **state)
{
	struct budget b;
	budget_init(&b, NULL, "query", 16);
	struct arena a;
	arena_init(&a, &b);
	struct err e;
	struct histogram h = good(), f;
	assert_int_equal(hist_to_float(&f, &h, &a, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(hist_copy(&f, &h, &a, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(hist_compact(&f, &h, 0, &a, &e), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
}

/* Compacts the deltas with the spans and compares. */
static void compacts(const struct hist_span *spans, uint32_t n_spans, const int64_t *deltas, uint32_t n,
		     uint32_t max_empty, const struct hist_span *want_spans, uint32_t n_want_spans, const int64_t *want,
		     uint32_t n_want)
{
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct histogram h = { .neg_spans = spans, .n_neg_spans = n_spans, .neg_deltas = deltas, .n_neg = n }, c;
	assert_int_equal(hist_compact(&c, &h, max_empty, &a, &e), 0);
	assert_int_equal(c.n_neg, n_want);
	assert_int_equal(c.n_neg_spans, n_want_spans);
	if (n_want)
		assert_memory_equal(c.neg_deltas, want, n_want * sizeof(*want));
	if (n_want_spans)
		assert_memory_equal(c.neg_spans, want_spans, n_want_spans * sizeof(*want_spans));
	arena_fini(&a);
}

static void test_compaction_drops_and_fills(void **state)
{
	/* indexes 1..6: 0 2 0 0 3 0 ; then gap 1; 8..9: 0 4 */
	const struct hist_span spans[] = { { 1, 4 }, { 0, 2 }, { 1, 2 }, { 3, 0 } };
	const int64_t deltas[] = { 0, 2, -2, 0, 3, -3, 0, 4 };
	const struct hist_span tight[] = { { 2, 1 }, { 2, 1 }, { 3, 1 } };
	const int64_t tight_deltas[] = { 2, 1, 1 };
	compacts(spans, 4, deltas, 8, 0, tight, 3, tight_deltas, 3);
	const struct hist_span loose[] = { { 2, 4 }, { 3, 1 } };
	const int64_t loose_deltas[] = { 2, -2, 0, 3, 1 };
	compacts(spans, 4, deltas, 8, 2, loose, 2, loose_deltas, 5);
	const struct hist_span whole[] = { { 2, 8 } };
	const int64_t whole_deltas[] = { 2, -2, 0, 3, -3, 0, 0, 4 };
	compacts(spans, 4, deltas, 8, 3, whole, 1, whole_deltas, 8);
	const int64_t zeros[8] = { 0 };
	compacts(spans, 4, zeros, 8, 2, NULL, 0, NULL, 0);
}

static void test_lower_schema_adds_neighbours(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	/* Schema 1, indexes 1 2 3 and 6: buckets 1, 2 -> 1; 3, 4 -> 2; 5, 6 -> 3. */
	const struct hist_span spans[] = { { 1, 3 }, { 2, 1 } };
	const int64_t deltas[] = { 1, 1, 1, 1 }; /* 1 2 3 4 */
	struct histogram h = { .schema = 1,
			       .pos_spans = spans,
			       .n_pos_spans = 2,
			       .pos_deltas = deltas,
			       .n_pos = 4,
			       .count = 10 },
			 low;
	assert_int_equal(hist_reduce_schema(&low, &h, 0, &a, &e), 0);
	const struct hist_span want_spans[] = { { 1, 3 } };
	const int64_t want[] = { 3, 0, 1 };
	assert_int_equal(low.schema, 0);
	assert_int_equal(low.n_pos_spans, 1);
	assert_memory_equal(low.pos_spans, want_spans, sizeof(want_spans));
	assert_int_equal(low.n_pos, 3);
	assert_memory_equal(low.pos_deltas, want, sizeof(want));
	assert_int_equal(hist_reduce_schema(&low, &h, 1, &a, &e), -ERR_INVALID_ARGUMENT);
	arena_fini(&a);
}

static void test_equality_ignores_how_spans_are_cut(void **state)
{
	const struct hist_span cut[] = { { 2, 1 }, { 0, 0 }, { 0, 2 } };
	struct histogram a = good(), b = good();
	b.pos_spans = cut;
	b.n_pos_spans = 3;
	assert_true(hist_equal(&a, &b));
	const struct hist_span moved[] = { { 3, 3 } };
	b.pos_spans = moved;
	b.n_pos_spans = 1;
	assert_false(hist_equal(&a, &b));
	struct histogram s1 = hist_stale(false), s2 = hist_stale(false);
	s2.count = 7;
	assert_true(hist_equal(&s1, &s2) && !hist_equal(&s1, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validation_has_the_words_of_prometheus),
		cmocka_unit_test(test_float_validation_does_not_add_up),
		cmocka_unit_test(test_custom_bounds_are_checked),
		cmocka_unit_test(test_float_form_has_absolute_counts),
		cmocka_unit_test(test_over_budget_is_an_error),
		cmocka_unit_test(test_compaction_drops_and_fills),
		cmocka_unit_test(test_lower_schema_adds_neighbours),
		cmocka_unit_test(test_equality_ignores_how_spans_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
