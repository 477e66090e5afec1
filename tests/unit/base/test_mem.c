#include "config.h"

#include "base/arena.h"
#include "base/mem.h"

#include "unit/unit.h"

#include <stdlib.h>

#define MIB ((size_t)1 << 20)

static void test_a_thread_that_does_not_defer_frees_at_once(void **state)
{
	mem_free_later(NULL, 0);
	mem_free_later(xmalloc(MIB), MIB);
	assert_false(mem_free_some(1));
}

#ifndef TH_SANITIZERS
static void test_large_memory_is_freed_in_steps(void **state)
{
	mem_defer(true);
	for (int i = 0; i < 80; i++) {
		char *p = xmalloc(MIB);
		memset(p, i, MIB);
		mem_free_later(p, MIB);
	}
	mem_free_later(xmalloc(100), 100); /* small: at once */
	for (int i = 0; i < 39; i++)
		assert_true(mem_free_some(2 * MIB));
	assert_false(mem_free_some(2 * MIB));
	assert_false(mem_free_some(2 * MIB));
	mem_free_later(xmalloc(MIB), MIB);
	mem_defer(false); /* what is left goes */
	assert_false(mem_free_some(1));
}

static void test_an_arena_frees_some_megabytes_and_leaves_the_rest(void **state)
{
	struct budget b;
	struct arena a;
	budget_init(&b, NULL, "test", 64 * MIB);
	arena_init(&a, &b);
	for (int i = 0; i < 32; i++)
		assert_non_null(arena_alloc(&a, MIB));
	mem_defer(true);
	arena_fini(&a);
	assert_int_equal(b.used, 0); /* it counts as free */
	size_t steps = 1;
	while (mem_free_some(4 * MIB))
		steps++;
	assert_true(steps >= 5 && steps <= 8);
	/* Small arenas are freed at once. */
	assert_non_null(arena_alloc(&a, MIB));
	arena_fini(&a);
	assert_false(mem_free_some(1));
	mem_defer(false);
	budget_fini(&b);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thread_that_does_not_defer_frees_at_once),
#ifndef TH_SANITIZERS
		cmocka_unit_test(test_large_memory_is_freed_in_steps),
		cmocka_unit_test(test_an_arena_frees_some_megabytes_and_leaves_the_rest),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
