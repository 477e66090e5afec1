/* Durations and the checks of a query that need no data. */
#include "promql/eval/analyse.h"
#include "promql/plan/plan.h"
#include "promql/vector/vector.h"

#include <math.h>

/* Nesting of duration expressions is limited by the parser. */
static int duration_value(struct eval *ev, const struct promql_expr *e, double *ret, struct err *err);

static int dur_err(const struct promql_expr *e, const char *what, struct err *err)
{
	struct promql_pos p = promql_expr_pos(e);
	return err_set(err, ERR_INVALID_ARGUMENT, "%u:%u: %s", p.start, p.end, what);
}

static int duration_op(const struct promql_expr *e, double a, double b, double *ret, struct err *err)
{
	enum promql_op op = e->duration.op;
	if (op == PROMQL_OP_DIV && b == 0)
		return dur_err(e, "division by zero", err);
	if (op == PROMQL_OP_MOD && b == 0)
		return dur_err(e, "modulo by zero", err);
	*ret = scalar_op(op, a, b);
	return 0;
}

static int duration_value(struct eval *ev, const struct promql_expr *e, double *ret, struct err *err)
{
	double a = 0, b = 0;
	if (e->kind == PROMQL_NUMBER) {
		*ret = e->number.val;
		return 0;
	}
	CHECK(e->kind == PROMQL_DURATION);
	if (e->duration.op == PROMQL_OP_STEP) {
		*ret = (double)ev->grid.step / 1000;
		return 0;
	}
	if (e->duration.op == PROMQL_OP_RANGE) {
		*ret = (double)(ev->grid.end - ev->grid.start) / 1000;
		return 0;
	}
	int rc = e->duration.lhs ? duration_value(ev, e->duration.lhs, &a, err) : 0;
	if (!rc)
		rc = duration_value(ev, e->duration.rhs, &b, err);
	if (rc)
		return rc;
	if (!e->duration.lhs) {
		*ret = e->duration.op == PROMQL_OP_SUB ? -b : b;
		return 0;
	}
	return duration_op(e, a, b, ret, err);
}

int plan_duration(struct eval *ev, int64_t literal_ns, const struct promql_expr *expr, bool positive, int64_t *ret_ms,
		  struct err *err)
{
	double d = 0;
	*ret_ms = literal_ns / 1000000;
	if (!expr)
		return 0;
	int rc = duration_value(ev, expr, &d, err);
	if (rc)
		return rc;
	if (isnan(d) || isinf(d))
		return dur_err(expr, "duration is NaN or infinite", err);
	if (positive && d <= 0)
		return dur_err(expr, "duration must be greater than 0", err);
	if (fabs(d) >= 9223372036.854775807)
		return dur_err(expr, "duration is out of range", err);
	*ret_ms = (int64_t)(d * 1000);
	return 0;
}

/* The offset and @ of a part, or NULL. */
static const struct promql_shift *shift_of(const struct promql_expr *e)
{
	if (e && e->kind == PROMQL_SELECTOR)
		return &e->selector.shift;
	return e && e->kind == PROMQL_SUBQUERY ? &e->subquery.shift : NULL;
}

/* Whether what stands there is switched off. */
static int check_allowed(struct eval *ev, const struct promql_shift *s, struct err *err)
{
	if (ev->opts.no_at_modifier && (s->has_at || s->at_preproc != PROMQL_AT_NONE))
		return err_set(err, ERR_INVALID_ARGUMENT, "@ modifier is disabled");
	if (ev->opts.no_negative_offset && s->offset_ns < 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "negative offset is disabled");
	return 0;
}

/* Whether an offset that is an expression has a value, and is one that is allowed. */
static int check_offset(struct eval *ev, const struct promql_shift *s, struct err *err)
{
	int64_t offset;
	int rc = plan_duration(ev, s->offset_ns, s->offset_expr, false, &offset, err);
	if (!rc && ev->opts.no_negative_offset && offset < 0)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "negative offset is disabled");
	return rc;
}

/* Runs a check on every part that is moved, in the order of their ids. */
static int each_shift(struct eval *ev, const struct promql_expr *e,
		      int (*check)(struct eval *ev, const struct promql_shift *s, struct err *err), struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i <= e->id && !rc; i++) {
		const struct promql_shift *s = shift_of(ev->info[i].expr);
		rc = s ? check(ev, s, err) : 0;
	}
	return rc;
}

int plan_check(struct eval *ev, const struct promql_expr *e, bool is_range, struct err *err)
{
	enum promql_value_type t = promql_expr_type(e);
	int rc = analyse(ev, e, err);
	rc = rc ? rc : each_shift(ev, e, check_allowed, err);
	if (!rc && is_range && (t == PROMQL_TYPE_MATRIX || t == PROMQL_TYPE_STRING))
		rc = err_set(err, ERR_INVALID_ARGUMENT,
			     "invalid expression type \"%s\" for range query, must be Scalar or "
			     "instant Vector",
			     promql_type_doc(t));
	return rc ? rc : each_shift(ev, e, check_offset, err);
}
