/*
 * promql/lang/parser_int.h - what the files of the parser share. Not for others.
 *
 * The grammar is upstream's generated_parser.y. A syntax error ends the
 * parse (`stop`); complaints about meaning are collected and parsing goes on.
 * Functions that return a node return NULL once `stop` is set.
 *
 * Upstream's parser is table driven and reads a token ahead only where it
 * must; since complaints and end positions depend on that, so does this one:
 * parser_peek() is called exactly where a choice has to be made.
 */
#ifndef PROMQL_PARSER_INT_H
#define PROMQL_PARSER_INT_H

#include "base/arena.h"
#include "promql/lang/ast.h"
#include "promql/lang/lex.h"
#include "promql/lang/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a syntax error is reported: the innermost one says what was being
 * read and what would have been right. Stands for the grammar's `error` rules.
 */
struct parser_catch {
	struct parser_catch *up;
	const char *where;    /* NULL: not said */
	const char *expected; /* NULL: not said */
	bool aggregation;     /* an aggregation that begins at `pos`: then it also lacks arguments */
	uint32_t pos;
};

/* One parse. */
struct parser {
	struct promql_lexer lex;
	struct str text;
	struct arena *arena;
	struct promql_parse_opts opts;
	struct promql_token tok;    /* the last token read */
	bool peeked;                /* tok is ahead of what was taken */
	uint32_t last_closing;      /* end of the last token read that can end an expression */
	struct parser_catch *catch; /* innermost */
	bool stop;
	bool oom;
	uint32_t depth, n_ops;
	uint32_t n_ids;
	struct promql_parse_err *errs;
	size_t n_errs, cap_errs;
};

/* The complaint about a selector without a matcher that refuses the empty text. */
#define PARSER_MATCHES_ALL "vector selector must contain at least one non-empty matcher"

/* Prepares a parse of `text`. */
void parser_init(struct parser *p, struct str text, bool series_desc, const struct promql_parse_opts *opts,
		 struct arena *a);

/* Turns what was complained about into *ret_errs (if not NULL) and `err`; 0 where there was nothing. */
int parser_finish(struct parser *p, struct promql_parse_errs *ret_errs, struct err *err);

/* Kind of the next token, which stays. Comments are skipped; a lexer error is complained about once. */
enum promql_tok parser_peek(struct parser *p);

/* Takes the next token. */
struct promql_token parser_take(struct parser *p);

/* Takes the next token if it is of kind `t`; otherwise an unexpected-token error, and false. */
bool parser_expect(struct parser *p, enum promql_tok t);

/* Complains about bytes pos of the text. */
void parser_complain(struct parser *p, struct promql_pos pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Complains about the last token read, as the innermost catch says, and stops. Returns NULL. */
void *parser_unexpected(struct parser *p);

/* Stops for want of memory. Returns NULL. */
void *parser_oom(struct parser *p);

/* Counts an operator; false, with a complaint, beyond the limit. */
bool parser_count_op(struct parser *p);

/* Enters one level of nesting; false, with a complaint, beyond the limit. */
bool parser_enter(struct parser *p);

/* Leaves a level of nesting. */
void parser_leave(struct parser *p);

/* A new node of height 1, or NULL. */
struct promql_expr *parser_node(struct parser *p, enum promql_kind kind, enum promql_value_type type,
				struct promql_pos pos);

/* Makes `e` one higher than `child` at least; complains when too high. `child` may be NULL. */
void parser_above(struct parser *p, struct promql_expr *e, const struct promql_expr *child);

/* `s` in quotes as Go writes it, in the arena; "" when that is full. */
const char *parser_quote(struct parser *p, struct str s);

/* The bytes of a token. */
static inline struct promql_pos parser_tok_pos(const struct promql_token *t)
{
	return (struct promql_pos){ t->pos, t->pos + (uint32_t)t->val.n };
}

/* The value of a number or duration token; complains when it has none. */
double parser_number(struct parser *p, const struct promql_token *t);

/* The text of a word, or what a string token stands for, in the arena. */
struct str parser_text(struct parser *p, const struct promql_token *t);

/* A literal of a number or duration token, or NULL. */
struct promql_expr *parser_literal(struct parser *p, const struct promql_token *t);

/* What stands between brackets: a duration expression, greater than 0 if it is a literal. */
struct promql_expr *parser_positive_duration(struct parser *p);

/* What stands after `offset`. */
struct promql_expr *parser_offset_duration(struct parser *p);

/* Nanoseconds of a literal's seconds, rounded. */
int64_t parser_ns(double seconds);

/* Room for one more element of `size` bytes in a growing array of the arena; NULL when that is full. */
void *parser_grow(struct parser *p, void *v, size_t n, size_t *cap, size_t size);

/* An item between braces: `name op "value"`, or a name in quotes alone. */
struct parser_item {
	struct str name, value;
	enum promql_tok op; /* TOK_EOF: a name alone */
	struct promql_pos pos;
};

/* What may stand between braces. */
struct parser_braces {
	const char *where;    /* for errors */
	const char *operator; /* what was expected where no operator follows a name, for errors */
	bool (*is_operator)(enum promql_tok t);
	/* Takes an item; false after an error. */
	bool (*item)(struct parser *p, void *arg, const struct parser_item *item);
	void *arg;
};

/* { item, ... }, whose first brace is next. */
bool parser_braces(struct parser *p, const struct parser_braces *b);

/* A selector whose name was taken: braces with matchers, if they are next. */
struct promql_expr *parser_named_selector(struct parser *p, const struct promql_token *name);

/* A selector that begins with a brace, which is next. */
struct promql_expr *parser_nameless_selector(struct parser *p);

/* ( label, ... ) */
bool parser_labels(struct parser *p, struct promql_labels *ret);

/* A number that may have a sign. */
bool parser_signed(struct parser *p, double *ret);

/* `e` with the ranges, offsets, @ and so on that follow it. NULL where `e` is, or after a syntax error. */
struct promql_expr *parser_postfix(struct parser *p, struct promql_expr *e);

/* Checks types and rules of a tree that was parsed without complaint, and numbers the nodes. */
void parser_check(struct parser *p, struct promql_expr *e);

/* Whether a token of kind `t` may be a metric's name. */
bool parser_is_metric_name(enum promql_tok t);

#endif
