/* rate, increase, delta, irate, idelta, changes, resets of plain windows. Source: promql/functions.go. */
#include "promql/window/rate.h"

/* Where the counter began anew: indexes i > 0 with a reset between i-1 and i. NULL over budget. */
static uint32_t *find_resets(struct rollup *r, const struct samples *s, size_t *ret_n)
{
	uint32_t *at = rollup_buf(r, 0, s->n, sizeof(*at));
	size_t k = 0;
	if (!at)
		return NULL;
	for (size_t i = 1; i < s->n; i++) {
		at[k] = (uint32_t)i;
		k += s->v[i] < s->v[i - 1] || (s->st && st_reset(s->st[i - 1], s->t[i - 1], s->st[i], s->t[i]));
	}
	*ret_n = k;
	return at;
}

uint32_t *rate_falls(struct rollup *r, const struct samples *s, size_t *ret_n)
{
	struct samples floats = { .t = s->t, .v = s->v, .n = s->n };
	return find_resets(r, &floats, ret_n);
}

bool rate_from_start(const struct rollup *r, int64_t ref, int64_t st, int64_t t)
{
	return r->counter && st != 0 && ref - r->m->win.range_ms < st && st < t;
}

static bool ends_like_counter(struct str name)
{
	return str_has_suffix(name, STR("_total")) || str_has_suffix(name, STR("_sum")) ||
	       str_has_suffix(name, STR("_count")) || str_has_suffix(name, STR("_bucket"));
}

void rate_judge_name(struct rollup *r, const struct samples *s)
{
	struct str name = labels_get(s->labels, LABEL_METRIC_NAME);
	if (name.n == 0 || !r->counter)
		return;
	struct eval *ev = r->n.ev;
	if (!ev->opts.type_and_unit && r->judged == hash_str(name))
		return;
	r->judged = hash_str(name);
	if (ev->opts.type_and_unit) {
		struct str type = labels_get(s->labels, LABEL_TYPE);
		if (!str_eq(type, STR("counter")) && !str_eq(type, STR("histogram")))
			eval_info(&r->n, r->pos,
				  "metric might not be a counter, __type__ label is not set to "
				  "\"counter\" or \"histogram\", got %s: %s",
				  eval_quoted(ev, type), eval_quoted(ev, name));
	} else if (!ends_like_counter(name)) {
		eval_info(&r->n, r->pos,
			  "metric might not be a counter, name does not end in "
			  "_total/_sum/_count/_bucket: %s",
			  eval_quoted(ev, name));
	}
}

/* Windows of floats alone among others, or with start times, one at a time. Returns whether there was a result. */
static bool rate_each(struct rollup *r, const struct samples *s, const uint32_t *resets, size_t n_resets, double *out)
{
	struct slide w = slide_begin(r, s);
	size_t k = 0;
	bool any = false;
	while (slide_next(&w)) {
		size_t n = slide_n(&w);
		if (n == 0 || slide_nh(&w))
			continue;
		size_t lo = w.lo, last = w.hi - 1;
		struct rate_window rw = {
			.ref = w.ref, .n = n, .t_first = s->t[lo], .t_last = s->t[last], .first = s->v[lo]
		};
		if (s->st && rate_from_start(r, w.ref, s->st[lo], s->t[lo])) {
			rw.from_start = true;
			rw.st_first = s->st[lo];
		} else if (n < 2) {
			continue;
		}
		double result = s->v[last] - rw.first;
		while (k < n_resets && resets[k] <= lo)
			k++;
		for (size_t j = k; j < n_resets && resets[j] <= last; j++)
			result += s->v[resets[j] - 1];
		if (rw.from_start)
			result += rw.first;
		rw.result = result;
		out[w.i] = result * rate_factor(r, &rw);
		any = true;
	}
	return any;
}

/* Windows that hold histograms. */
static int rate_hists(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	struct slide w = slide_begin(r, s);
	int rc = rollup_hists(r, out, err);
	if (!rc)
		rc = hist_marks_begin(r, s, true, err);
	bool mixed = false;
	while (!rc && slide_next(&w)) {
		if (slide_nh(&w) == 0)
			continue;
		if (slide_n(&w))
			mixed = true;
		else
			rc = rollup_hist_rate(r, s, w.hlo, w.hhi, w.ref, &out->h[w.i], err);
	}
	if (mixed)
		rollup_warn_mixed(r, s);
	return rc;
}

/* Warns of samples whose start time lies before the sample before. */
static void warn_overlap(struct rollup *r, const struct samples *s)
{
	struct slide w = slide_begin(r, s);
	uint64_t steps = 0;
	while (slide_next(&w)) {
		bool found = false;
		for (size_t i = w.lo + 1; i < w.hi && !found; i++)
			found = s->st[i] != 0 && s->st[i] < s->t[i - 1] && s->st[i] != s->st[i - 1];
		steps += found && slide_nh(&w) == 0;
	}
	if (steps)
		eval_overlap(&r->n, r->pos, labels_get(s->labels, LABEL_METRIC_NAME), steps);
}

int rollup_rate(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	if (r->m->win.anchored || r->m->win.smoothed)
		return rollup_rate_ext(r, s, out, err);
	size_t n_resets = 0;
	uint32_t *resets = NULL;
	if (r->counter && s->n) {
		resets = find_resets(r, s, &n_resets);
		if (!resets)
			return eval_oom(r->n.ev, err);
		if (s->st)
			warn_overlap(r, s);
	}
	int any = 0;
	if (s->n && (s->st || s->nh))
		any = rate_each(r, s, resets, n_resets, out->v);
	else if (s->n)
		any = rate_extrapolate(r, s, resets, n_resets, out->v, err);
	if (any > 0)
		rate_judge_name(r, s);
	if (any < 0)
		return any;
	return s->nh ? rate_hists(r, s, out, err) : 0;
}

/* The two newest samples of a window, over floats and histograms. */
struct last_two {
	bool prev_h, cur_h; /* it is a histogram */
	size_t prev, cur;
	int64_t prev_t, cur_t;
};

static bool last_two(const struct slide *w, struct last_two *ret)
{
	const struct samples *s = w->s;
	size_t f = w->hi, h = w->hhi;
	if (slide_n(w) + slide_nh(w) < 2)
		return false;
	for (int k = 0; k < 2; k++) {
		bool is_h = h > w->hlo && (f == w->lo || s->ht[h - 1] > s->t[f - 1]);
		ret->prev_h = is_h;
		ret->prev = is_h ? --h : --f;
		ret->prev_t = is_h ? s->ht[h] : s->t[f];
		if (k == 0) {
			ret->cur_h = is_h;
			ret->cur = ret->prev;
			ret->cur_t = ret->prev_t;
		}
	}
	return true;
}

static double irate_float(const struct rollup *r, const struct samples *s, const struct last_two *p)
{
	double cur = s->v[p->cur], prev = s->v[p->prev], d = cur - prev;
	if (r->counter) {
		if (cur < prev || (s->st && st_reset(s->st[p->prev], p->prev_t, s->st[p->cur], p->cur_t)))
			d = cur;
	}
	return r->per_second ? d / ((double)(p->cur_t - p->prev_t) / 1000) : d;
}

int rollup_irate(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	struct slide w = slide_begin(r, s);
	int rc = s->nh ? rollup_hists(r, out, err) : 0;
	if (!rc && s->nh)
		rc = hist_marks_begin(r, s, true, err);
	bool mixed = false;
	while (!rc && slide_next(&w)) {
		struct last_two p = { 0 };
		if (!last_two(&w, &p) || p.cur_t == p.prev_t)
			continue;
		if (p.cur_h != p.prev_h)
			mixed = true;
		else if (p.cur_h)
			rc = rollup_hist_irate(r, s, p.prev, p.cur, &out->h[w.i], err);
		else
			out->v[w.i] = irate_float(r, s, &p);
	}
	if (mixed)
		eval_warn(&r->n, r->args_pos, "encountered a mix of histograms and floats for metric name %s",
			  rollup_name(r, s));
	return rc;
}
