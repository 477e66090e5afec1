#include "chunk/histogram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RANGE_WORDS "which must be between -4 and 8 for exponential buckets, or -53 for custom buckets"

struct histogram hist_stale(bool is_float)
{
	return (struct histogram){ .is_float = is_float, .sum = double_of_bits(STALE_NAN_BITS) };
}

/* Sum of the lengths of `n` spans: the number of buckets they describe. Cannot overflow. */
static uint64_t hist_spans_buckets(const struct hist_span *spans, uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += spans[i].length;
	return sum;
}

/* --- validation ------------------------------------------------------------- */

/* A float in an error message: the fewest digits that read back the same. */
static const char *show(double v, char buf[32])
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(buf, 32, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	return buf;
}

static int check_span_sum(uint64_t want, uint32_t have, struct err *err)
{
	if (want == have)
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT,
		       "spans need %llu buckets, have %u buckets: histogram spans specify "
		       "different number of buckets than provided",
		       (unsigned long long)want, have);
}

/* Offsets of the spans from number `from` on must not be negative. */
static int check_offsets(const struct hist_span *spans, uint32_t n, uint32_t from, struct err *err)
{
	for (uint32_t i = from; i < n; i++) {
		if (spans[i].offset < 0)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "span number %u with offset %d: histogram has a span whose "
				       "offset is negative",
				       i + 1, spans[i].offset);
	}
	return 0;
}

static int check_spans(const struct hist_span *spans, uint32_t n, uint32_t n_buckets, struct err *err)
{
	int r = check_offsets(spans, n, 1, err);
	return r < 0 ? r : check_span_sum(hist_spans_buckets(spans, n), n_buckets, err);
}

static int check_deltas(const int64_t *deltas, uint32_t n, uint64_t *sum, struct err *err)
{
	uint64_t c = 0;
	for (uint32_t i = 0; i < n; i++) {
		c += (uint64_t)deltas[i];
		if ((int64_t)c < 0)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "bucket number %u has observation count of %lld: histogram "
				       "has a bucket whose observation count is negative",
				       i + 1, (long long)c);
		*sum += c;
	}
	return 0;
}

static int check_counts(const double *counts, uint32_t n, struct err *err)
{
	char buf[32];
	for (uint32_t i = 0; i < n; i++) {
		if (counts[i] < 0)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "bucket number %u has observation count of %s: histogram "
				       "has a bucket whose observation count is negative",
				       i + 1, show(counts[i], buf));
	}
	return 0;
}

static int check_bounds(const double *bounds, uint32_t n, struct err *err)
{
	for (uint32_t i = 0; i < n; i++) {
		if (isnan(bounds[i]))
			return err_set(err, ERR_INVALID_ARGUMENT, "histogram custom bounds must not be NaN");
		if (i > 0 && bounds[i] <= bounds[i - 1])
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "previous bound is %f and current is %f: histogram custom "
				       "bounds must be in strictly increasing order",
				       bounds[i - 1], bounds[i]);
	}
	if (n > 0 && isinf(bounds[n - 1]) && bounds[n - 1] > 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "last +Inf bound must not be explicitly defined: histogram custom "
			       "bounds must be finite");
	return 0;
}

static int check_custom_layout(const struct histogram *h, struct err *err)
{
	int r = check_bounds(h->bounds, h->n_bounds, err);
	if (r == 0)
		r = check_offsets(h->pos_spans, h->n_pos_spans, 0, err);
	if (r == 0)
		r = check_span_sum(hist_spans_buckets(h->pos_spans, h->n_pos_spans), h->n_pos, err);
	if (r < 0)
		return r;
	uint64_t total = h->n_pos;
	for (uint32_t i = 0; i < h->n_pos_spans; i++)
		total += (uint64_t)h->pos_spans[i].offset;
	if ((uint64_t)h->n_bounds + 1 < total)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "only %u custom bounds defined which is insufficient to cover total "
			       "span length of %llu: histogram custom bounds are too few",
			       h->n_bounds, (unsigned long long)total);
	return 0;
}

static int check_custom(const struct histogram *h, struct err *err)
{
	int r = check_custom_layout(h, err);
	if (r < 0)
		return err_prefix(err, "custom buckets");
	const char *what = NULL;
	if (h->is_float ? h->zero_count_f != 0 : h->zero_count != 0)
		what = "must have zero count of 0";
	else if (h->zero_threshold != 0)
		what = "must have zero threshold of 0";
	else if (h->n_neg_spans > 0)
		what = "must not have negative spans";
	else if (h->n_neg > 0)
		what = "must not have negative buckets";
	return what ? err_set(err, ERR_INVALID_ARGUMENT, "custom buckets: %s", what) : 0;
}

static int check_buckets(const struct histogram *h, bool neg, uint64_t *sum, struct err *err)
{
	int r;
	if (h->is_float)
		r = neg ? check_counts(h->neg_counts, h->n_neg, err) : check_counts(h->pos_counts, h->n_pos, err);
	else
		r = neg ? check_deltas(h->neg_deltas, h->n_neg, sum, err)
			: check_deltas(h->pos_deltas, h->n_pos, sum, err);
	return r < 0 ? err_prefix(err, neg ? "negative side" : "positive side") : 0;
}

static int check_exponential(const struct histogram *h, uint64_t *sum, struct err *err)
{
	int r = check_spans(h->pos_spans, h->n_pos_spans, h->n_pos, err);
	if (r < 0)
		return err_prefix(err, "positive side");
	r = check_spans(h->neg_spans, h->n_neg_spans, h->n_neg, err);
	if (r < 0)
		return err_prefix(err, "negative side");
	r = check_buckets(h, true, sum, err);
	if (r < 0)
		return r;
	char buf[32];
	if (h->is_float && h->zero_count_f < 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "zero bucket has observation count of %s: histogram has a bucket "
			       "whose observation count is negative",
			       show(h->zero_count_f, buf));
	if (h->n_bounds > 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "histogram with exponential schema must not have custom bounds");
	return 0;
}

/* The buckets of an integer histogram must add up to its count; with a NaN sum they may be fewer. */
static int check_count(const struct histogram *h, uint64_t sum, struct err *err)
{
	sum += h->zero_count;
	const char *what;
	if (isnan(h->sum) ? sum <= h->count : sum == h->count)
		return 0;
	if (isnan(h->sum))
		what = "histogram's observation count should be at least the number of "
		       "observations found in the buckets";
	else
		what = "histogram's observation count should equal the number of observations "
		       "found in the buckets (in absence of NaN)";
	return err_set(err, ERR_INVALID_ARGUMENT, "%llu observations found in buckets, but the Count field is %llu: %s",
		       (unsigned long long)sum, (unsigned long long)h->count, what);
}

int hist_validate(const struct histogram *h, struct err *err)
{
	uint64_t sum = 0;
	int r;
	if (hist_is_custom(h))
		r = check_custom(h, err);
	else if (h->schema >= HIST_SCHEMA_MIN && h->schema <= HIST_SCHEMA_MAX)
		r = check_exponential(h, &sum, err);
	else
		r = err_set(err, ERR_INVALID_ARGUMENT,
			    "histogram has an invalid schema, " RANGE_WORDS ", got schema %d", h->schema);
	if (r < 0)
		return r;
	char buf[32];
	if (h->is_float && h->count_f < 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "observation count is  %s: histogram's observation count is negative",
			       show(h->count_f, buf));
	r = check_buckets(h, false, &sum, err);
	return r < 0 || h->is_float ? r : check_count(h, sum, err);
}

/* --- copies ------------------------------------------------------------------ */

/* A copy of n elements; NULL with *ok false when over budget. n == 0 gives NULL. */
static const void *dup(struct arena *a, const void *p, size_t n, size_t size, bool *ok)
{
	if (n == 0)
		return NULL;
	void *copy = arena_memdup(a, p, n * size);
	*ok &= copy != NULL;
	return copy;
}

int hist_copy(struct histogram *ret, const struct histogram *src, struct arena *a, struct err *err)
{
	bool ok = true;
	struct histogram h = *src;
	h.pos_spans = dup(a, src->pos_spans, src->n_pos_spans, sizeof(*src->pos_spans), &ok);
	h.neg_spans = dup(a, src->neg_spans, src->n_neg_spans, sizeof(*src->neg_spans), &ok);
	h.pos_deltas = dup(a, src->pos_deltas, src->n_pos, sizeof(*src->pos_deltas), &ok);
	h.neg_deltas = dup(a, src->neg_deltas, src->n_neg, sizeof(*src->neg_deltas), &ok);
	h.bounds = dup(a, src->bounds, src->n_bounds, sizeof(*src->bounds), &ok);
	if (!ok)
		return arena_err(a, err);
	*ret = h;
	return 0;
}

/* Sums up deltas into float counts; NULL with *ok false when over budget. */
static const double *absolute(struct arena *a, const int64_t *deltas, uint32_t n, bool *ok)
{
	if (n == 0)
		return NULL;
	double *counts = arena_alloc(a, n * sizeof(*counts));
	*ok &= counts != NULL;
	if (!counts)
		return NULL;
	double c = 0;
	for (uint32_t i = 0; i < n; i++) {
		c += (double)deltas[i]; /* summed as doubles, as Prometheus does: matters above 2^53 */
		counts[i] = c;
	}
	return counts;
}

int hist_to_float(struct histogram *ret, const struct histogram *src, struct arena *a, struct err *err)
{
	struct histogram h = *src;
	if (!src->is_float) {
		bool ok = true;
		h.is_float = true;
		h.count_f = (double)src->count;
		h.zero_count_f = (double)src->zero_count;
		h.pos_counts = absolute(a, src->pos_deltas, src->n_pos, &ok);
		h.neg_counts = absolute(a, src->neg_deltas, src->n_neg, &ok);
		if (!ok)
			return arena_err(a, err);
	}
	*ret = h;
	return 0;
}

/* --- spans --------------------------------------------------------------------- */

/* Whether two span lists cover the same bucket indexes, whatever their partition. */
static bool hist_spans_equal(const struct hist_span *a, uint32_t n_a, const struct hist_span *b, uint32_t n_b)
{
	if (n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0))
		return true;
	if (hist_spans_buckets(a, n_a) != hist_spans_buckets(b, n_b))
		return false;
	struct hist_span_walk wa = hist_span_walk_of(a, n_a), wb = hist_span_walk_of(b, n_b);
	int64_t ia, ib;
	while (hist_span_walk_next(&wa, &ia)) {
		if (!hist_span_walk_next(&wb, &ib) || ia != ib)
			return false;
	}
	return true;
}

static bool same_bits(const void *a, const void *b, uint32_t n)
{
	return n == 0 || memcmp(a, b, n * sizeof(uint64_t)) == 0;
}

bool hist_equal(const struct histogram *a, const struct histogram *b)
{
	if (a->is_float != b->is_float)
		return false;
	if (hist_is_stale(a) || hist_is_stale(b))
		return hist_is_stale(a) && hist_is_stale(b);
	/* The unions are 8 bytes of bits in both forms. */
	return a->schema == b->schema && a->count == b->count && a->zero_count == b->zero_count &&
	       double_bits(a->sum) == double_bits(b->sum) && a->zero_threshold == b->zero_threshold &&
	       a->n_pos == b->n_pos && a->n_neg == b->n_neg && a->n_bounds == b->n_bounds &&
	       same_bits(a->bounds, b->bounds, a->n_bounds) && same_bits(a->pos_deltas, b->pos_deltas, a->n_pos) &&
	       same_bits(a->neg_deltas, b->neg_deltas, a->n_neg) &&
	       hist_spans_equal(a->pos_spans, a->n_pos_spans, b->pos_spans, b->n_pos_spans) &&
	       hist_spans_equal(a->neg_spans, a->n_neg_spans, b->neg_spans, b->n_neg_spans);
}

/* --- compaction ------------------------------------------------------------------ */

/* One side of a histogram; counts hold deltas or doubles, both of 64 bits. */
struct side {
	const struct hist_span *spans;
	const uint64_t *counts;
	uint32_t n_spans, n;
};

/* The result of a compaction being built. */
struct compacted {
	struct hist_span *spans;
	uint64_t *counts;
	uint32_t n_spans, n;
	int64_t end;   /* index after the last bucket */
	uint64_t last; /* absolute integer count of the last bucket */
};

/* Gives a histogram the buckets that were built. */
static void set_sides(struct histogram *h, const struct compacted *pos, const struct compacted *neg)
{
	h->pos_spans = pos->spans;
	h->n_pos_spans = pos->n_spans;
	h->pos_deltas = (const int64_t *)pos->counts;
	h->n_pos = pos->n;
	h->neg_spans = neg->spans;
	h->n_neg_spans = neg->n_spans;
	h->neg_deltas = (const int64_t *)neg->counts;
	h->n_neg = neg->n;
}

static void compacted_add(struct compacted *c, bool is_float, uint64_t count)
{
	c->counts[c->n++] = is_float ? count : count - c->last;
	c->last = count;
	c->spans[c->n_spans - 1].length++;
	c->end++;
}

/* Adds each bucket that is not empty, in the run before it when the gap may be filled. */
static void compact_side(const struct side *s, bool is_float, uint32_t max_empty, struct compacted *c)
{
	struct hist_span_walk w = hist_span_walk_of(s->spans, s->n_spans);
	uint64_t abs = 0;
	int64_t idx;
	for (uint32_t i = 0; i < s->n && hist_span_walk_next(&w, &idx); i++) {
		abs = is_float ? s->counts[i] : abs + s->counts[i];
		if (is_float ? double_of_bits(abs) == 0 : abs == 0)
			continue;
		if (c->n_spans == 0 || idx - c->end > (int64_t)max_empty) {
			c->spans[c->n_spans++] = (struct hist_span){ (int32_t)(idx - c->end), 0 };
		} else {
			for (int64_t gap = idx - c->end; gap > 0; gap--)
				compacted_add(c, is_float, 0);
		}
		c->end = idx;
		compacted_add(c, is_float, abs);
	}
}

/* Upper bound of the buckets after compaction: each kept one plus max_empty before it, within what the spans cover. */
static bool compact_alloc(const struct side *s, uint32_t max_empty, struct arena *a, struct compacted *c)
{
	uint64_t most = (uint64_t)s->n * ((uint64_t)max_empty + 1);
	uint64_t covered = s->n;
	for (uint32_t i = 1; i < s->n_spans; i++)
		covered += s->spans[i].offset > 0 ? (uint64_t)s->spans[i].offset : 0;
	*c = (struct compacted){ 0 };
	if (s->n == 0)
		return true;
	c->counts = arena_array(a, MIN(most, covered), sizeof(*c->counts));
	c->spans = arena_array(a, s->n, sizeof(*c->spans));
	return c->counts && c->spans;
}

int hist_compact(struct histogram *ret, const struct histogram *src, uint32_t max_empty, struct arena *a,
		 struct err *err)
{
	struct side pos = { src->pos_spans, (const uint64_t *)src->pos_deltas, src->n_pos_spans, src->n_pos };
	struct side neg = { src->neg_spans, (const uint64_t *)src->neg_deltas, src->n_neg_spans, src->n_neg };
	struct compacted p, n;
	if (!compact_alloc(&pos, max_empty, a, &p) || !compact_alloc(&neg, max_empty, a, &n))
		return arena_err(a, err);
	compact_side(&pos, src->is_float, max_empty, &p);
	compact_side(&neg, src->is_float, max_empty, &n);
	*ret = *src;
	set_sides(ret, &p, &n);
	return 0;
}

/* --- lower resolution -------------------------------------------------------------- */

/* Index at `shift` schemas lower: buckets end at powers, so index 1 and 2 become 1 when shift is 1. */
static int64_t lower_index(int64_t idx, unsigned shift)
{
	return ((idx - 1) >> shift) + 1;
}

/* Adds up the buckets of a side that fall into the same wider bucket. */
static bool reduce_side(const struct side *s, bool is_float, unsigned shift, struct arena *a, struct compacted *c)
{
	*c = (struct compacted){ 0 };
	if (s->n == 0)
		return true;
	c->counts = arena_array(a, s->n, sizeof(*c->counts));
	c->spans = arena_array(a, s->n, sizeof(*c->spans));
	if (!c->counts || !c->spans)
		return false;
	struct hist_span_walk w = hist_span_walk_of(s->spans, s->n_spans);
	uint64_t abs = 0;
	int64_t idx;
	for (uint32_t i = 0; i < s->n && hist_span_walk_next(&w, &idx); i++) {
		abs = is_float ? s->counts[i] : abs + s->counts[i];
		int64_t low = lower_index(idx, shift);
		if (c->n > 0 && low == c->end - 1) {
			uint64_t *last = &c->counts[c->n - 1];
			*last = is_float ? double_bits(double_of_bits(*last) + double_of_bits(abs)) : *last + abs;
			continue;
		}
		if (c->n == 0 || low != c->end)
			c->spans[c->n_spans++] = (struct hist_span){ (int32_t)(low - c->end), 0 };
		c->end = low + 1;
		c->spans[c->n_spans - 1].length++;
		c->counts[c->n++] = abs;
	}
	for (uint32_t i = c->n; !is_float && i-- > 1;)
		c->counts[i] -= c->counts[i - 1];
	return true;
}

int hist_reduce_schema(struct histogram *ret, const struct histogram *src, int32_t schema, struct arena *a,
		       struct err *err)
{
	if (hist_is_custom(src) || schema >= src->schema || src->schema > HIST_SCHEMA_RESERVED_MAX ||
	    schema < HIST_SCHEMA_RESERVED_MIN)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "cannot reduce the resolution of a histogram from schema %d to %d", src->schema, schema);
	struct side pos = { src->pos_spans, (const uint64_t *)src->pos_deltas, src->n_pos_spans, src->n_pos };
	struct side neg = { src->neg_spans, (const uint64_t *)src->neg_deltas, src->n_neg_spans, src->n_neg };
	int r = check_spans(pos.spans, pos.n_spans, pos.n, err);
	if (r == 0)
		r = check_spans(neg.spans, neg.n_spans, neg.n, err);
	if (r < 0)
		return r;
	unsigned shift = (unsigned)(src->schema - schema);
	struct compacted p, n;
	if (!reduce_side(&pos, src->is_float, shift, a, &p) || !reduce_side(&neg, src->is_float, shift, a, &n))
		return arena_err(a, err);
	*ret = *src;
	ret->schema = schema;
	set_sides(ret, &p, &n);
	return 0;
}
