#include "tsdb/index_writer.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/outfile.h"

#include <stdlib.h>

/* Bytes of the series section that are read back at a time. */
#define READ_BACK (1u << 20)

/* Largest file: references are 32 bits in units of 16 bytes. */
#define FILE_MAX (16ull * UINT32_MAX)

enum stage { STAGE_SYMBOLS, STAGE_SERIES, STAGE_DONE };

/* A symbol in the lookup table; its number is its place in w->symbols. */
struct symbol {
	struct str s;
	uint32_t number;
};

/* A label pair and the list of its series. */
struct pair {
	uint32_t name, value; /* symbols */
	uint32_t count;       /* series */
	uint32_t filled;      /* references collected in the current pass */
	size_t at;            /* where its list begins in the memory of lists */
};

struct index_writer {
	struct outfile f;
	enum stage stage;
	struct index_toc toc;
	size_t list_bytes;
	struct arena strings;
	VEC(struct symbol *) symbols;
	struct hmap by_string, by_pair; /* of struct symbol, of struct pair */
	VEC(struct pair *) pairs;
	struct labels *last; /* labels of the last series; NULL before the first */
	uint64_t last_ref, n_series, series_max;
	struct strbuf entry;
	struct strbuf table; /* postings offset table */
	uint32_t table_n;
};

int index_writer_open(const char *path, size_t list_bytes, struct index_writer **ret, struct err *err)
{
	struct index_writer *w = xcalloc(1, sizeof(*w));
	w->list_bytes = list_bytes ? list_bytes : INDEX_WRITER_LIST_BYTES;
	arena_init(&w->strings, NULL);
	int r = outfile_open(&w->f, path, err);
	if (r < 0) {
		index_writer_close(w, true, NULL);
		return r;
	}
	/* Length and number of the symbols are not known yet. */
	uint8_t head[INDEX_HEADER_LEN + 8] = { 0 };
	be32_put(head, INDEX_MAGIC);
	head[4] = 2;
	w->toc.symbols = INDEX_HEADER_LEN;
	*ret = w;
	return outfile_write(&w->f, head, sizeof(head), err);
}

int index_writer_close(struct index_writer *w, bool drop, struct err *err)
{
	if (!w)
		return 0;
	int r = outfile_close(&w->f, drop, err);
	vec_fini(&w->symbols);
	vec_fini(&w->pairs);
	hmap_fini(&w->by_string);
	hmap_fini(&w->by_pair);
	arena_fini(&w->strings);
	free(w->last);
	strbuf_fini(&w->entry);
	strbuf_fini(&w->table);
	free(w);
	return r;
}

uint64_t index_writer_series_count(const struct index_writer *w)
{
	return w->n_series;
}

uint64_t index_writer_series_max(const struct index_writer *w)
{
	return w->series_max;
}

/* What an arena without a limit gives. */
static void *must(void *p)
{
	CHECK(p != NULL);
	return p;
}

static int misused(struct err *err, const char *what)
{
	return err_set(err, ERR_FAILED_PRECONDITION, "index writer: %s", what);
}

/* --- symbols ---------------------------------------------------------------------- */

static bool symbol_eq(const void *value, const void *key)
{
	return str_eq(((const struct symbol *)value)->s, *(const struct str *)key);
}

int index_writer_symbol(struct index_writer *w, struct str symbol, struct err *err)
{
	if (w->stage != STAGE_SYMBOLS)
		return misused(err, "a symbol after the first series");
	if (w->symbols.n && str_cmp((*vec_last(&w->symbols))->s, symbol) >= 0)
		return misused(err, "symbols are not in order");
	if (w->symbols.n == UINT32_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "index writer: too many symbols");
	struct symbol *s = must(arena_alloc(&w->strings, sizeof(*s)));
	s->s = str_mem(must(arena_memdup(&w->strings, symbol.p, symbol.n)), symbol.n);
	s->number = (uint32_t)w->symbols.n;
	*vec_push(&w->symbols) = s;
	hmap_add(&w->by_string, hash_str(symbol), s);
	w->entry.n = 0;
	enc_uvarint_str(&w->entry, symbol);
	return outfile_write(&w->f, w->entry.p, w->entry.n, err);
}

static bool find_symbol(struct index_writer *w, struct str s, uint32_t *ret)
{
	struct symbol *sym = hmap_find(&w->by_string, hash_str(s), symbol_eq, &s);
	if (!sym)
		return false;
	*ret = sym->number;
	return true;
}

/* The checksum of the symbols covers their number, which comes first and is known last. */
static int end_symbols(struct index_writer *w, struct err *err)
{
	uint64_t len = w->f.pos - w->toc.symbols - 4;
	if (len > UINT32_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			       "index writer: the symbol table has %llu bytes, 4 GiB at most", (unsigned long long)len);
	uint8_t head[8], crc[4];
	be32_put(head, (uint32_t)len);
	be32_put(head + 4, (uint32_t)w->symbols.n);
	uint32_t sum = crc32c(0, head + 4, 4);
	for (size_t i = 0; i < w->symbols.n; i++) {
		struct str s = w->symbols.p[i]->s;
		uint8_t n[VARINT_MAX];
		sum = crc32c(sum, n, (size_t)(varint_put(n, s.n) - n));
		sum = crc32c(sum, s.p, s.n);
	}
	be32_put(crc, sum);
	outfile_write(&w->f, crc, sizeof(crc), NULL);
	w->toc.series = w->f.pos;
	w->stage = STAGE_SERIES;
	return outfile_write_at(&w->f, w->toc.symbols, head, sizeof(head), err);
}

/* --- series ------------------------------------------------------------------------ */

static bool pair_eq(const void *value, const void *key)
{
	const struct pair *a = value, *b = key;
	return a->name == b->name && a->value == b->value;
}

static struct pair *find_pair(struct index_writer *w, uint32_t name, uint32_t value, bool add)
{
	struct pair key = { .name = name, .value = value };
	uint64_t ids = (uint64_t)name << 32 | value;
	uint64_t hash = hash_bytes(&ids, sizeof(ids));
	struct pair *p = hmap_find(&w->by_pair, hash, pair_eq, &key);
	if (p || !add)
		return p;
	p = must(arena_alloc(&w->strings, sizeof(*p)));
	*p = key;
	*vec_push(&w->pairs) = p;
	hmap_add(&w->by_pair, hash, p);
	return p;
}

static int check_chunks(const struct index_writer *w, const struct chunk_meta *c, size_t n, struct err *err)
{
	uint64_t ref = w->last_ref;
	for (size_t i = 0; i < n; i++) {
		if (c[i].ref < ref)
			return misused(err, "chunk references are not in order");
		if (c[i].maxt < c[i].mint || (i > 0 && c[i].mint <= c[i - 1].maxt))
			return misused(err, "chunks of a series overlap or are not in order");
		ref = c[i].ref;
	}
	return 0;
}

static int put_labels(struct index_writer *w, struct labels l, struct err *err)
{
	enc_uvarint(&w->entry, l.n);
	for (size_t i = 0; i < l.n; i++) {
		uint32_t name, value;
		if (!find_symbol(w, l.p[i].name, &name) || !find_symbol(w, l.p[i].value, &value))
			return misused(err, "a label of a series is not among the symbols");
		find_pair(w, name, value, true)->count++;
		enc_uvarint(&w->entry, name);
		enc_uvarint(&w->entry, value);
	}
	return 0;
}

static void put_chunks(struct strbuf *b, const struct chunk_meta *c, size_t n)
{
	enc_uvarint(b, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t mint = (uint64_t)c[i].mint;
		if (i == 0)
			enc_varint(b, c[i].mint);
		else
			enc_uvarint(b, mint - (uint64_t)c[i - 1].maxt);
		enc_uvarint(b, (uint64_t)c[i].maxt - mint);
		if (i == 0)
			enc_uvarint(b, c[i].ref);
		else
			enc_varint(b, (int64_t)(c[i].ref - c[i - 1].ref));
	}
}

static int write_entry(struct index_writer *w, struct err *err)
{
	uint8_t len[VARINT_MAX], crc[4];
	size_t n_len = (size_t)(varint_put(len, w->entry.n) - len);
	be32_put(crc, crc32c(0, w->entry.p, w->entry.n));
	w->series_max = MAX(w->series_max, n_len + w->entry.n + sizeof(crc));
	outfile_pad(&w->f, INDEX_SERIES_ALIGN, NULL);
	outfile_write(&w->f, len, n_len, NULL);
	outfile_write(&w->f, w->entry.p, w->entry.n, NULL);
	int r = outfile_write(&w->f, crc, sizeof(crc), err);
	if (r == 0 && w->f.pos > FILE_MAX)
		r = err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: an index has at most 64 GiB", w->f.path);
	return r;
}

int index_writer_series(struct index_writer *w, struct labels l, const struct chunk_meta *c, size_t n, struct err *err)
{
	int r = w->stage == STAGE_SYMBOLS ? end_symbols(w, err) : 0;
	if (r < 0)
		return r;
	if (w->stage != STAGE_SERIES)
		return misused(err, "a series after the end");
	if (l.n == 0 || (w->last && labels_cmp(*w->last, l) >= 0))
		return misused(err, "series are not in order of their labels");
	r = check_chunks(w, c, n, err);
	if (r < 0)
		return r;
	w->entry.n = 0;
	r = put_labels(w, l, err);
	if (r < 0)
		return r;
	put_chunks(&w->entry, c, n);
	if (n)
		w->last_ref = c[n - 1].ref;
	w->n_series++;
	free(w->last);
	w->last = labels_dup(l);
	return write_entry(w, err);
}

/* --- postings -------------------------------------------------------------------------- */

/* Reads the series section from front to back. */
struct read_back {
	struct index_writer *w;
	uint8_t *buf;
	size_t cap;
	uint64_t from, n; /* the bytes in buf: their offset in the file, their number */
};

/* Makes [at, at + n) available in the buffer; what lies before `at` may go. */
static int want(struct read_back *b, uint64_t at, size_t n, struct err *err)
{
	if (at >= b->from && at + n <= b->from + b->n)
		return 0;
	uint64_t left = b->w->toc.label_indices - at;
	size_t get = (size_t)MIN(left, MAX(n, READ_BACK));
	if (get < n)
		return err_set(err, ERR_INTERNAL, "%s: series section ends early", b->w->f.path);
	if (get > b->cap) {
		b->buf = xrealloc(b->buf, get);
		b->cap = get;
	}
	b->from = at;
	b->n = get;
	return outfile_read_at(&b->w->f, at, b->buf, get, err);
}

/* What to do with a label of a series; NULL pair: the series itself. */
typedef void visit_fn(void *arg, uint32_t ref, uint32_t name, uint32_t value);

/* Reads one entry at `at` and visits it; *ret_next is where it ends. */
static int visit_entry(struct read_back *b, uint64_t at, visit_fn *fn, void *arg, uint64_t *ret_next, struct err *err)
{
	uint64_t left = b->w->toc.label_indices - at;
	int r = want(b, at, (size_t)MIN(left, VARINT_MAX), err);
	if (r < 0)
		return r;
	struct decbuf d = decbuf_make(b->buf + (at - b->from), b->n - (at - b->from));
	const uint8_t *begin = d.p;
	uint64_t n = decbuf_uvarint(&d);
	uint64_t len_len = (uint64_t)(d.p - begin);
	r = want(b, at, (size_t)(len_len + n + 4), err);
	if (r < 0)
		return r;
	*ret_next = at + len_len + n + 4;
	d = decbuf_make(b->buf + (at - b->from) + len_len, n);
	uint32_t ref = (uint32_t)(at / INDEX_SERIES_ALIGN);
	for (uint64_t k = decbuf_uvarint(&d); k > 0; k--) {
		uint32_t name = (uint32_t)decbuf_uvarint(&d), value = (uint32_t)decbuf_uvarint(&d);
		if (d.failed)
			return err_set(err, ERR_DATA_LOSS, "%s changed while it was written", b->w->f.path);
		fn(arg, ref, name, value);
	}
	return 0;
}

/* Visits all labels of all series; with `each`, also calls it once per series. */
static int visit_series(struct index_writer *w, visit_fn *fn, void (*each)(void *, uint32_t), void *arg,
			struct err *err)
{
	struct read_back b = { .w = w };
	uint64_t at = w->toc.series;
	int r = 0;
	for (uint64_t i = 0; i < w->n_series && r == 0; i++) {
		at = (at + INDEX_SERIES_ALIGN - 1) / INDEX_SERIES_ALIGN * INDEX_SERIES_ALIGN;
		if (each)
			each(arg, (uint32_t)(at / INDEX_SERIES_ALIGN));
		r = visit_entry(&b, at, fn, arg, &at, err);
	}
	free(b.buf);
	return r;
}

/* The lists of one pass: pairs [from, to) of the sorted ones. */
struct pass {
	struct index_writer *w;
	size_t from, to;
	uint8_t *lists; /* big-endian references */
	size_t n;       /* references there is room for */
};

static void collect(void *arg, uint32_t ref, uint32_t name, uint32_t value)
{
	struct pass *p = arg;
	const struct pair *first = p->w->pairs.p[p->from], *last = p->w->pairs.p[p->to - 1];
	uint64_t id = (uint64_t)name << 32 | value;
	if (id < ((uint64_t)first->name << 32 | first->value) || id > ((uint64_t)last->name << 32 | last->value))
		return;
	struct pair *pair = find_pair(p->w, name, value, false);
	if (pair && pair->filled < pair->count)
		be32_put(p->lists + 4 * (pair->at + pair->filled++), ref);
}

/* One list, and its row in the offset table. `refs` are big-endian. */
static int write_list(struct index_writer *w, struct str name, struct str value, const uint8_t *refs, uint32_t n,
		      struct err *err)
{
	uint8_t head[8], crc[4];
	outfile_pad(&w->f, 4, NULL);
	enc_uvarint(&w->table, 2);
	enc_uvarint_str(&w->table, name);
	enc_uvarint_str(&w->table, value);
	enc_uvarint(&w->table, w->f.pos);
	w->table_n++;
	be32_put(head, 4 + 4 * n);
	be32_put(head + 4, n);
	uint32_t sum = crc32c(0, head + 4, 4);
	be32_put(crc, n ? crc32c(sum, refs, 4 * (size_t)n) : sum);
	outfile_write(&w->f, head, sizeof(head), NULL);
	outfile_write(&w->f, refs, 4 * (size_t)n, NULL);
	return outfile_write(&w->f, crc, sizeof(crc), err);
}

/* Makes and writes the lists of a pass. */
static int write_pass(struct pass *p, struct err *err)
{
	struct index_writer *w = p->w;
	p->lists = xreallocarray(NULL, p->n + 1, 4);
	int r = visit_series(w, collect, NULL, p, err);
	for (size_t i = p->from; i < p->to && r == 0; i++) {
		const struct pair *pair = w->pairs.p[i];
		CHECK(pair->filled == pair->count);
		r = write_list(w, w->symbols.p[pair->name]->s, w->symbols.p[pair->value]->s, p->lists + 4 * pair->at,
			       pair->count, err);
	}
	free(p->lists);
	return r;
}

/* The references of all series, collected in pieces. */
struct all_refs {
	uint8_t *refs;
	size_t n;
};

static void no_label(void *arg, uint32_t ref, uint32_t name, uint32_t value)
{
}

static void add_ref(void *arg, uint32_t ref)
{
	struct all_refs *a = arg;
	be32_put(a->refs + 4 * a->n++, ref);
}

static int write_all_list(struct index_writer *w, struct err *err)
{
	struct all_refs a = { .refs = xreallocarray(NULL, w->n_series + 1, 4) };
	int r = visit_series(w, no_label, add_ref, &a, err);
	if (r == 0)
		r = write_list(w, STR(""), STR(""), a.refs, (uint32_t)a.n, err);
	free(a.refs);
	return r;
}

static int pair_cmp(const void *a, const void *b)
{
	const struct pair *x = *(struct pair *const *)a, *y = *(struct pair *const *)b;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* All lists: symbols are numbered in order, so pairs sorted by number are sorted by text. */
static int write_lists(struct index_writer *w, struct err *err)
{
	w->toc.postings = w->f.pos;
	int r = write_all_list(w, err);
	if (w->pairs.n)
		qsort(w->pairs.p, w->pairs.n, sizeof(*w->pairs.p), pair_cmp);
	size_t most = MAX(w->list_bytes / 4, 1);
	for (size_t i = 0; i < w->pairs.n && r == 0;) {
		struct pass p = { .w = w, .from = i, .to = i };
		while (p.to < w->pairs.n && (p.n == 0 || p.n + w->pairs.p[p.to]->count <= most)) {
			w->pairs.p[p.to]->at = p.n;
			p.n += w->pairs.p[p.to++]->count;
		}
		r = write_pass(&p, err);
		i = p.to;
	}
	return r;
}

static int write_table(struct index_writer *w, struct err *err)
{
	uint8_t head[8], crc[4];
	w->toc.label_index_table = w->toc.postings_table = w->f.pos;
	if (w->table.n > UINT32_MAX - 4)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: the postings offset table has at most 4 GiB",
			       w->f.path);
	be32_put(head, (uint32_t)w->table.n + 4);
	be32_put(head + 4, w->table_n);
	be32_put(crc, crc32c(crc32c(0, head + 4, 4), w->table.p, w->table.n));
	outfile_write(&w->f, head, sizeof(head), NULL);
	outfile_write(&w->f, w->table.p, w->table.n, NULL);
	return outfile_write(&w->f, crc, sizeof(crc), err);
}

static int write_toc(struct index_writer *w, struct err *err)
{
	uint8_t toc[INDEX_TOC_LEN];
	const uint64_t v[6] = { w->toc.symbols,           w->toc.series,   w->toc.label_indices,
				w->toc.label_index_table, w->toc.postings, w->toc.postings_table };
	for (int i = 0; i < 6; i++)
		be64_put(toc + 8 * i, v[i]);
	be32_put(toc + 48, crc32c(0, toc, 48));
	return outfile_write(&w->f, toc, sizeof(toc), err);
}

int index_writer_finish(struct index_writer *w, struct err *err)
{
	int r = w->stage == STAGE_SYMBOLS ? end_symbols(w, err) : 0;
	if (r == 0 && w->stage == STAGE_DONE)
		r = misused(err, "finished twice");
	w->stage = STAGE_DONE;
	w->toc.label_indices = w->f.pos;
	if (r == 0)
		r = write_lists(w, err);
	if (r == 0)
		r = write_table(w, err);
	return r < 0 ? r : write_toc(w, err);
}
