#include "http/h2_guard.h"

#include "unit/unit.h"

static const uint8_t preface[24] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void guard_start(struct h2_guard *g, int64_t ping_min_ms)
{
	h2_guard_init(g, true, ping_min_ms, 1000);
	assert_int_equal(h2_guard_feed(g, preface, sizeof(preface), 1000), H2_GUARD_OK);
}

static enum h2_verdict feed_frame(struct h2_guard *g, uint8_t type, uint8_t flags, uint32_t len, int64_t now)
{
	uint8_t f[9 + 64] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags };
	assert_true(len <= 64);
	return h2_guard_feed(g, f, 9 + len, now);
}

/* How many frames of a kind pass before the guard ends the session; at most `max`. */
static int passes(struct h2_guard *g, uint8_t type, uint8_t flags, uint32_t len, int max)
{
	int n = 0;
	while (n < max && feed_frame(g, type, flags, len, 1000) == H2_GUARD_OK)
		n++;
	return n;
}

static void test_useless_frames_are_limited(void **state)
{
	static const struct {
		uint8_t type, flags;
		uint32_t len;
		int pass;
	} floods[] = {
		{ 2, 0, 5, 1000 },   /* PRIORITY */
		{ 3, 0, 4, 1000 },   /* RST_STREAM */
		{ 4, 0, 0, 100 },    /* SETTINGS */
		{ 0, 0, 0, 1000 },   /* empty DATA */
		{ 8, 0, 4, 1000 },   /* WINDOW_UPDATE */
		{ 9, 0, 10, 1000 },  /* CONTINUATION */
		{ 77, 0, 10, 1000 }, /* unknown */
	};
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct h2_guard g;
		guard_start(&g, 0);
		assert_int_equal(passes(&g, floods[i].type, floods[i].flags, floods[i].len, 5000), floods[i].pass);
	}
}

static void test_working_frames_are_free(void **state)
{
	struct h2_guard g;
	guard_start(&g, 10000);
	assert_int_equal(passes(&g, 0, 0, 64, 20000), 20000);
	assert_int_equal(passes(&g, 1, 4, 30, 20000), 20000);
	assert_int_equal(passes(&g, 0, 1, 0, 20000), 20000);
}

static void test_answers_to_output_are_free(void **state)
{
	struct h2_guard g;
	guard_start(&g, 10000);
	for (int i = 0; i < 5000; i++) {
		h2_guard_output(&g);
		assert_int_equal(feed_frame(&g, 8, 0, 4, 1000), H2_GUARD_OK);
		assert_int_equal(feed_frame(&g, 8, 0, 4, 1000), H2_GUARD_OK);
		assert_int_equal(feed_frame(&g, 6, 0, 8, 1000), H2_GUARD_OK);
	}
	assert_int_equal(g.flood_frames, 0);
}

static void test_third_early_ping_ends(void **state)
{
	struct h2_guard g;
	guard_start(&g, 10000);
	assert_int_equal(feed_frame(&g, 6, 0, 8, 1000), H2_GUARD_OK);
	assert_int_equal(feed_frame(&g, 6, 0, 8, 11000), H2_GUARD_OK);
	assert_int_equal(feed_frame(&g, 6, 0, 8, 12000), H2_GUARD_OK);
	assert_int_equal(feed_frame(&g, 6, 0, 8, 13000), H2_GUARD_OK);
	assert_int_equal(feed_frame(&g, 6, 0, 8, 14000), H2_GUARD_PINGS);
}

static void test_tokens_come_back_with_time(void **state)
{
	struct h2_guard g;
	guard_start(&g, 0);
	assert_int_equal(passes(&g, 2, 0, 5, 900), 900);
	for (int64_t now = 2000; now < 60000; now += 20)
		assert_int_equal(feed_frame(&g, 2, 0, 5, now), H2_GUARD_OK);
}

static void test_frames_split_anywhere_count_the_same(void **state)
{
	struct h2_guard g;
	h2_guard_init(&g, true, 0, 0);
	for (size_t i = 0; i < sizeof(preface); i++)
		assert_int_equal(h2_guard_feed(&g, preface + i, 1, 0), H2_GUARD_OK);
	uint8_t f[9 + 5] = { 0, 0, 5, 2 };
	for (int k = 0; k < 10; k++)
		for (size_t i = 0; i < sizeof(f); i++)
			assert_int_equal(h2_guard_feed(&g, f + i, 1, 0), H2_GUARD_OK);
	assert_int_equal(g.flood_frames, 10);
}

static void test_own_resets_are_limited(void **state)
{
	struct h2_guard g;
	guard_start(&g, 0);
	int n = 0;
	while (n < 5000 && h2_guard_reset_sent(&g, 1000) == H2_GUARD_OK)
		n++;
	assert_int_equal(n, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_useless_frames_are_limited),
		cmocka_unit_test(test_working_frames_are_free),
		cmocka_unit_test(test_answers_to_output_are_free),
		cmocka_unit_test(test_third_early_ping_ends),
		cmocka_unit_test(test_tokens_come_back_with_time),
		cmocka_unit_test(test_frames_split_anywhere_count_the_same),
		cmocka_unit_test(test_own_resets_are_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
