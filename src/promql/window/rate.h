/*
 * promql/window/rate.h - shared by the files of the rate family.
 */
#ifndef PROMQL_RATE_H
#define PROMQL_RATE_H

#include "promql/window/rollup.h"

/* What the extrapolation to the window's ends needs to know. */
struct rate_window {
	int64_t ref; /* right end of the window */
	size_t n;    /* samples */
	int64_t t_first, t_last;
	bool from_start; /* the counter began inside the window, at st_first */
	int64_t st_first;
	double first, result; /* first value and increase: of histograms, their counts */
};

/* By what the increase between the samples is multiplied. */
double rate_factor(const struct rollup *r, const struct rate_window *w);

/* Indexes i > 0 of samples that are less than the one before; *ret_n of them. NULL over budget. */
uint32_t *rate_falls(struct rollup *r, const struct samples *s, size_t *ret_n);

/*
 * rate, increase or delta of all windows of a series that has floats alone and no start times. `resets` are n_resets
 * indexes i of samples with a reset between i - 1 and i. Returns 1, 0 if no window has a result, or an error.
 */
int rate_extrapolate(struct rollup *r, const struct samples *s, const uint32_t *resets, size_t n_resets, double *out,
		     struct err *err);

/* Whether a sample with start time `st` began inside the window that ends at `ref`. */
bool rate_from_start(const struct rollup *r, int64_t ref, int64_t st, int64_t t);

/* Info "metric might not be a counter" about a series with a float result. */
void rate_judge_name(struct rollup *r, const struct samples *s);

/*
 * What is known of the histograms of a series, so that windows that move on
 * need not go over them again: runs of one kind and of one schema, gauges,
 * and where the counter began anew.
 */
struct hist_marks {
	const struct samples *s;
	bool by_start_time; /* start times tell of resets too */
	uint32_t *
		kind_from; /* per histogram: the first of those up to it that all have its kind, custom or exponential */
	uint32_t *schema_from; /* the same of its schema */
	uint32_t *gauges;      /* how many before it are gauges; one element more */
	uint32_t *
		resets; /* n_resets indexes i of histograms with a reset between i - 1 and i: those in windows so far */
	size_t n_resets, next; /* the first after the window's first histogram */
	size_t seen;           /* pairs up to this one are not looked at any more */
};

/* Fills in r->marks for a series. */
int hist_marks_begin(struct rollup *r, const struct samples *s, bool by_start_time, struct err *err);

/* Moves on to window [lo, hi), whose ends do not go back: looks for the resets in it. */
void hist_marks_move(struct hist_marks *m, size_t lo, size_t hi);

/* Whether histograms [lo, hi), one or more, are all custom or all exponential. */
static inline bool hist_marks_one_kind(const struct hist_marks *m, size_t lo, size_t hi)
{
	return m->kind_from[hi - 1] <= lo;
}

/* Whether they have one schema. */
static inline bool hist_marks_one_schema(const struct hist_marks *m, size_t lo, size_t hi)
{
	return m->schema_from[hi - 1] <= lo;
}

/* Whether there are gauges among histograms [lo, hi). */
static inline bool hist_marks_gauges(const struct hist_marks *m, size_t lo, size_t hi)
{
	return m->gauges[hi] > m->gauges[lo];
}

/* Whether there was a reset right after the first histogram of the window moved to. */
static inline bool hist_marks_reset_first(const struct hist_marks *m, size_t lo)
{
	return m->next < m->n_resets && m->resets[m->next] == lo + 1;
}

/* A window of an anchored or smoothed range over one kind of samples. It may move on: none of its ends goes back. */
struct ext_window {
	size_t lo, hi;      /* all samples that were fetched for it: [lo, hi) */
	size_t first, last; /* those at or around its ends */
	int64_t from, to;
	bool smoothed;
	size_t later, reached; /* the first samples after `from` and at or after `to`; 0 before the first is found */
};

/* Finds the ends of a window with samples; false where it has no value. `t` are the times of the samples. */
bool ext_window_find(struct ext_window *w, const int64_t *t);

/* Values at the ends of a window of floats, interpolated where it is smoothed. */
void ext_window_ends(const struct ext_window *w, const int64_t *t, const double *v, bool counter, double *ret_left,
		     double *ret_right);

/*
 * The two kinds of samples of a series in one order of time. `at` counts
 * both; begins with { .s = s }.
 */
struct merged {
	const struct samples *s;
	size_t f, h; /* next float, next histogram */
};

/* Whether the sample after m is a histogram; false at the end too. */
static inline bool merged_is_hist(const struct merged *m)
{
	return m->h < m->s->nh && (m->f >= m->s->n || m->s->ht[m->h] < m->s->t[m->f]);
}

#endif
