/* absent() and absent_over_time(): 1 where nothing is. */
#include "promql/eval/trace.h"
#include "promql/vector/vector.h"
#include "promql/window/rollup.h"

int absent_labels(struct eval *ev, const struct promql_selector *sel, struct labels *ret, struct err *err)
{
	*ret = (struct labels){ NULL, 0 };
	if (!sel)
		return 0;
	struct label *p = arena_array(ev->arena, sel->n_matchers + 1, sizeof(*p));
	if (!p)
		return eval_oom(ev, err);
	size_t k = 0;
	for (size_t i = 0; i < sel->n_matchers; i++) {
		const struct promql_matcher *m = &sel->matchers[i];
		bool alone = m->type == PROMQL_MATCH_EQ && m->value.n && !str_eq(m->name, LABEL_METRIC_NAME);
		for (size_t j = 0; j < sel->n_matchers && alone; j++)
			alone = j == i || !str_eq(sel->matchers[j].name, m->name) ||
				(j < i && sel->matchers[j].type != PROMQL_MATCH_EQ);
		if (alone)
			p[k++] = (struct label){ m->name, m->value };
	}
	label_sort(p, k);
	*ret = (struct labels){ p, k };
	return 0;
}

struct absent_node {
	struct node n;
	struct node *child; /* absent */
	struct matrix *m;   /* absent_over_time */
	struct rollup r;    /* and its windows */
	struct labels labels;
	bool done;
};

/* Clears the steps at which a row has a value. */
static void clear_present(double *v, uint32_t n, const struct row *r)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(r->v[i]) || (r->h && r->h[i]))
			v[i] = absent();
}

static void clear_windows(struct absent_node *a, const struct samples *s)
{
	a->r.m = a->m;
	a->r.n.ev = a->n.ev;
	a->r.n.grid = a->n.grid;
	for (struct slide w = slide_begin(&a->r, s); slide_next(&w);)
		if (slide_n(&w) + slide_nh(&w))
			a->n.v[w.i] = absent();
}

static int absent_next(struct node *n, struct row *ret, struct err *err)
{
	struct absent_node *a = (struct absent_node *)n;
	struct samples s;
	struct row r;
	int rc;
	if (a->done)
		return 0;
	a->done = true;
	for (uint32_t i = 0; i < n->grid.n; i++)
		n->v[i] = 1;
	if (a->m)
		while ((rc = matrix_next(a->m, &s, err)) == 1) {
			clear_windows(a, &s);
			if (n->tally)
				tally_windows(n->tally, &a->m->win, &n->grid, &s);
		}
	else
		while ((rc = node_next(a->child, &r, err)) == 1)
			clear_present(n->v, n->grid.n, &r);
	if (rc < 0)
		return rc;
	*ret = (struct row){ a->labels, false, n->v, NULL };
	return !row_is_empty(ret, n->grid.n);
}

static const struct node_ops absent_ops = { absent_next, NULL, "absent" };

static int absent_init(struct eval *ev, const struct promql_expr *call, struct grid g,
		       const struct promql_selector *sel, struct absent_node **ret, struct err *err)
{
	struct absent_node *a = node_new(ev, sizeof(*a), &absent_ops, call, g, err);
	if (!a)
		return -err->code;
	a->n.unique = true;
	*ret = a;
	return absent_labels(ev, sel, &a->labels, err);
}

int absent_over_time_new(struct eval *ev, const struct promql_expr *call, struct grid g, struct matrix *m,
			 struct node **ret, struct err *err)
{
	struct absent_node *a = NULL;
	int rc = absent_init(ev, call, g, m->selector, &a, err);
	if (rc)
		return rc;
	a->m = m;
	*ret = &a->n;
	return 0;
}

int absent_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret, struct err *err)
{
	const struct promql_expr *arg = promql_expr_unparen(call->call.args[0]);
	struct absent_node *a = NULL;
	int rc = absent_init(ev, call, child->grid, arg->kind == PROMQL_SELECTOR ? &arg->selector : NULL, &a, err);
	if (rc)
		return rc;
	a->child = child;
	*ret = &a->n;
	return 0;
}
