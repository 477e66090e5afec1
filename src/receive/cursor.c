#include "receive/cursor.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "loop/fiber.h"
#include "series/shard.h"

#include <stdlib.h>
#include <string.h>

/* A series that is to come: its number in the head or the block, and its labels as they will be shown. */
struct upcoming {
	uint32_t id;
	struct labels labels;
	uint64_t source; /* hash of its own labels: tells series apart that show the same ones */
};

struct cursor {
	struct series_cursor base;
	struct cursor_query q;
	const uint64_t *flushed;  /* the owner's epoch */
	struct head_reader *head; /* one of these two */
	const struct block *block;
	uint64_t tenant;    /* hash of the external labels */
	uint64_t source;    /* of the series being read */
	struct arena arena; /* of the selection */
	/*
	 * Of the series given out: since `epoch`, and before. The last series given out
	 * may be put into a frame after the epoch changed, so each arena outlives one change.
	 */
	struct arena given[2];
	unsigned now; /* given[now] is the newer */
	uint64_t epoch;
	struct upcoming *up;
	size_t n, next;
	VEC(struct series_chunk) chunks;
};

int receive_match_external(struct labels external, struct matcher *const *m, size_t n, struct arena *a,
			   struct matcher ***ret, size_t *ret_n, bool *ret_match, struct err *err)
{
	*ret_match = true;
	*ret_n = 0;
	*ret = arena_array(a, n, sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++) {
		if (!labels_has(external, m[i]->name))
			(*ret)[(*ret_n)++] = m[i];
		else if (!matcher_matches(m[i], labels_get(external, m[i]->name)))
			*ret_match = false;
	}
	return 0;
}

/* --- labels as they are shown -------------------------------------------------------------- */

static bool left_out(struct wire_strs without, struct str name)
{
	for (size_t i = 0; i < without.n; i++)
		if (str_eq(without.p[i], name))
			return true;
	return false;
}

int receive_shown_labels(struct labels own, struct labels ext, struct wire_strs without, struct arena *a,
			 struct labels *ret, struct err *err)
{
	struct label *p = arena_alloc(a, (own.n + ext.n) * sizeof(*p));
	if (!p)
		return arena_err(a, err);
	size_t i = 0, j = 0, n = 0;
	while (i < own.n || j < ext.n) {
		int d = i == own.n ? 1 : j == ext.n ? -1 : str_cmp(own.p[i].name, ext.p[j].name);
		const struct label *l = d < 0 ? &own.p[i] : &ext.p[j];
		i += d <= 0;
		j += d >= 0;
		if (!left_out(without, l->name))
			p[n++] = *l;
	}
	*ret = (struct labels){ p, n };
	return 0;
}

static int by_labels(const void *a, const void *b)
{
	const struct upcoming *x = a, *y = b;
	int d = labels_cmp(x->labels, y->labels);
	return d != 0 ? d : (x->id > y->id) - (x->id < y->id);
}

/* --- opening --------------------------------------------------------------------------------- */

/* The labels of a series as its source has them: 1, or 0 when it is gone. */
static int source_labels(struct cursor *c, uint32_t id, struct arena *a, struct labels *ret, struct err *err)
{
	if (c->block) {
		struct index_series s;
		int rc = index_reader_series(block_index(c->block), id, INT64_MAX, INT64_MIN, a, &s, err);
		*ret = s.labels;
		return rc != 0 ? err_prefix(err, "block %s", block_dir(c->block)) : 1;
	}
	struct head_view v;
	int rc = head_reader_series(c->head, id, false, a, &v, err);
	*ret = v.labels;
	return rc;
}

/* Fills c->up from the ids, in order. Suspends. */
static int list_series(struct cursor *c, const uint32_t *ids, size_t n, struct err *err)
{
	bool sorted = true;
	c->up = arena_alloc(&c->arena, n * sizeof(*c->up));
	if (!c->up)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < n; i++) {
		struct labels own = { NULL, 0 };
		struct arena_mark m = arena_mark(&c->given[0]);
		int rc = i % 1024 == 0 ? co_checkpoint(err) : 0;
		if (rc == 0)
			rc = source_labels(c, ids[i], &c->given[0], &own, err);
		struct upcoming *u = &c->up[c->n];
		if (rc > 0) {
			u->id = ids[i];
			u->source = labels_hash_keyed(own) ^ c->tenant;
			rc = receive_shown_labels(own, c->q.external, c->q.without, &c->arena, &u->labels, err);
			if (rc == 0 && shard_matches(c->q.shard, u->labels)) {
				sorted = sorted && (c->n == 0 || by_labels(u - 1, u) < 0);
				c->n++;
			}
		}
		arena_rewind(&c->given[0], m);
		if (rc < 0)
			return rc;
	}
	/* External labels and left-out ones can change the order that the head gives. */
	if (!sorted)
		qsort(c->up, c->n, sizeof(*c->up), by_labels);
	return 0;
}

/* --- pulling ---------------------------------------------------------------------------------- */

/* Adds one chunk of raw samples. */
static void add_chunk(struct cursor *c, int64_t mint, int64_t maxt, struct chunk chunk)
{
	struct series_chunk *k = vec_push(&c->chunks);
	*k = (struct series_chunk){ .mint = mint, .maxt = maxt, .source = c->source };
	k->part[SERIES_RAW].chunk = chunk;
	if (!c->q.skip_chunks)
		k->part[SERIES_RAW].hash = hash_xx64(chunk.data.p, chunk.data.n);
}

static int add_head_chunks(struct cursor *c, uint32_t id, struct err *err)
{
	struct head_view v;
	int rc = head_reader_series(c->head, id, true, &c->given[c->now], &v, err);
	for (size_t i = 0; rc > 0 && i < v.n_chunks; i++)
		add_chunk(c, v.chunks[i].mint, v.chunks[i].maxt, v.chunks[i].chunk);
	return rc < 0 ? rc : 0;
}

static int add_block_chunks(struct cursor *c, uint32_t id, struct err *err)
{
	struct index_series s;
	int rc = index_reader_series(block_index(c->block), id, c->q.mint, c->q.maxt, &c->given[c->now], &s, err);
	if (rc != 0)
		return err_prefix(err, "block %s", block_dir(c->block));
	struct tombstones deleted = tombstones_of(block_tombstones(c->block), id);
	for (size_t i = 0; i < s.n_chunks && rc == 0; i++) {
		struct chunk chunk = { 0 };
		if (tombstones_cover(deleted, s.chunks[i].mint, s.chunks[i].maxt))
			continue;
		if (!c->q.skip_chunks)
			rc = block_chunk(c->block, s.chunks[i].ref, &chunk, err);
		if (rc == 0)
			add_chunk(c, s.chunks[i].mint, s.chunks[i].maxt, chunk);
	}
	return rc;
}

/* Adds the chunks of one series. */
static int add_chunks(struct cursor *c, const struct upcoming *u, struct err *err)
{
	c->source = u->source;
	return c->block ? add_block_chunks(c, u->id, err) : add_head_chunks(c, u->id, err);
}

static int by_mint(const void *a, const void *b)
{
	return series_chunk_cmp(a, b);
}

/* Lets go of what was handed out before the owner's last flush but one. */
static void release(struct cursor *c)
{
	if (c->epoch == *c->flushed)
		return;
	c->epoch = *c->flushed;
	c->now ^= 1;
	arena_fini(&c->given[c->now]);
}

static int co_next(struct series_cursor *base, struct series *ret, struct err *err)
{
	struct cursor *c = (struct cursor *)base;
	while (c->next < c->n) {
		int rc = c->next % 256 == 0 ? co_checkpoint(err) : 0;
		release(c);
		c->chunks.n = 0;
		struct upcoming *u = &c->up[c->next];
		/* Series that differ only in labels left out are one. */
		do
			rc = rc < 0 ? rc : add_chunks(c, &c->up[c->next++], err);
		while (rc >= 0 && c->next < c->n && labels_eq(u->labels, c->up[c->next].labels));
		if (rc < 0)
			return rc;
		if (c->chunks.n == 0)
			continue;
		if (c->chunks.n > 1)
			qsort(c->chunks.p, c->chunks.n, sizeof(*c->chunks.p), by_mint);
		*ret = (struct series){ u->labels, c->chunks.p, c->q.skip_chunks ? 0 : c->chunks.n };
		return 1;
	}
	return 0;
}

/* The owner frees it later: see the header. */
static void close_cursor(struct series_cursor *base)
{
}

void receive_cursor_free(struct series_cursor *base)
{
	struct cursor *c = (struct cursor *)base;
	if (!c)
		return;
	vec_fini(&c->chunks);
	arena_fini(&c->given[0]);
	arena_fini(&c->given[1]);
	arena_fini(&c->arena);
	free(c);
}

/* The numbers of the series that match: of a head sorted by labels, of a block in its order, which is the same. */
static int select_ids(struct cursor *c, struct postings *ret, struct err *err)
{
	const struct cursor_query *q = &c->q;
	struct block_selection sel;
	uint32_t *ids;
	size_t n;
	int rc;
	if (c->block) {
		rc = block_select(c->block, q->matchers, q->n_matchers, q->mint, q->maxt, &c->arena, &sel, err);
		*ret = sel.postings;
	} else {
		rc = head_reader_select(c->head, q->matchers, q->n_matchers, true, &c->arena, &ids, &n, err);
		if (rc == 0)
			*ret = (struct postings){ ids, n };
	}
	return rc;
}

int co_receive_cursor_open(struct series_cursor **ret, const struct receive_view *view, const struct block *block,
			   const struct cursor_query *q, const uint64_t *epoch, struct budget *budget, struct err *err)
{
	struct cursor *c = xcalloc(1, sizeof(*c));
	*c = (struct cursor){
		.base = { co_next, close_cursor }, .q = *q, .flushed = epoch, .epoch = *epoch, .block = block
	};
	c->head = block ? NULL : view->head;
	c->tenant = labels_hash_keyed(q->external);
	arena_init(&c->arena, budget);
	arena_init(&c->given[0], budget);
	arena_init(&c->given[1], budget);
	struct postings ids;
	int rc = select_ids(c, &ids, err);
	if (rc == 0)
		rc = list_series(c, ids.p, ids.n, err);
	if (rc != 0) {
		receive_cursor_free(&c->base);
		return rc;
	}
	*ret = &c->base;
	return 0;
}
