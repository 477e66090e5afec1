/*
 * tsdb/chunks_writer.h - writes the chunk segment files of a block.
 *
 * A segment ends where the next chunk would go past the limit, as in
 * Prometheus; a chunk never spans two. References ascend in the order of
 * writing.
 */
#ifndef TSDB_CHUNKS_WRITER_H
#define TSDB_CHUNKS_WRITER_H

#include "base/err.h"
#include "chunk/chunk.h"

#include <stddef.h>
#include <stdint.h>

/* Size at which segments are cut by default, in bytes. */
#define CHUNKS_SEGMENT_SIZE (512ull << 20)

/* A writer of one directory. */
struct chunks_writer;

/* Makes `dir` and writes into it. `segment_size` in bytes, 0: CHUNKS_SEGMENT_SIZE; at most 4 GiB less one. */
int chunks_writer_open(const char *dir, uint64_t segment_size, struct chunks_writer **ret, struct err *err) MUST_CHECK;

/*
 * Writes the chunks of one series and sets ret_refs[i]. Errors of the file system; the writer is then good for
 * closing only.
 */
int chunks_writer_add(struct chunks_writer *w, const struct chunk *c, size_t n, uint64_t *ret_refs,
		      struct err *err) MUST_CHECK;

/* Bytes of all segments so far. */
uint64_t chunks_writer_bytes(const struct chunks_writer *w);

/* Number of segments so far. */
size_t chunks_writer_segments(const struct chunks_writer *w);

/* Ends the last segment, syncs files and directory, frees the writer. With `drop` frees only. NULL is allowed. */
int chunks_writer_close(struct chunks_writer *w, bool drop, struct err *err);

#endif
