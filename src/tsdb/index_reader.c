#include "tsdb/index_reader.h"

#include "base/mem.h"

#include <stdlib.h>

struct index_reader {
	struct str bytes;
	int version;
	struct index_toc toc;
	struct index_symbols symbols;
	struct index_table table;
};

/* The bytes from `offset` on, without the table of contents. */
static struct str from_offset(const struct index_reader *ix, uint64_t offset)
{
	uint64_t end = ix->bytes.n - INDEX_TOC_LEN;
	return offset > end ? str_mem(NULL, 0) : str_mem(ix->bytes.p + offset, end - offset);
}

static int open_sections(struct index_reader *ix, struct budget *budget, struct err *err)
{
	int r = index_version_parse(ix->bytes, &ix->version, err);
	if (r < 0)
		return r;
	if (ix->bytes.n < INDEX_TOC_LEN)
		return err_set(err, ERR_DATA_LOSS, "index damaged: %zu bytes are too few", ix->bytes.n);
	struct str toc = str_mem(ix->bytes.p + ix->bytes.n - INDEX_TOC_LEN, INDEX_TOC_LEN);
	r = index_toc_parse(toc, ix->bytes.n, &ix->toc, err);
	if (r < 0)
		return r;
	r = index_symbols_open(&ix->symbols, from_offset(ix, ix->toc.symbols), ix->toc.symbols, ix->version, budget,
			       err);
	if (r < 0 || ix->toc.postings_table == 0)
		return r;
	return index_table_open(&ix->table, from_offset(ix, ix->toc.postings_table), budget, err);
}

int index_reader_open(struct str bytes, struct budget *budget, struct index_reader **ret, struct err *err)
{
	struct index_reader *ix = xcalloc(1, sizeof(*ix));
	ix->bytes = bytes;
	int r = open_sections(ix, budget, err);
	if (r < 0) {
		index_reader_close(ix);
		return r;
	}
	*ret = ix;
	return 0;
}

void index_reader_close(struct index_reader *ix)
{
	if (!ix)
		return;
	index_symbols_close(&ix->symbols);
	index_table_close(&ix->table);
	free(ix);
}

int index_reader_version(const struct index_reader *ix)
{
	return ix->version;
}

const struct index_toc *index_reader_toc(const struct index_reader *ix)
{
	return &ix->toc;
}

const struct index_symbols *index_reader_symbols(const struct index_reader *ix)
{
	return &ix->symbols;
}

const struct index_table *index_reader_table(const struct index_reader *ix)
{
	return &ix->table;
}

static int read_list(const struct index_reader *ix, uint32_t entry, struct refs *out, struct err *err)
{
	struct index_entry e = index_table_entry(&ix->table, entry);
	return index_postings_parse(from_offset(ix, e.offset), out, err);
}

int index_reader_postings(const struct index_reader *ix, struct str name, struct str value, struct refs *out,
			  struct err *err)
{
	uint32_t i;
	return index_table_find(&ix->table, name, value, &i) ? read_list(ix, i, out, err) : 0;
}

int index_reader_series(const struct index_reader *ix, uint32_t ref, int64_t mint, int64_t maxt, struct arena *a,
			struct index_series *ret, struct err *err)
{
	uint64_t offset = ix->version == 1 ? ref : (uint64_t)ref * INDEX_SERIES_ALIGN;
	int r = index_series_parse(from_offset(ix, offset), &ix->symbols, mint, maxt, a, ret, NULL, err);
	return r == -ERR_DATA_LOSS ? err_prefix(err, "series %u", ref) : r;
}

/* --- as a source of postings --------------------------------------------------------- */

static int source_all(void *src, struct refs *out, struct err *err)
{
	return index_reader_postings(src, STR(""), STR(""), out, err);
}

static int source_get(void *src, struct str name, struct str value, struct refs *out, struct postings_list *ret,
		      struct err *err)
{
	/* ("", "") is not a label pair, though it is in the table. */
	return name.n == 0 ? 0 : index_reader_postings(src, name, value, out, err);
}

static int source_values(void *src, struct str name, struct str prefix, struct postings_values *ret, struct err *err)
{
	const struct index_reader *ix = src;
	const struct index_name *row = name.n ? index_table_name(&ix->table, name) : NULL;
	uint32_t from = 0, to = 0;
	if (row)
		index_table_range(&ix->table, row, prefix, &from, &to);
	/* at is one before the current entry, so that the first step lands on it. */
	*ret = (struct postings_values){ .at = (uint64_t)from + UINT64_MAX, .end = to };
	return 0;
}

static int source_next(void *src, struct postings_values *it, struct str *ret, struct err *err)
{
	const struct index_reader *ix = src;
	it->at++;
	if (it->at >= it->end)
		return 0;
	*ret = index_table_entry(&ix->table, (uint32_t)it->at).value;
	return 1;
}

static int source_current(void *src, struct postings_values *it, struct refs *out, struct postings_list *ret,
			  struct err *err)
{
	return read_list(src, (uint32_t)it->at, out, err);
}

struct postings_source index_reader_source(const struct index_reader *ix, struct pause *pause)
{
	static const struct postings_source_ops ops = {
		.all = source_all,
		.get = source_get,
		.values = source_values,
		.next = source_next,
		.current = source_current,
	};
	return (struct postings_source){ .ops = &ops, .src = (void *)(uintptr_t)ix, .pause = pause };
}
