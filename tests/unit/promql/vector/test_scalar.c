/* Operators between numbers. */
#include "promql/vector/vector.h"
#include "unit/unit.h"

#include <math.h>

/* What Go's math.Pow gives where libm gives another last bit. */
static void test_powers_have_the_bits_of_go(void **state)
{
	static const struct {
		double x, y, want;
	} cases[] = {
		{ 0x1.000001ad7f29bp+0, -3, 0x1.fffff5ef0527bp-1 },
		{ 0x1.000001ad7f29bp+0, 1023, 0x1.0006b4659b81ap+0 },
		{ 0x1.000001ad7f29bp+0, -1074, 0x1.fff1ec729c2f5p-1 },
		{ -0x1.a475b1b82cecdp-6, 15, -0x1.aac860ffc5599p-80 },
		{ 0x1.6c420713166a2p-2, 5, 0x1.754593e23fe83p-8 },
		{ -0x1.b834b3b23a002p+18, 20, 0x1.8f1f9adecb696p+375 },
		{ -0x1.71af70f1094dfp+11, -7, -0x1.38c3211180f04p-81 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(scalar_op(PROMQL_OP_POW, cases[i].x, cases[i].y) == cases[i].want);
}

static void test_powers_of_special_numbers(void **state)
{
	(void)state;
	assert_true(scalar_op(PROMQL_OP_POW, 0, -1) == INFINITY);
	assert_true(scalar_op(PROMQL_OP_POW, -0.0, -3) == -INFINITY);
	assert_true(scalar_op(PROMQL_OP_POW, -2, 3) == -8);
	assert_true(scalar_op(PROMQL_OP_POW, NAN, 0) == 1);
	assert_true(isnan(scalar_op(PROMQL_OP_POW, -2, 0.5)));
	assert_true(scalar_op(PROMQL_OP_POW, -1, INFINITY) == 1);
	assert_true(scalar_op(PROMQL_OP_POW, 0.5, 1e19) == 0);
	assert_true(scalar_op(PROMQL_OP_POW, 2, -1074) == 0x1p-1074);
	assert_true(scalar_op(PROMQL_OP_POW, 2, 1024) == INFINITY);
	assert_true(scalar_op(PROMQL_OP_POW, 9, 0.5) == 3);
	assert_true(scalar_op(PROMQL_OP_POW, 4, -1.5) == 0.125);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_powers_have_the_bits_of_go),
		cmocka_unit_test(test_powers_of_special_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
