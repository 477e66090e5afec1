#include "api/union.h"

static int co_advance(struct api_union *u, struct union_set *s, struct err *err)
{
	int rc = u->src.next(u->src.arg, s->set, &s->cur, err);
	s->live = rc == 1;
	return rc < 0 ? rc : 0;
}

int co_api_union_open(struct api_union *u, const struct promql_source *src, const struct api_matchers *m, size_t n,
		      const struct promql_hints *hints, struct arena *a, struct err *err)
{
	u->src = *src;
	u->sets = arena_array(a, n, sizeof(*u->sets));
	if (n && !u->sets)
		return arena_err(a, err);
	u->n = n;
	for (size_t i = 0; i < n; i++) {
		int rc = src->select(src->arg, m[i].p, m[i].n, hints, &u->sets[i].set, err);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < n; i++) {
		int rc = co_advance(u, &u->sets[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The set with the smallest series; NULL at the end. */
static struct union_set *smallest(struct api_union *u)
{
	struct union_set *min = NULL;
	for (size_t i = 0; i < u->n; i++) {
		struct union_set *s = &u->sets[i];
		if (s->live && (!min || labels_cmp(s->cur.labels, min->cur.labels) < 0))
			min = s;
	}
	return min;
}

/* Steps over the series given out last in all sets, that of `min` last: its labels are looked at till then. */
static int co_step_over(struct api_union *u, struct err *err)
{
	for (size_t i = 0; i < u->n; i++) {
		struct union_set *s = &u->sets[i];
		if (s == u->min || !s->live || !labels_eq(s->cur.labels, u->min->cur.labels))
			continue;
		int rc = co_advance(u, s, err);
		if (rc)
			return rc;
	}
	return co_advance(u, u->min, err);
}

int co_api_union_next(struct api_union *u, struct promql_series *ret, struct err *err)
{
	int rc = u->min ? co_step_over(u, err) : 0;
	if (rc)
		return rc;
	u->min = smallest(u);
	if (!u->min)
		return 0;
	*ret = u->min->cur;
	return 1;
}

void api_union_close(struct api_union *u)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->sets[i].set)
			u->src.close(u->src.arg, u->sets[i].set);
	u->n = 0;
}
