/*
 * changes() and resets(): transitions between neighbouring samples, counted
 * once per series in a running total, so that a window is one subtraction.
 */
#include "promql/window/rate.h"

#include "promql/math/fhist.h"

#include <math.h>

/* All samples of a series in order of time: when, and how many transitions up to and including it. */
struct totals {
	int64_t *t;
	uint32_t *count;
	size_t n;
};

static bool float_changed(double prev, double cur)
{
	return prev != cur && !(isnan(prev) && isnan(cur));
}

/* Fills `count` for a series of floats alone. */
static void count_floats(const struct samples *s, bool resets, uint32_t *count)
{
	uint32_t k = 0;
	count[0] = 0;
	for (size_t i = 1; i < s->n; i++) {
		if (resets)
			k += s->v[i] < s->v[i - 1] || (s->st && st_reset(s->st[i - 1], s->t[i - 1], s->st[i], s->t[i]));
		else
			k += float_changed(s->v[i - 1], s->v[i]);
		count[i] = k;
	}
}

static bool hist_transition(const struct samples *s, bool resets, size_t prev, size_t cur)
{
	if (!resets)
		return !hist_equal(s->h[prev], s->h[cur]);
	if (s->hst && st_reset(s->hst[prev], s->ht[prev], s->hst[cur], s->ht[cur]))
		return true;
	return fhist_detect_reset(s->h[cur], s->h[prev]);
}

/* Fills times and counts of both kinds of samples. */
static void count_mixed(const struct samples *s, bool resets, struct totals *tt)
{
	struct merged m = { .s = s };
	uint32_t k = 0;
	bool prev_h = false;
	for (size_t i = 0; i < tt->n; i++) {
		bool is_h = merged_is_hist(&m);
		if (i > 0 && is_h != prev_h)
			k++;
		else if (i > 0 && is_h)
			k += hist_transition(s, resets, m.h - 1, m.h);
		else if (i > 0 && resets)
			k += s->v[m.f] < s->v[m.f - 1] ||
			     (s->st && st_reset(s->st[m.f - 1], s->t[m.f - 1], s->st[m.f], s->t[m.f]));
		else if (i > 0)
			k += float_changed(s->v[m.f - 1], s->v[m.f]);
		tt->t[i] = is_h ? s->ht[m.h++] : s->t[m.f++];
		tt->count[i] = k;
		prev_h = is_h;
	}
}

static int make_totals(struct rollup *r, const struct samples *s, bool resets, struct totals *tt, struct err *err)
{
	tt->n = s->n + s->nh;
	tt->count = rollup_buf(r, 0, tt->n + 1, sizeof(*tt->count));
	tt->t = s->nh ? rollup_buf(r, 1, tt->n, sizeof(*tt->t)) : (int64_t *)s->t;
	if (!tt->count || !tt->t)
		return eval_oom(r->n.ev, err);
	if (s->nh)
		count_mixed(s, resets, tt);
	else if (tt->n)
		count_floats(s, resets, tt->count);
	return 0;
}

static int transitions(struct rollup *r, const struct samples *s, bool resets, struct row *out, struct err *err)
{
	struct totals tt;
	int rc = make_totals(r, s, resets, &tt, err);
	if (rc)
		return rc;
	const struct window *win = &r->m->win;
	size_t lo = 0, hi = 0;
	for (uint32_t i = 0; i < r->n.grid.n; i++) {
		int64_t ref = window_ref(win, &r->n.grid, i), from = ref - win->range_ms;
		while (hi < tt.n && tt.t[hi] <= ref)
			hi++;
		while (lo < hi && tt.t[lo] <= from)
			lo++;
		size_t first = lo;
		if (lo == hi)
			continue;
		if (win->anchored && lo > 0 && tt.t[lo - 1] > from - win->back_ms)
			first--;
		out->v[i] = tt.count[hi - 1] - tt.count[first];
	}
	return 0;
}

int rollup_changes(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return transitions(r, s, false, out, err);
}

int rollup_resets(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return transitions(r, s, true, out, err);
}
