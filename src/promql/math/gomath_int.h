/*
 * promql/math/gomath_int.h - what gomath.c and gomath_trig.c have in common.
 */
#ifndef PROMQL_GOMATH_INT_H
#define PROMQL_GOMATH_INT_H

#include "chunk/histogram.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* 2^k of a normal exponent. */
static inline double pow2(int k)
{
	return double_of_bits((uint64_t)(k + 1023) << 52);
}

/* ((c[0] * x + c[1]) * x + ...) + c[n - 1]. */
static inline double horner(const double *c, size_t n, double x)
{
	double y = c[0];
	for (size_t i = 1; i < n; i++)
		y = y * x + c[i];
	return y;
}

/* The same with an x^n in front. */
static inline double horner1(const double *c, size_t n, double x)
{
	double y = x + c[0];
	for (size_t i = 1; i < n; i++)
		y = y * x + c[i];
	return y;
}

#endif
