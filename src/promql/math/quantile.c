/* The quantile of promql/quantile.go. */
#include "promql/math/quantile.h"

#include "base/compiler.h"
#include "promql/math/gomath.h"

#include <math.h>
#include <stdlib.h>

/* NaN first, then ascending. */
static int cmp_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	if (isnan(x) || isnan(y))
		return isnan(y) - isnan(x);
	return (x > y) - (x < y);
}

struct quantile_rank quantile_rank(double q, size_t n)
{
	double rank = q * ((double)n - 1);
	size_t lo = (size_t)fmax(0, floor(rank));
	return (struct quantile_rank){ lo, MIN(n - 1, lo + 1), rank - floor(rank) };
}

double quantile_sorted(double q, const double *v, size_t n)
{
	if (n == 0 || isnan(q))
		return go_nan();
	if (q < 0)
		return -INFINITY;
	if (q > 1)
		return INFINITY;
	struct quantile_rank k = quantile_rank(q, n);
	return quantile_between(k, v[k.lo], v[k.hi]);
}

void values_sort(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), cmp_values);
}

double promql_quantile(double q, double *v, size_t n)
{
	values_sort(v, n);
	return quantile_sorted(q, v, n);
}
