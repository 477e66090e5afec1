/*
 * promql/lang/ast.h - the syntax tree of a PromQL expression.
 *
 * promql_parse() (promql/lang/parser.h) makes it; the printer, the planner and
 * the HTTP API read it.  Every node, list and string lies in the arena given
 * to the parser and lives as long as it; strings are not zero-terminated
 * unless said.  A node is a plain tagged struct: look at `kind`, then at the
 * union member of the same name.  The planner may change nodes in place; a
 * tree is never shared between queries.
 *
 * Positions are byte offsets in the query text, half open.  Times are
 * milliseconds (`_ms`), durations as written nanoseconds (`_ns`): that is
 * Prometheus' resolution when a literal such as 1.5e-9 is rounded.
 *
 * Language: Prometheus 3.14 with Thanos' x-functions; names of the
 * kinds follow promql/parser/ast.go there.
 */
#ifndef PROMQL_AST_H
#define PROMQL_AST_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Type of an expression's value. */
enum promql_value_type {
	PROMQL_TYPE_NONE, /* of no expression; ends lists of types */
	PROMQL_TYPE_SCALAR,
	PROMQL_TYPE_VECTOR, /* instant vector */
	PROMQL_TYPE_MATRIX, /* range vector */
	PROMQL_TYPE_STRING,
};

/* What a node is. */
enum promql_kind {
	PROMQL_NUMBER,   /* 1, 0x1f, 5m */
	PROMQL_STRING,   /* "text" */
	PROMQL_SELECTOR, /* up{job="x"} offset 5m @ 10 */
	PROMQL_MATRIX,   /* selector[5m] */
	PROMQL_SUBQUERY, /* expr[5m:1m] */
	PROMQL_CALL,     /* rate(x[5m]) */
	PROMQL_AGGREGATE,
	PROMQL_BINARY,
	PROMQL_UNARY,
	PROMQL_PAREN,
	PROMQL_DURATION, /* 5m + step(): only below ranges, steps and offsets */
};

/* Operators of binary, unary and duration expressions. */
enum promql_op {
	PROMQL_OP_NONE,
	PROMQL_OP_ADD,
	PROMQL_OP_SUB,
	PROMQL_OP_MUL,
	PROMQL_OP_DIV,
	PROMQL_OP_MOD,
	PROMQL_OP_POW,
	PROMQL_OP_ATAN2,
	PROMQL_OP_EQL, /* == */
	PROMQL_OP_NEQ,
	PROMQL_OP_LTE,
	PROMQL_OP_LSS,
	PROMQL_OP_GTE,
	PROMQL_OP_GTR,
	PROMQL_OP_TRIM_UPPER, /* </ of histograms */
	PROMQL_OP_TRIM_LOWER, /* >/ of histograms */
	PROMQL_OP_AND,
	PROMQL_OP_OR,
	PROMQL_OP_UNLESS,
	/* In duration expressions only; lhs and rhs of STEP and RANGE are NULL. */
	PROMQL_OP_STEP,
	PROMQL_OP_RANGE,
	PROMQL_OP_MIN_OF,
	PROMQL_OP_MAX_OF,
	PROMQL_N_OPS,
};

/* Aggregation operators. */
enum promql_agg {
	PROMQL_AGG_SUM,
	PROMQL_AGG_AVG,
	PROMQL_AGG_COUNT,
	PROMQL_AGG_MIN,
	PROMQL_AGG_MAX,
	PROMQL_AGG_GROUP,
	PROMQL_AGG_STDDEV,
	PROMQL_AGG_STDVAR,
	PROMQL_AGG_TOPK,         /* scalar parameter */
	PROMQL_AGG_BOTTOMK,      /* scalar parameter */
	PROMQL_AGG_COUNT_VALUES, /* string parameter */
	PROMQL_AGG_QUANTILE,     /* scalar parameter */
	PROMQL_AGG_LIMITK,       /* scalar parameter */
	PROMQL_AGG_LIMIT_RATIO,  /* scalar parameter */
	PROMQL_N_AGGS,
};

/* How a matcher compares. */
enum promql_match_type {
	PROMQL_MATCH_EQ,  /* = */
	PROMQL_MATCH_NEQ, /* != */
	PROMQL_MATCH_RE,  /* =~, anchored at both ends */
	PROMQL_MATCH_NRE, /* !~ */
};

/* `@ start()` and `@ end()`. */
enum promql_preproc { PROMQL_AT_NONE, PROMQL_AT_START, PROMQL_AT_END };

/* How many series of either side may match one of the other. */
enum promql_card {
	PROMQL_ONE_TO_ONE,
	PROMQL_MANY_TO_ONE,  /* group_left */
	PROMQL_ONE_TO_MANY,  /* group_right */
	PROMQL_MANY_TO_MANY, /* and, or, unless */
};

/* Bytes start..end of the query text. */
struct promql_pos {
	uint32_t start, end;
};

struct matcher;

/* One label matcher, as written (the name selector `foo` is __name__="foo"). */
struct promql_matcher {
	enum promql_match_type type;
	struct str name;
	struct str value;
	struct matcher *compiled; /* labels/matcher.h; lives as long as the arena */
};

/* A list of label names, in the order written. */
struct promql_labels {
	struct str *v;
	size_t n;
};

struct promql_expr;
struct promql_func;

/*
 * The offset and @ modifiers of a selector or subquery. A matrix selector
 * has those of its vector selector. What `offset_expr` gives is known only
 * with the query's step and range; where it is set, offset_ns is 0.
 */
struct promql_shift {
	int64_t offset_ns;               /* as written; >0 looks back */
	struct promql_expr *offset_expr; /* PROMQL_DURATION or NULL */
	int64_t at_ms;                   /* valid if has_at */
	bool has_at;                     /* @ <number> */
	enum promql_preproc at_preproc;  /* @ start(), @ end() */
};

/* PROMQL_NUMBER. */
struct promql_number {
	double val;       /* a duration's value is in seconds */
	bool is_duration; /* was written as 5m: printed so again */
};

/* PROMQL_SELECTOR: an instant vector selector. */
struct promql_selector {
	struct str name;                 /* metric name before the braces; empty if none */
	struct promql_matcher *matchers; /* all, with that of `name` last */
	size_t n_matchers;
	struct promql_shift shift;
	bool anchored;
	bool smoothed;
	bool is_info_arg; /* second argument of info(): may match everything */
};

/* PROMQL_MATRIX: a range vector selector. */
struct promql_matrix {
	struct promql_expr *selector;   /* PROMQL_SELECTOR; holds the modifiers */
	int64_t range_ns;               /* 0 where range_expr is set */
	struct promql_expr *range_expr; /* PROMQL_DURATION or NULL */
};

/* PROMQL_SUBQUERY. */
struct promql_subquery {
	struct promql_expr *expr;
	int64_t range_ns;
	struct promql_expr *range_expr; /* PROMQL_DURATION or NULL */
	int64_t step_ns;                /* 0: the default evaluation interval, unless step_expr */
	struct promql_expr *step_expr;  /* PROMQL_DURATION or NULL */
	struct promql_shift shift;
};

/* PROMQL_CALL. The parser has checked number and types of the arguments. */
struct promql_call {
	const struct promql_func *func; /* promql/lang/functions.h */
	struct promql_expr **args;
	size_t n_args;
};

/* PROMQL_AGGREGATE. */
struct promql_aggregate {
	enum promql_agg op;
	struct promql_expr *expr;
	struct promql_expr *param; /* NULL for operators without one */
	struct promql_labels grouping;
	bool without;      /* else by; `sum(x)` is `sum by () (x)` */
	bool has_grouping; /* by or without was written, even with no labels */
};

/* Vector matching of PROMQL_BINARY. Valid where both sides are vectors. */
struct promql_matching {
	enum promql_card card;
	struct promql_labels labels;     /* of on or ignoring */
	bool on;                         /* else ignoring */
	bool written;                    /* on or ignoring was written, even with no labels */
	struct promql_labels include;    /* of group_left or group_right */
	bool has_fill_lhs, has_fill_rhs; /* fill, fill_left, fill_right */
	double fill_lhs, fill_rhs;       /* for a missing left / right sample */
};

/* PROMQL_BINARY. */
struct promql_binary {
	enum promql_op op;
	struct promql_expr *lhs, *rhs;
	bool return_bool;
	bool has_matching; /* both sides are vectors */
	struct promql_matching matching;
};

/* PROMQL_UNARY: op is ADD or SUB. A sign before a number literal is in the literal. */
struct promql_unary {
	enum promql_op op;
	struct promql_expr *expr;
};

/* PROMQL_DURATION. Operands are PROMQL_NUMBER (seconds) or PROMQL_DURATION. */
struct promql_duration {
	enum promql_op op;       /* ADD SUB MUL DIV MOD POW STEP RANGE MIN_OF MAX_OF */
	struct promql_expr *lhs; /* NULL for signs, STEP and RANGE */
	struct promql_expr *rhs; /* NULL for STEP and RANGE */
	bool wrapped;            /* was in parentheses */
};

/*
 * A node. A tree is at most PROMQL_HEIGHT_PER_LEVEL times as high as texts may nest, where `a or b or c ...`,
 * a chain that may have thousands of operators, is one level: go down its left
 * side in a loop.
 */
struct promql_expr {
	enum promql_kind kind;
	enum promql_value_type type; /* of its value; a duration expression is a scalar */
	bool step_invariant;         /* the planner's mark; false from the parser */
	uint16_t height;             /* 1 + that of the highest node below; a chain of operators is one level */
	uint32_t id;                 /* 0 .. n-1, unique in the tree: for side tables */
	struct promql_pos pos;       /* the bytes it was written as, without blanks around */
	union {
		struct promql_number number;
		struct str string; /* the value, unescaped */
		struct promql_selector selector;
		struct promql_matrix matrix;
		struct promql_subquery subquery;
		struct promql_call call;
		struct promql_aggregate agg;
		struct promql_binary binary;
		struct promql_unary unary;
		struct promql_expr *paren;
		struct promql_duration duration;
	};
};

/* The bytes of the query text that make up `e`. */
static inline struct promql_pos promql_expr_pos(const struct promql_expr *e)
{
	return e->pos;
}

/* The type of the value of `e`; PROMQL_TYPE_SCALAR for duration expressions. */
static inline enum promql_value_type promql_expr_type(const struct promql_expr *e)
{
	return e->type;
}

/* "scalar", "vector", "matrix", "string" or "none". */
const char *promql_type_name(enum promql_value_type t);

/* As documented for users: "scalar", "instant vector", "range vector", "string". */
const char *promql_type_doc(enum promql_value_type t);

/*
 * Address of the i-th child expression of `e`, or NULL past the last: call
 * arguments; aggregation parameter (if any) then expression; left then right
 * side; what parentheses, signs, subqueries and ranges are about. Duration
 * expressions of ranges and offsets are not children.
 */
struct promql_expr **promql_expr_child(struct promql_expr *e, size_t i);

/* `e` without the parentheses around it. */
struct promql_expr *promql_expr_unparen(struct promql_expr *e);

/* The operator as written: "+", "atan2", "unless", "min_of". Static. */
const char *promql_op_name(enum promql_op op);

/* The aggregation operator's name: "topk". Static. */
const char *promql_agg_name(enum promql_agg op);

/* "=", "!=", "=~", "!~". Static. */
const char *promql_match_name(enum promql_match_type t);

/* "one-to-one", "many-to-one", "one-to-many", "many-to-many". Static. */
const char *promql_card_name(enum promql_card c);

/* Whether `op` compares: == != <= < >= >. */
bool promql_op_is_comparison(enum promql_op op);

/* Whether `op` cuts histograms: </ >/. */
bool promql_op_is_trim(enum promql_op op);

/* Whether `op` is and, or, unless. */
bool promql_op_is_set(enum promql_op op);

#endif
