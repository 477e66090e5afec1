/*
 * tsdb/local_blocks.h - the blocks in a TSDB directory.
 *
 * A set of open blocks, newest last, owned by one thread (the loop). What
 * touches files is split off for an offload thread: x_begin and x_end are for
 * the owner, x_run blocks. A block is counted: one that leaves the set stays
 * open for those who hold it.
 *
 * A scan makes the set equal to the directory: blocks that a loaded block was
 * compacted from are removed, a block that does not open is moved to
 * `quarantine`, never deleted. The first scan also removes left-overs of
 * writers that died (.tmp-for-creation, .tmp-for-deletion).
 */
#ifndef TSDB_LOCAL_BLOCKS_H
#define TSDB_LOCAL_BLOCKS_H

#include "base/arena.h"
#include "base/err.h"
#include "tsdb/block.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of the set. Members are readable. */
struct local_block {
	struct block *block;
	struct ulid ulid;
	int64_t mint, maxt;  /* samples mint <= t < maxt */
	uint64_t size_bytes; /* of its files */
	unsigned refs;
};

struct local_blocks;

/*
 * An empty set for `dir`. `budget` (may be NULL) pays for the tables of open blocks; scans use it from their
 * thread, so nothing else may share it. Nothing is read yet.
 */
struct local_blocks *local_blocks_new(const char *dir, const char *quarantine, struct budget *budget);

/* Closes the blocks that nobody else holds, frees the set. NULL is fine. */
void local_blocks_free(struct local_blocks *s);

/* The blocks, ordered by mint, then maxt; valid until the set changes. */
struct local_block *const *local_blocks_list(const struct local_blocks *s, size_t *ret_n);

/* Holds a block. Returns it. */
struct local_block *local_block_ref(struct local_block *b);

/* Lets go; the last one closes the block. NULL is fine. */
void local_block_unref(struct local_block *b);

/* --- following the directory ---------------------------------------------------------------- */

struct local_scan;

/* What a scan found. */
struct local_scan_result {
	size_t loaded, vanished; /* new blocks; blocks whose directory is gone */
	size_t replaced;         /* removed, for a newer block holds their samples */
	size_t quarantined;
	char first_bad[ERR_MSG_MAX]; /* why the first one was, "" when none */
};

/* Plans a scan; NULL while one is under way. */
struct local_scan *local_blocks_scan_begin(struct local_blocks *s);

/* Reads the directory and opens new blocks. Blocks. */
int local_blocks_scan_run(struct local_scan *c, struct err *err) MUST_CHECK;

/* Takes the outcome into the set. ret (may be NULL) is zeroed after a failure. */
void local_blocks_scan_end(struct local_blocks *s, struct local_scan *c, int result, struct local_scan_result *ret);

/* All three at once: at start. Blocks. */
int local_blocks_load(struct local_blocks *s, struct local_scan_result *ret, struct err *err) MUST_CHECK;

/* --- retention --------------------------------------------------------------------------------- */

/* Whether a block may be deleted, e.g. because it was uploaded. */
typedef bool local_block_may_fn(void *arg, const struct local_block *b);

/*
 * The blocks to delete: those that end `retention_ms` or more before the
 * newest one ends (0: no limit of time), and the oldest until all take at
 * most `max_bytes` together with `other_bytes` of WAL and head (0: no limit of
 * size). `may` (NULL: all) is asked for each. In `a`, oldest first. Source:
 * Prometheus tsdb/db.go, BeyondTimeRetention and BeyondSizeRetention.
 */
int local_blocks_expired(const struct local_blocks *s, int64_t retention_ms, uint64_t max_bytes, uint64_t other_bytes,
			 local_block_may_fn *may, void *arg, struct arena *a, struct local_block ***ret, size_t *ret_n,
			 struct err *err) MUST_CHECK;

/* Takes a block out of the set. Delete its files (local_block_delete) before the next scan begins, which would find it again. */
void local_blocks_drop(struct local_blocks *s, const struct ulid *ulid);

/* Deletes a block's directory: renamed first, so that a crash leaves no half of it. Missing is success. Blocks. */
int local_block_delete(const char *dir, const struct ulid *ulid, struct err *err) MUST_CHECK;

#endif
