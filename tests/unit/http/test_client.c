#include "http/client.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "http/router.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/tls.h"
#include "unit/net/certs.h"
#include "unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct reactor *r;
	struct http_router *router;
	struct http_server *s;
	struct http_client *c;
	struct http_client_resp resp;
	char url[256];
	int cancelled;
	size_t sent, got;
};

/* --- the server's handlers --------------------------------------------------------------- */

/* Tells what arrived: method, some headers, body. */
static int show(struct http_req *req, void *arg, struct err *err)
{
	struct str body;
	int rc = co_http_body_all(req, 1 << 20, &body, err);
	if (rc)
		return rc;
	struct strbuf b = { 0 };
	static const char *const names[] = { "authorization", "user-agent",      "content-type", "content-length",
					     "x-own",         "accept-encoding", "expect" };
	strbuf_printf(&b, "%.*s %.*s?%.*s\n", STR_ARG(req->method_text), STR_ARG(req->path), STR_ARG(req->query));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (http_req_header(req, names[i]).p)
			strbuf_printf(&b, "%s: %.*s\n", names[i], STR_ARG(http_req_header(req, names[i])));
	strbuf_printf(&b, "host: %.*s\n[%.*s]", STR_ARG(req->host), STR_ARG(body));
	http_resp_header(req, "X-Answer", STR("forty two"));
	return co_http_reply_buf(req, 200, "text/plain", &b, err);
}

static int big(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	static char piece[10000];
	memset(piece, 'x', sizeof(piece));
	http_resp_header(req, "Content-Type", STR("text/plain"));
	for (int i = 0; i < 2000; i++) {
		int rc = co_http_send(req, piece, sizeof(piece), err);
		if (rc)
			return rc;
		f->sent += sizeof(piece);
	}
	return 0;
}

static int slow(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	int rc = co_sleep_ms(5000, err);
	f->cancelled += rc != 0;
	return rc;
}

static int moved(struct http_req *req, void *arg, struct err *err)
{
	return co_http_redirect(req, 302, STR("/show"), err);
}

static int fails(struct http_req *req, void *arg, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "not now");
}

static int breaks(struct http_req *req, void *arg, struct err *err)
{
	http_resp_length(req, 100);
	int rc = co_http_send(req, "half", 4, err);
	return rc ? rc : err_set(err, ERR_INTERNAL, "broken");
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_DELETE, "/show", show },
	{ HTTP_GET, "/big", big },
	{ HTTP_GET, "/slow", slow },
	{ HTTP_GET, "/moved", moved },
	{ HTTP_GET, "/fails", fails },
	{ HTTP_GET, "/breaks", breaks },
};

/* --- frame ----------------------------------------------------------------------------------- */

struct body {
	struct fixture *f;
	void (*fn)(struct fixture *f);
	struct http_client_config cfg;
	struct tls_ctx *tls;
};

static void co_main(void *arg)
{
	struct body *b = arg;
	struct fixture *f = b->f;
	struct err err;
	f->s = http_server_new(&(struct http_server_config){ .reactor = f->r, .router = f->router, .tls = b->tls });
	assert_int_equal(http_server_listen(f->s, "127.0.0.1:0", &err), 0);
	b->cfg.reactor = f->r;
	f->c = http_client_new(&b->cfg, &err);
	assert_non_null(f->c);
	b->fn(f);
	http_client_resp_fini(&f->resp);
	http_client_free(f->c);
	co_http_server_stop(f->s, 1000);
	http_server_free(f->s);
}

static void run_with(void (*fn)(struct fixture *f), struct http_client_config cfg, struct tls_ctx *tls)
{
	struct fixture f = { 0 };
	struct body b = { &f, fn, cfg, tls };
	struct err err;
	f.r = reactor_new(NULL, &err);
	f.router = http_router_new();
	http_router_add(f.router, routes, ARRAY_LEN(routes), &f);
	fiber_start(f.r, "test", co_main, &b);
	reactor_run_until_idle(f.r);
	http_router_free(f.router);
	reactor_free(f.r);
}

static void run(void (*fn)(struct fixture *f))
{
	run_with(fn, (struct http_client_config){ 0 }, NULL);
}

/* The URL of a path on the test's server. */
static const char *at(struct fixture *f, const char *path)
{
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u%s", sockaddr_port(http_server_addr(f->s, 0)), path);
	return f->url;
}

static int co_ask(struct fixture *f, struct http_client_req rq, struct err *err)
{
	http_client_resp_fini(&f->resp);
	return co_http_request(f->c, &rq, &f->resp, err);
}

#define HAS(text) assert_non_null(strstr(f->resp.body.p, text))
#define HAS_NOT(text) assert_null(strstr(f->resp.body.p, text))

/* --- tests ------------------------------------------------------------------------------------- */

static int some_source(void *arg, void *buf, size_t n, size_t *ret_n, struct err *err)
{
	int *left = arg;
	*ret_n = 0;
	if (*left == 0)
		return 0;
	memset(buf, 'a' + *left, 3);
	*ret_n = 3;
	(*left)--;
	return 0;
}

static void co_plain(struct fixture *f)
{
	struct err err;
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/show?x=1") }, &err), 0);
	assert_int_equal(f->resp.status, 200);
	HAS("GET /show?x=1\n");
	HAS("user-agent: thanos\n");
	HAS("[]");
	assert_true(str_eq_c(http_headers_get(&f->resp.headers, "x-answer"), "forty two"));
	struct http_header own[] = { { STR("X-Own"), STR("mine") } };
	assert_int_equal(co_ask(f,
				(struct http_client_req){
					.url = at(f, "/show"), .body = STR("a=b"), .headers = own, .n_headers = 1 },
				&err),
			 0);
	HAS("POST /show?\n");
	HAS("x-own: mine\n");
	HAS("content-length: 3\n");
	HAS("[a=b]");
	HAS_NOT("content-type");
	HAS_NOT("expect");
	int left = 3;
	assert_int_equal(co_ask(f,
				(struct http_client_req){ .method = "PUT",
							  .url = at(f, "/show"),
							  .source = some_source,
							  .source_arg = &left,
							  .source_len = -1 },
				&err),
			 0);
	HAS("PUT /show?\n");
	HAS("[dddcccbbb]");
	assert_int_equal(co_ask(f, (struct http_client_req){ .method = "HEAD", .url = at(f, "/show") }, &err), 0);
	assert_int_equal(f->resp.body.n, 0);
	assert_int_equal(co_ask(f, (struct http_client_req){ .method = "DELETE", .url = at(f, "/show") }, &err), 0);
	HAS("DELETE /show");
	assert_int_equal(http_client_stats(f->c)->connections, 1);
	assert_int_equal(http_client_stats(f->c)->by_class[2], 5);
}

static void test_methods_headers_and_bodies_arrive(void **state)
{
	run(co_plain);
}

static void co_results(struct fixture *f)
{
	struct err err;
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/fails") }, &err), 0);
	assert_int_equal(f->resp.status, 503);
	assert_string_equal(f->resp.body.p, "not now\n");
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/moved") }, &err), 0);
	assert_int_equal(f->resp.status, 302);
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/breaks") }, &err), -ERR_UNAVAILABLE);
	assert_int_equal(
		co_ask(f, (struct http_client_req){ .url = "http://u:secret@127.0.0.1:1/p?token=secret" }, &err),
		-ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "GET http://127.0.0.1:1/p: "));
	assert_null(strstr(err.msg, "secret"));
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = "file:///etc/passwd" }, &err),
			 -ERR_INVALID_ARGUMENT);
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/big"), .max_body = 1000 }, &err),
			 -ERR_RESOURCE_EXHAUSTED);
	struct http_header evil[] = { { STR("X"), STR("a\r\nY: b") } };
	assert_int_equal(
		co_ask(f, (struct http_client_req){ .url = at(f, "/show"), .headers = evil, .n_headers = 1 }, &err),
		-ERR_INVALID_ARGUMENT);
	assert_int_equal(http_client_stats(f->c)->in_flight, 0);
}

static void test_statuses_are_results_and_breaks_are_errors(void **state)
{
	run(co_results);
}

static void co_deadlines(struct fixture *f)
{
	struct err err;
	int64_t begin = reactor_now_ms(f->r);
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/slow"), .timeout_ms = 50 }, &err),
			 -ERR_DEADLINE_EXCEEDED);
	int64_t old = fiber_set_deadline(reactor_now_ms(f->r) + 50);
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/slow") }, &err), -ERR_DEADLINE_EXCEEDED);
	fiber_restore_deadline(old);
	assert_true(reactor_now_ms(f->r) - begin < 2000);
	assert_int_equal(co_sleep_ms(200, &err), 0);
	assert_int_equal(f->cancelled, 2);
}

static void test_deadlines_break_the_transfer(void **state)
{
	run(co_deadlines);
}

static void co_first_byte(struct fixture *f)
{
	struct err err;
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/slow") }, &err), -ERR_DEADLINE_EXCEEDED);
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/show") }, &err), 0);
}

static void test_late_first_byte_is_given_up(void **state)
{
	run_with(co_first_byte, (struct http_client_config){ .first_byte_ms = 50 }, NULL);
}

static int co_take(void *arg, struct str piece, struct err *err)
{
	struct fixture *f = arg;
	f->got += piece.n;
	if (f->got < 2000000)
		return co_sleep_ms(5, err);
	return 0;
}

static int refuse(void *arg, struct str piece, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS, "I do not like it");
}

static void co_streams(struct fixture *f)
{
	struct err err;
	struct http_client_req rq = { .url = at(f, "/big"), .on_body = co_take, .on_body_arg = f };
	assert_int_equal(co_ask(f, rq, &err), 0);
	assert_int_equal(f->got, 20000000);
	rq.on_body = refuse;
	f->sent = 0;
	assert_int_equal(co_ask(f, rq, &err), -ERR_DATA_LOSS);
	assert_true(f->sent < 20000000);
	rq.url = at(f, "/fails");
	assert_int_equal(co_ask(f, rq, &err), 0);
	assert_int_equal(f->resp.status, 503);
	assert_string_equal(f->resp.body.p, "not now\n");
}

static void test_bodies_are_streamed_at_the_owners_pace(void **state)
{
	run_with(co_streams, (struct http_client_config){ .no_compression = true }, NULL);
}

static void co_credentials(struct fixture *f)
{
	struct err err;
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/show") }, &err), 0);
	HAS("authorization: Basic dTpw\n");
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/show"), .no_credentials = true }, &err), 0);
	HAS_NOT("authorization");
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/moved") }, &err), 0);
	HAS("GET /show?\n");
}

static void co_token(struct fixture *f)
{
	struct err err;
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = at(f, "/show") }, &err), 0);
	HAS("authorization: Bearer tok en\n");
}

static void test_credentials_are_sent(void **state)
{
	run_with(co_credentials,
		 (struct http_client_config){ .basic_user = "u", .basic_password = "p", .max_redirects = 3 }, NULL);
	char path[64];
	snprintf(path, sizeof(path), "/tmp/test_client.%d.token", (int)getpid());
	FILE *file = fopen(path, "w");
	fputs("tok en\n", file);
	fclose(file);
	run_with(co_token, (struct http_client_config){ .bearer_token_file = path }, NULL);
	unlink(path);
}

static void test_contradicting_settings_are_refused(void **state)
{
	struct err err;
	struct reactor *r = reactor_new(NULL, &err);
	assert_null(http_client_new(
		&(struct http_client_config){ .reactor = r, .bearer_token = "a", .bearer_token_file = "b" }, &err));
	assert_null(http_client_new(
		&(struct http_client_config){ .reactor = r, .bearer_token = "a", .basic_user = "b" }, &err));
	assert_int_equal(err.code, ERR_INVALID_ARGUMENT);
	reactor_free(r);
}

static void co_tls(struct fixture *f)
{
	struct err err;
	snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/show", sockaddr_port(http_server_addr(f->s, 0)));
	int rc = co_ask(f, (struct http_client_req){ .url = f->url }, &err);
	if (rc)
		fail_msg("%s", err.msg);
	HAS("host: 127.0.0.1:");
}

static void co_tls_refused(struct fixture *f)
{
	struct err err;
	snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/show", sockaddr_port(http_server_addr(f->s, 0)));
	assert_int_equal(co_ask(f, (struct http_client_req){ .url = f->url }, &err), -ERR_UNAVAILABLE);
}

static void test_tls_is_verified_by_ca_and_name(void **state)
{
	char dir[64], ca[96], cert[96], key[96];
	struct tls_ctx *tls;
	struct err err;
	snprintf(dir, sizeof(dir), "/tmp/test_client.%d", (int)getpid());
	mkdir(dir, 0700);
	snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	struct test_cert root = test_cert_new("ca", NULL), leaf = test_cert_new("leaf", &root);
	test_cert_write(&root, ca, NULL);
	test_cert_write(&leaf, cert, key);
	assert_int_equal(tls_ctx_new_server(&(struct tls_config){ .cert_file = cert, .key_file = key }, &tls, &err), 0);
	run_with(co_tls, (struct http_client_config){ .ca_file = ca }, tls);
	run_with(co_tls, (struct http_client_config){ .ca_file = ca, .server_name = "localhost" }, tls);
	run_with(co_tls_refused, (struct http_client_config){ .ca_file = ca, .server_name = "elsewhere" }, tls);
	run_with(co_tls_refused, (struct http_client_config){ 0 }, tls);
	run_with(co_tls, (struct http_client_config){ .skip_verify = true }, tls);
	tls_ctx_unref(tls);
	test_cert_free(&root);
	test_cert_free(&leaf);
	unlink(ca);
	unlink(cert);
	unlink(key);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods_headers_and_bodies_arrive),
		cmocka_unit_test(test_statuses_are_results_and_breaks_are_errors),
		cmocka_unit_test(test_deadlines_break_the_transfer),
		cmocka_unit_test(test_late_first_byte_is_given_up),
		cmocka_unit_test(test_bodies_are_streamed_at_the_owners_pace),
		cmocka_unit_test(test_credentials_are_sent),
		cmocka_unit_test(test_contradicting_settings_are_refused),
		cmocka_unit_test(test_tls_is_verified_by_ca_and_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
