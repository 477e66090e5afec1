/* Opening, closing, memory that readers may still hold. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"

#include <stdlib.h>

/* --- limbo ---------------------------------------------------------------------------- */

static void let_go(struct head *h, struct limbo l)
{
	if (l.map_n) {
		sys->munmap(l.p, l.map_n);
		return;
	}
	if (l.is_series)
		head_series_fini(h, l.p);
	if (l.is_piece)
		piece_free(l.p);
	else
		free(l.p);
}

static void later(struct head *h, struct limbo l)
{
	l.epoch = h->epoch;
	if (list_empty(&h->readers))
		let_go(h, l);
	else
		*vec_push(&h->limbo) = l;
}

void head_free_later(struct head *h, void *p)
{
	if (p)
		later(h, (struct limbo){ .p = p });
}

void head_chunk_free_later(struct head *h, const struct closed_chunk *c)
{
	later(h, (struct limbo){ .p = c->bytes, .is_piece = c->is_piece });
}

void head_unmap_later(void *h, void *p, size_t n)
{
	later(h, (struct limbo){ .p = p, .map_n = n });
}

/* Freeing a series is that many times freeing memory. */
#define SERIES_PIECES 32

bool head_limbo_drain(struct head *h, size_t budget)
{
	uint64_t oldest =
		list_empty(&h->readers) ? UINT64_MAX : list_entry(h->readers.next, struct head_reader, link)->epoch;
	size_t done = 0;
	while (h->limbo_at < h->limbo.n && h->limbo.p[h->limbo_at].epoch < oldest) {
		if (done >= budget)
			return true;
		done += h->limbo.p[h->limbo_at].is_series ? SERIES_PIECES : 1;
		let_go(h, h->limbo.p[h->limbo_at++]);
	}
	if (h->limbo_at == h->limbo.n) {
		vec_fini(&h->limbo);
		h->limbo_at = 0;
	}
	return false;
}

void head_series_free_later(struct head *h, const struct head_series *s)
{
	later(h, (struct limbo){ .p = xmemdup(s, sizeof(*s)), .is_series = true });
}

static void retire(void *h, void *p)
{
	head_free_later(h, p);
}

/* --- open and close --------------------------------------------------------------------- */

static void set_config(struct head *h, const struct head_config *cfg)
{
	h->cfg = *cfg;
	h->dir = xstrdup(cfg->dir);
	h->cfg.dir = h->dir;
	if (!h->cfg.chunk_range_ms)
		h->cfg.chunk_range_ms = (int64_t)2 * 3600 * 1000;
	if (!h->cfg.ooo_cap_max)
		h->cfg.ooo_cap_max = 32;
	if (!h->cfg.wal_segment_bytes)
		h->cfg.wal_segment_bytes = WAL_SEGMENT_BYTES;
	if (!h->cfg.chunk_file_bytes)
		h->cfg.chunk_file_bytes = HEAD_CHUNKS_FILE_BYTES;
	h->min_valid_time = cfg->min_time_ms ? cfg->min_time_ms : INT64_MIN;
	h->wal_dir = xasprintf("%s/wal", h->dir);
	h->wbl_dir = xasprintf("%s/wbl", h->dir);
	h->quarantine_dir = xasprintf("%s/quarantine", h->dir);
	h->ring_cap = cfg->max_exemplars;
	h->ring = h->ring_cap ? xcalloc(h->ring_cap, sizeof(*h->ring)) : NULL;
	h->own_symtab = !cfg->symtab;
	h->symtab = cfg->symtab ? cfg->symtab : symtab_new();
}

static struct head *head_new(const struct head_config *cfg)
{
	struct head *h = xcalloc(1, sizeof(*h));
	set_config(h, cfg);
	h->mint = h->ooo_mint = INT64_MAX;
	h->maxt = h->ooo_maxt = INT64_MIN;
	h->min_valid = h->min_valid_time;
	h->max_ok = INT64_MAX;
	h->truncated = h->cut_until = INT64_MIN;
	h->ooo_min = INT64_MAX;
	h->next_ref = 1;
	h->ooo_seq = 1;
	h->last_checkpoint = -1;
	list_init(&h->readers);
	h->postings.symtab = h->symtab;
	h->postings.retire = retire;
	h->postings.retire_arg = h;
	return h;
}

int head_open_writers(struct head *h, struct wal_pos wal, struct wal_pos wbl, struct err *err)
{
	struct wal_config cfg = {
		.dir = h->wal_dir,
		.segment_bytes = h->cfg.wal_segment_bytes,
		.compression = (enum wal_compression)h->cfg.compression,
		.retain = !h->cfg.never_sync,
	};
	int rc = wal_writer_open(&h->wal_w, &cfg, wal, err);
	cfg.dir = h->wbl_dir;
	if (rc == 0)
		rc = wal_writer_open(&h->wbl_w, &cfg, wbl, err);
	h->wal_pos = wal;
	h->wbl_pos = wbl;
	return rc;
}

int head_open(struct head **ret, const struct head_config *cfg, head_progress_fn *progress, void *arg,
	      struct head_replay *ret_replay, struct err *err)
{
	struct head_replay ignored;
	*ret = NULL;
	struct head *h = head_new(cfg);
	int rc = cfg->read_only ? 0 : file_mkdir_all(h->dir, err);
	if (rc == 0)
		rc = head_replay_all(h, progress, arg, ret_replay ? ret_replay : &ignored, err);
	if (rc != 0) {
		head_close(h);
		return rc;
	}
	h->writable = !cfg->read_only;
	*ret = h;
	return 0;
}

static void free_series(struct head *h)
{
	for (uint32_t i = 0; i < h->n_slabs; i++) {
		for (uint32_t k = 0; h->slabs[i] && k < SLAB_SERIES; k++) {
			if (h->slabs[i]->s[k].labels)
				head_series_fini(h, &h->slabs[i]->s[k]);
		}
		free(h->slabs[i]);
	}
	free(h->slabs);
	head_keys_fini(h);
}

void head_close(struct head *h)
{
	if (!h)
		return;
	CHECK(list_empty(&h->readers) && !h->commit && !h->flush && !h->checkpointing);
	(void)head_limbo_drain(h, SIZE_MAX);
	wal_writer_close(h->wal_w, false, NULL);
	wal_writer_close(h->wbl_w, false, NULL);
	head_stage_fini(h);
	free_series(h);
	head_postings_fini(&h->postings);
	free(h->order.ids);
	free(h->order.rank);
	head_chunks_close(h->files);
	for (uint32_t i = 0; i < h->ring_cap; i++)
		free(h->ring[i].labels);
	free(h->ring);
	vec_fini(&h->unflushed);
	vec_fini(&h->tombstones);
	vec_fini(&h->removed);
	vec_fini(&h->live_refs);
	vec_fini(&h->ooo_ids);
	if (h->own_symtab)
		symtab_free(h->symtab);
	free(h->wal_dir);
	free(h->wbl_dir);
	free(h->quarantine_dir);
	free(h->dir);
	free(h);
}

/* --- times -------------------------------------------------------------------------------- */

int64_t head_min_time(const struct head *h)
{
	return h->mint;
}

int64_t head_max_time(const struct head *h)
{
	return h->maxt;
}
