#include "promql/math/lanes.h"

#include "chunk/histogram.h"
#include "promql/math/kahan.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A variance in the making. */
struct welford {
	struct kahan mean, aux;
};

/* The sums of a line in the making. */
struct line_sums {
	struct kahan x, y, xy, x2;
};

/* Samples after which chains are compared with the one that is known. */
#define MEET 16

/* ---- loops, once per instruction set ---- */

#define V v2d
#define VI v2i
#define W 2
#define SPLAT(x) ((v2d){ (x), (x) })
#define SPLAT_INT(x) ((v2i){ (x), (x) })
#define GATHER(k, i) ((v2d){ p[k][i], p[(k) + 1][i] })
#define KERNEL(name) kernel_##name##_any
#define KERNEL_ATTR
typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2i __attribute__((vector_size(16)));
#include "promql/math/lanes_kernel.inc"

#if defined(__x86_64__)
typedef double v4d __attribute__((vector_size(32)));
typedef int64_t v4i __attribute__((vector_size(32)));
#define V v4d
#define VI v4i
#define W 4
#define SPLAT(x) ((v4d){ (x), (x), (x), (x) })
#define SPLAT_INT(x) ((v4i){ (x), (x), (x), (x) })
#define GATHER(k, i) ((v4d){ p[k][i], p[(k) + 1][i], p[(k) + 2][i], p[(k) + 3][i] })
#define KERNEL(name) kernel_##name##_avx2
#define KERNEL_ATTR TARGET("avx2,fma")
#define FMA(a, b, c) ((v4d)_mm256_fmadd_pd((a), (b), (c)))
#include "promql/math/lanes_kernel.inc"

typedef double v8d __attribute__((vector_size(64)));
typedef int64_t v8i __attribute__((vector_size(64)));
#define V v8d
#define VI v8i
#define W 8
#define SPLAT(x) ((v8d){ (x), (x), (x), (x), (x), (x), (x), (x) })
#define SPLAT_INT(x) ((v8i){ (x), (x), (x), (x), (x), (x), (x), (x) })
#define GATHER(k, i) \
	((v8d){ p[k][i], p[(k) + 1][i], p[(k) + 2][i], p[(k) + 3][i], p[(k) + 4][i], p[(k) + 5][i], p[(k) + 6][i], \
		p[(k) + 7][i] })
#define KERNEL(name) kernel_##name##_avx512
#define KERNEL_ATTR TARGET("avx512f,avx512dq")
#define FMA(a, b, c) ((v8d)_mm512_fmadd_pd((a), (b), (c)))
#define FARTHER(a, b) ((v8d)_mm512_range_pd((a), (b), 7))
#define NEARER(a, b) ((v8d)_mm512_range_pd((a), (b), 6))
#include "promql/math/lanes_kernel.inc"

#ifndef CHOOSE
#define CHOOSE(name) \
	(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? kernel_##name##_avx512 \
	 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")       ? kernel_##name##_avx2 \
										 : kernel_##name##_any)
#endif
#elif !defined(CHOOSE)
#define CHOOSE(name) kernel_##name##_any
#endif

/* ---- one window ---- */

static struct kahan sum_alone(const double *v, int64_t lo, int64_t hi)
{
	struct kahan s = { 0, 0 };
	for (int64_t i = lo; i < hi; i++)
		kahan_add(&s, v[i]);
	return s;
}

static double mean_alone(const double *v, int64_t lo, int64_t hi)
{
	struct kahan_mean m = { .n = 0 };
	for (int64_t i = lo; i < hi; i++)
		kahan_mean_add(&m, v[i]);
	return kahan_mean_get(&m);
}

static struct line_sums line_alone(const double *t, const double *v, double t0, int64_t lo, int64_t hi)
{
	struct line_sums l = { { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } };
	for (int64_t i = lo; i < hi; i++) {
		double x = (t[i] - t0) / 1000;
		kahan_add(&l.x, x);
		kahan_add(&l.y, v[i]);
		kahan_add(&l.xy, x * v[i]);
		kahan_add(&l.x2, x * x);
	}
	return l;
}

/* The state of smoothing after some samples. */
struct smooth {
	double s0, s1, b;
};

static inline void smooth_add(struct smooth *m, double v, bool second, double sf, double tf)
{
	double x = sf * v;
	if (!second)
		m->b = tf * (m->s1 - m->s0) + (1 - tf) * m->b;
	double y = (1 - sf) * (m->s1 + m->b);
	m->s0 = m->s1;
	m->s1 = x + y;
}

static double smooth_alone(const double *v, int64_t n, double sf, double tf)
{
	struct smooth m = { 0, v[0], v[1] - v[0] };
	for (int64_t i = 1; i < n; i++)
		smooth_add(&m, v[i], i == 1, sf, tf);
	return m.s1;
}

void lanes_smooth_path(const double *v, int64_t lo, int64_t n, double sf, double tf, double *s, double *b)
{
	struct smooth m = { 0, v[lo], v[lo + 1] - v[lo] };
	s[lo] = m.s1;
	for (int64_t i = lo + 1; i < n; i++) {
		smooth_add(&m, v[i], i == lo + 1, sf, tf);
		s[i] = m.s1;
		b[i] = m.b;
	}
}

/* ---- batches ---- */

/* Windows computed by one call of a kernel. Where they are few, copies of the last one fill the lanes. */
struct batch {
	unsigned n;
	enum { ALONE, TOGETHER, APART, SLIDE } how;
	int64_t lo[LANES], hi[LANES];
	const double *p[LANES]; /* where they begin, and how many samples all have: of APART and SLIDE */
	int64_t shared;
	unsigned skip; /* lanes before the first window: of SLIDE, whose others are windows before it */
};

/*
 * Takes up to `width` windows from the g-th on. They go together where all
 * samples from the first one's to the last one's are at most half of what
 * the windows have in sum.
 */
static void batch_take(struct batch *b, const struct lanes *l, unsigned g, unsigned width, const double *v)
{
	int64_t sum = 0;
	b->n = MIN(l->n - g, width);
	b->skip = 0;
	b->shared = INT64_MAX;
	for (unsigned k = 0; k < width; k++) {
		unsigned from = g + MIN(k, b->n - 1);
		b->lo[k] = l->lo[from];
		b->hi[k] = l->hi[from];
		b->p[k] = v + b->lo[k];
		b->shared = MIN(b->shared, b->hi[k] - b->lo[k]);
		sum += k < b->n ? b->hi[k] - b->lo[k] : 0;
	}
	if (2 * (b->hi[width - 1] - b->lo[0]) <= sum)
		b->how = TOGETHER;
	else
		b->how = 4 * b->n > width ? APART : ALONE;
}

/*
 * Windows that are moved on by the same number of samples have mostly the same length: lanes then run beside each other over as many
 * as all have, which saves them those that only others have. Of neighbours one load brings the samples of all lanes;
 * `gather` says whether the others' are worth being brought together.
 */
static void batch_even(struct batch *b, unsigned width, const double *v, bool gather)
{
	int64_t rest = 0;
	bool neighbours = b->n > 1;
	for (unsigned k = 0; k < b->n; k++) {
		rest += b->hi[k] - b->lo[k] - b->shared;
		neighbours &= b->lo[k] - b->lo[0] == (int64_t)k;
	}
	if (rest > 2 * (int64_t)b->n)
		return;
	unsigned skip = width - b->n;
	int64_t all = b->hi[b->n - 1] - b->lo[0];
	if (neighbours && b->lo[0] >= (int64_t)skip && (gather || all > b->shared + b->shared / 8)) {
		b->how = SLIDE;
		b->skip = skip;
		b->p[0] = v + b->lo[0] - skip;
	} else if (b->how == TOGETHER && (gather || 2 * b->shared <= all)) {
		b->how = APART;
	}
}

/* ---- sums and means ---- */

/* The sums of all windows; one that is not finite has no compensation. */
static void sums(const struct lanes *l, const double *v, struct kahan *ret)
{
	struct batch b;
	struct kahan s[LANES];
	for (unsigned g = 0; g < l->n; g += b.n) {
		batch_take(&b, l, g, CHOOSE(width), v);
		batch_even(&b, CHOOSE(width), v, false);
		if (b.how == TOGETHER)
			CHOOSE(sum)(v, b.lo, b.hi, s);
		else if (b.how == APART)
			CHOOSE(sum_apart)(b.p, b.shared, s);
		else if (b.how == SLIDE)
			CHOOSE(sum_slide)(b.p[0], b.shared, s);
		for (unsigned k = 0; k < b.n; k++) {
			struct kahan *one = &s[b.skip + k];
			if (b.how == ALONE || !isfinite(one->s))
				*one = sum_alone(v, b.lo[k], b.hi[k]);
			else if (b.how != TOGETHER)
				for (int64_t i = b.lo[k] + b.shared; i < b.hi[k]; i++)
					kahan_add(one, v[i]);
			ret[g + k] = *one;
		}
	}
}

void lanes_sum(struct lanes *l, const double *v, double *out)
{
	struct kahan s[LANES];
	sums(l, v, s);
	for (unsigned k = 0; k < l->n; k++)
		out[l->step[k]] = kahan_sum(s[k]);
	l->n = 0;
}

void lanes_avg(struct lanes *l, const double *v, double *out)
{
	struct kahan s[LANES];
	sums(l, v, s);
	for (unsigned k = 0; k < l->n; k++) {
		struct kahan_mean m = { s[k], (double)(l->hi[k] - l->lo[k]), false };
		/* A sum that overflows becomes an incremental mean. */
		out[l->step[k]] = isfinite(s[k].s) ? kahan_mean_get(&m) : mean_alone(v, l->lo[k], l->hi[k]);
	}
	l->n = 0;
}

/* ---- variance ---- */

/* Samples from the `done`-th on. */
static void welford_rest(struct welford *w, const double *v, int64_t lo, int64_t hi, int64_t done)
{
	struct kahan mean = w->mean, aux = w->aux; /* in registers: this is one long chain */
	double m = mean.s + mean.c;
	for (int64_t i = lo + done; i < hi; i++) {
		double delta = v[i] - m;
		kahan_add(&mean, delta / (double)(i - lo + 1));
		m = mean.s + mean.c;
		kahan_add(&aux, delta * (v[i] - m));
	}
	*w = (struct welford){ mean, aux };
}

static double welford_get(const struct welford *w, int64_t n)
{
	return (w->aux.s + w->aux.c) / (double)n;
}

/* Whether some result was subnormal and rounded since underflow_forget(). */
static bool underflow_seen(void)
{
#if defined(__x86_64__)
	return _mm_getcsr() & _MM_EXCEPT_UNDERFLOW;
#else
	return false; /* nothing here depends on it */
#endif
}

static void underflow_forget(void)
{
#if defined(__x86_64__)
	_mm_setcsr(_mm_getcsr() & ~(unsigned)_MM_EXCEPT_UNDERFLOW);
#endif
}

static bool welford_is_finite(const struct welford *w)
{
	return isfinite(w->mean.s) && isfinite(w->aux.s);
}

/* The variances in the making of a batch, those of samples that all its windows have. False: none were made. */
static bool welford_batch(const struct batch *b, const double *v, struct welford *ret)
{
	underflow_forget();
	if (b->how == TOGETHER)
		CHOOSE(welford)(v, b->lo, b->hi, ret);
	else if (b->how == APART)
		CHOOSE(welford_apart)(b->p, b->shared, ret);
	else if (b->how == SLIDE)
		CHOOSE(welford_slide)(b->p[0], b->shared, ret);
	return b->how == TOGETHER || (b->how != ALONE && !underflow_seen());
}

void lanes_variance(struct lanes *l, const double *v, double *out)
{
	static const struct welford nothing;
	struct batch b;
	struct welford w[LANES];
	for (unsigned g = 0; g < l->n; g += b.n) {
		batch_take(&b, l, g, CHOOSE(width), v);
		batch_even(&b, CHOOSE(width), v, true);
		bool made = welford_batch(&b, v, w);
		for (unsigned k = 0; k < b.n; k++) {
			struct welford *one = &w[b.skip + k];
			int64_t lo = b.lo[k], hi = b.hi[k], done = b.how == TOGETHER ? hi - lo : b.shared;
			if (!made || !welford_is_finite(one)) {
				*one = nothing;
				done = 0;
			}
			welford_rest(one, v, lo, hi, done);
			out[l->step[g + k]] = welford_get(one, hi - lo);
		}
	}
	l->n = 0;
}

void lanes_variance_grow(const uint32_t *hi, unsigned n, int64_t lo, const double *v, double *out)
{
	struct welford w = { { 0, 0 }, { 0, 0 } };
	int64_t done = 0;
	for (unsigned k = 0; k < n; k++) {
		welford_rest(&w, v, lo, hi[k], done);
		done = hi[k] - lo;
		out[k] = welford_get(&w, done);
	}
}

/* ---- lines ---- */

static bool is_finite_line(const struct line_sums *s)
{
	return isfinite(s->x.s) && isfinite(s->y.s) && isfinite(s->xy.s) && isfinite(s->x2.s);
}

void lanes_lines(const struct lanes *l, const double *t_ms, const double *v, const double *t0_ms,
		 struct lanes_line *ret)
{
	struct batch b;
	struct line_sums s[LANES];
	double t0[LANES];
	for (unsigned g = 0; g < l->n; g += b.n) {
		batch_take(&b, l, g, CHOOSE(width), v);
		for (unsigned k = 0; k < LANES; k++)
			t0[k] = t0_ms[g + MIN(k, b.n - 1)];
		if (b.how == TOGETHER)
			CHOOSE(line)(t_ms, v, t0, b.lo, b.hi, s);
		for (unsigned k = 0; k < b.n; k++) {
			if (b.how != TOGETHER || !is_finite_line(&s[k]))
				s[k] = line_alone(t_ms, v, t0[k], b.lo[k], b.hi[k]);
			ret[g + k] = (struct lanes_line){ s[k].x.s + s[k].x.c, s[k].y.s + s[k].y.c,
							  s[k].xy.s + s[k].xy.c, s[k].x2.s + s[k].x2.c };
		}
	}
}

/* ---- smoothing ---- */

void lanes_smooth(struct lanes *l, const double *v, const double *sf, const double *tf, const struct lanes_path *known,
		  double *out)
{
	struct batch b;
	double f[LANES], g[LANES], r[LANES];
	for (unsigned at = 0; at < l->n; at += b.n) {
		batch_take(&b, l, at, CHOOSE(width), v);
		for (unsigned k = 0; k < LANES; k++) {
			f[k] = sf[at + MIN(k, b.n - 1)];
			g[k] = tf[at + MIN(k, b.n - 1)];
		}
		if (b.how == TOGETHER)
			CHOOSE(smooth)(v, f, g, b.lo, b.hi, known, r);
		for (unsigned k = 0; k < b.n; k++)
			out[l->step[at + k]] =
				b.how == TOGETHER ? r[k] : smooth_alone(b.p[k], b.hi[k] - b.lo[k], f[k], g[k]);
	}
	l->n = 0;
}

/* ---- many sums ---- */

size_t lanes_fold(double *sum, double *comp, const double *v, size_t n)
{
	size_t whole = n - n % LANES_ROUND;
	return whole && CHOOSE(fold)(sum, comp, v, whole) ? whole : 0;
}

/* ---- rates ---- */

void lanes_rates(const struct lanes_rates *r, size_t n, double *out)
{
	CHOOSE(rates)(r, n, out);
}
