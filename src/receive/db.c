#include "receive/db.h"

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

#define RETRY_MS 200             /* between commits while the disk refuses */
#define FLUSH_BYTES (4u << 20)   /* closed chunks in memory before they are written out */
#define GC_STEP 20000            /* items freed between two suspensions */
#define FAIL_STOP_EXIT 3         /* the process ends with this when data on disk cannot be trusted */
#define CHILD_MEMORY (4ull << 30)

struct receive_db {
	const struct receive_db_config *cfg;
	char *tenant;
	char *dir;
	struct labels *external;
	struct symtab *symtab;
	struct head *head;
	int64_t last_append_ms;
	int64_t last_sync_ms;

	bool committing;      /* the committer fiber lives */
	bool closing;
	uint64_t begun;       /* commits begun so far */
	uint64_t done;        /* the newest that ended well */
	uint64_t failed;      /* the newest that failed */
	struct err failure;
	struct waitq committed;
};

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
	struct head_replay replay;
};

static int open_head(void *arg, struct err *err)
{
	struct open_job *j = arg;
	int rc = file_mkdir_all(j->head.dir, err);
	return rc != 0 ? rc : head_open(&j->db->head, &j->head, NULL, NULL, &j->replay, err);
}

static void free_db(struct receive_db *db)
{
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

int co_receive_db_open(struct receive_db **ret, const struct receive_db_config *cfg, struct str tenant,
		       const char *dir, struct labels external, struct err *err)
{
	struct receive_db *db = xcalloc(1, sizeof(*db));
	db->cfg = cfg;
	db->tenant = xstrndup(tenant.p, tenant.n);
	db->dir = xstrdup(dir);
	db->external = labels_dup(external);
	db->symtab = symtab_new();
	db->last_append_ms = sys_now_ms();
	waitq_init(&db->committed);
	struct open_job j = { .db = db, .head = cfg->head };
	j.head.dir = db->dir;
	j.head.symtab = db->symtab;
	int64_t begin = sys_mono_ms();
	/* A half-open head would be lost: opening is not interrupted. */
	fiber_mask();
	int rc = co_offload("open tsdb", open_head, &j, err);
	fiber_unmask();
	if (rc != 0) {
		free_db(db);
		return rc;
	}
	log_replay(db, &j.replay, sys_mono_ms() - begin);
	*ret = db;
	return 0;
}

const char *receive_db_tenant(const struct receive_db *db)
{
	return db->tenant;
}

struct labels receive_db_external(const struct receive_db *db)
{
	return *db->external;
}

struct head *receive_db_head(struct receive_db *db)
{
	return db->head;
}

int64_t receive_db_last_append_ms(const struct receive_db *db)
{
	return db->last_append_ms;
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
static bool sync_now(struct receive_db *db)
{
	int64_t now = sys_mono_ms();
	bool sync = db->cfg->sync.when == WAL_SYNC_ALWAYS ||
		    (db->cfg->sync.when == WAL_SYNC_INTERVAL && now - db->last_sync_ms >= db->cfg->sync.interval_ms);
	if (sync)
		db->last_sync_ms = now;
	return sync;
}

/* Data on disk cannot be trusted any more (a sync failed twice): going on could acknowledge what is lost. */
static NORETURN void fail_stop(struct receive_db *db, const struct err *why)
{
	log_error(db->cfg->log, "the log cannot be made durable; stopping", log_s("tenant", db->tenant),
		  log_err(why));
	_Exit(FAIL_STOP_EXIT);
}

/* One commit; its end wakes all who wait. Suspends. */
static int commit_once(struct receive_db *db, struct err *err)
{
	struct commit_job j = { .c = head_commit_begin(db->head), .sync = sync_now(db) };
	if (!j.c)
		return 0;
	uint64_t seq = ++db->begun;
	int rc = co_offload("commit", run_commit, &j, err);
	head_commit_end(db->head, j.c, rc);
	if (rc == -ERR_DATA_LOSS)
		fail_stop(db, err);
	if (rc == 0)
		db->done = seq;
	else
		db->failed = seq;
	if (rc != 0)
		db->failure = *err;
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
	while (head_commit_needed(db->head)) {
		int rc = commit_once(db, &err);
		if (rc != 0 && !refused)
			log_error(db->cfg->log, "the disk refuses samples; trying on", log_s("tenant", db->tenant),
				  log_err(&err));
		if (rc == 0 && refused)
			log_info(db->cfg->log, "the disk takes samples again", log_s("tenant", db->tenant));
		refused = rc != 0;
		if (refused && db->closing)
			break;
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

/* --- maintenance ------------------------------------------------------------------ */

static int run_flush(void *arg, struct err *err)
{
	return head_flush_run(arg, err);
}

static int co_flush(struct receive_db *db, struct err *err)
{
	if (head_flush_bytes(db->head) < FLUSH_BYTES)
		return 0;
	struct head_flush *f = head_flush_begin(db->head, UINT64_MAX);
	if (!f)
		return 0;
	fiber_mask();
	int rc = co_offload("flush chunks", run_flush, f, err);
	fiber_unmask();
	head_flush_end(db->head, f, rc);
	return rc;
}

struct cut_job {
	struct receive_db *db;
	int64_t mint, maxt;
};

/* In the child: the result travels back as the bytes of a struct head_block. */
static int cut_in_child(void *arg, struct strbuf *out, struct err *err)
{
	struct cut_job *j = arg;
	struct head_block b;
	int rc = head_write_block(j->db->head, j->db->dir, j->mint, j->maxt, &b, err);
	if (rc == 0)
		strbuf_add(out, &b, sizeof(b));
	return rc;
}

static int run_checkpoint(void *arg, struct err *err)
{
	return head_checkpoint_run(arg, err);
}

/* Frees what a block replaced, then shortens the log. Suspends. */
static int co_collect(struct receive_db *db, struct err *err)
{
	int more, rc = 0;
	while (rc == 0 && (more = head_gc(db->head, GC_STEP)) != 0)
		rc = more == HEAD_GC_WAIT ? co_sleep_ms(50, err) : co_yield(err);
	struct head_checkpoint *c = rc == 0 ? head_checkpoint_begin(db->head) : NULL;
	if (!c)
		return rc;
	fiber_mask();
	rc = co_offload("checkpoint", run_checkpoint, c, err);
	fiber_unmask();
	head_checkpoint_end(db->head, c, rc);
	return rc;
}

static int co_cut(struct receive_db *db, int64_t mint, int64_t maxt, struct err *err)
{
	struct cut_job j = { db, mint, maxt };
	struct strbuf out = { 0 };
	int64_t begin = sys_mono_ms();
	int rc = co_child_run("cut block", cut_in_child, &j, CHILD_MEMORY, 5, &out, err);
	struct head_block b = { 0 };
	if (rc == 0 && out.n == sizeof(b))
		memcpy(&b, out.p, sizeof(b));
	strbuf_fini(&out);
	if (rc != 0)
		return err_prefix(err, "cut block");
	if (b.ulid[0])
		log_info(db->cfg->log, "cut block", log_s("tenant", db->tenant), log_s("ulid", b.ulid),
			 log_i("mint", b.mint), log_i("maxt", b.maxt), log_u("series", b.series),
			 log_u("samples", b.samples), log_i("ms", sys_mono_ms() - begin));
	head_truncate(db->head, maxt);
	return co_collect(db, err);
}

int co_receive_db_maintain(struct receive_db *db, struct err *err)
{
	int rc = co_flush(db, err);
	int64_t mint, maxt;
	while (rc == 0 && head_cut_due(db->head, &mint, &maxt))
		rc = co_cut(db, mint, maxt, err);
	return rc;
}

void co_receive_db_close(struct receive_db *db)
{
	struct err err;
	db->closing = true;
	fiber_mask();
	if (co_receive_db_commit(db, &err) != 0)
		log_error(db->cfg->log, "samples may be lost", log_s("tenant", db->tenant), log_err(&err));
	while (db->committing)
		(void)co_waitq_wait(&db->committed, "committer", NULL);
	fiber_unmask();
	head_close(db->head);
	free_db(db);
}
