#include "base/sort.h"

#include "unit/unit.h"

#include <stdlib.h>

static uint64_t seed = 5;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* Compares by the hundreds, so that many are equal. */
static int by_hundreds(void *arg, uint32_t x, uint32_t y)
{
	++*(size_t *)arg;
	return (x / 100 > y / 100) - (x / 100 < y / 100);
}

static int count(void *arg, struct err *err)
{
	++*(size_t *)arg;
	return 0;
}

static int give_up(void *arg, struct err *err)
{
	return --*(int *)arg <= 0 ? err_set(err, ERR_CANCELLED, "enough") : 0;
}

static void check_sorted(size_t n, uint32_t range)
{
	struct arena a;
	struct err e;
	size_t compared = 0, pauses = 0;
	struct pause p = { .fn = count, .arg = &pauses };
	uint32_t *v = malloc((n + 1) * sizeof(*v)), *seen = calloc(range, sizeof(*seen)),
		 *met = calloc(range, sizeof(*met));
	arena_init(&a, NULL);
	/* The last two digits say which of those that are equal it is. */
	for (size_t i = 0; i < n; i++) {
		uint32_t key = rnd(range);
		v[i] = key * 100 + MIN(seen[key], 99u);
		seen[key]++;
	}
	assert_int_equal(sort_numbers(v, n, by_hundreds, &compared, 1, &p, &a, &e), 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || v[i - 1] / 100 <= v[i] / 100);
		assert_int_equal(v[i] % 100, MIN(met[v[i] / 100], 99u)); /* stable */
		met[v[i] / 100]++;
	}
	assert_int_equal(a.bytes, 0);
	assert_true(n < 100000 || pauses > 10);
	assert_memory_equal(seen, met, range * sizeof(*seen));
	arena_fini(&a);
	free(v);
	free(seen);
	free(met);
}

static void test_numbers_are_sorted_and_equal_ones_keep_their_order(void **state)
{
	for (size_t n = 0; n < 40; n++)
		check_sorted(n, 7);
	check_sorted(1000, 300);
	check_sorted(4097, 3);
	check_sorted(200000, 50000);
}

static void test_what_is_in_order_costs_about_one_comparison_each(void **state)
{
	struct arena a;
	struct err e;
	size_t compared = 0, n = 100000;
	uint32_t *v = malloc(n * sizeof(*v));
	arena_init(&a, NULL);
	for (size_t i = 0; i < n; i++)
		v[i] = (uint32_t)i * 100;
	assert_int_equal(sort_numbers(v, n, by_hundreds, &compared, 1, NULL, &a, &e), 0);
	assert_true(compared < n * 5 / 4);
	arena_fini(&a);
	free(v);
}

static void test_an_error_of_the_pause_ends_the_sort_and_loses_no_number(void **state)
{
	enum { N = 50000 };
	static uint32_t v[N];
	static bool seen[N];
	for (int left = 1; left < 40; left += 3) {
		struct arena a;
		struct err e;
		size_t compared = 0;
		int calls = left;
		struct pause p = { .fn = give_up, .arg = &calls };
		arena_init(&a, NULL);
		for (uint32_t i = 0; i < N; i++)
			v[i] = (i * 7919u) % N;
		assert_int_equal(sort_numbers(v, N, by_hundreds, &compared, 1, &p, &a, &e), -ERR_CANCELLED);
		memset(seen, 0, sizeof(seen));
		for (uint32_t i = 0; i < N; i++) {
			assert_false(seen[v[i]]);
			seen[v[i]] = true;
		}
		assert_int_equal(a.bytes, 0);
		arena_fini(&a);
	}
}

static void test_over_budget_is_an_error(void **state)
{
	struct budget b;
	struct arena a;
	struct err e;
	size_t compared = 0;
	static uint32_t v[10000];
	budget_init(&b, NULL, "test", 1000);
	arena_init(&a, &b);
	assert_int_equal(sort_numbers(v, 10000, by_hundreds, &compared, 1, NULL, &a, &e), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	budget_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_sorted_and_equal_ones_keep_their_order),
		cmocka_unit_test(test_what_is_in_order_costs_about_one_comparison_each),
		cmocka_unit_test(test_an_error_of_the_pause_ends_the_sort_and_loses_no_number),
		cmocka_unit_test(test_over_budget_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
