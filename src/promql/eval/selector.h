/*
 * promql/eval/selector.h - nodes that read from the owner's source, and subqueries.
 */
#ifndef PROMQL_SELECTOR_H
#define PROMQL_SELECTOR_H

#include "promql/eval/matrix.h"

/*
 * How upstream's iterators go through a series: to each of `n` times `first`, `first` + `step`, ... from sample to sample,
 * but where more than `back` lies in between they jump to what is no older than that. See feed_hints.
 */
struct strides {
	int64_t first, step, back_first, back;
	uint32_t n;
};

/* An open set of series at the source. Opened at the first pull. */
struct feed {
	struct eval *ev;
	struct matcher **matchers;
	size_t n_matchers;
	struct promql_hints hints;
	void *set;
	bool opened, ended;
	uint64_t held;                      /* samples of the current series */
	uint64_t n_series, n_samples;       /* given by the source so far */
	int64_t grown_samples, grown_bytes; /* held because of it, as far as that can be told: see blame.c */
	struct node *owner;
	struct feed *next; /* eval.feeds list */
	/* columns of the current series without staleness markers, see feed_samples */
	struct arena cols;
	bool stats; /* hints of histograms are worked out anew, see feed_hints */
	struct strides strides;
	bool name_fixed; /* the matchers allow one metric name only */
};

/* The shift of a selector with everything known. */
struct shift {
	int64_t offset_ms;
	bool has_at;
	int64_t at_ms;
};

/* Compiles the matchers of a selector. The feed is closed with `owner`. */
int feed_init(struct feed *f, struct node *owner, const struct promql_selector *sel, struct err *err);

/* Sets the range of samples needed so that each step of `g` sees (ref - back, ref + ahead]; the query's grows by it. */
void feed_range(struct feed *f, struct eval *ev, const struct grid *g, struct shift s, int64_t back_ms,
		int64_t ahead_ms);

/* The next series as the source gives it: 1, 0, or an error. */
int feed_next(struct feed *f, struct promql_series *ret, struct err *err);

/*
 * The next series with floats and float histograms, staleness markers left
 * out. Valid until the next pull.
 */
int feed_samples(struct feed *f, struct samples *ret, struct err *err);

/*
 * Where only counts and sums are read, upstream (HistogramStatsIterator) takes
 * the buckets away, custom bounds too, and gives histograms of unknown hint the
 * one that follows from the sample before, but for those that it jumped to.
 * Stale ones stay as they are. `h` are the float histograms of `in`, `a` is
 * for the work.
 */
int feed_hints(struct feed *f, const struct promql_series *in, struct histogram *h, struct arena *a, struct err *err);

/* Closes the set at the source. Safe at any time. */
void feed_close(struct feed *f);

/* What an instant selector hands out. */
enum pick {
	PICK_VALUE,
	PICK_TIMESTAMP,       /* timestamp(selector): the sample's time in seconds */
	PICK_START_TIMESTAMP, /* start_timestamp(selector) */
};

/* An instant vector selector over `g`. */
int selector_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct shift s, enum pick pick,
		 bool counts_only, const struct promql_hints *hints, struct node **ret, struct err *err);

/* A range selector. `w` has range, offset and @. */
int matrix_selector_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct window w, bool counts_only,
			const struct promql_hints *hints, struct matrix **ret, struct err *err);

/* A subquery: rows of `inner` (over its own grid) as raw samples. */
int matrix_subquery_new(struct eval *ev, const struct promql_expr *e, struct window w, struct node *inner,
			struct matrix **ret, struct err *err);

#endif
