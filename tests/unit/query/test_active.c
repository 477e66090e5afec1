/* The list of running queries, and their end by an operator. */
#include "unit/query/web.h"

#include "proto/query.pb-c.h"
#include "query/grpc.h"
#include "text/json_read.h"

static struct rig the_rig;

/* A request that somebody else makes meanwhile. */
struct other {
	char url[600];
	struct http_client_resp resp;
	bool done;
};

/* Suspends. */
static void other_main(void *arg)
{
	struct other *o = arg;
	struct err err;
	const struct http_header headers[] = { { STR("User-Agent"), STR("someone/1") },
					       { STR("THANOS-TENANT"), STR("blue") } };
	struct http_client_req rq = { .url = o->url, .headers = headers, .n_headers = ARRAY_LEN(headers) };
	if (co_http_request(web.client, &rq, &o->resp, &err))
		fail_msg("%s: %s", o->url, err.msg);
	strbuf_add_c(&o->resp.body, "");
	o->done = true;
}

static void other_start(struct rig *rig, struct other *o, const char *path)
{
	*o = (struct other){ .done = false };
	snprintf(o->url, sizeof(o->url), "%s%s", web.origin, path);
	fiber_start(rig->r, "other", other_main, o);
}

static void co_other_wait(struct other *o)
{
	for (int i = 0; i < 1000 && !o->done; i++)
		co_sleep_ms(5, NULL);
	assert_true(o->done);
}

/* The list, once `n` queries are on it. */
static json_t *co_list_of(size_t n)
{
	const struct json_limits limits = { .bytes = 1 << 20, .depth = 10, .values = 1000 };
	struct err err;
	json_t *top;
	for (int i = 0; i < 1000; i++) {
		const char *body = co_get("/api/v1/status/active_queries", 200);
		assert_int_equal(text_json_parse(str_c(body), &limits, &top, &err), 0);
		if (json_array_size(json_object_get(top, "data")) == n)
			return top;
		json_decref(top);
		co_sleep_ms(5, NULL);
	}
	fail_msg("the list does not get %zu queries", n);
	return NULL;
}

/* A member of query `i` of the list, as text. */
static const char *text_of(const json_t *top, size_t i, const char *key)
{
	const char *s = json_string_value(json_object_get(json_array_get(json_object_get(top, "data"), i), key));
	return s ? s : "";
}

static int64_t number_of(const json_t *top, size_t i, const char *key)
{
	return (int64_t)json_number_value(json_object_get(json_array_get(json_object_get(top, "data"), i), key));
}

/* Cancels a query; the status of the answer. */
static int co_cancel(const char *path)
{
	struct err err;
	char url[512];
	struct http_client_resp resp = { 0 };
	snprintf(url, sizeof(url), "%s%s", web.origin, path);
	struct http_client_req rq = { .url = url, .method = "DELETE" };
	assert_int_equal(co_http_request(web.client, &rq, &resp, &err), 0);
	int status = resp.status;
	http_client_resp_fini(&resp);
	return status;
}

static int co_cancel_id(const char *id, bool in_path)
{
	char path[128];
	snprintf(path, sizeof(path), "/api/v1/status/active_queries%s%s", in_path ? "/" : "?id=", id);
	return co_cancel(path);
}

/* Waits until nothing of any query is left. */
static void co_expect_nothing_left(struct rig *rig)
{
	for (int i = 0; i < 1000 && query_budget(rig->q)->used; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(query_budget(rig->q)->used, 0);
	json_decref(co_list_of(0));
}

static void running_body(struct rig *rig)
{
	struct other o;
	other_start(rig, &o, "/api/v1/query_range?query=sum(m)&start=1&end=61&step=10");
	json_t *top = co_list_of(1);
	for (int i = 0; i < 1000 && number_of(top, 0, "endpointsPendingCount") != 1; i++) {
		json_decref(top);
		co_sleep_ms(5, NULL);
		top = co_list_of(1);
	}
	assert_string_equal(text_of(top, 0, "query"), "sum(m)");
	assert_string_equal(text_of(top, 0, "kind"), "query_range");
	assert_string_equal(text_of(top, 0, "tenant"), "blue");
	assert_string_equal(text_of(top, 0, "userAgent"), "someone/1");
	assert_string_equal(text_of(top, 0, "state"), "running");
	assert_memory_equal(text_of(top, 0, "remote"), "127.0.0.1:", 10);
	assert_int_equal(number_of(top, 0, "start"), 1);
	assert_int_equal(number_of(top, 0, "end"), 61);
	assert_int_equal(number_of(top, 0, "step"), 10);
	assert_int_equal(number_of(top, 0, "streams"), 2);
	assert_true(number_of(top, 0, "memoryBytes") > 0);
	assert_true(number_of(top, 0, "memoryPeakBytes") >= number_of(top, 0, "memoryBytes"));
	assert_true(number_of(top, 0, "bytes") > 0);
	const json_t *q = json_array_get(json_object_get(top, "data"), 0);
	assert_true(json_number_value(json_object_get(q, "elapsedSeconds")) >=
		    json_number_value(json_object_get(q, "cpuSeconds")));
	assert_true(json_number_value(json_object_get(q, "cpuSeconds")) > 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(q, "endpointsPending"), 0)),
			    rig->store[1].addr);
	assert_int_equal(co_cancel_id(text_of(top, 0, "id"), true), 200);
	co_other_wait(&o);
	assert_int_equal(o.resp.status, 503);
	assert_string_equal(
		o.resp.body.p,
		"{\"status\":\"error\",\"errorType\":\"canceled\",\"error\":\"query was canceled by an operator in "
		"query execution\"}");
	co_expect_nothing_left(rig);
	for (int i = 0; i < 1000 && !rig->store[1].cancelled; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(rig->store[1].cancelled, 1);
	assert_int_equal(co_cancel_id(text_of(top, 0, "id"), true), 404);
	assert_int_equal(co_cancel_id("", false), 400);
	json_decref(top);
	http_client_resp_fini(&o.resp);
	rig->store[1].mode = FAKE_OK;
	co_get("/api/v1/query?query=m&time=2", 200);
}

static void test_a_running_query_is_listed_and_cancelled(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 1000, 1000, 60, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "3"), 1000, 1000, 60, 1, 1);
	rig->store[1].mode = FAKE_HANG_LATE;
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = running_body;
	rig_run(rig, web_body);
}

/* The store says nothing: it is named all the same. */
static void queued_body(struct rig *rig)
{
	struct other first, second;
	other_start(rig, &first, "/api/v1/query?query=m&time=2");
	json_t *one = co_list_of(1);
	for (int i = 0; i < 1000 && number_of(one, 0, "endpointsPendingCount") != 1; i++) {
		json_decref(one);
		co_sleep_ms(5, NULL);
		one = co_list_of(1);
	}
	assert_int_equal(number_of(one, 0, "endpointsPendingCount"), 1);
	json_decref(one);
	other_start(rig, &second, "/api/v1/query?query=n&time=2");
	json_t *top = co_list_of(2);
	assert_string_equal(text_of(top, 0, "query"), "m");
	assert_string_equal(text_of(top, 0, "state"), "running");
	assert_string_equal(text_of(top, 1, "query"), "n");
	assert_string_equal(text_of(top, 1, "state"), "queued");
	assert_int_equal(number_of(top, 1, "streams"), 0);
	assert_int_equal(co_cancel_id(text_of(top, 1, "id"), false), 200);
	co_other_wait(&second);
	assert_int_equal(second.resp.status, 503);
	assert_non_null(strstr(second.resp.body.p, "by an operator in query queue"));
	assert_false(first.done);
	assert_int_equal(co_cancel_id(text_of(top, 0, "id"), false), 200);
	co_other_wait(&first);
	assert_int_equal(first.resp.status, 503);
	json_decref(top);
	http_client_resp_fini(&first.resp);
	http_client_resp_fini(&second.resp);
	co_expect_nothing_left(rig);
}

static void test_a_waiting_query_is_listed_and_cancelled(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 1);
	rig->cfg.max_concurrent = 1;
	rig->store[0].mode = FAKE_HANG;
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = queued_body;
	rig_run(rig, web_body);
}

/* A query of a querier above. */
struct remote_query {
	struct grpc_channel *ch;
	bool done;
	int rc;
	struct err err;
};

/* Suspends. */
static void remote_main(void *arg)
{
	struct remote_query *rq = arg;
	struct arena a;
	struct grpc_stream *s;
	Thanos__QueryRequest q = THANOS__QUERY_REQUEST__INIT;
	void *r;
	arena_init(&a, NULL);
	q.query = (char *)"rate(m[1m])";
	q.time_seconds = 60;
	q.enablepartialresponse = 1;
	assert_int_equal(co_grpc_stream_open_pb(rq->ch, "/thanos.Query/Query", NULL, &q, &s, &rq->err), 0);
	while ((rq->rc = co_grpc_recv_pb(s, &thanos__query_response__descriptor, &a, &r, &rq->err)) == 0 && r)
		;
	grpc_stream_close(s);
	arena_fini(&a);
	rq->done = true;
}

static void grpc_body(struct rig *rig)
{
	struct addr at;
	char addr[ADDR_TEXT_MAX];
	struct remote_query rq = { .done = false };
	struct grpc_server *srv = grpc_server_new(rig->r, NULL);
	query_grpc_add(rig->q, srv);
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), -1, &at, NULL), 0);
	assert_int_equal(grpc_server_listen(srv, &at, NULL), 0);
	rq.ch = grpc_channel_new(rig->r, sockaddr_text(listener_addr(grpc_server_listener(srv, 0)), addr), NULL, NULL);
	fiber_start(rig->r, "remote", remote_main, &rq);
	json_t *top = co_list_of(1);
	assert_string_equal(text_of(top, 0, "kind"), "grpc Query");
	assert_string_equal(text_of(top, 0, "query"), "rate(m[1m])");
	assert_int_equal(co_cancel_id(text_of(top, 0, "id"), true), 200);
	for (int i = 0; i < 1000 && !rq.done; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(rq.rc, -ERR_CANCELLED);
	assert_non_null(strstr(rq.err.msg, "query was canceled by an operator"));
	json_decref(top);
	co_expect_nothing_left(rig);
	grpc_channel_unref(rq.ch);
	grpc_server_stop(srv);
	while (grpc_server_stats(srv).calls || grpc_server_stats(srv).connections)
		co_sleep_ms(5, NULL);
	grpc_server_free(srv);
}

static void test_a_query_of_a_querier_above_is_listed_and_cancelled(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 1);
	rig->store[0].mode = FAKE_HANG;
	web.cfg = (struct query_http_config){ .partial_response = true };
	web.body = grpc_body;
	rig_run(rig, web_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_running_query_is_listed_and_cancelled),
		cmocka_unit_test(test_a_waiting_query_is_listed_and_cancelled),
		cmocka_unit_test(test_a_query_of_a_querier_above_is_listed_and_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
