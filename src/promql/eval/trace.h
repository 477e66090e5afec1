/*
 * promql/eval/trace.h - inside of the engine: operators for people, their times,
 * and samples counted as Prometheus counts them.
 *
 * Where a query is profiled, node_new and the makers of matrices put
 * functions that look at the clock in front of the node's own. The tree is not known to the
 * planner: it is read off the syntax tree, each node saying of which expression it is.
 */
#ifndef PROMQL_TRACE_H
#define PROMQL_TRACE_H

#include "promql/eval/matrix.h"
#include "promql/profile.h"

/* What is known of a node. */
struct trace {
	struct promql_operator op;
	const struct node_ops *ops; /* the node's own */
	const struct matrix_ops *matrix;
	uint64_t memory;     /* grown so far, modulo 2^64 */
	struct trace *outer; /* who pulls it */
	bool waits;          /* for its left input */
};

/* The clock of a profile: who runs, since when. */
struct tracer {
	struct promql_profile *profile;
	struct trace *at; /* NULL: no operator */
	int64_t wall_ns, cpu_ns;
	uint64_t memory;
};

/*
 * Samples counted as util/stats of Prometheus does: for every step all samples that its instant as a query of its own would
 * look at.
 */
struct tally {
	uint64_t total;
	uint64_t *steps; /* of the query's grid; NULL inside of what is evaluated otherwise */
	uint32_t n;      /* steps that it covers */
	struct tally *up, *next;
	enum node_scope scope;
	bool whole; /* of a subquery that is the whole query */
	bool finished;
};

/* Prepares a node for being traced; over budget it goes untraced. */
void trace_node(struct node *n);

/* Prepares the matrix whose node is `n`. */
void trace_matrix(struct matrix *m, struct node *n);

/* Builds the tree once all is planned, gives the nodes their tallies. *ret is NULL for a tree without nodes. */
int trace_tree(struct eval *ev, const struct promql_expr *e, struct promql_operator **ret, struct err *err);

/* Sums up figures, once the query has ended or was planned. */
void trace_finish(struct eval *ev, struct promql_operator *root);

/* Counts a row of an instant selector. */
void tally_row(struct tally *t, const struct row *r, uint32_t n, bool flat);

/* Counts the windows of a range function over a series. */
void tally_windows(struct tally *t, const struct window *w, const struct grid *g, const struct samples *s);

/* Adds `n` samples to a step. */
static inline void tally_add(struct tally *t, uint32_t step, uint64_t n)
{
	t->total += n;
	if (t->steps)
		t->steps[step] += n;
}

/* The text of an operator: `kind` is that of its node, `e` NULL for one without arguments. In the arena; NULL over budget. */
const char *describe_operator(const char *kind, const struct promql_expr *e, struct arena *a);

/* A selector as it was written, for messages; cut where it is long. In the arena; "" over budget. */
const char *describe_selector(const struct promql_expr *e, struct arena *a);

#endif
