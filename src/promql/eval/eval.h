/*
 * promql/eval/eval.h - inside of the engine: rows, nodes, the state of one query.
 *
 * A query becomes a tree of nodes. A node hands out rows, one series with the
 * values of all steps each; the consumer may change values and histogram
 * pointers of a row it got, and everything in it is valid until the next pull
 * from the same node. Rows of one node have distinct label sets and at least
 * one value. A scalar is a node with exactly one row, all steps present.
 *
 * In a row's float column a missing value has the bits of the staleness
 * marker, which no computation produces. Histograms are always in float form
 * and never written through.
 *
 * Memory that lives as long as the query comes from eval.arena; what a node
 * makes per row lies in an arena of its own that it rewinds at each pull.
 */
#ifndef PROMQL_EVAL_H
#define PROMQL_EVAL_H

#include "base/assert.h"
#include "base/hmap.h"
#include "base/strbuf.h"
#include "promql/engine.h"
#include "promql/lang/functions.h"

/* The names that an operation drops together with the metric's name. */
#define LABEL_TYPE STR("__type__")
#define LABEL_UNIT STR("__unit__")

struct expr_info;
struct feed;
struct node;
struct notes;
struct promql_operator;
struct tally;
struct trace;
struct tracer;
struct share;
struct share_range;

/* Evaluation times start, start+step, ... : n of them, all <= end. */
struct grid {
	int64_t start, end, step; /* step 0 where n <= 1 came from an instant query */
	uint32_t n;
	/* Data are asked for: from start, or in a subquery a time before its first step, to the last step, or in one with @ its time. */
	int64_t asked_from, asked_to;
};

/* Time of step i. */
static inline int64_t grid_t(const struct grid *g, uint32_t i)
{
	return g->start + (int64_t)i * g->step;
}

/* State of one query. */
struct eval {
	const struct promql_source *src;
	struct promql_opts opts; /* defaults filled in */
	struct str text;
	struct arena *arena;
	struct notes *notes;
	struct grid grid;       /* of the query itself */
	struct expr_info *info; /* by id of the expression's parts, see analyse.h */
	size_t n_info;
	struct share_range *ranges; /* range selectors with several users, see share_range.h */
	struct share *shares;       /* parts with several users, see share.h */
	bool no_sharing;            /* while planning */
	int64_t mint;               /* smallest mint_ms of the selectors planned so far */
	uint64_t held, peak, total; /* samples */
	uint64_t unreported;        /* samples computed since the last checkpoint */
	struct node *first;         /* all nodes, for closing */
	double *column;             /* see eval_column */
	uint32_t column_cap;
	uint32_t n_feeds;     /* selectors planned so far */
	struct feed *feeds;   /* the last one first */
	struct feed *reading; /* what came since the marks is held because of it; see blame.c */
	struct feed *failed;  /* whose source failed */
	uint64_t mark_held, mark_bytes;
	uint64_t refusals;     /* of the budget when the query began */
	bool over_samples;     /* more samples than allowed */
	struct tracer *tracer; /* NULL: not profiled */
	struct promql_operator *root;
	const struct promql_expr *traced_expr; /* whose tree it is */
	uint32_t n_planned;                    /* nodes when it was made */
	struct tally *tally;                   /* of the query; NULL: samples are not counted by step */
	struct tally *tallies;                 /* all, the youngest first */
	bool traced;                           /* nodes are to be known as operators, see trace.h */
	bool strict;                           /* take no row for distinct without looking */
	bool ordered;                          /* evaluate part after part, see plan/ordered.h */
	bool typed;                            /* __type__ or __unit__ was dropped: see promql_exec */
};

/* One series with a value per step. */
struct row {
	struct labels labels;
	bool drop_name;             /* delayed removal: the name goes at the end of the query */
	double *v;                  /* grid.n; missing ones have the staleness bits */
	const struct histogram **h; /* grid.n, NULL where missing; or NULL for none at all */
};

/* What next() of a node with a left input returns to be called again with a row of it. */
#define NODE_LEFT 2

/* How often what lies below a node is evaluated. */
enum node_scope {
	NODE_SCOPE_SAME,     /* at the node's own steps */
	NODE_SCOPE_ONCE,     /* at one step */
	NODE_SCOPE_SUBQUERY, /* at steps of its own */
	NODE_SCOPE_SHARED,   /* at the node's steps, for several users, see share.h */
};

/* What a kind of node does. */
struct node_ops {
	int (*next)(struct node *n, struct row *ret, struct err *err); /* 1, 0 at the end, an error, or NODE_LEFT */
	void (*close)(struct node *n); /* may be NULL; called once at the end of the query */
	const char *name;              /* for people; static */
	enum node_scope scope;
	bool wraps; /* stands for no part of the expression of its own */
};

/* The head of every node. */
struct node {
	const struct node_ops *ops;
	struct eval *ev;
	const struct promql_expr *expr; /* what it evaluates, for positions */
	/* How far behind it, in bytes and in ids, the last part stands that is evaluated with it. */
	uint32_t moved, moved_id;
	struct grid grid;
	struct node *next;    /* eval.first list */
	struct trace *trace;  /* with eval.traced */
	struct tally *tally;  /* where its samples count; NULL: nowhere */
	uint32_t number;      /* age, see trace_tree */
	struct arena tmp;     /* of the current row */
	struct arena scratch; /* of the current step, see node_scratch */
	struct arena_mark scratch_mark;
	double *v;                  /* grid.n, for the node's own rows */
	const struct histogram **h; /* grid.n once used, see node_hists */
	bool h_dirty;
	bool unique; /* rows stay distinct without metadata labels */
	bool both;   /* rows may have a float and a histogram at one step, see MERGE_KINDS */
	/*
	 * The left side of a chain of operators may be thousands of nodes deep, so
	 * it is not pulled by recursion: see node_left.
	 */
	struct node *left;
	struct node *up; /* whoever waits for a row of this node as its left input */
	struct row in;   /* of the left input, while in_given */
	int in_rc;
	bool in_given;
	struct label *lbuf; /* for changed label sets */
	size_t lbuf_cap;
};

/* ---- values ---- */

/* The missing value. */
static inline double absent(void)
{
	return double_of_bits(STALE_NAN_BITS);
}

/* Whether a value of a row is missing. */
static inline bool is_absent(double v)
{
	return value_is_stale(v);
}

/* Fills n values with "missing". */
void row_fill_absent(double *v, uint32_t n);

/* Whether no step has a value. */
bool row_is_empty(const struct row *r, uint32_t n);

/* Number of samples in the row, histograms by their size as Prometheus counts it. */
uint64_t row_samples(const struct row *r, uint32_t n);

/* Samples that one histogram counts as. */
uint64_t hist_samples(const struct histogram *h);

/* ---- nodes ---- */

/*
 * Allocates a node of `size` bytes (struct node first), zeroed, and its
 * column v. NULL when the arena is full; *err is set then.
 */
void *node_new(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *expr,
	       struct grid grid, struct err *err);

/* As node_new, without a column: for nodes that only change the rows of others. */
void *node_new_bare(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *expr,
		    struct grid grid, struct err *err);

/* Runs a node and the chain of left inputs below it until the node has a row. */
int node_drive(struct node *n, struct row *ret, struct err *err);

/* The next row of a node: 1, 0 at the end, or an error. */
static inline int node_next(struct node *n, struct row *ret, struct err *err)
{
	return n->left ? node_drive(n, ret, err) : n->ops->next(n, ret, err);
}

/*
 * In next() of a node with n->left set: the next row of that. Where it
 * returns NODE_LEFT, return that at once, with all state in the node; next()
 * is called again when there is a row.
 */
static inline int node_left(struct node *n, struct row *ret)
{
	if (!n->in_given)
		return NODE_LEFT;
	n->in_given = false;
	*ret = n->in;
	return n->in_rc;
}

/* A row of an input that is the left one or another. */
static inline int node_pull(struct node *n, struct node *input, struct row *ret, struct err *err)
{
	return input == n->left ? node_left(n, ret) : node_next(input, ret, err);
}

/* A column of n values that nobody else uses until the next call. NULL over budget. */
double *eval_column(struct eval *ev, uint32_t n);

/*
 * The node's histogram column, all NULL; for the row being made. NULL over
 * budget. Taken again for each row.
 */
const struct histogram **node_hists(struct node *n);

/* Frees what the node made for its last row: first thing in next() of a node that uses tmp. */
static inline void node_rewind(struct node *n)
{
	if (n->tmp.bytes)
		arena_fini(&n->tmp);
}

/* An empty arena for the work on one step; what was in it before is gone. NULL over budget. */
struct arena *node_scratch(struct node *n);

/* Room for `n` labels in the node's own buffer; NULL over budget. */
struct label *node_labels(struct node *n, size_t count);

/* `l` without __name__, __type__ and __unit__; a view of `l` or in the node's buffer. */
int node_strip(struct node *n, struct labels l, struct labels *ret, struct err *err);

/* Drops the name of a row now, or marks it under delayed removal. */
int node_drop_name(struct node *n, struct row *r, struct err *err);

/* The values of a scalar node, copied to eval.arena: one per step. */
int node_scalar(struct node *n, const double **ret, struct err *err);

/* ---- accounting and errors ---- */

/* Notes `n` samples computed; runs the checkpoint every few thousand. */
int eval_work(struct eval *ev, uint64_t n, struct err *err);

/* What compiles regular expressions for a source. */
static inline regex_compile_fn *source_compile(const struct promql_source *src)
{
	return src->compile ? src->compile : regex_compile;
}

/* Runs the checkpoint now. */
int eval_checkpoint(struct eval *ev, struct err *err);

/* Holds `n` more samples in memory; RESOURCE_EXHAUSTED past max_samples. */
int eval_hold(struct eval *ev, uint64_t n, struct err *err);

/* Gives back samples held. */
static inline void eval_release(struct eval *ev, uint64_t n)
{
	ev->held -= n;
}

/* What is held more or less than when this was called last is because of the feed named then; from now on it is because of `f`. */
void eval_charge(struct eval *ev, struct feed *f);

/* Adds to RESOURCE_EXHAUSTED which selector it is because of, as far as that is known. Before nodes are closed. */
void eval_blame(struct eval *ev, struct err *err);

/* RESOURCE_EXHAUSTED for the query's arena. */
int eval_oom(struct eval *ev, struct err *err);

/* ---- notes (warnings and infos) ---- */

/*
 * Notes are told once per text, where upstream tells them: of the part that it evaluates last. `pos` is where the part
 * stands of which node `n` was made; a node that stands for equal parts tells of the last one.
 */

/* Adds "PromQL warning: <text>". */
void eval_warn(const struct node *n, struct promql_pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Adds "PromQL info: <text>". */
void eval_info(const struct node *n, struct promql_pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Warns if q is not a quantile. */
void eval_warn_quantile(const struct node *n, struct promql_pos pos, double q);

/* Notes a histogram_quantile forced to be monotonic; rendered with the merged details at the end. */
void eval_forced(const struct node *n, struct promql_pos pos, struct str name, int64_t t, double min, double max,
		 double diff);

/* Notes samples whose start time overlaps the sample before, at `steps` steps of one series. */
void eval_overlap(const struct node *n, struct promql_pos pos, struct str name, uint64_t steps);

/* An empty list of notes in the arena; NULL when it is full. */
struct notes *notes_new(struct arena *a);

/* Appends " (<line>:<column>)" of a position in the query's text. */
void eval_position(struct strbuf *b, struct str text, struct promql_pos pos);

/* Renders the notes into the result. RESOURCE_EXHAUSTED when the arena is full. */
int notes_render(struct eval *ev, struct promql_result *ret, struct err *err);

/* Go's %q of `s`, in the arena; "" when that is full. */
const char *eval_quoted(struct eval *ev, struct str s);

/* Go's %g / %v of a float, into buf of at least 32 bytes. Returns buf. */
char *fmt_g(double v, char *buf);

/* `{a="b"}` as the error texts print label sets, in the arena; "" when that is full. */
const char *eval_labels_text(struct eval *ev, struct labels l);

/* ---- tables: rows kept ---- */

/* A kept row. */
struct trow {
	struct labels labels; /* copy */
	bool drop_name;
	double *v;
	const struct histogram **h;
	uint64_t samples;
	struct trow *alias; /* scratch of whoever owns the table */
	uint32_t tag;       /* likewise */
	uint32_t first;     /* first step with a value, of merged rows */
};

/* Rows kept, in order of arrival. */
struct table {
	struct eval *ev;
	struct arena arena;
	uint32_t n_steps;
	struct trow **p;
	size_t n, cap;
	struct hmap index; /* by label set, of table_merge */
	uint64_t samples;
};

/* Prepares an empty table; fini frees all. */
void table_init(struct table *t, struct eval *ev, uint32_t n_steps);

/* Frees the rows and gives the samples back. Safe on a zeroed table. */
void table_fini(struct table *t);

/* Keeps a deep copy of a row. Does not look for an equal label set. */
int table_add(struct table *t, const struct row *r, struct trow **ret, struct err *err);

/* What rows with equal labels may have in common. */
enum merge_rule {
	MERGE_NOTHING, /* there must be none */
	MERGE_STEPS,   /* no step; whether the name is dropped says the row with the earlier value */
	/*
	 * No step with two values of a kind. A step may have a float and a
	 * histogram, which only the query's result, subqueries, signs and
	 * label functions may see: see one_kind_new.
	 */
	MERGE_KINDS,
};

/*
 * Keeps a row, or merges it into the one with equal labels. Where the rule does not allow it: FAILED_PRECONDITION,
 * "vector cannot contain metrics with the same labelset".
 */
int table_merge(struct table *t, const struct row *r, enum merge_rule rule, struct err *err);

/* Pulls and keeps all rows of a node. */
int table_fill(struct table *t, struct node *n, struct err *err);

/* A kept row as a row; values may be changed. */
static inline struct row trow_row(const struct trow *t)
{
	return (struct row){ t->labels, t->drop_name, t->v, t->h };
}

/* A deep copy of a histogram. */
int eval_hist_copy(const struct histogram *src, struct arena *a, const struct histogram **ret, struct err *err);

#endif
