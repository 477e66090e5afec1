/* One query from tree to result. */
#include "promql/engine.h"

#include "promql/eval/trace.h"
#include "promql/plan/ordered.h"
#include "promql/plan/plan.h"
#include "promql/window/rate.h"

#include <stdlib.h>

static struct promql_opts with_defaults(const struct promql_opts *in)
{
	struct promql_opts o = in ? *in : (struct promql_opts){ 0 };
	if (o.lookback_ms <= 0)
		o.lookback_ms = PROMQL_DEFAULT_LOOKBACK_MS;
	if (o.max_samples == 0)
		o.max_samples = PROMQL_DEFAULT_MAX_SAMPLES;
	if (o.eval_interval_ms <= 0)
		o.eval_interval_ms = PROMQL_DEFAULT_EVAL_INTERVAL_MS;
	if (o.x_lookback_ms <= 0)
		o.x_lookback_ms = PROMQL_DEFAULT_X_LOOKBACK_MS;
	return o;
}

static int make_grid(const struct promql_query *q, struct grid *ret, struct err *err)
{
	if (q->step_ms < 0 || q->end_ms < q->start_ms)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "query range: end %lld lies before start %lld, or the step is negative",
			       (long long)q->end_ms, (long long)q->start_ms);
	int64_t n = q->step_ms ? (q->end_ms - q->start_ms) / q->step_ms + 1 : 1;
	if (n > PROMQL_MAX_STEPS)
		return err_set(err, ERR_INVALID_ARGUMENT, "query has %lld steps, %d at most", (long long)n,
			       PROMQL_MAX_STEPS);
	*ret = (struct grid){ q->start_ms, q->end_ms, q->step_ms, (uint32_t)n, q->start_ms, q->end_ms };
	ret->asked_to = n ? grid_t(ret, ret->n - 1) : q->start_ms;
	return 0;
}

/* ---- results ---- */

/* Result series as they are made. */
struct collect {
	struct eval *ev;
	struct promql_rseries *p;
	size_t n, cap;
};

static struct promql_rseries *collect_push(struct collect *c)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct promql_rseries *p = arena_alloc(c->ev->arena, cap * sizeof(*p));
		if (!p)
			return NULL;
		if (c->n)
			memcpy(p, c->p, c->n * sizeof(*p));
		c->p = p;
		c->cap = cap;
	}
	c->p[c->n] = (struct promql_rseries){ .labels = { NULL, 0 } };
	return &c->p[c->n++];
}

/* copy_points for a row without histograms, n of whose values are there. */
static int copy_floats(struct eval *ev, const struct row *r, size_t n, struct promql_rseries *s, struct err *err)
{
	const struct grid *g = &ev->grid;
	size_t at = 0;
	/* One more than there are: a missing value is written and then overwritten. */
	struct promql_point *p = arena_alloc(ev->arena, (n + 1) * sizeof(*p));
	if (!p)
		return eval_oom(ev, err);
	for (uint32_t i = 0; i < g->n; i++) {
		p[at] = (struct promql_point){ grid_t(g, i), r->v[i] };
		at += !is_absent(r->v[i]);
	}
	s->floats = p;
	return 0;
}

/* copy_floats of neighbouring steps as a column: half the memory, which is most of the work. */
static int copy_column(struct eval *ev, const struct row *r, uint32_t first, size_t n, struct promql_rseries *s,
		       struct err *err)
{
	double *v = arena_alloc(ev->arena, n * sizeof(*v));
	if (!v)
		return eval_oom(ev, err);
	memcpy(v, r->v + first, n * sizeof(*v));
	s->values = v;
	s->first_step = first;
	return 0;
}

static int copy_row(struct eval *ev, const struct row *r, struct promql_rseries *s, struct err *err)
{
	const double *v = r->v;
	uint32_t first = 0, end = ev->grid.n;
	size_t n = 0;
	while (first < end && is_absent(v[first]))
		first++;
	while (first < end && is_absent(v[end - 1]))
		end--;
	for (uint32_t i = first; i < end; i++)
		n += !is_absent(v[i]);
	bool column = ev->opts.columns && ev->grid.step > 0 && n > 0 && n == end - first;
	int rc = column ? copy_column(ev, r, first, n, s, err) : copy_floats(ev, r, n, s, err);
	s->n_floats = n;
	return rc ? rc : eval_hold(ev, n, err);
}

static int copy_points(struct eval *ev, const struct row *r, struct promql_rseries *s, struct err *err)
{
	const struct grid *g = &ev->grid;
	size_t nf = 0, nh = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		nf += !is_absent(r->v[i]);
		nh += r->h && r->h[i];
	}
	s->floats = arena_alloc(ev->arena, nf * sizeof(*s->floats) + 1);
	s->hists = arena_alloc(ev->arena, nh * sizeof(*s->hists) + 1);
	if (!s->floats || !s->hists)
		return eval_oom(ev, err);
	for (uint32_t i = 0; i < g->n; i++) {
		if (!is_absent(r->v[i]))
			s->floats[s->n_floats++] = (struct promql_point){ grid_t(g, i), r->v[i] };
		if (r->h && r->h[i]) {
			struct promql_hpoint *p = &s->hists[s->n_hists++];
			p->t = grid_t(g, i);
			int rc = eval_hist_copy(r->h[i], ev->arena, &p->h, err);
			if (rc)
				return rc;
		}
	}
	return eval_hold(ev, row_samples(r, g->n), err);
}

static int collect_row(struct collect *c, const struct row *r, struct err *err)
{
	if (c->ev->grid.step == 0 && r->h && r->h[0]) /* of two kinds of value an instant shows this */
		r->v[0] = absent();
	struct promql_rseries *s = collect_push(c);
	if (!s)
		return eval_oom(c->ev, err);
	int rc = labels_copy(r->labels, c->ev->arena, &s->labels, err);
	if (rc)
		return rc;
	return r->h ? copy_points(c->ev, r, s, err) : copy_row(c->ev, r, s, err);
}

/* Rows of the plan; with delayed removal the names go now, and what becomes equal is merged. */
static int collect_vector(struct collect *c, struct node *root, struct err *err)
{
	struct eval *ev = c->ev;
	struct table t;
	struct row r;
	int rc;
	table_init(&t, ev, ev->grid.n);
	while ((rc = node_next(root, &r, err)) == 1) {
		if (!ev->opts.delayed_name_removal) {
			rc = collect_row(c, &r, err);
		} else {
			if (r.drop_name)
				rc = node_strip(root, r.labels, &r.labels, err) ? -err->code : 0;
			else
				rc = 0;
			rc = rc ? rc : table_merge(&t, &r, MERGE_KINDS, err);
		}
		if (rc)
			break;
	}
	for (size_t i = 0; i < t.n && !rc; i++) {
		r = trow_row(t.p[i]);
		rc = collect_row(c, &r, err);
	}
	table_fini(&t);
	return rc;
}

static int copy_samples(struct eval *ev, const struct samples *s, int64_t from, int64_t to, struct promql_rseries *out,
			struct err *err)
{
	out->floats = arena_alloc(ev->arena, s->n * sizeof(*out->floats) + 1);
	out->hists = arena_alloc(ev->arena, s->nh * sizeof(*out->hists) + 1);
	if (!out->floats || !out->hists)
		return eval_oom(ev, err);
	for (size_t i = 0; i < s->n; i++)
		if (s->t[i] > from && s->t[i] <= to)
			out->floats[out->n_floats++] = (struct promql_point){ s->t[i], s->v[i] };
	for (size_t i = 0; i < s->nh; i++) {
		if (s->ht[i] <= from || s->ht[i] > to)
			continue;
		struct promql_hpoint *p = &out->hists[out->n_hists++];
		p->t = s->ht[i];
		int rc = eval_hist_copy(s->h[i], ev->arena, &p->h, err);
		if (!rc)
			rc = eval_hold(ev, hist_samples(p->h), err);
		if (rc)
			return rc;
	}
	return eval_hold(ev, out->n_floats, err);
}

/* As copy_samples of an anchored or smoothed range: with the values at its ends. */
static int copy_extended(struct eval *ev, const struct window *win, const struct samples *s, int64_t from, int64_t to,
			 struct promql_rseries *out, struct err *err)
{
	struct ext_window w = { .hi = s->n, .from = from, .to = to, .smoothed = win->smoothed };
	if (s->nh)
		return err_set(err, ERR_FAILED_PRECONDITION, "%s modifier is not supported with histograms",
			       win->smoothed ? "smoothed" : "anchored");
	double left, right;
	if (s->n == 0 || !ext_window_find(&w, s->t))
		return 0;
	out->floats = arena_alloc(ev->arena, (s->n + 2) * sizeof(*out->floats));
	if (!out->floats)
		return eval_oom(ev, err);
	ext_window_ends(&w, s->t, s->v, false, &left, &right);
	out->floats[out->n_floats++] = (struct promql_point){ from, left };
	for (size_t i = w.first; i <= w.last; i++)
		if (s->t[i] > from && s->t[i] < to)
			out->floats[out->n_floats++] = (struct promql_point){ s->t[i], s->v[i] };
	out->floats[out->n_floats++] = (struct promql_point){ to, right };
	return 0;
}

/* Samples of a range vector that is the result. */
static void count_points(struct eval *ev, const struct promql_rseries *s)
{
	tally_add(ev->tally, 0, s->n_floats);
	for (size_t i = 0; i < s->n_hists; i++)
		tally_add(ev->tally, 0, hist_samples(s->hists[i].h));
}

/* The tree of operators, where somebody wants to know. */
static int make_tree(struct eval *ev, const struct promql_expr *e, struct err *err)
{
	return ev->traced ? trace_tree(ev, e, &ev->root, err) : 0;
}

/* Raw samples of an instant query whose expression is a range vector. */
static int collect_matrix(struct collect *c, const struct promql_expr *e, struct err *err)
{
	struct eval *ev = c->ev;
	struct matrix *m;
	struct samples s;
	int rc = plan_matrix(ev, e, &m, err);
	rc = rc ? rc : make_tree(ev, e, err);
	if (rc)
		return rc;
	bool extended = m->win.anchored || m->win.smoothed;
	int64_t to = window_ref(&m->win, &ev->grid, 0), from = to - m->win.range_ms;
	while ((rc = matrix_next(m, &s, err)) == 1) {
		struct promql_rseries *out = collect_push(c);
		if (!out)
			return eval_oom(ev, err);
		struct node strip = { .ev = ev };
		struct labels l = s.labels;
		if (s.drop_name && (rc = node_strip(&strip, l, &l, err)))
			return rc;
		rc = labels_copy(l, ev->arena, &out->labels, err);
		if (!rc)
			rc = extended ? copy_extended(ev, &m->win, &s, from, to, out, err)
				      : copy_samples(ev, &s, from, to, out, err);
		if (rc)
			return rc;
		if (ev->tally && m->selector)
			count_points(ev, out);
		if (out->n_floats + out->n_hists == 0)
			c->n--;
	}
	return rc;
}

static int cmp_series(const void *a, const void *b)
{
	return labels_cmp(((const struct promql_rseries *)a)->labels, ((const struct promql_rseries *)b)->labels);
}

/* Sorts the series of a matrix by labels, as which they mostly come. */
static void sort_series(struct promql_rseries *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (cmp_series(&p[i - 1], &p[i]) <= 0)
			continue;
		qsort(p, n, sizeof(*p), cmp_series);
		return;
	}
}

/* Joins the points of two range vectors, in order of time; equal times are the labelset error. */
static int join_points(struct eval *ev, struct promql_rseries *a, const struct promql_rseries *b, struct err *err)
{
	struct promql_point *p = arena_array(ev->arena, a->n_floats + b->n_floats, sizeof(*p));
	struct promql_hpoint *h = arena_array(ev->arena, a->n_hists + b->n_hists, sizeof(*h));
	size_t n = 0, nh = 0;
	bool twice = false;
	if (!p || !h)
		return eval_oom(ev, err);
	for (size_t i = 0, j = 0; i < a->n_floats || j < b->n_floats; n++) {
		bool first = j == b->n_floats || (i < a->n_floats && a->floats[i].t <= b->floats[j].t);
		p[n] = first ? a->floats[i++] : b->floats[j++];
		twice |= n && p[n].t == p[n - 1].t;
	}
	for (size_t i = 0, j = 0; i < a->n_hists || j < b->n_hists; nh++) {
		bool first = j == b->n_hists || (i < a->n_hists && a->hists[i].t <= b->hists[j].t);
		h[nh] = first ? a->hists[i++] : b->hists[j++];
		twice |= nh && h[nh].t == h[nh - 1].t;
	}
	if (twice)
		return err_set(err, ERR_FAILED_PRECONDITION, "vector cannot contain metrics with the same labelset");
	a->floats = p;
	a->n_floats = n;
	a->hists = h;
	a->n_hists = nh;
	return 0;
}

/* Joins range vectors that names dropped late have made equal; sorts them for that. */
static int join_equal(struct collect *c, struct err *err)
{
	size_t k = 0;
	int rc = 0;
	sort_series(c->p, c->n);
	for (size_t i = 1; i < c->n && !rc; i++) {
		if (labels_eq(c->p[k].labels, c->p[i].labels))
			rc = join_points(c->ev, &c->p[k], &c->p[i], err);
		else
			c->p[++k] = c->p[i];
	}
	if (c->n)
		c->n = k + 1;
	return rc;
}

/* The times of the steps, for series with columns. */
static int step_times(struct eval *ev, const int64_t **ret, struct err *err)
{
	int64_t *t = arena_array(ev->arena, ev->grid.n, sizeof(*t));
	if (!t)
		return eval_oom(ev, err);
	for (uint32_t i = 0; i < ev->grid.n; i++)
		t[i] = grid_t(&ev->grid, i);
	*ret = t;
	return 0;
}

static int run(struct eval *ev, const struct promql_query *q, struct promql_result *ret, struct err *err)
{
	struct collect c = { .ev = ev };
	struct node *root;
	bool range = q->step_ms > 0;
	enum promql_value_type type = promql_expr_type(q->expr);
	int rc = plan_check(ev, q->expr, range, err);
	if (rc)
		return rc;
	ret->type = range ? PROMQL_TYPE_MATRIX : type;
	if (type == PROMQL_TYPE_STRING) {
		ret->string = promql_expr_unparen(q->expr)->string;
		return 0;
	}
	if (type == PROMQL_TYPE_MATRIX) {
		rc = collect_matrix(&c, q->expr, err);
		if (!rc && ev->opts.delayed_name_removal)
			rc = join_equal(&c, err);
	} else {
		rc = plan_vector(ev, q->expr, &root, err);
		rc = rc ? rc : make_tree(ev, q->expr, err);
		rc = rc ? rc : collect_vector(&c, root, err);
	}
	if (rc)
		return rc;
	if (ret->type == PROMQL_TYPE_SCALAR) {
		CHECK(c.n == 1 && c.p[0].n_floats == 1);
		ret->scalar = c.p[0].floats[0];
		return 0;
	}
	if (ret->type == PROMQL_TYPE_MATRIX)
		sort_series(c.p, c.n);
	ret->series = c.p;
	ret->n_series = c.n;
	return range && ev->opts.columns ? step_times(ev, &ret->times, err) : 0;
}

static void close_nodes(struct eval *ev)
{
	for (struct node *n = ev->first; n; n = n->next) {
		if (n->ops->close)
			n->ops->close(n);
		arena_fini(&n->tmp);
		arena_fini(&n->scratch);
	}
}

/* Runs the query; nodes are closed and what they held is given back. */
static int run_and_close(struct eval *ev, const struct promql_query *q, struct promql_result *ret, struct err *err)
{
	*ret = (struct promql_result){ .type = PROMQL_TYPE_NONE };
	ev->first = NULL;
	ev->n_feeds = 0;
	ev->feeds = ev->reading = ev->failed = NULL;
	ev->over_samples = false;
	ev->root = NULL;
	ev->tally = ev->tallies = NULL;
	ev->shares = NULL;
	ev->ranges = NULL;
	ev->held = 0;
	ev->notes = notes_new(ev->arena);
	if (!ev->notes)
		return eval_oom(ev, err);
	int rc = run(ev, q, ret, err);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		eval_blame(ev, err);
	trace_finish(ev, ev->root);
	close_nodes(ev);
	return rc;
}

/* The error of a query that failed is the one that upstream meets first, see plan/ordered.h. */
static void find_first_error(struct eval *ev, const struct promql_query *q, struct err *err)
{
	struct promql_result none;
	struct err first = ERR_NONE;
	struct promql_operator *root = ev->root;
	struct tracer *tracer = ev->tracer;
	bool traced = ev->traced;
	if (ev->failed || !ordered_matters(ev))
		return;
	ev->ordered = true;
	ev->traced = false;
	ev->tracer = NULL;
	if (run_and_close(ev, q, &none, &first) == -ERR_FAILED_PRECONDITION)
		*err = first;
	ev->ordered = false;
	ev->traced = traced;
	ev->tracer = tracer;
	ev->root = root;
}

int promql_exec(const struct promql_query *q, const struct promql_opts *opts, const struct promql_source *src,
		struct arena *a, struct promql_result *ret, struct err *err)
{
	struct err own = ERR_NONE;
	struct eval ev = { .src = src, .opts = with_defaults(opts), .text = q->text, .arena = a, .mint = INT64_MAX };
	struct tracer tracer = { .profile = ev.opts.profile };
	err = err ? err : &own;
	ev.refusals = budget_refusals(a->budget);
	ev.tracer = tracer.profile ? &tracer : NULL;
	ev.traced = ev.tracer || ev.opts.count_samples;
	int rc = make_grid(q, &ev.grid, err);
	if (rc)
		return rc;
	rc = run_and_close(&ev, q, ret, err);
	/*
	 * Series of one metric name are taken to stay distinct without it. That
	 * fails only where they differ in __type__ or __unit__ alone; such labels
	 * are rare, so then the query runs again and looks.
	 */
	if (ev.typed && !ev.opts.delayed_name_removal && (!rc || rc == -ERR_FAILED_PRECONDITION)) {
		ev.strict = true;
		rc = run_and_close(&ev, q, ret, err);
	}
	if (rc == -ERR_FAILED_PRECONDITION)
		find_first_error(&ev, q, err);
	if (!rc)
		rc = eval_checkpoint(&ev, err);
	if (!rc)
		rc = notes_render(&ev, ret, err);
	if (ev.tracer)
		tracer.profile->root = ev.root;
	ret->samples_read = ev.total;
	ret->samples_total = ev.tally ? ev.tally->total : ev.total;
	ret->samples_by_step = ev.tally ? ev.tally->steps : NULL;
	ret->n_steps = ev.grid.n;
	ret->samples_peak = ev.peak;
	return rc;
}

int promql_explain(const struct promql_query *q, const struct promql_opts *opts, struct arena *a,
		   struct promql_operator **ret, struct err *err)
{
	static const struct promql_source none = { .select = NULL };
	struct eval ev = { .src = &none,
			   .opts = with_defaults(opts),
			   .text = q->text,
			   .arena = a,
			   .mint = INT64_MAX,
			   .traced = true };
	struct node *root;
	struct matrix *m;
	*ret = NULL;
	int rc = make_grid(q, &ev.grid, err);
	rc = rc ? rc : plan_check(&ev, q->expr, q->step_ms > 0, err);
	if (rc)
		return rc;
	ev.notes = notes_new(a);
	if (!ev.notes)
		return eval_oom(&ev, err);
	enum promql_value_type type = promql_expr_type(q->expr);
	if (type == PROMQL_TYPE_MATRIX)
		rc = plan_matrix(&ev, q->expr, &m, err);
	else if (type != PROMQL_TYPE_STRING)
		rc = plan_vector(&ev, q->expr, &root, err);
	rc = rc ? rc : make_tree(&ev, q->expr, err);
	trace_finish(&ev, ev.root);
	close_nodes(&ev);
	*ret = ev.root;
	return rc;
}
