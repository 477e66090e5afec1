#include "codec/crc32c.h"

#include "base/compiler.h"
#include "codec/crc32c_table.h"
#include "codec/varint.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* Slicing by 8: Kounavis and Berry, "A systematic approach to building high performance CRC", 2005. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t c = ~crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v = le64_get(p) ^ c;
		c = crc32c_table[7][v & 0xff] ^ crc32c_table[6][v >> 8 & 0xff] ^ crc32c_table[5][v >> 16 & 0xff] ^
		    crc32c_table[4][v >> 24 & 0xff] ^ crc32c_table[3][v >> 32 & 0xff] ^
		    crc32c_table[2][v >> 40 & 0xff] ^ crc32c_table[1][v >> 48 & 0xff] ^ crc32c_table[0][v >> 56];
	}
	for (; n; p++, n--)
		c = c >> 8 ^ crc32c_table[0][(c ^ *p) & 0xff];
	return ~c;
}

#if defined(__x86_64__)

/*
 * Three independent streams hide the instruction's latency. Their checksums are
 * joined by a carry-less product with x^(8k-33) mod P, where k is the number of
 * bytes that follow (Gopal et al., "Fast CRC computation for iSCSI polynomial
 * using CRC32 instruction", Intel 2011); the instruction itself then reduces.
 */
struct lanes {
	size_t bytes;      /* per stream */
	uint64_t one, two; /* x^(8*bytes-33), x^(16*bytes-33) mod P, reflected */
};

TARGET("sse4.2,pclmul") static inline uint64_t shifted(uint64_t c, uint64_t k)
{
	__m128i prod = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)c), _mm_cvtsi64_si128((long long)k), 0);
	return (uint64_t)_mm_cvtsi128_si64(prod);
}

TARGET("sse4.2,pclmul")
static inline uint64_t three_streams(uint64_t c, const uint8_t *p, const struct lanes *l)
{
	uint64_t a = c, b = 0, d = 0;
	const uint8_t *q = p + l->bytes, *r = q + l->bytes;
	for (size_t i = 0; i < l->bytes; i += 8) {
		a = _mm_crc32_u64(a, le64_get(p + i));
		b = _mm_crc32_u64(b, le64_get(q + i));
		d = _mm_crc32_u64(d, le64_get(r + i));
	}
	return _mm_crc32_u64(0, shifted(a, l->two) ^ shifted(b, l->one)) ^ d;
}

TARGET("sse4.2,pclmul") static uint32_t crc_x86(uint32_t crc, const uint8_t *p, size_t n)
{
	static const struct lanes wide = { 1024, 0x170076fa, 0xa51b6135 };
	static const struct lanes narrow = { 128, 0xd3b6092, 0xb9e02b86 };
	uint64_t c = (uint32_t)~crc;
	for (; n >= 3 * wide.bytes; p += 3 * wide.bytes, n -= 3 * wide.bytes)
		c = three_streams(c, p, &wide);
	for (; n >= 3 * narrow.bytes; p += 3 * narrow.bytes, n -= 3 * narrow.bytes)
		c = three_streams(c, p, &narrow);
	for (; n >= 8; p += 8, n -= 8)
		c = _mm_crc32_u64(c, le64_get(p));
	for (; n; p++, n--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return ~(uint32_t)c;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	if (LIKELY(__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")))
		return crc_x86(crc, p, n);
	return crc32c_portable(crc, p, n);
}

#elif defined(__aarch64__)

/* Part of ARMv8.1; nearly all ARMv8.0 processors have it too. */
static uint32_t crc_arm(uint32_t crc, const uint8_t *p, size_t n)
{
	uint32_t c = ~crc;
	for (; n >= 8; p += 8, n -= 8)
		__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(c) : "r"(le64_get(p)));
	for (; n; p++, n--)
		__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(c) : "r"((uint32_t)*p));
	return ~c;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	if (LIKELY(getauxval(AT_HWCAP) & HWCAP_CRC32))
		return crc_arm(crc, p, n);
	return crc32c_portable(crc, p, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	return crc32c_portable(crc, p, n);
}

#endif
