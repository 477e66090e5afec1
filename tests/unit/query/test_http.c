/* The querier's HTTP API over fake stores: what the tests of api/ have no fan-out for. */
#include "unit/query/tower.h"
#include "unit/query/web.h"

#include "proto/exemplars.pb-c.h"
#include "proto/metadata.pb-c.h"
#include "proto/rules.pb-c.h"
#include "proto/status.pb-c.h"
#include "proto/targets.pb-c.h"

static struct rig the_rig;

/* --- fakes of the other APIs --------------------------------------------------------------- */

static struct {
	int fail;             /* index of the store whose calls fail; -1: none */
	bool fail_full;       /* they do so because the store has no memory left */
	unsigned flood;       /* so many more times store 1 sends its exemplars */
	char queries[4][256]; /* of exemplars */
	char limit[4][16];
} fake;

static size_t index_of(const void *store)
{
	return (size_t)((const struct fake_store *)store - the_rig.store);
}

static bool fails(const void *store, struct err *err)
{
	if (fake.fail != (int)index_of(store))
		return false;
	err_set(err, fake.fail_full ? ERR_RESOURCE_EXHAUSTED : ERR_INTERNAL, "no luck");
	return true;
}

/* A label set of up to two pairs. */
struct set2 {
	Thanos__ZLabelSet set;
	Thanos__Label l[2], *p[2];
};

static Thanos__ZLabelSet *set2(struct set2 *s, const char *n1, const char *v1, const char *n2, const char *v2)
{
	const char *nv[] = { n1, v1, n2, v2 };
	s->set = (Thanos__ZLabelSet)THANOS__ZLABEL_SET__INIT;
	s->set.labels = s->p;
	for (size_t i = 0; i < 2 && nv[2 * i]; i++) {
		s->l[i] = (Thanos__Label)THANOS__LABEL__INIT;
		s->l[i].name = (char *)nv[2 * i];
		s->l[i].value = (char *)nv[2 * i + 1];
		s->p[s->set.n_labels++] = &s->l[i];
	}
	return &s->set;
}

/* A group with an alert (firing in store 1, pending in 0) and a recording rule; replicas differ. */
static int co_fake_rules(struct grpc_call *c, void *arg, struct err *err)
{
	char replica[2] = { (char)('a' + index_of(arg)), 0 };
	struct set2 alert_labels, rec_labels, none, inst_labels;
	Thanos__RulesRequest *req;
	Thanos__RulesResponse resp = THANOS__RULES_RESPONSE__INIT, warn = THANOS__RULES_RESPONSE__INIT;
	Thanos__RuleGroup g = THANOS__RULE_GROUP__INIT;
	Thanos__Rule r1 = THANOS__RULE__INIT, r2 = THANOS__RULE__INIT, *rules[] = { &r2, &r1 };
	Thanos__Alert alert = THANOS__ALERT__INIT;
	Thanos__AlertInstance inst = THANOS__ALERT_INSTANCE__INIT, *insts[] = { &inst };
	Thanos__RecordingRule rec = THANOS__RECORDING_RULE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	if (fails(arg, err))
		return -err->code;
	int rc = grpc_call_unpack(c, &thanos__rules_request__descriptor, (void **)&req, err);
	if (rc)
		return rc;
	at.seconds = 1700000000;
	at.nanos = 500000000;
	inst.labels = set2(&inst_labels, "instance", "x<1>", NULL, NULL);
	inst.annotations = set2(&none, NULL, NULL, NULL, NULL);
	inst.state = index_of(arg) ? THANOS__ALERT_STATE__FIRING : THANOS__ALERT_STATE__PENDING;
	inst.active_at = &at;
	inst.value = (char *)"1e+00";
	alert.state = inst.state;
	alert.name = (char *)"Down";
	alert.query = (char *)"up == 0";
	alert.duration_seconds = 60;
	alert.labels = set2(&alert_labels, "severity", "page", "replica", replica);
	alert.annotations = &none.set;
	alert.alerts = insts;
	alert.n_alerts = 1;
	alert.health = (char *)"ok";
	alert.last_evaluation = &at;
	rec.name = (char *)"job:up:sum";
	rec.query = (char *)"sum(up)";
	rec.labels = set2(&rec_labels, "replica", replica, NULL, NULL);
	rec.health = (char *)"err";
	rec.last_error = (char *)"bad";
	r1.result_case = THANOS__RULE__RESULT_ALERT;
	r1.alert = &alert;
	r2.result_case = THANOS__RULE__RESULT_RECORDING;
	r2.recording = &rec;
	g.name = (char *)"grp";
	g.file = (char *)"/a.yml";
	g.interval = 30;
	g.rules = req->type == THANOS__RULES_REQUEST__TYPE__ALERT ? rules + 1 : rules;
	g.n_rules = req->type == THANOS__RULES_REQUEST__TYPE__ALERT ? 1 : 2;
	g.last_evaluation = &at;
	resp.result_case = THANOS__RULES_RESPONSE__RESULT_GROUP;
	resp.group = &g;
	rc = co_grpc_send_pb(c, &resp, err);
	warn.result_case = THANOS__RULES_RESPONSE__RESULT_WARNING;
	warn.warning = (char *)"a rule is odd";
	return rc || index_of(arg) == 0 ? rc : co_grpc_send_pb(c, &warn, err);
}

static int co_fake_targets(struct grpc_call *c, void *arg, struct err *err)
{
	char replica[2] = { (char)('a' + index_of(arg)), 0 };
	struct set2 discovered, labels, dropped;
	Thanos__TargetsResponse resp = THANOS__TARGETS_RESPONSE__INIT;
	Thanos__TargetDiscovery d = THANOS__TARGET_DISCOVERY__INIT;
	Thanos__ActiveTarget t = THANOS__ACTIVE_TARGET__INIT, *ts[] = { &t };
	Thanos__DroppedTarget dr = THANOS__DROPPED_TARGET__INIT, *drs[] = { &dr };
	if (fails(arg, err))
		return -err->code;
	t.discoveredlabels = set2(&discovered, "replica", replica, "__address__", "x:1");
	t.labels = set2(&labels, "job", "x", "replica", replica);
	t.scrapepool = (char *)"pool";
	t.scrapeurl = (char *)"http://x:1/metrics";
	t.health = index_of(arg) ? THANOS__TARGET_HEALTH__DOWN : THANOS__TARGET_HEALTH__UP;
	t.lastscrapeduration = 0.25;
	dr.discoveredlabels = set2(&dropped, "__address__", index_of(arg) ? "z:1" : "y:1", NULL, NULL);
	d.activetargets = ts;
	d.n_activetargets = 1;
	d.droppedtargets = drs;
	d.n_droppedtargets = 1;
	resp.result_case = THANOS__TARGETS_RESPONSE__RESULT_TARGETS;
	resp.targets = &d;
	return co_grpc_send_pb(c, &resp, err);
}

static int co_fake_metadata(struct grpc_call *c, void *arg, struct err *err)
{
	Thanos__MetricMetadataRequest *req;
	Thanos__MetricMetadataResponse resp = THANOS__METRIC_METADATA_RESPONSE__INIT;
	Thanos__MetricMetadata md = THANOS__METRIC_METADATA__INIT;
	Thanos__MetricMetadata__MetadataEntry e[2], *es[] = { &e[0], &e[1] };
	Thanos__MetricMetadataEntry m[2], *ms;
	Thanos__Meta up = THANOS__META__INIT, own = THANOS__META__INIT, *ups[] = { &up }, *owns[] = { &own };
	if (fails(arg, err))
		return -err->code;
	int rc = grpc_call_unpack(c, &thanos__metric_metadata_request__descriptor, (void **)&req, err);
	if (rc)
		return rc;
	snprintf(fake.limit[index_of(arg)], 16, "%d%s", req->limit, req->metric);
	for (int i = 0; i < 2; i++) {
		e[i] = (Thanos__MetricMetadata__MetadataEntry)THANOS__METRIC_METADATA__METADATA_ENTRY__INIT;
		m[i] = (Thanos__MetricMetadataEntry)THANOS__METRIC_METADATA_ENTRY__INIT;
		ms = &m[i];
		ms->metas = i ? owns : ups;
		ms->n_metas = 1;
		e[i].value = ms;
	}
	up.type = (char *)"gauge";
	up.help = (char *)"Is it up?";
	own.type = (char *)(index_of(arg) ? "counter" : "gauge");
	e[0].key = (char *)"up";
	e[1].key = (char *)"requests";
	md.metadata = es;
	md.n_metadata = 2;
	resp.result_case = THANOS__METRIC_METADATA_RESPONSE__RESULT_METADATA;
	resp.metadata = &md;
	return co_grpc_send_pb(c, &resp, err);
}

static int co_fake_exemplars(struct grpc_call *c, void *arg, struct err *err)
{
	char replica[2] = { (char)('a' + index_of(arg)), 0 };
	struct set2 series, trace;
	Thanos__ExemplarsRequest *req;
	Thanos__ExemplarsResponse resp = THANOS__EXEMPLARS_RESPONSE__INIT;
	Thanos__ExemplarData d = THANOS__EXEMPLAR_DATA__INIT;
	Thanos__Exemplar e[2], *es[] = { &e[0], &e[1] };
	if (fails(arg, err))
		return -err->code;
	int rc = grpc_call_unpack(c, &thanos__exemplars_request__descriptor, (void **)&req, err);
	if (rc)
		return rc;
	snprintf(fake.queries[index_of(arg)], 256, "%s %lld %lld", req->query, (long long)req->start,
		 (long long)req->end);
	for (int i = 0; i < 2; i++) {
		e[i] = (Thanos__Exemplar)THANOS__EXEMPLAR__INIT;
		e[i].labels = set2(&trace, "trace_id", "abc", NULL, NULL);
		e[i].value = 0.5;
		e[i].ts = i ? 60000 : 61500 + (int64_t)index_of(arg);
	}
	d.serieslabels = set2(&series, "__name__", "reqs", "replica", replica);
	d.exemplars = es;
	d.n_exemplars = 2;
	resp.result_case = THANOS__EXEMPLARS_RESPONSE__RESULT_DATA;
	resp.data = &d;
	for (unsigned i = 0; rc == 0 && i < fake.flood * index_of(arg); i++)
		rc = co_grpc_send_pb(c, &resp, err);
	return rc ? rc : co_grpc_send_pb(c, &resp, err);
}

static int co_fake_status(struct grpc_call *c, void *arg, struct err *err)
{
	Thanos__TSDBStatisticsResponse resp = THANOS__TSDBSTATISTICS_RESPONSE__INIT;
	Thanos__TSDBStatistics st = THANOS__TSDBSTATISTICS__INIT;
	Thanos__TSDBStatistics__StatisticsEntry te = THANOS__TSDBSTATISTICS__STATISTICS_ENTRY__INIT, *tes[] = { &te };
	Thanos__TSDBStatisticsEntry e = THANOS__TSDBSTATISTICS_ENTRY__INIT;
	Thanos__HeadStatistics h = THANOS__HEAD_STATISTICS__INIT;
	Thanos__Statistic s1 = THANOS__STATISTIC__INIT, s2 = THANOS__STATISTIC__INIT, *ss[] = { &s1, &s2 };
	if (fails(arg, err))
		return -err->code;
	h.num_series = 100;
	h.num_label_pairs = 10;
	h.chunk_count = 200;
	h.min_time = 1000 + (int64_t)index_of(arg);
	h.max_time = 5000 + (int64_t)index_of(arg);
	s1.name = (char *)"up";
	s1.value = 2;
	s2.name = (char *)(index_of(arg) ? "b" : "a");
	s2.value = 3;
	e.head_statistics = &h;
	e.series_count_by_metric_name = ss;
	e.n_series_count_by_metric_name = 2;
	e.label_value_count_by_label_name = ss;
	e.n_label_value_count_by_label_name = 2;
	te.key = (char *)"tenant";
	te.value = &e;
	st.statistics = tes;
	st.n_statistics = 1;
	resp.result_case = THANOS__TSDBSTATISTICS_RESPONSE__RESULT_STATISTICS;
	resp.statistics = &st;
	return co_grpc_send_pb(c, &resp, err);
}

static const struct grpc_method more[] = {
	{ "/thanos.Rules/Rules", GRPC_SERVER_STREAM, co_fake_rules },
	{ "/thanos.Targets/Targets", GRPC_SERVER_STREAM, co_fake_targets },
	{ "/thanos.Metadata/MetricMetadata", GRPC_SERVER_STREAM, co_fake_metadata },
	{ "/thanos.Exemplars/Exemplars", GRPC_SERVER_STREAM, co_fake_exemplars },
	{ "/thanos.Status/TSDBStatistics", GRPC_SERVER_STREAM, co_fake_status },
};

static const char *the_tenant;    /* default of the querier; NULL: the flag's */
static uint64_t the_memory_limit; /* of one of its queries; 0: none */

/* The API of a querier above the rig's. */
static void above_body(struct rig *rig)
{
	struct tower t;
	struct query *lower = rig->q;
	tower_up(&t, rig);
	rig->q = t.q;
	web_body(rig);
	rig->q = lower;
	co_tower_down(&t);
}

/* Two stores that offer everything, of which one has external labels; replica is a replica label. */
static void run_with(void (*body)(struct rig *rig), const struct query_http_config *cfg, bool above)
{
	static const char *const replica[] = { "replica" };
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->cfg.replica_labels = (struct discovery_names){ replica, 1 };
	for (size_t i = 0; i < 2; i++) {
		rig->store[i].more = more;
		rig->store[i].n_more = ARRAY_LEN(more);
		rig->store[i].announce = fake_announce_all;
	}
	rig->store[1].ext = L("region", "eu");
	rig->store[1].component = "rule";
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1", "replica", "b"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "n", "i", "2"), 1000, 1000, 2, 5, 1);
	if (the_tenant)
		rig->cfg.default_tenant = the_tenant;
	rig->cfg.memory_limit_bytes = the_memory_limit;
	fake.fail = -1;
	fake.fail_full = false;
	fake.flood = 0;
	web.cfg = cfg ? *cfg : (struct query_http_config){ .partial_response = true };
	web.body = body;
	rig_run(rig, above ? above_body : web_body);
}

static void run(void (*body)(struct rig *rig), const struct query_http_config *cfg)
{
	run_with(body, cfg, false);
}

/* Once more with a querier in between, which must make no difference. */
static void run_both(void (*body)(struct rig *rig), const struct query_http_config *cfg)
{
	run_with(body, cfg, false);
	run_with(body, cfg, true);
}

static void query_body(struct rig *rig)
{
	co_expect(
		"/api/v1/query?query=m&time=2", 200,
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"m\",\"i\":\"1\"},"
		"\"value\":[2,\"2\"]}],\"analysis\":{}}}");
	co_expect(
		"/api/v1/series?match[]=m&match[]=n", 200,
		"{\"status\":\"success\",\"data\":[{\"__name__\":\"m\",\"i\":\"1\"},{\"__name__\":\"n\",\"i\":\"2\"}]}");
	co_expect(
		"/api/v1/series?match[]=m&dedup=false", 200,
		"{\"status\":\"success\",\"data\":[{\"__name__\":\"m\",\"i\":\"1\",\"replica\":\"a\"},{\"__name__\":\"m\",\"i\":\"1\","
		"\"replica\":\"b\"}]}");
	co_expect("/api/v1/label/i/values", 200, "{\"status\":\"success\",\"data\":[\"1\",\"2\"]}");
	co_expect("/api/v1/labels", 200, "{\"status\":\"success\",\"data\":[\"__name__\",\"i\",\"replica\"]}");
	assert_non_null(strstr(co_get("/api/v1/series?match[]=%7B%7D", 422), "no matchers specified"));
	rig->store[1].mode = FAKE_ERROR;
	assert_non_null(
		strstr(co_get("/api/v1/query?query=m&time=2", 200), "\"warnings\":[\"receive series from Addr: "));
	assert_true(str_eq_c(http_headers_get(&web.resp.headers, "cache-control"), "no-store"));
	assert_non_null(
		strstr(co_get("/api/v1/query?query=m&time=2&partial_response=0", 422), "\"errorType\":\"execution\""));
	assert_non_null(strstr(co_get("/api/v1/labels?partial_response=0", 422), "disk on fire"));
	assert_non_null(strstr(co_get("/api/v1/series?match[]=%7B%7D", 422),
			       "\"error\":\"proxy Series(): rpc error: code = InvalidArgument desc = "));
}

static void test_queries_reach_the_stores(void **state)
{
	run(query_body, NULL);
}

static void stores_body(struct rig *rig)
{
	const char *got = co_get("/api/v1/stores", 200);
	char want[256];
	snprintf(want, sizeof(want), "{\"status\":\"success\",\"data\":{\"rule\":[{\"name\":\"%s\",\"lastCheck\":\"20",
		 rig->store[1].addr);
	assert_non_null(strstr(got, want));
	assert_non_null(
		strstr(got, "\"lastError\":null,\"labelSets\":[{\"region\":\"eu\"}],\"minTime\":-9223372036854775808,"
			    "\"maxTime\":9223372036854775807}],\"sidecar\":[{\"name\":"));
	assert_non_null(strstr(co_get("/", 200), "<title>Thanos Query</title>"));
	co_get("/graph", 302);
	assert_true(str_eq_c(http_headers_get(&web.resp.headers, "location"), "/thanos/"));
}

static void test_stores_and_pages(void **state)
{
	const struct query_http_config cfg = { .external_prefix = "/thanos" };
	run(stores_body, &cfg);
}

static void no_stores_body(struct rig *rig)
{
	co_expect("/api/v1/stores", 200, "{\"status\":\"success\",\"data\":{}}");
	co_expect("/api/v1/rules", 200, "{\"status\":\"success\",\"data\":{\"groups\":[]}}");
	co_expect("/api/v1/alerts", 200, "{\"status\":\"success\",\"data\":{\"alerts\":null}}");
	co_expect("/api/v1/metadata", 200, "{\"status\":\"success\",\"data\":{}}");
	co_expect("/api/v1/query_exemplars?query=test&start=1700000000000&end=1700003600000", 200,
		  "{\"status\":\"success\",\"data\":[]}");
	co_expect("/api/v1/targets", 200,
		  "{\"status\":\"success\",\"data\":{\"activeTargets\":[],\"droppedTargets\":[]}}");
}

static void test_without_stores_answers_are_empty(void **state)
{
	rig_init(&the_rig, 0);
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = no_stores_body;
	rig_run(&the_rig, web_body);
}

/* --- the other APIs --------------------------------------------------------------------- */

#define INSTANCE(state) \
	"{\"labels\":{\"instance\":\"x\\u003c1\\u003e\"},\"annotations\":{},\"state\":\"" state "\"," \
	"\"activeAt\":\"2023-11-14T22:13:20.5Z\",\"value\":\"1e+00\",\"partialResponseStrategy\":\"WARN\"}"
#define ALERT(state) \
	"{\"state\":\"" state "\",\"name\":\"Down\",\"query\":\"up == 0\",\"duration\":60,\"labels\":" \
	"{\"severity\":\"page\"},\"annotations\":{},\"alerts\":[" INSTANCE( \
		state) "],\"health\":\"ok\",\"evaluationTime\":0," \
		       "\"lastEvaluation\":\"2023-11-14T22:13:20.5Z\",\"keepFiringFor\":0,\"type\":\"alerting\"}"
#define RECORDING \
	"{\"name\":\"job:up:sum\",\"query\":\"sum(up)\",\"labels\":{},\"health\":\"err\",\"lastError\":\"bad\"," \
	"\"evaluationTime\":0,\"lastEvaluation\":\"0001-01-01T00:00:00Z\",\"type\":\"recording\"}"
#define GROUP(rules) \
	"{\"status\":\"success\",\"data\":{\"groups\":[{\"name\":\"grp\",\"file\":\"/a.yml\",\"rules\":[" rules \
	"],\"interval\":30,\"evaluationTime\":0,\"lastEvaluation\":\"2023-11-14T22:13:20.5Z\",\"limit\":0," \
	"\"partialResponseStrategy\":\"WARN\"}]},\"warnings\":[\"a rule is odd\"]}"
#define NO_GROUP "{\"status\":\"success\",\"data\":{\"groups\":[]},\"warnings\":[\"a rule is odd\"]}"

static void rules_body(struct rig *rig)
{
	co_expect("/api/v1/rules", 200, GROUP(ALERT("firing") "," RECORDING));
	co_expect("/api/v1/rules?type=alert", 200, GROUP(ALERT("firing")));
	co_expect("/api/v1/rules?rule_name[]=job:up:sum", 200, GROUP(RECORDING));
	co_expect("/api/v1/rules?rule_group[]=grp&file[]=/a.yml&match[]=%7Bseverity=%22page%22%7D", 200,
		  GROUP(ALERT("firing")));
	co_expect("/api/v1/rules?rule_group[]=other", 200, NO_GROUP);
	co_expect("/api/v1/rules?match[]=%7Bseverity=%22no%22%7D", 200, NO_GROUP);
	co_expect("/api/v1/alerts", 200,
		  "{\"status\":\"success\",\"data\":{\"alerts\":[" INSTANCE(
			  "firing") "]},\"warnings\":[\"a rule is odd\"]}");
	co_expect("/api/v1/rules?type=x", 400,
		  "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid rules parameter type='x'\"}");
	fake.fail = 1;
	const char *got = co_get("/api/v1/rules", 200);
	assert_non_null(strstr(got, ALERT("pending")));
	assert_non_null(strstr(got, "\"warnings\":[\"receiving rules from rules client 127.0.0.1:"));
	assert_non_null(strstr(got, "code = Internal desc = "));
	assert_non_null(strstr(got, "no luck\"]}"));
	assert_true(str_eq_c(http_headers_get(&web.resp.headers, "cache-control"), "no-store"));
}

static void test_rules_of_replicas_are_one_with_the_higher_state(void **state)
{
	run_both(rules_body, NULL);
}

static void targets_body(struct rig *rig)
{
	co_expect(
		"/api/v1/targets?state=any", 200,
		"{\"status\":\"success\",\"data\":{\"activeTargets\":[{\"discoveredLabels\":{\"__address__\":\"x:1\"},\"labels\":"
		"{\"job\":\"x\"},\"scrapePool\":\"pool\",\"scrapeUrl\":\"http://x:1/metrics\",\"globalUrl\":\"\",\"lastError\":\"\","
		"\"lastScrape\":\"0001-01-01T00:00:00Z\",\"lastScrapeDuration\":0.25,\"health\":\"down\"}],"
		"\"droppedTargets\":[{\"discoveredLabels\":{\"__address__\":\"y:1\"}},{\"discoveredLabels\":"
		"{\"__address__\":\"z:1\"}}]}}");
	co_expect(
		"/api/v1/targets?state=x", 400,
		"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid targets parameter state='x'\"}");
}

static void test_targets_of_replicas_are_one(void **state)
{
	run_both(targets_body, NULL);
}

static void metadata_body(struct rig *rig)
{
	const char *got = co_get("/api/v1/metadata", 200);
	assert_string_equal(fake.limit[0], "-1");
	/* Stores come in the order of their names, that is of their ports. */
	assert_non_null(strstr(got, "{\"status\":\"success\",\"data\":{\"requests\":[{\"type\":\""));
	assert_non_null(strstr(got, "}],\"up\":[{\"type\":\"gauge\",\"help\":\"Is it up?\",\"unit\":\"\"}]}}"));
	assert_non_null(strstr(got, "{\"type\":\"counter\",\"help\":\"\",\"unit\":\"\"}"));
	got = co_get("/api/v1/metadata?limit=1&metric=up", 200);
	assert_string_equal(fake.limit[1], "1up");
	assert_null(strstr(got, "\"up\""));
	co_expect("/api/v1/metadata?limit=0", 200, "{\"status\":\"success\",\"data\":{}}");
	co_expect("/api/v1/metadata?limit=x", 400,
		  "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid metric metadata limit='x'\"}");
}

static void test_metadata_are_united(void **state)
{
	run_both(metadata_body, NULL);
}

static void exemplars_body(struct rig *rig)
{
	co_expect("/api/v1/query_exemplars?query=sum(rate(reqs%7Bregion=~%22eu%7Cus%22%7D[5m]))/reqs&start=1&end=2",
		  200,
		  "{\"status\":\"success\",\"data\":[{\"seriesLabels\":{\"__name__\":\"reqs\"},\"exemplars\":["
		  "{\"labels\":{\"trace_id\":\"abc\"},\"timestamp\":60,\"value\":\"0.5\"},"
		  "{\"labels\":{\"trace_id\":\"abc\"},\"timestamp\":61.5,\"value\":\"0.5\"},"
		  "{\"labels\":{\"trace_id\":\"abc\"},\"timestamp\":61.501,\"value\":\"0.5\"}]}]}");
	assert_string_equal(fake.queries[0], "{region=~\"eu|us\", __name__=\"reqs\"}+{__name__=\"reqs\"} 1000 2000");
	assert_string_equal(fake.queries[1], "{__name__=\"reqs\"}+{__name__=\"reqs\"} 1000 2000");
	co_expect(
		"/api/v1/query_exemplars?query=up%7B", 400,
		"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:4: parse error: unexpected end of input inside "
		"braces\"}");
}

/* Not with a querier in between: that tells of the one store's labels as if they were all. */
static void excluded_body(struct rig *rig)
{
	fake.queries[0][0] = fake.queries[1][0] = 0;
	co_get("/api/v1/query_exemplars?query=reqs%7Bregion=%22us%22%7D", 200);
	assert_true(fake.queries[0][0] && !fake.queries[1][0]);
}

static void test_exemplars_are_asked_where_they_can_be(void **state)
{
	run_both(exemplars_body, NULL);
	run(excluded_body, NULL);
}

static void tsdb_body(struct rig *rig)
{
	co_expect(
		"/api/v1/status/tsdb?limit=2", 200,
		"{\"status\":\"success\",\"data\":{\"headStats\":{\"numSeries\":200,\"numLabelPairs\":20,\"chunkCount\":400,"
		"\"minTime\":1000,\"maxTime\":5001},\"seriesCountByMetricName\":[{\"name\":\"up\",\"value\":4},{\"name\":\"a\","
		"\"value\":3}],\"labelValueCountByLabelName\":[{\"name\":\"a\",\"value\":3},{\"name\":\"b\",\"value\":3}],"
		"\"memoryInBytesByLabelName\":[],\"seriesCountByLabelValuePair\":[]}}");
}

static void test_tsdb_statistics_are_summed(void **state)
{
	run_both(tsdb_body, NULL);
}

static void tsdb_tenant_body(struct rig *rig)
{
	assert_non_null(strstr(co_get("/api/v1/status/tsdb", 200), "\"numSeries\":200,"));
}

static void tsdb_other_body(struct rig *rig)
{
	co_expect(
		"/api/v1/status/tsdb", 500,
		"{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"retrieving tsdb statistics: default-tenant "
		"tenant not found\"}");
}

static void test_tsdb_statistics_are_the_enforced_tenants(void **state)
{
	const struct query_http_config cfg = { .partial_response = true, .enforce_label = "tenant_id" };
	run_both(tsdb_other_body, &cfg);
	the_tenant = "tenant";
	run_both(tsdb_tenant_body, &cfg);
	the_tenant = NULL;
}

static void nul_body(struct rig *rig)
{
	static const char *const paths[] = {
		"metadata?metric=%00",   "metadata?metric=up%00x",        "rules?match[]=a%00",
		"rules?rule_name[]=%00", "query_exemplars?query=reqs%00", "status/tsdb?match[]=a%00"
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		char path[128];
		snprintf(path, sizeof(path), "/api/v1/%s", paths[i]);
		assert_non_null(strstr(co_get(path, 400), " has a NUL byte in it"));
	}
}

static void test_no_value_is_cut_at_a_nul_byte(void **state)
{
	run(nul_body, NULL);
}

static void abort_body(struct rig *rig)
{
	static const char *const paths[] = { "/api/v1/rules", "/api/v1/targets", "/api/v1/metadata",
					     "/api/v1/query_exemplars?query=reqs", "/api/v1/status/tsdb" };
	fake.fail = 0;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *got = co_get(paths[i], 500);
		assert_non_null(
			strstr(got, "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"retrieving "));
		assert_non_null(strstr(got, "no luck"));
	}
}

static void test_a_failure_is_all_of_it_without_partial_response(void **state)
{
	const struct query_http_config cfg = { .rules_abort = true,
					       .targets_abort = true,
					       .metadata_abort = true,
					       .exemplars_abort = true,
					       .status_abort = true };
	run_both(abort_body, &cfg);
}

static void full_body(struct rig *rig)
{
	const char *path = "/api/v1/query_exemplars?query=reqs";
	fake.fail = 0;
	fake.fail_full = true;
	if (web.cfg.exemplars_abort)
		(void)co_get(path, 500); /* the store's memory, not the query's */
	else
		assert_non_null(
			strstr(co_get(path, 200), "\"warnings\":[\"receiving exemplars from exemplars client "));
	fake.fail = -1;
	fake.flood = 20000;
	char whose[160];
	const char *got = co_get(path, 422);
	assert_non_null(strstr(got,
			       "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"retrieving exemplars: "
			       "query memory limit of 1000000 bytes reached: "));
	assert_non_null(strstr(got, " more wanted, for reqs; "));
	assert_non_null(strstr(got, " of 2 endpoints read so far, "));
	snprintf(whose, sizeof(whose), " of them from %s\"", rig->store[1].addr);
	assert_non_null(strstr(got, whose));
	fake.flood = 0;
	(void)co_get(path, 200);
}

static void test_answers_over_the_querys_memory_are_its_error_not_a_warning(void **state)
{
	const struct query_http_config abort = { .exemplars_abort = true };
	the_memory_limit = 1000000;
	run(full_body, NULL);
	run(full_body, &abort);
	the_memory_limit = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries_reach_the_stores),
		cmocka_unit_test(test_stores_and_pages),
		cmocka_unit_test(test_without_stores_answers_are_empty),
		cmocka_unit_test(test_rules_of_replicas_are_one_with_the_higher_state),
		cmocka_unit_test(test_targets_of_replicas_are_one),
		cmocka_unit_test(test_metadata_are_united),
		cmocka_unit_test(test_exemplars_are_asked_where_they_can_be),
		cmocka_unit_test(test_tsdb_statistics_are_summed),
		cmocka_unit_test(test_tsdb_statistics_are_the_enforced_tenants),
		cmocka_unit_test(test_no_value_is_cut_at_a_nul_byte),
		cmocka_unit_test(test_a_failure_is_all_of_it_without_partial_response),
		cmocka_unit_test(test_answers_over_the_querys_memory_are_its_error_not_a_warning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
