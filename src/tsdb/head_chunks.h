/*
 * tsdb/head_chunks.h - head chunk files: closed chunks that left memory.
 *
 * Directory of files %06u from 1: magic, version, then records of series
 * reference, times, encoding, data, CRC-32C (Prometheus
 * tsdb/docs/format/head_chunks.md). The files only save memory and replay: the
 * WAL holds the same samples until a block does, so they are never synced,
 * and whatever is damaged is set aside with everything after it.
 *
 * Reading goes through shared read-only maps; bytes are checked each time.
 * One thread may write (head_chunks_write) while another reads.
 */
#ifndef TSDB_HEAD_CHUNKS_H
#define TSDB_HEAD_CHUNKS_H

#include "base/err.h"
#include "base/str.h"
#include "chunk/chunk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First bytes of a file, and default size of files. */
#define HEAD_CHUNKS_MAGIC 0x0130BC91u
#define HEAD_CHUNKS_VERSION 1
#define HEAD_CHUNKS_FILE_BYTES ((uint64_t)128 << 20)

/* A record. */
struct head_chunk_rec {
	uint64_t series_ref;
	int64_t mint, maxt;
	struct chunk chunk; /* encoding without the out-of-order bit */
	bool ooo;
	uint64_t ref; /* file number << 32 | offset: filled by write and scan */
};

/* Called for each record of a scan. */
typedef void head_chunk_fn(void *arg, const struct head_chunk_rec *rec);

/*
 * Walks the bytes of a file with number `seq`. Returns the offset of the
 * first byte that is not part of a good record and not zero fill, or the
 * file's size when there is no damage.
 */
size_t head_chunks_scan(struct str file, uint32_t seq, head_chunk_fn *fn, void *arg);

struct head_chunks;

/* What opening found. */
struct head_chunks_found {
	uint64_t chunks;
	uint64_t corruptions; /* 0 or 1: everything after the first is set aside */
	uint64_t quarantined_bytes;
	char where[80]; /* of the corruption */
};

/*
 * Opens the directory (missing is empty), reads and checks all files, calls
 * `fn` for each chunk in order of files. Damage: the rest of the file and all later
 * files go to `quarantine` (unless read_only). Blocks.
 */
int head_chunks_open(struct head_chunks **ret, const char *dir, uint64_t file_bytes, const char *quarantine,
		     bool read_only, head_chunk_fn *fn, void *arg, struct head_chunks_found *ret_found,
		     struct err *err) MUST_CHECK;

/* Unmaps and closes. NULL is fine. */
void head_chunks_close(struct head_chunks *f);

/* The chunk at `ref`; false when there is none or it is damaged. Bytes are valid until its file is forgotten. */
bool head_chunks_get(const struct head_chunks *f, uint64_t ref, struct chunk *ret);

/*
 * Appends records to the newest file, beginning files as needed, and fills
 * recs[i].ref. Blocks; safe beside readers. After a failure none counts as
 * written. head_chunks_publish makes them readable.
 */
int head_chunks_write(struct head_chunks *f, struct head_chunk_rec *recs, size_t n, struct err *err) MUST_CHECK;

/* On the readers' thread, after a write: lets head_chunks_get see the records. */
int head_chunks_publish(struct head_chunks *f, const struct head_chunk_rec *recs, size_t n, struct err *err) MUST_CHECK;

/*
 * Forgets files whose chunks all end before `mint`: returns the number of the
 * first file kept. `unmap` is given each map to be released when no one
 * reads it any more (munmap). head_chunks_delete_before removes the files.
 */
uint32_t head_chunks_forget(struct head_chunks *f, int64_t mint, void (*unmap)(void *arg, void *p, size_t n),
			    void *arg);

/* Unlinks files numbered below `seq` in the directory. Blocks. */
int head_chunks_delete_before(const char *dir, uint32_t seq, struct err *err) MUST_CHECK;

/* Bytes of files. */
uint64_t head_chunks_size(const struct head_chunks *f);

#endif
