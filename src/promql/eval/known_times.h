/*
 * promql/eval/known_times.h - the times that something was worked out for.
 *
 * Series of one target are scraped at the same times. What a node finds out from times alone - which sample each step sees, how far
 * its window reaches beyond its samples - then holds for the next series too.
 */
#ifndef PROMQL_KNOWN_TIMES_H
#define PROMQL_KNOWN_TIMES_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Times that are remembered. Zero-initialised there are none. */
struct known_times {
	int64_t *t;
	size_t n, cap;
};

/* Whether the times are those remembered. */
static inline bool known_times_are(const struct known_times *k, const int64_t *t, size_t n)
{
	return n > 0 && k->n == n && memcmp(k->t, t, n * sizeof(*t)) == 0;
}

/* Remembers the times instead of others. False over budget: then none are. */
static inline bool known_times_set(struct known_times *k, const int64_t *t, size_t n, struct arena *a)
{
	k->n = 0;
	if (k->cap < n) {
		k->cap = 0;
		k->t = arena_array(a, n + n / 2, sizeof(*t));
		if (!k->t)
			return false;
		k->cap = n + n / 2;
	}
	if (n)
		memcpy(k->t, t, n * sizeof(*t));
	k->n = n;
	return true;
}

#endif
