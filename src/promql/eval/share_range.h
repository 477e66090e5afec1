/*
 * promql/eval/share_range.h - range selectors that stand in a query more than once are read once.
 *
 * As share.h, for raw samples: `sum_over_time(x[5m]) / count_over_time(x[5m])`.
 * What the first user reads is kept for the others while it is little.
 */
#ifndef PROMQL_SHARE_RANGE_H
#define PROMQL_SHARE_RANGE_H

#include "promql/eval/selector.h"

/* All that matrix_selector_new takes. */
struct range_args {
	const struct promql_expr *e;
	struct grid grid;
	struct window win;
	bool counts_only;
	struct promql_hints hints;
};

struct range_reader;

/* A range selector with several users. */
struct share_range {
	struct share_range *next; /* eval.ranges list */
	uint32_t class;           /* see analyse.h */
	const void *place;        /* what is around it; the planner's */
	struct range_args args;
	struct matrix *inner;
	struct range_reader *readers;
	struct arena arena; /* of what is kept */
	struct samples *kept;
	size_t n, cap; /* series so far; room */
	uint64_t held;
	bool ended, keeping;
};

/* A sharable range selector. NULL over budget or on an error of matrix_selector_new. */
struct share_range *share_range_new(struct eval *ev, const struct range_args *args, const void *place, struct err *err);

/* One more user of it, standing at `e`. */
int share_range_reader_new(struct share_range *s, const struct promql_expr *e, struct matrix **ret, struct err *err);

#endif
