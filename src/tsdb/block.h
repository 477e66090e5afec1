/*
 * tsdb/block.h - an immutable block directory: meta.json, index, chunks/, tombstones.
 *
 * Opening maps the files (tsdb/filemap.h) and verifies what index_reader_open
 * does; it blocks for the disk, and so may every first touch of a page. What
 * is returned points into the maps and is valid until block_close.
 */
#ifndef TSDB_BLOCK_H
#define TSDB_BLOCK_H

#include "base/arena.h"
#include "base/err.h"
#include "chunk/chunk.h"
#include "labels/matcher.h"
#include "tsdb/chunks_reader.h"
#include "tsdb/index_reader.h"
#include "tsdb/meta.h"
#include "tsdb/tombstones.h"

#include <stddef.h>
#include <stdint.h>

/* Endings of directories that are not blocks yet, or no more. */
#define BLOCK_TMP_CREATION ".tmp-for-creation"
#define BLOCK_TMP_DELETION ".tmp-for-deletion"

/* An open block. */
struct block;

/* Opens the block in `dir`. Memory for its tables is taken from `budget` (may be NULL). Errors of its parts, with the path. */
int block_open(const char *dir, struct budget *budget, struct block **ret, struct err *err) MUST_CHECK;

/* Closes it. NULL is allowed. */
void block_close(struct block *b);

/* Its directory, meta.json, index, chunk files, tombstones; borrowed. */
const char *block_dir(const struct block *b);

/* What meta.json says. */
const struct block_meta *block_meta(const struct block *b);

/* Its index. */
const struct index_reader *block_index(const struct block *b);

/* Its chunk files. */
const struct chunks_reader *block_chunks(const struct block *b);

/* Its deletions. */
struct tombstones block_tombstones(const struct block *b);

/* A series of a selection. */
struct block_series {
	uint32_t ref;
	struct labels labels;
	const struct chunk_meta *chunks; /* in order of time, only those in range and not wholly deleted */
	size_t n_chunks;
	struct tombstones deleted; /* of this series */
};

/* A walk over selected series in order of labels. Members are private. */
struct block_selection {
	const struct block *b;
	struct postings postings;
	size_t i;
	int64_t mint, maxt;
};

/* Selects the series that pass all matchers, for samples in [mint, maxt] (ms). The list goes to `a`. */
int block_select(const struct block *b, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt, struct arena *a,
		 struct block_selection *ret, struct err *err) MUST_CHECK;

/* As block_select; `pause` (may be NULL) lets others run or gives up. Suspends when that does. */
int block_select_pausing(const struct block *b, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt,
			 struct pause *pause, struct arena *a, struct block_selection *ret, struct err *err) MUST_CHECK;

/*
 * The next series that has chunks in range: 1; 0 at the end; DATA_LOSS,
 * RESOURCE_EXHAUSTED. Its arrays go to `a`, which may be rewound between calls.
 */
int block_selection_next(struct block_selection *s, struct arena *a, struct block_series *ret,
			 struct err *err) MUST_CHECK;

/* The bytes of a chunk. DATA_LOSS. */
int block_chunk(const struct block *b, uint64_t ref, struct chunk *ret, struct err *err) MUST_CHECK;

/* Decodes chunk `i` of a series: samples in [mint, maxt] that are not deleted. DATA_LOSS, RESOURCE_EXHAUSTED. */
int block_series_decode(const struct block *b, const struct block_series *s, size_t i, int64_t mint, int64_t maxt,
			struct arena *a, struct chunk_cols *ret, struct err *err) MUST_CHECK;

#endif
