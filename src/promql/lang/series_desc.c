#include "promql/lang/series_desc.h"

#include "base/compiler.h"
#include "labels/builder.h"
#include "promql/lang/parser_int.h"
#include "promql/lang/series_hist.h"

/* What is being read. */
struct series {
	struct parser p;
	struct labels_builder lb;
	struct promql_seq_value *v;
	size_t n, cap;
};

/* Appends `times` values; false when there are too many or memory is out. */
static bool add_values(struct series *s, struct promql_seq_value v, uint64_t times)
{
	struct parser *p = &s->p;
	if (times > PROMQL_SERIES_VALUES_MAX - s->n) {
		parser_complain(p, parser_tok_pos(&p->tok), "more than %d values in a series",
				PROMQL_SERIES_VALUES_MAX);
		p->stop = true;
		return false;
	}
	if (s->n + times > s->cap) {
		size_t cap = s->cap * 2 > s->n + times ? s->cap * 2 : s->n + times;
		struct promql_seq_value *bigger = arena_array(p->arena, cap, sizeof(*bigger));
		if (!bigger)
			return parser_oom(p);
		if (s->n)
			memcpy(bigger, s->v, s->n * sizeof(*bigger));
		s->v = bigger;
		s->cap = cap;
	}
	while (times-- > 0)
		s->v[s->n++] = v;
	return true;
}

/* --- labels ------------------------------------------------------------------- */

static bool is_equals(enum promql_tok t)
{
	return t == TOK_EQL;
}

static bool take_label(struct parser *p, void *arg, const struct parser_item *it)
{
	struct series *s = arg;
	(void)p;
	if (it->op == TOK_EOF)
		labels_builder_set(&s->lb, LABEL_METRIC_NAME, it->name);
	else
		labels_builder_set(&s->lb, it->name, it->value);
	return true;
}

/* Name and labels, both of which may be missing. */
static bool parse_metric(struct series *s)
{
	struct parser *p = &s->p;
	const struct parser_braces braces = { "label set", "\"=\"", is_equals, take_label, s };
	struct str name = { NULL, 0 };
	if (parser_is_metric_name(parser_peek(p)))
		name = parser_take(p).val;
	if (parser_peek(p) == TOK_LEFT_BRACE && !parser_braces(p, &braces))
		return false;
	if (name.n)
		labels_builder_set(&s->lb, LABEL_METRIC_NAME, name);
	return true;
}

/* --- values ------------------------------------------------------------------- */

/* The number after an x. What is too large for a series comes out as just that. */
static bool parse_times(struct parser *p, uint64_t *ret)
{
	if (!parser_expect(p, TOK_TIMES))
		return false;
	if (parser_peek(p) != TOK_NUMBER)
		return parser_unexpected(p);
	struct promql_token tok = parser_take(p);
	if (str_to_u64(tok.val, ret)) {
		*ret = MIN(*ret, PROMQL_SERIES_VALUES_MAX + 1);
		return true;
	}
	parser_complain(p, parser_tok_pos(&tok),
			"invalid repetition in series values: strconv.ParseUint: parsing %s: invalid syntax",
			parser_quote(p, tok.val));
	p->stop = true;
	return false;
}

/* xN if it is next, else 0 times. */
static bool parse_maybe_times(struct parser *p, uint64_t *ret)
{
	*ret = 0;
	return parser_peek(p) != TOK_TIMES || parse_times(p, ret);
}

static bool parse_signed(struct parser *p, double *ret)
{
	enum promql_tok sign = parser_peek(p);
	if (sign == TOK_ADD || sign == TOK_SUB)
		parser_take(p);
	if (parser_peek(p) != TOK_NUMBER)
		return parser_unexpected(p);
	struct promql_token tok = parser_take(p);
	*ret = parser_number(p, &tok);
	if (sign == TOK_SUB)
		*ret = -*ret;
	return true;
}

static bool parse_omitted(struct series *s)
{
	uint64_t times = 1;
	parser_take(&s->p);
	if (parser_peek(&s->p) == TOK_TIMES && !parse_times(&s->p, &times))
		return false;
	return add_values(s, (struct promql_seq_value){ .omitted = true }, times);
}

/* The first value of an item: a number, or `stale`. */
static bool parse_first(struct parser *p, double *ret)
{
	if (parser_peek(p) != TOK_IDENTIFIER)
		return parse_signed(p, ret);
	p->catch->expected = "number or \"stale\"";
	if (!str_eq_c(p->tok.val, "stale"))
		return parser_unexpected(p);
	p->catch->expected = NULL;
	parser_take(p);
	*ret = double_of_bits(STALE_NAN_BITS);
	return true;
}

/* V, VxN, V+DxN or V-DxN. */
static bool parse_floats(struct series *s)
{
	struct parser *p = &s->p;
	struct promql_seq_value value = { 0 };
	double delta = 0;
	uint64_t times;
	if (!parse_first(p, &value.v))
		return false;
	enum promql_tok t = parser_peek(p);
	if (t != TOK_ADD && t != TOK_SUB)
		return parse_maybe_times(p, &times) && add_values(s, value, times + 1);
	if (!parse_signed(p, &delta) || !parse_times(p, &times) || !add_values(s, value, times + 1))
		return false;
	for (struct promql_seq_value *v = s->v + s->n - times; v < s->v + s->n; v++)
		v->v = v[-1].v + delta;
	return true;
}

/* H combined with `inc` again and again, after H was added `times` + 1 times. */
static bool step_histograms(struct series *s, const struct histogram *inc, bool subtract, uint64_t times)
{
	struct parser *p = &s->p;
	for (struct promql_seq_value *v = s->v + s->n - times; v < s->v + s->n; v++) {
		const char *msg;
		v->h = series_hist_combine(v[-1].h, inc, subtract, p->arena, &msg);
		if (v->h)
			continue;
		if (!msg)
			return parser_oom(p);
		parser_complain(p, parser_tok_pos(&p->tok), "%s", msg);
		p->stop = true;
		return false;
	}
	return true;
}

/* H, HxN, H+IxN or H-IxN. The hint counts as written if it is in the last literal. */
static bool parse_histograms(struct series *s)
{
	struct parser *p = &s->p;
	struct promql_seq_value value = { 0 };
	uint64_t times;
	value.h = series_hist_parse(p, &value.hint_set);
	if (!value.h)
		return false;
	enum promql_tok t = parser_peek(p);
	if (t != TOK_ADD && t != TOK_SUB)
		return parse_maybe_times(p, &times) && add_values(s, value, times + 1);
	parser_take(p);
	const struct histogram *inc = series_hist_parse(p, &value.hint_set);
	return inc && parse_times(p, &times) && add_values(s, value, times + 1) &&
	       step_histograms(s, inc, t == TOK_SUB, times);
}

static bool parse_item(struct series *s)
{
	switch (parser_peek(&s->p)) {
	case TOK_BLANK:
		return parse_omitted(s);
	case TOK_OPEN_HIST:
		return parse_histograms(s);
	default:
		return parse_floats(s);
	}
}

static bool parse_values(struct series *s)
{
	struct parser *p = &s->p;
	struct parser_catch c = { .up = p->catch, .where = "series values" };
	p->catch = &c;
	while (parser_peek(p) == TOK_SPACE) {
		parser_take(p);
		if (parser_peek(p) == TOK_EOF)
			break;
		if (!parse_item(s))
			return false;
	}
	if (parser_peek(p) != TOK_EOF)
		return parser_unexpected(p);
	p->catch = c.up;
	return true;
}

int promql_parse_series(struct str text, struct arena *a, struct promql_series_desc *ret, struct err *err)
{
	struct series s = { .n = 0 };
	parser_init(&s.p, text, true, NULL, a);
	if (parse_metric(&s) && parse_values(&s)) {
		ret->values = s.v;
		ret->n_values = s.n;
		struct labels l = labels_builder_labels(&s.lb);
		if (labels_copy(l, a, &ret->labels, NULL) < 0)
			parser_oom(&s.p);
	}
	labels_builder_fini(&s.lb);
	return parser_finish(&s.p, NULL, err);
}
