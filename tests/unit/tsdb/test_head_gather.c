/* What makes replay and looking up fast must not show: samples gathered by series, series guessed by the order of the last time. */
#include "unit/tsdb/head_test.h"

#define SERIES 1200
#define STEP 15000
#define START 1700000000000

static char *dir;

static int set_up(void **state)
{
	dir = scratch_new();
	return 0;
}

static int tear_down(void **state)
{
	scratch_fini(dir);
	return 0;
}

static struct head *open_it(struct head_replay *replay)
{
	return open_head((struct head_config){ .dir = dir, .never_sync = true }, replay);
}

static void must_commit(struct head *h)
{
	struct err e;
	ok(commit(h, false, &e), &e);
}

/* --- replay ---------------------------------------------------------------------------------- */

static const struct hist_span span = { 0, 1 };

/* Series 5 and 700 are floats for ten rounds, then histograms for ten, and so on. */
static bool is_hist(unsigned i, unsigned round)
{
	return (i == 5 || i == 700) && round / 10 % 2;
}

static void append_round(struct head *h, unsigned round)
{
	int64_t t = START + (int64_t)round * STEP, delta = round + 1;
	struct histogram hist = {
		.count = round + 1, .sum = 1, .pos_spans = &span, .n_pos_spans = 1, .pos_deltas = &delta, .n_pos = 1
	};
	head_batch_begin(h, t);
	for (unsigned i = 0; i < SERIES; i++) {
		struct head_series *s = series_i(h, i);
		enum head_result r = is_hist(i, round) ? head_append_hist(h, s, t, &hist, NULL)
						       : head_append(h, s, t, (double)(round * 7 + i % 13));
		assert_int_equal(r, HEAD_OK);
	}
	must_commit(h);
}

static void check_series(const struct got_series *g, unsigned rounds)
{
	unsigned i;
	assert_int_equal(sscanf(g->name, "{__name__=\"m\", i=\"%u\"}", &i), 1);
	assert_int_equal(g->s.n, rounds);
	for (unsigned round = 0; round < rounds; round++) {
		const struct got *s = &g->s.p[round];
		assert_true(s->t == START + (int64_t)round * STEP);
		assert_int_equal(s->h != NULL, is_hist(i, round));
		if (s->h)
			assert_true(s->h->count == round + 1);
		else
			assert_true(s->v == (double)(round * 7 + i % 13));
	}
}

static void check_all(struct head *h, unsigned rounds)
{
	struct got_all all;
	read_all(h, INT64_MIN, INT64_MAX, &all);
	assert_int_equal(all.series.n, SERIES);
	for (size_t i = 0; i < all.series.n; i++)
		check_series(&all.series.p[i], rounds);
	got_fini(&all);
}

/* More samples than memory is taken for, so that they are appended in several goes. */
static void test_replay_keeps_the_order_of_each_series(void **state)
{
	struct head_replay replay;
	struct head *h = open_it(NULL);
	unsigned rounds = 330;
	for (unsigned round = 0; round < rounds; round++)
		append_round(h, round);
	head_close(h);
	h = open_it(&replay);
	assert_int_equal(replay.samples + replay.histograms, (uint64_t)rounds * SERIES);
	assert_int_equal(replay.unknown_refs, 0);
	check_all(h, rounds);
	flush_chunks(h);
	append_round(h, rounds);
	head_close(h);
	h = open_it(&replay); /* now most is in chunk files */
	assert_true(replay.chunks > SERIES);
	check_all(h, rounds + 1);
	head_close(h);
}

/* --- looking up ---------------------------------------------------------------------------------- */

static struct hash128 key_of(unsigned i)
{
	static struct strbuf scratch;
	char num[16];
	snprintf(num, sizeof(num), "%u", i);
	struct label p[] = { { STR("__name__"), STR("m") }, { STR("i"), str_c(num) } };
	struct hash128 key = head_key((struct labels){ p, 2 }, &scratch);
	strbuf_fini(&scratch);
	return key;
}

/* Looks up series order[0], order[1] ... and checks what comes; a number from SERIES on is of no series. */
static void look_up(struct head *h, const uint32_t *id, const unsigned *order, size_t n)
{
	for (size_t at = 0; at < n; at += HEAD_LOOKUP_MAX) {
		struct hash128 keys[HEAD_LOOKUP_MAX];
		struct head_series *got[HEAD_LOOKUP_MAX];
		size_t some = MIN(n - at, (size_t)HEAD_LOOKUP_MAX);
		for (size_t k = 0; k < some; k++)
			keys[k] = key_of(order[at + k]);
		head_lookup(h, keys, some, got);
		for (size_t k = 0; k < some; k++) {
			unsigned i = order[at + k];
			assert_int_equal(got[k] != NULL, i < SERIES && id[i] != UINT32_MAX);
			if (got[k])
				assert_int_equal(head_series_id(got[k]), id[i]);
		}
	}
}

static void shuffle(unsigned *p, size_t n, uint64_t seed)
{
	for (size_t i = n; i > 1; i--) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		size_t k = (size_t)(seed >> 33) % i;
		unsigned x = p[i - 1];
		p[i - 1] = p[k];
		p[k] = x;
	}
}

static void test_series_are_found_in_any_order(void **state)
{
	static unsigned order[SERIES + 40];
	static uint32_t id[SERIES];
	size_t n = ARRAY_LEN(order);
	struct head *h = open_it(NULL);
	look_up(h, id, (unsigned[]){ SERIES }, 1);
	struct head_series *got;
	assert_int_equal(head_series_id(series_i(h, 0)), 0);
	head_lookup(h, &(struct hash128){ 0, 0 }, 1, &got);
	assert_null(got);
	for (unsigned i = 0; i < SERIES; i++)
		id[i] = head_series_id(series_i(h, i));
	for (unsigned i = 0; i < n; i++)
		order[i] = i;
	for (unsigned round = 0; round < 12; round++) { /* each order twice: guessed first, then learnt */
		look_up(h, id, order, n);
		look_up(h, id, order, n);
		shuffle(order, n, round);
	}
	head_close(h);
}

/* Series that went are not found, nor are those that aliases named; what comes in their place is. */
static void test_series_that_went_are_not_guessed(void **state)
{
	static unsigned order[SERIES];
	static uint32_t id[SERIES];
	struct head *h = open_it(NULL);
	struct head_series *got;
	int64_t range = (int64_t)2 * 3600 * 1000, begin = START / range * range;
	head_batch_begin(h, begin);
	for (unsigned i = 0; i < SERIES; i++) {
		struct head_series *s = series_i(h, i);
		id[i] = head_series_id(s);
		order[i] = i;
		head_series_alias(h, (struct hash128){ i, ~0ULL }, s);
		assert_int_equal(head_append(h, s, begin + (i % 3 ? 0 : range), 1), HEAD_OK);
	}
	must_commit(h);
	head_truncate(h, begin + range);
	while (head_gc(h, 100) == 1)
		look_up(h, id, order, 0);
	for (unsigned i = 0; i < SERIES; i++)
		id[i] = i % 3 ? UINT32_MAX : id[i];
	look_up(h, id, order, SERIES);
	for (unsigned i = 0; i < SERIES; i++) {
		head_lookup(h, &(struct hash128){ i, ~0ULL }, 1, &got);
		assert_int_equal(got != NULL, i % 3 == 0);
	}
	for (unsigned i = 0; i < SERIES; i++)
		id[i] = head_series_id(series_i(h, i));
	look_up(h, id, order, SERIES);
	for (unsigned i = 0; i < SERIES; i++) {
		struct hash128 alias = { i, ~0ULL };
		head_series_alias(h, alias, series_i(h, i));
		head_lookup(h, &alias, 1, &got);
		assert_int_equal(head_series_id(got), id[i]);
	}
	head_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replay_keeps_the_order_of_each_series, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_series_are_found_in_any_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_series_that_went_are_not_guessed, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
