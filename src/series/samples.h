/*
 * series/samples.h - the samples of a series out of its chunks.
 *
 * Picks from each chunk the aggregate that the query's function needs, or raw
 * data where there is no downsampled one, and joins them: chunks are sorted
 * by mint and may overlap, then samples that do not go forward in time are
 * left out (upstream: pkg/query/iter.go chunkSeriesIterator).
 */
#ifndef SERIES_SAMPLES_H
#define SERIES_SAMPLES_H

#include "base/arena.h"
#include "series/series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which value of a downsampled chunk stands for its samples. */
enum series_pick {
	SERIES_PICK_AVG, /* sum / count: the default */
	SERIES_PICK_COUNT,
	SERIES_PICK_SUM,
	SERIES_PICK_MIN,
	SERIES_PICK_MAX,
	SERIES_PICK_COUNTER, /* totals with counter resets taken out */
};

/* The pick for the function (or aggregation) right around a selector; upstream's aggrsFromFunc. */
enum series_pick series_pick_of(struct str func);

/* The aggregates to ask stores for: fills `ret` (room for 2), returns how many. */
size_t series_pick_aggrs(enum series_pick p, enum series_aggr ret[2]);

/* Samples in time order, floats and histograms mixed. Arrays lie in the arena of the call. */
struct series_samples {
	size_t n;
	int64_t *t;
	double *v;                  /* undefined where h[i] is set */
	const struct histogram **h; /* NULL when there are only floats; else NULL or the histogram of sample i */
};

/*
 * Decodes the samples of sorted chunks with mint <= t <= maxt.
 * `resets_out` takes counter resets out of raw chunks too, which the
 * deduplication of counters needs; for SERIES_PICK_COUNTER only.
 * DATA_LOSS on damaged chunks or sum and count that do not fit, RESOURCE_EXHAUSTED.
 */
int series_samples_decode(const struct series_chunk *chunks, size_t n, enum series_pick pick, bool resets_out,
			  int64_t mint, int64_t maxt, struct arena *a, struct series_samples *ret,
			  struct err *err) MUST_CHECK;

#endif
