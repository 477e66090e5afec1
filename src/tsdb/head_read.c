/* Readers: series by id, their chunks, label names and values, exemplars. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Pieces of memory that closing a reader frees; head_gc frees the rest. */
#define CLOSE_PIECES 4096

struct head_reader *head_reader_open(struct head *h, int64_t mint, int64_t maxt)
{
	struct head_reader *r = xcalloc(1, sizeof(*r));
	r->h = h;
	r->epoch = ++h->epoch;
	/* What was cut into a block is read from there. */
	r->mint = MAX(mint, h->truncated);
	r->asked_mint = mint;
	r->maxt = maxt;
	list_push_back(&h->readers, &r->link);
	return r;
}

void head_reader_close(struct head_reader *r)
{
	if (!r)
		return;
	list_del(&r->link);
	(void)head_limbo_drain(r->h, CLOSE_PIECES);
	free(r);
}

void head_reader_set_checkpoint(struct head_reader *r, int (*fn)(void *arg, struct err *err), void *arg)
{
	r->pause = (struct pause){ .fn = fn, .arg = arg };
}

/* --- a series -------------------------------------------------------------------------- */

/* The view being filled: how many chunks it has room for was counted before. */
struct filler {
	struct head_reader *r;
	struct arena *a;
	struct head_view *v;
};

static bool overlaps(const struct head_reader *r, int64_t mint, int64_t maxt, bool ooo)
{
	return mint <= r->maxt && maxt >= (ooo ? r->asked_mint : r->mint);
}

static void add_chunk(struct head_view *v, int64_t mint, int64_t maxt, struct chunk c, bool ooo)
{
	v->chunks[v->n_chunks++] = (struct head_chunk){ mint, maxt, c, ooo };
}

static int add_closed(struct filler *f, const struct closed_chunk *c, bool ooo, struct err *err)
{
	struct chunk data;
	if (!overlaps(f->r, c->mint, c->maxt, ooo))
		return 0;
	if (!head_closed_data(f->r->h->files, c, &data))
		return err_set(err, ERR_DATA_LOSS, "head chunk file %06u of %s is damaged at %u",
			       (unsigned)(c->ref >> 32), f->r->h->dir, (unsigned)c->ref);
	add_chunk(f->v, c->mint, c->maxt, data, ooo);
	return 0;
}

/* A copy of the open chunk, which goes on growing. */
static int add_open(struct filler *f, struct head_series *s, struct err *err)
{
	bool is_float = series_kind(s) == KIND_FLOAT;
	int64_t first = is_float ? s->t_first : hist_app_stat(s->hist).t_first;
	if (!overlaps(f->r, first, s->app.t, false))
		return 0;
	struct str b = is_float ? xor_app_bytes(&s->app) : hist_app_bytes(s->hist);
	uint8_t enc = is_float ? CHUNK_XOR : hist_app_stat(s->hist).enc;
	char *copy = arena_memdup(f->a, b.p, b.n);
	if (!copy)
		return arena_err(f->a, err);
	add_chunk(f->v, first, s->app.t, (struct chunk){ enc, str_mem(copy, b.n) }, false);
	return 0;
}

static void free_bytes(void *bytes)
{
	free(bytes);
}

/* Takes chunks made from an out-of-order buffer; their bytes go when the arena does. */
struct encoded {
	struct filler *f;
	struct head_chunk *chunks;
	size_t n;
	bool over;
};

static void take_encoded(void *arg, struct closed_chunk c)
{
	struct encoded *e = arg;
	if (e->over || !arena_on_fini(e->f->a, free_bytes, c.bytes)) {
		e->over = true;
		free(c.bytes);
	} else if (overlaps(e->f->r, c.mint, c.maxt, true)) {
		e->chunks[e->n++] = (struct head_chunk){ c.mint, c.maxt, { c.enc, str_mem(c.bytes, c.size) }, true };
	}
}

static int cmp_chunk(const void *a, const void *b)
{
	const struct head_chunk *x = a, *y = b;
	return x->mint != y->mint ? (x->mint > y->mint ? 1 : -1) : (x->maxt > y->maxt) - (x->maxt < y->maxt);
}

static int add_ooo(struct filler *f, struct head_series *s, struct err *err)
{
	struct head_ooo *o = s->ooo;
	size_t first = f->v->n_chunks;
	int rc = 0;
	for (uint32_t i = 0; i < o->n_closed && rc == 0; i++)
		rc = add_closed(f, &o->closed[i].c, true, err);
	if (rc == 0 && o->n) {
		struct encoded e = { .f = f, .chunks = f->v->chunks + f->v->n_chunks };
		head_ooo_encode(o->buf, o->n, take_encoded, &e);
		if (e.over)
			return arena_err(f->a, err);
		f->v->n_chunks += e.n;
	}
	if (rc == 0 && f->v->n_chunks > first + 1)
		qsort(f->v->chunks + first, f->v->n_chunks - first, sizeof(*f->v->chunks), cmp_chunk);
	return rc;
}

static int add_chunks(struct filler *f, struct head_series *s, struct err *err)
{
	/* A buffer of n samples gives at most n chunks. */
	size_t max = s->n_closed + 1 + (s->ooo ? s->ooo->n_closed + s->ooo->n : 0);
	f->v->chunks = arena_alloc(f->a, max * sizeof(*f->v->chunks));
	if (!f->v->chunks)
		return arena_err(f->a, err);
	int rc = 0;
	for (uint32_t i = 0; i < s->n_closed && rc == 0; i++)
		rc = add_closed(f, &s->closed[i], false, err);
	if (rc == 0 && series_open(s))
		rc = add_open(f, s, err);
	if (rc == 0 && s->ooo)
		rc = add_ooo(f, s, err);
	return rc;
}

static int add_deleted(struct filler *f, const struct head_series *s, struct err *err)
{
	const struct head *h = f->r->h;
	size_t n = 0;
	for (size_t i = 0; i < h->tombstones.n; i++)
		n += h->tombstones.p[i].id == s->id;
	f->v->deleted = arena_alloc(f->a, n * sizeof(*f->v->deleted));
	if (!f->v->deleted)
		return arena_err(f->a, err);
	for (size_t i = 0; i < h->tombstones.n; i++) {
		const struct head_tombstone *t = &h->tombstones.p[i];
		if (t->id == s->id)
			f->v->deleted[f->v->n_deleted++] = (struct head_deleted){ t->mint, t->maxt };
	}
	return 0;
}

/* Fills in the chunks of a view and what is deleted in them. */
static int fill_chunks(struct head_reader *r, struct head_series *s, struct arena *a, struct head_view *v,
		       struct err *err)
{
	struct filler f = { r, a, v };
	int rc = add_chunks(&f, s, err);
	if (rc == 0 && (s->app.spare[SPARE_FLAGS] & SERIES_DELETED))
		rc = add_deleted(&f, s, err);
	return rc;
}

int head_reader_series(struct head_reader *r, uint32_t id, bool with_chunks, struct arena *a, struct head_view *ret,
		       struct err *err)
{
	struct head_series *s = head_by_id(r->h, id);
	*ret = (struct head_view){ 0 };
	if (!s)
		return 0;
	struct label *pairs = arena_alloc(a, s->n_labels * sizeof(*pairs));
	if (!pairs)
		return arena_err(a, err);
	ret->labels = head_series_labels(r->h, s, pairs);
	ret->ref = series_ref(s);
	int rc = with_chunks ? fill_chunks(r, s, a, ret, err) : 0;
	return rc != 0 ? rc : 1;
}

int head_reader_chunks(struct head_reader *r, uint32_t id, struct arena *a, struct head_view *ret, struct err *err)
{
	struct head_series *s = head_by_id(r->h, id);
	*ret = (struct head_view){ 0 };
	if (!s)
		return 0;
	ret->ref = series_ref(s);
	int rc = fill_chunks(r, s, a, ret, err);
	return rc != 0 ? rc : 1;
}

/* How many series ahead their slab entries are fetched, and what these point to. */
#define PREFETCH_SERIES 12
#define PREFETCH_PARTS 6

void head_reader_prefetch(const struct head_reader *r, const uint32_t *ids, size_t n)
{
	const struct head *h = r->h;
	if (n > PREFETCH_SERIES) {
		uint32_t id = ids[PREFETCH_SERIES];
		const struct head_slab *slab = (id >> SLAB_BITS) < h->n_slabs ? h->slabs[id >> SLAB_BITS] : NULL;
		if (slab) {
			__builtin_prefetch(&slab->s[id & (SLAB_SERIES - 1)]);
			__builtin_prefetch((const char *)&slab->s[id & (SLAB_SERIES - 1)] + 64);
		}
	}
	if (n > PREFETCH_PARTS) {
		const struct head_series *s = head_by_id(h, ids[PREFETCH_PARTS]);
		if (s) {
			__builtin_prefetch(s->labels);
			__builtin_prefetch((const char *)s->labels + 64);
			__builtin_prefetch(s->closed);
			if (series_kind(s) == KIND_FLOAT) {
				__builtin_prefetch(s->app.buf);
				__builtin_prefetch(s->app.buf + s->app.pos);
			}
		}
	}
}

bool head_reader_has_name(const struct head_reader *r, struct str name)
{
	uint32_t sym = symtab_find(r->h->symtab, name);
	return sym != SYM_NONE && head_postings_name(&r->h->postings, sym) != NULL;
}

/* --- exemplars ------------------------------------------------------------------------------- */

/* The exemplars of one series in the range, oldest first, appended to *ret, which has room for all of the ring. */
static int series_exemplars(struct head_reader *r, uint32_t id, struct arena *a, struct head_exemplar *dst, size_t *n,
			    struct err *err)
{
	struct head *h = r->h;
	struct head_series *s = head_by_id(h, id);
	size_t first = *n;
	/* The ring turns while this pauses: it may give more than it has room for. */
	for (uint32_t at = s ? s->exemplar : 0; at && *n < h->ring_cap; at = h->ring[at - 1].older) {
		const struct ring_exemplar *e = &h->ring[at - 1];
		if (e->t < r->asked_mint || e->t > r->maxt)
			continue;
		char *block = arena_memdup(a, e->labels, e->labels_n);
		struct head_exemplar *x = &dst[(*n)++];
		*x = (struct head_exemplar){ .series_id = id, .t = e->t, .v = e->v };
		if (!block)
			return arena_err(a, err);
		int rc = labels_unpack(str_mem(block, e->labels_n), a, &x->labels, err);
		if (rc != 0)
			return rc;
	}
	for (size_t i = first, k = *n; i + 1 < k; i++) {
		struct head_exemplar t = dst[i];
		dst[i] = dst[--k];
		dst[k] = t;
	}
	return 0;
}

int head_reader_exemplars(struct head_reader *r, struct matcher *const *m, size_t n_m, struct arena *a,
			  struct head_exemplar **ret, size_t *ret_n, struct err *err)
{
	uint32_t *ids;
	size_t n_ids;
	*ret_n = 0;
	int rc = head_reader_select(r, m, n_m, false, a, &ids, &n_ids, err);
	if (rc != 0)
		return rc;
	if (r->h->ring_n == 0)
		return 0;
	*ret = arena_alloc(a, r->h->ring_cap * sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	for (size_t i = 0; i < n_ids && rc == 0; i++) {
		rc = series_exemplars(r, ids[i], a, *ret, ret_n, err);
		if (rc == 0)
			rc = pause_after(&r->pause, 2, err);
	}
	return rc;
}
