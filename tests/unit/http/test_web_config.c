#include "http/web_config.h"

#include "base/compiler.h"
#include "http/client.h"
#include "http/router.h"
#include "http/server.h"
#include "loop/reactor.h"
#include "net/tls.h"
#include "unit/http/peer.h"
#include "unit/net/certs.h"
#include "unit/unit.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct reactor *r;
	struct http_router *router;
	struct http_server *s;
	struct web_config *w;
	char dir[64], path[96];
	struct peer p;
	int served;
};

static int serve(struct http_req *req, void *arg, struct err *err)
{
	struct fixture *f = arg;
	f->served++;
	return co_http_reply(req, 200, "text/plain", req->user, err);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/", serve },
	{ HTTP_GET, "/open", serve, .no_auth = true },
};

/* The bcrypt hash of a password, at the lowest cost. */
static const char *bcrypt_of(const char *password)
{
	static struct crypt_data cd;
	return crypt_rn(password, "$2b$04$abcdefghijklmnopqrstuu", &cd, (int)sizeof(cd));
}

static void write_file(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");
	fputs(text, file);
	fclose(file);
}

/* The answer to GET path with the given credentials ("user:password"; NULL: none). */
static const char *co_get(struct fixture *f, const char *path, const char *credentials)
{
	struct conn *c[2];
	struct strbuf b = { 0 };
	char encoded[512] = "";
	peer_fini(&f->p);
	conn_pair(f->r, NULL, c);
	peer_init(&f->p, f->r, c[0]);
	http_server_serve(f->s, c[1]);
	strbuf_printf(&b, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", path);
	if (credentials) {
		EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)credentials, (int)strlen(credentials));
		strbuf_printf(&b, "Authorization: Basic %s\r\n", encoded);
	}
	strbuf_add_c(&b, "\r\n");
	peer_say(&f->p, strbuf_str(&b));
	strbuf_fini(&b);
	assert_true(co_peer_closed(&f->p, 5000));
	return f->p.got.p;
}

static bool co_allowed(struct fixture *f, const char *credentials)
{
	const char *s = co_get(f, "/", credentials);
	bool ok = strncmp(s, "HTTP/1.1 200 ", 13) == 0;
	if (!ok) {
		assert_memory_equal(s, "HTTP/1.1 401 Unauthorized\r\n", 27);
		assert_non_null(strstr(s, "WWW-Authenticate: Basic\r\n"));
	}
	return ok;
}

struct body {
	struct fixture *f;
	void (*fn)(struct fixture *f);
};

static void co_main(void *arg)
{
	struct body *b = arg;
	struct fixture *f = b->f;
	struct err err;
	f->w = web_config_open(f->path, &err);
	if (!f->w)
		fail_msg("%s", err.msg);
	f->s = http_server_new(&(struct http_server_config){ .reactor = f->r,
							     .router = f->router,
							     .before = co_web_config_before,
							     .before_arg = f->w,
							     .tls = web_config_tls(f->w) });
	peer_init(&f->p, f->r, NULL);
	b->fn(f);
	peer_fini(&f->p);
	co_http_server_stop(f->s, 1000);
	http_server_free(f->s);
	web_config_free(f->w);
}

static void run(const char *text, void (*fn)(struct fixture *f))
{
	struct fixture f = { 0 };
	struct body b = { &f, fn };
	struct err err;
	f.r = reactor_new(NULL, &err);
	f.router = http_router_new();
	http_router_add(f.router, routes, ARRAY_LEN(routes), &f);
	snprintf(f.dir, sizeof(f.dir), "/tmp/test_web_config.%d", (int)getpid());
	snprintf(f.path, sizeof(f.path), "%s/web.yml", f.dir);
	mkdir(f.dir, 0700);
	write_file(&f, text);
	fiber_start(f.r, "test", co_main, &b);
	reactor_run_until_idle(f.r);
	unlink(f.path);
	rmdir(f.dir);
	http_router_free(f.router);
	reactor_free(f.r);
}

static void co_users(struct fixture *f)
{
	assert_false(co_allowed(f, NULL));
	assert_true(co_allowed(f, "alice:secret"));
	assert_non_null(strstr(f->p.got.p, "\r\n\r\nalice"));
	assert_true(co_allowed(f, "alice:secret"));
	assert_false(co_allowed(f, "alice:secret2"));
	assert_false(co_allowed(f, "alice:"));
	assert_false(co_allowed(f, "alice"));
	assert_false(co_allowed(f, "bob:secret"));
	assert_true(co_allowed(f, "bob:other:word"));
	assert_false(co_allowed(f, "carol:secret"));
	assert_false(co_allowed(f, "carol:secret"));
	assert_int_equal(f->served, 3);
	assert_memory_equal(co_get(f, "/open", NULL), "HTTP/1.1 200 ", 13);
	assert_memory_equal(co_get(f, "/none", NULL), "HTTP/1.1 401 ", 13);
	/* What the cache keys on: user and stored hash must not be able to pass for a password. */
	char poison[256];
	snprintf(poison, sizeof(poison), "alice:%s", bcrypt_of("secret"));
	assert_false(co_allowed(f, poison));
}

static void test_users_are_told_by_bcrypt(void **state)
{
	char text[512], *alice = strdup(bcrypt_of("secret"));
	snprintf(text, sizeof(text), "basic_auth_users:\n  alice: %s\n  bob: %s\n", alice, bcrypt_of("other:word"));
	run(text, co_users);
	free(alice);
}

static void co_flood(struct fixture *f)
{
	enum { CLIENTS = 60 };
	struct peer p[CLIENTS];
	char line[256], plain[64], encoded[128];
	int refused = 0, busy = 0;
	for (int i = 0; i < CLIENTS; i++) {
		struct conn *c[2];
		conn_pair(f->r, NULL, c);
		peer_init(&p[i], f->r, c[0]);
		http_server_serve(f->s, c[1]);
		snprintf(plain, sizeof(plain), "alice:wrong%d", i);
		EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, (int)strlen(plain));
		snprintf(line, sizeof(line),
			 "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic %s\r\n\r\n", encoded);
		peer_say(&p[i], str_c(line));
	}
	for (int i = 0; i < CLIENTS; i++) {
		assert_true(co_peer_closed(&p[i], 5000));
		refused += strncmp(p[i].got.p, "HTTP/1.1 401 ", 13) == 0;
		busy += strncmp(p[i].got.p, "HTTP/1.1 429 ", 13) == 0;
		peer_fini(&p[i]);
	}
	assert_int_equal(refused + busy, CLIENTS);
	assert_true(refused >= 32 && busy > 0);
}

static void test_flood_of_passwords_is_answered_429(void **state)
{
	char text[256];
	snprintf(text, sizeof(text), "basic_auth_users:\n  alice: %s\n", bcrypt_of("secret"));
	run(text, co_flood);
}

static void co_headers(struct fixture *f)
{
	const char *s = co_get(f, "/", NULL);
	assert_non_null(strstr(s, "X-Frame-Options: deny\r\n"));
	assert_non_null(strstr(s, "Content-Security-Policy: default-src 'self'\r\n"));
	assert_false(web_config_http2(f->w));
	assert_null(web_config_tls(f->w));
}

static void test_headers_are_set_on_responses(void **state)
{
	run("http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    Content-Security-Policy: default-src 'self'\n",
	    co_headers);
}

static void co_rate(struct fixture *f)
{
	struct err err;
	int served = 0;
	for (int i = 0; i < 10; i++)
		served += strncmp(co_get(f, "/", NULL), "HTTP/1.1 200 ", 13) == 0;
	assert_in_range(served, 3, 5);
	assert_int_equal(co_sleep_ms(300, &err), 0);
	assert_memory_equal(co_get(f, "/", NULL), "HTTP/1.1 200 ", 13);
}

static void test_rate_is_limited(void **state)
{
	run("rate_limit:\n  burst: 3\n  interval: 200ms\n", co_rate);
}

static void co_reload(struct fixture *f)
{
	struct err err;
	char text[256];
	assert_true(co_allowed(f, "alice:secret"));
	write_file(f, "basic_auth_users: [");
	assert_int_equal(co_sleep_ms(1100, &err), 0);
	assert_true(co_allowed(f, "alice:secret"));
	snprintf(text, sizeof(text), "basic_auth_users:\n  alice: %s\n", bcrypt_of("changed"));
	write_file(f, text);
	assert_int_equal(co_sleep_ms(1100, &err), 0);
	assert_false(co_allowed(f, "alice:secret"));
	assert_true(co_allowed(f, "alice:changed"));
}

static void test_changed_file_is_followed_once_it_loads(void **state)
{
	char text[256];
	snprintf(text, sizeof(text), "basic_auth_users:\n  alice: %s\n", bcrypt_of("secret"));
	run(text, co_reload);
}

static void test_bad_files_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "nonsense: 1\n", "nonsense" },
		{ "basic_auth_users:\n  a: plain\n", "not a bcrypt hash" },
		{ "basic_auth_users:\n  a: $2y$99$abcdefghijklmnopqrstuuqXCkYJtSrFjq1LrRTuLJjVSMVz6Y8Mu\n",
		  "not a bcrypt hash" },
		{ "http_server_config:\n  headers:\n    X-Evil: a\n", "HTTP header \"X-Evil\" can not be configured" },
		{ "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
		  "invalid value for X-Frame-Options" },
		{ "tls_server_config:\n  cert_file: a\n", "missing one of key or key_file" },
		{ "tls_server_config:\n  key_file: a\n", "missing one of cert or cert_file" },
		{ "tls_server_config:\n  cert_file: a\n  key_file: b\n  client_ca_file: c\n",
		  "without a Client Auth Policy" },
		{ "tls_server_config:\n  client_auth_type: Maybe\n", "invalid ClientAuth: Maybe" },
		{ "tls_server_config:\n  cert_file: a\n  key_file: b\n  client_allowed_sans: [x]\n",
		  "client_allowed_sans requires" },
		{ "tls_server_config:\n  cert_file: none.pem\n  key_file: none.key\n", "none.pem" },
		{ "tls_server_config:\n  cert_file: a\n  key_file: b\n  cipher_suites: [NOPE]\n", "NOPE" },
		{ "basic_auth_users: [a]\n", "basic_auth_users" },
	};
	char path[64];
	snprintf(path, sizeof(path), "/tmp/test_web_config.%d.yml", (int)getpid());
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err;
		FILE *file = fopen(path, "w");
		fputs(bad[i][0], file);
		fclose(file);
		assert_null(web_config_open(path, &err));
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("%s -> %s", bad[i][0], err.msg);
	}
	unlink(path);
}

/* --- TLS ------------------------------------------------------------------------------------ */

static int co_fetch(struct fixture *f, const char *cert, const char *key, struct err *err)
{
	char url[64], ca[96], cert_file[96], key_file[96];
	struct http_client_resp resp = { 0 };
	snprintf(ca, sizeof(ca), "%s/ca.pem", f->dir);
	snprintf(cert_file, sizeof(cert_file), "%s/%s", f->dir, cert);
	snprintf(key_file, sizeof(key_file), "%s/%s", f->dir, key);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", sockaddr_port(http_server_addr(f->s, 0)));
	struct http_client *c = http_client_new(&(struct http_client_config){ .reactor = f->r,
									      .ca_file = ca,
									      .cert_file = *cert ? cert_file : NULL,
									      .key_file = *key ? key_file : NULL },
						err);
	assert_non_null(c);
	int rc = co_http_request(c, &(struct http_client_req){ .url = url }, &resp, err);
	assert_true(rc || resp.status == 200);
	http_client_resp_fini(&resp);
	http_client_free(c);
	return rc;
}

static void co_tls(struct fixture *f)
{
	struct err err;
	assert_int_equal(http_server_listen(f->s, "127.0.0.1:0", &err), 0);
	assert_int_equal(co_fetch(f, "cert.pem", "key.pem", &err), 0);
	assert_int_equal(co_fetch(f, "", "", &err), -ERR_UNAVAILABLE);
}

static void co_tls_other_san(struct fixture *f)
{
	struct err err;
	assert_int_equal(http_server_listen(f->s, "127.0.0.1:0", &err), 0);
	assert_int_equal(co_fetch(f, "cert.pem", "key.pem", &err), -ERR_UNAVAILABLE);
}

static void test_tls_section_is_used_with_client_certificates(void **state)
{
	struct fixture f;
	char path[128], key[128], text[512];
	snprintf(f.dir, sizeof(f.dir), "/tmp/test_web_config.%d", (int)getpid());
	mkdir(f.dir, 0700);
	struct test_cert ca = test_cert_new("ca", NULL), leaf = test_cert_new("leaf", &ca);
	static const char *const allowed[] = { "localhost", "somebody" };
	for (int i = 0; i < 2; i++) {
		mkdir(f.dir, 0700);
		snprintf(path, sizeof(path), "%s/ca.pem", f.dir);
		test_cert_write(&ca, path, NULL);
		snprintf(path, sizeof(path), "%s/cert.pem", f.dir);
		snprintf(key, sizeof(key), "%s/key.pem", f.dir);
		test_cert_write(&leaf, path, key);
		snprintf(text, sizeof(text),
			 "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n"
			 "  client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS12\n"
			 "  client_allowed_sans: [%s]\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n"
			 "  curve_preferences: [CurveP256, X25519]\n",
			 allowed[i]);
		run(text, i == 0 ? co_tls : co_tls_other_san);
	}
	static const char *const files[] = { "ca.pem", "cert.pem", "key.pem" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, files[i]);
		unlink(path);
	}
	rmdir(f.dir);
	test_cert_free(&ca);
	test_cert_free(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_are_told_by_bcrypt),
		cmocka_unit_test(test_flood_of_passwords_is_answered_429),
		cmocka_unit_test(test_headers_are_set_on_responses),
		cmocka_unit_test(test_rate_is_limited),
		cmocka_unit_test(test_changed_file_is_followed_once_it_loads),
		cmocka_unit_test(test_bad_files_are_refused),
		cmocka_unit_test(test_tls_section_is_used_with_client_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
