#include "promql/lang/ast.h"

#include "base/assert.h"
#include "base/compiler.h"

const char *promql_type_name(enum promql_value_type t)
{
	static const char *const names[] = { "none", "scalar", "vector", "matrix", "string" };
	CHECK(t < ARRAY_LEN(names));
	return names[t];
}

const char *promql_type_doc(enum promql_value_type t)
{
	static const char *const names[] = { "none", "scalar", "instant vector", "range vector", "string" };
	CHECK(t < ARRAY_LEN(names));
	return names[t];
}

static struct promql_expr **agg_child(struct promql_aggregate *agg, size_t i)
{
	if (agg->param && i-- == 0)
		return &agg->param;
	return i == 0 ? &agg->expr : NULL;
}

struct promql_expr **promql_expr_child(struct promql_expr *e, size_t i)
{
	switch (e->kind) {
	case PROMQL_MATRIX:
		return i == 0 ? &e->matrix.selector : NULL;
	case PROMQL_SUBQUERY:
		return i == 0 ? &e->subquery.expr : NULL;
	case PROMQL_CALL:
		return i < e->call.n_args ? &e->call.args[i] : NULL;
	case PROMQL_AGGREGATE:
		return agg_child(&e->agg, i);
	case PROMQL_BINARY:
		return i == 0 ? &e->binary.lhs : i == 1 ? &e->binary.rhs : NULL;
	case PROMQL_UNARY:
		return i == 0 ? &e->unary.expr : NULL;
	case PROMQL_PAREN:
		return i == 0 ? &e->paren : NULL;
	default:
		return NULL;
	}
}

struct promql_expr *promql_expr_unparen(struct promql_expr *e)
{
	while (e->kind == PROMQL_PAREN)
		e = e->paren;
	return e;
}

const char *promql_op_name(enum promql_op op)
{
	static const char *const names[PROMQL_N_OPS] = {
		[PROMQL_OP_NONE] = "",         [PROMQL_OP_ADD] = "+",         [PROMQL_OP_SUB] = "-",
		[PROMQL_OP_MUL] = "*",         [PROMQL_OP_DIV] = "/",         [PROMQL_OP_MOD] = "%",
		[PROMQL_OP_POW] = "^",         [PROMQL_OP_ATAN2] = "atan2",   [PROMQL_OP_EQL] = "==",
		[PROMQL_OP_NEQ] = "!=",        [PROMQL_OP_LTE] = "<=",        [PROMQL_OP_LSS] = "<",
		[PROMQL_OP_GTE] = ">=",        [PROMQL_OP_GTR] = ">",         [PROMQL_OP_TRIM_UPPER] = "</",
		[PROMQL_OP_TRIM_LOWER] = ">/", [PROMQL_OP_AND] = "and",       [PROMQL_OP_OR] = "or",
		[PROMQL_OP_UNLESS] = "unless", [PROMQL_OP_STEP] = "step",     [PROMQL_OP_RANGE] = "range",
		[PROMQL_OP_MIN_OF] = "min_of", [PROMQL_OP_MAX_OF] = "max_of",
	};
	CHECK(op < PROMQL_N_OPS);
	return names[op];
}

const char *promql_agg_name(enum promql_agg op)
{
	static const char *const names[PROMQL_N_AGGS] = {
		[PROMQL_AGG_SUM] = "sum",
		[PROMQL_AGG_AVG] = "avg",
		[PROMQL_AGG_COUNT] = "count",
		[PROMQL_AGG_MIN] = "min",
		[PROMQL_AGG_MAX] = "max",
		[PROMQL_AGG_GROUP] = "group",
		[PROMQL_AGG_STDDEV] = "stddev",
		[PROMQL_AGG_STDVAR] = "stdvar",
		[PROMQL_AGG_TOPK] = "topk",
		[PROMQL_AGG_BOTTOMK] = "bottomk",
		[PROMQL_AGG_COUNT_VALUES] = "count_values",
		[PROMQL_AGG_QUANTILE] = "quantile",
		[PROMQL_AGG_LIMITK] = "limitk",
		[PROMQL_AGG_LIMIT_RATIO] = "limit_ratio",
	};
	CHECK(op < PROMQL_N_AGGS);
	return names[op];
}

const char *promql_match_name(enum promql_match_type t)
{
	static const char *const names[] = { "=", "!=", "=~", "!~" };
	CHECK(t < ARRAY_LEN(names));
	return names[t];
}

const char *promql_card_name(enum promql_card c)
{
	static const char *const names[] = { "one-to-one", "many-to-one", "one-to-many", "many-to-many" };
	CHECK(c < ARRAY_LEN(names));
	return names[c];
}

bool promql_op_is_comparison(enum promql_op op)
{
	return op >= PROMQL_OP_EQL && op <= PROMQL_OP_GTR;
}

bool promql_op_is_trim(enum promql_op op)
{
	return op == PROMQL_OP_TRIM_UPPER || op == PROMQL_OP_TRIM_LOWER;
}

bool promql_op_is_set(enum promql_op op)
{
	return op >= PROMQL_OP_AND && op <= PROMQL_OP_UNLESS;
}
