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

#else

size_t digits_column(const double *v, size_t n, uint64_t *ret)
{
	(void)v;
	(void)n;
	(void)ret;
	return 0;
}

#endif
