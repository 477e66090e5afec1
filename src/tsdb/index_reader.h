/*
 * tsdb/index_reader.h - a block's index file in memory: names, values, postings, series.
 *
 * Works on bytes that its owner mapped (tsdb/filemap.h) or read. Opening
 * verifies header, table of contents, symbols and postings offset table;
 * lists and series are verified when read. Strings that are returned point
 * into the bytes. Not for use by two threads at once while opening or
 * closing; reading is.
 */
#ifndef TSDB_INDEX_READER_H
#define TSDB_INDEX_READER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "tsdb/index_parts.h"
#include "tsdb/select.h"

#include <stddef.h>
#include <stdint.h>

/* An open index. */
struct index_reader;

/*
 * Opens the index in `bytes`, which must outlive the reader. Memory (4 bytes
 * per symbol and per label pair) is taken from `budget`, which may be NULL.
 * DATA_LOSS when damaged, UNIMPLEMENTED for unknown versions, RESOURCE_EXHAUSTED.
 */
int index_reader_open(struct str bytes, struct budget *budget, struct index_reader **ret, struct err *err) MUST_CHECK;

/* Frees the reader. NULL is allowed. */
void index_reader_close(struct index_reader *ix);

/* The version byte: 1, 2 or 3. */
int index_reader_version(const struct index_reader *ix);

/* Offsets of the sections. */
const struct index_toc *index_reader_toc(const struct index_reader *ix);

/* All symbols; borrowed. */
const struct index_symbols *index_reader_symbols(const struct index_reader *ix);

/* The postings offset table: label names and values; borrowed. Its first name may be "" (all series). */
const struct index_table *index_reader_table(const struct index_reader *ix);

/* Appends the series with name=value; none is no error. ("", "") is all. DATA_LOSS, RESOURCE_EXHAUSTED. */
int index_reader_postings(const struct index_reader *ix, struct str name, struct str value, struct refs *out,
			  struct err *err) MUST_CHECK;

/*
 * The series `ref` with those of its chunks that touch [mint, maxt] (ms).
 * Arrays go to `a`. DATA_LOSS (also for a reference that is none), RESOURCE_EXHAUSTED.
 */
int index_reader_series(const struct index_reader *ix, uint32_t ref, int64_t mint, int64_t maxt, struct arena *a,
			struct index_series *ret, struct err *err) MUST_CHECK;

/* The index as a source for postings_for_matchers, which pauses there (may be NULL). Valid while the reader is. */
struct postings_source index_reader_source(const struct index_reader *ix, struct pause *pause);

#endif
