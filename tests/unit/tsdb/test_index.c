#include "tsdb/index_reader.h"
#include "tsdb/index_writer.h"

#include "codec/crc32c.h"
#include "codec/varint.h"
#include "unit/tsdb/golden.h"

static struct index_reader *open_index(struct str bytes)
{
	struct index_reader *ix = NULL;
	struct err e;
	if (index_reader_open(bytes, NULL, &ix, &e) < 0)
		fail_msg("%s", e.msg);
	return ix;
}

/* All series in order, in `a`. */
static struct index_series *all_series(const struct index_reader *ix, struct arena *a, size_t *ret_n)
{
	struct refs all = { .a = a };
	struct err e;
	assert_int_equal(index_reader_postings(ix, STR(""), STR(""), &all, &e), 0);
	struct index_series *s = arena_array(a, all.n + 1, sizeof(*s));
	for (size_t i = 0; i < all.n; i++) {
		if (index_reader_series(ix, all.p[i], INT64_MIN, INT64_MAX, a, &s[i], &e) < 0)
			fail_msg("%s", e.msg);
	}
	*ret_n = all.n;
	return s;
}

static void test_series_have_the_labels_and_chunks_of_the_golden_block(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct str bytes = read_part(dir, "index");
	struct index_reader *ix = open_index(bytes);
	struct arena a;
	arena_init(&a, NULL);
	size_t n;
	struct index_series *s = all_series(ix, &a, &n);
	json_t *want = golden_json("db_default.expected.json.gz");
	json_t *series = json_object_get(json_array_get(json_object_get(want, "blocks"), 0), "series");
	assert_int_equal(n, json_array_size(series));
	for (size_t i = 0; i < n; i++) {
		json_t *labels = json_object_get(json_array_get(series, i), "labels");
		assert_int_equal(s[i].labels.n, json_array_size(labels));
		for (size_t k = 0; k < s[i].labels.n; k++) {
			json_t *pair = json_array_get(labels, k);
			assert_true(str_eq_c(s[i].labels.p[k].name, json_string_value(json_array_get(pair, 0))));
			assert_true(str_eq_c(s[i].labels.p[k].value, json_string_value(json_array_get(pair, 1))));
		}
		assert_true(s[i].n_chunks > 0);
		assert_true(s[i].chunks[0].mint >= 1699999200000);
	}
	json_decref(want);
	arena_fini(&a);
	index_reader_close(ix);
	str_free(bytes);
	free(dir);
}

static void test_names_and_values_are_in_order_and_ranges_follow_prefixes(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct str bytes = read_part(dir, "index");
	struct index_reader *ix = open_index(bytes);
	const struct index_table *t = index_reader_table(ix);
	assert_int_equal(t->n_names, 4); /* "", __name__, instance, job */
	const struct index_name *name = index_table_name(t, STR("__name__"));
	assert_non_null(name);
	assert_int_equal(name->n, 5);
	uint32_t from, to;
	index_table_range(t, name, STR("hist_"), &from, &to);
	assert_int_equal(to - from, 4);
	assert_true(str_eq(index_table_entry(t, from).value, STR("hist_custom")));
	index_table_range(t, name, STR("hist_g"), &from, &to);
	assert_int_equal(to - from, 1);
	index_table_range(t, name, STR("zzz"), &from, &to);
	assert_int_equal(to - from, 0);
	assert_true(index_table_find(t, STR("instance"), STR("host-2:9090"), &from));
	assert_false(index_table_find(t, STR("instance"), STR("host-2"), &from));
	assert_false(index_table_find(t, STR("nope"), STR("x"), &from));
	index_reader_close(ix);
	str_free(bytes);
	free(dir);
}

static void test_version_1_is_read(void **state)
{
	char *dir = shared_path("prometheus/index_format_v1");
	if (!dir)
		skip();
	struct str bytes = read_part(dir, "index");
	struct index_reader *ix = open_index(bytes);
	assert_int_equal(index_reader_version(ix), 1);
	struct arena a;
	arena_init(&a, NULL);
	size_t n;
	struct index_series *s = all_series(ix, &a, &n);
	assert_int_equal(n, 102);
	/* Its offset table is not in order: every pair of every series is found all the same. */
	struct err e;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < s[i].labels.n; k++) {
			struct refs r = { .a = &a };
			assert_int_equal(
				index_reader_postings(ix, s[i].labels.p[k].name, s[i].labels.p[k].value, &r, &e), 0);
			assert_true(r.n > 0);
		}
	}
	struct index_series none;
	assert_int_equal(index_reader_series(ix, 6, INT64_MIN, INT64_MAX, &a, &none, &e), -ERR_DATA_LOSS);
	arena_fini(&a);
	index_reader_close(ix);
	str_free(bytes);
	free(dir);
}

/* Writes symbols and series of `ix` to a new index file; returns its bytes. */
static struct str rewrite(const struct index_reader *ix, size_t list_bytes)
{
	char *dir = scratch_make(), *path = xasprintf("%s/index", dir);
	struct index_writer *w;
	struct err e;
	struct arena a;
	arena_init(&a, NULL);
	assert_int_equal(index_writer_open(path, list_bytes, &w, &e), 0);
	const struct index_symbols *syms = index_reader_symbols(ix);
	for (uint32_t i = 0; i < syms->n; i++)
		assert_int_equal(index_writer_symbol(w, index_symbols_at(syms, i), &e), 0);
	size_t n;
	struct index_series *s = all_series(ix, &a, &n);
	for (size_t i = 0; i < n; i++) {
		if (index_writer_series(w, s[i].labels, s[i].chunks, s[i].n_chunks, &e) < 0)
			fail_msg("%s", e.msg);
	}
	assert_int_equal(index_writer_finish(w, &e), 0);
	assert_int_equal(index_writer_series_count(w), n);
	assert_int_equal(index_writer_close(w, false, &e), 0);
	struct str bytes = read_exact(path);
	arena_fini(&a);
	free(path);
	scratch_remove(dir);
	return bytes;
}

static void test_writer_gives_the_bytes_of_prometheus(void **state)
{
	for (int i = 0; i < GOLDEN_BLOCKS; i++) {
		char *dir = golden_path(golden_blocks[i]);
		struct str want = read_part(dir, "index");
		struct index_reader *ix = open_index(want);
		/* In one pass, and with room for one list at a time. */
		for (size_t list_bytes = 0; list_bytes < 2; list_bytes++) {
			struct str got = rewrite(ix, list_bytes);
			assert_int_equal(got.n, want.n);
			assert_memory_equal(got.p, want.p, got.n);
			str_free(got);
		}
		index_reader_close(ix);
		str_free(want);
		free(dir);
	}
}

/* Reads all there is of an index; every call may fail, none may do harm. */
static void read_everything(struct str bytes, size_t *ret_failures)
{
	struct index_reader *ix = NULL;
	struct err e;
	*ret_failures = 0;
	if (index_reader_open(bytes, NULL, &ix, &e) < 0) {
		*ret_failures = 1;
		return;
	}
	struct arena a;
	arena_init(&a, NULL);
	const struct index_table *t = index_reader_table(ix);
	struct refs r = { .a = &a };
	for (uint32_t i = 0; i < t->n; i++) {
		struct index_entry en = index_table_entry(t, i);
		*ret_failures += index_reader_postings(ix, en.name, en.value, &r, &e) < 0;
	}
	*ret_failures += refs_sort(&r, NULL, &e) < 0;
	for (size_t i = 0; i < r.n; i++) {
		struct index_series s;
		*ret_failures += index_reader_series(ix, r.p[i], INT64_MIN, INT64_MAX, &a, &s, &e) < 0;
	}
	arena_fini(&a);
	index_reader_close(ix);
}

static void test_every_damaged_byte_that_counts_is_found(void **state)
{
	char *dir = golden_path(GOLDEN_ST);
	struct str bytes = read_part(dir, "index");
	uint8_t *p = (uint8_t *)(uintptr_t)bytes.p;
	size_t failures, unnoticed = 0;
	read_everything(bytes, &failures);
	assert_int_equal(failures, 0);
	for (size_t i = 0; i < bytes.n; i++) {
		p[i] ^= 0x11;
		read_everything(bytes, &failures);
		unnoticed += failures == 0;
		p[i] ^= 0x11;
	}
	/* Padding between series and lists is not covered by anything. */
	assert_true(unnoticed < bytes.n / 4);
	for (size_t n = 0; n < bytes.n; n++) {
		uint8_t *cut = xmemdup(p, n);
		read_everything(str_mem(cut, n), &failures);
		assert_true(failures > 0);
		free(cut);
	}
	str_free(bytes);
	free(dir);
}

/* Puts a number where it hurts and makes the checksums right again. */
static void test_hostile_counts_with_right_checksums_are_refused(void **state)
{
	char *dir = golden_path(GOLDEN_ST);
	struct str bytes = read_part(dir, "index");
	uint8_t *p = (uint8_t *)(uintptr_t)bytes.p;
	struct index_toc toc;
	struct err e;
	assert_int_equal(index_toc_parse(str_mem(p + bytes.n - INDEX_TOC_LEN, INDEX_TOC_LEN), bytes.n, &toc, &e), 0);
	const uint64_t sections[] = { toc.symbols, toc.postings_table };
	for (int i = 0; i < 2; i++) {
		uint8_t *s = p + sections[i];
		uint32_t len = be32_get(s), count = be32_get(s + 4), crc = be32_get(s + 4 + len);
		const uint32_t bad[] = { UINT32_MAX, len, count + 1 };
		for (int k = 0; k < 3; k++) {
			struct index_reader *ix = NULL;
			be32_put(s + 4, bad[k]);
			be32_put(s + 4 + len, crc32c(0, s + 4, len));
			assert_int_equal(index_reader_open(bytes, NULL, &ix, &e), -ERR_DATA_LOSS);
		}
		be32_put(s + 4, count);
		be32_put(s + 4 + len, crc);
	}
	size_t failures;
	read_everything(bytes, &failures);
	assert_int_equal(failures, 0);
	str_free(bytes);
	free(dir);
}

static void test_writer_refuses_what_is_out_of_order(void **state)
{
	char *dir = scratch_make(), *path = xasprintf("%s/index", dir);
	struct index_writer *w;
	struct err e;
	assert_int_equal(index_writer_open(path, 0, &w, &e), 0);
	assert_int_equal(index_writer_symbol(w, STR("a"), &e), 0);
	assert_int_equal(index_writer_symbol(w, STR("a"), &e), -ERR_FAILED_PRECONDITION);
	assert_int_equal(index_writer_symbol(w, STR("b"), &e), 0);
	const struct label ab = { STR("a"), STR("b") }, aa = { STR("a"), STR("a") }, ax = { STR("a"), STR("x") };
	const struct chunk_meta c[] = { { 10, 20, 8 }, { 20, 30, 60 } };
	struct labels b = { &ab, 1 }, s = { &aa, 1 }, x = { &ax, 1 };
	assert_int_equal(index_writer_series(w, s, c, 2, &e), -ERR_FAILED_PRECONDITION);
	assert_int_equal(index_writer_series(w, b, c, 1, &e), 0);
	assert_int_equal(index_writer_series(w, s, c, 1, &e), -ERR_FAILED_PRECONDITION);
	assert_int_equal(index_writer_series(w, x, c, 1, &e), -ERR_FAILED_PRECONDITION);
	assert_int_equal(index_writer_symbol(w, STR("c"), &e), -ERR_FAILED_PRECONDITION);
	assert_int_equal(index_writer_close(w, true, &e), 0);
	free(path);
	scratch_remove(dir);
}

static void test_an_index_without_series_is_valid(void **state)
{
	char *dir = scratch_make(), *path = xasprintf("%s/index", dir);
	struct index_writer *w;
	struct err e;
	assert_int_equal(index_writer_open(path, 0, &w, &e), 0);
	assert_int_equal(index_writer_finish(w, &e), 0);
	assert_int_equal(index_writer_close(w, false, &e), 0);
	struct str bytes = read_exact(path);
	struct index_reader *ix = open_index(bytes);
	struct arena a;
	arena_init(&a, NULL);
	struct refs r = { .a = &a };
	assert_int_equal(index_reader_postings(ix, STR(""), STR(""), &r, &e), 0);
	assert_int_equal(r.n, 0);
	arena_fini(&a);
	index_reader_close(ix);
	str_free(bytes);
	free(path);
	scratch_remove(dir);
}

static void test_tables_are_counted_against_the_budget(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct str bytes = read_part(dir, "index");
	struct index_reader *ix = NULL;
	struct err e;
	struct budget small, large;
	budget_init(&small, NULL, "block", 40);
	assert_int_equal(index_reader_open(bytes, &small, &ix, &e), -ERR_RESOURCE_EXHAUSTED);
	budget_fini(&small);
	budget_init(&large, NULL, "block", 1 << 20);
	assert_int_equal(index_reader_open(bytes, &large, &ix, &e), 0);
	assert_true(large.used > 0);
	index_reader_close(ix);
	budget_fini(&large);
	str_free(bytes);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series_have_the_labels_and_chunks_of_the_golden_block),
		cmocka_unit_test(test_names_and_values_are_in_order_and_ranges_follow_prefixes),
		cmocka_unit_test(test_version_1_is_read),
		cmocka_unit_test(test_writer_gives_the_bytes_of_prometheus),
		cmocka_unit_test(test_every_damaged_byte_that_counts_is_found),
		cmocka_unit_test(test_hostile_counts_with_right_checksums_are_refused),
		cmocka_unit_test(test_writer_refuses_what_is_out_of_order),
		cmocka_unit_test(test_an_index_without_series_is_valid),
		cmocka_unit_test(test_tables_are_counted_against_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
