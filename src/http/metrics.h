/*
 * http/metrics.h - what upstream measures of every instrumented handler
 * (pkg/extprom/http): http_requests_total, http_request_duration_seconds,
 * http_request_size_bytes, http_response_size_bytes by code, handler and
 * method, http_inflight_requests by handler and method; with tenants also by tenant.
 */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_req;
struct metrics_registry;
struct metrics_vec;

/* Handles of the metrics. A plain value that a component owns and names in its http_server_config. */
struct http_metrics {
	struct metrics_vec *total, *duration, *request_size, *response_size, *inflight;
	bool tenant;               /* has the label */
	const char *tenant_header; /* lower case; where a handler set no tenant */
	const char *default_tenant;
};

/*
 * Registers the metrics. `tenant_header` (static, lower case; NULL for none) adds the label tenant, whose value
 * is req->tenant, else that header, else `default_tenant`.
 */
void http_metrics_init(struct http_metrics *m, struct metrics_registry *reg, const char *tenant_header,
		       const char *default_tenant);

/* Counts a request in, once its route is known. Does nothing for routes without a name. */
void http_metrics_begin(struct http_metrics *m, struct http_req *req);

/* Counts a request out, once its response is finished. */
void http_metrics_end(struct http_metrics *m, struct http_req *req);

#endif
