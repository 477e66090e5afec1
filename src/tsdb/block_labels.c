#include "tsdb/block_labels.h"

#include "tsdb/index_parts.h"
#include "tsdb/index_reader.h"
#include "tsdb/select.h"

/* Series that are read before anything is decided. */
#define READ_FIRST 256

/* About what things cost, in ns: a series read, a value looked at, an element of a list. tests/bench/bench_block measures them. */
#define COST_SERIES 200
#define COST_VALUE 60
#define COST_ELEMENT 1

/* Series or values between two checkpoints. */
#define CHECKPOINT_EVERY 256

/* A call under way. */
struct lookup {
	const struct block *b;
	const struct index_table *table;
	struct str name;
	const struct block_label_sink *sink;
	struct arena held, each; /* of the call; of one series or list */
	struct postings series;
	bool direct;                  /* strings are handed on as they come: nobody will ask what was found */
	uint32_t work;                /* since the last checkpoint */
	uint8_t *found;               /* of each name of the table, or each value of `name` */
	const struct index_name *row; /* of `name`; NULL where names are asked for */
};

static int step(struct lookup *l, struct err *err)
{
	if (++l->work % CHECKPOINT_EVERY || !l->sink->checkpoint)
		return 0;
	return l->sink->checkpoint(l->sink->arg, err);
}

/* --- all series ---------------------------------------------------------------------- */

static int put_all(struct lookup *l, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; l->row && i < l->row->n && rc == 0; i++) {
		rc = l->sink->put(l->sink->arg, index_table_entry(l->table, l->row->first + i).value, err);
		rc = rc ? rc : step(l, err);
	}
	for (uint32_t i = 0; !l->name.n && i < l->table->n_names && rc == 0; i++)
		if (l->table->names[i].name.n)
			rc = l->sink->put(l->sink->arg, l->table->names[i].name, err);
	return rc;
}

/* --- series one by one ------------------------------------------------------------------ */

/* Notes a string of the table as found; hands it on the first time. */
static int find(struct lookup *l, uint32_t i, struct str s, struct err *err)
{
	if (l->found[i])
		return 0;
	l->found[i] = 1;
	return l->sink->put(l->sink->arg, s, err);
}

static int find_of(struct lookup *l, struct labels labels, struct err *err)
{
	uint32_t at;
	int rc = 0;
	if (l->row) {
		struct str v = labels_get(labels, l->name);
		if (l->direct)
			return v.n ? l->sink->put(l->sink->arg, v, err) : 0;
		if (v.n && index_table_find(l->table, l->name, v, &at))
			return find(l, at - l->row->first, index_table_entry(l->table, at).value, err);
		return 0;
	}
	for (size_t i = 0; i < labels.n && rc == 0; i++) {
		const struct index_name *n = index_table_name(l->table, labels.p[i].name);
		if (n)
			rc = find(l, (uint32_t)(n - l->table->names), n->name, err);
	}
	return rc;
}

/* Reads the series [from, to) of those that match. */
static int read_series(struct lookup *l, size_t from, size_t to, struct err *err)
{
	struct arena_mark empty = arena_mark(&l->each);
	int rc = 0;
	for (size_t i = from; i < to && rc == 0; i++) {
		struct index_series s;
		/* Labels only: no chunk is in that range. */
		rc = index_reader_series(block_index(l->b), l->series.p[i], INT64_MAX, INT64_MIN, &l->each, &s, err);
		rc = rc ? rc : find_of(l, s.labels, err);
		rc = rc ? rc : step(l, err);
		arena_rewind(&l->each, empty);
	}
	return rc;
}

/* --- lists --------------------------------------------------------------------------------- */

static bool have_common(struct postings a, struct postings b)
{
	if (a.n > b.n)
		return have_common(b, a);
	for (size_t i = 0, k = 0; i < a.n; i++) {
		k = postings_seek(b, k, a.p[i]);
		if (k == b.n)
			return false;
		if (b.p[k] == a.p[i])
			return true;
	}
	return false;
}

/* Whether a series that matches has the table's entry: 1, 0, or an error. */
static int touches(struct lookup *l, uint32_t entry, struct err *err)
{
	struct arena_mark empty = arena_mark(&l->each);
	struct index_entry e = index_table_entry(l->table, entry);
	struct refs list = { .a = &l->each };
	int rc = index_reader_postings(block_index(l->b), e.name, e.value, &list, err);
	rc = rc < 0 ? rc : have_common(l->series, refs_postings(&list));
	arena_rewind(&l->each, empty);
	return rc;
}

/* Elements of all lists of a name, from where the first and the last one begin; they follow each other. */
static uint64_t elements(const struct lookup *l, const struct index_name *n)
{
	uint64_t first = index_table_entry(l->table, n->first).offset;
	uint64_t last = index_table_entry(l->table, n->first + n->n - 1).offset;
	return last > first ? (last - first) / 4 * (n->n + 1) / n->n : 1;
}

static uint64_t cost_of_lists(const struct lookup *l, const struct index_name *n)
{
	return (uint64_t)n->n * COST_VALUE + elements(l, n) * COST_ELEMENT;
}

static int intersect_values(struct lookup *l, struct err *err)
{
	for (uint32_t i = 0; i < l->row->n; i++) {
		int rc = l->found[i] ? 0 : touches(l, l->row->first + i, err);
		if (rc == 1)
			rc = find(l, i, index_table_entry(l->table, l->row->first + i).value, err);
		rc = rc < 0 ? rc : step(l, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int intersect_names(struct lookup *l, struct err *err)
{
	for (uint32_t i = 0; i < l->table->n_names; i++) {
		const struct index_name *n = &l->table->names[i];
		for (uint32_t k = 0; k < n->n && n->name.n && !l->found[i]; k++) {
			int rc = touches(l, n->first + k, err);
			if (rc == 1)
				rc = find(l, i, n->name, err);
			rc = rc < 0 ? rc : step(l, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Whether going through the lists of what is not found yet costs less than reading the series that are left. */
static bool lists_are_cheaper(const struct lookup *l)
{
	uint64_t lists = 0, series = (l->series.n - READ_FIRST) * COST_SERIES;
	if (l->row)
		return cost_of_lists(l, l->row) < series;
	for (uint32_t i = 0; i < l->table->n_names && lists < series; i++)
		if (!l->found[i] && l->table->names[i].name.n && l->table->names[i].n)
			lists += cost_of_lists(l, &l->table->names[i]);
	return lists < series;
}

static int of_matching(struct lookup *l, struct matcher *const *m, size_t n, struct err *err)
{
	struct pause pause = { .fn = l->sink->checkpoint, .arg = l->sink->arg };
	struct postings_source src = index_reader_source(block_index(l->b), &pause);
	int rc = postings_for_matchers(&src, m, n, &l->held, &l->series, err);
	l->found = arena_zalloc(&l->held, (l->row ? l->row->n : l->table->n_names) + 1);
	if (rc == 0 && !l->found)
		rc = arena_err(&l->held, err);
	rc = rc ? rc : read_series(l, 0, MIN(l->series.n, (size_t)READ_FIRST), err);
	if (rc || l->series.n <= READ_FIRST)
		return rc;
	l->direct = !lists_are_cheaper(l);
	if (l->direct)
		return read_series(l, READ_FIRST, l->series.n, err);
	return l->row ? intersect_values(l, err) : intersect_names(l, err);
}

int block_label_strings(const struct block *b, struct str name, struct matcher *const *m, size_t n,
			const struct block_label_sink *sink, struct budget *budget, struct err *err)
{
	struct lookup l = { .b = b, .table = index_reader_table(block_index(b)), .name = name, .sink = sink };
	if (name.n) {
		l.row = index_table_name(l.table, name);
		if (!l.row || l.row->n == 0)
			return 0;
	}
	if (n == 0)
		return put_all(&l, err);
	arena_init(&l.held, budget);
	arena_init(&l.each, budget);
	int rc = of_matching(&l, m, n, err);
	arena_fini(&l.each);
	arena_fini(&l.held);
	return rc;
}
