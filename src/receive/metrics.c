#include "receive/metrics.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "loop/gate.h"
#include "metrics/metrics.h"
#include "receive/dbs.h"
#include "receive/limits.h"
#include "tsdb/head.h"

#include <stdio.h>
#include <stdlib.h>

/* What a tenant's figures are taken from. */
struct source {
	struct head_stats head;
	struct receive_db_stats db;
	const struct receive_db_config *cfg;
};

/* Declares `static double name(const struct source *s)` that returns an expression. */
#define FIGURE(name, expr) \
	static double name(const struct source *s) \
	{ \
		return (double)(expr); \
	}

FIGURE(series, s->head.series)
FIGURE(created, s->head.series_created)
FIGURE(removed, s->head.series_removed)
FIGURE(chunks, s->head.chunks)
FIGURE(floats, s->head.samples)
FIGURE(histograms, s->head.histograms)
FIGURE(ooo, s->head.ooo_samples)
FIGURE(min_time, s->head.min_time)
FIGURE(max_time, s->head.max_time)
FIGURE(wal, s->head.wal_bytes)
FIGURE(chunk_files, s->head.chunk_file_bytes)
FIGURE(exemplars, s->head.exemplars)
FIGURE(out_of_order, s->head.refused[HEAD_OUT_OF_ORDER])
FIGURE(out_of_bounds, s->head.refused[HEAD_OUT_OF_BOUNDS])
FIGURE(too_old, s->head.refused[HEAD_TOO_OLD])
FIGURE(blocks, s->db.blocks)
FIGURE(block_bytes, s->db.block_bytes)
FIGURE(compactions, s->db.compactions)
FIGURE(compactions_failed, s->db.compactions_failed)
FIGURE(checkpoints, s->db.checkpoints)
FIGURE(checkpoints_failed, s->db.checkpoints_failed)
FIGURE(time_retentions, s->db.time_retentions)
FIGURE(size_retentions, s->db.size_retentions)
FIGURE(commits_failed, s->db.commits_failed)
FIGURE(corruptions, s->db.corruptions)
FIGURE(replay, (double)s->db.replay_ms / 1000)
FIGURE(lowest, s->db.min_time)
FIGURE(retention_bytes, s->cfg->retention_bytes)
FIGURE(retention_seconds, (double)s->cfg->retention_ms / 1000)

/* A figure under its name in Prometheus, with the label tenant, and type where `type` is set. */
static const struct {
	const char *name, *type, *help;
	double (*read)(const struct source *s);
} figures[] = {
	{ "prometheus_tsdb_head_series", NULL, "Series in the head.", series },
	{ "prometheus_tsdb_head_series_created_total", NULL, "Series created in the head.", created },
	{ "prometheus_tsdb_head_series_removed_total", NULL, "Series removed from the head.", removed },
	{ "prometheus_tsdb_head_chunks", NULL, "Chunks in the head.", chunks },
	{ "prometheus_tsdb_head_chunks_storage_size_bytes", NULL, "Size of the files of closed chunks.", chunk_files },
	{ "prometheus_tsdb_head_samples_appended_total", "float", "Samples appended.", floats },
	{ "prometheus_tsdb_head_samples_appended_total", "histogram", "Samples appended.", histograms },
	{ "prometheus_tsdb_head_out_of_order_samples_appended_total", "float", "Samples appended out of order.", ooo },
	{ "prometheus_tsdb_head_min_time", NULL, "Time of the oldest sample in the head, ms.", min_time },
	{ "prometheus_tsdb_head_max_time", NULL, "Time of the newest sample in the head, ms.", max_time },
	{ "prometheus_tsdb_wal_storage_size_bytes", NULL, "Bytes written to the write-ahead log.", wal },
	{ "prometheus_tsdb_exemplar_exemplars_in_storage", NULL, "Exemplars held.", exemplars },
	{ "prometheus_tsdb_out_of_order_samples_total", "float", "Samples refused as out of order.", out_of_order },
	{ "prometheus_tsdb_out_of_bound_samples_total", "float", "Samples refused as out of bounds.", out_of_bounds },
	{ "prometheus_tsdb_too_old_samples_total", "float", "Samples refused as older than the window.", too_old },
	{ "prometheus_tsdb_blocks_loaded", NULL, "Blocks loaded.", blocks },
	{ "prometheus_tsdb_storage_blocks_bytes", NULL, "Bytes of all blocks.", block_bytes },
	{ "prometheus_tsdb_compactions_total", NULL, "Cuts of the head into blocks.", compactions },
	{ "prometheus_tsdb_compactions_failed_total", NULL, "Cuts that failed.", compactions_failed },
	{ "prometheus_tsdb_checkpoint_creations_total", NULL, "Checkpoints of the log.", checkpoints },
	{ "prometheus_tsdb_checkpoint_creations_failed_total", NULL, "Checkpoints that failed.", checkpoints_failed },
	{ "prometheus_tsdb_time_retentions_total", NULL, "Blocks deleted for their age.", time_retentions },
	{ "prometheus_tsdb_size_retentions_total", NULL, "Blocks deleted for the size of all.", size_retentions },
	{ "prometheus_tsdb_wal_writes_failed_total", NULL, "Commits to the log that failed.", commits_failed },
	{ "prometheus_tsdb_wal_corruptions_total", NULL, "Damaged places found in log and chunk files.", corruptions },
	{ "prometheus_tsdb_data_replay_duration_seconds", NULL, "Time that opening took.", replay },
	{ "prometheus_tsdb_lowest_timestamp", NULL, "Time of the oldest sample in blocks and head, ms.", lowest },
	{ "prometheus_tsdb_retention_limit_bytes", NULL, "Most bytes of blocks kept; 0 is no limit.", retention_bytes },
	{ "prometheus_tsdb_retention_limit_seconds", NULL, "Age up to which blocks are kept; 0 is no limit.",
	  retention_seconds },
};

static bool is_counter(const char *name)
{
	return str_has_suffix(str_c(name), STR("_total"));
}

/* Sets one figure of one tenant. */
static void set_figure(struct receive_metrics *m, size_t f, const char *tenant, const struct source *s)
{
	const char *const *values = figures[f].type ? METRICS_LABELS(tenant, figures[f].type) : METRICS_LABELS(tenant);
	if (is_counter(figures[f].name))
		metrics_counter_with(m->tsdb[f], values)->v = figures[f].read(s);
	else
		gauge_set(metrics_gauge_with(m->tsdb[f], values), figures[f].read(s));
}

/* Before every exposition: the figures of all tenants that are open. */
static void refresh(void *arg)
{
	struct receive_metrics *m = arg;
	struct receive_db **dbs;
	struct arena a;
	size_t n = 0;
	arena_init(&a, NULL);
	for (size_t f = 0; f < ARRAY_LEN(figures); f++)
		metrics_vec_clear(m->tsdb[f]);
	metrics_vec_clear(m->commits);
	if (receive_dbs_all(m->dbs, &a, &dbs, &n, NULL) != 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct source s = { .cfg = receive_db_config(dbs[i]) };
		head_stats(receive_db_head(dbs[i]), &s.head);
		receive_db_stats(dbs[i], &s.db);
		for (size_t f = 0; f < ARRAY_LEN(figures); f++)
			set_figure(m, f, receive_db_tenant(dbs[i]), &s);
		*metrics_summary_with(m->commits, METRICS_LABELS(receive_db_tenant(dbs[i]))) =
			(struct summary){ (uint64_t)s.db.commits, (double)s.db.commit_ns / 1e9 };
		receive_dbs_put(m->dbs, dbs[i]);
	}
	arena_fini(&a);
}

static void init_tsdb(struct receive_metrics *m, struct metrics_registry *reg)
{
	CHECK(ARRAY_LEN(figures) <= ARRAY_LEN(m->tsdb));
	for (size_t f = 0; f < ARRAY_LEN(figures); f++) {
		const char *const *labels =
			figures[f].type ? METRICS_LABELS("tenant", "type") : METRICS_LABELS("tenant");
		m->tsdb[f] = is_counter(figures[f].name)
				     ? metrics_counter_vec(reg, figures[f].name, figures[f].help, labels)
				     : metrics_gauge_vec(reg, figures[f].name, figures[f].help, labels);
	}
	m->commits = metrics_summary_vec(reg, "prometheus_tsdb_wal_fsync_duration_seconds",
					 "Duration of commits to the log: write and, by --tsdb.wal-sync, sync.",
					 METRICS_LABELS("tenant"));
}

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
	*m = (struct receive_metrics){ .dbs = dbs, .gate = gate };
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
	init_tsdb(m, reg);
	init_store(m, reg);
	gauge_set(metrics_gauge(reg, "thanos_receive_replication_factor", "The number of times each series is stored."),
		  1);
	metrics_on_collect(reg, refresh, m);
}

void receive_metrics_fini(struct receive_metrics *m, struct metrics_registry *reg)
{
	metrics_off_collect(reg, m);
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
