/* Samples out of order: a small sorted buffer per series, then chunks. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* --- encoding ------------------------------------------------------------------------ */

static size_t encode_floats(const struct ooo_sample *p, size_t n, ooo_emit_fn *emit, void *arg)
{
	size_t run = 0;
	while (run < n && p[run].hist_n == 0 && run < XOR_SAMPLES_MAX)
		run++;
	size_t cap = run * 20 + 64 + XOR_ROOM;
	struct xor_app app;
	xor_app_init(&app, xmalloc(cap), cap);
	for (size_t i = 0; i < run; i++) {
		bool done = xor_append(&app, p[i].t, p[i].v);
		CHECK(done);
	}
	struct str b = xor_app_bytes(&app);
	emit(arg, (struct closed_chunk){ .mint = p[0].t,
					 .maxt = p[run - 1].t,
					 .bytes = (uint8_t *)app.buf,
					 .size = (uint32_t)b.n,
					 .enc = CHUNK_XOR });
	return run;
}

static void emit_hist(struct hist_app *app, ooo_emit_fn *emit, void *arg)
{
	struct hist_app_stat st = hist_app_stat(app);
	struct str b = hist_app_bytes(app);
	emit(arg, (struct closed_chunk){ .mint = st.t_first,
					 .maxt = st.t_last,
					 .bytes = xmemdup(b.p, b.n),
					 .size = (uint32_t)b.n,
					 .enc = st.enc });
}

static bool get_hist(const struct ooo_sample *p, struct arena *a, struct histogram *ret)
{
	struct decbuf d = decbuf_make(p->hist, p->hist_n);
	return record_get_hist(&d, p->is_float_hist, a, ret, NULL) == 0;
}

static size_t encode_hists(const struct ooo_sample *p, size_t n, ooo_emit_fn *emit, void *arg)
{
	struct hist_app *app = hist_app_new(p->is_float_hist);
	struct arena a;
	arena_init(&a, NULL);
	size_t run = 0;
	for (; run < n && p[run].hist_n && p[run].is_float_hist == p->is_float_hist; run++) {
		struct arena_mark m = arena_mark(&a);
		struct histogram h;
		bool read = get_hist(&p[run], &a, &h);
		CHECK(read); /* we wrote the bytes */
		if (hist_app_append(app, p[run].t, &h) == HIST_NEW_CHUNK) {
			emit_hist(app, emit, arg);
			hist_app_begin(app);
			enum hist_append again = hist_app_append(app, p[run].t, &h);
			CHECK(again != HIST_NEW_CHUNK);
		}
		arena_rewind(&a, m);
	}
	emit_hist(app, emit, arg);
	arena_fini(&a);
	hist_app_free(app);
	return run;
}

void head_ooo_encode(const struct ooo_sample *p, size_t n, ooo_emit_fn *emit, void *arg)
{
	while (n) {
		size_t run = p->hist_n ? encode_hists(p, n, emit, arg) : encode_floats(p, n, emit, arg);
		p += run;
		n -= run;
	}
}

/* --- the buffer ------------------------------------------------------------------------ */

static void free_samples(struct head_ooo *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		if (o->buf[i].hist_n)
			free(o->buf[i].hist);
	}
	o->n = 0;
}

static struct head_ooo *ooo_of(struct head *h, struct head_series *s)
{
	if (!s->ooo) {
		s->ooo = xcalloc(1, sizeof(*s->ooo));
		*vec_push(&h->ooo_ids) = s->id;
	}
	return s->ooo;
}

void head_ooo_free(struct head_series *s)
{
	struct head_ooo *o = s->ooo;
	if (!o)
		return;
	free_samples(o);
	for (uint32_t i = 0; i < o->n_closed; i++) {
		if (!o->closed[i].c.in_file)
			head_chunk_free(&o->closed[i].c);
	}
	free(o->closed);
	free(o->buf);
	free(o);
	s->ooo = NULL;
}

static void drop_chunk(struct head *h, struct closed_chunk *c)
{
	h->n_closed--;
	h->n_chunks_removed++;
	if (c->in_file)
		return;
	h->closed_bytes -= c->size;
	head_chunk_free_later(h, c);
}

void head_ooo_forget_memory(struct head *h, struct head_series *s)
{
	struct head_ooo *o = s->ooo;
	uint32_t n = 0;
	free_samples(o);
	for (uint32_t i = 0; i < o->n_closed; i++) {
		if (o->closed[i].c.in_file)
			o->closed[n++] = o->closed[i];
		else
			drop_chunk(h, &o->closed[i].c);
	}
	o->n_closed = n;
}

void head_ooo_add_chunk(struct head *h, struct head_series *s, struct closed_chunk c)
{
	struct head_ooo *o = ooo_of(h, s);
	if (o->n_closed == o->cap_closed) {
		o->cap_closed = MAX(4u, o->cap_closed * 2);
		o->closed = xreallocarray(o->closed, o->cap_closed, sizeof(*o->closed));
	}
	o->closed[o->n_closed++] = (struct ooo_chunk){ c, h->ooo_seq };
	h->ooo_mint = MIN(h->ooo_mint, c.mint);
	h->ooo_maxt = MAX(h->ooo_maxt, c.maxt);
	h->n_closed++;
	if (!c.in_file)
		h->closed_bytes += c.size;
}

/* Where ooo chunks of a series go. */
struct target {
	struct head *h;
	struct head_series *s;
};

static void add_encoded(void *arg, struct closed_chunk c)
{
	struct target *t = arg;
	head_ooo_add_chunk(t->h, t->s, c);
}

void head_ooo_close(struct head *h, struct head_series *s)
{
	struct head_ooo *o = s->ooo;
	if (!o || o->n == 0)
		return;
	head_ooo_encode(o->buf, o->n, add_encoded, &(struct target){ h, s });
	free_samples(o);
}

/* Index of the first sample with a time of at least t. */
static uint32_t lower_bound(const struct head_ooo *o, int64_t t)
{
	uint32_t lo = 0, hi = o->n;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (o->buf[mid].t < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool same_sample(const struct ooo_sample *p, double v, const struct histogram *hist)
{
	if (!hist || p->hist_n == 0)
		return !hist && p->hist_n == 0 && double_bits(p->v) == double_bits(v);
	struct arena a;
	arena_init(&a, NULL);
	struct histogram have;
	bool same = get_hist(p, &a, &have) && head_same_hist(&have, hist, &a);
	arena_fini(&a);
	return same;
}

static struct ooo_sample make_sample(int64_t t, double v, const struct histogram *hist)
{
	struct ooo_sample p = { .t = t, .v = v };
	if (hist) {
		struct strbuf b = { 0 };
		record_put_hist(&b, hist);
		p.hist_n = (uint32_t)b.n;
		p.is_float_hist = hist->is_float;
		p.hist = strbuf_steal(&b);
	}
	return p;
}

static void make_room(struct head *h, struct head_ooo *o)
{
	if (o->n < o->cap)
		return;
	o->cap = MIN(MAX(4u, o->cap * 2), h->cfg.ooo_cap_max);
	o->buf = xreallocarray(o->buf, o->cap, sizeof(*o->buf));
}

/* Whether the chunk has a sample at t: 1 the same, -1 another, 0 none. */
static int seen_in(struct chunk c, int64_t t, double v, const struct histogram *hist)
{
	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	int seen = 0;
	if (chunk_decode_range(c, t, t, &a, &cols, NULL) == 0 && cols.n) {
		bool same = cols.kind == CHUNK_KIND_FLOAT ? !hist && double_bits(cols.v[0]) == double_bits(v)
							  : hist && head_same_hist(&cols.h[0], hist, &a);
		seen = same ? 1 : -1;
	}
	arena_fini(&a);
	return seen;
}

/* The closed chunk in order that may hold t, or NULL. */
static const struct closed_chunk *closed_at(const struct head_series *s, int64_t t)
{
	uint32_t lo = 0, hi = s->n_closed;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (s->closed[mid].maxt < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_closed && s->closed[lo].mint <= t ? &s->closed[lo] : NULL;
}

/* A sample that was in order when it first came may be sent again. As seen_in. */
static int seen_in_order(struct head *h, struct head_series *s, int64_t t, double v, const struct histogram *hist)
{
	bool is_float = series_kind(s) == KIND_FLOAT;
	struct chunk c;
	if (series_open(s) && t >= (is_float ? s->t_first : hist_app_stat(s->hist).t_first)) {
		c.enc = is_float ? CHUNK_XOR : hist_app_stat(s->hist).enc;
		c.data = is_float ? xor_app_bytes(&s->app) : hist_app_bytes(s->hist);
		return seen_in(c, t, v, hist);
	}
	const struct closed_chunk *closed = closed_at(s, t);
	return closed && head_closed_data(h->files, closed, &c) ? seen_in(c, t, v, hist) : 0;
}

/* How many chunks out of order are searched for a sample sent again: they may all overlap. */
#define SEEN_CHUNKS 8

/* Or it came out of order, and is in a chunk by now. As seen_in. */
static int seen_out_of_order(struct head *h, const struct head_ooo *o, int64_t t, double v,
			     const struct histogram *hist)
{
	int seen = 0, tried = 0;
	for (uint32_t i = o->n_closed; i-- > 0 && !seen && tried < SEEN_CHUNKS;) {
		const struct closed_chunk *closed = &o->closed[i].c;
		struct chunk c;
		if (t < closed->mint || t > closed->maxt || !head_closed_data(h->files, closed, &c))
			continue;
		tried++;
		seen = seen_in(c, t, v, hist);
	}
	return seen;
}

enum head_result head_put_ooo(struct head *h, struct head_series *s, int64_t t, double v, const struct histogram *hist)
{
	int seen = seen_in_order(h, s, t, v, hist);
	if (seen)
		return seen > 0 ? HEAD_OK_SAME : HEAD_DUPLICATE;
	struct head_ooo *o = ooo_of(h, s);
	uint32_t i = lower_bound(o, t);
	if (i < o->n && o->buf[i].t == t)
		return same_sample(&o->buf[i], v, hist) ? HEAD_OK_SAME : HEAD_DUPLICATE;
	if ((seen = seen_out_of_order(h, o, t, v, hist)))
		return seen > 0 ? HEAD_OK_SAME : HEAD_DUPLICATE;
	if (o->n >= h->cfg.ooo_cap_max) {
		head_ooo_close(h, s);
		i = 0;
	}
	make_room(h, o);
	memmove(&o->buf[i + 1], &o->buf[i], (o->n - i) * sizeof(*o->buf));
	o->buf[i] = make_sample(t, v, hist);
	o->n++;
	h->ooo_mint = MIN(h->ooo_mint, t);
	h->ooo_maxt = MAX(h->ooo_maxt, t);
	return HEAD_OK_OOO;
}

/* --- cutting blocks ------------------------------------------------------------------------ */

bool head_ooo_due(const struct head *h)
{
	return h->ooo_ids.n > 0;
}

uint64_t head_ooo_mark(struct head *h)
{
	for (size_t i = 0; i < h->ooo_ids.n; i++) {
		struct head_series *s = head_by_id(h, h->ooo_ids.p[i]);
		if (s)
			head_ooo_close(h, s);
	}
	h->cut_wbl = true;
	h->wbl_mark_open = true;
	h->wbl_drop = false;
	return h->ooo_seq++;
}

/* Drops chunks up to the mark; false when nothing is left. */
static bool truncate_series(struct head *h, struct head_series *s, uint64_t mark)
{
	struct head_ooo *o = s->ooo;
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->n_closed; i++) {
		if (o->closed[i].seq > mark)
			o->closed[n++] = o->closed[i];
		else
			drop_chunk(h, &o->closed[i].c);
	}
	o->n_closed = n;
	for (uint32_t i = 0; i < n; i++) {
		h->ooo_mint = MIN(h->ooo_mint, o->closed[i].c.mint);
		h->ooo_maxt = MAX(h->ooo_maxt, o->closed[i].c.maxt);
	}
	if (o->n) {
		h->ooo_mint = MIN(h->ooo_mint, o->buf[0].t);
		h->ooo_maxt = MAX(h->ooo_maxt, o->buf[o->n - 1].t);
	}
	return n || o->n;
}

void head_ooo_truncate(struct head *h, uint64_t mark)
{
	size_t n = 0;
	h->ooo_mint = INT64_MAX;
	h->ooo_maxt = INT64_MIN;
	for (size_t i = 0; i < h->ooo_ids.n; i++) {
		struct head_series *s = head_by_id(h, h->ooo_ids.p[i]);
		if (!s || !s->ooo)
			continue;
		if (truncate_series(h, s, mark))
			h->ooo_ids.p[n++] = s->id;
		else
			head_ooo_free(s);
	}
	h->ooo_ids.n = n;
	if (h->wbl_mark_open)
		h->wbl_drop = true;
	else
		h->wbl_first_needed = h->wbl_after_mark;
}
