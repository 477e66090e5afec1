#include "http/server.h"

#include "base/mem.h"
#include "codec/gzip.h"
#include "codec/zstd.h"
#include "http/router.h"
#include "net/conn.h"
#include "unit/http/bad_heads.h"
#include "unit/http/peer.h"
#include "unit/unit.h"

struct fixture {
	struct reactor *r;
	struct http_router *router;
	struct http_server *s;
	struct http_server_config cfg;
	struct peer p;
	struct strbuf log; /* paths served, one per line */
	int cancelled, seen_len;
	int64_t cancelled_ms;
	bool failed;
};

/* --- handlers --------------------------------------------------------------------------- */

static int echo(struct http_req *req, void *arg, struct err *err)
{
	struct str body;
	int rc = co_http_body_all(req, 100000, &body, err);
	return rc ? rc : co_http_reply(req, 200, "text/plain", body, err);
}

static int note(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	strbuf_add_str(&f->log, req->path);
	strbuf_add_ch(&f->log, '\n');
	return co_http_reply(req, 200, "text/plain", req->path, err);
}

static int slow(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	int64_t begin = reactor_now_ms(f->r);
	int rc = co_sleep_ms(3000, err);
	if (rc == 0)
		return co_http_reply(req, 200, "text/plain", STR("slept"), err);
	f->cancelled++;
	f->cancelled_ms = reactor_now_ms(f->r) - begin;
	return rc;
}

static int nap(struct http_req *req, void *arg, struct err *err)
{
	int rc = co_sleep_ms(20, err);
	return rc ? rc : note(req, arg, err);
}

static int big(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	static char piece[40000]; /* large enough to be written without a copy */
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 250; i++) {
		int rc = co_http_send(req, piece, sizeof(piece), err);
		if (rc) {
			f->cancelled++;
			return rc;
		}
		f->seen_len += (int)sizeof(piece);
	}
	return 0;
}

static int text(struct http_req *req, void *arg, struct err *err)
{
	struct strbuf b = { 0 };
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&b, "line %d\n", i);
	return co_http_reply_buf(req, 200, "text/plain; charset=utf-8", &b, err);
}

static int pieces(struct http_req *req, void *arg, struct err *err)
{
	http_resp_header(req, "Content-Type", STR("application/json"));
	for (int i = 0; i < 3; i++) {
		int rc = co_http_send(req, "piece ", 6, err);
		if (rc == 0)
			rc = co_http_flush(req, err);
		if (rc == 0)
			rc = co_sleep_ms(5, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int params(struct http_req *req, void *arg, struct err *err)
{
	const struct http_params *ps;
	int rc = co_http_params(req, &ps, err);
	if (rc)
		return rc;
	struct strbuf b = { 0 };
	for (size_t i = 0; i < ps->n; i++)
		strbuf_printf(&b, "[%.*s=%.*s]", STR_ARG(ps->p[i].name), STR_ARG(ps->p[i].value));
	return co_http_reply_buf(req, 200, "text/plain", &b, err);
}

static int label(struct http_req *req, void *arg, struct err *err)
{
	return co_http_reply(req, 200, "text/plain", http_req_path_param(req, "name"), err);
}

static int fails(struct http_req *req, void *arg, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "no such thing");
}

static int fails_late(struct http_req *req, void *arg, struct err *err)
{
	int rc = co_http_send(req, "half", 4, err);
	return rc ? rc : err_set(err, ERR_INTERNAL, "too late");
}

static int hungry(struct http_req *req, void *arg, struct err *err)
{
	void *p = arena_alloc(&req->arena, 1 << 20);
	return p ? 0 : arena_err(&req->arena, err);
}

static int split(struct http_req *req, void *arg, struct err *err)
{
	http_resp_header(req, "X-Value", STR("a\r\nEvil: 1"));
	return co_http_reply(req, 200, "text/plain", STR("ok"), err);
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "/echo", echo },
	{ HTTP_GET, "/a", note },
	{ HTTP_GET, "/b", note },
	{ HTTP_GET, "/probe", note, .at_root = true },
	{ HTTP_GET, "/smuggled", note },
	{ HTTP_GET, "/", note },
	{ HTTP_GET, "/nap", nap },
	{ HTTP_GET, "/slow", slow },
	{ HTTP_POST, "/slow", slow },
	{ HTTP_GET, "/big", big },
	{ HTTP_GET, "/text", text },
	{ HTTP_GET, "/pieces", pieces },
	{ HTTP_GET | HTTP_POST, "/params", params },
	{ HTTP_GET, "/label/:name/values", label },
	{ HTTP_GET, "/fails", fails },
	{ HTTP_GET, "/fails_late", fails_late },
	{ HTTP_GET, "/hungry", hungry, .memory_limit = 100000 },
	{ HTTP_POST, "/small", echo, .body_limit = 10 },
	{ HTTP_GET, "/split", split },
};

/* --- frame ------------------------------------------------------------------------------- */

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err;
	f->r = reactor_new(NULL, &err);
	f->router = http_router_new();
	http_router_add(f->router, routes, ARRAY_LEN(routes), f);
	f->cfg = (struct http_server_config){ .reactor = f->r, .router = f->router };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	http_router_free(f->router);
	reactor_free(f->r);
	strbuf_fini(&f->log);
	free(f);
	return 0;
}

/* A new client on a connection in memory. */
static void reconnect(struct fixture *f)
{
	struct conn *c[2];
	peer_fini(&f->p);
	conn_pair(f->r, NULL, c);
	peer_init(&f->p, f->r, c[0]);
	http_server_serve(f->s, c[1]);
}

struct body {
	struct fixture *f;
	void (*fn)(struct fixture *f);
};

static void co_main(void *arg)
{
	struct body *b = arg;
	struct fixture *f = b->f;
	f->s = http_server_new(&f->cfg);
	reconnect(f);
	b->fn(f);
	peer_fini(&f->p);
	co_http_server_stop(f->s, 1000);
	assert_int_equal(http_server_stats(f->s)->requests_now, 0);
	assert_int_equal(http_server_stats(f->s)->connections_now, 0);
	http_server_free(f->s);
}

/* Runs the test's body in a fiber against a server. */
static void run(void **state, void (*fn)(struct fixture *f))
{
	struct body b = { *state, fn };
	fiber_start(b.f->r, "test", co_main, &b);
	reactor_run_until_idle(b.f->r);
}

static void say(struct fixture *f, const char *text)
{
	peer_say(&f->p, str_c(text));
}

/* Says `text` on a new connection and returns all that the server says until it closes. Suspends. */
static const char *co_talk(struct fixture *f, struct str text)
{
	reconnect(f);
	peer_say(&f->p, text);
	if (!co_peer_closed(&f->p, 5000))
		fail_msg("not closed after %.*s: %s", STR_ARG(text), f->p.got.p);
	return f->p.got.p;
}

/* The last `n` bytes of `s`. */
static const char *tail(const char *s, size_t n)
{
	return s + (strlen(s) > n ? strlen(s) - n : 0);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define HEARS(what) assert_true(co_peer_hears(&f->p, what, 1))
#define STARTS(s, what) assert_memory_equal(s, what, strlen(what))
#define ENDS(s, what) assert_string_equal(tail(s, strlen(what)), what)

/* --- requests and responses ------------------------------------------------------------------ */

static void keepalive_flow(struct fixture *f)
{
	say(f, GET("/a"));
	HEARS("\r\n\r\n/a");
	say(f, GET("/b"));
	HEARS("\r\n\r\n/b");
	assert_string_equal(f->log.p, "/a\n/b\n");
	assert_null(strstr(f->p.got.p, "Connection: close"));
	assert_non_null(strstr(f->p.got.p, "Content-Length: 2\r\n"));
	assert_non_null(strstr(f->p.got.p, "\r\nDate: "));
	assert_false(f->p.closed);
}

static void test_connection_is_kept_for_the_next_request(void **state)
{
	run(state, keepalive_flow);
}

static void pipeline_flow(struct fixture *f)
{
	struct strbuf b = { 0 };
	for (int i = 0; i < 50; i++)
		strbuf_add_c(&b, i % 2 ? GET("/a") : GET("/nap"));
	strbuf_add_c(&b, GET_CLOSE("/b"));
	const char *s = co_talk(f, strbuf_str(&b));
	strbuf_fini(&b);
	STARTS(f->log.p, "/nap\n/a\n/nap\n/a\n");
	assert_int_equal(f->log.n, 25 * 5 + 25 * 3 + 3);
	ENDS(s, "\r\n\r\n/b");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	run(state, pipeline_flow);
}

static void versions_flow(struct fixture *f)
{
	const char *s = co_talk(f, STR("GET /a HTTP/1.0\r\n\r\n"));
	STARTS(s, "HTTP/1.1 200 OK\r\n");
	ENDS(s, "Connection: close\r\n\r\n/a");
	s = co_talk(f, STR("GET /pieces HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"));
	assert_null(strstr(s, "chunked"));
	ENDS(s, "Connection: close\r\n\r\npiece piece piece ");
	s = co_talk(f, STR("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
			   "GET /b HTTP/1.0\r\n\r\n"));
	assert_non_null(strstr(s, "Connection: keep-alive\r\n\r\n/aHTTP/1.1 200 OK"));
}

static void test_http_1_0_is_served_without_chunks(void **state)
{
	run(state, versions_flow);
}

static void streamed_flow(struct fixture *f)
{
	const char *s = co_talk(f, STR(GET_CLOSE("/pieces")));
	assert_non_null(strstr(s, "Transfer-Encoding: chunked\r\n"));
	ENDS(s, "\r\n\r\n6\r\npiece \r\n6\r\npiece \r\n6\r\npiece \r\n0\r\n\r\n");
}

static void test_streamed_responses_are_chunked(void **state)
{
	run(state, streamed_flow);
}

static void head_flow(struct fixture *f)
{
	const char *s = co_talk(
		f,
		STR("HEAD /text HTTP/1.1\r\nHost: a\r\n\r\nHEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n" GET_CLOSE("/a")));
	STARTS(s, "HTTP/1.1 200 OK\r\n");
	assert_non_null(strstr(s, "Content-Length: 8890\r\n"));
	assert_null(strstr(s, "line 1"));
	assert_null(strstr(s, "piece"));
	ENDS(s, "\r\n\r\n/a");
}

static void test_head_has_the_head_of_get_and_no_body(void **state)
{
	run(state, head_flow);
}

static void routing_flow(struct fixture *f)
{
	const char *s = co_talk(f, STR("DELETE /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	STARTS(s, "HTTP/1.1 405 Method Not Allowed\r\n");
	assert_non_null(strstr(s, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
	STARTS(co_talk(f, STR(GET_CLOSE("/none"))), "HTTP/1.1 404 Not Found\r\n");
	STARTS(co_talk(f, STR("BREW /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")), "HTTP/1.1 501 ");
	s = co_talk(f, STR("OPTIONS /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	STARTS(s, "HTTP/1.1 204 No Content\r\n");
	assert_null(strstr(s, "Content-Length"));
	STARTS(co_talk(f, STR("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")), "HTTP/1.1 204 ");
	s = co_talk(f, STR(GET_CLOSE("/a/?x=1")));
	STARTS(s, "HTTP/1.1 301 ");
	assert_non_null(strstr(s, "Location: /a?x=1\r\n"));
	ENDS(co_talk(f, STR(GET_CLOSE("/label/a%2Fb%20c/values"))), "\r\n\r\na/b c");
	STARTS(co_talk(f, STR(GET_CLOSE("/a%zz"))), "HTTP/1.1 400 ");
	STARTS(co_talk(f, STR(GET_CLOSE("/a%00"))), "HTTP/1.1 400 ");
	ENDS(co_talk(f, STR(GET_CLOSE("/%61"))), "\r\n\r\n/a");
}

static void test_unknown_paths_and_methods_are_told_apart(void **state)
{
	run(state, routing_flow);
}

static void prefix_flow(struct fixture *f)
{
	http_router_set_prefix(f->router, "/pre");
	ENDS(co_talk(f, STR(GET_CLOSE("/pre/a"))), "\r\n\r\n/a");
	STARTS(co_talk(f, STR(GET_CLOSE("/a"))), "HTTP/1.1 404 ");
	const char *s = co_talk(f, STR(GET_CLOSE("/")));
	STARTS(s, "HTTP/1.1 302 ");
	assert_non_null(strstr(s, "Location: /pre\r\n"));
	ENDS(co_talk(f, STR(GET_CLOSE("/probe"))), "\r\n\r\n/probe");
	ENDS(co_talk(f, STR(GET_CLOSE("/pre/probe"))), "\r\n\r\n/probe");
	STARTS(co_talk(f, STR("POST /probe HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
	       "HTTP/1.1 404 ");
}

static void test_route_prefix_is_stripped(void **state)
{
	run(state, prefix_flow);
}

static void unclean_flow(struct fixture *f)
{
	static const char *const paths[][2] = {
		{ "//a", "/a" },
		{ "/./a", "/a" },
		{ "/x/../a", "/a" },
		{ "/../../a", "/a" },
		{ "//a?b=//c", "/a?b=//c" },
		{ "///", "/" },
		{ "/nope//", "/nope/" },
		{ "/label//x/values", "/label/x/values" },
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		char ask[128], want[128];
		snprintf(ask, sizeof(ask), GET_CLOSE("%s"), paths[i][0]);
		snprintf(want, sizeof(want), "\r\nLocation: %s\r\n", paths[i][1]);
		const char *s = co_talk(f, str_c(ask));
		STARTS(s, "HTTP/1.1 307 ");
		assert_non_null(strstr(s, want));
	}
	STARTS(co_talk(f, STR(GET_CLOSE("//\\evil.example"))), "HTTP/1.1 404 ");
	STARTS(co_talk(f, STR(GET_CLOSE("/%2e%2e/a"))), "HTTP/1.1 404 ");
}

static void test_unclean_paths_lead_to_clean_ones(void **state)
{
	run(state, unclean_flow);
}

static void errors_flow(struct fixture *f)
{
	const char *s = co_talk(f, STR(GET_CLOSE("/fails")));
	STARTS(s, "HTTP/1.1 404 Not Found\r\n");
	ENDS(s, "\r\n\r\nno such thing\n");
	s = co_talk(f, STR(GET("/fails_late")));
	assert_null(strstr(s, "0\r\n\r\n"));
	s = co_talk(f, STR(GET_CLOSE("/hungry")));
	STARTS(s, "HTTP/1.1 422 ");
	assert_non_null(strstr(s, "100000"));
	s = co_talk(f, STR(GET_CLOSE("/split")));
	assert_non_null(strstr(s, "X-Value: a??Evil: 1\r\n"));
}

static void test_handler_errors_become_statuses_or_breaks(void **state)
{
	run(state, errors_flow);
}

static void params_flow(struct fixture *f)
{
	ENDS(co_talk(f, STR(GET_CLOSE("/params?a=1&b=%20+"))), "[a=1][b=  ]");
	const char *s = co_talk(f, STR("POST /params?a=url HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
				       "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
				       "Content-Length: 6\r\n\r\na=form"));
	ENDS(s, "[a=form][a=url]");
	s = co_talk(f, STR("POST /params?a=url HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			   "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 65\r\n\r\n"
			   "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nform data\r\n--x--"));
	ENDS(s, "[a=url][a=form data]");
	s = co_talk(
		f,
		STR("POST /params?a=url HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\na=form"));
	ENDS(s, "\r\n\r\n[a=url]");
	s = co_talk(f, STR(GET_CLOSE("/params?a=%g0")));
	STARTS(s, "HTTP/1.1 400 ");
	ENDS(s, "invalid URL escape \"%g0\"\n");
}

static void test_parameters_come_from_body_and_query(void **state)
{
	run(state, params_flow);
}

/* --- bodies ------------------------------------------------------------------------------------ */

static void body_flow(struct fixture *f)
{
	static char data[90000];
	memset(data, 'b', sizeof(data) - 1);
	reconnect(f);
	say(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 89999\r\n\r\n");
	say(f, data);
	HEARS("Content-Length: 89999\r\n");
	say(f, CHUNKED_HEAD "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n");
	HEARS("\r\n\r\nhello world");
	say(f, POST "Content-Length: 0\r\n\r\n");
	HEARS("Content-Length: 0\r\n");
	say(f, POST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	HEARS("HTTP/1.1 100 Continue\r\n\r\n");
	say(f, "ab");
	HEARS("\r\n\r\nab");
	assert_false(f->p.closed);
}

static void test_bodies_are_read_by_length_chunks_and_on_request(void **state)
{
	run(state, body_flow);
}

static void limit_flow(struct fixture *f)
{
	const char *s = co_talk(
		f,
		STR("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello hello"));
	STARTS(s, "HTTP/1.1 413 ");
	s = co_talk(f, STR("POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
			   "b\r\nhello hello\r\n0\r\n\r\n"));
	STARTS(s, "HTTP/1.1 413 ");
	s = co_talk(f, STR("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"));
	STARTS(s, "HTTP/1.1 413 ");
	assert_null(strstr(s, "100 Continue"));
	reconnect(f);
	say(f, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
	HEARS("HTTP/1.1 413 ");
	say(f, "hello hello" GET("/a"));
	HEARS("\r\n\r\n/a");
}

static void test_bodies_over_the_limit_are_413(void **state)
{
	run(state, limit_flow);
}

static void encode_flow(struct fixture *f)
{
	struct err err;
	struct strbuf plain = { 0 };
	co_talk(f,
		STR("GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip;q=0.5\r\nConnection: close\r\n\r\n"));
	assert_non_null(strstr(f->p.got.p, "Content-Encoding: gzip\r\n"));
	assert_non_null(strstr(f->p.got.p, "Vary: Accept-Encoding\r\n"));
	char *at = strstr(f->p.got.p, "\r\n\r\n") + 4;
	at = strchr(at, '\n') + 1;
	struct str gz = { at, f->p.got.n - (size_t)(at - f->p.got.p) - 7 };
	assert_int_equal(codec_gzip_uncompress(gz, GZIP_GZIP, 10000, &plain, &err), 0);
	assert_int_equal(plain.n, 8890);
	strbuf_reset(&plain);
	co_talk(f, STR("GET /pieces HTTP/1.0\r\nAccept-Encoding: zstd, gzip\r\n\r\n"));
	assert_non_null(strstr(f->p.got.p, "Content-Encoding: zstd\r\n"));
	at = strstr(f->p.got.p, "\r\n\r\n") + 4;
	assert_int_equal(codec_zstd_uncompress(str_mem(at, f->p.got.n - (size_t)(at - f->p.got.p)), 100, &plain, &err),
			 0);
	assert_string_equal(plain.p, "piece piece piece ");
	strbuf_fini(&plain);
	co_talk(f, STR("GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0\r\nConnection: close\r\n\r\n"));
	assert_null(strstr(f->p.got.p, "Content-Encoding"));
	co_talk(f, STR("GET /a HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"));
	assert_null(strstr(f->p.got.p, "Content-Encoding"));
}

/* Accept-Encoding of a request for a long text, a short one and no text, and what comes. */
static void co_codings(struct fixture *f)
{
	static const struct {
		const char *accept, *path, *coding; /* coding NULL: none */
	} cases[] = {
		{ "gzip, zstd", "/text", "zstd" },
		{ "gzip;q=1.0, zstd;q=0.9", "/text", "gzip" },
		{ "gzip;q=0.001, zstd;q=0.0", "/text", "gzip" },
		{ "GZIP", "/text", "gzip" },
		{ "x-gzip", "/text", "gzip" },
		{ "*", "/text", "gzip" },
		{ "*;q=0.1, gzip;q=0", "/text", NULL },
		{ "*;q=0", "/text", NULL },
		{ "zstd, *;q=0", "/text", "zstd" },
		{ "identity, gzip;q=0.5", "/text", NULL },
		{ "identity;q=0.5, gzip;q=0.5", "/text", "gzip" },
		{ "gzip; q = 0.5 , identity;q=0.1", "/text", "gzip" },
		{ "gzip;q=x", "/text", "gzip" },
		{ "deflate, br", "/text", NULL },
		{ "identity;q=0", "/text", NULL },
		{ "", "/text", NULL },
		{ "gzip", "/a", NULL },
		{ "gzip, identity;q=0", "/a", "gzip" }, /* short, but plain is refused */
		{ "gzip, *;q=0", "/a", "gzip" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strbuf ask = { 0 }, want = { 0 };
		strbuf_printf(&ask, "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\nConnection: close\r\n\r\n",
			      cases[i].path, cases[i].accept);
		co_talk(f, strbuf_str(&ask));
		strbuf_printf(&want, "Content-Encoding: %s\r\n", cases[i].coding ? cases[i].coding : "");
		if (cases[i].coding ? !strstr(f->p.got.p, want.p) : strstr(f->p.got.p, "Content-Encoding") != NULL)
			fail_msg("%s: want %s", cases[i].accept, cases[i].coding ? cases[i].coding : "none");
		strbuf_fini(&ask);
		strbuf_fini(&want);
	}
	/* A HEAD has the head of the GET and no body. */
	co_talk(f, STR("HEAD /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"));
	assert_non_null(strstr(f->p.got.p, "Content-Encoding: gzip\r\n"));
	const char *end = strstr(f->p.got.p, "\r\n\r\n");
	assert_true(end && end[4] == 0);
}

static void test_codings_are_chosen_by_their_weights(void **state)
{
	run(state, co_codings);
}

static void test_responses_are_compressed_where_the_client_takes_it(void **state)
{
	run(state, encode_flow);
}

/* --- bad requests --------------------------------------------------------------------------------- */

static void bad_flow(struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_heads); i++) {
		struct strbuf b = { 0 };
		strbuf_add_str(&b, bad_heads[i]);
		strbuf_add_c(&b, SMUGGLED);
		const char *s = co_talk(f, strbuf_str(&b));
		if (strncmp(s, "HTTP/1.1 400 Bad Request\r\n", 26) != 0 || strstr(s + 1, "HTTP/1.1"))
			fail_msg("%zu: %s -> %s", i, b.p, s);
		strbuf_fini(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_chunks); i++) {
		struct strbuf b = { 0 };
		strbuf_add_c(&b, CHUNKED_HEAD);
		strbuf_add_str(&b, bad_chunks[i]);
		strbuf_add_c(&b, SMUGGLED);
		const char *s = co_talk(f, strbuf_str(&b));
		if (strncmp(s, "HTTP/1.1 400 Bad Request\r\n", 26) != 0 || strstr(s + 1, "HTTP/1.1"))
			fail_msg("%zu: %s -> %s", i, b.p, s);
		strbuf_fini(&b);
	}
	assert_int_equal(f->log.n, 0);
	assert_int_equal(http_server_stats(f->s)->bad_requests, ARRAY_LEN(bad_heads) + ARRAY_LEN(bad_chunks));
}

static void test_ambiguous_requests_are_400_and_nothing_after_them_is_served(void **state)
{
	run(state, bad_flow);
}

static void long_flow(struct fixture *f)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "GET /a?%065000d HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: %060000d\r\n\r\n", 0, 0);
	STARTS(co_talk(f, strbuf_str(&b)), "HTTP/1.1 200 ");
	strbuf_reset(&b);
	strbuf_printf(&b, "GET /a?%066000d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	STARTS(co_talk(f, strbuf_str(&b)), "HTTP/1.1 414 ");
	strbuf_reset(&b);
	strbuf_printf(&b, "GET /a HTTP/1.1\r\nHost: a\r\nX: %066000d\r\n\r\n", 0);
	STARTS(co_talk(f, strbuf_str(&b)), "HTTP/1.1 431 ");
	strbuf_fini(&b);
}

static void test_long_targets_and_headers_are_limited(void **state)
{
	run(state, long_flow);
}

/* --- slow and vanishing clients --------------------------------------------------------------------- */

static void slow_head_flow(struct fixture *f)
{
	struct err err;
	for (const char *t = "GET /a HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; *t && !f->p.closed;
	     t++) {
		peer_say(&f->p, str_mem(t, 1));
		assert_int_equal(co_sleep_ms(5, &err), 0);
	}
	assert_true(co_peer_closed(&f->p, 1000));
	STARTS(f->p.got.p, "HTTP/1.1 408 ");
	reconnect(f);
	assert_true(co_peer_closed(&f->p, 1000));
	assert_int_equal(f->p.got.n, 0);
}

static void test_slow_headers_are_cut_off_by_total_time(void **state)
{
	struct fixture *f = *state;
	f->cfg.limits.header_ms = 100;
	run(state, slow_head_flow);
}

static void slow_body_flow(struct fixture *f)
{
	struct err err;
	say(f, POST "Content-Length: 5000\r\n\r\n");
	for (int i = 0; i < 200 && !f->p.closed; i++) {
		say(f, "x");
		assert_int_equal(co_sleep_ms(5, &err), 0);
	}
	assert_true(co_peer_closed(&f->p, 1000));
	STARTS(f->p.got.p, "HTTP/1.1 408 ");
}

static void test_slow_bodies_are_cut_off_by_rate(void **state)
{
	struct fixture *f = *state;
	f->cfg.limits.body_stall_ms = 60;
	run(state, slow_body_flow);
}

static void idle_flow(struct fixture *f)
{
	say(f, GET("/a"));
	HEARS("\r\n\r\n/a");
	assert_true(co_peer_closed(&f->p, 1000));
}

static void test_idle_keepalive_is_closed(void **state)
{
	struct fixture *f = *state;
	f->cfg.limits.idle_ms = 50;
	run(state, idle_flow);
}

static void gone_flow(struct fixture *f)
{
	struct err err;
	static const char *const starts[] = { GET("/slow"),
					      "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab" };
	for (int i = 0; i < 2; i++) {
		reconnect(f);
		say(f, starts[i]);
		assert_int_equal(co_sleep_ms(20, &err), 0);
		conn_close(f->p.c);
		f->p.c = NULL;
		for (int k = 0; k < 400 && f->cancelled <= i; k++)
			assert_int_equal(co_sleep_ms(5, &err), 0);
		assert_int_equal(f->cancelled, i + 1);
		assert_true(f->cancelled_ms < 2900);
	}
}

static void test_vanished_client_cancels_the_handler(void **state)
{
	run(state, gone_flow);
}

static void deaf_flow(struct fixture *f)
{
	struct err err;
	f->p.deaf = true;
	say(f, GET("/big"));
	for (int i = 0; i < 1000 && f->seen_len <= 100000; i++)
		assert_int_equal(co_sleep_ms(5, &err), 0);
	assert_int_equal(co_sleep_ms(30, &err), 0);
	assert_true(f->seen_len > 100000 && f->seen_len < 300000);
	f->p.deaf = false;
	peer_on_read(f->p.c, &f->p);
	conn_read_resume(f->p.c);
	HEARS("0\r\n\r\n");
	assert_int_equal(f->seen_len, 10000000);
}

static void test_client_that_does_not_read_holds_the_handler(void **state)
{
	run(state, deaf_flow);
}

static void stall_flow(struct fixture *f)
{
	struct err err;
	f->p.deaf = true;
	say(f, GET("/big"));
	for (int i = 0; i < 100 && !f->cancelled; i++)
		assert_int_equal(co_sleep_ms(10, &err), 0);
	assert_int_equal(f->cancelled, 1);
	assert_true(f->seen_len < 300000);
}

static void test_stalled_reader_is_given_up(void **state)
{
	struct fixture *f = *state;
	f->cfg.limits.write_stall_ms = 80;
	run(state, stall_flow);
}

static void half_flow(struct fixture *f)
{
	say(f, GET("/a") GET("/b"));
	conn_shutdown_write(f->p.c);
	HEARS("\r\n\r\n/a");
	HEARS("\r\n\r\n/b");
	assert_true(co_peer_closed(&f->p, 1000));
}

static void test_half_closed_client_gets_quick_answers(void **state)
{
	run(state, half_flow);
}

static void limit_requests_flow(struct fixture *f)
{
	struct conn *c[2];
	struct err err;
	struct peer first;
	conn_pair(f->r, NULL, c);
	peer_init(&first, f->r, c[0]);
	http_server_serve(f->s, c[1]);
	peer_say(&first, STR(GET("/slow")));
	assert_int_equal(co_sleep_ms(10, &err), 0);
	STARTS(co_talk(f, STR(GET("/a"))), "HTTP/1.1 503 ");
	peer_fini(&first);
}

static void test_requests_at_a_time_are_limited(void **state)
{
	struct fixture *f = *state;
	f->cfg.limits.max_requests = 1;
	run(state, limit_requests_flow);
}

static void stop_flow(struct fixture *f)
{
	struct err err;
	struct conn *c[2];
	struct peer busy;
	conn_pair(f->r, NULL, c);
	peer_init(&busy, f->r, c[0]);
	http_server_serve(f->s, c[1]);
	peer_say(&busy, STR(GET("/nap")));
	say(f, GET("/a"));
	HEARS("\r\n\r\n/a");
	assert_int_equal(co_sleep_ms(5, &err), 0);
	co_http_server_stop(f->s, 2000);
	assert_true(co_peer_hears(&busy, "Connection: close\r\n\r\n/nap", 1));
	assert_true(co_peer_closed(&busy, 1000));
	assert_true(co_peer_closed(&f->p, 1000));
	reconnect(f);
	assert_true(co_peer_closed(&f->p, 1000));
	peer_fini(&busy);
}

static void test_stop_lets_requests_finish_and_closes_idle_connections(void **state)
{
	run(state, stop_flow);
}

static void cut_flow(struct fixture *f)
{
	struct err err;
	say(f, GET("/slow"));
	assert_int_equal(co_sleep_ms(5, &err), 0);
	co_http_server_stop(f->s, 50);
	assert_int_equal(f->cancelled, 1);
	assert_true(f->cancelled_ms < 2900);
}

static void test_stop_breaks_what_outlasts_the_grace(void **state)
{
	run(state, cut_flow);
}

static void tcp_flow(struct fixture *f)
{
	struct err err;
	char text[ADDR_TEXT_MAX];
	assert_int_equal(http_server_listen(f->s, "127.0.0.1:0", &err), 0);
	conn_close(f->p.c);
	f->p.c = conn_connect(f->r, http_server_addr(f->s, 0), NULL, &peer_callbacks, &f->p, &err);
	assert_non_null(f->p.c);
	say(f, GET("/text") GET_CLOSE("/a"));
	assert_true(co_peer_closed(&f->p, 1000));
	HEARS("line 999\n");
	ENDS(f->p.got.p, "\r\n\r\n/a");
	assert_true(http_server_listen(f->s, sockaddr_text(http_server_addr(f->s, 0), text), &err) < 0);
	assert_non_null(strstr(err.msg, text));
}

static void test_sockets_are_served(void **state)
{
	run(state, tcp_flow);
}

#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_connection_is_kept_for_the_next_request),
		CASE(test_pipelined_requests_are_answered_in_order),
		CASE(test_http_1_0_is_served_without_chunks),
		CASE(test_streamed_responses_are_chunked),
		CASE(test_head_has_the_head_of_get_and_no_body),
		CASE(test_unknown_paths_and_methods_are_told_apart),
		CASE(test_route_prefix_is_stripped),
		CASE(test_unclean_paths_lead_to_clean_ones),
		CASE(test_handler_errors_become_statuses_or_breaks),
		CASE(test_parameters_come_from_body_and_query),
		CASE(test_bodies_are_read_by_length_chunks_and_on_request),
		CASE(test_bodies_over_the_limit_are_413),
		CASE(test_responses_are_compressed_where_the_client_takes_it),
		CASE(test_codings_are_chosen_by_their_weights),
		CASE(test_ambiguous_requests_are_400_and_nothing_after_them_is_served),
		CASE(test_long_targets_and_headers_are_limited),
		CASE(test_slow_headers_are_cut_off_by_total_time),
		CASE(test_slow_bodies_are_cut_off_by_rate),
		CASE(test_idle_keepalive_is_closed),
		CASE(test_vanished_client_cancels_the_handler),
		CASE(test_client_that_does_not_read_holds_the_handler),
		CASE(test_stalled_reader_is_given_up),
		CASE(test_half_closed_client_gets_quick_answers),
		CASE(test_requests_at_a_time_are_limited),
		CASE(test_stop_lets_requests_finish_and_closes_idle_connections),
		CASE(test_stop_breaks_what_outlasts_the_grace),
		CASE(test_sockets_are_served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
