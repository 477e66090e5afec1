/* Classic histograms. Source: promql/quantile.go. */
#include "promql/math/buckets.h"

#include "promql/math/gomath.h"

#include "base/compiler.h"
#include "chunk/histogram.h"
#include "promql/engine.h"

#include <float.h>
#include <math.h>

/* Relative difference below which a fall of counts is taken as noise. */
#define SMALL_DELTA 1e-12

bool almost_equal(double a, double b, double epsilon)
{
	const double min_normal = DBL_MIN;
	if (value_is_stale(a) || value_is_stale(b))
		return value_is_stale(a) && value_is_stale(b);
	if (isnan(a) && isnan(b))
		return true;
	if (a == b)
		return true;
	double sum = fabs(a) + fabs(b), diff = fabs(a - b);
	if (a == 0 || b == 0 || sum < min_normal)
		return diff < epsilon * min_normal;
	return diff / fmin(sum, DBL_MAX) < epsilon;
}

/* Joins buckets with equal bounds. */
static size_t coalesce(struct bucket *b, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		if (k && b[k - 1].upper == b[i].upper)
			b[k - 1].count += b[i].count;
		else
			b[k++] = b[i];
	}
	return k;
}

/* Makes counts not fall. */
static void make_monotonic(struct bucket *b, size_t n, struct bucket_fix *fix)
{
	double prev = b[0].count;
	for (size_t i = 1; i < n; i++) {
		double cur = b[i].count;
		if (cur == prev)
			continue;
		/* Far above what almost_equal takes for the same, which must divide. */
		if (LIKELY(prev >= 0 && cur >= DBL_MIN && cur - prev > 4 * SMALL_DELTA * cur)) {
			prev = cur;
			continue;
		}
		if (almost_equal(prev, cur, SMALL_DELTA)) {
			b[i].count = prev;
		} else if (cur < prev) {
			b[i].count = prev;
			if (!fix->forced)
				*fix = (struct bucket_fix){ true, b[i].upper, b[i].upper, prev - cur };
			fix->min = fmin(fix->min, b[i].upper);
			fix->max = fmax(fix->max, b[i].upper);
			fix->diff = fmax(fix->diff, prev - cur);
		} else {
			prev = cur;
		}
	}
}

double bucket_quantile(double q, struct bucket *b, size_t n, struct bucket_fix *fix)
{
	if (isnan(q))
		return go_nan();
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : INFINITY;
	if (n == 0 || !(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
		return go_nan();
	n = coalesce(b, n);
	make_monotonic(b, n, fix);
	if (n < 2 || b[n - 1].count == 0)
		return go_nan();
	double rank = q * b[n - 1].count;
	size_t i = 0;
	while (i < n - 1 && !(b[i].count >= rank))
		i++;
	if (i == n - 1)
		return b[n - 2].upper;
	if (i == 0 && b[0].upper <= 0)
		return b[0].upper;
	double start = 0, end = b[i].upper, count = b[i].count;
	if (i > 0) {
		start = b[i - 1].upper;
		count -= b[i - 1].count;
		rank -= b[i - 1].count;
	}
	return start + (end - start) * (rank / count);
}

/* Rank of v, where buckets are cumulative; `count` if it lies above all. */
static double rank_of(double v, const struct bucket *b, size_t n, double count)
{
	double rank = 0;
	for (size_t i = 0; i < n; i++) {
		double lower = i ? b[i - 1].upper : b[0].upper > 0 ? 0 : -INFINITY;
		double r = -1;
		if (lower >= v)
			r = rank;
		else if (b[i].upper > v)
			r = isinf(lower) ? b[i].count : rank + (b[i].count - rank) * (v - lower) / (b[i].upper - lower);
		if (r >= 0 || isnan(r))
			return r > count ? count : r;
		rank = b[i].count;
	}
	return count;
}

double bucket_fraction(double lower, double upper, struct bucket *b, size_t n)
{
	if (n == 0 || !(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
		return go_nan();
	n = coalesce(b, n);
	double count = b[n - 1].count;
	if (count == 0 || isnan(lower) || isnan(upper))
		return go_nan();
	if (lower >= upper)
		return 0;
	return (rank_of(upper, b, n, count) - rank_of(lower, b, n, count)) / count;
}
