#include "tsdb/postings.h"

#include "codec/varint.h"

#include <string.h>

/* One list this many times longer than the other: searching beats merging. */
#define GALLOP_RATIO 32

int refs_reserve(struct refs *r, size_t n, struct err *err)
{
	if (r->cap - r->n >= n)
		return 0;
	size_t cap = r->cap ? r->cap * 2 : 64;
	if (cap < r->n + n)
		cap = r->n + n;
	uint32_t *p = arena_alloc(r->a, cap * sizeof(*p));
	if (!p)
		return arena_err(r->a, err);
	if (r->n)
		memcpy(p, r->p, r->n * sizeof(*p));
	r->p = p;
	r->cap = cap;
	return 0;
}

/* --- decoding ----------------------------------------------------------------- */

/* gcc vectorises such loops at its third level only, clang always. */
#if defined(__clang__)
#define VECTORISED
#else
#define VECTORISED __attribute__((optimize("O3")))
#endif

/* Converts and checks; the compiler makes vector code of it. */
static ALWAYS_INLINE bool decode_body(const uint8_t *src, size_t n, uint32_t *dst, int64_t *last)
{
	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		uint32_t v;
		memcpy(&v, src + 4 * i, sizeof(v));
		dst[i] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v;
	}
	uint32_t bad = (int64_t)dst[0] <= *last;
	for (size_t i = 1; i < n; i++)
		bad |= dst[i] <= dst[i - 1];
	*last = dst[n - 1];
	return !bad;
}

VECTORISED
static bool decode_portable(const uint8_t *src, size_t n, uint32_t *dst, int64_t *last)
{
	return decode_body(src, n, dst, last);
}

#if defined(__x86_64__)
TARGET("avx2") VECTORISED static bool decode_avx2(const uint8_t *src, size_t n, uint32_t *dst, int64_t *last)
{
	return decode_body(src, n, dst, last);
}
#endif

bool postings_decode_be32(const uint8_t *src, size_t n, uint32_t *dst, int64_t *last)
{
#if defined(__x86_64__)
	if (n >= 16 && __builtin_cpu_supports("avx2"))
		return decode_avx2(src, n, dst, last);
#endif
	return decode_portable(src, n, dst, last);
}

/* --- two lists ------------------------------------------------------------------- */

/* postings_seek whose first step is `step`: what is expected. */
static ALWAYS_INLINE size_t seek(struct postings a, size_t from, uint32_t v, size_t step)
{
	size_t lo = from;
	if (from >= a.n || a.p[from] >= v)
		return from;
	/* a.p[lo] < v holds from here on. */
	while (step < a.n - lo && a.p[lo + step] < v) {
		lo += step;
		step *= 2;
	}
	size_t hi = step < a.n - lo ? lo + step : a.n;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (a.p[mid] < v)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

size_t postings_seek(struct postings a, size_t from, uint32_t v)
{
	return seek(a, from, v, 1);
}

/* Looks up each element of the short list in the long one. */
static size_t intersect_gallop(struct postings s, struct postings l, uint32_t *out)
{
	size_t k = 0, at = 0, step = s.n ? l.n / s.n : 1;
	for (size_t i = 0; i < s.n && at < l.n; i++) {
		uint32_t v = s.p[i];
		at = seek(l, at, v, step);
		if (at < l.n && l.p[at] == v)
			out[k++] = v;
	}
	return k;
}

size_t postings_intersect(struct postings a, struct postings b, uint32_t *out)
{
	if (a.n > b.n) {
		struct postings t = a;
		a = b;
		b = t;
	}
	if (b.n / GALLOP_RATIO >= a.n)
		return intersect_gallop(a, b, out);
	size_t i = 0, j = 0, k = 0;
	while (i < a.n && j < b.n) {
		uint32_t x = a.p[i], y = b.p[j];
		i += x <= y;
		j += y <= x;
		/* The place was read already: k never passes i or j. */
		out[k] = x == y ? x : out[k];
		k += x == y;
	}
	return k;
}

size_t postings_without(struct postings a, struct postings b, uint32_t *out)
{
	size_t k = 0;
	if (b.n / GALLOP_RATIO >= a.n || a.n / GALLOP_RATIO >= b.n) {
		size_t at = 0;
		for (size_t i = 0; i < a.n; i++) {
			uint32_t v = a.p[i];
			at = postings_seek(b, at, v);
			if (at >= b.n || b.p[at] != v)
				out[k++] = v;
		}
		return k;
	}
	size_t i = 0, j = 0;
	while (i < a.n && j < b.n) {
		uint32_t x = a.p[i], y = b.p[j];
		i += x <= y;
		j += y <= x;
		out[k] = x;
		k += x < y;
	}
	if (i < a.n) {
		memmove(out + k, a.p + i, (a.n - i) * sizeof(*out));
		k += a.n - i;
	}
	return k;
}

size_t postings_union(struct postings a, struct postings b, uint32_t *out)
{
	size_t i = 0, j = 0, k = 0;
	while (i < a.n && j < b.n) {
		uint32_t x = a.p[i], y = b.p[j];
		out[k++] = x < y ? x : y;
		i += x <= y;
		j += y <= x;
	}
	if (i < a.n)
		memcpy(out + k, a.p + i, (a.n - i) * sizeof(*out));
	k += a.n - i;
	if (j < b.n)
		memcpy(out + k, b.p + j, (b.n - j) * sizeof(*out));
	return k + b.n - j;
}

/* --- many lists -------------------------------------------------------------------- */

/* References handled between two pauses. */
#define STEP 16384u

/* Somebody who sorts. */
struct sorter {
	struct refs *r;
	struct pause *pause;
	struct err *err;
};

static int worked(struct sorter *s, size_t i)
{
	return s->pause && i % STEP == STEP - 1 ? pause_after(s->pause, STEP, s->err) : 0;
}

/* Marks every reference in a bitmap of [lo, hi] and reads them back in order. */
static int sort_bitmap(struct sorter *s, uint32_t lo, uint32_t hi)
{
	struct refs *r = s->r;
	struct arena_mark m = arena_mark(r->a);
	size_t words = ((size_t)(hi - lo) >> 6) + 1;
	uint64_t *bits = arena_array(r->a, words, sizeof(*bits));
	int rc = bits ? 0 : arena_err(r->a, s->err);
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		uint32_t v = r->p[i] - lo;
		bits[v >> 6] |= 1ULL << (v & 63);
		rc = worked(s, i);
	}
	size_t k = 0;
	for (size_t w = 0; w < words && rc == 0; w++) {
		for (uint64_t b = bits[w]; b; b &= b - 1)
			r->p[k++] = lo + (uint32_t)(w << 6) + (uint32_t)__builtin_ctzll(b);
		rc = worked(s, w * 8 + 7);
	}
	r->n = k;
	arena_rewind(r->a, m);
	return rc;
}

/* One pass of a radix sort over 11 bits. */
static int radix_pass(struct sorter *s, const uint32_t *from, uint32_t *to, unsigned shift)
{
	size_t at[2048] = { 0 }, sum = 0, n = s->r->n;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		at[from[i] >> shift & 2047]++;
		rc = worked(s, i);
	}
	for (int b = 0; b < 2048; b++) {
		size_t c = at[b];
		at[b] = sum;
		sum += c;
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		to[at[from[i] >> shift & 2047]++] = from[i];
		rc = worked(s, i);
	}
	return rc;
}

static int sort_radix(struct sorter *s)
{
	struct refs *r = s->r;
	struct arena_mark m = arena_mark(r->a);
	uint32_t *tmp = arena_alloc(r->a, r->n * sizeof(*tmp));
	int rc = tmp ? radix_pass(s, r->p, tmp, 0) : arena_err(r->a, s->err);
	if (rc == 0)
		rc = radix_pass(s, tmp, r->p, 11);
	if (rc == 0)
		rc = radix_pass(s, r->p, tmp, 22);
	size_t k = 0;
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		if (i == 0 || tmp[i] != tmp[i - 1])
			r->p[k++] = tmp[i];
		rc = worked(s, i);
	}
	r->n = k;
	arena_rewind(r->a, m);
	return rc;
}

/* Few elements: by insertion. */
static void sort_small(struct refs *r)
{
	size_t k = 0;
	for (size_t i = 0; i < r->n; i++) {
		uint32_t v = r->p[i];
		size_t at = k;
		while (at > 0 && r->p[at - 1] > v)
			at--;
		if (at > 0 && r->p[at - 1] == v)
			continue;
		memmove(r->p + at + 1, r->p + at, (k - at) * sizeof(v));
		r->p[at] = v;
		k++;
	}
	r->n = k;
}

int refs_sort(struct refs *r, struct pause *pause, struct err *err)
{
	struct sorter s = { r, pause, err };
	uint32_t lo = UINT32_MAX, hi = 0;
	bool sorted = true;
	int rc = 0;
	for (size_t i = 0; i < r->n && rc == 0; i++) {
		uint32_t v = r->p[i];
		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
		sorted &= i == 0 || v > r->p[i - 1];
		rc = worked(&s, i);
	}
	if (sorted || rc != 0)
		return rc;
	if (r->n <= 48) {
		sort_small(r);
		return 0;
	}
	/* A bitmap costs a word per 64 numbers of the range, a radix sort six passes over the list. */
	if ((hi - lo) / 64 <= r->n * 4)
		return sort_bitmap(&s, lo, hi);
	return sort_radix(&s);
}
