#include "base/arena.h"

#include "unit/unit.h"

static void test_pieces_are_aligned_and_distinct(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	char *last = NULL;
	for (size_t i = 0; i < 2000; i++) {
		char *p = arena_zalloc(&a, i % 97);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_ptr_not_equal(p, last);
		last = p;
	}
	arena_fini(&a);
	assert_int_equal(a.bytes, 0);
}

static void test_over_budget_is_refused_with_figures(void **state)
{
	struct budget process, query;
	budget_init(&process, NULL, "process", 1 << 20);
	budget_init(&query, &process, "query", 10000);
	struct arena a;
	arena_init(&a, &query);
	assert_non_null(arena_alloc(&a, 5000));
	assert_null(arena_alloc(&a, 9000));
	struct err e;
	assert_int_equal(arena_err(&a, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(e.msg, "query memory limit of 10000 bytes"));
	assert_true(process.used == query.used && query.used > 5000);
	assert_int_equal(budget_refusals(&query), 1);
	assert_null(arena_alloc(&a, 9000));
	assert_int_equal(budget_refusals(&query), 2);
	assert_int_equal(budget_refusals(&process), 0);
	assert_int_equal(budget_refusals(NULL), 0);
	arena_fini(&a);
	budget_fini(&query);
	budget_fini(&process);
}

static void test_parent_limit_holds_for_children(void **state)
{
	struct budget process, query;
	budget_init(&process, NULL, "process", 4000);
	budget_init(&query, &process, "query", BUDGET_UNLIMITED);
	assert_true(budget_take(&query, 3000));
	assert_false(budget_take(&query, 2000));
	struct err e;
	budget_err(&query, &e);
	assert_non_null(strstr(e.msg, "process memory limit"));
	budget_give(&query, 3000);
	assert_int_equal(process.used, 0);
	assert_int_equal(process.peak, 3000);
}

static int ran[4], n_ran;

static void note(void *arg)
{
	ran[n_ran++] = *(int *)arg;
}

static void test_reserved_room_survives_rewinds(void **state)
{
	struct budget b;
	struct arena a;
	budget_init(&b, NULL, "query", 20000);
	arena_init(&a, &b);
	assert_true(arena_reserve(&a, 8000));
	uint64_t reserved = a.bytes;
	struct arena_mark m = arena_mark(&a);
	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 8; k++)
			assert_non_null(arena_alloc(&a, 1000 - 16));
		if (reserved) { /* not under sanitizers */
			assert_int_equal(a.bytes, reserved);
			assert_false(arena_reserve(&a, 20000));
		}
		arena_rewind(&a, m);
		assert_int_equal(a.bytes, reserved);
	}
	arena_fini(&a);
	budget_fini(&b);
}

static void test_rewind_runs_newer_cleanups_last_first(void **state)
{
	static int one = 1, two = 2, three = 3;
	struct arena a;
	arena_init(&a, NULL);
	assert_true(arena_on_fini(&a, note, &one));
	struct arena_mark m = arena_mark(&a);
	assert_true(arena_on_fini(&a, note, &two));
	assert_true(arena_on_fini(&a, note, &three));
	assert_non_null(arena_alloc(&a, 100000));
	arena_rewind(&a, m);
	assert_int_equal(n_ran, 2);
	assert_int_equal(ran[0], 3);
	assert_int_equal(ran[1], 2);
	arena_fini(&a);
	assert_int_equal(ran[2], 1);
}

static void test_array_overflow_is_refused(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	assert_null(arena_array(&a, SIZE_MAX / 2, 16));
	assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_are_aligned_and_distinct),
		cmocka_unit_test(test_over_budget_is_refused_with_figures),
		cmocka_unit_test(test_parent_limit_holds_for_children),
		cmocka_unit_test(test_reserved_room_survives_rewinds),
		cmocka_unit_test(test_rewind_runs_newer_cleanups_last_first),
		cmocka_unit_test(test_array_overflow_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
