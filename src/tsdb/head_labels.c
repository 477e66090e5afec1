/*
 * Readers: label names and values. Of all series, or of those that match: then, as in a block (tsdb/block_labels.h), either the
 * series are looked at, or the lists of values until each has met one of them.
 */
#include "tsdb/head_int.h"

#include "base/sort.h"
#include "tsdb/postings.h"

/* About what things cost, in ns: a series with its labels, a list, an element of a list. */
#define COST_SERIES 64
#define COST_LIST 8

/* Most names are met at once, so that most elements are not looked at. */
#define SHARE_OF_NAMES 4

/* Elements between two pauses, and what comparing two strings is in units of work. */
#define STEP 4096
#define STRING_WORK 8

/* A call under way. */
struct lookup {
	struct head_reader *r;
	struct head *h;
	struct arena *a;
	struct err *err;
	struct refs found; /* symbols */
	uint32_t *ids;     /* of the series that match */
	size_t n_ids;
	uint64_t *bits; /* the same, below limit */
	uint32_t limit;
};

static int worked(struct lookup *l, size_t work)
{
	return pause_after(&l->r->pause, work, l->err);
}

static int find(struct lookup *l, uint32_t symbol)
{
	int rc = refs_reserve(&l->found, 1, l->err);
	if (rc == 0)
		l->found.p[l->found.n++] = symbol;
	return rc;
}

/* --- of all series ------------------------------------------------------------------------ */

static int all_values(struct lookup *l, const struct posting_list *e)
{
	int rc = 0;
	for (uint32_t i = e->next; i && rc == 0;) {
		const struct posting_list *p = head_postings_at(&l->h->postings, i);
		i = p->next;
		if (p->n)
			rc = find(l, p->value);
		if (rc == 0)
			rc = worked(l, 2);
	}
	return rc;
}

static int all_names(struct lookup *l)
{
	const struct head_postings *p = &l->h->postings;
	int rc = 0;
	for (uint32_t i = p->first_name; i && rc == 0; i = head_postings_at(p, i)->next_name) {
		rc = find(l, head_postings_at(p, i)->name);
		if (rc == 0)
			rc = worked(l, 2);
	}
	return rc;
}

/* --- by series ------------------------------------------------------------------------------ */

/* Names (name SYM_NONE) or values of `name` among the series: distinct symbols, through a bitmap. */
static int by_series(struct lookup *l, uint32_t name)
{
	uint32_t limit = symtab_limit(l->h->symtab);
	uint64_t *seen = arena_zalloc(l->a, ((size_t)limit / 64 + 1) * sizeof(*seen));
	int rc = seen ? 0 : arena_err(l->a, l->err);
	for (size_t i = 0; i < l->n_ids && rc == 0; i++) {
		const struct head_series *s = head_by_id(l->h, l->ids[i]);
		for (size_t k = 0; s && k < s->n_labels && rc == 0; k++) {
			uint32_t sym = s->labels[2 * k];
			if (name != SYM_NONE && sym != name)
				continue;
			sym = name != SYM_NONE ? s->labels[2 * k + 1] : sym;
			if (sym >= limit || seen[sym / 64] >> sym % 64 & 1)
				continue;
			seen[sym / 64] |= 1ULL << sym % 64;
			rc = find(l, sym);
		}
		if (rc == 0)
			rc = worked(l, s ? s->n_labels : 1);
	}
	return rc;
}

/* --- by lists -------------------------------------------------------------------------------- */

static int mark_ids(struct lookup *l)
{
	int rc = 0;
	l->limit = l->n_ids ? l->ids[l->n_ids - 1] + 1 : 0;
	l->bits = arena_zalloc(l->a, ((size_t)l->limit / 64 + 1) * sizeof(*l->bits));
	if (!l->bits)
		return arena_err(l->a, l->err);
	for (size_t i = 0; i < l->n_ids && rc == 0; i++) {
		l->bits[l->ids[i] / 64] |= 1ULL << l->ids[i] % 64;
		if (i % STEP == STEP - 1)
			rc = worked(l, STEP);
	}
	return rc;
}

/* How many of the ids come before one that is marked. */
static uint32_t unmarked(const struct lookup *l, const uint32_t *ids, uint32_t n)
{
	uint32_t i = 0;
	while (i < n && !(ids[i] < l->limit && l->bits[ids[i] / 64] >> ids[i] % 64 & 1))
		i++;
	return i;
}

/* Whether one of the list's series matches: 1, 0, or an error. The list is read as it is now. */
static int touches(struct lookup *l, struct posting_list list)
{
	for (uint32_t at = 0; at < list.n;) {
		uint32_t n;
		const uint32_t *ids = posting_run(&list, at, &n);
		n = MIN(n, STEP);
		uint32_t first = unmarked(l, ids, n);
		int rc = worked(l, first + COST_LIST);
		if (rc < 0 || first < n)
			return rc < 0 ? rc : 1;
		at += n;
	}
	return 0;
}

static int values_by_lists(struct lookup *l, const struct posting_list *e)
{
	int rc = 0;
	for (uint32_t i = e->next; i && rc >= 0;) {
		const struct posting_list *p = head_postings_at(&l->h->postings, i);
		uint32_t value = p->value;
		i = p->next;
		rc = touches(l, *p);
		if (rc == 1)
			rc = find(l, value);
	}
	return rc;
}

static int names_by_lists(struct lookup *l)
{
	const struct head_postings *p = &l->h->postings;
	int rc = 0;
	for (uint32_t i = p->first_name; i && rc >= 0; i = head_postings_at(p, i)->next_name) {
		const struct posting_list *e = head_postings_at(p, i);
		rc = 0;
		for (uint32_t k = e->next; k && rc == 0; k = head_postings_at(p, k)->next)
			rc = touches(l, *head_postings_at(p, k));
		if (rc == 1)
			rc = find(l, e->name);
	}
	return rc;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int of_matching(struct lookup *l, struct matcher *const *m, size_t n_m, const struct posting_list *e)
{
	const struct head_postings *p = &l->h->postings;
	int rc = head_reader_select(l->r, m, n_m, false, l->a, &l->ids, &l->n_ids, l->err);
	if (rc != 0)
		return rc;
	uint64_t lists = e ? (uint64_t)e->n * COST_LIST + l->h->n_series : p->n_ids / SHARE_OF_NAMES;
	if (l->n_ids * COST_SERIES <= lists)
		return by_series(l, e ? e->name : SYM_NONE);
	rc = mark_ids(l);
	if (rc == 0)
		rc = e ? values_by_lists(l, e) : names_by_lists(l);
	return MIN(rc, 0);
}

static int cmp_symbols(void *symtab, uint32_t x, uint32_t y)
{
	return str_cmp(symtab_get(symtab, x), symtab_get(symtab, y));
}

/* Copies the strings of what was found into the arena, sorted. */
static int give(struct lookup *l, struct str **ret, size_t *ret_n)
{
	size_t n = l->found.n;
	struct str *v = arena_alloc(l->a, n * sizeof(*v));
	if (!v)
		return arena_err(l->a, l->err);
	int rc = sort_numbers(l->found.p, n, cmp_symbols, l->h->symtab, STRING_WORK, &l->r->pause, l->a, l->err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct str s = symtab_get(l->h->symtab, l->found.p[i]);
		char *copy = arena_memdup(l->a, s.p, s.n);
		if (!copy)
			return arena_err(l->a, l->err);
		v[i] = str_mem(copy, s.n);
		rc = worked(l, STRING_WORK);
	}
	*ret = v;
	*ret_n = rc == 0 ? n : 0;
	return rc;
}

static int label_strings(struct head_reader *r, const struct posting_list *e, struct matcher *const *m, size_t n_m,
			 struct arena *a, struct str **ret, size_t *ret_n, struct err *err)
{
	struct lookup l = { .r = r, .h = r->h, .a = a, .err = err, .found = { .a = a } };
	int rc;
	*ret_n = 0;
	r->h->walking++; /* until their strings are copied */
	if (n_m)
		rc = of_matching(&l, m, n_m, e);
	else
		rc = e ? all_values(&l, e) : all_names(&l);
	if (rc == 0)
		rc = give(&l, ret, ret_n);
	r->h->walking--;
	return rc;
}

int head_reader_label_names(struct head_reader *r, struct matcher *const *m, size_t n_m, struct arena *a,
			    struct str **ret, size_t *ret_n, struct err *err)
{
	return label_strings(r, NULL, m, n_m, a, ret, ret_n, err);
}

int head_reader_label_values(struct head_reader *r, struct str name, struct matcher *const *m, size_t n_m,
			     struct arena *a, struct str **ret, size_t *ret_n, struct err *err)
{
	uint32_t sym = symtab_find(r->h->symtab, name);
	const struct posting_list *e = sym == SYM_NONE ? NULL : head_postings_name(&r->h->postings, sym);
	*ret = NULL;
	*ret_n = 0;
	return e ? label_strings(r, e, m, n_m, a, ret, ret_n, err) : 0;
}
