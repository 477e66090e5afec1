#include "base/sort.h"

#include <string.h>

/* Runs of this length are made by insertion. */
#define FIRST_RUN 8

/* Merges within one call of the pause's count. */
#define STEP 256

/* A sort under way. */
struct sorter {
	sort_cmp_fn *cmp;
	void *arg;
	size_t cost;
	struct pause none, *pause;
	struct err *err;
};

static void insert_run(const struct sorter *s, uint32_t *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint32_t x = p[i];
		size_t at = i;
		for (; at > 0 && s->cmp(s->arg, p[at - 1], x) > 0; at--)
			p[at] = p[at - 1];
		p[at] = x;
	}
}

/* Merges two neighbouring runs, [0, mid) and [mid, n), by way of `tmp`. */
static int merge(struct sorter *s, uint32_t *p, size_t mid, size_t n, uint32_t *tmp)
{
	size_t i = 0, j = mid, k = 0;
	int rc = 0;
	if (s->cmp(s->arg, p[mid - 1], p[mid]) <= 0)
		return pause_after(s->pause, s->cost, s->err);
	memcpy(tmp, p, mid * sizeof(*p));
	while (i < mid && j < n && rc == 0) {
		size_t end = k + STEP;
		for (; k < end && i < mid && j < n; k++) {
			bool left = s->cmp(s->arg, tmp[i], p[j]) <= 0;
			p[k] = left ? tmp[i] : p[j];
			i += left;
			j += !left;
		}
		rc = pause_after(s->pause, (k + STEP - end) * s->cost, s->err);
	}
	memcpy(p + k, tmp + i, (mid - i) * sizeof(*p));
	return rc;
}

static int first_runs(struct sorter *s, uint32_t *p, size_t n)
{
	int rc = 0;
	for (size_t at = 0; at < n && rc == 0; at += FIRST_RUN) {
		insert_run(s, p + at, MIN(n - at, (size_t)FIRST_RUN));
		rc = pause_after(s->pause, 2 * FIRST_RUN * s->cost, s->err);
	}
	return rc;
}

int sort_numbers(uint32_t *numbers, size_t n, sort_cmp_fn *cmp, void *arg, size_t cost, struct pause *pause,
		 struct arena *a, struct err *err)
{
	struct sorter s = { .cmp = cmp, .arg = arg, .cost = cost, .err = err };
	struct arena_mark m = arena_mark(a);
	s.pause = pause ? pause : &s.none;
	uint32_t *tmp = n > FIRST_RUN ? arena_alloc(a, n * sizeof(*tmp)) : NULL;
	if (n > FIRST_RUN && !tmp)
		return arena_err(a, err);
	int rc = first_runs(&s, numbers, n);
	for (size_t width = FIRST_RUN; width < n && rc == 0; width *= 2)
		for (size_t at = 0; at + width < n && rc == 0; at += 2 * width)
			rc = merge(&s, numbers + at, width, MIN(n - at, 2 * width), tmp);
	arena_rewind(a, m);
	return rc;
}
