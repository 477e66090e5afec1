/*
 * tsdb/index_writer.h - writes an index file, version 2, as Prometheus 3 does.
 *
 * First all symbols, ascending; then all series, ascending by labels; then
 * index_writer_finish. Series go to the file at once; postings lists are made
 * at the end by reading the series back, as many lists at a time as a
 * limited amount of memory takes. Held in memory: the symbols, and about 20
 * bytes per label pair.
 */
#ifndef TSDB_INDEX_WRITER_H
#define TSDB_INDEX_WRITER_H

#include "base/err.h"
#include "base/str.h"
#include "labels/labels.h"
#include "tsdb/index_parts.h"

#include <stddef.h>
#include <stdint.h>

/* Memory for postings lists that are being made, in bytes. */
#define INDEX_WRITER_LIST_BYTES (128u << 20)

/* A writer. */
struct index_writer;

/* Creates the file, which must not exist. `list_bytes` 0: INDEX_WRITER_LIST_BYTES. */
int index_writer_open(const char *path, size_t list_bytes, struct index_writer **ret, struct err *err) MUST_CHECK;

/* Adds a symbol, greater than the one before (FAILED_PRECONDITION otherwise). */
int index_writer_symbol(struct index_writer *w, struct str symbol, struct err *err) MUST_CHECK;

/*
 * Adds a series whose labels are greater than those before, with its chunks
 * in order of time and reference, not overlapping (FAILED_PRECONDITION
 * otherwise, or when a symbol is missing).
 */
int index_writer_series(struct index_writer *w, struct labels l, const struct chunk_meta *c, size_t n,
			struct err *err) MUST_CHECK;

/* Writes postings, tables and contents. Nothing can be added afterwards. RESOURCE_EXHAUSTED past 64 GiB. */
int index_writer_finish(struct index_writer *w, struct err *err) MUST_CHECK;

/* Syncs, closes and frees; with `drop` closes and frees only. NULL is allowed. */
int index_writer_close(struct index_writer *w, bool drop, struct err *err);

/* Number of series written so far. */
uint64_t index_writer_series_count(const struct index_writer *w);

/* Longest series entry so far, with its length and checksum: meta.json's series_max_size. */
uint64_t index_writer_series_max(const struct index_writer *w);

#endif
