/*
 * tsdb/chunks_reader.h - the chunk segment files of a block: chunks/000001, 000002, ...
 *
 * A chunk reference is the segment's number (from 0, in the order of the
 * file names) << 32 | the offset in it. Every read verifies the checksum.
 * Format: Prometheus tsdb/docs/format/chunks.md.
 */
#ifndef TSDB_CHUNKS_READER_H
#define TSDB_CHUNKS_READER_H

#include "base/err.h"
#include "base/str.h"
#include "chunk/chunk.h"

#include <stddef.h>
#include <stdint.h>

#define CHUNKS_MAGIC 0x85BD40DDu

/* Magic, version, padding. */
#define CHUNKS_HEADER_LEN 8

/* Longest data of one chunk that readers accept, in bytes. */
#define CHUNKS_DATA_MAX (64u << 20)

/* Most segment files of one block. */
#define CHUNKS_SEGMENTS_MAX 65536

/* An open directory of segments. */
struct chunks_reader;

/*
 * Opens the directory `dir` (a block's "chunks"). Files whose names are not
 * numbers are left alone. An empty or missing directory has no segments.
 * DATA_LOSS when a segment has no proper header, errors of the file system.
 */
int chunks_reader_open(const char *dir, struct chunks_reader **ret, struct err *err) MUST_CHECK;

/* Closes the files; chunks that were returned are gone. NULL is allowed. */
void chunks_reader_close(struct chunks_reader *r);

/* Number of segments. */
size_t chunks_reader_segments(const struct chunks_reader *r);

/* Bytes of all segments. */
uint64_t chunks_reader_bytes(const struct chunks_reader *r);

/* The chunk at `ref`; its data point into the file. DATA_LOSS when damaged or when the reference is none. */
int chunks_reader_get(const struct chunks_reader *r, uint64_t ref, struct chunk *ret, struct err *err) MUST_CHECK;

/* Whether the bytes begin with the header of a segment. DATA_LOSS, UNIMPLEMENTED for other versions. */
int chunks_header_check(struct str head, struct err *err) MUST_CHECK;

/*
 * Takes apart a chunk as it lies in a segment: length, encoding, data,
 * checksum. `bytes` begins at the length and may be longer; *ret_len (may be
 * NULL) gets the full length. DATA_LOSS.
 */
int chunks_parse(struct str bytes, struct chunk *ret, size_t *ret_len, struct err *err) MUST_CHECK;

#endif
