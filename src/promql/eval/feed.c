/* Series from the owner's source. */
#include "promql/eval/selector.h"

#include "promql/math/fhist.h"

static int compile(struct feed *f, const struct promql_selector *sel, struct err *err)
{
	static const enum matcher_type types[] = {
		[PROMQL_MATCH_EQ] = MATCH_EQ,
		[PROMQL_MATCH_NEQ] = MATCH_NEQ,
		[PROMQL_MATCH_RE] = MATCH_RE,
		[PROMQL_MATCH_NRE] = MATCH_NRE,
	};
	f->matchers = arena_array(f->ev->arena, sel->n_matchers + 1, sizeof(struct matcher *));
	if (!f->matchers)
		return eval_oom(f->ev, err);
	for (size_t i = 0; i < sel->n_matchers; i++) {
		const struct promql_matcher *m = &sel->matchers[i];
		int rc = 0;
		f->matchers[i] = m->compiled;
		if (!f->matchers[i])
			rc = matcher_compile_by(source_compile(f->ev->src), f->ev->arena, types[m->type], m->name,
						m->value, &f->matchers[i], err);
		if (rc)
			return rc;
		f->name_fixed |= m->type == PROMQL_MATCH_EQ && str_eq(m->name, LABEL_METRIC_NAME);
	}
	f->n_matchers = sel->n_matchers;
	return 0;
}

int feed_init(struct feed *f, struct node *owner, const struct promql_selector *sel, struct err *err)
{
	struct eval *ev = owner->ev;
	f->ev = ev;
	f->owner = owner;
	f->next = ev->feeds;
	ev->feeds = f;
	f->hints.id = ++ev->n_feeds;
	arena_init(&f->cols, ev->arena->budget);
	return compile(f, sel, err);
}

/* Source: evalSeries, smoothSeries and the range functions of promql/engine.go; storage/buffer.go, memoized_iterator.go. */
static void set_strides(struct feed *f, const struct grid *g, struct shift s, int64_t back_ms, int64_t ahead_ms)
{
	bool range = f->hints.range_ms > 0, smoothed = !range && ahead_ms;
	int64_t back = back_ms + ahead_ms + (smoothed ? (int64_t)g->n * g->step : 0);
	f->strides = (struct strides){
		.first = (s.has_at ? s.at_ms : g->start) - s.offset_ms + ahead_ms,
		.step = g->step,
		.back_first = back,
		.back = range ? MIN(back, g->step) : back,
		.n = s.has_at ? MIN(g->n, 1) : g->n,
	};
}

void feed_range(struct feed *f, struct eval *ev, const struct grid *g, struct shift s, int64_t back_ms,
		int64_t ahead_ms)
{
	int64_t first = s.has_at ? s.at_ms : g->asked_from;
	int64_t last = s.has_at ? s.at_ms : g->asked_to;
	f->hints.mint_ms = first - s.offset_ms - back_ms + 1;
	f->hints.maxt_ms = last - s.offset_ms + ahead_ms;
	set_strides(f, g, s, back_ms, ahead_ms);
	ev->mint = MIN(ev->mint, f->hints.mint_ms);
}

int feed_next(struct feed *f, struct promql_series *ret, struct err *err)
{
	const struct promql_source *src = f->ev->src;
	int rc = 0;
	if (f->ended)
		return 0;
	eval_charge(f->ev, f);
	eval_release(f->ev, f->held);
	f->held = 0;
	if (!f->opened) {
		f->hints.query_mint_ms = f->ev->mint;
		rc = src->select(src->arg, f->matchers, f->n_matchers, &f->hints, &f->set, err);
		if (rc) {
			f->ev->failed = f;
			return rc;
		}
		f->opened = true;
	}
	rc = src->next(src->arg, f->set, ret, err);
	if (rc <= 0) {
		if (rc < 0)
			f->ev->failed = f;
		else
			eval_charge(f->ev, NULL);
		feed_close(f);
		return rc;
	}
	f->held = ret->n_floats;
	for (size_t i = 0; i < ret->n_hists; i++)
		f->held += hist_samples(&ret->h[i]);
	f->ev->total += f->held;
	f->n_series++;
	f->n_samples += f->held;
	rc = eval_hold(f->ev, f->held, err);
	if (!rc)
		rc = eval_work(f->ev, ret->n_floats + 8 * ret->n_hists, err);
	return rc ? rc : 1;
}

void feed_close(struct feed *f)
{
	if (f->opened && !f->ended)
		f->ev->src->close(f->ev->src->arg, f->set);
	f->ended = true;
}

static size_t count_stale(const double *v, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += value_is_stale(v[i]);
	return k;
}

/* Copies the floats that are not staleness markers. */
static int copy_floats(struct feed *f, const struct promql_series *in, size_t n, struct samples *ret)
{
	int64_t *t = arena_alloc(&f->cols, n * sizeof(*t) + 1);
	double *v = arena_alloc(&f->cols, n * sizeof(*v) + 1);
	int64_t *st = ret->st ? arena_alloc(&f->cols, n * sizeof(*st) + 1) : NULL;
	if (!t || !v || (ret->st && !st))
		return -1;
	size_t k = 0;
	for (size_t i = 0; i < in->n_floats; i++) {
		if (value_is_stale(in->v[i]))
			continue;
		t[k] = in->t[i];
		v[k] = in->v[i];
		if (st)
			st[k] = in->st[i];
		k++;
	}
	ret->n = k;
	ret->t = t;
	ret->v = v;
	ret->st = st;
	return 0;
}

/* Leaves count, sum and schema of a histogram, and gives it a hint. */
static void drop_buckets(struct histogram *h, uint8_t hint)
{
	*h = (struct histogram){
		.hint = hint, .is_float = true, .schema = h->schema, .count_f = h->count_f, .sum = h->sum
	};
}

/* A walk over the samples of a series, floats and histograms. */
struct walk {
	const struct promql_series *in;
	size_t f, h; /* the next of each kind: the earlier one is where it stands */
};

static int64_t walk_t(const struct walk *w)
{
	int64_t f = w->f < w->in->n_floats ? w->in->t[w->f] : INT64_MAX;
	int64_t h = w->h < w->in->n_hists ? w->in->ht[w->h] : INT64_MAX;
	return MIN(f, h);
}

static void walk_to(struct walk *w, int64_t t)
{
	while (w->f < w->in->n_floats && w->in->t[w->f] < t)
		w->f++;
	while (w->h < w->in->n_hists && w->in->ht[w->h] < t)
		w->h++;
}

/* Marks the histograms that are jumped to. */
static void mark_jumps(const struct strides *s, const struct promql_series *in, uint8_t *jumped)
{
	struct walk w = { in, 0, 0 };
	int64_t last = INT64_MIN;
	for (uint32_t i = 0; i < s->n && last < INT64_MAX; i++) {
		int64_t ref = s->first + (int64_t)i * s->step;
		int64_t from = ref - (i ? s->back : s->back_first);
		if (from > last) {
			walk_to(&w, from);
			last = walk_t(&w);
			if (w.h < in->n_hists && in->ht[w.h] == last)
				jumped[w.h] = 1;
		}
		walk_to(&w, ref);
		last = MAX(last, walk_t(&w));
	}
}

int feed_hints(struct feed *f, const struct promql_series *in, struct histogram *h, struct arena *a, struct err *err)
{
	const struct histogram *prev = NULL;
	uint8_t hint = HIST_HINT_UNKNOWN; /* of prev, which keeps its own for as long as it is looked at */
	uint8_t *jumped = arena_array(a, in->n_hists, 1);
	if (!jumped)
		return arena_err(a, err);
	mark_jumps(&f->strides, in, jumped);
	for (size_t i = 0; i < in->n_hists; i++) {
		if (hist_is_stale(&h[i]))
			continue;
		uint8_t mine = h[i].hint;
		if (prev && mine == HIST_HINT_UNKNOWN && !jumped[i])
			mine = fhist_detect_reset(&h[i], prev) ? HIST_HINT_RESET : HIST_HINT_NOT_RESET;
		if (prev)
			drop_buckets((struct histogram *)prev, hint);
		prev = &h[i];
		hint = mine;
	}
	if (prev)
		drop_buckets((struct histogram *)prev, hint);
	return 0;
}

static int copy_hists(struct feed *f, const struct promql_series *in, struct samples *ret, struct err *err)
{
	int64_t *t = arena_array(&f->cols, in->n_hists, sizeof(*t));
	const struct histogram **p = arena_array(&f->cols, in->n_hists, sizeof(*p));
	struct histogram *h = arena_array(&f->cols, in->n_hists, sizeof(*h));
	int64_t *st = f->ev->opts.start_timestamps && in->hst ? arena_array(&f->cols, in->n_hists, sizeof(*st)) : NULL;
	if (!t || !p || !h || (in->hst && f->ev->opts.start_timestamps && !st))
		return arena_err(&f->cols, err);
	size_t k = 0;
	for (size_t i = 0; i < in->n_hists; i++) {
		int rc = hist_to_float(&h[i], &in->h[i], &f->cols, err);
		if (rc)
			return rc;
		if (hist_is_stale(&in->h[i]))
			continue;
		t[k] = in->ht[i];
		if (st)
			st[k] = in->hst[i];
		p[k] = &h[i];
		k++;
	}
	if (f->stats && feed_hints(f, in, h, &f->cols, err))
		return -err->code;
	ret->nh = k;
	ret->ht = t;
	ret->h = p;
	ret->hst = st;
	return 0;
}

int feed_samples(struct feed *f, struct samples *ret, struct err *err)
{
	struct promql_series in = { 0 };
	if (f->cols.bytes)
		arena_fini(&f->cols);
	int rc = feed_next(f, &in, err);
	if (rc <= 0)
		return rc;
	*ret = (struct samples){ .labels = in.labels,
				 .n = in.n_floats,
				 .t = in.t,
				 .v = in.v,
				 .st = f->ev->opts.start_timestamps ? in.st : NULL };
	size_t stale = count_stale(in.v, in.n_floats);
	if (stale && copy_floats(f, &in, in.n_floats - stale, ret))
		return arena_err(&f->cols, err);
	if (in.n_hists)
		rc = copy_hists(f, &in, ret, err);
	return rc < 0 ? rc : 1;
}
