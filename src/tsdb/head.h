/*
 * tsdb/head.h - the newest hours of one tenant: in memory, logged on disk.
 *
 * Who calls. One thread (the loop) owns a head; every function is for that
 * thread unless its comment says *blocks*. A blocking function does file work
 * and touches only what its comment names, so that the owner can run it on an
 * offload thread while the loop goes on. Work that has such a middle part
 * comes in three: x_begin (loop, cheap), x_run (blocks), x_end (loop, cheap).
 * Nothing here logs, suspends or starts threads.
 *
 * Identity. A series is found by a keyed 128-bit hash of the canonical bytes
 * of its labels: for each label, sorted by name, the Label message as Go
 * writes it in a remote write 1.0 request (0x0a len 0x0a len name 0x12 len
 * value). The label bytes of a request of that form can thus be hashed where
 * they lie (hash_bytes128); labels in any other form go through head_key.
 * A hit proves that the labels are valid; only a miss must be parsed.
 *
 * Durability. Appending changes memory at once and stages log records; the
 * commit writes and syncs them. The owner acknowledges a request when the
 * commit that head_commit_wanted names after the request's appends has
 * succeeded. Samples may be seen by queries before that. When a commit fails, what it held stays
 * in memory *and* stays staged: the next commit writes it again, first. So a
 * sample that is sent again and found to be a duplicate is acknowledged only
 * by a commit that has made the first copy durable as well. While a failed
 * commit is pending head_writable() is false and appends give
 * HEAD_UNAVAILABLE; head_commit_begin retries. Out-of-order samples go to the
 * WBL under the same rules (samples WAL first, then WBL, both before the
 * commit succeeds).
 *
 * Readers. A reader sees series as they are when it visits them; what it was
 * given stays valid until it is closed, however often its owner suspends in
 * between: memory that the head lets go of is kept until every reader that
 * was open then has closed, and head_gc waits for readers opened before the
 * truncation. So readers must not stay open for ever (give them a deadline).
 *
 * Files (all in `dir`): wal/, wbl/, chunks_head/, quarantine/. Formats are
 * Prometheus' own; see tsdb/wal.h, tsdb/record.h, tsdb/head_chunks.h.
 */
#ifndef TSDB_HEAD_H
#define TSDB_HEAD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "chunk/chunk.h"
#include "chunk/histogram.h"
#include "labels/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head;
struct head_series;
struct head_commit;
struct head_flush;
struct head_checkpoint;
struct head_reader;
struct matcher;
struct symtab;

/* Most series that head_lookup takes at once; also the batch that suits prefetching best. */
#define HEAD_LOOKUP_MAX 32

/* Most bytes of names and values of an exemplar's labels, as OpenMetrics has it (counted in UTF-8 characters). */
#define HEAD_EXEMPLAR_LABEL_CHARS 128

/* How log records are compressed; the values are those of tsdb/wal.h. */
enum head_compression { HEAD_COMPRESS_NONE, HEAD_COMPRESS_SNAPPY, HEAD_COMPRESS_ZSTD };

/* How a head is to be. Zero members take the default in brackets. */
struct head_config {
	const char *dir;            /* the tenant's TSDB directory; made if missing; copied */
	int64_t chunk_range_ms;     /* length of blocks [2 h] */
	int64_t ooo_window_ms;      /* how far behind the newest sample others may be [0: none] */
	uint32_t ooo_cap_max;       /* out-of-order samples of a series before they become a chunk [32] */
	int64_t max_future_ms;      /* refuse samples further ahead of the clock [0: never] */
	int64_t min_time_ms;        /* samples before are in blocks already: not replayed, not accepted [0: none] */
	uint64_t max_series;        /* refuse new series beyond this [0: never] */
	uint32_t max_exemplars;     /* size of the exemplar ring [0: none kept] */
	uint64_t wal_segment_bytes; /* [128 MiB]; a multiple of 32 KiB */
	uint64_t chunk_file_bytes;  /* size of a head chunk file [128 MiB] */
	enum head_compression compression;
	struct symtab *symtab; /* label strings; may be shared by all heads of a thread; borrowed */
	bool never_sync; /* logs are written but never synced: `sync` of commits is ignored, a power cut loses the end */
	bool read_only;  /* replay only: no file is made or changed, appends give HEAD_UNAVAILABLE */
};

/* Elements of logs that name series. */
enum head_unknown {
	HEAD_UNKNOWN_SAMPLES,
	HEAD_UNKNOWN_HISTOGRAMS,
	HEAD_UNKNOWN_EXEMPLARS,
	HEAD_UNKNOWN_TOMBSTONES,
	HEAD_UNKNOWN_MARKERS,
	HEAD_UNKNOWN_KINDS
};

/* What opening found. */
struct head_replay {
	uint64_t segments, records, series, samples, histograms, exemplars;
	uint64_t ooo_samples;
	uint64_t chunks;                         /* loaded from head chunk files */
	uint64_t unknown_refs;                   /* elements whose series record was not there */
	uint64_t unknown[2][HEAD_UNKNOWN_KINDS]; /* of them in the WAL and in the WBL */
	uint64_t unknown_records;                /* record types that are not known: skipped */
	uint64_t corruptions;                    /* damaged ranges of log and chunk files */
	uint64_t chunk_corruptions;              /* of them in chunk files */
	uint64_t quarantined_bytes;              /* copied to quarantine/ */
	uint64_t lost_segments;                  /* gaps in the numbering */
	char first_corruption[160];              /* where, "" when there was none */
};

/* Called now and then during replay; `done` and `total` are bytes of log. */
typedef void head_progress_fn(void *arg, uint64_t done, uint64_t total);

/*
 * Opens the head in cfg->dir and replays its files. Blocks. Damaged parts
 * are set aside under quarantine/ (never deleted) and reported in *ret_replay
 * (may be NULL); they are no error. Errors are those of the file system.
 */
int head_open(struct head **ret, const struct head_config *cfg, head_progress_fn *progress, void *arg,
	      struct head_replay *ret_replay, struct err *err) MUST_CHECK;

/*
 * Frees the head. Staged records that were not committed are lost, so commit
 * first. No reader and no begun job may be open. Blocks (closes files).
 */
void head_close(struct head *h);

/* --- writing -------------------------------------------------------------------- */

/* What became of a sample, histogram or exemplar. */
enum head_result {
	HEAD_OK,            /* stored */
	HEAD_OK_OOO,        /* stored as out of order */
	HEAD_OK_SAME,       /* the same sample is there already: a success, nothing stored */
	HEAD_DUPLICATE,     /* another value is there for this time */
	HEAD_OUT_OF_ORDER,  /* older than the series' newest, and no out-of-order window */
	HEAD_TOO_OLD,       /* older than the out-of-order window */
	HEAD_OUT_OF_BOUNDS, /* older than the head takes at all */
	HEAD_TOO_FAR_IN_FUTURE,
	HEAD_BAD_HISTOGRAM, /* hist_validate refuses it */
	HEAD_EXEMPLAR_OUT_OF_ORDER,
	HEAD_EXEMPLAR_DUPLICATE, /* already there: Prometheus counts it as a success without a word */
	HEAD_EXEMPLAR_TOO_LONG,  /* labels over HEAD_EXEMPLAR_LABEL_CHARS */
	HEAD_EXEMPLAR_OFF,       /* no ring: dropped, a success */
	HEAD_UNAVAILABLE,        /* log cannot be written now: try later */
	HEAD_RESULTS             /* number of results */
};

/* Prometheus' text of a result, as it appears in answers of remote write: "out of order sample". */
const char *head_result_text(enum head_result r);

/* Whether the sample is safe once the commit succeeds (HEAD_OK, HEAD_OK_OOO, HEAD_OK_SAME, dropped exemplars). */
bool head_result_ok(enum head_result r);

/* Starts a run of appends at `now_ms` (wall clock): fixes the bounds on time, as an appender of Prometheus does. */
void head_batch_begin(struct head *h, int64_t now_ms);

/* The bounds on time of a run of appends. */
struct head_batch {
	int64_t min_valid, max_ok, ooo_min;
};

/* The bounds in force: to be kept by an owner who lets others append before it goes on. */
struct head_batch head_batch_save(const struct head *h);

/*
 * Puts the bounds of an earlier run back, but that nothing is taken which is in a block by now or is being cut. After
 * the owner has suspended, pointers to series are stale.
 */
void head_batch_resume(struct head *h, struct head_batch b);

/* Whether appends can be accepted: false after a failed commit until a later one succeeded, and when read-only. */
bool head_writable(const struct head *h);

/* The identity of a label set (sorted, no empty values). `scratch` is overwritten; reuse it. */
struct hash128 head_key(struct labels l, struct strbuf *scratch);

/*
 * Looks up `n` (<= HEAD_LOOKUP_MAX) keys: ret[i] is the series or NULL. What
 * a following append of these series will touch is prefetched. Pointers are
 * valid until the next head_gc.
 */
void head_lookup(struct head *h, const struct hash128 *keys, size_t n, struct head_series **ret);

/*
 * The series with these labels, made if it is new. `key` is head_key of `l`;
 * the caller has checked the labels (labels_check). RESOURCE_EXHAUSTED at
 * max_series, UNAVAILABLE when not writable. *ret_created may be NULL.
 */
int head_series_get(struct head *h, struct hash128 key, struct labels l, struct head_series **ret, bool *ret_created,
		    struct err *err) MUST_CHECK;

/*
 * Notes that another byte form of the same labels (say, unsorted) hashes to
 * `key`, so that the next lookup hits. At most two per series are kept.
 */
void head_series_alias(struct head *h, struct hash128 key, struct head_series *s);

/* Appends a float. A staleness marker on a series of histograms is stored as one. No error, no allocation per sample. */
enum head_result head_append(struct head *h, struct head_series *s, int64_t t_ms, double v);

/* Appends a native histogram, integer or float; copied. `err` (may be NULL) words HEAD_BAD_HISTOGRAM. */
enum head_result head_append_hist(struct head *h, struct head_series *s, int64_t t_ms, const struct histogram *hist,
				  struct err *err);

/* Appends an exemplar; labels are copied. */
enum head_result head_append_exemplar(struct head *h, struct head_series *s, int64_t t_ms, double v, struct labels l);

/* Number of the series in this run of the process; never reused. What readers call `id`. */
uint32_t head_series_id(const struct head_series *s);

/* --- commit --------------------------------------------------------------------- */

/* Whether there is something to commit: records that no commit has taken, or a new segment to begin. */
bool head_commit_needed(const struct head *h);

/* Bytes of staged records, for the owner's decision when to commit early. */
size_t head_commit_bytes(const struct head *h);

/*
 * The number of the commit that everything appended so far waits for: it is
 * safe once head_committed() is at least that. 0 when all is safe already.
 * Ask after the appends of a request, also when they were all HEAD_OK_SAME:
 * the first copy may be in a commit that is still under way.
 */
uint64_t head_commit_wanted(const struct head *h);

/* The number of the last successful commit. */
uint64_t head_committed(const struct head *h);

/*
 * Takes all staged records, and those of a failed commit before them. NULL
 * when there are none, or when a commit is under way: one at a time.
 */
struct head_commit *head_commit_begin(struct head *h);

/*
 * As head_commit_begin, but with nothing staged too: a commit that only syncs what earlier ones wrote without. NULL
 * when a commit is under way, and in a head that is only read.
 */
struct head_commit *head_sync_begin(struct head *h);

/*
 * Writes, and with `sync` syncs, the records. What was not synced is kept in memory for the case below, up to
 * 64 MiB, then synced anyway. Blocks; touches only the commit
 * and the log files. After ENOSPC and the like the files end at a record
 * boundary. After a failed fdatasync the file is never trusted again: the
 * records since its last good sync are written to a new segment. A second failure is
 * DATA_LOSS: the owner must stop the process (T9: fail-stop).
 */
int head_commit_run(struct head_commit *c, bool sync, struct err *err) MUST_CHECK;

/* Ends the commit with the result of head_commit_run; after a failure the records stay staged. */
void head_commit_end(struct head *h, struct head_commit *c, int result);

/* --- times and figures ------------------------------------------------------------ */

/* Time of the oldest sample; INT64_MAX in an empty head. */
int64_t head_min_time(const struct head *h);

/* Time of the newest sample; INT64_MIN in an empty head. */
int64_t head_max_time(const struct head *h);

/* What was written to a log since open. */
struct head_log_stats {
	uint32_t segment;                                       /* the current one */
	uint64_t bytes, writes, parts, part_bytes, saved_bytes; /* as in struct wal_writer_stats */
};

/* By how much samples out of order were late: upper bounds in seconds, and how many were up to each, the last beyond all. */
#define HEAD_DELAYS 7
extern const double head_delay_bounds[HEAD_DELAYS];
struct head_delays {
	uint64_t n[HEAD_DELAYS + 1];
	double sum_s;
};

/* Figures of a head. */
struct head_stats {
	uint64_t series;                         /* now */
	uint64_t series_created, series_removed; /* since open */
	uint64_t samples, histograms;            /* appended in order since open */
	uint64_t ooo_samples, ooo_histograms;    /* appended out of order since open; of them histograms */
	struct head_delays ooo_delays;
	uint64_t chunks;                       /* open and closed, out of order too */
	uint64_t chunks_removed, chunks_filed; /* since open; that went to chunk files */
	uint64_t label_pairs;                  /* distinct name/value pairs */
	uint64_t exemplars, exemplar_series;   /* in the ring; of so many series */
	uint64_t exemplars_appended;           /* since open */
	int64_t oldest_exemplar;               /* time of the one that goes next, 0 where there is none */
	uint64_t refused[HEAD_RESULTS], refused_histograms[HEAD_RESULTS]; /* of them histograms */
	uint64_t memory_bytes;         /* tables, series, chunks, postings; without the symbol table */
	uint64_t wal_bytes, wbl_bytes; /* written since open */
	struct head_log_stats wal, wbl;
	uint64_t chunk_file_bytes; /* on disk */
	int64_t min_time, max_time;
	int64_t ooo_min_time, ooo_max_time;
};

/* The figures now. */
void head_stats(const struct head *h, struct head_stats *ret);

/* One row of a top list; the string lies in the arena. */
struct head_top {
	struct str name;
	uint64_t value;
};

/* The four lists of /api/v1/status/tsdb, each with at most `limit` rows, largest first. */
struct head_top_lists {
	struct head_top *series_by_metric, *values_by_label, *bytes_by_label, *series_by_pair;
	size_t n_series_by_metric, n_values_by_label, n_bytes_by_label, n_series_by_pair;
};

/*
 * Fills the lists from `a`; pairs are named "name=value". Long on large heads:
 * the reader's checkpoint is called now and then. RESOURCE_EXHAUSTED.
 */
int head_top(struct head_reader *r, struct str metric_label, size_t limit, struct arena *a, struct head_top_lists *ret,
	     struct err *err) MUST_CHECK;

/* --- reading -------------------------------------------------------------------- */

/* Opens a reader of samples mint <= t <= maxt. Cheap. */
struct head_reader *head_reader_open(struct head *h, int64_t mint_ms, int64_t maxt_ms);

/* Closes it; everything it was given becomes invalid. NULL is fine. */
void head_reader_close(struct head_reader *r);

/*
 * Called every few thousand items of a long loop, so that the owner can yield
 * (it may suspend: the reader keeps what is in use) or give up (negative).
 */
void head_reader_set_checkpoint(struct head_reader *r, int (*fn)(void *arg, struct err *err), void *arg);

/*
 * The ids of the series that pass all matchers, in `a`: ascending ids, or
 * sorted by labels with `sorted`. Series without samples in the range are
 * not left out (the chunks tell). RESOURCE_EXHAUSTED over the arena's budget.
 */
int head_reader_select(struct head_reader *r, struct matcher *const *m, size_t n_m, bool sorted, struct arena *a,
		       uint32_t **ret_ids, size_t *ret_n, struct err *err) MUST_CHECK;

/* Whether some series may have a label of this name: false is certain. */
bool head_reader_has_name(const struct head_reader *r, struct str name);

/* Tells that series ids[0], ids[1] ... of the n are read next, one after the other: brings some of what is needed into the cache. */
void head_reader_prefetch(const struct head_reader *r, const uint32_t *ids, size_t n);

/* A chunk that overlaps the reader's range. */
struct head_chunk {
	int64_t mint, maxt; /* of the samples in it */
	struct chunk
		chunk; /* encoding and bytes; valid until the reader is closed (open chunks: copied to the arena) */
	bool ooo;      /* out of order: may overlap others of the series */
};

/* Samples mint <= t <= maxt that were deleted. */
struct head_deleted {
	int64_t mint, maxt;
};

/* A series as a reader sees it. */
struct head_view {
	struct labels labels;      /* pairs in the arena; strings are the head's */
	uint64_t ref;              /* its number in the logs */
	struct head_chunk *chunks; /* in-order ones ascending and not overlapping, then out-of-order ones by mint */
	size_t n_chunks;
	struct head_deleted *deleted; /* samples to leave out: only after replay of a log with deletions */
	size_t n_deleted;
};

/*
 * Fills *ret for a series; with_chunks false leaves the chunks out. 1, or 0
 * when the series is gone (only after its data left the reader's range).
 * Copies of open chunks come from `a`. RESOURCE_EXHAUSTED.
 */
int head_reader_series(struct head_reader *r, uint32_t id, bool with_chunks, struct arena *a, struct head_view *ret,
		       struct err *err) MUST_CHECK;

/* As head_reader_series with chunks, but for the labels: view.labels stay empty. */
int head_reader_chunks(struct head_reader *r, uint32_t id, struct arena *a, struct head_view *ret,
		       struct err *err) MUST_CHECK;

/* All label names of series that pass the matchers (all series without matchers), sorted, in `a`. */
int head_reader_label_names(struct head_reader *r, struct matcher *const *m, size_t n_m, struct arena *a,
			    struct str **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* All values of a label among series that pass the matchers, sorted, in `a`. */
int head_reader_label_values(struct head_reader *r, struct str name, struct matcher *const *m, size_t n_m,
			     struct arena *a, struct str **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* An exemplar with its series. */
struct head_exemplar {
	uint32_t series_id;
	int64_t t;
	double v;
	struct labels labels; /* in the arena */
};

/* Exemplars in the reader's range of series that pass the matchers, by series id, then time, in `a`. */
int head_reader_exemplars(struct head_reader *r, struct matcher *const *m, size_t n_m, struct arena *a,
			  struct head_exemplar **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/* --- closed chunks to files --------------------------------------------------------- */

/* Bytes of closed chunks that are only in memory. They are safe in the WAL; writing them out saves memory and replay. */
uint64_t head_flush_bytes(const struct head *h);

/* Takes closed chunks (about `max_bytes`, the oldest) for writing; NULL when there are none or a flush is under way. */
struct head_flush *head_flush_begin(struct head *h, uint64_t max_bytes);

/* Writes them to the head chunk files. Blocks; touches only the flush and the files. No sync: the WAL holds the samples. */
int head_flush_run(struct head_flush *f, struct err *err) MUST_CHECK;

/* Ends the flush: on success the bytes in memory go; after a failure they stay and are taken again. */
void head_flush_end(struct head *h, struct head_flush *f, int result);

/* --- cutting blocks ------------------------------------------------------------------ */

/*
 * Whether a block is due: the head spans more than 1.5 block ranges. Then
 * [*ret_mint, *ret_maxt) is the aligned range of the oldest.
 */
bool head_cut_due(const struct head *h, int64_t *ret_mint, int64_t *ret_maxt);

/*
 * Says that samples before `maxt` are being written to a block from now on: until head_cut_end nothing is added there
 * (in order; with a window it is taken as out of order), for it would not be in the block. Before the fork, in its turn.
 */
void head_cut_begin(struct head *h, int64_t maxt_ms);

/* Ends it, after head_truncate or a failure. */
void head_cut_end(struct head *h);

/* A block that was written. `ulid` is "" when there was nothing to write. */
struct head_block {
	char ulid[27];
	int64_t mint, maxt;
	uint64_t series, samples, chunks;
};

/*
 * Writes the samples mint <= t < maxt as a block into `blocks_dir`. Blocks,
 * and only reads memory and head chunk files: made for a child process, so
 * that ingest goes on in the parent.
 */
int head_write_block(struct head *h, const char *blocks_dir, int64_t mint_ms, int64_t maxt_ms, struct head_block *ret,
		     struct err *err) MUST_CHECK;

/*
 * After the block is there: samples before `mint_ms` are no longer accepted nor
 * given to readers opened from now on. Cheap; head_gc frees them.
 */
void head_truncate(struct head *h, int64_t mint_ms);

/*
 * Frees chunks before the head's minimum and series that have nothing left,
 * about `budget` items per call. 1 when there is more to do, 0 when done,
 * and HEAD_GC_WAIT while readers opened before the truncation are open.
 * Call with no append batch under way (head_series pointers may go).
 */
int head_gc(struct head *h, size_t budget);

/* Returned by head_gc when it has to wait for readers. */
#define HEAD_GC_WAIT 2

/*
 * After head_gc is done, and after head_ooo_truncate: plans a checkpoint of the
 * older two thirds of the WAL, lets the next commit begin a new segment. NULL while a
 * commit, a collection or another checkpoint is under way.
 */
struct head_checkpoint *head_checkpoint_begin(struct head *h);

/*
 * Writes the checkpoint, if there are segments enough, then deletes what is no longer needed: the segments it
 * replaces, WBL segments and head chunk files from before the truncations. Blocks; touches only those files.
 */
int head_checkpoint_run(struct head_checkpoint *c, struct err *err) MUST_CHECK;

/* Ends it with the result of the run; after a failure everything is as before. */
void head_checkpoint_end(struct head *h, struct head_checkpoint *c, int result);

/* --- out-of-order data ---------------------------------------------------------------- */

/* Whether out-of-order samples are in the head. */
bool head_ooo_due(const struct head *h);

/*
 * Marks all out-of-order samples held now: buffers become chunks, the WBL
 * starts a new segment. Returns the mark for the two functions below. Commit
 * before: samples still staged now would come back after a restart (which
 * does no harm, they are in two places then).
 */
uint64_t head_ooo_mark(struct head *h);

/*
 * Writes marked out-of-order samples as one block per aligned range. Blocks,
 * and only reads: for a child process. *ret is from `a`.
 */
int head_ooo_write_blocks(struct head *h, uint64_t mark, const char *blocks_dir, struct arena *a,
			  struct head_block **ret, size_t *ret_n, struct err *err) MUST_CHECK;

/*
 * After the blocks are there: frees marked samples and forgets their WBL segments, which the next
 * head_checkpoint_run deletes if there was a commit since the mark.
 */
void head_ooo_truncate(struct head *h, uint64_t mark);

#endif
