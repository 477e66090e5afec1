/*
 * net/dns.h - names looked up with c-ares on the reactor.
 *
 * /etc/hosts and /etc/resolv.conf are honoured. An answer that is empty or a
 * name that does not exist is a result (no records); a server that does not
 * answer is an error.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/err.h"
#include "net/addr.h"

#include <stdint.h>

struct dns_resolver;
struct reactor;

/* An SRV record. */
struct dns_srv {
	char target[ADDR_HOST_MAX]; /* without the final dot */
	uint16_t port, priority, weight;
};

/* Kinds of address to ask for. */
enum dns_family { DNS_V4 = 1, DNS_V6 = 2, DNS_ANY = 3 };

/* Most records taken from one answer. */
#define DNS_MAX_RECORDS 1024

/* How to look up. Zero-initialised members mean the default. */
struct dns_options {
	const char *servers; /* "ip[:port],..." instead of /etc/resolv.conf */
	int timeout_ms;      /* per try; default 2000 */
	int tries;           /* default 3 */
};

/* Makes a resolver. */
struct dns_resolver *dns_resolver_new(struct reactor *r, const struct dns_options *opt, struct err *err);

/* Frees a resolver; look-ups under way fail with CANCELLED. NULL is allowed. */
void dns_resolver_free(struct dns_resolver *d);

/* Addresses of `host` (port set to `port`), IPv4 first. *ret is a heap array of *ret_n that the caller frees; empty for unknown names.
 * "localhost" is 127.0.0.1 (or ::1) also where nobody knows it. */
int co_dns_lookup(struct dns_resolver *d, const char *host, enum dns_family family, uint16_t port,
		  struct sockaddr_any **ret, size_t *ret_n, struct err *err);

/* SRV records of `name`, by priority. As co_dns_lookup. */
int co_dns_lookup_srv(struct dns_resolver *d, const char *name, struct dns_srv **ret, size_t *ret_n, struct err *err);

/* --- provider: lists of addresses kept up to date ------------------------------------------ */

/*
 * Upstream's prefixes (pkg/discovery/dns): "dns+host:port" and "dnsdualstack+host:port" A and AAAA, "dnssrv+name" SRV
 * then addresses, "dnssrvnoa+name" SRV targets as names; a port in the name wins over the record's, a "scheme://" before
 * the host stays before every result. Anything else stands for itself. A failing look-up keeps the name's last good result; an empty answer clears it.
 */
struct dns_provider;

/* Makes a provider on `d` (borrowed). */
struct dns_provider *dns_provider_new(struct dns_resolver *d);

/* Frees it. NULL is allowed. */
void dns_provider_free(struct dns_provider *p);

/*
 * Looks all `n` names up at the same time and replaces what is known; names not given any more are forgotten. Returns the
 * first failure (prefixed with its name) after all were tried; the other names' results are in place.
 */
int co_dns_provider_resolve(struct dns_provider *p, const char *const *names, size_t n, struct err *err);

/* All addresses known ("host:port"), sorted and distinct. A heap array of borrowed strings, valid until the next resolve; the caller frees the array. */
const char **dns_provider_addresses(const struct dns_provider *p, size_t *ret_n);

/* Addresses known for one name. 0 when it is unknown. For the metric thanos_*_dns_provider_results. */
size_t dns_provider_count(const struct dns_provider *p, const char *name);

/* Look-ups and failed look-ups so far. */
void dns_provider_stats(const struct dns_provider *p, uint64_t *ret_lookups, uint64_t *ret_failures);

#endif
