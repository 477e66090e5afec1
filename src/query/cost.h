/*
 * query/cost.h - queries that are over: counted, and logged where they were slow. Private to query/.
 */
#ifndef QUERY_COST_H
#define QUERY_COST_H

#include "api/cost.h"

struct counter;
struct gauge;
struct metrics_histogram;
struct metrics_registry;
struct query;
struct query_config;
struct summary;

/* The parts of a query that are timed. */
enum query_slice { QUERY_SLICE_PREPARE, QUERY_SLICE_QUEUE, QUERY_SLICE_EVAL, QUERY_SLICES };

/* Metrics of the engine; NULL without a registry. */
struct query_engine_metrics {
	struct counter *queries_total, *samples_total, *samples_read_total, *slow_total, *log_failures_total;
	struct metrics_histogram *histograms[QUERY_SLICES];
	struct summary *summaries[QUERY_SLICES];
};

/*
 * Registers thanos_engine_* and prometheus_engine_* with labels engine="thanos", mode="local". How many queries there are is
 * read from `q`.
 */
void query_engine_metrics_init(struct query_engine_metrics *m, struct query *q, struct metrics_registry *reg);

/* Counts a query, and logs it if it took longer than the threshold. `arg` is a struct query. Does not suspend. */
void query_cost_note(void *arg, const struct api_query_cost *c);

#endif
