#include "tsdb/block.h"
#include "tsdb/block_writer.h"

#include "base/sys.h"
#include "chunk/aggr.h"
#include "unit/tsdb/golden.h"

#include <errno.h>
#include <sys/wait.h>

static struct block *open_golden(const char *name)
{
	char *dir = golden_path(name);
	struct block *b = NULL;
	struct err e;
	if (block_open(dir, NULL, &b, &e) < 0)
		fail_msg("%s", e.msg);
	free(dir);
	return b;
}

/* --- reading ---------------------------------------------------------------------- */

static void check_sample(const struct chunk_cols *c, size_t i, json_t *want, struct arena *a)
{
	assert_int_equal(c->t[i], json_integer_value(json_object_get(want, "t")));
	if (c->st)
		assert_int_equal(c->st[i], json_integer_value(json_object_get(want, "st")));
	json_t *h = json_object_get(want, "h");
	if (!h) {
		assert_non_null(c->v);
		assert_int_equal(double_bits(c->v[i]), hex_bits(json_object_get(want, "v")));
		return;
	}
	struct histogram wh = hist_of_json(h, a);
	assert_non_null(c->h);
	assert_true(hist_equal(&c->h[i], &wh));
}

static void check_block(const char *name, const char *expected)
{
	struct block *b = open_golden(name);
	json_t *all = golden_json(expected);
	json_t *want = json_object_get(json_array_get(json_object_get(all, "blocks"), 0), "series");
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct block_selection sel;
	assert_int_equal(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), 0);
	struct block_series s;
	size_t n = 0, samples = 0;
	for (; block_selection_next(&sel, &a, &s, &e) > 0; n++) {
		json_t *list = json_object_get(json_array_get(want, n), "samples");
		size_t at = 0;
		for (size_t i = 0; i < s.n_chunks; i++) {
			struct chunk_cols c;
			assert_int_equal(block_series_decode(b, &s, i, INT64_MIN, INT64_MAX, &a, &c, &e), 0);
			for (size_t k = 0; k < c.n; k++)
				check_sample(&c, k, json_array_get(list, at++), &a);
		}
		assert_int_equal(at, json_array_size(list));
		samples += at;
	}
	assert_int_equal(n, json_array_size(want));
	assert_true(samples > 1000);
	json_decref(all);
	arena_fini(&a);
	block_close(b);
}

static void test_samples_are_those_that_prometheus_reads(void **state)
{
	check_block(GOLDEN_DEFAULT, "db_default.expected.json.gz");
	check_block(GOLDEN_ST, "db_st.expected.json.gz");
}

static void check_downsampled(const char *name, const char *expected)
{
	struct block *b = open_golden(name);
	json_t *want = golden_json(expected);
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct block_selection sel;
	assert_int_equal(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), 0);
	struct block_series s;
	for (size_t n = 0; block_selection_next(&sel, &a, &s, &e) > 0; n++) {
		json_t *chunks = json_object_get(json_array_get(want, n), "chunks");
		assert_int_equal(s.n_chunks, json_array_size(chunks));
		for (size_t i = 0; i < s.n_chunks; i++) {
			struct chunk c;
			struct aggr_chunk parts;
			assert_int_equal(block_chunk(b, s.chunks[i].ref, &c, &e), 0);
			assert_int_equal(c.enc, CHUNK_AGGR);
			assert_int_equal(aggr_parse(c.data, &parts, &e), 0);
			json_t *aggr = json_object_get(json_array_get(chunks, i), "aggr");
			size_t present = 0;
			for (int k = 0; k < AGGR_TYPES; k++) {
				json_t *p = json_object_get(aggr, aggr_type_name((enum aggr_type)k));
				assert_int_equal(p != NULL, parts.part[k].enc != CHUNK_NONE);
				if (!p)
					continue;
				present++;
				struct chunk_cols cols;
				json_t *list = json_object_get(p, "samples");
				assert_int_equal(chunk_decode(parts.part[k], &a, &cols, &e), 0);
				assert_int_equal(cols.n, json_array_size(list));
				for (size_t x = 0; x < cols.n; x++)
					check_sample(&cols, x, json_array_get(list, x), &a);
			}
			assert_true(present >= 3);
			/* Written again, it is the same. */
			struct strbuf again = { 0 };
			aggr_write(&parts, &again);
			assert_true(str_eq(strbuf_str(&again), c.data));
			strbuf_fini(&again);
		}
	}
	json_decref(want);
	arena_fini(&a);
	block_close(b);
}

static void test_downsampled_blocks_are_those_of_thanos(void **state)
{
	check_downsampled(GOLDEN_5M, "thanos/res_300000.expected.json.gz");
	check_downsampled(GOLDEN_1H, "thanos/res_3600000.expected.json.gz");
}

static void test_chunks_out_of_range_are_left_out(void **state)
{
	struct block *b = open_golden(GOLDEN_DEFAULT);
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct block_selection sel;
	struct block_series s;
	int64_t mint = 1699999200000 + 3600000, maxt = mint + 600000;
	assert_int_equal(block_select(b, NULL, 0, mint, maxt, &a, &sel, &e), 0);
	size_t n = 0;
	for (; block_selection_next(&sel, &a, &s, &e) > 0; n++) {
		for (size_t i = 0; i < s.n_chunks; i++) {
			assert_true(s.chunks[i].maxt >= mint && s.chunks[i].mint <= maxt);
			struct chunk_cols c;
			assert_int_equal(block_series_decode(b, &s, i, mint, maxt, &a, &c, &e), 0);
			for (size_t k = 0; k < c.n; k++)
				assert_in_range(c.t[k], mint, maxt);
		}
	}
	assert_int_equal(n, 8);
	assert_int_equal(block_select(b, NULL, 0, 0, 1000, &a, &sel, &e), 0);
	assert_int_equal(block_selection_next(&sel, &a, &s, &e), 0);
	arena_fini(&a);
	block_close(b);
}

/* --- writing ------------------------------------------------------------------------ */

/* Writes the block's series again, under the same ULID; the caller closes what is returned. */
static void copy_block(const struct block *b, const char *parent, const struct block_meta *like)
{
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct block_selection sel;
	struct block_series s;
	struct block_symbols syms;
	struct block_writer *w;
	block_symbols_init(&syms, NULL);
	/* As a compaction does it: the symbols of the sources, also those that no series uses. */
	const struct index_symbols *from = index_reader_symbols(block_index(b));
	for (uint32_t i = 0; i < from->n; i++)
		assert_int_equal(block_symbols_add(&syms, index_symbols_at(from, i), &e), 0);
	assert_int_equal(block_writer_open(parent, &block_meta(b)->ulid, 0, &w, &e), 0);
	assert_int_equal(block_symbols_write(&syms, w, &e), 0);
	assert_int_equal(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), 0);
	while (block_selection_next(&sel, &a, &s, &e) > 0) {
		struct block_chunk_in *in = arena_array(&a, s.n_chunks, sizeof(*in));
		for (size_t i = 0; i < s.n_chunks; i++) {
			in[i] = (struct block_chunk_in){ s.chunks[i].mint, s.chunks[i].maxt, { 0 } };
			assert_int_equal(block_chunk(b, s.chunks[i].ref, &in[i].chunk, &e), 0);
		}
		assert_int_equal(block_writer_series(w, s.labels, in, s.n_chunks, &e), 0);
	}
	struct block_meta m = *like;
	if (block_writer_finish(w, &m, block_tombstones(b), &e) < 0)
		fail_msg("%s", e.msg);
	block_symbols_fini(&syms);
	arena_fini(&a);
}

static void same_file(const char *dir_a, const char *dir_b, const char *name)
{
	struct str x = read_part(dir_a, name), y = read_part(dir_b, name);
	if (!str_eq(x, y))
		fail_msg("%s differs: %zu and %zu bytes", name, x.n, y.n);
	str_free(x);
	str_free(y);
}

static void test_a_block_written_again_is_the_same_in_every_file(void **state)
{
	const char *const names[] = { GOLDEN_DEFAULT, GOLDEN_ST };
	for (int i = 0; i < 2; i++) {
		char *parent = scratch_make(), *golden = golden_path(names[i]);
		struct block *b = open_golden(names[i]);
		copy_block(b, parent, block_meta(b));
		char *dir = xasprintf("%s/%s", parent, strrchr(names[i], '/') + 1);
		same_file(golden, dir, "index");
		same_file(golden, dir, "chunks/000001");
		same_file(golden, dir, "tombstones");
		same_file(golden, dir, "meta.json");
		block_close(b);
		free(dir);
		free(golden);
		scratch_remove(parent);
	}
}

static void test_index_stats_are_filled_in_for_thanos(void **state)
{
	char *parent = scratch_make();
	struct block *b = open_golden(GOLDEN_5M), *copy;
	struct err e;
	copy_block(b, parent, block_meta(b));
	char *dir = xasprintf("%s/%s", parent, strrchr(GOLDEN_5M, '/') + 1);
	assert_int_equal(block_open(dir, NULL, &copy, &e), 0);
	const struct block_meta *m = block_meta(copy);
	assert_int_equal(m->stats.samples, block_meta(b)->stats.samples);
	assert_int_equal(m->stats.chunks, block_meta(b)->stats.chunks);
	assert_true(m->thanos.series_max_size > 0 && m->thanos.chunk_max_size > 0);
	assert_int_equal(m->thanos.resolution_ms, 300000);
	block_close(copy);
	block_close(b);
	free(dir);
	scratch_remove(parent);
}

static void test_an_aborted_block_leaves_nothing(void **state)
{
	char *parent = scratch_make();
	struct ulid u = ulid_make(1700000000000);
	struct block_writer *w;
	struct err e;
	assert_int_equal(block_writer_open(parent, &u, 0, &w, &e), 0);
	assert_int_equal(block_writer_symbol(w, STR("a"), &e), 0);
	block_writer_abort(w);
	char **names;
	size_t n;
	assert_int_equal(file_list(parent, &names, &n, &e), 0);
	assert_int_equal(n, 0);
	file_list_free(names, n);
	scratch_remove(parent);
}

/* Calls until one fails, and which. */
static int calls_left;

static ssize_t failing_write(int fd, const void *buf, size_t n)
{
	if (calls_left-- > 0)
		return sys_real.write(fd, buf, n);
	errno = ENOSPC;
	return -1;
}

static int failing_fsync(int fd)
{
	if (calls_left-- > 0)
		return sys_real.fsync(fd);
	errno = EIO;
	return -1;
}

static int failing_rename(const char *from, const char *to)
{
	if (calls_left-- > 0)
		return sys_real.rename(from, to);
	errno = EACCES;
	return -1;
}

/* Writes a small block; the code of its end. */
static int write_small(const char *parent)
{
	const struct label l = { STR("a"), STR("b") };
	const struct block_chunk_in c = { 1, 2, { CHUNK_XOR, STR("\0\2xxxxxxxx") } };
	struct ulid u = ulid_make(1700000000000);
	struct block_meta m = { .mint = 0, .maxt = 10 };
	struct block_writer *w;
	struct err e;
	int r = block_writer_open(parent, &u, 0, &w, &e);
	if (r < 0)
		return r;
	if (block_writer_symbol(w, STR("a"), &e) < 0 || block_writer_symbol(w, STR("b"), &e) < 0 ||
	    block_writer_series(w, (struct labels){ &l, 1 }, &c, 1, &e) < 0) {
		block_writer_abort(w);
		return -e.code;
	}
	return block_writer_finish(w, &m, (struct tombstones){ NULL, 0 }, &e);
}

/* Fails the n-th call, for every n until none fails: then the block is there, before never. */
static void check_failures(const struct sys_ops *ops)
{
	char *parent = scratch_make();
	int failed = 0;
	for (int n = 0;; n++) {
		calls_left = n;
		sys = ops;
		int r = write_small(parent);
		sys = &sys_real;
		char **names;
		size_t n_names;
		struct err e;
		assert_int_equal(file_list(parent, &names, &n_names, &e), 0);
		assert_int_equal(n_names, r == 0);
		file_list_free(names, n_names);
		if (r == 0)
			break;
		failed++;
		assert_true(n < 100);
	}
	assert_true(failed > 0);
	scratch_remove(parent);
}

static void test_failing_disk_leaves_no_block(void **state)
{
	struct sys_ops ops = sys_real;
	ops.write = failing_write;
	check_failures(&ops);
	ops = sys_real;
	ops.fsync = failing_fsync;
	check_failures(&ops);
	ops = sys_real;
	ops.rename = failing_rename;
	check_failures(&ops);
}

/* --- Prometheus' own tool ---------------------------------------------------------------- */

/* What a command writes; fails the test unless it exits with 0. */
static struct strbuf run(const char *cmd)
{
	struct strbuf out = { 0 };
	FILE *p = popen(cmd, "r");
	assert_non_null(p);
	char buf[4096];
	size_t n;
	while ((n = fread(buf, 1, sizeof(buf), p)) > 0)
		strbuf_add(&out, buf, n);
	int status = pclose(p);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: status %d\n%s", cmd, status, out.p ? out.p : "");
	return out;
}

static size_t lines_of(struct str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Only the float series: Debian's promtool is older than native histograms in dumps. */
static void write_floats(const struct block *b, const char *parent)
{
	struct arena a;
	arena_init(&a, NULL);
	struct err e;
	struct matcher *m;
	struct block_selection sel;
	struct block_series s;
	struct block_symbols syms;
	struct block_writer *w;
	block_symbols_init(&syms, NULL);
	assert_int_equal(matcher_compile_in(&a, MATCH_EQ, LABEL_METRIC_NAME, STR("http_requests_total"), &m, &e), 0);
	assert_int_equal(block_select(b, &m, 1, INT64_MIN, INT64_MAX, &a, &sel, &e), 0);
	while (block_selection_next(&sel, &a, &s, &e) > 0)
		assert_int_equal(block_symbols_add_labels(&syms, s.labels, &e), 0);
	struct ulid u = ulid_make(1700010000000);
	/* Small segments, so that there are several. */
	assert_int_equal(block_writer_open(parent, &u, 1500, &w, &e), 0);
	assert_int_equal(block_symbols_write(&syms, w, &e), 0);
	sel.i = 0;
	while (block_selection_next(&sel, &a, &s, &e) > 0) {
		struct block_chunk_in *in = arena_array(&a, s.n_chunks, sizeof(*in));
		for (size_t i = 0; i < s.n_chunks; i++) {
			in[i] = (struct block_chunk_in){ s.chunks[i].mint, s.chunks[i].maxt, { 0 } };
			assert_int_equal(block_chunk(b, s.chunks[i].ref, &in[i].chunk, &e), 0);
		}
		assert_int_equal(block_writer_series(w, s.labels, in, s.n_chunks, &e), 0);
	}
	struct block_meta meta = { .mint = block_meta(b)->mint, .maxt = block_meta(b)->maxt };
	meta.compaction.level = 1;
	meta.compaction.sources = &u;
	meta.compaction.n_sources = 1;
	assert_int_equal(block_writer_finish(w, &meta, (struct tombstones){ NULL, 0 }, &e), 0);
	block_symbols_fini(&syms);
	arena_fini(&a);
}

static void test_promtool_reads_our_block(void **state)
{
	if (system("promtool --version >/dev/null 2>&1") != 0) {
		printf("promtool is missing\n");
		skip();
	}
	char *parent = scratch_make();
	struct block *b = open_golden(GOLDEN_DEFAULT);
	write_floats(b, parent);

	char *cmd = xasprintf("promtool tsdb list %s", parent);
	struct strbuf out = run(cmd);
	assert_int_equal(lines_of(strbuf_str(&out)), 2);
	assert_true(str_find(strbuf_str(&out), STR("1920")) >= 0); /* samples */
	strbuf_fini(&out);
	free(cmd);

	cmd = xasprintf("promtool tsdb analyze %s", parent);
	out = run(cmd);
	assert_true(str_find(strbuf_str(&out), STR("\nSeries: 4\n")) >= 0);
	assert_true(str_find(strbuf_str(&out), STR("Label names: 3")) >= 0);
	strbuf_fini(&out);
	free(cmd);

	/* dump opens the directory as a whole database, which has a log. */
	cmd = xasprintf("mkdir %s/wal && promtool tsdb dump %s", parent, parent);
	out = run(cmd);
	assert_int_equal(lines_of(strbuf_str(&out)), 1920);
	assert_true(str_find(strbuf_str(&out), STR("{__name__=\"http_requests_total\", "
						   "instance=\"host-3:9090\", job=\"api\"} ")) >= 0);
	strbuf_fini(&out);
	free(cmd);
	block_close(b);
	scratch_remove(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_are_those_that_prometheus_reads),
		cmocka_unit_test(test_downsampled_blocks_are_those_of_thanos),
		cmocka_unit_test(test_chunks_out_of_range_are_left_out),
		cmocka_unit_test(test_a_block_written_again_is_the_same_in_every_file),
		cmocka_unit_test(test_index_stats_are_filled_in_for_thanos),
		cmocka_unit_test(test_an_aborted_block_leaves_nothing),
		cmocka_unit_test(test_failing_disk_leaves_no_block),
		cmocka_unit_test(test_promtool_reads_our_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
