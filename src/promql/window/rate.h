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
