/* What a tenant's TSDB needs beside reading and writing: blocks from the head, shorter logs, retention. */
#include "receive/db_internal.h"

#include "base/sys.h"
#include "base/vec.h"
#include "loop/offload.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES (4u << 20)  /* closed chunks in memory before they are written out */
#define FLUSH_STEP (256u << 10) /* written at a time: begin and end of a flush hold the loop */
#define GC_STEP 20000           /* items freed between two suspensions */
#define CHILD_MEMORY (4ull << 30)
#define CHILD_NICE 5
#define WAIT_MS 1000 /* for old readers, before other tenants have their turn */

/* --- closed chunks to files -------------------------------------------------------------- */

static int run_flush(void *arg, struct err *err)
{
	return head_flush_run(arg, err);
}

static int co_flush_some(struct receive_db *db, bool *ret_more, struct err *err)
{
	struct head_flush *f = head_flush_begin(db->head, FLUSH_STEP);
	*ret_more = f != NULL;
	if (!f)
		return 0;
	fiber_mask();
	int rc = co_offload("flush chunks", run_flush, f, err);
	fiber_unmask();
	head_flush_end(db->head, f, rc);
	return rc == 0 ? co_yield(err) : rc;
}

static int co_flush(struct receive_db *db, struct err *err)
{
	bool more = head_flush_bytes(db->head) >= FLUSH_BYTES;
	int rc = 0;
	while (rc == 0 && more)
		rc = co_flush_some(db, &more, err);
	return rc;
}

/* --- following the directory ----------------------------------------------------------------- */

void receive_db_log_scan(const struct receive_db *db, const struct local_scan_result *r)
{
	if (r->quarantined)
		log_error(db->cfg->log, "damaged blocks were set aside", log_s("tenant", db->tenant),
			  log_u("blocks", r->quarantined), log_s("first", r->first_bad), log_s("quarantine", db->dir));
}

static int run_scan(void *arg, struct err *err)
{
	return local_blocks_scan_run(arg, err);
}

/* Loads new blocks. What follows in the caller is in the same turn as the change of the set. Suspends. */
static int co_scan(struct receive_db *db, struct err *err)
{
	struct local_scan_result found;
	struct local_scan *scan = local_blocks_scan_begin(db->blocks);
	if (!scan)
		return err_set(err, ERR_ABORTED, "another scan is under way");
	fiber_mask();
	int rc = co_offload("scan blocks", run_scan, scan, err);
	fiber_unmask();
	local_blocks_scan_end(db->blocks, scan, rc, &found);
	db->stats.reloads++;
	db->stats.reloads_failed += rc != 0;
	receive_db_log_scan(db, &found);
	return rc;
}

/* Whether a block is loaded; one that was just written and is not cannot stand for the samples of the head. */
static int check_loaded(const struct receive_db *db, const struct head_block *b, struct err *err)
{
	size_t n;
	struct local_block *const *p = local_blocks_list(db->blocks, &n);
	struct ulid want;
	if (!b->ulid[0])
		return 0;
	for (size_t i = 0; i < n; i++)
		if (ulid_parse(str_c(b->ulid), &want) && ulid_cmp(&p[i]->ulid, &want) == 0)
			return 0;
	return err_set(err, ERR_DATA_LOSS, "block %s cannot be read back; its samples stay in the head", b->ulid);
}

/* --- memory and logs ---------------------------------------------------------------------------- */

static int run_checkpoint(void *arg, struct err *err)
{
	return head_checkpoint_run(arg, err);
}

/* Begins a checkpoint between two commits, which under load follow each other at once. Suspends. */
static int co_begin_checkpoint(struct receive_db *db, struct head_checkpoint **ret, struct err *err)
{
	int rc = 0;
	db->gap_wanted = true;
	while (rc == 0 && !(*ret = head_checkpoint_begin(db->head)) && db->committing)
		rc = co_waitq_wait(&db->committed, "moment without a commit", err);
	db->gap_wanted = false;
	return rc;
}

static int co_checkpoint_log(struct receive_db *db, struct err *err)
{
	struct head_checkpoint *c = NULL;
	int rc = co_begin_checkpoint(db, &c, err);
	if (!c)
		return rc;
	int64_t begin = sys->mono_ns();
	fiber_mask();
	rc = co_offload("checkpoint", run_checkpoint, c, err);
	fiber_unmask();
	db->stats.log_truncation.n++;
	db->stats.log_truncation.ns += sys->mono_ns() - begin;
	head_checkpoint_end(db->head, c, rc);
	if (rc == 0)
		db->stats.checkpoints++;
	else
		db->stats.checkpoints_failed++;
	return rc;
}

/* A step of head_gc, timed. */
static int gc_some(struct receive_db *db)
{
	int64_t begin = sys->mono_ns();
	int more = head_gc(db->head, GC_STEP);
	db->stats.gc.ns += sys->mono_ns() - begin;
	return more;
}

/*
 * Frees what blocks replaced, then shortens the log. Where readers from before
 * hold it up, the rest is left to the next round. Suspends.
 */
static int co_collect(struct receive_db *db, struct err *err)
{
	int64_t give_up = sys_mono_ms() + WAIT_MS;
	int more, rc = 0;
	while (rc == 0 && (more = gc_some(db)) != 0) {
		if (more == HEAD_GC_WAIT && sys_mono_ms() >= give_up)
			return 0;
		rc = more == HEAD_GC_WAIT ? co_sleep_ms(20, err) : co_yield(err);
	}
	if (rc != 0 || !db->collecting)
		return rc;
	db->stats.gc.n++;
	rc = co_checkpoint_log(db, err);
	if (rc == 0)
		db->collecting = false;
	return rc;
}

/* --- blocks in order ---------------------------------------------------------------------------------- */

struct cut_job {
	struct receive_db *db;
	int64_t mint, maxt;
	uint64_t mark; /* of samples out of order */
};

/* In the child: the result travels back as the bytes of struct head_block. */
static int cut_in_child(void *arg, struct strbuf *out, struct err *err)
{
	struct cut_job *j = arg;
	struct head_block b;
	int rc = head_write_block(j->db->head, j->db->dir, j->mint, j->maxt, &b, err);
	if (rc == 0)
		strbuf_add(out, &b, sizeof(b));
	return rc;
}

static void log_block(const struct receive_db *db, const struct head_block *b, bool ooo, int64_t took_ms)
{
	log_info(db->cfg->log, "cut block", log_s("tenant", db->tenant), log_s("ulid", b->ulid), log_i("mint", b->mint),
		 log_i("maxt", b->maxt), log_u("series", b->series), log_u("samples", b->samples),
		 log_b("out_of_order", ooo), log_i("ms", took_ms));
}

/* Runs the child that cuts, and takes its time. Suspends. */
static int co_cut_child(struct receive_db *db, const char *name, child_fn *fn, struct cut_job *j, struct strbuf *out,
			struct err *err)
{
	int64_t begin = sys->mono_ns();
	db->stats.cutting = true;
	int rc = co_child_run(name, fn, j, CHILD_MEMORY, CHILD_NICE, out, err);
	db->stats.cutting = false;
	double took_s = (double)(sys->mono_ns() - begin) / 1e9;
	size_t i = 0;
	while (i < RECEIVE_DB_CUT_BOUNDS && took_s > (double)(1u << i))
		i++;
	db->stats.cut_times.n[i]++;
	db->stats.cut_times.sum_s += took_s;
	return rc;
}

/* Cuts [mint, maxt) off the head; *ret_empty when nothing was in it. Suspends. */
static int co_cut(struct receive_db *db, int64_t mint, int64_t maxt, bool *ret_empty, struct err *err)
{
	struct cut_job j = { .db = db, .mint = mint, .maxt = maxt };
	struct strbuf out = { 0 };
	struct head_block b = { 0 };
	int64_t begin = sys_mono_ms();
	head_cut_begin(db->head, maxt);
	int rc = co_cut_child(db, "cut block", cut_in_child, &j, &out, err);
	if (rc == 0 && out.n == sizeof(b))
		memcpy(&b, out.p, sizeof(b));
	strbuf_fini(&out);
	if (rc == 0 && b.ulid[0])
		rc = co_scan(db, err);
	if (rc == 0)
		rc = check_loaded(db, &b, err);
	if (rc != 0) {
		head_cut_end(db->head);
		db->stats.compactions_failed++;
		return err_prefix(err, "cut block");
	}
	/* In the turn in which the block came into the set: no reader sees its samples twice or not at all. */
	head_truncate(db->head, maxt);
	db->stats.truncations++;
	head_cut_end(db->head);
	db->collecting = true;
	db->stats.compactions++;
	*ret_empty = !b.ulid[0];
	if (b.ulid[0])
		log_block(db, &b, false, sys_mono_ms() - begin);
	return co_collect(db, err);
}

/* Length of blocks in order. */
static int64_t block_range(const struct receive_db *db)
{
	return db->cfg->head.chunk_range_ms ? db->cfg->head.chunk_range_ms : 2 * 3600 * 1000;
}

/* Whether nothing was appended for so long that the head can go to blocks wholly. */
static bool is_idle(const struct receive_db *db)
{
	return db->last_append_ms < sys_now_ms() - block_range(db) / 2 * 3;
}

/* Whether an idle head has samples in order, all of long ago; then its oldest block's range. */
static bool idle_due(const struct receive_db *db, int64_t *ret_mint, int64_t *ret_maxt)
{
	int64_t range = block_range(db), mint = head_min_time(db->head), maxt = head_max_time(db->head);
	if (!is_idle(db) || mint == INT64_MAX || maxt == INT64_MIN || maxt >= sys_now_ms() - range / 2 * 3)
		return false;
	int64_t into = mint % range;
	*ret_mint = mint - into - (into < 0 ? range : 0);
	*ret_maxt = *ret_mint + range;
	return true;
}

/* --- blocks out of order ---------------------------------------------------------------------------------- */

/* In the child: the results travel back as the bytes of an array of struct head_block. */
static int cut_ooo_in_child(void *arg, struct strbuf *out, struct err *err)
{
	struct cut_job *j = arg;
	struct head_block *b;
	struct arena a;
	size_t n;
	arena_init(&a, NULL);
	int rc = head_ooo_write_blocks(j->db->head, j->mark, j->db->dir, &a, &b, &n, err);
	if (rc == 0)
		strbuf_add(out, b, n * sizeof(*b));
	arena_fini(&a);
	return rc;
}

/*
 * Waits for the views opened so far: they may have still to visit series
 * whose samples out of order are to go, and do not have the new blocks. Suspends.
 */
static int co_wait_views(struct receive_db *db, struct err *err)
{
	unsigned old = db->generation++ & 1;
	int rc = 0;
	while (db->views[old] && rc == 0)
		rc = co_waitq_wait(&db->view_closed, "readers of a TSDB", err);
	return rc;
}

/* Takes the result of the child into the set. */
static int co_take_ooo(struct receive_db *db, const struct strbuf *out, int64_t begin, struct err *err)
{
	int rc = co_scan(db, err);
	for (size_t at = 0; rc == 0 && at + sizeof(struct head_block) <= out->n; at += sizeof(struct head_block)) {
		struct head_block b;
		memcpy(&b, out->p + at, sizeof(b));
		rc = check_loaded(db, &b, err);
		if (rc == 0 && b.ulid[0])
			log_block(db, &b, true, sys_mono_ms() - begin);
	}
	return rc;
}

/* Cuts all samples out of order. Suspends. */
static int co_cut_ooo(struct receive_db *db, struct err *err)
{
	struct strbuf out = { 0 };
	int64_t begin = sys_mono_ms();
	int rc = co_receive_db_commit(db, err);
	if (rc != 0)
		return rc;
	struct cut_job j = { .db = db, .mark = head_ooo_mark(db->head) };
	rc = co_receive_db_commit(db, err); /* begins the new segment */
	if (rc == 0)
		rc = co_cut_child(db, "cut out of order", cut_ooo_in_child, &j, &out, err);
	if (rc == 0)
		rc = co_take_ooo(db, &out, begin, err);
	strbuf_fini(&out);
	if (rc != 0) {
		db->stats.compactions_failed++;
		return err_prefix(err, "cut block out of order");
	}
	rc = co_wait_views(db, err);
	if (rc != 0)
		return rc;
	head_ooo_truncate(db->head, j.mark);
	db->stats.compactions++;
	db->collecting = true;
	return co_collect(db, err);
}

/* --- retention ---------------------------------------------------------------------------------------------- */

struct delete_job {
	const char *dir;
	struct ulid ulid;
};

static int run_delete(void *arg, struct err *err)
{
	struct delete_job *j = arg;
	return local_block_delete(j->dir, &j->ulid, err);
}

/* Deletes blocks beyond one limit. Suspends. */
static int co_retain(struct receive_db *db, int64_t retention_ms, uint64_t max_bytes, uint64_t *counter,
		     struct err *err)
{
	struct local_block **old;
	struct arena a;
	struct head_stats st;
	size_t n = 0;
	VEC(struct ulid) ulids = { 0 };
	if (retention_ms <= 0 && max_bytes == 0)
		return 0;
	head_stats(db->head, &st);
	arena_init(&a, NULL);
	int rc = local_blocks_expired(db->blocks, retention_ms, max_bytes, st.chunk_file_bytes, NULL, NULL, &a, &old,
				      &n, err);
	for (size_t i = 0; i < n; i++)
		*vec_push(&ulids) = old[i]->ulid;
	for (size_t i = 0; i < ulids.n && rc == 0; i++) {
		struct delete_job j = { .dir = db->dir, .ulid = ulids.p[i] };
		char name[ULID_LEN + 1];
		ulid_format(&j.ulid, name);
		log_info(db->cfg->log, "block is beyond the retention", log_s("tenant", db->tenant),
			 log_s("ulid", name));
		local_blocks_drop(db->blocks, &j.ulid);
		rc = co_offload("delete block", run_delete, &j, err);
		++*counter;
	}
	vec_fini(&ulids);
	arena_fini(&a);
	return rc;
}

const char *receive_db_dir(const struct receive_db *db)
{
	return db->dir;
}

bool receive_db_expired(const struct receive_db *db)
{
	int64_t retention = db->cfg->retention_ms, now = sys_now_ms();
	if (retention <= 0 || now - db->last_append_ms <= retention)
		return false;
	struct head_stats st;
	head_stats(db->head, &st);
	size_t n;
	struct local_block *const *p = local_blocks_list(db->blocks, &n);
	int64_t newest = st.series || head_ooo_due(db->head) ? MAX(st.max_time, st.ooo_max_time) : INT64_MIN;
	for (size_t i = 0; i < n; i++)
		newest = MAX(newest, p[i]->maxt);
	return newest == INT64_MIN || newest < now - retention;
}

/* --- all of it ------------------------------------------------------------------------------------------------ */

/* Cuts what is due of the head. Suspends. */
static int co_cut_due(struct receive_db *db, struct err *err)
{
	int64_t mint, maxt;
	bool cut = false, empty = false;
	int rc = 0;
	db->stats.compactions_triggered += !db->collecting && head_cut_due(db->head, &mint, &maxt);
	while (rc == 0 && !db->collecting && head_cut_due(db->head, &mint, &maxt)) {
		rc = co_cut(db, mint, maxt, &empty, err);
		cut = true;
	}
	while (rc == 0 && !db->collecting && !empty && idle_due(db, &mint, &maxt))
		rc = co_cut(db, mint, maxt, &empty, err);
	if (rc == 0 && head_ooo_due(db->head) && (cut || is_idle(db)))
		rc = co_cut_ooo(db, err);
	return rc;
}

int co_receive_db_maintain(struct receive_db *db, struct err *err)
{
	int rc = 0;
	while (db->maintaining && rc == 0)
		rc = co_waitq_wait(&db->maintained, "maintenance", err);
	if (rc != 0)
		return rc;
	db->maintaining = true;
	rc = co_flush(db, err);
	if (rc == 0)
		rc = co_collect(db, err);
	if (rc == 0)
		rc = co_cut_due(db, err);
	if (rc == 0)
		rc = co_retain(db, db->cfg->retention_ms, 0, &db->stats.time_retentions, err);
	if (rc == 0)
		rc = co_retain(db, 0, db->cfg->retention_bytes, &db->stats.size_retentions, err);
	db->maintaining = false;
	waitq_wake_all(&db->maintained);
	return rc;
}
