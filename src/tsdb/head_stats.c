/* Figures of a head and the lists of its status page. */
#include "tsdb/head_int.h"

#include "base/compiler.h"

#include <stdlib.h>

static uint64_t memory(const struct head *h)
{
	uint64_t n = head_postings_memory(&h->postings) + h->closed_bytes;
	n += (h->order.n + (uint64_t)(h->order.limit - h->order.first)) * sizeof(uint32_t);
	n += head_keys_memory(h);
	n += h->n_slabs * sizeof(*h->slabs) + h->n_series * (sizeof(struct head_slab) / SLAB_SERIES);
	return n + h->ring_cap * sizeof(*h->ring);
}

static struct head_log_stats log_stats(const struct wal_writer_stats *s, struct wal_pos at)
{
	return (struct head_log_stats){
		.segment = at.segment,
		.bytes = s->bytes,
		.writes = s->writes,
		.parts = s->parts,
		.part_bytes = s->part_bytes,
		.saved_bytes = s->saved_bytes,
	};
}

/* Time of the exemplar whose place the next one takes. */
static int64_t oldest_exemplar(const struct head *h)
{
	if (h->ring_n == 0)
		return 0;
	return h->ring[h->ring[h->ring_next].labels ? h->ring_next : 0].t;
}

void head_stats(const struct head *h, struct head_stats *ret)
{
	*ret = (struct head_stats){
		.series = h->n_series,
		.series_created = h->n_created,
		.series_removed = h->n_removed,
		.samples = h->n_samples,
		.histograms = h->n_hists,
		.ooo_samples = h->n_ooo,
		.ooo_histograms = h->n_ooo_hists,
		.ooo_delays = h->ooo_delays,
		.chunks = h->n_open + h->n_closed,
		.chunks_removed = h->n_chunks_removed,
		.chunks_filed = h->n_chunks_filed,
		.label_pairs = h->postings.n_pairs,
		.exemplars = h->ring_n,
		.exemplar_series = h->ring_series,
		.exemplars_appended = h->n_exemplars,
		.oldest_exemplar = oldest_exemplar(h),
		.memory_bytes = memory(h),
		.wal_bytes = h->wal_stats.bytes,
		.wbl_bytes = h->wbl_stats.bytes,
		.wal = log_stats(&h->wal_stats, h->wal_pos),
		.wbl = log_stats(&h->wbl_stats, h->wbl_pos),
		.chunk_file_bytes = head_chunks_size(h->files),
		.min_time = h->mint,
		.max_time = h->maxt,
		.ooo_min_time = h->ooo_mint,
		.ooo_max_time = h->ooo_maxt,
	};
	memcpy(ret->refused, h->refused, sizeof(ret->refused));
	memcpy(ret->refused_histograms, h->refused_hists, sizeof(ret->refused_histograms));
}

/* --- top lists ------------------------------------------------------------------------------ */

/* The `limit` largest rows seen, as a heap with the smallest on top. */
struct top {
	struct row {
		uint64_t value;
		uint32_t name, pair; /* symbols; pair SYM_NONE: the name alone */
	} * rows;
	size_t n, limit;
};

static bool row_less(const struct row *a, const struct row *b)
{
	return a->value != b->value ? a->value < b->value : a->name > b->name;
}

static void sift_down(struct top *t, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < t->n; k++) {
			if (row_less(&t->rows[k], &t->rows[least]))
				least = k;
		}
		if (least == i)
			return;
		struct row x = t->rows[i];
		t->rows[i] = t->rows[least];
		t->rows[least] = x;
		i = least;
	}
}

static void top_add(struct top *t, struct row r)
{
	if (t->limit == 0)
		return;
	if (t->n == t->limit) {
		if (row_less(&t->rows[0], &r)) {
			t->rows[0] = r;
			sift_down(t, 0);
		}
		return;
	}
	size_t i = t->n++;
	t->rows[i] = r;
	for (; i && row_less(&t->rows[i], &t->rows[(i - 1) / 2]); i = (i - 1) / 2) {
		struct row x = t->rows[i];
		t->rows[i] = t->rows[(i - 1) / 2];
		t->rows[(i - 1) / 2] = x;
	}
}

static int cmp_row(const void *a, const void *b)
{
	return row_less(a, b) ? 1 : row_less(b, a) ? -1 : 0;
}

/* Rows, largest first, with their strings copied to the arena. */
static int top_finish(struct head *h, struct top *t, struct arena *a, struct head_top **ret, size_t *ret_n,
		      struct err *err)
{
	if (t->n)
		qsort(t->rows, t->n, sizeof(*t->rows), cmp_row);
	*ret = arena_array(a, t->n, sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	for (size_t i = 0; i < t->n; i++) {
		struct str name = symtab_get(h->symtab, t->rows[i].name);
		struct str value = t->rows[i].pair == SYM_NONE ? STR("") : symtab_get(h->symtab, t->rows[i].pair);
		char *s = t->rows[i].pair == SYM_NONE ? arena_memdup(a, name.p, name.n)
						      : arena_printf(a, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
		if (!s)
			return arena_err(a, err);
		(*ret)[i] =
			(struct head_top){ str_mem(s, name.n + (t->rows[i].pair ? value.n + 1 : 0)), t->rows[i].value };
	}
	*ret_n = t->n;
	return 0;
}

enum { BY_METRIC, VALUES, BYTES, BY_PAIR, LISTS };

/* Adds what one label name, the entry `e`, gives. */
static int count_name(struct head_reader *r, const struct posting_list *e, uint32_t metric, struct top *tops,
		      struct err *err)
{
	const struct head_postings *p = &r->h->postings;
	uint32_t name = e->name;
	uint64_t bytes = 0, values = 0;
	int rc = 0;
	for (uint32_t i = e->next; rc == 0 && i;) {
		const struct posting_list *l = head_postings_at(p, i);
		i = l->next;
		if (l->n == 0)
			continue;
		values++;
		bytes += (uint64_t)symtab_get(r->h->symtab, l->value).n * l->n;
		if (name == metric)
			top_add(&tops[BY_METRIC], (struct row){ l->n, l->value, SYM_NONE });
		top_add(&tops[BY_PAIR], (struct row){ l->n, name, l->value });
		rc = pause_after(&r->pause, 4, err);
	}
	if (values) {
		top_add(&tops[VALUES], (struct row){ values, name, SYM_NONE });
		top_add(&tops[BYTES], (struct row){ bytes, name, SYM_NONE });
	}
	return rc;
}

static int count_all(struct head_reader *r, struct str metric_label, struct top *tops, struct err *err)
{
	const struct head_postings *p = &r->h->postings;
	uint32_t metric = symtab_find(r->h->symtab, metric_label);
	int rc = 0;
	for (uint32_t i = p->first_name; rc == 0 && i; i = head_postings_at(p, i)->next_name)
		rc = count_name(r, head_postings_at(p, i), metric, tops, err);
	return rc;
}

int head_top(struct head_reader *r, struct str metric_label, size_t limit, struct arena *a, struct head_top_lists *ret,
	     struct err *err)
{
	struct top tops[LISTS];
	*ret = (struct head_top_lists){ 0 };
	for (size_t i = 0; i < LISTS; i++) {
		tops[i] = (struct top){ .limit = limit, .rows = arena_array(a, limit, sizeof(struct row)) };
		if (!tops[i].rows)
			return arena_err(a, err);
	}
	r->h->walking++;
	int rc = count_all(r, metric_label, tops, err);
	r->h->walking--;
	if (rc == 0)
		rc = top_finish(r->h, &tops[BY_METRIC], a, &ret->series_by_metric, &ret->n_series_by_metric, err);
	if (rc == 0)
		rc = top_finish(r->h, &tops[VALUES], a, &ret->values_by_label, &ret->n_values_by_label, err);
	if (rc == 0)
		rc = top_finish(r->h, &tops[BYTES], a, &ret->bytes_by_label, &ret->n_bytes_by_label, err);
	if (rc == 0)
		rc = top_finish(r->h, &tops[BY_PAIR], a, &ret->series_by_pair, &ret->n_series_by_pair, err);
	return rc;
}
