#include "promql/plan/plan.h"

#include "promql/eval/analyse.h"
#include "promql/eval/share.h"
#include "promql/eval/share_range.h"
#include "promql/plan/ordered.h"
#include "promql/vector/vector.h"
#include "promql/window/rollup.h"

/* Where in the query a part stands. */
struct place {
	struct grid grid;
	struct str func;                    /* innermost function or aggregation around, up to a binary operator */
	const struct promql_aggregate *agg; /* right above, else NULL */
	bool counts_only;                   /* inside histogram_count() or its like: buckets do not matter */
	bool buckets_needed;                /* further out something needs them after all */
	bool both;                          /* a step may have a float and a histogram, see MERGE_KINDS */
	bool once;                          /* in a part that need be evaluated at the first step only */
};

static int plan(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret,
		struct err *err);

/* ---- what does not depend on the time ---- */

static bool has_at(const struct promql_shift *s)
{
	return s->has_at || s->at_preproc != PROMQL_AT_NONE;
}

/* In the query's arena, for planning recurses and its stack is small. NULL over budget. */
static struct place *copy_place(struct eval *ev, const struct place *p)
{
	return (void *)arena_memdup(ev->arena, p, sizeof(*p));
}

/* Whether a part need be evaluated at the first step only. */
static bool is_constant(const struct eval *ev, const struct promql_expr *e)
{
	const struct promql_expr *inner = promql_expr_unparen((struct promql_expr *)e);
	return inner->kind != PROMQL_NUMBER && info_of(ev, e)->invariant;
}

static struct grid first_step(struct grid g)
{
	g.n = 1;
	g.end = g.start;
	return g;
}

/* A part of an expression; evaluated once where it can be. */
static int plan_part(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret,
		     struct err *err)
{
	if (p->grid.n == 0 || p->once || !is_constant(ev, e))
		return plan(ev, e, p, ret, err);
	struct place *once = copy_place(ev, p);
	if (!once)
		return eval_oom(ev, err);
	once->grid = first_step(p->grid); /* so that it also ends there, which sort() looks at */
	once->both = once->once = true;
	struct node *before = ev->first;
	int rc = plan(ev, e, once, ret, err);
	if (!rc && (*ret)->both)
		rc = one_value_new(ev, *ret, ret, err);
	if (!rc && p->grid.start != p->grid.end)
		rc = repeat_new(ev, *ret, p->grid, ret, err);
	return rc || !ev->ordered ? rc : ordered_keep(ev, ret, before, err);
}

/* Makes a node's rows distinct after names were dropped, where that is not known. */
static int distinct(struct eval *ev, enum merge_rule rule, struct node **n, struct err *err)
{
	if (ev->opts.delayed_name_removal || (*n)->unique)
		return 0;
	return merge_new(ev, *n, rule, n, err);
}

static bool is_label_fn(enum promql_fn fn)
{
	return fn == PROMQL_FN_LABEL_REPLACE || fn == PROMQL_FN_LABEL_JOIN;
}

/* Whether rows of a part may have a float and a histogram at one step. */
static bool may_have_both(const struct promql_expr *e)
{
	return (e->kind == PROMQL_CALL && is_label_fn(e->call.func->fn)) ||
	       (e->kind == PROMQL_UNARY && promql_expr_type(e) == PROMQL_TYPE_VECTOR);
}

/* ---- parts that stand in the query more than once ---- */

/* Whether a part is evaluated once for all who use it. */
static bool sharable(const struct eval *ev, const struct promql_expr *e)
{
	const struct expr_info *x = info_of(ev, e);
	bool rows = promql_expr_type(e) == PROMQL_TYPE_VECTOR || promql_expr_type(e) == PROMQL_TYPE_SCALAR ||
		    e->kind == PROMQL_MATRIX;
	/* Overlaps of start times are counted in notes. */
	return rows && x->repeated && x->has_selector && !x->counted && !ev->opts.start_timestamps && !ev->no_sharing &&
	       !ev->ordered;
}

static struct promql_hints hints_of(const struct place *p)
{
	struct promql_hints h = { .func = p->func, .step_ms = p->grid.step };
	if (p->agg) {
		h.grouping = p->agg->grouping.v;
		h.n_grouping = p->agg->grouping.n;
		h.by = !p->agg->without;
	}
	return h;
}

static bool same_grouping(const struct promql_aggregate *a, const struct promql_aggregate *b)
{
	if (!a || !b || a->without != b->without || a->grouping.n != b->grouping.n)
		return a == b;
	for (size_t i = 0; i < a->grouping.n; i++)
		if (!str_eq(a->grouping.v[i], b->grouping.v[i]))
			return false;
	return true;
}

/* Whether selectors at two places get the same data. */
static bool same_data(const struct eval *ev, const struct place *a, const struct place *b, int64_t range_ms)
{
	if (str_eq(a->func, b->func) && same_grouping(a->agg, b->agg))
		return true;
	struct promql_hints x = hints_of(a), y = hints_of(b);
	x.range_ms = y.range_ms = range_ms;
	return ev->src->same && ev->src->same(ev->src->arg, &x, &y);
}

/* Whether two places have equal steps and uses of histograms. */
static bool same_steps(const struct place *a, const struct place *b)
{
	const struct grid *g = &a->grid, *h = &b->grid;
	return g->start == h->start && g->end == h->end && g->step == h->step && g->n == h->n &&
	       g->asked_from == h->asked_from && g->asked_to == h->asked_to && a->counts_only == b->counts_only &&
	       a->buckets_needed == b->buckets_needed;
}

/* Whether a part has one value at both places. What is around matters to selectors, whose owner is told. */
static bool same_place(const struct eval *ev, const struct promql_expr *e, const struct place *a, const struct place *b)
{
	if (!same_steps(a, b) || (a->both != b->both && may_have_both(e)))
		return false;
	if (e->kind == PROMQL_CALL || e->kind == PROMQL_AGGREGATE || e->kind == PROMQL_BINARY)
		return true;
	return same_data(ev, a, b, 0);
}

/* The part at an equal place that was planned before, or NULL. */
static struct share *find_share(const struct eval *ev, const struct promql_expr *e, const struct place *p)
{
	if (!sharable(ev, e))
		return NULL;
	for (struct share *s = ev->shares; s; s = s->next)
		if (s->class == info_of(ev, e)->class && same_place(ev, e, s->place, p))
			return s;
	return NULL;
}

/* As plan(), for share.h. */
static int plan_again(struct eval *ev, const struct promql_expr *e, const void *place, struct node **ret,
		      struct err *err)
{
	return plan(ev, e, place, ret, err);
}

/* Makes a part that was planned since `before` sharable where it can be; *n is then its first reader. */
static NO_INLINE int share(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node *before,
			   struct node **n, struct err *err)
{
	if (!sharable(ev, e))
		return 0;
	const struct place *copy = copy_place(ev, p);
	if (!copy)
		return eval_oom(ev, err);
	struct share *s = share_new(ev, e, copy, plan_again, *n, before, err);
	return s ? share_reader_new(s, e, n, err) : -err->code;
}

/* ---- selectors ---- */

/* Times beyond are taken for these, where no sample is either: offsets and ranges can then be added to them. */
#define FARTHEST_MS ((int64_t)1 << 62)

static int resolve_shift(struct eval *ev, const struct promql_shift *s, struct shift *ret, struct err *err)
{
	int64_t at_ms = MAX(-FARTHEST_MS, MIN(FARTHEST_MS, s->at_ms));
	*ret = (struct shift){ .has_at = has_at(s), .at_ms = at_ms };
	if (s->at_preproc == PROMQL_AT_START)
		ret->at_ms = ev->grid.start;
	else if (s->at_preproc == PROMQL_AT_END)
		ret->at_ms = ev->grid.end;
	return plan_duration(ev, s->offset_ns, s->offset_expr, false, &ret->offset_ms, err);
}

static bool reads_counts(const struct place *p)
{
	return p->counts_only && !p->buckets_needed;
}

static NO_INLINE int plan_selector(struct eval *ev, const struct promql_expr *e, const struct place *p, enum pick pick,
				   struct node **ret, struct err *err)
{
	struct shift s;
	struct promql_hints h = hints_of(p);
	int rc = resolve_shift(ev, &e->selector.shift, &s, err);
	return rc ? rc : selector_new(ev, e, p->grid, s, pick, reads_counts(p), &h, ret, err);
}

/* Go's Duration.Seconds(). */
static double go_seconds(int64_t ms, int64_t ns)
{
	if (ns == 0)
		ns = ms * 1000000;
	return (double)(ns / 1000000000) + (double)(ns % 1000000000) / 1e9;
}

/* A reader of a range selector that others have, or may come to have. */
static NO_INLINE int plan_shared_range(struct eval *ev, const struct range_args *args, const struct place *p,
				       struct matrix **ret, struct err *err)
{
	const struct window *w = &args->win;
	struct share_range *s = ev->ranges;
	while (s && !(s->class == info_of(ev, args->e)->class && s->args.win.back_ms == w->back_ms &&
		      same_steps(s->place, p) && same_data(ev, s->place, p, w->range_ms)))
		s = s->next;
	const struct place *copy = s ? s->place : copy_place(ev, p);
	if (!copy)
		return eval_oom(ev, err);
	if (!s && !(s = share_range_new(ev, args, copy, err)))
		return -err->code;
	return share_range_reader_new(s, args->e, ret, err);
}

static NO_INLINE int plan_range_selector(struct eval *ev, const struct promql_expr *e, const struct place *p,
					 const struct promql_func *func, struct matrix **ret, struct err *err)
{
	const struct promql_selector *sel = &e->matrix.selector->selector;
	struct shift s;
	struct window w = { .anchored = sel->anchored, .smoothed = sel->smoothed };
	int rc = plan_duration(ev, e->matrix.range_ns, e->matrix.range_expr, true, &w.range_ms, err);
	if (!rc)
		rc = resolve_shift(ev, &sel->shift, &s, err);
	if (rc)
		return rc;
	w.range_s = go_seconds(w.range_ms, e->matrix.range_expr ? 0 : e->matrix.range_ns);
	w.offset_ms = s.offset_ms;
	w.has_at = s.has_at;
	w.at_ms = s.at_ms;
	if (func && func->x_function)
		w.back_ms = ev->opts.x_lookback_ms;
	if (sel->anchored || sel->smoothed)
		w.back_ms = ev->opts.lookback_ms;
	if (sel->smoothed)
		w.ahead_ms = ev->opts.lookback_ms;
	struct range_args args = { e, p->grid, w, reads_counts(p), hints_of(p) };
	if (sharable(ev, e))
		return plan_shared_range(ev, &args, p, ret, err);
	return matrix_selector_new(ev, e, args.grid, w, args.counts_only, &args.hints, ret, err);
}

/*
 * The steps of a subquery: multiples of its step, all that its windows can see. With @ these end at its time; upstream goes on
 * for as long as the query is, but asks for no data of then, and what happens there is told.
 */
static int subquery_grid(const struct grid *g, const struct window *w, int64_t step, struct grid *ret, struct err *err)
{
	int64_t first = w->has_at ? w->at_ms : g->start;
	int64_t last = g->n == 0 ? first : first + grid_t(g, g->n - 1) - g->start;
	int64_t from = first - w->offset_ms - w->range_ms;
	int64_t start = step * (from / step);
	if (start <= from)
		start += step;
	int64_t end = last - w->offset_ms;
	int64_t n = start > end || g->n == 0 ? 0 : (end - start) / step + 1;
	if (n > PROMQL_MAX_STEPS)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "subquery has %lld steps, %d at most", (long long)n,
			       PROMQL_MAX_STEPS);
	/* Data are asked for from where upstream's engine asks: how replicas are merged depends on it. */
	int64_t asked_from = (w->has_at ? w->at_ms : g->asked_from) - w->offset_ms - w->range_ms;
	int64_t asked_to = (w->has_at ? w->at_ms : g->asked_to) - w->offset_ms;
	*ret = (struct grid){ start, end, step, (uint32_t)n, asked_from, asked_to };
	return 0;
}

static NO_INLINE int plan_subquery(struct eval *ev, const struct promql_expr *e, const struct place *p,
				   struct matrix **ret, struct err *err)
{
	const struct promql_subquery *q = &e->subquery;
	struct shift s;
	struct window w = { 0 };
	struct node *inner;
	struct place *in = copy_place(ev, p);
	int64_t step;
	if (!in)
		return eval_oom(ev, err);
	in->agg = NULL;
	in->counts_only = false;
	in->buckets_needed = true;
	in->both = true;
	in->once = false;
	int rc = plan_duration(ev, q->range_ns, q->range_expr, true, &w.range_ms, err);
	if (!rc)
		rc = plan_duration(ev, q->step_ns, q->step_expr, true, &step, err);
	if (!rc)
		rc = resolve_shift(ev, &q->shift, &s, err);
	if (rc)
		return rc;
	if (step == 0)
		step = ev->opts.eval_interval_ms;
	w.range_s = go_seconds(w.range_ms, q->range_expr ? 0 : q->range_ns);
	w.offset_ms = s.offset_ms;
	w.has_at = s.has_at;
	w.at_ms = s.at_ms;
	rc = subquery_grid(&p->grid, &w, step, &in->grid, err);
	if (!rc)
		rc = plan_part(ev, q->expr, in, &inner, err);
	return rc ? rc : matrix_subquery_new(ev, e, w, inner, ret, err);
}

static int plan_range(struct eval *ev, const struct promql_expr *e, const struct place *p,
		      const struct promql_func *func, struct matrix **ret, struct err *err)
{
	e = promql_expr_unparen((struct promql_expr *)e);
	if (e->kind == PROMQL_MATRIX)
		return plan_range_selector(ev, e, p, func, ret, err);
	CHECK(e->kind == PROMQL_SUBQUERY);
	return plan_subquery(ev, e, p, ret, err);
}

/* ---- calls ---- */

/* Scalar arguments of a call, in order. */
struct params {
	struct node *p[12];
	size_t n;
};

static int plan_params(struct eval *ev, const struct promql_call *c, const struct place *p, struct params *ret,
		       struct err *err)
{
	ret->n = 0;
	for (size_t i = 0; i < c->n_args; i++) {
		if (promql_expr_type(c->args[i]) != PROMQL_TYPE_SCALAR)
			continue;
		CHECK(ret->n < ARRAY_LEN(ret->p));
		int rc = plan_part(ev, c->args[i], p, &ret->p[ret->n++], err);
		if (rc)
			return rc;
	}
	return 0;
}

static const struct promql_expr *arg_of_type(const struct promql_call *c, enum promql_value_type t)
{
	for (size_t i = 0; i < c->n_args; i++)
		if (promql_expr_type(c->args[i]) == t)
			return promql_expr_unparen(c->args[i]);
	return NULL;
}

static int check_extended(const struct promql_func *f, const struct matrix *m, struct err *err)
{
	if (m->win.anchored && !f->anchored_ok)
		return err_set(err, ERR_FAILED_PRECONDITION,
			       "anchored modifier can only be used with: changes, delta, increase, rate, "
			       "resets - not with %s",
			       f->name);
	if (m->win.smoothed && !f->smoothed_ok)
		return err_set(err, ERR_FAILED_PRECONDITION,
			       "smoothed modifier can only be used with: delta, increase, rate - not with "
			       "%s",
			       f->name);
	return 0;
}

static NO_INLINE int plan_rollup(struct eval *ev, const struct promql_expr *e, const struct place *p,
				 const struct params *params, struct matrix *m, struct node **ret, struct err *err)
{
	const struct promql_func *f = e->call.func;
	int rc = m ? 0 : plan_range(ev, arg_of_type(&e->call, PROMQL_TYPE_MATRIX), p, f, &m, err);
	if (!rc && p->grid.n) /* else nothing is evaluated */
		rc = check_extended(f, m, err);
	if (rc)
		return rc;
	if (f->fn == PROMQL_FN_ABSENT_OVER_TIME)
		return absent_over_time_new(ev, e, p->grid, m, ret, err);
	rc = rollup_new(ev, e, p->grid, m, params->p, params->n, ret, err);
	if (rc || f->fn == PROMQL_FN_LAST_OVER_TIME || f->fn == PROMQL_FN_FIRST_OVER_TIME)
		return rc;
	return distinct(ev, MERGE_NOTHING, ret, err);
}

static NO_INLINE int plan_scalar_call(struct eval *ev, const struct promql_expr *e, const struct place *p,
				      const struct params *params, struct node **ret, struct err *err)
{
	double v;
	switch (e->call.func->fn) {
	case PROMQL_FN_PI:
		v = 3.141592653589793;
		break;
	case PROMQL_FN_START:
		v = (double)ev->grid.start / 1000;
		break;
	case PROMQL_FN_END:
		v = (double)ev->grid.end / 1000;
		break;
	case PROMQL_FN_RANGE:
		v = (double)(ev->grid.end - ev->grid.start) / 1000;
		break;
	case PROMQL_FN_STEP:
		v = ev->grid.start == ev->grid.end ? 0 : (double)ev->grid.step / 1000;
		break;
	case PROMQL_FN_TIME:
		return time_new(ev, e, p->grid, ret, err);
	case PROMQL_FN_MIN_OF:
		return scalar_binary_new(ev, e, PROMQL_OP_MIN_OF, params->p[0], params->p[1], ret, err);
	case PROMQL_FN_MAX_OF:
		return scalar_binary_new(ev, e, PROMQL_OP_MAX_OF, params->p[0], params->p[1], ret, err);
	default:
		return err_set(err, ERR_UNIMPLEMENTED, "function %s()", e->call.func->name);
	}
	return number_new(ev, e, p->grid, v, ret, err);
}

/* The first child with a selector in it. */
static const struct promql_expr *child_with_selector(const struct eval *ev, const struct promql_expr *e)
{
	struct promql_expr **child;
	for (size_t i = 0; (child = promql_expr_child((struct promql_expr *)e, i)); i++)
		if (info_of(ev, *child)->has_selector)
			return *child;
	return NULL;
}

/* The time of the first selector in `e`, with the offsets of the subqueries around it. */
static int first_shift(struct eval *ev, const struct promql_expr *e, struct shift *s, struct err *err)
{
	while (e && e->kind != PROMQL_SELECTOR && e->kind != PROMQL_SUBQUERY)
		e = child_with_selector(ev, e);
	if (!e || (e->kind == PROMQL_SUBQUERY && !info_of(ev, e)->has_selector))
		return 0;
	if (e->kind == PROMQL_SELECTOR)
		return resolve_shift(ev, &e->selector.shift, s, err);
	struct shift outer;
	int rc = first_shift(ev, e->subquery.expr, s, err);
	if (!rc)
		rc = resolve_shift(ev, &e->subquery.shift, &outer, err);
	if (rc || s->has_at)
		return rc;
	s->offset_ms += outer.offset_ms;
	s->has_at = outer.has_at;
	s->at_ms = outer.at_ms;
	return 0;
}

static NO_INLINE int plan_info(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret,
			       struct err *err)
{
	struct info_args args = { .child = child };
	if (e->call.n_args > 1)
		args.sel = &promql_expr_unparen(e->call.args[1])->selector;
	int rc = first_shift(ev, e->call.args[0], &args.shift, err);
	return rc ? rc : info_new(ev, e, &args, ret, err);
}

/* Functions of an instant vector that is planned already. */
static NO_INLINE int plan_vector_call(struct eval *ev, const struct promql_expr *e, struct node *child,
				      const struct params *params, struct node **ret, struct err *err)
{
	switch (e->call.func->fn) {
	case PROMQL_FN_SCALAR:
		return scalar_new(ev, e, child, ret, err);
	case PROMQL_FN_ABSENT:
		return absent_new(ev, e, child, ret, err);
	case PROMQL_FN_LABEL_REPLACE:
	case PROMQL_FN_LABEL_JOIN:
		return label_fn_new(ev, e, child, ret, err);
	case PROMQL_FN_SORT:
	case PROMQL_FN_SORT_DESC:
	case PROMQL_FN_SORT_BY_LABEL:
	case PROMQL_FN_SORT_BY_LABEL_DESC:
		return sort_new(ev, e, child, ret, err);
	case PROMQL_FN_HISTOGRAM_QUANTILE:
	case PROMQL_FN_HISTOGRAM_QUANTILES:
	case PROMQL_FN_HISTOGRAM_FRACTION:
		return hquantile_new(ev, e, child, params->p, params->n, ret, err);
	case PROMQL_FN_INFO:
		return plan_info(ev, e, child, ret, err);
	default:
		break;
	}
	if (!vecfn_has(e->call.func->fn))
		return err_set(err, ERR_UNIMPLEMENTED, "function %s()", e->call.func->name);
	int rc = vecfn_new(ev, e, child, params->p, params->n, ret, err);
	return rc ? rc : distinct(ev, MERGE_STEPS, ret, err);
}

static int plan_time_of_selector(struct eval *ev, const struct promql_expr *sel, const struct place *p, bool start,
				 struct node **ret, struct err *err)
{
	int rc = plan_selector(ev, sel, p, start ? PICK_START_TIMESTAMP : PICK_TIMESTAMP, ret, err);
	return rc ? rc : distinct(ev, MERGE_STEPS, ret, err);
}

/* The place of the arguments of a call. NULL over budget. */
static struct place *inside_call(struct eval *ev, const struct promql_func *f, const struct place *p)
{
	struct place *in = copy_place(ev, p);
	if (!in)
		return NULL;
	enum promql_fn fn = f->fn;
	in->func = str_c(f->name);
	in->agg = NULL;
	in->both = is_label_fn(fn);
	in->counts_only |=
		fn == PROMQL_FN_HISTOGRAM_COUNT || fn == PROMQL_FN_HISTOGRAM_SUM || fn == PROMQL_FN_HISTOGRAM_AVG;
	in->buckets_needed |= fn == PROMQL_FN_HISTOGRAM_QUANTILE || fn == PROMQL_FN_HISTOGRAM_QUANTILES ||
			      fn == PROMQL_FN_HISTOGRAM_FRACTION;
	return in;
}

static NO_INLINE int plan_call(struct eval *ev, const struct promql_expr *e, const struct place *outside,
			       struct node **ret, struct err *err)
{
	const struct promql_call *c = &e->call;
	enum promql_fn fn = c->func->fn;
	struct params *params = arena_zalloc(ev->arena, sizeof(*params));
	const struct place *p = inside_call(ev, c->func, outside);
	const struct promql_expr *range = arg_of_type(c, PROMQL_TYPE_MATRIX);
	const struct promql_expr *arg = arg_of_type(c, PROMQL_TYPE_VECTOR);
	bool own_time =
		arg && arg->kind == PROMQL_SELECTOR && (fn == PROMQL_FN_TIMESTAMP || fn == PROMQL_FN_START_TIMESTAMP);
	struct matrix *m = NULL;
	struct node *child = NULL;
	if (!params || !p)
		return eval_oom(ev, err);
	int rc = ev->ordered && is_label_fn(fn) && p->grid.n ? label_fn_check(ev, e, err) : 0;
	/* As upstream: subqueries before scalars, vectors where they stand. */
	if (!rc && range && range->kind == PROMQL_SUBQUERY)
		rc = plan_range(ev, range, p, c->func, &m, err);
	if (!rc && arg && !own_time && promql_expr_unparen(c->args[0]) == arg)
		rc = plan_part(ev, arg, p, &child, err);
	rc = rc ? rc : plan_params(ev, c, p, params, err);
	if (rc)
		return rc;
	if (range)
		return plan_rollup(ev, e, p, params, m, ret, err);
	if (own_time)
		return plan_time_of_selector(ev, arg, p, fn == PROMQL_FN_START_TIMESTAMP, ret, err);
	if (fn == PROMQL_FN_VECTOR)
		return vector_new(ev, e, params->p[0], ret, err);
	if (arg)
		rc = child ? 0 : plan_part(ev, arg, p, &child, err);
	else if (c->func->ret == PROMQL_TYPE_SCALAR)
		return plan_scalar_call(ev, e, p, params, ret, err);
	else if (!(rc = time_new(ev, e, p->grid, &child, err))) /* date functions without argument */
		rc = vector_new(ev, e, child, &child, err);
	return rc ? rc : plan_vector_call(ev, e, child, params, ret, err);
}

/* ---- the rest ---- */

static NO_INLINE int plan_aggregate(struct eval *ev, const struct promql_expr *e, const struct place *p,
				    struct node **ret, struct err *err)
{
	struct node *child, *param = NULL;
	struct place *in = copy_place(ev, p);
	int rc = 0;
	if (!in)
		return eval_oom(ev, err);
	in->func = str_c(promql_agg_name(e->agg.op));
	in->agg = NULL;
	in->both = false;
	if (e->agg.param && promql_expr_type(e->agg.param) == PROMQL_TYPE_SCALAR)
		rc = plan_part(ev, e->agg.param, in, &param, err);
	in->agg = &e->agg;
	if (ev->ordered && e->agg.op == PROMQL_AGG_COUNT_VALUES && p->grid.n)
		rc = count_values_check(ev, e, err);
	if (!rc)
		rc = plan_part(ev, promql_expr_unparen(e->agg.expr), in, &child, err);
	return rc ? rc : aggregate_new(ev, e, child, param, ret, err);
}

/* The node of an operator whose sides are planned. */
static NO_INLINE int join(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs,
			  struct node **ret, struct err *err)
{
	const struct promql_binary *b = &e->binary;
	bool ls = promql_expr_type(b->lhs) == PROMQL_TYPE_SCALAR;
	bool rs = promql_expr_type(b->rhs) == PROMQL_TYPE_SCALAR;
	if (ls && rs)
		return scalar_binary_new(ev, e, b->op, lhs, rhs, ret, err);
	if (!ls && !rs)
		return promql_op_is_set(b->op) ? setop_new(ev, e, lhs, rhs, ret, err)
					       : match_new(ev, e, lhs, rhs, ret, err);
	int rc = vector_scalar_new(ev, e, ls ? rhs : lhs, ls ? lhs : rhs, ls, ret, err);
	bool named = promql_op_is_comparison(b->op) && !b->return_bool;
	return rc || named ? rc : distinct(ev, MERGE_STEPS, ret, err);
}

/* An operator of a chain `a + b - c ...`, on the way down its left side. */
struct link {
	const struct promql_expr *e;
	struct place at;     /* its own */
	struct place p;      /* of its sides */
	struct grid outside; /* of those who use it */
};

/* The links of a chain from the top down; *ret_leaf is what the last one has on its left. */
static NO_INLINE int chain_of(struct eval *ev, const struct promql_expr *e, const struct place *p, struct link **ret,
			      size_t *ret_n, struct err *err)
{
	size_t n = 0;
	for (const struct promql_expr *x = e; x->kind == PROMQL_BINARY; x = x->binary.lhs)
		n++;
	struct link *l = arena_array(ev->arena, n, sizeof(*l));
	if (!l)
		return eval_oom(ev, err);
	struct place in = *p;
	in.func = (struct str){ NULL, 0 };
	in.agg = NULL;
	in.both = false;
	*ret = l;
	for (*ret_n = 0; *ret_n < n; e = e->binary.lhs, l++) {
		enum promql_op op = e->binary.op;
		struct grid outside = in.grid;
		if (*ret_n && is_constant(ev, e)) {
			in.once = true;
			if (in.grid.n > 1)
				in.grid = first_step(in.grid);
		}
		/* What is there already ends the chain. */
		if (*ret_n && find_share(ev, e, &in))
			break;
		*l = (struct link){ e, in, in, outside };
		in.buckets_needed |= promql_op_is_trim(op);
		l->p = in;
		++*ret_n;
	}
	return 0;
}

/* As join(), in upstream's order. */
static NO_INLINE int join_ordered(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs,
				  struct node *before, struct node **ret, struct err *err)
{
	struct err first = ERR_NONE;
	int rc = join(ev, e, lhs, rhs, ret, err);
	rc = rc ? rc : ordered_keep(ev, ret, before, err);
	if (rc == -ERR_FAILED_PRECONDITION && lhs->grid.n > 1 && ordered_is_match(e) &&
	    ordered_first_error(ev, e, lhs, rhs, join, &first) == rc)
		*err = first;
	return rc;
}

/* Operators: their left side may be thousands deep, so down and up it goes in loops. */
static NO_INLINE int plan_binary(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret,
				 struct err *err)
{
	struct link *l = NULL;
	struct node *before = ev->first;
	size_t n = 0;
	int rc = chain_of(ev, e, p, &l, &n, err);
	if (!rc)
		rc = plan_part(ev, l[n - 1].e->binary.lhs, &l[n - 1].p, ret, err);
	while (!rc && n-- > 0) {
		struct node *rhs;
		rc = plan_part(ev, l[n].e->binary.rhs, &l[n].p, &rhs, err);
		if (!rc && ev->ordered)
			rc = join_ordered(ev, l[n].e, *ret, rhs, before, ret, err);
		else if (!rc)
			rc = join(ev, l[n].e, *ret, rhs, ret, err);
		if (!rc && n)
			rc = share(ev, l[n].e, &l[n].at, before, ret, err);
		if (!rc && l[n].outside.n != l[n].p.grid.n)
			rc = repeat_new(ev, *ret, l[n].outside, ret, err);
		if (!rc && ev->ordered)
			rc = ordered_keep(ev, ret, before, err);
	}
	return rc;
}

static NO_INLINE int plan_unary(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret,
				struct err *err)
{
	bool scalar = promql_expr_type(e) == PROMQL_TYPE_SCALAR;
	struct place *in = copy_place(ev, p);
	if (!in)
		return eval_oom(ev, err);
	in->both = true;
	int rc = plan_part(ev, e->unary.expr, in, ret, err);
	if (rc || e->unary.op == PROMQL_OP_ADD)
		return rc;
	rc = negate_new(ev, e, *ret, scalar, ret, err);
	return rc || scalar ? rc : distinct(ev, MERGE_KINDS, ret, err);
}

static int plan_anew(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret,
		     struct err *err)
{
	switch (e->kind) {
	case PROMQL_NUMBER:
		return number_new(ev, e, p->grid, e->number.val, ret, err);
	case PROMQL_SELECTOR:
		return plan_selector(ev, e, p, PICK_VALUE, ret, err);
	case PROMQL_CALL:
		return plan_call(ev, e, p, ret, err);
	case PROMQL_AGGREGATE:
		return plan_aggregate(ev, e, p, ret, err);
	case PROMQL_BINARY:
		return plan_binary(ev, e, p, ret, err);
	case PROMQL_UNARY:
		return plan_unary(ev, e, p, ret, err);
	case PROMQL_PAREN:
		return plan(ev, e->paren, p, ret, err);
	default:
		return err_set(err, ERR_UNIMPLEMENTED, "a %s in this place", promql_type_doc(promql_expr_type(e)));
	}
}

static int plan(struct eval *ev, const struct promql_expr *e, const struct place *p, struct node **ret, struct err *err)
{
	struct share *s = find_share(ev, e, p);
	struct node *before = ev->first;
	if (s)
		return share_reader_new(s, e, ret, err);
	int rc = plan_anew(ev, e, p, ret, err);
	if (!rc && !p->both && (*ret)->both)
		rc = one_kind_new(ev, *ret, ret, err);
	if (!rc && ev->ordered)
		rc = ordered_keep(ev, ret, before, err);
	return rc ? rc : share(ev, e, p, before, ret, err);
}

int plan_vector(struct eval *ev, const struct promql_expr *e, struct node **ret, struct err *err)
{
	struct place p = { .grid = ev->grid, .both = true };
	return plan_part(ev, e, &p, ret, err);
}

int plan_matrix(struct eval *ev, const struct promql_expr *e, struct matrix **ret, struct err *err)
{
	struct place p = { .grid = ev->grid };
	return plan_range(ev, e, &p, NULL, ret, err);
}
