#include "promql/eval/sig.h"

#include <stdlib.h>

static int cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int sig_rule_init(struct sig_rule *r, struct eval *ev, const struct promql_labels *names, bool on, struct err *err)
{
	struct str *p = arena_array(ev->arena, names->n + 1, sizeof(*p));
	if (!p)
		return eval_oom(ev, err);
	if (names->n) {
		memcpy(p, names->v, names->n * sizeof(*p));
		qsort(p, names->n, sizeof(*p), cmp_str);
	}
	size_t k = 0;
	for (size_t i = 0; i < names->n; i++)
		if (k == 0 || !str_eq(p[k - 1], p[i]))
			p[k++] = p[i];
	*r = (struct sig_rule){ p, k, on };
	return 0;
}

bool sig_names(const struct sig_rule *r, struct str name)
{
	for (size_t i = 0; i < r->n_names; i++)
		if (str_eq(r->names[i], name))
			return true;
	return false;
}

int sig_labels(const struct sig_rule *r, struct node *n, struct labels l, struct labels *ret, struct err *err)
{
	struct label *p = node_labels(n, l.n);
	if (!p)
		return eval_oom(n->ev, err);
	size_t k = 0, j = 0;
	for (size_t i = 0; i < l.n; i++) {
		int d = 1;
		while (j < r->n_names && (d = str_cmp(r->names[j], l.p[i].name)) < 0)
			j++;
		bool named = j < r->n_names && d == 0;
		if (r->on ? named : !named && !str_eq(l.p[i].name, LABEL_METRIC_NAME))
			p[k++] = l.p[i];
	}
	*ret = (struct labels){ p, k };
	return 0;
}

int sig_hash(const struct sig_rule *r, struct node *n, struct labels l, struct hash128 *ret, struct err *err)
{
	struct labels s;
	int rc = sig_labels(r, n, l, &s, err);
	if (!rc)
		*ret = labels_hash128(s);
	return rc;
}

static bool same_hash(const void *value, const void *key)
{
	const struct sig_entry *e = value;
	const struct hash128 *h = key;
	return e->hash.lo == h->lo && e->hash.hi == h->hi;
}

void *sig_find(const struct sig_map *m, struct hash128 h)
{
	return hmap_find(&m->map, h.lo, same_hash, &h);
}

void sig_add(struct sig_map *m, struct sig_entry *e)
{
	hmap_add(&m->map, e->hash.lo, e);
}

void sig_map_fini(struct sig_map *m)
{
	hmap_fini(&m->map);
}
