#include "receive/names.h"

#include "loop/fiber.h"

#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_unique(struct name_set *s)
{
	size_t kept = 0;
	if (s->n)
		qsort(s->p, s->n, sizeof(*s->p), by_bytes);
	for (size_t i = 0; i < s->n; i++)
		if (kept == 0 || !str_eq(s->p[kept - 1], s->p[i]))
			s->p[kept++] = s->p[i];
	s->n = s->sorted = kept;
}

/* Whether the string is among those that are sorted already. */
static bool is_known(const struct name_set *s, struct str v)
{
	return s->sorted && bsearch(&v, s->p, s->sorted, sizeof(*s->p), by_bytes);
}

static int grow(struct name_set *s, struct err *err)
{
	/* Repeats first: many series have the same strings. */
	if (s->n > s->sorted)
		sort_unique(s);
	if (s->n <= s->cap / 2 && s->cap)
		return 0;
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct str *p = arena_alloc(s->a, cap * sizeof(*p));
	if (!p)
		return arena_err(s->a, err);
	if (s->n)
		memcpy(p, s->p, s->n * sizeof(*p));
	s->p = p;
	s->cap = cap;
	return 0;
}

int name_set_add(struct name_set *s, struct str v, struct err *err)
{
	if (is_known(s, v))
		return 0;
	if (s->n == s->cap) {
		int rc = grow(s, err);
		if (rc != 0)
			return rc;
	}
	char *copy = arena_memdup(s->a, v.p, v.n);
	if (!copy)
		return arena_err(s->a, err);
	s->p[s->n++] = str_mem(copy, v.n);
	return 0;
}

void name_set_finish(struct name_set *s, int64_t limit)
{
	sort_unique(s);
	if (limit > 0 && s->n > (uint64_t)limit)
		s->n = (size_t)limit;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* All names, or all values of a label, from the table of postings. */
static int from_table(const struct block *b, struct str label, struct name_set *out, struct err *err)
{
	const struct index_table *t = index_reader_table(block_index(b));
	int rc = 0;
	if (label.n == 0) {
		for (uint32_t i = 0; i < t->n_names && rc == 0; i++)
			if (t->names[i].name.n)
				rc = name_set_add(out, t->names[i].name, err);
		return rc;
	}
	const struct index_name *n = index_table_name(t, label);
	for (uint32_t i = 0; n && i < n->n && rc == 0; i++)
		rc = name_set_add(out, index_table_entry(t, n->first + i).value, err);
	return rc;
}

static int add_of_series(struct labels l, struct str label, struct name_set *out, struct err *err)
{
	int rc = 0;
	if (label.n) {
		struct str v = labels_get(l, label);
		return v.n ? name_set_add(out, v, err) : 0;
	}
	for (size_t i = 0; i < l.n && rc == 0; i++)
		rc = name_set_add(out, l.p[i].name, err);
	return rc;
}

/* Of the series that match. Suspends. */
static int from_series(const struct block *b, struct str label, struct matcher *const *m, size_t n_m,
		       struct name_set *out, struct err *err)
{
	struct block_selection sel;
	struct arena a;
	arena_init(&a, out->a->budget);
	int rc = block_select(b, m, n_m, INT64_MIN, INT64_MAX, &a, &sel, err);
	for (size_t i = 0; rc == 0 && i < sel.postings.n; i++) {
		struct arena_mark mark = arena_mark(&a);
		struct index_series s;
		rc = i % 256 == 0 ? co_checkpoint(err) : 0;
		if (rc == 0) /* labels only: no chunk is in that range */
			rc = index_reader_series(block_index(b), sel.postings.p[i], INT64_MAX, INT64_MIN, &a, &s, err);
		if (rc == 0)
			rc = add_of_series(s.labels, label, out, err);
		arena_rewind(&a, mark);
	}
	arena_fini(&a);
	return rc;
}

/* --- the view ---------------------------------------------------------------------------------- */

int co_receive_names(const struct receive_view *v, struct str label, struct matcher *const *m, size_t n_m,
		     struct name_set *out, struct err *err)
{
	struct str *p;
	size_t n = 0;
	int rc = label.n ? head_reader_label_values(v->head, label, m, n_m, out->a, &p, &n, err)
			 : head_reader_label_names(v->head, m, n_m, out->a, &p, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = name_set_add(out, p[i], err);
	for (size_t i = 0; i < v->n_blocks && rc == 0; i++) {
		const struct block *b = v->blocks[i]->block;
		rc = n_m ? from_series(b, label, m, n_m, out, err) : from_table(b, label, out, err);
		if (rc == 0)
			rc = co_checkpoint(err);
	}
	return rc;
}
