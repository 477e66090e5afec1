/*
 * promql/eval/matrix.h - raw samples of series and the windows that steps see of them.
 */
#ifndef PROMQL_MATRIX_H
#define PROMQL_MATRIX_H

#include "promql/eval/eval.h"

/* Raw samples of one series, floats and histograms, without staleness markers. */
struct samples {
	struct labels labels;
	bool drop_name;
	size_t n;
	const int64_t *t;
	const double *v;
	const int64_t *st; /* NULL unless start timestamps are in use */
	size_t nh;
	const int64_t *ht;
	const struct histogram *const *h; /* float form */
	const int64_t *hst;
};

/* Which samples a step sees: (ref - range, ref] with ref = time - offset, or at_ms - offset. */
struct window {
	int64_t range_ms, offset_ms;
	double range_s; /* as Go's Duration.Seconds() */
	bool has_at;
	int64_t at_ms;
	bool anchored, smoothed;
	int64_t back_ms, ahead_ms; /* how much wider the samples must be fetched */
};

/* Where the time of step i lies in the data of a window. */
static inline int64_t window_ref(const struct window *w, const struct grid *g, uint32_t i)
{
	return (w->has_at ? w->at_ms : grid_t(g, i)) - w->offset_ms;
}

/* A source of raw series: a matrix selector or a subquery. */
struct matrix;

/* What a kind of matrix does. */
struct matrix_ops {
	int (*next)(struct matrix *m, struct samples *ret, struct err *err);
};

/* The head of every matrix. Samples of a series are valid until the next pull. */
struct matrix {
	const struct matrix_ops *ops;
	struct node *node; /* that closes it */
	const struct promql_expr *expr;
	struct window win;
	bool unique;                            /* as node.unique */
	const struct promql_selector *selector; /* of a selector, else NULL */
};

/* The next series: 1, 0 at the end, or an error. */
static inline int matrix_next(struct matrix *m, struct samples *ret, struct err *err)
{
	return m->ops->next(m, ret, err);
}

#endif
