/*
 * promql/over_time.h - pieces of the *_over_time functions that others use.
 */
#ifndef PROMQL_OVER_TIME_H
#define PROMQL_OVER_TIME_H

#include "promql/rollup.h"

/* Sorts values: NaN first, then ascending. */
void values_sort(double *v, size_t n);

/* promql_quantile() of values already sorted. */
double quantile_sorted(double q, const double *v, size_t n);

/* Where a quantile lies among n >= 1 sorted values: between the one at rank lo and the one at hi. */
struct quantile_rank {
	size_t lo, hi;
	double weight;
};

/* The place of q, in [0, 1]. */
struct quantile_rank quantile_rank(double q, size_t n);

/* The quantile, given the values at both ranks. */
static inline double quantile_between(struct quantile_rank k, double lo, double hi)
{
	return lo * (1 - k.weight) + hi * k.weight;
}

/* Warns if q is not a quantile. */
void warn_quantile(struct eval *ev, struct promql_pos pos, double q);

/* hist_over_time.c: sum or mean of the histograms [lo, hi); *ret NULL for no result. */
int rollup_hist_sum(struct rollup *r, const struct samples *s, size_t lo, size_t hi, bool avg,
		    const struct histogram **ret, struct err *err);

#endif
