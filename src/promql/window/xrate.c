/*
 * xrate, xincrease, xdelta: ranges with the sample before them, no extrapolation.
 * Source: promql-engine, which has no subqueries here (it panics): of these
 * the windows are taken as they are.
 */
#include "promql/window/rate.h"

#include <math.h>

/* A window: samples [lo, hi) of a series, and perhaps one before them, which need not be their neighbour. */
struct x_window {
	const struct samples *s;
	bool has_before;
	size_t before, lo, hi;
	int64_t ref;           /* its right end */
	const uint32_t *falls; /* of a counter: where the series falls */
	size_t n_falls, next;  /* the first that is not before all windows to come */
};

static size_t x_count(const struct x_window *w)
{
	return w->hi - w->lo + w->has_before;
}

/* The k-th sample's index. */
static size_t x_at(const struct x_window *w, size_t k)
{
	return w->has_before ? (k == 0 ? w->before : w->lo + k - 1) : w->lo + k;
}

/* What the counter had counted before each of its resets from the k-th sample on. */
static double counter_correction(struct x_window *w, size_t k)
{
	const double *v = w->s->v;
	size_t first = x_at(w, k), lo = MAX(first, w->lo);
	double corr = 0;
	if (first < w->lo && w->lo < w->hi && v[w->lo] < v[first])
		corr += v[first];
	while (w->next < w->n_falls && w->falls[w->next] <= w->lo)
		w->next++;
	for (size_t i = w->next; i < w->n_falls && w->falls[i] < w->hi; i++)
		if (w->falls[i] > lo)
			corr += v[w->falls[i] - 1];
	return corr;
}

static bool all_equal(const struct x_window *w)
{
	for (size_t k = 1; k < x_count(w); k++)
		if (w->s->v[x_at(w, k)] != w->s->v[x_at(w, 0)])
			return false;
	return true;
}

/* The value of a window of at least one sample. */
static double x_value(const struct rollup *r, struct x_window *w, int64_t appeared)
{
	const int64_t *t = w->s->t;
	const double *v = w->s->v;
	int64_t range = r->m->win.range_ms, from = w->ref - range;
	bool increase = r->counter && !r->per_second;
	size_t n = x_count(w), first = 0, a = x_at(w, 0), z = x_at(w, n - 1);
	if (increase && w->ref <= appeared + range && all_equal(w))
		return v[a];
	double sampled = (double)(t[z] - t[a]);
	double avg = sampled / (double)(n - 1);
	if (!increase && (double)(from - t[a]) > avg) {
		if (n < 3)
			return 0;
		first = 1;
		a = x_at(w, 1);
		sampled = (double)(t[z] - t[a]);
		avg = sampled / (double)(n - 2);
	}
	double result = v[z] - v[a];
	if (r->counter)
		result += counter_correction(w, first);
	if (!increase && t[a] <= from && (double)(w->ref - t[z]) < avg)
		result *= (double)(range / 1000) / (sampled / 1000);
	return r->per_second ? result / (double)(range / 1000) : result;
}

int rollup_xrate(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	if (s->nh)
		return err_set(err, ERR_FAILED_PRECONDITION,
			       "native histograms are not supported in extended range functions");
	struct x_window x = { .s = s };
	if (s->n && r->counter && !(x.falls = rate_falls(r, s, &x.n_falls)))
		return eval_oom(r->n.ev, err);
	/* A subquery has no samples before its windows, so there is no telling when the series appeared. */
	bool before_known = r->m->selector != NULL;
	int64_t appeared = before_known && s->n ? s->t[0] : INT64_MIN / 2;
	int64_t seen = INT64_MAX; /* the right end of the step before */
	for (struct slide w = slide_begin(r, s); slide_next(&w); seen = w.ref) {
		int64_t oldest = w.ref - r->m->win.range_ms - (r->n.ev->opts.x_lookback_ms - 1);
		size_t before = w.lo;
		/* What lies between two windows is never looked at. */
		while (before > 0 && s->t[before - 1] > seen)
			before--;
		x.has_before = before_known && before > 0 && s->t[before - 1] >= oldest;
		x.before = before - x.has_before;
		x.lo = w.lo;
		x.hi = w.hi;
		x.ref = w.ref;
		if (x_count(&x))
			out->v[w.i] = x_value(r, &x, appeared);
	}
	return 0;
}
