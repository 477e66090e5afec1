/*
 * query/fanout_internal.h - what the parts of the fan-out share. Private to query/.
 */
#ifndef QUERY_FANOUT_INTERNAL_H
#define QUERY_FANOUT_INTERNAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "query/endpoints.h"
#include "query/fanout.h"
#include "series/wire_series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counter;
struct gauge;
struct grpc_call_opts;
struct grpc_metadata;
struct metrics_histogram;

struct fanout {
	struct endpoints *set;
	struct fanout_config cfg;
	uint32_t pending; /* Series calls under way */
	/* NULL without a registry */
	struct counter *empty_streams, *dropped_series, *dropped_samples;
	struct metrics_histogram *series_requested, *chunks_requested;
	struct gauge *pending_requests;
};

/* Whom to ask, and with which matchers. */
struct fanout_plan {
	struct endpoint_info **all; /* references */
	size_t n_all;
	struct endpoint_info **stores; /* those of `all` that fit */
	size_t n_stores;
	const struct wire_matcher *matchers; /* to send */
	size_t n_matchers;
	size_t n_own; /* how many of them are the request's */
	bool outside; /* the request does not match the selector labels: nothing can */
};

/*
 * Chooses stores. What it points to lies in `a`; references go with fanout_plan_fini, which is to be called also after an error.
 * INVALID_ARGUMENT for a bad regular expression.
 */
int fanout_plan_make(struct fanout *f, const struct wire_matcher *m, size_t n, int64_t mint, int64_t maxt,
		     const struct fanout_scope *scope, struct arena *a, struct fanout_plan *ret, struct err *err);

/* Gives the references back. */
void fanout_plan_fini(struct fanout_plan *p);

/* The store's name in messages: "Addr: ... MinTime: ... MaxTime: ...". In `a`; NULL over its budget. */
const char *fanout_store_text(const struct endpoint_info *i, struct arena *a);

/* Most entries of a call's metadata. */
#define FANOUT_METADATA 2

/* Fills in the metadata, tenant and all, FANOUT_METADATA entries at most; both live as long as the call is being made. */
void fanout_call_opts(const struct fanout_scope *scope, struct grpc_metadata *meta, struct grpc_call_opts *opts);

/*
 * After a call to the store failed with `code` for the `tries`-th time (from 1) without an answer: waits and says whether to try
 * again, which endpoint groups do three times (upstream: EndpointGroupGRPCOpts).
 */
bool co_fanout_try_again(const struct endpoint_info *i, int code, unsigned tries);

/* Whether a request asks for WARN. */
static inline bool fanout_warns(bool disabled, uint32_t strategy)
{
	return !disabled && strategy != PARTIAL_ABORT;
}

/* --- one store's stream --------------------------------------------------------------- */

/* What the streams of a call share. Borrowed by them. */
struct stream_shared {
	struct fanout *f;
	const struct series_request *req;
	const struct fanout_scope *scope;
	struct str message;         /* the request, encoded */
	const struct str *replicas; /* sorted */
	size_t n_replicas;
	struct fanout_warnings *warnings;
	bool abort;
	struct budget *budget;
	struct arena *arena; /* of the call */
	uint64_t bytes;      /* received by all */
	int64_t begin_ns;    /* monotonic */
	bool failed_here; /* some stream failed for want of memory, time or because of cancellation: not the store's failure */
};

/* A store's stream, as a cursor of series. */
struct store_stream;

/*
 * Makes one; does not connect yet. Takes its own reference of `info`. `text` is the store's name, `peer` gets its figures (both
 * borrowed). *slot is set to the stream, and to NULL when its cursor is closed.
 */
void store_stream_new(struct stream_shared *sh, struct endpoint_info *info, const char *text, struct fanout_peer *peer,
		      struct store_stream **slot);

/*
 * Opens the call and waits for the first series, or for all of them where they have to be sorted here. What goes wrong is kept and told
 * by the cursor.
 */
void co_store_stream_begin(struct store_stream *st);

/* Samples of all parts of a chunk, as upstream's SeriesStatsCounter counts them. */
uint64_t fanout_chunk_samples(const struct series_chunk *c);

/* Whether the call was sent, or failed. */
bool store_stream_opened(const struct store_stream *st);

/* Says that waiting for the connection took too long; its fiber is about to be cancelled. */
void store_stream_give_up(struct store_stream *st);

/* The cursor; closing it frees the stream. */
struct series_cursor *store_stream_cursor(struct store_stream *st);

/* Whether the stream's series given out last has these labels: it had a part in the merged one. */
bool store_stream_stands_at(const struct store_stream *st, struct labels l);

#endif
