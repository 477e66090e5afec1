/*
 * tsdb/postings.h - sorted lists of series references, and operations on them.
 *
 * A list is an array of uint32_t, ascending, without repeats: references of
 * an index (file offset / 16) or of a head. Functions that produce a list
 * write into memory of the caller; those that need memory take it from an
 * arena. Unsorted input gives a wrong list, but no read or write out of
 * bounds and no long loop.
 */
#ifndef TSDB_POSTINGS_H
#define TSDB_POSTINGS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/pause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed list. */
struct postings {
	const uint32_t *p;
	size_t n;
};

/* A list being collected in an arena; grows by doubling. */
struct refs {
	struct arena *a;
	uint32_t *p;
	size_t n, cap;
};

/* Makes room for `n` more; RESOURCE_EXHAUSTED when over budget. */
int refs_reserve(struct refs *r, size_t n, struct err *err) MUST_CHECK;

/* The collected references as a list, if they are one. */
static inline struct postings refs_postings(const struct refs *r)
{
	return (struct postings){ r->p, r->n };
}

/*
 * Makes a list of what was collected in any order: sorts and drops repeats.
 * Uses a bitmap where the references are dense, else a radix sort. RESOURCE_EXHAUSTED,
 * or the error of the pause (may be NULL), which may suspend.
 */
int refs_sort(struct refs *r, struct pause *pause, struct err *err) MUST_CHECK;

/*
 * Converts `n` big-endian numbers at `src` (any alignment) to `dst`.
 * Returns whether they ascend strictly, and are above `*last` (which is
 * then the highest of them). Start with *last = -1.
 */
bool postings_decode_be32(const uint8_t *src, size_t n, uint32_t *dst, int64_t *last);

/* a AND b into `out`, which has room for the shorter one and may be the memory of either. Returns the length. */
size_t postings_intersect(struct postings a, struct postings b, uint32_t *out);

/* a AND NOT b into `out`, which has room for a and may be its memory. Returns the length. */
size_t postings_without(struct postings a, struct postings b, uint32_t *out);

/* a OR b into `out`, which has room for both and overlaps neither. Returns the length. */
size_t postings_union(struct postings a, struct postings b, uint32_t *out);

/* Index of the first element >= v in [from, n), n if none; gallops from `from`. */
size_t postings_seek(struct postings a, size_t from, uint32_t v);

#endif
