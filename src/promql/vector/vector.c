/* Repetition of step-invariant rows, merging of equal label sets, scalar(), vector(), unary minus. */
#include "promql/math/gomath.h"
#include "promql/vector/vector.h"

#include "promql/math/fhist.h"

#include <math.h>

/* ---- repeat ---- */

struct repeat {
	struct node n;
	struct node *child;
};

static int repeat_next(struct node *n, struct row *ret, struct err *err)
{
	struct repeat *r = (struct repeat *)n;
	struct row in;
	int rc = node_next(r->child, &in, err);
	if (rc <= 0)
		return rc;
	*ret = (struct row){ in.labels, in.drop_name, n->v, NULL };
	for (uint32_t i = 0; i < n->grid.n; i++)
		n->v[i] = in.v[0];
	if (in.h && in.h[0]) {
		ret->h = node_hists(n);
		if (!ret->h)
			return eval_oom(n->ev, err);
		for (uint32_t i = 0; i < n->grid.n; i++)
			ret->h[i] = in.h[0];
	}
	rc = eval_work(n->ev, n->grid.n, err);
	return rc ? rc : 1;
}

static const struct node_ops repeat_ops = { repeat_next, NULL, "evaluated once", NODE_SCOPE_ONCE, true };

int repeat_new(struct eval *ev, struct node *child, struct grid g, struct node **ret, struct err *err)
{
	struct repeat *r = node_new(ev, sizeof(*r), &repeat_ops, child->expr, g, err);
	if (!r)
		return -err->code;
	r->child = child;
	r->n.unique = child->unique;
	r->n.both = child->both;
	*ret = &r->n;
	return 0;
}

/* ---- merge ---- */

struct merge {
	struct node n; /* its input is n.left */
	struct table t;
	enum merge_rule rule;
	bool filled;
	size_t at;
};

static int merge_next(struct node *n, struct row *ret, struct err *err)
{
	struct merge *m = (struct merge *)n;
	if (!m->filled) {
		struct row r;
		int rc;
		while ((rc = node_left(n, &r)) == 1)
			if ((rc = table_merge(&m->t, &r, m->rule, err)) < 0)
				break;
		if (rc)
			return rc;
		m->filled = true;
	}
	if (m->at == m->t.n)
		return 0;
	*ret = trow_row(m->t.p[m->at++]);
	return 1;
}

static void merge_close(struct node *n)
{
	table_fini(&((struct merge *)n)->t);
}

static const struct node_ops merge_ops = { merge_next, merge_close, "merge equal series", NODE_SCOPE_SAME, true };

int merge_new(struct eval *ev, struct node *child, enum merge_rule rule, struct node **ret, struct err *err)
{
	struct merge *m = node_new_bare(ev, sizeof(*m), &merge_ops, child->expr, child->grid, err);
	if (!m)
		return -err->code;
	m->n.left = child;
	m->n.unique = true;
	m->n.both = rule == MERGE_KINDS;
	m->rule = rule;
	table_init(&m->t, ev, child->grid.n);
	*ret = &m->n;
	return 0;
}

/* ---- rows that have floats and histograms at the same steps ---- */

struct one_kind {
	struct node n; /* its input is n.left */
};

static int one_kind_next(struct node *n, struct row *ret, struct err *err)
{
	bool both = false;
	(void)err;
	int rc = node_left(n, ret);
	for (uint32_t i = 0; rc == 1 && ret->h && i < n->grid.n; i++) {
		both |= ret->h[i] && !is_absent(ret->v[i]);
		if (both)
			ret->h[i] = NULL;
	}
	return rc;
}

static int one_value_next(struct node *n, struct row *ret, struct err *err)
{
	int rc = node_left(n, ret);
	for (uint32_t i = 0; rc == 1 && ret->h && i < n->grid.n; i++)
		if (ret->h[i] && !is_absent(ret->v[i]))
			return err_set(err, ERR_FAILED_PRECONDITION, "unexpected number of samples");
	return rc;
}

static const struct node_ops one_kind_ops = { one_kind_next, NULL, "one kind of value", NODE_SCOPE_SAME, true };
static const struct node_ops one_value_ops = { one_value_next, NULL, "one value", NODE_SCOPE_SAME, true };

static int one_new(struct eval *ev, struct node *child, const struct node_ops *ops, struct node **ret, struct err *err)
{
	struct one_kind *k = node_new_bare(ev, sizeof(*k), ops, child->expr, child->grid, err);
	if (!k)
		return -err->code;
	k->n.left = child;
	k->n.unique = child->unique;
	*ret = &k->n;
	return 0;
}

int one_kind_new(struct eval *ev, struct node *child, struct node **ret, struct err *err)
{
	return one_new(ev, child, &one_kind_ops, ret, err);
}

int one_value_new(struct eval *ev, struct node *child, struct node **ret, struct err *err)
{
	return one_new(ev, child, &one_value_ops, ret, err);
}

/* ---- scalar() and vector() ---- */

struct unary_node {
	struct node n;
	struct node *child;
	bool done, scalar;
};

static int scalar_next(struct node *n, struct row *ret, struct err *err)
{
	struct unary_node *s = (struct unary_node *)n;
	uint8_t *seen = arena_array(&n->tmp, n->grid.n, 1);
	struct row r;
	int rc;
	if (s->done || n->grid.n == 0)
		return 0;
	if (!seen)
		return eval_oom(n->ev, err);
	s->done = true;
	for (uint32_t i = 0; i < n->grid.n; i++)
		n->v[i] = go_nan();
	while ((rc = node_next(s->child, &r, err)) == 1) {
		for (uint32_t i = 0; i < n->grid.n; i++) {
			if (is_absent(r.v[i]))
				continue;
			n->v[i] = seen[i] ? go_nan() : r.v[i];
			seen[i] = 1;
		}
	}
	*ret = (struct row){ .v = n->v };
	return rc < 0 ? rc : 1;
}

static const struct node_ops scalar_ops = { scalar_next, NULL, "scalar of" };

static int vector_next(struct node *n, struct row *ret, struct err *err)
{
	return node_next(((struct unary_node *)n)->child, ret, err);
}

static const struct node_ops vector_ops = { vector_next, NULL, "vector of" };

static int unary_new(struct eval *ev, const struct promql_expr *e, const struct node_ops *ops, struct node *child,
		     struct node **ret, struct err *err)
{
	struct unary_node *s = node_new(ev, sizeof(*s), ops, e, child->grid, err);
	if (!s)
		return -err->code;
	s->child = child;
	s->n.unique = child->unique;
	*ret = &s->n;
	return 0;
}

int scalar_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret, struct err *err)
{
	return unary_new(ev, e, &scalar_ops, child, ret, err);
}

int vector_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret, struct err *err)
{
	int rc = unary_new(ev, e, &vector_ops, child, ret, err);
	if (!rc)
		(*ret)->unique = true;
	return rc;
}

/* ---- unary minus ---- */

static int negate_next(struct node *n, struct row *ret, struct err *err)
{
	struct unary_node *s = (struct unary_node *)n;
	node_rewind(n);
	int rc = node_next(s->child, ret, err);
	if (rc <= 0)
		return rc;
	for (uint32_t i = 0; i < n->grid.n; i++) {
		if (!is_absent(ret->v[i]))
			ret->v[i] = -ret->v[i];
		if (ret->h && ret->h[i])
			rc = fhist_scale(ret->h[i], -1, false, &n->tmp, &ret->h[i], err);
		if (rc < 0)
			return rc;
	}
	rc = s->scalar ? 0 : node_drop_name(n, ret, err);
	return rc ? rc : 1;
}

static const struct node_ops negate_ops = { negate_next, NULL, "operator" };

int negate_new(struct eval *ev, const struct promql_expr *e, struct node *child, bool scalar, struct node **ret,
	       struct err *err)
{
	int rc = unary_new(ev, e, &negate_ops, child, ret, err);
	if (rc)
		return rc;
	((struct unary_node *)*ret)->scalar = scalar;
	(*ret)->both = child->both;
	return 0;
}
