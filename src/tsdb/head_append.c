/* Appending: rules of admission, chunks in order, exemplars. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static const char *const result_texts[HEAD_RESULTS] = {
	[HEAD_OK] = "ok",
	[HEAD_OK_OOO] = "ok, out of order",
	[HEAD_OK_SAME] = "ok, stored before",
	[HEAD_DUPLICATE] = "duplicate sample for timestamp",
	[HEAD_OUT_OF_ORDER] = "out of order sample",
	[HEAD_TOO_OLD] = "too old sample",
	[HEAD_OUT_OF_BOUNDS] = "out of bounds",
	[HEAD_TOO_FAR_IN_FUTURE] = "too far in future",
	[HEAD_BAD_HISTOGRAM] = "invalid histogram",
	[HEAD_EXEMPLAR_OUT_OF_ORDER] = "out of order exemplar",
	[HEAD_EXEMPLAR_DUPLICATE] = "duplicate exemplar",
	[HEAD_EXEMPLAR_TOO_LONG] = "label length for exemplar exceeds maximum of 128 UTF-8 characters",
	[HEAD_EXEMPLAR_OFF] = "exemplar storage is disabled",
	[HEAD_UNAVAILABLE] = "the write-ahead log cannot be written now",
};

const char *head_result_text(enum head_result r)
{
	return result_texts[r];
}

bool head_result_ok(enum head_result r)
{
	return r == HEAD_OK || r == HEAD_OK_OOO || r == HEAD_OK_SAME || r == HEAD_EXEMPLAR_DUPLICATE ||
	       r == HEAD_EXEMPLAR_OFF;
}

void head_batch_begin(struct head *h, int64_t now_ms)
{
	h->max_ok = h->cfg.max_future_ms ? now_ms + h->cfg.max_future_ms : INT64_MAX;
	h->min_valid = MAX(h->min_valid_time, h->cut_until);
	h->ooo_min = INT64_MAX;
	if (h->maxt == INT64_MIN)
		return;
	/* Nothing may be added to the range that is cut next. */
	h->min_valid = MAX(h->min_valid, h->maxt - h->cfg.chunk_range_ms / 2);
	if (h->cfg.ooo_window_ms)
		h->ooo_min = h->maxt - h->cfg.ooo_window_ms;
}

struct head_batch head_batch_save(const struct head *h)
{
	return (struct head_batch){ h->min_valid, h->max_ok, h->ooo_min };
}

void head_batch_resume(struct head *h, struct head_batch b)
{
	head_stage_bound(h);
	h->min_valid = MAX(b.min_valid, MAX(h->min_valid_time, h->cut_until));
	h->max_ok = b.max_ok;
	h->ooo_min = b.ooo_min;
}

void head_cut_begin(struct head *h, int64_t maxt)
{
	h->cut_until = maxt;
	h->min_valid = MAX(h->min_valid, maxt);
}

void head_cut_end(struct head *h)
{
	h->cut_until = INT64_MIN;
}

static enum head_result refuse(struct head *h, enum head_result r, bool is_hist)
{
	h->refused[r]++;
	h->refused_hists[r] += is_hist;
	return r;
}

/* --- chunks in order ------------------------------------------------------------------ */

void head_add_closed(struct head *h, struct head_series *s, struct closed_chunk c)
{
	uint32_t n = s->n_closed;
	if (head_closed_room(n) == n)
		s->closed = xreallocarray(s->closed, head_closed_room(n + 1), sizeof(*s->closed));
	s->closed[s->n_closed++] = c;
	h->n_closed++;
	if (!c.in_file) {
		*vec_push(&h->unflushed) = (struct unflushed_chunk){ s->id, c.mint };
		h->unflushed_bytes += c.size;
		h->closed_bytes += c.size;
	}
}

void head_close_chunk(struct head *h, struct head_series *s)
{
	if (!series_open(s))
		return;
	struct closed_chunk c = { 0 };
	if (series_kind(s) == KIND_FLOAT) {
		struct str b = xor_app_bytes(&s->app);
		c = (struct closed_chunk){ s->t_first,    s->app.t,  { s->app.buf },
					   (uint32_t)b.n, CHUNK_XOR, .is_piece = true };
		s->app.buf = NULL;
	} else {
		struct hist_app_stat st = hist_app_stat(s->hist);
		struct str b = hist_app_bytes(s->hist);
		c = (struct closed_chunk){ st.t_first, st.t_last, { xmemdup(b.p, b.n) }, (uint32_t)b.n, st.enc };
		hist_app_begin(s->hist);
	}
	s->app.spare[SPARE_FLAGS] &= (uint8_t)~SERIES_OPEN;
	h->n_open--;
	head_add_closed(h, s, c);
}

/* The end that spreads the rest of the range evenly over full chunks. Prometheus: computeChunkEndTime. */
static int64_t predict_end(int64_t start, int64_t cur, int64_t max, double ratio_to_full)
{
	double n = (double)(max - start) / ((double)(cur - start + 1) * ratio_to_full);
	if (!(n > 1))
		return max;
	return (int64_t)((double)start + (double)(max - start) / floor(n));
}

/* Marks the chunk open whose first sample comes at t. */
static void open_chunk(struct head *h, struct head_series *s, enum head_kind kind, int64_t t)
{
	s->app.spare[SPARE_KIND] = (uint8_t)kind;
	s->app.spare[SPARE_FLAGS] |= SERIES_OPEN;
	s->app.end = range_end(t, h->cfg.chunk_range_ms);
	h->n_open++;
}

/* Sizes of chunk buffers. The last one holds the largest chunk. */
static const uint16_t buf_sizes[] = { 72, 104, 136, 184, 248, 328, 440, 584, 776, 1096 };

static size_t next_buf_size(size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(buf_sizes); i++) {
		if (buf_sizes[i] > n)
			return buf_sizes[i];
	}
	return PIECE_MAX;
}

/* Begins an empty float chunk; time and owner's bytes of the series stay. */
static void open_float(struct head *h, struct head_series *s, int64_t t)
{
	struct xor_app old = s->app;
	size_t cap = next_buf_size(0);
	piece_free(old.buf);
	xor_app_init(&s->app, piece_new(cap), cap);
	s->app.t = old.t;
	memcpy(s->app.spare, old.spare, sizeof(old.spare));
	s->t_first = t;
	open_chunk(h, s, KIND_FLOAT, t);
}

/* Ends the open chunk if a float at t must not go into it, and makes sure that there is one. */
static NO_INLINE void prepare_float(struct head *h, struct head_series *s, int64_t t)
{
	if (series_open(s)) {
		struct xor_app *a = &s->app;
		bool cut = series_kind(s) != KIND_FLOAT || xor_app_size(a) > CHUNK_FLOAT_BYTES;
		if (!cut && a->n == CHUNK_SAMPLES / 4)
			s->app.end = predict_end(s->t_first, a->t, s->app.end, 4);
		if (cut || t >= s->app.end || a->n >= 2 * CHUNK_SAMPLES)
			head_close_chunk(h, s);
	}
	if (!series_open(s))
		open_float(h, s, t);
}

static NO_INLINE void grow_float(struct head_series *s)
{
	size_t cap = next_buf_size(s->app.cap);
	uint8_t *buf = piece_new(cap), *old = s->app.buf;
	memcpy(buf, old, xor_app_stored(&s->app));
	xor_app_set_buf(&s->app, buf, cap);
	piece_free(old);
}

/* Appends in order, cutting chunks. The time is newer. */
static ALWAYS_INLINE void put_float(struct head *h, struct head_series *s, int64_t t, double v)
{
	struct xor_app *a = &s->app;
	if (UNLIKELY(a->n == CHUNK_SAMPLES / 4 || a->n >= 2 * CHUNK_SAMPLES || t >= s->app.end ||
		     a->pos >= CHUNK_FLOAT_BYTES - 8 || series_kind(s) != KIND_FLOAT || !series_open(s)))
		prepare_float(h, s, t);
	if (UNLIKELY(!xor_append(a, t, v))) {
		grow_float(s);
		bool done = xor_append(a, t, v);
		CHECK(done);
	}
}

bool head_put_float(struct head *h, struct head_series *s, int64_t t, double v)
{
	if (t <= s->app.t && series_has_time(s))
		return false;
	put_float(h, s, t, v);
	return true;
}

static enum head_kind kind_of(const struct histogram *hist)
{
	if (hist_is_custom(hist))
		return hist->is_float ? KIND_FHIST_CUSTOM : KIND_HIST_CUSTOM;
	return hist->is_float ? KIND_FHIST : KIND_HIST;
}

static bool kind_is_float_hist(enum head_kind k)
{
	return k == KIND_FHIST || k == KIND_FHIST_CUSTOM;
}

static bool kind_is_hist(enum head_kind k)
{
	return k >= KIND_HIST;
}

/* Whether the open histogram chunk must end before a sample at t; predicts its end when it is a quarter full. */
static bool hist_must_cut(const struct head *h, struct head_series *s, int64_t t)
{
	struct hist_app_stat st = hist_app_stat(s->hist);
	bool predicted = s->app.spare[SPARE_FLAGS] & SERIES_HIST_END;
	int64_t range = predicted ? range_end(st.t_first, h->cfg.chunk_range_ms) : s->app.end;
	if (!predicted && st.size_bytes >= CHUNK_HIST_BYTES / 4) {
		s->app.end = predict_end(st.t_first, st.t_last, s->app.end,
					 (double)CHUNK_HIST_BYTES / (double)st.size_bytes);
		s->app.spare[SPARE_FLAGS] |= SERIES_HIST_END;
	}
	return (t >= s->app.end || st.size_bytes >= 2 * CHUNK_HIST_BYTES) && (st.n >= CHUNK_HIST_SAMPLES || t >= range);
}

static void open_hist(struct head *h, struct head_series *s, enum head_kind kind, int64_t t)
{
	s->app.spare[SPARE_FLAGS] &= (uint8_t)~SERIES_HIST_END;
	open_chunk(h, s, kind, t);
}

/* The appender of the right form, with the open chunk ended where it must be. */
static void prepare_hist(struct head *h, struct head_series *s, int64_t t, enum head_kind kind)
{
	bool same = kind_is_hist(series_kind(s)) && s->hist &&
		    kind_is_float_hist(series_kind(s)) == kind_is_float_hist(kind);
	if (series_open(s) && (!same || hist_must_cut(h, s, t)))
		head_close_chunk(h, s);
	if (!same) {
		hist_app_free(s->hist);
		s->hist = hist_app_new(kind_is_float_hist(kind));
	}
	if (!series_open(s))
		open_hist(h, s, kind, t);
	s->app.spare[SPARE_KIND] = (uint8_t)kind;
}

bool head_put_hist(struct head *h, struct head_series *s, int64_t t, const struct histogram *hist)
{
	if (t <= s->app.t && series_has_time(s))
		return false;
	enum head_kind kind = kind_of(hist);
	prepare_hist(h, s, t, kind);
	if (hist_app_append(s->hist, t, hist) == HIST_NEW_CHUNK) {
		uint8_t flags = s->app.spare[SPARE_FLAGS];
		head_close_chunk(h, s);
		open_hist(h, s, kind, t);
		/* As upstream: this cut does not forget that an end was predicted. */
		s->app.spare[SPARE_FLAGS] |= flags & SERIES_HIST_END;
		enum hist_append again = hist_app_append(s->hist, t, hist);
		CHECK(again != HIST_NEW_CHUNK);
	}
	s->app.t = t;
	return true;
}

/* --- admission -------------------------------------------------------------------------- */

/* In order (HEAD_OK), out of order (HEAD_OK_OOO), the time of the newest sample (HEAD_OK_SAME), or why not. */
static ALWAYS_INLINE enum head_result admit(const struct head *h, const struct head_series *s, int64_t t)
{
	if (LIKELY(t > s->app.t && t >= h->min_valid && t <= h->max_ok && h->writable))
		return HEAD_OK;
	if (!h->writable)
		return HEAD_UNAVAILABLE;
	if (t > h->max_ok)
		return HEAD_TOO_FAR_IN_FUTURE;
	if (t >= h->min_valid) {
		if (!series_has_time(s) || t > s->app.t)
			return HEAD_OK;
		if (t == s->app.t)
			return HEAD_OK_SAME;
	}
	if (t >= h->ooo_min)
		return HEAD_OK_OOO;
	if (h->cfg.ooo_window_ms)
		return HEAD_TOO_OLD;
	return t < h->min_valid ? HEAD_OUT_OF_BOUNDS : HEAD_OUT_OF_ORDER;
}

bool head_same_hist(const struct histogram *x, const struct histogram *y, struct arena *a)
{
	struct histogram cx, cy;
	if (hist_equal(x, y))
		return true;
	return hist_compact(&cx, x, 0, a, NULL) == 0 && hist_compact(&cy, y, 0, a, NULL) == 0 && hist_equal(&cx, &cy);
}

/* Decodes the newest sample of the series; false when its chunk cannot be read. */
static bool newest(struct head *h, struct head_series *s, struct arena *a, struct chunk_cols *ret)
{
	struct chunk c;
	if (series_open(s)) {
		bool is_float = series_kind(s) == KIND_FLOAT;
		c.enc = is_float ? CHUNK_XOR : hist_app_stat(s->hist).enc;
		c.data = is_float ? xor_app_bytes(&s->app) : hist_app_bytes(s->hist);
	} else if (!head_closed_data(h->files, &s->closed[s->n_closed - 1], &c)) {
		return false;
	}
	return chunk_decode_range(c, s->app.t, s->app.t, a, ret, NULL) == 0 && ret->n > 0;
}

/* The time of the newest sample came again: the same sample, or another one? */
static NO_INLINE enum head_result same_time(struct head *h, struct head_series *s, double v,
					    const struct histogram *hist)
{
	if (!hist && series_open(s) && series_kind(s) == KIND_FLOAT)
		return s->app.v == double_bits(v) ? HEAD_OK_SAME : refuse(h, HEAD_DUPLICATE, false);
	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	bool same = false;
	if (newest(h, s, &a, &cols)) {
		size_t last = cols.n - 1;
		if (cols.kind == CHUNK_KIND_FLOAT)
			same = !hist && double_bits(cols.v[last]) == double_bits(v);
		else
			same = hist && head_same_hist(&cols.h[last], hist, &a);
	}
	arena_fini(&a);
	return same ? HEAD_OK_SAME : refuse(h, HEAD_DUPLICATE, hist != NULL);
}

void head_update_time(struct head *h, int64_t t)
{
	if (t > h->maxt)
		h->maxt = t;
	if (t < h->mint)
		h->mint = t;
}

/* Bounds of upstream's tsdb/head.go. */
const double head_delay_bounds[HEAD_DELAYS] = { 600, 1800, 3600, 7200, 10800, 21600, 43200 };

static void count_ooo(struct head *h, int64_t t, bool is_hist)
{
	double late_s = ((double)h->maxt - (double)t) / 1000;
	size_t i = 0;
	while (i < HEAD_DELAYS && late_s > head_delay_bounds[i])
		i++;
	h->ooo_delays.n[i]++;
	h->ooo_delays.sum_s += late_s;
	h->n_ooo++;
	h->n_ooo_hists += is_hist;
}

static NO_INLINE enum head_result append_ooo(struct head *h, struct head_series *s, int64_t t, double v,
					     const struct histogram *hist)
{
	enum head_result r = head_put_ooo(h, s, t, v, hist);
	if (r == HEAD_DUPLICATE)
		return refuse(h, r, hist != NULL);
	if (r == HEAD_OK_SAME)
		return r;
	count_ooo(h, t, hist != NULL);
	if (!hist) {
		record_add_float(&h->wbl.samples, series_ref(s), t, v);
		return r;
	}
	struct record_buf *const bufs[] = {
		[KIND_HIST] = &h->wbl.hists,
		[KIND_HIST_CUSTOM] = &h->wbl.custom_hists,
		[KIND_FHIST] = &h->wbl.fhists,
		[KIND_FHIST_CUSTOM] = &h->wbl.custom_fhists,
	};
	record_add_hist(bufs[kind_of(hist)], series_ref(s), t, hist);
	return r;
}

/* What is staged of a series is written in the order of kinds: a change of kind must not overtake. */
static void kind_changes(struct head *h, const struct head_series *s, enum head_kind kind)
{
	if (series_kind(s) != KIND_NONE && series_kind(s) != kind)
		head_stage_seal(h);
}

enum head_result head_append(struct head *h, struct head_series *s, int64_t t, double v)
{
	enum head_kind kind = series_kind(s);
	if (UNLIKELY(kind_is_hist(kind) && value_is_stale(v))) {
		struct histogram stale = hist_stale(kind_is_float_hist(kind));
		return head_append_hist(h, s, t, &stale, NULL);
	}
	enum head_result r = admit(h, s, t);
	if (LIKELY(r == HEAD_OK)) {
		if (UNLIKELY(kind != KIND_FLOAT))
			kind_changes(h, s, KIND_FLOAT);
		put_float(h, s, t, v);
		record_add_float(&h->wal.samples, series_ref(s), t, v);
		h->n_samples++;
		if (UNLIKELY(t > h->maxt || t < h->mint))
			head_update_time(h, t);
		return HEAD_OK;
	}
	if (r == HEAD_OK_SAME)
		return same_time(h, s, v, NULL);
	if (r == HEAD_OK_OOO)
		return append_ooo(h, s, t, v, NULL);
	return refuse(h, r, false);
}

static void stage_hist(struct head *h, struct head_series *s, int64_t t, const struct histogram *hist)
{
	struct record_buf *const bufs[] = {
		[KIND_HIST] = &h->wal.hists,
		[KIND_HIST_CUSTOM] = &h->wal.custom_hists,
		[KIND_FHIST] = &h->wal.fhists,
		[KIND_FHIST_CUSTOM] = &h->wal.custom_fhists,
	};
	record_add_hist(bufs[kind_of(hist)], series_ref(s), t, hist);
}

enum head_result head_append_hist(struct head *h, struct head_series *s, int64_t t, const struct histogram *hist,
				  struct err *err)
{
	if (!hist_is_stale(hist) && hist_validate(hist, err) != 0)
		return refuse(h, HEAD_BAD_HISTOGRAM, true);
	enum head_result r = admit(h, s, t);
	if (r == HEAD_OK) {
		kind_changes(h, s, kind_of(hist));
		head_put_hist(h, s, t, hist);
		stage_hist(h, s, t, hist);
		h->n_hists++;
		head_update_time(h, t);
		return HEAD_OK;
	}
	if (r == HEAD_OK_SAME)
		return same_time(h, s, 0, hist);
	if (r == HEAD_OK_OOO)
		return append_ooo(h, s, t, 0, hist);
	return refuse(h, r, true);
}

/* --- exemplars ---------------------------------------------------------------------------- */

static size_t utf8_chars(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

static bool labels_too_long(struct labels l)
{
	size_t n = 0;
	for (size_t i = 0; i < l.n; i++)
		n += utf8_chars(l.p[i].name) + utf8_chars(l.p[i].value);
	return n > HEAD_EXEMPLAR_LABEL_CHARS;
}

/* Whether the ring's exemplar has just these labels. */
static bool same_labels(const struct ring_exemplar *e, struct labels l)
{
	if (labels_pack_size(l) != e->labels_n)
		return false;
	char *packed = xmalloc(e->labels_n);
	labels_pack(l, packed);
	bool same = memcmp(packed, e->labels, e->labels_n) == 0;
	free(packed);
	return same;
}

/* Compares with the series' newest exemplar. Prometheus: CircularExemplarStorage.ValidateExemplar. */
static enum head_result check_exemplar(struct head *h, struct head_series *s, int64_t t, double v, struct labels l)
{
	if (h->ring_cap == 0)
		return HEAD_EXEMPLAR_OFF;
	if (labels_too_long(l))
		return refuse(h, HEAD_EXEMPLAR_TOO_LONG, false);
	if (s->exemplar == 0)
		return HEAD_OK;
	const struct ring_exemplar *e = &h->ring[s->exemplar - 1];
	bool same = same_labels(e, l);
	if (same && e->t == t && double_bits(e->v) == double_bits(v))
		return HEAD_EXEMPLAR_DUPLICATE;
	if (t < e->t || (t == e->t && v < e->v))
		return refuse(h, HEAD_EXEMPLAR_OUT_OF_ORDER, false);
	return HEAD_OK;
}

/* Frees place `i` of the ring. What is there is the oldest of all, so also the oldest of its series. */
static void evict(struct head *h, uint32_t i)
{
	struct ring_exemplar *e = &h->ring[i];
	if (!e->labels)
		return;
	struct head_series *s = head_by_id(h, e->series_id);
	if (e->newer)
		h->ring[e->newer - 1].older = 0;
	else if (s) {
		s->exemplar = 0;
		h->ring_series--;
	}
	free(e->labels);
	e->labels = NULL;
	h->ring_n--;
}

void head_put_exemplar(struct head *h, struct head_series *s, int64_t t, double v, struct labels l)
{
	if (h->ring_cap == 0)
		return;
	uint32_t i = h->ring_next;
	evict(h, i);
	struct ring_exemplar *e = &h->ring[i];
	*e = (struct ring_exemplar){ .series_id = s->id, .older = s->exemplar, .t = t, .v = v };
	e->labels_n = (uint32_t)labels_pack_size(l);
	e->labels = xmalloc(e->labels_n);
	labels_pack(l, e->labels);
	if (s->exemplar)
		h->ring[s->exemplar - 1].newer = i + 1;
	else
		h->ring_series++;
	s->exemplar = i + 1;
	h->ring_next = i + 1 == h->ring_cap ? 0 : i + 1;
	h->ring_n++;
}

enum head_result head_append_exemplar(struct head *h, struct head_series *s, int64_t t, double v, struct labels l)
{
	if (!h->writable)
		return refuse(h, HEAD_UNAVAILABLE, false);
	enum head_result r = check_exemplar(h, s, t, v, l);
	if (r != HEAD_OK)
		return r;
	head_put_exemplar(h, s, t, v, l);
	h->n_exemplars++;
	record_add_exemplar(&h->wal.exemplars, series_ref(s), t, v, l);
	return HEAD_OK;
}
