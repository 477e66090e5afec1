#include "base/str.h"

#include "unit/unit.h"

static void test_order_is_bytewise_then_length(void **state)
{
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR(""), str_c(NULL)), 0);
}

static void test_numbers_refuse_overflow_and_rubbish(void **state)
{
	uint64_t u;
	int64_t i;
	assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
	assert_false(str_to_u64(STR("18446744073709551616"), &u));
	assert_false(str_to_u64(STR(""), &u));
	assert_false(str_to_u64(STR("1 "), &u));
	assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
	assert_false(str_to_i64(STR("9223372036854775808"), &i));
	assert_false(str_to_i64(STR("-"), &i));
}

static void test_cut_walks_all_parts(void **state)
{
	struct str rest = STR("a,,b");
	int n = 0;
	while (rest.p) {
		struct str part = str_cut(&rest, ',');
		assert_int_equal(part.n, n == 1 ? 0 : 1);
		n++;
	}
	assert_int_equal(n, 3);
}

static void test_utf8_follows_rfc3629(void **state)
{
	assert_true(str_is_utf8(STR("plain ascii, long enough")));
	assert_true(str_is_utf8(STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")));
	assert_false(str_is_utf8(STR("\xC0\x80")));
	assert_false(str_is_utf8(STR("\xED\xA0\x80")));
	assert_false(str_is_utf8(STR("\xF4\x90\x80\x80")));
	assert_false(str_is_utf8(STR("abcdefg\xE2\x82")));
}

static void test_find_trim_and_affixes(void **state)
{
	assert_int_equal(str_find(STR("hello"), STR("ll")), 2);
	assert_int_equal(str_find(STR("hello"), STR("x")), -1);
	assert_true(str_eq(str_trim(STR(" \ta b\r\n")), STR("a b")));
	assert_true(str_has_prefix(STR("dns+x"), STR("dns+")));
	assert_true(str_has_suffix(STR("dns+x"), STR("+x")));
	assert_true(str_eq_nocase(STR("Host"), STR("hOST")));
	char name[] = "X-@AZ[\xC3\x84-Ab";
	str_lower(name, sizeof(name) - 2);
	assert_string_equal(name, "x-@az[\xC3\x84-ab");
	str_lower(NULL, 0);
}

static void test_characters_of_utf8(void **state)
{
	assert_int_equal(str_utf8_char(STR("a\xc3\xa9")), 1);
	assert_int_equal(str_utf8_char(STR("\xc3\xa9"
					   "a")),
			 2);
	assert_int_equal(str_utf8_char(STR("\xe2\x82\xac")), 3);
	assert_int_equal(str_utf8_char(STR("\xf0\x9f\x98\x80")), 4);
	assert_int_equal(str_utf8_char(STR("\xe2\x82")), 0);
	assert_int_equal(str_utf8_char(STR("\xff")), 0);
	assert_int_equal(str_utf8_char(STR("")), 0);
	char put[4];
	assert_true(str_eq(str_mem(put, str_utf8_put(put, 'a')), STR("a")));
	assert_true(str_eq(str_mem(put, str_utf8_put(put, 0xe9)), STR("\xc3\xa9")));
	assert_true(str_eq(str_mem(put, str_utf8_put(put, 0x20ac)), STR("\xe2\x82\xac")));
	assert_true(str_eq(str_mem(put, str_utf8_put(put, 0x1f600)), STR("\xf0\x9f\x98\x80")));
	assert_int_equal(str_utf8_cut(STR("a\xe2\x82\xac"), 3).n, 1);
	assert_int_equal(str_utf8_cut(STR("a\xe2\x82\xac"), 4).n, 4);
	assert_int_equal(str_utf8_cut(STR("abc"), 9).n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_bytewise_then_length),
		cmocka_unit_test(test_numbers_refuse_overflow_and_rubbish),
		cmocka_unit_test(test_cut_walks_all_parts),
		cmocka_unit_test(test_utf8_follows_rfc3629),
		cmocka_unit_test(test_find_trim_and_affixes),
		cmocka_unit_test(test_characters_of_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
