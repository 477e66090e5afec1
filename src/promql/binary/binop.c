/* Operators between a vector and a scalar. */
#include "promql/binary/elem.h"

struct vector_scalar {
	struct node n;
	struct node *vec, *scalar;
	const double *s; /* the scalar's values */
	enum promql_op op;
	bool scalar_left, as_bool, drops_name;
	uint8_t *faults; /* grid.n, NULL until there is one: upstream tells the last one of each step */
};

/* In faults: an enum elem_fault, and whether the vector's sample was a histogram. */
#define FAULT_HIST 0x80

/* The operator seen from the vector's side: 1 < x is x > 1. */
static enum promql_op mirrored(enum promql_op op)
{
	switch (op) {
	case PROMQL_OP_LTE:
		return PROMQL_OP_GTE;
	case PROMQL_OP_LSS:
		return PROMQL_OP_GTR;
	case PROMQL_OP_GTE:
		return PROMQL_OP_LTE;
	case PROMQL_OP_GTR:
		return PROMQL_OP_LSS;
	default:
		return op;
	}
}

static void apply_floats(struct vector_scalar *b, double *v)
{
	uint32_t n = b->n.grid.n;
	enum promql_op op = b->scalar_left ? mirrored(b->op) : b->op;
	if (b->as_bool)
		floats_op_bool(op, v, b->s, v, n);
	else if (promql_op_is_comparison(op) || !b->scalar_left)
		floats_op(op, v, b->s, v, n);
	else
		floats_op(op, b->s, v, v, n);
}

/* One sample of a row with histograms, or of an operator for histograms only. */
static int apply_one(struct vector_scalar *b, struct row *r, uint32_t i, struct err *err)
{
	struct elem x = { r->v[i], r->h ? r->h[i] : NULL }, y = { b->s[i], NULL };
	struct elem left = b->scalar_left ? y : x, right = b->scalar_left ? x : y;
	struct elem_result res;
	int rc = elem_op(b->op, left, right, &b->n.tmp, &res, err);
	if (rc)
		return rc;
	if (res.fault != ELEM_OK) {
		if (!b->faults && !(b->faults = arena_array(b->n.ev->arena, b->n.grid.n, 1)))
			return eval_oom(b->n.ev, err);
		b->faults[i] = (uint8_t)(res.fault | (x.h ? FAULT_HIST : 0));
		res.keep = false;
	} else if (b->as_bool) {
		res.v = (struct elem){ res.keep ? 1 : 0, NULL };
		res.keep = true;
	} else if (promql_op_is_comparison(b->op)) {
		res.v = x;
	}
	r->v[i] = res.keep && !res.v.h ? res.v.f : absent();
	if (r->h)
		r->h[i] = res.keep ? res.v.h : NULL;
	return 0;
}

static int apply(struct vector_scalar *b, struct row *r, struct err *err)
{
	bool trim = promql_op_is_trim(b->op);
	if (!r->h && !trim) {
		apply_floats(b, r->v);
		return 0;
	}
	for (uint32_t i = 0; i < b->n.grid.n; i++) {
		if (is_absent(r->v[i]) && !(r->h && r->h[i]))
			continue;
		int rc = apply_one(b, r, i, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* Tells what was wrong, step by step. */
static void flush_faults(struct vector_scalar *b)
{
	static const struct histogram some;
	for (uint32_t i = 0; b->faults && i < b->n.grid.n; i++) {
		struct elem x = { 0, b->faults[i] & FAULT_HIST ? &some : NULL }, y = { 0, NULL };
		if (b->faults[i])
			elem_note_fault(&b->n, b->op, b->scalar_left ? y : x, b->scalar_left ? x : y,
					b->faults[i] & ~FAULT_HIST);
	}
	b->faults = NULL;
}

static int vector_scalar_next(struct node *n, struct row *ret, struct err *err)
{
	struct vector_scalar *b = (struct vector_scalar *)n;
	int rc = b->s ? 0 : node_scalar(b->scalar, &b->s, err);
	if (rc)
		return rc;
	do {
		rc = node_pull(n, b->vec, ret, err);
		if (rc == 0)
			flush_faults(b);
		if (rc != 1)
			return rc;
		node_rewind(n);
		rc = apply(b, ret, err);
		if (!rc && b->drops_name)
			rc = node_drop_name(n, ret, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static const struct node_ops vector_scalar_ops = { vector_scalar_next, NULL, "operator" };

int vector_scalar_new(struct eval *ev, const struct promql_expr *e, struct node *vec, struct node *scalar,
		      bool scalar_left, struct node **ret, struct err *err)
{
	struct vector_scalar *b = node_new_bare(ev, sizeof(*b), &vector_scalar_ops, e, vec->grid, err);
	if (!b)
		return -err->code;
	b->vec = vec;
	b->scalar = scalar;
	b->n.left = scalar_left ? NULL : vec;
	b->op = e->binary.op;
	b->scalar_left = scalar_left;
	b->as_bool = e->binary.return_bool;
	b->drops_name = op_drops_name(b->op) || b->as_bool;
	b->n.unique = vec->unique;
	*ret = &b->n;
	return 0;
}
