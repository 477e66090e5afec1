/*
 * receive/metrics.h - what upstream's dashboards and alerts know of receive.
 */
#ifndef RECEIVE_METRICS_H
#define RECEIVE_METRICS_H

#include "base/str.h"
#include "receive/append.h"
#include "receive/tsdb_metrics.h"

#include <stdint.h>

struct gate;
struct metrics_registry;
struct metrics_histogram;
struct metrics_vec;
struct receive_dbs;
struct receive_limits;
struct counter;
struct gauge;

/* Handles. A plain value of its component. */
struct receive_metrics {
	struct metrics_vec *write_timeseries, *write_samples; /* histograms by code and tenant */
	struct counter *stored[2], *replicated[2];            /* requests: [0] that failed, [1] that did not */
	struct metrics_vec *limited;     /* requests refused by the active series limit, by tenant */
	struct gauge *pending;           /* write requests being served */
	struct gate *gate;               /* that they pass */
	struct metrics_vec *limits;      /* gauges by tenant and limit */
	struct metrics_vec *limits_hit;  /* summaries likewise: by how much requests were over */
	struct metrics_vec *head_limits; /* gauges by tenant */
	struct counter *db_updates_attempted, *db_updates_completed;
	struct counter *limits_reloads, *limits_reload_errors;
	struct metrics_histogram *series_requested, *chunks_requested; /* of Series calls */
	struct gauge *series_pending;
	struct tsdb_metrics tsdb;
};

/*
 * Registers everything; the figures of the TSDBs in `dbs` and of the gate of write requests are read at exposition. `m` must
 * stay where it is.
 */
void receive_metrics_init(struct receive_metrics *m, struct metrics_registry *reg, struct receive_dbs *dbs,
			  struct gate *gate);

/* Stops reading `dbs`. */
void receive_metrics_fini(struct receive_metrics *m, struct metrics_registry *reg);

/* Counts an answered write request. */
void receive_metrics_write(struct receive_metrics *m, int status, struct str tenant, uint64_t series, uint64_t samples);

/*
 * Counts a request by what became of it as upstream counts what it forwards to itself: conflicts are no failures, and not
 * counted. `rc` is the error of the whole, `answer` what became of its series where that is 0.
 */
void receive_metrics_stored(struct receive_metrics *m, int rc, enum append_answer answer);

/* Shows the configured limits; NULL is none. */
void receive_metrics_limits(struct receive_metrics *m, const struct receive_limits *l);

/* Counts a request that was over one of its tenant's limits. */
void receive_metrics_limit_hit(struct receive_metrics *m, struct str tenant, const char *limit, uint64_t over);

/* Counts a request that met the limit of active series. */
void receive_metrics_limited(struct receive_metrics *m, struct str tenant);

#endif
