/* The trim operators: observations up to, or from, a value. Source: FloatHistogram trim of Prometheus 3.14. */
#include "promql/fhist.h"

#include "promql/gomath.h"

#include <math.h>

/* What stays of a bucket: its share of the count, and where that share lies on average. */
struct kept {
	double count, middle;
};

struct trim {
	double x;
	bool upper; /* keep <= x, else >= x */
	bool changed;
	double sum; /* of what stays */
};

static double middle_of(bool linear, double lower, double upper)
{
	if (linear)
		return (lower + upper) / 2;
	double m = sqrt(fabs(lower * upper));
	return lower < 0 ? -m : m;
}

/* Share of a bucket below x. */
static double fraction_below(bool linear, double lower, double upper, double x)
{
	if (linear)
		return (x - lower) / (upper - lower);
	double lo = go_log2(fabs(lower)), hi = go_log2(fabs(upper)), v = go_log2(fabs(x));
	if (x > 0)
		return (v - lo) / (hi - lo);
	return 1 - (v - hi) / (lo - hi);
}

/* A bucket with finite bounds. */
static struct kept trim_finite(const struct trim *t, bool linear, double lower, double upper, double count)
{
	if (t->upper ? upper <= t->x : lower >= t->x)
		return (struct kept){ count, middle_of(linear, lower, upper) };
	if (t->upper ? lower >= t->x : upper <= t->x)
		return (struct kept){ 0, 0 };
	double below = fraction_below(linear, lower, upper, t->x);
	if (t->upper)
		return (struct kept){ count * below, middle_of(linear, lower, t->x) };
	return (struct kept){ count * (1 - below), middle_of(linear, t->x, upper) };
}

/* The first custom bucket, (-Inf, u]. */
static struct kept trim_lowest(const struct trim *t, double u, double count)
{
	if (t->upper) {
		if (t->x >= u)
			return (struct kept){ count, u > 0 ? u / 2 : u };
		if (t->x > 0 && u > 0)
			return (struct kept){ count * t->x / u, t->x / 2 };
		if (u <= 0)
			return (struct kept){ count, t->x };
		return (struct kept){ 0, 0 };
	}
	if (t->x == -INFINITY)
		return (struct kept){ count, u > 0 ? u / 2 : u };
	if (t->x >= 0 && u > t->x)
		return (struct kept){ count * (1 - t->x / u), (t->x + u) / 2 };
	return (struct kept){ 0, 0 };
}

/* The last custom bucket, (l, +Inf]. */
static struct kept trim_highest(const struct trim *t, double l, double count)
{
	if (t->upper)
		return t->x == INFINITY ? (struct kept){ count, l } : (struct kept){ 0, 0 };
	if (t->x == INFINITY)
		return (struct kept){ 0, 0 };
	return (struct kept){ count, t->x >= l ? t->x : l };
}

static void apply(struct trim *t, double *count, struct kept k)
{
	t->changed |= k.count != *count;
	*count = k.count;
	if (k.count != 0)
		t->sum += k.count * k.middle;
}

static void trim_custom(struct trim *t, struct fh *f)
{
	for (uint32_t i = 0; i < f->pos.n; i++) {
		uint32_t idx = (uint32_t)f->pos.idx[i];
		double count = f->pos.count[i];
		struct kept k = { 0, 0 };
		if (count == 0)
			continue;
		if (f->n_bounds == 0) /* one bucket without bounds: all or nothing */
			k.count = t->x == (t->upper ? INFINITY : -INFINITY) ? count : 0;
		else if (idx == 0)
			k = trim_lowest(t, f->bounds[0], count);
		else if (idx >= f->n_bounds)
			k = trim_highest(t, f->bounds[f->n_bounds - 1], count);
		else
			k = trim_finite(t, true, f->bounds[idx - 1], f->bounds[idx], count);
		apply(t, &f->pos.count[i], k);
	}
}

static void trim_side(struct trim *t, struct fh *f, struct fh_side *s, bool negative)
{
	for (uint32_t i = 0; i < s->n; i++) {
		double lower = fhist_bound(s->idx[i] - 1, f->schema);
		double upper = fhist_bound(s->idx[i], f->schema);
		if (s->count[i] == 0)
			continue;
		if (lower < f->zero_threshold)
			lower = f->zero_threshold;
		if (negative) {
			double x = lower;
			lower = -upper;
			upper = -x;
		}
		apply(t, &s->count[i], trim_finite(t, false, lower, upper, s->count[i]));
	}
}

static bool populated(const struct fh_side *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->count[i] != 0)
			return true;
	return false;
}

static void trim_zero(struct trim *t, struct fh *f, bool has_pos, bool has_neg)
{
	double lower = -f->zero_threshold, upper = f->zero_threshold;
	if (f->zero_count == 0)
		return;
	if (has_pos && !has_neg)
		lower = 0;
	if (has_neg && !has_pos)
		upper = 0;
	if (lower == upper) {
		bool keep = t->upper ? lower <= t->x : lower >= t->x;
		apply(t, &f->zero_count, (struct kept){ keep ? f->zero_count : 0, 0 });
		return;
	}
	apply(t, &f->zero_count, trim_finite(t, true, lower, upper, f->zero_count));
}

static double total(const struct fh *f)
{
	double n = f->zero_count;
	for (uint32_t i = 0; i < f->neg.n; i++)
		n += f->neg.count[i];
	for (uint32_t i = 0; i < f->pos.n; i++)
		n += f->pos.count[i];
	return n;
}

int fhist_trim(const struct histogram *h, double x, bool upper, struct arena *a, const struct histogram **ret,
	       struct err *err)
{
	struct trim t = { .x = x, .upper = upper };
	struct fh f;
	int rc = fh_load(&f, h, a, err);
	if (rc)
		return rc;
	if (hist_is_custom(h)) {
		trim_custom(&t, &f);
	} else {
		bool has_pos = populated(&f.pos), has_neg = populated(&f.neg);
		trim_side(&t, &f, &f.neg, true);
		trim_zero(&t, &f, has_pos, has_neg);
		trim_side(&t, &f, &f.pos, false);
	}
	if (t.changed) {
		f.count = total(&f);
		f.sum = t.sum;
	}
	return fh_store(&f, a, ret, err);
}
