/*
 * promql/math/buckets.h - quantiles and fractions of classic histograms.
 */
#ifndef PROMQL_BUCKETS_H
#define PROMQL_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>

/* A cumulative bucket: observations <= upper. */
struct bucket {
	double upper, count;
};

/* What had to be done to counts that were not monotonic. */
struct bucket_fix {
	bool forced;
	double min, max; /* upper bounds between which counts fell */
	double diff;     /* the largest fall */
};

/* Whether two numbers agree within `epsilon` of their sum. Source: util/almost. */
bool almost_equal(double a, double b, double epsilon);

/* The q-quantile of n buckets sorted by bound; they are merged and repaired in place. */
double bucket_quantile(double q, struct bucket *b, size_t n, struct bucket_fix *fix);

/* The fraction of observations between lower and upper; b as for bucket_quantile. */
double bucket_fraction(double lower, double upper, struct bucket *b, size_t n);

#endif
