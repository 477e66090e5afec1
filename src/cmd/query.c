#include "cmd/query.h"

#include "api/status.h"
#include "cmd/app.h"
#include "cmd/query_features.h"
#include "cmd/query_options.h"
#include "cmd/version.h"
#include "labels/labels.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/dns.h"
#include "query/grpc.h"
#include "query/http.h"
#include "query/query.h"
#include "text/float.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROUND_MS 30000 /* readiness waits this long for the first look at the endpoints */

/* The options and what is made of them. */
struct query_call {
	const struct query_options *o;
	const struct options_result *options;
	struct arena *a;
	struct query_config cfg;
	struct query_http_config http_cfg;
	struct dns_resolver *dns;
	struct query *query;
	struct query_http *http;
};

static struct discovery_names names(const struct option_list *l)
{
	return (struct discovery_names){ l->p, l->n };
}

static struct endpoint_client client_of(const struct query_options *o)
{
	return (struct endpoint_client){
		.tls = o->grpc_client_tls_secure ? ENDPOINT_YES : ENDPOINT_NO,
		.skip_verify = o->grpc_client_tls_skip_verify ? ENDPOINT_YES : ENDPOINT_NO,
		.cert_file = option_text(o->grpc_client_tls_cert),
		.key_file = option_text(o->grpc_client_tls_key),
		.ca_file = option_text(o->grpc_client_tls_ca),
		.min_version = o->grpc_client_tls_min_version,
		.server_name = option_text(o->grpc_client_server_name),
		.compression = o->grpc_compression,
	};
}

static void set_discovery(struct query_config *cfg, const struct query_options *o)
{
	cfg->discovery = (struct discovery_config){
		.component = "query",
		.endpoints = names(&o->endpoint),
		.endpoint_groups = names(&o->endpoint_group),
		.endpoints_strict = names(&o->endpoint_strict),
		.endpoint_groups_strict = names(&o->endpoint_group_strict),
		.sd_config = option_text(o->endpoint_sd_config),
		.sd_config_file = option_text(o->endpoint_sd_config_file),
		.sd_config_reload_ms = o->endpoint_sd_config_reload_interval_ms,
		.sd_files = names(&o->store_sd_files),
		.sd_files_interval_ms = o->store_sd_interval_ms,
		.dns_interval_ms = o->store_sd_dns_interval_ms,
		.client = client_of(o),
	};
	cfg->endpoints = (struct endpoints_config){
		.info_timeout_ms = o->endpoint_info_timeout_ms,
		.unhealthy_timeout_ms = o->store_unhealthy_timeout_ms,
		.metric_labels = o->query_conn_metric_label.p,
		.n_metric_labels = o->query_conn_metric_label.n,
	};
}

/* Numbers of a --query.telemetry flag, in the arena. */
static int bounds(const char *flag, const struct option_list *l, struct arena *a, struct query_bounds *ret,
		  struct err *err)
{
	double *p = arena_array(a, l->n, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	for (size_t i = 0; i < l->n; i++)
		if (!text_parse_double(str_c(l->p[i]), &p[i]))
			return err_set(err, ERR_INVALID_ARGUMENT, "--%s: want a number, got \"%s\"", flag, l->p[i]);
	*ret = (struct query_bounds){ p, l->n };
	return 0;
}

static int set_bounds(struct query_call *c, struct err *err)
{
	const struct query_options *o = c->o;
	int rc = bounds("query.telemetry.request-duration-seconds-quantiles",
			&o->query_telemetry_request_duration_seconds_quantiles, c->a, &c->cfg.duration_bounds, err);
	if (rc == 0)
		rc = bounds("query.telemetry.request-samples-quantiles", &o->query_telemetry_request_samples_quantiles,
			    c->a, &c->cfg.sample_bounds, err);
	if (rc == 0)
		rc = bounds("query.telemetry.request-series-seconds-quantiles",
			    &o->query_telemetry_request_series_seconds_quantiles, c->a, &c->cfg.series_bounds, err);
	return rc;
}

static int set_selector_labels(struct query_call *c, struct err *err)
{
	struct label *l;
	size_t n;
	int rc = options_labels("selector-label", &c->o->selector_label, c->a, &l, &n, err);
	if (rc != 0)
		return rc;
	label_sort(l, n);
	c->cfg.selector_labels = (struct labels){ l, n };
	return 0;
}

/* --selector.relabel-config(-file): which of the endpoints' TSDBs this querier looks at. */
static int set_selector_relabel(struct query_call *c, struct err *err)
{
	const struct query_options *o = c->o;
	c->cfg.selector_relabel_file = option_text(o->selector_relabel_config_file);
	return options_path_or_content("selector.relabel-config", o->selector_relabel_config_file,
				       o->selector_relabel_config, c->a, &c->cfg.selector_relabel, err);
}

static void set_limits(struct query_config *cfg, const struct query_options *o)
{
	cfg->store_response_timeout_ms = o->store_response_timeout_ms;
	cfg->limit_series = o->store_limits.store_limits_request_series;
	cfg->limit_samples = o->store_limits.store_limits_request_samples;
	cfg->timeout_ms = o->query_timeout_ms;
	cfg->max_concurrent = option_u32(o->query_max_concurrent);
	cfg->max_concurrent_select = option_u32(o->query_max_concurrent_select);
	cfg->memory_limit_bytes = o->query_memory_limit;
	cfg->max_memory_bytes = o->query_max_memory;
	cfg->slow_log_ms = o->query_slow_log_threshold_ms;
	cfg->max_samples = option_u64(o->query_max_samples);
}

static void set_engine(struct query_config *cfg, const struct query_options *o)
{
	cfg->replica_labels = names(&o->query_replica_label);
	dedup_func_parse(o->deduplication_func, &cfg->dedup);
	cfg->lookback_ms = o->query_lookback_delta_ms;
	cfg->dynamic_lookback = o->query_dynamic_lookback_delta;
	cfg->eval_interval_ms = o->query_default_evaluation_interval_ms;
	cfg->x_functions = o->query_enable_x_functions;
	cfg->instant_max_resolution_ms = o->query_instant_default_max_source_resolution_ms;
	cfg->engine = o->query_promql_engine;
	cfg->default_tenant = o->query_default_tenant_id;
	cfg->journal_dir = option_text(o->query_active_query_path);
}

static void set_features(struct query_config *cfg, const struct query_options *o, struct logger *lg)
{
	struct query_features f = query_features_read(&o->enable_feature, lg);
	cfg->experimental_functions = f.experimental_functions;
	cfg->extended_ranges = f.extended_ranges;
	cfg->fill_modifiers = f.fill_modifiers;
	cfg->delayed_name_removal = f.delayed_name_removal;
	cfg->type_and_unit = f.type_and_unit;
}

static int make_config(struct query_call *c, struct app *app, struct err *err)
{
	c->cfg = query_config_default();
	c->cfg.memory = &app->memory;
	if (strcmp(c->o->query_mode, "local") != 0)
		return err_set(err, ERR_FAILED_PRECONDITION,
			       "--query.mode=distributed is not in this build yet; use local");
	set_discovery(&c->cfg, c->o);
	set_limits(&c->cfg, c->o);
	set_engine(&c->cfg, c->o);
	set_features(&c->cfg, c->o, &app->log);
	int rc = set_bounds(c, err);
	if (rc == 0)
		rc = set_selector_labels(c, err);
	return rc != 0 ? rc : set_selector_relabel(c, err);
}

/* --- the API ------------------------------------------------------------------------------- */

/* All options with the values in force, for /api/v1/status/flags. */
static int list_flags(struct query_call *c, const struct options_result *r, struct query_http_config *ret,
		      struct err *err)
{
	struct api_flag *p;
	size_t n;
	int rc = options_list(r, &query_command, c->a, &p, &n, err);
	ret->flags = p;
	ret->n_flags = n;
	return rc;
}

static int make_api(struct query_call *c, struct app *app, struct err *err)
{
	const struct query_options *o = c->o;
	c->http_cfg = (struct query_http_config){
		.disable_cors = o->web_disable_cors,
		.default_step_ms = o->query_default_step_ms,
		.metadata_range_ms = o->query_metadata_default_time_range_ms,
		.partial_response = o->query_partial_response,
		.auto_downsampling = o->query_auto_downsampling,
		.engine = o->query_promql_engine,
		.tenant_header = o->query_tenant_header,
		.tenant_cert_field = option_text(o->query_tenant_certificate_field),
		.enforce_label = o->query_enforce_tenancy ? o->query_tenant_label_name : NULL,
		.external_prefix = option_text(o->web_external_prefix),
		.rules_abort = !o->rule_partial_response,
		.targets_abort = !o->target_partial_response,
		.metadata_abort = !o->metric_metadata_partial_response,
		.exemplars_abort = !o->exemplar_partial_response,
		.status_abort = !o->status_partial_response,
		.read_sample_limit = option_u64(o->query_remote_read_sample_limit),
		.read_concurrency = option_u32(o->query_remote_read_max_concurrent),
		.read_frame_bytes = o->query_remote_read_max_bytes_in_frame,
		.version = thanos_version,
		.revision = thanos_revision,
		.branch = "main",
		.build_user = "",
		.build_date = "",
	};
	int rc = list_flags(c, c->options, &c->http_cfg, err);
	if (rc != 0)
		return rc;
	c->http = query_http_new(c->query, &c->http_cfg, app->metrics);
	query_http_add_routes(c->http, app->router);
	return 0;
}

/* --- the main fiber --------------------------------------------------------------------------- */

static int prepare(struct query_call *c, struct app *app, struct err *err)
{
	int rc = make_config(c, app, err);
	if (rc != 0)
		return rc;
	c->dns = dns_resolver_new(app->reactor, &(struct dns_options){ 0 }, err);
	if (c->dns)
		c->query = query_new(app->reactor, &c->cfg, c->dns, &app->log, app->metrics, err);
	if (!c->query)
		return -err->code;
	query_grpc_add(c->query, app->grpc);
	return make_api(c, app, err);
}

/* Ready once the endpoints were asked for the first time (endpoints_ready), or that took too long. Suspends. */
static int become_ready(struct query_call *c, struct app *app, struct err *err)
{
	struct err why = ERR_NONE;
	int64_t old = fiber_set_deadline(reactor_now_ms(app->reactor) + FIRST_ROUND_MS);
	int rc = co_endpoints_wait_ready(query_endpoints(c->query), &why);
	fiber_restore_deadline(old);
	if (rc == -ERR_CANCELLED)
		return err_set(err, ERR_CANCELLED, "%s", why.msg);
	probe_ready(&app->probe);
	return 0;
}

static int co_query_main(struct app *app, void *arg, struct err *err)
{
	struct query_call *c = arg;
	int rc = prepare(c, app, err);
	if (rc == 0) {
		query_start(c->query);
		rc = app_serve(app, err);
		if (rc == 0)
			rc = become_ready(c, app, err);
		if (rc == 0)
			rc = co_app_wait(app, err);
		co_app_drain(app);
		co_query_stop(c->query);
	}
	query_http_free(c->http);
	query_free(c->query);
	dns_resolver_free(c->dns);
	return rc;
}

/* --web.route-prefix, or the path of --web.external-prefix where that alone is given. */
static const char *route_prefix(const struct query_options *o)
{
	const char *external = o->web_external_prefix ? o->web_external_prefix : "";
	if (o->web_route_prefix && *o->web_route_prefix)
		return o->web_route_prefix;
	const char *host = strstr(external, "://");
	const char *path = host ? strchr(host + 3, '/') : external;
	return path ? path : "";
}

int query_run(const struct options_result *options, struct arena *a)
{
	const struct query_options *o = options->config;
	struct query_call call = { .o = o, .options = options, .a = a };
	const struct app_setup setup = {
		.component = "query",
		.log = &o->log,
		.http = &o->http,
		.grpc = &o->grpc,
		.request_log = &o->request_log,
		.warnings = &options->warnings,
		.memory_limit_bytes = o->query_max_memory,
		.http_metrics = { .tenant_header = o->query_tenant_header,
				  .default_tenant = o->query_default_tenant_id },
		.route_prefix = route_prefix(o),
	};
	return app_main(&setup, co_query_main, &call);
}
