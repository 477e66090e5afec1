#include "tsdb/chunks_reader.h"
#include "tsdb/chunks_writer.h"

#include "tsdb/filemap.h"
#include "unit/tsdb/golden.h"

#include <fcntl.h>
#include <unistd.h>

static void test_chunks_come_back_from_several_segments(void **state)
{
	char *dir = scratch_make();
	struct chunks_writer *w;
	struct err e;
	assert_int_equal(chunks_writer_open(dir, 1000, &w, &e), 0);
	uint64_t refs[40];
	uint8_t data[40][300];
	struct chunk c[40];
	for (int i = 0; i < 40; i++) {
		memset(data[i], i, sizeof(data[i]));
		c[i] = (struct chunk){ CHUNK_XOR, str_mem(data[i], 20 + 7 * i) };
	}
	for (int i = 0; i < 40; i += 4)
		assert_int_equal(chunks_writer_add(w, c + i, 4, refs + i, &e), 0);
	size_t segments = chunks_writer_segments(w);
	uint64_t bytes = chunks_writer_bytes(w);
	assert_true(segments > 5);
	assert_int_equal(chunks_writer_close(w, false, &e), 0);

	struct chunks_reader *r;
	assert_int_equal(chunks_reader_open(dir, &r, &e), 0);
	assert_int_equal(chunks_reader_segments(r), segments);
	assert_int_equal(chunks_reader_bytes(r), bytes);
	for (int i = 0; i < 40; i++) {
		struct chunk got;
		assert_int_equal(chunks_reader_get(r, refs[i], &got, &e), 0);
		assert_int_equal(got.enc, CHUNK_XOR);
		assert_true(str_eq(got.data, c[i].data));
		assert_true(i == 0 || refs[i] > refs[i - 1]);
		assert_true((refs[i] & UINT32_MAX) + c[i].data.n < 1000 || (refs[i] & UINT32_MAX) == CHUNKS_HEADER_LEN);
		assert_int_equal(chunks_reader_get(r, refs[i] + 1, &got, &e), -ERR_DATA_LOSS);
	}
	struct chunk none;
	assert_int_equal(chunks_reader_get(r, (uint64_t)segments << 32 | 8, &none, &e), -ERR_DATA_LOSS);
	assert_int_equal(chunks_reader_get(r, 3, &none, &e), -ERR_DATA_LOSS);
	assert_int_equal(chunks_reader_get(r, UINT32_MAX, &none, &e), -ERR_DATA_LOSS);
	chunks_reader_close(r);
	scratch_remove(dir);
}

static void test_one_chunk_larger_than_a_segment_gets_its_own(void **state)
{
	char *dir = scratch_make();
	struct chunks_writer *w;
	struct err e;
	uint8_t large[3000] = { 1 };
	struct chunk c[] = { { CHUNK_XOR, STR("small") },
			     { CHUNK_XOR, str_mem(large, sizeof(large)) },
			     { CHUNK_XOR, STR("after") } };
	uint64_t refs[3];
	assert_int_equal(chunks_writer_open(dir, 1000, &w, &e), 0);
	assert_int_equal(chunks_writer_add(w, c, 3, refs, &e), 0);
	assert_int_equal(chunks_writer_segments(w), 3);
	assert_int_equal(refs[1], 1ull << 32 | 8);
	assert_int_equal(refs[2], 2ull << 32 | 8);
	assert_int_equal(chunks_writer_close(w, false, &e), 0);
	scratch_remove(dir);
}

static void test_every_damaged_byte_of_a_chunk_is_found(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct str file = read_part(dir, "chunks/000001");
	uint8_t *p = (uint8_t *)(uintptr_t)file.p;
	struct chunk c;
	size_t len;
	struct err e;
	assert_int_equal(chunks_parse(str_mem(p + 8, file.n - 8), &c, &len, &e), 0);
	for (size_t i = 0; i < len; i++) {
		p[8 + i] ^= 0x40;
		assert_int_equal(chunks_parse(str_mem(p + 8, file.n - 8), &c, NULL, &e), -ERR_DATA_LOSS);
		p[8 + i] ^= 0x40;
		uint8_t *cut = xmemdup(p + 8, i);
		assert_int_equal(chunks_parse(str_mem(cut, i), &c, NULL, &e), -ERR_DATA_LOSS);
		free(cut);
	}
	str_free(file);
	free(dir);
}

static void test_a_segment_without_header_is_refused(void **state)
{
	char *dir = scratch_make(), *path = xasprintf("%s/000001", dir);
	struct chunks_reader *r;
	struct err e;
	assert_int_equal(file_write_atomic(path, "\x85\xbd\x40\xdd\x02\0\0\0", 8, &e), 0);
	assert_int_equal(chunks_reader_open(dir, &r, &e), -ERR_UNIMPLEMENTED);
	assert_int_equal(file_write_atomic(path, "", 0, &e), 0);
	assert_int_equal(chunks_reader_open(dir, &r, &e), -ERR_DATA_LOSS);
	assert_non_null(strstr(e.msg, "000001"));
	free(path);
	scratch_remove(dir);
}

static void test_a_file_cut_under_its_map_reads_as_zeros_and_is_marked(void **state)
{
	char *dir = scratch_make(), *path = xasprintf("%s/f", dir);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *bytes = xmalloc(3 * page);
	struct filemap m, other;
	struct err e;
	memset(bytes, 'x', 3 * page);
	assert_int_equal(file_write_atomic(path, bytes, 3 * page, &e), 0);
	assert_int_equal(filemap_open(&m, path, &e), 0);
	assert_int_equal(filemap_open(&other, path, &e), 0);
	assert_int_equal(truncate(path, (off_t)page), 0);
	const volatile char *p = m.bytes.p;
	assert_int_equal(p[0], 'x');
	assert_false(filemap_failed(&m));
	assert_int_equal(p[page + 5], 0);
	assert_int_equal(p[3 * page - 1], 0);
	assert_int_equal(p[0], 'x');
	assert_true(filemap_failed(&m));
	assert_false(filemap_failed(&other));
	filemap_close(&m);
	filemap_close(&other);
	free(bytes);
	free(path);
	scratch_remove(dir);
}

static void test_maps_of_missing_and_empty_files(void **state)
{
	struct filemap m;
	struct err e;
	assert_int_equal(filemap_open(&m, "/nonexistent/f", &e), -ERR_NOT_FOUND);
	assert_int_equal(filemap_open(&m, "/", &e), -ERR_INVALID_ARGUMENT);
	filemap_close(&m);
	assert_int_equal(filemap_open(&m, "/dev/null", &e), -ERR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_come_back_from_several_segments),
		cmocka_unit_test(test_one_chunk_larger_than_a_segment_gets_its_own),
		cmocka_unit_test(test_every_damaged_byte_of_a_chunk_is_found),
		cmocka_unit_test(test_a_segment_without_header_is_refused),
		cmocka_unit_test(test_a_file_cut_under_its_map_reads_as_zeros_and_is_marked),
		cmocka_unit_test(test_maps_of_missing_and_empty_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
