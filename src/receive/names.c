#include "receive/names.h"

#include "loop/fiber.h"
#include "tsdb/block_labels.h"

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

/* --- the view ---------------------------------------------------------------------------------- */

static int put(void *arg, struct str v, struct err *err)
{
	return name_set_add(arg, v, err);
}

/* Lets others run. Suspends. */
static int checkpoint(void *arg, struct err *err)
{
	return co_checkpoint(err);
}

/* Whether the head has samples in the view's range, as Prometheus looks at it: outside of it there are no names. */
static bool in_head(const struct receive_view *v)
{
	struct head_stats st;
	head_stats(receive_db_head(v->db), &st);
	return MIN(st.min_time, st.ooo_min_time) <= v->maxt && MAX(st.max_time, st.ooo_max_time) >= v->mint;
}

int co_receive_names(const struct receive_view *v, struct str label, struct matcher *const *m, size_t n_m,
		     struct name_set *out, struct err *err)
{
	struct str *p;
	size_t n = 0;
	struct block_label_sink sink = { .arg = out, .put = put, .checkpoint = checkpoint };
	int rc = 0;
	if (in_head(v))
		rc = label.n ? head_reader_label_values(v->head, label, m, n_m, out->a, &p, &n, err)
			     : head_reader_label_names(v->head, m, n_m, out->a, &p, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = name_set_add(out, p[i], err);
	for (size_t i = 0; i < v->n_blocks && rc == 0; i++) {
		rc = block_label_strings(v->blocks[i]->block, label, m, n_m, &sink, out->a->budget, err);
		if (rc == 0)
			rc = co_checkpoint(err);
	}
	return rc;
}
