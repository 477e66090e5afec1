#include "chunk/xor.h"

#include "unit/chunk/vectors.h"

/* Appends with a buffer that grows as a head's does; the caller frees a->buf. */
static void append_growing(struct xor_app *a, int64_t t, double v)
{
	if (xor_append(a, t, v))
		return;
	size_t cap = a->cap * 2;
	uint8_t *buf = xmalloc(cap);
	memcpy(buf, a->buf, xor_app_stored(a));
	free(a->buf);
	xor_app_set_buf(a, buf, cap);
	assert_true(xor_append(a, t, v));
}

static void for_each_xor_vector(void (*fn)(const struct vector *v))
{
	json_t *all = vectors_load();
	size_t seen = 0;
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct vector v = vector_at(all, i);
		if (v.enc == 1) {
			fn(&v);
			seen++;
		}
		free(v.data);
	}
	assert_true(seen >= 10);
	json_decref(all);
}

static void check_encode(const struct vector *v)
{
	struct xor_app a;
	xor_app_init(&a, xmalloc(64), 64);
	for (size_t i = 0; i < v->n; i++) {
		append_growing(&a, vector_t(v, i), vector_v(v, i));
		if (i % 7 == 3) /* looking at an open chunk changes nothing */
			assert_int_equal(xor_app_bytes(&a).n, xor_app_size(&a));
	}
	struct str s = xor_app_bytes(&a);
	assert_int_equal(s.n, v->n_data);
	assert_memory_equal(s.p, v->data, s.n);
	free(a.buf);
}

static void test_appender_writes_the_bytes_of_prometheus(void **state)
{
	for_each_xor_vector(check_encode);
}

static void check_decode(const struct vector *v)
{
	int64_t *t = xcalloc(v->n + 1, sizeof(*t));
	double *d = xcalloc(v->n + 1, sizeof(*d));
	struct err e;
	size_t n;
	struct str data = str_mem(v->data, v->n_data);
	assert_int_equal(xor_decode(data, t, d, &n, &e), 0);
	assert_int_equal(n, v->n);
	struct xor_iter it;
	assert_int_equal(xor_iter_init(&it, data, &e), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(t[i], vector_t(v, i));
		assert_int_equal(double_bits(d[i]), double_bits(vector_v(v, i)));
		int64_t it_t;
		double it_v;
		assert_int_equal(xor_iter_next(&it, &it_t, &it_v, &e), 1);
		assert_int_equal(it_t, t[i]);
		assert_int_equal(double_bits(it_v), double_bits(d[i]));
	}
	int64_t first;
	assert_true(xor_first_time(data, &first));
	assert_int_equal(first, t[0]);
	free(t);
	free(d);
}

static void test_decoders_read_the_bytes_of_prometheus(void **state)
{
	for_each_xor_vector(check_decode);
}

static void check_range(const struct vector *v)
{
	int64_t *t = xcalloc(v->n + 1, sizeof(*t));
	double *d = xcalloc(v->n + 1, sizeof(*d));
	struct err e;
	int64_t mint = vector_t(v, v->n / 3), maxt = vector_t(v, v->n - 1 - v->n / 4);
	size_t n, want = 0;
	assert_int_equal(xor_decode_range(str_mem(v->data, v->n_data), mint, maxt, t, d, &n, &e), 0);
	for (size_t i = 0; i < v->n; i++) {
		int64_t vt = vector_t(v, i);
		if (vt > maxt)
			break;
		if (vt < mint)
			continue;
		assert_true(want < n);
		assert_int_equal(t[want], vt);
		assert_int_equal(double_bits(d[want]), double_bits(vector_v(v, i)));
		want++;
	}
	assert_int_equal(n, want);
	free(t);
	free(d);
}

static void test_range_keeps_what_lies_inside(void **state)
{
	for_each_xor_vector(check_range);
}

static void check_resume(const struct vector *v)
{
	for (size_t cut = 1; cut < v->n; cut += 1 + v->n / 9) {
		struct xor_app a, b;
		xor_app_init(&a, xmalloc(64), 64);
		for (size_t i = 0; i < cut; i++)
			append_growing(&a, vector_t(v, i), vector_v(v, i));
		struct str s = xor_app_bytes(&a);
		size_t cap = s.n + 64;
		uint8_t *copy = xcalloc(1, cap);
		memcpy(copy, s.p, s.n);
		struct err e;
		assert_int_equal(xor_app_resume(&b, copy, s.n, cap, &e), 0);
		for (size_t i = cut; i < v->n; i++)
			append_growing(&b, vector_t(v, i), vector_v(v, i));
		s = xor_app_bytes(&b);
		assert_int_equal(s.n, v->n_data);
		assert_memory_equal(s.p, v->data, s.n);
		free(a.buf);
		free(b.buf);
	}
}

static void test_resumed_appender_goes_on_with_the_same_bits(void **state)
{
	for_each_xor_vector(check_resume);
}

/* Every cut chunk is refused by both decoders, and none reads past it (seen by AddressSanitizer). */
static void check_cut(const struct vector *v)
{
	int64_t *t = xcalloc(v->n + 1, sizeof(*t));
	double *d = xcalloc(v->n + 1, sizeof(*d));
	struct err e;
	for (size_t n_data = 0; n_data < v->n_data; n_data++) {
		uint8_t *cut = xmemdup(v->data, n_data);
		size_t n;
		struct str data = str_mem(cut, n_data);
		assert_int_equal(xor_decode(data, t, d, &n, &e), -ERR_DATA_LOSS);
		assert_int_equal(n, 0);
		struct xor_iter it;
		int64_t it_t;
		double it_v;
		int r = xor_iter_init(&it, data, &e);
		if (r == 0)
			while ((r = xor_iter_next(&it, &it_t, &it_v, &e)) > 0)
				;
		assert_int_equal(r, -ERR_DATA_LOSS);
		free(cut);
	}
	free(t);
	free(d);
}

static void test_cut_chunks_are_data_loss(void **state)
{
	for_each_xor_vector(check_cut);
}

/* A small generator; tests must not depend on the time of day. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void test_any_samples_come_back(void **state)
{
	uint64_t seed = 88172645463325252ULL;
	static int64_t t[3000], t2[3000];
	static double v[3000], v2[3000];
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + next_random(&seed) % 3000;
		struct xor_app a;
		xor_app_init(&a, xmalloc(64), 64);
		int64_t now = (int64_t)next_random(&seed);
		for (size_t i = 0; i < n; i++) {
			unsigned shift = next_random(&seed) % 64;
			now = (int64_t)((uint64_t)now + (next_random(&seed) >> shift));
			t[i] = now;
			shift = next_random(&seed) % 64;
			uint64_t bits = next_random(&seed) << shift;
			v[i] = next_random(&seed) % 3 && i ? v[i - 1] : double_of_bits(bits);
			append_growing(&a, t[i], v[i]);
		}
		struct str s = xor_app_bytes(&a);
		uint8_t *exact = xmemdup(s.p, s.n);
		size_t got;
		struct err e;
		assert_int_equal(xor_decode(str_mem(exact, s.n), t2, v2, &got, &e), 0);
		assert_int_equal(got, n);
		assert_memory_equal(t, t2, n * sizeof(*t));
		assert_memory_equal(v, v2, n * sizeof(*v));
		free(exact);
		free(a.buf);
	}
}

static void test_full_buffer_and_full_chunk_are_refused(void **state)
{
	uint8_t buf[64];
	struct xor_app a;
	xor_app_init(&a, buf, sizeof(buf));
	int64_t t = 0;
	double v = 1;
	while (xor_append(&a, t, v)) {
		t += 1000 + t % 7;
		v *= 1.1;
	}
	assert_true(a.n > 2 && sizeof(buf) - xor_app_stored(&a) < XOR_ROOM);
	struct xor_app before = a;
	assert_false(xor_append(&a, t, v));
	assert_memory_equal(&before, &a, sizeof(a));

	size_t cap = 1 << 20;
	uint8_t *large = xmalloc(cap);
	xor_app_init(&a, large, cap);
	for (int i = 0; i < XOR_SAMPLES_MAX; i++)
		assert_true(xor_append(&a, i, 1));
	assert_false(xor_append(&a, XOR_SAMPLES_MAX, 1));
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appender_writes_the_bytes_of_prometheus),
		cmocka_unit_test(test_decoders_read_the_bytes_of_prometheus),
		cmocka_unit_test(test_range_keeps_what_lies_inside),
		cmocka_unit_test(test_resumed_appender_goes_on_with_the_same_bits),
		cmocka_unit_test(test_cut_chunks_are_data_loss),
		cmocka_unit_test(test_any_samples_come_back),
		cmocka_unit_test(test_full_buffer_and_full_chunk_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
