/*
 * series/dedup.h - one series out of its replicas.
 *
 * Results are those of upstream, sample for sample and bit for bit.
 * penalty (pkg/dedup/iter.go): stays with a replica and goes over to another
 * only across a gap, by handicapping the one that was not picked; with
 * counters the newcomer's values are lifted so that they never fall.
 * chain (Prometheus storage/merge.go, chainSampleIterator): all samples of
 * all replicas, one for each time.
 */
#ifndef SERIES_DEDUP_H
#define SERIES_DEDUP_H

#include "base/arena.h"
#include "series/samples.h"

#include <stdbool.h>
#include <stddef.h>

/* The algorithms of --deduplication.func. */
enum dedup_func { DEDUP_PENALTY, DEDUP_CHAIN };

/* Reads "penalty" or "chain"; false on anything else. */
bool dedup_func_parse(const char *s, enum dedup_func *ret);

/* Whether upstream adjusts the values of a counter for this function around the selector. */
bool dedup_is_counter(struct str func);

/*
 * Merges the samples of `n` (>= 1) replicas, in the order of their series. `counter` turns on
 * the adjustment of values (penalty only). *ret lies in `a`, or is the one replica itself. RESOURCE_EXHAUSTED.
 */
int dedup_merge(const struct series_samples *replicas, size_t n, enum dedup_func func, bool counter, struct arena *a,
		struct series_samples *ret, struct err *err) MUST_CHECK;

/*
 * Splits sorted chunks of one series that overlap into lists of chunks that do not
 * (pkg/dedup/iter.go overlapSplitSet): list[i] is the number of the list chunk i belongs to. Returns
 * the number of lists; `list` has room for n.
 */
size_t dedup_split_overlaps(const struct series_chunk *chunks, size_t n, struct arena *a, uint32_t *list);

#endif
