#include "tsdb/postings.h"

#include "base/mem.h"
#include "codec/varint.h"
#include "unit/unit.h"

static uint32_t seed = 7;

static uint32_t rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 4;
}

/* A sorted list of about n out of [0, range), as flags and as list. */
static struct postings random_list(uint32_t *p, uint8_t *flags, size_t n, uint32_t range)
{
	memset(flags, 0, range);
	for (size_t i = 0; i < n; i++)
		flags[rnd() % range] = 1;
	size_t k = 0;
	for (uint32_t v = 0; v < range; v++)
		if (flags[v])
			p[k++] = v;
	return (struct postings){ p, k };
}

#define RANGE 5000
static uint32_t pa[RANGE], pb[RANGE], out[2 * RANGE];
static uint8_t fa[RANGE], fb[RANGE];

enum op { AND, AND_NOT, OR };

static void check_op(enum op op, size_t n_a, size_t n_b)
{
	struct postings a = random_list(pa, fa, n_a, RANGE), b = random_list(pb, fb, n_b, RANGE);
	size_t n, k = 0;
	if (op == AND)
		n = postings_intersect(a, b, out);
	else if (op == AND_NOT)
		n = postings_without(a, b, out);
	else
		n = postings_union(a, b, out);
	for (uint32_t v = 0; v < RANGE; v++) {
		bool in = op == AND ? fa[v] && fb[v] : op == OR ? fa[v] || fb[v] : fa[v] && !fb[v];
		if (!in)
			continue;
		assert_true(k < n);
		assert_int_equal(out[k], v);
		k++;
	}
	assert_int_equal(n, k);
}

static void test_set_operations_agree_with_flags(void **state)
{
	const size_t sizes[] = { 0, 1, 3, 50, 700, 4000, 60000 };
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++)
			for (int op = AND; op <= OR; op++)
				check_op((enum op)op, sizes[i], sizes[j]);
}

static void test_results_may_overwrite_an_input(void **state)
{
	for (int round = 0; round < 50; round++) {
		struct postings a = random_list(pa, fa, 1 + rnd() % 3000, RANGE);
		struct postings b = random_list(pb, fb, 1 + rnd() % 3000, RANGE);
		size_t want = postings_intersect(a, b, out);
		uint32_t *into = a.n <= b.n ? pa : pb;
		size_t got = postings_intersect(a, b, into);
		assert_int_equal(got, want);
		assert_memory_equal(into, out, want * sizeof(*out));
		a = random_list(pa, fa, 1 + rnd() % 3000, RANGE);
		b = random_list(pb, fb, 1 + rnd() % 3000, RANGE);
		want = postings_without(a, b, out);
		assert_int_equal(postings_without(a, b, pa), want);
		assert_memory_equal(pa, out, want * sizeof(*out));
	}
}

static void test_seek_finds_the_first_that_is_not_less(void **state)
{
	struct postings a = random_list(pa, fa, 600, RANGE);
	for (uint32_t v = 0; v < RANGE + 2; v += 7) {
		for (size_t from = 0; from <= a.n; from += 13) {
			size_t want = from;
			while (want < a.n && a.p[want] < v)
				want++;
			assert_int_equal(postings_seek(a, from, v), want);
		}
	}
}

/* Few, dense many, sparse many: three ways of sorting. */
static void check_sort(size_t n, uint32_t range)
{
	struct arena a;
	arena_init(&a, NULL);
	struct refs r = { .a = &a };
	struct err e;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(refs_reserve(&r, 1, &e), 0);
		r.p[r.n++] = (rnd() ^ rnd() << 9) % range;
	}
	uint32_t *before = xmemdup(r.p, n * sizeof(*r.p));
	assert_int_equal(refs_sort(&r, NULL, &e), 0);
	assert_true(r.n <= n && (n == 0 || r.n > 0));
	for (size_t i = 1; i < r.n; i++)
		assert_true(r.p[i - 1] < r.p[i]);
	for (size_t i = 0; i < n; i++) {
		size_t at = postings_seek(refs_postings(&r), 0, before[i]);
		assert_true(at < r.n && r.p[at] == before[i]);
	}
	free(before);
	arena_fini(&a);
}

static void test_collected_references_become_a_list(void **state)
{
	check_sort(0, 10);
	check_sort(1, 10);
	check_sort(40, 30);
	check_sort(40, UINT32_MAX);
	check_sort(3000, 5000);
	check_sort(3000, UINT32_MAX);
}

static void test_decoding_reports_lists_out_of_order(void **state)
{
	for (size_t n = 0; n < 70; n++) {
		uint8_t bytes[1 + 70 * 4] = { 0 };
		uint32_t got[70] = { 0 };
		for (size_t i = 0; i < n; i++)
			be32_put(bytes + 1 + 4 * i, (uint32_t)(i * 3 + (i > 40 ? 0xf0000000u : 5)));
		int64_t last = -1;
		assert_true(postings_decode_be32(bytes + 1, n, got, &last));
		assert_int_equal(last, n ? (int64_t)got[n - 1] : -1);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(got[i], be32_get(bytes + 1 + 4 * i));
		if (n < 2)
			continue;
		be32_put(bytes + 1 + 4 * (n / 2), be32_get(bytes + 1 + 4 * (n / 2 - 1)));
		last = -1;
		assert_false(postings_decode_be32(bytes + 1, n, got, &last));
	}
	uint8_t five[4];
	uint32_t v;
	be32_put(five, 5);
	int64_t last = 5;
	assert_false(postings_decode_be32(five, 1, &v, &last));
}

static void test_over_budget_is_an_error(void **state)
{
	struct budget b;
	budget_init(&b, NULL, "query", 1000);
	struct arena a;
	arena_init(&a, &b);
	struct refs r = { .a = &a };
	struct err e;
	assert_int_equal(refs_reserve(&r, 100000, &e), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_operations_agree_with_flags),
		cmocka_unit_test(test_results_may_overwrite_an_input),
		cmocka_unit_test(test_seek_finds_the_first_that_is_not_less),
		cmocka_unit_test(test_collected_references_become_a_list),
		cmocka_unit_test(test_decoding_reports_lists_out_of_order),
		cmocka_unit_test(test_over_budget_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
