/*
 * receive/tsdb_metrics.h - the figures of all tenants' TSDBs under the names they have in Prometheus, with the label tenant.
 *
 * Left out are figures of what is not here: isolation, a queue of chunks to be written, snapshots of memory, compaction of
 * overlapping blocks, series counted by their last sample.
 */
#ifndef RECEIVE_TSDB_METRICS_H
#define RECEIVE_TSDB_METRICS_H

struct metrics_registry;
struct metrics_vec;
struct receive_dbs;

/* Most names. */
#define TSDB_METRICS_MAX 80

/* Handles. */
struct tsdb_metrics {
	struct receive_dbs *dbs;
	struct metrics_vec *vec[TSDB_METRICS_MAX]; /* in the order of the table; filled anew at exposition */
};

/* Registers all; they are read from `dbs` at exposition. `m` must stay where it is. */
void tsdb_metrics_init(struct tsdb_metrics *m, struct metrics_registry *reg, struct receive_dbs *dbs);

/* Stops reading. */
void tsdb_metrics_fini(struct tsdb_metrics *m, struct metrics_registry *reg);

#endif
