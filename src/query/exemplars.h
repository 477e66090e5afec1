/*
 * query/exemplars.h - what each store is asked for exemplars of an expression.
 *
 * Each store gets the selectors that its external labels pass, joined with '+'. Source: pkg/exemplars/proxy.go.
 */
#ifndef QUERY_EXEMPLARS_H
#define QUERY_EXEMPLARS_H

#include "proto/exemplars.pb-c.h"
#include "query/ask.h"

struct promql_expr;

/* Which exemplars are wanted. */
struct exemplars_question {
	int64_t start, end; /* ms */
	bool abort;
	/* set by exemplars_question_read */
	struct query *q;
	struct str text;
	const struct promql_expr **selectors;
	size_t n_selectors, cap_selectors;
};

/*
 * Finds the selectors of an expression, in the order written. They lie in `a`, which must outlive the question; `text` must, too. The error
 * says where the text is wrong. May suspend, for regular expressions are compiled off the loop.
 */
int exemplars_question_read(struct exemplars_question *e, struct query *q, struct str text, struct arena *a,
			    struct err *err);

/* The question for co_query_ask; it borrows `e`. The answers are Thanos__ExemplarsResponse. */
struct query_question exemplars_question_for_all(struct exemplars_question *e);

#endif
