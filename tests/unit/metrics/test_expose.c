#include "metrics/expose.h"

#include "metrics/process.h"

#include "unit/unit.h"

#include <math.h>
#include <unistd.h>

static struct metrics_registry *sample_registry(void)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_counter_vec(r, "b_requests_total", "Requests.", METRICS_LABELS("code", "path"));
	counter_add(metrics_counter_with(v, METRICS_LABELS("500", "a\\b\"c\nd")), 1234567);
	counter_add(metrics_counter_with(v, METRICS_LABELS("200", "")), 2);
	gauge_set(metrics_gauge(r, "c_temp", "Back\\slash, \"quote\" and\nnewline."), -1.5);
	struct metrics_histogram *h = metrics_histogram(r, "a_seconds", "Time.", (double[]){ .1, 1 }, 2);
	histogram_observe(h, .1);
	histogram_observe(h, .5);
	histogram_observe(h, 7);
	struct summary *s = metrics_summary(r, "d_bytes", "Size.");
	summary_observe(s, 3);
	gauge_set(metrics_gauge(r, "e_inf", "E."), INFINITY);
	return r;
}

static void test_text_format(void **state)
{
	struct metrics_registry *r = sample_registry();
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	assert_string_equal(b.p, "# HELP a_seconds Time.\n"
				 "# TYPE a_seconds histogram\n"
				 "a_seconds_bucket{le=\"0.1\"} 1\n"
				 "a_seconds_bucket{le=\"1\"} 2\n"
				 "a_seconds_bucket{le=\"+Inf\"} 3\n"
				 "a_seconds_sum 7.6\n"
				 "a_seconds_count 3\n"
				 "# HELP b_requests_total Requests.\n"
				 "# TYPE b_requests_total counter\n"
				 "b_requests_total{code=\"200\",path=\"\"} 2\n"
				 "b_requests_total{code=\"500\",path=\"a\\\\b\\\"c\\nd\"} 1.234567e+06\n"
				 "# HELP c_temp Back\\\\slash, \"quote\" and\\nnewline.\n"
				 "# TYPE c_temp gauge\n"
				 "c_temp -1.5\n"
				 "# HELP d_bytes Size.\n"
				 "# TYPE d_bytes summary\n"
				 "d_bytes_sum 3\n"
				 "d_bytes_count 1\n"
				 "# HELP e_inf E.\n"
				 "# TYPE e_inf gauge\n"
				 "e_inf +Inf\n");
	strbuf_fini(&b);
	metrics_registry_free(r);
}

static void test_openmetrics_format(void **state)
{
	struct metrics_registry *r = sample_registry();
	metrics_counter(r, "plain", "No suffix.");
	metrics_set_unit(r, "a_seconds", "seconds");
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_OPENMETRICS, &b);
	assert_string_equal(b.p, "# HELP a_seconds Time.\n"
				 "# TYPE a_seconds histogram\n"
				 "# UNIT a_seconds seconds\n"
				 "a_seconds_bucket{le=\"0.1\"} 1\n"
				 "a_seconds_bucket{le=\"1.0\"} 2\n"
				 "a_seconds_bucket{le=\"+Inf\"} 3\n"
				 "a_seconds_sum 7.6\n"
				 "a_seconds_count 3\n"
				 "# HELP b_requests Requests.\n"
				 "# TYPE b_requests counter\n"
				 "b_requests_total{code=\"200\",path=\"\"} 2.0\n"
				 "b_requests_total{code=\"500\",path=\"a\\\\b\\\"c\\nd\"} 1.234567e+06\n"
				 "# HELP c_temp Back\\\\slash, \\\"quote\\\" and\\nnewline.\n"
				 "# TYPE c_temp gauge\n"
				 "c_temp -1.5\n"
				 "# HELP d_bytes Size.\n"
				 "# TYPE d_bytes summary\n"
				 "d_bytes_sum 3.0\n"
				 "d_bytes_count 1\n"
				 "# HELP e_inf E.\n"
				 "# TYPE e_inf gauge\n"
				 "e_inf +Inf\n"
				 "# HELP plain No suffix.\n"
				 "# TYPE plain unknown\n"
				 "plain 0.0\n"
				 "# EOF\n");
	strbuf_fini(&b);
	metrics_registry_free(r);
}

static void test_negotiation(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_format want;
	} t[] = {
		{ "", METRICS_TEXT },
		{ "*/*", METRICS_TEXT },
		{ "text/plain", METRICS_TEXT },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "application/openmetrics-text; version=2.0.0", METRICS_TEXT },
		{ "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.75",
		  METRICS_OPENMETRICS },
		{ "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.75", METRICS_TEXT },
		/* What Prometheus sends. */
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
		  "version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
		  "/;q=0.1",
		  METRICS_OPENMETRICS },
		{ "application/openmetrics-text;q=0", METRICS_TEXT },
		{ "application/openmetrics-text;q=high", METRICS_TEXT },
		{ "application/openmetrics-text; version=\"1.0.0\"", METRICS_OPENMETRICS },
		{ ",;,;;=,", METRICS_TEXT },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (metrics_negotiate(str_c(t[i].accept)) != t[i].want)
			fail_msg("\"%s\"", t[i].accept);
	assert_non_null(strstr(metrics_content_type(METRICS_TEXT), "version=0.0.4"));
	assert_non_null(strstr(metrics_content_type(METRICS_OPENMETRICS), "application/openmetrics-text"));
}

static void test_promtool_accepts_the_text(void **state)
{
	if (system("command -v promtool >/dev/null 2>&1") != 0)
		skip();
	struct metrics_registry *r = metrics_registry_new();
	struct process_metrics *m = metrics_process_new(r);
	struct metrics_status s;
	metrics_status_init(&s, r, "query");
	metrics_build_info_init(r, "0.1", "abc", "main");
	struct metrics_vec *v = metrics_histogram_vec(r, "x_duration_seconds", "X.", METRICS_LABELS("handler"),
						      metrics_buckets_default, 11);
	histogram_observe(metrics_histogram_with(v, METRICS_LABELS("q\"\\\n")), .3);
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	FILE *p = popen("promtool check metrics 2>&1", "w");
	assert_non_null(p);
	assert_int_equal(fwrite(b.p, 1, b.n, p), b.n);
	assert_int_equal(pclose(p), 0);
	strbuf_fini(&b);
	metrics_registry_free(r);
	metrics_process_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_format),
		cmocka_unit_test(test_openmetrics_format),
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_promtool_accepts_the_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
