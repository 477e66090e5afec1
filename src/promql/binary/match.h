/*
 * promql/binary/match.h - state of an operator between vectors, shared by match.c and match_fill.c.
 */
#ifndef PROMQL_MATCH_H
#define PROMQL_MATCH_H

#include "labels/builder.h"
#include "promql/binary/elem.h"
#include "promql/eval/sig.h"

/* Steps at which a group gave results with the same labels. */
struct claim {
	struct claim *next;
	uint64_t hash;
	uint8_t *at; /* grid.n */
};

/* All that has one signature. */
struct group {
	struct sig_entry e;
	struct trow *ones; /* rows of the one side, linked by alias */
	struct claim *claims;
	const struct trow *seen; /* while looking for duplicates: the row with a sample at seen_at */
	uint32_t seen_at;        /* a step + 1 */
	uint8_t *matched;        /* steps at which a sample of the many side was there; for fills */
};

/* Two rows of the one side that share a step. */
struct duplicate {
	uint32_t step; /* grid.n: none */
	const struct trow *a, *b;
};

/* What is to be said about the pairs of one step. */
struct pair_note {
	bool any, a_hist, b_hist;
	uint8_t fault; /* enum elem_fault */
	bool collision, reconciled;
};

/* An operator between vectors. */
struct match {
	struct node n;
	struct node *many, *one;
	enum promql_op op;
	bool as_bool;
	const struct promql_matching *mt;
	struct sig_rule rule;
	struct sig_map map; /* struct group */
	struct arena arena;
	struct table ones, manys;
	bool started, ones_read, many_kept, ended;
	bool distinct; /* no two results can have equal labels */
	size_t many_at;
	struct duplicate dup;
	struct row cur; /* the current many row */
	struct group *cur_group;
	const struct trow *next_one;
	struct labels_builder builder;
	double *scratch;              /* shared with other nodes */
	struct pair_note *step_notes; /* grid.n; NULL until there is one */
	/* fills */
	bool has_fill_one, has_fill_many, fills, matched_needed, fill_cur;
	double fill_one, fill_many;
	size_t fill_at;
};

/* Return value: no more rows. */
#define MATCH_END 1

/* The group of a signature, added if new. NULL over budget. */
struct group *match_group(struct match *m, struct hash128 h, struct err *err);

/* Labels of the result of a many and a one sample. Valid until the next call. */
int match_result_labels(struct match *m, struct labels many, struct labels one, struct labels *ret, struct err *err);

/* Begins an output row: labels from both sides, all values missing. */
int match_begin(struct match *m, const struct row *many, struct labels one, struct row *out, struct err *err);

/* Fills the steps that both rows have. */
int match_pair(struct match *m, struct group *g, const struct row *many, const struct trow *one, struct row *out,
	       struct err *err);

/* match_fill.c: the current many row at the steps where its group has no one: 0 or an error. */
int match_fill_one(struct match *m, struct row *out, struct err *err);

/* match_fill.c: rows of the one side at steps that no many row matched: 0, MATCH_END or an error. */
int match_fill_many(struct match *m, struct row *out, struct err *err);

#endif
