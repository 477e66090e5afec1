/*
 * query/query_internal.h - the querier's inside. Private to query/.
 */
#ifndef QUERY_QUERY_INTERNAL_H
#define QUERY_QUERY_INTERNAL_H

#include "api/active.h"
#include "loop/fiber.h"
#include "loop/gate.h"
#include "query/cost.h"
#include "query/query.h"

struct counter;
struct gauge;
struct metrics_histogram;
struct metrics_vec;

/* Numbers that are NULL without a registry. */
struct query_metrics {
	struct gauge *selects_in_flight;
	struct counter *selects_total;
	struct metrics_histogram *selects_wait;
	struct metrics_vec *duration; /* by series_le, samples_le, tenant */
};

struct query {
	struct reactor *r;
	struct logger *lg;
	struct metrics_registry *reg;
	struct arena arena; /* of `cfg` */
	struct query_config cfg;
	struct str *replica_labels;
	size_t n_replica_labels;
	struct relabel_rules *selector;
	struct budget budget;
	struct discovery *discovery;
	struct endpoints *endpoints;
	struct fanout *fanout;
	struct gate gate;
	struct api_active active;
	struct query_metrics m;
	struct query_engine_metrics engine;
	struct gauge *engine_queries[2]; /* of both names */
	struct fiber *updater;           /* NULL when not running */
	struct waitq stopped;
};

#endif
