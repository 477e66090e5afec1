/* and, or, unless. */
#include "promql/eval/sig.h"
#include "promql/vector/vector.h"

/* At which steps a signature has a sample. */
struct seen {
	struct sig_entry e;
	uint8_t *at; /* grid.n */
};

struct setop {
	struct node n; /* its left side is n.left */
	struct node *rhs;
	enum promql_op op;
	struct sig_rule rule;
	struct sig_map map;
	struct arena arena; /* of the map's entries */
	bool right_read, left_done;
};

/* Notes the presence of a row. */
static int note_row(struct setop *s, const struct row *r, struct err *err)
{
	struct hash128 h;
	int rc = sig_hash(&s->rule, &s->n, r->labels, &h, err);
	if (rc)
		return rc;
	struct seen *e = sig_find(&s->map, h);
	if (!e) {
		e = arena_zalloc(&s->arena, sizeof(*e));
		if (!e || !(e->at = arena_array(&s->arena, s->n.grid.n, 1)))
			return arena_err(&s->arena, err);
		e->e.hash = h;
		sig_add(&s->map, &e->e);
	}
	for (uint32_t i = 0; i < s->n.grid.n; i++)
		e->at[i] |= !is_absent(r->v[i]) || (r->h && r->h[i]);
	return 0;
}

/* Removes the steps where the row's signature was seen (or was not). */
static int filter_row(struct setop *s, struct row *r, bool keep_seen, struct err *err)
{
	struct hash128 h;
	int rc = sig_hash(&s->rule, &s->n, r->labels, &h, err);
	if (rc)
		return rc;
	const struct seen *e = sig_find(&s->map, h);
	for (uint32_t i = 0; i < s->n.grid.n; i++) {
		if ((e && e->at[i]) == keep_seen)
			continue;
		r->v[i] = absent();
		if (r->h)
			r->h[i] = NULL;
	}
	return 0;
}

static int read_right(struct setop *s, struct err *err)
{
	struct row r;
	int rc;
	s->right_read = true;
	while ((rc = node_next(s->rhs, &r, err)) == 1)
		if ((rc = note_row(s, &r, err)) < 0)
			break;
	return rc;
}

/* `and`, `unless`: rows of the left side, filtered by the right side. */
static int filter_next(struct setop *s, struct row *ret, struct err *err)
{
	int rc = s->right_read ? 0 : read_right(s, err);
	if (rc)
		return rc;
	do {
		rc = node_left(&s->n, ret);
		if (rc != 1)
			return rc;
		rc = filter_row(s, ret, s->op == PROMQL_OP_AND, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, s->n.grid.n));
	return 1;
}

/* `or`: rows of the left side, then what the right side adds. */
static int union_next(struct setop *s, struct row *ret, struct err *err)
{
	int rc;
	if (!s->left_done) {
		rc = node_left(&s->n, ret);
		if (rc == 1)
			rc = note_row(s, ret, err) ? -err->code : 1;
		if (rc)
			return rc;
		s->left_done = true;
	}
	do {
		rc = node_next(s->rhs, ret, err);
		if (rc <= 0)
			return rc;
		rc = filter_row(s, ret, false, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, s->n.grid.n));
	return 1;
}

static int setop_next(struct node *n, struct row *ret, struct err *err)
{
	struct setop *s = (struct setop *)n;
	return s->op == PROMQL_OP_OR ? union_next(s, ret, err) : filter_next(s, ret, err);
}

static void setop_close(struct node *n)
{
	struct setop *s = (struct setop *)n;
	sig_map_fini(&s->map);
	arena_fini(&s->arena);
}

static const struct node_ops setop_ops = { setop_next, setop_close, "operator" };

int setop_new(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs, struct node **ret,
	      struct err *err)
{
	struct setop *s = node_new_bare(ev, sizeof(*s), &setop_ops, e, lhs->grid, err);
	if (!s)
		return -err->code;
	s->n.left = lhs;
	s->rhs = rhs;
	s->op = e->binary.op;
	arena_init(&s->arena, ev->arena->budget);
	s->n.unique = lhs->unique && s->op != PROMQL_OP_OR;
	*ret = &s->n;
	int rc = sig_rule_init(&s->rule, ev, &e->binary.matching.labels, e->binary.matching.on, err);
	if (rc || s->op != PROMQL_OP_OR)
		return rc;
	rc = merge_new(ev, &s->n, MERGE_STEPS, ret, err);
	if (!rc)
		(*ret)->unique = false; /* names of both sides are kept */
	return rc;
}
