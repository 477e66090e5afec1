/* Range vectors: selectors with a range, and subqueries. */
#include "promql/eval/selector.h"
#include "promql/eval/trace.h"

/* A node that only owns what must be closed at the end of the query. */
struct matrix_selector {
	struct node n; /* never pulled */
	struct matrix m;
	struct feed feed;
};

static int matrix_selector_next(struct matrix *m, struct samples *ret, struct err *err)
{
	struct matrix_selector *s = CONTAINER_OF(m, struct matrix_selector, m);
	int rc;
	do
		rc = feed_samples(&s->feed, ret, err);
	while (rc == 1 && ret->n + ret->nh == 0);
	return rc;
}

static void matrix_selector_close(struct node *n)
{
	struct matrix_selector *s = CONTAINER_OF(n, struct matrix_selector, n);
	feed_close(&s->feed);
	arena_fini(&s->feed.cols);
}

static const struct node_ops matrix_node_ops = { NULL, matrix_selector_close, "range selector" };
static const struct matrix_ops matrix_selector_ops = { matrix_selector_next };

int matrix_selector_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct window w, bool counts_only,
			const struct promql_hints *hints, struct matrix **ret, struct err *err)
{
	struct grid none = { 0 };
	const struct promql_expr *sel = e->kind == PROMQL_MATRIX ? e->matrix.selector : e;
	struct matrix_selector *s = node_new(ev, sizeof(*s), &matrix_node_ops, e, none, err);
	if (!s)
		return -err->code;
	struct shift shift = { w.offset_ms, w.has_at, w.at_ms };
	s->feed.hints = *hints;
	s->feed.stats = counts_only;
	s->feed.hints.range_ms = w.range_ms;
	feed_range(&s->feed, ev, &g, shift, w.range_ms + w.back_ms, w.ahead_ms);
	s->m = (struct matrix){ .ops = &matrix_selector_ops, .expr = e, .win = w, .selector = &sel->selector };
	s->n.grid = g;
	trace_matrix(&s->m, &s->n);
	*ret = &s->m;
	int rc = feed_init(&s->feed, &s->n, &sel->selector, err);
	s->m.unique = s->feed.name_fixed && !ev->strict;
	return rc;
}

struct subquery {
	struct node n; /* never pulled */
	struct matrix m;
	struct node *inner;
	int64_t *t, *ht;
	double *v;
	const struct histogram **h;
	struct histogram *hv;
	uint64_t held;
};

/* Histogram samples of a row; what they say about resets means nothing between steps. */
static int subquery_hists(struct subquery *s, const struct row *r, struct samples *ret, struct err *err)
{
	uint32_t n = s->inner->grid.n;
	if (!s->hv) {
		s->ht = arena_array(s->n.ev->arena, n, sizeof(*s->ht));
		s->h = arena_array(s->n.ev->arena, n, sizeof(*s->h));
		s->hv = arena_array(s->n.ev->arena, n, sizeof(*s->hv));
		if (!s->ht || !s->h || !s->hv)
			return eval_oom(s->n.ev, err);
	}
	size_t k = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!r->h[i])
			continue;
		s->ht[k] = grid_t(&s->inner->grid, i);
		s->hv[k] = *r->h[i];
		if (s->hv[k].hint != HIST_HINT_GAUGE)
			s->hv[k].hint = HIST_HINT_UNKNOWN;
		s->h[k] = &s->hv[k];
		k++;
	}
	ret->nh = k;
	ret->ht = s->ht;
	ret->h = s->h;
	return 0;
}

static int subquery_next(struct matrix *m, struct samples *ret, struct err *err)
{
	struct subquery *s = CONTAINER_OF(m, struct subquery, m);
	struct row r;
	eval_release(s->n.ev, s->held);
	s->held = 0;
	if (s->inner->grid.n == 0) /* nothing is evaluated, so nothing fails */
		return 0;
	int rc = node_next(s->inner, &r, err);
	if (rc <= 0)
		return rc;
	*ret = (struct samples){ .labels = r.labels, .drop_name = r.drop_name, .t = s->t, .v = s->v };
	for (uint32_t i = 0; i < s->inner->grid.n; i++) {
		if (is_absent(r.v[i]))
			continue;
		s->t[ret->n] = grid_t(&s->inner->grid, i);
		s->v[ret->n++] = r.v[i];
	}
	rc = r.h ? subquery_hists(s, &r, ret, err) : 0;
	if (rc)
		return rc;
	s->held = row_samples(&r, s->inner->grid.n);
	rc = eval_hold(s->n.ev, s->held, err);
	return rc ? rc : 1;
}

static const struct node_ops subquery_node_ops = { NULL, NULL, "subquery", NODE_SCOPE_SUBQUERY };
static const struct matrix_ops subquery_ops = { subquery_next };

int matrix_subquery_new(struct eval *ev, const struct promql_expr *e, struct window w, struct node *inner,
			struct matrix **ret, struct err *err)
{
	struct grid none = { 0 };
	struct subquery *s = node_new(ev, sizeof(*s), &subquery_node_ops, e, none, err);
	if (!s)
		return -err->code;
	s->inner = inner;
	s->m = (struct matrix){ .ops = &subquery_ops, .expr = e, .win = w, .unique = inner->unique };
	s->n.grid = inner->grid;
	trace_matrix(&s->m, &s->n);
	s->t = arena_array(ev->arena, inner->grid.n, sizeof(*s->t));
	s->v = arena_array(ev->arena, inner->grid.n, sizeof(*s->v));
	if (!s->t || !s->v)
		return eval_oom(ev, err);
	*ret = &s->m;
	return 0;
}
