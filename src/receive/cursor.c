#include "receive/cursor.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/sort.h"
#include "base/vec.h"
#include "loop/fiber.h"
#include "series/shard.h"

#include <stdlib.h>
#include <string.h>

/*
 * Sources have their series in the order of their own labels. Labels that are added to all of them keep that order but in one
 * case: of {a} and {a,b}, the latter comes first when a label after b is added. Such series are held back while others
 * go first, so nothing is listed. Where labels are replaced or left out, the numbers of all series are sorted beforehand by what
 * they will show, which is read anew for each comparison: runs that stay in order, and most are, cost one.
 */

/* Comparing two series by what they show, in units of work (base/pause.h). */
#define SHOWN_WORK 64

/* A series that was read ahead. */
struct ahead {
	bool there;
	uint32_t id;
	struct index_series s; /* own labels; of a block also the chunks in the range */
	struct arena arena;
	struct arena_mark empty; /* of `arena`, its first block kept */
};

/* Memory that each series read ahead keeps. */
#define AHEAD_BYTES 4096

struct cursor {
	struct series_cursor base;
	struct cursor_query q;
	const uint64_t *flushed;  /* the owner's epoch */
	struct head_reader *head; /* one of these two */
	const struct block *block;
	uint64_t tenant;    /* hash of the external labels */
	uint64_t source;    /* of the series being read */
	bool shown_apart;   /* no two series of the tenant show the same labels */
	struct arena arena; /* of the selection */
	struct pause pause;
	/*
	 * Of the series given out: since `epoch`, and before. The last series given out
	 * may be put into a frame after the epoch changed, so each arena outlives one change.
	 */
	struct arena given[2];
	unsigned now; /* given[now] is the newer */
	uint64_t epoch;
	struct postings ids;         /* in the order in which they are read */
	size_t n, next;              /* of ids */
	struct str added;            /* the last in order of the names that are added; empty for none */
	struct ahead ahead[2], back; /* two in a row, and one that was held back */
	unsigned at;                 /* ahead[at] is the next one */
	VEC(uint32_t) held;          /* series that wait for others, the last first */
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

/* str_cmp, decided by the first byte where that is possible. */
static inline int name_cmp(struct str a, struct str b)
{
	return a.n && b.n && a.p[0] != b.p[0] ? (unsigned char)a.p[0] - (unsigned char)b.p[0] : str_cmp(a, b);
}

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
		int d = i == own.n ? 1 : j == ext.n ? -1 : name_cmp(own.p[i].name, ext.p[j].name);
		const struct label *l = d < 0 ? &own.p[i] : &ext.p[j];
		i += d <= 0;
		j += d >= 0;
		if (!left_out(without, l->name))
			p[n++] = *l;
	}
	*ret = (struct labels){ p, n };
	return 0;
}

/* --- in the order of what is shown -------------------------------------------------------- */

/* What a series will show, while series are sorted. */
struct shown {
	uint32_t id; /* UINT32_MAX: nothing yet */
	struct labels labels;
	struct arena arena;
	struct arena_mark empty;
};

/* A sort under way: the last two series that were compared, for one of them is compared again. */
struct by_shown {
	struct cursor *c;
	struct shown last[2];
	int rc; /* of the first failure */
	struct err *err;
};

/* The labels of a series as its source has them; none when it is gone. */
static int source_labels(struct cursor *c, uint32_t id, struct arena *a, struct labels *ret, struct err *err)
{
	if (c->block) {
		struct index_series s;
		int rc = index_reader_series(block_index(c->block), id, INT64_MAX, INT64_MIN, a, &s, err);
		*ret = s.labels;
		return rc != 0 ? err_prefix(err, "block %s", block_dir(c->block)) : 0;
	}
	struct head_view v;
	int rc = head_reader_series(c->head, id, false, a, &v, err);
	*ret = v.labels;
	return MIN(rc, 0);
}

static void read_shown(struct by_shown *b, struct shown *s, uint32_t id)
{
	struct labels own = { NULL, 0 };
	if (s->id == id || b->rc != 0)
		return;
	arena_rewind(&s->arena, s->empty);
	s->id = id;
	b->rc = source_labels(b->c, id, &s->arena, &own, b->err);
	if (b->rc == 0)
		b->rc = receive_shown_labels(own, b->c->q.external, b->c->q.without, &s->arena, &s->labels, b->err);
}

static int cmp_shown(void *arg, uint32_t x, uint32_t y)
{
	struct by_shown *b = arg;
	unsigned at = b->last[1].id == x || b->last[0].id == y;
	read_shown(b, &b->last[at], x);
	read_shown(b, &b->last[!at], y);
	int d = b->rc == 0 ? labels_cmp(b->last[at].labels, b->last[!at].labels) : 0;
	return d != 0 ? d : (x > y) - (x < y);
}

/* Sorts the numbers of series by the labels that will be shown. Suspends. */
static int sort_shown(struct cursor *c, struct err *err)
{
	struct by_shown b = { .c = c, .err = err };
	for (size_t i = 0; i < 2; i++) {
		b.last[i].id = UINT32_MAX;
		arena_init(&b.last[i].arena, c->arena.budget);
		(void)arena_reserve(&b.last[i].arena, AHEAD_BYTES);
		b.last[i].empty = arena_mark(&b.last[i].arena);
	}
	uint32_t *ids = (uint32_t *)(uintptr_t)c->ids.p; /* in c->arena */
	int rc = sort_numbers(ids, c->n, cmp_shown, &b, SHOWN_WORK, &c->pause, &c->arena, err);
	arena_fini(&b.last[0].arena);
	arena_fini(&b.last[1].arena);
	return b.rc != 0 ? b.rc : rc;
}

/* Whether series of the source may have a label of this name themselves. */
static bool has_name(const struct cursor *c, struct str name)
{
	if (c->block)
		return index_table_name(index_reader_table(block_index(c->block)), name) != NULL;
	return head_reader_has_name(c->head, name);
}

/* Whether labels are only added, none replaced or left out: then c->added is set. */
static bool only_adds(struct cursor *c)
{
	for (size_t i = 0; i < c->q.without.n; i++)
		if (has_name(c, c->q.without.p[i]))
			return false;
	for (size_t i = 0; i < c->q.external.n; i++) {
		struct str name = c->q.external.p[i].name;
		if (left_out(c->q.without, name))
			continue;
		if (has_name(c, name))
			return false;
		c->added = name; /* they are sorted */
	}
	return true;
}

/* --- in the source's order ------------------------------------------------------------------- */

/* Reads the own labels of a series: 1, or 0 when it is gone. */
static int read_ahead(struct cursor *c, uint32_t id, struct ahead *a, struct err *err)
{
	struct head_view v;
	int rc;
	arena_rewind(&a->arena, a->empty);
	a->id = id;
	if (c->block) {
		rc = index_reader_series(block_index(c->block), id, c->q.mint, c->q.maxt, &a->arena, &a->s, err);
		rc = rc != 0 ? err_prefix(err, "block %s", block_dir(c->block)) : 1;
	} else {
		rc = head_reader_series(c->head, id, false, &a->arena, &v, err);
		a->s.labels = v.labels;
	}
	a->there = rc > 0;
	return rc;
}

/* Reads the next series that is there; at the end `there` is false. Suspends. */
static int move_on(struct cursor *c, struct err *err)
{
	struct ahead *a = &c->ahead[c->at];
	int rc = 0;
	a->there = false;
	while (rc == 0 && c->next < c->n) {
		rc = c->next % 256 == 0 ? co_checkpoint(err) : 0;
		if (rc == 0 && c->head)
			head_reader_prefetch(c->head, c->ids.p + c->next, c->n - c->next);
		if (rc == 0)
			rc = read_ahead(c, c->ids.p[c->next++], a, err);
	}
	return rc < 0 ? rc : 0;
}

/* Whether series `b`, which follows `a` in the source, is shown before it. */
static bool goes_first(const struct cursor *c, struct labels b, struct labels a)
{
	return b.n > a.n && c->added.n && labels_eq((struct labels){ b.p, a.n }, a) &&
	       str_cmp(b.p[a.n].name, c->added) < 0;
}

/* The series held back last, when it is its turn: 1, else 0. */
static int take_held(struct cursor *c, const struct ahead *next, struct err *err)
{
	while (c->held.n) {
		int rc = read_ahead(c, *vec_last(&c->held), &c->back, err);
		if (rc > 0 && next->there && goes_first(c, next->s.labels, c->back.s.labels))
			return 0;
		c->held.n--;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The next series in the order in which they are shown: 1, or 0 at the end. It stays until the next call. Suspends. */
static int pull_ahead(struct cursor *c, struct ahead **ret, struct err *err)
{
	int rc = take_held(c, &c->ahead[c->at], err);
	*ret = &c->back;
	while (rc == 0 && c->ahead[c->at].there) {
		struct ahead *cur = &c->ahead[c->at], *next = &c->ahead[!c->at];
		c->at = !c->at;
		rc = move_on(c, err);
		if (rc != 0)
			return rc;
		*ret = cur;
		if (!next->there || !goes_first(c, next->s.labels, cur->s.labels))
			return 1;
		*vec_push(&c->held) = cur->id;
	}
	return rc;
}

/* --- chunks ------------------------------------------------------------------------------------ */

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
	int rc = head_reader_chunks(c->head, id, &c->given[c->now], &v, err);
	for (size_t i = 0; rc > 0 && i < v.n_chunks; i++)
		add_chunk(c, v.chunks[i].mint, v.chunks[i].maxt, v.chunks[i].chunk);
	return rc < 0 ? rc : 0;
}

static int add_block_chunks(struct cursor *c, uint32_t id, const struct index_series *s, struct err *err)
{
	struct tombstones deleted = tombstones_of(block_tombstones(c->block), id);
	int rc = 0;
	for (size_t i = 0; i < s->n_chunks && rc == 0; i++) {
		struct chunk chunk = { 0 };
		if (tombstones_cover(deleted, s->chunks[i].mint, s->chunks[i].maxt))
			continue;
		if (!c->q.skip_chunks)
			rc = block_chunk(c->block, s->chunks[i].ref, &chunk, err);
		if (rc == 0)
			add_chunk(c, s->chunks[i].mint, s->chunks[i].maxt, chunk);
	}
	return rc;
}

/* Adds the chunks of a series that was read ahead. */
static int add_read(struct cursor *c, const struct ahead *a, struct err *err)
{
	c->source = c->shown_apart ? c->tenant : labels_hash_keyed(a->s.labels) ^ c->tenant;
	return c->block ? add_block_chunks(c, a->id, &a->s, err) : add_head_chunks(c, a->id, err);
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

/* Hands out what was gathered. Returns 1. */
static int give(struct cursor *c, struct labels labels, struct series *ret)
{
	if (c->chunks.n > 1)
		qsort(c->chunks.p, c->chunks.n, sizeof(*c->chunks.p), by_mint);
	*ret = (struct series){ labels, c->chunks.p, c->q.skip_chunks ? 0 : c->chunks.n };
	return 1;
}

/* Adds the chunks of the series that was read, then reads the next one; *ret says whether it shows the same labels. Suspends. */
static int add_and_move(struct cursor *c, struct labels shown, bool *ret, struct err *err)
{
	struct ahead *a = &c->ahead[c->at];
	struct labels next;
	int rc = add_read(c, a, err);
	if (rc == 0)
		rc = move_on(c, err);
	*ret = false;
	if (rc != 0 || !a->there)
		return rc;
	rc = receive_shown_labels(a->s.labels, c->q.external, c->q.without, &a->arena, &next, err);
	*ret = rc == 0 && labels_eq(shown, next);
	return rc;
}

static int co_next_sorted(struct series_cursor *base, struct series *ret, struct err *err)
{
	struct cursor *c = (struct cursor *)base;
	struct ahead *a = &c->ahead[c->at];
	while (a->there) {
		struct labels shown;
		bool same = true;
		release(c);
		c->chunks.n = 0;
		int rc = receive_shown_labels(a->s.labels, c->q.external, c->q.without, &c->given[c->now], &shown, err);
		if (rc == 0 && !shard_matches(c->q.shard, shown)) {
			rc = move_on(c, err);
			same = false;
		}
		/* Series that differ only in labels left out are one. */
		while (rc == 0 && same)
			rc = add_and_move(c, shown, &same, err);
		if (rc != 0)
			return rc;
		if (c->chunks.n)
			return give(c, shown, ret);
	}
	return 0;
}

static int co_next_in_order(struct series_cursor *base, struct series *ret, struct err *err)
{
	struct cursor *c = (struct cursor *)base;
	struct ahead *a;
	int rc;
	while ((rc = pull_ahead(c, &a, err)) > 0) {
		struct labels shown;
		release(c);
		c->chunks.n = 0;
		rc = receive_shown_labels(a->s.labels, c->q.external, c->q.without, &c->given[c->now], &shown, err);
		if (rc == 0 && shard_matches(c->q.shard, shown))
			rc = add_read(c, a, err);
		if (rc < 0)
			return rc;
		if (c->chunks.n)
			return give(c, shown, ret);
	}
	return rc;
}

void receive_cursors_simplify(struct series_cursor *const *cursors, size_t n)
{
	bool apart = true;
	for (size_t i = 0; i < n; i++)
		apart &= cursors[i]->co_next == co_next_in_order;
	for (size_t i = 0; i < n; i++)
		((struct cursor *)cursors[i])->shown_apart = apart;
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
	vec_fini(&c->held);
	arena_fini(&c->ahead[0].arena);
	arena_fini(&c->ahead[1].arena);
	arena_fini(&c->back.arena);
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
		rc = block_select_pausing(c->block, q->matchers, q->n_matchers, q->mint, q->maxt, &c->pause, &c->arena,
					  &sel, err);
		*ret = sel.postings;
	} else {
		rc = head_reader_select(c->head, q->matchers, q->n_matchers, true, &c->arena, &ids, &n, err);
		if (rc == 0)
			*ret = (struct postings){ ids, n };
	}
	return rc;
}

static void ahead_init(struct ahead *a, struct budget *budget)
{
	arena_init(&a->arena, budget);
	(void)arena_reserve(&a->arena, AHEAD_BYTES);
	a->empty = arena_mark(&a->arena);
}

/* Lets others run. Suspends. */
static int checkpoint(void *arg, struct err *err)
{
	return co_checkpoint(err);
}

static struct cursor *cursor_new(const struct receive_view *view, const struct block *block,
				 const struct cursor_query *q, const uint64_t *epoch, struct budget *budget)
{
	struct cursor *c = xcalloc(1, sizeof(*c));
	*c = (struct cursor){ .q = *q, .flushed = epoch, .epoch = *epoch, .block = block };
	c->base.close = close_cursor;
	c->pause.fn = checkpoint;
	c->head = block ? NULL : view->head;
	c->tenant = labels_hash_keyed(q->external);
	arena_init(&c->arena, budget);
	arena_init(&c->given[0], budget);
	arena_init(&c->given[1], budget);
	ahead_init(&c->ahead[0], budget);
	ahead_init(&c->ahead[1], budget);
	ahead_init(&c->back, budget);
	return c;
}

int co_receive_cursor_open(struct series_cursor **ret, const struct receive_view *view, const struct block *block,
			   const struct cursor_query *q, const uint64_t *epoch, struct budget *budget, struct err *err)
{
	struct cursor *c = cursor_new(view, block, q, epoch, budget);
	int rc = select_ids(c, &c->ids, err);
	c->n = c->ids.n;
	bool in_order = only_adds(c);
	c->base.co_next = in_order ? co_next_in_order : co_next_sorted;
	if (rc == 0 && !in_order)
		rc = sort_shown(c, err);
	if (rc == 0)
		rc = move_on(c, err);
	if (rc != 0) {
		receive_cursor_free(&c->base);
		return rc;
	}
	*ret = &c->base;
	return 0;
}
