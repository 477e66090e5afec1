/*
 * promql/plan/ordered.h - which of several errors a query is told.
 *
 * Evaluation pulls rows, so of several things that go wrong the one is met first whose rows come first. Upstream evaluates
 * part after part, inner before outer, left before right, and within a part step after step. Where it may make a
 * difference a query that failed is evaluated once more (eval.ordered): the planner then keeps all rows of each part before
 * it goes on, so the first error is upstream's. What takes too much memory is not looked into: the error is then the
 * one that was met first.
 */
#ifndef PROMQL_PLAN_ORDERED_H
#define PROMQL_PLAN_ORDERED_H

#include "promql/eval/eval.h"

/* Whether more than one thing can go wrong in a query, which is analysed. */
bool ordered_matters(const struct eval *ev);

/* Whether a part is an operator between vectors that matches them. */
bool ordered_is_match(const struct promql_expr *e);

/*
 * Pulls and keeps all rows of *n, which is then a node that hands them out. What nodes made since `before` was eval.first
 * have kept is given back.
 */
int ordered_keep(struct eval *ev, struct node **n, struct node *before, struct err *err);

/* Makes the node of an operator between two. */
typedef int ordered_join_fn(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs,
			    struct node **ret, struct err *err);

/* The error of operator `e` between two nodes that ordered_keep returned, at the first step that has one; 0 if none has. */
int ordered_first_error(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs,
			ordered_join_fn *join, struct err *err);

#endif
