/*
 * promql/math/kahan.h - sums that keep what rounding loses (Kahan, Babuska, Neumaier).
 *
 * Every sum of the engine that Prometheus compensates goes through this one
 * step, so that results agree to the last bit. Must be compiled without
 * contraction to fused multiply-add. Source: util/kahansum.
 */
#ifndef PROMQL_KAHAN_H
#define PROMQL_KAHAN_H

#include "base/compiler.h"

#include <math.h>
#include <stdbool.h>

/* A running sum; its value is s + c. */
struct kahan {
	double s, c;
};

/* Adds x. An infinite sum has no compensation. */
static inline void kahan_add(struct kahan *k, double x)
{
	double t = k->s + x;
	if (UNLIKELY(isinf(t)))
		k->c = 0;
	else if (fabs(k->s) >= fabs(x))
		k->c += (k->s - t) + x;
	else
		k->c += (x - t) + k->s;
	k->s = t;
}

/* The sum; an infinite one is not compensated. */
static inline double kahan_sum(struct kahan k)
{
	return isinf(k.s) ? k.s : k.s + k.c;
}

/*
 * A running mean as Prometheus computes it: a plain sum while that is
 * finite, and from the sample that would overflow it on incrementally.
 */
struct kahan_mean {
	struct kahan k; /* the sum, or the mean when `incremental` */
	double n;
	bool incremental;
};

/* Adds x to the mean. */
static inline void kahan_mean_add(struct kahan_mean *m, double x)
{
	m->n++;
	if (m->n == 1) {
		m->k = (struct kahan){ x, 0 };
		return;
	}
	if (LIKELY(!m->incremental)) {
		struct kahan k = m->k;
		kahan_add(&k, x);
		if (LIKELY(!isinf(k.s))) {
			m->k = k;
			return;
		}
		m->incremental = true;
		m->k.s /= m->n - 1;
		m->k.c /= m->n - 1;
	}
	double q = (m->n - 1) / m->n;
	struct kahan k = { q * m->k.s, q * m->k.c };
	kahan_add(&k, x / m->n);
	m->k = k;
}

/* The mean; at least one sample was added. */
static inline double kahan_mean_get(const struct kahan_mean *m)
{
	if (m->incremental)
		return m->k.s + m->k.c;
	return m->k.s / m->n + m->k.c / m->n;
}

#endif
