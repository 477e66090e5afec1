/*
 * base/sort.h - a stable sort that can pause and whose comparison can fail.
 *
 * Merge sort over numbers, so that what they stand for is not moved. Runs that are in order already cost one comparison
 * when they meet.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/pause.h"

#include <stddef.h>
#include <stdint.h>

/* Whether x comes before y (negative), after it (positive), or neither. A failure is kept in `arg` by the owner. */
typedef int sort_cmp_fn(void *arg, uint32_t x, uint32_t y);

/*
 * Sorts `n` numbers in place; those that compare equal keep their order. `cost` is the work of one comparison, as
 * `pause` (may be NULL) counts it. Takes 4 n bytes of `a` and gives them back. RESOURCE_EXHAUSTED, or the error of the
 * pause, after which the numbers are the same in some order. Suspends as the pause does, between two comparisons.
 */
int sort_numbers(uint32_t *numbers, size_t n, sort_cmp_fn *cmp, void *arg, size_t cost, struct pause *pause,
		 struct arena *a, struct err *err) MUST_CHECK;

#endif
