/* Chunks of every encoding: the first byte is the encoding, the rest the data. */
#include "base/mem.h"
#include "chunk/aggr.h"
#include "chunk/chunk.h"
#include "chunk/xor.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The iterator and the bulk decoder agree on every XOR chunk, good or bad, up to impossible windows. */
static void fuzz_xor(struct str data)
{
	struct xor_iter it;
	struct err err;
	int64_t t;
	double v;
	if (xor_iter_init(&it, data, &err) < 0)
		return;
	int r;
	while ((r = xor_iter_next(&it, &t, &v, &err)) > 0)
		;
	size_t n = xor_samples(data), got;
	int64_t *ts = xcalloc(n + 1, sizeof(*ts));
	double *vs = xcalloc(n + 1, sizeof(*vs));
	int r2 = xor_decode(data, ts, vs, &got, &err);
	if ((r < 0) != (r2 < 0) || (r == 0 && got != n) || (r == 0 && n && ts[n - 1] != t))
		abort();
	if (r == 0) {
		size_t cap = data.n + 64;
		uint8_t *buf = xcalloc(1, cap);
		memcpy(buf, data.p, data.n);
		struct xor_app a;
		if (xor_app_resume(&a, buf, data.n, cap, &err) == 0 && xor_append(&a, t + 1, v))
			(void)xor_app_bytes(&a);
		free(buf);
	}
	free(ts);
	free(vs);
}

static void fuzz_one(struct chunk c)
{
	struct budget b;
	struct arena a;
	struct err err;
	struct chunk_cols cols;
	budget_init(&b, NULL, "fuzz", 64 << 20);
	arena_init(&a, &b);
	if (chunk_decode(c, &a, &cols, &err) == 0 && cols.n > 1) {
		int64_t mid = cols.t[cols.n / 2];
		if (chunk_decode_range(c, mid, INT64_MAX, &a, &cols, &err) < 0 && err.code == ERR_DATA_LOSS)
			abort();
	}
	arena_fini(&a);
	if (c.enc == CHUNK_XOR)
		fuzz_xor(c.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct chunk c = { data[0], str_mem(data + 1, size - 1) };
	fuzz_one(c);
	struct aggr_chunk aggr;
	struct err err;
	if (c.enc == CHUNK_AGGR && aggr_parse(c.data, &aggr, &err) == 0) {
		for (int i = 0; i < AGGR_TYPES; i++)
			fuzz_one(aggr.part[i]);
	}
	return 0;
}
