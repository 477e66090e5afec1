/*
 * chunk/aggr.h - chunks of downsampled series (Thanos' AggrChunk, encoding 0xFF).
 *
 * One holds up to five chunks over the same windows: count, sum, min, max and
 * counter. Floats: five XOR chunks; histograms: count XOR, sum and counter
 * float histogram chunks. Source: Thanos pkg/compact/downsample/aggr.go.
 */
#ifndef CHUNK_AGGR_H
#define CHUNK_AGGR_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "chunk/chunk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The aggregates, in their order in the bytes. */
enum aggr_type { AGGR_COUNT, AGGR_SUM, AGGR_MIN, AGGR_MAX, AGGR_COUNTER };

#define AGGR_TYPES 5

/* The parts; one with encoding CHUNK_NONE is absent. Data are borrowed. */
struct aggr_chunk {
	struct chunk part[AGGR_TYPES];
};

/* Takes the data of an encoding 0xFF chunk apart. DATA_LOSS when lengths do not fit. */
int aggr_parse(struct str data, struct aggr_chunk *ret, struct err *err) MUST_CHECK;

/* Appends the data of an encoding 0xFF chunk. */
void aggr_write(const struct aggr_chunk *c, struct strbuf *out);

/* "count", "sum", "min", "max", "counter". */
const char *aggr_type_name(enum aggr_type t);

/* A counter across chunks, with resets taken out. Zero-initialised is before the first sample. */
struct aggr_counter {
	bool started;
	int64_t last_t;
	double last_v; /* last raw value */
	double total;
};

/*
 * Takes the next chunk's samples of a downsampled counter and gives the
 * counter as if it had never been reset. The last sample of a chunk repeats
 * a time and says what the raw value was there; it yields nothing, as do NaN
 * and samples that go back in time. Results go to ret_t, ret_v (room for n;
 * may be the inputs). Returns how many there are.
 */
size_t aggr_counter_apply(struct aggr_counter *c, const int64_t *t, const double *v, size_t n, int64_t *ret_t,
			  double *ret_v);

#endif
