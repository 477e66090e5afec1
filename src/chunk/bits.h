/*
 * chunk/bits.h - bit streams of chunks: most significant bit first.
 *
 * The reader is bounded and sticky: past the end it returns zeros and sets
 * `bad`, so a decoder tests once per sample. The writer collects 64 bits and
 * stores whole words into memory that its owner has made large enough.
 */
#ifndef CHUNK_BITS_H
#define CHUNK_BITS_H

#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A position in `n_bits` bits at `p`. */
struct bitr {
	const uint8_t *p;
	uint64_t pos, n_bits; /* in bits */
	bool bad;             /* something past the end was asked for, or a number was malformed */
};

/* 8 bytes at `p`, first byte most significant. */
static ALWAYS_INLINE uint64_t load_be64(const uint8_t *p)
{
	uint64_t u;
	memcpy(&u, p, sizeof(u));
	return __builtin_bswap64(u);
}

/* Stores 8 bytes, most significant first. */
static ALWAYS_INLINE void store_be64(uint8_t *p, uint64_t u)
{
	u = __builtin_bswap64(u);
	memcpy(p, &u, sizeof(u));
}

/* A reader over the bytes of `data` from byte `skip` on (skip <= data.n). */
static inline struct bitr bitr_of(struct str data, size_t skip)
{
	return (struct bitr){ .p = (const uint8_t *)data.p + skip, .n_bits = (data.n - skip) * 8 };
}

/* The next bits, left-aligned; at least 57 of them valid, zeros past the end. */
static ALWAYS_INLINE uint64_t bitr_peek(const struct bitr *r)
{
	uint64_t byte = r->pos >> 3, n = r->n_bits >> 3;
	if (LIKELY(byte + 8 <= n))
		return load_be64(r->p + byte) << (r->pos & 7);
	uint8_t last[8] = { 0 };
	if (byte < n)
		memcpy(last, r->p + byte, n - byte);
	return load_be64(last) << (r->pos & 7);
}

/* Moves on by `n` bits; past the end it stays there and sets bad. */
static ALWAYS_INLINE void bitr_skip(struct bitr *r, unsigned n)
{
	r->pos += n;
	if (UNLIKELY(r->pos > r->n_bits)) {
		r->pos = r->n_bits;
		r->bad = true;
	}
}

/* The next n (0..57) bits, right-aligned. */
static ALWAYS_INLINE uint64_t bitr_get(struct bitr *r, unsigned n)
{
	uint64_t v = n ? bitr_peek(r) >> (64 - n) : 0;
	bitr_skip(r, n);
	return v;
}

/* The next n (0..64) bits, right-aligned. */
static ALWAYS_INLINE uint64_t bitr_get64(struct bitr *r, unsigned n)
{
	if (n <= 57)
		return bitr_get(r, n);
	uint64_t hi = bitr_get(r, 32);
	return hi << (n - 32) | bitr_get(r, n - 32);
}

/* Bits that are left. */
static inline uint64_t bitr_left(const struct bitr *r)
{
	return r->n_bits - r->pos;
}

/* Number of leading one bits of `v`, at most `max`. */
static ALWAYS_INLINE unsigned leading_ones(uint64_t v, unsigned max)
{
	return (unsigned)__builtin_clzll(~v | 1ULL << (63 - max));
}

/* A field of n (1..64) bits where values above 2^(n-1) stand for value - 2^n. */
static ALWAYS_INLINE int64_t sign_field(uint64_t raw, unsigned n)
{
	if (n == 64)
		return (int64_t)raw;
	return (int64_t)(raw - ((uint64_t)(raw > 1ULL << (n - 1)) << n));
}

/* An unsigned LEB128 number of whole bytes in the bit stream; bad when longer than 10 bytes. */
static inline uint64_t bitr_uvarint(struct bitr *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint64_t b = bitr_get(r, 8);
		if (shift == 63 && b > 1)
			break;
		v |= (b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	r->bad = true;
	return 0;
}

/* A zigzag LEB128 number in the bit stream. */
static inline int64_t bitr_varint(struct bitr *r)
{
	uint64_t u = bitr_uvarint(r);
	return (int64_t)(u >> 1 ^ -(u & 1));
}

/* Width of the field after 0..8 leading ones of a vbint or vbuint (tsdb_formats "varbit"). */
extern const uint8_t varbit_width[9];

/* A signed varbit number of histogram chunks. */
static ALWAYS_INLINE int64_t bitr_varbit_int(struct bitr *r)
{
	uint64_t w = bitr_peek(r);
	unsigned ones = leading_ones(w, 8);
	unsigned ctl = ones + (ones < 8), n = varbit_width[ones];
	if (LIKELY(ones < 7)) {
		uint64_t raw = (w << ctl >> 1) >> (63 - n);
		bitr_skip(r, ctl + n);
		return n ? sign_field(raw, n) : 0;
	}
	bitr_skip(r, ctl);
	return sign_field(bitr_get64(r, n), n);
}

/* An unsigned varbit number. */
static ALWAYS_INLINE uint64_t bitr_varbit_uint(struct bitr *r)
{
	uint64_t w = bitr_peek(r);
	unsigned ones = leading_ones(w, 8);
	unsigned ctl = ones + (ones < 8), n = varbit_width[ones];
	if (LIKELY(ones < 7)) {
		bitr_skip(r, ctl + n);
		return (w << ctl >> 1) >> (63 - n);
	}
	bitr_skip(r, ctl);
	return bitr_get64(r, n);
}

/* The window of an XOR-coded column of values. */
struct xor_window {
	uint8_t lead, trail;
};

/* The bits after '1': payload with the old or a new window. Sets bad on an impossible window. */
static inline uint64_t bitr_xor_payload(struct bitr *r, struct xor_window *w, bool new_window)
{
	if (new_window) {
		unsigned lead = (unsigned)bitr_get(r, 5), sig = (unsigned)bitr_get(r, 6);
		if (sig == 0)
			sig = 64;
		if (lead + sig > 64) {
			r->bad = true;
			return 0;
		}
		w->lead = (uint8_t)lead;
		w->trail = (uint8_t)(64 - lead - sig);
	}
	return bitr_get64(r, 64u - w->lead - w->trail) << w->trail;
}

/* The next XOR-coded value after `prev` (bits of doubles). */
static inline uint64_t bitr_xor(struct bitr *r, struct xor_window *w, uint64_t prev)
{
	if (bitr_get(r, 1) == 0)
		return prev;
	bool new_window = bitr_get(r, 1);
	return prev ^ bitr_xor_payload(r, w, new_window);
}

/* A writer; buf must have room for what is put plus 8 bytes. */
struct bitw {
	uint8_t *buf;
	uint64_t acc; /* left-aligned bits not yet stored */
	size_t pos;   /* whole bytes stored */
	unsigned n;   /* bits in acc, 0..63 */
};

/* Puts the low n (0..64) bits of `v`; bits above must be zero. */
static ALWAYS_INLINE void bitw_put(struct bitw *w, uint64_t v, unsigned n)
{
	if (n == 0)
		return;
	uint64_t left = v << (64 - n);
	w->acc |= left >> w->n;
	unsigned total = w->n + n;
	if (total >= 64) {
		store_be64(w->buf + w->pos, w->acc);
		w->pos += 8;
		w->acc = w->n ? left << (64 - w->n) : 0;
		total -= 64;
	}
	w->n = total;
}

/* Stores the bits held back (zero filled) without moving on; returns the bytes in use. */
static inline size_t bitw_flush(struct bitw *w)
{
	store_be64(w->buf + w->pos, w->acc);
	return w->pos + (w->n + 7) / 8;
}

/* A signed varbit number: the first prefix whose field fits. */
void bitw_varbit_int(struct bitw *w, int64_t v);

/* An unsigned varbit number. */
void bitw_varbit_uint(struct bitw *w, uint64_t v);

/*
 * The XOR code of `v` after `prev`; the window starts as {255, 0}, which
 * means none yet. Source: xorWrite of Prometheus tsdb/chunkenc/xor.go.
 */
void bitw_xor(struct bitw *w, struct xor_window *win, uint64_t prev, uint64_t v);

/* Most bits that one bitw_xor writes. */
#define BITW_XOR_MAX 77

#endif
