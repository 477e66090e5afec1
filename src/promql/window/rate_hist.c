/* The rate family on native histograms, and their sums over time. Source: histogramRate of promql/functions.go. */
#include "promql/math/fhist.h"
#include "promql/window/over_time.h"
#include "promql/window/rate.h"

static struct promql_pos note_pos(const struct rollup *r)
{
	bool instant = r->id == PROMQL_FN_IRATE || r->id == PROMQL_FN_IDELTA;
	return instant ? r->args_pos : r->pos;
}

static void warn_mixed_schemas(struct rollup *r, const struct samples *s)
{
	eval_warn(&r->n, note_pos(r),
		  "vector contains a mix of histograms with exponential and custom buckets schemas "
		  "for metric name %s",
		  rollup_name(r, s));
}

static void warn_hint(struct rollup *r, const struct samples *s, const char *what)
{
	eval_warn(&r->n, note_pos(r), "this native histogram metric is not a %s: %s", what, rollup_name(r, s));
}

static bool is_gauge(const struct histogram *h)
{
	return h->hint == HIST_HINT_GAUGE;
}

static void note_reconciled(struct rollup *r, bool added, bool subtracted)
{
	if (subtracted)
		eval_info(&r->n, note_pos(r), "mismatched custom buckets were reconciled during subtraction");
	if (added)
		eval_info(&r->n, note_pos(r), "mismatched custom buckets were reconciled during addition");
}

/* The increase between the histograms, before extrapolation, in `f`; f is left alone for no result. */
struct increase {
	struct fh f;
	bool none;
	struct histogram empty; /* stands for a first one after which the counter began anew */
	const struct histogram *first;
};

/* Lowest schema of the window; sets `none` where kinds do not mix. */
static int32_t min_schema(struct rollup *r, const struct samples *s, size_t lo, size_t hi, struct increase *inc)
{
	const struct histogram *last = s->h[hi - 1];
	const struct hist_marks *m = r->marks;
	int32_t schema = MIN(inc->first->schema, last->schema);
	if (hist_marks_one_kind(m, lo + 1, hi) && hist_marks_one_schema(m, lo + 1, hi) &&
	    !hist_marks_gauges(m, lo + 1, hi - 1))
		return schema;
	for (size_t i = lo + 1; i + 1 < hi && r->counter; i++) {
		const struct histogram *h = s->h[i];
		if (is_gauge(h))
			warn_hint(r, s, "counter");
		if (hist_is_custom(h) != hist_is_custom(last)) {
			warn_mixed_schemas(r, s);
			inc->none = true;
			return 0;
		}
		if (h->schema < schema)
			schema = h->schema;
	}
	return schema;
}

static int add_resets(const struct rollup *r, const struct samples *s, size_t hi, struct increase *inc, bool *added,
		      struct arena *a, struct err *err)
{
	struct fhist_flags flags = { 0 };
	int rc = 0;
	const struct hist_marks *m = r->marks;
	/* Of a first one that was replaced by an empty one there is nothing to add. */
	for (size_t k = m->next + (inc->first == &inc->empty); k < m->n_resets && m->resets[k] < hi && !rc; k++)
		rc = fh_add_hist(&inc->f, s->h[m->resets[k] - 1], false, false, a, a, &flags, err);
	*added |= flags.reconciled;
	return rc;
}

static int increase_of(struct rollup *r, const struct samples *s, size_t lo, size_t hi, struct increase *inc,
		       struct arena *a, struct err *err)
{
	const struct histogram *last = s->h[hi - 1];
	inc->first = s->h[lo];
	if (r->counter && (is_gauge(inc->first) || is_gauge(last)))
		warn_hint(r, s, "counter");
	if (r->counter)
		hist_marks_move(r->marks, lo, hi);
	if (r->counter && hist_marks_reset_first(r->marks, lo)) {
		const struct histogram *second = s->h[lo + 1];
		inc->empty = (struct histogram){ .is_float = true,
						 .schema = second->schema,
						 .bounds = second->bounds,
						 .n_bounds = second->n_bounds };
		inc->first = &inc->empty;
	}
	if (hist_is_custom(inc->first) != hist_is_custom(last)) {
		warn_mixed_schemas(r, s);
		inc->none = true;
		return 0;
	}
	int32_t schema = min_schema(r, s, lo, hi, inc);
	if (inc->none)
		return 0;
	struct fhist_flags flags = { 0 };
	bool added = false;
	int rc = fh_load(&inc->f, last, a, err);
	if (rc)
		return rc;
	fh_reduce(&inc->f, schema);
	rc = fh_add_hist(&inc->f, inc->first, true, false, a, a, &flags, err);
	if (!rc && r->counter)
		rc = add_resets(r, s, hi, inc, &added, a, err);
	else if (!r->counter && (!is_gauge(s->h[lo]) || !is_gauge(last)))
		warn_hint(r, s, "gauge");
	note_reconciled(r, added, flags.reconciled);
	return rc;
}

/* Multiplies, compacts, marks as gauge. */
static int scaled_gauge(struct rollup *r, struct fh *f, double factor, const struct histogram **ret, struct err *err)
{
	f->hint = HIST_HINT_GAUGE;
	fh_scale(f, factor, false);
	return fh_store(f, &r->n.tmp, ret, err);
}

int rollup_hist_rate(struct rollup *r, const struct samples *s, size_t lo, size_t hi, int64_t ref,
		     const struct histogram **ret, struct err *err)
{
	struct rate_window w = {
		.ref = ref, .n = hi - lo, .t_first = s->ht[lo], .t_last = s->ht[hi - 1], .first = s->h[lo]->count_f
	};
	if (s->hst && rate_from_start(r, ref, s->hst[lo], s->ht[lo])) {
		w.from_start = true;
		w.st_first = s->hst[lo];
	} else if (hi - lo < 2) {
		return 0;
	}
	struct increase inc = { .none = false };
	struct arena *a = node_scratch(&r->n);
	int rc = a ? 0 : eval_oom(r->n.ev, err);
	if (!rc && hi - lo >= 2)
		rc = increase_of(r, s, lo, hi, &inc, a, err);
	else
		inc.f = (struct fh){ .schema = s->h[lo]->schema,
				     .bounds = s->h[lo]->bounds,
				     .n_bounds = s->h[lo]->n_bounds };
	if (rc || inc.none)
		return rc;
	if (w.from_start) {
		struct fhist_flags flags = { 0 };
		rc = fh_add_hist(&inc.f, s->h[lo], false, false, a, a, &flags, err);
		if (rc)
			return rc;
	}
	w.result = inc.f.count;
	return scaled_gauge(r, &inc.f, rate_factor(r, &w), ret, err);
}

int rollup_hist_irate(struct rollup *r, const struct samples *s, size_t prev, size_t cur, const struct histogram **ret,
		      struct err *err)
{
	const struct histogram *a = s->h[prev], *b = s->h[cur];
	struct fhist_flags flags = { 0 };
	struct fh f;
	if (r->counter && (is_gauge(a) || is_gauge(b)))
		warn_hint(r, s, "counter");
	if (!r->counter && (!is_gauge(a) || !is_gauge(b)))
		warn_hint(r, s, "gauge");
	struct arena *ar = node_scratch(&r->n);
	int rc = ar ? fh_load(&f, b, ar, err) : eval_oom(r->n.ev, err);
	if (rc)
		return rc;
	if (r->counter)
		hist_marks_move(r->marks, prev, cur + 1);
	if (!r->counter || !hist_marks_reset_first(r->marks, prev)) {
		rc = fh_add_hist(&f, a, true, false, ar, ar, &flags, err);
		if (rc)
			return rc;
		if (flags.mixed) {
			warn_mixed_schemas(r, s);
			return 0;
		}
		note_reconciled(r, false, flags.reconciled);
	}
	double seconds = (double)(s->ht[cur] - s->ht[prev]) / 1000;
	f.hint = HIST_HINT_GAUGE;
	if (r->per_second)
		fh_scale(&f, seconds, true);
	return fh_store(&f, &r->n.tmp, ret, err);
}

int rollup_hist_sum(struct rollup *r, const struct samples *s, size_t lo, size_t hi, bool avg,
		    const struct histogram **ret, struct err *err)
{
	struct fhist_acc *acc = NULL;
	struct fhist_flags flags;
	struct arena *a = node_scratch(&r->n);
	int rc = a ? 0 : eval_oom(r->n.ev, err);
	for (size_t i = lo; i < hi && !rc; i++)
		rc = fhist_acc_add(&acc, s->h[i], avg, a, a, err);
	if (!rc)
		rc = fhist_acc_get(acc, true, &r->n.tmp, ret, &flags, err);
	if (rc)
		return rc;
	if (flags.mixed)
		warn_mixed_schemas(r, s);
	if (flags.collision)
		eval_warn(&r->n, r->pos, "conflicting counter resets during histogram aggregation");
	if (flags.reconciled)
		eval_info(&r->n, r->pos, "mismatched custom buckets were reconciled during aggregation");
	return 0;
}
