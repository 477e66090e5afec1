#include "series/dedup.h"

#include <string.h>

#define INITIAL_PENALTY_MS 5000

bool dedup_func_parse(const char *s, enum dedup_func *ret)
{
	*ret = strcmp(s, "chain") == 0 ? DEDUP_CHAIN : DEDUP_PENALTY;
	return *ret == DEDUP_CHAIN || strcmp(s, "penalty") == 0;
}

bool dedup_is_counter(struct str f)
{
	return str_eq_c(f, "increase") || str_eq_c(f, "rate") || str_eq_c(f, "irate") || str_eq_c(f, "resets");
}

/* --- splitting ---------------------------------------------------------------- */

size_t dedup_split_overlaps(const struct series_chunk *chunks, size_t n, struct arena *a, uint32_t *list)
{
	int64_t *end = n ? arena_alloc(a, n * sizeof(*end)) : NULL; /* last maxt of each list */
	size_t lists = 0;
	for (size_t i = 0; i < n && end; i++) {
		size_t at = 0;
		while (at < lists && end[at] >= chunks[i].mint)
			at++;
		if (at == lists)
			lists++;
		end[at] = chunks[i].maxt;
		list[i] = (uint32_t)at;
	}
	return lists;
}

/* --- penalty ------------------------------------------------------------------- */

/*
 * The state of one iterator of upstream's: a replica's samples, or the fold
 * of two iterators. What it stands at is in t, v, h; ended means there is
 * nothing more.
 */
struct side {
	/* of a replica */
	const struct series_samples *s;
	size_t i;
	double lift; /* errAdjust: what counters were lifted by */
	/* of a fold */
	struct side *a, *b;
	bool use_a;
	int64_t last_t;
	uint64_t pen_a, pen_b; /* two's complement: sums wrap as in Go */
	/* of both */
	bool counter;
	bool ended;
};

static const struct side *leaf_at(const struct side *d)
{
	while (!d->s)
		d = d->use_a ? d->a : d->b;
	return d;
}

/* Time of the sample it stands at. */
static int64_t side_t(const struct side *d)
{
	const struct side *l = leaf_at(d);
	return l->s->t[l->i];
}

static bool side_is_float(const struct side *d)
{
	const struct side *l = leaf_at(d);
	return !l->s->h || !l->s->h[l->i];
}

/* Value of the sample it stands at, with what every level above the replica added. */
static double side_v(const struct side *d)
{
	/* No sum where nothing is lifted: adding zero would turn a staleness marker into another NaN. */
	if (d->s)
		return d->counter ? d->s->v[d->i] + d->lift : d->s->v[d->i];
	return side_v(d->use_a ? d->a : d->b);
}

static bool side_next(struct side *d);

/* Goes on to the first sample at or after t, which may be the present one. */
static void side_seek(struct side *d, int64_t t)
{
	if (d->s) {
		while (!d->ended && d->s->t[d->i] < t)
			d->ended = ++d->i >= d->s->n;
		return;
	}
	while (!d->ended && side_t(d) < t)
		side_next(d);
}

/* adjustAtValue: lifts a counter that stands lower than the value seen last. */
static void lift(struct side *d, double last)
{
	if (!d->s) {
		if (!d->a->ended && side_is_float(d->a))
			lift(d->a, last);
		if (!d->b->ended && side_is_float(d->b))
			lift(d->b, last);
		return;
	}
	double v = side_v(d);
	if (d->counter && last > v)
		d->lift += last - v;
}

/* The penalty for the side not picked: twice the distance of the last two samples. */
static uint64_t penalty(const struct side *d, int64_t t)
{
	if (d->last_t == INT64_MIN)
		return INITIAL_PENALTY_MS;
	return 2 * ((uint64_t)t - (uint64_t)d->last_t);
}

static void pick(struct side *d, bool a, uint64_t pen_other)
{
	int64_t t = side_t(a ? d->a : d->b);
	d->use_a = a;
	d->pen_a = a ? 0 : pen_other;
	d->pen_b = a ? pen_other : 0;
	d->last_t = t;
}

/* Picks a side after both have been moved on; false when both have ended. */
static bool choose(struct side *d)
{
	if (d->a->ended && d->b->ended) {
		d->use_a = false;
		d->ended = true;
		return false;
	}
	/* With one side ended the other's penalty is dropped and the ended one's does not matter. */
	if (d->a->ended || d->b->ended) {
		pick(d, d->b->ended, d->b->ended ? d->pen_b : d->pen_a);
		return true;
	}
	int64_t ta = side_t(d->a), tb = side_t(d->b);
	pick(d, ta <= tb, penalty(d, ta <= tb ? ta : tb));
	return true;
}

/* dedupSeriesIterator.Next. */
static bool side_next(struct side *d)
{
	if (d->s) {
		d->ended = ++d->i >= d->s->n;
		return !d->ended;
	}
	struct side *cur = d->use_a ? d->a : d->b;
	bool had_float = !cur->ended && side_is_float(cur);
	double last = had_float ? side_v(cur) : 0;
	bool used_a = d->use_a;
	if (!d->a->ended)
		side_seek(d->a, (int64_t)((uint64_t)d->last_t + 1 + d->pen_a));
	if (!d->b->ended)
		side_seek(d->b, (int64_t)((uint64_t)d->last_t + 1 + d->pen_b));
	bool more = choose(d);
	if (d->use_a != used_a && had_float)
		lift(d, last);
	return more;
}

/* newDedupSeriesIterator: both sides stand at their first sample. */
static void fold_init(struct side *d, struct side *a, struct side *b)
{
	*d = (struct side){ .a = a, .b = b, .use_a = true, .last_t = INT64_MIN };
	if (!a->s)
		side_next(a);
}

static int alloc_out(struct arena *a, size_t n, bool hists, struct series_samples *ret, struct err *err)
{
	*ret = (struct series_samples){ 0 };
	ret->t = arena_alloc(a, n * sizeof(*ret->t));
	ret->v = arena_alloc(a, n * sizeof(*ret->v));
	if (hists)
		ret->h = arena_array(a, n, sizeof(*ret->h));
	return ret->t && ret->v && (!hists || ret->h) ? 0 : arena_err(a, err);
}

static void put(struct series_samples *o, int64_t t, double v, const struct histogram *h)
{
	o->t[o->n] = t;
	o->v[o->n] = v;
	if (o->h)
		o->h[o->n] = h;
	o->n++;
}

static int merge_penalty(const struct series_samples *r, size_t n, bool counter, struct arena *a,
			 struct series_samples *ret, struct err *err)
{
	struct side *sides = arena_array(a, 2 * n, sizeof(*sides));
	if (!sides)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++)
		sides[i] = (struct side){ .s = &r[i], .counter = counter, .ended = r[i].n == 0 };
	struct side *top = &sides[0];
	for (size_t i = 1; i < n; i++) {
		fold_init(&sides[n + i], top, &sides[i]);
		top = &sides[n + i];
	}
	while (side_next(top)) {
		const struct side *l = leaf_at(top);
		put(ret, side_t(top), side_v(top), l->s->h ? l->s->h[l->i] : NULL);
	}
	return 0;
}

/* --- chain ----------------------------------------------------------------------- */

/* A heap of replicas by the time they stand at, moving as Go's container/heap so that ties fall the same way. */
struct heap {
	const struct series_samples *r;
	size_t *at; /* position in each replica */
	size_t *h;  /* replicas */
	size_t n;
};

static bool heap_less(const struct heap *q, size_t i, size_t j)
{
	size_t a = q->h[i], b = q->h[j];
	return q->r[a].t[q->at[a]] < q->r[b].t[q->at[b]];
}

static void heap_swap(struct heap *q, size_t i, size_t j)
{
	size_t x = q->h[i];
	q->h[i] = q->h[j];
	q->h[j] = x;
}

static void heap_push(struct heap *q, size_t replica)
{
	size_t j = q->n++;
	q->h[j] = replica;
	while (j > 0 && heap_less(q, j, (j - 1) / 2)) {
		heap_swap(q, j, (j - 1) / 2);
		j = (j - 1) / 2;
	}
}

static size_t heap_pop(struct heap *q)
{
	heap_swap(q, 0, q->n - 1);
	size_t n = --q->n, i = 0;
	for (;;) {
		size_t j = 2 * i + 1;
		if (j >= n)
			break;
		if (j + 1 < n && heap_less(q, j + 1, j))
			j++;
		if (!heap_less(q, j, i))
			break;
		heap_swap(q, i, j);
		i = j;
	}
	return q->h[n];
}

/* A histogram that does not directly follow the one before it in its replica may hide a reset between. */
static const struct histogram *unsure(const struct histogram *h, struct arena *a)
{
	if (!h || h->hint == HIST_HINT_GAUGE || h->hint == HIST_HINT_UNKNOWN)
		return h;
	struct histogram *c = arena_alloc(a, sizeof(*c));
	if (!c)
		return NULL;
	*c = *h;
	c->hint = HIST_HINT_UNKNOWN;
	return c;
}

static int take(struct series_samples *o, const struct series_samples *r, size_t i, bool consecutive, struct arena *a,
		struct err *err)
{
	const struct histogram *h = r->h ? r->h[i] : NULL;
	if (h && !consecutive && !(h = unsure(h, a)))
		return arena_err(a, err);
	put(o, r->t[i], r->v[i], h);
	return 0;
}

/* chainSampleIterator.Next over and over. */
static int merge_chain(const struct series_samples *r, size_t n, struct arena *a, struct series_samples *ret,
		       struct err *err)
{
	struct heap q = { .r = r, .at = arena_array(a, n, sizeof(size_t)), .h = arena_array(a, n, sizeof(size_t)) };
	if (!q.at || !q.h)
		return arena_err(a, err);
	for (size_t i = 1; i < n; i++)
		if (r[i].n)
			heap_push(&q, i);
	size_t cur = 0;
	bool fresh = true; /* the current replica's sample at its position was not looked at yet */
	bool changed = true;
	while (true) {
		bool has = fresh ? q.at[cur] < r[cur].n : ++q.at[cur] < r[cur].n;
		fresh = false;
		int64_t t = has ? r[cur].t[q.at[cur]] : 0;
		if (has && ret->n && t == ret->t[ret->n - 1])
			continue;
		bool stay = has && (q.n == 0 || t < r[q.h[0]].t[q.at[q.h[0]]]);
		if (!stay) {
			if (has)
				heap_push(&q, cur);
			if (q.n == 0)
				return 0;
			cur = heap_pop(&q);
			changed = true;
			t = r[cur].t[q.at[cur]];
			if (ret->n && t == ret->t[ret->n - 1])
				continue;
		}
		int rc = take(ret, &r[cur], q.at[cur], !changed, a, err);
		if (rc != 0)
			return rc;
		changed = false;
	}
}

int dedup_merge(const struct series_samples *replicas, size_t n, enum dedup_func func, bool counter, struct arena *a,
		struct series_samples *ret, struct err *err)
{
	if (n == 1) {
		*ret = replicas[0];
		return 0;
	}
	size_t total = 0;
	bool hists = false;
	for (size_t i = 0; i < n; i++) {
		total += replicas[i].n;
		hists |= replicas[i].h != NULL;
	}
	int rc = alloc_out(a, total, hists, ret, err);
	if (rc != 0)
		return rc;
	return func == DEDUP_CHAIN ? merge_chain(replicas, n, a, ret, err)
				   : merge_penalty(replicas, n, counter, a, ret, err);
}
