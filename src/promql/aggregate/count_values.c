/* count_values: how often each value occurs, per group and step. */
#include "promql/aggregate/aggregate.h"

#include "labels/builder.h"
#include "text/float.h"

#include <math.h>

/* How often a value occurs at one step. */
struct tally {
	uint32_t step;
	uint32_t count;
};

/* A value of a group. Values are many and most occur at few steps, so tallies are a sorted list. */
struct counted {
	struct sig_entry e;
	struct labels labels;
	struct tally *t;
	size_t n, cap;
	size_t cursor; /* where the last one was found */
	struct counted *next;
};

struct count_values {
	struct aggregate g;
	struct str label;
	struct labels_builder builder;
	struct counted *first, **end;
	uint64_t held;   /* tallies */
	bool unlabelled; /* the label is one of those that without() takes away */
	bool filled;
};

/* The text of a value: shortest decimals, or the histogram's. */
static void value_text(const struct row *r, uint32_t i, struct strbuf *b)
{
	strbuf_reset(b);
	if (r->h && r->h[i])
		fhist_print(r->h[i], b);
	else
		text_float_add(b, r->v[i], TEXT_FLOAT_F);
}

static int counted_of(struct count_values *c, struct labels group, struct str value, struct counted **ret,
		      struct err *err)
{
	labels_builder_reset(&c->builder, group);
	if (!c->unlabelled)
		labels_builder_set(&c->builder, c->label, value);
	struct labels l = labels_builder_labels(&c->builder);
	struct hash128 h = labels_hash128(l);
	*ret = sig_find(&c->g.map, h);
	if (*ret)
		return 0;
	struct counted *k = arena_zalloc(&c->g.arena, sizeof(*k));
	if (!k)
		return arena_err(&c->g.arena, err);
	k->e.hash = h;
	sig_add(&c->g.map, &k->e);
	*c->end = k;
	c->end = &k->next;
	*ret = k;
	return labels_copy(l, &c->g.arena, &k->labels, err);
}

/* Counts one more at a step. */
static int count_one(struct count_values *c, struct counted *k, uint32_t step, struct err *err)
{
	size_t at = k->cursor;
	if (at > k->n || (at > 0 && k->t[at - 1].step >= step))
		at = 0;
	while (at < k->n && k->t[at].step < step)
		at++;
	k->cursor = at;
	if (at < k->n && k->t[at].step == step) {
		k->t[at].count++;
		return 0;
	}
	if (k->n == k->cap) {
		size_t cap = k->cap ? k->cap * 2 : 4;
		struct tally *t = arena_alloc(&c->g.arena, cap * sizeof(*t));
		if (!t)
			return arena_err(&c->g.arena, err);
		if (k->n)
			memcpy(t, k->t, k->n * sizeof(*t));
		k->t = t;
		k->cap = cap;
	}
	memmove(k->t + at + 1, k->t + at, (k->n - at) * sizeof(*k->t));
	k->t[at] = (struct tally){ step, 1 };
	k->n++;
	c->held++;
	return eval_hold(c->g.n.ev, 1, err);
}

static int count_row(struct count_values *c, const struct row *r, struct strbuf *text, struct err *err)
{
	struct labels group;
	struct counted *k = NULL;
	double last = absent();
	int rc = aggregate_group_labels(&c->g, r, &group, err);
	for (uint32_t i = 0; i < c->g.n.grid.n && !rc; i++) {
		bool is_h = r->h && r->h[i];
		if (is_absent(r->v[i]) && !is_h)
			continue;
		if (is_h || !k || double_bits(last) != double_bits(r->v[i])) {
			value_text(r, i, text);
			rc = counted_of(c, group, strbuf_str(text), &k, err);
			if (rc)
				return rc;
			last = is_h ? absent() : r->v[i];
		}
		rc = count_one(c, k, i, err);
	}
	return rc ? rc : eval_work(c->g.n.ev, c->g.n.grid.n, err);
}

int count_values_check(struct eval *ev, const struct promql_expr *e, struct err *err)
{
	struct str label = promql_expr_unparen(e->agg.param)->string;
	if (label_name_valid(label, LABEL_NAMES_UTF8))
		return 0;
	return err_set(err, ERR_FAILED_PRECONDITION, "invalid label name %s", eval_quoted(ev, label));
}

static int fill(struct count_values *c, struct err *err)
{
	struct strbuf text = { 0 };
	struct row r;
	c->filled = true;
	int rc = count_values_check(c->g.n.ev, c->g.n.expr, err);
	while (!rc && (rc = node_next(c->g.child, &r, err)) == 1)
		rc = count_row(c, &r, &text, err);
	strbuf_fini(&text);
	return rc;
}

static int count_values_next(struct node *n, struct row *ret, struct err *err)
{
	struct count_values *c = (struct count_values *)n;
	int rc = c->filled ? 0 : fill(c, err);
	struct counted *k = c->first;
	if (rc || !k)
		return rc;
	c->first = k->next;
	*ret = (struct row){ k->labels, false, n->v, NULL };
	row_fill_absent(n->v, n->grid.n);
	for (size_t i = 0; i < k->n; i++)
		n->v[k->t[i].step] = k->t[i].count;
	rc = eval_work(n->ev, n->grid.n, err);
	return rc ? rc : 1;
}

static void count_values_close(struct node *n)
{
	struct count_values *c = (struct count_values *)n;
	eval_release(n->ev, c->held);
	labels_builder_fini(&c->builder);
	aggregate_fini(n);
}

static const struct node_ops count_values_ops = { count_values_next, count_values_close, "aggregate" };

/* Grouping comes after the label is set, so without() takes it away again. */
static bool takes_away(const struct promql_expr *e, struct str label)
{
	bool found = str_eq(label, STR("__name__"));
	for (size_t i = 0; i < e->agg.grouping.n; i++)
		found |= str_eq(e->agg.grouping.v[i], label);
	return e->agg.without && found;
}

int count_values_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node **ret,
		     struct err *err)
{
	struct count_values *c = aggregate_alloc(ev, sizeof(*c), &count_values_ops, e, child, NULL, err);
	if (!c)
		return -err->code;
	c->label = promql_expr_unparen(e->agg.param)->string;
	c->unlabelled = takes_away(e, c->label);
	c->end = &c->first;
	*ret = &c->g.n;
	return 0;
}
