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

/* Whether all steps have the factors of the first. */
static bool same_factors(const struct rollup *r)
{
	for (uint32_t i = 1; i < r->n.grid.n; i++)
		if (r->param[0][i] != r->param[0][0] || r->param[1][i] != r->param[1][0])
			return false;
	return true;
}

/* Samples that a chain goes over, and windows that a sample is in, from which on a path is worth its making. */
#define PATH_SAMPLES 256
#define PATH_WINDOWS 32

/* Makes the path for windows from sample `lo` on where that is worth it. NULL: none. */
static const struct lanes_path *make_path(struct rollup *r, const struct samples *s, size_t lo, struct lanes_path *path)
{
	if (s->n - lo < PATH_SAMPLES || r->n.grid.n < PATH_WINDOWS ||
	    r->m->win.range_ms / PATH_WINDOWS < r->n.grid.step || !same_factors(r))
		return NULL;
	double *v = rollup_buf(r, 0, s->n, sizeof(*v)), *b = rollup_buf(r, 1, s->n, sizeof(*b));
	if (!v || !b)
		return NULL;
	lanes_smooth_path(s->v, (int64_t)lo, (int64_t)s->n, r->param[0][0], r->param[1][0], v, b);
	*path = (struct lanes_path){ v, b };
	return path;
}

/* Windows in the making. */
struct smoothing {
	struct lanes l;
	double sf[LANES], tf[LANES];
	struct lanes_path path;
	const struct lanes_path *known; /* &path, or NULL */
	bool tried;                     /* to make it */
};

/* Adds a window of two samples or more, whose factors are good. Returns samples computed. */
static uint64_t smooth_add(struct smoothing *m, struct rollup *r, const struct slide *w, double *out)
{
	uint64_t work = 0;
	if (!m->tried) {
		m->known = make_path(r, w->s, w->lo, &m->path);
		m->tried = true;
		work = m->known ? w->s->n - w->lo : 0;
	}
	if (lanes_add(&m->l, w->i, w->lo, w->hi)) {
		lanes_smooth(&m->l, w->s->v, m->sf, m->tf, m->known, out);
		work += slide_n(w);
	}
	return work;
}

/* Holt-Winters double smoothing. */
int rollup_double_exponential_smoothing(struct rollup *r, const struct samples *s, struct row *out, struct err *err)
{
	struct smoothing m = { .tried = false };
	bool mixed = false;
	int rc = 0;
	for (struct slide w = slide_begin(r, s); !rc && slide_next(&w);) {
		size_t n = slide_n(&w);
		if (n + slide_nh(&w) == 0)
			continue;
		rc = check_factor("smoothing", "sf", m.sf[m.l.n] = r->param[0][w.i], err);
		if (!rc)
			rc = check_factor("trend", "tf", m.tf[m.l.n] = r->param[1][w.i], err);
		mixed |= n > 0 && slide_nh(&w) > 0;
		if (!rc && n >= 2)
			rc = eval_work(r->n.ev, smooth_add(&m, r, &w, out->v), err);
	}
	lanes_smooth(&m.l, s->v, m.sf, m.tf, m.known, out->v);
	if (mixed)
		rollup_info_ignored(r, s);
	return rc;
}
