/*
 * promql/lang/parser.h - text to syntax tree.
 *
 * A hand-written lexer and precedence parser of the language of
 * Prometheus 3.14, with that program's error texts and positions.  A tree
 * that comes out is type checked: functions exist and have the right number
 * and types of arguments, vector matching makes sense, ranges and offsets
 * stand on what can take them.
 *
 * Limits hold before memory is taken: bytes of text, nesting, operators. The
 * defaults below are what a fiber's stack and an evaluation are made for; with
 * wider ones a tree is for looking at. Whoever allows `max_depth` levels has
 * PROMQL_STACK_PER_LEVEL bytes of stack for each of them, for parsing alone.
 */
#ifndef PROMQL_PARSER_H
#define PROMQL_PARSER_H

#include "base/err.h"
#include "labels/regex.h"
#include "promql/lang/ast.h"

/* Longest query text, in bytes. */
#define PROMQL_MAX_TEXT (64 * 1024)
/* Deepest nesting of parentheses, calls, signs, subqueries. */
#define PROMQL_MAX_DEPTH 200
/* The deepest that may be allowed. */
#define PROMQL_MAX_DEPTH_ALLOWED 20000
/*
 * Highest tree per level of nesting, where a chain of operators `a + b - c ...`
 * counts as one level. What recurses down the tree may go so deep, and no deeper.
 */
#define PROMQL_HEIGHT_PER_LEVEL 3
/* Most binary and unary operators, ranges and modifiers of one query. */
#define PROMQL_MAX_OPS 2000
/* Most errors kept of one query. */
#define PROMQL_MAX_ERRORS 64
/* Bytes of stack that parsing takes per level of nesting, at most (with sanitizers several times as much). */
#define PROMQL_STACK_PER_LEVEL 1024

/* Which parts of the language are on, and how much of it. */
struct promql_parse_opts {
	bool experimental_functions; /* --enable-feature=promql-experimental-functions */
	bool extended_ranges;        /* anchored, smoothed */
	bool fill_modifiers;         /* fill(), fill_left(), fill_right() */
	bool duration_expr;          /* arithmetic in ranges and offsets; on by default since 3.14 */
	bool x_functions;            /* Thanos' xrate, xincrease, xdelta */
	/* Compiles expressions of matchers; NULL: regex_compile. Where it suspends, parsing does. */
	regex_compile_fn *compile;
	/* Limits; 0: the default, PROMQL_MAX_TEXT and so on. */
	uint32_t max_text;
	uint32_t max_depth; /* at most PROMQL_MAX_DEPTH_ALLOWED */
	uint32_t max_ops;
	uint32_t max_errors;
};

/* Everything on: what tests and tools use. */
#define PROMQL_PARSE_ALL \
	((struct promql_parse_opts){ .experimental_functions = true, \
				     .extended_ranges = true, \
				     .fill_modifiers = true, \
				     .duration_expr = true, \
				     .x_functions = true })

/* One complaint. */
struct promql_parse_err {
	struct promql_pos pos;
	const char *msg; /* without position; in the arena */
};

/* All complaints about one text, in the order found; the first is the one to show. */
struct promql_parse_errs {
	struct promql_parse_err *v;
	size_t n;
};

/*
 * Parses `text` (which may go afterwards: the tree refers to nothing in it)
 * into *ret_expr, all memory from `a`. `opts` NULL is Prometheus' default:
 * duration_expr only. On failure returns INVALID_ARGUMENT (or
 * RESOURCE_EXHAUSTED when the arena is full) with
 * "<line>:<column>: parse error: <message>" in `err` (cut to its size) and,
 * where `ret_errs` is not NULL, everything found in it.
 */
int promql_parse(struct str text, const struct promql_parse_opts *opts, struct arena *a, struct promql_expr **ret_expr,
		 struct promql_parse_errs *ret_errs, struct err *err);

/*
 * Parses the vector selector of a match[] parameter. One that matches every series ("{}") is accepted: refusing it is the
 * caller's. Offset and @ are read and mean nothing; another expression is INVALID_ARGUMENT (upstream: Thanos'
 * extpromql.ParseMetricSelector). Options and errors as promql_parse.
 */
int promql_parse_selector(struct str text, const struct promql_parse_opts *opts, struct arena *a,
			  struct promql_expr **ret_expr, struct err *err);

/*
 * Formats a complaint as "<line>:<column>: parse error: <message>"; an empty
 * text gives "unknown position: parse error: ...". In the arena; NULL when it is full.
 */
const char *promql_parse_err_text(struct str text, const struct promql_parse_err *e, struct arena *a);

#endif
