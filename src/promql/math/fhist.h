/*
 * promql/math/fhist.h - arithmetic on native histograms in float form.
 *
 * Operands are never changed; results lie in the arena given. Work is done on
 * a form with one index and one count per bucket (struct fh), results are
 * compacted. Sums over many histograms go through an accumulator with
 * compensated addition. Source: Prometheus model/histogram/float_histogram.go.
 */
#ifndef PROMQL_FHIST_H
#define PROMQL_FHIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "chunk/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is to be said about an addition. */
struct fhist_flags {
	bool mixed;      /* exponential with custom buckets: no result */
	bool collision;  /* hints reset and not_reset met */
	bool reconciled; /* custom bounds differed */
};

/* Buckets of one side: ascending indexes, counts, and what rounding lost. */
struct fh_side {
	int32_t *idx;
	double *count, *comp;
	uint32_t n, cap;
};

/* A histogram to work on. */
struct fh {
	int32_t schema;
	uint8_t hint;
	double zero_threshold, zero_count, zero_comp;
	double count, count_comp, sum, sum_comp;
	struct fh_side pos, neg;
	const double *bounds; /* those of a histogram that was loaded, unless own_bounds */
	uint32_t n_bounds;
	bool own_bounds; /* worked out anew: they lie where the buckets lie */
};

/* A bucket as iterators show it. */
struct fh_bucket {
	double lower, upper, count;
	bool lower_inclusive, upper_inclusive;
};

/* Upper bound of the bucket with index `idx` of an exponential schema. */
double fhist_bound(int32_t idx, int32_t schema);

/* Unpacks `h` (float form); bounds stay shared with it. RESOURCE_EXHAUSTED over budget. */
int fh_load(struct fh *f, const struct histogram *h, struct arena *a, struct err *err);

/*
 * Packs, without compensation and without empty buckets. Nothing of the
 * result lies where f's memory came from.
 */
int fh_store(const struct fh *f, struct arena *a, const struct histogram **ret, struct err *err);

/*
 * Adds (or subtracts) b to f, all sums compensated where `kahan`. b is used
 * up. Memory for buckets that f does not have yet comes from `a`.
 */
int fh_add(struct fh *f, struct fh *b, bool subtract, bool kahan, struct arena *a, struct fhist_flags *flags,
	   struct err *err);

/*
 * fh_add of a packed histogram. One with f's own layout, as neighbours in a
 * series mostly have, is added without unpacking; else it is unpacked in `scratch`.
 */
int fh_add_hist(struct fh *f, const struct histogram *h, bool subtract, bool kahan, struct arena *a,
		struct arena *scratch, struct fhist_flags *flags, struct err *err);

/* Multiplies or divides everything in f. */
void fh_scale(struct fh *f, double factor, bool divide);

/* Lowers the resolution to `schema` (not above its own). */
void fh_reduce(struct fh *f, int32_t schema);

/*
 * The zero count for a larger threshold, which grows further where it would
 * split a populated bucket.
 */
double fh_zero_count_for(const struct fh *f, double *threshold);

/* Adds the compensations to what they belong to. */
void fh_settle(struct fh *f);

/* a + b or a - b, compacted. *ret is NULL where flags->mixed. */
int fhist_add(const struct histogram *a, const struct histogram *b, bool subtract, struct arena *ar,
	      const struct histogram **ret, struct fhist_flags *flags, struct err *err);

/* h * factor, or h / factor. */
int fhist_scale(const struct histogram *h, double factor, bool divide, struct arena *a, const struct histogram **ret,
		struct err *err);

/* Replaces *h, where it has empty buckets, with one in `a` that has none; its custom bounds are shared. */
int fhist_compact(const struct histogram **h, struct arena *a, struct err *err);

/* Observations <= x (upper) or >= x; `h` itself where that is all of them. */
int fhist_trim(const struct histogram *h, double x, bool upper, struct arena *a, const struct histogram **ret,
	       struct err *err);

/* What interpolations did to custom bounds that differed. */
struct fhist_reconciled {
	bool subtracted, added;
};

/*
 * The histogram at t between h1 at t1 and h2 at t2; a counter that began anew counts from zero. Sets what happened in
 * `notes`, and leaves the rest of it.
 */
int fhist_interpolate(const struct histogram *h1, int64_t t1, const struct histogram *h2, int64_t t2, int64_t t,
		      bool counter, struct arena *a, const struct histogram **ret, struct fhist_reconciled *notes,
		      struct err *err);

/* Whether the counter began anew between prev and cur. */
bool fhist_detect_reset(const struct histogram *cur, const struct histogram *prev);

/* Variance of the observations, each at its bucket's middle. */
double fhist_variance(const struct histogram *h);

/* What a quantile or fraction says besides its value. */
struct fhist_notes {
	bool nan_result; /* NaN observations make it NaN */
	bool nan_skewed; /* NaN observations shift it */
};

/* The q-quantile. */
double fhist_quantile(double q, const struct histogram *h, struct fhist_notes *notes);

/* The fraction of observations between lower and upper. */
double fhist_fraction(double lower, double upper, const struct histogram *h, struct fhist_notes *notes);

/* Appends `{count:3, sum:5, [1,2):3}`; bounds within the zero bucket stay as they are. */
void fhist_print(const struct histogram *h, struct strbuf *b);

/*
 * The populated buckets in ascending order, negative, zero, positive, clipped
 * at the zero bucket: fills `b` (room for n_neg + n_pos + 1) and returns how many.
 */
size_t fhist_buckets(const struct histogram *h, struct fh_bucket *b, bool with_empty);

/* Room that fhist_buckets needs. */
static inline size_t fhist_buckets_max(const struct histogram *h)
{
	return (size_t)h->n_pos + h->n_neg + 1;
}

/* A sum of histograms. */
struct fhist_acc;

/*
 * Adds `h` to *acc, which is made from the first one, for a sum or for a mean.
 * Kinds that do not mix spoil it. The accumulator lies in `a`; `scratch` may
 * be rewound between calls.
 */
int fhist_acc_add(struct fhist_acc **acc, const struct histogram *h, bool mean, struct arena *a, struct arena *scratch,
		  struct err *err);

/* Whether exponential and custom buckets met. */
bool fhist_acc_mixed(const struct fhist_acc *acc);

/*
 * The sum or mean; *ret is NULL for a spoiled one. Its empty buckets stay if
 * `all`, as upstream has it of sums over time: quantiles then see a side
 * without observations as one that could have some.
 */
int fhist_acc_get(struct fhist_acc *acc, bool all, struct arena *a, const struct histogram **ret,
		  struct fhist_flags *flags, struct err *err);

#endif
