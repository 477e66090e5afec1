/*
 * xrate, xincrease, xdelta: ranges with the sample before them, no extrapolation.
 * Source: promql-engine, which has no subqueries here (it panics): of these
 * the windows are taken as they are.
 */
#include "promql/window/rate.h"

#include <math.h>

static double counter_correction(const double *v, size_t n)
{
	double last = 0, corr = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i] < last)
			corr += last;
		last = v[i];
	}
	return corr;
}

static bool all_equal(const double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return false;
	return true;
}

/* The value of a window of n >= 1 samples. */
static double x_value(const struct rollup *r, const int64_t *t, const double *v, size_t n, int64_t ref,
		      int64_t appeared)
{
	int64_t range = r->m->win.range_ms, from = ref - range;
	bool increase = r->counter && !r->per_second;
	size_t first = 0;
	if (increase && all_equal(v, n) && ref <= appeared + range)
		return v[0];
	double sampled = (double)(t[n - 1] - t[0]);
	double avg = sampled / (double)(n - 1);
	if (!increase && (double)(from - t[0]) > avg) {
		if (n < 3)
			return 0;
		first = 1;
		sampled = (double)(t[n - 1] - t[1]);
		avg = sampled / (double)(n - 2);
	}
	double result = v[n - 1] - v[first];
	if (r->counter)
		result += counter_correction(v + first, n - first);
	if (!increase && t[first] <= from && (double)(ref - t[n - 1]) < avg)
		result *= (double)(range / 1000) / (sampled / 1000);
	return r->per_second ? result / (double)(range / 1000) : result;
}

int rollup_xrate(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	if (s->nh)
		return err_set(err, ERR_FAILED_PRECONDITION,
			       "native histograms are not supported in extended range functions");
	int64_t *t = rollup_buf(r, 0, s->n + 1, sizeof(*t));
	double *v = rollup_buf(r, 1, s->n + 1, sizeof(*v));
	if (!t || !v)
		return eval_oom(r->n.ev, err);
	/* A subquery has no samples before its windows, so there is no telling when the series appeared. */
	bool before_known = r->m->selector != NULL;
	int64_t appeared = before_known && s->n ? s->t[0] : INT64_MIN / 2;
	int64_t seen = INT64_MAX; /* the right end of the step before */
	for (struct slide w = slide_begin(r, s); slide_next(&w); seen = w.ref) {
		int64_t oldest = w.ref - r->m->win.range_ms - (r->n.ev->opts.x_lookback_ms - 1);
		size_t before = w.lo, n = 0;
		/* What lies between two windows is never looked at. */
		while (before > 0 && s->t[before - 1] > seen)
			before--;
		if (before_known && before > 0 && s->t[before - 1] >= oldest) {
			t[n] = s->t[before - 1];
			v[n++] = s->v[before - 1];
		}
		memcpy(t + n, s->t + w.lo, slide_n(&w) * sizeof(*t));
		memcpy(v + n, s->v + w.lo, slide_n(&w) * sizeof(*v));
		n += slide_n(&w);
		if (n)
			out->v[w.i] = x_value(r, t, v, n, w.ref, appeared);
	}
	return 0;
}
