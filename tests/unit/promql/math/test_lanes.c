/*
 * Windows side by side have the bits that each has alone, with the loops of every instruction set.
 * The file under test is compiled in here, so that the set can be chosen.
 */
static int isa;
#if defined(__x86_64__)
#define CHOOSE(name) (isa == 2 ? kernel_##name##_avx512 : isa == 1 ? kernel_##name##_avx2 : kernel_##name##_any)
#endif
#include "promql/math/lanes.c"

#include "unit/unit.h"

#include "base/compiler.h"
#include "chunk/histogram.h"

#include <math.h>

#define N 700
#define WINDOWS 100

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
		if (kind == 5)
			x *= 0x1p-1070;
		if (kind == 6)
			x = ldexp(x, (int)(rnd() % 600) - 300);
		v[i] = x;
	}
}

/* Windows in order; `stride` is how far one lies from the one before, at most, or always if they are `even` and mostly of one length. */
static void slide(int64_t *lo, int64_t *hi, uint64_t stride, uint64_t width, bool even)
{
	for (int k = 0; k < WINDOWS; k++) {
		lo[k] = k ? lo[k - 1] + (int64_t)(even ? stride : rnd() % stride) : (int64_t)(rnd() % 60);
		hi[k] = lo[k] + 2 + (int64_t)width + (int64_t)(even ? rnd() % 8 == 0 : rnd() % width);
		if (k && hi[k] < hi[k - 1])
			hi[k] = hi[k - 1];
		if (hi[k] > N)
			hi[k] = N;
		if (lo[k] > N - 2)
			lo[k] = N - 2;
	}
}

/* ---- one window, as Prometheus computes it ---- */

static double ref_sum(const double *v, int64_t n)
{
	struct kahan k = { 0, 0 };
	for (int64_t i = 0; i < n; i++)
		kahan_add(&k, v[i]);
	return kahan_sum(k);
}

static double ref_avg(const double *v, int64_t n)
{
	struct kahan_mean m = { .n = 0 };
	for (int64_t i = 0; i < n; i++)
		kahan_mean_add(&m, v[i]);
	return kahan_mean_get(&m);
}

static double ref_variance(const double *v, int64_t n)
{
	struct kahan mean = { 0, 0 }, aux = { 0, 0 };
	for (int64_t i = 0; i < n; i++) {
		double delta = v[i] - (mean.s + mean.c);
		kahan_add(&mean, delta / (double)(i + 1));
		kahan_add(&aux, delta * (v[i] - (mean.s + mean.c)));
	}
	return (aux.s + aux.c) / (double)n;
}

static struct lanes_line ref_line(const double *t, const double *v, double t0, int64_t n)
{
	struct kahan sx = { 0, 0 }, sy = { 0, 0 }, sxy = { 0, 0 }, sx2 = { 0, 0 };
	for (int64_t i = 0; i < n; i++) {
		double x = (double)((int64_t)t[i] - (int64_t)t0) / 1000;
		kahan_add(&sx, x);
		kahan_add(&sy, v[i]);
		kahan_add(&sxy, x * v[i]);
		kahan_add(&sx2, x * x);
	}
	return (struct lanes_line){ sx.s + sx.c, sy.s + sy.c, sxy.s + sxy.c, sx2.s + sx2.c };
}

static double ref_smooth(const double *v, int64_t n, double sf, double tf)
{
	double s0 = 0, s1 = v[0], b = v[1] - v[0];
	for (int64_t i = 1; i < n; i++) {
		double x = sf * v[i];
		if (i > 1)
			b = tf * (s1 - s0) + (1 - tf) * b;
		double y = (1 - sf) * (s1 + b);
		s0 = s1;
		s1 = x + y;
	}
	return s1;
}

static void same(double got, double want)
{
	if (!(isnan(got) && isnan(want)))
		assert_int_equal(double_bits(got), double_bits(want));
}

/* ---- all windows ---- */

static void compare(lanes_fn *fn, double (*ref)(const double *, int64_t), const double *v, const int64_t *lo,
		    const int64_t *hi)
{
	double out[WINDOWS];
	struct lanes l = { 0 };
	for (uint32_t k = 0; k < WINDOWS; k++)
		if (lanes_add(&l, k, (size_t)lo[k], (size_t)hi[k]))
			fn(&l, v, out);
	fn(&l, v, out);
	assert_int_equal(l.n, 0);
	for (uint32_t k = 0; k < WINDOWS; k++)
		same(out[k], ref(v + lo[k], hi[k] - lo[k]));
}

static void compare_lines(const double *t, const double *v, const int64_t *lo, const int64_t *hi)
{
	struct lanes_line got[LANES];
	double t0[LANES];
	for (uint32_t from = 0; from < WINDOWS; from += LANES) {
		struct lanes l = { 0 };
		for (uint32_t k = from; k < MIN(from + LANES, (uint32_t)WINDOWS); k++) {
			t0[l.n] = k % 2 ? t[lo[k]] : t[hi[k] - 1] + 77;
			lanes_add(&l, k, (size_t)lo[k], (size_t)hi[k]);
		}
		lanes_lines(&l, t, v, t0, got);
		for (unsigned k = 0; k < l.n; k++) {
			struct lanes_line want = ref_line(t + l.lo[k], v + l.lo[k], t0[k], l.hi[k] - l.lo[k]);
			same(got[k].x, want.x);
			same(got[k].y, want.y);
			same(got[k].xy, want.xy);
			same(got[k].x2, want.x2);
		}
	}
}

static void compare_smooth(const double *v, const int64_t *lo, const int64_t *hi)
{
	double out[WINDOWS], sf[WINDOWS], tf[WINDOWS];
	for (uint32_t k = 0; k < WINDOWS; k++) {
		sf[k] = (double)(1 + rnd() % 98) / 100;
		tf[k] = (double)(1 + rnd() % 98) / 100;
	}
	struct lanes l = { 0 };
	uint32_t from = 0;
	for (uint32_t k = 0; k < WINDOWS; k++)
		if (lanes_add(&l, k, (size_t)lo[k], (size_t)hi[k])) {
			lanes_smooth(&l, v, sf + from, tf + from, NULL, out);
			from = k + 1;
		}
	lanes_smooth(&l, v, sf + from, tf + from, NULL, out);
	for (uint32_t k = 0; k < WINDOWS; k++)
		same(out[k], ref_smooth(v + lo[k], hi[k] - lo[k], sf[k], tf[k]));
}

/* All windows with the same factors, mostly such that the chains meet. */
static void compare_path(const double *v, const int64_t *lo, const int64_t *hi)
{
	double out[WINDOWS], sf[LANES], tf[LANES], s[N], b[N];
	for (uint32_t k = 0; k < LANES; k++) {
		sf[k] = k ? sf[0] : (double)(1 + rnd() % 98) / 100;
		tf[k] = k ? tf[0] : (double)(1 + rnd() % 98) / 100;
	}
	struct lanes l = { 0 };
	struct lanes_path path = { s, b };
	lanes_smooth_path(v, lo[0], N, sf[0], tf[0], s, b);
	for (uint32_t k = 0; k < WINDOWS; k++)
		if (lanes_add(&l, k, (size_t)lo[k], (size_t)hi[k]))
			lanes_smooth(&l, v, sf, tf, &path, out);
	lanes_smooth(&l, v, sf, tf, &path, out);
	for (uint32_t k = 0; k < WINDOWS; k++)
		same(out[k], ref_smooth(v + lo[k], hi[k] - lo[k], sf[0], tf[0]));
}

static bool isa_is_there(int i)
{
#if defined(__x86_64__)
	return i == 0 || (i == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ||
	       (i == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"));
#else
	return i == 0;
#endif
}

static void test_side_by_side_is_as_alone(void **state)
{
	static const uint64_t strides[] = { 1, 2, 4, 30, 60 };
	static const uint64_t widths[] = { 1, 5, 30, 100 };
	double v[N], t[N];
	int64_t lo[WINDOWS], hi[WINDOWS];
	(void)state;
	for (size_t i = 0; i < N; i++)
		t[i] = 1.7e12 + (double)(i * 15000 + rnd() % 100);
	for (int round = 0; round < 560; round++) {
		fill(v, round % 7);
		slide(lo, hi, strides[rnd() % ARRAY_LEN(strides)], widths[rnd() % ARRAY_LEN(widths)], rnd() % 2);
		for (isa = 0; isa < 3; isa++) {
			if (!isa_is_there(isa))
				continue;
			compare(lanes_sum, ref_sum, v, lo, hi);
			compare(lanes_avg, ref_avg, v, lo, hi);
			compare(lanes_variance, ref_variance, v, lo, hi);
			compare_lines(t, v, lo, hi);
			compare_smooth(v, lo, hi);
			compare_path(v, lo, hi);
		}
	}
}

static void test_growing_windows_are_as_each_alone(void **state)
{
	double v[N], out[N];
	uint32_t hi[N];
	(void)state;
	for (int round = 0; round < 140; round++) {
		fill(v, round % 7);
		int64_t lo = (int64_t)(rnd() % 20);
		unsigned n = 0;
		for (uint32_t h = (uint32_t)lo + 1 + rnd() % 3; h <= N; h += (uint32_t)(rnd() % 4))
			if (n < N)
				hi[n++] = h;
		lanes_variance_grow(hi, n, lo, v, out);
		for (unsigned k = 0; k < n; k++)
			same(out[k], ref_variance(v + lo, hi[k] - lo));
	}
}

#if defined(__x86_64__)
/* Eight quotients with one divisor, as the loops make them. */
TARGET("avx2,fma") static void quotients_avx2(const double *a, double n, double *q)
{
	for (int i = 0; i < 8; i += 4) {
		v4d x, y = { n, n, n, n }, r = { 1 / n, 1 / n, 1 / n, 1 / n };
		memcpy(&x, a + i, sizeof(x));
		x = kernel_divide_avx2(x, y, r);
		memcpy(q + i, &x, sizeof(x));
	}
}

TARGET("avx512f,avx512dq") static void quotients_avx512(const double *a, double n, double *q)
{
	double r = 1 / n;
	v8d x, y = { n, n, n, n, n, n, n, n }, z = { r, r, r, r, r, r, r, r };
	memcpy(&x, a, sizeof(x));
	x = kernel_divide_avx512(x, y, z);
	memcpy(q, &x, sizeof(x));
}

static void compare_quotients(const double *a, double n)
{
	double q[8];
	underflow_forget();
	if (isa == 2)
		quotients_avx512(a, n, q);
	else
		quotients_avx2(a, n, q);
	if (underflow_seen())
		return;
	for (int i = 0; i < 8; i++) {
		volatile double x = a[i], y = n;
		double want = x / y;
		if (isfinite(x) && want != 0)
			same(q[i], want);
		else
			assert_true(isfinite(x) ? q[i] == 0 && x == 0 : !isfinite(q[i]));
	}
}

/* Whole numbers of any size below 2^50, small ones as often as large ones, and those beside powers of two. */
static double divisor(void)
{
	uint64_t n = rnd() >> (14 + rnd() % 50);
	if (rnd() % 4 == 0)
		n = (1ull << rnd() % 50) + rnd() % 3 - 1;
	n &= (1ull << 50) - 1;
	return n ? (double)n : 3;
}

/* Dividends whose quotients lie as near to the middle of two doubles as they can, and ones of any bits. */
static double dividend(double n, int kind)
{
	double m = (double)((rnd() >> 12) | 1ull << 52);
	int e = (int)(rnd() % (kind == 3 ? 2200 : 120)) - (kind == 3 ? 1150 : 60);
	if (kind == 0)
		return double_of_bits(rnd());
	if (kind == 1)
		return ldexp(m * n + n / 2, e);
	if (kind == 2)
		return ldexp(m * n, e) * (rnd() % 2 ? 1 - 0x1p-53 : 1 + 0x1p-52);
	return ldexp((double)(int64_t)rnd(), e - 60);
}
#endif

static void test_quotients_by_reciprocals_are_those_of_division(void **state)
{
	(void)state;
#if defined(__x86_64__)
	double a[8];
	for (isa = 1; isa < 3; isa++) {
		if (!isa_is_there(isa))
			continue;
		for (int i = 0; i < 400000; i++) {
			double n = i < 40000 ? i / 40 + 1 : divisor();
			for (int k = 0; k < 8; k++)
				a[k] = dividend(n, k % 4);
			compare_quotients(a, n);
			if (i % 1000 == 0)
				compare_quotients((const double[8]){ 0, -0.0, 1, -1, INFINITY, NAN, 0x1p1023, 5e-324 },
						  n);
		}
	}
#endif
}

/* rate_factor() in one go, of a counter that did not begin inside the window. */
static double ref_rate(const struct lanes_rates *r, size_t i)
{
	double to_start = r->to_start[i], to_zero = to_start;
	if (r->counter && r->increase[i] > 0 && r->first[i] >= 0)
		to_zero = r->sampled[i] * (r->first[i] / r->increase[i]);
	if (to_zero < to_start)
		to_start = to_zero;
	double factor = (r->sampled[i] + to_start + r->to_end[i]) / r->sampled[i];
	return r->increase[i] * (factor / r->range_s);
}

static void test_rates_side_by_side_are_as_alone(void **state)
{
	double first[N], increase[N], sampled[N], to_start[N], to_end[N], out[N];
	(void)state;
	for (int round = 0; round < 70; round++) {
		fill(first, round % 7);
		fill(increase, round / 7 % 7);
		for (size_t i = 0; i < N; i++) {
			sampled[i] = (double)(1 + rnd() % 100000) / 1000;
			to_start[i] = (double)(rnd() % 20000) / 1000;
			to_end[i] = (double)(rnd() % 20000) / 1000;
			first[i] = round % 2 ? first[i] : fabs(first[i]) / 100;
		}
		struct lanes_rates r = {
			first, increase, sampled, to_start, to_end, round % 3 != 0, round % 5 ? 300 : 1
		};
		size_t n = N - LANES_ROUND - rnd() % 10;
		for (isa = 0; isa < 3; isa++) {
			if (!isa_is_there(isa))
				continue;
			lanes_rates(&r, n, out);
			for (size_t i = 0; i < n; i++)
				same(out[i], ref_rate(&r, i));
		}
	}
}

/* Sums that begin at different steps, with holes, and with what overflows. */
static void test_many_sums_are_as_each_alone(void **state)
{
	(void)state;
	for (int round = 0; round < 84; round++) {
		double sum[N], comp[N] = { 0 }, v[N];
		struct kahan want[N];
		size_t n = N - rnd() % 20;
		isa = round % 3;
		if (!isa_is_there(isa))
			continue;
		for (size_t i = 0; i < n; i++)
			sum[i] = double_of_bits(STALE_NAN_BITS);
		for (int row = 0; row < 12; row++) {
			fill(v, round % 7);
			for (size_t i = 0; i < n; i++) {
				if (rnd() % 4 == 0)
					v[i] = double_of_bits(STALE_NAN_BITS);
				want[i] = (struct kahan){ sum[i], comp[i] };
				if (value_is_stale(sum[i]) && !value_is_stale(v[i]))
					want[i].s = v[i];
				else if (!value_is_stale(v[i]))
					kahan_add(&want[i], v[i]);
			}
			size_t done = lanes_fold(sum, comp, v, n);
			for (size_t i = 0; i < done; i++) {
				same(sum[i], want[i].s);
				same(comp[i], want[i].c);
			}
			for (size_t i = done; i < n; i++) {
				sum[i] = want[i].s;
				comp[i] = want[i].c;
			}
			assert_true(done == 0 || done > n - LANES_ROUND);
			assert_true(done > 0 || (round % 7 != 0 && round % 7 != 1));
		}
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
		cmocka_unit_test(test_growing_windows_are_as_each_alone),
		cmocka_unit_test(test_quotients_by_reciprocals_are_those_of_division),
		cmocka_unit_test(test_rates_side_by_side_are_as_alone),
		cmocka_unit_test(test_many_sums_are_as_each_alone),
		cmocka_unit_test(test_sum_is_compensated),
		cmocka_unit_test(test_mean_does_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
