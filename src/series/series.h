/*
 * series/series.h - a series on its way from a store: labels and encoded
 * chunks, and the cursor through which one series after the other is pulled.
 */
#ifndef SERIES_SERIES_H
#define SERIES_SERIES_H

#include "base/err.h"
#include "chunk/chunk.h"
#include "labels/labels.h"

#include <stddef.h>
#include <stdint.h>

/* What a chunk of a series may carry, with the values of storepb's Aggr. Raw chunks carry only SERIES_RAW. */
enum series_aggr {
	SERIES_RAW,
	SERIES_COUNT,
	SERIES_SUM,
	SERIES_MIN,
	SERIES_MAX,
	SERIES_COUNTER,
	SERIES_AGGRS /* number of them */
};

/* One of the encoded parts of a chunk; absent when chunk.enc is CHUNK_NONE. */
struct series_part {
	struct chunk chunk; /* data are borrowed */
	uint64_t hash;      /* XXH64 of the data as the store computed it; 0 where it did not */
};

/* A chunk as the Store API carries it (storepb.AggrChunk). Times in ms, both inclusive. */
struct series_chunk {
	int64_t mint, maxt;
	uint64_t source; /* keyed hash of the series that it is stored under, set by who owns the data; else 0 */
	struct series_part part[SERIES_AGGRS];
};

/* A series. Everything is borrowed from whoever gave it out. */
struct series {
	struct labels labels;
	struct series_chunk *chunks;
	size_t n_chunks;
};

/*
 * A stream of series, sorted by labels (labels_cmp), pulled one at a time.
 * Embed it as the first member of the implementation's struct.
 */
struct series_cursor {
	/* Suspends. 1 with the next series, valid until the next call; 0 at the end; or an error. */
	int (*co_next)(struct series_cursor *c, struct series *ret, struct err *err);
	/* Ends the stream, at its end or before, and frees the implementation's struct. */
	void (*close)(struct series_cursor *c);
};

/* Order of chunks in a merged series: by mint, maxt, then by the parts' encoding and bytes, those descending (what storepb's AggrChunk.Compare comes to). <0, 0, >0. */
int series_chunk_cmp(const struct series_chunk *a, const struct series_chunk *b);

#endif
