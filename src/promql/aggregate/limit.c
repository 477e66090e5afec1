/*
 * limitk and limit_ratio: some of the series of each group. Over a range as they come, for upstream's order is random there; at
 * an instant in upstream's, that of a heap per group.
 */
#include "promql/aggregate/aggregate.h"

#include <math.h>

/* A row that was picked at an instant. */
struct picked {
	double v; /* 0 of a histogram */
	const struct trow *row;
};

struct limit_group {
	struct sig_entry e;
	uint64_t *taken;     /* grid.n: how many samples were let through at each step */
	struct picked *heap; /* at an instant */
	size_t n, cap;
	struct limit_group *next;
};

struct limit {
	struct aggregate g;
	bool started, none;
	/* at an instant */
	bool gathered;
	struct table t;
	struct limit_group *first, **end; /* in the order of their first series */
	size_t at;
};

static int check_k(struct limit *l, struct err *err)
{
	bool any;
	int rc = aggregate_check_k(&l->g, &any, err);
	l->none = !any;
	return rc;
}

static int check_ratio(struct limit *l, struct err *err)
{
	struct param_range r = aggregate_param_range(&l->g);
	struct promql_pos pos = promql_expr_pos(promql_expr_unparen(l->g.n.expr->agg.param));
	char buf[32];
	l->none = r.max == 0 && r.min == 0;
	if (l->none)
		return 0;
	if (r.nan)
		return err_set(err, ERR_FAILED_PRECONDITION, "Ratio value is NaN");
	if (r.max > 1)
		eval_warn(&l->g.n, pos, "ratio value should be between -1 and 1, got %s, capping to 1",
			  fmt_g(r.max, buf));
	if (r.min < -1)
		eval_warn(&l->g.n, pos, "ratio value should be between -1 and 1, got %s, capping to -1",
			  fmt_g(r.min, buf));
	return 0;
}

static int start(struct limit *l, struct err *err)
{
	l->started = true;
	int rc = node_scalar(l->g.param_node, &l->g.param, err);
	if (rc)
		return rc;
	return l->g.op == PROMQL_AGG_LIMITK ? check_k(l, err) : check_ratio(l, err);
}

static void drop_step(struct row *r, uint32_t i)
{
	r->v[i] = absent();
	if (r->h)
		r->h[i] = NULL;
}

/* The group of a row. NULL over budget. */
static struct limit_group *group_of(struct limit *l, const struct row *r, struct err *err)
{
	struct labels lab;
	if (aggregate_group_labels(&l->g, r, &lab, err))
		return NULL;
	struct hash128 h = labels_hash128(lab);
	struct limit_group *grp = sig_find(&l->g.map, h);
	if (grp)
		return grp;
	grp = arena_zalloc(&l->g.arena, sizeof(*grp));
	if (!grp || !(grp->taken = arena_array(&l->g.arena, l->g.n.grid.n, sizeof(uint64_t)))) {
		arena_err(&l->g.arena, err);
		return NULL;
	}
	grp->e.hash = h;
	sig_add(&l->g.map, &grp->e);
	*l->end = grp;
	l->end = &grp->next;
	return grp;
}

static void limit_k(struct limit *l, struct limit_group *grp, struct row *r)
{
	for (uint32_t i = 0; i < l->g.n.grid.n; i++) {
		if (is_absent(r->v[i]) && !(r->h && r->h[i]))
			continue;
		double k = l->g.param[i];
		if (k < 1 || grp->taken[i] >= (uint64_t)k)
			drop_step(r, i);
		else
			grp->taken[i]++;
	}
}

/* Go's ratio sampler: the hash as an offset in [0, 1], negative ratios from the other end. */
static void limit_ratio(struct limit *l, struct row *r)
{
	double off = (double)labels_hash(r->labels) / 18446744073709551615.0;
	for (uint32_t i = 0; i < l->g.n.grid.n; i++) {
		double ratio = fmax(-1, fmin(1, l->g.param[i]));
		bool keep = ratio >= 0 ? off < ratio : off >= 1 + ratio;
		if (!keep)
			drop_step(r, i);
	}
}

/* Reads what nothing is taken of, for its errors and annotations. */
static int drain(struct limit *l, struct row *r, struct err *err)
{
	int rc;
	while ((rc = node_next(l->g.child, r, err)) == 1)
		;
	return rc;
}

/* The next row, of which some steps are left. */
static int next_picked(struct limit *l, struct row *ret, struct limit_group **grp, struct err *err)
{
	do {
		int rc = node_next(l->g.child, ret, err);
		if (rc <= 0)
			return rc;
		*grp = group_of(l, ret, err);
		if (!*grp)
			return -err->code;
		if (l->g.op == PROMQL_AGG_LIMITK)
			limit_k(l, *grp, ret);
		else
			limit_ratio(l, ret);
	} while (row_is_empty(ret, l->g.n.grid.n));
	return 1;
}

/* ---- at an instant ---- */

static bool less(const struct picked *a, const struct picked *b)
{
	return isnan(a->v) || a->v < b->v;
}

/* Adds a row to the heap of its group, smallest values first. */
static int push(struct limit *l, struct limit_group *grp, const struct row *r, struct err *err)
{
	struct trow *row;
	if (grp->n == grp->cap) {
		size_t cap = grp->cap ? grp->cap * 2 : 4;
		struct picked *p = arena_alloc(&l->g.arena, cap * sizeof(*p));
		if (!p)
			return arena_err(&l->g.arena, err);
		if (grp->n)
			memcpy(p, grp->heap, grp->n * sizeof(*p));
		grp->heap = p;
		grp->cap = cap;
	}
	int rc = table_add(&l->t, r, &row, err);
	if (rc)
		return rc;
	struct picked x = { is_absent(r->v[0]) ? 0 : r->v[0], row };
	size_t at = grp->n++;
	for (; at > 0 && less(&x, &grp->heap[(at - 1) / 2]); at = (at - 1) / 2)
		grp->heap[at] = grp->heap[(at - 1) / 2];
	grp->heap[at] = x;
	return 0;
}

static int gather(struct limit *l, struct err *err)
{
	struct limit_group *grp;
	struct row r;
	int rc;
	l->gathered = true;
	while ((rc = next_picked(l, &r, &grp, err)) == 1)
		if ((rc = push(l, grp, &r, err)) < 0)
			break;
	return rc;
}

static int next_of_instant(struct limit *l, struct row *ret, struct err *err)
{
	int rc = l->gathered ? 0 : gather(l, err);
	while (!rc && l->first && l->at == l->first->n) {
		l->first = l->first->next;
		l->at = 0;
	}
	if (rc || !l->first)
		return rc;
	*ret = trow_row(l->first->heap[l->at++].row);
	return 1;
}

static int limit_next(struct node *n, struct row *ret, struct err *err)
{
	struct limit *l = (struct limit *)n;
	struct limit_group *grp;
	int rc = l->started ? 0 : start(l, err);
	if (rc)
		return rc;
	if (l->none)
		return drain(l, ret, err);
	return n->grid.n == 1 ? next_of_instant(l, ret, err) : next_picked(l, ret, &grp, err);
}

static void limit_close(struct node *n)
{
	table_fini(&((struct limit *)n)->t);
	aggregate_fini(n);
}

static const struct node_ops limit_ops = { limit_next, limit_close, "aggregate" };

int limit_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param, struct node **ret,
	      struct err *err)
{
	struct limit *l = aggregate_alloc(ev, sizeof(*l), &limit_ops, e, child, param, err);
	if (!l)
		return -err->code;
	l->g.n.unique = child->unique;
	l->end = &l->first;
	table_init(&l->t, ev, child->grid.n);
	*ret = &l->g.n;
	return 0;
}
