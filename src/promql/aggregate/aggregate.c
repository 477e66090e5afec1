/*
 * Aggregations that fold: sum, avg, count, min, max, group, stddev, stdvar.
 * Each row is added to its group's columns as it comes and then forgotten.
 */
#include "promql/aggregate/aggregate.h"
#include "promql/math/gomath.h"

#include "promql/eval/share.h"
#include "promql/math/kahan.h"
#include "promql/math/lanes.h"

#include <float.h>
#include <math.h>

struct fold {
	struct aggregate g;
	struct agg_group **groups;
	size_t n_groups, cap, at;
	struct agg_group *last; /* group of the row before: often the same */
	bool filled;
};

void *aggregate_alloc(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *e,
		      struct node *child, struct node *param, struct err *err)
{
	struct aggregate *g = node_new(ev, size, ops, e, child->grid, err);
	if (!g)
		return NULL;
	g->child = child;
	g->param_node = param;
	g->op = e->agg.op;
	arena_init(&g->arena, ev->arena->budget);
	if (sig_rule_init(&g->rule, ev, &e->agg.grouping, !e->agg.without, err))
		return NULL;
	return g;
}

void aggregate_fini(struct node *n)
{
	struct aggregate *g = (struct aggregate *)n;
	sig_map_fini(&g->map);
	arena_fini(&g->arena);
}

int aggregate_group_labels(struct aggregate *g, const struct row *r, struct labels *ret, struct err *err)
{
	if (g->rule.on && g->rule.n_names == 0) {
		*ret = (struct labels){ NULL, 0 };
		return 0;
	}
	return sig_labels(&g->rule, &g->n, r->labels, ret, err);
}

struct param_range aggregate_param_range(const struct aggregate *g)
{
	const double *p = g->param;
	struct param_range r = { DBL_MAX, -DBL_MAX, false };
	if (promql_expr_unparen(g->n.expr->agg.param)->kind == PROMQL_NUMBER)
		return (struct param_range){ p[0], p[0], isnan(p[0]) };
	for (uint32_t i = 0; i < g->n.grid.n; i++) {
		r.max = go_max(r.max, p[i]);
		r.min = go_min(r.min, p[i]);
		r.nan |= isnan(p[i]);
	}
	return r;
}

int aggregate_check_k(const struct aggregate *g, bool *ret_any, struct err *err)
{
	struct param_range r = aggregate_param_range(g);
	char buf[32];
	*ret_any = !(r.max < 1);
	if (!*ret_any)
		return 0;
	if (r.nan)
		return err_set(err, ERR_FAILED_PRECONDITION, "Parameter value is NaN");
	if (r.min <= -9223372036854775808.0)
		return err_set(err, ERR_FAILED_PRECONDITION, "Scalar value %s underflows int64", fmt_g(r.min, buf));
	if (r.max >= 9223372036854774784.0)
		return err_set(err, ERR_FAILED_PRECONDITION, "Scalar value %s overflows int64", fmt_g(r.max, buf));
	return 0;
}

void aggregate_info_ignored(struct aggregate *g)
{
	bool whole = g->op == PROMQL_AGG_TOPK || g->op == PROMQL_AGG_BOTTOMK;
	eval_info(&g->n, promql_expr_pos(whole ? g->n.expr : promql_expr_unparen(g->n.expr->agg.expr)),
		  "ignored histogram in %s aggregation", promql_agg_name(g->op));
}

/* Columns of a new group. */
static int group_columns(struct fold *f, struct agg_group *grp, struct err *err)
{
	uint32_t n = f->g.n.grid.n;
	bool two = f->g.op == PROMQL_AGG_SUM || f->g.op == PROMQL_AGG_AVG || f->g.op == PROMQL_AGG_STDDEV ||
		   f->g.op == PROMQL_AGG_STDVAR;
	bool three = two && f->g.op != PROMQL_AGG_SUM;
	grp->a = arena_array(&f->g.arena, n, sizeof(double));
	grp->b = two ? arena_array(&f->g.arena, n, sizeof(double)) : NULL;
	grp->c = three ? arena_array(&f->g.arena, n, sizeof(double)) : NULL;
	if (!grp->a || (two && !grp->b) || (three && !grp->c))
		return arena_err(&f->g.arena, err);
	row_fill_absent(grp->a, n);
	return eval_hold(f->g.n.ev, n, err);
}

static int add_group(struct fold *f, struct hash128 h, struct labels l, struct agg_group **ret, struct err *err)
{
	if (f->n_groups == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct agg_group **p = arena_alloc(&f->g.arena, cap * sizeof(struct agg_group *));
		if (!p)
			return arena_err(&f->g.arena, err);
		if (f->n_groups)
			memcpy(p, f->groups, f->n_groups * sizeof(struct agg_group *));
		f->groups = p;
		f->cap = cap;
	}
	struct agg_group *grp = arena_zalloc(&f->g.arena, sizeof(*grp));
	if (!grp)
		return arena_err(&f->g.arena, err);
	int rc = labels_copy(l, &f->g.arena, &grp->labels, err);
	if (!rc)
		rc = group_columns(f, grp, err);
	if (rc)
		return rc;
	grp->e.hash = h;
	sig_add(&f->g.map, &grp->e);
	f->groups[f->n_groups++] = grp;
	*ret = grp;
	return 0;
}

static int find_group(struct fold *f, const struct row *r, struct agg_group **ret, struct err *err)
{
	struct labels l;
	int rc = aggregate_group_labels(&f->g, r, &l, err);
	if (rc)
		return rc;
	if (f->last && labels_eq(f->last->labels, l)) {
		*ret = f->last;
		return 0;
	}
	struct hash128 h = labels_hash128(l);
	*ret = sig_find(&f->g.map, h);
	if (!*ret)
		rc = add_group(f, h, l, ret, err);
	f->last = *ret;
	return rc;
}

/* ---- folding one row's floats ---- */

static void fold_sum(struct agg_group *g, const double *v, uint32_t n)
{
	double *sum = g->a, *comp = g->b;
	for (uint32_t i = (uint32_t)lanes_fold(sum, comp, v, n); i < n; i++) {
		if (UNLIKELY(is_absent(v[i])))
			continue;
		if (is_absent(sum[i])) {
			sum[i] = v[i];
			continue;
		}
		struct kahan k = { sum[i], comp[i] };
		kahan_add(&k, v[i]);
		sum[i] = k.s;
		comp[i] = k.c;
	}
}

/* Counts in c; negative once the mean is incremental. */
static void fold_avg(struct agg_group *g, const double *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_absent(v[i]))
			continue;
		struct kahan_mean m = { { g->a[i], g->b[i] }, fabs(g->c[i]), g->c[i] < 0 };
		kahan_mean_add(&m, v[i]);
		g->a[i] = m.k.s;
		g->b[i] = m.k.c;
		g->c[i] = m.incremental ? -m.n : m.n;
	}
}

static void fold_count(struct agg_group *g, const struct row *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(r->v[i]) || (r->h && r->h[i]))
			g->a[i] = is_absent(g->a[i]) ? 1 : g->a[i] + 1;
}

static void fold_group(struct agg_group *g, const struct row *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(r->v[i]) || (r->h && r->h[i]))
			g->a[i] = 1;
}

static void fold_min(struct agg_group *g, const double *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(v[i]) && (g->a[i] > v[i] || isnan(g->a[i])))
			g->a[i] = v[i];
}

static void fold_max(struct agg_group *g, const double *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(v[i]) && (g->a[i] < v[i] || isnan(g->a[i])))
			g->a[i] = v[i];
}

/* Welford: mean in a, sum of squares in b, count in c. */
static void fold_variance(struct agg_group *g, const double *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_absent(v[i]))
			continue;
		g->c[i]++;
		if (g->c[i] == 1) {
			g->a[i] = v[i];
			g->b[i] = isfinite(v[i]) ? 0 : go_nan();
			continue;
		}
		double d = v[i] - g->a[i];
		g->a[i] += d / g->c[i];
		g->b[i] += d * (v[i] - g->a[i]);
	}
}

/* ---- histograms ---- */

/* Values of a row without those at steps whose histograms did not mix: there upstream looks at nothing any more. */
static const double *unspoiled(struct fold *f, const struct agg_group *g, const struct row *r)
{
	uint32_t n = f->g.n.grid.n;
	double *v = g->spoiled ? eval_column(f->g.n.ev, n) : r->v;
	for (uint32_t i = 0; v && g->spoiled && i < n; i++)
		v[i] = g->acc[i] && fhist_acc_mixed(g->acc[i]) ? absent() : r->v[i];
	return v;
}

static int fold_hists(struct fold *f, struct agg_group *g, const struct row *r, struct err *err)
{
	uint32_t n = f->g.n.grid.n;
	if (f->g.op != PROMQL_AGG_SUM && f->g.op != PROMQL_AGG_AVG) {
		for (uint32_t i = 0; i < n; i++)
			if (r->h[i]) {
				aggregate_info_ignored(&f->g);
				break;
			}
		return 0;
	}
	if (!g->acc) {
		g->acc = arena_array(&f->g.arena, n, sizeof(*g->acc));
		g->float_first = arena_array(&f->g.arena, n, 1);
		if (!g->acc || !g->float_first)
			return arena_err(&f->g.arena, err);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!r->h[i])
			continue;
		if (!is_absent(g->a[i]) && !g->acc[i])
			g->float_first[i] = 1;
		else if (g->float_first[i])
			continue; /* there is no result, and upstream looks at no further histogram */
		struct arena *scratch = node_scratch(&f->g.n);
		if (!scratch)
			return eval_oom(f->g.n.ev, err);
		bool mixed_before = g->acc[i] && fhist_acc_mixed(g->acc[i]);
		int rc = fhist_acc_add(&g->acc[i], r->h[i], f->g.op == PROMQL_AGG_AVG, &f->g.arena, scratch, err);
		if (rc)
			return rc;
		if (mixed_before || !fhist_acc_mixed(g->acc[i]))
			continue;
		g->spoiled = true;
		eval_warn(&f->g.n, promql_expr_pos(promql_expr_unparen(f->g.n.expr->agg.expr)),
			  "vector contains a mix of histograms with exponential and custom "
			  "buckets schemas for metric name %s",
			  eval_quoted(f->g.n.ev, labels_get(r->labels, LABEL_METRIC_NAME)));
	}
	return 0;
}

static int fold_row(struct fold *f, const struct row *r, struct err *err)
{
	struct agg_group *g;
	uint32_t n = f->g.n.grid.n;
	int rc = find_group(f, r, &g, err);
	if (rc)
		return rc;
	g->drop_name |= r->drop_name;
	const double *v = unspoiled(f, g, r);
	if (!v)
		return eval_oom(f->g.n.ev, err);
	switch (f->g.op) {
	case PROMQL_AGG_SUM:
		fold_sum(g, v, n);
		break;
	case PROMQL_AGG_AVG:
		fold_avg(g, v, n);
		break;
	case PROMQL_AGG_COUNT:
		fold_count(g, r, n);
		return 0;
	case PROMQL_AGG_GROUP:
		fold_group(g, r, n);
		return 0;
	case PROMQL_AGG_MIN:
		fold_min(g, r->v, n);
		break;
	case PROMQL_AGG_MAX:
		fold_max(g, r->v, n);
		break;
	default:
		fold_variance(g, r->v, n);
		break;
	}
	return r->h ? fold_hists(f, g, r, err) : 0;
}

/* A row that another aggregation of the same input was given too. */
static int fold_sink(struct node *n, const struct row *r, struct err *err)
{
	int rc = fold_row((struct fold *)n, r, err);
	return rc ? rc : eval_work(n->ev, n->grid.n, err);
}

static int fold_all(struct fold *f, struct err *err)
{
	struct row r;
	int rc;
	f->filled = true;
	while ((rc = node_next(f->g.child, &r, err)) == 1) {
		rc = fold_sink(&f->g.n, &r, err);
		if (rc)
			break;
	}
	return rc;
}

/* ---- results ---- */

static void finish_floats(const struct fold *f, struct agg_group *g)
{
	uint32_t n = f->g.n.grid.n;
	enum promql_agg op = f->g.op;
	for (uint32_t i = 0; i < n; i++) {
		if (is_absent(g->a[i]))
			continue;
		if (op == PROMQL_AGG_SUM) {
			g->a[i] += g->b[i];
		} else if (op == PROMQL_AGG_AVG) {
			struct kahan_mean m = { { g->a[i], g->b[i] }, fabs(g->c[i]), g->c[i] < 0 };
			g->a[i] = kahan_mean_get(&m);
		} else if (op == PROMQL_AGG_STDVAR) {
			g->a[i] = g->b[i] / g->c[i];
		} else if (op == PROMQL_AGG_STDDEV) {
			g->a[i] = sqrt(g->b[i] / g->c[i]);
		}
	}
}

/* Finishes a step with histograms in a group; floats beside them void it. */
static int finish_hist(struct fold *f, struct agg_group *g, struct row *ret, uint32_t i, struct err *err)
{
	struct promql_pos pos = promql_expr_pos(promql_expr_unparen(f->g.n.expr->agg.expr));
	struct fhist_flags flags = { 0 };
	int rc = fhist_acc_get(g->acc[i], false, &f->g.n.tmp, &ret->h[i], &flags, err);
	bool mixed = !is_absent(g->a[i]);
	if (mixed) {
		g->a[i] = absent();
		ret->h[i] = NULL;
		eval_warn(&f->g.n, pos, "encountered a mix of histograms and floats for aggregation");
	}
	if (flags.collision && !mixed && !flags.mixed)
		eval_warn(&f->g.n, pos, "conflicting counter resets during histogram aggregation");
	if (flags.reconciled)
		eval_info(&f->g.n, pos, "mismatched custom buckets were reconciled during aggregation");
	return rc;
}

static int finish(struct fold *f, struct agg_group *g, struct row *ret, struct err *err)
{
	finish_floats(f, g);
	*ret = (struct row){ g->labels, g->drop_name, g->a, NULL };
	if (!g->acc)
		return 0;
	ret->h = node_hists(&f->g.n);
	if (!ret->h)
		return eval_oom(f->g.n.ev, err);
	for (uint32_t i = 0; i < f->g.n.grid.n; i++) {
		int rc = g->acc[i] ? finish_hist(f, g, ret, i, err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int fold_next(struct node *n, struct row *ret, struct err *err)
{
	struct fold *f = (struct fold *)n;
	int rc = f->filled ? 0 : fold_all(f, err);
	while (!rc) {
		node_rewind(n);
		if (f->at == f->n_groups)
			return 0;
		rc = finish(f, f->groups[f->at++], ret, err);
		if (!rc && !row_is_empty(ret, n->grid.n))
			return 1;
	}
	return rc;
}

static void fold_close(struct node *n)
{
	struct fold *f = (struct fold *)n;
	eval_release(n->ev, (uint64_t)f->n_groups * n->grid.n);
	aggregate_fini(n);
}

static const struct node_ops fold_ops = { fold_next, fold_close, "aggregate" };

int aggregate_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param,
		  struct node **ret, struct err *err)
{
	switch (e->agg.op) {
	case PROMQL_AGG_TOPK:
	case PROMQL_AGG_BOTTOMK:
	case PROMQL_AGG_QUANTILE:
		return rank_new(ev, e, child, param, ret, err);
	case PROMQL_AGG_LIMITK:
	case PROMQL_AGG_LIMIT_RATIO:
		return limit_new(ev, e, child, param, ret, err);
	case PROMQL_AGG_COUNT_VALUES:
		return count_values_new(ev, e, child, ret, err);
	default:
		break;
	}
	struct fold *f = aggregate_alloc(ev, sizeof(*f), &fold_ops, e, child, NULL, err);
	if (!f)
		return -err->code;
	bool names_metadata = f->g.rule.on
				      ? sig_names(&f->g.rule, LABEL_METRIC_NAME) || sig_names(&f->g.rule, LABEL_TYPE) ||
						sig_names(&f->g.rule, LABEL_UNIT)
				      : true;
	f->g.n.unique = !names_metadata;
	share_set_sink(child, &f->g.n, fold_sink);
	*ret = &f->g.n;
	return 0;
}
