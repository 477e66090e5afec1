/* Any bytes as a head chunk file: records lie inside it, in order, and their chunks decode or are refused. */
#include "base/arena.h"
#include "base/assert.h"
#include "tsdb/head_chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
	uint64_t last;
	size_t size;
};

static void found(void *arg, const struct head_chunk_rec *rec)
{
	struct state *s = arg;
	uint64_t off = rec->ref & UINT32_MAX;
	CHECK(rec->ref >> 32 == 7 && off > s->last && off + rec->chunk.data.n < s->size);
	s->last = off;
	struct budget b;
	struct arena a;
	struct chunk_cols c;
	budget_init(&b, NULL, "fuzz", (uint64_t)64 << 20);
	arena_init(&a, &b);
	(void)!chunk_decode(rec->chunk, &a, &c, NULL);
	arena_fini(&a);
	budget_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state s = { 0, size };
	size_t good = head_chunks_scan(str_mem(data, size), 7, found, &s);
	CHECK(good <= size);
	return 0;
}
