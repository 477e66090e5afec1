/*
 * Replays the exchanges recorded from Prometheus that are about what components know: rules, alerts, targets, metadata,
 * exemplars, statistics, status. A fake store serves what was recorded over gRPC; the querier's answers must be the
 * recorded ones. What is not the same stands in a table below, one by one, with the reason. (The others: tests/api/test_replay.c.)
 */
#include "unit/query/web.h"

#include "api/status.h"
#include "base/file.h"
#include "proto/exemplars.pb-c.h"
#include "proto/metadata.pb-c.h"
#include "proto/rules.pb-c.h"
#include "proto/status.pb-c.h"
#include "proto/targets.pb-c.h"
#include "text/json_read.h"

#include <time.h>

/* What becomes of an exchange; what is not listed must be equal. */
static const struct {
	const char *path, *param, *value; /* param NULL: every exchange of the path */
	int status;
	const char *body; /* what is to be in it; NULL: anything */
	const char *why;
} different[] = {
	{ "/api/v1/rules", "type", "x", 400, "invalid rules parameter type='x'", "the original's words" },
	{ "/api/v1/query_exemplars", "start", "5", 400, "end timestamp must not be before start time",
	  "the original's words" },
	{ "/api/v1/query_exemplars", "query", "1", 200, "\"data\":[]",
	  "the original has an empty list for no selectors, not 204" },
	{ "/api/v1/metadata", "limit", "x", 400, "invalid metric metadata limit='x'", "the original's words" },
	{ "/api/v1/status/tsdb", "limit", "0", 200, "headStats", "the original takes its default limit" },
	{ "/api/v1/status/config", NULL, NULL, 200, "{\"yaml\":\"role: query\\n",
	  "the querier's own configuration; the original has no such endpoint" },
	{ "/api/v1/status/runtimeinfo", NULL, NULL, 200, "\"CWD\":", "the original's keys, figures of this process" },
	{ "/api/v1/status/buildinfo", NULL, NULL, 200,
	  "\"version\":\"3.14.0\",\"revision\":\"abc\",\"branch\":\"HEAD\",\"buildUser\":\"u@h\","
	  "\"buildDate\":\"20260801-00:00:00\",\"goVersion\":\"\"",
	  "equal but for Go, which is not there" },
	/* A querier has no scrape pools, Alertmanagers, WAL or blocks of its own; the original lacks the endpoints too. */
	{ "/api/v1/scrape_pools", NULL, NULL, 404, "404 page not found", "no scraping in a querier" },
	{ "/api/v1/targets/metadata", NULL, NULL, 404, "404 page not found", "no scraping in a querier" },
	{ "/api/v1/alertmanagers", NULL, NULL, 404, "404 page not found", "no alerting in a querier" },
	{ "/api/v1/status/tsdb/blocks", NULL, NULL, 404, "404 page not found", "no TSDB in a querier" },
	{ "/api/v1/status/walreplay", NULL, NULL, 404, "404 page not found", "no TSDB in a querier" },
	{ "/api/v1/notifications", NULL, NULL, 404, "404 page not found", "of Prometheus' own UI" },
	{ "/api/v1/features", NULL, NULL, 404, "404 page not found", "of Prometheus' own UI" },
	{ "/api/v1/search/metric_names", NULL, NULL, 404, "404 page not found", "experimental, off by default there" },
	{ "/api/v1/admin/tsdb/delete_series", NULL, NULL, 404, "404 page not found", "a querier does not write" },
	{ "/api/v1/admin/tsdb/clean_tombstones", NULL, NULL, 404, "404 page not found", "a querier does not write" },
	{ "/api/v1/admin/tsdb/snapshot", NULL, NULL, 404, "404 page not found", "no TSDB in a querier" },
	{ "/api/v1/write", NULL, NULL, 404, "404 page not found", "a querier does not write" },
};

static struct rig the_rig;
static json_t *recorded;
static struct arena memory;
static int compared, told, wrong;

/* --- the recorded data as messages --------------------------------------------------------------- */

static json_t *data_of(const char *path)
{
	for (size_t i = 0; i < json_array_size(recorded); i++) {
		json_t *row = json_array_get(recorded, i), *params = json_object_get(row, "params");
		if (strcmp(json_string_value(json_object_get(row, "path")), path) == 0 && json_object_size(params) == 0)
			return json_loads(json_string_value(json_object_get(row, "body")), 0, NULL);
	}
	fail_msg("%s was not recorded without parameters", path);
	return NULL;
}

static char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return arena_strdup(&memory, s ? s : "");
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static Thanos__ZLabelSet *set(const json_t *o)
{
	Thanos__ZLabelSet *s = arena_alloc(&memory, sizeof(*s));
	const char *name;
	json_t *value;
	thanos__zlabel_set__init(s);
	s->labels = arena_array(&memory, json_object_size(o) + 1, sizeof(*s->labels));
	json_object_foreach((json_t *)o, name, value)
	{
		Thanos__Label *l = arena_alloc(&memory, sizeof(*l));
		thanos__label__init(l);
		l->name = arena_strdup(&memory, name);
		l->value = arena_strdup(&memory, json_string_value(value));
		s->labels[s->n_labels++] = l;
	}
	return s;
}

/* "2026-11-22T12:16:32.876869918Z"; NULL for Go's zero time. */
static Google__Protobuf__Timestamp *timestamp(const json_t *o, const char *key)
{
	const char *s = text(o, key);
	struct tm tm = { 0 };
	Google__Protobuf__Timestamp *t = arena_alloc(&memory, sizeof(*t));
	google__protobuf__timestamp__init(t);
	char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || strncmp(s, "0001", 4) == 0)
		return NULL;
	t->seconds = timegm(&tm);
	if (*end == '.') {
		char digits[10] = "000000000";
		memcpy(digits, end + 1, strspn(end + 1, "0123456789"));
		t->nanos = atoi(digits);
	}
	return t;
}

static Thanos__AlertInstance *instance(const json_t *o)
{
	Thanos__AlertInstance *a = arena_alloc(&memory, sizeof(*a));
	thanos__alert_instance__init(a);
	a->labels = set(json_object_get(o, "labels"));
	a->annotations = set(json_object_get(o, "annotations"));
	a->state = THANOS__ALERT_STATE__FIRING;
	a->active_at = timestamp(o, "activeAt");
	a->value = text(o, "value");
	return a;
}

static Thanos__Alert *alert(const json_t *o)
{
	Thanos__Alert *a = arena_alloc(&memory, sizeof(*a));
	json_t *list = json_object_get(o, "alerts");
	thanos__alert__init(a);
	a->state =
		strcmp(text(o, "state"), "firing") == 0 ? THANOS__ALERT_STATE__FIRING : THANOS__ALERT_STATE__INACTIVE;
	a->name = text(o, "name");
	a->query = text(o, "query");
	a->duration_seconds = number(o, "duration");
	a->keep_firing_for_seconds = number(o, "keepFiringFor");
	a->labels = set(json_object_get(o, "labels"));
	a->annotations = set(json_object_get(o, "annotations"));
	a->alerts = arena_array(&memory, json_array_size(list) + 1, sizeof(*a->alerts));
	for (; a->n_alerts < json_array_size(list); a->n_alerts++)
		a->alerts[a->n_alerts] = instance(json_array_get(list, a->n_alerts));
	a->health = text(o, "health");
	a->last_error = text(o, "lastError");
	a->evaluation_duration_seconds = number(o, "evaluationTime");
	a->last_evaluation = timestamp(o, "lastEvaluation");
	return a;
}

static Thanos__RecordingRule *recording(const json_t *o)
{
	Thanos__RecordingRule *r = arena_alloc(&memory, sizeof(*r));
	thanos__recording_rule__init(r);
	r->name = text(o, "name");
	r->query = text(o, "query");
	r->labels = set(json_object_get(o, "labels"));
	r->health = text(o, "health");
	r->last_error = text(o, "lastError");
	r->evaluation_duration_seconds = number(o, "evaluationTime");
	r->last_evaluation = timestamp(o, "lastEvaluation");
	return r;
}

static Thanos__RuleGroup *group(const json_t *o, int type)
{
	Thanos__RuleGroup *g = arena_alloc(&memory, sizeof(*g));
	json_t *list = json_object_get(o, "rules");
	thanos__rule_group__init(g);
	g->name = text(o, "name");
	g->file = text(o, "file");
	g->interval = number(o, "interval");
	g->limit = (int64_t)number(o, "limit");
	g->evaluation_duration_seconds = number(o, "evaluationTime");
	g->last_evaluation = timestamp(o, "lastEvaluation");
	g->rules = arena_array(&memory, json_array_size(list) + 1, sizeof(*g->rules));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *rule = json_array_get(list, i);
		bool alerting = strcmp(text(rule, "type"), "alerting") == 0;
		if (type == (alerting ? THANOS__RULES_REQUEST__TYPE__RECORD : THANOS__RULES_REQUEST__TYPE__ALERT))
			continue;
		Thanos__Rule *r = arena_alloc(&memory, sizeof(*r));
		thanos__rule__init(r);
		r->result_case = alerting ? THANOS__RULE__RESULT_ALERT : THANOS__RULE__RESULT_RECORDING;
		if (alerting)
			r->alert = alert(rule);
		else
			r->recording = recording(rule);
		g->rules[g->n_rules++] = r;
	}
	return g;
}

static int co_rules(struct grpc_call *c, void *arg, struct err *err)
{
	Thanos__RulesRequest *req;
	json_t *all = data_of("/api/v1/rules"), *list = json_object_get(json_object_get(all, "data"), "groups");
	int rc = grpc_call_unpack(c, &thanos__rules_request__descriptor, (void **)&req, err);
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		Thanos__RulesResponse resp = THANOS__RULES_RESPONSE__INIT;
		resp.result_case = THANOS__RULES_RESPONSE__RESULT_GROUP;
		resp.group = group(json_array_get(list, i), (int)req->type);
		rc = resp.group->n_rules ? co_grpc_send_pb(c, &resp, err) : 0;
	}
	json_decref(all);
	return rc;
}

/* None of the recorded targets is there any more. */
static int co_targets(struct grpc_call *c, void *arg, struct err *err)
{
	Thanos__TargetsResponse resp = THANOS__TARGETS_RESPONSE__INIT;
	Thanos__TargetDiscovery d = THANOS__TARGET_DISCOVERY__INIT;
	resp.result_case = THANOS__TARGETS_RESPONSE__RESULT_TARGETS;
	resp.targets = &d;
	return co_grpc_send_pb(c, &resp, err);
}

static int co_exemplars(struct grpc_call *c, void *arg, struct err *err)
{
	json_t *all = json_object();
	int rc = 0;
	for (size_t i = 0; i < json_array_size(recorded) && json_object_size(all) == 0; i++)
		if (strcmp(json_string_value(json_object_get(json_array_get(recorded, i), "path")),
			   "/api/v1/query_exemplars") == 0) {
			json_decref(all);
			all = json_loads(json_string_value(json_object_get(json_array_get(recorded, i), "body")), 0,
					 NULL);
		}
	json_t *list = json_object_get(all, "data");
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		const json_t *o = json_array_get(list, i), *es = json_object_get(o, "exemplars");
		Thanos__ExemplarsResponse resp = THANOS__EXEMPLARS_RESPONSE__INIT;
		Thanos__ExemplarData d = THANOS__EXEMPLAR_DATA__INIT;
		d.serieslabels = set(json_object_get(o, "seriesLabels"));
		d.exemplars = arena_array(&memory, json_array_size(es) + 1, sizeof(*d.exemplars));
		for (; d.n_exemplars < json_array_size(es); d.n_exemplars++) {
			const json_t *e = json_array_get(es, d.n_exemplars);
			Thanos__Exemplar *x = arena_alloc(&memory, sizeof(*x));
			thanos__exemplar__init(x);
			x->labels = set(json_object_get(e, "labels"));
			x->value = atof(text(e, "value"));
			x->ts = (int64_t)(number(e, "timestamp") * 1000 + 0.5);
			d.exemplars[d.n_exemplars] = x;
		}
		resp.result_case = THANOS__EXEMPLARS_RESPONSE__RESULT_DATA;
		resp.data = &d;
		rc = co_grpc_send_pb(c, &resp, err);
	}
	json_decref(all);
	return rc;
}

static int co_metadata(struct grpc_call *c, void *arg, struct err *err)
{
	return 0;
}

static size_t statistics(const json_t *data, const char *key, Thanos__Statistic ***ret)
{
	json_t *list = json_object_get(data, key);
	size_t n = json_array_size(list);
	*ret = arena_array(&memory, n + 1, sizeof(**ret));
	for (size_t i = 0; i < n; i++) {
		Thanos__Statistic *s = arena_alloc(&memory, sizeof(*s));
		thanos__statistic__init(s);
		s->name = text(json_array_get(list, i), "name");
		s->value = (uint64_t)number(json_array_get(list, i), "value");
		(*ret)[i] = s;
	}
	return n;
}

static int co_status(struct grpc_call *c, void *arg, struct err *err)
{
	json_t *all = data_of("/api/v1/status/tsdb"), *data = json_object_get(all, "data");
	const json_t *head = json_object_get(data, "headStats");
	Thanos__TSDBStatisticsResponse resp = THANOS__TSDBSTATISTICS_RESPONSE__INIT;
	Thanos__TSDBStatistics st = THANOS__TSDBSTATISTICS__INIT;
	Thanos__TSDBStatistics__StatisticsEntry te = THANOS__TSDBSTATISTICS__STATISTICS_ENTRY__INIT, *tes[] = { &te };
	Thanos__TSDBStatisticsEntry e = THANOS__TSDBSTATISTICS_ENTRY__INIT;
	Thanos__HeadStatistics h = THANOS__HEAD_STATISTICS__INIT;
	h.num_series = (uint64_t)number(head, "numSeries");
	h.num_label_pairs = (int64_t)number(head, "numLabelPairs");
	h.chunk_count = json_integer_value(json_object_get(head, "chunkCount"));
	h.min_time = (int64_t)number(head, "minTime");
	h.max_time = (int64_t)number(head, "maxTime");
	e.head_statistics = &h;
	e.n_series_count_by_metric_name = statistics(data, "seriesCountByMetricName", &e.series_count_by_metric_name);
	e.n_label_value_count_by_label_name =
		statistics(data, "labelValueCountByLabelName", &e.label_value_count_by_label_name);
	e.n_memory_in_bytes_by_label_name =
		statistics(data, "memoryInBytesByLabelName", &e.memory_in_bytes_by_label_name);
	e.n_series_count_by_label_value_pair =
		statistics(data, "seriesCountByLabelValuePair", &e.series_count_by_label_value_pair);
	te.key = (char *)"tenant";
	te.value = &e;
	st.statistics = tes;
	st.n_statistics = 1;
	resp.result_case = THANOS__TSDBSTATISTICS_RESPONSE__RESULT_STATISTICS;
	resp.statistics = &st;
	int rc = co_grpc_send_pb(c, &resp, err);
	json_decref(all);
	return rc;
}

static const struct grpc_method more[] = {
	{ "/thanos.Rules/Rules", GRPC_SERVER_STREAM, co_rules },
	{ "/thanos.Targets/Targets", GRPC_SERVER_STREAM, co_targets },
	{ "/thanos.Metadata/MetricMetadata", GRPC_SERVER_STREAM, co_metadata },
	{ "/thanos.Exemplars/Exemplars", GRPC_SERVER_STREAM, co_exemplars },
	{ "/thanos.Status/TSDBStatistics", GRPC_SERVER_STREAM, co_status },
};

/* --- comparing --------------------------------------------------------------------------------------- */

/* Takes keys out of a value, wherever they are. */
static void without(json_t *v, const char *key)
{
	const char *k;
	json_t *e;
	if (json_is_object(v)) {
		json_object_del(v, key);
		json_object_foreach(v, k, e) without(e, key);
	}
	for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++)
		without(json_array_get(v, i), key);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(text(*(json_t *const *)a, "name"), text(*(json_t *const *)b, "name"));
}

/* Puts statistics in the order of their names: those with equal values come in any. */
static void sort_statistics(json_t *v)
{
	const char *k;
	json_t *e, *row[64];
	json_object_foreach(json_object_get(v, "data"), k, e)
	{
		size_t n = json_array_size(e);
		if (n > ARRAY_LEN(row) || !json_object_get(json_array_get(e, 0), "value"))
			continue;
		for (size_t i = 0; i < n; i++)
			row[i] = json_incref(json_array_get(e, i));
		qsort(row, n, sizeof(*row), by_name);
		for (size_t i = 0; i < n; i++)
			json_array_set_new(e, i, row[i]);
	}
}

/*
 * Whether both say the same: the original has a strategy in rules and alerts and the keys in another order, and does not know
 * how many targets were dropped.
 */
static bool same(const char *want, const char *got)
{
	json_t *w = json_loads(want, 0, NULL), *g = json_loads(got, 0, NULL);
	without(g, "partialResponseStrategy");
	without(w, "droppedTargetCounts");
	sort_statistics(w);
	sort_statistics(g);
	bool ok = w && g && json_equal(w, g);
	json_decref(w);
	json_decref(g);
	return ok;
}

static bool has_param(const json_t *row, const char *name, const char *value)
{
	json_t *list = json_object_get(json_object_get(row, "params"), name);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), value) == 0)
			return true;
	return false;
}

static int row_of(const json_t *row, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(different); i++)
		if (strcmp(path, different[i].path) == 0 &&
		    (!different[i].param || has_param(row, different[i].param, different[i].value)))
			return (int)i;
	return -1;
}

/* Endpoints that the handlers of src/api serve: compared by tests/api/test_replay.c. */
static bool is_elsewhere(const char *path)
{
	static const char *const paths[] = { "/api/v1/query",       "/api/v1/query_range", "/api/v1/format_query",
					     "/api/v1/parse_query", "/api/v1/labels",      "/api/v1/series",
					     "/api/v1/nonexistent" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (strcmp(path, paths[i]) == 0)
			return true;
	return strncmp(path, "/api/v1/label/", 14) == 0;
}

static struct http_client_resp ask(const json_t *row, const char *path, struct strbuf *url)
{
	struct http_client_resp resp = { .status = 0 };
	const char *name;
	json_t *list;
	struct err err;
	strbuf_printf(url, "%s%s?", web.origin, path);
	json_object_foreach(json_object_get(row, "params"), name, list) for (size_t i = 0; i < json_array_size(list);
									     i++)
	{
		http_query_escape(url, str_c(name));
		strbuf_add_ch(url, '=');
		http_query_escape(url, str_c(json_string_value(json_array_get(list, i))));
		strbuf_add_ch(url, '&');
	}
	struct http_client_req rq = { .url = url->p, .method = json_string_value(json_object_get(row, "method")) };
	if (co_http_request(web.client, &rq, &resp, &err))
		fail_msg("%s: %s", url->p, err.msg);
	strbuf_add_c(&resp.body, "");
	return resp;
}

static void exchange(const json_t *row)
{
	const char *path = json_string_value(json_object_get(row, "path"));
	const char *want = json_string_value(json_object_get(row, "body"));
	int status = (int)json_integer_value(json_object_get(row, "status")), at = row_of(row, path);
	struct strbuf url = { 0 };
	if (is_elsewhere(path))
		return;
	struct http_client_resp resp = ask(row, path, &url);
	const char *got = resp.body.p ? resp.body.p : "";
	bool ok = at < 0 ? resp.status == status && same(want, got)
			 : resp.status == different[at].status && strstr(got, different[at].body);
	compared += at < 0;
	told += at >= 0;
	if (!ok) {
		wrong++;
		print_message("%s\n  want %d %s\n  got  %d %s\n", url.p, at < 0 ? status : different[at].status,
			      at < 0 ? want : different[at].body, resp.status, got);
	}
	http_client_resp_fini(&resp);
	strbuf_fini(&url);
}

static void replay_body(struct rig *rig)
{
	for (size_t i = 0; i < json_array_size(recorded); i++)
		exchange(json_array_get(recorded, i));
}

static void test_recorded_answers_of_components_are_given(void **state)
{
	static const struct api_flag flags[] = { { "b.flag", "" }, { "a.flag", "1" } };
	const char *dir = getenv("SHARED");
	struct rig *rig = &the_rig;
	struct strbuf b = { 0 };
	struct err err;
	char path[1024];
	snprintf(path, sizeof(path), "%s/conformance/promql/api_prometheus.json", dir ? dir : "../shared");
	if (file_read_all(path, 64 << 20, &b, &err))
		skip();
	assert_int_equal(text_json_parse(strbuf_str(&b), NULL, &recorded, &err), 0);
	strbuf_fini(&b);
	arena_init(&memory, NULL);
	rig_init(rig, 1);
	rig->store[0].more = more;
	rig->store[0].n_more = ARRAY_LEN(more);
	rig->store[0].announce = fake_announce_all;
	web.cfg = (struct query_http_config){ .partial_response = true,
					      .flags = flags,
					      .n_flags = 2,
					      .version = "3.14.0",
					      .revision = "abc",
					      .branch = "HEAD",
					      .build_user = "u@h",
					      .build_date = "20260801-00:00:00" };
	web.body = replay_body;
	rig_run(rig, web_body);
	json_decref(recorded);
	arena_fini(&memory);
	print_message("%d exchanges equal, %d different on purpose, %d wrong\n", compared - wrong, told, wrong);
	assert_int_equal(wrong, 0);
	assert_true(compared >= 20 && told >= 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_answers_of_components_are_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
