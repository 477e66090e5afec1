/* What is read off a native histogram: buckets, variance, quantile, fraction, text, resets. */
#include "promql/math/fhist.h"

#include "base/assert.h"
#include "base/mem.h"
#include "promql/math/gomath.h"
#include "promql/math/kahan.h"
#include "text/float.h"

#include <math.h>
#include <stdlib.h>

/* Buckets that fit on the stack. */
#define STACK_BUCKETS 192

/* ---- a walk over the buckets of one side, ascending by index ---- */

struct walk {
	const struct hist_span *spans;
	uint32_t n_spans, span, in_span, k, n;
	const double *counts;
	int32_t at; /* index after the last bucket */
	int32_t by; /* resolution lowered by this much */
	int32_t idx;
	double count;
};

static struct walk walk_pos(const struct histogram *h)
{
	return (struct walk){
		.spans = h->pos_spans, .n_spans = h->n_pos_spans, .n = h->n_pos, .counts = h->pos_counts
	};
}

static struct walk walk_neg(const struct histogram *h)
{
	return (struct walk){
		.spans = h->neg_spans, .n_spans = h->n_neg_spans, .n = h->n_neg, .counts = h->neg_counts
	};
}

static bool walk_raw(struct walk *w)
{
	while (w->span < w->n_spans && w->in_span == w->spans[w->span].length) {
		if (w->in_span == 0) /* an empty span only shifts the next */
			w->at += w->spans[w->span].offset;
		w->span++;
		w->in_span = 0;
	}
	if (w->span == w->n_spans || w->k == w->n)
		return false;
	if (w->in_span == 0)
		w->at += w->spans[w->span].offset;
	w->in_span++;
	w->idx = w->at++;
	w->count = w->counts[w->k++];
	return true;
}

/* The next bucket, those that fall together at the lower resolution as one. */
static bool walk_next(struct walk *w)
{
	if (w->by == 0)
		return walk_raw(w);
	if (!walk_raw(w))
		return false;
	int32_t idx = ((w->idx - 1) >> w->by) + 1;
	double count = w->count;
	for (struct walk ahead = *w; walk_raw(&ahead); *w = ahead) {
		if (((ahead.idx - 1) >> w->by) + 1 != idx)
			break;
		count += ahead.count;
	}
	w->idx = idx;
	w->count = count;
	return true;
}

/* ---- buckets with bounds ---- */

static double custom_bound(const struct histogram *h, int64_t idx)
{
	if (idx < 0)
		return -INFINITY;
	return (uint64_t)idx < h->n_bounds ? h->bounds[idx] : INFINITY;
}

static struct fh_bucket bucket_pos(const struct histogram *h, const struct walk *w, double clip)
{
	struct fh_bucket b = { .count = w->count, .upper_inclusive = true };
	if (hist_is_custom(h)) {
		b.lower = custom_bound(h, (int64_t)w->idx - 1);
		b.upper = custom_bound(h, w->idx);
		b.lower_inclusive = w->idx == 0;
		return b;
	}
	b.lower = fhist_bound(w->idx - 1, h->schema);
	b.upper = fhist_bound(w->idx, h->schema);
	if (b.lower < clip)
		b.lower = clip;
	return b;
}

/* The populated buckets, or all, none of them nearer to zero than `clip`; a zero bucket that a subtraction made negative only if `text`. */
static size_t clipped_buckets(const struct histogram *h, struct fh_bucket *b, bool with_empty, bool text, double clip)
{
	size_t n = 0;
	for (struct walk w = walk_neg(h); walk_next(&w);) {
		if (w.count == 0 && !with_empty)
			continue;
		double inner = fhist_bound(w.idx - 1, h->schema);
		if (inner < clip)
			inner = clip;
		b[n++] = (struct fh_bucket){ -fhist_bound(w.idx, h->schema), -inner, w.count, true, false };
	}
	for (size_t i = 0; i < n / 2; i++) {
		struct fh_bucket x = b[i];
		b[i] = b[n - 1 - i];
		b[n - 1 - i] = x;
	}
	if (text ? h->zero_count_f != 0 : h->zero_count_f > 0)
		b[n++] = (struct fh_bucket){ -h->zero_threshold, h->zero_threshold, h->zero_count_f, true, true };
	for (struct walk w = walk_pos(h); walk_next(&w);)
		if (w.count != 0 || with_empty)
			b[n++] = bucket_pos(h, &w, clip);
	return n;
}

size_t fhist_buckets(const struct histogram *h, struct fh_bucket *b, bool with_empty)
{
	return clipped_buckets(h, b, with_empty, false, h->zero_threshold);
}

/* Buckets on the stack where they fit, else on the heap. */
struct bucket_list {
	struct fh_bucket stack[STACK_BUCKETS], *p;
	size_t n;
};

static void list_init(struct bucket_list *l, const struct histogram *h, bool with_empty, bool text)
{
	size_t max = fhist_buckets_max(h);
	l->p = max <= STACK_BUCKETS ? l->stack : xmalloc(max * sizeof(*l->p));
	l->n = clipped_buckets(h, l->p, with_empty, text, text ? 0 : h->zero_threshold);
}

static void list_init_buckets(struct bucket_list *l, const struct histogram *h)
{
	list_init(l, h, false, false);
}

static void list_fini_buckets(struct bucket_list *l)
{
	if (l->p != l->stack)
		free(l->p);
}

void fhist_print(const struct histogram *h, struct strbuf *b)
{
	struct bucket_list l;
	list_init(&l, h, false, true);
	strbuf_add_c(b, "{count:");
	text_float_add(b, h->count_f, TEXT_FLOAT_G);
	strbuf_add_c(b, ", sum:");
	text_float_add(b, h->sum, TEXT_FLOAT_G);
	for (size_t i = 0; i < l.n; i++) {
		strbuf_add_c(b, l.p[i].lower_inclusive ? ", [" : ", (");
		text_float_add(b, l.p[i].lower, TEXT_FLOAT_G);
		strbuf_add_ch(b, ',');
		text_float_add(b, l.p[i].upper, TEXT_FLOAT_G);
		strbuf_add_c(b, l.p[i].upper_inclusive ? "]:" : "):");
		text_float_add(b, l.p[i].count, TEXT_FLOAT_G);
	}
	strbuf_add_ch(b, '}');
	list_fini_buckets(&l);
}

/* ---- variance ---- */

double fhist_variance(const struct histogram *h)
{
	struct bucket_list l;
	struct kahan k = { 0, 0 };
	double mean = h->sum / h->count_f;
	list_init_buckets(&l, h);
	for (size_t i = 0; i < l.n; i++) {
		const struct fh_bucket *b = &l.p[i];
		double v;
		if (hist_is_custom(h))
			v = (b->upper + b->lower) / 2;
		else if (b->lower <= 0 && b->upper >= 0)
			v = 0;
		else
			v = sqrt(b->upper * b->lower) * (b->upper < 0 ? -1 : 1);
		double d = v - mean;
		kahan_add(&k, b->count * d * d);
	}
	list_fini_buckets(&l);
	return (k.s + k.c) / h->count_f;
}

/* ---- quantile ---- */

/* Bounds of a bucket that holds zero, where one side has no buckets, or an end without bound. */
static void adjust_bounds(const struct histogram *h, struct fh_bucket *b)
{
	if (hist_is_custom(h) || !(b->lower < 0 && b->upper > 0))
		return;
	if (h->n_neg == 0 && h->n_pos > 0)
		b->lower = 0;
	else if (h->n_pos == 0 && h->n_neg > 0)
		b->upper = 0;
}

static double interpolate_in(const struct histogram *h, const struct fh_bucket *b, double fraction)
{
	if (hist_is_custom(h) || (b->lower <= 0 && b->upper >= 0))
		return b->lower + (b->upper - b->lower) * fraction;
	double lo = go_log2(fabs(b->lower)), hi = go_log2(fabs(b->upper));
	if (b->lower > 0)
		return go_exp2(lo + (hi - lo) * fraction);
	return -go_exp2(hi + (lo - hi) * (1 - fraction));
}

/*
 * `l` has the empty buckets too: where the rank is not reached, or NaN
 * observations are looked for, upstream goes on to the last bucket and takes
 * that one's bounds and count, be it empty.
 */
static double quantile_of(double q, const struct histogram *h, const struct bucket_list *l, struct fhist_notes *notes)
{
	bool nan = isnan(h->sum), up = nan || q < 0.5;
	double rank = up ? q * h->count_f : (1 - q) * h->count_f;
	double count = 0;
	size_t i = up ? 0 : l->n;
	struct fh_bucket b = { 0 };
	while (up ? i < l->n : i > 0) {
		b = l->p[up ? i++ : --i];
		count += b.count;
		if (b.count != 0 && count >= rank)
			break;
	}
	adjust_bounds(h, &b);
	if (hist_is_custom(h) && isinf(b.lower)) {
		if (b.upper <= 0)
			return b.upper;
		b.lower = 0;
	} else if (hist_is_custom(h) && isinf(b.upper)) {
		return b.lower;
	}
	if (count > h->count_f)
		count = h->count_f;
	if (count < rank) {
		notes->nan_result = nan;
		return nan ? go_nan() : b.upper;
	}
	rank = up ? rank - (count - b.count) : count - rank;
	for (; nan && i < l->n; i++) {
		b = l->p[i];
		count += b.count;
	}
	notes->nan_skewed = nan && count < h->count_f;
	return interpolate_in(h, &b, rank / b.count);
}

double fhist_quantile(double q, const struct histogram *h, struct fhist_notes *notes)
{
	if (q < 0)
		return -INFINITY;
	if (q > 1)
		return INFINITY;
	if (h->count_f == 0 || isnan(q))
		return go_nan();
	struct bucket_list l;
	list_init(&l, h, true, false);
	double v = quantile_of(q, h, &l, notes);
	list_fini_buckets(&l);
	return v;
}

/* ---- fraction ---- */

/* Where v > 0 or v < 0 lies inside a bucket on a logarithmic scale. */
static double log_fraction(const struct fh_bucket *b, double v)
{
	double lo = go_log2(fabs(b->lower)), hi = go_log2(fabs(b->upper)), x = go_log2(fabs(v));
	if (v > 0)
		return (x - lo) / (hi - lo);
	return 1 - (x - hi) / (lo - hi);
}

static double rank_inside(const struct histogram *h, const struct fh_bucket *b, double v, double rank)
{
	bool zero = b->lower <= 0 && b->upper >= 0;
	if (!hist_is_custom(h) && !zero)
		return rank + b->count * log_fraction(b, v);
	if (isinf(b->lower) && b->lower < 0)
		return b->count;
	return rank + b->count * ((v - b->lower) / (b->upper - b->lower));
}

/* One end of the interval whose rank is wanted. */
struct fraction_end {
	double v, rank;
	bool set;
};

static void fraction_step(const struct histogram *h, const struct fh_bucket *b, double rank, struct fraction_end *e)
{
	if (!e->set && b->lower >= e->v) {
		e->rank = rank;
		e->set = true;
	} else if (!e->set && b->lower < e->v && b->upper > e->v) {
		e->rank = rank_inside(h, b, e->v, rank);
		e->set = true;
	}
}

double fhist_fraction(double lower, double upper, const struct histogram *h, struct fhist_notes *notes)
{
	if (h->count_f == 0 || isnan(lower) || isnan(upper))
		return go_nan();
	if (lower >= upper)
		return 0;
	struct bucket_list l;
	list_init(&l, h, true,
		  false); /* an interval may end in an empty one: where sums are rounded that makes a difference */
	struct fraction_end lo = { lower, 0, false }, hi = { upper, 0, false };
	double rank = 0, total = 0;
	for (size_t i = 0; i < l.n; i++) {
		struct fh_bucket b = l.p[i];
		total += b.count;
		if (b.lower <= 0 && b.upper >= 0) {
			if (h->n_neg == 0 && h->n_pos > 0)
				b.lower = 0;
			else if (h->n_pos == 0 && h->n_neg > 0)
				b.upper = 0;
		}
		fraction_step(h, &b, rank, &lo);
		fraction_step(h, &b, rank, &hi);
		rank += b.count;
	}
	list_fini_buckets(&l);
	double count = h->count_f;
	if (isnan(h->sum)) {
		notes->nan_skewed = total < count;
		count = total;
	}
	if (!lo.set || lo.rank > count)
		lo.rank = count;
	if (!hi.set || hi.rank > count)
		hi.rank = count;
	return (hi.rank - lo.rank) / h->count_f;
}

/* ---- resets ---- */

/* Whether a bucket of prev (at cur's resolution) is smaller in cur, or populated and gone. */
static bool side_reset(struct walk cur, struct walk prev, double threshold, int32_t schema)
{
	bool have = walk_next(&cur);
	while (walk_next(&prev)) {
		if (schema != HIST_SCHEMA_CUSTOM && fhist_bound(prev.idx, schema) <= threshold)
			continue;
		while (have && cur.idx < prev.idx)
			have = walk_next(&cur);
		if (have && cur.idx == prev.idx ? cur.count < prev.count : prev.count != 0)
			return true;
	}
	return false;
}

/* Custom buckets with different bounds: the sums up to each common bound must not fall. */
static bool custom_reset(const struct histogram *cur, const struct histogram *prev)
{
	struct walk c = walk_pos(cur), p = walk_pos(prev);
	bool have_c = walk_next(&c), have_p = walk_next(&p);
	double sum_c = 0, sum_p = 0;
	for (uint32_t i = 0, j = 0; i <= cur->n_bounds && j <= prev->n_bounds;) {
		double a = custom_bound(cur, i), b = custom_bound(prev, j);
		if (a != b) {
			i += a < b;
			j += b < a;
			continue;
		}
		for (sum_c = 0; have_c && (uint32_t)c.idx <= i; have_c = walk_next(&c))
			sum_c += c.count;
		for (sum_p = 0; have_p && (uint32_t)p.idx <= j; have_p = walk_next(&p))
			sum_p += p.count;
		if (sum_c < sum_p)
			return true;
		i++;
		j++;
	}
	return false;
}

/* prev's zero count at cur's threshold; true where that means a reset already. */
static bool zero_reset(const struct histogram *cur, const struct histogram *prev)
{
	double threshold = cur->zero_threshold, count = prev->zero_count_f;
	if (threshold != prev->zero_threshold) {
		struct arena a;
		struct fh f;
		arena_init(&a, NULL);
		CHECK(fh_load(&f, prev, &a, NULL) == 0);
		count = fh_zero_count_for(&f, &threshold);
		arena_fini(&a);
	}
	return threshold != cur->zero_threshold || cur->zero_count_f < count;
}

bool fhist_detect_reset(const struct histogram *cur, const struct histogram *prev)
{
	if (cur->hint == HIST_HINT_RESET)
		return true;
	if (cur->hint == HIST_HINT_NOT_RESET)
		return false;
	if (cur->count_f < prev->count_f || hist_is_custom(cur) != hist_is_custom(prev))
		return true;
	if (hist_is_custom(cur)) {
		bool same =
			cur->n_bounds == prev->n_bounds &&
			(cur->n_bounds == 0 || memcmp(cur->bounds, prev->bounds, cur->n_bounds * sizeof(double)) == 0);
		return same ? side_reset(walk_pos(cur), walk_pos(prev), 0, cur->schema) : custom_reset(cur, prev);
	}
	if (cur->schema > prev->schema || cur->zero_threshold < prev->zero_threshold || zero_reset(cur, prev))
		return true;
	struct walk pos = walk_pos(prev), neg = walk_neg(prev);
	pos.by = neg.by = prev->schema - cur->schema;
	return side_reset(walk_pos(cur), pos, cur->zero_threshold, cur->schema) ||
	       side_reset(walk_neg(cur), neg, cur->zero_threshold, cur->schema);
}
