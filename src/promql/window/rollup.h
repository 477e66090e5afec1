/*
 * promql/window/rollup.h - functions over range vectors: one series in, one row out.
 *
 * A rollup function sees all samples of a series at once and slides a window
 * over them, step by step; both ends only move forward, so that a function
 * costs O(samples + steps) where its window can be kept up incrementally.
 */
#ifndef PROMQL_ROLLUP_H
#define PROMQL_ROLLUP_H

#include "promql/eval/known_times.h"
#include "promql/eval/selector.h"

struct rollup;

/*
 * Computes the values of all steps of one series. out->v is all missing on
 * entry; out->h is NULL until rollup_hists() sets it.
 */
typedef int rollup_fn(struct rollup *r, const struct samples *s, struct row *out, struct err *err);

/* A call of a range function. */
struct rollup {
	struct node n;
	struct matrix *m;
	rollup_fn *fn;
	enum promql_fn id;
	const double *param[2]; /* scalar arguments, a value per step */
	struct node *param_node[2];
	bool started;
	bool keep_name;
	bool counter, per_second;   /* of the rate family */
	struct promql_pos pos;      /* of the range argument */
	struct promql_pos arg0_pos; /* of the first argument */
	struct promql_pos args_pos; /* of the whole argument list */
	struct hist_marks *marks;   /* of the rate family on histograms, see rate.h */
	struct rate_plan *plan;     /* of the rate family on floats, see extrapolate.c */
	struct windows *windows;    /* see rollup_windows */
	uint64_t judged;            /* hash of the name that was judged last, see rate_judge_name */
	/* work space kept from series to series */
	void *buf[3];
	size_t buf_cap[3];
};

/* A call of a range function on `m`; `params` (n_params) are its scalar arguments. */
int rollup_new(struct eval *ev, const struct promql_expr *call, struct grid g, struct matrix *m,
	       struct node *const *params, size_t n_params, struct node **ret, struct err *err);

/* Makes out->h, all NULL. */
int rollup_hists(struct rollup *r, struct row *out, struct err *err);

/* Work space `which` with room for n elements of `size` bytes, kept between calls. NULL over budget. */
void *rollup_buf(struct rollup *r, unsigned which, size_t n, size_t size);

/* "mix of histograms and floats" for the series. */
void rollup_warn_mixed(struct rollup *r, const struct samples *s);

/* "ignored histograms in a range containing both" for the series. */
void rollup_info_ignored(struct rollup *r, const struct samples *s);

/* The name of the series as annotations show it, quoted. */
const char *rollup_name(struct rollup *r, const struct samples *s);

/* The windows of all steps over series of floats that are scraped together. */
struct windows {
	struct known_times times;
	uint32_t *lo, *hi; /* per step */
	double *count;     /* hi - lo, missing where that is 0 */
	uint64_t version;  /* changes with the times */
};

/* The windows over the times of `s`, which has floats alone; NULL over budget. Good until asked for another series. */
const struct windows *rollup_windows(struct rollup *r, const struct samples *s);

/* A window that slides over a series. */
struct slide {
	const struct samples *s;
	const struct rollup *r;
	const struct windows *known; /* or NULL: found step by step */
	uint32_t i;                  /* the step */
	size_t lo, hi;               /* floats s->t[lo..hi) are in the window */
	size_t hlo, hhi;             /* histograms */
	int64_t ref;                 /* its right end; the left end is ref - range */
};

/* Begins before the first step. */
static inline struct slide slide_begin(struct rollup *r, const struct samples *s)
{
	return (struct slide){ .s = s, .r = r, .known = s->nh ? NULL : rollup_windows(r, s), .i = UINT32_MAX };
}

/* Moves to the next step; false after the last. */
static inline bool slide_next(struct slide *w)
{
	const struct samples *s = w->s;
	if (++w->i >= w->r->n.grid.n)
		return false;
	int64_t ref = window_ref(&w->r->m->win, &w->r->n.grid, w->i);
	int64_t from = ref - w->r->m->win.range_ms;
	w->ref = ref;
	if (w->known) {
		w->lo = w->known->lo[w->i];
		w->hi = w->known->hi[w->i];
		return true;
	}
	while (w->hi < s->n && s->t[w->hi] <= ref)
		w->hi++;
	while (w->lo < w->hi && s->t[w->lo] <= from)
		w->lo++;
	/* Subqueries may have both at one time; of its last time upstream's window has the float only. */
	bool float_at_end = s->nh && w->hi && s->t[w->hi - 1] == ref;
	while (w->hhi < s->nh && s->ht[w->hhi] <= ref - float_at_end)
		w->hhi++;
	while (w->hlo < w->hhi && s->ht[w->hlo] <= from)
		w->hlo++;
	return true;
}

/* Number of floats in the window. */
static inline size_t slide_n(const struct slide *w)
{
	return w->hi - w->lo;
}

/* Number of histograms in the window. */
static inline size_t slide_nh(const struct slide *w)
{
	return w->hhi - w->hlo;
}

/* rate.c: rate, increase, delta, irate, idelta, changes, resets. */
rollup_fn rollup_rate, rollup_irate, rollup_changes, rollup_resets;

/* rate_ext.c: rate, increase, delta of anchored and smoothed ranges. */
rollup_fn rollup_rate_ext;

/* over_time.c: what takes floats and histograms alike or one window at a time. */
rollup_fn rollup_sum, rollup_avg, rollup_count, rollup_present, rollup_last, rollup_first, rollup_min, rollup_max,
	rollup_ts_min, rollup_ts_max, rollup_ts_first, rollup_ts_last, rollup_stddev, rollup_stdvar, rollup_mad,
	rollup_quantile;

/* regress.c */
rollup_fn rollup_deriv, rollup_predict_linear, rollup_double_exponential_smoothing;

/* rate_hist.c: histograms of the rate family in window [lo, hi), after hist_marks_begin; *ret NULL for no result. */
int rollup_hist_rate(struct rollup *r, const struct samples *s, size_t lo, size_t hi, int64_t ref,
		     const struct histogram **ret, struct err *err);

/* rate_hist.c: irate and idelta of two neighbours, after hist_marks_begin. */
int rollup_hist_irate(struct rollup *r, const struct samples *s, size_t prev, size_t cur, const struct histogram **ret,
		      struct err *err);

/* xrate.c: Thanos' xrate, xincrease, xdelta. */
rollup_fn rollup_xrate;

/* Whether the sample's start time says that the counter began anew after the sample before. */
static inline bool st_reset(int64_t prev_st, int64_t prev_t, int64_t st, int64_t t)
{
	if (st == 0 || st >= t || st < prev_t)
		return false;
	if (st > prev_t)
		return true;
	return prev_st <= prev_t && prev_st != 0 && prev_st != prev_t;
}

#endif
