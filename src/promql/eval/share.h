/*
 * promql/eval/share.h - parts that stand in a query more than once are evaluated once.
 *
 * Each user of a part has a reader of its own. The first one to be pulled
 * drives the part; what it gets is kept for those that come later, while that
 * is little: users run one after the other (the one side of a match is read
 * before the many side begins), so a part is kept as a whole or not at all.
 * Aggregations that fold need nothing kept: they take each row as it comes,
 * all of them at a time. When there is too much to keep, what was kept is
 * thrown away, and each later user evaluates the part anew, as if it stood
 * there alone.
 */
#ifndef PROMQL_SHARE_H
#define PROMQL_SHARE_H

#include "promql/eval/eval.h"

/* Most bytes of rows, and of labels, kept of one part. */
#define SHARE_MAX_BYTES (16 << 20)

/* Plans `e` at `place`, for a user that has to evaluate it anew. */
typedef int share_plan_fn(struct eval *ev, const struct promql_expr *e, const void *place, struct node **ret,
			  struct err *err);

/* Takes a row that it must not change; for users that need each row once. */
typedef int share_sink_fn(struct node *sink, const struct row *r, struct err *err);

struct share_reader;

/* A part with several users. */
struct share {
	struct share *next;             /* eval.shares list */
	uint32_t class;                 /* see analyse.h */
	const struct promql_expr *expr; /* the part, where it stands first */
	const void *place;              /* what is around it there; the planner's */
	share_plan_fn *plan;
	struct node *child;           /* what evaluates it */
	struct node *newest, *before; /* its nodes in eval.first, from the newest to before `before` */
	struct share_reader *readers;
	struct table kept;
	size_t n; /* rows so far */
	bool ended, keeping;
	struct tally *tally; /* samples of one evaluation, see trace.h; or NULL */
};

/*
 * Makes `child`, the node of part `e`, sharable; its nodes are those made since `before` was eval.first. All pointers live
 * as long as the query. NULL over budget.
 */
struct share *share_new(struct eval *ev, const struct promql_expr *e, const void *place, share_plan_fn *plan,
			struct node *child, struct node *before, struct err *err);

/* One more user of a part, standing at `e`. Notes of the part tell of the last one. */
int share_reader_new(struct share *s, const struct promql_expr *e, struct node **ret, struct err *err);

/* Of a reader, a node of scope NODE_SCOPE_SHARED: whether the part that is evaluated stands where it does. */
bool share_is_first(const struct node *reader);

/* Says where samples of the part count. */
void share_set_tally(struct node *reader, struct tally *t);

/* That tally, or NULL, and how many of the users count their samples in `t`. */
struct tally *share_tally_for(const struct share *s, const struct tally *t, uint64_t *ret_n);

/* Lets `sink` be given the rows of its input `reader` as they come, if that is a reader; else does nothing. */
void share_set_sink(struct node *reader, struct node *sink, share_sink_fn *fn);

#endif
