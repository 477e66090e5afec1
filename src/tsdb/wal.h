/*
 * tsdb/wal.h - write-ahead log: segments of 32 KiB pages with framed records.
 *
 * Directory of files named %08d; WAL, WBL, checkpoints and memory snapshots
 * share the format (Prometheus tsdb/wlog). A fragment is header, length,
 * CRC-32C, data; it never crosses a page, a record never crosses a segment.
 *
 * Writing is by batches: records are gathered in memory (struct wal_batch),
 * then framed and written with one call per segment touched. A batch that
 * failed may be written again: some of its records may then be in the log
 * twice, which replay absorbs. Reading keeps every intact record, whatever is
 * damaged around it, and tells what was damaged; wal_repair sets that aside.
 * Nothing is ever deleted but by wal_delete_before.
 *
 * All functions that touch files block. A writer and a batch belong to one
 * thread at a time.
 */
#ifndef TSDB_WAL_H
#define TSDB_WAL_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Size of a page, of a fragment's header, and most data bytes of a fragment. */
#define WAL_PAGE 32768u
#define WAL_FRAG_HEADER 7u
#define WAL_FRAG_MAX (WAL_PAGE - WAL_FRAG_HEADER)

/* Default size of a segment. */
#define WAL_SEGMENT_BYTES ((uint64_t)128 << 20)

/* Largest record that readers accept, before and after decompression. */
#define WAL_RECORD_MAX ((uint64_t)256 << 20)

/* How records are compressed; a record that does not shrink is stored as it is. */
enum wal_compression { WAL_NONE, WAL_SNAPPY, WAL_ZSTD };

/* Where a record begins. */
struct wal_pos {
	uint32_t segment;
	uint64_t offset;
};

/* --- batches ---------------------------------------------------------------------- */

/* A record of a batch: where it lies. */
struct wal_batch_rec {
	uint32_t piece, start, n;
};

/* Records in order, in memory, in pieces so that nothing is copied when there are many. Zero-initialised is empty; `n` and `n_bytes` are readable. */
struct wal_batch {
	struct wal_batch_rec *recs;
	size_t n, cap;
	VEC(struct strbuf) pieces;
	uint64_t n_bytes; /* of all records */
};

/* Frees the memory. */
void wal_batch_fini(struct wal_batch *b);

/* Empties it, keeping some of the memory. */
void wal_batch_reset(struct wal_batch *b);

/* Appends a copy of a whole record, empty ones too. */
void wal_batch_add(struct wal_batch *b, struct str rec);

/* Appends a whole record, whose memory goes over to the batch; *rec is empty afterwards. */
void wal_batch_take(struct wal_batch *b, struct strbuf *rec);

/* Moves the records of `from` behind those of `to`; `from` is empty afterwards. Copies none. */
void wal_batch_move(struct wal_batch *to, struct wal_batch *from);

/* The i-th record. */
struct str wal_batch_get(const struct wal_batch *b, size_t i);

/* --- writing ----------------------------------------------------------------------- */

struct wal_writer;

/* How a log is written. */
struct wal_config {
	const char *dir;        /* made with the first write if missing; copied */
	uint64_t segment_bytes; /* 0: WAL_SEGMENT_BYTES; a multiple of WAL_PAGE */
	enum wal_compression compression;
	bool retain; /* keep records since the last sync, to write them again when a sync fails; needed by wal_sync */
};

/* Figures of a writer. */
struct wal_writer_stats {
	uint64_t records, bytes;  /* accepted; bytes of file written */
	uint64_t writes, parts;   /* calls that wrote them; fragments of records */
	uint64_t part_bytes;      /* of fragments with their headers: of `bytes` what is not padding */
	uint64_t saved_bytes;     /* by compression */
	uint64_t syncs, resealed; /* successful syncs; segments given up after a failed one */
	uint64_t write_errors, sync_errors;
};

/*
 * Opens the log for appending at `at`: the clean end of the last segment, or
 * offset 0 of a segment that does not exist yet (wal_reader_append_pos tells).
 * Files are opened and made with the first write.
 */
int wal_writer_open(struct wal_writer **ret, const struct wal_config *cfg, struct wal_pos at,
		    struct err *err) MUST_CHECK;

/*
 * Writes a batch. After a failure nothing of it counts as written and the
 * file ends at a record boundary, or its rest is sealed and the next write
 * begins a new segment. DATA_LOSS after a second failed sync: give up.
 */
int wal_write(struct wal_writer *w, const struct wal_batch *b, struct err *err) MUST_CHECK;

/*
 * Makes everything written durable (fdatasync). When that fails the file is
 * never trusted again: the retained records go to a new segment, which is
 * synced. When that fails too the result is DATA_LOSS, now and for every later
 * call: the process has to stop, for what is on disk is unknown.
 */
int wal_sync(struct wal_writer *w, struct err *err) MUST_CHECK;

/* Lets the next write begin a new segment. */
void wal_cut(struct wal_writer *w);

/* Whether a failed sync has made the writer useless. */
bool wal_failed(const struct wal_writer *w);

/* Where the next record goes (the segment may not exist yet). */
struct wal_pos wal_writer_pos(const struct wal_writer *w);

/* The figures. */
struct wal_writer_stats wal_writer_stats(const struct wal_writer *w);

/* Pads the last page when `clean`, syncs, closes, frees. NULL is fine. Returns the first failure. */
int wal_writer_close(struct wal_writer *w, bool clean, struct err *err);

/* --- reading ----------------------------------------------------------------------- */

/* A damaged range of a segment. */
struct wal_damage {
	uint32_t segment;
	uint64_t start, end; /* bytes [start, end): from the first record lost to the next intact one */
	bool tail;           /* nothing intact follows in the segment */
	const char *reason;  /* static text */
};

struct wal_reader;

/*
 * Opens the segments of `dir` numbered `first` and up. A missing directory
 * reads as empty.
 */
int wal_reader_open(struct wal_reader **ret, const char *dir, uint32_t first, struct err *err) MUST_CHECK;

/* As wal_reader_open over one segment held in memory (borrowed): for tests and fuzzing. */
struct wal_reader *wal_reader_open_mem(struct str segment);

/* Closes. NULL is fine. */
void wal_reader_close(struct wal_reader *r);

/*
 * The next intact record, uncompressed: 1 and *ret_rec, valid until the next
 * call; 0 at the end. Damage is no error, see wal_reader_damage. Negative only when the file system fails.
 */
int wal_reader_next(struct wal_reader *r, struct str *ret_rec, struct err *err) MUST_CHECK;

/* Where the record last returned begins. */
struct wal_pos wal_reader_pos(const struct wal_reader *r);

/* Bytes read so far and in all. */
void wal_reader_progress(const struct wal_reader *r, uint64_t *ret_done, uint64_t *ret_total);

/* The damage met so far, in order; complete at the end. Belongs to the reader. */
const struct wal_damage *wal_reader_damage(const struct wal_reader *r, size_t *ret_n);

/* How many segment numbers are missing between the first and the last. */
uint64_t wal_reader_gaps(const struct wal_reader *r);

/* How many segments there are to read. */
size_t wal_reader_segments(const struct wal_reader *r);

/* At the end: where a writer goes on. A new segment unless the last one is undamaged, not padded and smaller than `segment_bytes`. */
struct wal_pos wal_reader_append_pos(const struct wal_reader *r, uint64_t segment_bytes);

/* --- upkeep ------------------------------------------------------------------------- */

/*
 * Sets damage aside: copies each range to
 * `quarantine`/<base name of dir>-<segment>-<offset> (trailing zeros left out),
 * then truncates the segment there (tail) or writes it again without the
 * range. A second read finds no damage. *ret_bytes is what was copied.
 */
int wal_repair(const char *dir, const struct wal_damage *d, size_t n, const char *quarantine, uint64_t *ret_bytes,
	       struct err *err) MUST_CHECK;

/* The numbers of the first and last segment; false when there are none. */
int wal_segments(const char *dir, bool *ret_any, uint32_t *ret_first, uint32_t *ret_last, struct err *err) MUST_CHECK;

/* Makes the last segment durable, after a process that may have died before it did. */
int wal_sync_last(const char *dir, struct err *err) MUST_CHECK;

/* Deletes segments numbered below `segment`; a directory without segments goes, too. */
int wal_delete_before(const char *dir, uint32_t segment, struct err *err) MUST_CHECK;

/* Bytes of all segment files. */
uint64_t wal_size(const char *dir);

#endif
