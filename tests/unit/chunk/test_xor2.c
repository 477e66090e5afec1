#include "chunk/xor2.h"

#include "chunk/chunk.h"
#include "unit/chunk/vectors.h"

static void check(const struct vector *v, struct arena *a)
{
	struct err e;
	struct chunk_cols cols;
	struct chunk c = { CHUNK_XOR2, str_mem(v->data, v->n_data) };
	assert_int_equal(chunk_decode(c, a, &cols, &e), 0);
	assert_int_equal(cols.n, v->n);
	for (size_t i = 0; i < cols.n; i++) {
		assert_int_equal(cols.t[i], vector_t(v, i));
		assert_int_equal(cols.st[i], vector_st(v, i));
		assert_int_equal(double_bits(cols.v[i]), double_bits(vector_v(v, i)));
	}
	int64_t first, last;
	assert_int_equal(chunk_time_range(c, a, &first, &last, &e), 0);
	assert_int_equal(first, cols.t[0]);
	assert_int_equal(last, cols.t[cols.n - 1]);
}

static void check_cut(const struct vector *v, struct arena *a)
{
	for (size_t n = 0; n < v->n_data; n++) {
		uint8_t *cut = xmemdup(v->data, n);
		struct err e;
		struct chunk_cols cols;
		struct chunk c = { CHUNK_XOR2, str_mem(cut, n) };
		assert_int_equal(chunk_decode(c, a, &cols, &e), -ERR_DATA_LOSS);
		free(cut);
	}
}

static void for_each(void (*fn)(const struct vector *v, struct arena *a))
{
	json_t *all = vectors_load();
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vector v = vector_at(all, i);
		if (v.enc == CHUNK_XOR2) {
			struct arena a;
			arena_init(&a, NULL);
			fn(&v, &a);
			arena_fini(&a);
			seen++;
		}
		free(v.data);
	}
	assert_true(seen >= 10);
	json_decref(all);
}

static void test_decoder_reads_the_bytes_of_prometheus(void **state)
{
	for_each(check);
}

static void test_cut_chunks_are_data_loss(void **state)
{
	for_each(check_cut);
}

static void test_encodings_without_samples_are_refused(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct chunk_cols cols;
	struct err e;
	const uint8_t encs[] = { CHUNK_NONE, 7, CHUNK_AGGR };
	for (size_t i = 0; i < sizeof(encs); i++) {
		struct chunk c = { encs[i], STR("\0\1abcdefgh") };
		assert_int_equal(chunk_decode(c, &a, &cols, &e), -ERR_UNIMPLEMENTED);
		assert_int_equal(chunk_samples(c), 0);
	}
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoder_reads_the_bytes_of_prometheus),
		cmocka_unit_test(test_cut_chunks_are_data_loss),
		cmocka_unit_test(test_encodings_without_samples_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
