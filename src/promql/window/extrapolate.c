/* What rate() and its like make of plain windows of floats. Source: extrapolatedRate of promql/functions.go. */
#include "promql/math/lanes.h"
#include "promql/window/rate.h"

/* Windows of a series of which the times are known: what follows from times alone, then what is made of the values. */
struct rate_plan {
	uint64_t version;         /* that of the windows it was made of */
	size_t n;                 /* windows of two samples or more */
	uint32_t *step;           /* of each */
	uint32_t *first, *last;   /* its samples */
	struct lanes_rates spans; /* columns of it are those below */
	double *sampled, *to_start, *to_end;
	double *value, *increase, *rate;
};

/* Seconds that samples of a window stand for: between the first and the last, and how far to each end of the window. */
struct span {
	double sampled, to_start, to_end;
};

static struct span span_of(const struct rollup *r, const struct rate_window *w)
{
	struct span s = {
		.sampled = (double)(w->t_last - w->t_first) / 1000,
		.to_start = (double)(w->t_first - (w->ref - r->m->win.range_ms)) / 1000,
		.to_end = (double)(w->ref - w->t_last) / 1000,
	};
	double avg = w->n > 1 ? s.sampled / (double)(w->n - 1) : 0;
	double threshold = avg * 1.1;
	if (w->from_start) {
		s.to_start = 0;
		s.sampled = (double)(w->t_last - w->st_first) / 1000;
	} else if (s.to_start >= threshold) {
		s.to_start = avg / 2;
	}
	if (s.to_end >= threshold)
		s.to_end = avg / 2;
	return s;
}

double rate_factor(const struct rollup *r, const struct rate_window *w)
{
	struct span s = span_of(r, w);
	if (r->counter && !w->from_start) {
		double to_zero = s.to_start;
		if (w->result > 0 && w->first >= 0)
			to_zero = s.sampled * (w->first / w->result);
		if (to_zero < s.to_start)
			s.to_start = to_zero;
	}
	double factor = 1;
	if (s.sampled != 0)
		factor = (s.sampled + s.to_start + s.to_end) / s.sampled;
	if (r->per_second)
		factor /= r->m->win.range_s;
	return factor;
}

/* ---- many windows at a time ---- */

static struct rate_plan *plan_new(struct rollup *r)
{
	struct arena *a = r->n.ev->arena;
	size_t n = r->n.grid.n + LANES_ROUND;
	struct rate_plan *p = arena_zalloc(a, sizeof(*p));
	if (!p)
		return NULL;
	double **columns[] = { &p->sampled, &p->to_start, &p->to_end, &p->value, &p->increase, &p->rate };
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		*columns[i] = arena_zalloc(a, n * sizeof(double));
		if (!*columns[i])
			return NULL;
	}
	p->step = arena_array(a, n, sizeof(*p->step));
	p->first = arena_array(a, n, sizeof(*p->first));
	p->last = arena_array(a, n, sizeof(*p->last));
	p->spans = (struct lanes_rates){ p->value,
					 p->increase,
					 p->sampled,
					 p->to_start,
					 p->to_end,
					 r->counter,
					 r->per_second ? r->m->win.range_s : 1 };
	return p->step && p->first && p->last ? p : NULL;
}

/* Works out the windows over the times of `s`. */
static void plan_windows(struct rate_plan *p, struct rollup *r, const struct samples *s)
{
	struct slide w = slide_begin(r, s);
	p->n = 0;
	while (slide_next(&w)) {
		if (slide_n(&w) < 2)
			continue;
		struct rate_window rw = {
			.ref = w.ref, .n = slide_n(&w), .t_first = s->t[w.lo], .t_last = s->t[w.hi - 1]
		};
		struct span span = span_of(r, &rw);
		p->step[p->n] = w.i;
		p->first[p->n] = (uint32_t)w.lo;
		p->last[p->n] = (uint32_t)(w.hi - 1);
		p->sampled[p->n] = span.sampled;
		p->to_start[p->n] = span.to_start;
		p->to_end[p->n] = span.to_end;
		p->n++;
	}
}

/* Adds to the increase of each window what counters had lost at the resets in it. */
static void add_resets(struct rate_plan *p, const double *v, const uint32_t *resets, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < p->n; i++) {
		while (k < n && resets[k] <= p->first[i])
			k++;
		for (size_t j = k; j < n && resets[j] <= p->last[i]; j++)
			p->increase[i] += v[resets[j] - 1];
	}
}

int rate_extrapolate(struct rollup *r, const struct samples *s, const uint32_t *resets, size_t n_resets, double *out,
		     struct err *err)
{
	if (!r->plan)
		r->plan = plan_new(r);
	struct rate_plan *p = r->plan;
	const struct windows *w = rollup_windows(r, s);
	if (!p || !w)
		return eval_oom(r->n.ev, err);
	if (p->version != w->version)
		plan_windows(p, r, s);
	p->version = w->version;
	for (size_t i = 0; i < p->n; i++) {
		p->value[i] = s->v[p->first[i]];
		p->increase[i] = s->v[p->last[i]] - p->value[i];
	}
	if (n_resets)
		add_resets(p, s->v, resets, n_resets);
	lanes_rates(&p->spans, p->n, p->rate);
	for (size_t i = 0; i < p->n; i++)
		out[p->step[i]] = p->rate[i];
	return p->n > 0;
}
