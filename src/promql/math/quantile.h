/*
 * promql/math/quantile.h - quantiles of floats, as PromQL interpolates them.
 *
 * Source: quantile() of promql/quantile.go.
 */
#ifndef PROMQL_QUANTILE_H
#define PROMQL_QUANTILE_H

#include <stddef.h>

/*
 * The value at the smallest rank q*(n-1) of `n` values, interpolated: NaN for
 * n == 0 or q NaN, -Inf for q < 0, +Inf for q > 1. Sorts `v` in place (NaN
 * first). Source: quantile() of promql/quantile.go.
 */
double promql_quantile(double q, double *v, size_t n);

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

#endif
