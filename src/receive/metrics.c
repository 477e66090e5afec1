#include "receive/metrics.h"

#include "base/arena.h"
#include "base/compiler.h"
#include "metrics/metrics.h"
#include "receive/dbs.h"
#include "tsdb/head.h"

#include <stdio.h>

static double series(const struct head_stats *s)
{
	return (double)s->series;
}

static double created(const struct head_stats *s)
{
	return (double)s->series_created;
}

static double removed(const struct head_stats *s)
{
	return (double)s->series_removed;
}

static double chunks(const struct head_stats *s)
{
	return (double)s->chunks;
}

static double samples(const struct head_stats *s)
{
	return (double)(s->samples + s->histograms);
}

static double ooo(const struct head_stats *s)
{
	return (double)s->ooo_samples;
}

static double min_time(const struct head_stats *s)
{
	return (double)s->min_time;
}

static double max_time(const struct head_stats *s)
{
	return (double)s->max_time;
}

static double wal(const struct head_stats *s)
{
	return (double)s->wal_bytes;
}

static double exemplars(const struct head_stats *s)
{
	return (double)s->exemplars;
}

static double out_of_order(const struct head_stats *s)
{
	return (double)s->refused[HEAD_OUT_OF_ORDER];
}

static double out_of_bounds(const struct head_stats *s)
{
	return (double)s->refused[HEAD_OUT_OF_BOUNDS];
}

/* A figure of a head under its name in Prometheus, with the label tenant. */
static const struct {
	const char *name, *help;
	double (*read)(const struct head_stats *s);
} figures[] = {
	{ "prometheus_tsdb_head_series", "Series in the head.", series },
	{ "prometheus_tsdb_head_series_created_total", "Series created in the head.", created },
	{ "prometheus_tsdb_head_series_removed_total", "Series removed from the head.", removed },
	{ "prometheus_tsdb_head_chunks", "Chunks in the head.", chunks },
	{ "prometheus_tsdb_head_samples_appended_total", "Samples appended.", samples },
	{ "prometheus_tsdb_head_out_of_order_samples_appended_total", "Samples appended out of order.", ooo },
	{ "prometheus_tsdb_head_min_time", "Time of the oldest sample in the head, ms.", min_time },
	{ "prometheus_tsdb_head_max_time", "Time of the newest sample in the head, ms.", max_time },
	{ "prometheus_tsdb_wal_storage_size_bytes", "Size of the write-ahead log.", wal },
	{ "prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars held.", exemplars },
	{ "prometheus_tsdb_out_of_order_samples_total", "Samples refused as out of order.", out_of_order },
	{ "prometheus_tsdb_out_of_bound_samples_total", "Samples refused as out of bounds.", out_of_bounds },
};

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
	if (receive_dbs_all(m->dbs, &a, &dbs, &n, NULL) != 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct head_stats s;
		head_stats(receive_db_head(dbs[i]), &s);
		for (size_t f = 0; f < ARRAY_LEN(figures); f++)
			gauge_set(metrics_gauge_with(m->tsdb[f], METRICS_LABELS(receive_db_tenant(dbs[i]))),
				  figures[f].read(&s));
		receive_dbs_put(m->dbs, dbs[i]);
	}
	arena_fini(&a);
}

void receive_metrics_init(struct receive_metrics *m, struct metrics_registry *reg, struct receive_dbs *dbs)
{
	/* Bounds of upstream's pkg/receive/handler.go. */
	static const double counts[] = { 10, 50, 100, 500, 1000, 5000, 10000 };
	*m = (struct receive_metrics){ .dbs = dbs };
	m->write_timeseries = metrics_histogram_vec(reg, "thanos_receive_write_timeseries",
						    "The number of timeseries received in the incoming write requests.",
						    METRICS_LABELS("code", "tenant"), counts, ARRAY_LEN(counts));
	m->write_samples = metrics_histogram_vec(reg, "thanos_receive_write_samples",
						 "The number of sampled received in the incoming write requests.",
						 METRICS_LABELS("code", "tenant"), counts, ARRAY_LEN(counts));
	m->limited = metrics_counter_vec(reg, "thanos_receive_head_series_limited_requests_total",
					 "Write requests that met the limit of active series.", METRICS_LABELS("tenant"));
	m->pending = metrics_gauge(reg, "thanos_receive_pending_write_requests", "Write requests being served.");
	m->limits_reloads = metrics_counter(reg, "thanos_receive_limits_config_reload_total",
					    "How many times the limits were read again.");
	m->limits_reload_errors = metrics_counter(reg, "thanos_receive_limits_config_reload_err_total",
						  "How many times reading the limits again failed.");
	for (size_t f = 0; f < ARRAY_LEN(figures); f++)
		m->tsdb[f] = metrics_gauge_vec(reg, figures[f].name, figures[f].help, METRICS_LABELS("tenant"));
	gauge_set(metrics_gauge(reg, "thanos_receive_replication_factor", "The number of times each series is stored."), 1);
	metrics_on_collect(reg, refresh, m);
}

void receive_metrics_fini(struct receive_metrics *m, struct metrics_registry *reg)
{
	metrics_off_collect(reg, m);
}

void receive_metrics_write(struct receive_metrics *m, int status, struct str tenant, uint64_t n_series, uint64_t n_samples)
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
