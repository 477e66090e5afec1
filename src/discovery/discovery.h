/*
 * discovery/discovery.h - where endpoints come from, merged into one list:
 * flags, the endpoint YAML, file SD, and DNS names among all of them.
 *
 * Nothing runs by itself: the owner calls co_discovery_refresh every few
 * seconds, which looks at what is due (files that changed, or were not
 * read for their interval; names by the DNS interval). What fails keeps its
 * last good result.
 */
#ifndef DISCOVERY_DISCOVERY_H
#define DISCOVERY_DISCOVERY_H

#include "base/err.h"
#include "discovery/endpoint_spec.h"

#include <stddef.h>
#include <stdint.h>

struct discovery;
struct dns_resolver;
struct metrics_registry;
struct reactor;

/* A list of C strings; borrowed. */
struct discovery_names {
	const char *const *p;
	size_t n;
};

/* Sources. Borrowed during discovery_new only. Zero and NULL are none. */
struct discovery_config {
	const char *component; /* "query": part of metric names */
	struct discovery_names endpoints, endpoint_groups, endpoints_strict, endpoint_groups_strict;
	const char *sd_config;      /* text of the endpoint YAML */
	const char *sd_config_file; /* or its file, read again when it changes */
	int64_t sd_config_reload_ms;
	struct discovery_names sd_files; /* patterns of file SD files (text/glob.h) */
	int64_t sd_files_interval_ms;    /* read again even where unchanged */
	int64_t dns_interval_ms;
	struct endpoint_client client; /* the --grpc-client-* flags */
};

/*
 * Makes a discovery; reads the endpoint YAML (blocking), which must be right at this point. INVALID_ARGUMENT for
 * it and for strict dynamic addresses. `dns` is borrowed; `reg` may be NULL.
 */
struct discovery *discovery_new(struct reactor *r, struct dns_resolver *dns, const struct discovery_config *cfg,
				struct metrics_registry *reg, struct err *err);

/* Frees it. NULL is fine. */
void discovery_free(struct discovery *d);

/* Does what is due (all of it the first time). The first failure is returned after everything was tried. */
int co_discovery_refresh(struct discovery *d, struct err *err);

/* An endpoint as found. */
struct discovery_target {
	struct endpoint_spec spec; /* client settings are resolved; address has no prefix, unless it is a group */
	const char *name;          /* what it is called: the address; "thanos:///<address>" for groups */
};

/*
 * The endpoints known now, sorted by name, one per name (the last source wins, as upstream). Valid until the
 * next co_discovery_refresh.
 */
const struct discovery_target *discovery_targets(struct discovery *d, size_t *ret_n);

#endif
