#include "chunk/aggr.h"

#include "unit/unit.h"

#include <math.h>

static void test_parts_come_back_and_missing_ones_stay_missing(void **state)
{
	struct aggr_chunk c = { 0 }, back;
	c.part[AGGR_COUNT] = (struct chunk){ CHUNK_XOR, STR("count data") };
	c.part[AGGR_COUNTER] = (struct chunk){ CHUNK_FLOAT_HIST, STR("x") };
	struct strbuf b = { 0 };
	aggr_write(&c, &b);
	struct err e;
	assert_int_equal(aggr_parse(strbuf_str(&b), &back, &e), 0);
	for (int i = 0; i < AGGR_TYPES; i++) {
		assert_int_equal(back.part[i].enc, c.part[i].enc);
		assert_true(str_eq(back.part[i].data, c.part[i].data));
	}
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(aggr_parse(str_mem(b.p, n), &back, &e), -ERR_DATA_LOSS);
	strbuf_add_ch(&b, 0);
	assert_int_equal(aggr_parse(strbuf_str(&b), &back, &e), -ERR_DATA_LOSS);
	strbuf_fini(&b);
}

static void test_counter_goes_on_across_resets_and_chunks(void **state)
{
	struct aggr_counter c = { 0 };
	/* 10, 15, reset to 3; the repeated time says that the raw value ended at 4. */
	int64_t t1[] = { 100, 200, 250, 300, 300 };
	double v1[] = { 10, 15, NAN, 18, 4 };
	assert_int_equal(aggr_counter_apply(&c, t1, v1, 5, t1, v1), 3);
	assert_true(v1[0] == 10 && v1[1] == 15 && v1[2] == 18);
	/* The next chunk begins at 6 raw: 2 more than 4. One sample lies before what was seen. */
	int64_t t2[] = { 290, 400, 500 };
	double v2[] = { 1, 6, 5 };
	assert_int_equal(aggr_counter_apply(&c, t2, v2, 3, t2, v2), 2);
	assert_true(t2[0] == 400 && v2[0] == 20);
	assert_true(t2[1] == 500 && v2[1] == 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_come_back_and_missing_ones_stay_missing),
		cmocka_unit_test(test_counter_goes_on_across_resets_and_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
