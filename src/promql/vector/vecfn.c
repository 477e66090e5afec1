/* Functions of single values of an instant vector. */
#include "promql/vector/vector.h"

#include "promql/math/fhist.h"
#include "promql/math/gomath.h"

#include <math.h>

struct vecfn;

/* Changes the values of one row in place. */
typedef int vecfn_apply(struct vecfn *f, struct row *r, struct err *err);

struct vecfn {
	struct node n;
	struct node *child;
	enum promql_fn id;
	vecfn_apply *apply;
	struct node *param_node[2];
	const double *param[2]; /* value per step, NULL for missing arguments */
	bool started;
};

static double fn_rad(double x)
{
	return x * M_PI / 180;
}

static double fn_deg(double x)
{
	return x * 180 / M_PI;
}

static double fn_sgn(double x)
{
	return x < 0 ? -1 : x > 0 ? 1 : x;
}

/* Functions of one number. */
static double (*const math_fns[PROMQL_FN_COUNT])(double) = {
	[PROMQL_FN_ABS] = fabs,       [PROMQL_FN_CEIL] = ceil,      [PROMQL_FN_FLOOR] = floor,
	[PROMQL_FN_EXP] = go_exp,     [PROMQL_FN_SQRT] = sqrt,      [PROMQL_FN_LN] = go_log,
	[PROMQL_FN_LOG2] = go_log2,   [PROMQL_FN_LOG10] = go_log10, [PROMQL_FN_SIN] = go_sin,
	[PROMQL_FN_COS] = go_cos,     [PROMQL_FN_TAN] = go_tan,     [PROMQL_FN_ASIN] = go_asin,
	[PROMQL_FN_ACOS] = go_acos,   [PROMQL_FN_ATAN] = go_atan,   [PROMQL_FN_SINH] = go_sinh,
	[PROMQL_FN_COSH] = go_cosh,   [PROMQL_FN_TANH] = go_tanh,   [PROMQL_FN_ASINH] = go_asinh,
	[PROMQL_FN_ACOSH] = go_acosh, [PROMQL_FN_ATANH] = go_atanh, [PROMQL_FN_RAD] = fn_rad,
	[PROMQL_FN_DEG] = fn_deg,     [PROMQL_FN_SGN] = fn_sgn,
};

static int apply_math(struct vecfn *f, struct row *r, struct err *err)
{
	double (*fn)(double) = math_fns[f->id];
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++)
		if (!is_absent(r->v[i]))
			r->v[i] = fn(r->v[i]);
	r->h = NULL;
	return 0;
}

static int apply_date(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++)
		if (!is_absent(r->v[i]))
			r->v[i] = calendar_fn(f->id, r->v[i]);
	r->h = NULL;
	return 0;
}

static int apply_round(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++) {
		double inverse = 1 / (f->param[0] ? f->param[0][i] : 1);
		if (!is_absent(r->v[i]))
			r->v[i] = floor(r->v[i] * inverse + 0.5) / inverse;
	}
	r->h = NULL;
	return 0;
}

static int apply_clamp(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++) {
		double lo = f->id == PROMQL_FN_CLAMP_MAX ? -INFINITY : f->param[0][i];
		double hi = f->id == PROMQL_FN_CLAMP_MAX   ? f->param[0][i]
			    : f->id == PROMQL_FN_CLAMP_MIN ? INFINITY
							   : f->param[1][i];
		if (hi < lo)
			r->v[i] = absent();
		else if (!is_absent(r->v[i]))
			r->v[i] = go_max(lo, go_min(hi, r->v[i]));
	}
	r->h = NULL;
	return 0;
}

static int apply_timestamp(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++)
		if (!is_absent(r->v[i]) || (r->h && r->h[i]))
			r->v[i] = (double)grid_t(&f->n.grid, i) / 1000;
	r->h = NULL;
	return 0;
}

/* start_timestamp() of what is no selector. */
static int apply_nothing(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	row_fill_absent(r->v, f->n.grid.n);
	r->h = NULL;
	return 0;
}

static double hist_value(enum promql_fn id, const struct histogram *h)
{
	switch (id) {
	case PROMQL_FN_HISTOGRAM_COUNT:
		return h->count_f;
	case PROMQL_FN_HISTOGRAM_SUM:
		return h->sum;
	case PROMQL_FN_HISTOGRAM_AVG:
		return h->sum / h->count_f;
	case PROMQL_FN_HISTOGRAM_STDVAR:
		return fhist_variance(h);
	default:
		return sqrt(fhist_variance(h));
	}
}

static int apply_hist(struct vecfn *f, struct row *r, struct err *err)
{
	(void)err;
	for (uint32_t i = 0; i < f->n.grid.n; i++)
		r->v[i] = r->h && r->h[i] ? hist_value(f->id, r->h[i]) : absent();
	r->h = NULL;
	return 0;
}

static vecfn_apply *apply_of(enum promql_fn id)
{
	static vecfn_apply *const fns[PROMQL_FN_COUNT] = {
		[PROMQL_FN_DAYS_IN_MONTH] = apply_date,
		[PROMQL_FN_DAY_OF_MONTH] = apply_date,
		[PROMQL_FN_DAY_OF_WEEK] = apply_date,
		[PROMQL_FN_DAY_OF_YEAR] = apply_date,
		[PROMQL_FN_HOUR] = apply_date,
		[PROMQL_FN_MINUTE] = apply_date,
		[PROMQL_FN_MONTH] = apply_date,
		[PROMQL_FN_YEAR] = apply_date,
		[PROMQL_FN_ROUND] = apply_round,
		[PROMQL_FN_CLAMP] = apply_clamp,
		[PROMQL_FN_CLAMP_MIN] = apply_clamp,
		[PROMQL_FN_CLAMP_MAX] = apply_clamp,
		[PROMQL_FN_TIMESTAMP] = apply_timestamp,
		[PROMQL_FN_START_TIMESTAMP] = apply_nothing,
		[PROMQL_FN_HISTOGRAM_COUNT] = apply_hist,
		[PROMQL_FN_HISTOGRAM_SUM] = apply_hist,
		[PROMQL_FN_HISTOGRAM_AVG] = apply_hist,
		[PROMQL_FN_HISTOGRAM_STDDEV] = apply_hist,
		[PROMQL_FN_HISTOGRAM_STDVAR] = apply_hist,
	};
	return math_fns[id] ? apply_math : fns[id];
}

bool vecfn_has(enum promql_fn fn)
{
	return apply_of(fn) != NULL;
}

static int vecfn_next(struct node *n, struct row *ret, struct err *err)
{
	struct vecfn *f = (struct vecfn *)n;
	int rc = 0;
	for (int k = 0; k < 2 && !f->started && !rc; k++)
		if (f->param_node[k])
			rc = node_scalar(f->param_node[k], &f->param[k], err);
	f->started = true;
	if (rc)
		return rc;
	do {
		rc = node_next(f->child, ret, err);
		if (rc <= 0)
			return rc;
		rc = f->apply(f, ret, err);
		if (!rc)
			rc = node_drop_name(n, ret, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static const struct node_ops vecfn_ops = { vecfn_next, NULL, "function" };

int vecfn_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node *const *params,
	      size_t n_params, struct node **ret, struct err *err)
{
	struct vecfn *f = node_new(ev, sizeof(*f), &vecfn_ops, call, child->grid, err);
	if (!f)
		return -err->code;
	f->child = child;
	f->id = call->call.func->fn;
	f->apply = apply_of(f->id);
	for (size_t i = 0; i < n_params && i < ARRAY_LEN(f->param_node); i++)
		f->param_node[i] = params[i];
	f->n.unique = child->unique;
	*ret = &f->n;
	return 0;
}
