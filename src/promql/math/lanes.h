/*
 * promql/math/lanes.h - functions of several windows at a time.
 *
 * A compensated sum is one long chain of dependent additions. Windows of
 * neighbouring steps are independent of each other, so many chains run side
 * by side in vector lanes; each does what it would do alone, in the same
 * order, so that its bits are the same.
 */
#ifndef PROMQL_LANES_H
#define PROMQL_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Windows computed at a time. */
#define LANES 32

/* Up to LANES windows of one column, in order: neither lo nor hi goes back. */
struct lanes {
	unsigned n;
	uint32_t step[LANES];         /* where the result goes */
	int64_t lo[LANES], hi[LANES]; /* samples [lo, hi), at least one */
};

/* Adds a window; true when there is no room for another: compute then. */
static inline bool lanes_add(struct lanes *l, uint32_t step, size_t lo, size_t hi)
{
	l->step[l->n] = step;
	l->lo[l->n] = (int64_t)lo;
	l->hi[l->n] = (int64_t)hi;
	return ++l->n == LANES;
}

/* Computes out[step] for each window and empties the list. */
typedef void lanes_fn(struct lanes *l, const double *v, double *out);

/* The compensated sum. */
lanes_fn lanes_sum;

/* The mean, as kahan_mean. */
lanes_fn lanes_avg;

/* The population variance, by Welford's method with compensated sums. */
lanes_fn lanes_variance;

/*
 * The same of n windows [lo, hi[k]) that only grow, hi in order: each goes on where the one before ended. out[k] is that of the
 * k-th.
 */
void lanes_variance_grow(const uint32_t *hi, unsigned n, int64_t lo, const double *v, double *out);

/* Sums over the samples of a window, x being the seconds since some time: a line is drawn through them. */
struct lanes_line {
	double x, y, xy, x2; /* compensated */
};

/*
 * The sums of each window, ret[k] for the k-th; t_ms are the times of the
 * samples, window k has its x = 0 at t0_ms[k]. Does not empty the list.
 */
void lanes_lines(const struct lanes *l, const double *t_ms, const double *v, const double *t0_ms,
		 struct lanes_line *ret);

/*
 * Double exponential smoothing forgets: the state after a few hundred samples mostly has the same bits wherever the window began, and
 * two chains whose states have become the same stay the same. So one chain is kept, from the first window's start to the last
 * sample, and windows that meet it take their results from it.
 */
struct lanes_path {
	const double *s, *b; /* per sample: smoothed value and trend after it */
};

/*
 * Fills s[lo, n) and b[lo + 1, n) for the chain over samples [lo, n), at least two, with these factors: a path for windows that begin
 * at lo or later and have the same factors.
 */
void lanes_smooth_path(const double *v, int64_t lo, int64_t n, double sf, double tf, double *s, double *b);

/*
 * Double exponential smoothing of windows of at least two samples, the k-th
 * with factors sf[k] and tf[k]; `known` is their path, or NULL. Empties the list.
 */
void lanes_smooth(struct lanes *l, const double *v, const double *sf, const double *tf, const struct lanes_path *known,
		  double *out);

/*
 * Adds to each of n compensated sums, whose value is sum + comp, the value beside it. STALE_NAN_BITS is a value that is missing, or
 * a sum that has not begun; its comp is 0. Returns how many of the first were dealt with: where one would not be finite, none.
 */
size_t lanes_fold(double *sum, double *comp, const double *v, size_t n);

/* Columns given to lanes_rates have room for so many elements more than are used, of any finite value. */
#define LANES_ROUND 8

/* Increases of counters between the samples of windows, to be carried on to the windows' ends. A column has an element per window. */
struct lanes_rates {
	const double *first, *increase; /* the first value, the increase */
	const double *sampled, *to_start,
		*to_end; /* seconds between the samples, not 0, and those added at both ends */
	bool counter;    /* none are added before the time at which it would have been zero */
	double range_s;  /* results are divided by it; 1 for none */
};

/* The increases in whole windows; of rate_factor() the same steps in the same order. */
void lanes_rates(const struct lanes_rates *r, size_t n, double *out);

#endif
