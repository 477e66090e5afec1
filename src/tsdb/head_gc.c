/* Truncation: what blocks hold by now goes from memory, a piece at a time. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum gc_stage { GC_SERIES, GC_KEYS, GC_POSTINGS, GC_EMPTIED, GC_SLABS, GC_FILES, GC_DONE };

bool head_cut_due(const struct head *h, int64_t *ret_mint, int64_t *ret_maxt)
{
	int64_t range = h->cfg.chunk_range_ms;
	if (h->mint == INT64_MAX || h->maxt == INT64_MIN || h->maxt - h->mint <= range / 2 * 3)
		return false;
	*ret_mint = MAX(h->truncated, block_end(h->mint, range) - range);
	*ret_maxt = block_end(h->mint, range);
	return true;
}

void head_truncate(struct head *h, int64_t mint)
{
	if (mint <= h->truncated)
		return;
	h->truncated = mint;
	h->truncate_epoch = h->epoch;
	h->min_valid_time = MAX(h->min_valid_time, mint);
	h->min_valid = MAX(h->min_valid, mint);
	if (h->mint < mint)
		h->mint = mint;
	if (h->maxt != INT64_MIN && h->maxt < mint)
		h->maxt = mint;
	h->gc_due = true;
	h->gc_stage = GC_SERIES;
	h->gc_at = 0;
	/* Samples that come while the collection runs are not older than this. */
	h->gc_mint = h->maxt == INT64_MIN ? INT64_MAX : h->maxt - h->cfg.chunk_range_ms / 2;
	h->gc_removed = 0;
	h->live_refs.n = 0;
	h->live_from = h->next_ref;
}

/* --- series ------------------------------------------------------------------------------ */

static void drop_closed(struct head *h, struct head_series *s)
{
	uint32_t drop = 0;
	while (drop < s->n_closed && s->closed[drop].maxt < h->truncated) {
		struct closed_chunk *c = &s->closed[drop++];
		if (!c->in_file) {
			h->closed_bytes -= c->size;
			h->unflushed_bytes -= c->size;
			head_chunk_free_later(h, c);
		}
	}
	if (drop == 0)
		return;
	h->n_closed -= drop;
	h->n_chunks_removed += drop;
	s->n_closed -= drop;
	struct closed_chunk *left = s->n_closed ? xmalloc(head_closed_room(s->n_closed) * sizeof(*left)) : NULL;
	if (left)
		memcpy(left, s->closed + drop, s->n_closed * sizeof(*left));
	free(s->closed);
	s->closed = left;
}

/* The open chunk goes when its series has fallen silent before the truncation. */
static void drop_open(struct head *h, struct head_series *s)
{
	if (!series_open(s) || s->app.t >= h->truncated)
		return;
	s->app.spare[SPARE_FLAGS] &= (uint8_t)~SERIES_OPEN;
	h->n_open--;
	h->n_chunks_removed++;
	piece_free(s->app.buf); /* readers hold copies */
	s->app.buf = NULL;
	hist_app_free(s->hist);
	s->hist = NULL;
}

static void remove_series(struct head *h, struct head_series *s)
{
	*vec_push(&h->removed) = (struct head_removed){ series_ref(s), h->wal_pos.segment };
	h->ring_series -= s->exemplar != 0;
	head_series_free_later(h, s);
	head_key_forget(h, s->id);
	memset(s, 0, sizeof(*s));
	h->n_series--;
	h->n_removed++;
	h->gc_removed++;
}

static int64_t oldest_time(const struct head_series *s)
{
	if (s->n_closed)
		return s->closed[0].mint;
	if (!series_open(s))
		return INT64_MAX;
	return series_kind(s) == KIND_FLOAT ? s->t_first : hist_app_stat(s->hist).t_first;
}

static void visit(struct head *h, struct head_series *s)
{
	drop_closed(h, s);
	drop_open(h, s);
	if (!series_open(s) && s->n_closed == 0 && !s->ooo) {
		remove_series(h, s);
		return;
	}
	h->gc_mint = MIN(h->gc_mint, oldest_time(s));
	*vec_push(&h->live_refs) = series_ref(s);
}

/* --- stages ------------------------------------------------------------------------------- */

static bool is_dead(void *h, uint32_t id)
{
	return !head_by_id(h, id);
}

/* Removing a series costs as much as looking at so many. */
#define REMOVAL 32

static void gc_series(struct head *h, size_t budget)
{
	size_t work = 0;
	for (; h->gc_at < h->next_id && work < budget; h->gc_at++, work++) {
		struct head_series *s = head_by_id(h, (uint32_t)h->gc_at);
		if (!s)
			continue;
		uint64_t removed = h->gc_removed;
		visit(h, s);
		work += (h->gc_removed - removed) * REMOVAL;
	}
	if (h->gc_at < h->next_id)
		return;
	h->gc_at = 0;
	h->gc_stage = h->gc_removed ? GC_KEYS : GC_SLABS;
	bool any = h->live_refs.n > 0 && h->gc_mint != INT64_MAX;
	h->mint = any ? MAX(h->gc_mint, h->truncated) : INT64_MAX;
}

static void gc_keys(struct head *h, size_t budget)
{
	for (size_t work = 0; h->gc_at < KEY_SHARDS && work < budget; h->gc_at++) {
		work += h->shards[h->gc_at].cap + 1;
		head_shard_sweep(h, &h->shards[h->gc_at]);
	}
	if (h->gc_at < KEY_SHARDS)
		return;
	h->gc_at = 0;
	h->gc_stage = GC_POSTINGS;
	head_postings_sweep_begin(&h->postings);
}

static void gc_postings(struct head *h, size_t budget)
{
	if (head_postings_sweep(&h->postings, budget, is_dead, h))
		h->gc_stage = GC_EMPTIED;
}

/* The lists that became empty go when nobody is left who may stand at one. */
static int gc_emptied(struct head *h, size_t budget)
{
	if (h->gc_at == 0 && h->walking)
		return HEAD_GC_WAIT;
	h->gc_at = 1;
	if (head_postings_reuse(&h->postings, budget / 4 + 1)) {
		h->gc_at = 0;
		h->gc_stage = GC_SLABS;
	}
	return 1;
}

static bool slab_empty(const struct head_slab *slab)
{
	for (uint32_t k = 0; k < SLAB_SERIES; k++) {
		if (slab->s[k].labels)
			return false;
	}
	return true;
}

/* Frees slabs of which nothing is left. The one in use stays. */
static void gc_slabs(struct head *h, size_t budget)
{
	for (size_t work = 0; h->gc_at < h->next_id >> SLAB_BITS && work < budget; h->gc_at++) {
		struct head_slab **slab = &h->slabs[h->gc_at];
		work += SLAB_SERIES;
		if (*slab && slab_empty(*slab)) {
			free(*slab);
			*slab = NULL;
		}
	}
	if (h->gc_at >= h->next_id >> SLAB_BITS)
		h->gc_stage = GC_FILES;
}

/* What only the whole of the head can tell. */
static void gc_files(struct head *h)
{
	size_t n = 0;
	for (size_t i = 0; i < h->tombstones.n; i++) {
		if (h->tombstones.p[i].maxt >= h->truncated && head_by_id(h, h->tombstones.p[i].id))
			h->tombstones.p[n++] = h->tombstones.p[i];
	}
	h->tombstones.n = n;
	h->files_first_needed = head_chunks_forget(h->files, h->truncated, head_unmap_later, h);
	h->gc_stage = GC_DONE;
	h->gc_due = false;
}

static bool old_readers(const struct head *h)
{
	return !list_empty(&h->readers) &&
	       list_entry(h->readers.next, struct head_reader, link)->epoch <= h->truncate_epoch;
}

int head_gc(struct head *h, size_t budget)
{
	if (head_limbo_drain(h, budget / 8 + 1))
		return 1;
	if (!h->gc_due)
		return 0;
	if (h->flush || old_readers(h))
		return HEAD_GC_WAIT;
	switch ((enum gc_stage)h->gc_stage) {
	case GC_SERIES:
		gc_series(h, budget);
		return 1;
	case GC_KEYS:
		gc_keys(h, budget);
		return 1;
	case GC_POSTINGS:
		gc_postings(h, budget);
		return 1;
	case GC_EMPTIED:
		return gc_emptied(h, budget);
	case GC_SLABS:
		gc_slabs(h, budget);
		return 1;
	case GC_FILES:
		gc_files(h);
		return 0;
	case GC_DONE:
		break;
	}
	return 0;
}
