#include "tsdb/block.h"

#include "base/mem.h"
#include "tsdb/filemap.h"

#include <stdlib.h>

struct block {
	char *dir;
	struct arena arena; /* meta and tombstones */
	struct block_meta meta;
	struct filemap index_map;
	struct index_reader *index;
	struct chunks_reader *chunks;
	struct tombstones tombstones;
};

static int open_index(struct block *b, struct budget *budget, struct err *err)
{
	char *path = xasprintf("%s/index", b->dir);
	int r = filemap_open(&b->index_map, path, err);
	if (r == 0) {
		r = index_reader_open(b->index_map.bytes, budget, &b->index, err);
		if (r < 0)
			err_prefix(err, "%s", path);
	}
	free(path);
	return r;
}

/* Blocks in buckets have no tombstones file. */
static int open_tombstones(struct block *b, struct err *err)
{
	char *path = xasprintf("%s/tombstones", b->dir);
	struct filemap m;
	int r = filemap_open(&m, path, err);
	if (r == 0) {
		r = tombstones_parse(m.bytes, &b->arena, &b->tombstones, err);
		if (r < 0)
			err_prefix(err, "%s", path);
		filemap_close(&m);
	} else if (r == -ERR_NOT_FOUND) {
		r = 0;
	}
	free(path);
	return r;
}

static int open_parts(struct block *b, struct budget *budget, struct err *err)
{
	int r = block_meta_read(b->dir, &b->arena, &b->meta, err);
	if (r == 0)
		r = open_index(b, budget, err);
	if (r == 0) {
		char *path = xasprintf("%s/chunks", b->dir);
		r = chunks_reader_open(path, &b->chunks, err);
		free(path);
	}
	return r < 0 ? r : open_tombstones(b, err);
}

int block_open(const char *dir, struct budget *budget, struct block **ret, struct err *err)
{
	struct block *b = xcalloc(1, sizeof(*b));
	b->dir = xstrdup(dir);
	arena_init(&b->arena, budget);
	int r = open_parts(b, budget, err);
	if (r < 0) {
		block_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

void block_close(struct block *b)
{
	if (!b)
		return;
	index_reader_close(b->index);
	filemap_close(&b->index_map);
	chunks_reader_close(b->chunks);
	arena_fini(&b->arena);
	free(b->dir);
	free(b);
}

const char *block_dir(const struct block *b)
{
	return b->dir;
}

const struct block_meta *block_meta(const struct block *b)
{
	return &b->meta;
}

const struct index_reader *block_index(const struct block *b)
{
	return b->index;
}

const struct chunks_reader *block_chunks(const struct block *b)
{
	return b->chunks;
}

struct tombstones block_tombstones(const struct block *b)
{
	return b->tombstones;
}

int block_select(const struct block *b, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt, struct arena *a,
		 struct block_selection *ret, struct err *err)
{
	return block_select_pausing(b, m, n, mint, maxt, NULL, a, ret, err);
}

int block_select_pausing(const struct block *b, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt,
			 struct pause *pause, struct arena *a, struct block_selection *ret, struct err *err)
{
	struct postings_source src = index_reader_source(b->index, pause);
	*ret = (struct block_selection){ .b = b, .mint = mint, .maxt = maxt };
	int r = postings_for_matchers(&src, m, n, a, &ret->postings, err);
	return r < 0 ? err_prefix(err, "block %s", b->dir) : 0;
}

/* Leaves out the chunks whose whole range was deleted. */
static size_t drop_deleted(struct chunk_meta *c, size_t n, struct tombstones deleted)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		if (!tombstones_cover(deleted, c[i].mint, c[i].maxt))
			c[k++] = c[i];
	}
	return k;
}

int block_selection_next(struct block_selection *s, struct arena *a, struct block_series *ret, struct err *err)
{
	while (s->i < s->postings.n) {
		uint32_t ref = s->postings.p[s->i++];
		struct arena_mark m = arena_mark(a);
		struct index_series is;
		int r = index_reader_series(s->b->index, ref, s->mint, s->maxt, a, &is, err);
		if (r < 0)
			return err_prefix(err, "block %s", s->b->dir);
		struct tombstones deleted = tombstones_of(s->b->tombstones, ref);
		is.n_chunks = drop_deleted(is.chunks, is.n_chunks, deleted);
		if (is.n_chunks > 0) {
			*ret = (struct block_series){ ref, is.labels, is.chunks, is.n_chunks, deleted };
			return 1;
		}
		arena_rewind(a, m);
	}
	return 0;
}

int block_chunk(const struct block *b, uint64_t ref, struct chunk *ret, struct err *err)
{
	int r = chunks_reader_get(b->chunks, ref, ret, err);
	return r < 0 ? err_prefix(err, "block %s", b->dir) : 0;
}

int block_series_decode(const struct block *b, const struct block_series *s, size_t i, int64_t mint, int64_t maxt,
			struct arena *a, struct chunk_cols *ret, struct err *err)
{
	struct chunk c;
	int r = block_chunk(b, s->chunks[i].ref, &c, err);
	if (r < 0)
		return r;
	r = chunk_decode_range(c, mint, maxt, a, ret, err);
	if (r < 0)
		return err_prefix(err, "block %s chunk %llu", b->dir, (unsigned long long)s->chunks[i].ref);
	tombstones_apply(s->deleted, ret);
	return 0;
}
