#include "chunk/xor.h"

#include "base/assert.h"
#include "chunk/bits.h"
#include "chunk/histogram.h"
#include "codec/varint.h"

#define HEADER 2

_Static_assert(sizeof(struct xor_app) == 64, "one cache line");

/* --- appending ------------------------------------------------------------- */

void xor_app_init(struct xor_app *a, uint8_t *buf, size_t cap)
{
	CHECK(cap >= 64 && cap <= UINT32_MAX);
	*a = (struct xor_app){ .buf = buf, .cap = (uint32_t)cap, .pos = HEADER, .lead = 255 };
}

void xor_app_set_buf(struct xor_app *a, uint8_t *buf, size_t cap)
{
	CHECK(cap >= a->pos && cap <= UINT32_MAX);
	a->buf = buf;
	a->cap = (uint32_t)cap;
}

/* The end of the bit stream, in registers while a sample is put: a store to the buffer might change the appender. */
struct tail {
	uint8_t *p;
	uint64_t acc;
	unsigned n; /* bits in acc, 0..63 */
};

/*
 * Puts n (1..64) bits. The buffer is touched once per 64 bits only: with
 * millions of open chunks that saves most of the cache misses of writing.
 */
static ALWAYS_INLINE void put(struct tail *w, uint64_t v, unsigned n)
{
	uint64_t left = v << (64 - n);
	unsigned total = w->n + n;
	uint64_t acc = w->acc | left >> w->n;
	if (total >= 64) {
		store_be64(w->p, acc);
		w->p += 8;
		acc = w->n ? left << (64 - w->n) : 0;
		total -= 64;
	}
	w->acc = acc;
	w->n = total;
}

static ALWAYS_INLINE void put_uvarint(struct tail *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put(w, (v & 0x7f) | 0x80, 8);
	put(w, v, 8);
}

/* Bits that wait to be put together with what follows. */
struct code {
	uint64_t v;
	unsigned n; /* 24 at most */
};

/* The double delta of a time: the shortest of five forms; the longest is put at once. */
static ALWAYS_INLINE struct code code_dod(struct tail *w, int64_t dod)
{
	if (dod == 0)
		return (struct code){ 0, 1 };
	if (LIKELY(dod >= -8191 && dod <= 8192))
		return (struct code){ 2u << 14 | ((uint64_t)dod & 0x3fff), 16 };
	if (dod >= -65535 && dod <= 65536)
		return (struct code){ 6u << 17 | ((uint64_t)dod & 0x1ffff), 20 };
	if (dod >= -524287 && dod <= 524288)
		return (struct code){ 14u << 20 | ((uint64_t)dod & 0xfffff), 24 };
	put(w, 15, 4);
	put(w, (uint64_t)dod, 64);
	return (struct code){ 0, 0 };
}

/* What waits, then the value: '0' same; '10' and payload; '11', window and payload. */
static ALWAYS_INLINE void put_value(struct xor_app *a, struct tail *w, struct code c, uint64_t x)
{
	if (x == 0) {
		put(w, c.v << 1, c.n + 1);
		return;
	}
	unsigned lead = (unsigned)__builtin_clzll(x), trail = (unsigned)__builtin_ctzll(x), sig;
	lead = lead > 31 ? 31 : lead;
	if (lead >= a->lead && trail >= a->trail) {
		trail = a->trail;
		sig = 64u - a->lead - trail;
		c.v = c.v << 2 | 2;
		c.n += 2;
	} else {
		sig = 64 - lead - trail;
		c.v = c.v << 13 | 3u << 11 | lead << 6 | (sig & 63);
		c.n += 13;
		a->lead = (uint8_t)lead;
		a->trail = (uint8_t)trail;
	}
	if (LIKELY(c.n + sig <= 64)) {
		put(w, c.v << sig | x >> trail, c.n + sig);
	} else {
		put(w, c.v, c.n);
		put(w, x >> trail, sig);
	}
}

/* The first two samples have forms of their own. */
static NO_INLINE struct tail put_first(struct xor_app *a, struct tail w, int64_t t, uint64_t bits)
{
	if (a->n == 0) {
		put_uvarint(&w, (uint64_t)t << 1 ^ (uint64_t)(t >> 63));
		put(&w, bits, 64);
		a->delta = 0;
	} else {
		a->delta = (int64_t)((uint64_t)t - (uint64_t)a->t);
		put_uvarint(&w, (uint64_t)a->delta);
		put_value(a, &w, (struct code){ 0, 0 }, bits ^ a->v);
	}
	return w;
}

bool xor_append(struct xor_app *a, int64_t t, double v)
{
	if (UNLIKELY(a->cap - a->pos < XOR_ROOM || a->n == XOR_SAMPLES_MAX))
		return false;
	uint64_t bits = double_bits(v);
	uint8_t *buf = a->buf;
	struct tail w = { buf + a->pos, a->acc, a->acc_n };
	if (LIKELY(a->n >= 2)) {
		int64_t delta = (int64_t)((uint64_t)t - (uint64_t)a->t);
		struct code dod = code_dod(&w, (int64_t)((uint64_t)delta - (uint64_t)a->delta));
		put_value(a, &w, dod, bits ^ a->v);
		a->delta = delta;
	} else {
		w = put_first(a, w, t, bits);
	}
	a->pos = (uint32_t)(w.p - buf);
	a->acc = w.acc;
	a->acc_n = (uint8_t)w.n;
	a->t = t;
	a->v = bits;
	a->n++;
	return true;
}

struct str xor_app_bytes(struct xor_app *a)
{
	CHECK(a->cap - a->pos >= 8);
	store_be64(a->buf + a->pos, a->acc);
	a->buf[0] = (uint8_t)(a->n >> 8);
	a->buf[1] = (uint8_t)a->n;
	return str_mem(a->buf, xor_app_size(a));
}

int xor_app_resume(struct xor_app *a, uint8_t *buf, size_t n, size_t cap, struct err *err)
{
	CHECK(n <= cap);
	struct xor_iter it;
	int r = xor_iter_init(&it, str_mem(buf, n), err);
	if (r < 0)
		return r;
	xor_app_init(a, buf, cap);
	int64_t t;
	double v;
	while ((r = xor_iter_next(&it, &t, &v, err)) > 0)
		;
	if (r < 0)
		return r;
	a->t = it.t;
	a->delta = it.delta;
	a->v = it.v;
	a->n = (uint16_t)it.n;
	if (it.windowed) {
		a->lead = it.lead;
		a->trail = it.trail;
	}
	uint32_t whole = (uint32_t)(it.bit >> 3), rest = (uint32_t)(it.bit & 7);
	a->pos = whole;
	a->acc_n = (uint8_t)rest;
	a->acc = rest ? (uint64_t)(buf[whole] & (0xff00 >> rest)) << 56 : 0;
	return 0;
}

/* --- walking ----------------------------------------------------------------- */

static int damaged(struct err *err, uint32_t i, uint32_t n)
{
	return err_set(err, ERR_DATA_LOSS, "XOR chunk damaged at sample %u of %u", i + 1, n);
}

int xor_iter_init(struct xor_iter *it, struct str data, struct err *err)
{
	if (data.n < HEADER)
		return err_set(err, ERR_DATA_LOSS, "XOR chunk of %zu bytes has no header", data.n);
	*it = (struct xor_iter){ .data = data, .bit = 8 * HEADER, .n = xor_samples(data) };
	return 0;
}

/* The next double delta of times. */
static int64_t get_dod(struct bitr *r)
{
	static const uint8_t width[] = { 0, 14, 17, 20, 64 };
	unsigned ones = leading_ones(bitr_peek(r), 4);
	bitr_skip(r, ones + (ones < 4));
	if (ones == 0)
		return 0;
	unsigned n = width[ones];
	return sign_field(bitr_get64(r, n), n);
}

int xor_iter_next(struct xor_iter *it, int64_t *ret_t, double *ret_v, struct err *err)
{
	if (it->i >= it->n)
		return 0;
	struct bitr r = bitr_of(it->data, 0);
	r.pos = it->bit;
	if (it->i == 0) {
		it->t = bitr_varint(&r);
		it->v = bitr_get64(&r, 64);
	} else {
		if (it->i == 1)
			it->delta = (int64_t)bitr_uvarint(&r);
		else
			it->delta = (int64_t)((uint64_t)it->delta + (uint64_t)get_dod(&r));
		it->t = (int64_t)((uint64_t)it->t + (uint64_t)it->delta);
		struct xor_window w = { it->lead, it->trail };
		it->windowed |= bitr_peek(&r) >> 62 == 3;
		it->v = bitr_xor(&r, &w, it->v);
		it->lead = w.lead;
		it->trail = w.trail;
	}
	if (r.bad)
		return damaged(err, it->i, it->n);
	it->bit = r.pos;
	it->i++;
	*ret_t = it->t;
	*ret_v = double_of_bits(it->v);
	return 1;
}

bool xor_first_time(struct str data, int64_t *ret_t)
{
	if (data.n <= HEADER || xor_samples(data) == 0)
		return false;
	struct bitr r = bitr_of(data, HEADER);
	*ret_t = bitr_varint(&r);
	return !r.bad;
}

/* --- decoding in bulk --------------------------------------------------------- */

/*
 * The stream as a register of bits that is refilled from memory: `buf` holds
 * `n` valid bits, left-aligned; `p` is the next byte to load. Loads are of
 * 8 bytes, so the caller keeps p at least that far from the end.
 */
struct refill {
	const uint8_t *p;
	uint64_t buf;
	unsigned n;
};

/* Tops up to 56..63 bits, without a branch (Giesen, "Reading bits in far too many ways", variant 4). */
static ALWAYS_INLINE void refill(struct refill *r)
{
	r->buf |= load_be64(r->p) >> r->n;
	r->p += (63 - r->n) >> 3;
	r->n |= 56;
}

static ALWAYS_INLINE void consume(struct refill *r, unsigned n)
{
	r->buf <<= n;
	r->n -= n;
}

/* State of a bulk decode between samples. */
struct walk {
	struct refill r;
	uint64_t t, delta, v;
	unsigned lead, trail;
	unsigned bad; /* an impossible window was seen */
};

/* 64 bits, from a register with at least 40. */
static NO_INLINE uint64_t take64(struct refill *r)
{
	refill(r);
	uint64_t hi = r->buf >> 32;
	consume(r, 32);
	refill(r);
	uint64_t lo = r->buf >> 32;
	consume(r, 32);
	return hi << 32 | lo;
}

/* Fields of 17, 20 and 64 bits, for a register that begins with '11'. */
static ALWAYS_INLINE uint64_t walk_long_dod(struct refill *r)
{
	unsigned ones = leading_ones(r->buf, 4);
	if (UNLIKELY(ones == 4)) {
		struct refill slow = *r; /* a copy, so that *r can stay in registers */
		consume(&slow, 4);
		uint64_t dod = take64(&slow);
		refill(&slow);
		*r = slow;
		return dod;
	}
	unsigned n = 11 + 3 * ones;
	uint64_t raw = r->buf << (ones + 1) >> (64 - n);
	consume(r, ones + 1 + n);
	return raw - ((uint64_t)(raw > 1ULL << (n - 1)) << n);
}

/* The double delta in the register; takes at most 24 bits of it, but for the 64-bit form. */
static ALWAYS_INLINE uint64_t walk_dod(struct refill *r)
{
	if ((int64_t)r->buf >= 0) {
		consume(r, 1);
		return 0;
	}
	if (LIKELY((int64_t)(r->buf << 1) >= 0)) {
		uint64_t raw = r->buf << 2 >> 50;
		consume(r, 16);
		return raw - ((uint64_t)(raw > 8192) << 14);
	}
	return walk_long_dod(r);
}

/*
 * A sample from the third on: at most 145 bits, so p moves on by at most 19
 * bytes. The jumps are on purpose: on real series they are mostly foreseen,
 * and then the next sample need not wait for the widths found in this one.
 */
static ALWAYS_INLINE void walk_sample(struct walk *w)
{
	struct refill *r = &w->r;
	w->delta += walk_dod(r);
	w->t += w->delta;
	if ((int64_t)r->buf >= 0) {
		consume(r, 1);
		return;
	}
	if (UNLIKELY((int64_t)(r->buf << 1) < 0)) {
		unsigned lead = (unsigned)(r->buf >> 57) & 31, sig = (unsigned)(r->buf >> 51) & 63;
		unsigned most = 64 - lead;
		sig = sig ? sig : 64;
		w->bad |= sig > most;
		sig = sig < most ? sig : most;
		w->lead = lead;
		w->trail = most - sig;
		consume(r, 13);
	} else {
		consume(r, 2);
	}
	refill(r);
	unsigned bits = 64 - w->lead - w->trail; /* 1..64 */
	uint64_t x;
	if (LIKELY(bits <= 56)) {
		x = r->buf >> (64 - bits);
		consume(r, bits);
	} else {
		x = r->buf >> 32;
		consume(r, 32);
		refill(r);
		x = x << (bits - 32) | r->buf >> (96 - bits);
		consume(r, bits - 32);
	}
	w->v ^= x << w->trail;
}

/* Most significant bits of a value that walk_regular takes: they are in the register together with what stands before them. */
#define REGULAR_BITS 42

/*
 * A sample that comes when it is expected, with not too many bits: '0', then '10' and a payload, or '11', a window and a payload, all of
 * it in a register of 56 bits. False for others, of which nothing is taken.
 */
static ALWAYS_INLINE bool walk_regular(struct walk *w)
{
	struct refill *r = &w->r;
	uint64_t buf = r->buf;
	if (buf >> 61 == 2) {
		unsigned rest = w->lead + w->trail;
		if (UNLIKELY(rest < 64 - REGULAR_BITS))
			return false;
		w->v ^= buf << 3 >> rest << w->trail;
		consume(r, 67 - rest);
	} else if (buf >> 61 == 3) {
		unsigned lead = (unsigned)(buf >> 56) & 31, sig = (unsigned)(buf >> 50) & 63;
		if (UNLIKELY(sig - 1 >= REGULAR_BITS || lead + sig > 64))
			return false;
		w->lead = lead;
		w->trail = 64 - lead - sig;
		w->v ^= buf << 14 >> (64 - sig) << w->trail;
		consume(r, 14 + sig);
	} else {
		return false;
	}
	w->t += w->delta;
	return true;
}

/* Where the samples of a bulk decode go. */
struct sink {
	int64_t mint, maxt;
	int64_t *t;
	double *v;
	size_t n;
};

/* Writes the sample and keeps it if it is in range; false past the range. */
static ALWAYS_INLINE bool sink_put(struct sink *s, const struct walk *w, bool ranged)
{
	s->t[s->n] = (int64_t)w->t;
	s->v[s->n] = double_of_bits(w->v);
	if (!ranged) {
		s->n++;
		return true;
	}
	s->n += (int64_t)w->t >= s->mint && (int64_t)w->t <= s->maxt;
	return (int64_t)w->t <= s->maxt;
}

/* Most bytes a sample moves p on by, plus the width of a load. */
#define MARGIN 32

/*
 * Samples whose value and step repeat, two zero bits each: `buf` begins with
 * them. Gives at most `most`; returns how many there were.
 */
static ALWAYS_INLINE uint32_t walk_same(struct walk *w, uint32_t most, struct sink *s, bool ranged)
{
	uint32_t k = (uint32_t)__builtin_clzll(w->r.buf | 1ULL << 8) / 2; /* 27 at most: 54 bits */
	k = k < most ? k : most;
	consume(&w->r, 2 * k);
	for (uint32_t j = 0; j < k; j++) {
		w->t += w->delta;
		if (!sink_put(s, w, ranged))
			return most;
	}
	return k;
}

/*
 * Decodes samples [i, n) while p stays MARGIN bytes below `end`; the caller
 * repeats on a padded copy of the rest. Returns the next i, n when done early.
 */
static ALWAYS_INLINE uint32_t walk_run(struct walk *w, uint32_t i, uint32_t n, const uint8_t *end, struct sink *s,
				       bool ranged)
{
	struct walk l = *w;
	struct sink o = *s;
	while (i < n && end - l.r.p >= MARGIN) {
		refill(&l.r);
		if (l.r.buf >> 62 == 0) {
			i += walk_same(&l, n - i, &o, ranged);
			continue;
		}
		if ((int64_t)l.r.buf < 0 || !walk_regular(&l))
			walk_sample(&l);
		i = sink_put(&o, &l, ranged) ? i + 1 : n;
	}
	*w = l;
	s->n = o.n;
	return i;
}

/* Whether more bits were taken than there are before `end`: those loaded, less those still in the register. */
static ALWAYS_INLINE bool walk_overran(const struct walk *w, const uint8_t *end)
{
	return w->r.p - end > (ptrdiff_t)(w->r.n >> 3);
}

/* As walk_run on the last bytes, which lie in a buffer padded with zeros; stops where the data end. */
static ALWAYS_INLINE uint32_t walk_tail(struct walk *w, uint32_t i, uint32_t n, const uint8_t *data_end, struct sink *s,
					bool ranged)
{
	struct walk l = *w;
	struct sink o = *s;
	while (i < n) {
		uint32_t k = 1;
		bool more = true;
		refill(&l.r);
		if (l.r.buf >> 62 == 0) {
			k = walk_same(&l, n - i, &o, ranged);
		} else {
			walk_sample(&l);
			more = sink_put(&o, &l, ranged);
		}
		if (l.bad || walk_overran(&l, data_end))
			break;
		i = more ? i + k : n;
	}
	*w = l;
	s->n = o.n;
	return i;
}

/* The first two samples, which have forms of their own, in whole bytes but for the last value. 0, or minus the damaged one. */
static int walk_begin(struct walk *w, struct str data, uint32_t n, struct sink *s, bool *ret_past)
{
	const uint8_t *p = (const uint8_t *)data.p + HEADER, *end = (const uint8_t *)data.p + data.n;
	int64_t t0 = 0;
	*ret_past = false;
	if (n == 0)
		return 0;
	p = varint_get_signed(p, end, &t0);
	if (!p || end - p < 8)
		return -1;
	w->t = (uint64_t)t0;
	w->v = load_be64(p);
	p += 8;
	*ret_past = !sink_put(s, w, true);
	if (*ret_past || n == 1)
		return 0;
	p = varint_get(p, end, &w->delta);
	if (!p)
		return -2;
	w->t += w->delta;
	struct bitr r = bitr_of(str_mem(p, (size_t)(end - p)), 0);
	struct xor_window win = { 0, 0 };
	w->v = bitr_xor(&r, &win, w->v);
	w->lead = win.lead;
	w->trail = win.trail;
	if (r.bad)
		return -2;
	*ret_past = !sink_put(s, w, true);
	/* Takes up the bit stream in the middle of a byte. */
	w->r.p = r.p + (r.pos >> 3);
	unsigned used = r.pos & 7;
	if (used) {
		w->r.buf = (uint64_t)*w->r.p++ << 56 << used;
		w->r.n = 8 - used;
	}
	return 0;
}

/* Samples from the third on. Returns how many were decoded, counted with the first two; fewer than n is damage. */
static ALWAYS_INLINE uint32_t walk_all(struct walk *w, uint32_t n, const uint8_t *end, struct sink *s, bool ranged)
{
	uint32_t i = ranged ? walk_run(w, 2, n, end, s, true) : walk_run(w, 2, n, end, s, false);
	if (i == n || w->bad)
		return i;
	uint8_t pad[MARGIN + 96] = { 0 };
	size_t left = (size_t)(end - w->r.p);
	CHECK(left < MARGIN);
	memcpy(pad, w->r.p, left);
	w->r.p = pad;
	return ranged ? walk_tail(w, i, n, pad + left, s, true) : walk_tail(w, i, n, pad + left, s, false);
}

static uint32_t walk_all_portable(struct walk *w, uint32_t n, const uint8_t *end, struct sink *s, bool ranged)
{
	return walk_all(w, n, end, s, ranged);
}

/* The same with shifts that do not touch the flags: a third faster. */
TARGET("bmi,bmi2")
static uint32_t walk_all_bmi2(struct walk *w, uint32_t n, const uint8_t *end, struct sink *s, bool ranged)
{
	return walk_all(w, n, end, s, ranged);
}

static bool have_bmi2(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#else
	return false;
#endif
}

static int decode(struct str data, struct sink *s, bool ranged, struct err *err)
{
	uint32_t n = xor_samples(data);
	if (data.n < HEADER)
		return err_set(err, ERR_DATA_LOSS, "XOR chunk of %zu bytes has no header", data.n);
	struct walk w = { 0 };
	bool past;
	int r = walk_begin(&w, data, n, s, &past);
	if (r < 0)
		return damaged(err, (uint32_t)(-r - 1), n);
	if (past || n <= 2)
		return 0;
	const uint8_t *end = (const uint8_t *)data.p + data.n;
	uint32_t i = have_bmi2() ? walk_all_bmi2(&w, n, end, s, ranged) : walk_all_portable(&w, n, end, s, ranged);
	return w.bad || i < n ? damaged(err, i < n ? i : n - 1, n) : 0;
}

int xor_decode(struct str data, int64_t *ret_t, double *ret_v, size_t *ret_n, struct err *err)
{
	struct sink s = { INT64_MIN, INT64_MAX, ret_t, ret_v, 0 };
	int r = decode(data, &s, false, err);
	*ret_n = r < 0 ? 0 : s.n;
	return r;
}

int xor_decode_range(struct str data, int64_t mint, int64_t maxt, int64_t *ret_t, double *ret_v, size_t *ret_n,
		     struct err *err)
{
	struct sink s = { mint, maxt, ret_t, ret_v, 0 };
	int r = decode(data, &s, true, err);
	*ret_n = r < 0 ? 0 : s.n;
	return r;
}
