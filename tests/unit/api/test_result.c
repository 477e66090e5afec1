#include "api/result.h"

#include "base/compiler.h"
#include "unit/unit.h"

#include <math.h>

/* The JSON of a result. */
static char *text_of(const struct promql_result *r, uint64_t limit)
{
	struct strbuf b = { 0 };
	struct jsonw w;
	jsonw_init(&w, &b, JSONW_HTML);
	api_write_result(&w, r, limit);
	assert_int_equal(jsonw_finish(&w, NULL), 0);
	return strbuf_steal(&b);
}

static void expect(const struct promql_result *r, uint64_t limit, const char *want)
{
	char *got = text_of(r, limit);
	assert_string_equal(got, want);
	free(got);
}

static void test_scalars_have_no_exponent_and_a_plain_time(void **state)
{
	struct promql_result r = { .type = PROMQL_TYPE_SCALAR, .scalar = { 300123, 1e21 } };
	expect(&r, 0, "[300.123,\"1000000000000000000000\"]");
	r.scalar = (struct promql_point){ -500, 1e-7 };
	expect(&r, 0, "[-0.5,\"0.0000001\"]");
	r.scalar = (struct promql_point){ 0, -INFINITY };
	expect(&r, 0, "[0,\"-Inf\"]");
}

static void test_strings_are_escaped_for_html(void **state)
{
	struct promql_result r = { .type = PROMQL_TYPE_STRING,
				   .scalar = { 300000, 0 },
				   .string = STR("<a> & \"b\"\n") };
	expect(&r, 0, "[300,\"\\u003ca\\u003e \\u0026 \\\"b\\\"\\n\"]");
}

static void test_vectors_keep_labels_raw_and_stop_at_the_limit(void **state)
{
	struct label l[] = { { STR("__name__"), STR("odd") }, { STR("path"), STR("<a&b>\"q\"\\n") } };
	struct promql_point p[] = { { 61500, 1e-7 }, { 300000, -0.0 } };
	struct promql_rseries s[] = { { .labels = { l, 2 }, .n_floats = 1, .floats = p },
				      { .n_floats = 1, .floats = p + 1 } };
	struct promql_result r = { .type = PROMQL_TYPE_VECTOR, .series = s, .n_series = 2 };
	expect(&r, 0,
	       "[{\"metric\":{\"__name__\":\"odd\",\"path\":\"<a&b>\\\"q\\\"\\\\n\"},\"value\":[61.500,\"1e-07\"]},"
	       "{\"metric\":{},\"value\":[300,\"-0\"]}]");
	expect(&r, 1,
	       "[{\"metric\":{\"__name__\":\"odd\",\"path\":\"<a&b>\\\"q\\\"\\\\n\"},\"value\":[61.500,\"1e-07\"]}]");
	r.n_series = 0;
	expect(&r, 0, "[]");
}

static void test_matrices_have_values_before_histograms(void **state)
{
	const struct hist_span span = { 0, 2 };
	const double counts[] = { 1, 3 };
	struct histogram h = { .is_float = true,
			       .count_f = 6,
			       .sum = 5.5,
			       .zero_threshold = 0.001,
			       .zero_count_f = 2,
			       .pos_spans = &span,
			       .n_pos_spans = 1,
			       .pos_counts = counts,
			       .n_pos = 2 };
	struct histogram empty = { .is_float = true };
	struct promql_point p[] = { { 0, 1 }, { 15000, NAN } };
	struct promql_hpoint hp[] = { { 30000, &h }, { 45000, &empty } };
	struct promql_rseries s = { .n_floats = 2, .floats = p, .n_hists = 2, .hists = hp };
	struct promql_result r = { .type = PROMQL_TYPE_MATRIX, .series = &s, .n_series = 1 };
	expect(&r, 0,
	       "[{\"metric\":{},\"values\":[[0,\"1\"],[15,\"NaN\"]],\"histograms\":[[30,{\"count\":\"6\",\"sum\":\"5.5\","
	       "\"buckets\":[[3,\"-0.001\",\"0.001\",\"2\"],[0,\"0.5\",\"1\",\"1\"],[0,\"1\",\"2\",\"3\"]]}],"
	       "[45,{\"count\":\"0\",\"sum\":\"0\"}]]}]");
}

static void test_columns_are_written_as_points(void **state)
{
	const int64_t times[] = { 0, 15000, 30123, 45000 };
	const double values[] = { 1, 1, 0.1 };
	struct promql_point p[] = { { 0, -2 }, { 45000, 1e300 } };
	struct promql_rseries s[] = { { .n_floats = 3, .values = values, .first_step = 1 },
				      { .n_floats = 2, .floats = p } };
	struct promql_result r = { .type = PROMQL_TYPE_MATRIX, .series = s, .n_series = 2, .times = times };
	expect(&r, 0,
	       "[{\"metric\":{},\"values\":[[15,\"1\"],[30.123,\"1\"],[45,\"0.1\"]]},"
	       "{\"metric\":{},\"values\":[[0,\"-2\"],[45,\"1e+300\"]]}]");
	r.n_series = 1;
	expect(&r, 0, "[{\"metric\":{},\"values\":[[15,\"1\"],[30.123,\"1\"],[45,\"0.1\"]]}]");
}

static void test_custom_and_negative_buckets_say_which_ends_belong(void **state)
{
	const struct hist_span span = { 0, 3 }, neg = { 0, 1 };
	const double counts[] = { 1, 2, 3 }, bounds[] = { 1, 2.5 }, one = 4;
	struct histogram custom = { .is_float = true,
				    .schema = HIST_SCHEMA_CUSTOM,
				    .count_f = 6,
				    .sum = 5,
				    .pos_spans = &span,
				    .n_pos_spans = 1,
				    .pos_counts = counts,
				    .n_pos = 3,
				    .bounds = bounds,
				    .n_bounds = 2 };
	struct histogram negative = { .is_float = true,
				      .count_f = 4,
				      .sum = -3,
				      .neg_spans = &neg,
				      .n_neg_spans = 1,
				      .neg_counts = &one,
				      .n_neg = 1 };
	struct promql_hpoint hp[] = { { 0, &custom }, { 0, &negative } };
	struct promql_rseries s[] = { { .n_hists = 1, .hists = hp }, { .n_hists = 1, .hists = hp + 1 } };
	struct promql_result r = { .type = PROMQL_TYPE_VECTOR, .series = s, .n_series = 2 };
	expect(&r, 0,
	       "[{\"metric\":{},\"histogram\":[0,{\"count\":\"6\",\"sum\":\"5\",\"buckets\":[[3,\"-Inf\",\"1\",\"1\"],"
	       "[0,\"1\",\"2.5\",\"2\"],[0,\"2.5\",\"+Inf\",\"3\"]]}]},"
	       "{\"metric\":{},\"histogram\":[0,{\"count\":\"4\",\"sum\":\"-3\",\"buckets\":[[1,\"-1\",\"-0.5\",\"4\"]]}]}]");
}

static void test_histograms_of_many_buckets_are_whole(void **state)
{
	enum { N = 1000 };
	static double counts[N];
	const struct hist_span span = { -500, N };
	for (int i = 0; i < N; i++)
		counts[i] = i + 1;
	struct histogram h = { .is_float = true,
			       .schema = 8,
			       .count_f = 1,
			       .pos_spans = &span,
			       .n_pos_spans = 1,
			       .pos_counts = counts,
			       .n_pos = N };
	struct promql_hpoint hp = { 0, &h };
	struct promql_rseries s = { .n_hists = 1, .hists = &hp };
	struct promql_result r = { .type = PROMQL_TYPE_VECTOR, .series = &s, .n_series = 1 };
	char *got = text_of(&r, 0);
	int n = 0;
	for (const char *p = got; (p = strstr(p, "[0,\"")) != NULL; p++)
		n++;
	assert_int_equal(n, N);
	assert_non_null(strstr(got, "\"1000\"]]}]}]"));
	free(got);
}

static void test_times_are_written_as_go_does(void **state)
{
	struct strbuf b = { 0 };
	struct jsonw w;
	jsonw_init(&w, &b, JSONW_HTML);
	jsonw_array_begin(&w);
	api_write_time(&w, 0);
	api_write_time(&w, 1700000000000);
	api_write_time(&w, 1700000000500);
	api_write_time(&w, 1700000000012);
	jsonw_array_end(&w);
	assert_string_equal(b.p, "[\"0001-01-01T00:00:00Z\",\"2023-11-14T22:13:20Z\",\"2023-11-14T22:13:20.5Z\","
				 "\"2023-11-14T22:13:20.012Z\"]");
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars_have_no_exponent_and_a_plain_time),
		cmocka_unit_test(test_strings_are_escaped_for_html),
		cmocka_unit_test(test_vectors_keep_labels_raw_and_stop_at_the_limit),
		cmocka_unit_test(test_columns_are_written_as_points),
		cmocka_unit_test(test_matrices_have_values_before_histograms),
		cmocka_unit_test(test_custom_and_negative_buckets_say_which_ends_belong),
		cmocka_unit_test(test_histograms_of_many_buckets_are_whole),
		cmocka_unit_test(test_times_are_written_as_go_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
