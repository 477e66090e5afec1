#include "promql/lang/parser_int.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/strbuf.h"
#include "promql/lang/literal.h"

#include <math.h>
#include <stdlib.h>

/* Puts the defaults where no limit is named. */
static void set_limits(struct promql_parse_opts *o)
{
	o->max_text = o->max_text ? o->max_text : PROMQL_MAX_TEXT;
	o->max_depth = o->max_depth ? o->max_depth : PROMQL_MAX_DEPTH;
	o->max_ops = o->max_ops ? o->max_ops : PROMQL_MAX_OPS;
	o->max_errors = o->max_errors ? o->max_errors : PROMQL_MAX_ERRORS;
	CHECK(o->max_depth <= PROMQL_MAX_DEPTH_ALLOWED);
}

void parser_init(struct parser *p, struct str text, bool series_desc, const struct promql_parse_opts *opts,
		 struct arena *a)
{
	*p = (struct parser){ .text = text, .arena = a };
	p->opts = opts ? *opts : (struct promql_parse_opts){ .duration_expr = true };
	set_limits(&p->opts);
	promql_lex_init(&p->lex, text, series_desc, a);
}

void *parser_oom(struct parser *p)
{
	p->oom = p->stop = true;
	return NULL;
}

/* --- complaints ------------------------------------------------------------- */

void parser_complain(struct parser *p, struct promql_pos pos, const char *fmt, ...)
{
	if (p->oom || p->n_errs == p->opts.max_errors)
		return;
	struct promql_parse_err *errs = parser_grow(p, p->errs, p->n_errs, &p->cap_errs, sizeof(*errs));
	if (!errs)
		return;
	p->errs = errs;
	struct strbuf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	strbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	const char *msg = arena_memdup(p->arena, b.p, b.n);
	strbuf_fini(&b);
	if (!msg) {
		parser_oom(p);
		return;
	}
	p->errs[p->n_errs++] = (struct promql_parse_err){ pos, msg };
}

const char *parser_quote(struct parser *p, struct str s)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, s);
	const char *text = arena_memdup(p->arena, b.p, b.n);
	strbuf_fini(&b);
	return text ? text : "";
}

void *parser_unexpected(struct parser *p)
{
	if (p->stop)
		return NULL;
	const struct parser_catch *c = p->catch;
	parser_peek(p);
	if (p->tok.type != TOK_ERROR)
		parser_complain(p, parser_tok_pos(&p->tok), "unexpected %s%s%s%s%s",
				promql_token_desc(&p->tok, p->arena), c && c->where ? " in " : "",
				c && c->where ? c->where : "", c && c->expected ? ", expected " : "",
				c && c->expected ? c->expected : "");
	if (c && c->aggregation)
		parser_complain(p, (struct promql_pos){ c->pos, p->last_closing },
				"no arguments for aggregate expression provided");
	p->stop = true;
	return NULL;
}

/* Stops with a complaint about a limit. */
static bool refuse(struct parser *p, const char *what, uint32_t limit)
{
	if (!p->stop)
		parser_complain(p, parser_tok_pos(&p->tok), "query has more than %u %s", limit, what);
	p->stop = true;
	return false;
}

bool parser_count_op(struct parser *p)
{
	return ++p->n_ops <= p->opts.max_ops || refuse(p, "operators", p->opts.max_ops);
}

bool parser_enter(struct parser *p)
{
	return ++p->depth <= p->opts.max_depth || refuse(p, "levels of nesting", p->opts.max_depth);
}

void parser_leave(struct parser *p)
{
	p->depth--;
}

/* --- tokens ----------------------------------------------------------------- */

enum promql_tok parser_peek(struct parser *p)
{
	if (p->peeked)
		return p->tok.type;
	do
		promql_lex_next(&p->lex, &p->tok);
	while (p->tok.type == TOK_COMMENT);
	p->peeked = true;
	switch (p->tok.type) {
	case TOK_ERROR:
		parser_complain(p, (struct promql_pos){ promql_lex_start(&p->lex), (uint32_t)p->text.n }, "%.*s",
				STR_ARG(p->tok.val));
		break;
	case TOK_RIGHT_BRACE:
	case TOK_RIGHT_PAREN:
	case TOK_RIGHT_BRACKET:
	case TOK_DURATION:
	case TOK_NUMBER:
		p->last_closing = parser_tok_pos(&p->tok).end;
		break;
	default:
		break;
	}
	return p->tok.type;
}

struct promql_token parser_take(struct parser *p)
{
	parser_peek(p);
	/* Nothing comes after the end or an error. */
	p->peeked = p->tok.type == TOK_EOF || p->tok.type == TOK_ERROR;
	return p->tok;
}

bool parser_expect(struct parser *p, enum promql_tok t)
{
	if (p->stop)
		return false;
	if (parser_peek(p) != t) {
		parser_unexpected(p);
		return false;
	}
	parser_take(p);
	return true;
}

double parser_number(struct parser *p, const struct promql_token *t)
{
	const char *msg;
	double v = 0;
	if (t->type == TOK_DURATION) {
		int64_t ns;
		msg = promql_duration_parse(t->val, &ns, p->arena);
		v = (double)(ns / 1000000000) + (double)(ns % 1000000000) / 1e9;
	} else {
		msg = promql_number_parse(t->val, &v, p->arena);
	}
	if (msg)
		parser_complain(p, parser_tok_pos(t), "%s", msg);
	return v;
}

struct str parser_text(struct parser *p, const struct promql_token *t)
{
	struct str s = { NULL, 0 };
	bool ok = t->type == TOK_STRING ? promql_unquote(t->val, p->arena, &s)
					: (s.p = arena_memdup(p->arena, t->val.p, t->val.n)) != NULL;
	if (!ok)
		parser_oom(p);
	else if (t->type != TOK_STRING)
		s.n = t->val.n;
	return s;
}

int64_t parser_ns(double seconds)
{
	double ns = round(seconds * 1e9);
	if (ns >= 0x1p63)
		return INT64_MAX;
	return isnan(ns) || ns <= -0x1p63 ? INT64_MIN : (int64_t)ns;
}

void *parser_grow(struct parser *p, void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	size_t want = *cap ? *cap * 2 : 4;
	void *bigger = arena_array(p->arena, want, size);
	if (!bigger)
		return parser_oom(p);
	if (n)
		memcpy(bigger, v, n * size);
	*cap = want;
	return bigger;
}

/* --- nodes ------------------------------------------------------------------ */

struct promql_expr *parser_node(struct parser *p, enum promql_kind kind, enum promql_value_type type,
				struct promql_pos pos)
{
	if (p->stop)
		return NULL;
	struct promql_expr *e = arena_zalloc(p->arena, sizeof(*e));
	if (!e)
		return parser_oom(p);
	e->kind = kind;
	e->type = type;
	e->pos = pos;
	e->height = 1;
	return e;
}

void parser_above(struct parser *p, struct promql_expr *e, const struct promql_expr *child)
{
	if (!e || !child)
		return;
	/* The left side of a chain of operators is one level with it: nothing recurses there. */
	bool chain = e->kind == PROMQL_BINARY && child->kind == PROMQL_BINARY && child == e->binary.lhs;
	uint16_t height = (uint16_t)(child->height + !chain);
	if (height > e->height)
		e->height = height;
	uint32_t highest = p->opts.max_depth * PROMQL_HEIGHT_PER_LEVEL;
	if (e->height > highest)
		refuse(p, "levels of nesting", highest);
}

struct promql_expr *parser_literal(struct parser *p, const struct promql_token *t)
{
	struct promql_expr *e = parser_node(p, PROMQL_NUMBER, PROMQL_TYPE_SCALAR, parser_tok_pos(t));
	if (!e)
		return NULL;
	e->number.val = parser_number(p, t);
	e->number.is_duration = t->type == TOK_DURATION;
	return e;
}

/* --- results ---------------------------------------------------------------- */

const char *promql_parse_err_text(struct str text, const struct promql_parse_err *e, struct arena *a)
{
	if (text.n == 0)
		return arena_printf(a, "unknown position: parse error: %s", e->msg);
	if (e->pos.start > text.n)
		return arena_printf(a, "invalid position: parse error: %s", e->msg);
	size_t line = 1, begin = 0;
	for (size_t i = 0; i < e->pos.start; i++) {
		if (text.p[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	return arena_printf(a, "%zu:%zu: parse error: %s", line, e->pos.start - begin + 1, e->msg);
}

int parser_finish(struct parser *p, struct promql_parse_errs *ret_errs, struct err *err)
{
	if (ret_errs)
		*ret_errs = (struct promql_parse_errs){ NULL, 0 };
	if (p->oom)
		return arena_err(p->arena, err);
	if (p->n_errs == 0)
		return 0;
	const char *msg = promql_parse_err_text(p->text, &p->errs[0], p->arena);
	if (ret_errs)
		*ret_errs = (struct promql_parse_errs){ p->errs, p->n_errs };
	if (!msg)
		return arena_err(p->arena, err);
	return err_set(err, ERR_INVALID_ARGUMENT, "%s", msg);
}
