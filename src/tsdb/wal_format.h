/*
 * tsdb/wal_format.h - what writer, reader and repair of the log share.
 * Source: Prometheus tsdb/docs/format/wal.md, tsdb/wlog.
 */
#ifndef TSDB_WAL_FORMAT_H
#define TSDB_WAL_FORMAT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Type of a fragment, in bits 0-2 of its first byte. */
enum wal_frag { WAL_PAGE_END, WAL_FULL, WAL_FIRST, WAL_MIDDLE, WAL_LAST };

/* The other bits of the first byte: compression of the whole record; the rest is zero. */
#define WAL_TYPE_MASK 0x07u
#define WAL_FLAG_SNAPPY 0x08u
#define WAL_FLAG_ZSTD 0x10u
#define WAL_FLAGS (WAL_FLAG_SNAPPY | WAL_FLAG_ZSTD)

/* "<dir>/%08u" on the heap. */
char *wal_segment_path(const char *dir, uint32_t segment) MUST_CHECK;

/* The numbers of the segments in `dir`, ascending, on the heap. A missing directory has none. */
int wal_list(const char *dir, uint32_t **ret, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
