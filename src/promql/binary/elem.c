/* Binary operators on samples. */
#include "promql/binary/elem.h"

#include "promql/math/fhist.h"

#include <math.h>

bool op_drops_name(enum promql_op op)
{
	return op >= PROMQL_OP_ADD && op <= PROMQL_OP_ATAN2;
}

/* Histogram with histogram. */
static int hist_hist(enum promql_op op, const struct histogram *a, const struct histogram *b, struct arena *arena,
		     struct elem_result *ret, struct err *err)
{
	struct fhist_flags flags = { 0 };
	int rc;
	switch (op) {
	case PROMQL_OP_ADD:
	case PROMQL_OP_SUB:
		rc = fhist_add(a, b, op == PROMQL_OP_SUB, arena, &ret->v.h, &flags, err);
		ret->fault = flags.mixed ? ELEM_LAYOUT : ELEM_OK;
		ret->collision = flags.collision;
		ret->reconciled = flags.reconciled;
		if (!rc && ret->v.h && op == PROMQL_OP_SUB)
			((struct histogram *)ret->v.h)->hint = HIST_HINT_GAUGE; /* made just now */
		return rc;
	case PROMQL_OP_EQL:
	case PROMQL_OP_NEQ:
		ret->keep = hist_equal(a, b) == (op == PROMQL_OP_EQL);
		ret->v.h = a;
		return 0;
	default:
		ret->fault = ELEM_TYPES;
		return 0;
	}
}

static int scale(const struct histogram *h, double factor, bool divide, struct arena *arena,
		 const struct histogram **ret, struct err *err)
{
	int rc = fhist_scale(h, factor, divide, arena, ret, err);
	return rc ? rc : fhist_compact(ret, arena, err);
}

int elem_op(enum promql_op op, struct elem a, struct elem b, struct arena *arena, struct elem_result *ret,
	    struct err *err)
{
	*ret = (struct elem_result){ .keep = true };
	bool trim = promql_op_is_trim(op);
	if (a.h && b.h)
		return hist_hist(op, a.h, b.h, arena, ret, err);
	if (a.h && trim)
		return fhist_trim(a.h, b.f, op == PROMQL_OP_TRIM_UPPER, arena, &ret->v.h, err);
	if (a.h && (op == PROMQL_OP_MUL || op == PROMQL_OP_DIV))
		return scale(a.h, b.f, op == PROMQL_OP_DIV, arena, &ret->v.h, err);
	if (b.h && op == PROMQL_OP_MUL)
		return scale(b.h, a.f, false, arena, &ret->v.h, err);
	if (a.h || b.h || trim) {
		ret->fault = ELEM_TYPES;
		return 0;
	}
	if (promql_op_is_comparison(op)) {
		ret->keep = compare_op(op, a.f, b.f);
		ret->v.f = a.f;
	} else {
		ret->v.f = scalar_op(op, a.f, b.f);
	}
	return 0;
}

void elem_note_fault(struct node *n, enum promql_op op, struct elem a, struct elem b, enum elem_fault fault)
{
	struct promql_pos pos = promql_expr_pos(n->expr);
	const char *name = promql_op_name(op);
	if (fault == ELEM_LAYOUT)
		eval_warn(n, pos, "incompatible bucket layout encountered for binary operator %s", name);
	else
		eval_info(n, pos, "incompatible sample types encountered for binary operator \"%s\": %s %s %s", name,
			  a.h ? "histogram" : "float", name, b.h ? "histogram" : "float");
}

void elem_note_flags(struct node *n, enum promql_op op, const struct elem_result *r)
{
	struct promql_pos pos = promql_expr_pos(n->expr);
	const char *what = op == PROMQL_OP_SUB ? "subtraction" : "addition";
	if (r->collision)
		eval_warn(n, pos, "conflicting counter resets during histogram %s", what);
	if (r->reconciled)
		eval_info(n, pos, "mismatched custom buckets were reconciled during %s", what);
}

#define LOOP(expr) \
	for (uint32_t i = 0; i < n; i++) { \
		double x = a[i], y = b[i], z = (expr); \
		v[i] = is_absent(x) || is_absent(y) ? none : z; \
	} \
	break

void floats_op(enum promql_op op, const double *a, const double *b, double *v, uint32_t n)
{
	double none = absent();
	switch (op) {
	case PROMQL_OP_ADD:
		LOOP(x + y);
	case PROMQL_OP_SUB:
		LOOP(x - y);
	case PROMQL_OP_MUL:
		LOOP(x * y);
	case PROMQL_OP_DIV:
		LOOP(x / y);
	case PROMQL_OP_EQL:
		LOOP(x == y ? x : none);
	case PROMQL_OP_NEQ:
		LOOP(x != y ? x : none);
	case PROMQL_OP_LTE:
		LOOP(x <= y ? x : none);
	case PROMQL_OP_LSS:
		LOOP(x < y ? x : none);
	case PROMQL_OP_GTE:
		LOOP(x >= y ? x : none);
	case PROMQL_OP_GTR:
		LOOP(x > y ? x : none);
	default:
		LOOP(scalar_op(op, x, y));
	}
}

void floats_op_bool(enum promql_op op, const double *a, const double *b, double *v, uint32_t n)
{
	double none = absent();
	switch (op) {
	case PROMQL_OP_EQL:
		LOOP(x == y ? 1 : 0);
	case PROMQL_OP_NEQ:
		LOOP(x != y ? 1 : 0);
	case PROMQL_OP_LTE:
		LOOP(x <= y ? 1 : 0);
	case PROMQL_OP_LSS:
		LOOP(x < y ? 1 : 0);
	case PROMQL_OP_GTE:
		LOOP(x >= y ? 1 : 0);
	default:
		LOOP(x > y ? 1 : 0);
	}
}
