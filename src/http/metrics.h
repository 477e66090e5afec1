/*
 * http/metrics.h - what upstream measures of every instrumented handler
 * (pkg/extprom/http): http_requests_total, http_request_duration_seconds,
 * http_request_size_bytes, http_response_size_bytes by code, handler and
 * method (lower case), http_inflight_requests by handler and method (upper case); with tenants also by tenant.
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
	const char *tenant_header; /* NULL: without the label tenant */
	const char *default_tenant;
};

/* What components measure differently; zero-initialised is the usual. Strings are borrowed and outlive the metrics. */
struct http_metrics_opts {
	const char *tenant_header;  /* adds the label tenant: req->tenant, else this header; NULL: without */
	const char *default_tenant; /* where neither is there; NULL: "" */
	const double *seconds; /* bounds of http_request_duration_seconds, ascending; NULL: upstream's usual ones */
	size_t n_seconds;
};

/* Registers the metrics. With the label tenant each has at most METRICS_OUTSIDE_MAX children. */
void http_metrics_init(struct http_metrics *m, struct metrics_registry *reg, const struct http_metrics_opts *opts);

/* Counts a request in, once its route is known. Does nothing for routes without a name. */
void http_metrics_begin(struct http_metrics *m, struct http_req *req);

/* Counts a request out, once its response is finished. */
void http_metrics_end(struct http_metrics *m, struct http_req *req);

#endif
