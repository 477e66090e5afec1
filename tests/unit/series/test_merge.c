#include "series/merge.h"

#include "base/mem.h"
#include "unit/unit.h"

/* A cursor over an array; fails after `fail_at` series if that is set. */
struct array_cursor {
	struct series_cursor c;
	const struct series *p;
	size_t n, i, fail_at;
	int *closed;
};

static int array_next(struct series_cursor *c, struct series *ret, struct err *err)
{
	struct array_cursor *x = (struct array_cursor *)c;
	if (x->fail_at && x->i == x->fail_at)
		return err_set(err, ERR_UNAVAILABLE, "gone");
	if (x->i == x->n)
		return 0;
	*ret = x->p[x->i++];
	return 1;
}

static void array_close(struct series_cursor *c)
{
	(*((struct array_cursor *)c)->closed)++;
	free(c);
}

static int closed;

static struct series_cursor *array(const struct series *p, size_t n, size_t fail_at)
{
	struct array_cursor *x = xcalloc(1, sizeof(*x));
	*x = (struct array_cursor){ { array_next, array_close }, p, n, 0, fail_at, &closed };
	return &x->c;
}

static struct label names[26];
static struct labels one(char c)
{
	static char values[26][2];
	int i = c - 'a';
	values[i][0] = c;
	names[i] = (struct label){ STR("x"), str_mem(values[i], 1) };
	return (struct labels){ &names[i], 1 };
}

static struct series_chunk chunk(int64_t mint, const char *data)
{
	return (struct series_chunk){ .mint = mint,
				      .maxt = mint + 9,
				      .part[SERIES_RAW].chunk = { CHUNK_XOR, str_c(data) } };
}

static void test_equal_series_become_one_without_identical_chunks(void **state)
{
	struct series_chunk c1[] = { chunk(0, "A"), chunk(10, "B") }, c2[] = { chunk(10, "B"), chunk(20, "C") },
			    c3[] = { chunk(5, "D") };
	struct series s1[] = { { one('a'), c1, 2 }, { one('c'), c3, 1 } };
	struct series s2[] = { { one('a'), c2, 2 }, { one('b'), c3, 1 }, { one('d'), c3, 1 } };
	struct series_cursor *cs[] = { array(s1, 2, 0), array(s2, 3, 0), array(NULL, 0, 0) };
	closed = 0;
	struct series_merge *m = series_merge_new(cs, 3, NULL, NULL, NULL);
	struct series got;
	struct err e;
	assert_int_equal(co_series_merge_next(m, &got, &e), 1);
	assert_int_equal(got.n_chunks, 3);
	assert_true(str_eq(got.chunks[1].part[SERIES_RAW].chunk.data, STR("B")));
	for (char c = 'b'; c <= 'd'; c++) {
		assert_int_equal(co_series_merge_next(m, &got, &e), 1);
		assert_int_equal(got.labels.p[0].value.p[0], c);
		assert_int_equal(got.n_chunks, 1);
	}
	assert_int_equal(co_series_merge_next(m, &got, &e), 0);
	assert_int_equal(co_series_merge_next(m, &got, &e), 0);
	series_merge_free(m);
	assert_int_equal(closed, 3);
}

static size_t failed;

static int go_on(void *arg, size_t i, const struct err *cause)
{
	failed = i;
	assert_string_equal(cause->msg, "gone");
	return 0;
}

/* Which of two chunks of the same times comes first decides which replica wins: with upstream the one with the greater bytes. */
static void test_chunks_of_the_same_times_come_by_descending_bytes(void **state)
{
	struct series_chunk c1[] = { chunk(0, "A"), chunk(0, "C") }, c2[] = { chunk(0, "B") };
	struct series s1[] = { { one('a'), c1, 2 } }, s2[] = { { one('a'), c2, 1 } };
	struct series_cursor *cs[] = { array(s1, 1, 0), array(s2, 1, 0) };
	struct series_merge *m = series_merge_new(cs, 2, NULL, NULL, NULL);
	struct series got;
	assert_int_equal(co_series_merge_next(m, &got, NULL), 1);
	assert_int_equal(got.n_chunks, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(got.chunks[i].part[SERIES_RAW].chunk.data.p[0], "CBA"[i]);
	series_merge_free(m);
	struct series_chunk other = chunk(0, "Z");
	other.part[SERIES_RAW].chunk.enc = CHUNK_HIST;
	assert_true(series_chunk_cmp(&c1[0], &other) < 0 && series_chunk_cmp(&other, &c1[0]) > 0);
}

static void test_failed_streams_end_the_merge_or_are_left_out(void **state)
{
	struct series s1[] = { { one('a'), NULL, 0 }, { one('b'), NULL, 0 } };
	struct series s2[] = { { one('c'), NULL, 0 } };
	struct series got;
	struct err e;
	struct series_cursor *cs[] = { array(s1, 2, 1), array(s2, 1, 0) };
	struct series_merge *m = series_merge_new(cs, 2, NULL, NULL, NULL);
	assert_int_equal(co_series_merge_next(m, &got, &e), 1);
	assert_int_equal(co_series_merge_next(m, &got, &e), -ERR_UNAVAILABLE);
	series_merge_free(m);
	struct series_cursor *again[] = { array(s2, 1, 0), array(s1, 2, 1) };
	m = series_merge_new(again, 2, NULL, go_on, NULL);
	assert_int_equal(co_series_merge_next(m, &got, &e), 1);
	assert_int_equal(co_series_merge_next(m, &got, &e), 1);
	assert_int_equal(got.labels.p[0].value.p[0], 'c');
	assert_int_equal(failed, 1);
	assert_int_equal(co_series_merge_next(m, &got, &e), 0);
	series_merge_free(m);
}

/* Any spread of sorted series over any number of streams comes out sorted and whole. */
static void test_random_spreads_come_out_sorted_and_whole(void **state)
{
	uint64_t rnd = 7;
	for (int round = 0; round < 300; round++) {
		struct series pool[9][26];
		size_t n[9] = { 0 }, streams = 1 + (size_t)round % 9, distinct = 0;
		for (char c = 'a'; c <= 'z'; c++) {
			bool some = false;
			for (size_t i = 0; i < streams; i++) {
				rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
				if ((rnd >> 40) % 3 == 0) {
					pool[i][n[i]++] = (struct series){ one(c), NULL, 0 };
					some = true;
				}
			}
			distinct += some;
		}
		struct series_cursor *cs[9];
		for (size_t i = 0; i < streams; i++)
			cs[i] = array(pool[i], n[i], 0);
		struct series_merge *m = series_merge_new(cs, streams, NULL, NULL, NULL);
		struct series got;
		char last = '\0';
		size_t count = 0;
		while (co_series_merge_next(m, &got, NULL) == 1) {
			assert_true(got.labels.p[0].value.p[0] > last);
			last = got.labels.p[0].value.p[0];
			count++;
		}
		assert_int_equal(count, distinct);
		series_merge_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_series_become_one_without_identical_chunks),
		cmocka_unit_test(test_chunks_of_the_same_times_come_by_descending_bytes),
		cmocka_unit_test(test_failed_streams_end_the_merge_or_are_left_out),
		cmocka_unit_test(test_random_spreads_come_out_sorted_and_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
