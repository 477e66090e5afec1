/* Rows that an operation has to keep: deep copies, indexed by label set. */
#include "promql/eval/eval.h"

#include <stdlib.h>

void table_init(struct table *t, struct eval *ev, uint32_t n_steps)
{
	*t = (struct table){ .ev = ev, .n_steps = n_steps };
	arena_init(&t->arena, ev->arena->budget);
}

void table_fini(struct table *t)
{
	if (!t->ev)
		return;
	eval_release(t->ev, t->samples);
	hmap_fini(&t->index);
	arena_fini(&t->arena);
	t->p = NULL;
	t->n = t->cap = 0;
	t->samples = 0;
}

static bool same_labels(const void *value, const void *key)
{
	return labels_eq(((const struct trow *)value)->labels, *(const struct labels *)key);
}

/* Doubles the pointer array in the arena. */
static int grow(struct table *t, struct err *err)
{
	size_t cap = t->cap ? t->cap * 2 : 16;
	struct trow **p = arena_alloc(&t->arena, cap * sizeof(struct trow *));
	if (!p)
		return arena_err(&t->arena, err);
	if (t->n)
		memcpy(p, t->p, t->n * sizeof(struct trow *));
	t->p = p;
	t->cap = cap;
	return 0;
}

static int copy_hists(struct table *t, struct trow *d, const struct histogram **h, struct err *err)
{
	if (!d->h)
		d->h = arena_array(&t->arena, t->n_steps, sizeof(*d->h));
	if (!d->h)
		return arena_err(&t->arena, err);
	for (uint32_t i = 0; i < t->n_steps; i++) {
		if (!h[i])
			continue;
		int rc = eval_hist_copy(h[i], &t->arena, &d->h[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

/* Counts the samples of a row that comes in. */
static int hold(struct table *t, struct trow *d, const struct row *r, struct err *err)
{
	uint64_t k = row_samples(r, t->n_steps);
	d->samples += k;
	t->samples += k;
	int rc = eval_hold(t->ev, k, err);
	return rc ? rc : eval_work(t->ev, t->n_steps, err);
}

int table_add(struct table *t, const struct row *r, struct trow **ret, struct err *err)
{
	int rc = t->n == t->cap ? grow(t, err) : 0;
	if (rc)
		return rc;
	struct trow *d = arena_zalloc(&t->arena, sizeof(*d));
	if (!d)
		return arena_err(&t->arena, err);
	d->drop_name = r->drop_name;
	rc = hold(t, d, r, err);
	if (!rc)
		rc = labels_copy(r->labels, &t->arena, &d->labels, err);
	if (rc)
		return rc;
	d->v = arena_alloc(&t->arena, t->n_steps * sizeof(*d->v) + 1);
	if (!d->v)
		return arena_err(&t->arena, err);
	memcpy(d->v, r->v, t->n_steps * sizeof(*d->v));
	if (r->h && (rc = copy_hists(t, d, r->h, err)))
		return rc;
	t->p[t->n++] = d;
	if (ret)
		*ret = d;
	return 0;
}

/* The first step with a value. */
static uint32_t first_value(const struct row *r, uint32_t n)
{
	uint32_t i = 0;
	while (i < n && is_absent(r->v[i]) && !(r->h && r->h[i]))
		i++;
	return i;
}

static int same_labelset(struct err *err)
{
	return err_set(err, ERR_FAILED_PRECONDITION, "vector cannot contain metrics with the same labelset");
}

/* Adds the values of a row to those of another; the kinds of value that both have at one step say whether it may. */
static int join_floats(struct table *t, struct trow *d, const struct row *r, enum merge_rule rule, struct err *err)
{
	for (uint32_t i = 0; i < t->n_steps; i++) {
		bool f = !is_absent(r->v[i]), h = r->h && r->h[i];
		bool had_f = !is_absent(d->v[i]), had_h = d->h && d->h[i];
		bool both = rule == MERGE_KINDS ? (f && had_f) || (h && had_h) : (f || h) && (had_f || had_h);
		if (both)
			return same_labelset(err);
		if (f)
			d->v[i] = r->v[i];
	}
	return 0;
}

int table_merge(struct table *t, const struct row *r, enum merge_rule rule, struct err *err)
{
	uint64_t hash = labels_hash_keyed(r->labels);
	struct trow *d = hmap_find(&t->index, hash, same_labels, &r->labels);
	if (!d) {
		int rc = table_add(t, r, &d, err);
		if (rc)
			return rc;
		d->first = first_value(r, t->n_steps);
		hmap_add(&t->index, hash, d);
		return 0;
	}
	int rc = rule == MERGE_NOTHING ? same_labelset(err) : join_floats(t, d, r, rule, err);
	if (rc)
		return rc;
	/* As upstream: what the first value says of the name holds for the series. */
	if (rule == MERGE_STEPS && first_value(r, t->n_steps) < d->first) {
		d->first = first_value(r, t->n_steps);
		d->drop_name = r->drop_name;
	}
	rc = hold(t, d, r, err);
	return !rc && r->h ? copy_hists(t, d, r->h, err) : rc;
}

int table_fill(struct table *t, struct node *n, struct err *err)
{
	struct row r;
	int rc;
	while ((rc = node_next(n, &r, err)) == 1)
		if ((rc = table_add(t, &r, NULL, err)) < 0)
			break;
	return rc;
}
