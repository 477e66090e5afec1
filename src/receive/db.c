#include "receive/db_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "labels/symtab.h"
#include "loop/fiber.h"
#include "loop/offload.h"
#include "loop/reactor.h"
#include "text/duration.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 200     /* between commits while the disk refuses */
#define FAIL_STOP_EXIT 3 /* the process ends with this when data on disk cannot be trusted */

int wal_sync_parse(const char *s, struct wal_sync_policy *ret, struct err *err)
{
	*ret = (struct wal_sync_policy){ .when = WAL_SYNC_ALWAYS };
	if (strcmp(s, "always") == 0)
		return 0;
	ret->when = WAL_SYNC_NEVER;
	if (strcmp(s, "never") == 0)
		return 0;
	ret->when = WAL_SYNC_INTERVAL;
	int64_t ns;
	if (strncmp(s, "interval:", 9) == 0 && text_anyduration_parse(str_c(s + 9), &ns, NULL) == 0 && ns > 0) {
		ret->interval_ms = MAX(ns / 1000000, 1);
		return 0;
	}
	return err_set(err, ERR_INVALID_ARGUMENT,
		       "--tsdb.wal-sync: want always, interval:<duration> or never, got \"%s\"", s);
}

/* --- opening ------------------------------------------------------------------- */

struct open_job {
	struct receive_db *db;
	struct head_config head;
	struct local_scan_result scan;
	struct head_replay replay;
};

/* Up to where blocks hold what came in order: the log's samples before are not needed. */
static int64_t blocks_end(const struct local_blocks *s)
{
	size_t n;
	struct local_block *const *p = local_blocks_list(s, &n);
	int64_t end = 0;
	for (size_t i = 0; i < n; i++) {
		const struct meta_compaction *m = &block_meta(p[i]->block)->compaction;
		bool ooo = false;
		for (size_t k = 0; k < m->n_hints; k++)
			ooo = ooo || str_eq(m->hints[k], STR("from-out-of-order"));
		if (!ooo)
			end = MAX(end, p[i]->maxt);
	}
	return end;
}

static int open_files(void *arg, struct err *err)
{
	struct open_job *j = arg;
	int rc = file_mkdir_all(j->head.dir, err);
	if (rc == 0)
		rc = local_blocks_load(j->db->blocks, &j->scan, err);
	if (rc != 0)
		return rc;
	j->head.min_time_ms = blocks_end(j->db->blocks);
	return head_open(&j->db->head, &j->head, NULL, NULL, &j->replay, err);
}

static void free_db(struct receive_db *db)
{
	local_blocks_free(db->blocks);
	symtab_free(db->symtab);
	free(db->external);
	free(db->tenant);
	free(db->dir);
	free(db);
}

static void log_replay(const struct receive_db *db, const struct head_replay *r, int64_t took_ms)
{
	log_info(db->cfg->log, "opened TSDB", log_s("tenant", db->tenant), log_u("series", r->series),
		 log_u("samples", r->samples), log_u("segments", r->segments), log_i("ms", took_ms));
	if (r->corruptions)
		log_warn(db->cfg->log, "damaged data was set aside", log_s("tenant", db->tenant),
			 log_u("places", r->corruptions), log_u("bytes", r->quarantined_bytes),
			 log_s("first", r->first_corruption), log_s("quarantine", db->dir));
}

int co_receive_db_open(struct receive_db **ret, const struct receive_db_config *cfg, struct str tenant, const char *dir,
		       struct labels external, struct err *err)
{
	struct receive_db *db = xcalloc(1, sizeof(*db));
	db->cfg = cfg;
	db->tenant = xstrndup(tenant.p, tenant.n);
	db->dir = xstrdup(dir);
	db->external = labels_dup(external);
	db->symtab = symtab_new();
	db->last_append_ms = sys_now_ms();
	waitq_init(&db->committed);
	waitq_init(&db->view_closed);
	waitq_init(&db->maintained);
	char *quarantine = xasprintf("%s/quarantine", dir);
	db->blocks = local_blocks_new(dir, quarantine, NULL);
	free(quarantine);
	struct open_job j = { .db = db, .head = cfg->head };
	j.head.dir = db->dir;
	j.head.symtab = db->symtab;
	j.head.never_sync = cfg->sync.when == WAL_SYNC_NEVER;
	int64_t begin = sys_mono_ms();
	/* A half-open head would be lost: opening is not interrupted. */
	fiber_mask();
	int rc = co_offload("open tsdb", open_files, &j, err);
	fiber_unmask();
	if (rc != 0) {
		free_db(db);
		return rc;
	}
	receive_db_log_scan(db, &j.scan);
	log_replay(db, &j.replay, sys_mono_ms() - begin);
	db->stats.replay_ms = sys_mono_ms() - begin;
	db->stats.replay = j.replay;
	*ret = db;
	return 0;
}

const char *receive_db_tenant(const struct receive_db *db)
{
	return db->tenant;
}

const struct receive_db_config *receive_db_config(const struct receive_db *db)
{
	return db->cfg;
}

struct labels receive_db_external(const struct receive_db *db)
{
	return *db->external;
}

struct head *receive_db_head(struct receive_db *db)
{
	return db->head;
}

int64_t receive_db_min_time(const struct receive_db *db)
{
	size_t n;
	struct local_block *const *p = local_blocks_list(db->blocks, &n);
	struct head_stats st;
	head_stats(db->head, &st);
	int64_t t = MIN(st.min_time, st.ooo_min_time);
	return n ? MIN(p[0]->mint, t) : t;
}

void receive_db_stats(const struct receive_db *db, struct receive_db_stats *ret)
{
	size_t n;
	struct local_block *const *p = local_blocks_list(db->blocks, &n);
	*ret = db->stats;
	ret->min_time = receive_db_min_time(db);
	ret->blocks = n;
	ret->block_bytes = 0;
	for (size_t i = 0; i < n; i++)
		ret->block_bytes += p[i]->size_bytes;
}

void receive_db_touch(struct receive_db *db)
{
	db->last_append_ms = sys_now_ms();
}

/* --- group commit ---------------------------------------------------------------- */

struct commit_job {
	struct head_commit *c;
	bool sync;
};

static int run_commit(void *arg, struct err *err)
{
	struct commit_job *j = arg;
	return head_commit_run(j->c, j->sync, err);
}

/* Whether this commit has to reach the disk. */
static bool sync_now(const struct receive_db *db)
{
	return db->cfg->sync.when == WAL_SYNC_ALWAYS || db->sync_wanted;
}

/* Data on disk cannot be trusted any more (a sync failed twice): going on could acknowledge what is lost. */
static NORETURN void fail_stop(struct receive_db *db, const struct err *why)
{
	log_error(db->cfg->log, "the log cannot be made durable; stopping", log_s("tenant", db->tenant), log_err(why));
	_Exit(FAIL_STOP_EXIT);
}

static void start_committer(struct receive_db *db);

/* Has what was committed without a sync synced when the interval is over. Suspends. */
static void sync_later(void *arg)
{
	struct receive_db *db = arg;
	(void)co_sleep_ms(db->cfg->sync.interval_ms, NULL);
	db->syncer = NULL;
	db->sync_wanted = db->unsynced;
	if (db->sync_wanted)
		start_committer(db);
	waitq_wake_all(&db->committed);
}

static void start_syncer(struct receive_db *db)
{
	if (db->cfg->sync.when == WAL_SYNC_INTERVAL && db->unsynced && !db->syncer && !db->closing)
		db->syncer = fiber_start(db->cfg->reactor, "sync log", sync_later, db);
}

/* One commit; its end wakes all who wait. Suspends. */
static int commit_once(struct receive_db *db, struct err *err)
{
	struct commit_job j = { .c = head_sync_begin(db->head), .sync = sync_now(db) };
	if (!j.c)
		return 0;
	db->sync_wanted = false;
	uint64_t seq = ++db->begun;
	int64_t begin = sys->mono_ns();
	int rc = co_offload("commit", run_commit, &j, err);
	db->stats.commits++;
	db->stats.commits_failed += rc != 0;
	db->stats.commit_ns += sys->mono_ns() - begin;
	head_commit_end(db->head, j.c, rc);
	if (rc == -ERR_DATA_LOSS)
		fail_stop(db, err);
	if (rc == 0) {
		db->done = seq;
		db->unsynced = !j.sync;
		start_syncer(db);
	} else {
		db->failed = seq;
		db->failure = *err;
		db->sync_wanted = j.sync;
	}
	waitq_wake_all(&db->committed);
	return rc;
}

/* Commits until nothing is staged, again and again while the disk refuses. Suspends. */
static void committer(void *arg)
{
	struct receive_db *db = arg;
	struct err err;
	bool refused = false;
	fiber_mask();
	while (head_commit_needed(db->head) || db->sync_wanted) {
		int rc = commit_once(db, &err);
		if (rc != 0 && !refused)
			log_error(db->cfg->log, "the disk refuses samples; trying on", log_s("tenant", db->tenant),
				  log_err(&err));
		if (rc == 0 && refused)
			log_info(db->cfg->log, "the disk takes samples again", log_s("tenant", db->tenant));
		refused = rc != 0;
		if (refused && db->closing)
			break;
		if (db->gap_wanted) /* commit_once woke who wants it: it runs before this goes on */
			(void)co_yield(NULL);
		if (refused)
			(void)co_sleep_ms(RETRY_MS, NULL);
	}
	fiber_unmask();
	db->committing = false;
	waitq_wake_all(&db->committed);
}

static void start_committer(struct receive_db *db)
{
	if (db->committing)
		return;
	db->committing = true;
	fiber_start(db->cfg->reactor, "commit", committer, db);
}

int co_receive_db_commit(struct receive_db *db, struct err *err)
{
	bool staged = head_commit_needed(db->head);
	if (!staged && !db->committing)
		return 0;
	/* What is staged goes with the next commit; what was there already, perhaps with the one under way. */
	uint64_t want = db->begun + (staged ? 1 : 0);
	start_committer(db);
	while (db->done < want && db->failed < want) {
		int rc = co_waitq_wait(&db->committed, "commit", err);
		if (rc != 0)
			return rc;
	}
	if (db->done >= want)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "%s", db->failure.msg);
}

void co_receive_db_close(struct receive_db *db)
{
	struct err err;
	db->closing = true;
	fiber_mask();
	if (db->syncer)
		fiber_cancel(db->syncer);
	while (db->syncer)
		(void)co_waitq_wait(&db->committed, "syncer", NULL);
	if (db->cfg->sync.when == WAL_SYNC_INTERVAL && (db->unsynced || head_commit_needed(db->head))) {
		db->sync_wanted = true;
		start_committer(db);
	}
	if (co_receive_db_commit(db, &err) != 0)
		log_error(db->cfg->log, "samples may be lost", log_s("tenant", db->tenant), log_err(&err));
	while (db->committing)
		(void)co_waitq_wait(&db->committed, "committer", NULL);
	fiber_unmask();
	head_close(db->head);
	free_db(db);
}
