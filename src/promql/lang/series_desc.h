/*
 * promql/lang/series_desc.h - series as test scripts and rule tests write them.
 *
 *	metric{a="b"} 1 2+3x4 _ _x2 stale {{schema:0 count:3 buckets:[1 2]}}x3
 *
 * The language of Prometheus' promql/parser (series_description): one value
 * per step, `_` for none, `VxN` for N+1 times, `V+DxN` for steps of D, native
 * histograms between double braces. Error texts are upstream's.
 */
#ifndef PROMQL_SERIES_DESC_H
#define PROMQL_SERIES_DESC_H

#include "base/arena.h"
#include "base/err.h"
#include "chunk/histogram.h"
#include "labels/labels.h"

#include <stdbool.h>
#include <stddef.h>

/* Most values of one line. */
#define PROMQL_SERIES_VALUES_MAX 1000000

/* One value. */
struct promql_seq_value {
	bool omitted;              /* there is none */
	bool hint_set;             /* the histogram's counter_reset_hint was written */
	double v;                  /* where h is NULL */
	const struct histogram *h; /* in float form */
};

/* A series and its values, step by step. */
struct promql_series_desc {
	struct labels labels;
	struct promql_seq_value *values;
	size_t n_values;
};

/*
 * Reads one line; everything of the result lies in `a`. INVALID_ARGUMENT with
 * "<line>:<column>: parse error: ..." when malformed, RESOURCE_EXHAUSTED when
 * the arena is full.
 */
int promql_parse_series(struct str text, struct arena *a, struct promql_series_desc *ret, struct err *err);

#endif
