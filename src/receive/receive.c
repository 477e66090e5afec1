#include "receive/internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "http/h2_server.h"
#include "http/probe.h"
#include "http/router.h"
#include "http/server.h"
#include "labels/relabel_yaml.h"
#include "loop/offload.h"
#include "net/metrics.h"
#include "receive/store.h"
#include "text/env.h"

#include <stdlib.h>
#include <string.h>

#define LIMITS_CHECK_MIN_MS 100
#define LIMITS_FILE_BYTES (1u << 20)

static int read_configs(struct receive *r, struct err *err)
{
	const struct receive_config *c = r->cfg;
	int rc = 0;
	if (c->relabel_yaml)
		rc = relabel_rules_parse(str_c(c->relabel_yaml), "receive.relabel-config", LABEL_NAMES_UTF8, 0,
					 &r->relabel, err);
	if (rc == 0 && c->limits_yaml)
		rc = receive_limits_parse(str_c(c->limits_yaml),
					  c->limits_file ? c->limits_file : "receive.limits-config", &r->limits, err);
	return rc;
}

/* Passes on what the writer and the gate have of the limits. */
static void apply_limits(struct receive *r)
{
	r->writer.limits = r->limits;
	r->gate.slots = receive_limits_concurrency(r->limits);
	receive_metrics_limits(&r->metrics, r->limits);
}

static const struct http_route write_routes[] = {
	{ HTTP_POST, "/api/v1/receive", co_receive_write_http, .name = "receive", .body_limit = MAX_COMPRESSED_BYTES },
};

static int make_server(struct receive *r, struct err *err)
{
	int rc = tls_ctx_new_server(&r->cfg->write_tls, &r->tls, err);
	if (rc != 0)
		return err_prefix(err, "--remote-write.server-tls-*");
	r->router = http_router_new();
	http_router_add(r->router, write_routes, ARRAY_LEN(write_routes), r);
	const struct http_server_config cfg = {
		.reactor = r->cfg->reactor,
		.router = r->router,
		.budget = r->cfg->memory,
		.tls = r->tls,
		.h2 = http_h2_serve,
		.metrics = r->cfg->http_metrics,
	};
	r->http = http_server_new(&cfg);
	if (r->cfg->net_metrics)
		net_metrics_watch(r->cfg->net_metrics, "remote-write", http_server_conn_stats(r->http));
	return 0;
}

int receive_new(struct receive **ret, const struct receive_config *cfg, struct err *err)
{
	struct receive *r = xcalloc(1, sizeof(*r));
	r->cfg = cfg;
	gate_init(&r->gate, 0);
	waitq_init(&r->stopped);
	r->dbs_cfg = (struct receive_dbs_config){
		.path = cfg->tsdb_path,
		.db = { .reactor = cfg->reactor,
			.log = cfg->log,
			.head = cfg->head,
			.sync = cfg->sync,
			.retention_ms = cfg->retention_ms,
			.retention_bytes = cfg->retention_bytes },
		.external = cfg->external,
		.tenant_label = str_c(cfg->tenant_label),
		.no_lockfile = cfg->no_lockfile,
		.metrics = cfg->metrics,
	};
	r->dbs = receive_dbs_new(&r->dbs_cfg);
	receive_metrics_init(&r->metrics, cfg->metrics, r->dbs, &r->gate);
	int rc = read_configs(r, err);
	if (rc == 0)
		rc = make_server(r, err);
	if (rc != 0) {
		receive_free(r);
		return rc;
	}
	r->writer = (struct receive_writer){ .dbs = r->dbs,
					     .relabel = r->relabel && r->relabel->n ? r->relabel : NULL,
					     .split_label = str_c(cfg->split_label) };
	apply_limits(r);
	*ret = r;
	return 0;
}

void receive_add_services(struct receive *r, struct grpc_server *s)
{
	receive_store_add(r, s);
}

void receive_free(struct receive *r)
{
	if (!r)
		return;
	if (r->http)
		net_metrics_unwatch(r->cfg->net_metrics, http_server_conn_stats(r->http));
	http_server_free(r->http);
	http_router_free(r->router);
	tls_ctx_unref(r->tls);
	receive_metrics_fini(&r->metrics, r->cfg->metrics);
	receive_dbs_free(r->dbs);
	relabel_rules_free(r->relabel);
	receive_limits_free(r->limits);
	for (size_t i = 0; i < r->n_buffers; i++) {
		strbuf_fini(r->buffers[i]);
		free(r->buffers[i]);
	}
	free(r);
}

/* --- fibers beside the requests ----------------------------------------------------------- */

/* Suspends. */
static void maintain(void *arg)
{
	struct receive *r = arg;
	co_receive_dbs_maintain(r->dbs);
	r->maintainer = NULL;
	waitq_wake_all(&r->stopped);
}

struct limits_job {
	const char *path;
	struct timespec mtime; /* of the version that was read last */
	bool changed;          /* out: `text` is another version */
	struct strbuf raw, text;
};

static int read_if_changed(void *arg, struct err *err)
{
	struct limits_job *j = arg;
	struct stat st;
	if (sys->stat(j->path, &st) != 0 ||
	    (st.st_mtim.tv_sec == j->mtime.tv_sec && st.st_mtim.tv_nsec == j->mtime.tv_nsec))
		return 0;
	j->mtime = st.st_mtim;
	j->changed = true;
	strbuf_reset(&j->raw);
	strbuf_reset(&j->text);
	int rc = file_read_all(j->path, LIMITS_FILE_BYTES, &j->raw, err);
	return rc ? rc : text_env_expand(strbuf_str(&j->raw), &j->text, getenv, err);
}

static void refuse_limits(struct receive *r, const struct err *why)
{
	counter_inc(r->metrics.limits_reload_errors);
	log_error(r->cfg->log, "the limits file cannot be used; the old limits hold", log_err(why));
}

/* Takes a new version of the limits file in use; one that cannot be read leaves the old. */
static void reload_limits(struct receive *r, struct str text)
{
	struct err err;
	struct receive_limits *l;
	if (receive_limits_parse(text, r->cfg->limits_file, &l, &err) != 0) {
		refuse_limits(r, &err);
		return;
	}
	receive_limits_free(r->limits);
	r->limits = l;
	apply_limits(r);
	counter_inc(r->metrics.limits_reloads);
	log_info(r->cfg->log, "limits reloaded", log_s("file", r->cfg->limits_file));
}

/* Looks at the limits file. The first look is long after the start read it: what it holds now may be another text. Suspends. */
static void look_at_limits(struct receive *r, struct limits_job *j, struct strbuf *used)
{
	struct err err;
	j->changed = false;
	if (co_offload("limits file", read_if_changed, j, &err) != 0) {
		if (j->changed && err.code != ERR_CANCELLED)
			refuse_limits(r, &err);
		return;
	}
	if (!j->changed || str_eq(strbuf_str(&j->text), strbuf_str(used)))
		return;
	strbuf_reset(used);
	strbuf_add_str(used, strbuf_str(&j->text));
	reload_limits(r, strbuf_str(used));
}

/* Suspends. */
static void watch_limits(void *arg)
{
	struct receive *r = arg;
	struct limits_job j = { .path = r->cfg->limits_file, .text = { .limit = LIMITS_FILE_BYTES } };
	struct strbuf used = { 0 };
	strbuf_add_str(&used, str_c(r->cfg->limits_yaml));
	do
		look_at_limits(r, &j, &used);
	while (co_sleep_ms(MAX(r->cfg->limits_check_ms, LIMITS_CHECK_MIN_MS), NULL) == 0);
	strbuf_fini(&j.raw);
	strbuf_fini(&j.text);
	strbuf_fini(&used);
	r->limits_watcher = NULL;
	waitq_wake_all(&r->stopped);
}

/* --- start and stop -------------------------------------------------------------------------- */

int co_receive_start(struct receive *r, struct err *err)
{
	/* The first of upstream's updates; without a hashring no other follows. */
	counter_inc(r->metrics.db_updates_attempted);
	int rc = co_receive_dbs_open(r->dbs, err);
	if (rc == 0)
		counter_inc(r->metrics.db_updates_completed);
	if (rc == 0 && (rc = http_server_listen(r->http, r->cfg->write_address, err)) != 0)
		err_prefix(err, "--remote-write.address");
	if (rc != 0)
		return rc;
	r->maintainer = fiber_start(r->cfg->reactor, "maintain", maintain, r);
	if (r->cfg->limits_file)
		r->limits_watcher = fiber_start(r->cfg->reactor, "limits file", watch_limits, r);
	r->ready = true;
	probe_ready(r->cfg->probe);
	log_info(r->cfg->log, "listening for remote write", log_s("address", r->cfg->write_address));
	return 0;
}

void co_receive_stop(struct receive *r)
{
	fiber_mask();
	r->ready = false;
	co_http_server_stop(r->http, r->cfg->http_grace_ms);
	if (r->maintainer)
		fiber_cancel(r->maintainer);
	if (r->limits_watcher)
		fiber_cancel(r->limits_watcher);
	while (r->maintainer || r->limits_watcher)
		(void)co_waitq_wait(&r->stopped, "receive fibers", NULL);
	co_receive_dbs_close(r->dbs);
	fiber_unmask();
}
