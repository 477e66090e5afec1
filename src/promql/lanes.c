#include "promql/lanes.h"

#include "promql/kahan.h"

typedef double v4d __attribute__((vector_size(32)));
typedef int64_t v4i __attribute__((vector_size(32)));

/* A variance in the making. */
struct welford {
	struct kahan mean, aux;
};

#define KERNEL(name) kernel_##name##_any
#define KERNEL_ATTR
#include "promql/lanes_kernel.inc"

#if defined(__x86_64__)
#define KERNEL(name) kernel_##name##_avx2
#define KERNEL_ATTR TARGET("avx2")
#include "promql/lanes_kernel.inc"
#define CHOOSE(name) (__builtin_cpu_supports("avx2") ? kernel_##name##_avx2 : kernel_##name##_any)
#else
#define CHOOSE(name) kernel_##name##_any
#endif

/* Where the windows begin; returns the number of samples that all have, 0 unless there are LANES. */
static size_t begin(const struct lanes *l, const double *v, const double *p[LANES])
{
	size_t n = SIZE_MAX;
	for (unsigned k = 0; k < l->n; k++) {
		p[k] = v + l->lo[k];
		n = MIN(n, l->len[k]);
	}
	return l->n == LANES ? n : 0;
}

void lanes_sum(struct lanes *l, const double *v, double *out)
{
	const double *p[LANES] = { NULL };
	struct kahan s[LANES] = { { 0, 0 } };
	size_t j = begin(l, v, p);
	for (unsigned k = 0; k < LANES && j; k += 4)
		CHOOSE(sum)(p + k, 0, j, s + k);
	for (unsigned k = 0; k < l->n; k++) {
		for (size_t i = j; i < l->len[k]; i++)
			kahan_add(&s[k], p[k][i]);
		out[l->step[k]] = kahan_sum(s[k]);
	}
	l->n = 0;
}

static double avg_alone(const double *v, size_t n)
{
	struct kahan_mean m = { .n = 0 };
	for (size_t i = 0; i < n; i++)
		kahan_mean_add(&m, v[i]);
	return kahan_mean_get(&m);
}

void lanes_avg(struct lanes *l, const double *v, double *out)
{
	const double *p[LANES] = { NULL };
	struct kahan s[LANES] = { { 0, 0 } };
	size_t j = begin(l, v, p);
	for (unsigned k = 0; k < l->n; k++)
		s[k] = (struct kahan){ p[k][0], 0 };
	for (unsigned k = 0; k < LANES && j; k += 4)
		CHOOSE(sum)(p + k, 1, j, s + k);
	for (unsigned k = 0; k < l->n; k++) {
		/* A sum that overflowed becomes an incremental mean. */
		if (j == 0 || !isfinite(s[k].s)) {
			out[l->step[k]] = avg_alone(p[k], l->len[k]);
			continue;
		}
		struct kahan_mean m = { s[k], (double)j, false };
		for (size_t i = j; i < l->len[k]; i++)
			kahan_mean_add(&m, p[k][i]);
		out[l->step[k]] = kahan_mean_get(&m);
	}
	l->n = 0;
}

void lanes_variance(struct lanes *l, const double *v, double *out)
{
	const double *p[LANES] = { NULL };
	struct welford w[LANES] = { { { 0, 0 }, { 0, 0 } } };
	size_t j = begin(l, v, p);
	if (j)
		CHOOSE(welford)(p, j, w);
	for (unsigned k = 0; k < l->n; k++) {
		for (size_t i = j; i < l->len[k]; i++) {
			double x = p[k][i], delta = x - (w[k].mean.s + w[k].mean.c);
			kahan_add(&w[k].mean, delta / (double)(i + 1));
			kahan_add(&w[k].aux, delta * (x - (w[k].mean.s + w[k].mean.c)));
		}
		out[l->step[k]] = (w[k].aux.s + w[k].aux.c) / (double)l->len[k];
	}
	l->n = 0;
}
