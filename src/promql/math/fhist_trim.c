/* The trim operators: observations up to, or from, a value. Source: FloatHistogram trim of Prometheus 3.14. */
#include "promql/math/fhist.h"

#include "promql/math/gomath.h"

#include <math.h>

/* What stays of a bucket: its share of the count, and where that share lies on average. */
struct kept {
	double count, middle;
};

struct trim {
	double x;
	bool upper;  /* keep <= x, else >= x */
	bool linear; /* buckets are filled evenly, else on a logarithmic scale */
	bool changed;
	double count, sum; /* of what stays, added up in upstream's order */
};

/* Where the observations of an interval lie on average. */
static double middle_of(bool linear, bool positive, double lower, double upper)
{
	if (isinf(lower))
		return isinf(upper) ? 0 : upper > 0 ? upper / 2 : upper;
	if (isinf(upper))
		return lower;
	if (linear)
		return (lower + upper) / 2;
	double m = sqrt(fabs(lower * upper));
	return positive ? m : -m;
}

/* Share of a bucket below x, which lies inside. */
static double fraction_below(bool linear, double lower, double upper, double x)
{
	if (linear)
		return (x - lower) / (upper - lower);
	double lo = go_log2(fabs(lower)), hi = go_log2(fabs(upper)), v = go_log2(fabs(x));
	if (x > 0)
		return (v - lo) / (hi - lo);
	return 1 - (v - hi) / (lo - hi);
}

/* x lies in the first custom bucket, (-Inf, u]: it is taken to begin at 0 if u is positive. */
static struct kept split_lowest(const struct trim *t, double u, double count)
{
	bool bounded = u > 0 && !isinf(u);
	if (t->upper && t->x > 0 && bounded)
		return (struct kept){ count * t->x / u, t->x / 2 };
	if (t->upper && u <= 0)
		return (struct kept){ count, t->x };
	if (!t->upper && t->x >= 0 && bounded)
		return (struct kept){ count * (1 - t->x / u), (t->x + u) / 2 };
	return (struct kept){ 0, 0 };
}

/* x lies inside the bucket. */
static struct kept split(const struct trim *t, bool positive, double lower, double upper, double count)
{
	if (isinf(lower))
		return split_lowest(t, upper, count);
	if (isinf(upper)) /* the last custom bucket */
		return t->upper ? (struct kept){ 0, 0 } : (struct kept){ count, t->x };
	double below = count * fraction_below(t->linear, lower, upper, t->x);
	if (t->upper)
		return (struct kept){ below, middle_of(t->linear, positive, lower, t->x) };
	return (struct kept){ count - below, middle_of(t->linear, positive, t->x, upper) };
}

static void keep(struct trim *t, double *count, struct kept k)
{
	t->changed |= k.count != *count;
	t->count += k.count;
	t->sum += k.middle * k.count;
	*count = k.count;
}

static void trim_bucket(struct trim *t, bool positive, double lower, double upper, double *count)
{
	if (t->upper ? upper <= t->x : lower >= t->x) {
		keep(t, count, (struct kept){ *count, middle_of(t->linear, positive, lower, upper) });
	} else if (t->upper ? lower < t->x : upper > t->x) {
		keep(t, count, split(t, positive, lower, upper, *count));
	} else {
		*count = 0;
		t->changed = true;
	}
}

/* Returns whether the side has a populated bucket. */
static bool trim_side(struct trim *t, const struct fh *f, const struct fh_side *s, bool negative)
{
	bool any = false;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->count[i] == 0)
			continue;
		any = true;
		double lower, upper;
		if (f->schema == HIST_SCHEMA_CUSTOM) {
			uint32_t idx = (uint32_t)s->idx[i];
			lower = idx == 0 ? -INFINITY : f->bounds[idx - 1];
			upper = idx >= f->n_bounds ? INFINITY : f->bounds[idx];
		} else {
			lower = fhist_bound(s->idx[i] - 1, f->schema);
			upper = fhist_bound(s->idx[i], f->schema);
		}
		if (negative)
			trim_bucket(t, false, -upper, -lower, &s->count[i]);
		else
			trim_bucket(t, true, lower, upper, &s->count[i]);
	}
	return any;
}

/* The zero bucket is filled evenly; it ends at zero towards a side without observations. */
static void trim_zero(struct trim *t, struct fh *f, bool has_pos, bool has_neg)
{
	double x = t->x, upper = has_neg && !has_pos ? 0 : f->zero_threshold;
	double lower = has_pos && !has_neg ? 0 : -f->zero_threshold;
	struct kept k = { 0, 0 };
	if (!(f->zero_count > 0))
		return;
	if (x <= lower ? !t->upper : x >= upper && t->upper)
		k = (struct kept){ f->zero_count, (lower + upper) / 2 };
	else if (!(x <= lower) && !(x >= upper) && t->upper)
		k = (struct kept){ f->zero_count * ((x - lower) / (upper - lower)), (lower + x) / 2 };
	else if (!(x <= lower) && !(x >= upper))
		k = (struct kept){ f->zero_count * ((upper - x) / (upper - lower)), (x + upper) / 2 };
	keep(t, &f->zero_count, k);
}

int fhist_trim(const struct histogram *h, double x, bool upper, struct arena *a, const struct histogram **ret,
	       struct err *err)
{
	struct trim t = { .x = x, .upper = upper, .linear = hist_is_custom(h) };
	struct fh f;
	int rc = fh_load(&f, h, a, err);
	if (rc)
		return rc;
	bool has_pos = trim_side(&t, &f, &f.pos, false);
	bool has_neg = trim_side(&t, &f, &f.neg, true);
	trim_zero(&t, &f, has_pos, has_neg);
	*ret = h; /* with its empty buckets, on which quantiles depend */
	if (!t.changed)
		return 0;
	f.count = t.count;
	f.sum = t.sum;
	return fh_store(&f, a, ret, err);
}
