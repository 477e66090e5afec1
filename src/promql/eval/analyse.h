/*
 * promql/eval/analyse.h - what is known of each part of an expression before it is planned.
 *
 * Parts are told by their ids, which promql_parse gives out children first;
 * so every pass is a loop over ids, however deep the tree.
 */
#ifndef PROMQL_ANALYSE_H
#define PROMQL_ANALYSE_H

#include "promql/eval/eval.h"

/* What is known of one part. */
struct expr_info {
	const struct promql_expr *expr;
	/*
	 * Parts of one class are written alike, byte for byte up to where they
	 * stand, blanks included: their values are equal if they stand in equal
	 * places, and positions in them differ by a constant.
	 */
	uint32_t class;
	bool invariant;    /* does not depend on the evaluation time */
	bool has_selector; /* itself or something in it */
	bool counted;      /* something in it raises notes that say how often */
	bool repeated;     /* parts of its class stand in different classes, or in different places of one */
};

/* Works out ev->info, an element per part of `root`, in the query's arena. RESOURCE_EXHAUSTED where that is full. */
int analyse(struct eval *ev, const struct promql_expr *root, struct err *err);

/* What is known of `e`. */
static inline const struct expr_info *info_of(const struct eval *ev, const struct promql_expr *e)
{
	return &ev->info[e->id];
}

#endif
