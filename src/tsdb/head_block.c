/* Blocks from the head: reads memory and head chunk files only, so a forked child can do it. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "tsdb/block_writer.h"

#include <stdio.h>
#include <stdlib.h>

/* A sample on its way into a chunk. */
struct point {
	int64_t t;
	double v;
	const struct histogram *h; /* NULL: a float */
};

/* One block being cut. */
struct cutter {
	struct head *h;
	struct head_reader *r;
	int64_t mint, maxt; /* mint <= t < maxt */
	bool ooo;
	uint64_t mark; /* out of order: chunks up to this one */
	uint32_t *ids; /* sorted by labels */
	size_t n_ids;
	struct arena ids_arena;
	struct arena a; /* of one series */
	VEC(struct point) points;
	VEC(struct block_chunk_in) chunks;
	struct block_writer *w;
	struct err *err;
};

/* --- samples to chunks --------------------------------------------------------------------- */

static int emit(struct cutter *c, int64_t mint, int64_t maxt, uint8_t enc, struct str bytes)
{
	char *copy = arena_memdup(&c->a, bytes.p, bytes.n);
	if (!copy)
		return arena_err(&c->a, c->err);
	*vec_push(&c->chunks) = (struct block_chunk_in){ mint, maxt, { enc, str_mem(copy, bytes.n) } };
	return 0;
}

/* Floats from the front of p as one chunk of at most CHUNK_SAMPLES. Returns how many, or an error. */
static int64_t encode_floats(struct cutter *c, const struct point *p, size_t n)
{
	uint8_t buf[CHUNK_SAMPLES * 20 + 64 + XOR_ROOM];
	struct xor_app app;
	xor_app_init(&app, buf, sizeof(buf));
	size_t i = 0;
	for (; i < n && i < CHUNK_SAMPLES && !p[i].h; i++) {
		bool done = xor_append(&app, p[i].t, p[i].v);
		CHECK(done);
	}
	int rc = emit(c, p[0].t, p[i - 1].t, CHUNK_XOR, xor_app_bytes(&app));
	return rc < 0 ? rc : (int64_t)i;
}

/* Histograms of one form from the front of p as one chunk. Returns how many, or an error. */
static int64_t encode_hists(struct cutter *c, struct hist_app *app, const struct point *p, size_t n)
{
	size_t i = 0;
	for (; i < n && p[i].h && p[i].h->is_float == p[0].h->is_float; i++) {
		struct hist_app_stat st = hist_app_stat(app);
		bool full = st.n >= CHUNK_HIST_SAMPLES && st.size_bytes >= CHUNK_HIST_BYTES;
		if (full || hist_app_append(app, p[i].t, p[i].h) == HIST_NEW_CHUNK)
			break;
	}
	CHECK(i > 0);
	int rc = emit(c, p[0].t, p[i - 1].t, hist_app_stat(app).enc, hist_app_bytes(app));
	hist_app_begin(app);
	return rc < 0 ? rc : (int64_t)i;
}

/* Encodes c->points (sorted) as chunks. */
static int encode_points(struct cutter *c)
{
	struct hist_app *apps[2] = { NULL, NULL };
	const struct point *p = c->points.p;
	size_t n = c->points.n;
	int64_t rc = 0;
	while (n && rc >= 0) {
		struct hist_app **app = p->h ? &apps[p->h->is_float] : NULL;
		if (app && !*app)
			*app = hist_app_new(p->h->is_float);
		rc = app ? encode_hists(c, *app, p, n) : encode_floats(c, p, n);
		p += rc > 0 ? rc : 0;
		n -= rc > 0 ? (size_t)rc : 0;
	}
	hist_app_free(apps[0]);
	hist_app_free(apps[1]);
	c->points.n = 0;
	return rc < 0 ? (int)rc : 0;
}

static bool deleted(const struct head_view *v, int64_t t)
{
	for (size_t i = 0; i < v->n_deleted; i++) {
		if (t >= v->deleted[i].mint && t <= v->deleted[i].maxt)
			return true;
	}
	return false;
}

/* Adds the chunk's samples in the block's range to c->points. */
static int add_points(struct cutter *c, const struct head_view *v, struct chunk chunk)
{
	struct chunk_cols cols;
	int rc = chunk_decode_range(chunk, c->mint, c->maxt - 1, &c->a, &cols, c->err);
	for (size_t i = 0; i < cols.n && rc == 0; i++) {
		if (deleted(v, cols.t[i]))
			continue;
		*vec_push(&c->points) = (struct point){ cols.t[i], cols.v ? cols.v[i] : 0, cols.h ? &cols.h[i] : NULL };
	}
	return rc;
}

/* --- one series ------------------------------------------------------------------------------- */

/* Chunks in order: whole ones as they are, others through their samples. */
static int in_order(struct cutter *c, const struct head_view *v)
{
	int rc = 0;
	for (size_t i = 0; i < v->n_chunks && rc == 0; i++) {
		const struct head_chunk *k = &v->chunks[i];
		if (k->ooo)
			continue;
		if (k->mint >= c->mint && k->maxt < c->maxt && v->n_deleted == 0) {
			*vec_push(&c->chunks) = (struct block_chunk_in){ k->mint, k->maxt, k->chunk };
			continue;
		}
		rc = add_points(c, v, k->chunk);
		if (rc == 0)
			rc = encode_points(c);
	}
	return rc;
}

static int cmp_point(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	return (x->t > y->t) - (x->t < y->t);
}

/* Marked chunks out of order: their samples, sorted, one per time. */
static int out_of_order(struct cutter *c, const struct head_series *s)
{
	const struct head_view none = { 0 };
	int rc = 0;
	for (uint32_t i = 0; s->ooo && i < s->ooo->n_closed && rc == 0; i++) {
		const struct ooo_chunk *k = &s->ooo->closed[i];
		struct chunk chunk;
		if (k->seq > c->mark || k->c.mint >= c->maxt || k->c.maxt < c->mint)
			continue;
		if (!head_closed_data(c->h->files, &k->c, &chunk))
			return err_set(c->err, ERR_DATA_LOSS, "head chunk file of %s is damaged", c->h->dir);
		rc = add_points(c, &none, chunk);
	}
	if (rc != 0 || c->points.n == 0)
		return rc;
	qsort(c->points.p, c->points.n, sizeof(*c->points.p), cmp_point);
	size_t n = 1;
	for (size_t i = 1; i < c->points.n; i++) {
		if (c->points.p[i].t != c->points.p[n - 1].t)
			c->points.p[n++] = c->points.p[i];
	}
	c->points.n = n;
	return encode_points(c);
}

/* The series' chunks for the block, in c->chunks; labels in *ret. */
static int series_chunks(struct cutter *c, uint32_t id, struct labels *ret)
{
	struct head_view v;
	c->chunks.n = 0;
	int rc = head_reader_series(c->r, id, !c->ooo, &c->a, &v, c->err);
	if (rc <= 0)
		return rc;
	*ret = v.labels;
	return c->ooo ? out_of_order(c, head_by_id(c->h, id)) : in_order(c, &v);
}

/* --- the block ---------------------------------------------------------------------------------- */

static bool range_overlaps(const struct cutter *c, int64_t mint, int64_t maxt)
{
	return mint < c->maxt && maxt >= c->mint;
}

/* Whether the series has a chunk that overlaps the block. */
static bool has_data(const struct cutter *c, const struct head_series *s)
{
	if (c->ooo) {
		for (uint32_t i = 0; s->ooo && i < s->ooo->n_closed; i++) {
			const struct ooo_chunk *k = &s->ooo->closed[i];
			if (k->seq <= c->mark && range_overlaps(c, k->c.mint, k->c.maxt))
				return true;
		}
		return false;
	}
	for (uint32_t i = 0; i < s->n_closed; i++) {
		if (range_overlaps(c, s->closed[i].mint, s->closed[i].maxt))
			return true;
	}
	if (!series_open(s))
		return false;
	int64_t first = series_kind(s) == KIND_FLOAT ? s->t_first : hist_app_stat(s->hist).t_first;
	return range_overlaps(c, first, s->app.t);
}

/* The series of the block, sorted by labels, and their symbols. */
static int choose(struct cutter *c, struct block_symbols *symbols)
{
	size_t n = 0;
	struct arena_mark m;
	int rc = head_reader_select(c->r, NULL, 0, true, &c->ids_arena, &c->ids, &c->n_ids, c->err);
	if (rc == 0)
		rc = block_symbols_add(symbols, STR(""), c->err);
	for (size_t i = 0; i < c->n_ids && rc == 0; i++) {
		const struct head_series *s = head_by_id(c->h, c->ids[i]);
		if (!s || !has_data(c, s))
			continue;
		c->ids[n++] = c->ids[i];
		m = arena_mark(&c->a);
		struct label *pairs = arena_alloc(&c->a, s->n_labels * sizeof(*pairs));
		rc = pairs ? block_symbols_add_labels(symbols, head_series_labels(c->h, s, pairs), c->err)
			   : arena_err(&c->a, c->err);
		arena_rewind(&c->a, m);
	}
	c->n_ids = n;
	return rc;
}

/* Writes all series; *ret_n counts those that had samples. */
static int write_series(struct cutter *c, size_t *ret_n)
{
	int rc = 0;
	for (size_t i = 0; i < c->n_ids && rc == 0; i++) {
		struct arena_mark m = arena_mark(&c->a);
		struct labels l;
		rc = series_chunks(c, c->ids[i], &l);
		if (rc == 0 && c->chunks.n) {
			rc = block_writer_series(c->w, l, c->chunks.p, c->chunks.n, c->err);
			++*ret_n;
		}
		arena_rewind(&c->a, m);
	}
	return rc;
}

static int write_parts(struct cutter *c, const char *dir, const struct ulid *ulid, size_t *ret_n)
{
	struct block_symbols symbols;
	block_symbols_init(&symbols, NULL);
	int rc = choose(c, &symbols);
	if (rc == 0 && c->n_ids > 0) {
		rc = block_writer_open(dir, ulid, 0, &c->w, c->err);
		if (rc == 0)
			rc = block_symbols_write(&symbols, c->w, c->err);
		if (rc == 0)
			rc = write_series(c, ret_n);
	}
	block_symbols_fini(&symbols);
	return rc;
}

/* Writes the block that `c` describes. *ret is zeroed when it would be empty. */
static int cut(struct cutter *c, const char *dir, struct head_block *ret)
{
	struct ulid ulid = ulid_make(sys_now_ms());
	size_t n = 0;
	*ret = (struct head_block){ .mint = c->mint, .maxt = c->maxt };
	c->r = head_reader_open(c->h, c->mint, c->maxt - 1);
	arena_init(&c->a, NULL);
	arena_init(&c->ids_arena, NULL);
	int rc = write_parts(c, dir, &ulid, &n);
	if (rc == 0 && n > 0) {
		struct str hint = STR("from-out-of-order");
		struct block_meta meta = { .ulid = ulid,
					   .mint = c->mint,
					   .maxt = c->maxt,
					   .compaction = { .level = 1,
							   .sources = &ulid,
							   .n_sources = 1,
							   .hints = &hint,
							   .n_hints = c->ooo } };
		rc = block_writer_finish(c->w, &meta, (struct tombstones){ 0 }, c->err);
		c->w = NULL;
		ulid_format(&ulid, ret->ulid);
		ret->series = meta.stats.series;
		ret->samples = meta.stats.samples;
		ret->chunks = meta.stats.chunks;
	}
	block_writer_abort(c->w);
	head_reader_close(c->r);
	arena_fini(&c->a);
	arena_fini(&c->ids_arena);
	vec_fini(&c->points);
	vec_fini(&c->chunks);
	return rc;
}

int head_write_block(struct head *h, const char *blocks_dir, int64_t mint, int64_t maxt, struct head_block *ret,
		     struct err *err)
{
	struct cutter c = { .h = h, .mint = mint, .maxt = maxt, .err = err };
	return cut(&c, blocks_dir, ret);
}

/* The range of marked chunks; false when there are none. */
static bool marked_range(const struct head *h, uint64_t mark, int64_t *ret_mint, int64_t *ret_maxt)
{
	*ret_mint = INT64_MAX;
	*ret_maxt = INT64_MIN;
	for (size_t i = 0; i < h->ooo_ids.n; i++) {
		const struct head_series *s = head_by_id(h, h->ooo_ids.p[i]);
		for (uint32_t k = 0; s && s->ooo && k < s->ooo->n_closed; k++) {
			if (s->ooo->closed[k].seq > mark)
				continue;
			*ret_mint = MIN(*ret_mint, s->ooo->closed[k].c.mint);
			*ret_maxt = MAX(*ret_maxt, s->ooo->closed[k].c.maxt);
		}
	}
	return *ret_mint <= *ret_maxt;
}

static bool any_in_range(const struct cutter *c)
{
	for (size_t i = 0; i < c->h->ooo_ids.n; i++) {
		const struct head_series *s = head_by_id(c->h, c->h->ooo_ids.p[i]);
		if (s && has_data(c, s))
			return true;
	}
	return false;
}

int head_ooo_write_blocks(struct head *h, uint64_t mark, const char *blocks_dir, struct arena *a,
			  struct head_block **ret, size_t *ret_n, struct err *err)
{
	int64_t mint, maxt, range = h->cfg.chunk_range_ms;
	VEC(struct head_block) blocks = { 0 };
	int rc = 0;
	*ret_n = 0;
	if (!marked_range(h, mark, &mint, &maxt))
		return 0;
	for (int64_t end = block_end(mint, range); end - range <= maxt && rc == 0; end += range) {
		struct head_block b;
		struct cutter c = { .h = h, .mint = end - range, .maxt = end, .ooo = true, .mark = mark, .err = err };
		if (!any_in_range(&c))
			continue;
		rc = cut(&c, blocks_dir, &b);
		if (rc == 0 && b.series)
			*vec_push(&blocks) = b;
	}
	*ret = arena_alloc(a, blocks.n * sizeof(**ret));
	if (!*ret)
		rc = arena_err(a, err);
	else if (blocks.n)
		memcpy(*ret, blocks.p, blocks.n * sizeof(**ret));
	*ret_n = blocks.n;
	vec_fini(&blocks);
	return rc;
}
