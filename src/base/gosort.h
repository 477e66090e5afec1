/*
 * base/gosort.h - sorting by the very comparisons and swaps that Go's sort.Sort and slices.SortFunc make.
 *
 * For results whose order is that of a Go program although its comparison leaves it open, or contradicts itself: where
 * equals come to stand, and what becomes of x < y < x, is a matter of the algorithm. It is the pattern-defeating
 * quicksort of Go 1.19 and later (https://arxiv.org/pdf/2106.05123.pdf without its blocks), which takes O(n log n)
 * comparisons whatever they say.
 */
#ifndef BASE_GOSORT_H
#define BASE_GOSORT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether x is to come before y; it may be asked anything in any order, also of x and x. */
typedef bool gosort_less_fn(void *arg, const void *x, const void *y);

/* Sorts `n` pointers. Suspends only where `less` does. */
void gosort(void **items, size_t n, gosort_less_fn *less, void *arg);

#endif
