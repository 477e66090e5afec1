#include "receive/names.h"

#include "base/sort.h"
#include "loop/fiber.h"
#include "tsdb/block_labels.h"

#include <stdlib.h>
#include <string.h>

/* Least number of strings that are merged at a time. */
#define MORE_MIN 256

/* What comparing two strings is in units of work (base/pause.h). */
#define STRING_WORK 8

/* Lets others run. Suspends. */
static int checkpoint(void *arg, struct err *err)
{
	return co_checkpoint(err);
}

void name_set_init(struct name_set *s, struct arena *a)
{
	*s = (struct name_set){ .a = a, .pause = { .fn = checkpoint } };
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int by_number(void *strings, uint32_t x, uint32_t y)
{
	const struct str *v = strings;
	return str_cmp(v[x], v[y]);
}

/* Merges sorted strings, in which repeats may follow each other, with those of the set: one array for both. Suspends. */
static int co_merge(struct name_set *s, const struct str *v, const uint32_t *order, size_t n, struct err *err)
{
	struct str *out = arena_alloc(s->a, (s->n + n) * sizeof(*out));
	size_t i = 0, j = 0, k = 0;
	int rc = out ? 0 : arena_err(s->a, err);
	while (rc == 0 && (i < s->n || j < n)) {
		struct str x = { NULL, 0 };
		int d = -1;
		if (j < n)
			x = v[order ? order[j] : j];
		if (j < n)
			d = i < s->n ? str_cmp(s->p[i], x) : 1;
		struct str least = d <= 0 ? s->p[i] : x;
		i += d <= 0;
		j += d >= 0;
		if (k == 0 || !str_eq(out[k - 1], least))
			out[k++] = least;
		rc = pause_after(&s->pause, STRING_WORK, err);
	}
	if (rc == 0) {
		s->p = out;
		s->n = k;
	}
	return rc;
}

/* Merges what was added since. Suspends. */
static int co_flush(struct name_set *s, struct err *err)
{
	uint32_t *order = NULL;
	size_t n = s->n_more;
	int rc = 0;
	if (n && s->unsorted) {
		order = arena_alloc(s->a, n * sizeof(*order));
		if (!order)
			return arena_err(s->a, err);
		for (size_t i = 0; i < n; i++)
			order[i] = (uint32_t)i;
		rc = sort_numbers(order, n, by_number, s->more, STRING_WORK, &s->pause, s->a, err);
	}
	if (n && rc == 0)
		rc = co_merge(s, s->more, order, n, err);
	s->n_more = 0;
	s->unsorted = false;
	return rc;
}

/* Room for another string: many are merged at a time when many are there, so that all of it stays linear. Suspends. */
static int co_make_room(struct name_set *s, struct err *err)
{
	int rc = s->n_more ? co_flush(s, err) : 0;
	if (rc != 0 || (s->cap_more && s->n <= s->cap_more))
		return rc;
	size_t cap = MAX(s->n, (size_t)MORE_MIN);
	s->more = arena_alloc(s->a, cap * sizeof(*s->more));
	s->cap_more = s->more ? cap : 0;
	return s->more ? 0 : arena_err(s->a, err);
}

int co_name_set_add(struct name_set *s, struct str v, struct err *err)
{
	struct str last = s->n_more ? s->more[s->n_more - 1] : (struct str){ NULL, 0 };
	int d = s->n_more ? str_cmp(last, v) : -1;
	/* Repeats come from series one after the other. */
	if (d == 0 || (s->n && bsearch(&v, s->p, s->n, sizeof(*s->p), by_bytes)))
		return pause_after(&s->pause, STRING_WORK, err);
	int rc = s->n_more == s->cap_more ? co_make_room(s, err) : 0;
	if (rc != 0)
		return rc;
	char *copy = arena_memdup(s->a, v.p, v.n);
	if (!copy)
		return arena_err(s->a, err);
	s->unsorted = s->n_more && (s->unsorted || d > 0);
	s->more[s->n_more++] = str_mem(copy, v.n);
	return pause_after(&s->pause, STRING_WORK, err);
}

int co_name_set_merge(struct name_set *s, const struct str *v, size_t n, struct err *err)
{
	int rc = co_flush(s, err);
	if (rc != 0 || n == 0)
		return rc;
	if (s->n)
		return co_merge(s, v, NULL, n, err);
	s->p = (struct str *)(uintptr_t)v; /* never written to */
	s->n = n;
	return 0;
}

int co_name_set_finish(struct name_set *s, int64_t limit, struct err *err)
{
	int rc = co_flush(s, err);
	if (limit > 0 && s->n > (uint64_t)limit)
		s->n = (size_t)limit;
	return rc;
}

/* --- the view ---------------------------------------------------------------------------------- */

/* Suspends. */
static int put(void *arg, struct str v, struct err *err)
{
	return co_name_set_add(arg, v, err);
}

int co_receive_names(const struct receive_view *v, struct str label, struct matcher *const *m, size_t n_m,
		     struct name_set *out, struct err *err)
{
	struct str *p = NULL;
	size_t n = 0;
	struct block_label_sink sink = { .arg = out, .put = put, .checkpoint = checkpoint };
	int rc = 0;
	if (v->in_head)
		rc = label.n ? head_reader_label_values(v->head, label, m, n_m, out->a, &p, &n, err)
			     : head_reader_label_names(v->head, m, n_m, out->a, &p, &n, err);
	if (rc == 0)
		rc = co_name_set_merge(out, p, n, err);
	for (size_t i = 0; i < v->n_blocks && rc == 0; i++) {
		rc = block_label_strings(v->blocks[i]->block, label, m, n_m, &sink, out->a->budget, err);
		if (rc == 0)
			rc = co_checkpoint(err);
	}
	return rc;
}
