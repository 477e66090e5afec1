/*
 * tsdb/block_writer.h - writes a complete block directory, or none.
 *
 * Everything goes to "<parent>/<ULID>.tmp-for-creation"; finishing syncs the
 * files and directories, and renames. A crash leaves at most such a
 * directory, which is removed at the next start. Order of calls: all symbols
 * ascending (struct block_symbols collects them), all series ascending,
 * finish. Blocks: for child processes and the offload pool.
 */
#ifndef TSDB_BLOCK_WRITER_H
#define TSDB_BLOCK_WRITER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hmap.h"
#include "chunk/chunk.h"
#include "labels/labels.h"
#include "tsdb/meta.h"
#include "tsdb/tombstones.h"

#include <stddef.h>
#include <stdint.h>

/* A block being written. */
struct block_writer;

/* A chunk to be written, with its times (ms, inclusive). */
struct block_chunk_in {
	int64_t mint, maxt;
	struct chunk chunk;
};

/*
 * Begins block `ulid` in `parent`. `segment_size` in bytes, 0 for the usual.
 * A leftover temporary directory of the same name is removed.
 */
int block_writer_open(const char *parent, const struct ulid *ulid, uint64_t segment_size, struct block_writer **ret,
		      struct err *err) MUST_CHECK;

/* Adds a symbol, greater than the one before. */
int block_writer_symbol(struct block_writer *w, struct str s, struct err *err) MUST_CHECK;

/* Adds a series, greater than the one before, with its chunks in order of time, not overlapping. */
int block_writer_series(struct block_writer *w, struct labels l, const struct block_chunk_in *c, size_t n,
			struct err *err) MUST_CHECK;

/*
 * Completes the block. `m` says what it is; its ulid and stats (and, with a
 * thanos section, index_stats) are filled in. References of `t` (may be
 * empty) are those of the new index. The writer is freed; on failure nothing
 * of the block is left.
 */
int block_writer_finish(struct block_writer *w, struct block_meta *m, struct tombstones t, struct err *err) MUST_CHECK;

/* Removes what was written and frees the writer. NULL is allowed. */
void block_writer_abort(struct block_writer *w);

/*
 * The distinct strings of label sets, to be written as symbols. Blocks that
 * Prometheus cuts from a head have the empty string among them. Not ready
 * before block_symbols_init.
 */
struct block_symbols {
	struct arena a;
	struct hmap seen;
};

/* An empty collection; memory is taken from `budget` (may be NULL). */
void block_symbols_init(struct block_symbols *s, struct budget *budget);

/* Frees it. */
void block_symbols_fini(struct block_symbols *s);

/* Adds a string (copied). RESOURCE_EXHAUSTED. */
int block_symbols_add(struct block_symbols *s, struct str str, struct err *err) MUST_CHECK;

/* Adds all names and values. RESOURCE_EXHAUSTED. */
int block_symbols_add_labels(struct block_symbols *s, struct labels l, struct err *err) MUST_CHECK;

/* Gives all of them to the writer, in order. */
int block_symbols_write(const struct block_symbols *s, struct block_writer *w, struct err *err) MUST_CHECK;

#endif
