#include "promql/lang/printer.h"

#include "base/mem.h"
#include "labels/labels.h"
#include "promql/lang/functions.h"
#include "promql/lang/literal.h"
#include "text/float.h"

#include <stdlib.h>

static bool is_legacy_label(struct str s)
{
	if (s.n == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

/* A label's name, in quotes where it needs them. */
static void print_label(struct strbuf *b, struct str name)
{
	if (is_legacy_label(name))
		strbuf_add_str(b, name);
	else
		strbuf_add_quoted(b, name);
}

static void print_labels(struct strbuf *b, const struct promql_labels *l)
{
	strbuf_add_ch(b, '(');
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			strbuf_add_c(b, ", ");
		print_label(b, l->v[i]);
	}
	strbuf_add_ch(b, ')');
}

/* --- literals and durations --------------------------------------------------- */

static void print_number(struct strbuf *b, const struct promql_number *n)
{
	if (!n->is_duration) {
		text_float_add(b, n->val, TEXT_FLOAT_F);
		return;
	}
	double seconds = n->val;
	if (seconds < 0) {
		strbuf_add_ch(b, '-');
		seconds = -seconds;
	}
	double ns = seconds * 1e9;
	promql_duration_print(b, ns >= 0x1p63 ? INT64_MAX : (int64_t)ns);
}

/* The inside of a duration expression, without its own parentheses. */
static void print_duration_inner(struct strbuf *b, const struct promql_duration *d)
{
	switch (d->op) {
	case PROMQL_OP_STEP:
	case PROMQL_OP_RANGE:
		strbuf_printf(b, "%s()", promql_op_name(d->op));
		return;
	case PROMQL_OP_MIN_OF:
	case PROMQL_OP_MAX_OF:
		strbuf_printf(b, "%s(", promql_op_name(d->op));
		promql_print(d->lhs, b);
		strbuf_add_c(b, ", ");
		promql_print(d->rhs, b);
		strbuf_add_ch(b, ')');
		return;
	default:
		break;
	}
	if (d->lhs) {
		promql_print(d->lhs, b);
		strbuf_printf(b, " %s ", promql_op_name(d->op));
	} else if (d->op == PROMQL_OP_SUB) {
		strbuf_add_ch(b, '-');
	}
	promql_print(d->rhs, b);
}

static void print_duration(struct strbuf *b, const struct promql_duration *d)
{
	if (d->wrapped)
		strbuf_add_ch(b, '(');
	print_duration_inner(b, d);
	if (d->wrapped)
		strbuf_add_ch(b, ')');
}

/* A literal duration or, where there is one, the expression. */
static void print_range(struct strbuf *b, int64_t ns, const struct promql_expr *e)
{
	if (e)
		promql_print(e, b);
	else
		promql_duration_print(b, ns);
}

static void print_at(struct strbuf *b, const struct promql_shift *s)
{
	if (s->has_at)
		strbuf_printf(b, " @ %.3f", (double)s->at_ms / 1000);
	else if (s->at_preproc == PROMQL_AT_START)
		strbuf_add_c(b, " @ start()");
	else if (s->at_preproc == PROMQL_AT_END)
		strbuf_add_c(b, " @ end()");
}

static bool is_arithmetic(const struct promql_expr *e)
{
	return e->kind == PROMQL_DURATION && e->duration.lhs && e->duration.op <= PROMQL_OP_POW;
}

/*
 * Whether arithmetic after `offset` has to be parenthesised: it can stand
 * there as it is only if it begins with a parenthesis. (Two signs before a number let it in
 * without; upstream prints those so that they read as something else.)
 */
static bool needs_parens(const struct promql_expr *e)
{
	if (!is_arithmetic(e) || e->duration.wrapped)
		return false;
	while (is_arithmetic(e) && !e->duration.wrapped)
		e = e->duration.lhs;
	return e->kind != PROMQL_DURATION || !e->duration.wrapped;
}

static void print_offset(struct strbuf *b, const struct promql_shift *s)
{
	if (!s->offset_expr && s->offset_ns == 0)
		return;
	strbuf_add_c(b, " offset ");
	if (!s->offset_expr && s->offset_ns < 0) {
		strbuf_add_ch(b, '-');
		promql_duration_print(b, s->offset_ns == INT64_MIN ? INT64_MAX : -s->offset_ns);
		return;
	}
	bool parens = s->offset_expr && needs_parens(s->offset_expr);
	if (parens)
		strbuf_add_ch(b, '(');
	print_range(b, s->offset_ns, s->offset_expr);
	if (parens)
		strbuf_add_ch(b, ')');
}

/* --- selectors ----------------------------------------------------------------- */

/* Whether the matcher only repeats the name before the braces. */
static bool is_the_name(const struct promql_selector *s, const struct promql_matcher *m)
{
	return m->type == PROMQL_MATCH_EQ && m->value.n && str_eq(m->name, LABEL_METRIC_NAME) &&
	       str_eq(m->value, s->name);
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* {a="b",c="d"}, in the order of the texts of the matchers. */
static void print_matchers(struct strbuf *b, const struct promql_selector *s)
{
	struct strbuf all = { 0 };
	size_t n = 0;
	size_t *ends = xcalloc(s->n_matchers, sizeof(*ends));
	for (size_t i = 0; i < s->n_matchers; i++) {
		const struct promql_matcher *m = &s->matchers[i];
		if (is_the_name(s, m))
			continue;
		print_label(&all, m->name);
		strbuf_add_c(&all, promql_match_name(m->type));
		strbuf_add_quoted(&all, m->value);
		ends[n++] = all.n;
	}
	struct str *texts = xcalloc(n, sizeof(*texts));
	for (size_t i = 0; i < n; i++) {
		size_t from = i ? ends[i - 1] : 0;
		texts[i] = str_mem(all.p + from, ends[i] - from);
	}
	if (n) {
		qsort(texts, n, sizeof(*texts), by_text);
		for (size_t i = 0; i < n; i++) {
			strbuf_add_ch(b, i ? ',' : '{');
			strbuf_add_str(b, texts[i]);
		}
		strbuf_add_ch(b, '}');
	}
	free(ends);
	free(texts);
	strbuf_fini(&all);
}

static void print_bare_selector(struct strbuf *b, const struct promql_selector *s)
{
	strbuf_add_str(b, s->name);
	print_matchers(b, s);
}

static void print_extended(struct strbuf *b, const struct promql_selector *s)
{
	if (s->anchored)
		strbuf_add_c(b, " anchored");
	else if (s->smoothed)
		strbuf_add_c(b, " smoothed");
}

static void print_selector(struct strbuf *b, const struct promql_selector *s)
{
	print_bare_selector(b, s);
	print_at(b, &s->shift);
	print_extended(b, s);
	print_offset(b, &s->shift);
}

static void print_matrix(struct strbuf *b, const struct promql_matrix *m)
{
	const struct promql_selector *s = &m->selector->selector;
	print_bare_selector(b, s);
	strbuf_add_ch(b, '[');
	print_range(b, m->range_ns, m->range_expr);
	strbuf_add_ch(b, ']');
	print_extended(b, s);
	print_at(b, &s->shift);
	print_offset(b, &s->shift);
}

/* [range:step] and the modifiers. */
static void print_subquery_suffix(struct strbuf *b, const struct promql_subquery *s)
{
	strbuf_add_ch(b, '[');
	print_range(b, s->range_ns, s->range_expr);
	strbuf_add_ch(b, ':');
	if (s->step_ns || s->step_expr)
		print_range(b, s->step_ns, s->step_ns ? NULL : s->step_expr);
	strbuf_add_ch(b, ']');
	print_at(b, &s->shift);
	print_offset(b, &s->shift);
}

/* --- the rest ------------------------------------------------------------------ */

/* The operator, with by or without. */
static void print_agg_head(struct strbuf *b, const struct promql_aggregate *agg)
{
	strbuf_add_c(b, promql_agg_name(agg->op));
	if (!agg->without && agg->grouping.n == 0)
		return;
	strbuf_add_c(b, agg->without ? " without " : " by ");
	print_labels(b, &agg->grouping);
	strbuf_add_ch(b, ' ');
}

static void print_aggregate(struct strbuf *b, const struct promql_aggregate *agg)
{
	print_agg_head(b, agg);
	strbuf_add_ch(b, '(');
	if (agg->param) {
		promql_print(agg->param, b);
		strbuf_add_c(b, ", ");
	}
	promql_print(agg->expr, b);
	strbuf_add_ch(b, ')');
}

static void print_call(struct strbuf *b, const struct promql_call *call)
{
	strbuf_printf(b, "%s(", call->func->name);
	for (size_t i = 0; i < call->n_args; i++) {
		if (i)
			strbuf_add_c(b, ", ");
		promql_print(call->args[i], b);
	}
	strbuf_add_ch(b, ')');
}

static void print_fill(struct strbuf *b, const char *word, double v)
{
	char text[TEXT_FLOAT_MAX];
	size_t n = text_float(text, v, TEXT_FLOAT_G);
	strbuf_printf(b, " %s (%.*s)", word, (int)n, text);
}

static void print_fills(struct strbuf *b, const struct promql_matching *m)
{
	if (m->has_fill_lhs && m->has_fill_rhs && m->fill_lhs == m->fill_rhs) {
		print_fill(b, "fill", m->fill_lhs);
		return;
	}
	if (m->has_fill_lhs)
		print_fill(b, "fill_left", m->fill_lhs);
	if (m->has_fill_rhs)
		print_fill(b, "fill_right", m->fill_rhs);
}

/* The operator with its modifiers. */
static void print_operator(struct strbuf *b, const struct promql_binary *bin)
{
	const struct promql_matching *m = &bin->matching;
	strbuf_add_c(b, promql_op_name(bin->op));
	if (bin->return_bool)
		strbuf_add_c(b, " bool");
	if (!bin->has_matching)
		return;
	bool grouped = m->card == PROMQL_MANY_TO_ONE || m->card == PROMQL_ONE_TO_MANY;
	if (m->labels.n > 0 || m->on || grouped) {
		strbuf_add_c(b, m->on ? " on " : " ignoring ");
		print_labels(b, &m->labels);
	}
	if (grouped) {
		strbuf_add_c(b, m->card == PROMQL_MANY_TO_ONE ? " group_left " : " group_right ");
		print_labels(b, &m->include);
	}
	print_fills(b, m);
}

/* The binary expressions from `top` down its left side, outermost first; the caller frees it. */
static const struct promql_expr **left_chain(const struct promql_expr *top, size_t *ret_n)
{
	size_t n = 0;
	for (const struct promql_expr *e = top; e->kind == PROMQL_BINARY; e = e->binary.lhs)
		n++;
	const struct promql_expr **chain = xcalloc(n, sizeof(*chain));
	for (size_t i = 0; i < n; i++, top = top->binary.lhs)
		chain[i] = top;
	*ret_n = n;
	return chain;
}

static void print_binary(struct strbuf *b, const struct promql_expr *e)
{
	size_t n;
	const struct promql_expr **chain = left_chain(e, &n);
	promql_print(chain[n - 1]->binary.lhs, b);
	while (n-- > 0 && !b->overflow) {
		strbuf_add_ch(b, ' ');
		print_operator(b, &chain[n]->binary);
		strbuf_add_ch(b, ' ');
		promql_print(chain[n]->binary.rhs, b);
	}
	free(chain);
}

void promql_print(const struct promql_expr *e, struct strbuf *b)
{
	if (b->overflow)
		return;
	switch (e->kind) {
	case PROMQL_NUMBER:
		print_number(b, &e->number);
		break;
	case PROMQL_STRING:
		strbuf_add_quoted(b, e->string);
		break;
	case PROMQL_SELECTOR:
		print_selector(b, &e->selector);
		break;
	case PROMQL_MATRIX:
		print_matrix(b, &e->matrix);
		break;
	case PROMQL_SUBQUERY:
		promql_print(e->subquery.expr, b);
		print_subquery_suffix(b, &e->subquery);
		break;
	case PROMQL_CALL:
		print_call(b, &e->call);
		break;
	case PROMQL_AGGREGATE:
		print_aggregate(b, &e->agg);
		break;
	case PROMQL_BINARY:
		print_binary(b, e);
		break;
	case PROMQL_UNARY:
		strbuf_add_c(b, promql_op_name(e->unary.op));
		promql_print(e->unary.expr, b);
		break;
	case PROMQL_PAREN:
		strbuf_add_ch(b, '(');
		promql_print(e->paren, b);
		strbuf_add_ch(b, ')');
		break;
	case PROMQL_DURATION:
		print_duration(b, &e->duration);
		break;
	}
}

/* --- several lines ---------------------------------------------------------------- */

/* What the functions below share. */
struct pretty {
	struct strbuf *b;
	size_t line_max;
};

static void pretty(const struct pretty *p, const struct promql_expr *e, size_t level);

static void indent(const struct pretty *p, size_t level)
{
	while (level-- > 0)
		strbuf_add_c(p->b, "  ");
}

/* Whether `e` is too long for a line. Measures by printing. */
static bool needs_split(const struct pretty *p, const struct promql_expr *e)
{
	struct strbuf line = { .limit = p->line_max };
	promql_print(e, &line);
	bool too_long = line.overflow;
	strbuf_fini(&line);
	return too_long;
}

static void pretty_list(const struct pretty *p, struct promql_expr *const *v, size_t n, size_t level)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_c(p->b, ",\n");
		pretty(p, v[i], level);
	}
}

/* The closing line of what was opened with "(\n". */
static void pretty_close(const struct pretty *p, size_t level)
{
	strbuf_add_ch(p->b, '\n');
	indent(p, level);
	strbuf_add_ch(p->b, ')');
}

static void pretty_aggregate(const struct pretty *p, const struct promql_aggregate *agg, size_t level)
{
	print_agg_head(p->b, agg);
	strbuf_add_c(p->b, "(\n");
	if (agg->param) {
		pretty(p, agg->param, level + 1);
		strbuf_add_c(p->b, ",\n");
	}
	pretty(p, agg->expr, level + 1);
	pretty_close(p, level);
}

/* A chain that needs splitting; its parts that are short enough stay whole. */
static void pretty_binary(const struct pretty *p, const struct promql_expr *e, size_t level)
{
	size_t n, depth = 1;
	const struct promql_expr **chain = left_chain(e, &n);
	while (depth < n && needs_split(p, chain[depth]))
		depth++;
	pretty(p, chain[depth - 1]->binary.lhs, level + depth);
	while (depth-- > 0) {
		strbuf_add_ch(p->b, '\n');
		indent(p, level + depth);
		print_operator(p->b, &chain[depth]->binary);
		strbuf_add_ch(p->b, '\n');
		pretty(p, chain[depth]->binary.rhs, level + depth + 1);
	}
	free(chain);
}

static void pretty_call(const struct pretty *p, const struct promql_call *call, size_t level)
{
	strbuf_printf(p->b, "%s(\n", call->func->name);
	pretty_list(p, call->args, call->n_args, level + 1);
	pretty_close(p, level);
}

static void pretty_unary(const struct pretty *p, const struct promql_unary *u, size_t level)
{
	struct strbuf operand = { 0 };
	struct pretty q = { &operand, p->line_max };
	pretty(&q, u->expr, level);
	strbuf_add_c(p->b, promql_op_name(u->op));
	strbuf_add_str(p->b, str_trim(strbuf_str(&operand)));
	strbuf_fini(&operand);
}

/* Appends `e`, the first line indented too. */
static void pretty(const struct pretty *p, const struct promql_expr *e, size_t level)
{
	bool split = needs_split(p, e);
	if (e->kind == PROMQL_SUBQUERY && split) {
		pretty(p, e->subquery.expr, level);
		print_subquery_suffix(p->b, &e->subquery);
		return;
	}
	if (e->kind == PROMQL_BINARY && split) {
		pretty_binary(p, e, level);
		return;
	}
	if (e->kind != PROMQL_SUBQUERY)
		indent(p, level);
	if (e->kind == PROMQL_UNARY) {
		pretty_unary(p, &e->unary, level);
	} else if (!split) {
		promql_print(e, p->b);
	} else if (e->kind == PROMQL_AGGREGATE) {
		pretty_aggregate(p, &e->agg, level);
	} else if (e->kind == PROMQL_CALL) {
		pretty_call(p, &e->call, level);
	} else if (e->kind == PROMQL_PAREN) {
		strbuf_add_c(p->b, "(\n");
		pretty(p, e->paren, level + 1);
		pretty_close(p, level);
	} else {
		promql_print(e, p->b);
	}
}

void promql_prettify(const struct promql_expr *e, size_t line_max, struct strbuf *b)
{
	pretty(&(struct pretty){ b, line_max }, e, 0);
}
