#include "cmd/receive.h"

#include "cmd/app.h"
#include "cmd/receive_options.h"
#include "labels/labels.h"
#include "net/addr.h"
#include "receive/receive.h"

#include <stdlib.h>

/* The options and what is made of them. */
struct receive_call {
	const struct receive_options *o;
	struct arena *a;
	struct receive_config cfg;
};

static struct tls_config write_tls(const struct receive_options *o)
{
	return (struct tls_config){
		.cert_file = o->remote_write_server_tls_cert,
		.key_file = o->remote_write_server_tls_key,
		.ca_file = o->remote_write_server_tls_client_ca,
		.min_version = o->remote_write_server_tls_min_version,
		.ciphers = { o->remote_write_server_tls_ciphers.p, o->remote_write_server_tls_ciphers.n },
		.curves = { o->remote_write_server_tls_curves.p, o->remote_write_server_tls_curves.n },
	};
}

static struct head_config head_config(const struct receive_options *o)
{
	return (struct head_config){
		.chunk_range_ms = o->tsdb_min_block_duration_ms,
		.ooo_window_ms = o->tsdb_out_of_order_time_window_ms,
		.ooo_cap_max = option_u32(o->tsdb_out_of_order_cap_max),
		.max_future_ms = o->tsdb_too_far_in_future_time_window_ms,
		.max_exemplars = option_u32(o->tsdb_max_exemplars),
		.compression = o->tsdb_wal_compression ? HEAD_COMPRESS_SNAPPY : HEAD_COMPRESS_NONE,
	};
}

/* --label: at least one, for a receiver without external labels cannot be told from another. */
static int external_labels(struct receive_call *c, struct err *err)
{
	struct label *l;
	size_t n;
	int rc = options_labels("label", &c->o->label, c->a, &l, &n, err);
	if (rc != 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "no external labels configured for receive, uniquely identifying external "
			       "labels must be configured (ideally with the `receive_` prefix); add --label");
	label_sort(l, n);
	c->cfg.external = (struct labels){ l, n };
	if (labels_check(c->cfg.external, NULL) == LABELS_DUPLICATE)
		return err_set(err, ERR_INVALID_ARGUMENT, "--label: the same label name is given twice");
	return 0;
}

static int make_config(struct receive_call *c, struct app *app, struct err *err)
{
	const struct receive_options *o = c->o;
	struct receive_config *cfg = &c->cfg;
	*cfg = (struct receive_config){
		.reactor = app->reactor,
		.log = &app->log,
		.metrics = app->metrics,
		.http_metrics = &app->http_metrics,
		.net_metrics = app->net,
		.probe = &app->probe,
		.memory = &app->memory,
		.tsdb_path = o->tsdb_path,
		.no_lockfile = o->tsdb_no_lockfile,
		.head = head_config(o),
		.retention_ms = o->tsdb_retention_ms,
		.retention_bytes = o->tsdb_max_retention_bytes,
		.tenant_label = o->receive_tenant_label_name,
		.tenant_header = o->receive_tenant_header,
		.tenant_cert_field = option_text(o->receive_tenant_certificate_field),
		.default_tenant = o->receive_default_tenant_id,
		.split_label = option_text(o->receive_split_tenant_label_name),
		.replica_header = o->receive_replica_header,
		.limits_file = option_text(o->receive_limits_config_file),
		.limits_check_ms = o->receive_limits_config_reload_timer_ms,
		.write_address = o->remote_write_address,
		.write_tls = write_tls(o),
		.http_grace_ms = o->http.http_grace_period_ms,
		.store_series_limit = o->store_limits.store_limits_request_series,
		.store_samples_limit = o->store_limits.store_limits_request_samples,
	};
	struct addr at;
	int rc = addr_parse(str_c(o->remote_write_address), -1, &at, err);
	if (rc != 0)
		return err_prefix(err, "--remote-write.address");
	rc = wal_sync_parse(o->tsdb_wal_sync, &cfg->sync, err);
	if (rc == 0)
		rc = external_labels(c, err);
	if (rc == 0)
		rc = options_path_or_content("receive.relabel-config", o->receive_relabel_config_file,
					     o->receive_relabel_config, c->a, &cfg->relabel_yaml, err);
	if (rc == 0)
		rc = options_path_or_content("receive.limits-config", o->receive_limits_config_file,
					     o->receive_limits_config, c->a, &cfg->limits_yaml, err);
	return rc;
}

/* The main fiber. */
static int co_receive_main(struct app *app, void *arg, struct err *err)
{
	struct receive_call *c = arg;
	struct receive *r = NULL;
	int rc = make_config(c, app, err);
	if (rc == 0)
		rc = receive_new(&r, &c->cfg, err);
	if (rc != 0)
		return rc;
	receive_add_services(r, app->grpc);
	/* Metrics and probes answer while logs are replayed; writes and reads when that is done. */
	rc = app_serve(app, err);
	if (rc == 0)
		rc = co_receive_start(r, err);
	if (rc == 0)
		rc = co_app_wait(app, err);
	co_app_drain(app);
	co_receive_stop(r);
	receive_free(r);
	return rc;
}

/* Bounds of http_request_duration_seconds as upstream's receiver has them (pkg/receive/handler.go). */
static const double write_seconds[] = { 0.001, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08,
					0.09,  0.1,   0.25, 0.5,  0.75, 1,    2,    3,    4,    5 };

int receive_run(const struct options_result *options, struct arena *a)
{
	const struct receive_options *o = options->config;
	struct receive_call call = { .o = o, .a = a };
	const struct app_setup setup = {
		.component = "receive",
		.log = &o->log,
		.http = &o->http,
		.grpc = &o->grpc,
		.request_log = &o->request_log,
		.warnings = &options->warnings,
		.memory_limit_bytes = o->receive_memory_limit,
		.http_metrics = { .tenant_header = o->receive_tenant_header,
				  .default_tenant = o->receive_default_tenant_id,
				  .seconds = write_seconds,
				  .n_seconds = ARRAY_LEN(write_seconds) },
	};
	return app_main(&setup, co_receive_main, &call);
}
