#include "net/conn.h"

#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/dns.h"

#include <stdlib.h>

/* A connection attempt that a fiber waits for. */
struct attempt {
	struct waitq q;
	bool open, failed;
	struct err why;
};

static void on_open(struct conn *c, void *arg)
{
	struct attempt *a = arg;
	a->open = true;
	waitq_wake_all(&a->q);
}

static void on_closed(struct conn *c, const struct err *why, void *arg)
{
	struct attempt *a = arg;
	a->failed = true;
	a->why = *why;
	waitq_wake_all(&a->q);
}

/* Connects to one address. Suspends. */
static int co_try(const struct sockaddr_any *to, const struct conn_options *opt, struct conn **ret, struct err *err)
{
	static const struct conn_callbacks callbacks = { .open = on_open, .closed = on_closed };
	struct attempt a = { 0 };
	waitq_init(&a.q);
	struct conn *c = conn_connect(fiber_reactor(), to, opt, &callbacks, &a, err);
	if (!c)
		return -err->code;
	int rc = 0;
	while (rc == 0 && !a.open && !a.failed)
		rc = co_waitq_wait(&a.q, "connect", err);
	if (rc == 0 && a.failed)
		rc = err_set(err, a.why.code, "%s", a.why.msg);
	if (rc) {
		conn_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

/* The addresses of `to`, as a heap array. Suspends. */
static int co_find(const struct addr *to, const struct conn_options *opt, struct sockaddr_any **ret, size_t *ret_n,
		   struct err *err)
{
	if (!addr_is_literal(to) && opt && opt->dns) {
		int rc = co_dns_lookup(opt->dns, to->host, DNS_ANY, to->port, ret, ret_n, err);
		if (rc == 0 && *ret_n == 0) {
			free(*ret);
			rc = err_set(err, ERR_UNAVAILABLE, "lookup %s: no such host", to->host);
		}
		return rc;
	}
	*ret = xcalloc(1, sizeof(**ret));
	*ret_n = 1;
	int rc = addr_resolve_literal(to, *ret, err);
	if (rc)
		free(*ret);
	return rc;
}

int co_conn_connect(const struct addr *to, const struct conn_options *opt, const struct conn_callbacks *cb, void *arg,
		    struct conn **ret, struct err *err)
{
	struct conn_options o = opt ? *opt : (struct conn_options){ 0 };
	struct sockaddr_any *addrs;
	size_t n;
	int64_t span = o.limits.open_ms ? o.limits.open_ms : 10000;
	int64_t old = span > 0 ? fiber_set_deadline(reactor_now_ms(fiber_reactor()) + span) : fiber_deadline();
	if (o.tls && !o.server_name && !to->is_unix)
		o.server_name = to->host;
	int rc = co_find(to, &o, &addrs, &n, err);
	if (rc == 0) {
		for (size_t i = 0; i < n; i++) {
			rc = co_try(&addrs[i], &o, ret, err);
			if (rc == 0 || fiber_check(NULL))
				break;
		}
		free(addrs);
	}
	fiber_restore_deadline(old);
	if (rc == 0)
		conn_set_callbacks(*ret, cb, arg);
	return rc;
}
