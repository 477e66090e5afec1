#include "base/strbuf.h"

#include "base/vec.h"
#include "unit/unit.h"

#include <stdlib.h>

static void test_appends_of_all_kinds(void **state)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, "n=");
	strbuf_add_u64(&b, UINT64_MAX);
	strbuf_add_ch(&b, ' ');
	strbuf_add_i64(&b, INT64_MIN);
	strbuf_printf(&b, " %s", "end");
	assert_string_equal(b.p, "n=18446744073709551615 -9223372036854775808 end");
	char *s = strbuf_steal(&b);
	assert_int_equal(b.n, 0);
	free(s);
	strbuf_fini(&b);
}

static void test_limit_refuses_whole_pieces(void **state)
{
	struct strbuf b = { .limit = 5 };
	strbuf_add_c(&b, "abc");
	strbuf_add_c(&b, "def");
	assert_true(b.overflow);
	assert_string_equal(b.p, "abc");
	strbuf_reset(&b);
	strbuf_add_c(&b, "12345");
	assert_false(b.overflow);
	strbuf_fini(&b);
}

static void test_quoting_is_that_of_go(void **state)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, STR("a\"\\\n\x01\xff\xC3\xA9"));
	assert_string_equal(b.p, "\"a\\\"\\\\\\n\\x01\\xff\xC3\xA9\"");
	strbuf_reset(&b);
	strbuf_add_quoted(
		&b, STR("\u00a0\u00ad\u0378\u2028\ue000\ufeff\ufffd\u0301\u65e5\U0001F600\U000E0001\x7f \xed\xa0\x80"));
	assert_string_equal(b.p,
			    "\"\\u00a0\\u00ad\\u0378\\u2028\\ue000\\ufeff\ufffd\u0301\u65e5\U0001F600\\U000e0001\\x7f "
			    "\\xed\\xa0\\x80\"");
	strbuf_fini(&b);
}

static void test_vec_grows(void **state)
{
	VEC(int) v = { 0 };
	for (int i = 0; i < 1000; i++)
		*vec_push(&v) = i;
	assert_int_equal(v.n, 1000);
	assert_int_equal(*vec_last(&v), 999);
	vec_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends_of_all_kinds),
		cmocka_unit_test(test_limit_refuses_whole_pieces),
		cmocka_unit_test(test_quoting_is_that_of_go),
		cmocka_unit_test(test_vec_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
