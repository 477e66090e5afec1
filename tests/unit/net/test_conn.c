#include "unit/unit.h"

#include "base/compiler.h"
#include "base/err.h"
#include "unit/net/certs.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/tls.h"

#include <event2/buffer.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* One end of a connection under test, with what happened to it. */
struct end {
	struct conn *c;
	struct waitq q;
	int opens, eofs, drains, closes;
	bool take; /* drains its input as it comes */
	size_t got;
	uint8_t sum;
	struct err why;
};

struct fixture {
	struct reactor *r;
	struct end a, b; /* a: client, b: server */
	struct listener *l;
	struct conn_options server_opt;
	struct conn_stats stats;
	int failed;
};

static void on_open(struct conn *c, void *arg)
{
	struct end *e = arg;
	e->opens++;
	waitq_wake_all(&e->q);
}

static void on_read(struct conn *c, void *arg)
{
	struct end *e = arg;
	struct evbuffer *in = conn_input(c);
	while (e->take && evbuffer_get_length(in) > 0) {
		struct evbuffer_iovec v;
		evbuffer_peek(in, -1, NULL, &v, 1);
		for (size_t i = 0; i < v.iov_len; i++)
			e->sum = (uint8_t)(e->sum * 31 + ((uint8_t *)v.iov_base)[i]);
		e->got += v.iov_len;
		evbuffer_drain(in, v.iov_len);
	}
	waitq_wake_all(&e->q);
}

static void on_drain(struct conn *c, void *arg)
{
	struct end *e = arg;
	e->drains++;
	waitq_wake_all(&e->q);
}

static void on_eof(struct conn *c, void *arg)
{
	struct end *e = arg;
	e->eofs++;
	waitq_wake_all(&e->q);
}

static void on_closed(struct conn *c, const struct err *why, void *arg)
{
	struct end *e = arg;
	e->closes++;
	e->why = *why;
	waitq_wake_all(&e->q);
}

static const struct conn_callbacks callbacks = { on_open, on_read, on_drain, on_eof, on_closed };

static void on_accept(int fd, const struct sockaddr_any *peer, void *arg)
{
	struct fixture *f = arg;
	struct err err;
	f->b.c = conn_accept(f->r, fd, peer, &f->server_opt, &callbacks, &f->b, &err);
	assert_non_null(f->b.c);
	listener_release(f->l);
	waitq_wake_all(&f->b.q);
}

/* Waits in a fiber until the condition holds, at most 5 s. */
#define AWAIT(e, cond) \
	do { \
		int64_t old_ = fiber_set_deadline(reactor_now_ms(f->r) + 5000); \
		struct err err_; \
		while (!(cond)) \
			assert_int_equal(co_waitq_wait(&(e).q, "test", &err_), 0); \
		fiber_restore_deadline(old_); \
	} while (0)

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;
	f->r = reactor_new(NULL, &err);
	waitq_init(&f->a.q);
	waitq_init(&f->b.q);
	f->a.take = f->b.take = true;
	f->server_opt.stats = &f->stats;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	conn_close(f->a.c);
	conn_close(f->b.c);
	listener_free(f->l);
	reactor_free(f->r);
	assert_int_equal(f->stats.open_now, 0);
	free(f);
	return 0;
}

/* Runs fn(f) as a fiber until all fibers have ended. */
static void run(struct fixture *f, fiber_fn *fn)
{
	fiber_start(f->r, "test", fn, f);
	reactor_run_until_idle(f->r);
}

static void connect_both(struct fixture *f, const char *where, const struct conn_options *client)
{
	struct addr at;
	struct err err;
	assert_int_equal(addr_parse(str_c(where), -1, &at, &err), 0);
	f->l = listener_new(f->r, &at, NULL, on_accept, f, &err);
	assert_non_null(f->l);
	listener_start(f->l);
	f->a.c = conn_connect(f->r, listener_addr(f->l), client, &callbacks, &f->a, &err);
	assert_non_null(f->a.c);
}

/* --- transfer over all kinds ---------------------------------------------------------- */

static void pump(struct fixture *f)
{
	static char data[300000];
	uint8_t sum = 0;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 1000);
	const struct str parts[] = {
		str_mem(data, 5), str_mem(data + 5, sizeof(data) - 6), { 0 }, str_mem(data + sizeof(data) - 1, 1)
	};
	for (int k = 0; k < 10; k++)
		for (size_t i = 0; i < sizeof(data); i++)
			sum = (uint8_t)(sum * 31 + (uint8_t)data[i]);
	for (int k = 0; k < 10; k++) {
		if (k % 3 == 0)
			conn_write(f->a.c, data, sizeof(data));
		else if (k % 3 == 1)
			conn_write_parts(f->a.c, parts, ARRAY_LEN(parts));
		else
			conn_write_ref(f->a.c, data, sizeof(data), NULL, NULL);
		AWAIT(f->a, conn_writable(f->a.c));
	}
	conn_shutdown_write(f->a.c);
	AWAIT(f->b, f->b.eofs == 1);
	assert_int_equal(f->b.got, 10 * sizeof(data));
	assert_int_equal(f->b.sum, sum);
	conn_write(f->b.c, "bye", 3);
	conn_close_flushed(f->b.c, 1000);
	f->b.c = NULL;
	AWAIT(f->a, f->a.eofs == 1);
	assert_int_equal(f->a.got, 3);
	assert_true(f->a.drains > 0);
	assert_int_equal(f->a.closes + f->b.closes, 0);
}

static void tcp_flow(void *arg)
{
	struct fixture *f = arg;
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->a, f->a.opens == 1);
	AWAIT(f->b, f->b.c);
	pump(f);
}

static void test_tcp_carries_bytes_and_half_closes(void **state)
{
	run(*state, tcp_flow);
}

static void linger_flow(void *arg)
{
	struct fixture *f = arg;
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->a, f->a.opens == 1);
	AWAIT(f->b, f->b.c && f->b.opens == 1);
	conn_close_flushed(f->b.c, 60000);
	f->b.c = NULL;
	AWAIT(f->a, f->a.eofs == 1);
	assert_int_equal(f->stats.open_now,
			 1); /* by this, servers that stop wait for the last bytes of their answers */
}

/* Nobody knows of it any more: it is freed with the loop, and counted as closed by then (teardown looks). */
static void test_a_connection_that_lingers_ends_with_the_loop(void **state)
{
	run(*state, linger_flow);
}

static void unix_flow(void *arg)
{
	struct fixture *f = arg;
	char path[64];
	snprintf(path, sizeof(path), "unix:/tmp/test_conn.%d", (int)getpid());
	connect_both(f, path, NULL);
	AWAIT(f->a, f->a.opens == 1);
	AWAIT(f->b, f->b.opens == 1);
	pump(f);
	listener_stop(f->l);
	assert_int_equal(access(path + 5, F_OK), -1);
}

static void test_unix_socket_carries_bytes_and_is_removed(void **state)
{
	run(*state, unix_flow);
}

static void pair_up(struct fixture *f)
{
	struct conn *c[2];
	conn_pair(f->r, NULL, c);
	f->a.c = c[0];
	f->b.c = c[1];
	conn_set_callbacks(c[0], &callbacks, &f->a);
	conn_set_callbacks(c[1], &callbacks, &f->b);
}

static void pair_flow(void *arg)
{
	struct fixture *f = arg;
	pair_up(f);
	pump(f);
}

static void test_memory_pair_carries_bytes_and_half_closes(void **state)
{
	run(*state, pair_flow);
}

/* --- back-pressure, clocks, ends --------------------------------------------------------- */

static void pressure_flow(void *arg)
{
	struct fixture *f = arg;
	static char data[1000];
	pair_up(f);
	f->b.take = false;
	for (int i = 0; i < 200; i++)
		conn_write(f->a.c, data, sizeof(data));
	assert_false(conn_writable(f->a.c));
	AWAIT(f->b, evbuffer_get_length(conn_input(f->b.c)) > 0);
	struct err err;
	for (int i = 0; i < 5; i++)
		co_yield(&err);
	assert_int_equal(evbuffer_get_length(conn_input(f->b.c)), CONN_READ_HIGH);
	assert_int_equal(conn_pending(f->a.c), 200000 - CONN_READ_HIGH);
	conn_read_pause(f->b.c);
	evbuffer_drain(conn_input(f->b.c), 1000);
	for (int i = 0; i < 5; i++)
		co_yield(&err);
	assert_int_equal(evbuffer_get_length(conn_input(f->b.c)), CONN_READ_HIGH - 1000);
	f->b.take = true;
	conn_read_resume(f->b.c);
	AWAIT(f->b, f->b.got == 199000);
	AWAIT(f->a, f->a.drains == 1);
	assert_true(conn_writable(f->a.c));
}

static void test_full_input_stops_reading_until_resumed(void **state)
{
	run(*state, pressure_flow);
}

static void stall_flow(void *arg)
{
	struct fixture *f = arg;
	static char data[8 << 20];
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->a, f->a.opens == 1);
	AWAIT(f->b, f->b.c);
	f->b.take = false;
	conn_set_limits(f->a.c, &(struct conn_limits){ .write_stall_ms = 50 });
	conn_write_ref(f->a.c, data, sizeof(data), NULL, NULL);
	AWAIT(f->a, f->a.closes == 1);
	assert_int_equal(f->a.why.code, ERR_DEADLINE_EXCEEDED);
}

static void test_peer_that_takes_nothing_is_given_up(void **state)
{
	run(*state, stall_flow);
}

static void idle_flow(void *arg)
{
	struct fixture *f = arg;
	struct err err;
	pair_up(f);
	conn_set_limits(f->a.c, &(struct conn_limits){ .idle_ms = 300 });
	for (int i = 0; i < 7; i++) {
		assert_int_equal(co_sleep_ms(50, &err), 0);
		conn_write(f->b.c, "x", 1);
	}
	assert_int_equal(f->a.closes, 0);
	AWAIT(f->a, f->a.closes == 1);
	assert_int_equal(f->a.why.code, ERR_DEADLINE_EXCEEDED);
}

static void test_idle_connection_is_closed_and_active_one_is_not(void **state)
{
	run(*state, idle_flow);
}

static void refused_flow(void *arg)
{
	struct fixture *f = arg;
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->a, f->a.opens == 1);
	struct sockaddr_any at = *listener_addr(f->l);
	listener_stop(f->l);
	conn_close(f->a.c);
	struct err err;
	f->a.opens = 0;
	f->a.c = conn_connect(f->r, &at, NULL, &callbacks, &f->a, &err);
	assert_non_null(f->a.c);
	AWAIT(f->a, f->a.closes == 1);
	assert_int_equal(f->a.why.code, ERR_UNAVAILABLE);
	assert_int_equal(f->a.opens, 0);
}

static void test_refused_connect_is_reported_with_the_address(void **state)
{
	struct fixture *f = *state;
	run(f, refused_flow);
	assert_non_null(strstr(f->a.why.msg, "127.0.0.1:"));
}

static int released;

static void on_release(const void *p, size_t n, void *arg)
{
	released++;
}

static void release_flow(void *arg)
{
	struct fixture *f = arg;
	pair_up(f);
	conn_read_pause(f->b.c);
	conn_write_ref(f->a.c, "abc", 3, on_release, NULL);
	conn_shutdown_write(f->a.c);
	conn_write_ref(f->a.c, "def", 3, on_release, NULL);
	assert_int_equal(released, 1);
	conn_close(f->a.c);
	f->a.c = NULL;
	struct err err;
	co_yield(&err);
	co_yield(&err);
	assert_int_equal(released, 2);
	conn_read_resume(f->b.c);
	AWAIT(f->b, f->b.eofs == 1);
}

static void test_references_are_released_once_on_every_path(void **state)
{
	run(*state, release_flow);
}

/* --- listener ---------------------------------------------------------------------------- */

static void emfile_flow(void *arg)
{
	struct fixture *f = arg;
	struct err err;
	struct rlimit old, low;
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->b, f->b.opens == 1);
	conn_close(f->b.c);
	f->b.c = NULL;
	f->b.opens = 0;
	getrlimit(RLIMIT_NOFILE, &old);
	int next = dup(0);
	close(next);
	low = (struct rlimit){ (rlim_t)next + 1, old.rlim_max };
	struct end extra = { 0 };
	waitq_init(&extra.q);
	setrlimit(RLIMIT_NOFILE, &low);
	struct conn *c = conn_connect(f->r, listener_addr(f->l), NULL, &callbacks, &extra, &err);
	assert_non_null(c);
	AWAIT(extra, extra.eofs + extra.closes > 0);
	assert_int_equal(listener_stats(f->l)->dropped, 1);
	conn_close(c);
	setrlimit(RLIMIT_NOFILE, &old);
	conn_close(f->a.c);
	f->a.opens = 0;
	f->a.c = conn_connect(f->r, listener_addr(f->l), NULL, &callbacks, &f->a, &err);
	AWAIT(f->b, f->b.opens == 1);
}

static void test_listener_survives_running_out_of_descriptors(void **state)
{
	run(*state, emfile_flow);
}

/* --- TLS ----------------------------------------------------------------------------------- */

struct tls_files {
	char dir[64], ca[96], cert[96], key[96], other_ca[96], ccert[96], ckey[96];
	struct test_cert ca_cert;
};

static void make_files(struct tls_files *t)
{
	snprintf(t->dir, sizeof(t->dir), "/tmp/test_conn.%d.d", (int)getpid());
	mkdir(t->dir, 0700);
	snprintf(t->ca, sizeof(t->ca), "%s/ca.pem", t->dir);
	snprintf(t->other_ca, sizeof(t->other_ca), "%s/other_ca.pem", t->dir);
	snprintf(t->cert, sizeof(t->cert), "%s/cert.pem", t->dir);
	snprintf(t->key, sizeof(t->key), "%s/key.pem", t->dir);
	snprintf(t->ccert, sizeof(t->ccert), "%s/ccert.pem", t->dir);
	snprintf(t->ckey, sizeof(t->ckey), "%s/ckey.pem", t->dir);
	t->ca_cert = test_cert_new("test ca", NULL);
	struct test_cert other = test_cert_new("other ca", NULL);
	struct test_cert server = test_cert_new("server one", &t->ca_cert);
	struct test_cert client = test_cert_new("client one", &t->ca_cert);
	test_cert_write(&t->ca_cert, t->ca, NULL);
	test_cert_write(&other, t->other_ca, NULL);
	test_cert_write(&server, t->cert, t->key);
	test_cert_write(&client, t->ccert, t->ckey);
	test_cert_free(&other);
	test_cert_free(&server);
	test_cert_free(&client);
}

static void drop_files(struct tls_files *t)
{
	const char *const all[] = { t->ca, t->cert, t->key, t->other_ca, t->ccert, t->ckey };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		unlink(all[i]);
	rmdir(t->dir);
	test_cert_free(&t->ca_cert);
}

static struct tls_ctx *server_ctx(const struct tls_config *cfg)
{
	struct tls_ctx *t;
	struct err err;
	if (tls_ctx_new_server(cfg, &t, &err))
		fail_msg("%s", err.msg);
	return t;
}

static struct tls_ctx *client_ctx(const struct tls_config *cfg)
{
	struct tls_ctx *t;
	struct err err;
	if (tls_ctx_new_client(cfg, &t, &err))
		fail_msg("%s", err.msg);
	return t;
}

static const char *const h2_first[] = { "h2", "http/1.1" };
static const char *const h1_only[] = { "http/1.1" };

static void tls_flow(void *arg)
{
	struct fixture *f = arg;
	struct tls_files t;
	make_files(&t);
	struct tls_ctx *s = server_ctx(&(struct tls_config){ .cert_file = t.cert,
							     .key_file = t.key,
							     .ca_file = t.ca,
							     .min_version = "1.3",
							     .alpn = { h2_first, 2 } });
	struct tls_ctx *c = client_ctx(&(struct tls_config){
		.cert_file = t.ccert, .key_file = t.ckey, .ca_file = t.ca, .alpn = { h2_first, 2 } });
	f->server_opt.tls = s;
	connect_both(f, "127.0.0.1:0", &(struct conn_options){ .tls = c, .server_name = "localhost" });
	AWAIT(f->a, f->a.opens == 1 || f->a.closes);
	assert_int_equal(f->a.opens, 1);
	AWAIT(f->b, f->b.opens == 1);
	assert_true(conn_is_tls(f->b.c));
	assert_true(str_eq(conn_alpn(f->b.c), STR("h2")));
	assert_true(str_eq(conn_alpn(f->a.c), STR("h2")));
	assert_string_equal(conn_peer_subject(f->b.c), "CN=client one,O=test org");
	char cn[32];
	enum conn_cert_field field;
	assert_true(conn_cert_field_parse("commonName", &field) && field == CONN_CERT_CN);
	assert_true(conn_cert_field_parse("organizationalUnit", &field) && field == CONN_CERT_OU);
	assert_false(conn_cert_field_parse("CN", &field));
	assert_true(conn_peer_cert_field(f->b.c, CONN_CERT_CN, cn, sizeof(cn)));
	assert_string_equal(cn, "client one");
	assert_true(conn_peer_cert_field(f->b.c, CONN_CERT_O, cn, sizeof(cn)));
	assert_string_equal(cn, "test org");
	assert_false(conn_peer_cert_field(f->b.c, CONN_CERT_OU, cn, sizeof(cn)));
	pump(f);
	tls_ctx_unref(s);
	tls_ctx_unref(c);
	drop_files(&t);
}

static void test_tls_carries_bytes_with_alpn_and_client_certificate(void **state)
{
	run(*state, tls_flow);
}

/* Connects with the given client settings; true when both sides opened. */
static bool handshake(struct fixture *f, const struct tls_config *cfg, const char *name)
{
	struct tls_ctx *c = client_ctx(cfg);
	struct err err;
	struct conn_options opt = { .tls = c, .server_name = name };
	conn_close(f->a.c);
	conn_close(f->b.c);
	f->b.c = NULL;
	f->a.opens = f->a.closes = f->a.eofs = f->b.opens = f->b.closes = 0;
	f->a.c = conn_connect(f->r, listener_addr(f->l), &opt, &callbacks, &f->a, &err);
	assert_non_null(f->a.c);
	tls_ctx_unref(c);
	AWAIT(f->b, f->b.opens + f->b.closes > 0);
	AWAIT(f->a, f->a.opens + f->a.closes > 0);
	return f->a.opens && f->b.opens;
}

static void refuse_flow(void *arg)
{
	struct fixture *f = arg;
	struct tls_files t;
	make_files(&t);
	f->server_opt.tls = server_ctx(&(struct tls_config){ .cert_file = t.cert,
							     .key_file = t.key,
							     .ca_file = t.ca,
							     .min_version = "1.3",
							     .alpn = { h2_first, 2 } });
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->b, f->b.c);
	struct tls_config good = { .cert_file = t.ccert, .key_file = t.ckey, .ca_file = t.ca, .alpn = { h1_only, 1 } };
	struct tls_config bad = good;
	assert_true(handshake(f, &good, "localhost"));
	assert_true(str_eq(conn_alpn(f->b.c), STR("http/1.1")));
	assert_true(handshake(f, &good, "127.0.0.1"));
	assert_true(handshake(f, &good, NULL));
	assert_false(handshake(f, &good, "elsewhere"));
	bad.ca_file = t.other_ca;
	assert_false(handshake(f, &bad, "localhost"));
	assert_non_null(strstr(f->a.why.msg, "certificate"));
	bad = good;
	bad.cert_file = bad.key_file = NULL;
	assert_false(handshake(f, &bad, "localhost"));
	bad = good;
	bad.max_version = "1.2";
	assert_false(handshake(f, &bad, "localhost"));
	tls_ctx_unref(f->server_opt.tls);
	drop_files(&t);
}

static void test_tls_refuses_wrong_name_ca_version_and_missing_certificate(void **state)
{
	run(*state, refuse_flow);
}

/* The common name of the certificate that the server shows now. */
static void server_cn(struct fixture *f, const struct tls_files *t, char *buf, size_t size)
{
	struct tls_config good = { .cert_file = t->ccert, .key_file = t->ckey, .ca_file = t->ca };
	struct err err;
	assert_int_equal(co_sleep_ms(1100, &err), 0);
	assert_true(handshake(f, &good, "localhost"));
	assert_true(conn_peer_cert_field(f->a.c, CONN_CERT_CN, buf, size));
}

static void rotate_flow(void *arg)
{
	struct fixture *f = arg;
	struct tls_files t;
	char cn[32];
	uint64_t done, failed;
	make_files(&t);
	f->server_opt.tls = server_ctx(&(struct tls_config){ .cert_file = t.cert, .key_file = t.key });
	connect_both(f, "127.0.0.1:0", NULL);
	AWAIT(f->b, f->b.c);
	struct test_cert two = test_cert_new("server two", &t.ca_cert);
	test_cert_write(&two, t.cert, NULL);
	server_cn(f, &t, cn, sizeof(cn));
	assert_string_equal(cn, "server one");
	assert_int_equal(truncate(t.cert, 100), 0);
	server_cn(f, &t, cn, sizeof(cn));
	assert_string_equal(cn, "server one");
	test_cert_write(&two, t.cert, t.key);
	server_cn(f, &t, cn, sizeof(cn));
	assert_string_equal(cn, "server two");
	tls_ctx_reloads(f->server_opt.tls, &done, &failed);
	assert_int_equal(done, 1);
	assert_int_equal(failed, 2);
	assert_int_equal(f->stats.tls_reloads, 1);
	assert_int_equal(f->stats.tls_reload_failures, 2);
	test_cert_free(&two);
	tls_ctx_unref(f->server_opt.tls);
	drop_files(&t);
}

static void test_changed_certificate_is_used_once_it_is_complete(void **state)
{
	run(*state, rotate_flow);
}

static void test_incomplete_tls_settings_are_refused_with_upstreams_words(void **state)
{
	struct tls_ctx *t;
	struct err err;
	assert_int_equal(tls_ctx_new_server(&(struct tls_config){ 0 }, &t, &err), 0);
	assert_null(t);
	assert_int_equal(tls_ctx_new_server(&(struct tls_config){ .key_file = "k" }, &t, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "both server key and certificate must be provided");
	assert_int_equal(tls_ctx_new_server(&(struct tls_config){ .ca_file = "k" }, &t, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "when a client CA is used a server key and certificate must also be provided");
	assert_int_equal(tls_ctx_new_client(&(struct tls_config){ .cert_file = "k" }, &t, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "both client key and certificate must be provided");
	static const char *const bad[] = { "TLS_NONSENSE" };
	assert_int_equal(tls_ctx_new_client(&(struct tls_config){ .ciphers = { bad, 1 } }, &t, &err),
			 -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "TLS_NONSENSE"));
	static const char *const good[] = { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" };
	static const char *const curves[] = { "X25519", "CurveP384" };
	assert_int_equal(
		tls_ctx_new_client(&(struct tls_config){ .ciphers = { good, 2 }, .curves = { curves, 2 } }, &t, &err),
		0);
	tls_ctx_unref(t);
	assert_int_equal(tls_ctx_new_client(&(struct tls_config){ .min_version = "1.4" }, &t, &err),
			 -ERR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tcp_carries_bytes_and_half_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_connection_that_lingers_ends_with_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unix_socket_carries_bytes_and_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_pair_carries_bytes_and_half_closes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_input_stops_reading_until_resumed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peer_that_takes_nothing_is_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_connection_is_closed_and_active_one_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_connect_is_reported_with_the_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references_are_released_once_on_every_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listener_survives_running_out_of_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_carries_bytes_with_alpn_and_client_certificate, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_tls_refuses_wrong_name_ca_version_and_missing_certificate, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_changed_certificate_is_used_once_it_is_complete, setup, teardown),
		cmocka_unit_test(test_incomplete_tls_settings_are_refused_with_upstreams_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
