/* The query API over loopback: parameters, errors, headers, limits. */
#include "api/rig.h"

#include "base/compiler.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "unit/unit.h"

static const char script[] = "load 15s\n"
			     "  up{instance=\"a:9090\",job=\"x\"} 1x40\n"
			     "  up{instance=\"b:9090\",job=\"x\"} 0x40\n"
			     "  ser{i=\"2\"} 1x40\n"
			     "  ser{i=\"1\"} 1x40\n"
			     "  mixed 1x10 {{count:1 sum:1}}x10\n"
			     "  {\"my.metric\", \"a.b\"=\"v<1>\"} 7x40\n";

static const struct api_prom_config plain = { .partial_response = true, .timeout_ms = 60000 };

/* Asks and expects a status and a body. */
static void co_expect(struct rig *g, const char *method, const char *path, const char *form, int status,
		      const char *body)
{
	struct answer a;
	co_rig_ask(g, method, path, form, &a);
	if (a.status != status || strcmp(a.body, body) != 0)
		fail_msg("%s %s?%s\n  want %d %s\n  got  %d %s", method, path, form ? form : "", status, body, a.status,
			 a.body);
	http_client_resp_fini(&a.resp);
}

/* Expects an error. */
static void co_refused(struct rig *g, const char *path, const char *form, int status, const char *type,
		       const char *text)
{
	char body[1024];
	snprintf(body, sizeof(body), "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":\"%s\"}", type, text);
	co_expect(g, "GET", path, form, status, body);
}

static void run(const struct api_prom_config *cfg, void (*fn)(struct rig *g))
{
	struct rig g;
	rig_init(&g, cfg, str_c(script));
	rig_run(&g, fn);
	assert_int_equal(g.gate_in, g.gate_out);
	rig_fini(&g);
}

/* --- query and query_range ---------------------------------------------------------------- */

#define SER(i, v) "{\"metric\":{\"__name__\":\"ser\",\"i\":\"" i "\"}," v "}"
#define VECTOR(list) \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" list "],\"analysis\":{}}}"

static void co_queries(struct rig *g)
{
	const char *want = VECTOR(SER("2", "\"value\":[300,\"1\"]") "," SER("1", "\"value\":[300,\"1\"]"));
	co_expect(g, "GET", "/api/v1/query", "query=ser&time=300", 200, want);
	co_expect(g, "POST", "/api/v1/query", "query=ser&time=300&dedup=false&engine=prometheus", 200, want);
	co_expect(g, "GET", "/api/v1/query", "query=1%2B1&time=4", 200,
		  "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[4,\"2\"],\"analysis\":{}}}");
	co_expect(
		g, "GET", "/api/v1/query", "query=ser&time=300&limit=1", 200,
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" SER(
			"2",
			"\"value\":[300,\"1\"]") "],\"analysis\":{}},\"warnings\":[\"results truncated due to limit\"]}");
	co_expect(
		g, "GET", "/api/v1/query_range", "query=sum(ser)&start=0&end=30&step=15s", 200,
		"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[0,\"2\"],"
		"[15,\"2\"],[30,\"2\"]]}],\"analysis\":{}}}");
	co_expect(
		g, "POST", "/api/v1/query_range", "query=1&start=0&end=1000", 200,
		"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[0,\"1\"],"
		"[400,\"1\"],[800,\"1\"]]}],\"analysis\":{}}}");
}

static void test_queries_are_answered(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.default_step_ms = 400000;
	run(&cfg, co_queries);
}

static void co_bad_params(struct rig *g)
{
	static const struct {
		const char *form, *text;
	} instant[] = {
		{ "time=x", "Invalid time value for 'time': cannot parse \\\"x\\\" to a valid timestamp" },
		{ "timeout=x", "cannot parse \\\"x\\\" to a valid duration" },
		{ "dedup=x", "'dedup' parameter: strconv.ParseBool: parsing \\\"x\\\": invalid syntax" },
		{ "partial_response=x",
		  "'partial_response' parameter: strconv.ParseBool: parsing \\\"x\\\": invalid syntax" },
		{ "max_source_resolution=x",
		  "'max_source_resolution' parameter: cannot parse \\\"x\\\" to a valid duration" },
		{ "max_source_resolution=-1",
		  "negative 'max_source_resolution' is not accepted. Try a positive integer" },
		{ "lookback_delta=x", "'lookback_delta' parameter: cannot parse \\\"x\\\" to a valid duration" },
		{ "engine=x", "'x' bad engine" },
		{ "limit=-1", "limit must be non-negative" },
		{ "storeMatch[]=up%7B", "1:4: parse error: unexpected end of input inside braces" },
		{ "storeMatch[]=", "unknown position: parse error: no expression found in input" },
		{ "storeMatch[]=1", "expected type *parser.VectorSelector, got *parser.NumberLiteral" },
		{ "storeMatch[]=up%20or%20up", "expected type *parser.VectorSelector, got *parser.BinaryExpr" },
		{ "time=%E2%80%A8",
		  "Invalid time value for 'time': cannot parse \\\"\\\\u2028\\\" to a valid timestamp" },
		{ "shard_info=[]", "could not unmarshal parameter shard_info: it is not an object" },
		{ "shard_info=%7B%22BY%22:1%7D", "could not unmarshal parameter shard_info: by is not true or false" },
		{ "shard_info=%7B%22by%22:1%7D", "could not unmarshal parameter shard_info: by is not true or false" },
		{ "", "unknown position: parse error: no expression found in input" },
		{ "query=up%7B", "1:4: parse error: unexpected end of input inside braces" },
	};
	for (size_t i = 0; i < ARRAY_LEN(instant); i++)
		co_refused(g, "/api/v1/query", instant[i].form, 400, "bad_data", instant[i].text);
	assert_int_equal(g->gate_in, 0);
	co_refused(g, "/api/v1/query_range", "query=1&start=x", 400, "bad_data",
		   "cannot parse \\\"x\\\" to a valid timestamp");
	co_refused(g, "/api/v1/query_range", "query=1&start=5&end=0&step=1", 400, "bad_data",
		   "end timestamp must not be before start time");
	co_refused(g, "/api/v1/query_range", "query=1&start=0&end=5&step=0", 400, "bad_data",
		   "zero or negative query resolution step widths are not accepted. Try a positive integer");
	co_refused(g, "/api/v1/query_range", "query=1&start=0&end=11001&step=1", 400, "bad_data",
		   "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution "
		   "(?step=XX)");
	co_refused(g, "/api/v1/query_range",
		   "query=1&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z&step=9e9", 400,
		   "bad_data",
		   "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution "
		   "(?step=XX)");
	co_refused(g, "/api/v1/query_range", "query=ser[5m]&start=0&end=5&step=1", 400, "bad_data",
		   "invalid expression type \\\"range vector\\\" for range query, must be Scalar or instant Vector");
	co_refused(g, "/api/v1/query", "query=%zz", 400, "bad_data", "invalid URL escape \\\"%zz\\\"");
}

static void test_bad_parameters_are_400_before_anything_runs(void **state)
{
	run(&plain, co_bad_params);
}

static void co_select_params(struct rig *g)
{
	struct answer a;
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300", &a);
	http_client_resp_fini(&a.resp);
	assert_true(g->seen.dedup && g->seen.partial_response && !g->seen.skip_chunks && !g->seen.shard);
	assert_int_equal(g->seen.n_replica_labels, 1);
	assert_int_equal(g->seen.max_resolution_ms, 0);
	assert_int_equal(g->seen.n_store_match, 0);
	assert_int_equal(g->seen_end, 300000);
	co_rig_ask(g, "POST", "/api/v1/query_range?dedup=false",
		   "query=ser&start=0&end=100&step=50&partial_response=0&max_source_resolution=auto&replicaLabels[]=a&"
		   "replicaLabels[]=b&storeMatch[]=%7B__address__%3D%22x%22%7D&"
		   "shard_info=%7B%22shard_index%22:1,%22total_shards%22:2,%22by%22:true,%22labels%22:[%22pod%22]%7D",
		   &a);
	assert_int_equal(a.status, 200);
	http_client_resp_fini(&a.resp);
	assert_true(!g->seen.dedup && !g->seen.partial_response && g->seen.shard);
	assert_int_equal(g->seen.n_replica_labels, 2);
	assert_int_equal(g->seen.n_store_match, 1);
	assert_int_equal(g->seen.max_resolution_ms, 10000);
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300&shard_info=null", &a);
	assert_int_equal(a.status, 200);
	assert_true(str_eq_c(http_headers_get(&a.resp.headers, "vary"), "Accept-Encoding"));
	http_client_resp_fini(&a.resp);
	co_rig_ask(g, "GET", "/api/v1/series", "match[]=ser%20offset%205m", &a);
	assert_int_equal(a.status, 200);
	http_client_resp_fini(&a.resp);
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300&max_source_resolution=5m", &a);
	http_client_resp_fini(&a.resp);
	assert_int_equal(g->seen.max_resolution_ms, 300000);
}

static void test_parameters_reach_the_selects(void **state)
{
	const struct str replica = STR("replica");
	struct api_prom_config cfg = plain;
	cfg.replica_labels = &replica;
	cfg.n_replica_labels = 1;
	run(&cfg, co_select_params);
}

static void co_stats(struct rig *g)
{
	struct answer a;
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300&stats=all&analyze=true", &a);
	assert_non_null(strstr(a.body, "\"stats\":{\"timings\":{\"evalTotalTime\":"));
	assert_non_null(strstr(a.body, "},\"samples\":{\"totalQueryableSamplesPerStep\":[[300,"));
	assert_non_null(strstr(a.body, "\"analysis\":{\"name\":\"[selector] ser\",\"executionTime\":\""));
	http_client_resp_fini(&a.resp);
}

static void test_stats_and_analysis_come_when_asked_for(void **state)
{
	run(&plain, co_stats);
}

/* --- warnings, errors, limits --------------------------------------------------------------- */

static bool has_header(const struct answer *a, const char *name, const char *value)
{
	return str_eq_c(http_headers_get(&a->resp.headers, name), value);
}

static void co_notes(struct rig *g)
{
	struct answer a;
	co_rig_ask(g, "GET", "/api/v1/query", "query=sum_over_time(mixed[10m])&time=300", &a);
	assert_non_null(strstr(a.body,
			       "\"warnings\":[\"PromQL warning: encountered a mix of histograms and floats for metric "
			       "name \\\"mixed\\\"\"]"));
	assert_false(has_header(&a, "cache-control", "no-store"));
	assert_true(has_header(&a, "content-type", "application/json"));
	assert_true(has_header(&a, "access-control-allow-origin", "*"));
	http_client_resp_fini(&a.resp);
	g->store_warning = "receive series from a:1: <gone>";
	static const char *const asks[][2] = { { "/api/v1/query", "query=up" },
					       { "/api/v1/labels", "" },
					       { "/api/v1/label/job/values", "" },
					       { "/api/v1/series", "match[]=up" } };
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		co_rig_ask(g, "GET", asks[i][0], asks[i][1], &a);
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.body, "\"warnings\":[\"receive series from a:1: \\u003cgone\\u003e\"]}"));
		assert_true(has_header(&a, "cache-control", "no-store"));
		http_client_resp_fini(&a.resp);
	}
}

static void test_warnings_of_stores_forbid_caching_and_those_of_promql_do_not(void **state)
{
	run(&plain, co_notes);
}

static void co_failing_selects(struct rig *g)
{
	struct answer a;
	g->select_code = ERR_UNAVAILABLE;
	co_refused(g, "/api/v1/query", "query=up", 422, "execution", "store a:1 said no");
	co_refused(g, "/api/v1/series", "match[]=up", 422, "execution", "store a:1 said no");
	g->select_code = ERR_INTERNAL;
	co_refused(g, "/api/v1/query", "query=up", 500, "internal", "store a:1 said no");
	g->select_code = ERR_DEADLINE_EXCEEDED;
	co_refused(g, "/api/v1/query", "query=up", 503, "timeout", "store a:1 said no");
	g->select_code = 0;
	co_rig_ask(g, "GET", "/api/v1/query", "query=up%7B", &a);
	assert_true(has_header(&a, "cache-control", "no-store"));
	http_client_resp_fini(&a.resp);
	g->engine.max_samples = 10;
	co_refused(
		g, "/api/v1/query", "query=ser[10m]&time=300", 422, "execution",
		"query processing would load too many samples into memory in query execution: it needs 21 at a time or "
		"more, the limit is 10; most of them for ser[10m] (1:1): 1 series with 21 samples read so far");
}

static void test_errors_have_type_and_status(void **state)
{
	run(&plain, co_failing_selects);
}

static void co_memory(struct rig *g)
{
	struct answer a;
	g->memory_limit = 100000;
	co_rig_ask(g, "GET", "/api/v1/query_range", "query=ser&start=0&end=10000&step=1", &a);
	assert_int_equal(a.status, 422);
	assert_non_null(strstr(a.body, "\"errorType\":\"execution\""));
	assert_non_null(strstr(a.body, "query memory limit of 100000 bytes reached: "));
	assert_non_null(strstr(a.body, "; most of its memory for ser (1:1): "));
	http_client_resp_fini(&a.resp);
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300", &a);
	assert_int_equal(a.status, 200);
	http_client_resp_fini(&a.resp);
}

static void test_a_query_over_its_memory_is_refused_with_the_figures(void **state)
{
	run(&plain, co_memory);
}

static void co_timeouts(struct rig *g)
{
	g->select_delay_ms = 5000;
	co_refused(g, "/api/v1/query", "query=ser&timeout=20ms", 503, "timeout", "query timed out in query execution");
	co_refused(g, "/api/v1/series", "match[]=ser&timeout=0.02", 503, "timeout",
		   "query timed out in query execution");
	co_refused(g, "/api/v1/query", "query=ser&timeout=-1", 503, "timeout", "query timed out in query execution");
	assert_int_equal(g->cancelled, 2);
	g->prom.cfg.timeout_ms = 20;
	co_refused(g, "/api/v1/query", "query=ser&timeout=1h", 503, "timeout", "query timed out in query execution");
	co_refused(g, "/api/v1/query", "query=ser", 503, "timeout", "query timed out in query execution");
}

static void test_timeouts_of_request_and_configuration_hold(void **state)
{
	run(&plain, co_timeouts);
}

static void co_vanish(struct rig *g)
{
	struct err err;
	struct answer a;
	char url[256], origin[160];
	g->select_delay_ms = 20000;
	snprintf(url, sizeof(url), "%s/api/v1/query?query=ser", rig_origin(g, origin));
	struct http_client_req rq = { .url = url, .timeout_ms = 50 };
	struct http_client_resp resp = { .status = 0 };
	assert_int_equal(co_http_request(g->client, &rq, &resp, &err), -ERR_DEADLINE_EXCEEDED);
	http_client_resp_fini(&resp);
	for (int i = 0; i < 100 && !g->cancelled; i++)
		co_sleep_ms(10, &err);
	assert_int_equal(g->cancelled, 1);
	assert_int_equal(g->all.used, 0);
	g->select_delay_ms = 0;
	co_rig_ask(g, "GET", "/api/v1/query", "query=ser&time=300", &a);
	assert_int_equal(a.status, 200);
	http_client_resp_fini(&a.resp);
}

static void test_a_client_that_goes_away_cancels_its_query(void **state)
{
	run(&plain, co_vanish);
}

static void co_large(struct rig *g)
{
	struct answer a;
	int points = 0;
	co_rig_ask(g, "GET", "/api/v1/query_range",
		   "query=label_replace(ser,%22x%22,%22y%22,%22%22,%22%22)*1.5&start=0&end=600&step=0.1", &a);
	assert_int_equal(a.status, 200);
	for (const char *p = a.body; (p = strstr(p, ",\"1.5\"]")) != NULL; p++)
		points++;
	assert_int_equal(points, 2 * 6001);
	assert_true(a.resp.body.n > 128 * 1024);
	assert_non_null(strstr(a.body, "],\"analysis\":{}}}"));
	http_client_resp_fini(&a.resp);
	assert_int_equal(g->all.used, 0);
}

static void test_large_results_are_streamed(void **state)
{
	run(&plain, co_large);
}

/* --- names, values, series -------------------------------------------------------------------- */

static void co_metadata(struct rig *g)
{
	co_expect(g, "GET", "/api/v1/labels", "", 200,
		  "{\"status\":\"success\",\"data\":[\"__name__\",\"a.b\",\"i\",\"instance\",\"job\"]}");
	assert_true(g->seen_start == -9223309901257974000 && g->seen_end == 9223309901257974999);
	assert_int_equal(g->seen_limit, 0);
	co_expect(
		g, "POST", "/api/v1/labels", "match[]=up&match[]=ser&limit=3", 200,
		"{\"status\":\"success\",\"data\":[\"__name__\",\"i\",\"instance\"],\"warnings\":[\"results truncated due to "
		"limit\"]}");
	assert_int_equal(g->seen_limit, 4);
	co_expect(g, "GET", "/api/v1/label/i/values", "start=0&end=60", 200,
		  "{\"status\":\"success\",\"data\":[\"1\",\"2\"]}");
	assert_true(g->seen_start == 0 && g->seen_end == 60000);
	co_expect(g, "GET", "/api/v1/label/i/values", "limit=1", 200,
		  "{\"status\":\"success\",\"data\":[\"1\"],\"warnings\":[\"results truncated due to limit\"]}");
	co_expect(g, "GET", "/api/v1/label/U__a_2e_b/values", "", 200,
		  "{\"status\":\"success\",\"data\":[\"v\\u003c1\\u003e\"]}");
	co_expect(g, "GET", "/api/v1/label/nope/values", "", 200, "{\"status\":\"success\",\"data\":[]}");
	co_refused(g, "/api/v1/label/a%ff/values", "", 400, "bad_data", "invalid label name: \\\"a\\\\xff\\\"");
	co_refused(g, "/api/v1/labels", "start=x", 400, "bad_data",
		   "bad_data: Invalid time value for 'start': cannot parse \\\"x\\\" to a valid timestamp");
	co_refused(g, "/api/v1/labels", "start=5&end=1", 400, "bad_data",
		   "bad_data: end timestamp must not be before start time");
	co_refused(g, "/api/v1/labels", "match[]=up%7B", 400, "bad_data",
		   "1:4: parse error: unexpected end of input inside braces");
	co_expect(g, "POST", "/api/v1/label/i/values", "", 405, "Method Not Allowed\n");
}

static void test_label_names_and_values(void **state)
{
	run(&plain, co_metadata);
}

#define UP(i) "{\"__name__\":\"up\",\"instance\":\"" i ":9090\",\"job\":\"x\"}"

static void co_series(struct rig *g)
{
	co_expect(
		g, "GET", "/api/v1/series", "match[]=up&match[]=%7Bjob%3D%22x%22%7D&match[]=ser", 200,
		"{\"status\":\"success\",\"data\":[{\"__name__\":\"ser\",\"i\":\"1\"},{\"__name__\":\"ser\",\"i\":\"2\"}," UP(
			"a") "," UP("b") "]}");
	assert_true(g->seen.skip_chunks && g->seen.dedup);
	co_expect(g, "POST", "/api/v1/series", "match[]=up&limit=1", 200,
		  "{\"status\":\"success\",\"data\":[" UP("a") "],\"warnings\":[\"results truncated due to limit\"]}");
	assert_int_equal(g->seen.limit, 2);
	co_expect(g, "GET", "/api/v1/series", "match[]=up&limit=2", 200,
		  "{\"status\":\"success\",\"data\":[" UP("a") "," UP("b") "]}");
	co_expect(g, "GET", "/api/v1/series", "match[]=none", 200, "{\"status\":\"success\",\"data\":[]}");
	co_expect(g, "GET", "/api/v1/series", "match[]=%7B%22my.metric%22%7D", 200,
		  "{\"status\":\"success\",\"data\":[{\"__name__\":\"my.metric\",\"a.b\":\"v<1>\"}]}");
	co_refused(g, "/api/v1/series", "", 400, "bad_data", "no match[] parameter provided");
	struct strbuf many = { 0 };
	for (int i = 0; i < 200; i++)
		strbuf_add_c(&many, "&match[]=up");
	co_refused(g, "/api/v1/series", many.p + 1, 400, "bad_data", "200 values of match[], 128 at most");
	strbuf_fini(&many);
}

static void test_series_of_several_selectors_are_merged(void **state)
{
	run(&plain, co_series);
}

static void co_default_range(struct rig *g)
{
	struct answer a;
	co_rig_ask(g, "GET", "/api/v1/labels", "", &a);
	http_client_resp_fini(&a.resp);
	assert_int_equal(g->seen_end - g->seen_start, 3600000);
}

static void test_metadata_requests_have_a_default_range(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.metadata_range_ms = 3600000;
	run(&cfg, co_default_range);
}

static void co_enforced(struct rig *g)
{
	/* The tenant is b:9090, by its label `instance`. */
	const char *one = VECTOR(
		"{\"metric\":{\"__name__\":\"up\",\"instance\":\"b:9090\",\"job\":\"x\"},\"value\":[300,\"0\"]}");
	co_expect(g, "GET", "/api/v1/query", "query=up&time=300", 200, one);
	co_expect(g, "GET", "/api/v1/query", "query=up%7Binstance%3D%22a:9090%22%7D&time=300", 200, one);
	co_expect(g, "GET", "/api/v1/query", "query=count(up%2Bup)%2Bsum_over_time(count(up)[1m:15s])&time=300", 200,
		  VECTOR("{\"metric\":{},\"value\":[300,\"5\"]}"));
	co_expect(g, "GET", "/api/v1/query", "query=ser&time=300", 200, VECTOR(""));
	co_expect(g, "GET", "/api/v1/series", "match[]=ser&match[]=%7Binstance%3D~%22a.*%22%7D", 200,
		  "{\"status\":\"success\",\"data\":[{\"__name__\":\"up\",\"instance\":\"b:9090\",\"job\":\"x\"}]}");
	co_refused(g, "/api/v1/series", "", 400, "bad_data", "no match[] parameter provided");
	co_expect(g, "GET", "/api/v1/label/instance/values", "", 200, "{\"status\":\"success\",\"data\":[\"b:9090\"]}");
	co_expect(g, "GET", "/api/v1/labels", "match[]=ser", 200, "{\"status\":\"success\",\"data\":[]}");
	co_expect(g, "GET", "/api/v1/label/i/values", "", 200, "{\"status\":\"success\",\"data\":[]}");
}

static void test_enforced_tenants_see_their_own_series_only(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.default_tenant = "b:9090";
	cfg.enforce_label = "instance";
	run(&cfg, co_enforced);
}

/* --- the rest --------------------------------------------------------------------------- */

static void co_tenants(struct rig *g)
{
	struct err err;
	char url[256], origin[160];
	snprintf(url, sizeof(url), "%s/api/v1/query?query=ser", rig_origin(g, origin));
	struct http_header h = { STR("X-Team"), STR("blue") };
	struct http_client_req rq = { .url = url, .headers = &h, .n_headers = 1 };
	struct http_client_resp resp = { .status = 0 };
	assert_int_equal(co_http_request(g->client, &rq, &resp, &err), 0);
	assert_int_equal(resp.status, 200);
	http_client_resp_fini(&resp);
	h.value = STR("a/b");
	assert_int_equal(co_http_request(g->client, &rq, &resp, &err), 0);
	assert_int_equal(resp.status, 400);
	assert_non_null(strstr(resp.body.p, "tenant name not valid"));
	http_client_resp_fini(&resp);
}

static void test_tenants_come_from_the_header_and_are_checked(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.tenant_header = "X-Team";
	run(&cfg, co_tenants);
}

static void co_others(struct rig *g)
{
	struct answer a;
	co_expect(g, "GET", "/api/v1/status/flags", "", 200,
		  "{\"status\":\"success\",\"data\":{\"a.flag\":\"1\",\"b.flag\":\"\"}}");
	co_expect(
		g, "GET", "/api/v1/status/buildinfo", "", 200,
		"{\"status\":\"success\",\"data\":{\"version\":\"1.2.3\",\"revision\":\"abc\",\"branch\":\"\",\"buildUser\":"
		"\"\",\"buildDate\":\"\",\"goVersion\":\"\"}}");
	co_rig_ask(g, "GET", "/api/v1/status/runtimeinfo", "", &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "{\"startTime\":\"20"));
	http_client_resp_fini(&a.resp);
	co_expect(g, "GET", "/api/v1/format_query", "query=sum(up)by(job)", 200,
		  "{\"status\":\"success\",\"data\":\"sum by (job) (up)\"}");
	co_expect(
		g, "GET", "/api/v1/query_explain", "query=up&time=300", 200,
		"{\"status\":\"success\",\"data\":{\"name\":\"[selector] up\",\"position\":[0,2],\"start\":300000,"
		"\"end\":300000,\"step\":0,\"steps\":1,\"select\":{\"selector\":\"{__name__=\\\"up\\\"}\",\"minTime\":1,"
		"\"maxTime\":300000,\"step\":0,\"range\":0,\"func\":\"\",\"without\":[]}}}");
	co_expect(g, "GET", "/api/v1/nonexistent", "", 404, "404 page not found\n");
	co_rig_ask(g, "OPTIONS", "/api/v1/query", "", &a);
	assert_int_equal(a.status, 204);
	assert_true(has_header(&a, "access-control-allow-methods", "GET, POST, OPTIONS"));
	http_client_resp_fini(&a.resp);
	co_rig_ask(g, "HEAD", "/api/v1/query", "query=up", &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.resp.body.n, 0);
	http_client_resp_fini(&a.resp);
}

static void test_status_tools_and_methods(void **state)
{
	run(&plain, co_others);
}

static void co_no_cors(struct rig *g)
{
	struct answer a;
	co_rig_ask(g, "GET", "/api/v1/query", "query=1", &a);
	assert_null(http_headers_get(&a.resp.headers, "access-control-allow-origin").p);
	http_client_resp_fini(&a.resp);
}

static void test_cors_can_be_switched_off(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.disable_cors = true;
	run(&cfg, co_no_cors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries_are_answered),
		cmocka_unit_test(test_bad_parameters_are_400_before_anything_runs),
		cmocka_unit_test(test_parameters_reach_the_selects),
		cmocka_unit_test(test_stats_and_analysis_come_when_asked_for),
		cmocka_unit_test(test_warnings_of_stores_forbid_caching_and_those_of_promql_do_not),
		cmocka_unit_test(test_errors_have_type_and_status),
		cmocka_unit_test(test_a_query_over_its_memory_is_refused_with_the_figures),
		cmocka_unit_test(test_timeouts_of_request_and_configuration_hold),
		cmocka_unit_test(test_a_client_that_goes_away_cancels_its_query),
		cmocka_unit_test(test_large_results_are_streamed),
		cmocka_unit_test(test_label_names_and_values),
		cmocka_unit_test(test_series_of_several_selectors_are_merged),
		cmocka_unit_test(test_metadata_requests_have_a_default_range),
		cmocka_unit_test(test_enforced_tenants_see_their_own_series_only),
		cmocka_unit_test(test_tenants_come_from_the_header_and_are_checked),
		cmocka_unit_test(test_status_tools_and_methods),
		cmocka_unit_test(test_cors_can_be_switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
