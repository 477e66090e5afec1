#include "promql/lang/parser_int.h"

/* Literals beyond this many seconds do not fit into int64 nanoseconds. */
#define SECONDS_MAX (0x1p63 / 1e9)

/* Says so where duration expressions are switched off. */
static void need_duration_expr(struct parser *p, const struct promql_expr *e)
{
	if (e && !p->opts.duration_expr)
		parser_complain(p, e->pos, "experimental duration expression is not enabled");
}

static bool out_of_range(double seconds)
{
	return seconds > SECONDS_MAX || seconds < -SECONDS_MAX;
}

/* The literal 0 that stands for one that was complained about. */
static struct promql_expr *zero(struct parser *p)
{
	return parser_node(p, PROMQL_NUMBER, PROMQL_TYPE_SCALAR, (struct promql_pos){ 0, 0 });
}

/* `e`, or 0 with a complaint about `pos` where it is too large. */
static struct promql_expr *check_range(struct parser *p, struct promql_expr *e, struct promql_pos pos)
{
	if (!e || !out_of_range(e->number.val))
		return e;
	parser_complain(p, pos, "duration out of range");
	return zero(p);
}

/* A node `lhs op rhs`; lhs NULL for signs, both NULL for step() and range(). */
static struct promql_expr *duration_node(struct parser *p, enum promql_op op, struct promql_expr *lhs,
					 struct promql_expr *rhs, struct promql_pos pos)
{
	struct promql_expr *e = parser_node(p, PROMQL_DURATION, PROMQL_TYPE_SCALAR, pos);
	if (!e)
		return NULL;
	e->duration = (struct promql_duration){ .op = op, .lhs = lhs, .rhs = rhs };
	parser_above(p, e, lhs);
	parser_above(p, e, rhs);
	return e;
}

/* Marks `e` as parenthesised; a bare literal, which cannot be marked, gets a plus sign around it. */
static struct promql_expr *wrap(struct parser *p, struct promql_expr *e, uint32_t start)
{
	if (!e)
		return NULL;
	if (e->kind != PROMQL_DURATION)
		e = duration_node(p, PROMQL_OP_ADD, NULL, e, (struct promql_pos){ start, e->pos.end });
	if (e)
		e->duration.wrapped = true;
	return e;
}

/* A sign before `e`. It goes into a literal, and a plus goes nowhere. */
static struct promql_expr *apply_sign(struct parser *p, const struct promql_token *sign, struct promql_expr *e)
{
	if (!e)
		return NULL;
	if (e->kind == PROMQL_DURATION)
		return sign->type == TOK_ADD
			       ? e
			       : duration_node(p, PROMQL_OP_SUB, NULL, e, (struct promql_pos){ sign->pos, e->pos.end });
	if (sign->type == TOK_SUB)
		e->number.val *= -1;
	e->pos.start = sign->pos;
	return check_range(p, e, parser_tok_pos(sign));
}

static int precedence(enum promql_tok t, enum promql_op *ret_op)
{
	switch (t) {
	case TOK_ADD:
		*ret_op = PROMQL_OP_ADD;
		return 1;
	case TOK_SUB:
		*ret_op = PROMQL_OP_SUB;
		return 1;
	case TOK_MUL:
		*ret_op = PROMQL_OP_MUL;
		return 2;
	case TOK_DIV:
		*ret_op = PROMQL_OP_DIV;
		return 2;
	case TOK_MOD:
		*ret_op = PROMQL_OP_MOD;
		return 2;
	case TOK_POW:
		*ret_op = PROMQL_OP_POW;
		return 3;
	default:
		return 0;
	}
}

#define PREC_POW 3

static struct promql_expr *parse_duration(struct parser *p, int min_prec);

/* step() or range(), whose name was taken. */
static struct promql_expr *parse_step(struct parser *p, const struct promql_token *name)
{
	if (!parser_expect(p, TOK_LEFT_PAREN) || !parser_expect(p, TOK_RIGHT_PAREN))
		return NULL;
	struct promql_pos pos = { name->pos, parser_tok_pos(&p->tok).end };
	return duration_node(p, name->type == TOK_STEP ? PROMQL_OP_STEP : PROMQL_OP_RANGE, NULL, NULL, pos);
}

/* min_of(a, b) or max_of(a, b), whose name was taken. */
static struct promql_expr *parse_min_max(struct parser *p, const struct promql_token *name)
{
	if (!parser_expect(p, TOK_LEFT_PAREN))
		return NULL;
	struct promql_expr *lhs = parse_duration(p, 1);
	if (!lhs || !parser_expect(p, TOK_COMMA))
		return NULL;
	struct promql_expr *rhs = parse_duration(p, 1);
	if (!rhs || !parser_expect(p, TOK_RIGHT_PAREN))
		return NULL;
	return duration_node(p, name->type == TOK_MIN_OF ? PROMQL_OP_MIN_OF : PROMQL_OP_MAX_OF, lhs, rhs,
			     (struct promql_pos){ lhs->pos.start, rhs->pos.end });
}

/* step(), range(), min_of() or max_of(). */
static struct promql_expr *parse_named(struct parser *p)
{
	struct promql_token name = parser_take(p);
	return name.type == TOK_STEP || name.type == TOK_RANGE ? parse_step(p, &name) : parse_min_max(p, &name);
}

static bool is_named(enum promql_tok t)
{
	return t == TOK_STEP || t == TOK_RANGE || t == TOK_MIN_OF || t == TOK_MAX_OF;
}

/* ( duration ): what is inside, without mark. */
static struct promql_expr *parse_in_parens(struct parser *p)
{
	parser_take(p);
	struct promql_expr *e = parse_duration(p, 1);
	return e && parser_expect(p, TOK_RIGHT_PAREN) ? e : NULL;
}

static struct promql_expr *parse_primary(struct parser *p)
{
	enum promql_tok t = parser_peek(p);
	if (t == TOK_NUMBER || t == TOK_DURATION) {
		struct promql_token tok = parser_take(p);
		return check_range(p, parser_literal(p, &tok), parser_tok_pos(&tok));
	}
	if (t == TOK_LEFT_PAREN) {
		uint32_t start = p->tok.pos;
		struct promql_expr *e = parse_in_parens(p);
		need_duration_expr(p, e);
		return wrap(p, e, start);
	}
	if (t == TOK_ADD || t == TOK_SUB) {
		struct promql_token sign = parser_take(p);
		return parser_count_op(p) ? apply_sign(p, &sign, parse_duration(p, PREC_POW)) : NULL;
	}
	if (is_named(t)) {
		struct promql_expr *e = parse_named(p);
		need_duration_expr(p, e);
		return e;
	}
	return parser_unexpected(p);
}

/* `lhs op rhs`, or the literal 0 where a literal divides by zero. */
static struct promql_expr *make_binary(struct parser *p, const struct promql_token *tok, enum promql_op op,
				       struct promql_expr *lhs, struct promql_expr *rhs)
{
	need_duration_expr(p, lhs);
	bool divides = op == PROMQL_OP_DIV || op == PROMQL_OP_MOD;
	if (divides && rhs->kind == PROMQL_NUMBER && rhs->number.val == 0) {
		parser_complain(p, parser_tok_pos(tok), "%s by zero", op == PROMQL_OP_DIV ? "division" : "modulo");
		return zero(p);
	}
	return duration_node(p, op, lhs, rhs, (struct promql_pos){ lhs->pos.start, rhs->pos.end });
}

/* The operators of precedence `min_prec` and above that follow `lhs`. */
static struct promql_expr *parse_operators(struct parser *p, struct promql_expr *lhs, int min_prec)
{
	enum promql_op op;
	int prec;
	while (lhs && (prec = precedence(parser_peek(p), &op)) >= min_prec && prec > 0) {
		struct promql_token tok = parser_take(p);
		if (!parser_count_op(p))
			return NULL;
		struct promql_expr *rhs = parse_duration(p, prec == PREC_POW ? prec : prec + 1);
		lhs = rhs ? make_binary(p, &tok, op, lhs, rhs) : NULL;
	}
	return lhs;
}

static struct promql_expr *parse_duration(struct parser *p, int min_prec)
{
	if (p->stop || !parser_enter(p))
		return NULL;
	struct promql_expr *e = parse_operators(p, parse_primary(p), min_prec);
	parser_leave(p);
	return e;
}

struct promql_expr *parser_positive_duration(struct parser *p)
{
	struct promql_expr *e = parse_duration(p, 1);
	if (!e || e->kind != PROMQL_NUMBER || e->number.val > 0)
		return e;
	parser_complain(p, e->pos, "duration must be greater than 0");
	return zero(p);
}

/* A sign, then a parenthesised duration, whose parenthesis is next. */
static struct promql_expr *offset_signed_parens(struct parser *p, const struct promql_token *sign)
{
	struct promql_expr *e = parse_in_parens(p);
	return e ? apply_sign(p, sign, wrap(p, e, e->pos.start)) : NULL;
}

/* What begins with a sign after `offset`. Only a second sign lets arithmetic follow. */
static struct promql_expr *offset_signed(struct parser *p)
{
	struct promql_token sign = parser_take(p);
	if (!parser_count_op(p))
		return NULL;
	enum promql_tok t = parser_peek(p);
	if (t == TOK_NUMBER || t == TOK_DURATION) {
		struct promql_token tok = parser_take(p);
		return apply_sign(p, &sign, parser_literal(p, &tok));
	}
	if (t == TOK_LEFT_PAREN)
		return offset_signed_parens(p, &sign);
	if (is_named(t)) {
		struct promql_expr *e = parse_named(p);
		enum promql_op op = sign.type == TOK_SUB ? PROMQL_OP_SUB : PROMQL_OP_ADD;
		e = e ? duration_node(p, op, NULL, e, (struct promql_pos){ sign.pos, e->pos.end }) : NULL;
		need_duration_expr(p, e);
		return e;
	}
	return parse_operators(p, apply_sign(p, &sign, parse_duration(p, PREC_POW)), 1);
}

struct promql_expr *parser_offset_duration(struct parser *p)
{
	enum promql_tok t = parser_peek(p);
	if (t == TOK_NUMBER || t == TOK_DURATION || is_named(t))
		return parse_primary(p);
	if (t == TOK_ADD || t == TOK_SUB)
		return offset_signed(p);
	return parse_duration(p, 1);
}
