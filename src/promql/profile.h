/*
 * promql/profile.h - a query's plan as a tree of operators, and what each of
 * them cost: EXPLAIN and ANALYZE.
 *
 * promql_explain plans and evaluates nothing. With promql_opts.profile set
 * promql_exec measures: the clock is read twice per row that an operator hands
 * on, and not at all otherwise. What lies in between is charged to the operator that
 * ran, so that an operator's own cost is exact and that of its whole
 * subtree is the sum.
 *
 * All lies in the arena of the evaluation.
 */
#ifndef PROMQL_PROFILE_H
#define PROMQL_PROFILE_H

#include "promql/engine.h"

/* What an operator reads from the source: one select. */
struct promql_read {
	struct promql_hints hints; /* as the source gets them; hints.id tells which select it is */
	struct matcher *const *matchers;
	size_t n_matchers;
	uint64_t series, samples; /* that the source gave */
	struct promql_read *next;
};

/* An operator of the plan. */
struct promql_operator {
	const char *name;      /* "[aggregate] sum by (job)": its kind, and its arguments that are no operators */
	struct promql_pos pos; /* of its expression in the query's text */
	int64_t start_ms, end_ms, step_ms;
	uint32_t steps;                /* evaluated at so many times */
	struct promql_operator *up;    /* NULL: the root */
	struct promql_operator *child; /* the first one */
	struct promql_operator *next;  /* of the same `up` */
	const struct promql_read *reads;

	/* Figures; 0 after promql_explain. */
	uint64_t series;               /* rows that it handed on */
	uint64_t samples;              /* samples in them; histograms by their size */
	uint64_t peak_samples;         /* most that the query held when it handed one on */
	int64_t wall_ns, self_wall_ns; /* with its children, and alone */
	int64_t cpu_ns, self_cpu_ns;   /* likewise, by the owner's second clock */
	uint64_t self_memory_bytes;    /* most by which the query's memory grew while it ran, its children apart */
};

/* Asks for a profile. `clock` gives two times in ns that never go back: real time, and time that the query ran. */
struct promql_profile {
	void (*clock)(void *arg, int64_t *ret_wall, int64_t *ret_cpu);
	void *arg;
	struct promql_operator *root; /* result, also of a query that failed; NULL where planning failed */
};

/* The plan of `q`, as promql_exec would evaluate it; the same errors as before any data is read. Does not suspend. */
int promql_explain(const struct promql_query *q, const struct promql_opts *opts, struct arena *a,
		   struct promql_operator **ret, struct err *err) MUST_CHECK;

#endif
