#include "tsdb/head_order.h"

#include "base/mem.h"
#include "base/sort.h"
#include "tsdb/head_int.h"

#include <stdlib.h>

/* Selections below are sorted by labels rather than have an order of all series made. */
#define ORDER_MIN 512

/* A selection of a smaller share than 1 / this is sorted by rank, larger ones are marked in a bitmap of all ranks. */
#define BITMAP_SHARE 1024

/* Items of short loops between two pauses. */
#define STEP 8192

/* What comparisons are in units of work (base/pause.h). */
#define PAIR_WORK 4
#define SEQUENCE_WORK 2

/* Somebody who sorts. */
struct sorter {
	struct head_reader *r;
	struct head *h;
	struct arena *a;
	struct err *err;
};

static int worked(struct sorter *o, size_t work)
{
	return pause_after(&o->r->pause, work, o->err);
}

/* Pauses where number i ends a step of short work. */
static int stepped(struct sorter *o, size_t i)
{
	return i % STEP == STEP - 1 ? worked(o, STEP) : 0;
}

/* The numbers 0 to n - 1 in the order of `cmp`, from the arena. */
static int make_sorted(struct sorter *o, sort_cmp_fn *cmp, void *arg, size_t cost, size_t n, uint32_t **ret)
{
	uint32_t *p = *ret = arena_alloc(o->a, n * sizeof(*p));
	if (!p)
		return arena_err(o->a, o->err);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint32_t)i;
	return sort_numbers(p, n, cmp, arg, cost, &o->r->pause, o->a, o->err);
}

/* An array of zeros. */
static int make_zeros(struct sorter *o, size_t n, uint32_t **ret)
{
	uint32_t *p = *ret = arena_alloc(o->a, n * sizeof(*p));
	int rc = p ? 0 : arena_err(o->a, o->err);
	for (size_t at = 0; at < n && rc == 0; at += STEP) {
		memset(p + at, 0, MIN(n - at, (size_t)STEP) * sizeof(*p));
		rc = worked(o, STEP / 4);
	}
	return rc;
}

/* --- by labels ----------------------------------------------------------------------------------- */

/*
 * Series are compared as sequences of ranks of their pairs. The ranks come
 * from sorting each distinct pair once.
 */
struct sequences {
	uint32_t *seq;   /* pairs of all series, one after the other: list numbers, then ranks */
	uint32_t *start; /* n + 1 offsets into seq */
	uint32_t *ranks; /* by list number, + 1 */
	size_t n_ranks;
	uint64_t *key; /* the first two ranks */
};

static int make_sequences(struct sorter *o, const uint32_t *ids, size_t n, struct sequences *q)
{
	size_t total = 0;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct head_series *x = head_by_id(o->h, ids[i]);
		total += x ? x->n_labels : 0;
		rc = worked(o, 1);
	}
	if (rc != 0)
		return rc;
	q->seq = arena_alloc(o->a, total * sizeof(*q->seq));
	q->start = arena_alloc(o->a, (n + 1) * sizeof(*q->start));
	q->key = arena_alloc(o->a, n * sizeof(*q->key));
	return q->seq && q->start && q->key && total <= UINT32_MAX ? 0 : arena_err(o->a, o->err);
}

static int gather_pairs(struct sorter *o, const uint32_t *ids, size_t n, struct sequences *q)
{
	uint32_t at = 0;
	int rc = make_sequences(o, ids, n, q);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct head_postings *p = &o->h->postings;
		const struct head_series *x = head_by_id(o->h, ids[i]);
		q->start[i] = at;
		for (size_t k = 0; x && k < x->n_labels; k++) {
			q->seq[at++] = head_postings_number(p, x->labels[2 * k], x->labels[2 * k + 1]);
		}
		rc = worked(o, x ? x->n_labels : 1);
	}
	if (rc != 0)
		return rc;
	q->start[n] = at;
	q->n_ranks = o->h->postings.limit;
	return make_zeros(o, q->n_ranks, &q->ranks);
}

/* A pair with its strings, while pairs are sorted. */
struct pair {
	struct str name, value;
	uint32_t list;
};

static int cmp_pair(void *pairs, uint32_t a, uint32_t b)
{
	const struct pair *x = (const struct pair *)pairs + a, *y = (const struct pair *)pairs + b;
	int d = x->name.p == y->name.p ? 0 : str_cmp(x->name, y->name);
	return d ? d : str_cmp(x->value, y->value);
}

/* The distinct pairs, in the order in which they were met. */
static int distinct_pairs(struct sorter *o, struct sequences *q, size_t n_seq, struct pair **ret, size_t *ret_n)
{
	const struct head *h = o->h;
	size_t n = 0;
	struct pair *p = arena_alloc(o->a, MIN(n_seq, q->n_ranks) * sizeof(*p));
	if (!p)
		return arena_err(o->a, o->err);
	for (size_t i = 0; i < n_seq; i++) {
		uint32_t list = q->seq[i];
		if (!q->ranks[list]) {
			const struct posting_list *l = head_postings_at(&h->postings, list);
			q->ranks[list] = 1;
			p[n++] = (struct pair){ symtab_get(h->symtab, l->name), symtab_get(h->symtab, l->value), list };
		}
		int rc = worked(o, 1);
		if (rc != 0)
			return rc;
	}
	*ret = p;
	*ret_n = n;
	return 0;
}

static int rank_pairs(struct sorter *o, struct sequences *q, size_t n_seq)
{
	struct arena_mark m = arena_mark(o->a);
	struct pair *pairs = NULL;
	uint32_t *order = NULL;
	size_t n = 0;
	int rc = distinct_pairs(o, q, n_seq, &pairs, &n);
	if (rc == 0)
		rc = make_sorted(o, cmp_pair, pairs, PAIR_WORK, n, &order);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		q->ranks[pairs[order[i]].list] = (uint32_t)i + 1;
		rc = worked(o, 2);
	}
	for (size_t i = 0; rc == 0 && i < n_seq; i++) {
		q->seq[i] = q->ranks[q->seq[i]];
		rc = worked(o, 1);
	}
	arena_rewind(o->a, m);
	return rc;
}

static int cmp_sequence(void *arg, uint32_t a, uint32_t b)
{
	const struct sequences *q = arg;
	if (q->key[a] != q->key[b])
		return q->key[a] < q->key[b] ? -1 : 1;
	uint32_t na = q->start[a + 1] - q->start[a], nb = q->start[b + 1] - q->start[b];
	const uint32_t *x = q->seq + q->start[a], *y = q->seq + q->start[b];
	for (uint32_t i = 2; i < na && i < nb; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return (na > nb) - (na < nb);
}

static int sort_sequences(struct sorter *o, struct sequences *q, uint32_t *ids, size_t n)
{
	uint32_t *order, *copy = arena_alloc(o->a, n * sizeof(*copy));
	int rc = copy ? 0 : arena_err(o->a, o->err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint32_t len = q->start[i + 1] - q->start[i];
		const uint32_t *x = q->seq + q->start[i];
		q->key[i] = (uint64_t)(len > 0 ? x[0] : 0) << 32 | (len > 1 ? x[1] : 0);
		copy[i] = ids[i];
		rc = stepped(o, i);
	}
	if (rc == 0)
		rc = make_sorted(o, cmp_sequence, q, SEQUENCE_WORK, n, &order);
	for (size_t i = 0; i < n && rc == 0; i++) {
		ids[i] = copy[order[i]];
		rc = stepped(o, i);
	}
	return rc;
}

/* Sorts any ids by comparing their labels. */
static int sort_by_labels(struct sorter *o, uint32_t *ids, size_t n)
{
	struct sequences q = { 0 };
	struct arena_mark m = arena_mark(o->a);
	if (n < 2)
		return 0;
	int rc = gather_pairs(o, ids, n, &q);
	if (rc == 0)
		rc = rank_pairs(o, &q, q.start[n]);
	if (rc == 0)
		rc = sort_sequences(o, &q, ids, n);
	arena_rewind(o->a, m);
	return rc;
}

/* Order of two series by their labels; equal symbols are equal strings. */
static int cmp_labels(const struct head *h, const struct head_series *x, const struct head_series *y)
{
	size_t n = 2 * (size_t)MIN(x->n_labels, y->n_labels);
	for (size_t i = 0; i < n; i++) {
		if (x->labels[i] != y->labels[i])
			return str_cmp(symtab_get(h->symtab, x->labels[i]), symtab_get(h->symtab, y->labels[i]));
	}
	return (x->n_labels > y->n_labels) - (x->n_labels < y->n_labels);
}

/* --- merging sorted lists of ids ------------------------------------------------------------------- */

/* How many of the n ids come before series `x`; those of series that are gone count as if they did. */
static size_t count_before(const struct head *h, const uint32_t *ids, size_t n, const struct head_series *x)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2, probe = mid;
		while (probe > lo && !head_by_id(h, ids[probe]))
			probe--;
		const struct head_series *y = head_by_id(h, ids[probe]);
		if (!y || cmp_labels(h, y, x) < 0)
			lo = mid + 1;
		else
			hi = probe;
	}
	return lo;
}

/* Adds those of the n ids to out whose series are there. */
static int add_alive(struct sorter *o, const uint32_t *ids, size_t n, uint32_t *out, size_t *ret_n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		out[*ret_n] = ids[i];
		*ret_n += head_by_id(o->h, ids[i]) != NULL;
		rc = worked(o, 1);
	}
	return rc;
}

/* Merges many sorted ids and some others into out, without series that are gone. */
static int merge_ids(struct sorter *o, const uint32_t *many, size_t n_many, const uint32_t *some, size_t n_some,
		     uint32_t *out, size_t *ret_n)
{
	size_t at = 0;
	int rc = 0;
	*ret_n = 0;
	for (size_t i = 0; i < n_some && rc == 0; i++) {
		const struct head_series *x = head_by_id(o->h, some[i]);
		if (!x)
			continue;
		size_t n = count_before(o->h, at ? many + at : many, n_many - at, x);
		rc = add_alive(o, at ? many + at : many, n, out, ret_n);
		if (rc == 0)
			rc = worked(o, 64);
		out[(*ret_n)++] = some[i];
		at += n;
	}
	return rc == 0 ? add_alive(o, at ? many + at : many, n_many - at, out, ret_n) : rc;
}

/* --- the order that is kept ------------------------------------------------------------------------- */

/* Ids of all series that came after the order was made. */
static int fresh_ids(struct sorter *o, uint32_t limit, uint32_t **ret, size_t *ret_n)
{
	const struct head *h = o->h;
	uint32_t *p = arena_alloc(o->a, (size_t)(limit - h->order.limit) * sizeof(*p));
	int rc = 0;
	if (!p)
		return arena_err(o->a, o->err);
	*ret = p;
	*ret_n = 0;
	for (uint32_t id = h->order.limit; id < limit && rc == 0; id++) {
		p[*ret_n] = id;
		*ret_n += head_by_id(h, id) != NULL;
		rc = worked(o, 1);
	}
	return rc;
}

static int fill_ranks(struct sorter *o, struct head_order *ret)
{
	int rc = 0;
	ret->first = ret->limit;
	for (uint32_t i = 0; i < ret->n && rc == 0; i++) {
		ret->first = MIN(ret->first, ret->ids[i]);
		rc = stepped(o, i);
	}
	size_t n = ret->limit - ret->first;
	ret->rank = xreallocarray(NULL, n + 1, sizeof(*ret->rank));
	for (size_t i = 0; i < n && rc == 0; i++) {
		ret->rank[i] = UINT32_MAX;
		rc = stepped(o, i);
	}
	for (uint32_t i = 0; i < ret->n && rc == 0; i++) {
		ret->rank[ret->ids[i] - ret->first] = i;
		rc = worked(o, 1);
	}
	return rc;
}

/* The order of all series of now: the old one with the new series merged into it. */
static int make_order(struct sorter *o, struct head_order *ret)
{
	const struct head_order *old = &o->h->order;
	uint32_t *fresh = NULL;
	size_t n_fresh = 0, n = 0;
	*ret = (struct head_order){ .limit = o->h->next_id };
	int rc = fresh_ids(o, ret->limit, &fresh, &n_fresh);
	if (rc == 0)
		rc = sort_by_labels(o, fresh, n_fresh);
	if (rc != 0)
		return rc;
	ret->ids = xreallocarray(NULL, old->n + n_fresh + 1, sizeof(*ret->ids));
	rc = merge_ids(o, old->ids, old->n, fresh, n_fresh, ret->ids, &n);
	ret->n = (uint32_t)n;
	return rc == 0 ? fill_ranks(o, ret) : rc;
}

/* Brings the order up to date; readers that sort meanwhile go on with the old one. */
static int update_order(struct sorter *o)
{
	struct head *h = o->h;
	struct arena_mark m = arena_mark(o->a);
	struct head_order made;
	h->order.updating = true;
	int rc = make_order(o, &made);
	h->order.updating = false;
	arena_rewind(o->a, m);
	if (rc != 0) {
		free(made.ids);
		free(made.rank);
		return rc;
	}
	head_free_later(h, h->order.ids);
	head_free_later(h, h->order.rank);
	h->order = made;
	return 0;
}

/* Whether so many series are new that the order should know them before a selection of n is sorted. */
static bool wants_update(const struct head *h, size_t n)
{
	uint64_t fresh = h->next_id - h->order.limit;
	return !h->order.updating && n >= ORDER_MIN && n * 16 >= h->n_series && fresh * 16 > h->n_series;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Replaces ids by their ranks; those without one are gone. */
static int to_ranks(struct sorter *o, const struct head_order *k, uint32_t *ids, size_t *n)
{
	size_t kept = 0;
	int rc = 0;
	for (size_t i = 0; i < *n && rc == 0; i++) {
		uint32_t rank = ids[i] < k->first ? UINT32_MAX : k->rank[ids[i] - k->first];
		ids[kept] = rank;
		kept += rank != UINT32_MAX;
		rc = stepped(o, i);
	}
	*n = kept;
	return rc;
}

/* Sorts ranks, which are dense, and replaces them by ids. */
static int sort_marked(struct sorter *o, const struct head_order *k, uint32_t *ids, size_t n)
{
	uint64_t *bits = arena_zalloc(o->a, ((size_t)k->n / 64 + 1) * sizeof(*bits));
	int rc = bits ? 0 : arena_err(o->a, o->err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		bits[ids[i] / 64] |= 1ULL << ids[i] % 64;
		rc = stepped(o, i);
	}
	size_t at = 0;
	for (size_t w = 0; w <= k->n / 64 && rc == 0; w++) {
		for (uint64_t left = bits[w]; left; left &= left - 1)
			ids[at++] = k->ids[w * 64 + (size_t)__builtin_ctzll(left)];
		rc = stepped(o, w * 64 + 63);
	}
	return rc;
}

/* Sorts ids that the order knows. */
static int sort_by_rank(struct sorter *o, uint32_t *ids, size_t *n)
{
	const struct head_order k = o->h->order; /* its arrays outlive this reader, also when they are replaced */
	struct arena_mark m = arena_mark(o->a);
	int rc = to_ranks(o, &k, ids, n);
	if (rc == 0 && k.n / BITMAP_SHARE > *n) {
		qsort(ids, *n, sizeof(*ids), cmp_u32);
		for (size_t i = 0; i < *n; i++)
			ids[i] = k.ids[ids[i]];
	} else if (rc == 0) {
		rc = sort_marked(o, &k, ids, *n);
	}
	arena_rewind(o->a, m);
	return rc;
}

/* Sorts ids of which the last n - known came after the order was made. */
static int sort_with_fresh(struct sorter *o, uint32_t *ids, size_t known, size_t *n)
{
	struct arena_mark m = arena_mark(o->a);
	size_t n_fresh = *n - known;
	uint32_t *out = arena_alloc(o->a, *n * sizeof(*out));
	if (!out)
		return arena_err(o->a, o->err);
	int rc = sort_by_rank(o, ids, &known);
	if (rc == 0)
		rc = sort_by_labels(o, ids + *n - n_fresh, n_fresh);
	if (rc == 0)
		rc = merge_ids(o, ids, known, ids + *n - n_fresh, n_fresh, out, n);
	if (rc == 0)
		memcpy(ids, out, *n * sizeof(*ids));
	arena_rewind(o->a, m);
	return rc;
}

int head_order_sort(struct head_reader *r, uint32_t *ids, size_t *n, struct arena *a, struct err *err)
{
	struct sorter o = { .r = r, .h = r->h, .a = a, .err = err };
	int rc = wants_update(r->h, *n) ? update_order(&o) : 0;
	if (rc != 0)
		return rc;
	size_t known = *n;
	while (known > 0 && ids[known - 1] >= r->h->order.limit)
		known--;
	if (known == *n)
		return sort_by_rank(&o, ids, n);
	/* Finding a place for each new one costs more than sorting all when there are many. */
	return (*n - known) * 8 > *n ? sort_by_labels(&o, ids, *n) : sort_with_fresh(&o, ids, known, n);
}
