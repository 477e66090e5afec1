#include "promql/lang/ast_json.h"

#include "base/mem.h"
#include "promql/lang/functions.h"
#include "text/float.h"
#include "text/json_write.h"

#include <stdlib.h>

/* Keys come sorted, as encoding/json writes maps. Trees nest deeper than a jsonw does, so it writes leaves only. */

static void put_str(struct strbuf *b, struct str s)
{
	struct jsonw w;
	jsonw_init(&w, b, JSONW_HTML);
	jsonw_str(&w, s);
}

static void put_cstr(struct strbuf *b, const char *s)
{
	put_str(b, str_c(s));
}

static void put_bool(struct strbuf *b, bool v)
{
	strbuf_add_c(b, v ? "true" : "false");
}

/* "key":[...] with the labels. */
static void put_labels(struct strbuf *b, const char *key, const struct promql_labels *l)
{
	strbuf_printf(b, "\"%s\":[", key);
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			strbuf_add_ch(b, ',');
		put_str(b, l->v[i]);
	}
	strbuf_add_ch(b, ']');
}

/* A number in a string, as 'f'. */
static void put_number_text(struct strbuf *b, double v)
{
	strbuf_add_ch(b, '"');
	text_float_add(b, v, TEXT_FLOAT_F);
	strbuf_add_ch(b, '"');
}

/* "key":<child> */
static void put_child(struct strbuf *b, const char *key, const struct promql_expr *e)
{
	strbuf_printf(b, "\"%s\":", key);
	if (e)
		promql_json(e, b);
	else
		strbuf_add_c(b, "null");
}

/* --- durations ------------------------------------------------------------------ */

static void put_duration(struct strbuf *b, const char *key, const struct promql_expr *e);

static void put_duration_value(struct strbuf *b, const struct promql_expr *e)
{
	if (e->kind == PROMQL_NUMBER) {
		strbuf_add_c(b, "{\"duration\":");
		put_bool(b, e->number.is_duration);
		strbuf_add_c(b, ",\"type\":\"numberLiteral\",\"val\":");
		put_number_text(b, e->number.val);
		strbuf_add_ch(b, '}');
		return;
	}
	strbuf_add_ch(b, '{');
	put_duration(b, "lhs", e->duration.lhs);
	strbuf_add_c(b, ",\"op\":");
	put_cstr(b, promql_op_name(e->duration.op));
	strbuf_add_ch(b, ',');
	put_duration(b, "rhs", e->duration.rhs);
	strbuf_add_c(b, ",\"type\":\"durationExpr\",\"wrapped\":");
	put_bool(b, e->duration.wrapped);
	strbuf_add_ch(b, '}');
}

/* "key":<duration expression or null> */
static void put_duration(struct strbuf *b, const char *key, const struct promql_expr *e)
{
	strbuf_printf(b, "\"%s\":", key);
	if (e)
		put_duration_value(b, e);
	else
		strbuf_add_c(b, "null");
}

/* "<key>":<ms>,"<key>Expr":<duration> */
static void put_span(struct strbuf *b, const char *key, int64_t ns, const struct promql_expr *e)
{
	strbuf_printf(b, "\"%s\":%lld,\"%sExpr\":", key, (long long)(ns / 1000000), key);
	if (e)
		put_duration_value(b, e);
	else
		strbuf_add_c(b, "null");
}

static void put_start_or_end(struct strbuf *b, const struct promql_shift *s)
{
	strbuf_printf(b, "\"startOrEnd\":%s",
		      s->at_preproc == PROMQL_AT_START ? "\"start\""
		      : s->at_preproc == PROMQL_AT_END ? "\"end\""
						       : "null");
}

static void put_timestamp(struct strbuf *b, const struct promql_shift *s)
{
	strbuf_add_c(b, "\"timestamp\":");
	if (s->has_at)
		strbuf_add_i64(b, s->at_ms);
	else
		strbuf_add_c(b, "null");
}

/* --- selectors -------------------------------------------------------------------- */

static void put_matchers(struct strbuf *b, const struct promql_selector *s)
{
	strbuf_add_c(b, "\"matchers\":[");
	for (size_t i = 0; i < s->n_matchers; i++) {
		strbuf_add_c(b, i ? ",{\"name\":" : "{\"name\":");
		put_str(b, s->matchers[i].name);
		strbuf_add_c(b, ",\"type\":");
		put_cstr(b, promql_match_name(s->matchers[i].type));
		strbuf_add_c(b, ",\"value\":");
		put_str(b, s->matchers[i].value);
		strbuf_add_ch(b, '}');
	}
	strbuf_add_ch(b, ']');
}

/* An instant selector, or with `m` a range selector. */
static void put_selector(struct strbuf *b, const struct promql_selector *s, const struct promql_matrix *m)
{
	strbuf_add_c(b, "{\"anchored\":");
	put_bool(b, s->anchored);
	strbuf_add_ch(b, ',');
	put_matchers(b, s);
	strbuf_add_c(b, ",\"name\":");
	put_str(b, s->name);
	strbuf_add_ch(b, ',');
	put_span(b, "offset", s->shift.offset_ns, s->shift.offset_expr);
	if (m) {
		strbuf_add_ch(b, ',');
		put_span(b, "range", m->range_ns, m->range_expr);
	}
	strbuf_add_c(b, ",\"smoothed\":");
	put_bool(b, s->smoothed);
	strbuf_add_ch(b, ',');
	put_start_or_end(b, &s->shift);
	strbuf_add_ch(b, ',');
	put_timestamp(b, &s->shift);
	strbuf_printf(b, ",\"type\":\"%s\"}", m ? "matrixSelector" : "vectorSelector");
}

static void put_subquery(struct strbuf *b, const struct promql_subquery *q)
{
	strbuf_add_ch(b, '{');
	put_child(b, "expr", q->expr);
	strbuf_add_ch(b, ',');
	put_span(b, "offset", q->shift.offset_ns, q->shift.offset_expr);
	strbuf_add_ch(b, ',');
	put_span(b, "range", q->range_ns, q->range_expr);
	strbuf_add_ch(b, ',');
	put_start_or_end(b, &q->shift);
	strbuf_add_ch(b, ',');
	put_span(b, "step", q->step_ns, q->step_expr);
	strbuf_add_ch(b, ',');
	put_timestamp(b, &q->shift);
	strbuf_add_c(b, ",\"type\":\"subquery\"}");
}

/* --- the rest ----------------------------------------------------------------------- */

static void put_call(struct strbuf *b, const struct promql_call *call)
{
	const struct promql_func *f = call->func;
	strbuf_add_c(b, "{\"args\":[");
	for (size_t i = 0; i < call->n_args; i++) {
		if (i)
			strbuf_add_ch(b, ',');
		promql_json(call->args[i], b);
	}
	strbuf_add_c(b, "],\"func\":{\"argTypes\":[");
	for (size_t i = 0; i < f->n_args; i++)
		strbuf_printf(b, "%s\"%s\"", i ? "," : "", promql_type_name(f->args[i]));
	strbuf_printf(b, "],\"name\":\"%s\",\"returnType\":\"%s\",\"variadic\":%d},\"type\":\"call\"}", f->name,
		      promql_type_name(f->ret), f->variadic);
}

static void put_aggregate(struct strbuf *b, const struct promql_aggregate *agg)
{
	strbuf_add_ch(b, '{');
	put_child(b, "expr", agg->expr);
	strbuf_add_ch(b, ',');
	put_labels(b, "grouping", &agg->grouping);
	strbuf_printf(b, ",\"op\":\"%s\",", promql_agg_name(agg->op));
	put_child(b, "param", agg->param);
	strbuf_add_c(b, ",\"type\":\"aggregation\",\"without\":");
	put_bool(b, agg->without);
	strbuf_add_ch(b, '}');
}

static void put_fill(struct strbuf *b, const char *key, bool has, double v)
{
	struct jsonw w;
	strbuf_printf(b, "\"%s\":", key);
	jsonw_init(&w, b, 0);
	if (has)
		jsonw_double(&w, v);
	else
		jsonw_null(&w);
}

static void put_matching(struct strbuf *b, const struct promql_binary *bin)
{
	const struct promql_matching *m = &bin->matching;
	if (!bin->has_matching) {
		strbuf_add_c(b, "\"matching\":null");
		return;
	}
	strbuf_printf(b, "\"matching\":{\"card\":\"%s\",\"fillValues\":{", promql_card_name(m->card));
	put_fill(b, "lhs", m->has_fill_lhs, m->fill_lhs);
	strbuf_add_ch(b, ',');
	put_fill(b, "rhs", m->has_fill_rhs, m->fill_rhs);
	strbuf_add_c(b, "},");
	put_labels(b, "include", &m->include);
	strbuf_add_ch(b, ',');
	put_labels(b, "labels", &m->labels);
	strbuf_add_c(b, ",\"on\":");
	put_bool(b, m->on);
	strbuf_add_ch(b, '}');
}

/* What follows the left side of a binary expression. */
static void put_binary_rest(struct strbuf *b, const struct promql_binary *bin)
{
	strbuf_add_ch(b, ',');
	put_matching(b, bin);
	strbuf_add_c(b, ",\"op\":");
	put_cstr(b, promql_op_name(bin->op));
	strbuf_add_ch(b, ',');
	put_child(b, "rhs", bin->rhs);
	strbuf_add_c(b, ",\"type\":\"binaryExpr\"}");
}

/* A chain of operators: down its left side in a loop, then back up. */
static void put_binary(struct strbuf *b, const struct promql_expr *top)
{
	size_t n = 0;
	for (const struct promql_expr *e = top; e->kind == PROMQL_BINARY; e = e->binary.lhs)
		n++;
	const struct promql_binary **chain = xcalloc(n, sizeof(*chain));
	const struct promql_expr *e = top;
	for (size_t i = 0; i < n; i++, e = e->binary.lhs) {
		chain[i] = &e->binary;
		strbuf_add_c(b, "{\"bool\":");
		put_bool(b, e->binary.return_bool);
		strbuf_add_c(b, ",\"lhs\":");
	}
	promql_json(e, b);
	while (n-- > 0)
		put_binary_rest(b, chain[n]);
	free(chain);
}

static void put_unary(struct strbuf *b, const struct promql_unary *u)
{
	strbuf_add_ch(b, '{');
	put_child(b, "expr", u->expr);
	strbuf_printf(b, ",\"op\":\"%s\",\"type\":\"unaryExpr\"}", promql_op_name(u->op));
}

static void put_paren(struct strbuf *b, const struct promql_expr *inner)
{
	strbuf_add_ch(b, '{');
	put_child(b, "expr", inner);
	strbuf_add_c(b, ",\"type\":\"parenExpr\"}");
}

void promql_json(const struct promql_expr *e, struct strbuf *b)
{
	if (b->overflow)
		return;
	switch (e->kind) {
	case PROMQL_NUMBER:
		strbuf_add_c(b, "{\"type\":\"numberLiteral\",\"val\":");
		put_number_text(b, e->number.val);
		strbuf_add_ch(b, '}');
		break;
	case PROMQL_STRING:
		strbuf_add_c(b, "{\"type\":\"stringLiteral\",\"val\":");
		put_str(b, e->string);
		strbuf_add_ch(b, '}');
		break;
	case PROMQL_SELECTOR:
		put_selector(b, &e->selector, NULL);
		break;
	case PROMQL_MATRIX:
		put_selector(b, &e->matrix.selector->selector, &e->matrix);
		break;
	case PROMQL_SUBQUERY:
		put_subquery(b, &e->subquery);
		break;
	case PROMQL_CALL:
		put_call(b, &e->call);
		break;
	case PROMQL_AGGREGATE:
		put_aggregate(b, &e->agg);
		break;
	case PROMQL_BINARY:
		put_binary(b, e);
		break;
	case PROMQL_UNARY:
		put_unary(b, &e->unary);
		break;
	case PROMQL_PAREN:
		put_paren(b, e->paren);
		break;
	case PROMQL_DURATION:
		put_duration_value(b, e);
		break;
	}
}
