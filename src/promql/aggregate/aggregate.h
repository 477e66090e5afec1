/*
 * promql/aggregate/aggregate.h - shared by the aggregations.
 */
#ifndef PROMQL_AGGREGATE_H
#define PROMQL_AGGREGATE_H

#include "promql/eval/sig.h"
#include "promql/math/fhist.h"
#include "promql/vector/vector.h"

/* One group of an aggregation that folds. Columns have grid.n elements. */
struct agg_group {
	struct sig_entry e;
	struct labels labels;
	bool drop_name;
	double *a, *b, *c;      /* meaning depends on the operator */
	struct fhist_acc **acc; /* of histograms, NULL until one comes */
	uint8_t *float_first;   /* with acc: steps at which a float came before all histograms */
	bool spoiled;           /* at some step histograms did not mix */
};

/* The head of every aggregation node. */
struct aggregate {
	struct node n;
	struct node *child;
	struct node *param_node;
	const double *param; /* scalar parameter per step */
	enum promql_agg op;
	struct sig_rule rule;
	struct sig_map map;
	struct arena arena;
	bool done;
};

/* Allocates the head (of `size` bytes). */
void *aggregate_alloc(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *e,
		      struct node *child, struct node *param, struct err *err);

/* Closes what aggregate_alloc made. */
void aggregate_fini(struct node *n);

/* The smallest and the largest of a parameter's values. */
struct param_range {
	double min, max;
	bool nan; /* one is NaN; min and max then are what Go makes of it */
};

/* Of the parameter, which was read. Source: newFParams of promql/value.go. */
struct param_range aggregate_param_range(const struct aggregate *g);

/* Checks k of topk, bottomk, limitk; *ret_any: whether anything is picked at all. */
int aggregate_check_k(const struct aggregate *g, bool *ret_any, struct err *err);

/* Labels of the group that a row belongs to, in the node's label buffer. */
int aggregate_group_labels(struct aggregate *g, const struct row *r, struct labels *ret, struct err *err);

/* rank.c: topk, bottomk, quantile. */
int rank_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param, struct node **ret,
	     struct err *err);

/* limit.c: limitk, limit_ratio. */
int limit_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param, struct node **ret,
	      struct err *err);

/* count_values.c */
int count_values_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret,
		     struct err *err);

/* "ignored histogram in <op> aggregation". */
void aggregate_info_ignored(struct aggregate *g);

#endif
