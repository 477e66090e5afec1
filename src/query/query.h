/*
 * query/query.h - the querier: everything of `thanos query` but its servers.
 *
 * One object ties discovery, endpoints, fan-out, limits and engine options
 * together. HTTP handlers and gRPC services are built on it:
 *
 *	query_new -> query_start -> (serve) -> co_query_stop -> query_free
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "base/arena.h"
#include "base/err.h"
#include "discovery/discovery.h"
#include "labels/labels.h"
#include "promql/engine.h"
#include "promql/lang/parser.h"
#include "query/endpoints.h"
#include "query/fanout.h"
#include "series/dedup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_active;
struct dns_resolver;
struct label_request;
struct label_response;
struct logger;
struct metrics_registry;
struct query;
struct query_select_opts;
struct reactor;

/* A list of numbers; borrowed. */
struct query_bounds {
	const double *p;
	size_t n;
};

/*
 * What a querier is told; plain values. query_config_default() gives the defaults of the flags. Strings and lists are
 * copied by query_new.
 */
struct query_config {
	struct discovery_config discovery;
	struct endpoints_config endpoints;

	struct labels selector_labels;       /* --selector-label, sorted */
	const char *selector_relabel;        /* text of --selector.relabel-config; NULL: none */
	const char *selector_relabel_file;   /* its name in error messages */
	int64_t store_response_timeout_ms;   /* --store.response-timeout */
	int64_t limit_series, limit_samples; /* --store.limits.* */

	struct discovery_names replica_labels; /* --query.replica-label; comma-separated values are split */
	enum dedup_func dedup;                 /* --deduplication.func */
	int64_t timeout_ms;                    /* --query.timeout */
	uint32_t max_concurrent;               /* --query.max-concurrent */
	uint32_t max_concurrent_select;        /* --query.max-concurrent-select, within a query */
	uint64_t memory_limit_bytes;           /* of one query; 0: none */
	uint64_t max_memory_bytes;             /* of all queries; 0: none */
	int64_t slow_log_ms;                   /* --query.slow-log-threshold; 0: no query is logged */

	int64_t lookback_ms;               /* --query.lookback-delta; 0: 5 min */
	bool dynamic_lookback;             /* --query.dynamic-lookback-delta */
	int64_t eval_interval_ms;          /* --query.default-evaluation-interval */
	uint64_t max_samples;              /* --query.max-samples; 0: int32 max, as upstream */
	bool x_functions;                  /* --query.enable-x-functions */
	bool experimental_functions;       /* --enable-feature=promql-experimental-functions */
	bool extended_ranges;              /* promql-extended-range-selectors */
	bool fill_modifiers;               /* promql-binop-fill-modifiers */
	bool delayed_name_removal;         /* promql-delayed-name-removal */
	bool type_and_unit;                /* type-and-unit-labels */
	int64_t instant_max_resolution_ms; /* --query.instant.default.max_source_resolution */

	const char *engine;    /* --query.promql-engine: what the engine's metrics are labelled with; "prometheus" */
	struct budget *memory; /* that of all queries together is part of it; borrowed; NULL: none */
	const char *default_tenant;          /* --query.default-tenant-id; "default-tenant" */
	const char *journal_dir;             /* --query.active-query-path; NULL: no api/journal.h */
	struct query_bounds duration_bounds; /* --query.telemetry.*; n == 0: the flags' defaults */
	struct query_bounds sample_bounds, series_bounds;
};

/* The defaults of the flags. */
struct query_config query_config_default(void);

/*
 * Makes a querier. Blocks shortly to read configuration files and to make the journal. `dns`, `lg` and `reg` are borrowed; `reg` may
 * be NULL. INVALID_ARGUMENT for a configuration that is wrong.
 */
struct query *query_new(struct reactor *r, const struct query_config *cfg, struct dns_resolver *dns, struct logger *lg,
			struct metrics_registry *reg, struct err *err);

/* Starts the fiber that keeps endpoints up to date. Does not suspend. */
void query_start(struct query *q);

/* Ends it; queries under way go on. */
void co_query_stop(struct query *q);

/* Frees a querier that is stopped (or was never started) and without queries. NULL is fine. */
void query_free(struct query *q);

/* Its configuration, copied. */
const struct query_config *query_config(const struct query *q);

/* Its endpoints: for /api/v1/stores, readiness (co_endpoints_wait_ready) and other fan-outs. */
struct endpoints *query_endpoints(struct query *q);

/* Its fan-out. */
struct fanout *query_fanout(struct query *q);

/* The budget of all queries together. */
struct budget *query_budget(struct query *q);

/* The queries that run, of its APIs. */
struct api_active *query_active(struct query *q);

/* The replica labels of the configuration, split and trimmed. */
const struct str *query_replica_labels(const struct query *q, size_t *ret_n);

/* --- one query --------------------------------------------------------------------- */

/* Waits for a place among the concurrent queries, with thanos_query_concurrent_gate_* counted. "failed to wait for turn: ..." */
int co_query_gate_enter(struct query *q, struct err *err);

/* Gives the place back. */
void query_gate_leave(struct query *q);

/* Prepares the budget of one query (cfg.memory_limit_bytes) below that of all. End it with budget_fini. */
void query_budget_init(struct query *q, struct budget *b);

/*
 * Engine options for a query with this max source resolution. `lookback_ms` is the request's own, 0: the
 * configured one, which grows with the resolution (5 min, 1 h) where dynamic_lookback is on.
 */
struct promql_opts query_engine_opts(const struct query *q, int64_t max_resolution_ms, int64_t lookback_ms);

/* What the parser is to accept. */
struct promql_parse_opts query_parse_opts(const struct query *q);

/*
 * Label names with values between `start` and `end` (ms, inclusive) in series that pass the matchers: sorted, at most `limit`
 * (0: all). Replica labels are removed with o->dedup. *ret and the warnings lie in `a`.
 */
int co_query_label_names(struct query *q, const struct query_select_opts *o, struct matcher *const *matchers,
			 size_t n_matchers, int64_t start, int64_t end, uint64_t limit, struct arena *a,
			 struct label_response *ret, struct err *err);

/* Values of label `name`; as co_query_label_names. */
int co_query_label_values(struct query *q, const struct query_select_opts *o, struct str name,
			  struct matcher *const *matchers, size_t n_matchers, int64_t start, int64_t end,
			  uint64_t limit, struct arena *a, struct label_response *ret, struct err *err);

#endif
