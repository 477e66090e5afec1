/*
 * promql/plan/plan.h - from the syntax tree to nodes.
 *
 * The plan is made for one query: durations are computed, @ start() and
 * @ end() resolved, start(), end(), range(), step() folded, and what does not
 * depend on the evaluation time is evaluated at one step and repeated.
 */
#ifndef PROMQL_PLAN_H
#define PROMQL_PLAN_H

#include "promql/eval/matrix.h"

/* Errors that Prometheus raises before it reads data: disabled modifiers, types of range queries. */
int plan_check(struct eval *ev, const struct promql_expr *e, bool is_range, struct err *err);

/* Nodes for an expression of type scalar or vector over the query's grid. */
int plan_vector(struct eval *ev, const struct promql_expr *e, struct node **ret, struct err *err);

/* The source of an expression of type matrix at the query's only step. */
int plan_matrix(struct eval *ev, const struct promql_expr *e, struct matrix **ret, struct err *err);

/* Value of a range, step or offset in ms: the literal, or the expression where there is one. */
int plan_duration(struct eval *ev, int64_t literal_ns, const struct promql_expr *expr, bool positive, int64_t *ret_ms,
		  struct err *err);

#endif
