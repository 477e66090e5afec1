/*
 * text/float_digits.h - digits of whole numbers, for loops that write many of them.
 *
 * Everything here is written in pieces of 8 bytes: behind what is returned as the end up to 7 more may have been touched.
 */
#ifndef TEXT_FLOAT_DIGITS_H
#define TEXT_FLOAT_DIGITS_H

#include "base/compiler.h"

#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* '0' in every byte. */
#define DIGITS_ZEROS 0x3030303030303030

/*
 * The 8 digits of v < 10^8 as numbers, the first of them in the lowest byte: halves, then pairs, then digits are
 * parted side by side in one register. (P. Khuong, "How to print integers really fast", 2017.)
 */
static ALWAYS_INLINE uint64_t digits_of8(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t q = ((x * 10486) >> 20) & 0x0000007f0000007f;
	x = q | (x - 100 * q) << 16;
	q = ((x * 103) >> 10) & 0x000f000f000f000f;
	return q | (x - 10 * q) << 8;
}

/* Writes 8 characters, the first of them in the lowest byte. */
static ALWAYS_INLINE void digits_store8(char *p, uint64_t x)
{
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		x = __builtin_bswap64(x);
	memcpy(p, &x, sizeof(x));
}

/* Writes the 8 digits of v < 10^8. */
static ALWAYS_INLINE void digits_put8(char *p, uint32_t v)
{
	digits_store8(p, digits_of8(v) | DIGITS_ZEROS);
}

/* Writes 8 digits as digits_of8 gives them, without leading zeros, in place of 8 bytes; returns the end. */
static ALWAYS_INLINE char *digits_put_of8(char *p, uint64_t x)
{
	unsigned leading = (unsigned)__builtin_ctzll(x | 1ull << 56) & ~7u; /* the last digit always stays */
	digits_store8(p, (x | DIGITS_ZEROS) >> leading);
	return p + 8 - leading / 8;
}

/* Writes v < 10^8 without leading zeros in place of 8 bytes; returns the end. */
static ALWAYS_INLINE char *digits_put_short(char *p, uint32_t v)
{
	return digits_put_of8(p, digits_of8(v));
}

/* Writes v < 10^16 as put_short does. */
static ALWAYS_INLINE char *digits_put_uint(char *p, uint64_t v)
{
	if (LIKELY(v < 100000000))
		return digits_put_short(p, (uint32_t)v);
	uint64_t top = v / 100000000;
	p = digits_put_short(p, (uint32_t)top);
	digits_put8(p, (uint32_t)(v - top * 100000000));
	return p + 8;
}

/* Whole numbers without exponent, the most common values of all. False when it is none. */
static ALWAYS_INLINE bool digits_put_whole(char **p, double v)
{
	if (!(fabs(v) < 9007199254740992.0))
		return false;
	int64_t i = (int64_t)v;
	if ((double)i != v || (i == 0 && signbit(v)))
		return false;
	uint64_t u = i < 0 ? (uint64_t)-i : (uint64_t)i;
	if (i < 0)
		*(*p)++ = '-';
	*p = digits_put_uint(*p, u);
	return true;
}

/*
 * digits_of8 of the first of n numbers, side by side, up to one that is not a whole one from 0 to 10^8 - 1 (-0 is none), or
 * somewhat before it. Returns how many; it may be none at all.
 */
size_t digits_column(const double *v, size_t n, uint64_t *ret);

/* Most numbers that are parted at a time. */
#define DIGITS_AT_ONCE 128

/* Numbers as digits_of8 of what stands before the point, and of the first and second 8 digits after it; and as a number the third. */
struct digits_parts {
	uint64_t whole[DIGITS_AT_ONCE], high[DIGITS_AT_ONCE], low[DIGITS_AT_ONCE];
	uint32_t tail[DIGITS_AT_ONCE];
};

/*
 * The shortest digits of the first of n numbers, at most DIGITS_AT_ONCE, up to one that is neither 0 nor from 2^-11 to 2^26 in size, or
 * is a power of two. Signs are left out. Returns how many; it may be none at all.
 */
size_t digits_fractions(const double *v, size_t n, struct digits_parts *ret);

/* Writes number i of those parted; 32 bytes are touched, and one for its sign. */
static ALWAYS_INLINE char *digits_put_parts(char *p, const struct digits_parts *parts, size_t i, double v)
{
	uint64_t high = parts->high[i], low = parts->low[i];
	if (v < 0)
		*p++ = '-';
	p = digits_put_of8(p, parts->whole[i]);
	if ((high | low | parts->tail[i]) == 0)
		return p;
	*p++ = '.';
	digits_store8(p, high | DIGITS_ZEROS);
	digits_store8(p + 8, low | DIGITS_ZEROS);
	if (UNLIKELY(parts->tail[i])) {
		uint64_t tail = digits_of8(parts->tail[i]);
		digits_store8(p + 16, tail | DIGITS_ZEROS);
		return p + 24 - __builtin_clzll(tail) / 8;
	}
	return p + (low ? 16 - __builtin_clzll(low) / 8 : 8 - __builtin_clzll(high) / 8);
}

#endif
