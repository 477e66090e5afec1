/* Reading a head back from its files. */
#include "tsdb/head_gather.h"
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/hmap.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Samples resolved together. */
#define REPLAY_BATCH 64

/* Records between calls of progress. */
#define PROGRESS_EVERY 256

#define REF_PAGE_BITS 10
#define REF_PAGE (1u << REF_PAGE_BITS)

/* What a reference in the logs names. */
struct ref_entry {
	struct head_series *s; /* NULL: nothing */
	int64_t from;          /* samples before are in blocks or chunk files */
	uint32_t id;           /* of the series */
};

/* References to series: pages for the dense ones, a table for large numbers. */
struct ref_map {
	struct ref_entry **pages;
	size_t n_pages;
	struct hmap large;
};

/* A chunk from a file, waiting for its series. */
struct waiting_chunk {
	uint64_t series_ref;
	struct closed_chunk c;
	bool ooo;
};

struct replay {
	struct head *h;
	struct head_replay *stats;
	head_progress_fn *progress;
	void *arg;
	uint64_t done_before, total; /* bytes of logs */
	struct ref_map refs;
	struct gather gather;
	VEC(struct waiting_chunk) chunks; /* by series_ref once sorted */
	struct arena arena;
	struct strbuf scratch;
	bool wbl;
};

/* --- references ------------------------------------------------------------------------- */

static uint64_t mix_ref(uint64_t ref)
{
	return ref * 0x9E3779B97F4A7C15ULL; /* odd: no two refs collide */
}

static bool always(const void *value, const void *key)
{
	return true;
}

/* What `ref` names; NULL when it is unknown. */
static inline struct ref_entry *ref_find(const struct ref_map *m, uint64_t ref)
{
	uint64_t page = ref >> REF_PAGE_BITS;
	if (LIKELY(page < m->n_pages)) {
		struct ref_entry *e = m->pages[page] ? &m->pages[page][ref & (REF_PAGE - 1)] : NULL;
		return e && e->s ? e : NULL;
	}
	return m->large.n ? hmap_find(&m->large, mix_ref(ref), always, NULL) : NULL;
}

static struct head_series *ref_get(const struct ref_map *m, uint64_t ref)
{
	const struct ref_entry *e = ref_find(m, ref);
	return e ? e->s : NULL;
}

static void ref_put(struct ref_map *m, uint64_t ref, struct ref_entry e)
{
	uint64_t page = ref >> REF_PAGE_BITS;
	if (page >> 22) {
		hmap_add(&m->large, mix_ref(ref), xmemdup(&e, sizeof(e)));
		return;
	}
	if (page >= m->n_pages) {
		size_t n = MAX((size_t)page + 1, m->n_pages * 2);
		m->pages = xreallocarray(m->pages, n, sizeof(*m->pages));
		memset(m->pages + m->n_pages, 0, (n - m->n_pages) * sizeof(*m->pages));
		m->n_pages = n;
	}
	if (!m->pages[page])
		m->pages[page] = xcalloc(REF_PAGE, sizeof(**m->pages));
	m->pages[page][ref & (REF_PAGE - 1)] = e;
}

static void ref_map_fini(struct ref_map *m)
{
	struct ref_entry *e;
	for (size_t pos = 0; (e = hmap_next(&m->large, &pos));)
		free(e);
	for (size_t i = 0; i < m->n_pages; i++)
		free(m->pages[i]);
	free(m->pages);
	hmap_fini(&m->large);
}

/* --- chunk files -------------------------------------------------------------------------- */

static void chunk_found(void *arg, const struct head_chunk_rec *rec)
{
	struct replay *r = arg;
	if (!chunk_enc_known(rec->chunk.enc) || rec->maxt < rec->mint || chunk_samples(rec->chunk) == 0)
		return;
	*vec_push(&r->chunks) = (struct waiting_chunk){
		.series_ref = rec->series_ref,
		.ooo = rec->ooo,
		.c = { .mint = rec->mint,
		       .maxt = rec->maxt,
		       .ref = rec->ref,
		       .size = (uint32_t)rec->chunk.data.n,
		       .enc = rec->chunk.enc,
		       .in_file = true },
	};
}

static int cmp_waiting(const void *a, const void *b)
{
	const struct waiting_chunk *x = a, *y = b;
	if (x->series_ref != y->series_ref)
		return x->series_ref < y->series_ref ? -1 : 1;
	return (x->c.ref > y->c.ref) - (x->c.ref < y->c.ref);
}

/* Puts a chunk between those that are there, where it overlaps none. */
static void insert_chunk(struct head *h, struct head_series *s, struct closed_chunk c)
{
	uint32_t at = s->n_closed;
	while (at > 0 && s->closed[at - 1].mint > c.mint)
		at--;
	if ((at > 0 && s->closed[at - 1].maxt >= c.mint) || at == s->n_closed || s->closed[at].mint <= c.maxt)
		return;
	head_add_closed(h, s, c);
	memmove(s->closed + at + 1, s->closed + at, (s->n_closed - 1 - at) * sizeof(c));
	s->closed[at] = c;
	head_update_time(h, c.mint);
}

/*
 * Hands the series its chunks. One that overlaps what is there is left out: the log has its samples. A series that went and came
 * again has two names; after a restart it goes by the first one, so that its chunks of the second are older.
 */
static void attach_chunks(struct replay *r, struct head_series *s, uint64_t ref)
{
	size_t lo = 0, hi = r->chunks.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (r->chunks.p[mid].series_ref < ref)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < r->chunks.n && r->chunks.p[lo].series_ref == ref; lo++) {
		const struct waiting_chunk *w = &r->chunks.p[lo];
		if (w->ooo) {
			head_ooo_add_chunk(r->h, s, w->c);
		} else if (w->c.maxt >= r->h->min_valid_time && (!series_has_time(s) || w->c.mint > s->app.t)) {
			head_close_chunk(r->h, s);
			head_add_closed(r->h, s, w->c);
			s->app.t = w->c.maxt;
			head_update_time(r->h, w->c.mint);
			head_update_time(r->h, w->c.maxt);
		} else if (w->c.maxt >= r->h->min_valid_time) {
			insert_chunk(r->h, s, w->c);
		}
	}
}

static int load_chunks(struct replay *r, struct err *err)
{
	struct head *h = r->h;
	struct head_chunks_found found;
	char *dir = xasprintf("%s/chunks_head", h->dir);
	int rc = head_chunks_open(&h->files, dir, h->cfg.chunk_file_bytes, h->quarantine_dir, h->cfg.read_only,
				  chunk_found, r, &found, err);
	free(dir);
	if (rc != 0)
		return rc;
	r->stats->chunks = found.chunks;
	r->stats->corruptions += found.corruptions;
	r->stats->chunk_corruptions += found.corruptions;
	r->stats->quarantined_bytes += found.quarantined_bytes;
	if (found.corruptions)
		snprintf(r->stats->first_corruption, sizeof(r->stats->first_corruption), "%s", found.where);
	if (r->chunks.n)
		qsort(r->chunks.p, r->chunks.n, sizeof(*r->chunks.p), cmp_waiting);
	return 0;
}

/* --- records ------------------------------------------------------------------------------ */

/* The time from which on samples of the series may be new to it. */
static int64_t first_needed(const struct head *h, const struct head_series *s)
{
	int64_t from = series_has_time(s) ? s->app.t : INT64_MIN;
	return MAX(h->min_valid_time, from == INT64_MAX ? from : from + series_has_time(s));
}

static int replay_series(struct replay *r, struct record_iter *it, struct err *err)
{
	struct record_series rec;
	for (;;) {
		struct arena_mark m = arena_mark(&r->arena);
		int rc = record_next_series(it, &r->arena, &rec, err);
		if (rc != 1)
			return rc;
		struct hash128 key = head_key(rec.labels, &r->scratch);
		struct head_series *s = head_find(r->h, key);
		if (!s) {
			s = head_series_new(r->h, key, rec.labels, rec.ref, err);
			if (!s)
				return -ERR_RESOURCE_EXHAUSTED;
			r->stats->series++;
		}
		arena_rewind(&r->arena, m);
		if (ref_get(&r->refs, rec.ref))
			continue;
		if (rec.ref != series_ref(s)) { /* a second name: kept while the logs use it */
			*vec_push(&r->h->removed) = (struct head_removed){ rec.ref, UINT32_MAX };
			gather_end_of(&r->gather, s->id);
		}
		r->h->next_ref = MAX(r->h->next_ref, rec.ref + 1);
		attach_chunks(r, s, rec.ref);
		ref_put(&r->refs, rec.ref, (struct ref_entry){ s, first_needed(r->h, s), s->id });
	}
}

static void note_unknown(struct replay *r, enum head_unknown kind)
{
	r->stats->unknown_refs++;
	r->stats->unknown[r->wbl][kind]++;
}

static void put_ooo(struct replay *r, const struct record_samples *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct head_series *s = ref_get(&r->refs, c->ref[i]);
		if (!s) {
			note_unknown(r, HEAD_UNKNOWN_SAMPLES);
			continue;
		}
		r->stats->ooo_samples++;
		head_put_ooo(r->h, s, c->t[i], c->v[i], NULL);
	}
}

static int replay_samples(struct replay *r, struct str rec, struct err *err)
{
	struct record_samples c;
	int rc = record_samples(rec, &r->arena, &c, err);
	if (rc != 0)
		return rc;
	if (r->wbl) {
		put_ooo(r, &c);
		return 0;
	}
	r->stats->samples += c.n;
	for (size_t i = 0; i < c.n;) {
		struct gather_sample some[REPLAY_BATCH];
		size_t n = 0;
		for (size_t end = MIN(c.n, i + REPLAY_BATCH); i < end; i++) {
			const struct ref_entry *e = ref_find(&r->refs, c.ref[i]);
			if (UNLIKELY(!e))
				note_unknown(r, HEAD_UNKNOWN_SAMPLES);
			else if (c.t[i] >= e->from)
				some[n++] = (struct gather_sample){ c.t[i], c.v[i], e->id };
		}
		gather_add(&r->gather, some, n);
	}
	return 0;
}

static void put_hist(struct replay *r, struct head_series *s, const struct record_hist *rec)
{
	if (!hist_is_stale(&rec->h) && hist_validate(&rec->h, NULL) != 0)
		return;
	gather_end_of(&r->gather, s->id);
	if (r->wbl) {
		head_put_ooo(r->h, s, rec->t, 0, &rec->h);
		r->stats->ooo_samples++;
	} else if (rec->t >= r->h->min_valid_time && head_put_hist(r->h, s, rec->t, &rec->h)) {
		head_update_time(r->h, rec->t);
	}
}

static int replay_hists(struct replay *r, struct record_iter *it, struct err *err)
{
	struct record_hist rec;
	for (;;) {
		struct arena_mark m = arena_mark(&r->arena);
		int rc = record_next_hist(it, &r->arena, &rec, err);
		if (rc != 1)
			return rc;
		struct head_series *s = ref_get(&r->refs, rec.ref);
		r->stats->histograms++;
		if (s)
			put_hist(r, s, &rec);
		else
			note_unknown(r, HEAD_UNKNOWN_HISTOGRAMS);
		arena_rewind(&r->arena, m);
	}
}

static int replay_exemplars(struct replay *r, struct record_iter *it, struct err *err)
{
	struct record_exemplar rec;
	for (;;) {
		struct arena_mark m = arena_mark(&r->arena);
		int rc = record_next_exemplar(it, &r->arena, &rec, err);
		if (rc != 1)
			return rc;
		struct head_series *s = ref_get(&r->refs, rec.ref);
		r->stats->exemplars++;
		if (!s)
			note_unknown(r, HEAD_UNKNOWN_EXEMPLARS);
		else if (s->exemplar == 0 || rec.t > r->h->ring[s->exemplar - 1].t)
			head_put_exemplar(r->h, s, rec.t, rec.v, rec.labels);
		arena_rewind(&r->arena, m);
	}
}

static int replay_tombstones(struct replay *r, struct record_iter *it, struct err *err)
{
	struct record_tombstone rec;
	int rc;
	while ((rc = record_next_tombstone(it, &rec, err)) == 1) {
		struct head_series *s = ref_get(&r->refs, rec.ref);
		if (!s)
			note_unknown(r, HEAD_UNKNOWN_TOMBSTONES);
		if (!s || rec.maxt < r->h->min_valid_time)
			continue;
		*vec_push(&r->h->tombstones) = (struct head_tombstone){ s->id, rec.mint, rec.maxt };
		s->app.spare[SPARE_FLAGS] |= SERIES_DELETED;
	}
	return rc;
}

/* A marker: the samples so far are in a chunk that was loaded from its file. */
static int replay_markers(struct replay *r, struct record_iter *it, struct err *err)
{
	struct record_marker rec;
	int rc;
	while ((rc = record_next_marker(it, &rec, err)) == 1) {
		struct head_series *s = ref_get(&r->refs, rec.ref);
		bool loaded = false;
		if (!s)
			note_unknown(r, HEAD_UNKNOWN_MARKERS);
		for (uint32_t i = 0; s && s->ooo && i < s->ooo->n_closed; i++)
			loaded |= s->ooo->closed[i].c.in_file && s->ooo->closed[i].c.ref == rec.chunk_ref;
		if (loaded)
			head_ooo_forget_memory(r->h, s);
	}
	return rc;
}

static int replay_record(struct replay *r, struct str rec, struct err *err)
{
	struct record_iter it;
	record_iter_init(&it, rec);
	switch (it.type) {
	case RECORD_SERIES:
		return replay_series(r, &it, err);
	case RECORD_SAMPLES:
	case RECORD_SAMPLES_ST:
		return replay_samples(r, rec, err);
	case RECORD_TOMBSTONES:
		return replay_tombstones(r, &it, err);
	case RECORD_EXEMPLARS:
		return replay_exemplars(r, &it, err);
	case RECORD_MMAP_MARKERS:
		return replay_markers(r, &it, err);
	case RECORD_FILLER:
	case RECORD_METADATA:
		return 0;
	default:
		if (record_type_known(it.type))
			return replay_hists(r, &it, err);
		r->stats->unknown_records++;
		return 0;
	}
}

/* --- logs ----------------------------------------------------------------------------------- */

static void note_damage(struct replay *r, const char *dir, const struct wal_damage *d, size_t n)
{
	r->stats->corruptions += n;
	if (n && !r->stats->first_corruption[0])
		snprintf(r->stats->first_corruption, sizeof(r->stats->first_corruption), "%.16s/%08u at %llu: %.80s",
			 strrchr(dir, '/') + 1, d->segment, (unsigned long long)d->start, d->reason);
}

/* A record that is whole but makes no sense: reported, left where it is. */
static void note_bad_record(struct replay *r, const char *dir, struct wal_pos at, const struct err *e)
{
	struct wal_damage d = { .segment = at.segment, .start = at.offset, .reason = e->msg };
	note_damage(r, dir, &d, 1);
}

static int walk(struct replay *r, struct wal_reader *w, const char *dir, struct err *err)
{
	struct str rec;
	int rc;
	for (uint64_t n = 0; (rc = wal_reader_next(w, &rec, err)) == 1; n++) {
		struct err bad;
		struct arena_mark m = arena_mark(&r->arena);
		rc = replay_record(r, rec, &bad);
		arena_rewind(&r->arena, m);
		if (rc == -ERR_RESOURCE_EXHAUSTED) {
			if (err)
				*err = bad;
			return rc;
		}
		if (rc < 0)
			note_bad_record(r, dir, wal_reader_pos(w), &bad);
		r->stats->records++;
		if (r->progress && n % PROGRESS_EVERY == 0) {
			uint64_t done, total;
			wal_reader_progress(w, &done, &total);
			r->progress(r->arg, r->done_before + done, r->total);
		}
	}
	return rc;
}

/* Replays a log directory from segment `first` and repairs it. *ret_at is where a writer goes on. */
static int replay_log(struct replay *r, const char *dir, uint32_t first, struct wal_pos *ret_at, struct err *err)
{
	struct wal_reader *w;
	int rc = wal_reader_open(&w, dir, first, err);
	if (rc != 0)
		return rc;
	rc = walk(r, w, dir, err);
	gather_end(&r->gather);
	size_t n;
	const struct wal_damage *d = wal_reader_damage(w, &n);
	uint64_t bytes = 0;
	note_damage(r, dir, d, n);
	/* A disk that is full must not keep the head from opening: damage is then met again next time. */
	if (rc == 0 && n && !r->h->cfg.read_only)
		(void)!wal_repair(dir, d, n, r->h->quarantine_dir, &bytes, NULL);
	r->stats->quarantined_bytes += bytes;
	r->stats->lost_segments += wal_reader_gaps(w);
	*ret_at = wal_reader_append_pos(w, r->h->cfg.wal_segment_bytes);
	r->stats->segments += wal_reader_segments(w);
	uint64_t done, total;
	wal_reader_progress(w, &done, &total);
	r->done_before += total;
	wal_reader_close(w);
	return rc;
}

int head_last_checkpoint(const char *wal_dir, int64_t *ret, struct err *err)
{
	*ret = -1;
	if (!file_exists(wal_dir))
		return 0;
	char **names;
	size_t n;
	int rc = file_list(wal_dir, &names, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		struct str s = str_c(names[i]);
		uint64_t v;
		if (!str_has_prefix(s, STR("checkpoint.")) || !str_to_u64(str_mem(s.p + 11, s.n - 11), &v) ||
		    v >= UINT32_MAX)
			continue;
		*ret = MAX(*ret, (int64_t)v);
	}
	file_list_free(names, n);
	return 0;
}

static int replay_checkpoint(struct replay *r, struct err *err)
{
	int rc = head_last_checkpoint(r->h->wal_dir, &r->h->last_checkpoint, err);
	if (rc != 0 || r->h->last_checkpoint < 0)
		return rc;
	struct wal_pos at;
	char *dir = xasprintf("%s/checkpoint.%08u", r->h->wal_dir, (unsigned)r->h->last_checkpoint);
	r->total += wal_size(dir);
	rc = replay_log(r, dir, 0, &at, err);
	free(dir);
	return rc;
}

static int replay_logs(struct replay *r, struct err *err)
{
	struct head *h = r->h;
	struct wal_pos wal = { 0, 0 }, wbl = { 0, 0 };
	r->total = wal_size(h->wal_dir) + wal_size(h->wbl_dir);
	int rc = load_chunks(r, err);
	if (rc == 0)
		rc = replay_checkpoint(r, err);
	if (rc == 0)
		rc = replay_log(r, h->wal_dir, (uint32_t)(h->last_checkpoint + 1), &wal, err);
	r->wbl = true;
	if (rc == 0)
		rc = replay_log(r, h->wbl_dir, 0, &wbl, err);
	for (size_t i = 0; i < h->removed.n; i++)
		h->removed.p[i].segment = wal.segment;
	/* What was read counts as stored from now on, so it has to be durable. */
	if (rc == 0 && !h->cfg.read_only)
		rc = wal_sync_last(h->wal_dir, err);
	if (rc == 0 && !h->cfg.read_only)
		rc = wal_sync_last(h->wbl_dir, err);
	if (rc == 0 && !h->cfg.read_only)
		rc = head_open_writers(h, wal, wbl, err);
	return rc;
}

int head_replay_all(struct head *h, head_progress_fn *progress, void *arg, struct head_replay *ret, struct err *err)
{
	*ret = (struct head_replay){ 0 };
	struct replay r = { .h = h, .stats = ret, .progress = progress, .arg = arg, .gather = { .head = h } };
	arena_init(&r.arena, NULL);
	int rc = replay_logs(&r, err);
	arena_fini(&r.arena);
	gather_fini(&r.gather);
	ref_map_fini(&r.refs);
	vec_fini(&r.chunks);
	strbuf_fini(&r.scratch);
	return rc;
}
