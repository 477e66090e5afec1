/* limitk and limit_ratio: some of the series of each group, as they come. */
#include "promql/aggregate/aggregate.h"

#include <math.h>

/* How many samples of a group were let through at each step. */
struct limit_group {
	struct sig_entry e;
	uint64_t *taken; /* grid.n */
};

struct limit {
	struct aggregate g;
	bool started, none;
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

static int limit_k(struct limit *l, struct row *r, struct err *err)
{
	struct labels lab;
	int rc = aggregate_group_labels(&l->g, r, &lab, err);
	if (rc)
		return rc;
	struct hash128 h = labels_hash128(lab);
	struct limit_group *grp = sig_find(&l->g.map, h);
	if (!grp) {
		grp = arena_zalloc(&l->g.arena, sizeof(*grp));
		if (!grp || !(grp->taken = arena_array(&l->g.arena, l->g.n.grid.n, sizeof(uint64_t))))
			return arena_err(&l->g.arena, err);
		grp->e.hash = h;
		sig_add(&l->g.map, &grp->e);
	}
	for (uint32_t i = 0; i < l->g.n.grid.n; i++) {
		if (is_absent(r->v[i]) && !(r->h && r->h[i]))
			continue;
		double k = l->g.param[i];
		if (k < 1 || grp->taken[i] >= (uint64_t)k)
			drop_step(r, i);
		else
			grp->taken[i]++;
	}
	return 0;
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

static int limit_next(struct node *n, struct row *ret, struct err *err)
{
	struct limit *l = (struct limit *)n;
	int rc = l->started ? 0 : start(l, err);
	if (rc)
		return rc;
	if (l->none)
		return drain(l, ret, err);
	do {
		rc = node_next(l->g.child, ret, err);
		if (rc <= 0)
			return rc;
		if (l->g.op == PROMQL_AGG_LIMITK)
			rc = limit_k(l, ret, err);
		else
			limit_ratio(l, ret);
		if (rc < 0)
			return rc;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static const struct node_ops limit_ops = { limit_next, aggregate_fini, "aggregate" };

int limit_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param, struct node **ret,
	      struct err *err)
{
	struct limit *l = aggregate_alloc(ev, sizeof(*l), &limit_ops, e, child, param, err);
	if (!l)
		return -err->code;
	l->g.n.unique = child->unique;
	*ret = &l->g.n;
	return 0;
}
