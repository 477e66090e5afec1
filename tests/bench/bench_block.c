/*
 * A block of many series (argument: how many, 400000 by default) in the
 * shape of Thanos' BucketIndexReader_ExpandedPostings: 10 values of n, many of i,
 * j foo or bar, one unique label. Measures writing, opening, selecting by
 * matchers, reading series, and the operations on postings.
 */
#include "base/file.h"
#include "base/mem.h"
#include "chunk/xor.h"
#include "tsdb/block.h"
#include "tsdb/block_labels.h"
#include "tsdb/block_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void must(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

static void report(const char *what, int64_t from_ns, double n, const char *unit)
{
	int64_t ns = cpu_ns() - from_ns;
	printf("%-44s %9.2f ms  %8.1f ns/%s\n", what, (double)ns / 1e6, (double)ns / n, unit);
}

/* Labels of series k; i-values come in order, so that series are sorted. */
static struct labels labels_of(size_t k, size_t total, struct label l[4], char buf[3][64])
{
	size_t per_n = total / 10 ? total / 10 : 1;
	snprintf(buf[0], 64, "%08zu-01234567890123456789", k / 2);
	snprintf(buf[1], 64, "%zu", k / per_n);
	snprintf(buf[2], 64, "%08zu", k);
	l[0] = (struct label){ STR("i"), str_c(buf[0]) };
	l[1] = (struct label){ STR("j"), k % 2 ? STR("foo") : STR("bar") };
	l[2] = (struct label){ STR("n"), str_c(buf[1]) };
	l[3] = (struct label){ STR("uniq"), str_c(buf[2]) };
	return (struct labels){ l, 4 };
}

static void write_block(const char *dir, size_t n)
{
	struct block_symbols syms;
	struct block_writer *w;
	struct label l[4];
	char buf[3][64];
	uint8_t bytes[64];
	struct xor_app a;
	struct err e;
	struct ulid u = ulid_make(1700000000000);
	xor_app_init(&a, bytes, sizeof(bytes));
	if (!xor_append(&a, 1000, 1))
		abort();
	struct block_chunk_in c = { 1000, 1000, { CHUNK_XOR, xor_app_bytes(&a) } };
	block_symbols_init(&syms, NULL);
	int64_t from = cpu_ns();
	for (size_t k = 0; k < n; k++)
		must(block_symbols_add_labels(&syms, labels_of(k, n, l, buf), &e), &e);
	must(block_writer_open(dir, &u, 0, &w, &e), &e);
	must(block_symbols_write(&syms, w, &e), &e);
	report("write: symbols", from, (double)n, "series");
	from = cpu_ns();
	for (size_t k = 0; k < n; k++)
		must(block_writer_series(w, labels_of(k, n, l, buf), &c, 1, &e), &e);
	report("write: series", from, (double)n, "series");
	from = cpu_ns();
	struct block_meta m = { .mint = 0, .maxt = 7200000, .compaction = { .level = 1 } };
	must(block_writer_finish(w, &m, (struct tombstones){ NULL, 0 }, &e), &e);
	report("write: postings, tables, sync", from, (double)n, "series");
	block_symbols_fini(&syms);
}

static void bench_select(const struct block *b, enum matcher_type type, const char *name, const char *value)
{
	struct arena a;
	arena_init(&a, NULL);
	struct matcher *m;
	struct block_selection sel;
	struct err e;
	char what[128];
	must(matcher_compile_in(&a, type, str_c(name), str_c(value), &m, &e), &e);
	int64_t from = cpu_ns();
	must(block_select(b, &m, 1, INT64_MIN, INT64_MAX, &a, &sel, &e), &e);
	snprintf(what, sizeof(what), "select %s%s\"%s\": %zu series", name, matcher_type_str(type), value,
		 sel.postings.n);
	report(what, from, (double)(sel.postings.n ? sel.postings.n : 1), "series");
	arena_fini(&a);
}

/* Counts strings and hides nothing else. */
static int count(void *arg, struct str s, struct err *e)
{
	++*(size_t *)arg;
	return 0;
}

/* Values of `label` (names: "") among the series with name=value: by the quicker way, and by reading every series. */
static void bench_labels(const struct block *b, const char *label, const char *name, const char *value)
{
	struct arena a, each;
	struct matcher *m;
	struct block_selection sel;
	struct err e;
	char what[128];
	size_t n = 0;
	struct block_label_sink sink = { .arg = &n, .put = count };
	arena_init(&a, NULL);
	arena_init(&each, NULL);
	must(matcher_compile_in(&a, MATCH_RE, str_c(name), str_c(value), &m, &e), &e);
	int64_t from = cpu_ns();
	must(block_label_strings(b, str_c(label), &m, 1, &sink, NULL, &e), &e);
	snprintf(what, sizeof(what), "labels \"%s\" of %s=~\"%s\": %zu", label, name, value, n);
	report(what, from, (double)(n ? n : 1), "string");
	from = cpu_ns();
	must(block_select(b, &m, 1, INT64_MIN, INT64_MAX, &a, &sel, &e), &e);
	struct arena_mark mark = arena_mark(&each);
	for (size_t i = 0; i < sel.postings.n; i++) {
		struct index_series s;
		must(index_reader_series(block_index(b), sel.postings.p[i], INT64_MAX, INT64_MIN, &each, &s, &e), &e);
		n += labels_has(s.labels, str_c(label));
		arena_rewind(&each, mark);
	}
	snprintf(what, sizeof(what), "  by reading %zu series", sel.postings.n);
	report(what, from, (double)(sel.postings.n ? sel.postings.n : 1), "series");
	arena_fini(&each);
	arena_fini(&a);
}

static void bench_read(const struct block *b)
{
	struct arena a, each;
	arena_init(&a, NULL);
	arena_init(&each, NULL);
	struct block_selection sel;
	struct block_series s;
	struct err e;
	size_t n = 0, bytes = 0;
	must(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), &e);
	if (!arena_alloc(&each, 1))
		abort();
	struct arena_mark m = arena_mark(&each);
	int64_t from = cpu_ns();
	while (block_selection_next(&sel, &each, &s, &e) > 0) {
		bytes += labels_bytes(s.labels);
		n++;
		arena_rewind(&each, m);
	}
	report("series: labels and chunk places", from, (double)n, "series");
	sel.i = 0;
	from = cpu_ns();
	while (block_selection_next(&sel, &each, &s, &e) > 0) {
		struct chunk_cols c;
		must(block_series_decode(b, &s, 0, INT64_MIN, INT64_MAX, &each, &c, &e), &e);
		bytes += c.n;
		arena_rewind(&each, m);
	}
	report("series with one chunk of one sample", from, (double)n, "series");
	const struct index_symbols *syms = index_reader_symbols(block_index(b));
	from = cpu_ns();
	for (uint32_t k = 0, i = 0; k < syms->n; k++, i = (i + 7919) % syms->n)
		bytes += index_symbols_at(syms, i).n;
	report("symbol lookup, scattered", from, (double)syms->n, "symbol");
	printf("(%zu bytes seen)\n", bytes);
	arena_fini(&each);
	arena_fini(&a);
}

static void bench_postings(void)
{
	size_t n = 4000000;
	uint32_t *a = xcalloc(n, sizeof(*a)), *b = xcalloc(n, sizeof(*b)), *out = xcalloc(n, sizeof(*out));
	uint8_t *be = xcalloc(n, 4);
	for (size_t i = 0; i < n; i++) {
		uint32_t v = (uint32_t)i * 3;
		a[i] = v;
		v = __builtin_bswap32(v);
		memcpy(be + 4 * i, &v, 4);
	}
	int64_t last = -1, from = cpu_ns();
	if (!postings_decode_be32(be, n, out, &last))
		abort();
	report("decode and check 4 M", from, (double)n, "ref");
	const size_t shorter[] = { 400000, 4000 };
	for (int k = 0; k < 2; k++) {
		size_t m = shorter[k];
		for (size_t i = 0; i < m; i++)
			b[i] = (uint32_t)(i * (n / m) * 3 + i % 2);
		from = cpu_ns();
		size_t got = postings_intersect((struct postings){ a, n }, (struct postings){ b, m }, out);
		char what[64];
		snprintf(what, sizeof(what), "intersect 4 M with %zu: %zu", m, got);
		report(what, from, (double)m, "short ref");
	}
	free(a);
	free(b);
	free(out);
	free(be);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000;
	char dir[] = "bench-block-XXXXXX";
	struct block *b;
	struct err e;
	if (n == 0 || !mkdtemp(dir))
		return 1;
	write_block(dir, n);
	char **names;
	size_t n_names;
	must(file_list(dir, &names, &n_names, &e), &e);
	char *path = xasprintf("%s/%s", dir, names[0]);
	int64_t from = cpu_ns();
	must(block_open(path, NULL, &b, &e), &e);
	report("open", from, (double)n, "series");
	bench_select(b, MATCH_EQ, "n", "1");
	bench_select(b, MATCH_EQ, "j", "foo");
	bench_select(b, MATCH_NEQ, "j", "foo");
	bench_select(b, MATCH_RE, "i", ".+");
	bench_select(b, MATCH_RE, "i", ".*7.*");
	bench_select(b, MATCH_RE, "i", "000001.+");
	bench_select(b, MATCH_NEQ, "i", "");
	bench_labels(b, "", "j", "foo");
	bench_labels(b, "n", "j", "foo");
	bench_labels(b, "j", "n", "1");
	bench_labels(b, "j", "n", "1|2|3");
	bench_labels(b, "uniq", "n", "1");
	bench_labels(b, "", "i", "000001.+");
	bench_read(b);
	bench_postings();
	block_close(b);
	file_list_free(names, n_names);
	free(path);
	must(file_remove_all(dir, &e), &e);
	return 0;
}
