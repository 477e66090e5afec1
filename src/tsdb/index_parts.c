#include "tsdb/index_parts.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/varint.h"

#include <stdlib.h>

static int damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_DATA_LOSS, "index damaged: %s", what);
}

int index_version_parse(struct str head, int *ret_version, struct err *err)
{
	if (head.n < INDEX_HEADER_LEN || be32_get(head.p) != INDEX_MAGIC)
		return damaged(err, "it does not begin with an index's magic number");
	uint8_t v = (uint8_t)head.p[4];
	if (v < 1 || v > 3)
		return err_set(err, ERR_UNIMPLEMENTED, "index has unknown version %u", v);
	*ret_version = v;
	return 0;
}

int index_toc_parse(struct str toc, uint64_t file_size, struct index_toc *ret, struct err *err)
{
	if (toc.n != INDEX_TOC_LEN || file_size < INDEX_TOC_LEN + INDEX_HEADER_LEN)
		return damaged(err, "too short for a table of contents");
	if (crc32c(0, toc.p, 48) != be32_get(toc.p + 48))
		return damaged(err, "checksum of the table of contents");
	uint64_t v[6];
	for (int i = 0; i < 6; i++) {
		v[i] = be64_get(toc.p + 8 * i);
		if (v[i] > file_size - INDEX_TOC_LEN)
			return damaged(err, "a section begins past the end");
	}
	*ret = (struct index_toc){ v[0], v[1], v[2], v[3], v[4], v[5] };
	return 0;
}

int index_section(struct str section, const char *what, struct str *ret, struct err *err)
{
	uint64_t n = section.n < 4 ? 0 : be32_get(section.p);
	if (section.n < 8 || n > section.n - 8)
		return err_set(err, ERR_DATA_LOSS, "index damaged: %s is cut off", what);
	*ret = str_mem(section.p + 4, n);
	if (crc32c(0, ret->p, n) != be32_get(section.p + 4 + n))
		return err_set(err, ERR_DATA_LOSS, "index damaged: checksum of %s", what);
	return 0;
}

/* Reads a section's count of entries, each of which takes `least` bytes or more. */
static bool read_count(struct decbuf *d, size_t least, uint32_t *ret)
{
	*ret = decbuf_be32(d);
	return !d->failed && *ret <= decbuf_left(d) / least;
}

/* --- symbols ------------------------------------------------------------------- */

int index_symbols_open(struct index_symbols *s, struct str section, uint64_t orig_offset, int version,
		       struct budget *budget, struct err *err)
{
	*s = (struct index_symbols){ .version = version, .body_offset = orig_offset + 4, .budget = budget };
	int r = index_section(section, "symbol table", &s->body, err);
	if (r < 0)
		return r;
	struct decbuf d = decbuf_make(s->body.p, s->body.n);
	uint32_t n;
	if (!read_count(&d, 1, &n))
		return damaged(err, "number of symbols");
	if (!budget_take(budget, (uint64_t)n * sizeof(*s->at)))
		return budget_err(budget, err);
	s->at = xreallocarray(NULL, (size_t)n + 1, sizeof(*s->at));
	s->n = n;
	for (uint32_t i = 0; i < n; i++) {
		s->at[i] = (uint32_t)(d.p - (const uint8_t *)s->body.p);
		decbuf_uvarint_str(&d);
	}
	if (!d.failed)
		return 0;
	index_symbols_close(s);
	return damaged(err, "symbols");
}

void index_symbols_close(struct index_symbols *s)
{
	if (!s->at)
		return;
	budget_give(s->budget, (uint64_t)s->n * sizeof(*s->at));
	free(s->at);
	*s = (struct index_symbols){ 0 };
}

struct str index_symbols_at(const struct index_symbols *s, uint32_t i)
{
	struct decbuf d = decbuf_make(s->body.p + s->at[i], s->body.n - s->at[i]);
	return decbuf_uvarint_str(&d);
}

/* Version 1: the reference is the string's offset in the file; it must be the beginning of one. */
static bool find_offset(const struct index_symbols *s, uint64_t ref, uint32_t *ret)
{
	uint64_t want = ref - s->body_offset;
	uint32_t lo = 0, hi = s->n;
	if (ref < s->body_offset)
		return false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->at[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret = lo;
	return lo < s->n && s->at[lo] == want;
}

bool index_symbols_get(const struct index_symbols *s, uint64_t ref, struct str *ret)
{
	uint32_t i = (uint32_t)ref;
	if (s->version == 1 ? !find_offset(s, ref, &i) : ref >= s->n)
		return false;
	*ret = index_symbols_at(s, i);
	return true;
}

/* --- postings offset table -------------------------------------------------------- */

static bool read_entry(struct decbuf *d, struct index_entry *ret)
{
	if (decbuf_uvarint(d) != 2)
		decbuf_fail(d);
	ret->name = decbuf_uvarint_str(d);
	ret->value = decbuf_uvarint_str(d);
	ret->offset = decbuf_uvarint(d);
	return !d->failed;
}

static struct index_entry entry_at(struct str body, uint32_t at)
{
	struct decbuf d = decbuf_make(body.p + at, body.n - at);
	struct index_entry e = { 0 };
	read_entry(&d, &e);
	return e;
}

static int entry_cmp(const struct index_entry *a, const struct index_entry *b)
{
	int c = str_cmp(a->name, b->name);
	return c ? c : str_cmp(a->value, b->value);
}

static int cmp_at(const void *a, const void *b, void *body)
{
	struct index_entry x = entry_at(*(struct str *)body, *(const uint32_t *)a);
	struct index_entry y = entry_at(*(struct str *)body, *(const uint32_t *)b);
	return entry_cmp(&x, &y);
}

/* Notes where each entry begins; *ret_names counts the changes of name, *ret_sorted says whether in order. */
static bool scan_entries(struct index_table *t, struct decbuf *d, bool *ret_sorted)
{
	struct index_entry last = { 0 }, e;
	*ret_sorted = true;
	for (uint32_t i = 0; i < t->n; i++) {
		t->at[i] = (uint32_t)(d->p - (const uint8_t *)t->body.p);
		if (!read_entry(d, &e))
			return false;
		if (i > 0 && entry_cmp(&last, &e) >= 0)
			*ret_sorted = false;
		last = e;
	}
	return true;
}

/* Sorts the entries and drops repeats, of which the first counts. */
static void sort_entries(struct index_table *t)
{
	uint32_t k = 0;
	qsort_r(t->at, t->n, sizeof(*t->at), cmp_at, &t->body);
	for (uint32_t i = 0; i < t->n; i++) {
		if (k == 0 || cmp_at(&t->at[k - 1], &t->at[i], &t->body) != 0)
			t->at[k++] = t->at[i];
	}
	t->n = k;
}

/* The rows of names over the sorted entries. */
static int collect_names(struct index_table *t, struct err *err)
{
	uint32_t cap = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		struct str name = entry_at(t->body, t->at[i]).name;
		struct index_name *last = t->n_names ? &t->names[t->n_names - 1] : NULL;
		if (last && str_eq(last->name, name)) {
			last->n++;
			continue;
		}
		if (t->n_names == cap) {
			uint32_t more = cap ? cap : 32;
			if (!budget_take(t->budget, more * sizeof(*t->names)))
				return budget_err(t->budget, err);
			t->taken += more * sizeof(*t->names);
			cap += more;
			t->names = xreallocarray(t->names, cap, sizeof(*t->names));
		}
		t->names[t->n_names++] = (struct index_name){ name, i, 1 };
	}
	return 0;
}

int index_table_open(struct index_table *t, struct str section, struct budget *budget, struct err *err)
{
	*t = (struct index_table){ .budget = budget };
	int r = index_section(section, "postings offset table", &t->body, err);
	if (r < 0)
		return r;
	struct decbuf d = decbuf_make(t->body.p, t->body.n);
	uint32_t n;
	if (!read_count(&d, 4, &n))
		return damaged(err, "number of entries in the postings offset table");
	if (!budget_take(budget, (uint64_t)n * sizeof(*t->at)))
		return budget_err(budget, err);
	t->taken = (uint64_t)n * sizeof(*t->at);
	t->at = xreallocarray(NULL, (size_t)n + 1, sizeof(*t->at));
	t->n = n;
	bool sorted;
	if (!scan_entries(t, &d, &sorted)) {
		index_table_close(t);
		return damaged(err, "postings offset table");
	}
	if (!sorted)
		sort_entries(t);
	r = collect_names(t, err);
	if (r < 0)
		index_table_close(t);
	return r;
}

void index_table_close(struct index_table *t)
{
	if (!t->at)
		return;
	budget_give(t->budget, t->taken);
	free(t->at);
	free(t->names);
	*t = (struct index_table){ 0 };
}

struct index_entry index_table_entry(const struct index_table *t, uint32_t i)
{
	return entry_at(t->body, t->at[i]);
}

const struct index_name *index_table_name(const struct index_table *t, struct str name)
{
	uint32_t lo = 0, hi = t->n_names;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = str_cmp(t->names[mid].name, name);
		if (c == 0)
			return &t->names[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* The first entry in [lo, hi) whose value is not less than `v`; with `past`, none of whose prefixes is `v` either. */
static uint32_t bound(const struct index_table *t, uint32_t lo, uint32_t hi, struct str v, bool past)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct str value = index_table_entry(t, mid).value;
		bool less = str_cmp(value, v) < 0 || (past && str_has_prefix(value, v));
		if (less)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void index_table_range(const struct index_table *t, const struct index_name *name, struct str prefix,
		       uint32_t *ret_from, uint32_t *ret_to)
{
	uint32_t from = name->first, to = name->first + name->n;
	*ret_from = prefix.n ? bound(t, from, to, prefix, false) : from;
	*ret_to = prefix.n ? bound(t, *ret_from, to, prefix, true) : to;
}

bool index_table_find(const struct index_table *t, struct str name, struct str value, uint32_t *ret)
{
	const struct index_name *row = index_table_name(t, name);
	if (!row)
		return false;
	*ret = bound(t, row->first, row->first + row->n, value, false);
	return *ret < row->first + row->n && str_eq(index_table_entry(t, *ret).value, value);
}

/* --- lists and series ----------------------------------------------------------------- */

int index_postings_body(struct str body, struct refs *out, struct err *err)
{
	struct decbuf d = decbuf_make(body.p, body.n);
	uint64_t n = decbuf_be32(&d);
	if (d.failed || n * 4 != decbuf_left(&d))
		return damaged(err, "length of a postings list");
	int r = refs_reserve(out, n, err);
	if (r < 0)
		return r;
	int64_t last = -1;
	if (n && !postings_decode_be32(d.p, n, out->p + out->n, &last))
		return damaged(err, "a postings list is not in order");
	out->n += n;
	return 0;
}

int index_postings_parse(struct str list, struct refs *out, struct err *err)
{
	struct str body;
	int r = index_section(list, "a postings list", &body, err);
	return r < 0 ? r : index_postings_body(body, out, err);
}

/* Names out of order are not what any writer makes; they are put in order, for lookups rely on it. */
static int read_labels(struct decbuf *d, const struct index_symbols *syms, struct arena *a, struct labels *ret,
		       struct err *err)
{
	uint64_t n = decbuf_uvarint(d);
	if (d->failed || n > decbuf_left(d) / 2)
		return damaged(err, "number of labels of a series");
	struct label *l = arena_alloc(a, n * sizeof(*l));
	if (!l)
		return arena_err(a, err);
	bool sorted = true;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t name = decbuf_uvarint(d), value = decbuf_uvarint(d);
		if (d->failed || !index_symbols_get(syms, name, &l[i].name) ||
		    !index_symbols_get(syms, value, &l[i].value))
			return damaged(err, "a label of a series has no symbol");
		sorted &= i == 0 || str_cmp(l[i - 1].name, l[i].name) < 0;
	}
	if (!sorted)
		label_sort(l, n);
	*ret = (struct labels){ l, n };
	return 0;
}

static int read_chunks(struct decbuf *d, int64_t mint, int64_t maxt, struct arena *a, struct index_series *ret,
		       struct err *err)
{
	uint64_t n = decbuf_uvarint(d);
	if (d->failed || n > decbuf_left(d) / 3)
		return damaged(err, "number of chunks of a series");
	struct chunk_meta *c = arena_alloc(a, n * sizeof(*c));
	if (!c)
		return arena_err(a, err);
	uint64_t t = 0, ref = 0;
	size_t k = 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t first = i ? t + decbuf_uvarint(d) : (uint64_t)decbuf_varint(d);
		t = first + decbuf_uvarint(d);
		ref = i ? ref + (uint64_t)decbuf_varint(d) : decbuf_uvarint(d);
		c[k] = (struct chunk_meta){ (int64_t)first, (int64_t)t, ref };
		k += c[k].maxt >= mint && c[k].mint <= maxt;
	}
	if (d->failed)
		return damaged(err, "chunks of a series");
	ret->chunks = c;
	ret->n_chunks = k;
	return 0;
}

int index_series_parse(struct str entry, const struct index_symbols *syms, int64_t mint, int64_t maxt, struct arena *a,
		       struct index_series *ret, size_t *ret_len, struct err *err)
{
	struct decbuf d = decbuf_make(entry.p, entry.n);
	uint64_t n = decbuf_uvarint_max(&d, INDEX_SERIES_MAX);
	struct str body = decbuf_bytes(&d, n);
	uint32_t crc = decbuf_be32(&d);
	if (d.failed)
		return damaged(err, "a series entry is cut off");
	if (crc32c(0, body.p, body.n) != crc)
		return damaged(err, "checksum of a series entry");
	if (ret_len)
		*ret_len = (size_t)(d.p - (const uint8_t *)entry.p);
	*ret = (struct index_series){ 0 };
	struct decbuf b = decbuf_make(body.p, body.n);
	int r = read_labels(&b, syms, a, &ret->labels, err);
	return r < 0 ? r : read_chunks(&b, mint, maxt, a, ret, err);
}
