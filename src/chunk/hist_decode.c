#include "chunk/bits.h"
#include "chunk/hist.h"
#include "chunk/st.h"

#include <math.h>

#define HEADER 3

/* One side while it is decoded. Integer: val holds deltas, aux their change; float: val holds bits, aux windows. */
struct side {
	const struct hist_span *spans;
	uint32_t n_spans, n;
	uint64_t *val;
	union {
		int64_t *change;
		struct xor_window *win;
	};
};

/* The state of a decode between samples. */
struct hist_walk {
	struct bitr r;
	bool is_float, has_st;
	uint32_t i, n;
	enum hist_chunk_flag flag;
	int64_t t, t_delta;
	uint64_t count, zero, sum;
	int64_t count_delta, zero_delta;
	struct xor_window count_win, zero_win, sum_win;
	struct side side[2];
	struct st_column st;
	struct histogram layout; /* schema, thresholds, spans, bounds */
	struct arena *a;
};

static int damaged(const struct hist_walk *w, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS, "histogram chunk damaged at sample %u of %u", w->i + 1, w->n);
}

enum hist_chunk_flag hist_chunk_flag(struct chunk c)
{
	bool st = c.enc == CHUNK_HIST_ST || c.enc == CHUNK_FLOAT_HIST_ST;
	size_t at = st ? 0 : 2;
	return c.data.n <= at ? HIST_CHUNK_UNKNOWN : (enum hist_chunk_flag)((uint8_t)c.data.p[at] & 0xC0);
}

/* --- layout ---------------------------------------------------------------------- */

/* Reads a list of spans; its length and the buckets are checked against what the rest of the chunk can hold. */
static int read_spans(struct hist_walk *w, struct side *s, struct err *err)
{
	uint64_t n = bitr_varbit_uint(&w->r);
	if (w->r.bad || n > bitr_left(&w->r) / 2)
		return damaged(w, err);
	struct hist_span *spans = arena_array(w->a, n, sizeof(*spans));
	if (!spans)
		return arena_err(w->a, err);
	uint64_t buckets = 0;
	for (uint64_t i = 0; i < n; i++) {
		spans[i].length = (uint32_t)bitr_varbit_uint(&w->r);
		spans[i].offset = (int32_t)bitr_varbit_int(&w->r);
		buckets += spans[i].length;
	}
	if (w->r.bad || buckets > HIST_BUCKETS_MAX)
		return damaged(w, err);
	s->spans = spans;
	s->n_spans = (uint32_t)n;
	s->n = (uint32_t)buckets;
	s->val = arena_array(w->a, buckets, sizeof(*s->val));
	s->change = arena_array(w->a, buckets, sizeof(*s->change));
	return s->val && s->change ? 0 : arena_err(w->a, err);
}

static double read_threshold(struct bitr *r)
{
	uint64_t b = bitr_get(r, 8);
	if (b == 0)
		return 0;
	return b == 255 ? double_of_bits(bitr_get64(r, 64)) : ldexp(0.5, (int)b - 243);
}

static int read_bounds(struct hist_walk *w, struct err *err)
{
	uint64_t n = bitr_varbit_uint(&w->r);
	if (w->r.bad || n > bitr_left(&w->r) || n > HIST_BUCKETS_MAX)
		return damaged(w, err);
	double *bounds = arena_array(w->a, n, sizeof(*bounds));
	if (!bounds)
		return arena_err(w->a, err);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = bitr_varbit_uint(&w->r);
		bounds[i] = k ? (double)(k - 1) / 1000 : double_of_bits(bitr_get64(&w->r, 64));
	}
	w->layout.bounds = bounds;
	w->layout.n_bounds = (uint32_t)n;
	return 0;
}

static int read_layout(struct hist_walk *w, struct err *err)
{
	struct histogram *l = &w->layout;
	l->is_float = w->is_float;
	l->zero_threshold = read_threshold(&w->r);
	l->schema = (int32_t)bitr_varbit_int(&w->r);
	if (l->schema != HIST_SCHEMA_CUSTOM &&
	    (l->schema < HIST_SCHEMA_RESERVED_MIN || l->schema > HIST_SCHEMA_RESERVED_MAX))
		return err_set(err, ERR_DATA_LOSS, "histogram chunk has unknown schema %d", l->schema);
	int r = read_spans(w, &w->side[0], err);
	if (r == 0)
		r = read_spans(w, &w->side[1], err);
	if (r == 0 && l->schema == HIST_SCHEMA_CUSTOM)
		r = read_bounds(w, err);
	if (r < 0)
		return r;
	l->pos_spans = w->side[0].spans;
	l->n_pos_spans = w->side[0].n_spans;
	l->n_pos = w->side[0].n;
	l->neg_spans = w->side[1].spans;
	l->n_neg_spans = w->side[1].n_spans;
	l->n_neg = w->side[1].n;
	return w->r.bad ? damaged(w, err) : 0;
}

static int walk_init(struct hist_walk *w, struct chunk c, struct arena *a, struct err *err)
{
	if (c.data.n < HEADER)
		return err_set(err, ERR_DATA_LOSS, "histogram chunk of %zu bytes has no header", c.data.n);
	*w = (struct hist_walk){ .r = bitr_of(c.data, HEADER), .a = a };
	w->is_float = c.enc == CHUNK_FLOAT_HIST || c.enc == CHUNK_FLOAT_HIST_ST;
	w->has_st = c.enc == CHUNK_HIST_ST || c.enc == CHUNK_FLOAT_HIST_ST;
	w->n = chunk_samples(c);
	w->flag = hist_chunk_flag(c);
	if (w->has_st)
		w->st = st_column_of((uint8_t)c.data.p[2]);
	return w->n ? read_layout(w, err) : 0;
}

/* --- samples ---------------------------------------------------------------------- */

/* The buckets of the first sample. */
static void first_buckets(struct hist_walk *w, struct side *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->val[i] = w->is_float ? bitr_get64(&w->r, 64) : (uint64_t)bitr_varbit_int(&w->r);
}

/* Takes zero bits, each a number that stays as it was: as many as follow and are in the register, `most` of them. */
static ALWAYS_INLINE uint32_t zero_bits(struct bitr *r, uint32_t most)
{
	uint32_t n = (uint32_t)__builtin_clzll(bitr_peek(r) | 1 << 8);
	n = MIN(n, most);
	bitr_skip(r, n);
	return n;
}

static void next_buckets(struct hist_walk *w, struct side *s)
{
	if (w->is_float) {
		for (uint32_t i = 0; i < s->n; i++)
			s->val[i] = bitr_xor(&w->r, &s->win[i], s->val[i]);
		return;
	}
	int64_t *change = s->change;
	uint64_t *val = s->val;
	for (uint32_t i = 0; i < s->n;) {
		uint32_t same = zero_bits(&w->r, s->n - i);
		for (uint32_t end = i + same; i < end; i++)
			val[i] += (uint64_t)change[i];
		if (i == s->n)
			break;
		change[i] = (int64_t)((uint64_t)change[i] + (uint64_t)bitr_varbit_int(&w->r));
		val[i] += (uint64_t)change[i];
		i++;
	}
}

static void first_sample(struct hist_walk *w)
{
	struct bitr *r = &w->r;
	w->t = bitr_varbit_int(r);
	w->count = w->is_float ? bitr_get64(r, 64) : bitr_varbit_uint(r);
	w->zero = w->is_float ? bitr_get64(r, 64) : bitr_varbit_uint(r);
	w->sum = bitr_get64(r, 64);
}

/* Adds a double delta to a value and its delta. */
static ALWAYS_INLINE void add_dod(struct bitr *r, uint64_t *v, int64_t *delta)
{
	if (!zero_bits(r, 1))
		*delta = (int64_t)((uint64_t)*delta + (uint64_t)bitr_varbit_int(r));
	*v += (uint64_t)*delta;
}

static void next_sample(struct hist_walk *w)
{
	struct bitr *r = &w->r;
	uint64_t t = (uint64_t)w->t;
	add_dod(r, &t, &w->t_delta);
	w->t = (int64_t)t;
	if (w->is_float) {
		w->count = bitr_xor(r, &w->count_win, w->count);
		w->zero = bitr_xor(r, &w->zero_win, w->zero);
	} else {
		add_dod(r, &w->count, &w->count_delta);
		add_dod(r, &w->zero, &w->zero_delta);
	}
	w->sum = bitr_xor(r, &w->sum_win, w->sum);
}

/* Decodes sample number w->i; *ret_st is its start time. DATA_LOSS. */
static int walk_next(struct hist_walk *w, int64_t *ret_st, struct err *err)
{
	int64_t prev_t = w->t;
	if (w->i == 0)
		first_sample(w);
	else
		next_sample(w);
	/* Every bucket takes a bit, so what follows is bounded by the length of the chunk. */
	for (int k = 0; k < 2 && w->sum != STALE_NAN_BITS && !w->r.bad; k++) {
		struct side *s = &w->side[k];
		if (s->n > bitr_left(&w->r))
			return damaged(w, err);
		if (w->i == 0)
			first_buckets(w, s);
		else
			next_buckets(w, s);
	}
	*ret_st = w->has_st ? st_column_next(&w->st, &w->r, w->i, w->t, prev_t) : 0;
	if (w->r.bad)
		return damaged(w, err);
	w->i++;
	return 0;
}

/* The sample just decoded as a value in the arena. */
static int walk_value(const struct hist_walk *w, struct histogram *ret, struct err *err)
{
	if (w->sum == STALE_NAN_BITS) {
		*ret = hist_stale(w->is_float);
		return 0;
	}
	*ret = w->layout;
	ret->count = w->count; /* the union's bits serve both forms */
	ret->zero_count = w->zero;
	ret->sum = double_of_bits(w->sum);
	if (w->flag == HIST_CHUNK_GAUGE)
		ret->hint = HIST_HINT_GAUGE;
	else
		ret->hint = w->i > 1 ? HIST_HINT_NOT_RESET : HIST_HINT_UNKNOWN;
	uint32_t n_pos = w->side[0].n, n_neg = w->side[1].n;
	uint64_t *vals = arena_alloc(w->a, ((size_t)n_pos + n_neg) * sizeof(*vals));
	if (!vals)
		return arena_err(w->a, err);
	if (n_pos)
		memcpy(vals, w->side[0].val, n_pos * sizeof(*vals));
	if (n_neg)
		memcpy(vals + n_pos, w->side[1].val, n_neg * sizeof(*vals));
	ret->pos_deltas = (const int64_t *)vals;
	ret->neg_deltas = (const int64_t *)(vals + n_pos);
	if (ret->schema > HIST_SCHEMA_MAX)
		return hist_reduce_schema(ret, ret, HIST_SCHEMA_MAX, w->a, err);
	return 0;
}

int hist_decode(struct chunk c, int64_t mint, int64_t maxt, struct arena *a, struct chunk_cols *ret, struct err *err)
{
	struct hist_walk w;
	*ret = (struct chunk_cols){ .kind = CHUNK_KIND_HIST };
	int r = walk_init(&w, c, a, err);
	if (r < 0)
		return r;
	/* A sample takes at least 4 bits (time, count, zero count, sum): a header that promises more than the chunk can hold is not believed. */
	uint64_t most = MIN((uint64_t)w.n, bitr_left(&w.r) / 4 + 1);
	ret->t = arena_array(a, most, sizeof(*ret->t));
	ret->h = arena_array(a, most, sizeof(*ret->h));
	if (w.has_st)
		ret->st = arena_array(a, most, sizeof(*ret->st));
	if (!ret->t || !ret->h || (w.has_st && !ret->st))
		return arena_err(a, err);
	while (w.i < w.n) {
		int64_t st = 0;
		r = walk_next(&w, &st, err);
		if (r < 0)
			return r;
		if (w.t > maxt)
			break;
		if (w.t < mint)
			continue;
		if (ret->n >= most)
			return damaged(&w, err);
		ret->t[ret->n] = w.t;
		if (ret->st)
			ret->st[ret->n] = st;
		r = walk_value(&w, &ret->h[ret->n], err);
		if (r < 0)
			return r;
		ret->n++;
	}
	return 0;
}
