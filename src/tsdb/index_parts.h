/*
 * tsdb/index_parts.h - the sections of an index file, each readable alone.
 *
 * A block's index is read whole (tsdb/index_reader.h); a store gateway has an
 * index-header and fetches ranges. Both are made of these parts. Format:
 * Prometheus tsdb/docs/format/index.md; versions 1, 2 and 3 (read as 2).
 *
 * All bytes are borrowed and must outlive what was made of them. Every
 * length and count is checked against the bytes before it is used, and every
 * section's checksum is verified: symbols and table when opened, lists and
 * series each time they are read. Damage is DATA_LOSS.
 */
#ifndef TSDB_INDEX_PARTS_H
#define TSDB_INDEX_PARTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "labels/labels.h"
#include "tsdb/postings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_MAGIC 0xBAAAD700u

/* Bytes before the first section: magic and version. */
#define INDEX_HEADER_LEN 5

/* Bytes of the table of contents at the end, with its checksum. */
#define INDEX_TOC_LEN 52

/* Series references of version 2 count in units of this many bytes. */
#define INDEX_SERIES_ALIGN 16

/* Longest series entry that readers accept, in bytes. */
#define INDEX_SERIES_MAX (64u << 20)

/* Offsets of the sections in the file; 0 is absent. */
struct index_toc {
	uint64_t symbols, series, label_indices, label_index_table, postings, postings_table;
};

/* Reads magic and version. DATA_LOSS when it is no index, UNIMPLEMENTED for other versions. */
int index_version_parse(struct str head, int *ret_version, struct err *err) MUST_CHECK;

/* Reads the last INDEX_TOC_LEN bytes of an index of `file_size` bytes. DATA_LOSS. */
int index_toc_parse(struct str toc, uint64_t file_size, struct index_toc *ret, struct err *err) MUST_CHECK;

/*
 * The bytes that a length and a checksum surround: u32 length, bytes, crc.
 * `section` begins at the length and may be longer. DATA_LOSS, with `what` in the message.
 */
int index_section(struct str section, const char *what, struct str *ret, struct err *err) MUST_CHECK;

/* --- symbols ------------------------------------------------------------------- */

/* The symbol table: any symbol in O(1). Members are private. */
struct index_symbols {
	struct str body; /* count and strings */
	uint32_t *at;    /* offset of each string in body */
	uint32_t n;
	int version;
	uint64_t body_offset; /* of body in the original index; version 1 references count from there */
	struct budget *budget;
};

/*
 * Opens the section that begins with its length at `section`, which lies
 * (or, in an index-header, lay) at `orig_offset` of the index. Takes 4 bytes
 * per symbol from `budget` (may be NULL). DATA_LOSS, RESOURCE_EXHAUSTED.
 */
int index_symbols_open(struct index_symbols *s, struct str section, uint64_t orig_offset, int version,
		       struct budget *budget, struct err *err) MUST_CHECK;

/* Frees the array. */
void index_symbols_close(struct index_symbols *s);

/* The string of a reference as series entries have it; false when there is none. */
bool index_symbols_get(const struct index_symbols *s, uint64_t ref, struct str *ret);

/* The n-th string in file order (i < s->n). */
struct str index_symbols_at(const struct index_symbols *s, uint32_t i);

/* --- postings offset table -------------------------------------------------------- */

/* A label name and where its values lie in the table. */
struct index_name {
	struct str name;
	uint32_t first, n;
};

/* The table: names, values in order, offsets of their lists. Members are private. */
struct index_table {
	struct str body;
	uint32_t *at; /* offset of each entry in body, sorted by name and value */
	uint32_t n;
	struct index_name *names;
	uint32_t n_names;
	uint64_t taken; /* bytes taken from the budget */
	struct budget *budget;
};

/* One entry. */
struct index_entry {
	struct str name, value;
	uint64_t offset; /* of the list's length in the index */
};

/*
 * Opens the table that begins with its length at `section`. Entries out of
 * order (version 1 wrote them so) are sorted. Takes about 4 bytes per entry.
 * DATA_LOSS, RESOURCE_EXHAUSTED.
 */
int index_table_open(struct index_table *t, struct str section, struct budget *budget, struct err *err) MUST_CHECK;

/* Frees the arrays. */
void index_table_close(struct index_table *t);

/* The i-th entry (i < t->n) in order of name and value. */
struct index_entry index_table_entry(const struct index_table *t, uint32_t i);

/* The name's row, or NULL. The name "" (all series) is found too. */
const struct index_name *index_table_name(const struct index_table *t, struct str name);

/* The entries of `name` whose values begin with `prefix`: [*ret_from, *ret_to). */
void index_table_range(const struct index_table *t, const struct index_name *name, struct str prefix,
		       uint32_t *ret_from, uint32_t *ret_to);

/* The number of the entry for name and value; false when there is none. */
bool index_table_find(const struct index_table *t, struct str name, struct str value, uint32_t *ret);

/* --- lists and series ----------------------------------------------------------------- */

/* Appends the list that begins with its length at `list` (may be longer). DATA_LOSS when damaged or not ascending. */
int index_postings_parse(struct str list, struct refs *out, struct err *err) MUST_CHECK;

/* As index_postings_parse, of bytes without length and checksum: count and numbers (what store gateways fetch and cache). */
int index_postings_body(struct str body, struct refs *out, struct err *err) MUST_CHECK;

/* Where a chunk is, and its times. */
struct chunk_meta {
	int64_t mint, maxt; /* ms, inclusive */
	uint64_t ref;       /* segment number from 0 << 32 | offset */
};

/* A decoded series entry. Arrays lie in the arena, strings in the index. */
struct index_series {
	struct labels labels; /* sorted by name */
	struct chunk_meta *chunks;
	size_t n_chunks;
};

/*
 * Decodes the entry that begins with its length at `entry` (may be longer).
 * *ret_len (may be NULL) gets its full length. Chunks that end before `mint`
 * or begin after `maxt` are left out. DATA_LOSS, RESOURCE_EXHAUSTED.
 */
int index_series_parse(struct str entry, const struct index_symbols *syms, int64_t mint, int64_t maxt, struct arena *a,
		       struct index_series *ret, size_t *ret_len, struct err *err) MUST_CHECK;

#endif
