/* deriv, predict_linear, double_exponential_smoothing. Source: promql/functions.go. */
#include "promql/kahan.h"
#include "promql/rollup.h"

#include <math.h>

/* A line through the samples of a window. */
struct line {
	double slope, intercept;
};

/* Least squares over [lo, hi) with x in seconds after t0. */
static struct line linear_regression(const struct samples *s, size_t lo, size_t hi, int64_t t0)
{
	struct kahan sx = { 0, 0 }, sy = { 0, 0 }, sxy = { 0, 0 }, sx2 = { 0, 0 };
	double n = 0, first = s->v[lo];
	bool constant = true;
	for (size_t i = lo; i < hi; i++) {
		if (constant && i > lo && s->v[i] != first)
			constant = false;
		n++;
		double x = (double)(s->t[i] - t0) / 1000;
		kahan_add(&sx, x);
		kahan_add(&sy, s->v[i]);
		kahan_add(&sxy, x * s->v[i]);
		kahan_add(&sx2, x * x);
	}
	if (constant) {
		if (isinf(first))
			return (struct line){ normal_nan(), normal_nan() };
		return (struct line){ 0, first };
	}
	double x = sx.s + sx.c, y = sy.s + sy.c, xy = sxy.s + sxy.c, x2 = sx2.s + sx2.c;
	double cov = xy - x * y / n;
	double var = x2 - x * x / n;
	double slope = cov / var;
	return (struct line){ slope, y / n - slope * x / n };
}

/* Runs over the windows that have a line; `at_time` puts x = 0 at the evaluation time. */
static int regression(struct rollup *r, const struct samples *s, struct row *out, bool predict, struct err *err)
{
	bool mixed = false;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		size_t n = slide_n(&w);
		mixed |= n > 0 && slide_nh(&w) > 0;
		if (n < 2)
			continue;
		int64_t t0 = predict ? grid_t(&r->n.grid, w.i) : s->t[w.lo];
		struct line l = linear_regression(s, w.lo, w.hi, t0);
		out->v[w.i] = predict ? l.slope * r->param[0][w.i] + l.intercept : l.slope;
		int rc = eval_work(r->n.ev, n / 4, err);
		if (rc)
			return rc;
	}
	if (mixed)
		rollup_info_ignored(r, s);
	return 0;
}

int rollup_deriv(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return regression(r, s, out, false, err);
}

int rollup_predict_linear(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return regression(r, s, out, true, err);
}

/* Holt-Winters double smoothing of a window of at least two floats. */
static double smooth(const double *v, size_t n, double sf, double tf)
{
	double s0 = 0, s1 = v[0], b = v[1] - v[0];
	for (size_t i = 1; i < n; i++) {
		double x = sf * v[i];
		if (i > 1)
			b = tf * (s1 - s0) + (1 - tf) * b;
		double y = (1 - sf) * (s1 + b);
		s0 = s1;
		s1 = x + y;
	}
	return s1;
}

int rollup_double_exponential_smoothing(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	bool mixed = false;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		size_t n = slide_n(&w);
		if (n + slide_nh(&w) == 0)
			continue;
		double sf = r->param[0][w.i], tf = r->param[1][w.i];
		if (!(sf > 0 && sf < 1))
			return err_set(err, ERR_FAILED_PRECONDITION,
				       "invalid smoothing factor. Expected: 0 < sf < 1, got: %f", sf);
		if (!(tf > 0 && tf < 1))
			return err_set(err, ERR_FAILED_PRECONDITION,
				       "invalid trend factor. Expected: 0 < tf < 1, got: %f", tf);
		mixed |= n > 0 && slide_nh(&w) > 0;
		if (n >= 2)
			out->v[w.i] = smooth(s->v + w.lo, n, sf, tf);
	}
	if (mixed)
		rollup_info_ignored(r, s);
	return 0;
}
