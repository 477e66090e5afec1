/*
 * promql/math/gomath.h - elementary functions with the bits of Go's math package.
 *
 * Prometheus computes with Go's math package, whose last bits are not those of
 * the C library. These are the same published algorithms, evaluated in the same
 * order: fdlibm (Sun, 1993) for logarithms, Cephes (Moshier, 1989) for circular
 * and inverse functions and tanh, Hart & Cheney #2029 for sinh, and for exp a
 * Taylor series of an eighth order at a sixteenth of the reduced argument,
 * which is what Go has in assembly on amd64. The file must be compiled without
 * contraction of multiplications and additions.
 *
 * Where Go differs from machine to machine: exp() fuses multiplications and
 * additions where the processor can, as here. The logarithm of a subnormal
 * number is right here, as with Go on arm64; on amd64 Go's is about -709.
 *
 * NaN arguments give NaN, domain errors NaN, poles infinities; nothing here
 * sets errno. Only what C's <math.h> has otherwise is here: fmod, sqrt, floor
 * and ceil are exact in both.
 */
#ifndef PROMQL_GOMATH_H
#define PROMQL_GOMATH_H

#include "chunk/histogram.h"

/* math.NaN(): the NaN that PromQL makes itself. */
static inline double go_nan(void)
{
	return double_of_bits(NORMAL_NAN_BITS);
}

/* e^x. Infinite from 709.436 on, where its power of two would be 2^1024; 0 below -745.13. Source: exp_amd64.s. */
double go_exp(double x);

/* 2^x. Source: fdlibm e_exp.c with another reduction (exp.go). */
double go_exp2(double x);

/* Natural logarithm. Source: fdlibm e_log.c, in the order of log_amd64.s. */
double go_log(double x);

/* Logarithm to the base 2, exact for powers of two. Source: log10.go. */
double go_log2(double x);

/* Logarithm to the base 10. Source: log10.go. */
double go_log10(double x);

/* log(1 + x). Source: fdlibm s_log1p.c. */
double go_log1p(double x);

/* x^y by squaring for the whole part of y, by exp and log for the rest. Source: pow.go. */
double go_pow(double x, double y);

/* Sine of radians. Source: Cephes sin.c; Payne and Hanek's reduction from 2^29 on (trig_reduce.go). */
double go_sin(double x);

/* Cosine of radians. Source: as go_sin. */
double go_cos(double x);

/* Tangent of radians. Source: Cephes tan.c; reduction as go_sin. */
double go_tan(double x);

/* Arcsine; NaN outside [-1, 1]. Source: asin.go. */
double go_asin(double x);

/* Arccosine; NaN outside [-1, 1]. Source: asin.go. */
double go_acos(double x);

/* Arctangent. Source: Cephes atan.c. */
double go_atan(double x);

/* The angle of the point (x, y). Special cases as in C. Source: atan2.go. */
double go_atan2(double y, double x);

/* Hyperbolic sine; infinite where exp is. Source: sinh.go. */
double go_sinh(double x);

/* Hyperbolic cosine; infinite where exp is. Source: sinh.go. */
double go_cosh(double x);

/* Hyperbolic tangent. Source: Cephes tanh.c, with the bound of tanh.go. */
double go_tanh(double x);

/* Inverse hyperbolic sine. Source: fdlibm s_asinh.c. */
double go_asinh(double x);

/* Inverse hyperbolic cosine; NaN below 1. Source: fdlibm e_acosh.c. */
double go_acosh(double x);

/* Inverse hyperbolic tangent; NaN outside [-1, 1]. Source: fdlibm e_atanh.c. */
double go_atanh(double x);

#endif
