/*
 * receive/db.h - the TSDB of one tenant, kept alive by fibers.
 *
 * Appends go to the head at once; a request is acknowledged after a commit
 * that began after its appends has ended well (group commit: one write, and
 * with WAL_SYNC_ALWAYS one fdatasync, for all requests of a turn and those that come while the
 * commit before is under way). Cutting blocks, checkpoints and
 * retention run beside, in child processes and offload threads.
 */
#ifndef RECEIVE_DB_H
#define RECEIVE_DB_H

#include "base/err.h"
#include "base/log.h"
#include "labels/labels.h"
#include "tsdb/head.h"

#include <stdbool.h>
#include <stdint.h>

struct reactor;
struct receive_db;

/* When acknowledged samples are on stable storage. */
enum wal_sync {
	WAL_SYNC_ALWAYS,   /* before the acknowledgement */
	WAL_SYNC_INTERVAL, /* at most an interval after it */
	WAL_SYNC_NEVER,    /* when the kernel likes, as upstream */
};

/* --tsdb.wal-sync. */
struct wal_sync_policy {
	enum wal_sync when;
	int64_t interval_ms; /* for WAL_SYNC_INTERVAL */
};

/* Reads "always", "never" or "interval:<duration>"; INVALID_ARGUMENT says what would be right. */
int wal_sync_parse(const char *s, struct wal_sync_policy *ret, struct err *err);

/* What all tenants' TSDBs have in common. Borrowed, outlives them. */
struct receive_db_config {
	struct reactor *reactor;
	struct logger *log;
	struct head_config head; /* dir and symtab are set per tenant */
	struct wal_sync_policy sync;
	int64_t retention_ms;     /* of local blocks; 0: for ever */
	uint64_t retention_bytes; /* of local blocks; 0: no limit */
};

/*
 * Opens (or makes) the TSDB in `dir`: its blocks, then the log's samples after them, on an offload
 * thread. `tenant` and `external` (the labels that all its series get) are copied. Suspends.
 */
int co_receive_db_open(struct receive_db **ret, const struct receive_db_config *cfg, struct str tenant, const char *dir,
		       struct labels external, struct err *err);

/* Commits what is staged, ends the background work and closes. Suspends; cannot be cancelled. */
void co_receive_db_close(struct receive_db *db);

/* The tenant's name, a C string. */
const char *receive_db_tenant(const struct receive_db *db);

/* What it was opened with. */
const struct receive_db_config *receive_db_config(const struct receive_db *db);

/* The external labels, sorted. */
struct labels receive_db_external(const struct receive_db *db);

/* The head; for reading and appending by the caller in the loop. */
struct head *receive_db_head(struct receive_db *db);

/* How long cuts of blocks took: upper bounds in seconds, and how many were up to each, the last beyond all. */
#define RECEIVE_DB_CUT_BOUNDS 14
struct receive_db_cut_times {
	uint64_t n[RECEIVE_DB_CUT_BOUNDS + 1]; /* up to 1 s, 2 s, 4 s ... */
	double sum_s;
};

/* Number and time of something that takes long. */
struct receive_db_times {
	uint64_t n;
	int64_t ns;
};

/* Figures beside those of the head. */
struct receive_db_stats {
	uint64_t blocks, block_bytes;             /* now */
	uint64_t compactions, compactions_failed; /* blocks cut from the head; cuts that failed */
	uint64_t compactions_triggered;           /* rounds of maintenance that began to cut */
	struct receive_db_cut_times cut_times;
	bool cutting;
	uint64_t truncations; /* of the head, after its samples are in a block */
	struct receive_db_times gc, log_truncation;
	uint64_t reloads, reloads_failed; /* of the set of blocks */
	uint64_t checkpoints, checkpoints_failed;
	uint64_t time_retentions, size_retentions; /* blocks deleted */
	uint64_t commits_failed;
	struct head_replay replay;  /* what opening found */
	int64_t replay_ms;          /* what it took */
	int64_t commit_ns, commits; /* time that commits took, their number */
	int64_t min_time;           /* receive_db_min_time */
};

/* The figures now. */
void receive_db_stats(const struct receive_db *db, struct receive_db_stats *ret);

/* Time of the oldest sample in blocks and head; INT64_MAX where there is none. */
int64_t receive_db_min_time(const struct receive_db *db);

/*
 * Waits until everything appended before the call is as safe as the policy
 * demands. UNAVAILABLE when the disk refuses: the request is to be sent again. Suspends.
 */
int co_receive_db_commit(struct receive_db *db, struct err *err);

/*
 * Runs what is due: writes out closed chunks, cuts blocks (in child processes; a head without appends for one and a half
 * block ranges is cut to its end), shortens logs, deletes blocks beyond the retention. Called now and then by the
 * owner's fiber. Suspends.
 */
int co_receive_db_maintain(struct receive_db *db, struct err *err);

/* Whether nothing was appended for longer than the retention, so that the tenant may go: all that it has has expired. Never without a retention. */
bool receive_db_expired(const struct receive_db *db);

/* The directory. */
const char *receive_db_dir(const struct receive_db *db);

/* Notes an append now. */
void receive_db_touch(struct receive_db *db);

#endif
