/* deriv, predict_linear, double_exponential_smoothing. Source: promql/functions.go. */
#include "promql/window/rollup.h"
#include "promql/math/gomath.h"
#include "promql/math/lanes.h"

#include <math.h>

/* A line through the samples of a window. */
struct line {
	double slope, intercept;
};

/* Times up to here, and differences of them, are exact as doubles. */
#define TIME_MAX (INT64_C(1) << 52)

/* Lines through windows in the making. */
struct lines {
	struct rollup *r;
	const struct samples *s;
	double *out;
	bool predict;
	double *t;     /* times of the samples */
	uint32_t *run; /* where the run of equal values begins that a sample belongs to */
	struct lanes l;
	double t0[LANES]; /* where x = 0 lies */
};

static int lines_init(struct lines *l, struct err *err)
{
	const struct samples *s = l->s;
	l->t = rollup_buf(l->r, 0, s->n, sizeof(*l->t));
	l->run = rollup_buf(l->r, 1, s->n, sizeof(*l->run));
	if (!l->t || !l->run)
		return eval_oom(l->r->n.ev, err);
	for (size_t i = 0; i < s->n; i++) {
		l->t[i] = (double)s->t[i];
		l->run[i] = i && s->v[i] == s->v[i - 1] ? l->run[i - 1] : (uint32_t)i;
	}
	return 0;
}

/* Least squares. */
static struct line line_of(const struct lanes_line *s, double n)
{
	double cov = s->xy - s->x * s->y / n;
	double var = s->x2 - s->x * s->x / n;
	double slope = cov / var;
	return (struct line){ slope, s->y / n - slope * s->x / n };
}

static void put_line(struct lines *l, uint32_t step, struct line line)
{
	l->out[step] = l->predict ? line.slope * l->r->param[0][step] + line.intercept : line.slope;
}

/* Computes the lines that were put off. Returns samples computed. */
static uint64_t lines_flush(struct lines *l)
{
	struct lanes_line sums[LANES];
	uint64_t work = 0;
	lanes_lines(&l->l, l->t, l->s->v, l->t0, sums);
	for (unsigned k = 0; k < l->l.n; k++) {
		int64_t n = l->l.hi[k] - l->l.lo[k];
		put_line(l, l->l.step[k], line_of(&sums[k], (double)n));
		work += (uint64_t)n;
	}
	l->l.n = 0;
	return work / 4;
}

/* A line through a window of two samples or more. Returns samples computed. */
static uint64_t lines_add(struct lines *l, const struct slide *w)
{
	double first = l->s->v[w->lo];
	if (l->run[w->hi - 1] <= w->lo) {
		double nan = go_nan();
		put_line(l, w->i, isinf(first) ? (struct line){ nan, nan } : (struct line){ 0, first });
		return 1;
	}
	l->t0[l->l.n] = l->predict ? (double)grid_t(&l->r->n.grid, w->i) : l->t[w->lo];
	return lanes_add(&l->l, w->i, w->lo, w->hi) ? lines_flush(l) : 0;
}

/* Runs over the windows that have a line; predict_linear has x = 0 at the evaluation time, deriv at the first sample. */
static int regression(struct rollup *r, const struct samples *s, struct row *out, bool predict, struct err *err)
{
	struct lines l = { .r = r, .s = s, .out = out->v, .predict = predict };
	const struct grid *g = &r->n.grid;
	bool mixed = false;
	int rc = lines_init(&l, err);
	if (s->n && g->n && (MIN(s->t[0], g->start) < -TIME_MAX || MAX(s->t[s->n - 1], grid_t(g, g->n - 1)) > TIME_MAX))
		return err_set(err, ERR_FAILED_PRECONDITION, "%s: times are beyond 2^52 ms",
			       r->n.expr->call.func->name);
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		size_t n = slide_n(&w);
		mixed |= n > 0 && slide_nh(&w) > 0;
		if (n >= 2)
			rc = eval_work(r->n.ev, lines_add(&l, &w), err);
	}
	lines_flush(&l);
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}

int rollup_deriv(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return regression(r, s, out, false, err);
}

int rollup_predict_linear(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	return regression(r, s, out, true, err);
}

static int check_factor(const char *which, const char *name, double v, struct err *err)
{
	if (v > 0 && v < 1)
		return 0;
	return err_set(err, ERR_FAILED_PRECONDITION, "invalid %s factor. Expected: 0 < %s < 1, got: %f", which, name,
		       v);
}

/* Holt-Winters double smoothing. */
int rollup_double_exponential_smoothing(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	double sf[LANES], tf[LANES];
	struct lanes l = { 0 };
	bool mixed = false;
	int rc = 0;
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		size_t n = slide_n(&w);
		if (n + slide_nh(&w) == 0)
			continue;
		rc = check_factor("smoothing", "sf", sf[l.n] = r->param[0][w.i], err);
		if (!rc)
			rc = check_factor("trend", "tf", tf[l.n] = r->param[1][w.i], err);
		mixed |= n > 0 && slide_nh(&w) > 0;
		if (rc || n < 2 || !lanes_add(&l, w.i, w.lo, w.hi))
			continue;
		lanes_smooth(&l, s->v, sf, tf, out->v);
		rc = eval_work(r->n.ev, n, err);
	}
	lanes_smooth(&l, s->v, sf, tf, out->v);
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}
