/* Samples out of the fan-out, evaluated by the engine. */
#include "unit/query/rig.h"

static struct rig the_rig;
static const struct str replica[] = { { "replica", 7 } };

/* Evaluates over [start, end] and expects the points as text; step 0 is an instant query. */
static void co_expect_eval(struct rig *rig, const char *text, int64_t start, int64_t end, int64_t step,
			   const char *want)
{
	struct arena a;
	struct budget b;
	struct promql_result res = { 0 };
	struct promql_query pq = { .text = str_c(text), .start_ms = start, .end_ms = end, .step_ms = step };
	struct promql_opts opts = query_engine_opts(rig->q, 0, 0);
	struct promql_parse_opts parse = query_parse_opts(rig->q);
	struct strbuf out = { 0 };
	query_budget_init(rig->q, &b);
	arena_init(&a, &b);
	struct query_source *src = query_source_new(rig->q, &rig->opts, &a, &rig->err);
	struct promql_source ps = query_source_promql(src);
	assert_int_equal(promql_parse(pq.text, &parse, &a, &pq.expr, NULL, &rig->err), 0);
	if (promql_exec(&pq, &opts, &ps, &a, &res, &rig->err) != 0)
		fail_msg("%s", rig->err.msg);
	for (size_t i = 0; i < res.n_series; i++) {
		labels_print(res.series[i].labels, &out);
		for (size_t k = 0; k < res.series[i].n_floats; k++)
			strbuf_printf(&out, " %lld:%.17g", (long long)res.series[i].floats[k].t,
				      res.series[i].floats[k].v);
		for (size_t k = 0; k < res.series[i].n_hists; k++)
			strbuf_printf(&out, " %lld:h%g", (long long)res.series[i].hists[k].t,
				      res.series[i].hists[k].h->count_f);
		strbuf_add_ch(&out, '\n');
	}
	assert_string_equal(out.p ? out.p : "", want);
	strbuf_fini(&out);
	query_source_observe(src, 0.2, "team-a");
	arena_fini(&a);
	assert_int_equal(b.used, 0);
	budget_fini(&b);
}

static void dedup_on(struct rig *rig)
{
	rig->opts.dedup = true;
	rig->opts.replica_labels = replica;
	rig->opts.n_replica_labels = 1;
}

/* --- functions ----------------------------------------------------------------------------- */

static void sums_body(struct rig *rig)
{
	co_expect_eval(rig, "sum(m)", 10000, 12000, 1000, "{} 10000:6 11000:8 12000:10\n");
	co_expect_eval(rig, "sum by (i) (m) * on(i) group_left m", 12000, 12000, 0,
		       "{i=\"1\"} 12000:9\n{i=\"2\"} 12000:49\n");
	co_expect_eval(rig, "m offset 1s", 12000, 12000, 0,
		       "{__name__=\"m\", i=\"1\"} 12000:2\n{__name__=\"m\", i=\"2\"} 12000:6\n");
	struct strbuf b = { 0 };
	metrics_expose(rig->reg, METRICS_TEXT, &b);
	assert_non_null(strstr(
		b.p,
		"thanos_store_api_query_duration_seconds_count{series_le=\"10\",samples_le=\"100\",tenant=\"team-a\"} 3\n"));
	strbuf_fini(&b);
}

static void test_expressions_over_two_stores(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 10000, 1000, 3, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 10000, 1000, 3, 5, 1);
	rig_run(rig, sums_body);
}

static void hints_body(struct rig *rig)
{
	const struct series_request *last = &rig->store[0].last;
	rig->opts.max_resolution_ms = 3600000;
	co_expect_eval(rig, "rate(m[10s])", 20000, 20000, 0, "");
	assert_int_equal(last->aggrs, 1u << SERIES_COUNTER);
	assert_int_equal(last->max_resolution_ms, 5000);
	assert_int_equal(last->range_ms, 10000);
	assert_int_equal(last->maxt, 20000);
	co_expect_eval(rig, "max_over_time(m[10s])", 20000, 20000, 0, "");
	assert_int_equal(last->aggrs, 1u << SERIES_MAX);
	assert_int_equal(last->max_resolution_ms, 3600000);
	co_expect_eval(rig, "sum(m)", 20000, 20000, 0, "");
	assert_int_equal(last->aggrs, 1u << SERIES_COUNT | 1u << SERIES_SUM);
	assert_false(last->query_hints.present);
	/* Not from the subquery's first step: how replicas are merged would be another than upstream's. */
	co_expect_eval(rig, "max_over_time(m[10s:7s])", 20000, 20000, 0, "");
	assert_int_equal(last->mint, 20000 - 10000 - 300000 + 1);
}

static void test_stores_are_asked_for_what_the_function_needs(void **state)
{
	rig_init(&the_rig, 1);
	rig_run(&the_rig, hints_body);
}

/* --- replicas -------------------------------------------------------------------------------- */

static void reset_body(struct rig *rig)
{
	/* One replica: the values are those of the chunk, resets and all. */
	dedup_on(rig);
	co_expect_eval(rig, "resets(m[60s])", 60000, 60000, 0, "{i=\"1\"} 60000:1\n");
	struct rig_result r = co_rig_select(rig, "m", 0, 100000, "rate");
	assert_string_equal(r.text.p, "{__name__=\"m\", i=\"1\"} 10000:5 20000:6 30000:1 40000:2\n");
	rig_result_fini(&r);
}

static void test_single_series_is_left_as_it_is(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 10000, 10000, 2, 5, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1", "replica", "a"), 30000, 10000, 2, 1, 1);
	rig_run(rig, reset_body);
}

static void counter_body(struct rig *rig)
{
	dedup_on(rig);
	/* Replica a ends at 40000; b goes on with lower values, which are lifted so that the counter does not fall. */
	struct rig_result r = co_rig_select(rig, "m", 0, 200000, "rate");
	assert_string_equal(r.text.p,
			    "{__name__=\"m\"} 10000:101 20000:102 30000:103 40000:104 65000:104 75000:105 85000:106\n");
	rig_result_fini(&r);
	co_expect_eval(rig, "resets(m[100s])", 90000, 90000, 0, "{} 90000:0\n");
}

static void test_counters_do_not_fall_between_replicas(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "replica", "a"), 10000, 10000, 4, 101, 1);
	fake_add(&rig->store[1], L("__name__", "m", "replica", "b"), 15000, 10000, 8, 1, 1);
	rig_run(rig, counter_body);
}

static void begin_body(struct rig *rig)
{
	dedup_on(rig);
	/* In (53 s, 60 s] replica b comes first; over the last minute a does, and has no gap after that. */
	co_expect_eval(rig, "last_over_time(m[7s])", 60000, 60000, 0, "{__name__=\"m\"} 60000:105\n");
	co_expect_eval(rig, "last_over_time(m[7s]) + 0 * count_over_time(m[60s])", 60000, 60000, 0, "{} 60000:6\n");
}

static void test_replicas_are_merged_from_where_the_data_of_the_query_begin(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "replica", "a"), 10000, 10000, 6, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "replica", "b"), 15000, 10000, 6, 101, 1);
	rig_run(rig, begin_body);
}

static void chain_body(struct rig *rig)
{
	dedup_on(rig);
	co_expect_lines(rig, "{__name__=\"m\"} 1000:1 1500:101 2000:2 2500:102 3000:3\n");
}

static void test_chain_takes_all_samples(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->cfg.dedup = DEDUP_CHAIN;
	fake_add(&rig->store[0], L("__name__", "m", "replica", "a"), 1000, 1000, 3, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "replica", "b"), 1500, 1000, 2, 101, 1);
	rig_run(rig, chain_body);
}

/* --- other data --------------------------------------------------------------------------------- */

static void aggregate_body(struct rig *rig)
{
	co_expect_lines(rig, "{__name__=\"m\"} 300000:3 600000:3\n");
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "count_over_time");
	assert_string_equal(r.text.p, "{__name__=\"m\"} 300000:10 600000:10\n");
	rig_result_fini(&r);
}

static void test_downsampled_series_give_averages_or_the_wanted_part(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 1);
	fake_make_aggregate(fake_add(&rig->store[0], L("__name__", "m"), 300000, 300000, 2, 10, 0), 0, 3);
	rig_run(rig, aggregate_body);
}

/* Adds `n` histograms of one bucket. */
static void make_histograms(struct fake_series *f, int64_t from, int64_t step, size_t n)
{
	static const struct hist_span span = { 0, 1 };
	f->hist = hist_app_new(false);
	for (size_t i = 0; i < n; i++) {
		int64_t delta = (int64_t)i + 1;
		struct histogram h = {
			.count = i + 1, .sum = 1, .pos_spans = &span, .n_pos_spans = 1, .pos_deltas = &delta, .n_pos = 1
		};
		assert_int_equal(hist_app_append(f->hist, from + step * (int64_t)i, &h), HIST_APPENDED);
	}
}

static void histogram_body(struct rig *rig)
{
	dedup_on(rig);
	co_expect_eval(rig, "m", 10000, 12000, 1000, "{__name__=\"m\"} 10000:h1 11000:h2 12000:h3\n");
	co_expect_eval(rig, "histogram_count(m)", 12000, 12000, 0, "{} 12000:3\n");
}

static void test_native_histograms_of_two_replicas(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	make_histograms(fake_add(&rig->store[0], L("__name__", "m", "replica", "a"), 10000, 1000, 3, 0, 0), 10000, 1000,
			3);
	make_histograms(fake_add(&rig->store[1], L("__name__", "m", "replica", "b"), 10100, 1000, 3, 0, 0), 10100, 1000,
			3);
	rig_run(rig, histogram_body);
}

static void mixed_body(struct rig *rig)
{
	co_expect_eval(rig, "m", 10000, 13000, 1000, "{__name__=\"m\"} 10000:1 11000:2 12000:h1 13000:h2\n");
}

static void test_floats_that_become_histograms(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m"), 10000, 1000, 2, 1, 1);
	make_histograms(fake_add(&rig->store[1], L("__name__", "m"), 12000, 1000, 2, 0, 0), 12000, 1000, 2);
	rig_run(rig, mixed_body);
}

static void labels_only_body(struct rig *rig)
{
	rig->opts.skip_chunks = true;
	co_expect_lines(rig, "{__name__=\"m\", i=\"1\"}\n{__name__=\"m\", i=\"2\"}\n");
	assert_true(rig->store[0].last.skip_chunks);
}

static void test_labels_without_samples(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 10000, 1000, 3, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1"), 10000, 1000, 3, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 10000, 1000, 3, 1, 1);
	rig_run(rig, labels_only_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions_over_two_stores),
		cmocka_unit_test(test_stores_are_asked_for_what_the_function_needs),
		cmocka_unit_test(test_single_series_is_left_as_it_is),
		cmocka_unit_test(test_counters_do_not_fall_between_replicas),
		cmocka_unit_test(test_replicas_are_merged_from_where_the_data_of_the_query_begin),
		cmocka_unit_test(test_chain_takes_all_samples),
		cmocka_unit_test(test_downsampled_series_give_averages_or_the_wanted_part),
		cmocka_unit_test(test_native_histograms_of_two_replicas),
		cmocka_unit_test(test_floats_that_become_histograms),
		cmocka_unit_test(test_labels_without_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
