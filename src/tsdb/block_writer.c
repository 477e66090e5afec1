#include "tsdb/block_writer.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/sys.h"
#include "chunk/aggr.h"
#include "tsdb/block.h"
#include "tsdb/chunks_writer.h"
#include "tsdb/index_writer.h"
#include "tsdb/outfile.h"

#include <errno.h>
#include <stdlib.h>

struct block_writer {
	char *parent, *tmp, *final;
	struct ulid ulid;
	struct index_writer *index;
	struct chunks_writer *chunks;
	struct meta_stats stats;
	uint64_t chunk_max;  /* longest chunk data in bytes */
	struct chunk *batch; /* of one series */
	struct chunk_meta *metas;
	uint64_t *refs;
	size_t cap;
};

static void writer_free(struct block_writer *w)
{
	free(w->parent);
	free(w->tmp);
	free(w->final);
	free(w->batch);
	free(w->metas);
	free(w->refs);
	free(w);
}

static int open_parts(struct block_writer *w, uint64_t segment_size, struct err *err)
{
	int r = file_remove_all(w->tmp, err);
	if (r == 0)
		r = file_mkdir_all(w->tmp, err);
	if (r < 0)
		return r;
	char *path = xasprintf("%s/chunks", w->tmp);
	r = chunks_writer_open(path, segment_size, &w->chunks, err);
	free(path);
	if (r < 0)
		return r;
	path = xasprintf("%s/index", w->tmp);
	r = index_writer_open(path, 0, &w->index, err);
	free(path);
	return r;
}

int block_writer_open(const char *parent, const struct ulid *ulid, uint64_t segment_size, struct block_writer **ret,
		      struct err *err)
{
	char name[ULID_LEN + 1];
	ulid_format(ulid, name);
	struct block_writer *w = xcalloc(1, sizeof(*w));
	w->ulid = *ulid;
	w->parent = xstrdup(parent);
	w->final = xasprintf("%s/%s", parent, name);
	w->tmp = xasprintf("%s" BLOCK_TMP_CREATION, w->final);
	int r = open_parts(w, segment_size, err);
	if (r < 0) {
		block_writer_abort(w);
		return r;
	}
	*ret = w;
	return 0;
}

void block_writer_abort(struct block_writer *w)
{
	if (!w)
		return;
	index_writer_close(w->index, true, NULL);
	chunks_writer_close(w->chunks, true, NULL);
	/* What cannot be removed now has a name that the next start removes. */
	if (file_remove_all(w->tmp, NULL) == 0)
		(void)file_sync_dir(w->parent, NULL);
	writer_free(w);
}

int block_writer_symbol(struct block_writer *w, struct str s, struct err *err)
{
	return index_writer_symbol(w->index, s, err);
}

/* Samples of a chunk, by kind; of an aggregate those of its count. */
static void count_samples(struct meta_stats *s, struct chunk c)
{
	struct aggr_chunk aggr;
	bool is_aggr = c.enc == CHUNK_AGGR && aggr_parse(c.data, &aggr, NULL) == 0;
	struct chunk counted = is_aggr ? aggr.part[AGGR_COUNT] : c;
	uint32_t n = chunk_samples(counted);
	s->samples += n;
	if (is_aggr)
		return;
	if (chunk_enc_is_hist(c.enc))
		s->histogram_samples += n;
	else
		s->float_samples += n;
}

static void reserve(struct block_writer *w, size_t n)
{
	if (n <= w->cap)
		return;
	w->batch = xreallocarray(w->batch, n, sizeof(*w->batch));
	w->metas = xreallocarray(w->metas, n, sizeof(*w->metas));
	w->refs = xreallocarray(w->refs, n, sizeof(*w->refs));
	w->cap = n;
}

int block_writer_series(struct block_writer *w, struct labels l, const struct block_chunk_in *c, size_t n,
			struct err *err)
{
	reserve(w, n);
	for (size_t i = 0; i < n; i++)
		w->batch[i] = c[i].chunk;
	int r = chunks_writer_add(w->chunks, w->batch, n, w->refs, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		w->metas[i] = (struct chunk_meta){ c[i].mint, c[i].maxt, w->refs[i] };
		w->chunk_max = MAX(w->chunk_max, c[i].chunk.data.n);
		count_samples(&w->stats, c[i].chunk);
	}
	w->stats.chunks += n;
	w->stats.series++;
	return index_writer_series(w->index, l, w->metas, n, err);
}

static int write_tombstones(struct block_writer *w, struct tombstones t, struct err *err)
{
	struct strbuf b = { 0 };
	struct outfile f;
	tombstones_write(t, &b);
	char *path = xasprintf("%s/tombstones", w->tmp);
	int r = outfile_open(&f, path, err);
	if (r == 0) {
		r = outfile_write(&f, b.p, b.n, err);
		int closed = outfile_close(&f, r < 0, err);
		r = r < 0 ? r : closed;
	}
	free(path);
	strbuf_fini(&b);
	return r;
}

/* Ends and syncs the data files. */
static int finish_parts(struct block_writer *w, struct err *err)
{
	int r = index_writer_finish(w->index, err);
	if (r < 0)
		return r;
	r = index_writer_close(w->index, false, err);
	w->index = NULL;
	if (r < 0)
		return r;
	r = chunks_writer_close(w->chunks, false, err);
	w->chunks = NULL;
	return r;
}

/* Gives the complete directory its name. */
static int publish(struct block_writer *w, struct err *err)
{
	int r = file_sync_dir(w->tmp, err);
	if (r < 0)
		return r;
	if (sys->rename(w->tmp, w->final) < 0)
		return err_sys(err, errno, "rename %s to %s", w->tmp, w->final);
	r = file_sync_dir(w->parent, err);
	if (r < 0)
		(void)file_remove_all(w->final, NULL);
	return r;
}

int block_writer_finish(struct block_writer *w, struct block_meta *m, struct tombstones t, struct err *err)
{
	m->ulid = w->ulid;
	m->stats = w->stats;
	m->stats.tombstones = t.n;
	if (m->has_thanos) {
		m->thanos.series_max_size = index_writer_series_max(w->index);
		m->thanos.chunk_max_size = w->chunk_max;
	}
	int r = finish_parts(w, err);
	if (r == 0)
		r = write_tombstones(w, t, err);
	if (r == 0)
		r = block_meta_write(w->tmp, m, err);
	if (r == 0)
		r = publish(w, err);
	if (r < 0) {
		block_writer_abort(w);
		return r;
	}
	writer_free(w);
	return 0;
}

/* --- symbols ---------------------------------------------------------------------- */

void block_symbols_init(struct block_symbols *s, struct budget *budget)
{
	arena_init(&s->a, budget);
	s->seen = (struct hmap){ 0 };
}

void block_symbols_fini(struct block_symbols *s)
{
	hmap_fini(&s->seen);
	arena_fini(&s->a);
}

static bool same(const void *value, const void *key)
{
	return str_eq(*(const struct str *)value, *(const struct str *)key);
}

int block_symbols_add(struct block_symbols *s, struct str str, struct err *err)
{
	uint64_t hash = hash_str(str);
	if (hmap_find(&s->seen, hash, same, &str))
		return 0;
	struct str *copy = arena_alloc(&s->a, sizeof(*copy));
	char *p = copy ? arena_memdup(&s->a, str.p, str.n) : NULL;
	if (!p)
		return arena_err(&s->a, err);
	*copy = str_mem(p, str.n);
	hmap_add(&s->seen, hash, copy);
	return 0;
}

int block_symbols_add_labels(struct block_symbols *s, struct labels l, struct err *err)
{
	int r = 0;
	for (size_t i = 0; i < l.n && r == 0; i++) {
		r = block_symbols_add(s, l.p[i].name, err);
		if (r == 0)
			r = block_symbols_add(s, l.p[i].value, err);
	}
	return r;
}

static int cmp(const void *a, const void *b)
{
	return str_cmp(**(struct str *const *)a, **(struct str *const *)b);
}

int block_symbols_write(const struct block_symbols *s, struct block_writer *w, struct err *err)
{
	struct str **all = xcalloc(s->seen.n + 1, sizeof(*all));
	size_t pos = 0, n = 0;
	struct str *one;
	while ((one = hmap_next(&s->seen, &pos)))
		all[n++] = one;
	qsort(all, n, sizeof(*all), cmp);
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = block_writer_symbol(w, *all[i], err);
	free(all);
	return r;
}
