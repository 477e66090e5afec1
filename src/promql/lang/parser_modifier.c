#include "promql/lang/parser_int.h"

#include <math.h>

/* --- modifiers after an expression ------------------------------------------ */

/* The offset and @ of what can have them, and where it ends; NULL, with a complaint, for others. */
static struct promql_shift *shift_of(struct parser *p, struct promql_expr *e, const char *what)
{
	switch (e->kind) {
	case PROMQL_SELECTOR:
		return &e->selector.shift;
	case PROMQL_SUBQUERY:
		return &e->subquery.shift;
	case PROMQL_MATRIX:
		if (e->matrix.selector->kind == PROMQL_SELECTOR)
			return &e->matrix.selector->selector.shift;
		parser_complain(p, e->pos, "ranges only allowed for vector selectors");
		return NULL;
	default:
		parser_complain(p, e->pos,
				"%s modifier must be preceded by an instant vector selector or "
				"range vector selector or a subquery",
				what);
		return NULL;
	}
}

/* offset <duration> after `e`; the word is next. */
static void parse_offset(struct parser *p, struct promql_expr *e)
{
	struct parser_catch c = { .up = p->catch,
				  .where = "offset",
				  .expected = "number, duration, step(), or range()" };
	parser_take(p);
	p->catch = &c;
	struct promql_expr *d = parser_offset_duration(p);
	p->catch = c.up;
	if (!d)
		return;
	struct promql_shift *s = shift_of(p, e, "offset");
	if (!s)
		return;
	if (s->offset_ns != 0 || s->offset_expr)
		parser_complain(p, e->pos, "offset may not be set multiple times");
	else if (d->kind == PROMQL_NUMBER)
		s->offset_ns = parser_ns(d->number.val);
	else
		s->offset_expr = d;
	e->pos.end = p->last_closing;
}

bool parser_signed(struct parser *p, double *ret)
{
	enum promql_tok t = parser_peek(p);
	bool minus = t == TOK_SUB;
	if (minus || t == TOK_ADD) {
		parser_take(p);
		t = parser_peek(p);
	}
	if (t != TOK_NUMBER && t != TOK_DURATION)
		return parser_unexpected(p);
	struct promql_token tok = parser_take(p);
	*ret = parser_number(p, &tok);
	if (minus)
		*ret = -*ret;
	return true;
}

/* A double as Go's %f. */
static const char *fixed(struct parser *p, double v)
{
	if (isnan(v))
		return "NaN";
	if (isinf(v))
		return v > 0 ? "+Inf" : "-Inf";
	const char *s = arena_printf(p->arena, "%f", v);
	return s ? s : "";
}

/* The place for an @ that is not set yet, or NULL with a complaint. */
static struct promql_shift *unset_at(struct parser *p, struct promql_expr *e)
{
	struct promql_shift *s = shift_of(p, e, "@");
	if (!s || (!s->has_at && s->at_preproc == PROMQL_AT_NONE))
		return s;
	parser_complain(p, e->pos, "@ <timestamp> may not be set multiple times");
	return NULL;
}

static void set_at(struct parser *p, struct promql_expr *e, double seconds)
{
	bool fits = seconds < 0x1p63 && seconds > -0x1p63;
	if (!fits)
		parser_complain(p, e->pos, "timestamp out of bounds for @ modifier: %s", fixed(p, seconds));
	struct promql_shift *s = unset_at(p, e);
	if (!s)
		return;
	double ms = round(seconds * 1000);
	s->has_at = true;
	/* Either end becomes the least time, as where Go on amd64 converts such a number. */
	s->at_ms = !fits ? 0 : fabs(ms) >= 0x1p63 ? INT64_MIN : (int64_t)ms;
	e->pos.end = p->last_closing;
}

/* What stands after @. */
static void parse_at_value(struct parser *p, struct promql_expr *e)
{
	enum promql_tok t = parser_peek(p);
	if (t != TOK_START && t != TOK_END) {
		double seconds;
		if (parser_signed(p, &seconds))
			set_at(p, e, seconds);
		return;
	}
	parser_take(p);
	if (!parser_expect(p, TOK_LEFT_PAREN) || !parser_expect(p, TOK_RIGHT_PAREN))
		return;
	struct promql_shift *s = unset_at(p, e);
	if (!s)
		return;
	s->at_preproc = t == TOK_START ? PROMQL_AT_START : PROMQL_AT_END;
	e->pos.end = p->last_closing;
}

static void parse_at(struct parser *p, struct promql_expr *e)
{
	struct parser_catch c = { .up = p->catch, .where = "@", .expected = "timestamp" };
	parser_take(p);
	p->catch = &c;
	parse_at_value(p, e);
	p->catch = c.up;
}

/* anchored or smoothed after `e`; the word is next. */
static void parse_extended(struct parser *p, struct promql_expr *e)
{
	struct promql_token tok = parser_take(p);
	bool anchored = tok.type == TOK_ANCHORED;
	const char *word = anchored ? "anchored" : "smoothed";
	if (!p->opts.extended_ranges) {
		parser_complain(p, e->pos, "%s modifier is experimental and not enabled", word);
		return;
	}
	struct promql_expr *sel = e->kind == PROMQL_MATRIX ? e->matrix.selector : e;
	if (sel->kind != PROMQL_SELECTOR) {
		if (e->kind == PROMQL_SUBQUERY)
			parser_complain(p, e->pos, "%s modifier is not supported for subqueries", word);
		else if (e->kind != PROMQL_MATRIX)
			parser_complain(p, e->pos, "%s modifier not implemented", word);
		return;
	}
	if (anchored)
		sel->selector.anchored = true;
	else
		sel->selector.smoothed = true;
	if (sel->selector.anchored && sel->selector.smoothed)
		parser_complain(p, e->pos, "anchored and smoothed modifiers cannot be used together");
}

/* e[range], whose last bracket was taken. */
static struct promql_expr *make_matrix(struct parser *p, struct promql_expr *e, struct promql_expr *range,
				       uint32_t bracket)
{
	const char *wrong = NULL;
	const struct promql_shift *s = &e->selector.shift;
	if (e->kind != PROMQL_SELECTOR)
		wrong = "ranges only allowed for vector selectors";
	else if (s->offset_ns != 0 || s->offset_expr)
		wrong = "no offset modifiers allowed before range";
	else if (s->has_at || s->at_preproc != PROMQL_AT_NONE)
		wrong = "no @ modifiers allowed before range";
	if (wrong)
		parser_complain(p, (struct promql_pos){ bracket, p->last_closing }, "%s", wrong);
	struct promql_expr *m =
		parser_node(p, PROMQL_MATRIX, PROMQL_TYPE_MATRIX, (struct promql_pos){ e->pos.start, p->last_closing });
	if (!m)
		return NULL;
	bool literal = range->kind == PROMQL_NUMBER;
	m->matrix = (struct promql_matrix){ .selector = e,
					    .range_ns = literal ? parser_ns(range->number.val) : 0,
					    .range_expr = literal ? NULL : range };
	parser_above(p, m, e);
	parser_above(p, m, m->matrix.range_expr);
	return m;
}

/* e[range:step], whose last bracket was taken; `step` may be NULL. */
static struct promql_expr *make_subquery(struct parser *p, struct promql_expr *e, struct promql_expr *range,
					 struct promql_expr *step)
{
	struct promql_expr *q = parser_node(p, PROMQL_SUBQUERY, PROMQL_TYPE_MATRIX,
					    (struct promql_pos){ e->pos.start, p->last_closing });
	if (!q)
		return NULL;
	struct promql_subquery *s = &q->subquery;
	s->expr = e;
	if (range->kind == PROMQL_NUMBER)
		s->range_ns = parser_ns(range->number.val);
	else
		s->range_expr = range;
	if (step && step->kind == PROMQL_NUMBER)
		s->step_ns = parser_ns(step->number.val);
	else
		s->step_expr = step;
	parser_above(p, q, e);
	parser_above(p, q, s->range_expr);
	parser_above(p, q, s->step_expr);
	return q;
}

/* The rest of a subquery, after its colon. */
static struct promql_expr *parse_subquery_step(struct parser *p, struct promql_expr *e, struct promql_expr *range)
{
	struct promql_expr *step = NULL;
	p->catch->where = "subquery selector";
	p->catch->expected = "number, duration, step(), range(), or \"]\"";
	if (parser_peek(p) != TOK_RIGHT_BRACKET) {
		step = parser_positive_duration(p);
		if (!step)
			return NULL;
	}
	p->catch->expected = "\"]\"";
	return parser_expect(p, TOK_RIGHT_BRACKET) ? make_subquery(p, e, range, step) : NULL;
}

static struct promql_expr *parse_brackets(struct parser *p, struct promql_expr *e)
{
	uint32_t bracket = parser_take(p).pos;
	struct promql_expr *range = parser_positive_duration(p);
	if (!range)
		return NULL;
	p->catch->where = "subquery or range";
	p->catch->expected = "\":\" or \"]\"";
	switch (parser_peek(p)) {
	case TOK_RIGHT_BRACKET:
		parser_take(p);
		return make_matrix(p, e, range, bracket);
	case TOK_COLON:
		parser_take(p);
		return parse_subquery_step(p, e, range);
	default:
		return parser_unexpected(p);
	}
}

/* [range] or [range:step] after `e`; the bracket is next. */
static struct promql_expr *parse_range(struct parser *p, struct promql_expr *e)
{
	struct parser_catch c = { .up = p->catch,
				  .where = "subquery or range selector",
				  .expected = "number, duration, step(), or range()" };
	p->catch = &c;
	e = parse_brackets(p, e);
	p->catch = c.up;
	return e;
}

struct promql_expr *parser_postfix(struct parser *p, struct promql_expr *e)
{
	while (e && !p->stop) {
		enum promql_tok t = parser_peek(p);
		if (t != TOK_LEFT_BRACKET && t != TOK_OFFSET && t != TOK_AT && t != TOK_ANCHORED && t != TOK_SMOOTHED)
			break;
		if (!parser_count_op(p))
			break;
		if (t == TOK_LEFT_BRACKET)
			e = parse_range(p, e);
		else if (t == TOK_OFFSET)
			parse_offset(p, e);
		else if (t == TOK_AT)
			parse_at(p, e);
		else
			parse_extended(p, e);
	}
	return p->stop ? NULL : e;
}
