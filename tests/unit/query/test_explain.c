/* EXPLAIN and ANALYZE over the querier's HTTP API, and its statistics: exact figures of data that are counted. */
#include "unit/query/web.h"

#include "text/duration.h"
#include "text/json_read.h"

static struct rig the_rig;

/* The answer's `data`; free *ret_top. */
static const json_t *co_data(const char *path, json_t **ret_top)
{
	const struct json_limits limits = { .bytes = 1 << 22, .depth = 140, .values = 100000 };
	struct err err;
	const char *body = co_get(path, 200);
	if (text_json_parse(str_c(body), &limits, ret_top, &err))
		fail_msg("%s: %s in %s", path, err.msg, body);
	return json_object_get(*ret_top, "data");
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static int64_t number(const json_t *o, const char *key)
{
	if (!json_is_number(json_object_get(o, key)))
		fail_msg("no number %s", key);
	return (int64_t)json_number_value(json_object_get(o, key));
}

static const json_t *child(const json_t *o, size_t i)
{
	return json_array_get(json_object_get(o, "children"), i);
}

/* The entry of an endpoint in a list, or NULL. */
static const json_t *entry(const json_t *o, const char *list, const char *addr)
{
	const json_t *a = json_object_get(o, list);
	for (size_t i = 0; i < json_array_size(a); i++)
		if (strcmp(text(json_array_get(a, i), "endpointAddr"), addr) == 0)
			return json_array_get(a, i);
	return NULL;
}

/* A Go duration that is more than none. */
static void expect_duration(const json_t *o, const char *key)
{
	int64_t ns;
	assert_int_equal(text_goduration_parse(str_c(text(o, key)), &ns, NULL), 0);
	assert_true(ns > 0);
}

/* --- EXPLAIN ------------------------------------------------------------------------------- */

static void explain_body(struct rig *rig)
{
	json_t *top;
	const char *a = rig->store[0].addr, *b = rig->store[1].addr, *c = rig->store[2].addr;
	unsigned calls = rig->store[0].calls;
	const json_t *d =
		co_data("/api/v1/query_range_explain?query=sum%20by%20(i)%20(rate(m%7Bregion!=%22eu%22%7D[30s]))"
			"&start=100&end=160&step=20&max_source_resolution=5m",
			&top);
	assert_string_equal(text(d, "name"), "[aggregate] sum by (i)");
	assert_int_equal(number(d, "steps"), 4);
	assert_int_equal(number(d, "start"), 100000);
	assert_string_equal(text(child(d, 0), "name"), "[range function] rate");
	const json_t *s = child(child(d, 0), 0), *sel = json_object_get(s, "select"),
		     *down = json_object_get(s, "pushedDown");
	assert_string_equal(text(s, "name"), "[range selector] m{region!=\"eu\"}[30s]");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(s, "position"), 0)), 17);
	assert_string_equal(text(sel, "selector"), "{region!=\"eu\",__name__=\"m\"}");
	assert_string_equal(text(sel, "func"), "rate");
	assert_int_equal(number(sel, "minTime"), 70001);
	assert_int_equal(number(sel, "maxTime"), 160000);
	assert_int_equal(number(sel, "range"), 30000);
	assert_int_equal(number(down, "minTime"), 70001);
	assert_int_equal(number(down, "maxResolution"), 15000); /* rate needs two samples in its range */
	assert_string_equal(json_string_value(json_array_get(json_object_get(down, "aggregates"), 0)), "counter");
	assert_string_equal(json_string_value(json_array_get(json_object_get(down, "withoutReplicaLabels"), 0)),
			    "replica");
	assert_int_equal(json_array_size(json_object_get(s, "endpoints")), 1);
	assert_non_null(entry(s, "endpoints", a));
	assert_string_equal(text(entry(s, "endpoints", a), "component"), "sidecar");
	assert_string_equal(text(entry(s, "endpointsLeftOut", b), "reason"),
			    "its external labels do not match the selector");
	assert_string_equal(text(entry(s, "endpointsLeftOut", c), "reason"),
			    "its time range does not meet that of the selector");
	json_decref(top);

	char path[300];
	snprintf(path, sizeof(path),
		 "/api/v1/query_explain?query=m&time=100&storeMatch[]=%%7B__address__=%%22%s%%22%%7D", b);
	d = co_data(path, &top);
	assert_string_equal(text(d, "name"), "[selector] m");
	assert_string_equal(text(entry(d, "endpointsLeftOut", a), "reason"), "its address does not pass storeMatch[]");
	assert_non_null(entry(d, "endpoints", b));
	json_decref(top);
	co_expect("/api/v1/query_explain?query=%22x%22", 200,
		  "{\"status\":\"success\",\"data\":{\"name\":\"[string]\"}}");
	assert_non_null(strstr(co_get("/api/v1/query_explain?query=sum(", 400), "parse error"));
	assert_non_null(
		strstr(co_get("/api/v1/query_range_explain?query=m&start=1&end=0&step=1", 400), "end timestamp"));
	assert_int_equal(rig->store[0].calls, calls); /* nobody was asked for series */
	assert_int_equal(query_budget(rig->q)->used, 0);
}

static void test_explain_shows_plan_and_endpoints(void **state)
{
	static const char *const replica[] = { "replica" };
	struct rig *rig = &the_rig;
	rig_init(rig, 3);
	rig->cfg.replica_labels = (struct discovery_names){ replica, 1 };
	rig->store[1].ext = L("region", "eu");
	rig->store[2].maxt = 50000;
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = explain_body;
	rig_run(rig, web_body);
}

static void unhealthy_body(struct rig *rig)
{
	json_t *top;
	const json_t *d;
	rig->store[0].info_fails = true;
	assert_int_equal(co_endpoints_update(query_endpoints(rig->q), &rig->err), 0);
	d = co_data("/api/v1/query_explain?query=m&time=100", &top);
	assert_non_null(
		strstr(text(entry(d, "endpointsLeftOut", rig->store[0].addr), "reason"), "it is not healthy: "));
	assert_non_null(entry(d, "endpoints", rig->store[1].addr));
	json_decref(top);
}

static void test_explain_tells_who_is_not_healthy(void **state)
{
	rig_init(&the_rig, 2);
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = unhealthy_body;
	rig_run(&the_rig, web_body);
}

static void deep_body(struct rig *rig)
{
	json_t *top;
	char path[4096] = "/api/v1/query_explain?time=100&query=m";
	for (int i = 0; i < 100; i++)
		strcat(path, "%2bm");
	const json_t *d = co_data(path, &top), *last = d;
	size_t levels = 0;
	for (; d; d = child(d, 0), levels++)
		last = d;
	assert_int_equal(levels, 49);
	/* 201 operators and 100 mergers in all; the way down has 48 of them, each second with another child. */
	assert_non_null(strstr(text(last, "name"), " more operators]"));
	json_decref(top);
}

/* web.h's url is shorter than the query. */
static void test_a_deep_plan_is_cut(void **state)
{
	rig_init(&the_rig, 1);
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = deep_body;
	rig_run(&the_rig, web_body);
}

/* --- ANALYZE ------------------------------------------------------------------------------- */

static void analyze_body(struct rig *rig)
{
	json_t *top;
	const json_t *d = co_data(
		"/api/v1/query_range?query=sum(rate(m[20s]))%2bmax(n)&start=20&end=60&step=10&analyze=true", &top);
	const json_t *a = json_object_get(d, "analysis");
	assert_string_equal(text(a, "name"), "[operator] +");
	assert_int_equal(number(a, "totalSamples"), 5);
	assert_int_equal(number(a, "series"), 1);
	expect_duration(a, "executionTime");
	expect_duration(a, "selfTime");
	expect_duration(a, "cpuTime");
	assert_true(number(a, "peakSamples") > 0);
	const json_t *sum = child(a, 0), *rate = child(sum, 0), *s = child(rate, 0), *max = child(a, 1);
	assert_string_equal(text(sum, "name"), "[aggregate] sum");
	assert_int_equal(number(rate, "series"), 2);
	assert_string_equal(text(s, "name"), "[range selector] m[20s]");
	assert_int_equal(number(s, "series"), 2);
	assert_int_equal(number(s, "totalSamples"), 2 * 60);
	assert_int_equal(number(json_object_get(s, "select"), "series"), 2);
	assert_int_equal(number(json_object_get(s, "select"), "samples"), 2 * 60);
	assert_int_equal(json_array_size(json_object_get(s, "fanout")), 2);
	const json_t *first = entry(s, "fanout", rig->store[0].addr), *second = entry(s, "fanout", rig->store[1].addr);
	assert_int_equal(number(first, "series"), 2);
	assert_int_equal(number(first, "chunks"), 2);
	assert_int_equal(number(first, "samples"), 2 * 60);
	assert_int_equal(number(first, "numResponses"), 2);
	assert_true(number(first, "bytesProcessed") > 0);
	expect_duration(first, "duration");
	expect_duration(first, "firstResponse");
	expect_duration(first, "waitTime");
	assert_int_equal(number(second, "series"), 1);
	assert_int_equal(number(second, "chunks"), 1);
	assert_int_equal(number(second, "samples"), 60);
	assert_null(json_object_get(second, "failed"));
	const json_t *n = child(max, 0);
	assert_string_equal(text(n, "name"), "[selector] n");
	assert_int_equal(number(entry(n, "fanout", rig->store[1].addr), "series"), 1);
	assert_int_equal(number(entry(n, "fanout", rig->store[0].addr), "series"), 0);
	json_decref(top);

	rig->store[1].mode = FAKE_ERROR;
	d = co_data("/api/v1/query?query=m&time=30&analyze=1", &top);
	a = json_object_get(d, "analysis");
	assert_true(json_is_true(json_object_get(entry(a, "fanout", rig->store[1].addr), "failed")));
	assert_int_equal(number(a, "series"), 2);
	json_decref(top);
	rig->store[1].mode = FAKE_OK;
	d = co_data("/api/v1/query?query=m&time=30&analyze=0", &top);
	assert_int_equal(json_object_size(json_object_get(d, "analysis")), 0);
	json_decref(top);
	assert_int_equal(query_budget(rig->q)->used, 0);
}

/* m: two series, one of them in both stores as a replica; n: one series. 60 samples each, one a second. */
static void load(struct rig *rig)
{
	static const char *const replica[] = { "replica" };
	rig_init(rig, 2);
	rig->cfg.replica_labels = (struct discovery_names){ replica, 1 };
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "2", "replica", "a"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1", "replica", "b"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[1], L("__name__", "n", "i", "1"), 1000, 1000, 60, 1, 1);
	web.cfg = (struct query_http_config){ .partial_response = true };
}

static void test_analyze_shows_costs(void **state)
{
	load(&the_rig);
	web.body = analyze_body;
	rig_run(&the_rig, web_body);
}

/* --- statistics ---------------------------------------------------------------------------- */

static void stats_body(struct rig *rig)
{
	const char *body =
		co_get("/api/v1/query_range?query=sum(count_over_time(m[3s]))&start=1&end=4.5&step=1.5&stats=all", 200);
	/* Two series; windows (-2,1] (-0.5,2.5] (1,4] over samples at 1, 2, 3, 4. */
	const char *want =
		"\"samples\":{\"totalQueryableSamplesPerStep\":[[1,2],[2.5,4],[4,6]],\"totalQueryableSamples\":12,"
		"\"peakSamples\":";
	if (!strstr(body, want))
		fail_msg("%s", body);
	body = co_get("/api/v1/query?query=m&time=10&stats=1", 200);
	if (!strstr(body, "\"samples\":{\"totalQueryableSamples\":2,\"peakSamples\":"))
		fail_msg("%s", body);
	assert_non_null(strstr(co_get("/api/v1/query?query=%22x%22&time=7&stats=all", 200),
			       "\"totalQueryableSamplesPerStep\":[[7,0]],\"totalQueryableSamples\":0"));
	assert_null(strstr(co_get("/api/v1/query?query=m&time=10", 200), "stats"));
}

static void test_statistics_are_exact(void **state)
{
	load(&the_rig);
	web.body = stats_body;
	rig_run(&the_rig, web_body);
}

/* --- limits -------------------------------------------------------------------------------- */

static void limit_body(struct rig *rig)
{
	const char *body =
		co_get("/api/v1/query?query=sum(n)%20%2b%20%0asum(m%7Bi!=%22%22%7D)&time=30&partial_response=0", 422);
	if (!strstr(body,
		    "failed to send series: limit 1 violated (got 2); the selector is m{i!=\\\"\\\"} (2:5): 1 series with 30 "
		    "samples read so far"))
		fail_msg("%s", body);
	assert_int_equal(query_budget(rig->q)->used, 0);
}

static void test_the_selector_over_a_limit_of_stores_is_named(void **state)
{
	load(&the_rig);
	the_rig.cfg.limit_series = 1;
	web.body = limit_body;
	rig_run(&the_rig, web_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explain_shows_plan_and_endpoints),
		cmocka_unit_test(test_explain_tells_who_is_not_healthy),
		cmocka_unit_test(test_a_deep_plan_is_cut),
		cmocka_unit_test(test_analyze_shows_costs),
		cmocka_unit_test(test_statistics_are_exact),
		cmocka_unit_test(test_the_selector_over_a_limit_of_stores_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
