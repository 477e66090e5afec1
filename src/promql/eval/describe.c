/* Operators as text. */
#include "promql/eval/trace.h"

#include "promql/lang/printer.h"

/* Longest text of an operator. */
#define TEXT_MAX 2048

/* Stands for what is an operator of its own. */
static struct promql_expr hole = { .kind = PROMQL_NUMBER, .type = PROMQL_TYPE_SCALAR, .height = 1 };

static void add_labels(struct strbuf *b, const char *word, const struct promql_labels *l)
{
	strbuf_printf(b, " %s (", word);
	for (size_t i = 0; i < l->n; i++)
		strbuf_printf(b, "%s%.*s", i ? ", " : "", STR_ARG(l->v[i]));
	strbuf_add_ch(b, ')');
}

static void add_aggregate(struct strbuf *b, const struct promql_aggregate *a)
{
	strbuf_add_c(b, promql_agg_name(a->op));
	if (a->param && a->param->kind == PROMQL_STRING) {
		strbuf_add_ch(b, ' ');
		promql_print(a->param, b);
	}
	if (a->grouping.n || a->has_grouping)
		add_labels(b, a->without ? "without" : "by", &a->grouping);
}

/* The operator with its modifiers: printed between holes, which are cut off. */
static void add_binary(struct strbuf *b, const struct promql_expr *e)
{
	struct promql_expr copy = *e;
	struct strbuf all = { .limit = TEXT_MAX };
	copy.binary.lhs = copy.binary.rhs = &hole;
	promql_print(&copy, &all);
	if (!all.overflow && all.n > 4)
		strbuf_add(b, all.p + 2, all.n - 4);
	else
		strbuf_add_c(b, promql_op_name(e->binary.op));
	strbuf_fini(&all);
}

static void add_subquery(struct strbuf *b, const struct promql_expr *e)
{
	struct promql_expr copy = *e;
	struct strbuf all = { .limit = TEXT_MAX };
	copy.subquery.expr = &hole;
	promql_print(&copy, &all);
	if (all.n > 1)
		strbuf_add(b, all.p + 1, all.n - 1);
	strbuf_fini(&all);
}

/* The function's name, and its arguments that are strings. */
static void add_call(struct strbuf *b, const struct promql_call *c)
{
	const char *sep = "(";
	strbuf_add_c(b, c->func->name);
	for (size_t i = 0; i < c->n_args; i++) {
		const struct promql_expr *arg = promql_expr_unparen(c->args[i]);
		if (arg->kind != PROMQL_STRING)
			continue;
		strbuf_add_c(b, sep);
		promql_print(arg, b);
		sep = ", ";
	}
	if (*sep == ',')
		strbuf_add_ch(b, ')');
}

static void add_expr(struct strbuf *b, const struct promql_expr *e)
{
	switch (e->kind) {
	case PROMQL_AGGREGATE:
		add_aggregate(b, &e->agg);
		break;
	case PROMQL_BINARY:
		add_binary(b, e);
		break;
	case PROMQL_SUBQUERY:
		add_subquery(b, e);
		break;
	case PROMQL_CALL:
		add_call(b, &e->call);
		break;
	case PROMQL_UNARY:
		strbuf_add_c(b, promql_op_name(e->unary.op));
		break;
	case PROMQL_PAREN:
		break;
	default:
		promql_print(e, b);
		break;
	}
}

const char *describe_operator(const char *kind, const struct promql_expr *e, struct arena *a)
{
	struct strbuf b = { .limit = TEXT_MAX };
	strbuf_printf(&b, "[%s]", kind ? kind : "operator");
	if (e) {
		strbuf_add_ch(&b, ' ');
		add_expr(&b, e);
	}
	char *text = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return text;
}

const char *describe_selector(const struct promql_expr *e, struct arena *a)
{
	const size_t longest = 150;
	struct strbuf b = { .limit = TEXT_MAX };
	add_expr(&b, e);
	size_t n = MIN(b.n, longest);
	while (n < b.n && n > 0 && ((unsigned char)b.p[n] & 0xc0) == 0x80)
		n--;
	char *text = arena_printf(a, "%.*s%s", (int)n, b.p ? b.p : "", n < b.n ? "..." : "");
	strbuf_fini(&b);
	return text ? text : "";
}
