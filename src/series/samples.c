#include "series/samples.h"

#include "chunk/aggr.h"
#include "chunk/xor.h"

#include <math.h>
#include <string.h>

enum series_pick series_pick_of(struct str f)
{
	if (str_eq(f, STR("min")) || str_has_prefix(f, STR("min_")))
		return SERIES_PICK_MIN;
	if (str_eq(f, STR("max")) || str_has_prefix(f, STR("max_")))
		return SERIES_PICK_MAX;
	if (str_eq(f, STR("count")) || str_has_prefix(f, STR("count_")))
		return SERIES_PICK_COUNT;
	/* The aggregation "sum" wants the samples themselves, so averages. */
	if (str_has_prefix(f, STR("sum_")))
		return SERIES_PICK_SUM;
	static const char *const counters[] = { "increase", "rate", "irate", "resets", "xincrease", "xrate" };
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		if (str_eq_c(f, counters[i]))
			return SERIES_PICK_COUNTER;
	return SERIES_PICK_AVG;
}

/* The part of a downsampled chunk that a pick other than AVG reads. */
static enum series_aggr part_of(enum series_pick p)
{
	static const enum series_aggr parts[] = {
		[SERIES_PICK_AVG] = SERIES_RAW, [SERIES_PICK_COUNT] = SERIES_COUNT,
		[SERIES_PICK_SUM] = SERIES_SUM, [SERIES_PICK_MIN] = SERIES_MIN,
		[SERIES_PICK_MAX] = SERIES_MAX, [SERIES_PICK_COUNTER] = SERIES_COUNTER,
	};
	return parts[p];
}

size_t series_pick_aggrs(enum series_pick p, enum series_aggr ret[2])
{
	if (p != SERIES_PICK_AVG) {
		ret[0] = part_of(p);
		return 1;
	}
	ret[0] = SERIES_COUNT;
	ret[1] = SERIES_SUM;
	return 2;
}

/* Where decoded samples go; the arrays have room for all. */
struct sink {
	struct series_samples *out;
	struct arena *a;
	size_t cap;
	int64_t mint, maxt;
	int64_t last_t; /* time of the last sample kept */
	bool any;       /* last_t holds */
	struct aggr_counter counter;
};

static int make_hists(struct sink *s, struct err *err)
{
	if (s->out->h)
		return 0;
	s->out->h = arena_array(s->a, s->cap, sizeof(*s->out->h));
	return s->out->h ? 0 : arena_err(s->a, err);
}

static bool ascending(const int64_t *t, size_t n)
{
	bool ok = true;
	for (size_t i = 1; i < n; i++)
		ok &= t[i - 1] < t[i];
	return ok;
}

/* Keeps the part of [from, n), all of which goes forward, that lies between mint and maxt. */
static void keep_range(struct sink *s, size_t from, size_t n)
{
	struct series_samples *o = s->out;
	size_t lo = from, hi = n;
	s->any = true;
	s->last_t = o->t[n - 1];
	while (lo < hi && o->t[lo] < s->mint)
		lo++;
	while (hi > lo && o->t[hi - 1] > s->maxt)
		hi--;
	o->n = from + hi - lo;
	if (lo == from)
		return;
	memmove(o->t + from, o->t + lo, (hi - lo) * sizeof(*o->t));
	memmove(o->v + from, o->v + lo, (hi - lo) * sizeof(*o->v));
	if (o->h)
		memmove(o->h + from, o->h + lo, (hi - lo) * sizeof(*o->h));
}

/* Drops from [from, n) what does not go forward in time or lies outside of mint and maxt. */
static void keep_forward(struct sink *s, size_t from, size_t n)
{
	struct series_samples *o = s->out;
	size_t kept = from;
	if (n > from && (!s->any || o->t[from] > s->last_t) && ascending(o->t + from, n - from)) {
		keep_range(s, from, n);
		return;
	}
	for (size_t i = from; i < n; i++) {
		if (s->any && o->t[i] <= s->last_t)
			continue;
		s->any = true;
		s->last_t = o->t[i];
		if (o->t[i] < s->mint || o->t[i] > s->maxt)
			continue;
		o->t[kept] = o->t[i];
		o->v[kept] = o->v[i];
		if (o->h)
			o->h[kept] = o->h[i];
		kept++;
	}
	o->n = kept;
}

/* Adds decoded columns. */
static int add_cols(struct sink *s, const struct chunk_cols *c, struct err *err)
{
	struct series_samples *o = s->out;
	size_t from = o->n;
	if (c->n > s->cap - from)
		return err_set(err, ERR_DATA_LOSS, "a chunk holds more samples than it says");
	if (c->kind == CHUNK_KIND_HIST) {
		int rc = make_hists(s, err);
		if (rc != 0)
			return rc;
	}
	if (c->n)
		memcpy(o->t + from, c->t, c->n * sizeof(*c->t));
	for (size_t i = 0; i < c->n; i++) {
		o->v[from + i] = c->kind == CHUNK_KIND_HIST ? 0 : c->v[i];
		if (o->h)
			o->h[from + i] = c->kind == CHUNK_KIND_HIST ? &c->h[i] : NULL;
	}
	keep_forward(s, from, from + c->n);
	return 0;
}

/* Raw floats, the common case, are decoded where they belong; all of a chunk that is said to end before maxt. */
static int add_xor(struct sink *s, struct str data, int64_t chunk_maxt, struct err *err)
{
	struct series_samples *o = s->out;
	size_t n, from = o->n;
	if (xor_samples(data) > s->cap - from)
		return err_set(err, ERR_DATA_LOSS, "a chunk holds more samples than it says");
	int rc = chunk_maxt <= s->maxt ? xor_decode(data, o->t + from, o->v + from, &n, err)
				       : xor_decode_range(data, INT64_MIN, s->maxt, o->t + from, o->v + from, &n, err);
	if (rc != 0)
		return rc;
	if (o->h && n)
		memset(o->h + from, 0, n * sizeof(*o->h));
	keep_forward(s, from, from + n);
	return 0;
}

static int add_chunk(struct sink *s, struct chunk c, int64_t chunk_maxt, struct err *err)
{
	if (c.enc == CHUNK_XOR)
		return add_xor(s, c.data, chunk_maxt, err);
	struct chunk_cols cols = { 0 };
	int rc = chunk_decode_range(c, INT64_MIN, s->maxt, s->a, &cols, err);
	return rc != 0 ? rc : add_cols(s, &cols, err);
}

/* `n` values divided by `by`, as a copy: decoded columns are not written to. */
static const double *divided(const double *v, size_t n, double by, struct arena *a)
{
	double *q = arena_alloc(a, n * sizeof(*q));
	for (size_t i = 0; q && i < n; i++)
		q[i] = v[i] / by;
	return q;
}

/* A float histogram divided by a number (FloatHistogram.Div): division by zero leaves no buckets. */
static int divide_hist(struct histogram *h, double by, struct arena *a, struct err *err)
{
	h->count_f /= by;
	h->zero_count_f /= by;
	h->sum /= by;
	if (by == 0)
		h->n_pos = h->n_neg = h->n_pos_spans = h->n_neg_spans = 0;
	h->pos_counts = divided(h->pos_counts, h->n_pos, by, a);
	h->neg_counts = divided(h->neg_counts, h->n_neg, by, a);
	return h->pos_counts && h->neg_counts ? 0 : arena_err(a, err);
}

/* Sum / count of a downsampled chunk, window by window. */
static int add_average(struct sink *s, const struct series_chunk *c, struct err *err)
{
	struct chunk_cols cnt = { 0 }, sum = { 0 };
	int rc = chunk_decode(c->part[SERIES_COUNT].chunk, s->a, &cnt, err);
	if (rc == 0)
		rc = chunk_decode(c->part[SERIES_SUM].chunk, s->a, &sum, err);
	if (rc != 0)
		return rc;
	if (cnt.n != sum.n || cnt.kind != CHUNK_KIND_FLOAT)
		return err_set(err, ERR_DATA_LOSS, "sum and count iterator not aligned");
	for (size_t i = 0; i < sum.n; i++) {
		if (cnt.t[i] != sum.t[i])
			return err_set(err, ERR_DATA_LOSS, "sum and count timestamps not aligned");
		if (sum.kind == CHUNK_KIND_FLOAT)
			sum.v[i] /= cnt.v[i];
		else if ((rc = divide_hist(&sum.h[i], cnt.v[i], s->a, err)) != 0)
			return rc;
	}
	return add_cols(s, &sum, err);
}

/* Counter chunks go through the reset iterator, whose state runs on from chunk to chunk. */
static int add_counter(struct sink *s, struct chunk c, struct err *err)
{
	struct chunk_cols cols = { 0 };
	int rc = chunk_decode(c, s->a, &cols, err);
	if (rc != 0 || cols.kind != CHUNK_KIND_FLOAT)
		return rc != 0 ? rc : add_cols(s, &cols, err);
	cols.n = aggr_counter_apply(&s->counter, cols.t, cols.v, cols.n, cols.t, cols.v);
	return add_cols(s, &cols, err);
}

static int add(struct sink *s, const struct series_chunk *c, enum series_pick pick, bool resets_out, struct err *err)
{
	const struct chunk *raw = &c->part[SERIES_RAW].chunk;
	const struct chunk *aggr = &c->part[part_of(pick)].chunk;
	if (pick == SERIES_PICK_AVG)
		return raw->enc != CHUNK_NONE ? add_chunk(s, *raw, c->maxt, err) : add_average(s, c, err);
	if (aggr->enc == CHUNK_NONE)
		aggr = raw;
	if (aggr->enc == CHUNK_NONE)
		return err_set(err, ERR_DATA_LOSS, "no valid chunk found");
	if (pick == SERIES_PICK_COUNTER && (resets_out || aggr != raw))
		return add_counter(s, *aggr, err);
	return add_chunk(s, *aggr, c->maxt, err);
}

/* Most samples that any part of the chunks holds, added up. */
static size_t count_samples(const struct series_chunk *chunks, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t most = 0;
		for (int p = 0; p < SERIES_AGGRS; p++)
			if (chunks[i].part[p].chunk.enc != CHUNK_NONE)
				most = MAX(most, chunk_samples(chunks[i].part[p].chunk));
		total += most;
	}
	return total;
}

int series_samples_decode(const struct series_chunk *chunks, size_t n, enum series_pick pick, bool resets_out,
			  int64_t mint, int64_t maxt, struct arena *a, struct series_samples *ret, struct err *err)
{
	*ret = (struct series_samples){ 0 };
	struct sink s = { .out = ret, .a = a, .cap = count_samples(chunks, n), .mint = mint, .maxt = maxt };
	ret->t = arena_alloc(a, s.cap * sizeof(*ret->t));
	ret->v = arena_alloc(a, s.cap * sizeof(*ret->v));
	if (!ret->t || !ret->v)
		return arena_err(a, err);
	/* One kind of treatment for the whole series: a downsampled counter chunk makes all of them totals. */
	for (size_t i = 0; i < n && pick == SERIES_PICK_COUNTER; i++)
		resets_out |= chunks[i].part[SERIES_COUNTER].chunk.enc != CHUNK_NONE;
	for (size_t i = 0; i < n; i++) {
		/* Downsampled counter chunks begin with a raw sample that lies before their mint. */
		if (chunks[i].mint > maxt && !resets_out)
			break;
		int rc = add(&s, &chunks[i], pick, resets_out, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
