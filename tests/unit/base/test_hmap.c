#include "base/hmap.h"

#include "base/hash.h"
#include "unit/unit.h"

static bool same(const void *value, const void *key)
{
	return *(const uint64_t *)value == *(const uint64_t *)key;
}

/* A poor hash on purpose, so that probe sequences are long and wrap. */
static uint64_t poor_hash(uint64_t v)
{
	return v % 13 * 3;
}

static void test_add_find_remove_against_a_plain_array(void **state)
{
	enum { N = 500 };
	static uint64_t keys[N];
	bool in[N] = { 0 };
	struct hmap m = { 0 };
	uint64_t rnd = 42;
	for (uint64_t i = 0; i < N; i++)
		keys[i] = i;
	for (int step = 0; step < 20000; step++) {
		rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t k = (rnd >> 33) % N;
		void *found = hmap_find(&m, poor_hash(k), same, &k);
		assert_true((found != NULL) == in[k]);
		if (in[k])
			assert_ptr_equal(hmap_remove(&m, poor_hash(k), same, &k), &keys[k]);
		else
			hmap_add(&m, poor_hash(k), &keys[k]);
		in[k] = !in[k];
	}
	size_t pos = 0, seen = 0;
	while (hmap_next(&m, &pos))
		seen++;
	assert_int_equal(seen, m.n);
	hmap_fini(&m);
}

static uint64_t good_hash(uint64_t v)
{
	return v * 0x9E3779B97F4A7C15ULL ^ v >> 7;
}

/* Also while a large table grows, when values are in either of two. */
static void test_a_large_table_grows_in_steps(void **state)
{
	enum { N = 60000 };
	static uint64_t keys[N];
	static bool in[N], seen[N];
	struct hmap m = { 0 };
	uint64_t rnd = 7;
	size_t n = 0, moving = 0;
	for (uint64_t i = 0; i < N; i++)
		keys[i] = i;
	for (int step = 0; step < 400000; step++) {
		rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
		/* More are added than removed at first, so that it grows under both. */
		uint64_t k = (rnd >> 33) % N;
		void *found = hmap_find(&m, good_hash(k), same, &k);
		assert_true((found == &keys[k]) == in[k]);
		moving += m.old != NULL;
		if (!in[k]) {
			hmap_add(&m, good_hash(k), &keys[k]);
			in[k] = true;
			n++;
		} else if (rnd % 3 == 0) {
			assert_ptr_equal(hmap_remove(&m, good_hash(k), same, &k), &keys[k]);
			assert_null(hmap_find(&m, good_hash(k), same, &k));
			in[k] = false;
			n--;
		}
		assert_int_equal(m.n, n);
		if (step % 5000 && !(m.old && step % 97 == 0))
			continue;
		size_t pos = 0, count = 0;
		memset(seen, 0, sizeof(seen));
		for (uint64_t *v; (v = hmap_next(&m, &pos)); count++) {
			assert_true(in[*v] && !seen[*v]);
			seen[*v] = true;
		}
		assert_int_equal(count, n);
	}
	assert_true(moving > 1000);
	hmap_fini(&m);
}

static void test_stable_hash_matches_xxh64(void **state)
{
	/* XXH64 of "" and "abc" with seed 0, from the xxHash specification's test vectors. */
	assert_true(hash_xx64("", 0) == 0xEF46DB3751D8E999ULL);
	assert_true(hash_xx64("abc", 3) == 0x44BC2CF5AD770999ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_find_remove_against_a_plain_array),
		cmocka_unit_test(test_a_large_table_grows_in_steps),
		cmocka_unit_test(test_stable_hash_matches_xxh64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
