/* Exponentials, logarithms and powers. */
#include "promql/math/gomath.h"

#include "promql/math/gomath_int.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* ln 2 in two parts: of the first, multiples up to 2^20 are exact. */
#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10

/* ---- exp ---- */

/* ln 2 in two parts for exp. */
#define EXP_LN2_HI 0.69314718055966295651160180568695068359375
#define EXP_LN2_LO 0.28235290563031577122588448175013436025525412068e-12
#define EXP_MAX 7.09782712893384e+02

/* 1/8! down to 1/1!, of (e^r - 1) / r. */
static const double exp_taylor[] = { 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1 };

/* y * 2^k, with 0 already at the smaller half of the subnormal numbers. */
static double exp_scale(double y, int k)
{
	int biased = k + 1023;
	if (biased >= 0x7ff)
		return INFINITY;
	if (biased > 0)
		return y * pow2(k);
	return biased < -52 ? 0 : y * pow2(biased - 1) * pow2(-1022);
}

/*
 * e^x - 1 at a sixteenth of the rest of x, squared four times: with
 * y = e^r - 1 is e^2r - 1 = y * (y + 2).
 */
static double exp_rounded(double x, double k)
{
	double r = (x - k * EXP_LN2_HI - k * EXP_LN2_LO) * 0.0625;
	double y = r * horner(exp_taylor, ARRAY_LEN(exp_taylor), r);
	for (int i = 0; i < 4; i++)
		y *= y + 2;
	return y + 1;
}

/* The same with fused multiplications and additions. */
#define EXP_FUSED_BODY \
	double r = fma(-k, EXP_LN2_LO, fma(-k, EXP_LN2_HI, x)) * 0.0625; \
	double p = exp_taylor[0]; \
	for (size_t i = 1; i < ARRAY_LEN(exp_taylor); i++) \
		p = fma(p, r, exp_taylor[i]); \
	double y = r * p; \
	for (int i = 0; i < 3; i++) \
		y *= y + 2; \
	return fma(y + 2, y, 1);

#if defined(__x86_64__)
static TARGET("fma") double exp_fused(double x, double k)
{
	EXP_FUSED_BODY
}

static bool have_fma(void)
{
	return __builtin_cpu_supports("fma");
}
#else
static double exp_fused(double x, double k)
{
	EXP_FUSED_BODY
}

static bool have_fma(void)
{
	return true;
}
#endif

double go_exp(double x)
{
	if (isnan(x) || x == INFINITY)
		return x;
	if (x > EXP_MAX)
		return INFINITY;
	if (x < -800)
		return 0;
	double k = nearbyint(x * M_LOG2E);
	return exp_scale(have_fma() ? exp_fused(x, k) : exp_rounded(x, k), (int)k);
}

/* ---- exp2 ---- */

double go_exp2(double x)
{
	static const double p[] = { 4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
				    -2.77777777770155933842e-03, 1.66666666666666657415e-01 };
	if (isnan(x))
		return x;
	if (x > 1023.9999999999999)
		return INFINITY;
	if (x < -1074)
		return 0;
	double k = trunc(x + (x > 0 ? 0.5 : x < 0 ? -0.5 : 0)), t = x - k;
	double hi = t * LN2_HI, lo = -t * LN2_LO;
	double r = hi - lo, rr = r * r;
	double c = r - rr * horner(p, ARRAY_LEN(p), rr);
	return ldexp(1 - ((lo - (r * c) / (2 - c)) - hi), (int)k);
}

/* ---- logarithms ---- */

/* Of ((log(1 + f) - f) / s + f) / 2 as a polynomial of s^2, s = f / (2 + f). */
static const double log_odd[] = { 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01,
				  6.666666666666735130e-01 };
static const double log_even[] = { 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01 };

double go_log(double x)
{
	int exponent;
	if (isnan(x) || x == INFINITY)
		return x;
	if (x < 0)
		return NAN;
	if (x == 0)
		return -INFINITY;
	double f = frexp(x, &exponent);
	if (f <= M_SQRT1_2) {
		f *= 2;
		exponent--;
	}
	f -= 1;
	double k = exponent, s = f / (2 + f), s2 = s * s, s4 = s2 * s2;
	double rest = s2 * horner(log_odd, 4, s4) + s4 * horner(log_even, 3, s4);
	double half = 0.5 * f * f;
	return k * LN2_HI - ((half - (s * (half + rest) + k * LN2_LO)) - f);
}

double go_log2(double x)
{
	int exponent;
	double f = frexp(x, &exponent);
	if (!isfinite(x))
		return go_log(x);
	if (f == 0.5)
		return exponent - 1;
	return go_log(f) * M_LOG2E + (x == 0 ? 0 : exponent);
}

double go_log10(double x)
{
	return go_log(x) * M_LOG10E;
}

/* 1 + x = 2^k * (1 + f), and what its rounding lost, as a part of it. */
struct log1p_parts {
	double f, lost;
	int k;
	bool tiny; /* |f| < 2^-20 */
};

static struct log1p_parts log1p_split(double x)
{
	struct log1p_parts p = { .f = x };
	if (x > -2.928932188134524755992e-01 && x < 4.142135623730950488017e-01)
		return p;
	double u = fabs(x) < 0x1p53 ? 1 + x : x;
	uint64_t bits = double_bits(u), fraction = bits & ((1ULL << 52) - 1);
	p.k = (int)(bits >> 52) - 1023;
	if (fabs(x) < 0x1p53)
		p.lost = (p.k > 0 ? 1 - (u - x) : x - (u - 1)) / u;
	if (fraction < 0x6a09e667f3bcd) { /* below the square root of 2 */
		p.f = double_of_bits(fraction | 0x3ffULL << 52) - 1;
		p.tiny = fraction == 0;
	} else {
		p.k++;
		p.f = double_of_bits(fraction | 0x3feULL << 52) - 1;
		p.tiny = ((1ULL << 52) - fraction) >> 2 == 0;
	}
	return p;
}

double go_log1p(double x)
{
	static const double odd_even[] = { 1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
					   2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
					   6.666666666666735130e-01 };
	if (x < -1 || isnan(x))
		return NAN;
	if (x == -1)
		return -INFINITY;
	if (x == INFINITY)
		return x;
	if (fabs(x) < 0x1p-54)
		return x;
	if (fabs(x) < 0x1p-29)
		return x - x * x * 0.5;
	struct log1p_parts p = log1p_split(x);
	double f = p.f, k = p.k, half = 0.5 * f * f;
	if (p.tiny && f == 0)
		return p.k == 0 ? 0 : k * LN2_HI + (p.lost + k * LN2_LO);
	if (p.tiny) {
		double rest = half * (1 - 0.66666666666666666 * f);
		return p.k == 0 ? f - rest : k * LN2_HI - ((rest - (k * LN2_LO + p.lost)) - f);
	}
	double s = f / (2 + f), z = s * s, rest = z * horner(odd_even, ARRAY_LEN(odd_even), z);
	if (p.k == 0)
		return f - (half - s * (half + rest));
	return k * LN2_HI - ((half - (s * (half + rest) + (k * LN2_LO + p.lost))) - f);
}

/* ---- powers ---- */

/* part * x^whole by squaring x's fraction, its exponent apart; the reciprocal where `invert`. */
static double power_of(double x, double whole, double part, bool invert)
{
	int exp, sum = 0;
	double fraction = frexp(x, &exp);
	for (uint64_t i = (uint64_t)whole; i; i >>= 1) {
		if (exp < -(1 << 12) || exp > 1 << 12) {
			sum += exp; /* no power of it is a double */
			break;
		}
		if (i & 1) {
			part *= fraction;
			sum += exp;
		}
		fraction *= fraction;
		exp *= 2;
		if (fraction < 0.5) {
			fraction += fraction;
			exp--;
		}
	}
	return invert ? ldexp(1 / part, -sum) : ldexp(part, sum);
}

double go_pow(double x, double y)
{
	double whole, rest = modf(fabs(y), &whole);
	if (!isfinite(x) || !isfinite(y) || x == 0 || x == 1 || y == 0 || y == 1 || whole >= 0x1p63)
		return pow(x, y); /* exact cases, the same in C */
	if (fabs(y) == 0.5)
		return y > 0 ? sqrt(x) : 1 / sqrt(x);
	if (rest != 0 && x < 0)
		return NAN;
	if (rest > 0.5) {
		rest--;
		whole++;
	}
	return power_of(x, whole, rest != 0 ? go_exp(rest * go_log(x)) : 1, y < 0);
}
