/* Circular and hyperbolic functions. */
#include "promql/math/gomath.h"

#include "promql/math/gomath_int.h"

#include "base/compiler.h"

#include <stdbool.h>

/* ---- reduction ---- */

/* x = octant * pi/4 + rest, the octant even and, where it matters, below 8. */
struct octant {
	uint64_t j;
	double rest;
};

/* The binary digits of 4/pi. */
static const uint64_t four_over_pi[] = {
	0x0000000000000001, 0x45f306dc9c882a53, 0xf84eafa3ea69bb81, 0xb6c52b3278872083, 0xfca2c757bd778ac3,
	0x6e48dc74849ba5c0, 0x0c925dd413a32439, 0xfc3bd63962534e7d, 0xd1046bea5d768909, 0xd338e04d68befc82,
	0x7323ac7306a673e9, 0x3908bf177bf25076, 0x3ff12fffbc0b301f, 0xde5e2316b414da3e, 0xda6cfd9e4f96136e,
	0x9e8c7ecd3cbfd45a, 0xea4f758fd7cbe2f6, 0x7a0e73ef14a525d4, 0xd7f6bf623f1aba10, 0xac06608df8f6d757,
};

/* 64 digits of 4/pi from a bit on. */
static uint64_t digits_at(unsigned bit)
{
	unsigned i = bit / 64, shift = bit % 64;
	return shift ? four_over_pi[i] << shift | four_over_pi[i + 1] >> (64 - shift) : four_over_pi[i];
}

/* Payne and Hanek: the product with those digits of 4/pi that the last octants depend on. */
static struct octant reduce_large(double x)
{
	uint64_t bits = double_bits(x);
	int exponent = (int)(bits >> 52 & 0x7ff) - 1023 - 52;
	uint64_t m = (bits & ((1ULL << 52) - 1)) | 1ULL << 52;
	unsigned at = (unsigned)(exponent + 61);
	unsigned __int128 low =
		(unsigned __int128)digits_at(at + 64) * m + ((unsigned __int128)digits_at(at + 128) * m >> 64);
	uint64_t hi = digits_at(at) * m + (uint64_t)(low >> 64), lo = (uint64_t)low;
	struct octant o = { .j = hi >> 61 };
	hi = hi << 3 | lo >> 61;
	unsigned zeros = hi ? (unsigned)__builtin_clzll(hi) : 64;
	unsigned shift = zeros + 1;
	/* the fraction without its leading one, then as a double below 1 */
	uint64_t fraction = (shift < 64 ? hi << shift : 0) | (shift <= 64 ? lo >> (64 - shift) : 0);
	o.rest = double_of_bits((uint64_t)(1023 - shift) << 52 | fraction >> 12);
	if (o.j & 1) {
		o.j = (o.j + 1) & 7;
		o.rest -= 1;
	}
	o.rest *= M_PI_4;
	return o;
}

/* Of x >= 0. pi/4 is taken away in three parts. */
static struct octant reduce(double x)
{
	if (x >= 0x1p29)
		return reduce_large(x);
	uint64_t j = (uint64_t)(x * (4 / M_PI));
	j += j & 1;
	double y = (double)j;
	return (struct octant){ j, ((x - y * 7.85398125648498535156e-1) - y * 3.77489470793079817668e-8) -
					   y * 2.69515142907905952645e-15 };
}

/* ---- sin, cos, tan ---- */

static double sin_octant(double z)
{
	static const double c[] = {
		1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
		-1.98412698295895385996e-4, 8.33333333332211858878e-3,  -1.66666666666666307295e-1
	};
	double zz = z * z;
	return z + z * zz * horner(c, ARRAY_LEN(c), zz);
}

static double cos_octant(double z)
{
	static const double c[] = {
		-1.13585365213876817300e-11, 2.08757008419747316778e-9,  -2.75573141792967388112e-7,
		2.48015872888517045348e-5,   -1.38888888888730564116e-3, 4.16666666666665929218e-2
	};
	double zz = z * z;
	return 1.0 - 0.5 * zz + zz * zz * horner(c, ARRAY_LEN(c), zz);
}

double go_sin(double x)
{
	if (x == 0 || isnan(x))
		return x;
	if (isinf(x))
		return NAN;
	struct octant o = reduce(fabs(x));
	unsigned j = o.j & 7;
	double y = (j & 3) == 2 ? cos_octant(o.rest) : sin_octant(o.rest);
	return (x < 0) != (j > 3) ? -y : y;
}

double go_cos(double x)
{
	if (!isfinite(x))
		return NAN;
	struct octant o = reduce(fabs(x));
	unsigned j = o.j & 7;
	double y = (j & 3) == 2 ? sin_octant(o.rest) : cos_octant(o.rest);
	return j == 2 || j == 4 ? -y : y;
}

double go_tan(double x)
{
	static const double p[] = { -1.30936939181383777646e4, 1.15351664838587416140e6, -1.79565251976484877988e7 };
	static const double q[] = { 1.36812963470692954678e4, -1.32089234440210967447e6, 2.50083801823357915839e7,
				    -5.38695755929454629881e7 };
	if (x == 0 || isnan(x))
		return x;
	if (isinf(x))
		return NAN;
	struct octant o = reduce(fabs(x));
	double z = o.rest, zz = z * z, y = z;
	if (zz > 1e-14)
		y = z + z * (zz * horner(p, ARRAY_LEN(p), zz) / horner1(q, ARRAY_LEN(q), zz));
	if (o.j & 2)
		y = -1 / y;
	return x < 0 ? -y : y;
}

/* ---- arcs ---- */

/* Of [0, 0.66]. */
static double atan_small(double x)
{
	static const double p[] = { -8.750608600031904122785e-01, -1.615753718733365076637e+01,
				    -7.500855792314704667340e+01, -1.228866684490136173410e+02,
				    -6.485021904942025371773e+01 };
	static const double q[] = { 2.485846490142306297962e+01, 1.650270098316988542046e+02,
				    4.328810604912902668951e+02, 4.853903996359136964868e+02,
				    1.945506571482613964425e+02 };
	double z = x * x;
	z = z * horner(p, ARRAY_LEN(p), z) / horner1(q, ARRAY_LEN(q), z);
	return x * z + x;
}

/* Of x >= 0. */
static double atan_positive(double x)
{
	static const double more = 6.123233995736765886130e-17; /* what pi/2 is short of */
	if (x <= 0.66)
		return atan_small(x);
	if (x > 2.41421356237309504880)
		return M_PI_2 - atan_small(1 / x) + more;
	return M_PI_4 + atan_small((x - 1) / (x + 1)) + 0.5 * more;
}

double go_atan(double x)
{
	if (x == 0)
		return x;
	return x > 0 ? atan_positive(x) : -atan_positive(-x);
}

double go_asin(double x)
{
	if (x == 0)
		return x;
	double a = fabs(x);
	if (a > 1)
		return NAN;
	double leg = sqrt(1 - a * a);
	double y = a > 0.7 ? M_PI_2 - atan_positive(leg / a) : atan_positive(a / leg);
	return x < 0 ? -y : y;
}

double go_acos(double x)
{
	return M_PI_2 - go_asin(x);
}

double go_atan2(double y, double x)
{
	if (!isfinite(x) || !isfinite(y) || x == 0 || y == 0)
		return atan2(y, x); /* multiples of pi/4, the same in C */
	double q = go_atan(y / x);
	if (x > 0)
		return q;
	return q <= 0 ? q + M_PI : q - M_PI;
}

/* ---- hyperbolic functions and their inverses ---- */

double go_sinh(double x)
{
	static const double p[] = { -0.2630563213397497062819489e+2, -0.2894211355989563807284660366e+4,
				    -0.8991272022039509355398013511e+5, -0.6307673640497716991184787251e+6 };
	static const double q[] = { -0.173678953558233699533450911e+3, 0.1521517378790019070696485176e+5,
				    -0.6307673640497716991212077277e+6 };
	double a = fabs(x), y;
	if (a > 21) {
		y = go_exp(a) * 0.5;
	} else if (a > 0.5) {
		double e = go_exp(a);
		y = (e - 1 / e) * 0.5;
	} else {
		double sq = a * a;
		y = horner(p, ARRAY_LEN(p), sq) * a / horner1(q, ARRAY_LEN(q), sq);
	}
	return signbit(x) ? -y : y;
}

double go_cosh(double x)
{
	double e = go_exp(fabs(x));
	return fabs(x) > 21 ? e * 0.5 : (e + 1 / e) * 0.5;
}

double go_tanh(double x)
{
	static const double p[] = { -9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3 };
	static const double q[] = { 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3 };
	double a = fabs(x);
	if (a > 0.5 * 8.8029691931113054295988e+01)
		return x < 0 ? -1 : 1;
	if (a >= 0.625) {
		double y = 1 - 2 / (go_exp(2 * a) + 1);
		return x < 0 ? -y : y;
	}
	if (x == 0 || isnan(x))
		return x;
	double s = x * x;
	return x + x * s * horner(p, ARRAY_LEN(p), s) / horner1(q, ARRAY_LEN(q), s);
}

double go_asinh(double x)
{
	double a = fabs(x), y;
	if (!isfinite(x) || a < 0x1p-28)
		return x;
	if (a > 0x1p28)
		y = go_log(a) + M_LN2;
	else if (a > 2)
		y = go_log(2 * a + 1 / (sqrt(a * a + 1) + a));
	else
		y = go_log1p(a + a * a / (1 + sqrt(1 + a * a)));
	return x < 0 ? -y : y;
}

double go_acosh(double x)
{
	if (x < 1 || isnan(x))
		return NAN;
	if (x == 1)
		return 0;
	if (x >= 0x1p28)
		return go_log(x) + M_LN2;
	if (x > 2)
		return go_log(2 * x - 1 / (x + sqrt(x * x - 1)));
	double t = x - 1;
	return go_log1p(t + sqrt(2 * t + t * t));
}

double go_atanh(double x)
{
	double a = fabs(x), y;
	if (a > 1 || isnan(x))
		return NAN;
	if (a == 1)
		return copysign(INFINITY, x);
	if (a < 0x1p-28)
		return x;
	if (a < 0.5) {
		y = a + a;
		y = 0.5 * go_log1p(y + y * a / (1 - a));
	} else {
		y = 0.5 * go_log1p((a + a) / (1 - a));
	}
	return x < 0 ? -y : y;
}
