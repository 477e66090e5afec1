/*
 * The smaller files of a block; the first byte chooses: 't' tombstones, 'm'
 * meta.json, 's' a chunk segment. Checksums are made right first.
 */
#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/chunks_reader.h"
#include "tsdb/meta.h"
#include "tsdb/tombstones.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tombstones(uint8_t *p, size_t n, struct arena *a)
{
	struct tombstones t;
	struct err err;
	if (n >= 9)
		be32_put(p + n - 4, crc32c(0, p + 5, n - 9));
	if (tombstones_parse(str_mem(p, n), a, &t, &err) < 0)
		return;
	struct strbuf b = { 0 };
	struct tombstones again;
	tombstones_write(t, &b);
	if (tombstones_parse(strbuf_str(&b), a, &again, &err) < 0 || again.n != t.n)
		abort();
	for (size_t i = 0; i < t.n; i++) {
		if (memcmp(&t.p[i], &again.p[i], sizeof(t.p[i])) != 0 ||
		    !tombstones_cover(tombstones_of(t, t.p[i].ref), t.p[i].mint, t.p[i].maxt))
			abort();
	}
	strbuf_fini(&b);
}

static void fuzz_meta(struct str text, struct arena *a)
{
	struct block_meta m, again;
	struct err err;
	if (block_meta_parse(text, a, &m, &err) < 0)
		return;
	/* What was printed reads back as the same text. */
	struct strbuf one = { 0 }, two = { 0 };
	block_meta_print(&m, &one);
	if (block_meta_parse(strbuf_str(&one), a, &again, &err) < 0) {
		if (err.code != ERR_RESOURCE_EXHAUSTED)
			abort();
	} else {
		block_meta_print(&again, &two);
		if (!str_eq(strbuf_str(&one), strbuf_str(&two)))
			abort();
	}
	strbuf_fini(&one);
	strbuf_fini(&two);
}

static void fuzz_segment(uint8_t *p, size_t n, struct arena *a)
{
	struct err err;
	size_t at = CHUNKS_HEADER_LEN, len;
	if (chunks_header_check(str_mem(p, n), &err) < 0)
		return;
	while (at < n) {
		uint64_t data;
		const uint8_t *body = varint_get(p + at, p + n, &data);
		if (body && data < n && (uint64_t)(p + n - body) >= data + 5)
			be32_put(p + (body - p) + data + 1, crc32c(0, body, data + 1));
		struct chunk c;
		if (chunks_parse(str_mem(p + at, n - at), &c, &len, &err) < 0)
			return;
		struct chunk_cols cols;
		(void)!chunk_decode(c, a, &cols, &err);
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget b;
	struct arena a;
	if (size < 1 || size > 1 << 16)
		return 0;
	budget_init(&b, NULL, "fuzz", 64 << 20);
	arena_init(&a, &b);
	uint8_t *p = xmemdup(data + 1, size - 1);
	if (data[0] == 't')
		fuzz_tombstones(p, size - 1, &a);
	else if (data[0] == 'm')
		fuzz_meta(str_mem(p, size - 1), &a);
	else if (data[0] == 's')
		fuzz_segment(p, size - 1, &a);
	free(p);
	arena_fini(&a);
	return 0;
}
