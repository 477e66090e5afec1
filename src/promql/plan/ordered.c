#include "promql/plan/ordered.h"

#include "promql/eval/analyse.h"

/* ---- whether it matters ---- */

bool ordered_is_match(const struct promql_expr *e)
{
	return e->kind == PROMQL_BINARY && !promql_op_is_set(e->binary.op) &&
	       promql_expr_type(e->binary.lhs) == PROMQL_TYPE_VECTOR &&
	       promql_expr_type(e->binary.rhs) == PROMQL_TYPE_VECTOR;
}

/* How many things can go wrong in a part alone; of a match over a range, other things at other steps. */
static unsigned ways_to_fail(const struct eval *ev, const struct promql_expr *e)
{
	switch (e->kind) {
	case PROMQL_BINARY:
		return ordered_is_match(e) && ev->grid.start != ev->grid.end ? 2 : 1;
	case PROMQL_AGGREGATE:
		return e->agg.param != NULL;
	case PROMQL_CALL:
		return e->call.n_args > 0;
	default:
		return e->kind == PROMQL_UNARY;
	}
}

/* What of scalars is an error. */
static bool cuts_scalars(const struct promql_expr *e)
{
	return e->kind == PROMQL_BINARY && promql_op_is_trim(e->binary.op);
}

bool ordered_matters(const struct eval *ev)
{
	unsigned ways = 0;
	for (size_t i = 0; ev->info && i < ev->n_info && ways < 2; i++)
		if (ev->info[i].expr &&
		    (promql_expr_type(ev->info[i].expr) == PROMQL_TYPE_VECTOR || cuts_scalars(ev->info[i].expr)))
			ways += ways_to_fail(ev, ev->info[i].expr);
	return ways > 1;
}

/* ---- rows that are kept ---- */

struct kept {
	struct node n;
	struct table t;
	size_t at;
};

/* Hands out steps [lo, lo + n->grid.n) of a kept row. */
static int hand_out(struct node *n, const struct trow *t, uint32_t lo, struct row *ret, struct err *err)
{
	uint32_t k = n->grid.n;
	*ret = (struct row){ t->labels, t->drop_name, n->v, NULL };
	memcpy(n->v, t->v + lo, k * sizeof(*n->v));
	if (t->h) {
		ret->h = node_hists(n);
		if (!ret->h)
			return eval_oom(n->ev, err);
		memcpy(ret->h, t->h + lo, k * sizeof(*ret->h));
	}
	int rc = eval_work(n->ev, k, err);
	return rc ? rc : 1;
}

static int kept_next(struct node *n, struct row *ret, struct err *err)
{
	struct kept *k = (struct kept *)n;
	return k->at == k->t.n ? 0 : hand_out(n, k->t.p[k->at++], 0, ret, err);
}

static void kept_close(struct node *n)
{
	table_fini(&((struct kept *)n)->t);
}

static const struct node_ops kept_ops = { kept_next, kept_close, "kept", NODE_SCOPE_SAME, true };

int ordered_keep(struct eval *ev, struct node **n, struct node *before, struct err *err)
{
	if ((*n)->ops == &kept_ops)
		return 0;
	struct kept *k = node_new(ev, sizeof(*k), &kept_ops, (*n)->expr, (*n)->grid, err);
	if (!k)
		return -err->code;
	table_init(&k->t, ev, (*n)->grid.n);
	int rc = (*n)->grid.n ? table_fill(&k->t, *n, err) : 0;
	if (rc)
		return rc;
	for (struct node *old = k->n.next; old != before; old = old->next)
		if (old->ops == &kept_ops)
			table_fini(&((struct kept *)old)->t);
	k->n.unique = (*n)->unique;
	k->n.both = (*n)->both;
	*n = &k->n;
	return 0;
}

/* ---- some of their steps ---- */

struct slice {
	struct node n;
	const struct kept *of;
	uint32_t lo;
	size_t at;
};

static int slice_next(struct node *n, struct row *ret, struct err *err)
{
	struct slice *s = (struct slice *)n;
	int rc;
	do {
		if (s->at == s->of->t.n)
			return 0;
		rc = hand_out(n, s->of->t.p[s->at++], s->lo, ret, err);
	} while (rc == 1 && row_is_empty(ret, n->grid.n));
	return rc;
}

static const struct node_ops slice_ops = { slice_next, NULL, "slice", NODE_SCOPE_SAME, true };

static int slice_new(struct eval *ev, struct node *of, uint32_t lo, uint32_t n, struct node **ret, struct err *err)
{
	CHECK(of->ops == &kept_ops);
	struct grid g = of->grid;
	g.start = grid_t(&of->grid, lo);
	g.n = n;
	struct slice *s = node_new(ev, sizeof(*s), &slice_ops, of->expr, g, err);
	if (!s)
		return -err->code;
	s->of = (struct kept *)of;
	s->lo = lo;
	s->n.unique = of->unique;
	*ret = &s->n;
	return 0;
}

/* The operator at some steps: its error, or 0. */
static int join_at(struct eval *ev, const struct promql_expr *e, struct node *const *sides, uint32_t lo, uint32_t n,
		   ordered_join_fn *join, struct err *err)
{
	struct node *lhs, *rhs, *both;
	struct row r;
	int rc = slice_new(ev, sides[0], lo, n, &lhs, err);
	rc = rc ? rc : slice_new(ev, sides[1], lo, n, &rhs, err);
	rc = rc ? rc : join(ev, e, lhs, rhs, &both, err);
	if (rc)
		return rc;
	while ((rc = node_next(both, &r, err)) == 1)
		;
	return rc;
}

int ordered_first_error(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs,
			ordered_join_fn *join, struct err *err)
{
	struct node *sides[] = { lhs, rhs };
	uint32_t good = 0, bad = lhs->grid.n; /* steps [0, good) have no error, [0, bad) have one */
	while (bad - good > 1) {
		uint32_t half = good + (bad - good) / 2;
		int rc = join_at(ev, e, sides, 0, half, join, err);
		if (rc && rc != -ERR_FAILED_PRECONDITION)
			return rc;
		*(rc ? &bad : &good) = half;
	}
	return join_at(ev, e, sides, bad - 1, 1, join, err);
}
