/* Against grpcio, Google's implementation, both ways, plain text and TLS. Skips where python3 has no grpcio. */
#include "unit/grpc/rig.h"
#include "unit/net/certs.h"

#include "grpc/health.h"
#include "grpc/reflection.h"
#include "net/tls.h"

#include <spawn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char dir[] = "/tmp/grpc-interop-XXXXXX";
static char cert[64], key[64];

/* A process with pipes. */
struct python {
	pid_t pid;
	int in, out;
};

static bool child_start(struct python *py, char *const *argv)
{
	int in[2], out[2];
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in[0], 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	int rv = posix_spawn(&py->pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(in[0]);
	close(out[1]);
	py->in = in[1];
	py->out = out[0];
	return rv == 0;
}

static bool python_start(struct python *py, const char *const *args)
{
	char script[512];
	char *argv[10] = { (char *)"/usr/bin/python3", script };
	const char *src = getenv("srcdir");
	snprintf(script, sizeof(script), "%s/tests/unit/grpc/interop.py", src ? src : ".");
	for (int i = 0; args[i]; i++)
		argv[i + 2] = (char *)args[i];
	return child_start(py, argv);
}

/* Reads its output to the end, or to the first line's; suspends. */
static void python_read(struct python *py, char *buf, size_t size, bool line)
{
	size_t n = 0;
	for (;;) {
		assert_int_equal(co_wait_fd(py->out, false, NULL), 0);
		ssize_t k = read(py->out, buf + n, size - 1 - n);
		if (k > 0)
			n += (size_t)k;
		buf[n] = '\0';
		if (k <= 0 || (line && strchr(buf, '\n')))
			return;
	}
}

static int python_end(struct python *py)
{
	int status;
	close(py->in);
	close(py->out);
	waitpid(py->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool have_python(void)
{
	struct python py;
	return python_start(&py, (const char *[]){ "probe", NULL }) && python_end(&py) == 0;
}

static struct tls_ctx *server_tls(void)
{
	static const char *const alpn[] = { "h2" };
	struct tls_config cfg = { .cert_file = cert, .key_file = key, .alpn = { alpn, 1 } };
	struct tls_ctx *t;
	assert_int_equal(tls_ctx_new_server(&cfg, &t, NULL), 0);
	return t;
}

static struct tls_ctx *client_tls(void)
{
	static const char *const alpn[] = { "h2" };
	struct tls_config cfg = { .ca_file = cert, .alpn = { alpn, 1 } };
	struct tls_ctx *t;
	assert_int_equal(tls_ctx_new_client(&cfg, &t, NULL), 0);
	return t;
}

static void serve_body(struct rig *rig)
{
	struct grpc_server_opts o = rig->sopts;
	struct addr at;
	struct python py;
	char port[2][16], out[256];
	o.tls = server_tls();
	struct grpc_server *srv = grpc_server_new(rig->r, &o);
	grpc_server_add(srv, rig_methods, ARRAY_LEN(rig_methods), rig);
	struct grpc_health *h[2] = { grpc_health_new(rig->srv), grpc_health_new(srv) };
	struct grpc_server *const both[2] = { rig->srv, srv };
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), -1, &at, NULL), 0);
	assert_int_equal(grpc_server_listen(srv, &at, NULL), 0);
	for (int i = 0; i < 2; i++) {
		grpc_reflection_add(both[i]);
		grpc_health_set(h[i], true);
		snprintf(port[i], sizeof(port[i]), "%u",
			 sockaddr_port(listener_addr(grpc_server_listener(both[i], 0))));
	}
	assert_true(python_start(&py, (const char *[]){ "client", port[0], port[1], cert, NULL }));
	python_read(&py, out, sizeof(out), false);
	assert_int_equal(python_end(&py), 0);
	assert_string_equal(out, "ok\n");
	co_grpc_server_drain(srv, 200);
	grpc_server_free(srv);
	tls_ctx_unref(o.tls);
	co_grpc_server_drain(rig->srv, 200);
	grpc_health_free(h[0]);
	grpc_health_free(h[1]);
}

static void test_grpcio_clients_are_served(void **state)
{
	if (!have_python())
		skip();
	struct rig rig;
	rig_init(&rig);
	rig.sopts.keepalive_min_ms = 0;
	rig_run(&rig, serve_body);
}

static void call_all(struct rig *rig, struct grpc_channel *ch)
{
	static char big[3000000];
	struct arena a;
	struct str ret, m;
	struct err e;
	arena_init(&a, NULL);
	struct grpc_part part = grpc_part_copy(str_mem(big, sizeof(big)));
	if (co_grpc_unary(ch, "/test.T/Echo", NULL, &part, 1, &a, &ret, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(ret.n, sizeof(big));
	for (int code = 0; code <= 16; code++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", code);
		part = grpc_part_copy(str_c(text));
		assert_int_equal(co_grpc_unary(ch, "/test.T/Code", NULL, &part, 1, &a, &ret, &e), -code);
		assert_true(code == 0 || strstr(e.msg, "\xc3\xa9 100%\n"));
	}
	part = grpc_part_copy(STR("2000 3000"));
	struct grpc_stream *s;
	bool end = false;
	assert_int_equal(co_grpc_stream_open(ch, "/test.T/Stream", NULL, &part, 1, &s, &e), 0);
	for (int i = 0; i < 2000; i++) {
		if (co_grpc_recv(s, &m, &end, &e) != 0)
			fail_msg("%s", e.msg);
		assert_true(!end && m.n == 3000);
	}
	assert_int_equal(co_grpc_recv(s, &m, &end, &e), 0);
	assert_true(end);
	grpc_stream_close(s);
	const struct grpc_metadata md[] = { { STR("x-ascii"), STR("value") }, { STR("x-bytes-bin"), STR("\x00\xfe") } };
	struct grpc_call_opts o = { .metadata = md, .n_metadata = 2 };
	assert_int_equal(co_grpc_stream_open(ch, "/test.T/Echo", &o, &part, 1, &s, &e), 0);
	assert_int_equal(co_grpc_recv(s, &m, &end, &e), 0);
	assert_true(str_eq_c(grpc_stream_header(s, "x-got"), "value"));
	assert_int_equal(co_grpc_recv(s, &m, &end, &e), 0);
	assert_true(str_eq(grpc_stream_trailer(s, "x-back-bin"), md[1].value));
	grpc_stream_close(s);
	o = (struct grpc_call_opts){ .timeout_ms = 100 };
	assert_int_equal(co_grpc_unary(ch, "/test.T/Hang", &o, &part, 1, NULL, NULL, &e), -ERR_DEADLINE_EXCEEDED);
	assert_int_equal(co_grpc_unary(ch, "/test.T/Nope", NULL, &part, 1, NULL, NULL, &e), -ERR_UNIMPLEMENTED);
	arena_fini(&a);
}

static void call_python(struct rig *rig, const char *mode)
{
	struct python py;
	char out[256], target[64];
	unsigned plain, tls;
	assert_true(python_start(&py, (const char *[]){ "server", cert, key, mode, NULL }));
	python_read(&py, out, sizeof(out), true);
	assert_int_equal(sscanf(out, "%u %u", &plain, &tls), 2);
	struct grpc_channel_opts o = rig->copts;
	for (int i = 0; i < 2; i++) {
		o.tls = i ? client_tls() : NULL;
		o.server_name = i ? "localhost" : NULL;
		o.encoding = i ? GRPC_GZIP : GRPC_IDENTITY;
		snprintf(target, sizeof(target), "127.0.0.1:%u", i ? tls : plain);
		struct grpc_channel *ch = grpc_channel_new(rig->r, target, &o, NULL);
		call_all(rig, ch);
		grpc_channel_unref(ch);
		tls_ctx_unref(o.tls);
	}
	co_sleep_ms(30, NULL);
	assert_int_equal(python_end(&py), 0);
}

static void call_body(struct rig *rig)
{
	call_python(rig, NULL);
	call_python(rig, "gzip");
}

static void test_grpcio_servers_are_called(void **state)
{
	if (!have_python())
		skip();
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, call_body);
}

/* nghttp2's load generator: many streams, windows and pings of another implementation. */
static void load_body(struct rig *rig)
{
	char url[128], data[64], out[4096] = "";
	struct python child;
	snprintf(url, sizeof(url), "http://%s/test.T/Echo", rig->target);
	snprintf(data, sizeof(data), "%s/body", dir);
	FILE *f = fopen(data, "w");
	fwrite("\0\0\0\0\2hi", 1, 7, f);
	fclose(f);
	char *argv[] = { (char *)"/usr/bin/h2load",
			 (char *)"-n5000",
			 (char *)"-c10",
			 (char *)"-m40",
			 (char *)"-d",
			 data,
			 (char *)"-Hcontent-type: application/grpc",
			 (char *)"-Hte: trailers",
			 url,
			 NULL };
	assert_true(child_start(&child, argv));
	python_read(&child, out, sizeof(out), false);
	assert_int_equal(python_end(&child), 0);
	assert_non_null(strstr(out, "5000 succeeded, 0 failed"));
	assert_int_equal(grpc_server_stats(rig->srv).calls_total, 5000);
	assert_int_equal(grpc_server_stats(rig->srv).abuse_closed, 0);
	unlink(data);
}

static void test_h2load_is_served(void **state)
{
	if (access("/usr/bin/h2load", X_OK) != 0)
		skip();
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, load_body);
}

static int make_certs(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	struct test_cert c = test_cert_new("localhost", NULL);
	test_cert_write(&c, cert, key);
	test_cert_free(&c);
	return 0;
}

static int drop_certs(void **state)
{
	unlink(cert);
	unlink(key);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grpcio_clients_are_served),
		cmocka_unit_test(test_grpcio_servers_are_called),
		cmocka_unit_test(test_h2load_is_served),
	};
	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
