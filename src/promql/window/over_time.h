/*
 * promql/window/over_time.h - pieces of the *_over_time functions that others use.
 */
#ifndef PROMQL_OVER_TIME_H
#define PROMQL_OVER_TIME_H

#include "promql/window/rollup.h"

/* Sum or mean of the histograms [lo, hi); *ret NULL for no result. */
int rollup_hist_sum(struct rollup *r, const struct samples *s, size_t lo, size_t hi, bool avg,
		    const struct histogram **ret, struct err *err);

#endif
