/*
 * api/prom.h - the query API of Prometheus with Thanos' parameters:
 * query, query_range, series, labels, label values, parse_query, format_query, remote read and federation.
 *
 * Source: thanos pkg/api/query/v1.go (parameters, their order of checking, error texts), prometheus web/api/v1 (limit
 * of queries; parse_query and format_query, which Thanos lacks).
 */
#ifndef API_PROM_H
#define API_PROM_H

#include "api/backend.h"
#include "base/str.h"
#include "loop/gate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counter;
struct gauge;
struct http_router;
struct metrics_histogram;
struct metrics_registry;

/* How the API behaves. Borrowed members outlive it. Zero-initialised members are off, 0 or the default. */
struct api_prom_config {
	bool disable_cors;                 /* --web.disable-cors */
	int64_t timeout_ms;                /* --query.timeout; 0: none */
	int64_t default_step_ms;           /* --query.default-step; 0: 1 s */
	int64_t metadata_range_ms;         /* --query.metadata.default-time-range; 0: all times */
	int64_t instant_max_resolution_ms; /* of "auto" in instant queries */
	bool partial_response;             /* --query.partial-response */
	bool auto_downsampling;            /* --query.auto-downsampling */
	const char *engine; /* --query.promql-engine, only compared with what requests say; NULL: "thanos" */
	const struct str *replica_labels; /* where a request names none */
	size_t n_replica_labels;
	const char *tenant_header;  /* --query.tenant-header; THANOS-TENANT is looked at too */
	const char *default_tenant; /* NULL: "default-tenant" */
	const char *
		tenant_cert_field; /* --query.tenant-certificate-field: organization, organizationalUnit, commonName; NULL: header */
	int64_t lookback_ms;        /* of federation: how old a sample may be; 0: 5 min */
	uint64_t read_sample_limit; /* of a remote read answered with samples; 0: none */
	uint32_t read_concurrency;  /* remote reads and federations at a time; 0: no limit */
	size_t read_frame_bytes;    /* of streamed remote reads; 0: 1 MiB */
	const char *enforce_label;  /* --query.tenant-label-name, with --query.enforce-tenancy; NULL: not enforced */
};

/* The API. Keep it where it was initialised while routes may be served. Members are private. */
struct api_prom {
	struct api_prom_config cfg;
	const struct api_backend *backend;
	struct metrics_histogram *range_hist; /* NULL: no metrics, as all others */
	struct gate read_gate;
	struct gauge *reads;
	struct counter *read_warnings, *federation_warnings, *federation_errors;
};

/* Prepares it; `cfg` is copied, `b` borrowed; `reg` may be NULL, else gets thanos_query_range_requested_timespan_duration_seconds. */
void api_prom_init(struct api_prom *p, const struct api_prom_config *cfg, const struct api_backend *b,
		   struct metrics_registry *reg);

/* Adds the routes below /api/v1. */
void api_prom_add_routes(struct api_prom *p, struct http_router *r);

#endif
