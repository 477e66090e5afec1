#include "http/metrics.h"

#include "base/compiler.h"
#include "base/sys.h"
#include "http/req.h"
#include "http/router.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <string.h>

#define TENANT_SIZE 160 /* of the label's value; the rest of a longer one is cut */

/* Label values of one request. */
struct labels {
	char code[8], tenant[TENANT_SIZE];
	const char *method;
};

static void limit_children(struct http_metrics *m)
{
	struct metrics_vec *const all[] = { m->total, m->duration, m->request_size, m->response_size, m->inflight };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		metrics_vec_set_limit(all[i], METRICS_OUTSIDE_MAX);
}

void http_metrics_init(struct http_metrics *m, struct metrics_registry *reg, const struct http_metrics_opts *opts)
{
	static const double usual[] = { 0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720 };
	const double *seconds = opts->seconds ? opts->seconds : usual;
	double bytes[10];
	metrics_buckets_exponential(bytes, ARRAY_LEN(bytes), 64, 2);
	const char *const *labels = opts->tenant_header ? METRICS_LABELS("code", "handler", "method", "tenant")
							: METRICS_LABELS("code", "handler", "method");
	const char *const *inflight = opts->tenant_header ? METRICS_LABELS("handler", "method", "tenant")
							  : METRICS_LABELS("handler", "method");
	*m = (struct http_metrics){ .tenant_header = opts->tenant_header };
	m->default_tenant = opts->default_tenant ? opts->default_tenant : "";
	m->total = metrics_counter_vec(reg, "http_requests_total", "Tracks the number of HTTP requests.", labels);
	m->duration =
		metrics_histogram_vec(reg, "http_request_duration_seconds", "Tracks the latencies for HTTP requests.",
				      labels, seconds, opts->seconds ? opts->n_seconds : ARRAY_LEN(usual));
	m->request_size = metrics_histogram_vec(reg, "http_request_size_bytes", "Tracks the size of HTTP requests.",
						labels, bytes, ARRAY_LEN(bytes));
	m->response_size = metrics_histogram_vec(reg, "http_response_size_bytes", "Tracks the size of HTTP responses.",
						 labels, bytes, ARRAY_LEN(bytes));
	m->inflight = metrics_gauge_vec(reg, "http_inflight_requests",
					"Current number of HTTP requests the handler is responding to.", inflight);
	if (opts->tenant_header)
		limit_children(m);
}

/* Method names as client_golang writes them in two ways; an unknown one cannot make a new series. */
static const struct {
	enum http_method method;
	const char *lower, *upper;
} methods[] = {
	{ HTTP_GET, "get", "GET" },       { HTTP_HEAD, "head", "HEAD" },       { HTTP_POST, "post", "POST" },
	{ HTTP_PUT, "put", "PUT" },       { HTTP_DELETE, "delete", "DELETE" }, { HTTP_OPTIONS, "options", "OPTIONS" },
	{ HTTP_PATCH, "patch", "PATCH" },
};

static const char *method_label(enum http_method m, bool upper)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].method == m)
			return upper ? methods[i].upper : methods[i].lower;
	return "unknown";
}

static void find_tenant(const struct http_metrics *m, const struct http_req *req, char *buf, size_t size)
{
	struct str t = req->tenant;
	if (!t.n)
		t = http_req_header(req, m->tenant_header);
	if (!t.n || !str_is_utf8(t))
		t = str_c(m->default_tenant);
	snprintf(buf, size, "%.*s", STR_ARG(str_utf8_cut(t, size - 1)));
}

static bool counts(const struct http_metrics *m, const struct http_req *req)
{
	return m && req->route && req->route->name;
}

void http_metrics_begin(struct http_metrics *m, struct http_req *req)
{
	if (!counts(m, req))
		return;
	const char *method = method_label(req->method, true);
	char tenant[TENANT_SIZE];
	if (m->tenant_header) {
		find_tenant(m, req, tenant, sizeof(tenant));
		req->inflight = metrics_gauge_with(m->inflight, METRICS_LABELS(req->route->name, method, tenant));
	} else {
		req->inflight = metrics_gauge_with(m->inflight, METRICS_LABELS(req->route->name, method));
	}
	gauge_add(req->inflight, 1);
}

/* About what the request took on the wire, as promhttp counts. */
static double request_bytes(const struct http_req *req)
{
	uint64_t n = req->target.n + req->method_text.n + 8 + req->host.n;
	for (size_t i = 0; i < req->headers.n; i++)
		n += req->headers.p[i].name.n + req->headers.p[i].value.n;
	return (double)(n + req->body_received);
}

void http_metrics_end(struct http_metrics *m, struct http_req *req)
{
	if (!counts(m, req) || !req->inflight)
		return;
	struct labels l = { .method = method_label(req->method, false) };
	snprintf(l.code, sizeof(l.code), "%d", req->head_sent ? req->status : 499);
	const char *values[] = { l.code, req->route->name, l.method, NULL, NULL };
	if (m->tenant_header) {
		find_tenant(m, req, l.tenant, sizeof(l.tenant));
		values[3] = l.tenant;
	}
	gauge_add(req->inflight, -1);
	counter_inc(metrics_counter_with(m->total, values));
	histogram_observe(metrics_histogram_with(m->duration, values),
			  (double)(sys->mono_ns() - req->started_ns) / 1e9);
	histogram_observe(metrics_histogram_with(m->request_size, values), request_bytes(req));
	histogram_observe(metrics_histogram_with(m->response_size, values), (double)req->bytes_out);
}
