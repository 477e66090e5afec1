/* Staging records and writing them. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <stdlib.h>

/* What a commit takes with it to its thread. */
struct head_commit {
	struct wal_writer *wal, *wbl;
	struct head_stage wal_stage, wbl_stage; /* become the last records of the batches */
	struct wal_batch wal_batch, wbl_batch;
	bool cut_wal, cut_wbl, never_sync;
	struct wal_pos wal_pos, wbl_pos; /* after the run */
	struct wal_writer_stats wal_stats, wbl_stats;
	uint32_t wbl_start; /* the segment that a cut began */
};

/* A stage with so much in one of its records is sealed, so that no record grows without bounds and none is copied when it does. */
#define SEAL_BYTES ((size_t)512 << 10)

/* Records of more than that go with their memory, smaller ones are copied and leave it to the next. */
#define TAKE_BYTES (SEAL_BYTES / 2)

/* Moves a staged record to the end of the batch. */
static void seal_one(struct wal_batch *b, struct record_buf *r)
{
	if (r->n == 0)
		return;
	if (r->b.n > TAKE_BYTES)
		wal_batch_take(b, &r->b);
	else
		wal_batch_add(b, strbuf_str(&r->b));
	record_buf_reset(r);
}

static void seal_stage(struct wal_batch *b, struct head_stage *st)
{
	seal_one(b, &st->series);
	seal_one(b, &st->samples);
	seal_one(b, &st->hists);
	seal_one(b, &st->fhists);
	seal_one(b, &st->custom_hists);
	seal_one(b, &st->custom_fhists);
	seal_one(b, &st->exemplars);
	seal_one(b, &st->tombstones);
}

void head_stage_seal(struct head *h)
{
	seal_stage(&h->wal_batch, &h->wal);
	seal_stage(&h->wbl_batch, &h->wbl);
}

/* Whether a record of the stage has become long. */
static bool stage_is_long(const struct head_stage *st)
{
	return MAX(MAX(st->series.b.n, st->samples.b.n), MAX(st->hists.b.n, st->fhists.b.n)) > SEAL_BYTES ||
	       MAX(MAX(st->custom_hists.b.n, st->custom_fhists.b.n), st->exemplars.b.n) > SEAL_BYTES;
}

void head_stage_bound(struct head *h)
{
	if (UNLIKELY(stage_is_long(&h->wal) || stage_is_long(&h->wbl)))
		head_stage_seal(h);
}

/* Frees buffers of more than `keep` bytes. */
static void stage_trim(struct head_stage *st, size_t keep)
{
	struct record_buf *const bufs[] = { &st->series,       &st->samples,       &st->hists,     &st->fhists,
					    &st->custom_hists, &st->custom_fhists, &st->exemplars, &st->tombstones };
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		if (bufs[i]->b.cap > keep)
			record_buf_fini(bufs[i]);
}

void head_stage_fini(struct head *h)
{
	stage_trim(&h->wal, 0);
	stage_trim(&h->wbl, 0);
	stage_trim(&h->spare_wal, 0);
	stage_trim(&h->spare_wbl, 0);
	wal_batch_fini(&h->wal_batch);
	wal_batch_fini(&h->wbl_batch);
}

static size_t stage_bytes(const struct head_stage *st)
{
	return st->series.b.n + st->samples.b.n + st->hists.b.n + st->fhists.b.n + st->custom_hists.b.n +
	       st->custom_fhists.b.n + st->exemplars.b.n + st->tombstones.b.n;
}

size_t head_commit_bytes(const struct head *h)
{
	return stage_bytes(&h->wal) + stage_bytes(&h->wbl) + h->wal_batch.n_bytes + h->wbl_batch.n_bytes;
}

bool head_commit_needed(const struct head *h)
{
	return head_commit_bytes(h) > 0 || h->cut_wbl;
}

bool head_writable(const struct head *h)
{
	return h->writable;
}

uint64_t head_commit_wanted(const struct head *h)
{
	if (head_commit_needed(h))
		return h->commit_no + 1;
	return h->commit ? h->commit_no : 0;
}

uint64_t head_committed(const struct head *h)
{
	return h->committed;
}

/* Takes what is staged away, without copying it; staging goes on in the spare buffers. */
static void take_stage(struct head_stage *to, struct head_stage *from, struct head_stage *spare)
{
	*to = *from;
	*from = *spare;
	*spare = (struct head_stage){ 0 };
}

struct head_commit *head_commit_begin(struct head *h)
{
	return head_commit_needed(h) ? head_sync_begin(h) : NULL;
}

struct head_commit *head_sync_begin(struct head *h)
{
	if (h->commit || h->cfg.read_only)
		return NULL;
	struct head_commit *c = xcalloc(1, sizeof(*c));
	c->wal = h->wal_w;
	c->wbl = h->wbl_w;
	take_stage(&c->wal_stage, &h->wal, &h->spare_wal);
	take_stage(&c->wbl_stage, &h->wbl, &h->spare_wbl);
	wal_batch_move(&c->wal_batch, &h->wal_batch);
	wal_batch_move(&c->wbl_batch, &h->wbl_batch);
	c->cut_wal = h->cut_wal;
	c->cut_wbl = h->cut_wbl;
	c->never_sync = h->cfg.never_sync;
	h->cut_wal = h->cut_wbl = false;
	h->commit = c;
	h->commit_no++;
	return c;
}

static int run_log(struct wal_writer *w, const struct wal_batch *b, bool cut, bool sync, struct err *err)
{
	if (cut)
		wal_cut(w);
	int rc = b->n ? wal_write(w, b, err) : 0;
	if (rc == 0 && sync)
		rc = wal_sync(w, err);
	return rc;
}

/* Gathers all records in the batches. */
static void seal_commit(struct head_commit *c)
{
	seal_stage(&c->wal_batch, &c->wal_stage);
	seal_stage(&c->wbl_batch, &c->wbl_stage);
	stage_trim(&c->wal_stage, SEAL_BYTES);
	stage_trim(&c->wbl_stage, SEAL_BYTES);
}

int head_commit_run(struct head_commit *c, bool sync, struct err *err)
{
	seal_commit(c);
	struct wal_pos before = wal_writer_pos(c->wbl);
	sync = sync && !c->never_sync;
	c->wbl_start = before.segment + (before.offset > 0);
	int rc = run_log(c->wal, &c->wal_batch, c->cut_wal, sync, err);
	if (rc == 0)
		rc = run_log(c->wbl, &c->wbl_batch, c->cut_wbl, sync, err);
	c->wal_pos = wal_writer_pos(c->wal);
	c->wbl_pos = wal_writer_pos(c->wbl);
	c->wal_stats = wal_writer_stats(c->wal);
	c->wbl_stats = wal_writer_stats(c->wbl);
	if (rc == 0) { /* large memory is given back here, where nobody waits for it */
		wal_batch_fini(&c->wal_batch);
		wal_batch_fini(&c->wbl_batch);
	}
	return rc;
}

/* Puts records that were not written back before those staged since. */
static void put_back(struct wal_batch *staged, struct wal_batch *taken)
{
	wal_batch_move(taken, staged);
	wal_batch_move(staged, taken);
}

void head_commit_end(struct head *h, struct head_commit *c, int result)
{
	CHECK(h->commit == c);
	h->commit = NULL;
	h->wal_pos = c->wal_pos;
	h->wbl_pos = c->wbl_pos;
	h->wal_stats = c->wal_stats;
	h->wbl_stats = c->wbl_stats;
	h->pending = result != 0;
	if (c->cut_wbl && h->wbl_mark_open) {
		h->wbl_after_mark = c->wbl_start;
		h->wbl_mark_open = false;
		if (h->wbl_drop)
			h->wbl_first_needed = c->wbl_start;
		h->wbl_drop = false;
	}
	if (result == 0)
		h->committed = h->commit_no;
	h->writable = !h->pending && !h->cfg.read_only;
	if (h->pending) {
		seal_commit(c);
		put_back(&h->wal_batch, &c->wal_batch);
		put_back(&h->wbl_batch, &c->wbl_batch);
	}
	wal_batch_fini(&c->wal_batch);
	wal_batch_fini(&c->wbl_batch);
	/* One commit at a time: the spare places are empty. */
	h->spare_wal = c->wal_stage;
	h->spare_wbl = c->wbl_stage;
	free(c);
}
