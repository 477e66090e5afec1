/*
 * promql/lanes.h - sums over several windows at a time.
 *
 * A compensated sum is one long chain of dependent additions. Windows of
 * neighbouring steps are independent of each other, so eight chains run side
 * by side; each has the bits it would have alone.
 */
#ifndef PROMQL_LANES_H
#define PROMQL_LANES_H

#include <stddef.h>
#include <stdint.h>

/* Windows computed at a time. */
#define LANES 8

/* Up to LANES windows of one column. */
struct lanes {
	unsigned n;
	uint32_t step[LANES];         /* where the result goes */
	size_t lo[LANES], len[LANES]; /* len >= 1 */
};

/* Computes out[step] for each window and empties the list. */
typedef void lanes_fn(struct lanes *l, const double *v, double *out);

/* The compensated sum. */
lanes_fn lanes_sum;

/* The mean, as kahan_mean. */
lanes_fn lanes_avg;

/* The population variance, by Welford's method with compensated sums. */
lanes_fn lanes_variance;

#endif
