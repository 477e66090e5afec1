/* What queries cost: headers, metrics, the log of slow ones. */
#include "unit/query/web.h"

#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

static struct rig the_rig;

/* Where the log goes, and what is in it. */
static struct {
	struct logger lg;
	char path[64], text[32768];
} logged;

static const char *read_log(void)
{
	int fd = open(logged.path, O_RDONLY);
	ssize_t n = read(fd, logged.text, sizeof(logged.text) - 1);
	logged.text[n > 0 ? n : 0] = 0;
	close(fd);
	return logged.text;
}

/* The value of a logfmt key in the line with `mark`; fails where it is not there. */
static double field(const char *mark, const char *key)
{
	char want[64];
	const char *line = strstr(read_log(), mark);
	snprintf(want, sizeof(want), " %s=", key);
	const char *at = line ? strstr(line, want) : NULL;
	if (!at)
		fail_msg("no %s in the line of %s in\n%s", key, mark, logged.text);
	at += strlen(want);
	return strtod(*at == '"' ? at + 1 : at, NULL);
}

/* The value of "name=1.5" or "name;dur=1.5" in a header of the last answer. */
static double in_header(const char *header, const char *name)
{
	char all[512];
	struct str v = http_headers_get(&web.resp.headers, header);
	snprintf(all, sizeof(all), "%.*s", STR_ARG(v));
	const char *at = strstr(all, name);
	if (!at)
		fail_msg("no %s in \"%s\"", name, all);
	return strtod(at + strlen(name), NULL);
}

/* The value of a series in the exposition; -1: it is not there. */
static double metric(struct rig *rig, const char *series)
{
	struct strbuf b = { 0 };
	double v = -1;
	metrics_expose(rig->reg, METRICS_TEXT, &b);
	strbuf_add_c(&b, "");
	char want[200];
	snprintf(want, sizeof(want), "\n%s ", series);
	const char *at = strstr(b.p, want);
	if (at)
		v = strtod(at + strlen(want), NULL);
	strbuf_fini(&b);
	return v;
}

static void cost_body(struct rig *rig)
{
	co_get("/api/v1/query_range?query=sum(rate(m[20s]))&start=20&end=60&step=10", 200);
	assert_true(in_header("server-timing", "querier_wall_time;dur=") >= in_header("server-timing", "eval;dur="));
	assert_true(in_header("server-timing", "eval;dur=") > 0);
	assert_true(in_header("server-timing", "cpu;dur=") > 0);
	assert_true(in_header("server-timing", "queue;dur=") >= 0);
	assert_true(in_header("x-query-cost", "samples=") == 120);
	assert_true(in_header("x-query-cost", "series=") == 2);
	assert_true(in_header("x-query-cost", "bytes=") > 0);
	assert_true(in_header("x-query-cost", "memory_bytes=") > 1000);
	assert_null(strstr(read_log(), "slow query"));
	assert_true(metric(rig, "thanos_engine_queries_total{engine=\"prometheus\",mode=\"local\"}") == 1);
	assert_true(metric(rig, "thanos_engine_queries{engine=\"prometheus\",mode=\"local\"}") == 0);
	assert_true(metric(rig, "prometheus_engine_queries{engine=\"prometheus\",mode=\"local\"}") == 0);
	assert_true(metric(rig, "prometheus_engine_queries_concurrent_max{engine=\"prometheus\",mode=\"local\"}") ==
		    20);
	assert_true(metric(rig, "prometheus_engine_query_log_enabled{engine=\"prometheus\",mode=\"local\"}") == 1);
	assert_true(metric(rig, "prometheus_engine_query_samples_read_total{engine=\"prometheus\",mode=\"local\"}") ==
		    120);
	assert_true(metric(rig,
			   "prometheus_engine_query_duration_seconds_count{slice=\"inner_eval\",engine=\"prometheus\","
			   "mode=\"local\"}") == 1);
	assert_true(metric(rig, "prometheus_engine_query_duration_histogram_seconds_count{slice=\"queue_time\","
				"engine=\"prometheus\",mode=\"local\"}") == 1);
	assert_true(metric(rig, "thanos_query_concurrent_gate_queries_max") == 20);
	assert_true(metric(rig, "thanos_query_concurrent_gate_queries_in_flight") == 0);
	assert_true(metric(rig, "thanos_query_concurrent_gate_queries_total") == 1);
	assert_true(metric(rig, "thanos_query_concurrent_gate_queries_duration_seconds_count") == 1);
	assert_true(metric(rig, "thanos_query_range_requested_timespan_duration_seconds_sum") == 40);
	assert_true(metric(rig, "thanos_query_slow_queries_total") == 0);
	assert_true(metric(rig, "prometheus_engine_query_log_failures_total{engine=\"prometheus\",mode=\"local\"}") ==
		    0);

	/* Slow: a store that does not answer is given up after 300 ms. What is no query is not counted. */
	rig->store[1].mode = FAKE_HANG;
	co_get("/api/v1/query?query=m%20%2b%20%22&time=30", 400);
	co_get("/api/v1/query?query=max(m)&time=30", 200);
	assert_true(metric(rig, "thanos_query_slow_queries_total") == 1);
	assert_true(metric(rig, "thanos_engine_queries_total{engine=\"prometheus\",mode=\"local\"}") == 2);
	assert_non_null(strstr(read_log(), "level=warn"));
	assert_non_null(strstr(logged.text, "msg=\"slow query\" kind=query query=max(m) start=30 end=30 step=0 "
					    "tenant=default-tenant"));
	assert_true(field("max(m)", "status") == 200);
	assert_true(field("max(m)", "duration_seconds") >= 0.25);
	assert_true(field("max(m)", "eval_seconds") >= 0.25);
	assert_true(field("max(m)", "cpu_seconds") > 0);
	assert_true(field("max(m)", "cpu_seconds") < field("max(m)", "duration_seconds"));
	assert_true(field("max(m)", "samples") == 60);
	assert_true(field("max(m)", "series") == 2);
	assert_true(field("max(m)", "chunks") == 2);
	assert_true(field("max(m)", "result_series") == 1);
	assert_true(field("max(m)", "memory_peak_bytes") > 1000);
	assert_true(field("max(m)", "endpoints") == 2);
	const char *slowest = strstr(logged.text, "slowest_endpoints=\"");
	assert_non_null(slowest);
	assert_memory_equal(slowest + strlen("slowest_endpoints=\""), rig->store[1].addr, strlen(rig->store[1].addr));
	assert_non_null(strstr(slowest, "failed=1"));

	/* One that runs out of time. */
	co_get("/api/v1/query?query=min(m)&time=30&timeout=0.26", 503);
	assert_true(in_header("server-timing", "querier_wall_time;dur=") >= 250);
	assert_true(field("min(m)", "status") == 503);
	assert_true(field("min(m)", "result_series") == 0);
	assert_true(field("min(m)", "endpoints") == 2);
	assert_non_null(strstr(strstr(logged.text, "min(m)"), "err="));
}

static void test_costs_are_told_counted_and_logged(void **state)
{
	static const char *const replica[] = { "replica" };
	struct rig *rig = &the_rig;
	snprintf(logged.path, sizeof(logged.path), "/tmp/test_cost.XXXXXX");
	logged.lg = (struct logger){ .fd = mkstemp(logged.path), .level = LOG_INFO };
	assert_true(logged.lg.fd >= 0);
	rig_init(rig, 2);
	rig->lg = &logged.lg;
	rig->cfg.replica_labels = (struct discovery_names){ replica, 1 };
	rig->cfg.slow_log_ms = 250;
	rig->cfg.store_response_timeout_ms = 300;
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "2", "replica", "a"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1", "replica", "b"), 1000, 1000, 60, 1, 1);
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = cost_body;
	rig_run(rig, web_body);
	close(logged.lg.fd);
	unlink(logged.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_costs_are_told_counted_and_logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
