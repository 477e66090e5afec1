/*
 * query/http.h - the HTTP API of the querier: everything under /api/v1, and
 * the landing page.
 */
#ifndef QUERY_HTTP_H
#define QUERY_HTTP_H

#include "api/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_router;
struct metrics_registry;
struct query;
struct query_http;

/* What the flags say beyond struct query_config. Strings and lists are borrowed for good. */
struct query_http_config {
	bool disable_cors;             /* --web.disable-cors */
	int64_t default_step_ms;       /* --query.default-step; 0: 1 s */
	int64_t metadata_range_ms;     /* --query.metadata.default-time-range; 0: all times */
	bool partial_response;         /* --query.partial-response */
	bool auto_downsampling;        /* --query.auto-downsampling */
	const char *engine;            /* --query.promql-engine; NULL: "thanos" */
	const char *tenant_header;     /* --query.tenant-header; NULL: "THANOS-TENANT" */
	const char *tenant_cert_field; /* --query.tenant-certificate-field; NULL: the header */
	const char *enforce_label;     /* --query.tenant-label-name, with --query.enforce-tenancy; NULL: not enforced */
	const char *external_prefix;   /* --web.external-prefix: where browsers see the server; NULL: as the router's */
	/* --no-<rule, target, metric-metadata, exemplar, status>.partial-response: one endpoint's failure is all's */
	bool rules_abort, targets_abort, metadata_abort, exemplars_abort, status_abort;
	uint64_t read_sample_limit;   /* --query.remote-read.sample-limit; 0: none */
	uint32_t read_concurrency;    /* --query.remote-read.max-concurrent; 0: no limit */
	uint64_t read_frame_bytes;    /* --query.remote-read.max-bytes-in-frame; 0: 1 MiB */
	const struct api_flag *flags; /* for /api/v1/status/flags */
	size_t n_flags;
	const char *version, *revision, *branch, *build_user, *build_date;
};

/*
 * Makes the API over `q` (borrowed; it also knows replica labels, timeout, limits, default tenant). `reg` may be NULL.
 */
struct query_http *query_http_new(struct query *q, const struct query_http_config *cfg, struct metrics_registry *reg);

/* Frees it once no request can come any more. NULL is fine. */
void query_http_free(struct query_http *h);

/* Adds all routes. Set the router's prefix before. */
void query_http_add_routes(struct query_http *h, struct http_router *r);

#endif
