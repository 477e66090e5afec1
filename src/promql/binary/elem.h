/*
 * promql/binary/elem.h - a binary operator between two samples.
 */
#ifndef PROMQL_ELEM_H
#define PROMQL_ELEM_H

#include "promql/vector/vector.h"

/* A sample: a float, or a histogram where h is not NULL. */
struct elem {
	double f;
	const struct histogram *h;
};

/* What went wrong with a pair. */
enum elem_fault {
	ELEM_OK,
	ELEM_TYPES,  /* kinds the operator does not take: info, no output */
	ELEM_LAYOUT, /* exponential with custom buckets: warning, no output */
};

/* The outcome of a pair. */
struct elem_result {
	enum elem_fault fault;
	bool keep; /* of comparisons; true otherwise */
	struct elem v;
	bool collision, reconciled; /* of histogram addition and subtraction */
};

/*
 * a op b. Histograms are made in `arena`. A comparison gives `a` and whether
 * it held. Source: vectorElemBinop of promql/engine.go.
 */
int elem_op(enum promql_op op, struct elem a, struct elem b, struct arena *arena, struct elem_result *ret,
	    struct err *err);

/* Whether results of the operator lose the metric name. */
bool op_drops_name(enum promql_op op);

/* Adds the info about kinds, or the warning about layouts, at the whole expression. */
void elem_note_fault(struct node *n, enum promql_op op, struct elem a, struct elem b, enum elem_fault fault);

/* Adds what is to be said about a sum or difference of histograms. */
void elem_note_flags(struct node *n, enum promql_op op, const struct elem_result *r);

/* v[i] = a[i] op b[i] of floats; missing where either is. A comparison keeps a[i] where it holds. */
void floats_op(enum promql_op op, const double *a, const double *b, double *v, uint32_t n);

/* As floats_op with 1 and 0 for a comparison. */
void floats_op_bool(enum promql_op op, const double *a, const double *b, double *v, uint32_t n);

#endif
