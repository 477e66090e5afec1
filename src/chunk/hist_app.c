#include "base/assert.h"
#include "base/mem.h"
#include "chunk/bits.h"
#include "chunk/hist.h"

#include <math.h>
#include <stdlib.h>

#define HEADER 3
#define SAMPLES_MAX 65535

/* Where nothing is known about the header of the next chunk. */
#define FLAG_DECIDE (-1)

/* One side of the last histogram. Integer: val holds deltas, change their last change; float: bits and windows. */
struct side {
	struct hist_span *spans;
	uint32_t n_spans, n;
	uint64_t *val;
	union {
		int64_t *change;
		struct xor_window *win;
	};
};

/* A chunk's layout and last histogram: all that deciding and coding the next one needs. */
struct state {
	uint32_t n; /* samples */
	uint8_t flag;
	int32_t schema;
	double zero_threshold;
	int64_t t_first, t, t_delta;
	uint64_t count, zero, sum; /* count and zero: numbers or bits of doubles */
	int64_t count_delta, zero_delta;
	struct xor_window count_win, zero_win, sum_win;
	struct side side[2];
	double *bounds;
	uint32_t n_bounds;
	void *block; /* the heap memory that spans, buckets and bounds lie in */
	size_t block_size;
};

struct hist_app {
	bool is_float;
	int next_flag;     /* header that the next chunk must get, or FLAG_DECIDE */
	struct state cur;  /* the open chunk */
	struct state prev; /* the chunk before; n == 0: none */
	struct bitw w;
	size_t cap;           /* bytes at w.buf */
	struct arena scratch; /* for recoding */
};

static void state_drop(struct state *s)
{
	free(s->block);
	*s = (struct state){ 0 };
}

struct hist_app *hist_app_new(bool is_float)
{
	struct hist_app *a = xcalloc(1, sizeof(*a));
	a->is_float = is_float;
	arena_init(&a->scratch, NULL);
	a->cap = 256;
	a->w.buf = xmalloc(a->cap);
	hist_app_begin(a);
	return a;
}

void hist_app_free(struct hist_app *a)
{
	if (!a)
		return;
	state_drop(&a->cur);
	state_drop(&a->prev);
	arena_fini(&a->scratch);
	free(a->w.buf);
	free(a);
}

void hist_app_begin(struct hist_app *a)
{
	if (a->cur.n > 0) {
		state_drop(&a->prev);
		a->prev = a->cur;
		a->cur = (struct state){ 0 };
	} else {
		a->next_flag = FLAG_DECIDE;
	}
	a->w = (struct bitw){ .buf = a->w.buf, .pos = 0 };
	bitw_put(&a->w, 0, 8 * HEADER);
}

struct str hist_app_bytes(struct hist_app *a)
{
	size_t n = bitw_flush(&a->w);
	a->w.buf[0] = (uint8_t)(a->cur.n >> 8);
	a->w.buf[1] = (uint8_t)a->cur.n;
	a->w.buf[2] = a->cur.flag;
	return str_mem(a->w.buf, n);
}

struct hist_app_stat hist_app_stat(const struct hist_app *a)
{
	return (struct hist_app_stat){
		.enc = a->is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST,
		.size_bytes = a->w.pos + (a->w.n + 7) / 8,
		.n = a->cur.n,
		.t_first = a->cur.t_first,
		.t_last = a->cur.t,
	};
}

/* --- comparing layouts --------------------------------------------------------------- */

/* One side of a histogram that is to be appended. */
struct new_side {
	const struct hist_span *spans;
	uint32_t n_spans, n;
	const uint64_t *val;
};

static struct new_side side_of(const struct histogram *h, int k)
{
	if (k == 0)
		return (struct new_side){ h->pos_spans, h->n_pos_spans, h->n_pos, (const uint64_t *)h->pos_deltas };
	return (struct new_side){ h->neg_spans, h->n_neg_spans, h->n_neg, (const uint64_t *)h->neg_deltas };
}

static void set_side(struct histogram *h, int k, const struct new_side *s)
{
	if (k == 0) {
		h->pos_spans = s->spans;
		h->n_pos_spans = s->n_spans;
		h->n_pos = s->n;
		h->pos_deltas = (const int64_t *)s->val;
	} else {
		h->neg_spans = s->spans;
		h->n_neg_spans = s->n_spans;
		h->n_neg = s->n;
		h->neg_deltas = (const int64_t *)s->val;
	}
}

/* A walk over the buckets of a side with their absolute counts. */
struct bucket_walk {
	struct hist_span_walk spans;
	const uint64_t *val;
	bool is_float, more;
	int64_t idx;
	uint64_t abs; /* a number, or the bits of a double */
};

static void bucket_next(struct bucket_walk *w)
{
	w->more = hist_span_walk_next(&w->spans, &w->idx);
	if (w->more) {
		w->abs = w->is_float ? *w->val : w->abs + *w->val;
		w->val++;
	}
}

static struct bucket_walk bucket_walk_of(const struct hist_span *spans, uint32_t n_spans, const uint64_t *val,
					 bool is_float)
{
	struct bucket_walk w = { .spans = hist_span_walk_of(spans, n_spans), .val = val, .is_float = is_float };
	bucket_next(&w);
	return w;
}

/* Whether a count went down from `a` to `b`. */
static bool count_fell(bool is_float, uint64_t a, uint64_t b)
{
	return is_float ? double_of_bits(a) > double_of_bits(b) : (int64_t)a > (int64_t)b;
}

static bool count_is_zero(bool is_float, uint64_t a)
{
	return is_float ? double_of_bits(a) == 0 : a == 0;
}

/* How a side of the new histogram differs from the chunk's layout. */
struct diff {
	bool wider;    /* it has buckets that the chunk has not */
	bool narrower; /* the chunk has buckets that it has not */
};

/*
 * Compares the buckets of a side. With `counter` returns false when a count
 * fell, or a bucket in use is missing: a counter reset.
 */
static bool compare_side(const struct side *a, const struct new_side *b, bool is_float, bool counter, struct diff *ret)
{
	struct bucket_walk wa = bucket_walk_of(a->spans, a->n_spans, a->val, is_float);
	struct bucket_walk wb = bucket_walk_of(b->spans, b->n_spans, b->val, is_float);
	*ret = (struct diff){ 0 };
	while (wa.more || wb.more) {
		if (wa.more && wb.more && wa.idx == wb.idx) {
			if (counter && count_fell(is_float, wa.abs, wb.abs))
				return false;
			bucket_next(&wa);
			bucket_next(&wb);
		} else if (wa.more && (!wb.more || wa.idx < wb.idx)) {
			if (counter && !count_is_zero(is_float, wa.abs))
				return false;
			ret->narrower = true;
			bucket_next(&wa);
		} else {
			ret->wider = true;
			bucket_next(&wb);
		}
	}
	return true;
}

/* What to do with a new histogram. */
struct verdict {
	bool fits;
	uint8_t flag;        /* header of a new chunk, when it does not fit */
	uint8_t after;       /* header of a chunk that already began, with the state before it */
	struct diff diff[2]; /* per side, when it fits */
};

static struct verdict verdict_no(uint8_t flag, uint8_t after)
{
	return (struct verdict){ .flag = flag, .after = after };
}

static bool same_bounds(const struct state *s, const struct histogram *h)
{
	if (s->n_bounds != h->n_bounds)
		return false;
	for (uint32_t i = 0; i < s->n_bounds; i++) {
		if (s->bounds[i] != h->bounds[i])
			return false;
	}
	return true;
}

/*
 * May the counter histogram `h` follow the last one of `s` in its chunk?
 * Floats know less than integers about why not: then the new chunk's header is
 * unknown, while one that already began counts as not reset.
 */
static struct verdict judge_counter(const struct state *s, const struct histogram *h)
{
	bool f = h->is_float;
	struct verdict reset = verdict_no(HIST_CHUNK_RESET, HIST_CHUNK_RESET);
	struct verdict unknown = verdict_no(HIST_CHUNK_UNKNOWN, f ? HIST_CHUNK_NOT_RESET : HIST_CHUNK_UNKNOWN);
	struct verdict ok = { .fits = true, .after = HIST_CHUNK_NOT_RESET };
	if (s->n > 0 && s->flag == HIST_CHUNK_GAUGE)
		return verdict_no(f ? HIST_CHUNK_UNKNOWN : HIST_CHUNK_NOT_RESET, HIST_CHUNK_NOT_RESET);
	if (h->hint == HIST_HINT_RESET)
		return reset;
	if (hist_is_stale(h))
		return ok;
	if (s->sum == STALE_NAN_BITS)
		return unknown;
	if (f ? h->count_f < double_of_bits(s->count) : h->count < s->count)
		return reset;
	if (h->schema != s->schema || h->zero_threshold != s->zero_threshold)
		return unknown;
	if (hist_is_custom(h) && !same_bounds(s, h))
		return reset;
	if (f ? h->zero_count_f < double_of_bits(s->zero) : h->zero_count < s->zero)
		return reset;
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		if (!compare_side(&s->side[k], &b, f, true, &ok.diff[k]))
			return reset;
	}
	return ok;
}

/* As judge_counter, for a gauge histogram. */
static struct verdict judge_gauge(const struct state *s, const struct histogram *h)
{
	struct verdict no = verdict_no(HIST_CHUNK_GAUGE, HIST_CHUNK_GAUGE);
	struct verdict ok = { .fits = true, .after = HIST_CHUNK_GAUGE };
	if (s->flag != HIST_CHUNK_GAUGE)
		return no;
	if (hist_is_stale(h))
		return ok;
	if (s->sum == STALE_NAN_BITS || h->schema != s->schema || h->zero_threshold != s->zero_threshold)
		return no;
	if (hist_is_custom(h) && !same_bounds(s, h))
		return no;
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		compare_side(&s->side[k], &b, h->is_float, false, &ok.diff[k]);
	}
	return ok;
}

/* --- writing ---------------------------------------------------------------------------- */

/* Makes sure of room for a sample with `n` buckets, spans and bounds together. */
static void make_room(struct hist_app *a, size_t n)
{
	/* A bucket takes at most 77 bits, a span 144, a bound 72; 6 numbers and the threshold go before them. */
	size_t need = a->w.pos + 128 + 20 * n;
	if (need <= a->cap)
		return;
	while (a->cap < need)
		a->cap *= 2;
	a->w.buf = xrealloc(a->w.buf, a->cap);
}

static void put_spans(struct bitw *w, const struct new_side *s)
{
	bitw_varbit_uint(w, s->n_spans);
	for (uint32_t i = 0; i < s->n_spans; i++) {
		bitw_varbit_uint(w, s->spans[i].length);
		bitw_varbit_int(w, s->spans[i].offset);
	}
}

/* One byte for 0 and for the powers of two that are in use. */
static void put_threshold(struct bitw *w, double v)
{
	int exp;
	if (v == 0) {
		bitw_put(w, 0, 8);
	} else if (frexp(v, &exp) == 0.5 && exp >= -242 && exp <= 11) {
		bitw_put(w, (uint64_t)(exp + 243), 8);
	} else {
		bitw_put(w, 255, 8);
		bitw_put(w, double_bits(v), 64);
	}
}

/* Thousandths up to 33554430 as a number, anything else as 64 bits. */
static void put_bound(struct bitw *w, double v)
{
	double m = v * 1000;
	if (m >= 0 && m <= 33554430 && round(m) / 1000 == v) {
		bitw_varbit_uint(w, (uint64_t)round(m) + 1);
		return;
	}
	bitw_put(w, 0, 1);
	bitw_put(w, double_bits(v), 64);
}

static void put_layout(struct bitw *w, const struct histogram *h)
{
	struct new_side pos = side_of(h, 0), neg = side_of(h, 1);
	put_threshold(w, h->zero_threshold);
	bitw_varbit_int(w, h->schema);
	put_spans(w, &pos);
	put_spans(w, &neg);
	if (!hist_is_custom(h))
		return;
	bitw_varbit_uint(w, h->n_bounds);
	for (uint32_t i = 0; i < h->n_bounds; i++)
		put_bound(w, h->bounds[i]);
}

/* Takes `n` elements of `size` bytes off the block at *pos. */
static void *carve(char **pos, size_t n, size_t size)
{
	void *p = *pos;
	*pos += (n * size + 7) & ~(size_t)7;
	return p;
}

/* Takes over the layout of a chunk's first histogram, in one block of memory. */
static void state_layout(struct state *s, const struct histogram *h)
{
	size_t need = (size_t)h->n_bounds * sizeof(double) + 8;
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		need += b.n_spans * sizeof(*b.spans) + b.n * 2 * sizeof(uint64_t);
	}
	char *pos = s->block = xcalloc(1, need);
	s->block_size = need;
	s->schema = h->schema;
	s->zero_threshold = h->zero_threshold;
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		struct side *d = &s->side[k];
		d->n_spans = b.n_spans;
		d->n = b.n;
		d->val = carve(&pos, b.n, sizeof(*d->val));
		d->change = carve(&pos, b.n, sizeof(*d->change));
		d->spans = carve(&pos, b.n_spans, sizeof(*d->spans));
		if (b.n_spans)
			memcpy(d->spans, b.spans, b.n_spans * sizeof(*d->spans));
		for (uint32_t i = 0; h->is_float && i < b.n; i++)
			d->win[i] = (struct xor_window){ 255, 0 };
	}
	s->bounds = carve(&pos, h->n_bounds, sizeof(*s->bounds));
	s->n_bounds = h->n_bounds;
	if (h->n_bounds)
		memcpy(s->bounds, h->bounds, h->n_bounds * sizeof(*s->bounds));
	s->count_win = s->zero_win = s->sum_win = (struct xor_window){ 255, 0 };
}

static void put_first(struct hist_app *a, int64_t t, const struct histogram *h)
{
	struct bitw *w = &a->w;
	put_layout(w, h);
	state_layout(&a->cur, h);
	bitw_varbit_int(w, t);
	if (h->is_float) {
		bitw_put(w, h->count, 64);
		bitw_put(w, h->zero_count, 64);
	} else {
		bitw_varbit_uint(w, h->count);
		bitw_varbit_uint(w, h->zero_count);
	}
	bitw_put(w, double_bits(h->sum), 64);
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		for (uint32_t i = 0; i < b.n; i++) {
			if (h->is_float)
				bitw_put(w, b.val[i], 64);
			else
				bitw_varbit_int(w, (int64_t)b.val[i]);
		}
	}
	a->cur.t_first = t;
}

static int64_t sub(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b);
}

/* Count and zero count of an integer histogram as double deltas; a stale one writes 0 for both. */
static void put_counts(struct state *s, struct bitw *w, const struct histogram *h)
{
	int64_t count_delta = sub(h->count, s->count), zero_delta = sub(h->zero_count, s->zero);
	bool stale = hist_is_stale(h);
	bitw_varbit_int(w, stale ? 0 : sub((uint64_t)count_delta, (uint64_t)s->count_delta));
	bitw_varbit_int(w, stale ? 0 : sub((uint64_t)zero_delta, (uint64_t)s->zero_delta));
	s->count_delta = count_delta;
	s->zero_delta = zero_delta;
}

static void put_buckets(struct bitw *w, struct side *s, const struct new_side *b, bool is_float)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (is_float) {
			bitw_xor(w, &s->win[i], s->val[i], b->val[i]);
			continue;
		}
		int64_t change = sub(b->val[i], s->val[i]);
		bitw_varbit_int(w, sub((uint64_t)change, (uint64_t)s->change[i]));
		s->change[i] = change;
	}
}

static void put_next(struct hist_app *a, int64_t t, const struct histogram *h)
{
	struct state *s = &a->cur;
	int64_t t_delta = sub((uint64_t)t, (uint64_t)s->t);
	bitw_varbit_int(&a->w, sub((uint64_t)t_delta, (uint64_t)s->t_delta));
	s->t_delta = t_delta;
	if (h->is_float) {
		bitw_xor(&a->w, &s->count_win, s->count, h->count);
		bitw_xor(&a->w, &s->zero_win, s->zero, h->zero_count);
	} else {
		put_counts(s, &a->w, h);
	}
	bitw_xor(&a->w, &s->sum_win, s->sum, double_bits(h->sum));
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		put_buckets(&a->w, &s->side[k], &b, h->is_float);
	}
}

/* Writes a histogram whose buckets match the layout (or that is stale, or the first). */
static void write(struct hist_app *a, int64_t t, const struct histogram *h)
{
	struct state *s = &a->cur;
	struct histogram stale;
	if (hist_is_stale(h)) {
		stale = hist_stale(h->is_float);
		h = &stale;
	}
	make_room(a, (size_t)h->n_pos + h->n_neg + h->n_pos_spans + h->n_neg_spans + h->n_bounds);
	if (s->n == 0)
		put_first(a, t, h);
	else
		put_next(a, t, h);
	s->t = t;
	s->count = h->count;
	s->zero = h->zero_count;
	s->sum = double_bits(h->sum);
	for (int k = 0; k < 2; k++) {
		struct new_side b = side_of(h, k);
		CHECK(b.n == 0 || b.n == s->side[k].n);
		if (b.n)
			memcpy(s->side[k].val, b.val, b.n * sizeof(*b.val));
	}
	s->n++;
}

/* --- changing layouts ----------------------------------------------------------------------- */

/* What arena_alloc gives when there is no limit. */
static void *must(void *p)
{
	CHECK(p != NULL);
	return p;
}

/* The union of two span lists: runs joined, none empty. */
static void union_spans(struct arena *a, const struct side *x, const struct new_side *y, struct new_side *ret)
{
	struct hist_span *out = must(arena_array(a, (size_t)x->n + y->n + 1, sizeof(*out)));
	struct hist_span_walk wx = hist_span_walk_of(x->spans, x->n_spans);
	struct hist_span_walk wy = hist_span_walk_of(y->spans, y->n_spans);
	int64_t ix = 0, iy = 0, end = 0;
	bool mx = hist_span_walk_next(&wx, &ix), my = hist_span_walk_next(&wy, &iy);
	uint32_t n_spans = 0, n = 0;
	while (mx || my) {
		int64_t idx = !my || (mx && ix < iy) ? ix : iy;
		if (n_spans == 0 || idx != end)
			out[n_spans++] = (struct hist_span){ (int32_t)(idx - end), 0 };
		out[n_spans - 1].length++;
		end = idx + 1;
		n++;
		bool take_x = mx && ix == idx, take_y = my && iy == idx;
		if (take_x)
			mx = hist_span_walk_next(&wx, &ix);
		if (take_y)
			my = hist_span_walk_next(&wy, &iy);
	}
	*ret = (struct new_side){ out, n_spans, n, NULL };
}

/* The buckets of `from` in the layout of `to`, which has them all; the others are 0. Sets to->val. */
static void spread(struct arena *a, const struct new_side *from, struct new_side *to, bool is_float)
{
	uint64_t *out = must(arena_array(a, (size_t)to->n + 1, sizeof(*out)));
	struct bucket_walk w = bucket_walk_of(from->spans, from->n_spans, from->val, is_float);
	struct hist_span_walk wt = hist_span_walk_of(to->spans, to->n_spans);
	uint64_t last = 0;
	int64_t idx;
	for (uint32_t i = 0; hist_span_walk_next(&wt, &idx); i++) {
		uint64_t abs = 0;
		if (w.more && w.idx == idx) {
			abs = w.abs;
			bucket_next(&w);
		}
		out[i] = is_float ? abs : abs - last;
		last = abs;
	}
	to->val = out;
}

/*
 * The layout that chunk and histogram shall share, per side: the histogram's
 * own when it has all buckets of the chunk, the chunk's own when that has all
 * of the histogram's, else the union. Which of equal forms of a span list is
 * taken is visible in the bytes; this is what Prometheus takes.
 */
static void target_layout(struct hist_app *a, const struct histogram *h, const struct verdict *v, struct new_side to[2])
{
	bool narrower = v->diff[0].narrower || v->diff[1].narrower;
	bool wider = v->diff[0].wider || v->diff[1].wider;
	bool gauge = h->hint == HIST_HINT_GAUGE;
	for (int k = 0; k < 2; k++) {
		struct new_side own = side_of(h, k);
		const struct side *cur = &a->cur.side[k];
		if (narrower && !wider && !gauge)
			to[k] = (struct new_side){ cur->spans, cur->n_spans, cur->n, NULL };
		else if (v->diff[k].narrower || (narrower && gauge))
			union_spans(&a->scratch, cur, &own, &to[k]);
		else
			to[k] = own;
	}
}

/* The histogram with its buckets spread over another layout, in the scratch arena. */
static struct histogram widened(struct hist_app *a, const struct histogram *h, const struct new_side to[2])
{
	struct histogram out = *h;
	for (int k = 0; k < 2; k++) {
		struct new_side from = side_of(h, k), s = to[k];
		spread(&a->scratch, &from, &s, h->is_float);
		set_side(&out, k, &s);
	}
	return out;
}

/* Writes the whole chunk again with a wider layout. */
static void recode(struct hist_app *a, const struct new_side to[2])
{
	struct str old = hist_app_bytes(a);
	char *copy = must(arena_memdup(&a->scratch, old.p, old.n));
	struct chunk c = { a->is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST, str_mem(copy, old.n) };
	struct chunk_cols cols;
	struct err err;
	int r = hist_decode(c, INT64_MIN, INT64_MAX, &a->scratch, &cols, &err);
	CHECK(r == 0 && cols.n == a->cur.n);
	uint8_t flag = a->cur.flag;
	state_drop(&a->cur);
	a->w = (struct bitw){ .buf = a->w.buf };
	bitw_put(&a->w, 0, 8 * HEADER);
	for (size_t i = 0; i < cols.n; i++) {
		struct histogram h = widened(a, &cols.h[i], to);
		write(a, cols.t[i], &h);
	}
	a->cur.flag = flag;
}

/* Appends to a chunk that is not empty and that the histogram fits in. */
static enum hist_append append_fitting(struct hist_app *a, int64_t t, const struct histogram *h,
				       const struct verdict *v)
{
	bool narrower = v->diff[0].narrower || v->diff[1].narrower;
	bool wider = v->diff[0].wider || v->diff[1].wider;
	if (!narrower && !wider) {
		write(a, t, h);
		return HIST_APPENDED;
	}
	struct arena_mark m = arena_mark(&a->scratch);
	struct new_side to[2];
	target_layout(a, h, v, to);
	struct histogram w = narrower ? widened(a, h, to) : *h;
	if (wider)
		recode(a, to);
	write(a, t, &w);
	arena_rewind(&a->scratch, m);
	return wider ? HIST_RECODED : HIST_APPENDED;
}

/* Writes the first histogram of a chunk and decides the chunk's header. */
static void append_first(struct hist_app *a, int64_t t, const struct histogram *h)
{
	uint8_t flag = HIST_CHUNK_UNKNOWN;
	if (a->next_flag != FLAG_DECIDE)
		flag = (uint8_t)a->next_flag;
	else if (h->hint == HIST_HINT_GAUGE)
		flag = HIST_CHUNK_GAUGE;
	else if (h->hint == HIST_HINT_RESET)
		flag = HIST_CHUNK_RESET;
	else if (a->prev.n > 0)
		flag = judge_counter(&a->prev, h).after;
	write(a, t, h);
	a->cur.flag = flag;
	a->next_flag = FLAG_DECIDE;
}

enum hist_append hist_app_append(struct hist_app *a, int64_t t, const struct histogram *h)
{
	CHECK(h->is_float == a->is_float);
	if (a->cur.n == 0) {
		append_first(a, t, h);
		return HIST_APPENDED;
	}
	if (a->cur.n == SAMPLES_MAX) {
		a->next_flag = FLAG_DECIDE;
		return HIST_NEW_CHUNK;
	}
	struct verdict v = h->hint == HIST_HINT_GAUGE ? judge_gauge(&a->cur, h) : judge_counter(&a->cur, h);
	if (!v.fits) {
		a->next_flag = v.flag;
		return HIST_NEW_CHUNK;
	}
	return append_fitting(a, t, h, &v);
}
