/* The *_over_time functions. Source: promql/functions.go. */
#include "promql/window/over_time.h"

#include "promql/window/rollup.h"
#include "promql/math/lanes.h"
#include "promql/math/ranked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sum and avg ---- */

/* Exponent of the lowest bit set in a finite non-zero number. */
static int lowest_bit(double x)
{
	uint64_t u = double_bits(x);
	int e = (int)(u >> 52 & 0x7ff);
	uint64_t m = u & ((1ULL << 52) - 1);
	if (e == 0)
		e = 1;
	else
		m |= 1ULL << 52;
	return e - 1075 + __builtin_ctzll(m);
}

/* exact_prefix of whole numbers that add up to less than 2^53, the most common samples of all. */
static bool whole_prefix(const double *v, size_t n, double *prefix)
{
	int64_t sum = 0;
	uint64_t total = 0, over = 0;
	prefix[0] = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t x = fabs(v[i]) < 0x1p53 ? (int64_t)v[i] : INT64_MAX;
		if ((double)x != v[i])
			return false;
		total += (uint64_t)(x < 0 ? -x : x);
		over |= total;
		sum += x;
		prefix[i + 1] = (double)sum;
	}
	return over >> 53 == 0;
}

/*
 * Fills prefix[0..n] with running sums if no sum of any run of the samples
 * can ever be rounded: all are multiples of 2^k and add up to less than
 * 2^(k+53). Then the order of addition does not matter and compensation is
 * zero, so a difference of two prefixes has the bits of Prometheus' sum.
 */
static bool exact_prefix(const double *v, size_t n, double *prefix)
{
	int low = 2000;
	double total = 0;
	prefix[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			return false;
		if (v[i] != 0)
			low = MIN(low, lowest_bit(v[i]));
		total += fabs(v[i]);
		prefix[i + 1] = prefix[i] + v[i];
	}
	return low == 2000 || total < ldexp(1, low + 53);
}

/* Whether consecutive windows share most of their samples. */
static bool windows_overlap(const struct rollup *r)
{
	return r->n.grid.n > 1 && r->m->win.range_ms >= 4 * r->n.grid.step;
}

/* Puts a window among those that are computed together. Returns samples computed. */
static uint64_t lanes_push(struct lanes *l, const struct slide *w, lanes_fn *fn, double *out)
{
	uint64_t work = 0;
	if (!lanes_add(l, w->i, w->lo, w->hi))
		return 0;
	for (unsigned k = 0; k < LANES; k++)
		work += (uint64_t)(l->hi[k] - l->lo[k]);
	fn(l, w->s->v, out);
	return work / LANES;
}

/* Sums or means of all windows of a series of floats, from prefix sums. */
static void from_prefix(const struct windows *w, uint32_t n, const double *prefix, bool avg, double *out)
{
	for (uint32_t i = 0; i < n; i++) {
		double sum = prefix[w->hi[i]] - prefix[w->lo[i]], count = (double)(int32_t)(w->hi[i] - w->lo[i]);
		out[i] = count == 0 ? absent() : avg ? sum / count : sum;
	}
}

/* Prefix sums of the series where they are worth it and exact; else *ret is NULL. */
static int make_prefix(struct rollup *r, const struct samples *s, double **ret, struct err *err)
{
	*ret = NULL;
	if (!s->n || !windows_overlap(r))
		return 0;
	double *prefix = rollup_buf(r, 0, s->n + 1, sizeof(*prefix));
	if (!prefix)
		return eval_oom(r->n.ev, err);
	if (whole_prefix(s->v, s->n, prefix) || exact_prefix(s->v, s->n, prefix))
		*ret = prefix;
	return 0;
}

static int sum_or_avg(struct rollup *r, const struct samples *s, struct row *out, bool avg, struct err *err)
{
	double *prefix;
	int rc = make_prefix(r, s, &prefix, err);
	struct slide w = slide_begin(r, s);
	if (!rc && prefix && w.known) {
		from_prefix(w.known, r->n.grid.n, prefix, avg, out->v);
		return 0;
	}
	struct lanes lanes = { 0 };
	lanes_fn *fn = avg ? lanes_avg : lanes_sum;
	bool mixed = false;
	if (!rc && s->nh)
		rc = rollup_hists(r, out, err);
	while (!rc && slide_next(&w)) {
		size_t n = slide_n(&w), nh = slide_nh(&w);
		if (n && nh)
			mixed = true;
		else if (nh)
			rc = rollup_hist_sum(r, s, w.hlo, w.hhi, avg, &out->h[w.i], err);
		else if (n && prefix)
			out->v[w.i] = (prefix[w.hi] - prefix[w.lo]) / (avg ? (double)n : 1);
		else if (n)
			rc = eval_work(r->n.ev, lanes_push(&lanes, &w, fn, out->v), err);
	}
	fn(&lanes, s->v, out->v);
	if (mixed)
		rollup_warn_mixed(r, s);
	return rc;
}

int rollup_sum(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return sum_or_avg(r, s, out, false, err);
}

int rollup_avg(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return sum_or_avg(r, s, out, true, err);
}

/* ---- counts, first and last ---- */

int rollup_count(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	(void)err;
	struct slide w = slide_begin(r, s);
	if (w.known) {
		memcpy(out->v, w.known->count, r->n.grid.n * sizeof(*out->v));
		return 0;
	}
	while (slide_next(&w))
		if (slide_n(&w) + slide_nh(&w))
			out->v[w.i] = (double)(slide_n(&w) + slide_nh(&w));
	return 0;
}

int rollup_present(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	rollup_count(r, s, out, err);
	for (uint32_t i = 0; i < r->n.grid.n; i++)
		out->v[i] = is_absent(out->v[i]) ? absent() : 1;
	return 0;
}

int rollup_last(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	if (s->nh && rollup_hists(r, out, err))
		return -err->code;
	struct slide w = slide_begin(r, s);
	for (uint32_t i = 0; w.known && i < r->n.grid.n; i++)
		if (w.known->hi[i] > w.known->lo[i])
			out->v[i] = s->v[w.known->hi[i] - 1];
	while (!w.known && slide_next(&w)) {
		if (slide_nh(&w) && (!slide_n(&w) || s->ht[w.hhi - 1] >= s->t[w.hi - 1]))
			out->h[w.i] = s->h[w.hhi - 1];
		else if (slide_n(&w))
			out->v[w.i] = s->v[w.hi - 1];
	}
	return 0;
}

int rollup_first(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	if (s->nh && rollup_hists(r, out, err))
		return -err->code;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		if (slide_nh(&w) && (!slide_n(&w) || s->ht[w.hlo] <= s->t[w.lo]))
			out->h[w.i] = s->h[w.hlo];
		else if (slide_n(&w))
			out->v[w.i] = s->v[w.lo];
	}
	return 0;
}

int rollup_ts_first(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	(void)err;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		int64_t t = INT64_MAX;
		if (slide_n(&w))
			t = s->t[w.lo];
		if (slide_nh(&w))
			t = MIN(t, s->ht[w.hlo]);
		if (t != INT64_MAX)
			out->v[w.i] = (double)t / 1000;
	}
	return 0;
}

int rollup_ts_last(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	(void)err;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		int64_t t = INT64_MIN;
		if (slide_n(&w))
			t = s->t[w.hi - 1];
		if (slide_nh(&w))
			t = MAX(t, s->ht[w.hhi - 1]);
		if (t != INT64_MIN)
			out->v[w.i] = (double)t / 1000;
	}
	return 0;
}

/* ---- min and max ---- */

/* What goes on in a queue of candidates. */
struct extreme {
	bool max;   /* else min */
	bool newer; /* among equals the newest, else the oldest */
	bool time;  /* the result is the time of the extreme */
};

/* Whether a candidate is of no use once `v` is in the window. */
static inline bool beaten(struct extreme x, double candidate, double v)
{
	if (candidate == v)
		return x.newer;
	return x.max ? candidate < v : candidate > v;
}

/* A queue of sample indexes whose values get worse: its head is the extreme of the window. */
static int extreme(struct rollup *r, const struct samples *s, struct row *out, struct extreme x, struct err *err)
{
	uint32_t *q = rollup_buf(r, 0, s->n + 1, sizeof(*q));
	if (!q)
		return eval_oom(r->n.ev, err);
	size_t head = 0, tail = 0, seen = 0;
	bool mixed = false;
	for (struct slide w = slide_begin(r, s); slide_next(&w);) {
		for (; seen < w.hi; seen++) {
			if (isnan(s->v[seen]))
				continue;
			while (tail > head && beaten(x, s->v[q[tail - 1]], s->v[seen]))
				tail--;
			q[tail++] = (uint32_t)seen;
		}
		while (head < tail && q[head] < w.lo)
			head++;
		if (!slide_n(&w))
			continue;
		size_t at = head < tail ? q[head] : w.hi - 1; /* all NaN: the last */
		out->v[w.i] = x.time ? (double)s->t[at] / 1000 : s->v[at];
		mixed |= slide_nh(&w) > 0;
	}
	if (mixed)
		rollup_info_ignored(r, s);
	return 0;
}

static inline double worst(double a, double b, bool max)
{
	/* Of equal ones `b`: upstream keeps the older one, and zeros have signs. */
	return max ? (a > b ? a : b) : (a < b ? a : b);
}

/*
 * Extremes of the windows of a series of numbers, known windows. All windows that begin before `cut` are parted there: before[k] is
 * the extreme of samples [k, cut), `since` that from there on. Once a window begins at the cut or later the next cut is at its
 * end. So each sample is compared twice, and there is no jump that depends on values.
 */
static ALWAYS_INLINE void extremes(const struct windows *w, uint32_t n, const double *v, double *before, bool max,
				   double *out)
{
	const double none = max ? -INFINITY : INFINITY;
	size_t cut = 0, seen = 0;
	double since = none;
	for (uint32_t i = 0; i < n; i++) {
		size_t lo = w->lo[i], hi = w->hi[i];
		if (lo == hi)
			continue;
		if (lo >= cut) {
			cut = hi;
			since = none;
			before[hi] = none;
			for (size_t k = hi; k > lo; k--)
				before[k - 1] = worst(before[k], v[k - 1], max);
			seen = hi;
		}
		for (; seen < hi; seen++)
			since = worst(v[seen], since, max);
		out[i] = worst(since, before[lo], max);
	}
}

/* Whether no value is NaN. */
static bool are_numbers(const double *v, size_t n)
{
	bool nan = false;
	for (size_t i = 0; i < n; i++)
		nan |= isnan(v[i]);
	return !nan;
}

static int min_or_max(struct rollup *r, const struct samples *s, struct row *out, bool max, struct err *err)
{
	const struct windows *w = s->nh ? NULL : rollup_windows(r, s);
	if (!w || !are_numbers(s->v, s->n))
		return extreme(r, s, out, (struct extreme){ .max = max }, err);
	double *before = rollup_buf(r, 0, s->n + 1, sizeof(*before));
	if (!before)
		return eval_oom(r->n.ev, err);
	if (max)
		extremes(w, r->n.grid.n, s->v, before, true, out->v);
	else
		extremes(w, r->n.grid.n, s->v, before, false, out->v);
	return 0;
}

int rollup_min(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return min_or_max(r, s, out, false, err);
}

int rollup_max(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return min_or_max(r, s, out, true, err);
}

int rollup_ts_min(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return extreme(r, s, out, (struct extreme){ .newer = true, .time = true }, err);
}

int rollup_ts_max(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return extreme(r, s, out, (struct extreme){ .max = true, .newer = true, .time = true }, err);
}

/* ---- functions of one window's floats ---- */

/* Variances of the windows of a series. */
struct spread {
	struct rollup *r;
	const struct samples *s;
	double *out;
	uint32_t *run; /* where the run of equal values begins that a sample belongs to */
	struct lanes lanes;
};

static int spread_init(struct spread *p, struct err *err)
{
	const double *v = p->s->v;
	p->run = rollup_buf(p->r, 0, p->s->n, sizeof(*p->run));
	if (!p->run)
		return eval_oom(p->r->n.ev, err);
	for (size_t i = 0; i < p->s->n; i++)
		p->run[i] = i && v[i] == v[i - 1] ? p->run[i - 1] : (uint32_t)i;
	return 0;
}

/* What a window on its own takes per sample, with each operation waiting for the one before, in samples of windows side by side. */
#define CHAIN_COST 24

/*
 * Steps from that of `w` on whose windows begin where its does, so that each goes on with what the one before computed; 0 where that
 * is not cheaper than all of them side by side.
 */
static uint32_t growing(const struct slide *w)
{
	const struct windows *known = w->known;
	uint32_t n = w->r->n.grid.n, k = w->i;
	uint64_t side_by_side = 0;
	for (; known && k < n && known->lo[k] == w->lo && known->hi[k] > w->lo; k++)
		side_by_side += known->hi[k] - w->lo;
	if (k == w->i || side_by_side < CHAIN_COST * (uint64_t)(known->hi[k - 1] - w->lo))
		return 0;
	return k - w->i;
}

/* The window of w and maybe those after it. Returns samples computed. */
static uint64_t spread_add(struct spread *p, struct slide *w)
{
	const double *v = p->s->v;
	if (p->run[w->hi - 1] <= w->lo && isfinite(v[w->lo])) {
		p->out[w->i] = 0; /* equal numbers: the mean is that number from the first on */
		return 0;
	}
	uint32_t n = growing(w);
	if (!n)
		return lanes_push(&p->lanes, w, lanes_variance, p->out);
	lanes_variance_grow(w->known->hi + w->i, n, (int64_t)w->lo, v, p->out + w->i);
	w->i += n - 1;
	return w->known->hi[w->i] - w->lo;
}

static int spread(struct rollup *r, const struct samples *s, struct row *out, bool root, struct err *err)
{
	struct spread p = { .r = r, .s = s, .out = out->v };
	bool mixed = false;
	int rc = spread_init(&p, err);
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		if (!slide_n(&w))
			continue;
		mixed |= slide_nh(&w) > 0;
		rc = eval_work(r->n.ev, spread_add(&p, &w), err);
	}
	lanes_variance(&p.lanes, s->v, out->v);
	for (uint32_t i = 0; i < r->n.grid.n && root; i++)
		if (!is_absent(out->v[i]))
			out->v[i] = sqrt(out->v[i]);
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}

int rollup_stddev(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return spread(r, s, out, true, err);
}

int rollup_stdvar(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return spread(r, s, out, false, err);
}

/* ---- quantiles ---- */

/* An empty list of values for the windows of a series. */
static int ranked_begin(struct ranked *o, struct rollup *r, const struct samples *s, struct err *err)
{
	size_t bytes = ranked_bytes(s->n);
	void *space = rollup_buf(r, 0, (bytes + sizeof(double) - 1) / sizeof(double), sizeof(double));
	if (!space)
		return eval_oom(r->n.ev, err);
	ranked_init(o, space, s->n);
	return 0;
}

int rollup_quantile(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	struct ranked o;
	bool mixed = false;
	int rc = ranked_begin(&o, r, s, err);
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		if (!slide_n(&w))
			continue;
		double q = r->param[0][w.i];
		eval_warn_quantile(&r->n, r->arg0_pos, q);
		ranked_slide(&o, s->v, w.lo, w.hi);
		out->v[w.i] = ranked_quantile(&o, q);
		mixed |= slide_nh(&w) > 0;
		rc = eval_work(r->n.ev, 1 + o.n / 128, err);
	}
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}

int rollup_mad(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	struct ranked o;
	double *scratch = rollup_buf(r, 1, s->n + 1, sizeof(*scratch));
	bool mixed = false;
	int rc = scratch ? ranked_begin(&o, r, s, err) : eval_oom(r->n.ev, err);
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		if (!slide_n(&w))
			continue;
		mixed |= slide_nh(&w) > 0;
		ranked_slide(&o, s->v, w.lo, w.hi);
		out->v[w.i] = ranked_mad(&o, s->v, scratch);
		rc = eval_work(r->n.ev, 4 + o.n / 16, err);
	}
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}
