#include "unit/unit.h"

#include "promql/kahan.h"
#include "promql/lanes.h"
#include "chunk/histogram.h"

#include <math.h>

#define N 400
#define WINDOWS 64

static uint64_t seed = 7;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A column of one of several characters. */
static void fill(double *v, int kind)
{
	for (size_t i = 0; i < N; i++) {
		double x = (double)(int64_t)rnd() / 1e15;
		if (kind == 1)
			x = floor(x);
		if (kind == 2)
			x *= 1e304;
		if (kind == 3 && rnd() % 20 == 0)
			x = rnd() % 2 ? INFINITY : NAN;
		if (kind == 4)
			x = -0.0;
		v[i] = x;
	}
}

/* Runs `fn` over windows one by one and eight at a time; all bits must agree (NaNs as such). */
static void compare(lanes_fn *fn, const double *v)
{
	double one[WINDOWS], many[WINDOWS];
	struct lanes l = { 0 };
	for (uint32_t i = 0; i < WINDOWS; i++) {
		size_t lo = rnd() % 200, len = 1 + rnd() % 200;
		struct lanes single = { 1, { i }, { lo }, { len } };
		fn(&single, v, one);
		l.step[l.n] = i;
		l.lo[l.n] = lo;
		l.len[l.n++] = len;
		if (l.n == LANES)
			fn(&l, v, many);
	}
	fn(&l, v, many);
	assert_int_equal(l.n, 0);
	for (uint32_t i = 0; i < WINDOWS; i++)
		if (!(isnan(one[i]) && isnan(many[i])))
			assert_int_equal(double_bits(one[i]), double_bits(many[i]));
}

static void test_side_by_side_is_as_alone(void **state)
{
	double v[N];
	(void)state;
	for (int round = 0; round < 50; round++) {
		fill(v, round % 5);
		compare(lanes_sum, v);
		compare(lanes_avg, v);
		compare(lanes_variance, v);
	}
}

static void test_sum_is_compensated(void **state)
{
	const double v[] = { 1, 1e100, 1, -1e100 };
	struct lanes l = { 1, { 0 }, { 0 }, { 4 } };
	double out;
	(void)state;
	lanes_sum(&l, v, &out);
	assert_true(out == 2);
}

static void test_mean_does_not_overflow(void **state)
{
	const double v[] = { 1.7e308, 1.7e308, 1.7e308 };
	struct lanes l = { 1, { 0 }, { 0 }, { 3 } };
	double out;
	(void)state;
	lanes_avg(&l, v, &out);
	assert_true(fabs(out - 1.7e308) < 1e295);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_by_side_is_as_alone),
		cmocka_unit_test(test_sum_is_compensated),
		cmocka_unit_test(test_mean_does_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
