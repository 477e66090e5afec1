#include "query/http.h"

#include "api/active.h"
#include "api/prom.h"
#include "api/result.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "http/router.h"
#include "query/http_backend.h"
#include "query/http_internal.h"
#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest list of endpoints as JSON. */
#define STORES_TEXT_MAX ((size_t)64 << 20)

struct query_http *query_http_new(struct query *q, const struct query_http_config *cfg, struct metrics_registry *reg)
{
	struct query_http *h = xcalloc(1, sizeof(*h));
	const struct query_config *qc = query_config(q);
	struct api_prom_config pc = {
		.disable_cors = cfg->disable_cors,
		.timeout_ms = qc->timeout_ms,
		.default_step_ms = cfg->default_step_ms,
		.metadata_range_ms = cfg->metadata_range_ms,
		.instant_max_resolution_ms = qc->instant_max_resolution_ms,
		.partial_response = cfg->partial_response,
		.auto_downsampling = cfg->auto_downsampling,
		.engine = cfg->engine,
		.tenant_header = cfg->tenant_header,
		.default_tenant = qc->default_tenant,
		.tenant_cert_field = cfg->tenant_cert_field,
		.enforce_label = cfg->enforce_label,
		.lookback_ms = qc->lookback_ms,
		.read_sample_limit = cfg->read_sample_limit,
		.read_concurrency = cfg->read_concurrency,
		.read_frame_bytes = cfg->read_frame_bytes,
	};
	pc.replica_labels = query_replica_labels(q, &pc.n_replica_labels);
	h->q = q;
	h->backend = query_http_backend(q);
	h->cfg = *cfg;
	query_active(q)->disable_cors = cfg->disable_cors;
	api_prom_init(&h->prom, &pc, &h->backend, reg);
	h->status = (struct api_status){
		.disable_cors = cfg->disable_cors,
		.role = "query",
		.flags = cfg->flags,
		.n_flags = cfg->n_flags,
		.version = cfg->version,
		.revision = cfg->revision,
		.branch = cfg->branch,
		.build_user = cfg->build_user,
		.build_date = cfg->build_date,
	};
	api_status_init(&h->status);
	return h;
}

void query_http_free(struct query_http *h)
{
	free(h);
}

/* --- /api/v1/stores --------------------------------------------------------------------- */

static void write_store(struct jsonw *w, const struct endpoint_status *s)
{
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "name", s->info->name);
	jsonw_key(w, "lastCheck");
	api_write_time(w, s->last_check_ms);
	jsonw_key(w, "lastError");
	if (s->last_error)
		jsonw_cstr(w, s->last_error);
	else
		jsonw_null(w);
	jsonw_key(w, "labelSets");
	jsonw_array_begin(w);
	for (size_t i = 0; i < s->info->n_label_sets; i++)
		api_write_labels(w, s->info->label_sets[i]);
	jsonw_array_end(w);
	jsonw_kv_i64(w, "minTime", s->info->mint);
	jsonw_kv_i64(w, "maxTime", s->info->maxt);
	jsonw_object_end(w);
}

/* By component, then by name. */
static int cmp_status(const void *a, const void *b)
{
	const struct endpoint_status *x = a, *y = b;
	int d = strcmp(x->info->component, y->info->component);
	return d ? d : strcmp(x->info->name, y->info->name);
}

static void write_stores(struct jsonw *w, struct endpoint_status *s, size_t n)
{
	qsort(s, n, sizeof(*s), cmp_status);
	jsonw_object_begin(w);
	for (size_t i = 0; i < n; i++) {
		bool first = i == 0 || strcmp(s[i].info->component, s[i - 1].info->component) != 0;
		if (first && i)
			jsonw_array_end(w);
		if (first) {
			jsonw_key(w, s[i].info->component);
			jsonw_array_begin(w);
		}
		write_store(w, &s[i]);
	}
	if (n)
		jsonw_array_end(w);
	jsonw_object_end(w);
}

static int co_stores(struct http_req *req, void *arg, struct err *err)
{
	struct query_http *h = arg;
	struct strbuf text = { .limit = STORES_TEXT_MAX };
	struct api_reply reply;
	struct jsonw w;
	size_t n;
	if (!h->cfg.disable_cors)
		api_cors(req);
	/* Written whole before anything is sent: the list does not outlive a suspension. */
	struct endpoint_status *s = endpoints_status(query_endpoints(h->q), &n);
	jsonw_init(&w, &text, JSONW_HTML);
	if (n)
		write_stores(&w, s, n);
	else
		jsonw_raw(&w, STR("{}"));
	free(s);
	int rc = jsonw_finish(&w, err);
	if (rc == 0) {
		jsonw_raw(api_reply_begin(&reply, req, NULL), strbuf_str(&text));
		rc = co_api_reply_end(&reply, err);
	}
	strbuf_fini(&text);
	return rc;
}

/* --- pages ------------------------------------------------------------------------------ */

static const char *prefix_of(const struct query_http *h)
{
	const char *p = h->cfg.external_prefix && *h->cfg.external_prefix ? h->cfg.external_prefix
									  : http_router_prefix(h->router);
	return strcmp(p, "/") == 0 ? "" : p;
}

static void add_html(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("<>&\"'", *s))
			strbuf_printf(b, "&#%d;", *s);
		else
			strbuf_add_ch(b, *s);
	}
}

static void add_link(struct strbuf *b, const struct query_http *h, const char *path, const char *what)
{
	strbuf_add_c(b, "<li><a href=\"");
	add_html(b, prefix_of(h));
	strbuf_printf(b, "%s\">%s</a></li>\n", path, what);
}

static int co_landing(struct http_req *req, void *arg, struct err *err)
{
	struct query_http *h = arg;
	struct strbuf b = { 0 };
	strbuf_add_c(
		&b,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Thanos Query</title></head>\n"
		"<body><h1>Thanos Query");
	if (h->status.version) {
		strbuf_add_c(&b, " ");
		add_html(&b, h->status.version);
	}
	strbuf_add_c(&b,
		     "</h1>\n<p>Answers PromQL over all endpoints it is connected to. Point Grafana's Prometheus data "
		     "source here.</p>\n<ul>\n");
	add_link(&b, h, "/api/v1/query?query=up", "an instant query");
	add_link(&b, h, "/api/v1/stores", "endpoints");
	add_link(&b, h, "/api/v1/labels", "label names");
	add_link(&b, h, "/api/v1/status/flags", "flags");
	add_link(&b, h, "/api/v1/status/buildinfo", "build");
	add_link(&b, h, "/metrics", "metrics");
	strbuf_add_c(&b, "</ul></body></html>\n");
	int rc = co_http_reply_buf(req, 200, "text/html; charset=utf-8", &b, err);
	strbuf_fini(&b);
	return rc;
}

static int co_to_landing(struct http_req *req, void *arg, struct err *err)
{
	char *to = arena_printf(&req->arena, "%s/", prefix_of(arg));
	return to ? co_http_redirect(req, 302, str_c(to), err) : arena_err(&req->arena, err);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/", co_landing },
	{ HTTP_GET, "/graph", co_to_landing },
	{ HTTP_GET, "/api/v1/stores", co_stores, .name = "stores" },
	{ HTTP_GET, "/api/v1/alerts", co_http_alerts, .name = "alerts" },
	{ HTTP_GET, "/api/v1/rules", co_http_rules, .name = "rules" },
	{ HTTP_GET, "/api/v1/targets", co_http_targets, .name = "targets" },
	{ HTTP_GET, "/api/v1/metadata", co_http_metadata, .name = "metadata" },
	{ HTTP_GET | HTTP_POST, "/api/v1/query_exemplars", co_http_exemplars, .name = "exemplars" },
	{ HTTP_GET, "/api/v1/status/tsdb", co_http_tsdb_status, .name = "status_tsdb" },
};

void query_http_add_routes(struct query_http *h, struct http_router *r)
{
	h->router = r;
	http_router_add(r, routes, ARRAY_LEN(routes), h);
	api_prom_add_routes(&h->prom, r);
	api_status_add_routes(&h->status, r);
	api_active_add_routes(query_active(h->q), r);
}
