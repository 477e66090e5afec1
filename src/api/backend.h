/*
 * api/backend.h - what stands behind the query API: where series come from.
 *
 * The querier's is the fan-out; tests have one in memory.
 */
#ifndef API_BACKEND_H
#define API_BACKEND_H

#include "api/reply.h"
#include "base/arena.h"
#include "base/err.h"
#include "labels/matcher.h"
#include "promql/engine.h"
#include "promql/lang/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonw;
struct promql_read;
struct api_active;
struct api_query_cost;
struct api_progress;
struct shard_info;

/* Matchers that must all pass. */
struct api_matchers {
	struct matcher *const *p;
	size_t n;
};

/* What a request says about its selects. */
struct api_select {
	bool dedup;
	const struct str *replica_labels; /* in force */
	size_t n_replica_labels;
	bool partial_response;                  /* go on without stores that fail */
	bool skip_chunks;                       /* labels only */
	int64_t max_resolution_ms;              /* coarsest downsampling; 0: raw */
	const struct shard_info *shard;         /* NULL: none */
	uint64_t limit;                         /* most series of a select; 0: all */
	const struct api_matchers *store_match; /* one of them must pass a store; none: all do */
	size_t n_store_match;
	struct str tenant;
	bool detail; /* figures of each select are kept, for source_analyze */
};

/* Strings, sorted. */
struct api_strings {
	const struct str *p;
	size_t n;
};

/*
 * The interface. Every function gets `arg` (those of a source get what source_new returned). Functions that return int
 * may suspend; their errors are worded for users.
 */
struct api_backend {
	void *arg;
	/* The list of running queries; NULL: none is kept. */
	struct api_active *active;
	/* Waits for a place among the queries. NULL: no limit. */
	int (*gate_enter)(void *arg, struct err *err);
	/* Gives it back. */
	void (*gate_leave)(void *arg);
	/* Prepares the budget of one query. */
	void (*budget_init)(void *arg, struct budget *b);
	/* Ends it, everything being given back. */
	void (*budget_fini)(void *arg, struct budget *b);
	/* What the parser is to accept. */
	struct promql_parse_opts (*parse_opts)(void *arg);
	/* How to evaluate; `lookback_ms` 0: the default for the resolution. */
	struct promql_opts (*engine_opts)(void *arg, int64_t max_resolution_ms, int64_t lookback_ms);
	/* A source for one request, in `a`; `sel` outlives it. Its series come sorted. */
	int (*source_new)(void *arg, const struct api_select *sel, struct arena *a, void **ret_source,
			  struct promql_source *ret, struct err *err);
	/* What its selects have read so far. May be NULL. */
	void (*source_progress)(void *source, struct api_progress *ret);
	/*
	 * Writes, as members of the object begun, what a select that is only planned would ask for and of whom. Does not suspend. May
	 * be NULL.
	 */
	int (*source_explain)(void *source, const struct promql_read *read, struct jsonw *w, struct err *err);
	/* Writes, as members of the object begun, what the select with that id asked for, and what it brought. May be NULL. */
	void (*source_analyze)(void *source, uint32_t id, struct jsonw *w);
	/* Adds the warnings of its selects so far. */
	void (*source_notes)(void *source, struct api_notes *notes);
	/* Is told what a query cost once it is over, answered or not; its source and memory are still there. May be NULL. */
	void (*query_done)(void *arg, const struct api_query_cost *cost);
	/* Counts the request into the metrics, after the evaluation. */
	void (*source_observe)(void *source, double seconds, struct str tenant);
	/* Label names between `start` and `end` (ms) of series that match; at most `limit` (0: all). In `a`. */
	int (*label_names)(void *arg, const struct api_select *sel, struct api_matchers m, int64_t start, int64_t end,
			   uint64_t limit, struct arena *a, struct api_strings *ret, struct api_notes *notes,
			   struct err *err);
	/* As label_names, values of label `name`. */
	int (*label_values)(void *arg, const struct api_select *sel, struct str name, struct api_matchers m,
			    int64_t start, int64_t end, uint64_t limit, struct arena *a, struct api_strings *ret,
			    struct api_notes *notes, struct err *err);
};

#endif
