/*
 * promql/vector/vector.h - nodes over instant vectors and scalars, except selectors,
 * aggregations and operators between vectors.
 */
#ifndef PROMQL_VECTOR_H
#define PROMQL_VECTOR_H

#include "promql/eval/selector.h"

/* Rows of a one-step `child`, their value at every step of g: a step-invariant expression. */
int repeat_new(struct eval *ev, struct node *child, struct grid g, struct node **ret, struct err *err);

/*
 * Rows of `child` that may have a float and a histogram at one step, for operators that look at one value per step. As
 * upstream: the float is it, and the histogram left behind hides those at later steps.
 */
int one_kind_new(struct eval *ev, struct node *child, struct node **ret, struct err *err);

/* Rows of such a `child` where upstream evaluates once and repeats: two values at a step are its error. */
int one_value_new(struct eval *ev, struct node *child, struct node **ret, struct err *err);

/* Rows of `child` with equal label sets merged as `rule` allows. */
int merge_new(struct eval *ev, struct node *child, enum merge_rule rule, struct node **ret, struct err *err);

/* A number at every step. */
int number_new(struct eval *ev, const struct promql_expr *e, struct grid g, double v, struct node **ret,
	       struct err *err);

/* time(): the evaluation time in seconds. */
int time_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct node **ret, struct err *err);

/* scalar(v): the value of the only float, else NaN. */
int scalar_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret, struct err *err);

/* An operator or min_of, max_of between scalars. */
int scalar_binary_new(struct eval *ev, const struct promql_expr *e, enum promql_op op, struct node *lhs,
		      struct node *rhs, struct node **ret, struct err *err);

/* vector(s): the scalar as a series without labels. */
int vector_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret, struct err *err);

/* Unary minus of a scalar or vector. */
int negate_new(struct eval *ev, const struct promql_expr *e, struct node *child, bool scalar, struct node **ret,
	       struct err *err);

/*
 * A function of single values: math, date, clamp, round, histogram_count and
 * its like, timestamp() of what is no selector. `params` are scalar nodes.
 */
int vecfn_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node *const *params,
	      size_t n_params, struct node **ret, struct err *err);

/* Whether vecfn_new knows the function. */
bool vecfn_has(enum promql_fn fn);

/* absent(v). */
int absent_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret, struct err *err);

/* absent_over_time on `m`. */
int absent_over_time_new(struct eval *ev, const struct promql_expr *call, struct grid g, struct matrix *m,
			 struct node **ret, struct err *err);

/* Labels of absent(): those that equality matchers of `sel` (may be NULL) fix. In the query's arena. */
int absent_labels(struct eval *ev, const struct promql_selector *sel, struct labels *ret, struct err *err);

/* Arithmetic, or a comparison as 0 and 1. */
double scalar_op(enum promql_op op, double a, double b);

/* The result of a comparison. */
bool compare_op(enum promql_op op, double a, double b);

/* Go's math.Max. */
double go_max(double a, double b);

/* Go's math.Min. */
double go_min(double a, double b);

/* calendar.c: a date function of a time in seconds. */
double calendar_fn(enum promql_fn fn, double t);

/* The errors of label_replace and label_join that upstream raises before it evaluates their vector. */
int label_fn_check(struct eval *ev, const struct promql_expr *call, struct err *err);

/* label_replace and label_join. */
int label_fn_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret,
		 struct err *err);

/* sort, sort_desc, sort_by_label, sort_by_label_desc. */
int sort_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret, struct err *err);

/* histogram_quantile, histogram_quantiles, histogram_fraction. */
int hquantile_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node *const *params,
		  size_t n_params, struct node **ret, struct err *err);

/* binop.c: an operator with a scalar on one side. */
int vector_scalar_new(struct eval *ev, const struct promql_expr *e, struct node *vec, struct node *scalar,
		      bool scalar_left, struct node **ret, struct err *err);

/* match.c: an operator between vectors other than a set operator. */
int match_new(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs, struct node **ret,
	      struct err *err);

/* setop.c: and, or, unless. */
int setop_new(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs, struct node **ret,
	      struct err *err);

/* The error of count_values that upstream raises before it evaluates the vector. */
int count_values_check(struct eval *ev, const struct promql_expr *e, struct err *err);

/* aggregate.c and rank.c: aggregations; `param` is a scalar node or NULL. */
int aggregate_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param,
		  struct node **ret, struct err *err);

/* What info() works on. */
struct info_args {
	struct node *child;
	const struct promql_selector *sel; /* the second argument, or NULL */
	struct shift shift;                /* of the first selector below the first argument */
};

/* info.c: info(v, {sel}). */
int info_new(struct eval *ev, const struct promql_expr *e, const struct info_args *args, struct node **ret,
	     struct err *err);

#endif
