#include "net/dns.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "loop/timer.h"

#include <ares.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

/* Class and type of SRV queries (RFC 1035, RFC 2782). */
#define CLASS_IN 1
#define TYPE_SRV 33

/* Most sockets of a channel: UDP and TCP to a few servers. */
#define SOCKETS_MAX 32

/* A socket of the channel that is watched. */
struct watched {
	int fd; /* -1: free slot */
	struct event *ev;
};

struct dns_resolver {
	struct reactor *r;
	ares_channel channel;
	struct watched watched[SOCKETS_MAX];
	struct timer timer;
};

/* A question under way; freed by whoever comes last, answer or fiber. */
struct lookup {
	struct waitq q;
	bool done, abandoned;
	int status;
	uint16_t port;
	int family;     /* AF_UNSPEC: any */
	bool localhost; /* the name is that */
	struct sockaddr_any *addrs;
	struct dns_srv *srvs;
	size_t n;
};

/* --- the channel in the loop ----------------------------------------------------------------- */

static void set_timer(struct dns_resolver *d)
{
	struct timeval tv;
	if (ares_timeout(d->channel, NULL, &tv))
		timer_set(&d->timer, tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1);
	else
		timer_clear(&d->timer);
}

static void on_timer(void *arg)
{
	struct dns_resolver *d = arg;
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(d);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct dns_resolver *d = arg;
	reactor_enter(d->r);
	ares_process_fd(d->channel, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(d);
}

static struct watched *find_watched(struct dns_resolver *d, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (d->watched[i].fd == fd)
			return &d->watched[i];
	return NULL;
}

/* c-ares says what it waits for on a socket. */
static void want_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_resolver *d = arg;
	struct watched *w = find_watched(d, fd);
	if (!w)
		w = find_watched(d, -1);
	if (!w)
		return; /* the query then times out */
	if (w->ev)
		event_free(w->ev);
	*w = (struct watched){ .fd = -1 };
	if (!readable && !writable)
		return;
	short kinds = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST);
	w->fd = fd;
	w->ev = event_new(reactor_base(d->r), fd, kinds, on_socket, d);
	CHECK(w->ev && event_add(w->ev, NULL) == 0);
}

struct dns_resolver *dns_resolver_new(struct reactor *r, const struct dns_options *opt, struct err *err)
{
	struct dns_resolver *d = xcalloc(1, sizeof(*d));
	struct ares_options ao = { .timeout = opt && opt->timeout_ms ? opt->timeout_ms : 2000,
				   .tries = opt && opt->tries ? opt->tries : 3,
				   .sock_state_cb = want_socket,
				   .sock_state_cb_data = d };
	d->r = r;
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		d->watched[i].fd = -1;
	ares_library_init(ARES_LIB_INIT_ALL);
	int rc = ares_init_options(&d->channel, &ao, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (rc == ARES_SUCCESS && opt && opt->servers) {
		rc = ares_set_servers_ports_csv(d->channel, opt->servers);
		if (rc != ARES_SUCCESS)
			ares_destroy(d->channel);
	}
	if (rc != ARES_SUCCESS) {
		err_set(err, ERR_INTERNAL, "DNS resolver: %s", ares_strerror(rc));
		ares_library_cleanup();
		free(d);
		return NULL;
	}
	timer_init(&d->timer, r, on_timer, d);
	return d;
}

void dns_resolver_free(struct dns_resolver *d)
{
	if (!d)
		return;
	ares_destroy(d->channel);
	ares_library_cleanup();
	timer_fini(&d->timer);
	free(d);
}

/* --- one question ------------------------------------------------------------------------------ */

static void lookup_free(struct lookup *l)
{
	free(l->addrs);
	free(l->srvs);
	free(l);
}

static void lookup_done(struct lookup *l, int status)
{
	l->done = true;
	l->status = status;
	if (l->abandoned)
		lookup_free(l);
	else
		waitq_wake_all(&l->q);
}

/* Waits for the answer; the lookup is gone, or the answer there, afterwards. Suspends. */
static int co_lookup_wait(struct dns_resolver *d, struct lookup *l, const char *name, struct err *err)
{
	set_timer(d);
	while (!l->done) {
		int rc = co_waitq_wait(&l->q, "dns", err);
		if (rc == 0 || l->done)
			continue;
		l->abandoned = true;
		return err_prefix(err, "lookup %s", name);
	}
	int status = l->status;
	if (status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA)
		return 0;
	lookup_free(l);
	enum err_code code = status == ARES_ECANCELLED || status == ARES_EDESTRUCTION ? ERR_CANCELLED
			     : status == ARES_EBADNAME || status == ARES_EBADQUERY    ? ERR_INVALID_ARGUMENT
										      : ERR_UNAVAILABLE;
	return err_set(err, code, "lookup %s: %s", name, ares_strerror(status));
}

static void add_family(struct lookup *l, const struct ares_addrinfo *info, int family)
{
	for (const struct ares_addrinfo_node *n = info->nodes; n && l->n < DNS_MAX_RECORDS; n = n->ai_next) {
		if (n->ai_family != family)
			continue;
		struct sockaddr_any *a = &l->addrs[l->n++];
		memset(a, 0, sizeof(*a));
		memcpy(&a->ss, n->ai_addr, n->ai_addrlen);
		a->len = n->ai_addrlen;
		if (family == AF_INET)
			((struct sockaddr_in *)&a->ss)->sin_port = htons(l->port);
		else
			((struct sockaddr_in6 *)&a->ss)->sin6_port = htons(l->port);
	}
}

/* What "localhost" is where neither a hosts file nor a server knows it (RFC 6761 section 6.3). */
static void add_loopback(struct lookup *l)
{
	struct in6_addr six = IN6ADDR_LOOPBACK_INIT;
	l->addrs = xcalloc(1, sizeof(*l->addrs));
	struct sockaddr_any *a = &l->addrs[l->n++];
	if (l->family == AF_INET6) {
		struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(l->port), .sin6_addr = six };
		memcpy(&a->ss, &sa, a->len = sizeof(sa));
	} else {
		struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(l->port) };
		sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(&a->ss, &sa, a->len = sizeof(sa));
	}
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct lookup *l = arg;
	if (status == ARES_SUCCESS && info) {
		size_t n = 0;
		for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
			n++;
		l->addrs = xcalloc(MIN(n, (size_t)DNS_MAX_RECORDS) + 1, sizeof(*l->addrs));
		add_family(l, info, AF_INET);
		add_family(l, info, AF_INET6);
	}
	ares_freeaddrinfo(info);
	if (l->localhost && l->n == 0 && status != ARES_EDESTRUCTION && status != ARES_ECANCELLED) {
		free(l->addrs);
		add_loopback(l);
		status = ARES_SUCCESS;
	}
	lookup_done(l, status);
}

int co_dns_lookup(struct dns_resolver *d, const char *host, enum dns_family family, uint16_t port,
		  struct sockaddr_any **ret, size_t *ret_n, struct err *err)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT, .ai_socktype = SOCK_STREAM };
	hints.ai_family = family == DNS_V4 ? AF_INET : family == DNS_V6 ? AF_INET6 : AF_UNSPEC;
	l->port = port;
	l->family = hints.ai_family;
	l->localhost = strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0;
	waitq_init(&l->q);
	ares_getaddrinfo(d->channel, host, NULL, &hints, on_addresses, l);
	int rc = co_lookup_wait(d, l, host, err);
	if (rc)
		return rc;
	*ret = l->addrs;
	*ret_n = l->n;
	l->addrs = NULL;
	lookup_free(l);
	return 0;
}

static int by_priority(const void *a, const void *b)
{
	const struct dns_srv *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return strcmp(x->target, y->target);
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	struct lookup *l = arg;
	struct ares_srv_reply *list = NULL;
	if (status == ARES_SUCCESS)
		status = ares_parse_srv_reply(answer, len, &list);
	size_t n = 0;
	for (struct ares_srv_reply *s = list; s; s = s->next)
		n++;
	l->srvs = xcalloc(MIN(n, (size_t)DNS_MAX_RECORDS) + 1, sizeof(*l->srvs));
	for (struct ares_srv_reply *s = list; s && l->n < DNS_MAX_RECORDS; s = s->next) {
		size_t host = strlen(s->host);
		while (host && s->host[host - 1] == '.')
			host--;
		if (host == 0 || host >= ADDR_HOST_MAX)
			continue;
		struct dns_srv *out = &l->srvs[l->n++];
		memcpy(out->target, s->host, host);
		out->port = s->port;
		out->priority = s->priority;
		out->weight = s->weight;
	}
	qsort(l->srvs, l->n, sizeof(*l->srvs), by_priority);
	ares_free_data(list);
	lookup_done(l, status);
}

int co_dns_lookup_srv(struct dns_resolver *d, const char *name, struct dns_srv **ret, size_t *ret_n, struct err *err)
{
	struct lookup *l = xcalloc(1, sizeof(*l));
	waitq_init(&l->q);
	ares_search(d->channel, name, CLASS_IN, TYPE_SRV, on_srv, l);
	int rc = co_lookup_wait(d, l, name, err);
	if (rc)
		return rc;
	*ret = l->srvs;
	*ret_n = l->n;
	l->srvs = NULL;
	lookup_free(l);
	return 0;
}
