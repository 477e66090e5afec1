/*
 * Index files. Checksums would stop every mutation, so they are made right
 * first: the target puts the proper checksum behind each section, list and
 * series entry that the file itself names, and then reads everything.
 */
#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/index_reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Most lists and series that are made right or read; keeps one run short. */
#define MOST 200

/* Puts the checksum behind the section with its length at `at`. */
static void fix_section(uint8_t *p, size_t n, uint64_t at)
{
	if (at > n || n - at < 8)
		return;
	uint32_t len = be32_get(p + at);
	if (len <= n - at - 8)
		be32_put(p + at + 4 + len, crc32c(0, p + at + 4, len));
}

static void fix_series(uint8_t *p, size_t n, uint64_t at)
{
	uint64_t len;
	if (at >= n)
		return;
	const uint8_t *body = varint_get(p + at, p + n, &len);
	if (body && len <= (uint64_t)(p + n - body) && (uint64_t)(p + n - body) - len >= 4)
		be32_put(p + (body - p) + len, crc32c(0, body, len));
}

static void fix_toc(uint8_t *p, size_t n)
{
	be32_put(p + n - 4, crc32c(0, p + n - INDEX_TOC_LEN, 48));
	fix_section(p, n, be64_get(p + n - INDEX_TOC_LEN));
	fix_section(p, n, be64_get(p + n - INDEX_TOC_LEN + 40));
}

/* The lists that the table names, then the series that they name. */
static void fix_entries(uint8_t *p, size_t n, const struct index_table *t, int version)
{
	for (uint32_t i = 0; i < t->n && i < MOST; i++) {
		uint64_t at = index_table_entry(t, i).offset;
		fix_section(p, n, at);
		for (uint64_t k = 0; k < 20 && at < n && n - at >= 12 + 4 * k; k++) {
			uint64_t ref = be32_get(p + at + 8 + 4 * k);
			fix_series(p, n, version == 1 ? ref : ref * INDEX_SERIES_ALIGN);
		}
	}
}

static void read_all(const struct index_reader *ix)
{
	struct budget b;
	struct arena a;
	struct err err;
	budget_init(&b, NULL, "fuzz", 64 << 20);
	arena_init(&a, &b);
	const struct index_table *t = index_reader_table(ix);
	struct refs r = { .a = &a };
	for (uint32_t i = 0; i < t->n && i < MOST; i++) {
		struct index_entry e = index_table_entry(t, i);
		uint32_t at;
		if (!index_table_find(t, e.name, e.value, &at) || at != i)
			abort();
		(void)!index_reader_postings(ix, e.name, e.value, &r, &err);
	}
	if (refs_sort(&r, NULL, &err) == 0) {
		for (size_t i = 0; i < r.n && i < MOST; i++) {
			struct index_series s;
			(void)!index_reader_series(ix, r.p[i], -1000, INT64_MAX, &a, &s, &err);
		}
	}
	struct matcher *m;
	struct postings got;
	if (matcher_compile_in(&a, MATCH_RE, STR("job"), STR("a.+"), &m, &err) == 0) {
		struct postings_source s = index_reader_source(ix, NULL);
		(void)!postings_for_matchers(&s, &m, 1, &a, &got, &err);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct index_reader *ix = NULL;
	struct err err;
	if (size < INDEX_TOC_LEN + INDEX_HEADER_LEN || size > 1 << 16)
		return 0;
	uint8_t *p = xmemdup(data, size);
	fix_toc(p, size);
	if (index_reader_open(str_mem(p, size), NULL, &ix, &err) == 0) {
		fix_entries(p, size, index_reader_table(ix), index_reader_version(ix));
		index_reader_close(ix);
		ix = NULL;
		/* What was put right may lie in the table or the symbols. */
		if (index_reader_open(str_mem(p, size), NULL, &ix, &err) == 0)
			read_all(ix);
		index_reader_close(ix);
	}
	free(p);
	return 0;
}
