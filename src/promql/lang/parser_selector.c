#include "promql/lang/parser_int.h"

#include "labels/matcher.h"

/* --- braces ----------------------------------------------------------------- */

/* `op "value"` after a label's name. */
static bool parse_value(struct parser *p, struct parser_item *it)
{
	it->op = parser_take(p).type;
	p->catch->expected = "string";
	if (parser_peek(p) != TOK_STRING)
		return parser_unexpected(p);
	struct promql_token value = parser_take(p);
	it->value = parser_text(p, &value);
	it->pos.end = parser_tok_pos(&value).end;
	return !p->stop;
}

static bool parse_item(struct parser *p, const struct parser_braces *b)
{
	enum promql_tok t = parser_peek(p);
	if (t != TOK_IDENTIFIER && t != TOK_STRING)
		return parser_unexpected(p);
	struct promql_token name = parser_take(p);
	struct parser_item it = { .name = parser_text(p, &name), .op = TOK_EOF, .pos = parser_tok_pos(&name) };
	if (p->stop)
		return false;
	p->catch->expected = b->operator;
	bool valued = b->is_operator(parser_peek(p));
	if (!valued && t == TOK_IDENTIFIER)
		return parser_unexpected(p);
	return (!valued || parse_value(p, &it)) && b->item(p, b->arg, &it);
}

static bool parse_items(struct parser *p, const struct parser_braces *b)
{
	static const char first[] = "identifier or \"}\"";
	p->catch->expected = first;
	while (parser_peek(p) != TOK_RIGHT_BRACE) {
		if (!parse_item(p, b))
			return false;
		p->catch->expected = "\",\" or \"}\"";
		if (parser_peek(p) == TOK_RIGHT_BRACE)
			break;
		if (!parser_expect(p, TOK_COMMA))
			return false;
		p->catch->expected = first;
	}
	parser_take(p);
	return true;
}

bool parser_braces(struct parser *p, const struct parser_braces *b)
{
	struct parser_catch c = { .up = p->catch, .where = b->where };
	parser_take(p);
	p->catch = &c;
	bool ok = parse_items(p, b);
	p->catch = c.up;
	return ok;
}

/* --- selectors -------------------------------------------------------------- */

bool parser_is_metric_name(enum promql_tok t)
{
	switch (t) {
	case TOK_IDENTIFIER:
	case TOK_METRIC_IDENTIFIER:
	case TOK_BY:
	case TOK_FILL:
	case TOK_FILL_LEFT:
	case TOK_FILL_RIGHT:
	case TOK_LAND:
	case TOK_LOR:
	case TOK_LUNLESS:
	case TOK_OFFSET:
	case TOK_WITHOUT:
	case TOK_START:
	case TOK_END:
	case TOK_STEP:
	case TOK_RANGE:
	case TOK_ANCHORED:
	case TOK_SMOOTHED:
	case TOK_MAX_OF:
	case TOK_MIN_OF:
		return true;
	default:
		return promql_tok_is_agg(t);
	}
}

static bool is_match_operator(enum promql_tok t)
{
	return t == TOK_EQL || t == TOK_NEQ || t == TOK_EQL_REGEX || t == TOK_NEQ_REGEX;
}

static enum promql_match_type match_type(enum promql_tok t)
{
	switch (t) {
	case TOK_NEQ:
		return PROMQL_MATCH_NEQ;
	case TOK_EQL_REGEX:
		return PROMQL_MATCH_RE;
	case TOK_NEQ_REGEX:
		return PROMQL_MATCH_NRE;
	default:
		return PROMQL_MATCH_EQ;
	}
}

/* Adds a compiled matcher to the selector; a bad pattern is a complaint about `pos`. */
static bool add_matcher(struct parser *p, struct promql_selector *s, size_t *cap, struct promql_matcher m,
			struct promql_pos pos)
{
	static const enum matcher_type types[] = { MATCH_EQ, MATCH_NEQ, MATCH_RE, MATCH_NRE };
	struct matcher *compiled = NULL;
	struct err err = ERR_NONE;
	regex_compile_fn *compile = p->opts.compile ? p->opts.compile : regex_compile;
	if (s->n_matchers == MATCHERS_MAX) {
		parser_complain(p, pos, "selector has more than %d matchers", MATCHERS_MAX);
		p->stop = true;
		return false;
	}
	if (matcher_compile_by(compile, p->arena, types[m.type], m.name, m.value, &compiled, &err) < 0) {
		if (err.code == ERR_RESOURCE_EXHAUSTED)
			return parser_oom(p);
		parser_complain(p, pos, "%s", err.msg);
	}
	m.compiled = compiled;
	void *v = parser_grow(p, s->matchers, s->n_matchers, cap, sizeof(m));
	if (!v)
		return false;
	s->matchers = v;
	s->matchers[s->n_matchers++] = m;
	return true;
}

/* A selector under construction. */
struct matchers {
	struct promql_selector *s;
	size_t cap;
};

static bool take_matcher(struct parser *p, void *arg, const struct parser_item *it)
{
	struct matchers *m = arg;
	struct promql_matcher named = { .name = LABEL_METRIC_NAME, .value = it->name };
	struct promql_matcher other = { .type = match_type(it->op), .name = it->name, .value = it->value };
	return add_matcher(p, m->s, &m->cap, it->op == TOK_EOF ? named : other, it->pos);
}

/* Braces with matchers, if they are next, and the matcher of the name that stood before them. */
static struct promql_expr *finish_selector(struct parser *p, struct promql_expr *e)
{
	if (!e)
		return NULL;
	struct promql_selector *s = &e->selector;
	struct matchers m = { s, 0 };
	const struct parser_braces braces = { "label matching", "label matching operator", is_match_operator,
					      take_matcher, &m };
	if (parser_peek(p) == TOK_LEFT_BRACE) {
		if (!parser_braces(p, &braces))
			return NULL;
		e->pos.end = p->last_closing;
	}
	if (s->name.n &&
	    !add_matcher(p, s, &m.cap, (struct promql_matcher){ .name = LABEL_METRIC_NAME, .value = s->name }, e->pos))
		return NULL;
	return e;
}

struct promql_expr *parser_named_selector(struct parser *p, const struct promql_token *name)
{
	struct promql_expr *e = parser_node(p, PROMQL_SELECTOR, PROMQL_TYPE_VECTOR, parser_tok_pos(name));
	if (e)
		e->selector.name = parser_text(p, name);
	return p->stop ? NULL : finish_selector(p, e);
}

struct promql_expr *parser_nameless_selector(struct parser *p)
{
	return finish_selector(p, parser_node(p, PROMQL_SELECTOR, PROMQL_TYPE_VECTOR, parser_tok_pos(&p->tok)));
}

/* --- lists of labels -------------------------------------------------------- */

/* Whether a token may be a label in by(), on() and the like. */
static bool is_grouping_label(enum promql_tok t)
{
	switch (t) {
	case TOK_WITHOUT:
		return false;
	case TOK_BOOL:
	case TOK_GROUP_LEFT:
	case TOK_GROUP_RIGHT:
	case TOK_IGNORING:
	case TOK_ON:
	case TOK_ATAN2:
		return true;
	default:
		return parser_is_metric_name(t);
	}
}

static bool parse_grouping_label(struct parser *p, struct str *ret)
{
	enum promql_tok t = parser_peek(p);
	if (t != TOK_STRING && !is_grouping_label(t))
		return parser_unexpected(p);
	struct promql_token tok = parser_take(p);
	*ret = parser_text(p, &tok);
	if (!p->stop && (ret->n == 0 || !str_is_utf8(*ret)))
		parser_complain(p, parser_tok_pos(&tok), "invalid label name for grouping: %s", parser_quote(p, *ret));
	return !p->stop;
}

static bool parse_label_list(struct parser *p, struct promql_labels *ret)
{
	size_t cap = 0;
	p->catch->expected = "\"(\"";
	if (!parser_expect(p, TOK_LEFT_PAREN))
		return false;
	p->catch->expected = "label";
	while (parser_peek(p) != TOK_RIGHT_PAREN) {
		struct str label;
		if (!parse_grouping_label(p, &label))
			return false;
		void *v = parser_grow(p, ret->v, ret->n, &cap, sizeof(label));
		if (!v)
			return false;
		ret->v = v;
		ret->v[ret->n++] = label;
		p->catch->expected = "\",\" or \")\"";
		if (parser_peek(p) == TOK_RIGHT_PAREN)
			break;
		if (!parser_expect(p, TOK_COMMA))
			return false;
		p->catch->expected = "label";
	}
	parser_take(p);
	return true;
}

bool parser_labels(struct parser *p, struct promql_labels *ret)
{
	struct parser_catch c = { .up = p->catch, .where = "grouping opts" };
	p->catch = &c;
	bool ok = parse_label_list(p, ret);
	p->catch = c.up;
	return ok;
}
