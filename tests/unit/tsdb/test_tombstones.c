#include "tsdb/tombstones.h"

#include "unit/tsdb/golden.h"

static void test_golden_file_is_read_and_written_again(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct str file = read_part(dir, "tombstones");
	struct arena a;
	arena_init(&a, NULL);
	struct tombstones t;
	struct err e;
	assert_int_equal(tombstones_parse(file, &a, &t, &e), 0);
	assert_int_equal(t.n, 1);
	struct strbuf b = { 0 };
	tombstones_write(t, &b);
	assert_true(str_eq(strbuf_str(&b), file));
	for (size_t n = 0; n < file.n; n++) {
		uint8_t *cut = xmemdup(file.p, n);
		assert_int_equal(tombstones_parse(str_mem(cut, n), &a, &t, &e), -ERR_DATA_LOSS);
		free(cut);
	}
	strbuf_fini(&b);
	arena_fini(&a);
	str_free(file);
	free(dir);
}

static void test_empty_file_has_nine_bytes(void **state)
{
	struct strbuf b = { 0 };
	struct arena a;
	arena_init(&a, NULL);
	struct tombstones t = { NULL, 0 };
	struct err e;
	tombstones_write(t, &b);
	assert_int_equal(b.n, 9);
	assert_int_equal(tombstones_parse(strbuf_str(&b), &a, &t, &e), 0);
	assert_int_equal(t.n, 0);
	strbuf_fini(&b);
	arena_fini(&a);
}

static void test_intervals_are_sorted_and_joined(void **state)
{
	struct tombstone p[] = { { 2, 50, 60 }, { 1, 10, 20 }, { 1, 21, 30 },        { 1, 40, 50 },
				 { 1, 5, 4 },   { 1, 12, 15 }, { 2, 55, INT64_MAX }, { 2, 90, 99 } };
	size_t n = tombstones_normalise(p, 8);
	assert_int_equal(n, 3);
	assert_true(p[0].ref == 1 && p[0].mint == 10 && p[0].maxt == 30);
	assert_true(p[1].ref == 1 && p[1].mint == 40 && p[1].maxt == 50);
	assert_true(p[2].ref == 2 && p[2].mint == 50 && p[2].maxt == INT64_MAX);
	struct tombstones all = { p, n }, one = tombstones_of(all, 1);
	assert_int_equal(one.n, 2);
	assert_int_equal(tombstones_of(all, 3).n, 0);
	assert_true(tombstones_cover(one, 11, 30));
	assert_false(tombstones_cover(one, 11, 31));
}

static void test_deleted_samples_are_removed(void **state)
{
	const struct tombstone p[] = { { 1, 20, 30 }, { 1, 50, 50 } };
	struct tombstones t = { p, 2 };
	int64_t ts[] = { 10, 20, 25, 30, 31, 50, 51 };
	double vs[] = { 0, 1, 2, 3, 4, 5, 6 };
	struct chunk_cols c = { .n = 7, .t = ts, .v = vs };
	tombstones_apply(t, &c);
	assert_int_equal(c.n, 3);
	const int64_t want_t[] = { 10, 31, 51 };
	const double want_v[] = { 0, 4, 6 };
	assert_memory_equal(c.t, want_t, sizeof(want_t));
	assert_memory_equal(c.v, want_v, sizeof(want_v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_file_is_read_and_written_again),
		cmocka_unit_test(test_empty_file_has_nine_bytes),
		cmocka_unit_test(test_intervals_are_sorted_and_joined),
		cmocka_unit_test(test_deleted_samples_are_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
