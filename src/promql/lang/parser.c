#include "promql/lang/parser.h"

#include "base/compiler.h"
#include "promql/lang/functions.h"
#include "promql/lang/parser_int.h"

/* Precedences of binary operators, low to high. */
enum { PREC_NONE, PREC_OR, PREC_AND, PREC_COMPARE, PREC_ADD, PREC_MUL, PREC_POW };

static struct promql_expr *parse_expr(struct parser *p, int min_prec);

/* --- calls and aggregations ------------------------------------------------- */

/* Whether an expression may begin with the token. */
static bool begins_expr(enum promql_tok t)
{
	switch (t) {
	case TOK_NUMBER:
	case TOK_DURATION:
	case TOK_STRING:
	case TOK_LEFT_PAREN:
	case TOK_LEFT_BRACE:
	case TOK_ADD:
	case TOK_SUB:
		return true;
	default:
		return parser_is_metric_name(t);
	}
}

struct args {
	struct promql_expr **v;
	size_t n, cap;
};

static bool parse_arg(struct parser *p, struct args *args)
{
	struct promql_expr *e = parse_expr(p, PREC_OR);
	if (!e)
		return false;
	void *v = parser_grow(p, args->v, args->n, &args->cap, sizeof(e));
	if (!v)
		return false;
	args->v = v;
	args->v[args->n++] = e;
	return true;
}

/* ( expr, ... ), whose parenthesis is next. */
static bool parse_args(struct parser *p, struct args *args)
{
	if (!parser_expect(p, TOK_LEFT_PAREN))
		return false;
	if (parser_peek(p) == TOK_RIGHT_PAREN) {
		parser_take(p);
		return true;
	}
	if (!parse_arg(p, args))
		return false;
	while (parser_peek(p) == TOK_COMMA) {
		struct promql_token comma = parser_take(p);
		if (begins_expr(parser_peek(p))) {
			if (!parse_arg(p, args))
				return false;
			continue;
		}
		parser_complain(p, parser_tok_pos(&comma), "trailing commas not allowed in function call args");
	}
	return parser_expect(p, TOK_RIGHT_PAREN);
}

/* A call of the function whose name was taken; its parenthesis is next. */
static struct promql_expr *parse_call(struct parser *p, const struct promql_token *name)
{
	struct args args = { 0 };
	if (!parse_args(p, &args))
		return NULL;
	const struct promql_func *f = promql_func_find(name->val);
	if (f && f->x_function && !p->opts.x_functions)
		f = NULL;
	if (!f)
		parser_complain(p, parser_tok_pos(name), "unknown function with name %s", parser_quote(p, name->val));
	else if (f->experimental && !p->opts.experimental_functions)
		parser_complain(p, parser_tok_pos(name), "function %s is not enabled", parser_quote(p, name->val));
	struct promql_expr *e = parser_node(p, PROMQL_CALL, f ? f->ret : PROMQL_TYPE_NONE,
					    (struct promql_pos){ name->pos, p->last_closing });
	if (!e)
		return NULL;
	e->call = (struct promql_call){ .func = f, .args = args.v, .n_args = args.n };
	for (size_t i = 0; i < args.n; i++)
		parser_above(p, e, args.v[i]);
	return e;
}

static enum promql_agg agg_of(enum promql_tok t)
{
	switch (t) {
	case TOK_SUM:
		return PROMQL_AGG_SUM;
	case TOK_AVG:
		return PROMQL_AGG_AVG;
	case TOK_COUNT:
		return PROMQL_AGG_COUNT;
	case TOK_MIN:
		return PROMQL_AGG_MIN;
	case TOK_MAX:
		return PROMQL_AGG_MAX;
	case TOK_GROUP:
		return PROMQL_AGG_GROUP;
	case TOK_STDDEV:
		return PROMQL_AGG_STDDEV;
	case TOK_STDVAR:
		return PROMQL_AGG_STDVAR;
	case TOK_TOPK:
		return PROMQL_AGG_TOPK;
	case TOK_BOTTOMK:
		return PROMQL_AGG_BOTTOMK;
	case TOK_COUNT_VALUES:
		return PROMQL_AGG_COUNT_VALUES;
	case TOK_QUANTILE:
		return PROMQL_AGG_QUANTILE;
	case TOK_LIMITK:
		return PROMQL_AGG_LIMITK;
	default:
		return PROMQL_AGG_LIMIT_RATIO;
	}
}

/* Puts the arguments where they belong, with complaints about their number. */
static void set_agg_args(struct parser *p, struct promql_expr *e, const struct args *args)
{
	struct promql_aggregate *agg = &e->agg;
	if (args->n == 0) {
		parser_complain(p, e->pos, "no arguments for aggregate expression provided");
		return;
	}
	bool experimental = agg->op == PROMQL_AGG_LIMITK || agg->op == PROMQL_AGG_LIMIT_RATIO;
	if (experimental && !p->opts.experimental_functions) {
		parser_complain(p, e->pos,
				"%s() is experimental and must be enabled with "
				"--enable-feature=promql-experimental-functions",
				promql_agg_name(agg->op));
		return;
	}
	size_t want = agg->op >= PROMQL_AGG_TOPK ? 2 : 1;
	if (args->n != want) {
		parser_complain(p, e->pos,
				"wrong number of arguments for aggregate expression provided, "
				"expected %zu, got %zu",
				want, args->n);
		return;
	}
	agg->param = want == 2 ? args->v[0] : NULL;
	agg->expr = args->v[want - 1];
	parser_above(p, e, agg->param);
	parser_above(p, e, agg->expr);
}

/* by (...) or without (...), whose word is next. */
static bool parse_agg_modifier(struct parser *p, struct promql_aggregate *agg)
{
	agg->without = parser_take(p).type == TOK_WITHOUT;
	agg->has_grouping = true;
	return parser_labels(p, &agg->grouping);
}

static bool at_agg_modifier(struct parser *p)
{
	enum promql_tok t = parser_peek(p);
	return t == TOK_BY || t == TOK_WITHOUT;
}

/* Modifier and arguments in either order; *ret_end is where the aggregation ends. */
static bool parse_agg_parts(struct parser *p, struct promql_aggregate *agg, struct args *args, uint32_t *ret_end)
{
	if (at_agg_modifier(p)) {
		if (!parse_agg_modifier(p, agg) || !parse_args(p, args))
			return false;
		*ret_end = p->last_closing;
		return true;
	}
	if (!parse_args(p, args))
		return false;
	*ret_end = p->last_closing;
	bool modified = at_agg_modifier(p);
	if (modified && !parse_agg_modifier(p, agg))
		return false;
	/* To see whether there is a modifier upstream reads a token ahead, whose end counts if it is a number. */
	if (modified || p->tok.type == TOK_NUMBER || p->tok.type == TOK_DURATION)
		*ret_end = p->last_closing;
	return true;
}

/* An aggregation whose operator was taken. */
static struct promql_expr *parse_aggregate(struct parser *p, const struct promql_token *op)
{
	struct promql_expr *e = parser_node(p, PROMQL_AGGREGATE, PROMQL_TYPE_VECTOR, parser_tok_pos(op));
	if (!e)
		return NULL;
	struct parser_catch c = { .up = p->catch, .where = "aggregation", .aggregation = true, .pos = op->pos };
	struct args args = { 0 };
	e->agg.op = agg_of(op->type);
	p->catch = &c;
	bool ok = parse_agg_parts(p, &e->agg, &args, &e->pos.end);
	p->catch = c.up;
	if (!ok)
		return NULL;
	set_agg_args(p, e, &args);
	return p->stop ? NULL : e;
}

/* --- expressions ------------------------------------------------------------ */

static struct promql_expr *parse_paren(struct parser *p)
{
	uint32_t start = parser_take(p).pos;
	struct promql_expr *inner = parse_expr(p, PREC_OR);
	if (!inner || !parser_expect(p, TOK_RIGHT_PAREN))
		return NULL;
	struct promql_expr *e =
		parser_node(p, PROMQL_PAREN, inner->type, (struct promql_pos){ start, p->last_closing });
	if (!e)
		return NULL;
	e->paren = inner;
	parser_above(p, e, inner);
	return e;
}

static struct promql_expr *parse_string(struct parser *p)
{
	struct promql_token tok = parser_take(p);
	struct promql_expr *e = parser_node(p, PROMQL_STRING, PROMQL_TYPE_STRING, parser_tok_pos(&tok));
	if (e)
		e->string = parser_text(p, &tok);
	return p->stop ? NULL : e;
}

/* Whether a word is also the name of a function, or can be. */
static bool may_be_called(enum promql_tok t)
{
	return t == TOK_IDENTIFIER || (t > TOK__PREPROCESSOR_START && t < TOK__PREPROCESSOR_END);
}

/* A word: aggregation, call or metric. */
static struct promql_expr *parse_word(struct parser *p)
{
	struct promql_token tok = parser_take(p);
	enum promql_tok next = parser_peek(p);
	if (promql_tok_is_agg(tok.type) && (next == TOK_LEFT_PAREN || next == TOK_BY || next == TOK_WITHOUT))
		return parse_aggregate(p, &tok);
	if (may_be_called(tok.type) && next == TOK_LEFT_PAREN)
		return parse_call(p, &tok);
	return parser_named_selector(p, &tok);
}

static struct promql_expr *parse_primary(struct parser *p)
{
	enum promql_tok t = parser_peek(p);
	struct promql_token tok;
	switch (t) {
	case TOK_NUMBER:
	case TOK_DURATION:
		tok = parser_take(p);
		return parser_literal(p, &tok);
	case TOK_STRING:
		return parse_string(p);
	case TOK_LEFT_PAREN:
		return parse_paren(p);
	case TOK_LEFT_BRACE:
		return parser_nameless_selector(p);
	default:
		return parser_is_metric_name(t) ? parse_word(p) : parser_unexpected(p);
	}
}

/* A sign and what it stands before: as tight as multiplication, so powers belong to the operand. */
static struct promql_expr *parse_unary(struct parser *p)
{
	struct promql_token sign = parser_take(p);
	if (!parser_count_op(p))
		return NULL;
	struct promql_expr *operand = parse_expr(p, PREC_POW);
	if (!operand)
		return NULL;
	if (operand->kind == PROMQL_NUMBER) {
		if (sign.type == TOK_SUB)
			operand->number.val *= -1;
		operand->pos.start = sign.pos;
		return operand;
	}
	struct promql_expr *e =
		parser_node(p, PROMQL_UNARY, operand->type, (struct promql_pos){ sign.pos, operand->pos.end });
	if (!e)
		return NULL;
	e->unary.op = sign.type == TOK_SUB ? PROMQL_OP_SUB : PROMQL_OP_ADD;
	e->unary.expr = operand;
	parser_above(p, e, operand);
	return e;
}

struct binop {
	enum promql_tok tok;
	enum promql_op op;
	int prec;
};

static const struct binop *find_binop(enum promql_tok t)
{
	static const struct binop ops[] = {
		{ TOK_LOR, PROMQL_OP_OR, PREC_OR },
		{ TOK_LAND, PROMQL_OP_AND, PREC_AND },
		{ TOK_LUNLESS, PROMQL_OP_UNLESS, PREC_AND },
		{ TOK_EQLC, PROMQL_OP_EQL, PREC_COMPARE },
		{ TOK_NEQ, PROMQL_OP_NEQ, PREC_COMPARE },
		{ TOK_GTE, PROMQL_OP_GTE, PREC_COMPARE },
		{ TOK_GTR, PROMQL_OP_GTR, PREC_COMPARE },
		{ TOK_LTE, PROMQL_OP_LTE, PREC_COMPARE },
		{ TOK_LSS, PROMQL_OP_LSS, PREC_COMPARE },
		{ TOK_TRIM_UPPER, PROMQL_OP_TRIM_UPPER, PREC_COMPARE },
		{ TOK_TRIM_LOWER, PROMQL_OP_TRIM_LOWER, PREC_COMPARE },
		{ TOK_ADD, PROMQL_OP_ADD, PREC_ADD },
		{ TOK_SUB, PROMQL_OP_SUB, PREC_ADD },
		{ TOK_MUL, PROMQL_OP_MUL, PREC_MUL },
		{ TOK_DIV, PROMQL_OP_DIV, PREC_MUL },
		{ TOK_MOD, PROMQL_OP_MOD, PREC_MUL },
		{ TOK_ATAN2, PROMQL_OP_ATAN2, PREC_MUL },
		{ TOK_POW, PROMQL_OP_POW, PREC_POW },
	};
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (ops[i].tok == t)
			return &ops[i];
	return NULL;
}

/* ( number ) after a fill word. */
static bool parse_fill_value(struct parser *p, double *ret)
{
	return parser_expect(p, TOK_LEFT_PAREN) && parser_signed(p, ret) && parser_expect(p, TOK_RIGHT_PAREN);
}

/* fill(), fill_left() and fill_right(): the first alone, the others at most once each. */
static bool parse_fills(struct parser *p, struct promql_matching *m)
{
	enum promql_tok t = parser_peek(p);
	if (t == TOK_FILL) {
		parser_take(p);
		if (!parse_fill_value(p, &m->fill_lhs))
			return false;
		m->has_fill_lhs = m->has_fill_rhs = true;
		m->fill_rhs = m->fill_lhs;
		return true;
	}
	for (; t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT; t = parser_peek(p)) {
		bool left = t == TOK_FILL_LEFT;
		if (left ? m->has_fill_lhs : m->has_fill_rhs)
			break;
		parser_take(p);
		if (!parse_fill_value(p, left ? &m->fill_lhs : &m->fill_rhs))
			return false;
		if (left)
			m->has_fill_lhs = true;
		else
			m->has_fill_rhs = true;
	}
	return true;
}

/* Whether an operand, or what may stand before it, begins with this token. */
static bool begins_operand(enum promql_tok t)
{
	return t == TOK_FILL || t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT || begins_expr(t);
}

/* on(), ignoring() and after them group_left, group_right. */
static bool parse_matching(struct parser *p, struct promql_matching *m)
{
	enum promql_tok t = parser_peek(p);
	if (t != TOK_ON && t != TOK_IGNORING)
		return true;
	parser_take(p);
	m->on = t == TOK_ON;
	m->written = true;
	if (!parser_labels(p, &m->labels))
		return false;
	t = parser_peek(p);
	if (t != TOK_GROUP_LEFT && t != TOK_GROUP_RIGHT)
		return true;
	parser_take(p);
	m->card = t == TOK_GROUP_LEFT ? PROMQL_MANY_TO_ONE : PROMQL_ONE_TO_MANY;
	t = parser_peek(p);
	return (t != TOK_LEFT_PAREN && begins_operand(t)) || parser_labels(p, &m->include);
}

/* bool, matching and fill after a binary operator. */
static bool parse_bin_modifiers(struct parser *p, struct promql_binary *b)
{
	b->has_matching = true;
	if (parser_peek(p) == TOK_BOOL) {
		parser_take(p);
		b->return_bool = true;
	}
	return parse_matching(p, &b->matching) && parse_fills(p, &b->matching);
}

/* `lhs op ... rhs`, whose operator is next. */
static struct promql_expr *parse_binary(struct parser *p, struct promql_expr *lhs, const struct binop *op)
{
	struct promql_binary b = { .op = op->op, .lhs = lhs };
	parser_take(p);
	if (!parser_count_op(p) || !parse_bin_modifiers(p, &b))
		return NULL;
	b.rhs = parse_expr(p, op->prec == PREC_POW ? PREC_POW : op->prec + 1);
	if (!b.rhs)
		return NULL;
	bool scalar = lhs->type == PROMQL_TYPE_SCALAR && b.rhs->type == PROMQL_TYPE_SCALAR;
	struct promql_expr *e = parser_node(p, PROMQL_BINARY, scalar ? PROMQL_TYPE_SCALAR : PROMQL_TYPE_VECTOR,
					    (struct promql_pos){ lhs->pos.start, b.rhs->pos.end });
	if (!e)
		return NULL;
	e->binary = b;
	parser_above(p, e, lhs);
	parser_above(p, e, b.rhs);
	if (!p->opts.fill_modifiers && (b.matching.has_fill_lhs || b.matching.has_fill_rhs))
		parser_complain(p, e->pos, "binop fill modifiers are experimental and not enabled");
	return e;
}

/* An expression whose operators have precedence `min_prec` and above. */
static struct promql_expr *parse_expr(struct parser *p, int min_prec)
{
	if (p->stop || !parser_enter(p))
		return NULL;
	enum promql_tok t = parser_peek(p);
	struct promql_expr *e = t == TOK_ADD || t == TOK_SUB ? parse_unary(p) : parser_postfix(p, parse_primary(p));
	while (e && !p->stop) {
		const struct binop *op = find_binop(parser_peek(p));
		if (!op || op->prec < min_prec)
			break;
		e = parse_binary(p, e, op);
	}
	parser_leave(p);
	return p->stop ? NULL : e;
}

/* --- entry points ----------------------------------------------------------- */

/* Complains where the text is too long. */
static bool length_ok(struct parser *p)
{
	if (p->text.n <= p->opts.max_text)
		return true;
	parser_complain(p, (struct promql_pos){ 0, 0 }, "query has %zu bytes, at most %u are allowed", p->text.n,
			p->opts.max_text);
	p->stop = true;
	return false;
}

/* A whole expression, to the end of the text; not checked yet. */
static struct promql_expr *parse_text(struct parser *p)
{
	if (!length_ok(p))
		return NULL;
	if (parser_peek(p) == TOK_EOF) {
		parser_complain(p, (struct promql_pos){ 0, 0 }, "no expression found in input");
		return NULL;
	}
	struct promql_expr *e = parse_expr(p, PREC_OR);
	if (e && parser_peek(p) != TOK_EOF)
		parser_unexpected(p);
	return e;
}

static void check_whole(struct parser *p, struct promql_expr *e)
{
	if (e && p->n_errs == 0 && !p->stop)
		parser_check(p, e);
}

int promql_parse(struct str text, const struct promql_parse_opts *opts, struct arena *a, struct promql_expr **ret_expr,
		 struct promql_parse_errs *ret_errs, struct err *err)
{
	struct parser p;
	parser_init(&p, text, false, opts, a);
	*ret_expr = parse_text(&p);
	check_whole(&p, *ret_expr);
	int ret = parser_finish(&p, ret_errs, err);
	if (ret < 0)
		*ret_expr = NULL;
	return ret;
}

/* A node's type as upstream's errors name it. */
static const char *go_type(const struct promql_expr *e)
{
	static const char *const names[] = {
		[PROMQL_NUMBER] = "NumberLiteral",    [PROMQL_STRING] = "StringLiteral",
		[PROMQL_SELECTOR] = "VectorSelector", [PROMQL_MATRIX] = "MatrixSelector",
		[PROMQL_SUBQUERY] = "SubqueryExpr",   [PROMQL_CALL] = "Call",
		[PROMQL_AGGREGATE] = "AggregateExpr", [PROMQL_BINARY] = "BinaryExpr",
		[PROMQL_UNARY] = "UnaryExpr",         [PROMQL_PAREN] = "ParenExpr",
		[PROMQL_DURATION] = "DurationExpr",
	};
	return names[e->kind];
}

int promql_parse_selector(struct str text, const struct promql_parse_opts *opts, struct arena *a,
			  struct promql_expr **ret_expr, struct err *err)
{
	struct parser p;
	parser_init(&p, text, false, opts, a);
	struct promql_expr *e = parse_text(&p);
	check_whole(&p, e);
	if (p.n_errs == 1 && strcmp(p.errs[0].msg, PARSER_MATCHES_ALL) == 0)
		p.n_errs = 0; /* the caller's to refuse */
	*ret_expr = NULL;
	int ret = parser_finish(&p, NULL, err);
	if (ret < 0)
		return ret;
	if (e->kind != PROMQL_SELECTOR)
		return err_set(err, ERR_INVALID_ARGUMENT, "expected type *parser.VectorSelector, got *parser.%s",
			       go_type(e));
	*ret_expr = e;
	return 0;
}
