/*
 * rate, increase and delta of anchored and smoothed ranges: the increase
 * between the values at both ends, nothing extrapolated. Source:
 * extendedRate and its like of promql/functions.go.
 */
#include "promql/math/fhist.h"
#include "promql/window/rate.h"

bool ext_window_find(struct ext_window *w, const int64_t *t)
{
	while (w->later < w->hi && t[w->later] <= w->from)
		w->later++;
	while (w->reached < w->hi && t[w->reached] < w->to)
		w->reached++;
	size_t end = w->hi - 1, inside = MIN(MAX(w->later, w->lo), end);
	w->first = inside > w->lo ? inside - 1 : w->lo;
	w->last = w->smoothed ? MIN(MAX(w->reached, w->first), end) : end;
	return t[w->last] > w->from;
}

static double interpolate(int64_t t1, double y1, int64_t t2, double y2, int64_t t, bool counter)
{
	if (counter && y2 < y1)
		y1 = 0;
	return y1 + (y2 - y1) * (double)(t - t1) / (double)(t2 - t1);
}

void ext_window_ends(const struct ext_window *w, const int64_t *t, const double *v, bool counter, double *ret_left,
		     double *ret_right)
{
	size_t f = w->first, l = w->last;
	*ret_left = v[f];
	if (w->smoothed && t[f] < w->from)
		*ret_left = interpolate(t[f], v[f], t[f + 1], v[f + 1], w->from, counter);
	*ret_right = v[l];
	if (w->smoothed && l > w->lo && t[l] > w->to)
		*ret_right = interpolate(t[l - 1], v[l - 1], t[l], v[l], w->to, counter);
}

/* Where a series of floats falls, looked at by windows that move on. */
struct falls {
	const uint32_t *at;
	size_t n, next; /* the first that is not before all windows to come */
};

/* What a counter had counted before each of its resets between left, the samples inside the window, and right. */
static double lost(const struct samples *s, const struct ext_window *w, double left, double right, struct falls *f)
{
	size_t a = w->first + (s->t[w->first] <= w->from), end = w->last + 1 - (s->t[w->last] >= w->to);
	double corr = 0, prev = left;
	if (a < end) {
		if (s->v[a] < left)
			corr += left;
		while (f->next < f->n && f->at[f->next] <= a)
			f->next++;
		for (size_t k = f->next; k < f->n && f->at[k] < end; k++)
			corr += s->v[f->at[k] - 1];
		prev = s->v[end - 1];
	}
	return right < prev ? corr + prev : corr;
}

static double ext_float(const struct rollup *r, const struct samples *s, const struct ext_window *w, struct falls *f)
{
	double left, right;
	ext_window_ends(w, s->t, s->v, r->counter, &left, &right);
	double result = right - left + (r->counter ? lost(s, w, left, right, f) : 0);
	return r->per_second ? result / r->m->win.range_s : result;
}

/* ---- histograms ---- */

static bool all_of_one_kind(struct rollup *r, const struct samples *s, const struct ext_window *w)
{
	if (!hist_marks_one_kind(r->marks, w->first, w->last + 1)) {
		eval_warn(&r->n, r->pos,
			  "vector contains a mix of histograms with exponential and custom buckets "
			  "schemas for metric name %s",
			  rollup_name(r, s));
		return false;
	}
	if (r->counter && hist_marks_gauges(r->marks, w->first, w->last + 1))
		eval_warn(&r->n, r->pos, "this native histogram metric is not a counter: %s", rollup_name(r, s));
	return true;
}

static int hist_ends(struct rollup *r, const struct samples *s, const struct ext_window *w,
		     const struct histogram **left, const struct histogram **right, struct fhist_reconciled *notes,
		     struct err *err)
{
	size_t f = w->first, l = w->last;
	int rc = 0;
	*left = s->h[f];
	*right = s->h[l];
	if (w->smoothed && s->ht[f] < w->from)
		rc = fhist_interpolate(s->h[f], s->ht[f], s->h[f + 1], s->ht[f + 1], w->from, r->counter, &r->n.scratch,
				       left, notes, err);
	if (!rc && w->smoothed && l > w->lo && s->ht[l] > w->to)
		rc = fhist_interpolate(s->h[l - 1], s->ht[l - 1], s->h[l], s->ht[l], w->to, r->counter, &r->n.scratch,
				       right, notes, err);
	return rc;
}

static int add_hist(struct rollup *r, struct fh *f, const struct histogram *h, bool subtract, bool *reconciled,
		    struct err *err)
{
	struct fhist_flags flags = { 0 };
	int rc = fh_add_hist(f, h, subtract, false, &r->n.scratch, &r->n.scratch, &flags, err);
	*reconciled |= flags.reconciled;
	return rc;
}

/* What was lost at resets. */
struct correction {
	struct fh sum;
	bool any;
};

static int correct(struct rollup *r, struct correction *c, const struct histogram *lost, bool *reconciled,
		   struct err *err)
{
	if (c->any)
		return add_hist(r, &c->sum, lost, false, reconciled, err);
	c->any = true;
	return fh_load(&c->sum, lost, &r->n.scratch, err);
}

/* Adds up what was lost at each reset between left, the samples inside, and right. */
static int find_resets(struct rollup *r, const struct samples *s, const struct ext_window *w,
		       const struct histogram *left, const struct histogram *right, struct correction *c,
		       bool *reconciled, struct err *err)
{
	const struct hist_marks *m = r->marks;
	const struct histogram *prev = left;
	size_t i = w->first + 1;
	int rc = 0;
	hist_marks_move(r->marks, w->first, w->last);
	if (left != s->h[w->first] && fhist_detect_reset(s->h[i], s->h[w->first])) {
		if (i == w->last) /* both ends come after the reset */
			return 0;
		prev = s->h[i++];
	}
	if (i < w->last && fhist_detect_reset(s->h[i], prev))
		rc = correct(r, c, prev, reconciled, err);
	for (size_t k = m->next; k < m->n_resets && m->resets[k] < w->last && !rc; k++)
		if (m->resets[k] > i)
			rc = correct(r, c, s->h[m->resets[k] - 1], reconciled, err);
	if (i < w->last)
		prev = s->h[w->last - 1];
	if (!rc && prev != right && fhist_detect_reset(right, prev))
		rc = correct(r, c, prev, reconciled, err);
	return rc;
}

/* Adds the correction to what was counted between the ends. */
static int add_resets(struct rollup *r, const struct samples *s, const struct ext_window *w,
		      const struct histogram *left, const struct histogram *right, struct fh *f, bool *reconciled,
		      struct err *err)
{
	struct correction c = { .any = false };
	struct fhist_flags flags = { 0 };
	int rc = find_resets(r, s, w, left, right, &c, reconciled, err);
	if (!rc && c.any)
		rc = fh_add(f, &c.sum, false, false, &r->n.scratch, &flags, err);
	*reconciled |= flags.reconciled;
	return rc;
}

static int ext_hist(struct rollup *r, const struct samples *s, const struct ext_window *w, const struct histogram **ret,
		    struct err *err)
{
	const struct histogram *left, *right;
	struct fhist_reconciled notes = { false, false };
	struct fh f;
	if (!all_of_one_kind(r, s, w))
		return 0;
	int rc = node_scratch(&r->n) ? hist_ends(r, s, w, &left, &right, &notes, err) : eval_oom(r->n.ev, err);
	if (!rc)
		rc = fh_load(&f, right, &r->n.scratch, err);
	if (!rc)
		rc = add_hist(r, &f, left, true, &notes.subtracted, err);
	if (rc)
		return rc;
	if (!r->counter && (left->hint != HIST_HINT_GAUGE || right->hint != HIST_HINT_GAUGE))
		eval_warn(&r->n, r->pos, "this native histogram metric is not a gauge: %s", rollup_name(r, s));
	if (r->counter)
		rc = add_resets(r, s, w, left, right, &f, &notes.added, err);
	if (notes.subtracted)
		eval_info(&r->n, r->pos, "mismatched custom buckets were reconciled during subtraction");
	if (notes.added)
		eval_info(&r->n, r->pos, "mismatched custom buckets were reconciled during addition");
	f.hint = HIST_HINT_GAUGE;
	if (r->per_second)
		fh_scale(&f, r->m->win.range_s, true);
	return rc ? rc : fh_store(&f, &r->n.tmp, ret, err);
}

/* ---- windows ---- */

/* Moves a window on to (from, to] over n samples with times t. Whether there are any. */
static bool move(struct ext_window *w, const struct window *win, const int64_t *t, size_t n, int64_t from, int64_t to)
{
	w->from = from;
	w->to = to;
	w->smoothed = win->smoothed;
	while (w->hi < n && t[w->hi] <= to + win->ahead_ms)
		w->hi++;
	while (w->lo < w->hi && t[w->lo] <= from - win->back_ms)
		w->lo++;
	return w->lo < w->hi;
}

/* Finds its ends; whether it has a value. */
static bool find(struct ext_window *w, const int64_t *t)
{
	return ext_window_find(w, t) && !(w->smoothed && t[w->first] > w->to);
}

int rollup_rate_ext(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	const struct window *win = &r->m->win;
	struct ext_window f = { .lo = 0 }, h = { .lo = 0 };
	struct falls falls = { .at = NULL };
	bool mixed = false, any = false;
	if (s->n && r->counter && !(falls.at = rate_falls(r, s, &falls.n)))
		return eval_oom(r->n.ev, err);
	int rc = s->nh ? rollup_hists(r, out, err) : 0;
	if (s->nh && !rc)
		rc = hist_marks_begin(r, s, false, err);
	for (uint32_t i = 0; i < r->n.grid.n && !rc; i++) {
		int64_t to = window_ref(win, &r->n.grid, i), from = to - win->range_ms;
		bool has_f = move(&f, win, s->t, s->n, from, to), has_h = move(&h, win, s->ht, s->nh, from, to);
		if (has_f && has_h) {
			mixed = true;
		} else if (has_f && find(&f, s->t)) {
			out->v[i] = ext_float(r, s, &f, &falls);
			any = true;
		} else if (has_h && find(&h, s->ht)) {
			rc = ext_hist(r, s, &h, &out->h[i], err);
		}
	}
	if (mixed)
		rollup_warn_mixed(r, s);
	if (any)
		rate_judge_name(r, s);
	return rc;
}
