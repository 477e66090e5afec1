#include "promql/lang/parser_int.h"

#include "labels/matcher.h"
#include "promql/lang/functions.h"

static void check(struct parser *p, struct promql_expr *e);

/* Checks `e`, and that it has type `want`. */
static void expect_type(struct parser *p, struct promql_expr *e, enum promql_value_type want, const char *context)
{
	check(p, e);
	if (e->type != want)
		parser_complain(p, e->pos, "expected type %s in %s, got %s", promql_type_doc(want), context,
				promql_type_doc(e->type));
}

static void check_aggregate(struct parser *p, struct promql_aggregate *agg)
{
	expect_type(p, agg->expr, PROMQL_TYPE_VECTOR, "aggregation expression");
	if (agg->param)
		expect_type(p, agg->param, agg->op == PROMQL_AGG_COUNT_VALUES ? PROMQL_TYPE_STRING : PROMQL_TYPE_SCALAR,
			    "aggregation parameter");
}

/* --- binary expressions ------------------------------------------------------ */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The bytes between the operands, without blanks around them; the end is the last byte itself. */
static struct promql_pos op_pos(const struct parser *p, const struct promql_binary *b)
{
	struct promql_pos pos = { b->lhs->pos.end, b->rhs->pos.start - 1 };
	while (pos.start < pos.end && is_space(p->text.p[pos.start]))
		pos.start++;
	while (pos.end > pos.start && is_space(p->text.p[pos.end]))
		pos.end--;
	return pos;
}

static void check_group_labels(struct parser *p, const struct promql_binary *b)
{
	const struct promql_matching *m = &b->matching;
	for (size_t i = 0; m->on && i < m->labels.n; i++)
		for (size_t k = 0; k < m->include.n; k++)
			if (str_eq(m->labels.v[i], m->include.v[k]))
				parser_complain(p, op_pos(p, b),
						"label %s must not occur in ON and GROUP clause at once",
						parser_quote(p, m->labels.v[i]));
}

/* Matching and fill between operands of which at least one is no vector: none is allowed. */
static void check_no_matching(struct parser *p, struct promql_expr *e)
{
	struct promql_matching *m = &e->binary.matching;
	if (m->labels.n > 0)
		parser_complain(p, e->pos, "vector matching only allowed between instant vectors");
	if (m->has_fill_lhs || m->has_fill_rhs)
		parser_complain(p, e->pos, "filling in missing series only allowed between instant vectors");
	*m = (struct promql_matching){ .card = PROMQL_ONE_TO_ONE };
	e->binary.has_matching = false;
}

static void check_set_matching(struct parser *p, const struct promql_expr *e)
{
	const struct promql_matching *m = &e->binary.matching;
	if (m->card == PROMQL_ONE_TO_MANY || m->card == PROMQL_MANY_TO_ONE)
		parser_complain(p, e->pos, "no grouping allowed for \"%s\" operation", promql_op_name(e->binary.op));
	if (m->card != PROMQL_MANY_TO_MANY)
		parser_complain(p, e->pos, "set operations must always be many-to-many");
	if (m->has_fill_lhs || m->has_fill_rhs)
		parser_complain(p, e->pos, "filling in missing series not allowed for set operators");
}

static bool scalar_or_vector(const struct promql_expr *e)
{
	return e->type == PROMQL_TYPE_SCALAR || e->type == PROMQL_TYPE_VECTOR;
}

/* The rules of one binary expression whose operands were checked. */
static void check_binary_self(struct parser *p, struct promql_expr *e)
{
	struct promql_binary *b = &e->binary;
	bool compares = promql_op_is_comparison(b->op), is_set = promql_op_is_set(b->op);
	bool lhs_scalar = b->lhs->type == PROMQL_TYPE_SCALAR;
	bool rhs_scalar = b->rhs->type == PROMQL_TYPE_SCALAR;
	static const char types[] = "binary expression must contain only scalar and instant vector types";

	if (b->return_bool && !compares)
		parser_complain(p, op_pos(p, b), "bool modifier can only be used on comparison operators");
	if (compares && !b->return_bool && lhs_scalar && rhs_scalar)
		parser_complain(p, op_pos(p, b), "comparisons between scalars must use BOOL modifier");
	if (is_set && b->matching.card == PROMQL_ONE_TO_ONE)
		b->matching.card = PROMQL_MANY_TO_MANY;
	check_group_labels(p, b);
	if (!scalar_or_vector(b->lhs))
		parser_complain(p, b->lhs->pos, "%s", types);
	if (!scalar_or_vector(b->rhs))
		parser_complain(p, b->rhs->pos, "%s", types);
	if (b->lhs->type != PROMQL_TYPE_VECTOR || b->rhs->type != PROMQL_TYPE_VECTOR)
		check_no_matching(p, e);
	else if (is_set)
		check_set_matching(p, e);
	if ((lhs_scalar || rhs_scalar) && is_set)
		parser_complain(p, e->pos, "set operator \"%s\" not allowed in binary scalar expression",
				promql_op_name(b->op));
}

/* A chain of operators: down its left side in a loop, then back up. */
static void check_binary(struct parser *p, struct promql_expr *top)
{
	size_t n = 0;
	for (struct promql_expr *e = top; e->kind == PROMQL_BINARY; e = e->binary.lhs)
		n++;
	struct promql_expr **chain = arena_array(p->arena, n, sizeof(struct promql_expr *));
	if (!chain) {
		parser_oom(p);
		return;
	}
	struct promql_expr *e = top;
	for (size_t i = 0; i < n; i++, e = e->binary.lhs)
		chain[i] = e;
	check(p, e);
	while (n-- > 0) {
		check(p, chain[n]->binary.rhs);
		check_binary_self(p, chain[n]);
		if (n > 0)
			chain[n]->id = p->n_ids++;
	}
}

/* --- calls ------------------------------------------------------------------- */

static void check_arg_count(struct parser *p, const struct promql_expr *e)
{
	const struct promql_func *f = e->call.func;
	size_t n = e->call.n_args;
	if (f->variadic == 0) {
		if (n != f->n_args)
			parser_complain(p, e->pos, "expected %u argument(s) in call to \"%s\", got %zu", f->n_args,
					f->name, n);
		return;
	}
	size_t least = f->n_args - 1;
	if (n < least)
		parser_complain(p, e->pos, "expected at least %zu argument(s) in call to \"%s\", got %zu", least,
				f->name, n);
	else if (f->variadic > 0 && n > least + (size_t)f->variadic)
		parser_complain(p, e->pos, "expected at most %zu argument(s) in call to \"%s\", got %zu",
				least + (size_t)f->variadic, f->name, n);
}

/* The second argument of info() is a selector without a name, which may match everything. */
static void check_info(struct parser *p, const struct promql_expr *e)
{
	struct promql_expr *arg = e->call.args[1];
	if (arg->type != PROMQL_TYPE_VECTOR)
		parser_complain(p, e->pos, "expected type %s in call to function \"info\", got %s",
				promql_type_doc(PROMQL_TYPE_VECTOR), promql_type_doc(arg->type));
	if (arg->kind != PROMQL_SELECTOR)
		parser_complain(p, arg->pos, "expected label selectors only");
	else if (arg->selector.name.n)
		parser_complain(p, arg->pos, "expected label selectors only, got vector selector instead");
	else
		arg->selector.is_info_arg = true;
}

static void check_call(struct parser *p, const struct promql_expr *e)
{
	const struct promql_func *f = e->call.func;
	check_arg_count(p, e);
	if (f->fn == PROMQL_FN_INFO && e->call.n_args > 1)
		check_info(p, e);
	for (size_t i = 0; i < e->call.n_args; i++) {
		if (i >= f->n_args && f->variadic == 0)
			break;
		struct promql_expr *arg = e->call.args[i];
		enum promql_value_type want = f->args[i < f->n_args ? i : f->n_args - 1];
		check(p, arg);
		if (arg->type != want)
			parser_complain(p, arg->pos, "expected type %s in call to function \"%s\", got %s",
					promql_type_doc(want), f->name, promql_type_doc(arg->type));
	}
}

/* --- the rest ---------------------------------------------------------------- */

static void check_selector(struct parser *p, const struct promql_expr *e)
{
	const struct promql_selector *s = &e->selector;
	if (s->name.n) {
		for (size_t i = 0; i + 1 < s->n_matchers; i++)
			if (str_eq(s->matchers[i].name, LABEL_METRIC_NAME))
				parser_complain(p, e->pos, "metric name must not be set twice: %s or %s",
						parser_quote(p, s->name), parser_quote(p, s->matchers[i].value));
		return;
	}
	if (s->is_info_arg)
		return;
	for (size_t i = 0; i < s->n_matchers; i++)
		if (!matcher_matches_empty(s->matchers[i].compiled))
			return;
	parser_complain(p, e->pos, PARSER_MATCHES_ALL);
}

static void check_unary(struct parser *p, const struct promql_expr *e)
{
	check(p, e->unary.expr);
	if (!scalar_or_vector(e->unary.expr))
		parser_complain(p, e->pos,
				"unary expression only allowed on expressions of type scalar or "
				"instant vector, got \"%s\"",
				promql_type_doc(e->unary.expr->type));
}

static void check_subquery(struct parser *p, const struct promql_expr *e)
{
	check(p, e->subquery.expr);
	if (e->subquery.expr->type != PROMQL_TYPE_VECTOR)
		parser_complain(p, e->pos, "subquery is only allowed on instant vector, got %s instead",
				promql_type_name(e->subquery.expr->type));
}

static void check(struct parser *p, struct promql_expr *e)
{
	switch (e->kind) {
	case PROMQL_SELECTOR:
		check_selector(p, e);
		break;
	case PROMQL_MATRIX:
		check(p, e->matrix.selector);
		break;
	case PROMQL_SUBQUERY:
		check_subquery(p, e);
		break;
	case PROMQL_CALL:
		check_call(p, e);
		break;
	case PROMQL_AGGREGATE:
		check_aggregate(p, &e->agg);
		break;
	case PROMQL_BINARY:
		check_binary(p, e);
		break;
	case PROMQL_UNARY:
		check_unary(p, e);
		break;
	case PROMQL_PAREN:
		check(p, e->paren);
		break;
	default:
		break;
	}
	e->id = p->n_ids++;
}

void parser_check(struct parser *p, struct promql_expr *e)
{
	check(p, e);
}
