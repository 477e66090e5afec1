/* Sorted selections of a head with many series: through the kept order, past it, after series came and went. */
#include "unit/tsdb/head_test.h"

#define RANGE 100000

static char *dir;
static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static int set_up(void **state)
{
	(void)state;
	dir = scratch_new();
	seed = 7;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_fini(dir);
	return 0;
}

/* Series with some of the labels a to e, so that many label sets begin with others, and a number; one sample at t. */
static void add_series(struct head *h, unsigned from, unsigned to, int64_t t)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	static const char *const values[] = { "", "x", "y", "z" };
	head_batch_begin(h, t);
	for (unsigned i = from; i < to; i++) {
		struct label p[7];
		size_t n = 0;
		char num[16];
		snprintf(num, sizeof(num), "%u", i);
		p[n++] = (struct label){ STR("__name__"), rnd(2) ? STR("m") : STR("n") };
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			const char *v = values[rnd(4)];
			if (*v)
				p[n++] = (struct label){ str_c(names[k]), str_c(v) };
		}
		if (rnd(4))
			p[n++] = (struct label){ STR("number"), str_c(num) };
		(void)head_append(h, series_of(h, p, n), t, i);
	}
	struct err e;
	ok(commit(h, false, &e), &e);
}

/* A sorted selection has just what an unsorted one has, in the order of labels. */
static void check_selection(struct head *h, struct matcher *const *m, size_t n_m, size_t least)
{
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	struct arena a;
	struct err e;
	uint32_t *sorted, *plain;
	size_t n, n_plain, alive = 0;
	struct head_view v, before = { 0 };
	arena_init(&a, NULL);
	ok(head_reader_select(r, m, n_m, true, &a, &sorted, &n, &e), &e);
	ok(head_reader_select(r, m, n_m, false, &a, &plain, &n_plain, &e), &e);
	for (size_t i = 0; i < n_plain; i++) {
		int rc = head_reader_series(r, plain[i], false, &a, &v, &e);
		alive += rc == 1;
	}
	assert_true(n >= alive && n <= n_plain && n >= least);
	size_t there = 0;
	for (size_t i = 0; i < n; i++) {
		if (head_reader_series(r, sorted[i], false, &a, &v, &e) != 1)
			continue;
		if (there++)
			assert_true(labels_cmp(before.labels, v.labels) < 0);
		before = v;
	}
	assert_int_equal(there, alive);
	arena_fini(&a);
	head_reader_close(r);
}

static void check_selections(struct head *h, size_t least)
{
	struct matcher *few, *half;
	struct err e;
	ok(matcher_compile(MATCH_RE, STR("number"), STR("[0-9]*77"), &few, &e), &e);
	ok(matcher_compile(MATCH_EQ, STR("__name__"), STR("m"), &half, &e), &e);
	check_selection(h, &few, 1, 3);
	check_selection(h, NULL, 0, least);
	check_selection(h, &few, 1, 3);
	check_selection(h, &half, 1, least / 3);
	matcher_free(few);
	matcher_free(half);
}

static struct head *open_with(void)
{
	return open_head((struct head_config){ .dir = dir, .chunk_range_ms = RANGE }, NULL);
}

static void test_selections_stay_sorted_as_series_come(void **state)
{
	struct head *h = open_with();
	(void)state;
	add_series(h, 0, 1000, 1000);
	check_selections(h, 500);
	add_series(h, 1000, 10000, 2000);
	check_selections(h, 5000);
	add_series(h, 10000, 10100, 3000); /* few: placed among those that are known */
	check_selections(h, 5000);
	add_series(h, 10100, 16000, 4000);
	check_selections(h, 9000);
	head_close(h);
}

static void test_selections_leave_out_series_that_went(void **state)
{
	struct head *h = open_with();
	(void)state;
	add_series(h, 0, 8000, 1000);
	check_selections(h, 4000);
	for (unsigned i = 1; i < 4; i++) {
		int64_t t = i * (int64_t)RANGE + 1000;
		add_series(h, 8000 * i, 8000 * i + 8000, t);
		check_selections(h, 4000);
		head_truncate(h, t - RANGE / 2);
		while (head_gc(h, 1000) != 0)
			;
		check_selections(h, 4000);
	}
	head_close(h);
}

/* Selects with another reader from within a checkpoint, once series were added. */
struct hook {
	struct head *h;
	unsigned calls;
};

static int on_checkpoint(void *arg, struct err *err)
{
	struct hook *k = arg;
	(void)err;
	if (++k->calls == 3) {
		add_series(k->h, 100000, 106000, 9000);
		check_selections(k->h, 5000);
	}
	return 0;
}

static void test_two_readers_sort_at_a_time(void **state)
{
	struct head *h = open_with();
	struct hook k = { h, 0 };
	struct arena a;
	struct err e;
	uint32_t *ids;
	size_t n;
	(void)state;
	add_series(h, 0, 12000, 1000);
	arena_init(&a, NULL);
	struct head_reader *r = head_reader_open(h, INT64_MIN, INT64_MAX);
	head_reader_set_checkpoint(r, on_checkpoint, &k);
	ok(head_reader_select(r, NULL, 0, true, &a, &ids, &n, &e), &e);
	assert_true(k.calls > 3);
	struct head_view v, before = { 0 };
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(head_reader_series(r, ids[i], false, &a, &v, &e), 1);
		if (i)
			assert_true(labels_cmp(before.labels, v.labels) < 0);
		before = v;
	}
	head_reader_close(r);
	check_selections(h, 9000);
	arena_fini(&a);
	head_close(h);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_selections_stay_sorted_as_series_come),
		T(test_selections_leave_out_series_that_went),
		T(test_two_readers_sort_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
