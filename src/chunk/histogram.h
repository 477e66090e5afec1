/*
 * chunk/histogram.h - native histograms as values.
 *
 * One struct for both forms: integer (bucket counts as deltas to the bucket
 * before) and float (absolute counts), with exponential or custom buckets.
 * It only points: spans, buckets and bounds lie in an arena or in a decoded
 * message, and are shared freely since nobody writes through the pointers.
 * Source: Prometheus model/histogram.
 */
#ifndef CHUNK_HISTOGRAM_H
#define CHUNK_HISTOGRAM_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Schema of histograms whose bucket bounds are given one by one (NHCB). */
#define HIST_SCHEMA_CUSTOM (-53)

/* Exponential schemas that Prometheus stores: -4..8; those that may come over the wire: -9..52. */
#define HIST_SCHEMA_MIN (-4)
#define HIST_SCHEMA_MAX 8
#define HIST_SCHEMA_RESERVED_MIN (-9)
#define HIST_SCHEMA_RESERVED_MAX 52

/* Most buckets of one side that decoders accept; beyond it is an error. */
#define HIST_BUCKETS_MAX 65536

/* The bits of the value that marks a series as gone. */
#define STALE_NAN_BITS 0x7FF0000000000002ULL

/* The bits of the NaN that PromQL produces. */
#define NORMAL_NAN_BITS 0x7FF8000000000001ULL

/* What is known about a counter reset before this histogram; the values of the wire formats. */
enum hist_hint {
	HIST_HINT_UNKNOWN = 0,
	HIST_HINT_RESET = 1,
	HIST_HINT_NOT_RESET = 2,
	HIST_HINT_GAUGE = 3,
};

/* A run of `length` consecutive buckets, `offset` after the end of the run before (the first: after index 0). */
struct hist_span {
	int32_t offset;
	uint32_t length;
};

/* One histogram. Zero-initialised is an empty integer histogram of schema 0. */
struct histogram {
	bool is_float;  /* which members of the unions hold */
	uint8_t hint;   /* enum hist_hint */
	int32_t schema; /* resolution: bucket bounds are 2^(n/2^schema); or HIST_SCHEMA_CUSTOM */
	double zero_threshold;
	double sum; /* STALE_NAN_BITS: a staleness marker, nothing else means anything */
	union {
		uint64_t count;
		double count_f;
	};
	union {
		uint64_t zero_count;
		double zero_count_f;
	};
	const struct hist_span *pos_spans, *neg_spans;
	union {
		const int64_t *pos_deltas; /* integer: difference to the bucket before */
		const double *pos_counts;  /* float: absolute */
	};
	union {
		const int64_t *neg_deltas;
		const double *neg_counts;
	};
	const double *bounds; /* upper bounds of custom buckets, without +Inf; ascending */
	uint32_t n_pos_spans, n_neg_spans;
	uint32_t n_pos, n_neg; /* buckets */
	uint32_t n_bounds;
};

/* The bits of a double. */
static inline uint64_t double_bits(double v)
{
	uint64_t u;
	memcpy(&u, &v, sizeof(u));
	return u;
}

/* The double with these bits. */
static inline double double_of_bits(uint64_t u)
{
	double v;
	memcpy(&v, &u, sizeof(v));
	return v;
}

/* Whether a sample value is the staleness marker (other NaNs are not). */
static inline bool value_is_stale(double v)
{
	return double_bits(v) == STALE_NAN_BITS;
}

/* Whether the histogram is a staleness marker. */
static inline bool hist_is_stale(const struct histogram *h)
{
	return value_is_stale(h->sum);
}

/* Whether the buckets are custom ones. */
static inline bool hist_is_custom(const struct histogram *h)
{
	return h->schema == HIST_SCHEMA_CUSTOM;
}

/* The staleness marker as an integer or float histogram. */
struct histogram hist_stale(bool is_float);

/* A walk over the bucket indexes that a span list covers; members are private. */
struct hist_span_walk {
	const struct hist_span *spans;
	uint32_t n, i; /* spans, current one */
	uint32_t used; /* buckets of it that were given out */
	int64_t next;  /* index of the next bucket */
};

/* A walk that starts before the first bucket. */
static inline struct hist_span_walk hist_span_walk_of(const struct hist_span *spans, uint32_t n)
{
	return (struct hist_span_walk){ .spans = spans, .n = n, .next = n ? spans[0].offset : 0 };
}

/* The next bucket index; false at the end. */
static inline bool hist_span_walk_next(struct hist_span_walk *w, int64_t *ret)
{
	while (w->i < w->n && w->used == w->spans[w->i].length) {
		w->i++;
		w->used = 0;
		if (w->i < w->n)
			w->next += w->spans[w->i].offset;
	}
	if (w->i >= w->n)
		return false;
	w->used++;
	*ret = w->next++;
	return true;
}

/*
 * Whether the histogram is consistent: known schema, spans that match the
 * buckets, no negative counts, counts that add up, custom bounds finite and
 * ascending. INVALID_ARGUMENT with Prometheus' own wording (the text is seen
 * by users of remote write). Source: Histogram.Validate, FloatHistogram.Validate.
 */
int hist_validate(const struct histogram *h, struct err *err) MUST_CHECK;

/* A deep copy of `src` in `a`. RESOURCE_EXHAUSTED when over budget. */
int hist_copy(struct histogram *ret, const struct histogram *src, struct arena *a, struct err *err) MUST_CHECK;

/*
 * The float form of `src`: absolute counts in `a`, spans and bounds shared
 * with `src`. A float histogram is returned as it is. RESOURCE_EXHAUSTED when over budget.
 */
int hist_to_float(struct histogram *ret, const struct histogram *src, struct arena *a, struct err *err) MUST_CHECK;

/*
 * Removes empty buckets at the edges of spans, and inside them where more
 * than `max_empty` are empty in a row; joins spans with no gap and drops
 * empty ones. Result in `a`, `src` unchanged. Custom bounds stay.
 * RESOURCE_EXHAUSTED when over budget. Source: compactBuckets of
 * model/histogram/generic.go.
 */
int hist_compact(struct histogram *ret, const struct histogram *src, uint32_t max_empty, struct arena *a,
		 struct err *err) MUST_CHECK;

/*
 * The histogram at a lower resolution: exponential `src` with schema above
 * `schema`, whose buckets are added up pairwise, 2^(difference) at a time.
 * Result in `a`, bounds shared. INVALID_ARGUMENT when the schema is custom or
 * not above, or spans and buckets do not match. Source: ReduceResolution.
 */
int hist_reduce_schema(struct histogram *ret, const struct histogram *src, int32_t schema, struct arena *a,
		       struct err *err) MUST_CHECK;

/*
 * Whether both describe the same histogram: same form, schema, thresholds,
 * bit-equal sum, same buckets with the same counts; empty spans do not
 * matter, the hint does not either. Stale markers equal each other.
 */
bool hist_equal(const struct histogram *a, const struct histogram *b);

#endif
