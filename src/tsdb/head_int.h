/*
 * tsdb/head_int.h - the inside of a head, shared by head_*.c only.
 *
 * A series is two cache lines in a slab that never moves: the first is the
 * XOR appender (all that a sample in order touches besides the chunk's
 * bytes), the second the rest. Series are found by key (sharded open
 * addressing, so that growing one shard is short) or by id (slab directory).
 * Ids are given out in order, so posting lists only ever grow at their end.
 */
#ifndef TSDB_HEAD_INT_H
#define TSDB_HEAD_INT_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/pause.h"
#include "base/pieces.h"
#include "base/vec.h"
#include "chunk/hist.h"
#include "chunk/xor.h"
#include "labels/symtab.h"
#include "tsdb/head.h"
#include "tsdb/head_chunks.h"
#include "tsdb/head_postings.h"
#include "tsdb/record.h"
#include "tsdb/wal.h"

#include <stdlib.h>

/* What the open chunk of a series holds; kept in app.spare[KIND]. */
enum head_kind {
	KIND_NONE, /* no sample yet */
	KIND_FLOAT,
	KIND_HIST, /* integer histograms, exponential buckets */
	KIND_HIST_CUSTOM,
	KIND_FHIST,
	KIND_FHIST_CUSTOM,
};

/* Meaning of the owner's bytes in struct xor_app. SPARE_PLACE: which one of its slab the series is. */
enum { SPARE_KIND, SPARE_FLAGS, SPARE_PLACE };

/* Bits of spare[SPARE_FLAGS]. */
#define SERIES_OPEN 0x01u     /* there is an open chunk with samples */
#define SERIES_HIST_END 0x02u /* app.end of the histogram chunk was predicted */
#define SERIES_DELETED 0x04u  /* tombstones in head->tombstones name it */
#define SERIES_ALIAS 0x10u    /* unit of the count of aliases, bits 4-5 */
#define SERIES_ALIAS_MASK 0x30u

/* Samples that a float chunk aims at, and its size limit less the largest sample. */
#define CHUNK_SAMPLES 120
#define CHUNK_FLOAT_BYTES (1024 - 19)

/* What a histogram chunk aims at in bytes, and the least samples before it is cut for size. */
#define CHUNK_HIST_BYTES 1024
#define CHUNK_HIST_SAMPLES 10

/* A chunk that takes no more samples. */
struct closed_chunk {
	int64_t mint, maxt;
	union {
		uint8_t *bytes; /* in memory */
		uint64_t ref;   /* in a head chunk file: number << 32 | offset */
	};
	uint32_t size; /* bytes of data */
	uint8_t enc;
	bool in_file;
	bool is_piece; /* bytes are of base/pieces.h, else of malloc */
};

/* A sample out of order. */
struct ooo_sample {
	int64_t t;
	union {
		double v;
		char *hist; /* record_put_hist's bytes, on the heap */
	};
	uint32_t hist_n; /* 0: a float */
	bool is_float_hist;
};

/* A closed chunk out of order. */
struct ooo_chunk {
	struct closed_chunk c;
	uint64_t seq; /* head->ooo_seq when it was made */
};

/* What a series has out of order: a sorted buffer, then chunks. */
struct head_ooo {
	struct ooo_sample *buf;
	uint32_t n, cap;
	uint32_t n_closed, cap_closed;
	struct ooo_chunk *closed;
};

struct head_series {
	struct xor_app app; /* app.t is the newest time in order of any kind; app.end: the open chunk ends before it */

	/* From here on nothing that appending in order needs. */
	int64_t t_first;             /* of the open chunk of floats */
	uint32_t *labels;            /* n_labels pairs of symbols: name, value */
	struct closed_chunk *closed; /* ascending; head_closed_room of them fit */
	struct head_ooo *ooo;
	struct hist_app *hist; /* the open chunk of histograms */
	uint32_t id;
	uint32_t n_closed;
	uint32_t exemplar; /* newest in the ring, + 1; 0: none */
	uint16_t n_labels;
	uint16_t spare;
};

/* --- tables --------------------------------------------------------------------- */

#define SLAB_BITS 5
#define SLAB_SERIES (1u << SLAB_BITS)
#define KEY_SHARDS 256

/* Neighbouring series, what names them, and which one was looked up after each of them last time. */
struct head_slab {
	struct head_series s[SLAB_SERIES];
	uint64_t ref[SLAB_SERIES]; /* names in the logs; kept over restarts */
	struct hash128 key[SLAB_SERIES];
	uint32_t next[SLAB_SERIES]; /* ids */
};

/* A slot of the key table. */
struct key_slot {
	uint32_t tag;  /* of the key */
	uint32_t name; /* id + 1, or the number of an alias with KEY_ALIAS; 0: free */
};

#define KEY_ALIAS 0x80000000u

struct key_shard {
	struct key_slot *slots;
	uint32_t cap, n;
};

/* Another key of a series. */
struct key_alias {
	struct hash128 key;
	uint32_t id;   /* of the series; of a free one: its place is given to the next */
	uint32_t next; /* free one, + 1 */
};

#define ALIAS_PAGE_BITS 10

/* After a batch in which most guesses were wrong so many go without. */
#define GUESS_PAUSE 16

/* An exemplar in the ring. */
struct ring_exemplar {
	uint32_t series_id;    /* UINT32_MAX: free */
	uint32_t older, newer; /* of the same series, + 1; 0: none */
	int64_t t;
	double v;
	char *labels; /* packed (labels_pack), on the heap */
	uint32_t labels_n;
};

/* Records being staged, one of each kind, in the order in which they are written. */
struct head_stage {
	struct record_buf series, samples, hists, fhists, custom_hists, custom_fhists, exemplars;
	struct record_buf tombstones;
};

/* What is let go of when no reader can see it. */
struct limbo {
	uint64_t epoch;
	void *p;
	size_t map_n;   /* not 0: a map of this size */
	bool is_series; /* a heap copy of a removed series */
	bool is_piece;  /* of base/pieces.h */
};

/* A deletion from the log. */
struct head_tombstone {
	uint32_t id;
	int64_t mint, maxt;
};

/* A closed chunk to be written to a file. It may be gone by then. */
struct unflushed_chunk {
	uint32_t id;
	int64_t mint;
};

/*
 * All series of some moment in the order of their labels, so that a large
 * selection is not sorted each time. Series that came later are in it after
 * the next update; series that are gone may be in it.
 */
struct head_order {
	uint32_t *ids;  /* sorted by labels */
	uint32_t *rank; /* of id first + i: its index in ids; UINT32_MAX: not in it */
	uint32_t n;
	uint32_t first, limit; /* ids that were looked at: [first, limit) */
	bool updating;
};

/* A series that is gone but may be named in segments up to `segment`. */
struct head_removed {
	uint64_t ref;
	uint32_t segment;
};

struct head_reader {
	struct head *h;
	struct list link;
	uint64_t epoch;
	int64_t mint, maxt;
	int64_t asked_mint; /* samples out of order and exemplars stay in the head when it is truncated */
	struct pause pause;
};

struct head {
	struct head_config cfg;
	char *dir, *wal_dir, *wbl_dir, *quarantine_dir;
	struct symtab *symtab;
	bool own_symtab;

	/* Hot while appending. */
	int64_t min_valid, max_ok; /* fixed by head_batch_begin */
	int64_t ooo_min;           /* likewise; INT64_MAX without a window */
	bool writable;
	int64_t mint, maxt; /* of samples */
	struct head_stage wal, wbl;
	struct head_stage spare_wal, spare_wbl; /* empty, with memory from before, unless a commit is under way */
	uint64_t n_samples, n_hists, n_ooo;
	uint64_t n_ooo_hists;
	struct head_delays ooo_delays;
	uint64_t refused[HEAD_RESULTS], refused_hists[HEAD_RESULTS];

	int64_t min_valid_time; /* from blocks and truncation */
	int64_t cut_until;      /* samples before are being cut; INT64_MIN: none */
	uint64_t next_ref;

	/* Series. */
	struct key_shard shards[KEY_SHARDS];
	VEC(struct key_alias *) aliases; /* pages */
	uint32_t n_aliases, free_alias;  /* places given out so far; the first one that is free, + 1 */
	uint32_t last_found;             /* id that was looked up last */
	unsigned no_guesses;             /* batches to be looked up without */
	struct head_slab **slabs;        /* by id >> SLAB_BITS; NULL when all of it is gone */
	uint32_t n_slabs, next_id;
	uint64_t n_series, n_created, n_removed;
	uint64_t n_closed, n_open, closed_bytes;
	uint64_t n_chunks_removed, n_chunks_filed;
	struct head_postings postings;
	struct head_order order;
	struct strbuf key_scratch;
	VEC(struct head_tombstone) tombstones;

	/* Exemplars. */
	struct ring_exemplar *ring;
	uint32_t ring_cap, ring_next;
	uint64_t ring_n, ring_series, n_exemplars;

	/* Out of order. */
	uint64_t ooo_seq; /* given to chunks made now */
	int64_t ooo_mint, ooo_maxt;
	VEC(uint32_t) ooo_ids;     /* series that have, or had, something out of order */
	uint32_t wbl_first_needed; /* segments below may be deleted */
	uint32_t wbl_after_mark;   /* first segment that holds nothing from before the last mark */
	bool wbl_mark_open;        /* the segment after the mark has not begun */
	bool wbl_drop;             /* then everything before it may go */

	/* Readers. */
	struct list readers; /* oldest first */
	uint64_t epoch;
	int64_t truncated;       /* samples before are in blocks */
	uint64_t truncate_epoch; /* readers of this epoch and before see the head untruncated */
	unsigned walking;        /* readers inside a walk over postings: numbers of lists keep their meaning */
	VEC(struct limbo) limbo; /* from limbo_at on */
	size_t limbo_at;

	/* Logs. */
	struct wal_writer *wal_w, *wbl_w;
	struct wal_batch wal_batch, wbl_batch;        /* sealed, not yet taken */
	struct head_commit *commit;                   /* under way */
	struct wal_writer_stats wal_stats, wbl_stats; /* as of the last commit */
	uint64_t commit_no, committed;   /* numbers of the last one begun, and of the last that succeeded */
	bool pending;                    /* a commit failed: its records are in the batches */
	bool cut_wal, cut_wbl;           /* the next commit begins new segments */
	struct wal_pos wal_pos, wbl_pos; /* where the writers were after the last commit */
	int64_t last_checkpoint;         /* -1: none */
	bool checkpointing;

	/* Chunk files. */
	struct head_chunks *files;
	VEC(struct unflushed_chunk) unflushed; /* closed chunks in memory, oldest first, from unflushed_at on */
	size_t unflushed_at;
	uint32_t files_first_needed; /* files below may be deleted */
	uint64_t unflushed_bytes;
	struct head_flush *flush;

	/* Garbage collection. */
	bool gc_due;
	unsigned gc_stage;
	size_t gc_at;            /* where the stage goes on */
	int64_t gc_mint;         /* smallest time met */
	uint64_t gc_removed;     /* series removed in this round */
	VEC(uint64_t) live_refs; /* of series that stayed, in no order */
	uint64_t live_from;      /* refs from here on are newer than the round */
	VEC(struct head_removed) removed;
};

/* The series with this id, or NULL. */
static inline struct head_series *head_by_id(const struct head *h, uint32_t id)
{
	struct head_slab *slab = (id >> SLAB_BITS) < h->n_slabs ? h->slabs[id >> SLAB_BITS] : NULL;
	struct head_series *s = slab ? &slab->s[id & (SLAB_SERIES - 1)] : NULL;
	return s && s->labels ? s : NULL;
}

/* The name of `s` in the logs. */
static inline uint64_t series_ref(const struct head_series *s)
{
	uint8_t place = s->app.spare[SPARE_PLACE];
	return ((const struct head_slab *)(s - place))->ref[place];
}

/* What the open chunk of `s` holds. */
static inline enum head_kind series_kind(const struct head_series *s)
{
	return (enum head_kind)s->app.spare[SPARE_KIND];
}

/* Whether `s` has an open chunk. */
static inline bool series_open(const struct head_series *s)
{
	return s->app.spare[SPARE_FLAGS] & SERIES_OPEN;
}

/* Whether `s` ever got a sample in order that is still here, so that app.t means something. */
static inline bool series_has_time(const struct head_series *s)
{
	return series_open(s) || s->n_closed > 0;
}

/* End of the aligned range of `width` that holds t. As Prometheus: Go's division. */
static inline int64_t range_end(int64_t t, int64_t width)
{
	return t / width * width + width;
}

/* End of the block range that holds t; unlike range_end also before 1970. */
static inline int64_t block_end(int64_t t, int64_t width)
{
	int64_t rest = t % width;
	return t - (rest < 0 ? rest + width : rest) + width;
}

/* --- head_series.c ---------------------------------------------------------------- */

/* The series with this key, or NULL. */
struct head_series *head_find(const struct head *h, struct hash128 key);

/* A new series; no record is staged. `ref` 0: the next one. NULL with RESOURCE_EXHAUSTED when ids have run out. */
struct head_series *head_series_new(struct head *h, struct hash128 key, struct labels l, uint64_t ref, struct err *err);

/* Frees what a series owns and its labels' references; it is out of all tables, and no reader holds it. */
void head_series_fini(struct head *h, struct head_series *s);

/* Its key names the series no more. */
void head_key_forget(struct head *h, uint32_t id);

/* Drops the slots of removed series from one shard. */
void head_shard_sweep(struct head *h, struct key_shard *sh);

/* Frees the table of keys. */
void head_keys_fini(struct head *h);

/* Bytes of memory of the table of keys. */
uint64_t head_keys_memory(const struct head *h);

/* The labels of `s` as pairs in `dst` (s->n_labels of them). */
struct labels head_series_labels(const struct head *h, const struct head_series *s, struct label *dst);

/* --- head_append.c ------------------------------------------------------------------ */

/* Appends in order without checks on time but order; stages nothing. False when t is not newer. */
bool head_put_float(struct head *h, struct head_series *s, int64_t t, double v);

/* As head_put_float for a valid histogram. */
bool head_put_hist(struct head *h, struct head_series *s, int64_t t, const struct histogram *hist);

/* Whether both are the same but for empty buckets, which a chunk may have added. */
bool head_same_hist(const struct histogram *x, const struct histogram *y, struct arena *a);

/* Ends the open chunk, if there is one: it becomes the last closed one. */
void head_close_chunk(struct head *h, struct head_series *s);

/* Adds a closed chunk at the end. */
void head_add_closed(struct head *h, struct head_series *s, struct closed_chunk c);

/* Puts an exemplar into the ring, replacing the oldest; no checks. */
void head_put_exemplar(struct head *h, struct head_series *s, int64_t t, double v, struct labels l);

/* --- head_ooo.c ----------------------------------------------------------------------- */

/* Inserts a sample out of order (hist NULL: the float v). HEAD_OK_OOO, HEAD_OK_SAME or HEAD_DUPLICATE. Stages nothing. */
enum head_result head_put_ooo(struct head *h, struct head_series *s, int64_t t, double v, const struct histogram *hist);

/* Turns the buffer of a series into chunks. */
void head_ooo_close(struct head *h, struct head_series *s);

/* Adds a chunk loaded from a file. */
void head_ooo_add_chunk(struct head *h, struct head_series *s, struct closed_chunk c);

/* Forgets what is out of order and only in memory: its samples are in a chunk file. */
void head_ooo_forget_memory(struct head *h, struct head_series *s);

/* Frees everything out of order of a series; no reader holds it. */
void head_ooo_free(struct head_series *s);

/* Takes a chunk with bytes on the heap. */
typedef void ooo_emit_fn(void *arg, struct closed_chunk c);

/* Encodes a sorted run of samples as chunks and hands them to `emit`. */
void head_ooo_encode(const struct ooo_sample *p, size_t n, ooo_emit_fn *emit, void *arg);

/* --- head_commit.c ---------------------------------------------------------------------- */

/* Moves everything staged into the batches, keeping its order: what is staged next is written after it. */
void head_stage_seal(struct head *h);

/* Seals when a staged record has become long. Cheap. */
void head_stage_bound(struct head *h);

/* Frees the stages. */
void head_stage_fini(struct head *h);

/* Opens the log writers at the given places. */
int head_open_writers(struct head *h, struct wal_pos wal, struct wal_pos wbl, struct err *err);

/* --- head_replay.c ------------------------------------------------------------------------ */

/* Reads chunk files, checkpoint, WAL and WBL into the empty head, repairs them, opens the writers. */
int head_replay_all(struct head *h, head_progress_fn *progress, void *arg, struct head_replay *ret, struct err *err);

/* The newest checkpoint in the WAL directory: its number, or -1. */
int head_last_checkpoint(const char *wal_dir, int64_t *ret, struct err *err);

/* --- limbo (head.c) -------------------------------------------------------------------------- */

/* Frees p (heap) as soon as no open reader can hold it. */
void head_free_later(struct head *h, void *p);

/* Likewise frees the bytes of a closed chunk in memory. */
void head_chunk_free_later(struct head *h, const struct closed_chunk *c);

/* Likewise frees what a series owns; `s` is copied, its place may be cleared. */
void head_series_free_later(struct head *h, const struct head_series *s);

/* Likewise unmaps `n` bytes at p. `h` is a struct head. */
void head_unmap_later(void *h, void *p, size_t n);

/* Frees some of what no open reader can hold, about `budget` pieces. Returns whether there is more of it. */
bool head_limbo_drain(struct head *h, size_t budget);

/* For how many closed chunks there is memory where there are n: series have few of them. */
static inline size_t head_closed_room(uint32_t n)
{
	return n <= 8 ? (n + 1u) & ~1u : (n + 7u) & ~7u;
}

/* Frees the bytes of a closed chunk in memory that no reader holds. */
static inline void head_chunk_free(const struct closed_chunk *c)
{
	if (c->is_piece)
		piece_free(c->bytes);
	else
		free(c->bytes);
}

/* Encoding and data of a closed chunk; false when its file is damaged. */
static inline bool head_closed_data(const struct head_chunks *files, const struct closed_chunk *c, struct chunk *ret)
{
	if (c->in_file)
		return head_chunks_get(files, c->ref, ret);
	*ret = (struct chunk){ c->enc, str_mem(c->bytes, c->size) };
	return true;
}

/* Widens the head's range to t. */
void head_update_time(struct head *h, int64_t t);

#endif
