/*
 * promql/math/ranked.h - the values of a sliding window in order.
 *
 * A list of sorted blocks: a value goes in or out by moving at most one
 * block's worth, so a step costs about the square root of the window where
 * a sorted array would move half of it.
 */
#ifndef PROMQL_RANKED_H
#define PROMQL_RANKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values per block. */
#define RANKED_BLOCK 128

/* One block: part of the values, sorted. */
struct ranked_block {
	uint32_t n;
	uint32_t slot; /* which part of the store it uses */
};

/* Values in order: NaN first, then ascending. */
struct ranked {
	double *store;
	struct ranked_block *blocks; /* in order, none empty */
	uint32_t *free;              /* unused slots */
	size_t n_blocks, n_free;
	size_t n;      /* values */
	size_t lo, hi; /* the window of the column that is in it */
};

/* Bytes of work space for windows of up to `n` values. */
size_t ranked_bytes(size_t n);

/* Makes an empty list for up to `n` values in work space of ranked_bytes(n), aligned for doubles. */
void ranked_init(struct ranked *r, void *space, size_t n);

/* Moves to the window [lo, hi) of `v`; neither end goes back. */
void ranked_slide(struct ranked *r, const double *v, size_t lo, size_t hi);

/* The value at rank k < n. */
double ranked_at(const struct ranked *r, size_t k);

/* How many values come before x, which is no NaN. */
size_t ranked_below(const struct ranked *r, double x);

/* quantile() of the values, as promql_quantile. */
double ranked_quantile(const struct ranked *r, double q);

/*
 * The median of the distances from their median; NaN where there is a NaN.
 * `v` is the column that the window slides over; `scratch` has room for all values of the window.
 */
double ranked_mad(const struct ranked *r, const double *v, double *scratch);

#endif
