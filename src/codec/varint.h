/*
 * codec/varint.h - numbers as bytes: LEB128 varints, zigzag, big and little endian.
 *
 * Varints are those of Go's encoding/binary and of protobuf: seven bits per
 * byte, lowest first, at most 10 bytes; a tenth byte above 1 overflows and
 * is refused. Signed ones are zigzag coded.
 *
 * Three ways to use them: plain functions on pointers, `struct decbuf`, a
 * cursor over borrowed bytes whose first failure sticks, and enc_* functions
 * that append to a strbuf. Nothing here allocates but the last.
 */
#ifndef CODEC_VARINT_H
#define CODEC_VARINT_H

#include "base/compiler.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Most bytes that a varint of 64 bits takes. */
#define VARINT_MAX 10

/* --- fixed width ------------------------------------------------------------- */

/* A big-endian 16-bit number at `p`, any alignment. */
static inline uint16_t be16_get(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap16(v);
}

/* A big-endian 32-bit number at `p`, any alignment. */
static inline uint32_t be32_get(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap32(v);
}

/* A big-endian 64-bit number at `p`, any alignment. */
static inline uint64_t be64_get(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v : __builtin_bswap64(v);
}

/* A little-endian 32-bit number at `p`, any alignment. */
static inline uint32_t le32_get(const void *p)
{
	return __builtin_bswap32(be32_get(p));
}

/* A little-endian 64-bit number at `p`, any alignment. */
static inline uint64_t le64_get(const void *p)
{
	return __builtin_bswap64(be64_get(p));
}

/* Stores `v` big-endian in the 2 bytes at `p`. */
static inline void be16_put(void *p, uint16_t v)
{
	v = be16_get(&v);
	memcpy(p, &v, sizeof(v));
}

/* Stores `v` big-endian in the 4 bytes at `p`. */
static inline void be32_put(void *p, uint32_t v)
{
	v = be32_get(&v);
	memcpy(p, &v, sizeof(v));
}

/* Stores `v` big-endian in the 8 bytes at `p`. */
static inline void be64_put(void *p, uint64_t v)
{
	v = be64_get(&v);
	memcpy(p, &v, sizeof(v));
}

/* Stores `v` little-endian in the 4 bytes at `p`. */
static inline void le32_put(void *p, uint32_t v)
{
	v = le32_get(&v);
	memcpy(p, &v, sizeof(v));
}

/* Stores `v` little-endian in the 8 bytes at `p`. */
static inline void le64_put(void *p, uint64_t v)
{
	v = le64_get(&v);
	memcpy(p, &v, sizeof(v));
}

/* --- varints ------------------------------------------------------------------ */

/* Maps signed to unsigned so that small magnitudes stay small: 0 -1 1 -2 to 0 1 2 3. */
static inline uint64_t zigzag_enc(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* The inverse of zigzag_enc. */
static inline int64_t zigzag_dec(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* varint_get for numbers of two bytes and more; use varint_get. */
const uint8_t *varint_get_long(const uint8_t *p, const uint8_t *end, uint64_t *ret);

/* Reads a varint of [p, end) into *ret; returns the byte after it, or NULL (cut off, or over 64 bits). */
static inline const uint8_t *varint_get(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	if (LIKELY(p < end && *p < 0x80)) {
		*ret = *p;
		return p + 1;
	}
	return varint_get_long(p, end, ret);
}

/* Reads a zigzag varint of [p, end) into *ret; returns the byte after it, or NULL. */
static inline const uint8_t *varint_get_signed(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	uint64_t u = 0;
	p = varint_get(p, end, &u);
	*ret = zigzag_dec(u);
	return p;
}

/* Writes `v` at `p`, which has room for VARINT_MAX bytes; returns the byte after it. */
static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* Writes `v` zigzag coded at `p`, which has room for VARINT_MAX bytes; returns the byte after it. */
static inline uint8_t *varint_put_signed(uint8_t *p, int64_t v)
{
	return varint_put(p, zigzag_enc(v));
}

/* Bytes that varint_put writes for `v`: 1 to 10. */
static inline size_t varint_size(uint64_t v)
{
	return (size_t)((63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

/* --- a cursor over borrowed bytes ---------------------------------------------- */

/*
 * Reads forward over [p, end). The first read that does not fit sets
 * `failed` and moves p to end; that read and all later ones give 0 or the
 * empty string. Test `failed` once after a group of reads.
 */
struct decbuf {
	const uint8_t *p, *end;
	bool failed;
};

/* A cursor over `n` bytes at `p`. */
static inline struct decbuf decbuf_make(const void *p, size_t n)
{
	const uint8_t *begin = p;
	return (struct decbuf){ begin, n ? begin + n : begin, false };
}

/* Bytes not yet read. */
static inline size_t decbuf_left(const struct decbuf *d)
{
	return (size_t)(d->end - d->p);
}

/* Marks the cursor failed, as a read past the end does. */
static inline void decbuf_fail(struct decbuf *d)
{
	d->failed = true;
	d->p = d->end;
}

/* Steps over `n` bytes and returns where they begin, or NULL when fewer are left. */
static inline const uint8_t *decbuf_take(struct decbuf *d, uint64_t n)
{
	if (UNLIKELY(n > decbuf_left(d) || d->failed)) {
		decbuf_fail(d);
		return NULL;
	}
	const uint8_t *p = d->p;
	if (n)
		d->p += n;
	return p;
}

/* The next byte. */
static inline uint8_t decbuf_u8(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 1);
	return p ? *p : 0;
}

/* The next 2 bytes, big-endian. */
static inline uint16_t decbuf_be16(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 2);
	return p ? be16_get(p) : 0;
}

/* The next 4 bytes, big-endian. */
static inline uint32_t decbuf_be32(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 4);
	return p ? be32_get(p) : 0;
}

/* The next 8 bytes, big-endian. */
static inline uint64_t decbuf_be64(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 8);
	return p ? be64_get(p) : 0;
}

/* The next 4 bytes, little-endian. */
static inline uint32_t decbuf_le32(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 4);
	return p ? le32_get(p) : 0;
}

/* The next 8 bytes, little-endian. */
static inline uint64_t decbuf_le64(struct decbuf *d)
{
	const uint8_t *p = decbuf_take(d, 8);
	return p ? le64_get(p) : 0;
}

/* The next unsigned varint. */
static inline uint64_t decbuf_uvarint(struct decbuf *d)
{
	uint64_t v = 0;
	const uint8_t *p = varint_get(d->p, d->end, &v);
	if (UNLIKELY(!p)) {
		decbuf_fail(d);
		return 0;
	}
	d->p = p;
	return v;
}

/* The next unsigned varint; one above `max` fails. */
static inline uint64_t decbuf_uvarint_max(struct decbuf *d, uint64_t max)
{
	uint64_t v = decbuf_uvarint(d);
	if (UNLIKELY(v > max)) {
		decbuf_fail(d);
		return 0;
	}
	return v;
}

/* The next zigzag varint. */
static inline int64_t decbuf_varint(struct decbuf *d)
{
	return zigzag_dec(decbuf_uvarint(d));
}

/* The next `n` bytes, borrowed. */
static inline struct str decbuf_bytes(struct decbuf *d, uint64_t n)
{
	const uint8_t *p = decbuf_take(d, n);
	return p ? str_mem(p, (size_t)n) : str_mem(NULL, 0);
}

/* A string with its length as a varint before it, borrowed. */
static inline struct str decbuf_uvarint_str(struct decbuf *d)
{
	uint64_t n = decbuf_uvarint(d);
	return decbuf_bytes(d, n);
}

/* --- appending to a strbuf ------------------------------------------------------ */

/* Appends `v` as a varint. */
static inline void enc_uvarint(struct strbuf *b, uint64_t v)
{
	uint8_t tmp[VARINT_MAX];
	strbuf_add(b, tmp, (size_t)(varint_put(tmp, v) - tmp));
}

/* Appends `v` as a zigzag varint. */
static inline void enc_varint(struct strbuf *b, int64_t v)
{
	enc_uvarint(b, zigzag_enc(v));
}

/* Appends `v` in 4 bytes, big-endian. */
static inline void enc_be32(struct strbuf *b, uint32_t v)
{
	v = be32_get(&v);
	strbuf_add(b, &v, sizeof(v));
}

/* Appends `v` in 8 bytes, big-endian. */
static inline void enc_be64(struct strbuf *b, uint64_t v)
{
	v = be64_get(&v);
	strbuf_add(b, &v, sizeof(v));
}

/* Appends the length of `s` as a varint, then `s`. */
static inline void enc_uvarint_str(struct strbuf *b, struct str s)
{
	enc_uvarint(b, s.n);
	strbuf_add_str(b, s);
}

#endif
