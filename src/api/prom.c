#include "api/prom.h"

#include "api/api_internal.h"
#include "api/call.h"
#include "base/compiler.h"
#include "http/router.h"
#include "metrics/metrics.h"
#include "promql/lang/ast_json.h"
#include "promql/lang/printer.h"

/* Longest line of a formatted query, as upstream. */
#define FORMAT_LINE_MAX 100

/* Longest answer of format_query and parse_query. */
#define TOOL_TEXT_MAX ((size_t)16 << 20)

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "/api/v1/query", co_api_query, .name = "query" },
	{ HTTP_GET | HTTP_POST, "/api/v1/query_range", co_api_query_range, .name = "query_range" },
	{ HTTP_GET | HTTP_POST, "/api/v1/query_explain", co_api_explain, .name = "query" },
	{ HTTP_GET | HTTP_POST, "/api/v1/query_range_explain", co_api_explain_range, .name = "query" },
	{ HTTP_GET | HTTP_POST, "/api/v1/series", co_api_series, .name = "series" },
	{ HTTP_GET | HTTP_POST, "/api/v1/labels", co_api_labels, .name = "label_names" },
	{ HTTP_GET, "/api/v1/label/:name/values", co_api_label_values, .name = "label_values" },
	{ HTTP_GET | HTTP_POST, "/api/v1/format_query", co_api_format_query, .name = "format_query" },
	{ HTTP_GET | HTTP_POST, "/api/v1/parse_query", co_api_parse_query, .name = "parse_query" },
	{ HTTP_POST, "/api/v1/read", co_api_read, .name = "read", .no_compress = true },
	{ HTTP_GET, "/federate", co_api_federate, .name = "federate" },
};

void api_prom_init(struct api_prom *p, const struct api_prom_config *cfg, const struct api_backend *b,
		   struct metrics_registry *reg)
{
	double bounds[12];
	*p = (struct api_prom){ .cfg = *cfg, .backend = b };
	metrics_buckets_exponential(bounds, ARRAY_LEN(bounds), 15 * 60, 2);
	gate_init(&p->read_gate, cfg->read_concurrency);
	if (!reg)
		return;
	p->reads = metrics_gauge(reg, "thanos_query_remote_read_handler_queries",
				 "The current number of remote reads and federations, executing or queued.");
	p->read_warnings = metrics_counter(reg, "thanos_query_remote_read_warnings_total",
					   "Warnings of stores in answers to remote reads.");
	p->federation_warnings = metrics_counter(reg, "thanos_query_federation_warnings_total",
						 "Warnings of stores while answering federation requests.");
	p->federation_errors =
		metrics_counter(reg, "thanos_query_federation_errors_total", "Federation requests that failed.");
	p->range_hist =
		metrics_histogram(reg, "thanos_query_range_requested_timespan_duration_seconds",
				  "A histogram of the query range window in seconds", bounds, ARRAY_LEN(bounds));
}

void api_prom_add_routes(struct api_prom *p, struct http_router *r)
{
	http_router_add(r, routes, ARRAY_LEN(routes), p);
}

/* --- small handlers --------------------------------------------------------------------- */

/* Writes a query in another form. */
typedef void tool_fn(const struct promql_expr *e, struct jsonw *w, struct strbuf *text);

static int co_tool(struct http_req *req, struct api_prom *api, tool_fn *fn, struct err *err)
{
	struct err e = ERR_NONE;
	struct call c;
	struct promql_expr *expr;
	struct strbuf text = { .limit = TOOL_TEXT_MAX };
	struct api_reply reply;
	int rc = co_call_begin(&c, req, api, &e);
	rc = rc ? rc : call_parse_query(&c, &expr, &e);
	if (rc == 0) {
		fn(expr, api_reply_begin(&reply, req, NULL), &text);
		rc = co_api_reply_end(&reply, err);
	} else {
		rc = co_call_fail(&c, &e, err);
	}
	strbuf_fini(&text);
	call_fini(&c);
	return rc;
}

static void format_tool(const struct promql_expr *e, struct jsonw *w, struct strbuf *text)
{
	promql_prettify(e, FORMAT_LINE_MAX, text);
	jsonw_str(w, strbuf_str(text));
}

static void parse_tool(const struct promql_expr *e, struct jsonw *w, struct strbuf *text)
{
	promql_json(e, text);
	jsonw_raw(w, text->overflow ? STR("null") : strbuf_str(text));
}

int co_api_format_query(struct http_req *req, void *arg, struct err *err)
{
	return co_tool(req, arg, format_tool, err);
}

int co_api_parse_query(struct http_req *req, void *arg, struct err *err)
{
	return co_tool(req, arg, parse_tool, err);
}
