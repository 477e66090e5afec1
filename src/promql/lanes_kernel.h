/*
 * promql/lanes_kernel.h - the loops of lanes.c, included once per instruction
 * set with KERNEL(name) and KERNEL_ATTR defined. No header in the usual sense.
 *
 * One step of a compensated sum without branches: the larger operand gives
 * the error term, an infinite sum has none. Bits are those of kahan_add().
 */
#define SELECT(mask, a, b) ((v4d)(((v4i)(a) & (mask)) | ((v4i)(b) & ~(mask))))
#define KAHAN(s, c, x) \
	do { \
		v4d t_ = (s) + (x); \
		v4i m_ = (v4d)((v4i)(s) & abs_mask) >= (v4d)((v4i)(x) & abs_mask); \
		v4d hi_ = SELECT(m_, s, x), lo_ = SELECT(m_, x, s); \
		v4d e_ = (c) + ((hi_ - t_) + lo_); \
		v4i inf_ = (v4d)((v4i)t_ & abs_mask) == inf; \
		(c) = (v4d)((v4i)e_ & ~inf_); \
		(s) = t_; \
	} while (0)
#define CONSTANTS \
	const int64_t abs_bits = INT64_MAX; \
	const v4i abs_mask = { abs_bits, abs_bits, abs_bits, abs_bits }; \
	const v4d inf = { INFINITY, INFINITY, INFINITY, INFINITY }
#define LOAD(k, j) ((v4d){ p[k][j], p[k + 1][j], p[k + 2][j], p[k + 3][j] })

/* Adds samples [from, n) of four windows to their sums. */
KERNEL_ATTR static void KERNEL(sum)(const double *const p[4], size_t from, size_t n,
				    struct kahan *k)
{
	CONSTANTS;
	v4d s = { k[0].s, k[1].s, k[2].s, k[3].s }, c = { k[0].c, k[1].c, k[2].c, k[3].c };
	for (size_t j = from; j < n; j++) {
		v4d x = LOAD(0, j);
		KAHAN(s, c, x);
	}
	for (unsigned i = 0; i < 4; i++)
		k[i] = (struct kahan){ s[i], c[i] };
}

/* The same for means and sums of squares, of eight windows: one division alone would leave the core idle. */
KERNEL_ATTR static void KERNEL(welford)(const double *const p[8], size_t n, struct welford *w)
{
	CONSTANTS;
	const v4d zero = { 0, 0, 0, 0 };
	v4d ms0 = zero, mc0 = zero, as0 = zero, ac0 = zero;
	v4d ms1 = zero, mc1 = zero, as1 = zero, ac1 = zero;
	for (size_t j = 0; j < n; j++) {
		double count = (double)(j + 1);
		v4d counts = { count, count, count, count }, x0 = LOAD(0, j), x1 = LOAD(4, j);
		v4d delta0 = x0 - (ms0 + mc0), delta1 = x1 - (ms1 + mc1);
		v4d d0 = delta0 / counts, d1 = delta1 / counts;
		KAHAN(ms0, mc0, d0);
		KAHAN(ms1, mc1, d1);
		d0 = delta0 * (x0 - (ms0 + mc0));
		d1 = delta1 * (x1 - (ms1 + mc1));
		KAHAN(as0, ac0, d0);
		KAHAN(as1, ac1, d1);
	}
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct welford){ { ms0[i], mc0[i] }, { as0[i], ac0[i] } };
		w[i + 4] = (struct welford){ { ms1[i], mc1[i] }, { as1[i], ac1[i] } };
	}
}

#undef SELECT
#undef KAHAN
#undef CONSTANTS
#undef LOAD
#undef KERNEL
#undef KERNEL_ATTR
