#include "net/dns.h"

#include "base/compiler.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/conn.h"
#include "net/listener.h"
#include "unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A name server on loopback that knows a few names. */
struct server {
	struct reactor *r;
	int fd;
	bool stop, mute, empty;
	int asked;
};

struct fixture {
	struct server s;
	struct dns_resolver *d;
	char servers[64];
};

static size_t put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return 2;
}

/* One resource record that names the question. */
static size_t put_record(uint8_t *p, unsigned type, const void *data, size_t n)
{
	size_t at = put16(p, 0xc00c);
	at += put16(p + at, type);
	at += put16(p + at, 1);
	at += put16(p + at, 0);
	at += put16(p + at, 60);
	at += put16(p + at, (unsigned)n);
	memcpy(p + at, data, n);
	return at + n;
}

static size_t put_srv(uint8_t *p, unsigned priority, unsigned port, const char *label)
{
	uint8_t data[64];
	size_t n = put16(data, priority);
	n += put16(data + n, 0);
	n += put16(data + n, port);
	data[n++] = (uint8_t)strlen(label);
	memcpy(data + n, label, strlen(label));
	n += strlen(label);
	memcpy(data + n, "\4test", 6);
	return put_record(p, 33, data, n + 6);
}

/* Appends the answers to a question; returns their number. */
static int answers(const char *name, unsigned type, uint8_t *p, size_t *ret_n)
{
	size_t n = 0;
	int count = 0;
	if (strncmp(name, "two", 3) == 0 && type == 1) {
		n += put_record(p + n, 1, "\x7f\0\0\1", 4);
		n += put_record(p + n, 1, "\x7f\0\0\2", 4);
		count = 2;
	} else if (strncmp(name, "two", 3) == 0 && type == 28) {
		n += put_record(p + n, 28, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		count = 1;
	} else if (strncmp(name, "one", 3) == 0 && type == 1) {
		n += put_record(p + n, 1, "\x7f\0\0\1", 4);
		count = 1;
	} else if (strncmp(name, "_svc", 4) == 0 && type == 33) {
		n += put_srv(p + n, 20, 90, "two");
		n += put_srv(p + n, 10, 80, "one");
		count = 2;
	}
	*ret_n = n;
	return count;
}

static void answer(struct server *s)
{
	uint8_t q[512], a[2048];
	char name[256] = "";
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t got = recvfrom(s->fd, q, sizeof(q), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (got < 17)
		return;
	s->asked++;
	if (s->mute)
		return;
	size_t at = 12, k = 0;
	while (q[at]) {
		memcpy(name + k, q + at + 1, q[at]);
		k += q[at];
		name[k++] = '.';
		at += q[at] + 1u;
	}
	unsigned type = (unsigned)q[at + 1] << 8 | q[at + 2];
	size_t question = at + 5, n = 0;
	memcpy(a, q, question);
	int count = s->empty ? 0 : answers(name, type, a + question, &n);
	bool known = count || strncmp(name, "two", 3) == 0 || strncmp(name, "one", 3) == 0;
	put16(a + 2, known ? 0x8180 : 0x8183);
	put16(a + 6, (unsigned)count);
	put16(a + 8, 0);
	put16(a + 10, 0);
	sendto(s->fd, a, question + n, 0, (struct sockaddr *)&from, len);
}

static void co_server(void *arg)
{
	struct server *s = arg;
	struct err err;
	while (!s->stop) {
		int64_t old = fiber_set_deadline(reactor_now_ms(s->r) + 20);
		int rc = co_wait_fd(s->fd, false, &err);
		fiber_restore_deadline(old);
		if (rc == 0)
			answer(s);
	}
}

struct body {
	void (*fn)(struct fixture *f);
	struct fixture *f;
};

static void co_main(void *arg)
{
	struct body *b = arg;
	struct err err;
	struct dns_options opt = { .servers = b->f->servers, .timeout_ms = 100, .tries = 2 };
	b->f->d = dns_resolver_new(b->f->s.r, &opt, &err);
	assert_non_null(b->f->d);
	b->fn(b->f);
	dns_resolver_free(b->f->d);
	b->f->s.stop = true;
}

static void run(void (*fn)(struct fixture *f))
{
	struct fixture f = { 0 };
	struct body b = { fn, &f };
	struct err err;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	f.s.r = reactor_new(NULL, &err);
	f.s.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f.s.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	getsockname(f.s.fd, (struct sockaddr *)&at, &len);
	snprintf(f.servers, sizeof(f.servers), "127.0.0.1:%u", ntohs(at.sin_port));
	fiber_start(f.s.r, "server", co_server, &f.s);
	fiber_start(f.s.r, "test", co_main, &b);
	reactor_run_until_idle(f.s.r);
	close(f.s.fd);
	reactor_free(f.s.r);
}

static void check_texts(const struct sockaddr_any *a, size_t n, const char *const *want)
{
	char text[ADDR_TEXT_MAX];
	size_t i = 0;
	for (; want[i]; i++) {
		assert_true(i < n);
		assert_string_equal(sockaddr_text(&a[i], text), want[i]);
	}
	assert_int_equal(i, n);
}

static void co_addresses(struct fixture *f)
{
	struct sockaddr_any *a;
	struct err err;
	size_t n;
	assert_int_equal(co_dns_lookup(f->d, "two.test", DNS_ANY, 7, &a, &n, &err), 0);
	check_texts(a, n, (const char *const[]){ "127.0.0.1:7", "127.0.0.2:7", "[::1]:7", NULL });
	free(a);
	assert_int_equal(co_dns_lookup(f->d, "two.test", DNS_V6, 7, &a, &n, &err), 0);
	check_texts(a, n, (const char *const[]){ "[::1]:7", NULL });
	free(a);
	assert_int_equal(co_dns_lookup(f->d, "none.test", DNS_ANY, 7, &a, &n, &err), 0);
	assert_int_equal(n, 0);
	free(a);
	assert_int_equal(co_dns_lookup(f->d, "10.1.2.3", DNS_ANY, 7, &a, &n, &err), 0);
	check_texts(a, n, (const char *const[]){ "10.1.2.3:7", NULL });
	free(a);
	struct dns_srv *s;
	assert_int_equal(co_dns_lookup_srv(f->d, "_svc._tcp.test", &s, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(s[0].target, "one.test");
	assert_int_equal(s[0].port, 80);
	assert_string_equal(s[1].target, "two.test");
	free(s);
}

static void test_addresses_and_services_are_looked_up(void **state)
{
	run(co_addresses);
}

static void co_silence(struct fixture *f)
{
	struct sockaddr_any *a;
	struct err err;
	size_t n;
	f->s.mute = true;
	assert_int_equal(co_dns_lookup(f->d, "two.test", DNS_V4, 7, &a, &n, &err), -ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "two.test"));
	int64_t old = fiber_set_deadline(reactor_now_ms(f->s.r) + 30);
	assert_int_equal(co_dns_lookup(f->d, "one.test", DNS_V4, 7, &a, &n, &err), -ERR_DEADLINE_EXCEEDED);
	fiber_restore_deadline(old);
}

static void test_silent_server_is_an_error_in_time(void **state)
{
	run(co_silence);
}

static void check_addresses(struct dns_provider *p, const char *const *want)
{
	size_t n, i = 0;
	const char **all = dns_provider_addresses(p, &n);
	for (; want[i]; i++) {
		assert_true(i < n);
		assert_string_equal(all[i], want[i]);
	}
	assert_int_equal(i, n);
	free(all);
}

static void co_provider(struct fixture *f)
{
	struct dns_provider *p = dns_provider_new(f->d);
	struct err err;
	const char *names[] = { "dns+two.test:10901",      "static:1",
				"dnssrv+_svc._tcp.test",   "dnssrvnoa+_svc._tcp.test",
				"dnssrv+_svc._tcp.test:9", "dns+http://one.test:5" };
	assert_int_equal(co_dns_provider_resolve(p, names, 6, &err), 0);
	check_addresses(p, (const char *const[]){ "127.0.0.1:10901", "127.0.0.1:80", "127.0.0.1:9", "127.0.0.1:90",
						  "127.0.0.2:10901", "127.0.0.2:9", "127.0.0.2:90", "[::1]:10901",
						  "[::1]:9", "[::1]:90", "http://127.0.0.1:5", "one.test:80",
						  "static:1", "two.test:90", NULL });
	assert_int_equal(dns_provider_count(p, names[0]), 3);
	f->s.mute = true;
	assert_int_equal(co_dns_provider_resolve(p, names, 2, &err), -ERR_UNAVAILABLE);
	check_addresses(p,
			(const char *const[]){ "127.0.0.1:10901", "127.0.0.2:10901", "[::1]:10901", "static:1", NULL });
	f->s.mute = false;
	f->s.empty = true;
	assert_int_equal(co_dns_provider_resolve(p, names, 2, &err), 0);
	check_addresses(p, (const char *const[]){ "static:1", NULL });
	const char *bad[] = { "dns+two.test", "dnsx+two.test:1" };
	assert_int_equal(co_dns_provider_resolve(p, &bad[0], 1, &err), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "missing port in address given for dns lookup: two.test"));
	assert_int_equal(co_dns_provider_resolve(p, &bad[1], 1, &err), -ERR_INVALID_ARGUMENT);
	dns_provider_free(p);
}

static void test_provider_follows_prefixes_and_keeps_the_last_good_result(void **state)
{
	run(co_provider);
}

static void on_accept(int fd, const struct sockaddr_any *peer, void *arg)
{
	close(fd);
	listener_release(*(struct listener **)arg);
}

static void co_connects(struct fixture *f)
{
	struct addr at = { .host = "127.0.0.2" };
	struct err err;
	struct conn *c;
	struct listener *l = listener_new(f->s.r, &at, NULL, on_accept, &l, &err);
	assert_non_null(l);
	listener_start(l);
	struct addr to = { .host = "two.test", .port = sockaddr_port(listener_addr(l)) };
	/* 127.0.0.1 refuses, 127.0.0.2 accepts. */
	assert_int_equal(co_conn_connect(&to, &(struct conn_options){ .dns = f->d }, NULL, NULL, &c, &err), 0);
	assert_memory_equal(conn_peer_text(c), "127.0.0.2:", 10);
	conn_close(c);
	assert_int_equal(co_conn_connect(&to, NULL, NULL, NULL, &c, &err), -ERR_FAILED_PRECONDITION);
	strcpy(to.host, "none.test");
	assert_int_equal(co_conn_connect(&to, &(struct conn_options){ .dns = f->d }, NULL, NULL, &c, &err),
			 -ERR_UNAVAILABLE);
	listener_free(l);
	strcpy(to.host, "two.test");
	assert_int_equal(co_conn_connect(&to, &(struct conn_options){ .dns = f->d }, NULL, NULL, &c, &err),
			 -ERR_UNAVAILABLE);
}

static void test_connect_tries_all_addresses_of_a_name(void **state)
{
	run(co_connects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_and_services_are_looked_up),
		cmocka_unit_test(test_silent_server_is_an_error_in_time),
		cmocka_unit_test(test_provider_follows_prefixes_and_keeps_the_last_good_result),
		cmocka_unit_test(test_connect_tries_all_addresses_of_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
