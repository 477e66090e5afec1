#include "tsdb/local_blocks.h"

#include "unit/tsdb/head_test.h"

#define RANGE 100000

/* Writes `n` blocks of one range each; returns what was written. */
static void make_blocks(const char *dir, struct head_block *ret, size_t n)
{
	char *head_dir = scratch_new();
	struct err e;
	struct head *h = open_head((struct head_config){ .dir = head_dir, .chunk_range_ms = RANGE }, NULL);
	for (size_t i = 0; i < n; i++) {
		for (int64_t t = (int64_t)i * RANGE; t < (int64_t)(i + 1) * RANGE; t += 1000) {
			head_batch_begin(h, t);
			assert_int_equal(head_append(h, series_i(h, (unsigned)(t / 1000 % 3)), t, (double)t), HEAD_OK);
		}
	}
	for (size_t i = 0; i < n; i++) {
		ok(head_write_block(h, dir, (int64_t)i * RANGE, (int64_t)(i + 1) * RANGE, &ret[i], &e), &e);
		assert_int_equal(ret[i].samples, RANGE / 1000);
		assert_int_equal(ret[i].series, 3);
	}
	head_close(h);
	scratch_fini(head_dir);
}

static char *path_of(const char *dir, const char *name, const char *file)
{
	return xasprintf("%s/%s%s", dir, name, file);
}

static void test_blocks_are_loaded_in_order_and_dead_writers_cleaned(void **state)
{
	char *dir = scratch_new(), *q = path_of(dir, "quarantine", "");
	struct head_block b[3];
	struct local_scan_result r;
	struct err e;
	make_blocks(dir, b, 3);
	char *tmp = path_of(dir, "01ARZ3NDEKTSV4RRFFQ69G5FAV", BLOCK_TMP_CREATION);
	ok(file_mkdir_all(tmp, &e), &e);
	struct local_blocks *s = local_blocks_new(dir, q, NULL);
	ok(local_blocks_load(s, &r, &e), &e);
	assert_int_equal(r.loaded, 3);
	assert_int_equal(r.quarantined, 0);
	assert_false(file_exists(tmp));
	ok(file_mkdir_all(tmp, &e), &e);
	size_t n;
	struct local_block *const *list = local_blocks_list(s, &n);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i]->mint, (int64_t)i * RANGE);
		assert_true(list[i]->size_bytes > 500);
	}
	/* A second scan finds nothing new, and leaves a writer alone that may be at work. */
	ok(local_blocks_load(s, &r, &e), &e);
	assert_int_equal(r.loaded + r.vanished + r.replaced, 0);
	assert_true(file_exists(tmp));
	local_blocks_free(s);
	free(tmp);
	free(q);
	scratch_fini(dir);
}

static void test_a_damaged_block_goes_to_quarantine(void **state)
{
	char *dir = scratch_new(), *q = path_of(dir, "quarantine", "");
	struct head_block b[2];
	struct local_scan_result r;
	struct err e;
	make_blocks(dir, b, 2);
	char *index = path_of(dir, b[0].ulid, "/index");
	struct strbuf bytes = slurp(index);
	spit(index, bytes.p, bytes.n - 10);
	struct local_blocks *s = local_blocks_new(dir, q, NULL);
	ok(local_blocks_load(s, &r, &e), &e);
	assert_int_equal(r.loaded, 1);
	assert_int_equal(r.quarantined, 1);
	assert_true(r.first_bad[0] != 0);
	char *moved = path_of(q, b[0].ulid, "/index");
	assert_true(file_exists(moved));
	assert_false(file_exists(index));
	local_blocks_free(s);
	strbuf_fini(&bytes);
	free(moved);
	free(index);
	free(q);
	scratch_fini(dir);
}

static bool not_the_first(void *arg, const struct local_block *b)
{
	return b->mint != 0;
}

static size_t expired(const struct local_blocks *s, int64_t ms, uint64_t bytes, local_block_may_fn *may)
{
	struct arena a;
	struct local_block **list;
	size_t n;
	struct err e;
	arena_init(&a, NULL);
	ok(local_blocks_expired(s, ms, bytes, 0, may, NULL, &a, &list, &n, &e), &e);
	for (size_t i = 1; i < n; i++)
		assert_true(list[i - 1]->maxt < list[i]->maxt);
	arena_fini(&a);
	return n;
}

static void test_retention_by_time_and_size(void **state)
{
	char *dir = scratch_new();
	struct head_block b[4];
	struct err e;
	make_blocks(dir, b, 4);
	struct local_blocks *s = local_blocks_new(dir, dir, NULL);
	ok(local_blocks_load(s, NULL, &e), &e);
	size_t n;
	uint64_t size = local_blocks_list(s, &n)[3]->size_bytes;
	assert_int_equal(expired(s, 0, 0, NULL), 0);
	assert_int_equal(expired(s, 3 * RANGE, 0, NULL), 1);
	assert_int_equal(expired(s, 3 * RANGE + 1, 0, NULL), 0);
	assert_int_equal(expired(s, RANGE, 0, NULL), 3);
	assert_int_equal(expired(s, RANGE, 0, not_the_first), 2);
	assert_int_equal(expired(s, 0, 2 * size + size / 2, NULL), 2);
	assert_int_equal(expired(s, 0, 1, NULL), 4);
	local_blocks_free(s);
	scratch_fini(dir);
}

static void test_a_held_block_survives_its_deletion(void **state)
{
	char *dir = scratch_new();
	struct head_block b[2];
	struct local_scan_result r;
	struct err e;
	make_blocks(dir, b, 2);
	struct local_blocks *s = local_blocks_new(dir, dir, NULL);
	ok(local_blocks_load(s, NULL, &e), &e);
	size_t n;
	struct local_block *held = local_block_ref(local_blocks_list(s, &n)[0]);
	local_blocks_drop(s, &held->ulid);
	ok(local_block_delete(dir, &held->ulid, &e), &e);
	ok(local_block_delete(dir, &held->ulid, &e), &e);
	ok(local_blocks_load(s, &r, &e), &e);
	assert_int_equal(r.loaded, 0);
	local_blocks_list(s, &n);
	assert_int_equal(n, 1);
	struct arena a;
	struct block_selection sel;
	struct block_series series;
	arena_init(&a, NULL);
	ok(block_select(held->block, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), &e);
	assert_int_equal(block_selection_next(&sel, &a, &series, &e), 1);
	arena_fini(&a);
	local_block_unref(held);
	/* A directory removed by others leaves the set. */
	char *path = path_of(dir, b[1].ulid, "");
	ok(file_remove_all(path, &e), &e);
	ok(local_blocks_load(s, &r, &e), &e);
	assert_int_equal(r.vanished, 1);
	local_blocks_free(s);
	free(path);
	scratch_fini(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_loaded_in_order_and_dead_writers_cleaned),
		cmocka_unit_test(test_a_damaged_block_goes_to_quarantine),
		cmocka_unit_test(test_retention_by_time_and_size),
		cmocka_unit_test(test_a_held_block_survives_its_deletion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
