/* Scalars: numbers, time(), operators between scalars. */
#include "promql/vector/vector.h"

#include "promql/math/gomath.h"

#include <math.h>

bool compare_op(enum promql_op op, double a, double b)
{
	switch (op) {
	case PROMQL_OP_EQL:
		return a == b;
	case PROMQL_OP_NEQ:
		return a != b;
	case PROMQL_OP_LTE:
		return a <= b;
	case PROMQL_OP_LSS:
		return a < b;
	case PROMQL_OP_GTE:
		return a >= b;
	default:
		return a > b;
	}
}

double go_max(double a, double b)
{
	if ((isinf(a) && a > 0) || (isinf(b) && b > 0))
		return INFINITY;
	if (isnan(a) || isnan(b))
		return go_nan();
	if (a == 0 && a == b)
		return signbit(a) ? b : a;
	return a > b ? a : b;
}

double go_min(double a, double b)
{
	if ((isinf(a) && a < 0) || (isinf(b) && b < 0))
		return -INFINITY;
	if (isnan(a) || isnan(b))
		return go_nan();
	if (a == 0 && a == b)
		return signbit(a) ? a : b;
	return a < b ? a : b;
}

double scalar_op(enum promql_op op, double a, double b)
{
	switch (op) {
	case PROMQL_OP_ADD:
		return a + b;
	case PROMQL_OP_SUB:
		return a - b;
	case PROMQL_OP_MUL:
		return a * b;
	case PROMQL_OP_DIV:
		return a / b;
	case PROMQL_OP_MOD:
		return fmod(a, b);
	case PROMQL_OP_POW:
		return go_pow(a, b);
	case PROMQL_OP_ATAN2:
		return go_atan2(a, b);
	case PROMQL_OP_MIN_OF:
		return go_min(a, b);
	case PROMQL_OP_MAX_OF:
		return go_max(a, b);
	default:
		return compare_op(op, a, b) ? 1 : 0;
	}
}

struct scalar_node {
	struct node n;
	bool is_time;
	double number;
	bool done;
};

static int scalar_node_next(struct node *n, struct row *ret, struct err *err)
{
	struct scalar_node *s = (struct scalar_node *)n;
	(void)err;
	if (s->done || n->grid.n == 0)
		return 0;
	s->done = true;
	for (uint32_t i = 0; i < n->grid.n; i++)
		n->v[i] = s->is_time ? (double)grid_t(&n->grid, i) / 1000 : s->number;
	*ret = (struct row){ .v = n->v };
	return 1;
}

static const struct node_ops scalar_node_ops = { scalar_node_next, NULL, "scalar" };

struct scalar_binary {
	struct node n; /* its left side is n.left */
	enum promql_op op;
	struct node *rhs;
	bool done;
};

/* The result takes the place of the left side. */
static int scalar_binary_next(struct node *n, struct row *ret, struct err *err)
{
	struct scalar_binary *s = (struct scalar_binary *)n;
	struct row right;
	if (s->done || n->grid.n == 0)
		return 0;
	int rc = node_left(n, ret);
	if (rc == 1)
		rc = node_next(s->rhs, &right, err);
	if (rc != 1)
		return rc;
	if (promql_op_is_trim(s->op))
		return err_set(err, ERR_FAILED_PRECONDITION, "operator \"%s\" not allowed for Scalar operations",
			       promql_op_name(s->op));
	s->done = true;
	for (uint32_t i = 0; i < n->grid.n; i++)
		ret->v[i] = scalar_op(s->op, ret->v[i], right.v[i]);
	rc = eval_work(n->ev, n->grid.n, err);
	return rc ? rc : 1;
}

static const struct node_ops scalar_binary_ops = { scalar_binary_next, NULL, "operator" };

int number_new(struct eval *ev, const struct promql_expr *e, struct grid g, double v, struct node **ret,
	       struct err *err)
{
	struct scalar_node *s = node_new(ev, sizeof(*s), &scalar_node_ops, e, g, err);
	if (!s)
		return -err->code;
	s->number = v;
	*ret = &s->n;
	return 0;
}

int time_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct node **ret, struct err *err)
{
	struct scalar_node *s = node_new(ev, sizeof(*s), &scalar_node_ops, e, g, err);
	if (!s)
		return -err->code;
	s->is_time = true;
	*ret = &s->n;
	return 0;
}

int scalar_binary_new(struct eval *ev, const struct promql_expr *e, enum promql_op op, struct node *lhs,
		      struct node *rhs, struct node **ret, struct err *err)
{
	struct scalar_binary *s = node_new_bare(ev, sizeof(*s), &scalar_binary_ops, e, lhs->grid, err);
	if (!s)
		return -err->code;
	s->op = op;
	s->n.left = lhs;
	s->rhs = rhs;
	*ret = &s->n;
	return 0;
}
