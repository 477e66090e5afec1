#include "http/h2_server.h"

#include "base/strbuf.h"
#include "http/h2.h"
#include "http/router.h"
#include "http/server.h"
#include "loop/reactor.h"
#include "net/conn.h"
#include "unit/unit.h"

/* A server and an HTTP/2 client session to it over a memory pair. */
struct fixture {
	struct reactor *r;
	struct http_router *router;
	struct http_server *s;
	struct h2_session *client;
	struct waitq q;
	bool gone, paused;
	int cancelled;
	uint64_t sent;
	void (*body)(struct fixture *f);
};

/* A request and what came back. */
struct reply {
	struct fixture *f;
	struct h2_stream *st;
	char status[8], type[64], length[24];
	struct strbuf data;
	bool closed;
	uint32_t code;
};

static int co_echo(struct http_req *req, void *arg, struct err *err)
{
	struct str body;
	int rc = co_http_body_all(req, 4 << 20, &body, err);
	return rc ? rc : co_http_reply(req, 200, "text/plain", body, err);
}

static int co_about(struct http_req *req, void *arg, struct err *err)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%.*s %.*s %.*s %d %.*s", STR_ARG(req->method_text), STR_ARG(req->path), STR_ARG(req->host),
		      req->version, STR_ARG(http_req_header(req, "x-test")));
	return co_http_reply_buf(req, 200, "text/plain", &b, err);
}

static int co_big(struct http_req *req, void *arg, struct err *err)
{
	static char piece[100000];
	struct fixture *f = arg;
	for (int i = 0; i < 100; i++) {
		int rc = co_http_send(req, piece, sizeof(piece), err);
		f->cancelled += rc == -ERR_CANCELLED;
		if (rc)
			return rc;
		f->sent += sizeof(piece);
	}
	return 0;
}

static const struct http_route routes[] = {
	{ HTTP_POST, "/echo", co_echo, .body_limit = 4 << 20 },
	{ HTTP_GET, "/about", co_about },
	{ HTTP_GET, "/big", co_big, .no_compress = true },
};

/* --- the client ------------------------------------------------------------------------- */

static void got_headers(struct h2_stream *st, void *arg)
{
	struct reply *re = h2_stream_user(st);
	const struct h2_fields *h = h2_stream_headers(st);
	snprintf(re->status, sizeof(re->status), "%.*s", STR_ARG(h2_fields_get(h, ":status")));
	snprintf(re->type, sizeof(re->type), "%.*s", STR_ARG(h2_fields_get(h, "content-type")));
	snprintf(re->length, sizeof(re->length), "%.*s", STR_ARG(h2_fields_get(h, "content-length")));
}

static void got_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg)
{
	struct reply *re = h2_stream_user(st);
	strbuf_add(&re->data, p, n);
	if (!re->f->paused)
		h2_stream_consume(st, n);
}

static void got_close(struct h2_stream *st, uint32_t code, void *arg)
{
	struct reply *re = h2_stream_user(st);
	re->closed = true;
	re->code = code;
	re->st = NULL;
	waitq_wake_all(&re->f->q);
}

static void got_gone(struct h2_session *s, const struct err *why, void *arg)
{
	struct fixture *f = arg;
	f->gone = true;
	h2_session_free(s);
	f->client = NULL;
	waitq_wake_all(&f->q);
}

static const struct h2_callbacks client_cbs = {
	.headers = got_headers, .data = got_data, .closed = got_close, .gone = got_gone
};

static void ask(struct fixture *f, struct reply *re, const char *method, const char *path, const void *body, size_t n)
{
	const struct h2_field h[] = { { STR(":method"), str_c(method) },
				      { STR(":scheme"), STR("http") },
				      { STR(":path"), str_c(path) },
				      { STR(":authority"), STR("host.test") },
				      { STR("x-test"), STR("value") } };
	*re = (struct reply){ .f = f };
	re->st = h2_session_request(f->client, h, 5, n == 0, re);
	assert_non_null(re->st);
	if (n > 0) {
		h2_stream_write(re->st, body, n);
		h2_stream_finish(re->st, NULL, 0);
	}
}

static void co_answer(struct reply *re)
{
	while (!re->closed)
		assert_int_equal(co_waitq_wait(&re->f->q, "answer", NULL), 0);
}

static void co_expect(struct fixture *f, const char *method, const char *path, const void *body, size_t n,
		      const char *status, const char *want)
{
	struct reply re;
	ask(f, &re, method, path, body, n);
	co_answer(&re);
	assert_string_equal(re.status, status);
	if (want)
		assert_true(str_eq_c(strbuf_str(&re.data), want));
	assert_int_equal(re.code, H2_NO_ERROR);
	strbuf_fini(&re.data);
}

/* --- the rig ------------------------------------------------------------------------------- */

static void fixture_main(void *arg)
{
	struct fixture *f = arg;
	struct conn *pair[2];
	struct h2_opts o = h2_opts_default();
	conn_pair(f->r, &(struct conn_options){ 0 }, pair);
	http_server_serve(f->s, pair[1]);
	f->client = h2_session_new(pair[0], false, &o, &client_cbs, f);
	f->body(f);
	h2_session_free(f->client);
	co_http_server_stop(f->s, 1000);
}

static void run(void (*body)(struct fixture *f))
{
	struct fixture f = { .body = body };
	f.r = reactor_new(NULL, NULL);
	waitq_init(&f.q);
	f.router = http_router_new();
	http_router_add(f.router, routes, 3, &f);
	struct http_server_config cfg = { .reactor = f.r, .router = f.router, .h2 = http_h2_serve };
	f.s = http_server_new(&cfg);
	fiber_start(f.r, "test", fixture_main, &f);
	reactor_run_until_idle(f.r);
	assert_int_equal(http_server_stats(f.s)->requests_now, 0);
	assert_int_equal(http_server_stats(f.s)->connections_now, 0);
	http_server_free(f.s);
	http_router_free(f.router);
	reactor_free(f.r);
}

static void requests_body(struct fixture *f)
{
	static char body[3000000];
	co_expect(f, "GET", "/about?x=1", NULL, 0, "200", "GET /about host.test 20 value");
	co_expect(f, "GET", "/nowhere", NULL, 0, "404", NULL);
	co_expect(f, "DELETE", "/about", NULL, 0, "405", NULL);
	co_expect(f, "HEAD", "/about", NULL, 0, "200", "");
	co_expect(f, "POST", "/echo", "hello", 5, "200", "hello");
	struct reply re;
	memset(body, 'b', sizeof(body));
	ask(f, &re, "POST", "/echo", body, sizeof(body));
	co_answer(&re);
	assert_string_equal(re.status, "200");
	assert_true(re.data.n == sizeof(body) && memcmp(re.data.p, body, re.data.n) == 0);
	strbuf_fini(&re.data);
	co_expect(f, "GET", "/big", NULL, 0, "200", NULL);
	assert_int_equal(f->sent, 10000000);
}

static void test_requests_reach_the_router(void **state)
{
	run(requests_body);
}

static void too_large_body(struct fixture *f)
{
	static char body[5 << 20];
	struct reply re;
	ask(f, &re, "POST", "/echo", body, sizeof(body));
	co_answer(&re);
	assert_string_equal(re.status, "413");
	strbuf_fini(&re.data);
	co_expect(f, "GET", "/about", NULL, 0, "200", NULL);
}

static void test_too_large_bodies_are_refused_and_the_connection_lives(void **state)
{
	run(too_large_body);
}

static void slow_body(struct fixture *f)
{
	struct reply re;
	f->paused = true;
	ask(f, &re, "GET", "/big", NULL, 0);
	uint64_t before;
	do {
		before = f->sent;
		co_sleep_ms(50, NULL);
	} while (f->sent != before || before == 0);
	assert_true(before < (3 << 20));
	h2_stream_reset(re.st, H2_CANCEL);
	co_answer(&re);
	for (int i = 0; i < 500 && !f->cancelled; i++)
		co_sleep_ms(10, NULL);
	assert_int_equal(f->cancelled, 1);
	strbuf_fini(&re.data);
	f->paused = false;
}

static void test_slow_reader_stops_the_handler(void **state)
{
	run(slow_body);
}

static void drain_fiber(void *arg)
{
	co_http_server_stop(((struct fixture *)arg)->s, 1000);
}

static void stop_body(struct fixture *f)
{
	struct reply re;
	struct fiber_group g;
	ask(f, &re, "GET", "/big", NULL, 0);
	co_sleep_ms(1, NULL);
	fiber_group_init(&g);
	fiber_group_start(&g, "stop", drain_fiber, f);
	co_answer(&re);
	assert_int_equal(re.data.n, 10000000);
	co_fiber_group_join(&g, NULL);
	for (int i = 0; i < 500 && !f->gone; i++)
		co_sleep_ms(10, NULL);
	assert_true(f->gone);
	strbuf_fini(&re.data);
}

static void test_stop_lets_requests_finish(void **state)
{
	run(stop_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_reach_the_router),
		cmocka_unit_test(test_too_large_bodies_are_refused_and_the_connection_lives),
		cmocka_unit_test(test_slow_reader_stops_the_handler),
		cmocka_unit_test(test_stop_lets_requests_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
