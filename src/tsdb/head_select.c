/* Matchers to ids, and ids sorted by labels. */
#include "tsdb/head_select.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "labels/matcher.h"
#include "tsdb/head_int.h"

#include <stdlib.h>

/* Ids handled between two checkpoints. */
#define PAUSE_EVERY 8192

/*
 * Series that one matcher asks for, or (negative) excludes: an ascending
 * list, or a bitmap over ids. A list stays readable while the reader is open.
 */
struct id_set {
	const uint32_t *ids;
	size_t n;
	size_t at;      /* while intersecting: ids before are done */
	uint64_t *bits; /* instead of ids */
	bool negative;
};

/* A walk over matchers. */
struct selection {
	struct head_reader *r;
	struct head *h;
	struct arena *a;
	struct err *err;
	uint32_t limit; /* ids from here on came later */
	struct id_set *sets;
	size_t n_sets;
	size_t work; /* since the last checkpoint */
};

static int pause_after(struct selection *s, size_t work)
{
	s->work += work;
	if (s->work < PAUSE_EVERY)
		return 0;
	s->work = 0;
	return head_reader_pause(s->r, s->err);
}

/* --- one matcher ----------------------------------------------------------------------- */

/* The set of a single list. Ids that lie in the table itself are copied, since the table moves. */
static int set_of_list(struct selection *s, const struct posting_list *l, struct id_set *ret)
{
	ret->ids = l && l->cap ? l->p : NULL;
	ret->n = l ? l->n : 0;
	if (!l || l->cap)
		return 0;
	uint32_t *copy = arena_alloc(s->a, sizeof(l->in));
	if (!copy)
		return arena_err(s->a, s->err);
	memcpy(copy, l->in, sizeof(l->in));
	ret->ids = copy;
	return 0;
}

static int need_bits(struct selection *s, struct id_set *set)
{
	if (!set->bits)
		set->bits = arena_zalloc(s->a, ((size_t)s->limit / 64 + 1) * sizeof(*set->bits));
	return set->bits ? 0 : arena_err(s->a, s->err);
}

static int add_list(struct selection *s, const struct posting_list *l, struct id_set *set)
{
	const uint32_t *ids = posting_ids(l);
	size_t n = l->n;
	for (size_t i = 0; i < n && ids[i] < s->limit; i++)
		set->bits[ids[i] / 64] |= 1ULL << ids[i] % 64;
	return pause_after(s, n + 16);
}

/* The union of the lists of given values. */
static int set_of_values(struct selection *s, uint32_t name, const struct str *values, size_t n, struct id_set *ret)
{
	if (n == 1) {
		uint32_t value = symtab_find(s->h->symtab, values[0]);
		return set_of_list(s, value == SYM_NONE ? NULL : head_postings_find(&s->h->postings, name, value), ret);
	}
	int rc = need_bits(s, ret);
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint32_t value = symtab_find(s->h->symtab, values[i]);
		const struct posting_list *l =
			value == SYM_NONE ? NULL : head_postings_find(&s->h->postings, name, value);
		if (l && l->n)
			rc = add_list(s, l, ret);
	}
	return rc;
}

/* The union of the lists whose value passes (or does not, with `inverse`). */
static int set_of_scan(struct selection *s, uint32_t name, const struct matcher *m, bool inverse, struct id_set *ret)
{
	int rc = need_bits(s, ret);
	const struct posting_name *e;
	/* Looked up again each time: a checkpoint may have let the tables grow. */
	for (size_t i = 0; rc == 0 && (e = head_postings_name(&s->h->postings, name)) && i < e->lists.n; i++) {
		const struct posting_list *l = &s->h->postings.lists[e->lists.p[i]];
		if (l->n && matcher_matches(m, symtab_get(s->h->symtab, l->value)) != inverse)
			rc = add_list(s, l, ret);
	}
	return rc;
}

static bool has_empty(const struct str *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].n == 0)
			return true;
	}
	return false;
}

static int set_of(struct selection *s, const struct matcher *m, struct id_set *ret)
{
	*ret = (struct id_set){ .negative = matcher_matches_empty(m) };
	uint32_t name = symtab_find(s->h->symtab, m->name);
	if (name == SYM_NONE || !head_postings_name(&s->h->postings, name))
		return 0; /* no series has the label */
	size_t n;
	const struct str *values = matcher_set_values(m, &n);
	bool inverse = m->type == MATCH_NEQ || m->type == MATCH_NRE;
	/* The listed values are just what is to be taken, or to be left out. */
	if (values && inverse == ret->negative && !has_empty(values, n))
		return set_of_values(s, name, values, n, ret);
	return set_of_scan(s, name, m, ret->negative, ret);
}

/* --- all matchers ------------------------------------------------------------------------ */

/* Whether the id is in the set; ids are asked for in ascending order. */
static bool set_has(struct id_set *set, uint32_t id)
{
	if (set->bits)
		return set->bits[id / 64] >> id % 64 & 1;
	size_t step = 1, at = set->at;
	while (at + step < set->n && set->ids[at + step] < id) {
		at += step;
		step *= 2;
	}
	size_t hi = MIN(at + step, set->n);
	while (at < hi) {
		size_t mid = (at + hi) / 2;
		if (set->ids[mid] < id)
			at = mid + 1;
		else
			hi = mid;
	}
	set->at = at;
	return at < set->n && set->ids[at] == id;
}

static bool passes(struct selection *s, const struct id_set *base, uint32_t id)
{
	for (size_t i = 0; i < s->n_sets; i++) {
		if (&s->sets[i] != base && set_has(&s->sets[i], id) == s->sets[i].negative)
			return false;
	}
	return true;
}

/* The positive set to start from: the shortest list, else a bitmap; NULL when there are only exclusions. */
static struct id_set *base_set(struct selection *s)
{
	struct id_set *base = NULL;
	for (size_t i = 0; i < s->n_sets; i++) {
		struct id_set *x = &s->sets[i];
		if (x->negative)
			continue;
		if (!base || (!x->bits && (base->bits || x->n < base->n)))
			base = x;
	}
	return base;
}

static int from_list(struct selection *s, const struct id_set *base, uint32_t *out, size_t *n)
{
	int rc = 0;
	for (size_t i = 0; i < base->n && rc == 0 && base->ids[i] < s->limit; i++) {
		if (passes(s, base, base->ids[i]))
			out[(*n)++] = base->ids[i];
		if (i % 64 == 63)
			rc = pause_after(s, 64);
	}
	return rc;
}

/* Series that are there, in a bitmap or all of them. */
static int from_range(struct selection *s, const struct id_set *base, uint32_t *out, size_t *n)
{
	int rc = 0;
	for (uint32_t id = 0; id < s->limit && rc == 0; id++) {
		if (base && id % 64 == 0 && base->bits[id / 64] == 0) {
			id += 63;
			continue;
		}
		bool in = base ? base->bits[id / 64] >> id % 64 & 1 : head_by_id(s->h, id) != NULL;
		if (in && passes(s, base, id))
			out[(*n)++] = id;
		if (id % 64 == 63)
			rc = pause_after(s, 64);
	}
	return rc;
}

static size_t popcount(const uint64_t *bits, uint32_t limit)
{
	size_t n = 0;
	for (size_t i = 0; i < (size_t)limit / 64 + 1; i++)
		n += (size_t)__builtin_popcountll(bits[i]);
	return n;
}

/* Most ids that the base set can give. */
static size_t upper_bound(const struct selection *s, const struct id_set *base)
{
	if (!base)
		return s->h->n_series + 1;
	return base->bits ? popcount(base->bits, s->limit) : base->n;
}

static int intersect(struct selection *s, uint32_t **ret_ids, size_t *ret_n)
{
	struct id_set *base = base_set(s);
	uint32_t *out = arena_alloc(s->a, upper_bound(s, base) * sizeof(*out));
	if (!out)
		return arena_err(s->a, s->err);
	*ret_ids = out;
	return base && !base->bits ? from_list(s, base, out, ret_n) : from_range(s, base, out, ret_n);
}

static int select_ids(struct selection *s, struct matcher *const *m, size_t n_m, uint32_t **ret_ids, size_t *ret_n)
{
	s->sets = arena_array(s->a, n_m, sizeof(*s->sets));
	if (!s->sets)
		return arena_err(s->a, s->err);
	for (size_t i = 0; i < n_m; i++) {
		struct id_set *set = &s->sets[s->n_sets];
		int rc = set_of(s, m[i], set);
		if (rc != 0)
			return rc;
		bool nothing = !set->bits && set->n == 0;
		if (nothing && !set->negative)
			return 0; /* no series passes */
		s->n_sets += !nothing;
	}
	return intersect(s, ret_ids, ret_n);
}

/* --- order by labels ------------------------------------------------------------------------ */

/*
 * Series are compared as sequences of ranks of their pairs. The ranks come
 * from sorting each distinct pair once.
 */
struct sorter {
	struct selection *s;
	uint32_t *seq;   /* pairs of all series, one after the other: list numbers, then ranks */
	uint32_t *start; /* n + 1 offsets into seq */
	uint32_t *ranks; /* by list number, + 1 */
	uint64_t *key;   /* the first two ranks */
};

static int gather_pairs(struct sorter *o, const uint32_t *ids, size_t n)
{
	struct selection *s = o->s;
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		const struct head_series *x = head_by_id(s->h, ids[i]);
		total += x ? x->n_labels : 0;
	}
	o->seq = arena_alloc(s->a, total * sizeof(*o->seq));
	o->start = arena_alloc(s->a, (n + 1) * sizeof(*o->start));
	o->key = arena_alloc(s->a, n * sizeof(*o->key));
	o->ranks = arena_zalloc(s->a, s->h->postings.n_lists * sizeof(*o->ranks));
	if (!o->seq || !o->start || !o->key || !o->ranks || total > UINT32_MAX)
		return arena_err(s->a, s->err);
	uint32_t at = 0;
	for (size_t i = 0; i < n; i++) {
		const struct head_series *x = head_by_id(s->h, ids[i]);
		o->start[i] = at;
		for (size_t k = 0; x && k < x->n_labels; k++) {
			const struct posting_list *l =
				head_postings_find(&s->h->postings, x->labels[2 * k], x->labels[2 * k + 1]);
			o->seq[at++] = (uint32_t)(l - s->h->postings.lists);
		}
	}
	o->start[n] = at;
	return 0;
}

/* A pair with its strings, while pairs are sorted. */
struct pair {
	struct str name, value;
	uint32_t list;
};

static int cmp_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int d = x->name.p == y->name.p ? 0 : str_cmp(x->name, y->name);
	return d ? d : str_cmp(x->value, y->value);
}

static int rank_pairs(struct sorter *o, size_t n_seq)
{
	struct selection *s = o->s;
	VEC(struct pair) pairs = { 0 };
	for (size_t i = 0; i < n_seq; i++) {
		uint32_t list = o->seq[i];
		if (o->ranks[list])
			continue;
		o->ranks[list] = 1;
		const struct posting_list *l = &s->h->postings.lists[list];
		*vec_push(&pairs) =
			(struct pair){ symtab_get(s->h->symtab, l->name), symtab_get(s->h->symtab, l->value), list };
	}
	if (pairs.n)
		qsort(pairs.p, pairs.n, sizeof(*pairs.p), cmp_pair);
	for (size_t i = 0; i < pairs.n; i++)
		o->ranks[pairs.p[i].list] = (uint32_t)i + 1;
	vec_fini(&pairs);
	for (size_t i = 0; i < n_seq; i++)
		o->seq[i] = o->ranks[o->seq[i]];
	return 0;
}

static int cmp_series(const struct sorter *o, uint32_t a, uint32_t b)
{
	if (o->key[a] != o->key[b])
		return o->key[a] < o->key[b] ? -1 : 1;
	uint32_t na = o->start[a + 1] - o->start[a], nb = o->start[b + 1] - o->start[b];
	const uint32_t *x = o->seq + o->start[a], *y = o->seq + o->start[b];
	for (uint32_t i = 2; i < na && i < nb; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return (na > nb) - (na < nb);
}

static void merge_runs(const struct sorter *o, const uint32_t *from, uint32_t *to, size_t a, size_t mid, size_t end)
{
	size_t i = a, j = mid;
	for (size_t k = a; k < end; k++) {
		bool left = i < mid && (j >= end || cmp_series(o, from[i], from[j]) <= 0);
		to[k] = left ? from[i++] : from[j++];
	}
}

/* Bottom-up merge sort of *order, with checkpoints in between; swaps the two arrays. */
static int merge_sort(struct sorter *o, size_t n, uint32_t **order, uint32_t **tmp)
{
	int rc = 0;
	for (size_t width = 1; width < n && rc == 0; width *= 2) {
		for (size_t a = 0; a < n && rc == 0; a += 2 * width) {
			merge_runs(o, *order, *tmp, a, MIN(a + width, n), MIN(a + 2 * width, n));
			rc = pause_after(o->s, 2 * width);
		}
		uint32_t *swap = *order;
		*order = *tmp;
		*tmp = swap;
	}
	return rc;
}

static int sort_by_ranks(struct sorter *o, uint32_t *ids, size_t n)
{
	struct arena *a = o->s->a;
	uint32_t *order = arena_alloc(a, n * sizeof(*order)), *tmp = arena_alloc(a, n * sizeof(*tmp));
	if (!order || !tmp)
		return arena_err(a, o->s->err);
	for (size_t i = 0; i < n; i++) {
		uint32_t len = o->start[i + 1] - o->start[i];
		const uint32_t *x = o->seq + o->start[i];
		o->key[i] = (uint64_t)(len > 0 ? x[0] : 0) << 32 | (len > 1 ? x[1] : 0);
		order[i] = (uint32_t)i;
	}
	int rc = merge_sort(o, n, &order, &tmp);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		tmp[i] = ids[order[i]];
	memcpy(ids, tmp, n * sizeof(*ids));
	return 0;
}

static int sort_ids(struct selection *s, uint32_t *ids, size_t n)
{
	struct sorter o = { .s = s };
	struct arena_mark m = arena_mark(s->a);
	int rc = gather_pairs(&o, ids, n);
	if (rc == 0)
		rc = rank_pairs(&o, o.start[n]);
	if (rc == 0)
		rc = sort_by_ranks(&o, ids, n);
	arena_rewind(s->a, m);
	return rc;
}

int head_reader_select(struct head_reader *r, struct matcher *const *m, size_t n_m, bool sorted, struct arena *a,
		       uint32_t **ret_ids, size_t *ret_n, struct err *err)
{
	struct selection s = { .r = r, .h = r->h, .a = a, .err = err, .limit = r->h->next_id };
	*ret_ids = NULL;
	*ret_n = 0;
	r->h->selecting++;
	int rc = select_ids(&s, m, n_m, ret_ids, ret_n);
	if (rc == 0 && sorted && *ret_n > 1)
		rc = sort_ids(&s, *ret_ids, *ret_n);
	r->h->selecting--;
	return rc;
}
