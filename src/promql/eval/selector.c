/* Instant vector selectors: the newest sample of each series within the lookback. */
#include "promql/eval/selector.h"

#include "promql/eval/known_times.h"
#include "promql/eval/trace.h"
#include "promql/math/fhist.h"

#include <math.h>

struct selector {
	struct node n;
	struct feed feed;
	struct shift shift;
	enum pick pick;
	int64_t lookback;
	bool smoothed;
	struct known_times
		times; /* for which `newest` holds: per step the number of the sample seen, from 1; 0: none */
	uint32_t *newest;
};

static int64_t selector_ref(const struct selector *s, uint32_t i)
{
	return (s->shift.has_at ? s->shift.at_ms : grid_t(&s->n.grid, i)) - s->shift.offset_ms;
}

/* Finds the sample that each step sees. */
static int find_newest(struct selector *s, const struct promql_series *in, struct err *err)
{
	size_t hi = 0, n = in->n_floats;
	const int64_t *t = in->t;
	if (!s->newest)
		s->newest = arena_array(s->n.ev->arena, s->n.grid.n, sizeof(*s->newest));
	if (!s->newest || !known_times_set(&s->times, t, n, s->n.ev->arena))
		return eval_oom(s->n.ev, err);
	for (uint32_t i = 0; i < s->n.grid.n; i++) {
		int64_t ref = selector_ref(s, i);
		while (hi < n && t[hi] <= ref)
			hi++;
		s->newest[i] = hi && t[hi - 1] > ref - s->lookback ? (uint32_t)hi : 0;
	}
	return 0;
}

/* Floats alone and their values: the common case. */
static int pick_floats(struct selector *s, const struct promql_series *in, struct err *err)
{
	if (!known_times_are(&s->times, in->t, in->n_floats)) {
		int rc = find_newest(s, in, err);
		if (rc)
			return rc;
	}
	double *v = s->n.v;
	for (uint32_t i = 0; i < s->n.grid.n; i++)
		v[i] = s->newest[i] ? in->v[s->newest[i] - 1] : absent();
	return 0;
}

/* What the node hands out for the sample at index `k` of one of the two lists. */
static double picked(const struct selector *s, const int64_t *t, const int64_t *st, size_t k)
{
	if (s->pick == PICK_TIMESTAMP)
		return (double)t[k] / 1000;
	if (!s->n.ev->opts.start_timestamps)
		return absent();
	return st ? (double)st[k] / 1000 : 0;
}

/* Any mix of kinds, and the times of samples. */
static int pick_any(struct selector *s, const struct promql_series *in, struct row *row, struct err *err)
{
	size_t f = 0, h = 0;
	const struct histogram **hists = s->pick == PICK_VALUE ? node_hists(&s->n) : NULL;
	struct histogram *made = arena_array(&s->n.tmp, in->n_hists, sizeof(*made));
	if ((s->pick == PICK_VALUE && !hists) || (in->n_hists && !made))
		return eval_oom(s->n.ev, err);
	row->h = hists;
	row_fill_absent(row->v, s->n.grid.n);
	for (size_t i = 0; s->feed.stats && i < in->n_hists; i++)
		if (hist_to_float(&made[i], &in->h[i], &s->n.tmp, err))
			return -err->code;
	if (s->feed.stats && feed_hints(&s->feed, in, made, &s->n.tmp, err))
		return -err->code;
	for (uint32_t i = 0; i < s->n.grid.n; i++) {
		int64_t ref = selector_ref(s, i);
		while (f < in->n_floats && in->t[f] <= ref)
			f++;
		while (h < in->n_hists && in->ht[h] <= ref)
			h++;
		bool is_h = h && (!f || in->ht[h - 1] > in->t[f - 1]);
		if (!is_h && !f)
			continue;
		int64_t t = is_h ? in->ht[h - 1] : in->t[f - 1];
		if (t <= ref - s->lookback || (is_h ? hist_is_stale(&in->h[h - 1]) : value_is_stale(in->v[f - 1])))
			continue;
		if (s->pick != PICK_VALUE) {
			row->v[i] = is_h ? picked(s, in->ht, in->hst, h - 1) : picked(s, in->t, in->st, f - 1);
		} else if (!is_h) {
			row->v[i] = in->v[f - 1];
		} else {
			if (!made[h - 1].is_float && hist_to_float(&made[h - 1], &in->h[h - 1], &s->n.tmp, err))
				return -err->code;
			hists[i] = &made[h - 1];
		}
	}
	return 0;
}

/* Linear interpolation between neighbours, or the last value carried on. */
static double smooth_float(const struct samples *in, size_t lo, size_t hi, size_t k, int64_t ref)
{
	if (k == lo)
		return absent();
	if (in->t[k - 1] == ref || k == hi)
		return in->v[k - 1];
	double f = in->v[k - 1], d = in->v[k] - f;
	return f + d * (double)(ref - in->t[k - 1]) / (double)(in->t[k] - in->t[k - 1]);
}

static int smooth_hist(struct selector *s, const struct samples *in, size_t lo, size_t hi, size_t k, int64_t ref,
		       const struct histogram **ret, struct err *err)
{
	if (k == lo)
		return 0;
	if (in->ht[k - 1] == ref || k == hi) {
		struct histogram *h = arena_alloc(&s->n.tmp, sizeof(*h));
		if (!h)
			return eval_oom(s->n.ev, err);
		*h = *in->h[k - 1];
		if (in->ht[k - 1] != ref)
			h->hint = HIST_HINT_UNKNOWN;
		*ret = h;
		return 0;
	}
	const struct histogram *a = in->h[k - 1], *b = in->h[k];
	if (hist_is_custom(a) != hist_is_custom(b)) {
		eval_warn(&s->n, promql_expr_pos(s->n.expr),
			  "vector contains a mix of histograms with exponential and custom buckets "
			  "schemas for metric name %s",
			  eval_quoted(s->n.ev, labels_get(in->labels, LABEL_METRIC_NAME)));
		return 0;
	}
	bool counter = !(a->hint == HIST_HINT_GAUGE && b->hint == HIST_HINT_GAUGE);
	struct fhist_reconciled notes = { false, false };
	int rc = fhist_interpolate(a, in->ht[k - 1], b, in->ht[k], ref, counter, &s->n.tmp, ret, &notes, err);
	if (notes.subtracted)
		eval_info(&s->n, promql_expr_pos(s->n.expr),
			  "mismatched custom buckets were reconciled during subtraction");
	if (notes.added)
		eval_info(&s->n, promql_expr_pos(s->n.expr),
			  "mismatched custom buckets were reconciled during addition");
	return rc;
}

static int pick_smoothed(struct selector *s, const struct samples *in, struct row *row, struct err *err)
{
	size_t f_lo = 0, f_hi = 0, f = 0, h_lo = 0, h_hi = 0, h = 0;
	int rc = 0;
	row_fill_absent(row->v, s->n.grid.n);
	if (in->nh && !(row->h = node_hists(&s->n)))
		return eval_oom(s->n.ev, err);
	for (uint32_t i = 0; i < s->n.grid.n && !rc; i++) {
		int64_t ref = selector_ref(s, i);
#define ADVANCE(at, t, n, bound) \
	while (at < (n) && (t)[at] <= (bound)) \
	at++
		ADVANCE(f_lo, in->t, in->n, ref - s->lookback);
		ADVANCE(f, in->t, in->n, ref);
		ADVANCE(f_hi, in->t, in->n, ref + s->lookback);
		ADVANCE(h_lo, in->ht, in->nh, ref - s->lookback);
		ADVANCE(h, in->ht, in->nh, ref);
		ADVANCE(h_hi, in->ht, in->nh, ref + s->lookback);
#undef ADVANCE
		if (f_hi > f_lo && h_hi > h_lo)
			eval_warn(&s->n, promql_expr_pos(s->n.expr),
				  "encountered a mix of histograms and floats for metric name %s",
				  eval_quoted(s->n.ev, labels_get(in->labels, LABEL_METRIC_NAME)));
		else if (f_hi > f_lo)
			row->v[i] = smooth_float(in, f_lo, f_hi, f, ref);
		else if (h_hi > h_lo)
			rc = smooth_hist(s, in, h_lo, h_hi, h, ref, &row->h[i], err);
	}
	return rc;
}

static int next_smoothed(struct selector *s, struct row *ret, struct err *err)
{
	struct samples in;
	int rc = feed_samples(&s->feed, &in, err);
	if (rc <= 0)
		return rc;
	ret->labels = in.labels;
	rc = pick_smoothed(s, &in, ret, err);
	return rc ? rc : 1;
}

static int next_plain(struct selector *s, struct row *ret, struct err *err)
{
	struct promql_series in = { 0 };
	int rc = feed_next(&s->feed, &in, err);
	if (rc <= 0)
		return rc;
	ret->labels = in.labels;
	if (s->pick == PICK_VALUE && in.n_hists == 0)
		rc = pick_floats(s, &in, err);
	else
		rc = pick_any(s, &in, ret, err);
	return rc < 0 ? rc : 1;
}

static int selector_next(struct node *n, struct row *ret, struct err *err)
{
	struct selector *s = (struct selector *)n;
	int rc;
	do {
		node_rewind(n);
		*ret = (struct row){ .v = n->v };
		rc = s->smoothed ? next_smoothed(s, ret, err) : next_plain(s, ret, err);
		if (rc == 1 && s->pick != PICK_VALUE)
			rc = node_drop_name(n, ret, err) ? -err->code : 1;
		if (rc == 1)
			rc = eval_work(n->ev, n->grid.n, err) ? -err->code : 1;
	} while (rc == 1 && row_is_empty(ret, n->grid.n));
	if (rc == 1 && n->tally)
		tally_row(n->tally, ret, n->grid.n, s->pick != PICK_VALUE);
	return rc;
}

static void selector_close(struct node *n)
{
	struct selector *s = (struct selector *)n;
	feed_close(&s->feed);
	arena_fini(&s->feed.cols);
}

static const struct node_ops selector_ops = { selector_next, selector_close, "selector" };

/*
 * As upstream has it, timestamp() of a selector with @ and an offset fetches
 * samples with the offset, but looks at the time of @ for one that is no older
 * than the lookback time: what both leave is looked at here.
 */
static void forget_offset(struct selector *s)
{
	s->lookback -= s->shift.offset_ms < 0 ? -s->shift.offset_ms : s->shift.offset_ms;
	s->shift.offset_ms = MAX(s->shift.offset_ms, 0);
}

int selector_new(struct eval *ev, const struct promql_expr *e, struct grid g, struct shift shift, enum pick pick,
		 bool counts_only, const struct promql_hints *hints, struct node **ret, struct err *err)
{
	struct selector *s = node_new(ev, sizeof(*s), &selector_ops, e, g, err);
	if (!s)
		return -err->code;
	s->feed.hints = *hints;
	s->feed.stats = counts_only;
	s->shift = shift;
	s->pick = pick;
	s->lookback = ev->opts.lookback_ms;
	s->smoothed = e->selector.smoothed && pick == PICK_VALUE;
	if (pick == PICK_TIMESTAMP && shift.has_at)
		forget_offset(s);
	feed_range(&s->feed, ev, &g, s->shift, s->lookback, s->smoothed ? s->lookback : 0);
	*ret = &s->n;
	int rc = feed_init(&s->feed, &s->n, &e->selector, err);
	s->n.unique = s->feed.name_fixed && !ev->strict;
	return rc;
}
