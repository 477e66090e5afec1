/* Matchers to ids. */
#include "tsdb/head_select.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "labels/matcher.h"
#include "tsdb/head_int.h"
#include "tsdb/head_order.h"

/* Ids handled between two checkpoints. */
#define PAUSE_EVERY 8192

/* What matching an expression with one value counts as. */
#define REGEX_WORK 128

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
		if (rc == 0)
			rc = pause_after(s, m->re ? REGEX_WORK : 1);
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

int head_reader_select(struct head_reader *r, struct matcher *const *m, size_t n_m, bool sorted, struct arena *a,
		       uint32_t **ret_ids, size_t *ret_n, struct err *err)
{
	struct selection s = { .r = r, .h = r->h, .a = a, .err = err, .limit = r->h->next_id };
	*ret_ids = NULL;
	*ret_n = 0;
	r->h->selecting++;
	int rc = select_ids(&s, m, n_m, ret_ids, ret_n);
	if (rc == 0 && sorted && *ret_n > 1)
		rc = head_order_sort(r, *ret_ids, ret_n, a, err);
	r->h->selecting--;
	return rc;
}
