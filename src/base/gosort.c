#include "base/gosort.h"

#include <stdint.h>

/* Ranges up to this length are sorted by insertion. */
#define INSERTION_MAX 12
/* Ranges from this length on have a pivot of nine, and what is out of order in them is moved a few times. */
#define LONG_MIN 50
/* How many times that is. */
#define MOVES_MAX 5
/* As many as a pivot of nine takes at most, when all is in falling order. */
#define SWAPS_MAX 12

struct sorter {
	void **p;
	gosort_less_fn *less;
	void *arg;
};

/* What the choice of a pivot tells of a range. */
enum order { ORDER_UNKNOWN, ORDER_RISING, ORDER_FALLING };

static bool less(const struct sorter *s, size_t i, size_t j)
{
	return s->less(s->arg, s->p[i], s->p[j]);
}

static void swap(const struct sorter *s, size_t i, size_t j)
{
	void *x = s->p[i];
	s->p[i] = s->p[j];
	s->p[j] = x;
}

/* Bits that a number takes. */
static unsigned bits(size_t n)
{
	return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

/* Moves element j down to where it is not less than the one before it, which is at `low` at least. */
static void move_left(const struct sorter *s, size_t low, size_t j)
{
	for (; j > low && less(s, j, j - 1); j--)
		swap(s, j, j - 1);
}

static void insertion_sort(const struct sorter *s, size_t a, size_t b)
{
	for (size_t i = a + 1; i < b; i++)
		move_left(s, a, i);
}

/* --- heap --- */

static void sift_down(const struct sorter *s, size_t root, size_t n, size_t first)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && less(s, first + child, first + child + 1))
			child++;
		if (!less(s, first + root, first + child))
			return;
		swap(s, first + root, first + child);
	}
}

static void heap_sort(const struct sorter *s, size_t a, size_t b)
{
	size_t n = b - a;
	for (size_t i = (n - 1) / 2 + 1; i-- > 0;)
		sift_down(s, i, n, a);
	for (size_t i = n; i-- > 0;) {
		swap(s, a, a + i);
		sift_down(s, 0, i, a);
	}
}

/* --- pivot --- */

static void order_two(const struct sorter *s, size_t *i, size_t *j, unsigned *swaps)
{
	if (!less(s, *j, *i))
		return;
	size_t x = *i;
	*i = *j;
	*j = x;
	++*swaps;
}

static size_t median(const struct sorter *s, size_t i, size_t j, size_t k, unsigned *swaps)
{
	order_two(s, &i, &j, swaps);
	order_two(s, &j, &k, swaps);
	order_two(s, &i, &j, swaps);
	return j;
}

static size_t median_around(const struct sorter *s, size_t i, unsigned *swaps)
{
	return median(s, i - 1, i, i + 1, swaps);
}

/* The pivot of a range longer than INSERTION_MAX. */
static size_t choose_pivot(const struct sorter *s, size_t a, size_t b, enum order *ret)
{
	size_t n = b - a, i = a + n / 4, j = a + n / 4 * 2, k = a + n / 4 * 3;
	unsigned swaps = 0;
	if (n >= LONG_MIN) {
		i = median_around(s, i, &swaps);
		j = median_around(s, j, &swaps);
		k = median_around(s, k, &swaps);
	}
	j = median(s, i, j, k, &swaps);
	*ret = swaps == 0 ? ORDER_RISING : swaps == SWAPS_MAX ? ORDER_FALLING : ORDER_UNKNOWN;
	return j;
}

static void reverse(const struct sorter *s, size_t a, size_t b)
{
	for (size_t i = a, j = b - 1; i < j; i++, j--)
		swap(s, i, j);
}

/* Swaps three in the middle with any three. */
static void break_patterns(const struct sorter *s, size_t a, size_t b)
{
	size_t n = b - a, middle = a + n / 4 * 2 - 1, mask = ((size_t)1 << bits(n)) - 1;
	uint64_t random = n;
	for (size_t i = middle; i < middle + 3; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		size_t other = random & mask;
		swap(s, i, a + (other >= n ? other - n : other));
	}
}

/* --- partitions --- */

/* Less than the pivot to the left of it, others to the right. *ret_done: they were so before. Returns where it is. */
static size_t partition(const struct sorter *s, size_t a, size_t b, size_t pivot, bool *ret_done)
{
	size_t i = a + 1, j = b - 1;
	*ret_done = true;
	swap(s, a, pivot);
	for (;;) {
		while (i <= j && less(s, i, a))
			i++;
		while (i <= j && !less(s, j, a))
			j--;
		if (i > j)
			break;
		*ret_done = false;
		swap(s, i++, j--);
	}
	swap(s, j, a);
	return j;
}

/* What equals the pivot to the left, what is greater to the right, of a range that has nothing less. Returns where that begins. */
static size_t partition_equal(const struct sorter *s, size_t a, size_t b, size_t pivot)
{
	size_t i = a + 1, j = b - 1;
	swap(s, a, pivot);
	for (;;) {
		while (i <= j && !less(s, a, i))
			i++;
		while (i <= j && less(s, a, j))
			j--;
		if (i > j)
			return i;
		swap(s, i++, j--);
	}
}

/* Sorts a range in which little is out of order; false where there is more. */
static bool sort_nearly_sorted(const struct sorter *s, size_t a, size_t b)
{
	size_t i = a + 1;
	for (int moves = 0; moves < MOVES_MAX; moves++) {
		while (i < b && !less(s, i, i - 1))
			i++;
		if (i == b)
			return true;
		if (b - a < LONG_MIN)
			return false;
		swap(s, i, i - 1);
		if (i - a >= 2)
			move_left(s, 0, i - 1);
		for (size_t j = i + 1; j < b && less(s, j, j - 1); j++)
			swap(s, j, j - 1);
	}
	return false;
}

/* --- the whole --- */

static void sort_range(const struct sorter *s, size_t a, size_t b, unsigned limit)
{
	bool balanced = true, partitioned = true;
	while (b - a > INSERTION_MAX) {
		size_t n = b - a;
		enum order order;
		if (limit == 0) {
			heap_sort(s, a, b);
			return;
		}
		if (!balanced) {
			break_patterns(s, a, b);
			limit--;
		}
		size_t pivot = choose_pivot(s, a, b, &order);
		if (order == ORDER_FALLING) {
			reverse(s, a, b);
			pivot = b - 1 - (pivot - a);
			order = ORDER_RISING;
		}
		if (balanced && partitioned && order == ORDER_RISING && sort_nearly_sorted(s, a, b))
			return;
		if (a > 0 && !less(s, a - 1, pivot)) {
			a = partition_equal(s, a, b, pivot);
			continue;
		}
		size_t mid = partition(s, a, b, pivot, &partitioned);
		size_t left = mid - a, right = b - mid;
		balanced = (left < right ? left : right) >= n / 8;
		if (left < right) {
			sort_range(s, a, mid, limit);
			a = mid + 1;
		} else {
			sort_range(s, mid + 1, b, limit);
			b = mid;
		}
	}
	insertion_sort(s, a, b);
}

void gosort(void **items, size_t n, gosort_less_fn *less_fn, void *arg)
{
	struct sorter s = { items, less_fn, arg };
	sort_range(&s, 0, n, bits(n));
}
