/*
 * series/overlap.h - chunks of one TSDB that overlap, made into chunks that do not.
 *
 * Out-of-order samples and overlapping blocks give a series chunks that cover
 * the same time. To a querier overlapping chunks look like replicas, and it
 * would drop samples of theirs; so whoever owns the data joins
 * them first: all samples, one for each time (Prometheus
 * storage/merge.go, NewCompactingChunkSeriesMerger).
 */
#ifndef SERIES_OVERLAP_H
#define SERIES_OVERLAP_H

#include "base/arena.h"
#include "series/encode.h"
#include "series/series.h"

#include <stdbool.h>
#include <stddef.h>

/* Most samples of a chunk made here. */
#define OVERLAP_CHUNK_SAMPLES SERIES_ENCODE_SAMPLES

/* Whether sorted chunks overlap anywhere. */
bool series_chunks_overlap(const struct series_chunk *c, size_t n);

/*
 * Replaces runs of overlapping chunks among `n` sorted raw chunks: *ret, an array of *ret_n in `a`, holds the others
 * as they are, and new chunks of at most OVERLAP_CHUNK_SAMPLES in their place. New chunks lie in `a` and have their hash. DATA_LOSS for damaged
 * chunks, RESOURCE_EXHAUSTED over budget.
 */
int series_chunks_join(const struct series_chunk *c, size_t n, struct arena *a, struct series_chunk **ret,
		       size_t *ret_n, struct err *err) MUST_CHECK;

/*
 * Joins the overlapping chunks of a series among those with the same `source`: chunks of different sources are replicas,
 * which only the querier makes one. The chunks given back lie in `a`, sorted; s->chunks stays as it is where nothing overlaps. Errors as
 * series_chunks_join.
 */
int series_join_sources(struct series *s, struct arena *a, struct err *err) MUST_CHECK;

#endif
