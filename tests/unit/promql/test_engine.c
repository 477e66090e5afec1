#include "unit/unit.h"

#include "promql/math/quantile.h"

#include "rig.h"

struct query_case {
	const char *expr;
	const char *want;
};

static void load(struct rig *r)
{
	rig_init(r);
	rig_load(r, 10000, "http_total{job=\"a\",i=\"0\"} 0+10x60");
	rig_load(r, 10000, "http_total{job=\"a\",i=\"1\"} 0+20x60");
	rig_load(r, 10000, "http_total{job=\"b\",i=\"0\"} 0+30x60");
	rig_load(r, 10000, "http_total{job=\"b\",i=\"1\"} 0+40x30 0+40x29");
	rig_load(r, 10000, "up{job=\"a\"} 1x60");
	rig_load(r, 10000, "up{job=\"b\"} 1x29 stale _x30");
	rig_load(r, 10000, "lat_bucket{le=\"1\"} 0+1x60");
	rig_load(r, 10000, "lat_bucket{le=\"2\"} 0+3x60");
	rig_load(r, 10000, "lat_bucket{le=\"+Inf\"} 0+4x60");
	rig_load(r, 10000, "gauge 5 -1 3 NaN 7 2 2 9");
	rig_load(r, 10000,
		 "nh {{schema:0 sum:1 count:4 buckets:[1 2 1]}}+{{schema:0 sum:1 count:4 buckets:[1 2 1]}}x60");
}

static void run(const struct query_case *cases, size_t n, int64_t start, int64_t end, int64_t step)
{
	struct rig r;
	load(&r);
	for (size_t i = 0; i < 2 * n; i++) {
		const struct query_case *c = &cases[i / 2];
		const struct promql_opts opts = { .columns = i % 2 };
		char *got = rig_run(&r, c->expr, &opts, start, end, step);
		if (strcmp(got, c->want) != 0)
			fail_msg("%s\n  gives %s\n  not   %s", c->expr, got, c->want);
		free(got);
		assert_int_equal(r.open_sets, 0);
	}
	rig_fini(&r);
}

#define RUN(cases, start, end, step) run(cases, ARRAY_LEN(cases), start, end, step)

static void test_instant_queries(void **state)
{
	static const struct query_case cases[] = {
		{ "1 + 2 * 3", "7" },
		{ "-2 ^ 2", "-4" },
		{ "\"text\"", "text" },
		{ "time()", "300" },
		{ "up", "up{job=\"a\"} 1" },
		{ "up offset 1m", "up{job=\"a\"} 1; up{job=\"b\"} 1" },
		{ "up @ 60", "up{job=\"a\"} 1; up{job=\"b\"} 1" },
		{ "http_total{job=\"a\"} > 300", "http_total{i=\"1\", job=\"a\"} 600" },
		{ "http_total{job=\"a\"} > bool 300", "{i=\"0\", job=\"a\"} 0; {i=\"1\", job=\"a\"} 1" },
		{ "300 < http_total{job=\"a\"}", "http_total{i=\"1\", job=\"a\"} 600" },
		{ "rate(http_total{job=\"a\"}[1m])", "{i=\"0\", job=\"a\"} 1; {i=\"1\", job=\"a\"} 2" },
		{ "sum by (job) (http_total)", "{job=\"a\"} 900; {job=\"b\"} 2100" },
		{ "xincrease(http_total{job=\"a\"}[1m])", "{i=\"0\", job=\"a\"} 60; {i=\"1\", job=\"a\"} 120" },
		{ "xincrease(http_total{job=\"a\"}[1m:10s])", "{i=\"0\", job=\"a\"} 50; {i=\"1\", job=\"a\"} 100" },
		{ "xdelta(sum(http_total)[1m:10s])", "{} 500" },
		{ "xrate(sum by (job) (http_total{job=\"a\"})[50s:10s])", "{job=\"a\"} 2.4" },
		{ "xincrease((up + 0)[1m:10s])", "{job=\"a\"} 0; {job=\"b\"} 0" },
		{ "sum without (i) (http_total)", "{job=\"a\"} 900; {job=\"b\"} 2100" },
		{ "sum(http_total)", "{} 3000" },
		{ "avg(http_total)", "{} 750" },
		{ "count(http_total)", "{} 4" },
		{ "min(http_total)", "{} 300" },
		{ "max(http_total)", "{} 1200" },
		{ "group(http_total)", "{} 1" },
		{ "stddev(http_total{job=\"a\"})", "{} 150" },
		{ "stdvar(http_total{job=\"a\"})", "{} 22500" },
		{ "quantile(0.5, http_total)", "{} 750" },
		{ "topk(2, http_total)", "http_total{i=\"1\", job=\"b\"} 1200; http_total{i=\"0\", job=\"b\"} 900" },
		{ "bottomk(1, http_total)", "http_total{i=\"0\", job=\"a\"} 300" },
		{ "limitk(1, http_total)", "http_total{i=\"0\", job=\"a\"} 300" },
		{ "count_values(\"v\", up offset 1m)", "{v=\"1\"} 2" },
		{ "sort_desc(http_total{job=\"a\"})",
		  "http_total{i=\"1\", job=\"a\"} 600; http_total{i=\"0\", job=\"a\"} 300" },
		{ "up and on(job) http_total", "up{job=\"a\"} 1" },
		{ "http_total{i=\"0\"} unless on(job) up", "http_total{i=\"0\", job=\"b\"} 900" },
		{ "up or http_total{i=\"0\"}",
		  "up{job=\"a\"} 1; http_total{i=\"0\", job=\"a\"} 300; http_total{i=\"0\", job=\"b\"} 900" },
		{ "http_total{i=\"1\"} / ignoring(i) http_total{i=\"0\"}",
		  "{job=\"a\"} 2; {job=\"b\"} 1.3333333333333333" },
		{ "http_total * on(job) group_left up", "{i=\"0\", job=\"a\"} 300; {i=\"1\", job=\"a\"} 600" },
		{ "up * on(job) group_right http_total", "{i=\"0\", job=\"a\"} 300; {i=\"1\", job=\"a\"} 600" },
		{ "up * on(job) http_total",
		  "error: found duplicate series for the match group {job=\"a\"} on the right hand-side of "
		  "the operation: [{__name__=\"http_total\", i=\"0\", job=\"a\"}, {__name__=\"http_total\", "
		  "i=\"1\", job=\"a\"}];many-to-many matching not allowed: matching labels must be unique on "
		  "one side" },
		{ "http_total * on(job) up",
		  "error: multiple matches for labels: many-to-one matching must be explicit "
		  "(group_left/group_right)" },
		{ "histogram_quantile(0.5, lat_bucket)", "{} 1.5" },
		{ "histogram_quantile(0.5, nh)", "{} 1.414213562373095" },
		{ "histogram_count(nh)", "{} 124" },
		{ "label_replace(up, \"x\", \"${1}y\", \"job\", \"(.*)\")", "up{job=\"a\", x=\"ay\"} 1" },
		{ "label_join(up, \"x\", \"-\", \"job\", \"job\")", "up{job=\"a\", x=\"a-a\"} 1" },
		{ "absent(nothing{a=\"b\"})", "{a=\"b\"} 1" },
		{ "absent(up)", "" },
		{ "scalar(up)", "1" },
		{ "vector(3)", "{} 3" },
		{ "timestamp(up)", "{job=\"a\"} 300" },
		{ "clamp(http_total{job=\"a\"}, 400, 500)", "{i=\"0\", job=\"a\"} 400; {i=\"1\", job=\"a\"} 500" },
		{ "round(vector(2.5))", "{} 3" },
		{ "year()", "{} 1970" },
		{ "days_in_month(vector(1582934400))", "{} 29" },
		{ "sum_over_time(up[1m])", "{job=\"a\"} 6; {job=\"b\"} 5" },
		{ "max_over_time(gauge[10m])", "{} 9" },
		{ "min_over_time(gauge[10m])", "{} -1" },
		{ "changes(gauge[10m])", "{} 6" },
		{ "resets(http_total{i=\"1\",job=\"b\"}[10m] @ 600)", "{i=\"1\", job=\"b\"} 1" },
		{ "quantile_over_time(0.5, http_total{i=\"0\",job=\"a\"}[1m])", "{i=\"0\", job=\"a\"} 275" },
		{ "max_over_time(rate(http_total{job=\"a\"}[1m])[2m:30s])",
		  "{i=\"0\", job=\"a\"} 1; {i=\"1\", job=\"a\"} 2" },
		{ "deriv(http_total{job=\"a\",i=\"0\"}[1m])", "{i=\"0\", job=\"a\"} 1" },
		{ "predict_linear(http_total{job=\"a\",i=\"0\"}[1m], 10)", "{i=\"0\", job=\"a\"} 310" },
		{ "up[20s]", "up{job=\"a\"} 1@290 1@300; up{job=\"b\"} 1@290" },
		{ "topk(NaN, up)", "error: Parameter value is NaN" },
	};
	(void)state;
	RUN(cases, 300000, 300000, 0);
}

static void test_range_queries(void **state)
{
	static const struct query_case cases[] = {
		{ "1", "{} 1@0 1@30 1@60" },
		{ "up{job=\"a\"} * 2", "{job=\"a\"} 2@0 2@30 2@60" },
		{ "gauge", "gauge 5@0 NaN@30 2@60" },
		{ "gauge > 2", "gauge 5@0" },
		{ "gauge > 1", "gauge 5@0 2@60" },
		{ "http_total{job=\"a\"} @ 10", "http_total{i=\"0\", job=\"a\"} 10@0 10@30 10@60; "
						"http_total{i=\"1\", job=\"a\"} 20@0 20@30 20@60" },
		{ "sum(rate(http_total[30s])) by (job)", "{job=\"a\"} 3@30 3@60; {job=\"b\"} 7@30 7@60" },
		{ "scalar(gauge)", "{} 5@0 NaN@30 2@60" },
		{ "sum_over_time(gauge[20s])", "{} 5@0 NaN@30 4@60" },
		{ "count_over_time(gauge[25s:10s])", "{} 1@0 3@30 3@60" },
		{ "topk(1, http_total)",
		  "http_total{i=\"0\", job=\"a\"} 0@0; http_total{i=\"1\", job=\"b\"} 120@30 240@60" },
		{ "up[1m]", "error: invalid expression type \"range vector\" for range query, must be Scalar "
			    "or instant Vector" },
		{ "rate(gauge[30s])",
		  "{} NaN@30 0.1@60 [PromQL info: metric might not be a counter, name does not end in "
		  "_total/_sum/_count/_bucket: \"gauge\" (1:6)]" },
	};
	(void)state;
	RUN(cases, 0, 60000, 30000);
}

static void test_cancel_stops_and_closes(void **state)
{
	struct rig r;
	(void)state;
	load(&r);
	r.fail_checkpoint = 1;
	char *got = rig_run(&r, "sum(rate(http_total[1m]))", NULL, 0, 600000, 1);
	assert_string_equal(got, "error: cancelled");
	assert_int_equal(r.open_sets, 0);
	free(got);
	rig_fini(&r);
}

static void test_too_many_samples(void **state)
{
	struct promql_opts opts = { .max_samples = 100 };
	struct rig r;
	(void)state;
	load(&r);
	char *got = rig_run(&r, "http_total", &opts, 0, 600000, 10000);
	/* Ten of the first series are in the result when the next 61 are read; so are 61 + 61 later. */
	assert_string_equal(got,
			    "error: query processing would load too many samples into memory in query execution: it "
			    "needs 122 at a time or more, the limit is 100; most of them for http_total (1:1): 1 "
			    "series with 61 samples read so far");
	free(got);
	/* An aggregation holds one series and its groups only. */
	got = rig_run(&r, "sum(http_total)", &opts, 0, 10000, 10000);
	assert_string_equal(got, "{} 0@0 100@10");
	free(got);
	rig_fini(&r);
}

/* The bigger of two selectors, whichever is read last when the limit is reached. */
static void test_the_selector_to_blame_is_named(void **state)
{
	static const char *const exprs[] = {
		"up + on (job) group_right http_total",
		"sort(http_total) + on (job) group_left up",
		"up or http_total",
		"http_total or up",
		"sum(up) + on () group_right\n  http_total",
		"topk(3, http_total) - on (job) group_left up",
	};
	struct rig r;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
		struct promql_opts opts = { .max_samples = 200 };
		char *got = rig_run(&r, exprs[i], &opts, 0, 600000, 10000);
		if (!strstr(got, "the limit is 200; most of them for http_total ("))
			fail_msg("%s: %s", exprs[i], got);
		if (i == 4)
			assert_non_null(strstr(got, "http_total (2:3): "));
		free(got);
		struct err err = ERR_NONE, last = ERR_NONE;
		int rc = -1;
		for (uint64_t limit = 200000; rc != 0; limit += limit / 16) {
			struct promql_result res;
			struct budget all, b;
			struct arena a;
			last = err;
			budget_init(&all, NULL, "queries", limit);
			budget_init(&b, &all, "query", i % 2 ? limit : BUDGET_UNLIMITED);
			arena_init(&a, &b);
			rc = rig_exec(&r, exprs[i], &a, 0, 600000, 100, &res, &err);
			arena_fini(&a);
			budget_fini(&b);
			budget_fini(&all);
		}
		if (!strstr(last.msg, "most of its memory for http_total (") ||
		    (i % 2 == 0) != !!strstr(last.msg, "bytes are this query's"))
			fail_msg("%s: %s", exprs[i], last.msg);
	}
	rig_fini(&r);
}

static void test_any_memory_limit_is_an_error_not_a_crash(void **state)
{
	static const char *const exprs[] = {
		"sum by (job) (rate(http_total[1m])) / on(job) group_left count by (job) (http_total)",
		"topk(2, http_total) or up",
		"count_values(\"v\", http_total)",
		"sum(nh) + sum(nh)",
		"rate(nh[1m])",
		"avg_over_time(nh[1m])",
		"histogram_quantile(0.5, rate(lat_bucket[1m]))",
		"histogram_quantile(0.5, nh)",
		"label_replace(up, \"x\", \"$1\", \"job\", \"(.*)\")",
		"quantile_over_time(0.5, http_total[1m])",
		"max_over_time(rate(http_total[1m])[2m:30s])",
		"increase(nh[1m] smoothed)",
		"up unless on(job) http_total",
		"sort(http_total)",
		"http_total + fill(1) up",
		"info(up)",
		"quantile by (i) (0.5, http_total)",
		"changes(nh[1m])",
		"mad_over_time(http_total[1m])",
		"nh </ 2",
		"nh * 2",
		"-nh",
	};
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
		int rc = 1;
		for (uint64_t limit = 64; rc != 0; limit += limit / 8) {
			struct promql_result res;
			struct err err = ERR_NONE;
			struct budget b;
			struct arena a;
			budget_init(&b, NULL, "query", limit);
			arena_init(&a, &b);
			rc = rig_exec(&r, exprs[i], &a, 200000, 400000, 20000, &res, &err);
			if (rc != 0 && rc != -ERR_RESOURCE_EXHAUSTED)
				fail_msg("%s within %llu bytes: %d %s", exprs[i], (unsigned long long)limit, rc,
					 err.msg);
			arena_fini(&a);
			budget_fini(&b);
			assert_int_equal(r.open_sets, 0);
			assert_true(limit < 64 << 20);
		}
	}
	rig_fini(&r);
}

static void test_series_that_differ_in_type_only(void **state)
{
	static const struct query_case cases[] = {
		{ "rate(m_total[30s])", "error: vector cannot contain metrics with the same labelset" },
		{ "m_total + 1", "error: vector cannot contain metrics with the same labelset" },
		{ "sum(m_total)", "{} 15" },
		{ "rate(n_total[30s])", "{i=\"0\"} 1" },
	};
	struct rig r;
	(void)state;
	rig_init(&r);
	rig_load(&r, 10000, "m_total{__type__=\"counter\",i=\"0\"} 0 10 5");
	rig_load(&r, 10000, "m_total{__type__=\"gauge\",i=\"0\"} 0 10 10");
	rig_load(&r, 10000, "n_total{__type__=\"counter\",i=\"0\"} 0 10 20 30");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = rig_run(&r, cases[i].expr, NULL, 30000, 30000, 0);
		assert_string_equal(got, cases[i].want);
		assert_int_equal(r.open_sets, 0);
		free(got);
	}
	rig_fini(&r);
}

/* Selecting the values around a rank is as sorting all. */
/* As upstream joins what label functions and signs make equal: by kind of value. */
static void test_results_have_floats_beside_histograms(void **state)
{
	static const char *const cases[][3] = {
		{ "label_replace(mixed, \"a\", \"same\", \"\", \"\")",
		  "mixed{a=\"same\"} 1@0 3@20 {count:1, sum:1, (0.5,1]:1}@0 {count:1, sum:1, (0.5,1]:1}@20",
		  "mixed{a=\"same\"} {count:1, sum:1, (0.5,1]:1}" },
		{ "-label_replace(mixed, \"a\", \"same\", \"\", \"\")",
		  "{a=\"same\"} -1@0 -3@20 {count:-1, sum:-1, (0.5,1]:-1}@0 {count:-1, sum:-1, (0.5,1]:-1}@20",
		  "{a=\"same\"} {count:-1, sum:-1, (0.5,1]:-1}" },
		{ "-{__name__=~\"mixed|float\", a=\"2\"}",
		  "{a=\"2\"} -1@0 -3@20 {count:-1, sum:-1, (0.5,1]:-1}@0 {count:-1, sum:-1, (0.5,1]:-1}@20",
		  "{a=\"2\"} {count:-1, sum:-1, (0.5,1]:-1}" },
		{ "-{__name__=~\"mixed|float\"}", "error: vector cannot contain metrics with the same labelset",
		  "error: vector cannot contain metrics with the same labelset" },
	};
	struct rig r;
	(void)state;
	rig_init(&r);
	rig_load(&r, 10000, "mixed{a=\"1\"} 1 2 3");
	rig_load(&r, 10000, "mixed{a=\"2\"} {{schema:0 sum:1 count:1 buckets:[1]}}x3");
	rig_load(&r, 10000, "float{a=\"1\"} 1 2 3");
	rig_load(&r, 10000, "float{a=\"2\"} 1 2 3");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = rig_run(&r, cases[i][0], NULL, 0, 20000, 20000);
		assert_string_equal(got, cases[i][1]);
		free(got);
		got = rig_run(&r, cases[i][0], NULL, 20000, 20000, 0);
		assert_string_equal(got, cases[i][2]);
		free(got);
	}
	rig_fini(&r);
}

/* Upstream looks at whole series here, not at steps. */
static void test_ranges_of_series_without_common_steps_are_not_joined(void **state)
{
	static const char *const cases[][2] = {
		{ "rate({__name__=~\"one|two\"}[30s])", "error: vector cannot contain metrics with the same labelset" },
		{ "max_over_time(({__name__=~\"one|two\"} + 0)[30s:10s])", "{a=\"x\"} 1@0 2@10 2@20 2@30 1@140 3@150" },
		{ "abs({__name__=~\"one|two\"} > 1)", "{a=\"x\"} 2@10 3@150" },
	};
	struct promql_opts opts = { .lookback_ms = 10000 };
	struct rig r;
	(void)state;
	rig_init(&r);
	rig_load(&r, 10000, "one{a=\"x\"} 1 2 _x13");
	rig_load(&r, 10000, "two{a=\"x\"} _x14 1 3");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = rig_run(&r, cases[i][0], &opts, 0, 150000, 10000);
		assert_string_equal(got, cases[i][1]);
		free(got);
	}
	rig_fini(&r);
}

/* With names dropped late subqueries that are the result are joined too. */
static void test_subqueries_that_become_equal_are_joined(void **state)
{
	struct promql_opts opts = { .lookback_ms = 10000, .delayed_name_removal = true };
	struct rig r;
	(void)state;
	rig_init(&r);
	rig_load(&r, 10000, "one{a=\"x\"} 1 2 _ _ _ _");
	rig_load(&r, 10000, "two{a=\"x\"} _ _ 3 4 5 6");
	rig_load(&r, 10000, "three{a=\"x\"} 1 2 3 4 5 6");
	char *got = rig_run(&r, "(abs({__name__=~\"one|two\"}))[1m:10s]", &opts, 50000, 50000, 0);
	assert_string_equal(got, "{a=\"x\"} 1@0 2@10 3@20 4@30 5@40 6@50");
	free(got);
	got = rig_run(&r, "(abs({__name__=~\"one|three\"}))[1m:10s]", &opts, 50000, 50000, 0);
	assert_string_equal(got, "error: vector cannot contain metrics with the same labelset");
	free(got);
	rig_fini(&r);
}

static void test_quantile_of_many_series(void **state)
{
	enum { SERIES = 500 };
	static const char *const special[] = { "NaN", "Inf", "-Inf", "0", "7" };
	struct rig r;
	uint64_t seed = 12345;
	(void)state;
	rig_init(&r);
	for (int i = 0; i < SERIES; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		char *line = seed >> 40 & 3 ? xasprintf("m{i=\"%d\"} %g", i, (double)(int64_t)seed / 1e15)
					    : xasprintf("m{i=\"%d\"} %s", i, special[(seed >> 44) % 5]);
		rig_load(&r, 1000, line);
		free(line);
	}
	for (int q = 0; q <= 100; q++) {
		double v[SERIES];
		struct promql_result res;
		struct err err = ERR_NONE;
		struct arena a;
		arena_init(&a, NULL);
		char *text = xasprintf("quantile(%d / 100, m)", q);
		assert_int_equal(rig_exec(&r, text, &a, 0, 0, 0, &res, &err), 0);
		for (size_t i = 0; i < SERIES; i++)
			v[i] = r.series.p[i].v[0];
		double want = promql_quantile((double)q / 100, v, SERIES), got = res.series[0].floats[0].v;
		if (!(isnan(want) && isnan(got)))
			assert_int_equal(double_bits(got), double_bits(want));
		free(text);
		arena_fini(&a);
	}
	rig_fini(&r);
}

/* ---- many series ---- */

/* Series m{i="0"} m{i="1"} ..., made as they are pulled. */
struct crowd {
	uint32_t n, at;
	char value[12];
	struct label l[3];
	int64_t t[31];
	double v[31];
};

static int crowd_select(void *arg, struct matcher *const *m, size_t n, const struct promql_hints *h, void **ret,
			struct err *err)
{
	struct crowd *c = arg;
	(void)m;
	(void)n;
	(void)h;
	(void)err;
	c->at = 0;
	*ret = c;
	return 0;
}

static int crowd_next(void *arg, void *set, struct promql_series *ret, struct err *err)
{
	struct crowd *c = set;
	(void)arg;
	(void)err;
	if (c->at == c->n)
		return 0;
	snprintf(c->value, sizeof(c->value), "%u", c->at);
	c->l[0] = (struct label){ STR("__name__"), STR("m") };
	c->l[1] = (struct label){ STR("i"), str_c(c->value) };
	c->l[2] = (struct label){ STR("x"), c->at % 2 ? STR("odd") : STR("even") };
	for (int i = 0; i < 31; i++) {
		c->t[i] = i * 10000;
		c->v[i] = (double)i * c->at;
	}
	c->at++;
	*ret = (struct promql_series){ .labels = { c->l, 3 }, .n_floats = 31, .t = c->t, .v = c->v };
	return 1;
}

static void crowd_close(void *arg, void *set)
{
	(void)arg;
	(void)set;
}

/* What folds holds its groups, and nothing for a series: a megabyte is plenty for 50,000 of them. */
static void test_folding_holds_nothing_per_series(void **state)
{
	static const char *const exprs[] = {
		"sum by (x) (rate(m[5m]))",
		"sum(rate(m[5m])) / sum(rate(m[5m]))",
		"sum by (x) (rate(m[5m])) / on() group_left sum(rate(m[5m]))",
		"avg(-abs(m + 1))",
		"max by (x) (max_over_time(m[2m]))",
		"stddev(quantile_over_time(0.5, m[2m]))",
		"count(m > 3)",
		"sum(max_over_time(rate(m[1m])[2m:10s]))",
		"scalar(m)",
		"histogram_quantile(0.9, sum by (x) (m))",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(exprs); i++) {
		struct crowd c = { .n = 50000 };
		struct promql_source src = {
			.arg = &c, .select = crowd_select, .next = crowd_next, .close = crowd_close
		};
		struct promql_expr *e;
		struct promql_result res;
		struct err err = ERR_NONE;
		struct budget b;
		struct arena a;
		budget_init(&b, NULL, "query", 1 << 20);
		arena_init(&a, &b);
		assert_int_equal(promql_parse(str_c(exprs[i]), NULL, &a, &e, NULL, &err), 0);
		struct promql_query q = { e, str_c(exprs[i]), 0, 300000, 10000 };
		if (promql_exec(&q, NULL, &src, &a, &res, &err))
			fail_msg("%s: %s", exprs[i], err.msg);
		assert_true(res.samples_read >= 50000 * 31 && res.samples_read < 2 * 50000 * 31);
		arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_have_floats_beside_histograms),
		cmocka_unit_test(test_ranges_of_series_without_common_steps_are_not_joined),
		cmocka_unit_test(test_subqueries_that_become_equal_are_joined),
		cmocka_unit_test(test_quantile_of_many_series),
		cmocka_unit_test(test_folding_holds_nothing_per_series),
		cmocka_unit_test(test_instant_queries),
		cmocka_unit_test(test_range_queries),
		cmocka_unit_test(test_cancel_stops_and_closes),
		cmocka_unit_test(test_too_many_samples),
		cmocka_unit_test(test_the_selector_to_blame_is_named),
		cmocka_unit_test(test_any_memory_limit_is_an_error_not_a_crash),
		cmocka_unit_test(test_series_that_differ_in_type_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
