/* Matchers to ids: the head as a source for tsdb/select.h. */
#include "tsdb/head_int.h"
#include "tsdb/head_order.h"
#include "tsdb/select.h"

_Static_assert(POSTINGS_SEGMENT == HEAD_POSTINGS_SEGMENT, "segments are lent as they are");

/* Series that are there between two pauses. */
#define STEP 4096

static int source_all(void *src, struct refs *out, struct err *err)
{
	struct head_reader *r = src;
	uint32_t limit = r->h->next_id;
	int rc = refs_reserve(out, r->h->n_series, err);
	for (uint32_t id = 0; id < limit && rc == 0; id++) {
		/* Room may run out: new series come, others have gone, while this pauses. */
		if (out->n == out->cap)
			rc = refs_reserve(out, 1, err);
		if (rc != 0)
			break;
		out->p[out->n] = id;
		out->n += head_by_id(r->h, id) != NULL;
		if (id % STEP == STEP - 1)
			rc = pause_after(&r->pause, STEP, err);
	}
	return rc;
}

/* Gives a list as it is, but for ids that lie in the table itself, which may change: these are appended. */
static int give(const struct posting_list *l, struct refs *out, struct postings_list *ret, struct err *err)
{
	if (l->cap > HEAD_POSTINGS_SEGMENT) {
		*ret = (struct postings_list){ .segments = (const uint32_t *const *)l->segments, .n = l->n };
		return 0;
	}
	if (l->cap) {
		*ret = (struct postings_list){ .p = l->p, .n = l->n };
		return 0;
	}
	int rc = refs_reserve(out, l->n, err);
	for (uint32_t i = 0; i < l->n && rc == 0; i++)
		out->p[out->n++] = l->in[i];
	return rc;
}

static int source_get(void *src, struct str name, struct str value, struct refs *out, struct postings_list *ret,
		      struct err *err)
{
	const struct head *h = ((struct head_reader *)src)->h;
	uint32_t n = symtab_find(h->symtab, name), v = symtab_find(h->symtab, value);
	const struct posting_list *l = n == SYM_NONE || v == SYM_NONE ? NULL : head_postings_find(&h->postings, n, v);
	return l ? give(l, out, ret, err) : 0;
}

/* A walk: `at` is the number of the next list, `own` the current one. The prefix is not made use of: values have no order. */
static int source_values(void *src, struct str name, struct str prefix, struct postings_values *ret, struct err *err)
{
	const struct head *h = ((struct head_reader *)src)->h;
	uint32_t n = symtab_find(h->symtab, name);
	const struct posting_list *e = n == SYM_NONE ? NULL : head_postings_name(&h->postings, n);
	*ret = (struct postings_values){ .at = e ? e->next : 0 };
	return 0;
}

static int source_next(void *src, struct postings_values *it, struct str *ret, struct err *err)
{
	const struct head *h = ((struct head_reader *)src)->h;
	while (it->at) {
		struct posting_list *l = head_postings_at(&h->postings, (uint32_t)it->at);
		it->at = l->next;
		it->own = l;
		if (l->n == 0)
			continue; /* it went meanwhile */
		*ret = symtab_get(h->symtab, l->value);
		return 1;
	}
	return 0;
}

static int source_current(void *src, struct postings_values *it, struct refs *out, struct postings_list *ret,
			  struct err *err)
{
	return give(it->own, out, ret, err);
}

/* The ids that pass, ascending. */
static int select_ids(struct head_reader *r, struct matcher *const *m, size_t n_m, struct arena *a,
		      struct postings *ret, struct err *err)
{
	static const struct postings_source_ops ops = { source_all, source_get, source_values, source_next,
							source_current };
	struct postings_source s = { .ops = &ops, .src = r, .limit = r->h->next_id, .pause = &r->pause };
	return postings_for_matchers(&s, m, n_m, a, ret, err);
}

int head_reader_select(struct head_reader *r, struct matcher *const *m, size_t n_m, bool sorted, struct arena *a,
		       uint32_t **ret_ids, size_t *ret_n, struct err *err)
{
	struct postings got = { NULL, 0 };
	r->h->walking++;
	int rc = select_ids(r, m, n_m, a, &got, err);
	*ret_ids = (uint32_t *)(uintptr_t)got.p; /* in `a`: ours */
	*ret_n = got.n;
	if (rc == 0 && sorted && got.n > 1)
		rc = head_order_sort(r, *ret_ids, ret_n, a, err);
	r->h->walking--;
	return rc;
}
