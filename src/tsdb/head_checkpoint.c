/* Checkpoints: the log's older segments, with only what is still needed. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"

#include <errno.h>
#include <stdlib.h>

/* Size at which a batch of kept records is written. */
#define BATCH_BYTES ((size_t)1 << 20)

struct head_checkpoint {
	char *wal_dir, *wbl_dir, *chunks_dir;
	struct wal_config config;
	int64_t mint;
	uint32_t current; /* the segment being written to */
	int64_t last;     /* number of the checkpoint there is, -1: none */
	int64_t done;     /* number of the checkpoint written, -1: none was due */
	uint32_t wbl_first, files_first;
	uint64_t *live; /* sorted */
	size_t n_live;
	uint64_t live_from;
	struct head_removed *removed; /* sorted by ref */
	size_t n_removed;
};

/* --- which series are needed --------------------------------------------------------------- */

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int cmp_removed(const void *a, const void *b)
{
	const struct head_removed *x = a, *y = b;
	return (x->ref > y->ref) - (x->ref < y->ref);
}

/* Whether segments after `to` may name the series. */
static bool wanted(const struct head_checkpoint *c, uint64_t ref, uint32_t to)
{
	if (ref >= c->live_from || bsearch(&ref, c->live, c->n_live, sizeof(ref), cmp_u64))
		return true;
	struct head_removed key = { ref, 0 };
	const struct head_removed *r = bsearch(&key, c->removed, c->n_removed, sizeof(key), cmp_removed);
	return r && r->segment > to;
}

/* --- copying records ------------------------------------------------------------------------ */

/* One checkpoint being written. */
struct copy {
	struct head_checkpoint *c;
	struct wal_writer *w;
	struct wal_batch batch;
	struct record_buf out;
	struct arena arena;
	uint32_t to;
};

static int copy_series(struct copy *k, struct record_iter *it, struct err *err)
{
	struct record_series rec;
	int rc;
	while ((rc = record_next_series(it, &k->arena, &rec, err)) == 1) {
		if (wanted(k->c, rec.ref, k->to))
			record_add_series(&k->out, rec.ref, rec.labels);
	}
	return rc;
}

static int copy_samples(struct copy *k, struct str rec, struct err *err)
{
	struct record_samples s;
	int rc = record_samples(rec, &k->arena, &s, err);
	for (size_t i = 0; i < s.n && rc == 0; i++) {
		if (s.t[i] >= k->c->mint && wanted(k->c, s.ref[i], k->to))
			record_add_float(&k->out, s.ref[i], s.t[i], s.v[i]);
	}
	return rc;
}

static int copy_hists(struct copy *k, struct record_iter *it, struct err *err)
{
	struct record_hist rec;
	int rc;
	while ((rc = record_next_hist(it, &k->arena, &rec, err)) == 1) {
		if (rec.t < k->c->mint || !wanted(k->c, rec.ref, k->to))
			continue;
		/* Records with start times hold both kinds of buckets, ours do not. */
		if (k->out.n && (uint8_t)k->out.b.p[0] != record_hist_type(&rec.h)) {
			wal_batch_add(&k->batch, strbuf_str(&k->out.b));
			record_buf_reset(&k->out);
		}
		record_add_hist(&k->out, rec.ref, rec.t, &rec.h);
	}
	return rc;
}

static int copy_exemplars(struct copy *k, struct record_iter *it, struct err *err)
{
	struct record_exemplar rec;
	int rc;
	while ((rc = record_next_exemplar(it, &k->arena, &rec, err)) == 1) {
		if (rec.t >= k->c->mint && wanted(k->c, rec.ref, k->to))
			record_add_exemplar(&k->out, rec.ref, rec.t, rec.v, rec.labels);
	}
	return rc;
}

static int copy_tombstones(struct copy *k, struct record_iter *it, struct err *err)
{
	struct record_tombstone rec;
	int rc;
	while ((rc = record_next_tombstone(it, &rec, err)) == 1) {
		if (rec.maxt >= k->c->mint && wanted(k->c, rec.ref, k->to))
			record_add_tombstone(&k->out, rec.ref, rec.mint, rec.maxt);
	}
	return rc;
}

static int copy_metadata(struct copy *k, struct record_iter *it, struct err *err)
{
	struct record_metadata rec;
	int rc;
	while ((rc = record_next_metadata(it, &rec, err)) == 1) {
		if (wanted(k->c, rec.ref, k->to))
			record_add_metadata(&k->out, rec.ref, rec.type, rec.unit, rec.help);
	}
	return rc;
}

static int copy_record(struct copy *k, struct str rec, struct err *err)
{
	struct record_iter it;
	record_iter_init(&it, rec);
	switch (it.type) {
	case RECORD_SERIES:
		return copy_series(k, &it, err);
	case RECORD_SAMPLES:
	case RECORD_SAMPLES_ST:
		return copy_samples(k, rec, err);
	case RECORD_EXEMPLARS:
		return copy_exemplars(k, &it, err);
	case RECORD_TOMBSTONES:
		return copy_tombstones(k, &it, err);
	case RECORD_METADATA:
		return copy_metadata(k, &it, err);
	default:
		return record_type_known(it.type) && it.type != RECORD_MMAP_MARKERS ? copy_hists(k, &it, err) : 0;
	}
}

static int write_batch(struct copy *k, struct err *err)
{
	int rc = wal_write(k->w, &k->batch, err);
	wal_batch_reset(&k->batch);
	return rc;
}

/* Copies what is wanted of segments up to k->to of `dir`. */
static int copy_dir(struct copy *k, const char *dir, uint32_t first, struct err *err)
{
	struct wal_reader *r;
	struct str rec;
	int rc = wal_reader_open(&r, dir, first, err);
	while (rc == 0 && (rc = wal_reader_next(r, &rec, err)) == 1) {
		if (dir == k->c->wal_dir && wal_reader_pos(r).segment > k->to) {
			rc = 0;
			break;
		}
		struct arena_mark m = arena_mark(&k->arena);
		/* A whole record that makes no sense was reported when it was replayed; what it holds is lost. */
		rc = copy_record(k, rec, err) == -ERR_RESOURCE_EXHAUSTED ? -ERR_RESOURCE_EXHAUSTED : 0;
		arena_rewind(&k->arena, m);
		if (k->out.n)
			wal_batch_add(&k->batch, strbuf_str(&k->out.b));
		record_buf_reset(&k->out);
		if (rc == 0 && k->batch.n_bytes > BATCH_BYTES)
			rc = write_batch(k, err);
	}
	wal_reader_close(r);
	return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

static char *checkpoint_path(const struct head_checkpoint *c, int64_t number, const char *suffix)
{
	return xasprintf("%s/checkpoint.%08u%s", c->wal_dir, (unsigned)number, suffix);
}

static int fill_checkpoint(struct copy *k, uint32_t first, struct err *err)
{
	int rc = 0;
	if (k->c->last >= 0) {
		char *old = checkpoint_path(k->c, k->c->last, "");
		rc = copy_dir(k, old, 0, err);
		free(old);
	}
	if (rc == 0)
		rc = copy_dir(k, k->c->wal_dir, first, err);
	/* A checkpoint has a segment even if nothing was worth keeping. */
	if (rc == 0 && k->batch.n == 0 && wal_writer_pos(k->w).offset == 0)
		wal_batch_add(&k->batch, STR(""));
	return rc == 0 ? write_batch(k, err) : rc;
}

/* Writes checkpoint.<to> through a temporary directory. */
static int write_checkpoint(struct head_checkpoint *c, uint32_t first, uint32_t to, struct err *err)
{
	char *tmp = checkpoint_path(c, to, ".tmp"), *path = checkpoint_path(c, to, "");
	struct copy k = { .c = c, .to = to };
	arena_init(&k.arena, NULL);
	c->config.dir = tmp;
	int rc = file_remove_all(tmp, err);
	if (rc == 0)
		rc = wal_writer_open(&k.w, &c->config, (struct wal_pos){ 0, 0 }, err);
	if (rc == 0)
		rc = fill_checkpoint(&k, first, err);
	int closed = wal_writer_close(k.w, true, rc == 0 ? err : NULL);
	rc = rc != 0 ? rc : closed;
	if (rc == 0)
		rc = file_sync_dir(tmp, err);
	if (rc == 0 && sys->rename(tmp, path) != 0)
		rc = err_sys(err, errno, "rename %s", tmp);
	if (rc == 0)
		rc = file_sync_dir(c->wal_dir, err);
	else
		file_remove_all(tmp, NULL);
	arena_fini(&k.arena);
	wal_batch_fini(&k.batch);
	record_buf_fini(&k.out);
	free(tmp);
	free(path);
	return rc;
}

/* After checkpoint `to` is there: what it replaces goes. */
static int remove_replaced(struct head_checkpoint *c, uint32_t to, struct err *err)
{
	int rc = wal_delete_before(c->wal_dir, to + 1, err);
	if (rc == 0 && c->last >= 0 && c->last != to) {
		char *old = checkpoint_path(c, c->last, "");
		rc = file_remove_all(old, err);
		free(old);
	}
	return rc;
}

int head_checkpoint_run(struct head_checkpoint *c, struct err *err)
{
	bool any;
	uint32_t first, last;
	int rc = wal_segments(c->wal_dir, &any, &first, &last, err);
	if (rc != 0)
		return rc;
	/* The current segment is still being written. */
	int64_t newest = (int64_t)c->current - 1;
	int64_t to = first + (newest - first) * 2 / 3;
	if (c->mint != INT64_MIN && any && newest >= first && to > first) {
		rc = write_checkpoint(c, first, (uint32_t)to, err);
		if (rc == 0) {
			c->done = to;
			rc = remove_replaced(c, (uint32_t)to, err);
		}
	}
	if (rc == 0 && c->wbl_first)
		rc = wal_delete_before(c->wbl_dir, c->wbl_first, err);
	if (rc == 0 && c->files_first)
		rc = head_chunks_delete_before(c->chunks_dir, c->files_first, err);
	return rc;
}

struct head_checkpoint *head_checkpoint_begin(struct head *h)
{
	if (h->checkpointing || h->gc_due || h->commit || h->cfg.read_only)
		return NULL;
	struct head_checkpoint *c = xcalloc(1, sizeof(*c));
	c->wal_dir = xstrdup(h->wal_dir);
	c->wbl_dir = xstrdup(h->wbl_dir);
	c->chunks_dir = xasprintf("%s/chunks_head", h->dir);
	c->config = (struct wal_config){ .segment_bytes = h->cfg.wal_segment_bytes,
					 .retain = true,
					 .compression = (enum wal_compression)h->cfg.compression };
	c->mint = h->truncated;
	c->current = h->wal_pos.segment;
	c->last = h->last_checkpoint;
	c->done = -1;
	c->wbl_first = h->wbl_first_needed;
	c->files_first = h->files_first_needed;
	c->live_from = h->live_from;
	c->n_live = h->live_refs.n;
	c->live = xmalloc(c->n_live * sizeof(*c->live));
	if (c->n_live)
		memcpy(c->live, h->live_refs.p, c->n_live * sizeof(*c->live));
	c->n_removed = h->removed.n;
	c->removed = xmalloc(c->n_removed * sizeof(*c->removed));
	if (c->n_removed)
		memcpy(c->removed, h->removed.p, c->n_removed * sizeof(*c->removed));
	qsort(c->live, c->n_live, sizeof(*c->live), cmp_u64);
	qsort(c->removed, c->n_removed, sizeof(*c->removed), cmp_removed);
	h->checkpointing = true;
	h->cut_wal = true;
	return c;
}

void head_checkpoint_end(struct head *h, struct head_checkpoint *c, int result)
{
	CHECK(h->checkpointing);
	h->checkpointing = false;
	if (c->done >= 0) {
		h->last_checkpoint = c->done;
		size_t n = 0;
		for (size_t i = 0; i < h->removed.n; i++) {
			if ((int64_t)h->removed.p[i].segment > c->done)
				h->removed.p[n++] = h->removed.p[i];
		}
		h->removed.n = n;
	}
	free(c->live);
	free(c->removed);
	free(c->wal_dir);
	free(c->wbl_dir);
	free(c->chunks_dir);
	free(c);
}
