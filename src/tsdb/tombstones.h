/*
 * tsdb/tombstones.h - the intervals of a block's series that were deleted.
 *
 * Format: Prometheus tsdb/docs/format/tombstones.md. Intervals are inclusive
 * at both ends, in ms; series are references of the block's index.
 */
#ifndef TSDB_TOMBSTONES_H
#define TSDB_TOMBSTONES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "chunk/chunk.h"

#include <stddef.h>
#include <stdint.h>

#define TOMBSTONES_MAGIC 0x0130BA30u

/* One deleted interval. */
struct tombstone {
	uint64_t ref;
	int64_t mint, maxt;
};

/* The intervals of all series, sorted by series and time, those that touch joined. */
struct tombstones {
	const struct tombstone *p;
	size_t n;
};

/* Reads the bytes of a tombstones file into `a`. DATA_LOSS, RESOURCE_EXHAUSTED. */
int tombstones_parse(struct str file, struct arena *a, struct tombstones *ret, struct err *err) MUST_CHECK;

/* Appends the bytes of a tombstones file. */
void tombstones_write(struct tombstones t, struct strbuf *out);

/* Sorts and joins `n` intervals in place; returns how many are left. Those with maxt < mint are dropped. */
size_t tombstones_normalise(struct tombstone *p, size_t n);

/* The intervals of one series: a part of `t`. */
struct tombstones tombstones_of(struct tombstones t, uint64_t ref);

/* Whether an interval of `t` (of one series) covers all of [mint, maxt]. */
bool tombstones_cover(struct tombstones t, int64_t mint, int64_t maxt);

/* Removes the deleted samples from columns, in place. `t` is of one series. */
void tombstones_apply(struct tombstones t, struct chunk_cols *cols);

#endif
