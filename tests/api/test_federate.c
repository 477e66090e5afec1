/* Federation over loopback: what Prometheus 3 answers to the same series, in both formats. */
#include "api/rig.h"

#include "api/expfmt.h"
#include "base/sys.h"
#include "unit/unit.h"

static const char script[] =
	"load 1m\n"
	"  test_metric1{foo=\"bar\",instance=\"i\"} 0+100x100\n"
	"  test_metric1{foo=\"boo\",instance=\"i\"} 1+0x100\n"
	"  test_metric2{foo=\"boo\",instance=\"i\"} 1+0x100\n"
	"  test_metric_without_labels 1+10x100\n"
	"  test_metric_stale 1+10x99 stale\n"
	"  test_metric_old 1+10x98\n"
	"  odd{foo=\"q\",quoted=\"a\\\"\\\\<é\"} 1e6x100\n"
	"  {\"my.metric\", \"a.b\"=\"v\", foo=\"q\"} 0.1x100\n"
	"  big{A=\"v\",foo=\"q\"} 7x100\n"
	"  zoo{A=\"v\",foo=\"q\"} 8x100\n"
	"  odd{A=\"v\",foo=\"q\"} 9x100\n"
	"  {foo=\"q\"} 10x100\n"
	"  native{foo=\"h\"} {{schema:1 sum:10 count:12 z_bucket:2 z_bucket_w:0.001 buckets:[1 2 3] n_buckets:[4] offset:-1}}x100\n"
	"  nhcb{foo=\"h\"} {{schema:-53 sum:5 count:6 custom_values:[1 2.5 4] buckets:[1 0 2]}}x100\n"
	"  nhcb{foo=\"h\",x=\"float\"} 3x100\n";

static const struct api_prom_config plain = { .partial_response = true, .timeout_ms = 60000 };

/* 101 minutes after the epoch. */
static int64_t fixed_time(void)
{
	return INT64_C(101) * 60 * 1000000000;
}

static void run(void (*fn)(struct rig *g))
{
	struct sys_ops ops = sys_real;
	struct rig g;
	ops.wall_ns = fixed_time;
	rig_init(&g, &plain, str_c(script));
	g.sort = true;
	sys = &ops;
	rig_run(&g, fn);
	sys = &sys_real;
	rig_fini(&g);
}

static void co_ask(struct rig *g, const char *params, const char *accept, struct answer *ret)
{
	struct strbuf url = { 0 };
	struct err err = ERR_NONE;
	char origin[160];
	struct http_header h = { STR("Accept"), str_c(accept) };
	strbuf_printf(&url, "%s/federate?%s", rig_origin(g, origin), params);
	struct http_client_req rq = { .url = url.p, .headers = &h, .n_headers = accept ? 1 : 0 };
	*ret = (struct answer){ .status = 0 };
	if (co_http_request(g->client, &rq, &ret->resp, &err))
		fail_msg("%s", err.msg);
	strbuf_add_c(&ret->resp.body, "");
	ret->status = ret->resp.status;
	ret->body = ret->resp.body.p ? ret->resp.body.p : "";
	strbuf_fini(&url);
}

static void co_expect_as(struct rig *g, const char *accept, const char *params, int status, const char *body)
{
	struct answer a;
	co_ask(g, params, accept, &a);
	if (a.status != status || strcmp(a.body, body) != 0)
		fail_msg("%s\n  want %d %s\n  got  %d %s", params, status, body, a.status, a.body);
	http_client_resp_fini(&a.resp);
}

static void co_expect(struct rig *g, const char *params, int status, const char *body)
{
	co_expect_as(g, NULL, params, status, body);
}

#define METRIC1 \
	"# TYPE test_metric1 untyped\n" \
	"test_metric1{foo=\"bar\",instance=\"i\"} 10000 6000000\n" \
	"test_metric1{foo=\"boo\",instance=\"i\"} 1 6000000\n"
#define METRIC2 "# TYPE test_metric2 untyped\ntest_metric2{foo=\"boo\",instance=\"i\"} 1 6000000\n"
#define OLD "# TYPE test_metric_old untyped\ntest_metric_old{instance=\"\"} 981 5880000\n"
#define WITHOUT "# TYPE test_metric_without_labels untyped\ntest_metric_without_labels{instance=\"\"} 1001 6000000\n"

static void co_scenarios(struct rig *g)
{
	co_expect(g, "", 200, "");
	co_expect(g, "match[]=does_not_match_anything", 200, "");
	co_expect(g, "match[]={}", 200, "");
	/* The querier reads match[] as Thanos does, everywhere. */
	co_expect(g, "match[]=-not-a-valid-metric-name", 400,
		  "expected type *parser.VectorSelector, got *parser.BinaryExpr\n");
	co_expect(g, "match[]=not-a-valid-metric-name", 400,
		  "expected type *parser.VectorSelector, got *parser.BinaryExpr\n");
	co_expect(g, "match[]=test_metric1", 200, METRIC1);
	co_expect(g, "match[]=test_metric_stale", 200, "");
	co_expect(g, "match[]=test_metric_old", 200, OLD);
	co_expect(g, "match[]={foo='boo'}", 200,
		  "# TYPE test_metric1 untyped\ntest_metric1{foo=\"boo\",instance=\"i\"} 1 6000000\n" METRIC2);
	co_expect(g, "match[]=test_metric1&match[]=test_metric2", 200, METRIC1 METRIC2);
	co_expect(g, "match[]={__name__=~'test_metric1'}&match[]={foo='bar'}", 200, METRIC1);
	co_expect(g, "match[]={foo='',__name__=~'.%2b'}", 200, OLD WITHOUT);
	co_expect(g, "match[]={__name__=~'test.%2b'}", 200, METRIC1 METRIC2 OLD WITHOUT);
}

static void test_answers_are_those_of_prometheus(void **state)
{
	run(co_scenarios);
}

static void co_names(struct rig *g)
{
	static const char rest[] = "# TYPE odd untyped\n"
				   "odd{A=\"v\",foo=\"q\",instance=\"\"} 9 6000000\n"
				   "odd{foo=\"q\",quoted=\"a\\\"\\\\<é\",instance=\"\"} 1e+06 6000000\n"
				   "# TYPE zoo untyped\n"
				   "zoo{A=\"v\",foo=\"q\",instance=\"\"} 8 6000000\n";
	static const char *const forms[][3] = {
		{ NULL, "# TYPE my_metric untyped\nmy_metric{a_b", "=\"v\",foo=\"q\",instance=\"\"} 0.1 6000000\n" },
		{ "text/plain;escaping=dots", "# TYPE my_dot_metric untyped\nmy_dot_metric{a_dot_b", NULL },
		{ "text/plain; version=0.0.4; escaping=values",
		  "# TYPE U__my_2e_metric untyped\nU__my_2e_metric{U__a_2e_b", NULL },
		{ "application/x;escaping=values, text/plain;version=1;q=0.7",
		  "# TYPE U__my_2e_metric untyped\nU__my_2e_metric{U__a_2e_b", NULL },
		{ "text/plain;q=0.5;escaping=dots,text/plain;escaping=allow-utf-8",
		  "# TYPE \"my.metric\" untyped\n{\"my.metric\",\"a.b\"", NULL },
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct strbuf want = { 0 };
		strbuf_printf(&want, "# TYPE big untyped\nbig{A=\"v\",foo=\"q\",instance=\"\"} 7 6000000\n%s%s%s",
			      forms[i][1], forms[0][2], rest);
		co_expect_as(g, forms[i][0], "match[]={foo='q'}", 200, want.p);
		strbuf_fini(&want);
	}
}

static void test_families_come_by_name_and_names_are_escaped(void **state)
{
	run(co_names);
}

#define PROTO "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

static void co_hists(struct rig *g)
{
	struct answer a;
	co_expect(g, "match[]={foo='h'}", 200,
		  "# TYPE nhcb histogram\n"
		  "nhcb_bucket{foo=\"h\",instance=\"\",le=\"1\"} 1 6000000\n"
		  "nhcb_bucket{foo=\"h\",instance=\"\",le=\"2.5\"} 1 6000000\n"
		  "nhcb_bucket{foo=\"h\",instance=\"\",le=\"4\"} 3 6000000\n"
		  "nhcb_bucket{foo=\"h\",instance=\"\",le=\"+Inf\"} 6 6000000\n"
		  "nhcb_sum{foo=\"h\",instance=\"\"} 5 6000000\n"
		  "nhcb_count{foo=\"h\",instance=\"\"} 6 6000000\n"
		  "# TYPE nhcb untyped\n"
		  "nhcb{foo=\"h\",x=\"float\",instance=\"\"} 3 6000000\n");
	co_ask(g, "match[]=native", PROTO, &a);
	assert_int_equal(a.status, 200);
	struct str type = http_headers_get(&a.resp.headers, "content-type");
	assert_true(str_eq_c(type, "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
				   "encoding=delimited; escaping=underscores"));
	/* The first of two families: length, name, type HISTOGRAM, one metric with foo="h" and instance="". */
	static const char want[] = "\x0a\x06native\x18\x04\"";
	static const char pairs[] = "\x0a\x08\x0a\x03"
				    "foo\x12\x01h\x0a\x0c\x0a\x08instance\x12\x00\x30\x80\x9b\xee\x02\x3a";
	assert_int_equal((a.body[0] & 0x7f) | a.body[1] << 7, a.resp.body.n - 2);
	assert_memory_equal(a.body + 2, want, sizeof(want) - 1);
	assert_memory_equal(a.body + 2 + sizeof(want), pairs, sizeof(pairs) - 1);
	http_client_resp_fini(&a.resp);
}

static void test_histograms_are_classic_in_text_and_native_in_protobuf(void **state)
{
	run(co_hists);
}

static void co_params(struct rig *g)
{
	struct answer a;
	co_ask(g, "match[]=test_metric1&dedup=0&partial_response=0&max_source_resolution=5m", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_true(!g->seen.dedup && !g->seen.partial_response);
	assert_int_equal(g->seen.max_resolution_ms, 300000);
	assert_int_equal(g->seen_end, 101 * 60000);
	assert_int_equal(g->seen_start, 96 * 60000);
	http_client_resp_fini(&a.resp);
	co_expect(g, "match[]=up&dedup=x", 400,
		  "'dedup' parameter: strconv.ParseBool: parsing \"x\": invalid syntax\n");
	g->select_code = ERR_FAILED_PRECONDITION;
	co_expect(g, "match[]=test_metric1", 500, "store a:1 said no\n");
	g->select_code = 0;
	g->select_delay_ms = 200;
	g->prom.cfg.timeout_ms = 20;
	co_expect(g, "match[]=test_metric1", 503, "query timed out in query execution\n");
	assert_int_equal(g->prom.read_gate.held, 0);
}

static void test_parameters_and_errors(void **state)
{
	run(co_params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_those_of_prometheus),
		cmocka_unit_test(test_families_come_by_name_and_names_are_escaped),
		cmocka_unit_test(test_histograms_are_classic_in_text_and_native_in_protobuf),
		cmocka_unit_test(test_parameters_and_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
