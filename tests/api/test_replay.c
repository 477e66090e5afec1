/*
 * Replays the exchanges recorded from Prometheus against our handlers and
 * compares status and body byte for byte, after the differences that Thanos' API
 * has on purpose are applied to what was recorded.
 */
#include "api/rig.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/json_read.h"
#include "unit/unit.h"

#include <ctype.h>

/* What is answered otherwise on purpose, how, and why. */
static const struct {
	const char *path, *param, *value; /* value NULL: without the parameter */
	int status;
	const char *body; /* what is to be in it */
	const char *why;
} different[] = {
	{ "/api/v1/query", "time", "9223372036854775807", 400, "to a valid timestamp",
	  "beyond all times: upstream makes an arbitrary one, we refuse" },
	{ "/api/v1/query", "time", "NaN", 400, "to a valid timestamp", "as above" },
	{ "/api/v1/query", "time", "Inf", 400, "to a valid timestamp", "as above" },
	{ "/api/v1/query", "time", "-292273086-05-16T16:47:06Z", 200, "[-9223309901257974,",
	  "upstream overflows; we take the first time" },
	{ "/api/v1/query", "stats", "foo", 200, "\"resultType\":\"vector\"", "Thanos knows no wrong value of stats" },
	{ "/api/v1/query_range", "step", NULL, 200, "\"resultType\":\"matrix\"", "Thanos has a default step" },
	{ "/api/v1/labels", "match[]", "{}", 200, "[\"__name__\",", "Thanos allows it" },
	{ "/api/v1/label/job/values", "match[]", "{}", 200, "[\"x\"]", "Thanos allows it" },
	{ "/api/v1/series", "match[]", "{}", 200, "", "the fan-out refuses it (tests/unit/query/test_http.c)" },
	{ "/api/v1/labels", "start", "60", 400, "end timestamp must not be before start time",
	  "Thanos refuses an end before the start" },
	{ "/api/v1/label/__name__/values", "limit", "3", 200,
	  "[\"ALERTS\",\"classic_bad\",\"classic_bucket\"],\"warnings\"",
	  "upstream's are not sorted, ours are the first ones" },
	{ "/api/v1/query", "query", "rate(http_requests_total[1m])", 200,
	  "{\"metric\":{\"code\":\"200\",\"instance\":\"a:9090\"},\"value\":[", "upstream's order is that of a hash" },
};

struct replay {
	struct rig g;
	json_t *all;
	int compared, told, elsewhere, differ;
};

/* --- texts ------------------------------------------------------------------------------ */

/* Replaces the first `from` in `b`; whether there was one. */
static bool replace(struct strbuf *b, const char *from, const char *to)
{
	ptrdiff_t at = str_find(strbuf_str(b), str_c(from));
	struct strbuf out = { 0 };
	if (at < 0)
		return false;
	strbuf_add(&out, b->p, (size_t)at);
	strbuf_add_c(&out, to);
	strbuf_add_c(&out, b->p + at + strlen(from));
	strbuf_fini(b);
	*b = out;
	return true;
}

/* Upstream does not say how many samples are too many, and of what. */
static void cut_figures(struct strbuf *b)
{
	ptrdiff_t at = str_find(strbuf_str(b), STR("in query execution: it needs ")),
		  end = str_find(strbuf_str(b), STR("\"}"));
	if (at < 0 || end < at)
		return;
	at += (ptrdiff_t)strlen("in query execution");
	memmove(b->p + at, b->p + end, b->n - (size_t)end);
	b->n -= (size_t)(end - at);
}

/* Cuts "from...}" with balanced braces. */
static bool cut_object(struct strbuf *b, const char *from)
{
	ptrdiff_t at = str_find(strbuf_str(b), str_c(from));
	if (at < 0)
		return false;
	size_t end = (size_t)at + strlen(from);
	for (int depth = 1; depth && end < b->n; end++)
		depth += b->p[end] == '{' ? 1 : b->p[end] == '}' ? -1 : 0;
	memmove(b->p + at, b->p + end, b->n - end + 1);
	b->n -= end - (size_t)at;
	return true;
}

/* Cuts positions " (1:20)" at the ends of warnings. */
static void cut_positions(struct strbuf *b)
{
	for (size_t i = 0; i + 3 < b->n; i++) {
		size_t j = i + 2;
		if (b->p[i] != ' ' || b->p[i + 1] != '(')
			continue;
		while (isdigit((unsigned char)b->p[j]) || b->p[j] == ':')
			j++;
		if (j == i + 2 || b->p[j] != ')' || b->p[j + 1] != '"')
			continue;
		memmove(b->p + i, b->p + j + 1, b->n - j);
		b->n -= j + 1 - i;
	}
}

/* What Thanos would have answered. */
static void as_thanos(struct strbuf *b, const char *path)
{
	static const char *const names[] = { "query", "time", "start", "end", "step", "timeout", "limit", "match[]" };
	bool label_api = strcmp(path, "/api/v1/query") != 0 && strcmp(path, "/api/v1/query_range") != 0;
	char prefix[64];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(prefix, sizeof(prefix), "invalid parameter \\\"%s\\\": ", names[i]);
		replace(b, prefix,
			strcmp(names[i], "step") == 0 && strstr(b->p, "cannot parse") ? "'step' parameter: " : "");
	}
	replace(b, "invalid time value", label_api ? "bad_data: Invalid time value" : "Invalid time value");
	replace(b, "error parsing lookback delta duration: ", "'lookback_delta' parameter: ");
	replace(b, "strconv.Atoi: parsing \\\"x\\\": invalid syntax", "cannot parse \\\"x\\\" to a valid limit");
	cut_positions(b);
	if (!replace(b, "],\"infos\":[", ","))
		replace(b, "\"infos\"", "\"warnings\"");
}

/* --- exchanges -------------------------------------------------------------------------- */

static const char *first_value(const json_t *row, const char *name)
{
	return json_string_value(json_array_get(json_object_get(json_object_get(row, "params"), name), 0));
}

/* The exchange's row in the table, or -1. */
static int row_of(const json_t *row, const char *path)
{
	for (size_t i = 0; i < sizeof(different) / sizeof(*different); i++) {
		const char *v = first_value(row, different[i].param);
		bool same = v && different[i].value ? strcmp(v, different[i].value) == 0 : !v && !different[i].value;
		if (strcmp(path, different[i].path) == 0 && same)
			return (int)i;
	}
	return -1;
}

/* Exchanges of endpoints that these handlers have; those of the others are replayed by tests/unit/query/test_replay.c. */
static bool is_served(const char *path)
{
	static const char *const served[] = { "/api/v1/query",       "/api/v1/query_range", "/api/v1/format_query",
					      "/api/v1/parse_query", "/api/v1/labels",      "/api/v1/series",
					      "/api/v1/nonexistent" };
	for (size_t i = 0; i < sizeof(served) / sizeof(*served); i++)
		if (strcmp(path, served[i]) == 0)
			return true;
	return strncmp(path, "/api/v1/label/", 14) == 0;
}

static void add_form(const json_t *params, struct strbuf *out)
{
	const char *name;
	json_t *list;
	json_object_foreach((json_t *)params, name, list)
	{
		for (size_t i = 0; i < json_array_size(list); i++) {
			strbuf_add_c(out, out->n ? "&" : "");
			http_query_escape(out, str_c(name));
			strbuf_add_ch(out, '=');
			http_query_escape(out, str_c(json_string_value(json_array_get(list, i))));
		}
	}
}

static void prepare(struct rig *g, const char *id)
{
	g->engine = (struct promql_opts){ .max_samples = strncmp(id, "small:", 6) == 0 ? 10 : 0 };
	g->select_delay_ms = strncmp(id, "slow:", 5) == 0 ? 200 : 0;
	g->prom.cfg.timeout_ms = g->select_delay_ms ? 20 : 60000;
}

static void co_exchange(struct replay *r, const json_t *row)
{
	const char *method = json_string_value(json_object_get(row, "method"));
	const char *path = json_string_value(json_object_get(row, "path"));
	const char *id = json_string_value(json_object_get(row, "id"));
	struct strbuf form = { 0 }, want = { 0 }, got = { 0 };
	struct answer a;
	int at = row_of(row, path);
	if (!is_served(path) ||
	    strncmp(id, "notready", 8) == 0) { /* a querier answers before it is ready; /-/ready tells */
		r->elsewhere++;
		return;
	}
	prepare(&r->g, id);
	add_form(json_object_get(row, "params"), &form);
	co_rig_ask(&r->g, method, path, form.p, &a);
	strbuf_add_c(&want, json_string_value(json_object_get(row, "body")));
	strbuf_add_c(&got, a.body);
	as_thanos(&want, path);
	bool stats = cut_object(&want, ",\"stats\":{") == cut_object(&got, ",\"stats\":{");
	cut_object(&got, ",\"analysis\":{");
	int status = (int)json_integer_value(json_object_get(row, "status"));
	if (at >= 0) {
		r->told++;
		if (a.status != different[at].status || !strstr(got.p, different[at].body)) {
			r->differ++;
			print_message("%s?%s\n  want %d %s\n  got  %d %s\n", path, form.p ? form.p : "",
				      different[at].status, different[at].body, a.status, got.p);
		}
		goto out;
	}
	r->compared++;
	cut_figures(&got);
	if (a.status != status || !stats || !str_eq(strbuf_str(&want), strbuf_str(&got))) {
		r->differ++;
		print_message("%s %s?%s\n  want %d %s\n  got  %d %s\n", method, path, form.p ? form.p : "", status,
			      want.p ? want.p : "", a.status, got.p ? got.p : "");
	}
out:
	http_client_resp_fini(&a.resp);
	strbuf_fini(&form);
	strbuf_fini(&want);
	strbuf_fini(&got);
}

static void co_replay(struct rig *g)
{
	struct replay *r = (struct replay *)((char *)g - offsetof(struct replay, g));
	for (size_t i = 0; i < json_array_size(r->all); i++)
		co_exchange(r, json_array_get(r->all, i));
}

/* Upstream had rules running, which made these series. */
static const char rule_series[] =
	"  ALERTS{alertname=\"Down\",alertstate=\"firing\",instance=\"b:9090\",job=\"x\",severity=\"page\"} 1x40\n"
	"  job:up:sum{job=\"x\",l=\"v\"} 1x40\n";

static char *shared_file(const char *name, struct str *ret)
{
	const char *dir = getenv("SHARED");
	char path[1024];
	struct err err;
	snprintf(path, sizeof(path), "%s/conformance/promql/%s", dir ? dir : "../shared", name);
	struct strbuf b = { 0 };
	if (file_read_all(path, 64 << 20, &b, &err))
		return NULL;
	*ret = strbuf_str(&b);
	return strbuf_steal(&b);
}

static void test_recorded_exchanges_are_answered_as_recorded(void **state)
{
	struct api_prom_config cfg = { .partial_response = true };
	struct replay r = { .compared = 0 };
	struct err err;
	struct str script, text;
	char *a = shared_file("api_prometheus_data.test", &script), *b = shared_file("api_prometheus.json", &text);
	if (!a || !b) {
		free(a);
		free(b);
		skip();
	}
	assert_int_equal(text_json_parse(text, NULL, &r.all, &err), 0);
	struct strbuf all = { 0 };
	strbuf_add_str(&all, script);
	strbuf_add_c(&all, rule_series);
	rig_init(&r.g, &cfg, strbuf_str(&all));
	rig_run(&r.g, co_replay);
	assert_int_equal(r.g.gate_in, r.g.gate_out);
	rig_fini(&r.g);
	strbuf_fini(&all);
	json_decref(r.all);
	free(a);
	free(b);
	print_message("%d exchanges equal, %d different on purpose, %d elsewhere, %d wrong\n", r.compared, r.told,
		      r.elsewhere, r.differ);
	assert_true(r.compared > 150 && r.told >= 12);
	assert_int_equal(r.differ, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_exchanges_are_answered_as_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
