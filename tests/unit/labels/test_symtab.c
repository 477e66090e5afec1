#include "labels/symtab.h"

#include "base/mem.h"

#include "unit/unit.h"

static void test_equal_strings_share_a_number(void **state)
{
	struct symtab *t = symtab_new();
	uint32_t a = symtab_ref(t, STR("job")), b = symtab_ref(t, STR("job"));
	assert_int_equal(a, b);
	assert_int_not_equal(a, SYM_NONE);
	assert_int_equal(symtab_refs(t, a), 2);
	assert_true(str_eq(symtab_get(t, a), STR("job")));
	assert_int_equal(symtab_find(t, STR("job")), a);
	assert_int_equal(symtab_find(t, STR("jo")), SYM_NONE);
	symtab_unref(t, a);
	assert_int_equal(symtab_find(t, STR("job")), a);
	symtab_unref(t, a);
	assert_int_equal(symtab_find(t, STR("job")), SYM_NONE);
	assert_int_equal(symtab_stats(t).strings, 0);
	symtab_free(t);
}

static void test_numbers_are_reused(void **state)
{
	struct symtab *t = symtab_new();
	uint32_t a = symtab_ref(t, STR("a"));
	symtab_unref(t, a);
	assert_int_equal(symtab_ref(t, STR("b")), a);
	assert_int_equal(symtab_limit(t), 2);
	symtab_free(t);
}

static void test_empty_and_long_strings(void **state)
{
	struct symtab *t = symtab_new();
	char *big = xmalloc(5000);
	memset(big, 'x', 5000);
	uint32_t e = symtab_ref(t, STR("")), l = symtab_ref(t, str_mem(big, 5000));
	assert_int_equal(symtab_get(t, e).n, 0);
	assert_int_equal(symtab_find(t, STR("")), e);
	assert_true(str_eq(symtab_get(t, l), str_mem(big, 5000)));
	uint64_t before = symtab_stats(t).memory_bytes;
	symtab_unref(t, l);
	assert_int_equal(before - symtab_stats(t).memory_bytes, 5000);
	assert_int_equal(symtab_ref(t, str_mem(big, 4999)), l);
	free(big);
	symtab_free(t);
}

/* A long random run against a plain array of counts. */
static void test_random_use_agrees_with_a_model(void **state)
{
	enum { KEYS = 3000, STEPS = 200000 };
	struct symtab *t = symtab_new();
	uint32_t *sym = xcalloc(KEYS, sizeof(*sym)), *count = xcalloc(KEYS, sizeof(*count));
	uint32_t x = 12345;
	for (int i = 0; i < STEPS; i++) {
		x = x * 1664525u + 1013904223u;
		uint32_t k = (x >> 8) % KEYS;
		char key[400];
		int n = sprintf(key, "%0*u", (int)(1 + k % 300), k);
		if (x & 0x80 || count[k] == 0) {
			uint32_t s = symtab_ref(t, str_mem(key, (size_t)n));
			assert_true(count[k] == 0 || s == sym[k]);
			sym[k] = s;
			count[k]++;
		} else {
			symtab_unref(t, sym[k]);
			count[k]--;
		}
		assert_int_equal(symtab_find(t, str_mem(key, (size_t)n)), count[k] ? sym[k] : SYM_NONE);
		if (count[k])
			assert_true(str_eq(symtab_get(t, sym[k]), str_mem(key, (size_t)n)));
	}
	uint64_t held = 0;
	for (int k = 0; k < KEYS; k++)
		held += count[k] > 0;
	assert_int_equal(symtab_stats(t).strings, held);
	free(sym);
	free(count);
	symtab_free(t);
}

static void test_memory_per_string_is_small(void **state)
{
	enum { N = 200000 };
	struct symtab *t = symtab_new();
	for (int i = 0; i < N; i++) {
		char key[32];
		int n = sprintf(key, "value-%d", i);
		assert_int_not_equal(symtab_ref(t, str_mem(key, (size_t)n)), SYM_NONE);
	}
	struct symtab_stats st = symtab_stats(t);
	assert_true((double)(st.memory_bytes - st.string_bytes) / N < 48);
	symtab_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_strings_share_a_number),
		cmocka_unit_test(test_numbers_are_reused),
		cmocka_unit_test(test_empty_and_long_strings),
		cmocka_unit_test(test_random_use_agrees_with_a_model),
		cmocka_unit_test(test_memory_per_string_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
