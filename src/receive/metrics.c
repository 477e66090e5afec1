#include "receive/metrics.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "loop/gate.h"
#include "metrics/metrics.h"
#include "receive/limits.h"

#include <stdio.h>
#include <stdlib.h>

/* What the Store API serves. */
static void init_store(struct receive_metrics *m, struct metrics_registry *reg)
{
	/* Bounds of upstream's pkg/store/telemetry.go. */
	static const double series_bounds[] = { 1, 10, 100, 1000, 10000, 100000, 1000000 };
	static const double chunk_bounds[] = { 1, 100, 1000, 10000, 100000, 10000000, 100000000, 1000000000 };
	m->series_requested = metrics_histogram(reg, "thanos_store_server_series_requested",
						"Number of series requested for Series calls.", series_bounds,
						ARRAY_LEN(series_bounds));
	m->chunks_requested = metrics_histogram(reg, "thanos_store_server_chunks_requested",
						"Number of chunks requested for Series calls.", chunk_bounds,
						ARRAY_LEN(chunk_bounds));
	m->series_pending =
		metrics_gauge(reg, "thanos_store_server_pending_series_requests", "Number of pending series requests.");
}

/* Requests that are stored here; no other receiver is forwarded to. */
static void init_stored(struct receive_metrics *m, struct metrics_registry *reg)
{
	struct metrics_vec *f = metrics_counter_vec(reg, "thanos_receive_forward_requests_total",
						    "The number of forward requests.", METRICS_LABELS("result"));
	struct metrics_vec *r = metrics_counter_vec(reg, "thanos_receive_replications_total",
						    "The number of replication operations done by the receiver.",
						    METRICS_LABELS("result"));
	static const char *const results[] = { "error", "success" };
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		m->stored[i] = metrics_counter_with(f, METRICS_LABELS(results[i]));
		m->replicated[i] = metrics_counter_with(r, METRICS_LABELS(results[i]));
	}
}

void receive_metrics_stored(struct receive_metrics *m, int rc, enum append_answer answer)
{
	if (rc == 0 && answer == APPEND_CONFLICT)
		return;
	bool ok = rc == 0 && answer == APPEND_DONE;
	counter_inc(m->stored[ok]);
	counter_inc(m->replicated[ok]);
}

/* Limits, and the gate of write requests (upstream: pkg/gate with its prefix). */
static void init_limits(struct receive_metrics *m, struct metrics_registry *reg)
{
	gate_metrics_init(m->gate, reg, "thanos_receive_write_request_concurrent_gate_write_requests_",
			  "write_requests");
	m->limits = metrics_gauge_vec(reg, "thanos_receive_write_limits", "The configured write limits.",
				      METRICS_LABELS("tenant", "limit"));
	m->limits_hit = metrics_summary_vec(reg, "thanos_receive_write_limits_hit",
					    "Summary of how much beyond the limit a refused remote write request was.",
					    METRICS_LABELS("tenant", "limit"));
	m->head_limits = metrics_gauge_vec(reg, "thanos_receive_head_series_limit",
					   "The configured limit for active (head) series of tenants.",
					   METRICS_LABELS("tenant"));
	m->limited =
		metrics_counter_vec(reg, "thanos_receive_head_series_limited_requests_total",
				    "Write requests that met the limit of active series.", METRICS_LABELS("tenant"));
	m->limits_reloads = metrics_counter(reg, "thanos_receive_limits_config_reload_total",
					    "How many times the limits were read again.");
	m->limits_reload_errors = metrics_counter(reg, "thanos_receive_limits_config_reload_err_total",
						  "How many times reading the limits again failed.");
}

static void show_limits(struct receive_metrics *m, const char *tenant, const struct tenant_limits *l)
{
	gauge_set(metrics_gauge_with(m->limits, METRICS_LABELS(tenant, "body_size")), (double)l->size_bytes);
	gauge_set(metrics_gauge_with(m->limits, METRICS_LABELS(tenant, "series")), (double)l->series);
	gauge_set(metrics_gauge_with(m->limits, METRICS_LABELS(tenant, "samples")), (double)l->samples);
	gauge_set(metrics_gauge_with(m->head_limits, METRICS_LABELS(tenant)), (double)l->head_series);
}

void receive_metrics_limits(struct receive_metrics *m, const struct receive_limits *l)
{
	struct tenant_limits of = receive_limits_default(l);
	struct str tenant;
	size_t pos = 0;
	metrics_vec_clear(m->limits);
	metrics_vec_clear(m->head_limits);
	show_limits(m, "", &of);
	while (receive_limits_next(l, &pos, &tenant, &of)) {
		char *name = xstrndup(tenant.p, tenant.n);
		show_limits(m, name, &of);
		free(name);
	}
}

void receive_metrics_limit_hit(struct receive_metrics *m, struct str tenant, const char *limit, uint64_t over)
{
	char name[160];
	snprintf(name, sizeof(name), "%.*s", STR_ARG(tenant));
	summary_observe(metrics_summary_with(m->limits_hit, METRICS_LABELS(name, limit)), (double)over);
}

void receive_metrics_init(struct receive_metrics *m, struct metrics_registry *reg, struct receive_dbs *dbs,
			  struct gate *gate)
{
	/* Bounds of upstream's pkg/receive/handler.go. */
	static const double counts[] = { 10, 50, 100, 500, 1000, 5000, 10000 };
	*m = (struct receive_metrics){ .gate = gate };
	m->write_timeseries = metrics_histogram_vec(reg, "thanos_receive_write_timeseries",
						    "The number of timeseries received in the incoming write requests.",
						    METRICS_LABELS("code", "tenant"), counts, ARRAY_LEN(counts));
	m->write_samples = metrics_histogram_vec(reg, "thanos_receive_write_samples",
						 "The number of sampled received in the incoming write requests.",
						 METRICS_LABELS("code", "tenant"), counts, ARRAY_LEN(counts));
	m->pending = metrics_gauge(reg, "thanos_receive_pending_write_requests", "Write requests being served.");
	m->db_updates_attempted = metrics_counter(
		reg, "thanos_receive_multi_db_updates_attempted_total",
		"Number of Multi DB attempted reloads with flush and potential upload due to hashring changes.");
	m->db_updates_completed = metrics_counter(
		reg, "thanos_receive_multi_db_updates_completed_total",
		"Number of Multi DB completed reloads with flush and potential upload due to hashring changes.");
	(void)metrics_counter(reg, "thanos_receive_metamonitoring_failed_queries_total",
			      "Meta-monitoring queries that failed while limiting; this receiver asks none.");
	init_stored(m, reg);
	init_limits(m, reg);
	tsdb_metrics_init(&m->tsdb, reg, dbs);
	init_store(m, reg);
	gauge_set(metrics_gauge(reg, "thanos_receive_replication_factor", "The number of times each series is stored."),
		  1);
}

void receive_metrics_fini(struct receive_metrics *m, struct metrics_registry *reg)
{
	tsdb_metrics_fini(&m->tsdb, reg);
	gate_metrics_fini(m->gate, reg);
}

void receive_metrics_write(struct receive_metrics *m, int status, struct str tenant, uint64_t n_series,
			   uint64_t n_samples)
{
	char code[8], name[160];
	snprintf(code, sizeof(code), "%d", status);
	snprintf(name, sizeof(name), "%.*s", STR_ARG(tenant));
	histogram_observe(metrics_histogram_with(m->write_timeseries, METRICS_LABELS(code, name)), (double)n_series);
	histogram_observe(metrics_histogram_with(m->write_samples, METRICS_LABELS(code, name)), (double)n_samples);
}

void receive_metrics_limited(struct receive_metrics *m, struct str tenant)
{
	char name[160];
	snprintf(name, sizeof(name), "%.*s", STR_ARG(tenant));
	counter_inc(metrics_counter_with(m->limited, METRICS_LABELS(name)));
}
