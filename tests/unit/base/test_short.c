#include "base/short.h"

#include "unit/unit.h"

/* Longer than any of the cases. */
#define LENGTHS 70

static void fill(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + i % 26);
}

static void test_copy_writes_exactly_its_length(void **state)
{
	char src[LENGTHS], dst[LENGTHS + 2];
	(void)state;
	fill(src, sizeof(src));
	for (size_t n = 0; n < LENGTHS; n++) {
		memset(dst, '#', sizeof(dst));
		short_copy(dst + 1, src, n);
		assert_memory_equal(dst + 1, src, n);
		assert_int_equal(dst[0], '#');
		assert_int_equal(dst[n + 1], '#');
	}
}

static void test_eq_sees_a_difference_anywhere(void **state)
{
	char a[LENGTHS], b[LENGTHS];
	(void)state;
	fill(a, sizeof(a));
	for (size_t n = 0; n < LENGTHS; n++) {
		fill(b, sizeof(b));
		b[n] = '#'; /* behind the end */
		assert_true(short_eq(a, b, n));
		for (size_t i = 0; i < n; i++) {
			fill(b, sizeof(b));
			b[i] = '#';
			assert_false(short_eq(a, b, n));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_writes_exactly_its_length),
		cmocka_unit_test(test_eq_sees_a_difference_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
