/*
 * base/short.h - copying and comparing short runs of bytes, inline.
 *
 * For label names and values and the like, of which a query handles millions:
 * calling memcpy or memcmp for a dozen bytes costs more than the work. Any
 * length works; long ones go to the library.
 */
#ifndef BASE_SHORT_H
#define BASE_SHORT_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 8 bytes as a number, in the host's order. */
static ALWAYS_INLINE uint64_t short_load8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* 4 bytes as a number, in the host's order. */
static ALWAYS_INLINE uint32_t short_load4(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* memcpy, for runs that are mostly under 33 bytes: pairs of overlapping moves. */
static ALWAYS_INLINE void short_copy(char *dst, const char *src, size_t n)
{
	if (n > 32) {
		memcpy(dst, src, n);
	} else if (n >= 16) {
		memcpy(dst, src, 16);
		memcpy(dst + n - 16, src + n - 16, 16);
	} else if (n >= 8) {
		memcpy(dst, src, 8);
		memcpy(dst + n - 8, src + n - 8, 8);
	} else if (n >= 4) {
		memcpy(dst, src, 4);
		memcpy(dst + n - 4, src + n - 4, 4);
	} else if (n) {
		dst[0] = src[0];
		dst[n / 2] = src[n / 2];
		dst[n - 1] = src[n - 1];
	}
}

/* Whether n bytes are the same, for runs that are mostly under 33 bytes. */
static ALWAYS_INLINE bool short_eq(const char *a, const char *b, size_t n)
{
	if (n > 32)
		return memcmp(a, b, n) == 0;
	if (n >= 16)
		return ((short_load8(a) ^ short_load8(b)) | (short_load8(a + 8) ^ short_load8(b + 8)) |
			(short_load8(a + n - 16) ^ short_load8(b + n - 16)) |
			(short_load8(a + n - 8) ^ short_load8(b + n - 8))) == 0;
	if (n >= 8)
		return ((short_load8(a) ^ short_load8(b)) | (short_load8(a + n - 8) ^ short_load8(b + n - 8))) == 0;
	if (n >= 4)
		return ((short_load4(a) ^ short_load4(b)) | (short_load4(a + n - 4) ^ short_load4(b + n - 4))) == 0;
	return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

#endif
