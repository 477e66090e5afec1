/* Closed chunks from memory to files. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

struct head_flush {
	struct head_chunks *files;
	VEC(struct head_chunk_rec) recs;
	VEC(uint32_t) ids;
	size_t taken; /* entries of head->unflushed, with those that were gone */
};

uint64_t head_flush_bytes(const struct head *h)
{
	return h->unflushed_bytes;
}

/* The series' closed chunk that begins at `mint`, if it is in memory, or NULL. */
static struct closed_chunk *find_chunk(struct head *h, uint32_t id, int64_t mint)
{
	struct head_series *s = head_by_id(h, id);
	for (uint32_t i = 0; s && i < s->n_closed; i++) {
		if (!s->closed[i].in_file && s->closed[i].mint == mint)
			return &s->closed[i];
	}
	return NULL;
}

struct head_flush *head_flush_begin(struct head *h, uint64_t max_bytes)
{
	if (h->flush || h->unflushed_at == h->unflushed.n || h->cfg.read_only)
		return NULL;
	struct head_flush *f = xcalloc(1, sizeof(*f));
	f->files = h->files;
	size_t left = h->unflushed.n - h->unflushed_at;
	for (uint64_t bytes = 0; f->taken < left && bytes < max_bytes; f->taken++) {
		const struct unflushed_chunk *u = &h->unflushed.p[h->unflushed_at + f->taken];
		struct closed_chunk *c = find_chunk(h, u->id, u->mint);
		if (!c)
			continue;
		*vec_push(&f->ids) = u->id;
		*vec_push(&f->recs) = (struct head_chunk_rec){
			.series_ref = series_ref(head_by_id(h, u->id)),
			.mint = c->mint,
			.maxt = c->maxt,
			.chunk = { c->enc, str_mem(c->bytes, c->size) },
		};
		bytes += c->size;
	}
	h->flush = f;
	return f;
}

int head_flush_run(struct head_flush *f, struct err *err)
{
	return head_chunks_write(f->files, f->recs.p, f->recs.n, err);
}

/* Forgets the first `n` entries; those left are moved only now and then. */
static void drop_entries(struct head *h, size_t n)
{
	h->unflushed_at += n;
	if (h->unflushed_at < h->unflushed.n - h->unflushed_at)
		return;
	h->unflushed.n -= h->unflushed_at;
	memmove(h->unflushed.p, h->unflushed.p + h->unflushed_at, h->unflushed.n * sizeof(*h->unflushed.p));
	h->unflushed_at = 0;
}

void head_flush_end(struct head *h, struct head_flush *f, int result)
{
	CHECK(h->flush == f);
	h->flush = NULL;
	if (result == 0)
		result = head_chunks_publish(h->files, f->recs.p, f->recs.n, NULL);
	for (size_t i = 0; i < f->recs.n && result == 0; i++) {
		struct closed_chunk *c = find_chunk(h, f->ids.p[i], f->recs.p[i].mint);
		CHECK(c); /* nothing is removed during a flush */
		struct closed_chunk in_memory = *c;
		c->in_file = true;
		h->n_chunks_filed++;
		c->ref = f->recs.p[i].ref;
		h->unflushed_bytes -= c->size;
		h->closed_bytes -= c->size;
		head_chunk_free_later(h, &in_memory);
	}
	if (result == 0)
		drop_entries(h, f->taken);
	vec_fini(&f->recs);
	vec_fini(&f->ids);
	free(f);
}
