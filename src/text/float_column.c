/* Digits of many numbers side by side. */
#include "text/float_digits.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* digits_of8 of four numbers. Products of parts stay within 16 bits or are cut by them as there. */
TARGET("avx2") static inline __m256i digits_of8_4(__m256i v)
{
	__m256i q = _mm256_srli_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(0xd1b71759)), 45); /* v / 10000 */
	__m256i rest = _mm256_sub_epi64(v, _mm256_mul_epu32(q, _mm256_set1_epi64x(10000)));
	__m256i x = _mm256_or_si256(q, _mm256_slli_epi64(rest, 32));
	q = _mm256_srli_epi16(_mm256_mulhi_epu16(x, _mm256_set1_epi32(10486)), 4); /* x / 100 */
	rest = _mm256_sub_epi16(x, _mm256_mullo_epi16(q, _mm256_set1_epi16(100)));
	x = _mm256_or_si256(q, _mm256_slli_epi32(rest, 16));
	q = _mm256_srli_epi16(_mm256_mullo_epi16(x, _mm256_set1_epi16(103)), 10); /* x / 10 */
	rest = _mm256_sub_epi16(x, _mm256_mullo_epi16(q, _mm256_set1_epi16(10)));
	return _mm256_or_si256(q, _mm256_slli_epi16(rest, 8));
}

TARGET("avx2") static size_t column_avx2(const double *v, size_t n, uint64_t *ret)
{
	const __m128i most = _mm_set1_epi32(99999999);
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		__m256d x = _mm256_loadu_pd(v + i);
		__m128i w = _mm256_cvttpd_epi32(x);
		__m256i back = _mm256_castpd_si256(_mm256_cvtepi32_pd(w)), bits = _mm256_castpd_si256(x);
		/* Above are also negative ones. As bits the zeros differ. */
		__m128i above = _mm_xor_si128(_mm_cmpeq_epi32(_mm_min_epu32(w, most), w), _mm_set1_epi32(-1));
		__m256i differs = _mm256_xor_si256(bits, back);
		if (!_mm256_testz_si256(differs, differs) || !_mm_testz_si128(above, above))
			break;
		_mm256_storeu_si256((__m256i *)(ret + i), digits_of8_4(_mm256_cvtepu32_epi64(w)));
	}
	return i;
}

size_t digits_column(const double *v, size_t n, uint64_t *ret)
{
	return __builtin_cpu_supports("avx2") ? column_avx2(v, n, ret) : 0;
}

/* digits_of8 of all n numbers in place. There is room for a multiple of four. */
TARGET("avx2") static void digits_of8_all(uint64_t *x, size_t n)
{
	for (size_t i = 0; i < n; i += 4) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
		_mm256_storeu_si256((__m256i *)(x + i), digits_of8_4(v));
	}
}

/* Of numbers with a binary exponent from -11 to 25, see put_fraction in float.c. */
struct scale {
	uint64_t power; /* 10^(k - 1), k being the most digits that a fraction has */
	uint64_t half;  /* power times half the distance of two numbers in units of 2^-64 */
	uint64_t to16;  /* 10^(16 - k), or 1 */
	uint16_t tail;  /* 10^(k - 16), or 1 */
	uint8_t up,
		down; /* shifts of the significand: to the fraction in units of 2^-64, to what stands before the point */
};

#define SCALE(e, power, to16, tail) \
	{ \
		(uint64_t)(power), (1ull << (11 + (e))) * (uint64_t)(power), (uint64_t)(to16), (uint16_t)(tail), \
			12 + (e), 52 - (e) \
	}
static const struct scale scales[] = {
	SCALE(-11, 1e18, 1e0, 1e3), SCALE(-10, 1e18, 1e0, 1e3), SCALE(-9, 1e18, 1e0, 1e3), SCALE(-8, 1e18, 1e0, 1e3),
	SCALE(-7, 1e17, 1e0, 1e2),  SCALE(-6, 1e17, 1e0, 1e2),  SCALE(-5, 1e17, 1e0, 1e2), SCALE(-4, 1e16, 1e0, 1e1),
	SCALE(-3, 1e16, 1e0, 1e1),  SCALE(-2, 1e16, 1e0, 1e1),  SCALE(-1, 1e15, 1e0, 1e0), SCALE(0, 1e15, 1e0, 1e0),
	SCALE(1, 1e15, 1e0, 1e0),   SCALE(2, 1e15, 1e0, 1e0),   SCALE(3, 1e14, 1e1, 1e0),  SCALE(4, 1e14, 1e1, 1e0),
	SCALE(5, 1e14, 1e1, 1e0),   SCALE(6, 1e13, 1e2, 1e0),   SCALE(7, 1e13, 1e2, 1e0),  SCALE(8, 1e13, 1e2, 1e0),
	SCALE(9, 1e12, 1e3, 1e0),   SCALE(10, 1e12, 1e3, 1e0),  SCALE(11, 1e12, 1e3, 1e0), SCALE(12, 1e12, 1e3, 1e0),
	SCALE(13, 1e11, 1e4, 1e0),  SCALE(14, 1e11, 1e4, 1e0),  SCALE(15, 1e11, 1e4, 1e0), SCALE(16, 1e10, 1e5, 1e0),
	SCALE(17, 1e10, 1e5, 1e0),  SCALE(18, 1e10, 1e5, 1e0),  SCALE(19, 1e9, 1e6, 1e0),  SCALE(20, 1e9, 1e6, 1e0),
	SCALE(21, 1e9, 1e6, 1e0),   SCALE(22, 1e9, 1e6, 1e0),   SCALE(23, 1e8, 1e7, 1e0),  SCALE(24, 1e8, 1e7, 1e0),
	SCALE(25, 1e8, 1e7, 1e0),
};

/* The parts of a number as put_fraction finds them, before their digits are. False for those that are not among the scales, and powers of two. */
static ALWAYS_INLINE bool part(double v, struct digits_parts *ret, size_t i)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	uint64_t scale = (bits >> 52 & 0x7ff) - (1023 - 11), m = bits << 12 >> 12;
	ret->tail[i] = 0;
	if (UNLIKELY(scale >= ARRAY_LEN(scales) || m == 0)) {
		ret->whole[i] = ret->high[i] = ret->low[i] = 0;
		return bits == 0;
	}
	const struct scale *s = &scales[scale];
	m |= 1ull << 52;
	ret->whole[i] = m >> s->down;
	unsigned __int128 x = (unsigned __int128)(m << s->up) * s->power;
	uint64_t digits = (uint64_t)(x >> 64), rest = (uint64_t)x, within = s->half + !(m & 1);
	bool down = rest < within, shorter = down | (-rest < within);
	x = (unsigned __int128)rest * 10;
	rest = (uint64_t)x;
	uint64_t longer = digits * 10 + (uint64_t)(x >> 64);
	longer += (rest > 1ull << 63) | ((rest == 1ull << 63) & longer);
	digits = (digits + !down) * 10;
	digits = (longer ^ ((longer ^ digits) & -(uint64_t)shorter)) * s->to16;
	if (UNLIKELY(s->tail > 1)) {
		ret->tail[i] = (uint32_t)(digits % s->tail * (100000000 / s->tail));
		digits /= s->tail;
	}
	ret->high[i] = digits / 100000000;
	ret->low[i] = digits % 100000000;
	return true;
}

size_t digits_fractions(const double *v, size_t n, struct digits_parts *ret)
{
	size_t i = 0;
	if (!__builtin_cpu_supports("avx2"))
		return 0;
	while (i < n && part(v[i], ret, i))
		i++;
	digits_of8_all(ret->whole, i);
	digits_of8_all(ret->high, i);
	digits_of8_all(ret->low, i);
	return i;
}

#else

size_t digits_column(const double *v, size_t n, uint64_t *ret)
{
	return 0;
}

size_t digits_fractions(const double *v, size_t n, struct digits_parts *ret)
{
	return 0;
}

#endif
