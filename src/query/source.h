/*
 * query/source.h - samples for PromQL out of the fan-out: stores' chunks merged,
 * decoded, and replicas made one (upstream: pkg/query/querier.go).
 */
#ifndef QUERY_SOURCE_H
#define QUERY_SOURCE_H

#include "base/arena.h"
#include "base/err.h"
#include "promql/engine.h"
#include "query/fanout.h"
#include "series/wire_series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_progress;
struct query;
struct query_source;
struct shard_info;

/* How the selects of one request behave. Borrowed until the source is gone. */
struct query_select_opts {
	bool dedup;
	const struct str *replica_labels; /* in force: of the request or, without any, of the configuration */
	size_t n_replica_labels;
	bool partial_response;          /* WARN, else ABORT */
	bool skip_chunks;               /* labels only: series without samples */
	int64_t max_resolution_ms;      /* coarsest downsampling taken; 0: raw */
	const struct shard_info *shard; /* NULL: none */
	uint64_t limit;                 /* most series of a select; 0: all */
	struct fanout_scope scope;
};

/*
 * Makes a source; it lies in `a` and goes with it. Its sets draw on a's budget. After an evaluation look at the warnings.
 *
 *	struct query_source *s = query_source_new(q, &opts, arena, err);
 *	struct promql_source ps = query_source_promql(s);
 *	rc = promql_exec(&query, &engine_opts, &ps, arena, &result, err);
 */
struct query_source *query_source_new(struct query *q, const struct query_select_opts *o, struct arena *a,
				      struct err *err);

/* The interface that the engine pulls from. Its functions suspend. Series come sorted by labels. */
struct promql_source query_source_promql(struct query_source *s);

/* Warnings of the stores so far; also to be added to. */
struct fanout_warnings *query_source_warnings(struct query_source *s);

/* Sums over all selects so far. */
struct fanout_stats query_source_stats(const struct query_source *s);

/* One endpoint's part in all selects of a request that are closed. */
struct query_peer {
	const char *name;
	uint64_t calls, failed, series, chunks, bytes;
	int64_t wait_ns;
};

/* The endpoints that were asked, in the order first asked. Valid until the next select is closed. */
const struct query_peer *query_source_peers(const struct query_source *s, size_t *ret_n);

/* A select that is closed, kept with scope.detail. */
struct query_select {
	uint32_t id;               /* hints.id */
	struct series_request req; /* its parts as long as the source */
	struct fanout_stats stats; /* of the merged stream */
	const struct fanout_peer *peers;
	size_t n_peers;
	struct query_select *next;
};

/* The selects that are closed, oldest first; NULL without scope.detail. */
const struct query_select *query_source_selects(const struct query_source *s);

/* The request that a select would send. Its parts lie in the source's arena, or are borrowed from the arguments. */
int query_source_request(struct query_source *s, struct matcher *const *matchers, size_t n_matchers,
			 const struct promql_hints *hints, struct series_request *ret, struct err *err);

/* Whom a request would go to: see fanout_explain. */
int query_source_choices(struct query_source *s, struct series_request *req, struct fanout_choice **ret, size_t *ret_n,
			 struct err *err);

/* What was read so far, and from whom more is to come: for the list of active queries. `source` is a struct query_source. */
void query_source_progress(void *source, struct api_progress *ret);

/*
 * Counts the request into thanos_store_api_query_duration_seconds, by the sizes of what was
 * selected. `tenant` is a C string. Once, after the evaluation; nothing where nothing was selected.
 */
void query_source_observe(struct query_source *s, double seconds, const char *tenant);

#endif
