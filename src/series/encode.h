/*
 * series/encode.h - samples back into chunks.
 *
 * For whoever has joined or deduplicated samples and must hand on chunks.
 * Chunks hold at most SERIES_ENCODE_SAMPLES samples; histograms begin a new one
 * where the rules of appending demand it.
 */
#ifndef SERIES_ENCODE_H
#define SERIES_ENCODE_H

#include "base/err.h"
#include "chunk/chunk.h"
#include "chunk/histogram.h"

#include <stddef.h>
#include <stdint.h>

/* Most samples of a chunk made here: as many as Prometheus' head puts into one. */
#define SERIES_ENCODE_SAMPLES 120

/* Takes a chunk with the times of its first and last sample; its data are valid during the call only. Returns 0 or an error, which ends the encoding. */
typedef int series_chunk_fn(void *arg, struct chunk c, int64_t mint, int64_t maxt, struct err *err);

/* Encodes `n` floats. Suspends if `put` does. */
int series_encode_floats(const int64_t *t, const double *v, size_t n, series_chunk_fn *put, void *arg,
			 struct err *err) MUST_CHECK;

/*
 * Encodes `n` histograms, integer and float ones in chunks of their own. They must be valid (hist_validate). Suspends if
 * `put` does.
 */
int series_encode_hists(const int64_t *t, const struct histogram *const *h, size_t n, series_chunk_fn *put, void *arg,
			struct err *err) MUST_CHECK;

#endif
