/* Calls of range functions: the table of evaluators and the loop over series. */
#include "promql/window/rollup.h"

#include "promql/eval/selector.h"
#include "promql/eval/trace.h"

struct rollup_row {
	rollup_fn *fn;
	bool counter, per_second, keep_name;
};

static const struct rollup_row rollups[PROMQL_FN_COUNT] = {
	[PROMQL_FN_AVG_OVER_TIME] = { rollup_avg, 0, 0, 0 },
	[PROMQL_FN_CHANGES] = { rollup_changes, 0, 0, 0 },
	[PROMQL_FN_COUNT_OVER_TIME] = { rollup_count, 0, 0, 0 },
	[PROMQL_FN_DELTA] = { rollup_rate, false, false, 0 },
	[PROMQL_FN_DERIV] = { rollup_deriv, 0, 0, 0 },
	[PROMQL_FN_DOUBLE_EXPONENTIAL_SMOOTHING] = { rollup_double_exponential_smoothing, 0, 0, 0 },
	[PROMQL_FN_FIRST_OVER_TIME] = { rollup_first, 0, 0, true },
	[PROMQL_FN_IDELTA] = { rollup_irate, false, false, 0 },
	[PROMQL_FN_INCREASE] = { rollup_rate, true, false, 0 },
	[PROMQL_FN_IRATE] = { rollup_irate, true, true, 0 },
	[PROMQL_FN_LAST_OVER_TIME] = { rollup_last, 0, 0, true },
	[PROMQL_FN_MAD_OVER_TIME] = { rollup_mad, 0, 0, 0 },
	[PROMQL_FN_MAX_OVER_TIME] = { rollup_max, 0, 0, 0 },
	[PROMQL_FN_MIN_OVER_TIME] = { rollup_min, 0, 0, 0 },
	[PROMQL_FN_PREDICT_LINEAR] = { rollup_predict_linear, 0, 0, 0 },
	[PROMQL_FN_PRESENT_OVER_TIME] = { rollup_present, 0, 0, 0 },
	[PROMQL_FN_QUANTILE_OVER_TIME] = { rollup_quantile, 0, 0, 0 },
	[PROMQL_FN_RATE] = { rollup_rate, true, true, 0 },
	[PROMQL_FN_RESETS] = { rollup_resets, 0, 0, 0 },
	[PROMQL_FN_STDDEV_OVER_TIME] = { rollup_stddev, 0, 0, 0 },
	[PROMQL_FN_STDVAR_OVER_TIME] = { rollup_stdvar, 0, 0, 0 },
	[PROMQL_FN_SUM_OVER_TIME] = { rollup_sum, 0, 0, 0 },
	[PROMQL_FN_TS_OF_FIRST_OVER_TIME] = { rollup_ts_first, 0, 0, 0 },
	[PROMQL_FN_TS_OF_LAST_OVER_TIME] = { rollup_ts_last, 0, 0, 0 },
	[PROMQL_FN_TS_OF_MAX_OVER_TIME] = { rollup_ts_max, 0, 0, 0 },
	[PROMQL_FN_TS_OF_MIN_OVER_TIME] = { rollup_ts_min, 0, 0, 0 },
	[PROMQL_FN_XDELTA] = { rollup_xrate, false, false, 0 },
	[PROMQL_FN_XINCREASE] = { rollup_xrate, true, false, 0 },
	[PROMQL_FN_XRATE] = { rollup_xrate, true, true, 0 },
};

int rollup_hists(struct rollup *r, struct row *out, struct err *err)
{
	if (!out->h)
		out->h = node_hists(&r->n);
	return out->h ? 0 : eval_oom(r->n.ev, err);
}

void *rollup_buf(struct rollup *r, unsigned which, size_t n, size_t size)
{
	if (r->buf_cap[which] < n * size || !r->buf[which]) {
		size_t cap = n * size + n * size / 2 + 64;
		r->buf[which] = arena_alloc(r->n.ev->arena, cap);
		r->buf_cap[which] = r->buf[which] ? cap : 0;
	}
	return r->buf[which];
}

/* Room for the windows of a rollup; NULL over budget. */
static struct windows *windows_new(struct rollup *r)
{
	struct arena *a = r->n.ev->arena;
	struct windows *w = arena_zalloc(a, sizeof(*w));
	if (!w)
		return NULL;
	w->lo = arena_array(a, r->n.grid.n, sizeof(*w->lo));
	w->hi = arena_array(a, r->n.grid.n, sizeof(*w->hi));
	w->count = arena_array(a, r->n.grid.n, sizeof(*w->count));
	return w->lo && w->hi && w->count ? w : NULL;
}

const struct windows *rollup_windows(struct rollup *r, const struct samples *s)
{
	if (!r->windows)
		r->windows = windows_new(r);
	struct windows *known = r->windows;
	if (!known || known_times_are(&known->times, s->t, s->n))
		return known;
	for (struct slide w = { .s = s, .r = r, .i = UINT32_MAX }; slide_next(&w);) {
		known->lo[w.i] = (uint32_t)w.lo;
		known->hi[w.i] = (uint32_t)w.hi;
		known->count[w.i] = w.hi > w.lo ? (double)(w.hi - w.lo) : absent();
	}
	known->version++;
	return known_times_set(&known->times, s->t, s->n, r->n.ev->arena) ? known : NULL;
}

const char *rollup_name(struct rollup *r, const struct samples *s)
{
	return eval_quoted(r->n.ev, labels_get(s->labels, LABEL_METRIC_NAME));
}

void rollup_warn_mixed(struct rollup *r, const struct samples *s)
{
	eval_warn(&r->n, r->pos, "encountered a mix of histograms and floats for metric name %s", rollup_name(r, s));
}

void rollup_info_ignored(struct rollup *r, const struct samples *s)
{
	eval_info(&r->n, r->arg0_pos,
		  "ignored histograms in a range containing both floats and histograms for metric "
		  "name %s",
		  rollup_name(r, s));
}

/* Evaluates the scalar arguments, before the first series. */
static int start(struct rollup *r, struct err *err)
{
	r->started = true;
	for (size_t i = 0; i < ARRAY_LEN(r->param); i++) {
		int rc = r->param_node[i] ? node_scalar(r->param_node[i], &r->param[i], err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

/* Counts the samples that the steps look at, as tally_windows. */
static void count_looked_at(struct rollup *r, const struct samples *s)
{
	struct tally *t = r->n.tally;
	const struct windows *w = s->nh ? NULL : rollup_windows(r, s);
	if (!w)
		tally_windows(t, &r->m->win, &r->n.grid, s);
	for (uint32_t i = 0; w && i < r->n.grid.n; i++)
		tally_add(t, i, w->hi[i] - w->lo[i]);
}

static int rollup_next(struct node *n, struct row *ret, struct err *err)
{
	struct rollup *r = (struct rollup *)n;
	struct samples s;
	int rc = r->started ? 0 : start(r, err);
	if (rc)
		return rc;
	do {
		node_rewind(n);
		rc = matrix_next(r->m, &s, err);
		if (rc <= 0)
			return rc;
		if (n->tally)
			count_looked_at(r, &s);
		*ret = (struct row){ s.labels, s.drop_name, n->v, NULL };
		row_fill_absent(n->v, n->grid.n);
		rc = r->fn(r, &s, ret, err);
		if (!rc && !r->keep_name)
			rc = node_drop_name(n, ret, err);
		if (!rc)
			rc = eval_work(n->ev, n->grid.n, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static const struct node_ops rollup_ops = { rollup_next, NULL, "range function" };

/* Where an argument stands: nowhere, that is at the beginning, for subqueries, whose place upstream forgets. */
static struct promql_pos arg_pos(const struct promql_expr *arg)
{
	arg = promql_expr_unparen((struct promql_expr *)arg);
	return arg->kind == PROMQL_SUBQUERY ? (struct promql_pos){ 0, 0 } : promql_expr_pos(arg);
}

/* Positions that annotations refer to. */
static void set_positions(struct rollup *r, const struct promql_call *c)
{
	struct promql_pos first = arg_pos(c->args[0]);
	struct promql_pos last = arg_pos(c->args[c->n_args - 1]);
	r->pos = arg_pos(r->m->expr);
	r->arg0_pos = first;
	r->args_pos = (struct promql_pos){ first.start, last.end };
}

int rollup_new(struct eval *ev, const struct promql_expr *call, struct grid g, struct matrix *m,
	       struct node *const *params, size_t n_params, struct node **ret, struct err *err)
{
	const struct rollup_row *row = &rollups[call->call.func->fn];
	struct rollup *r = node_new(ev, sizeof(*r), &rollup_ops, call, g, err);
	if (!r)
		return -err->code;
	CHECK(n_params <= ARRAY_LEN(r->param_node));
	for (size_t i = 0; i < n_params; i++)
		r->param_node[i] = params[i];
	r->m = m;
	r->fn = row->fn;
	r->id = call->call.func->fn;
	r->counter = row->counter;
	r->per_second = row->per_second;
	r->keep_name = row->keep_name;
	r->n.unique = m->unique;
	set_positions(r, &call->call);
	*ret = &r->n;
	return 0;
}
