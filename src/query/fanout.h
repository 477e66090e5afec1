/*
 * query/fanout.h - one Store API out of many: upstream's pkg/store/proxy.go.
 *
 * A call goes to the stores whose time range, external labels and address
 * fit. Where one fails, the partial response strategy decides: WARN goes on
 * without it and notes a warning with the store's name in it, ABORT fails the call.
 *
 * Series are pulled: each store's stream is read as its series are needed, so what
 * waits is in gRPC's flow-control windows, and a store that sends nothing for
 * the response timeout is given up without the others being touched. Peers
 * are not trusted: series out of order, malformed frames and labels are errors of
 * that peer.
 */
#ifndef QUERY_FANOUT_H
#define QUERY_FANOUT_H

#include "base/arena.h"
#include "base/err.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "series/series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoints;
struct fanout;
struct label_request;
struct label_response;
struct metrics_registry;
struct relabel_rules;
struct series_request;

/* How a fan-out behaves. Borrowed, except where said; the owner keeps it. */
struct fanout_config {
	struct labels selector_labels;        /* what this querier says it covers (--selector-label) */
	const struct relabel_rules *selector; /* chooses stores by external labels; NULL: all */
	int64_t response_timeout_ms;          /* longest wait for a frame of one store; 0: none */
	int64_t limit_series, limit_samples;  /* of one Series call (--store.limits.*); 0: none */
};

/* Makes a fan-out over `set`. `reg` may be NULL. */
struct fanout *fanout_new(struct endpoints *set, const struct fanout_config *cfg, struct metrics_registry *reg);

/* Frees it; no call may be under way. NULL is fine. */
void fanout_free(struct fanout *f);

/* The label sets that Info announces: those of the stores, each with the selector labels put on. In `a`. */
int fanout_label_sets(struct fanout *f, struct arena *a, struct labels **ret, size_t *ret_n, struct err *err);

/* The time range of all stores: INT64_MIN..INT64_MAX without any. */
void fanout_time_range(struct fanout *f, int64_t *ret_mint, int64_t *ret_maxt);

/* One set of matchers on __address__: a storeMatch[]. */
struct fanout_match {
	struct matcher *const *p;
	size_t n;
};

/* What does not lie in the request itself. Zero-initialised is the default. Borrowed for the call's duration. */
struct fanout_scope {
	const struct fanout_match *store_match; /* stores must pass one of them; none: all pass */
	size_t n_store_match;
	struct str tenant; /* sent on as metadata thanos-tenant; empty: not sent */
	bool detail;       /* samples are counted per endpoint, too, and queriers below tell of theirs */
};

/* Warnings of a request, distinct, in the order noted. Texts lie in the arena. Zero `texts` is empty. */
struct fanout_warnings {
	struct arena *a;
	struct str *texts;
	size_t n, cap;
};

/* Adds a warning unless it is there already. Past the arena's budget it is dropped. */
void fanout_warn(struct fanout_warnings *w, struct str text);

/* Figures of a stream. */
struct fanout_stats {
	uint64_t series, chunks, samples, bytes;
	uint64_t stores; /* asked */
};

/* What one endpoint had to do with a Series call. */
struct fanout_peer {
	const char *name;       /* its address; as long as the call */
	uint64_t series;        /* of its frames, replicas and blocks apart */
	uint64_t chunks, bytes; /* likewise */
	uint64_t samples;       /* in those chunks; 0 without scope.detail */
	uint64_t frames;
	int64_t first_ns;    /* from the call's begin to its first frame, or to its end; 0: nothing came yet */
	int64_t wait_ns;     /* spent waiting for its frames */
	int64_t duration_ns; /* from the call's begin to its end; 0: not ended */
	bool ended, failed;
	bool refused; /* it failed before its stream was open */
	struct str
		told; /* what it says its own endpoints did (query/below.h), unchecked; with scope.detail, as long as the call */
};

/* A merged stream of series. */
struct fanout_series;

/*
 * Begins a Series call; suspends until the streams are opened. `req`, `scope` and `w` stay borrowed until
 * fanout_series_close. `budget` (may be NULL) holds what is buffered here. Replica labels are gone from the
 * series, the shard is applied, the limit is respected; series come sorted, each once.
 * *ret is set before it suspends, so that others see the figures of what is being opened; it is to be closed after an error, too.
 * INVALID_ARGUMENT without matchers ("no matchers specified (excluding selector labels)"); with ABORT, UNKNOWN "No StoreAPIs available"
 * where there are none at all. No store that fits is an empty stream.
 */
int co_fanout_series(struct fanout *f, const struct series_request *req, const struct fanout_scope *scope,
		     struct fanout_warnings *w, struct budget *budget, struct fanout_series **ret, struct err *err);

/* The next series, valid until the next call: 1, 0 at the end, or an error. */
int co_fanout_series_next(struct fanout_series *s, struct series *ret, struct err *err);

/*
 * The stores that had a part in the series given out last, with labels `l`, by name: for messages about its chunks. In `a`
 * or static.
 */
const char *fanout_series_stores_of(const struct fanout_series *s, struct labels l, struct arena *a);

/* Figures so far. */
struct fanout_stats fanout_series_stats(const struct fanout_series *s);

/* The endpoints that were asked, with their figures so far; valid until the call is closed. */
const struct fanout_peer *fanout_series_peers(const struct fanout_series *s, size_t *ret_n);

/* An endpoint, and whether a Series call would go to it. Strings lie in the arena or are static. */
struct fanout_choice {
	const char *name, *component;
	int64_t mint, maxt;
	const char *left_out; /* why not; NULL: it would be asked */
};

/*
 * Whom a Series call would go to, now, and with which matchers: `req` with those of the selector put in. All endpoints of the
 * Store API are in the list, and those that are not healthy. In `a`. INVALID_ARGUMENT for a bad regular expression.
 */
int fanout_explain(struct fanout *f, struct series_request *req, const struct fanout_scope *scope, struct arena *a,
		   struct fanout_choice **ret, size_t *ret_n, struct err *err);

/* Ends the call, at its end or before. NULL is fine. Does not suspend. */
void fanout_series_close(struct fanout_series *s);

/* Label names: the union of the stores', sorted; replica labels removed by the stores. The response lies in `a`. */
int co_fanout_label_names(struct fanout *f, const struct label_request *req, const struct fanout_scope *scope,
			  struct arena *a, struct label_response *ret, struct err *err);

/* Values of req->label: as co_fanout_label_names. INVALID_ARGUMENT without a label. */
int co_fanout_label_values(struct fanout *f, const struct label_request *req, const struct fanout_scope *scope,
			   struct arena *a, struct label_response *ret, struct err *err);

#endif
