#include "promql/math/ranked.h"

#include "promql/math/gomath.h"

#include "base/assert.h"
#include "promql/math/quantile.h"

#include <math.h>

#define HALF (RANKED_BLOCK / 2)

/* Any two neighbours hold more than HALF together, so that many blocks are enough. */
static size_t max_blocks(size_t n)
{
	return 2 * n / HALF + 4;
}

size_t ranked_bytes(size_t n)
{
	size_t b = max_blocks(n);
	return b * (RANKED_BLOCK * sizeof(double) + sizeof(struct ranked_block) + sizeof(uint32_t));
}

static void clear(struct ranked *r, size_t slots)
{
	r->n = r->n_blocks = 0;
	r->n_free = slots;
	for (size_t i = 0; i < slots; i++)
		r->free[i] = (uint32_t)(slots - 1 - i);
}

void ranked_init(struct ranked *r, void *space, size_t n)
{
	size_t b = max_blocks(n);
	*r = (struct ranked){ .store = space };
	r->blocks = (struct ranked_block *)(r->store + b * RANKED_BLOCK);
	r->free = (uint32_t *)(r->blocks + b);
	clear(r, b);
}

static double *values_of(const struct ranked *r, size_t b)
{
	return r->store + (size_t)r->blocks[b].slot * RANKED_BLOCK;
}

/* Whether x comes before y. */
static inline bool before(double x, double y)
{
	return x < y || (isnan(x) && !isnan(y));
}

/* Makes room for a block at place b. */
static void block_open(struct ranked *r, size_t b)
{
	memmove(r->blocks + b + 1, r->blocks + b, (r->n_blocks - b) * sizeof(*r->blocks));
	r->n_blocks++;
	CHECK(r->n_free);
	r->blocks[b] = (struct ranked_block){ 0, r->free[--r->n_free] };
}

static void block_close(struct ranked *r, size_t b)
{
	r->free[r->n_free++] = r->blocks[b].slot;
	r->n_blocks--;
	memmove(r->blocks + b, r->blocks + b + 1, (r->n_blocks - b) * sizeof(*r->blocks));
}

/* Whether v lies before the place of x: before x, or if `past` also where it is equal. */
static inline bool lower(double v, double x, bool past)
{
	return past ? !before(x, v) : before(v, x);
}

/* The first block whose last value is not lower than x; the last block if there is none. */
static size_t find_block(const struct ranked *r, double x, bool past)
{
	size_t lo = 0, hi = r->n_blocks - 1;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (lower(values_of(r, mid)[r->blocks[mid].n - 1], x, past))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first place in block b whose value is not lower than x. */
static size_t find_in(const struct ranked *r, size_t b, double x, bool past)
{
	const double *v = values_of(r, b);
	size_t lo = 0, hi = r->blocks[b].n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (lower(v[mid], x, past))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* After its equals: 0 and -0 stay in the order of time, as a stable sort of the window has them. */
static void insert(struct ranked *r, double x)
{
	if (r->n_blocks == 0)
		block_open(r, 0);
	size_t b = find_block(r, x, true);
	if (r->blocks[b].n == RANKED_BLOCK) {
		block_open(r, b + 1);
		memcpy(values_of(r, b + 1), values_of(r, b) + HALF, HALF * sizeof(double));
		r->blocks[b].n = r->blocks[b + 1].n = HALF;
		b += lower(values_of(r, b)[HALF - 1], x, true);
	}
	double *v = values_of(r, b);
	size_t at = find_in(r, b, x, true);
	memmove(v + at + 1, v + at, (r->blocks[b].n - at) * sizeof(*v));
	v[at] = x;
	r->blocks[b].n++;
	r->n++;
}

/* Appends block b + 1 to block b if both are small. */
static void join(struct ranked *r, size_t b)
{
	if (b + 1 >= r->n_blocks || r->blocks[b].n + r->blocks[b + 1].n > HALF)
		return;
	memcpy(values_of(r, b) + r->blocks[b].n, values_of(r, b + 1), r->blocks[b + 1].n * sizeof(double));
	r->blocks[b].n += r->blocks[b + 1].n;
	block_close(r, b + 1);
}

static void remove_value(struct ranked *r, double x)
{
	size_t b = find_block(r, x, false), at = find_in(r, b, x, false);
	double *v = values_of(r, b);
	CHECK(at < r->blocks[b].n);
	memmove(v + at, v + at + 1, (r->blocks[b].n - at - 1) * sizeof(*v));
	r->n--;
	if (--r->blocks[b].n == 0) {
		block_close(r, b);
		if (b)
			join(r, b - 1);
		return;
	}
	join(r, b);
	if (b)
		join(r, b - 1);
}

/* Takes all values anew. */
static void fill(struct ranked *r, const double *v, size_t n)
{
	clear(r, r->n_free + r->n_blocks);
	/* Unused slots come in order, so blocks one after the other are one array. */
	if (n)
		memcpy(r->store, v, n * sizeof(*v));
	values_sort(r->store, n);
	for (size_t i = 0; i < n; i += RANKED_BLOCK) {
		block_open(r, r->n_blocks);
		r->blocks[r->n_blocks - 1].n = (uint32_t)MIN(n - i, (size_t)RANKED_BLOCK);
	}
	r->n = n;
}

void ranked_slide(struct ranked *r, const double *v, size_t lo, size_t hi)
{
	size_t moved = (lo - r->lo) + (hi - r->hi);
	if (lo >= r->hi || moved > 16 + (hi - lo) / 4) {
		fill(r, v + lo, hi - lo);
	} else {
		for (size_t i = r->lo; i < lo; i++)
			remove_value(r, v[i]);
		for (size_t i = r->hi; i < hi; i++)
			insert(r, v[i]);
	}
	r->lo = lo;
	r->hi = hi;
}

double ranked_at(const struct ranked *r, size_t k)
{
	size_t b = 0;
	if (k < r->n / 2) {
		while (k >= r->blocks[b].n)
			k -= r->blocks[b++].n;
		return values_of(r, b)[k];
	}
	size_t after = r->n - k; /* values from the k-th on */
	for (b = r->n_blocks - 1; after > r->blocks[b].n; b--)
		after -= r->blocks[b].n;
	return values_of(r, b)[r->blocks[b].n - after];
}

size_t ranked_below(const struct ranked *r, double x)
{
	size_t n = 0;
	if (r->n == 0)
		return 0;
	size_t last = find_block(r, x, false);
	for (size_t b = 0; b < last; b++)
		n += r->blocks[b].n;
	return n + find_in(r, last, x, false);
}

double ranked_quantile(const struct ranked *r, double q)
{
	if (r->n == 0 || isnan(q) || q < 0 || q > 1)
		return quantile_sorted(q, NULL, r->n);
	struct quantile_rank k = quantile_rank(q, r->n);
	return quantile_between(k, ranked_at(r, k.lo), ranked_at(r, k.hi));
}

/* ---- distances from the median ---- */

/* The distances of values below a middle, and of those from it on: both ascending, away from it. */
struct distances {
	const struct ranked *r;
	double middle;
	size_t below; /* values before the middle */
};

static double distance_below(const struct distances *d, size_t i)
{
	return fabs(ranked_at(d->r, d->below - 1 - i) - d->middle);
}

static double distance_above(const struct distances *d, size_t i)
{
	return fabs(ranked_at(d->r, d->below + i) - d->middle);
}

/* The k-th smallest distance: some of the k + 1 smallest lie below, the rest above. */
static double distance_at(const struct distances *d, size_t k)
{
	size_t above = d->r->n - d->below;
	size_t lo = k + 1 > above ? k + 1 - above : 0, hi = MIN(k + 1, d->below);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2; /* taken from below */
		if (distance_below(d, mid) < distance_above(d, k - mid))
			lo = mid + 1;
		else
			hi = mid;
	}
	double x = lo ? distance_below(d, lo - 1) : -1;
	double y = lo <= k ? distance_above(d, k - lo) : -1;
	return x > y ? x : y;
}

double ranked_mad(const struct ranked *r, const double *v, double *scratch)
{
	double middle = ranked_quantile(r, 0.5);
	if (isnan(ranked_at(r, 0)))
		return go_nan();
	if (!isfinite(middle)) {
		for (size_t i = r->lo; i < r->hi; i++)
			scratch[i - r->lo] = fabs(v[i] - middle);
		return promql_quantile(0.5, scratch, r->n);
	}
	struct distances d = { r, middle, ranked_below(r, middle) };
	struct quantile_rank k = quantile_rank(0.5, r->n);
	return quantile_between(k, distance_at(&d, k.lo), distance_at(&d, k.hi));
}
