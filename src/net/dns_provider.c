#include "net/dns.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/vec.h"
#include "loop/fiber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name under watch and what it last stood for. */
struct entry {
	char *name;
	bool wanted; /* given in the present resolve */
	VEC(char *) addrs;
};

struct dns_provider {
	struct dns_resolver *resolver;
	VEC(struct entry *) entries;
	uint64_t lookups, failures;
};

/* A name being looked up, in its own fiber. */
struct job {
	struct dns_provider *p;
	struct entry *e;
	VEC(char *) found;
	int rc;
	struct err err;
};

static void free_strings(char **p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p[i]);
	free(p);
}

struct dns_provider *dns_provider_new(struct dns_resolver *d)
{
	struct dns_provider *p = xcalloc(1, sizeof(*p));
	p->resolver = d;
	return p;
}

static void entry_free(struct entry *e)
{
	free_strings(e->addrs.p, e->addrs.n);
	free(e->name);
	free(e);
}

void dns_provider_free(struct dns_provider *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->entries.n; i++)
		entry_free(p->entries.p[i]);
	vec_fini(&p->entries);
	free(p);
}

/* --- one name ------------------------------------------------------------------------------ */

/* The parts of "[scheme//]host[:port]". */
struct query {
	struct str scheme; /* with its "//"; empty without */
	char host[ADDR_HOST_MAX];
	char port[32]; /* "" without */
};

static int split_query(struct str text, struct query *q, struct err *err)
{
	struct str host = text, port = str_c("");
	*q = (struct query){ 0 };
	ptrdiff_t at = str_find(text, STR("//"));
	if (at >= 0) {
		q->scheme = str_mem(text.p, (size_t)at + 2);
		text = host = str_mem(text.p + at + 2, text.n - (size_t)at - 2);
	}
	if (!addr_split(text, &host, &port))
		port = str_c("");
	if (host.n == 0 || host.n >= sizeof(q->host) || port.n >= sizeof(q->port))
		return err_set(err, ERR_INVALID_ARGUMENT, "\"%.*s\" is not a host with an optional port",
			       STR_ARG(text));
	memcpy(q->host, host.p, host.n);
	if (port.n)
		memcpy(q->port, port.p, port.n);
	return 0;
}

/* Adds "scheme//host:port", with brackets around IPv6. */
static void add_found(struct job *j, const struct query *q, const char *host, const char *port)
{
	bool v6 = strchr(host, ':') != NULL;
	*vec_push(&j->found) = xasprintf("%.*s%s%s%s:%s", STR_ARG(q->scheme), v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* Adds all addresses of a host. Suspends. */
static int co_add_host(struct job *j, const struct query *q, const char *host, const char *port)
{
	struct sockaddr_any *addrs;
	size_t n;
	char text[ADDR_TEXT_MAX];
	int rc = co_dns_lookup(j->p->resolver, host, DNS_ANY, 0, &addrs, &n, &j->err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct str ip, none;
		sockaddr_text(&addrs[i], text);
		if (!addr_split(str_c(text), &ip, &none))
			continue;
		text[ip.p - text + (ptrdiff_t)ip.n] = 0;
		add_found(j, q, ip.p, port);
	}
	if (rc == 0)
		free(addrs);
	return rc;
}

/* Looks SRV records up, and with `addresses` their targets too. Suspends. */
static int co_add_srv(struct job *j, const struct query *q, bool addresses)
{
	struct dns_srv *srvs;
	size_t n;
	int rc = co_dns_lookup_srv(j->p->resolver, q->host, &srvs, &n, &j->err);
	if (rc)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		char port[32];
		snprintf(port, sizeof(port), "%u", srvs[i].port);
		const char *use = q->port[0] ? q->port : port;
		if (addresses)
			rc = co_add_host(j, q, srvs[i].target, use);
		else
			add_found(j, q, srvs[i].target, use);
	}
	free(srvs);
	return rc;
}

/* Suspends. */
static int co_resolve(struct job *j)
{
	struct str rest = str_c(j->e->name);
	struct query q;
	ptrdiff_t plus = str_index(rest, '+');
	if (plus < 0) {
		*vec_push(&j->found) = xstrdup(j->e->name);
		return 0;
	}
	struct str kind = str_mem(rest.p, (size_t)plus);
	rest = str_mem(rest.p + plus + 1, rest.n - (size_t)plus - 1);
	int rc = split_query(rest, &q, &j->err);
	if (rc)
		return rc;
	j->p->lookups++;
	if (str_eq_c(kind, "dns") || str_eq_c(kind, "dnsdualstack")) {
		if (!q.port[0])
			return err_set(&j->err, ERR_INVALID_ARGUMENT,
				       "missing port in address given for dns lookup: %.*s", STR_ARG(rest));
		return co_add_host(j, &q, q.host, q.port);
	}
	if (str_eq_c(kind, "dnssrv") || str_eq_c(kind, "dnssrvnoa"))
		return co_add_srv(j, &q, kind.n == 6);
	return err_set(&j->err, ERR_INVALID_ARGUMENT,
		       "invalid lookup scheme \"%.*s\" (dns, dnssrv, dnssrvnoa, dnsdualstack)", STR_ARG(kind));
}

static void co_job(void *arg)
{
	struct job *j = arg;
	j->rc = co_resolve(j);
}

/* --- all names -------------------------------------------------------------------------------- */

static struct entry *find_entry(const struct dns_provider *p, const char *name)
{
	for (size_t i = 0; i < p->entries.n; i++)
		if (strcmp(p->entries.p[i]->name, name) == 0)
			return p->entries.p[i];
	return NULL;
}

static struct entry *want_entry(struct dns_provider *p, const char *name)
{
	struct entry *e = find_entry(p, name);
	if (!e) {
		e = xcalloc(1, sizeof(*e));
		e->name = xstrdup(name);
		*vec_push(&p->entries) = e;
	}
	e->wanted = true;
	return e;
}

static void forget_unwanted(struct dns_provider *p)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->entries.n; i++) {
		struct entry *e = p->entries.p[i];
		if (e->wanted)
			p->entries.p[kept++] = e;
		else
			entry_free(e);
	}
	p->entries.n = kept;
}

/* Takes a job's result, or keeps the last good one. */
static void take_result(struct job *j, int *rc, struct err *err)
{
	if (j->rc) {
		j->p->failures++;
		free_strings(j->found.p, j->found.n);
		if (*rc == 0)
			*rc = err_set(err, j->err.code, "%s: %s", j->e->name, j->err.msg);
		return;
	}
	free_strings(j->e->addrs.p, j->e->addrs.n);
	j->e->addrs.p = j->found.p;
	j->e->addrs.n = j->found.n;
	j->e->addrs.cap = j->found.cap;
}

int co_dns_provider_resolve(struct dns_provider *p, const char *const *names, size_t n, struct err *err)
{
	struct fiber_group g;
	struct job *jobs = xcalloc(n + 1, sizeof(*jobs));
	for (size_t i = 0; i < p->entries.n; i++)
		p->entries.p[i]->wanted = false;
	fiber_group_init(&g);
	for (size_t i = 0; i < n; i++) {
		jobs[i] = (struct job){ .p = p, .e = want_entry(p, names[i]) };
		fiber_group_start(&g, "dns lookup", co_job, &jobs[i]);
	}
	int rc = co_fiber_group_join(&g, err);
	for (size_t i = 0; i < n; i++)
		take_result(&jobs[i], &rc, err);
	free(jobs);
	forget_unwanted(p);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **dns_provider_addresses(const struct dns_provider *p, size_t *ret_n)
{
	VEC(const char *) all = { 0 };
	vec_reserve(&all, 1);
	for (size_t i = 0; i < p->entries.n; i++)
		for (size_t k = 0; k < p->entries.p[i]->addrs.n; k++)
			*vec_push(&all) = p->entries.p[i]->addrs.p[k];
	qsort(all.p, all.n, sizeof(*all.p), by_text);
	size_t n = 0;
	for (size_t i = 0; i < all.n; i++)
		if (n == 0 || strcmp(all.p[i], all.p[n - 1]) != 0)
			all.p[n++] = all.p[i];
	*ret_n = n;
	return all.p;
}

size_t dns_provider_count(const struct dns_provider *p, const char *name)
{
	const struct entry *e = find_entry(p, name);
	return e ? e->addrs.n : 0;
}

void dns_provider_stats(const struct dns_provider *p, uint64_t *ret_lookups, uint64_t *ret_failures)
{
	*ret_lookups = p->lookups;
	*ret_failures = p->failures;
}
