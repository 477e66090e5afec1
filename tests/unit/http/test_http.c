#include "http/http.h"

#include "unit/unit.h"

static void test_parameters_are_decoded_as_go_does(void **state)
{
	struct arena a;
	struct err err;
	struct http_params ps = { 0 };
	arena_init(&a, NULL);
	assert_int_equal(
		http_params_parse(&ps, &a, STR("query=a%2Bb+c&match[]=x&&match%5B%5D=y&empty=&flag&=v&a=b=c"), &err),
		0);
	assert_true(str_eq_c(http_params_get(&ps, "query"), "a+b c"));
	size_t pos = 0;
	struct str v;
	assert_true(http_params_next(&ps, "match[]", &pos, &v) && str_eq_c(v, "x"));
	assert_true(http_params_next(&ps, "match[]", &pos, &v) && str_eq_c(v, "y"));
	assert_false(http_params_next(&ps, "match[]", &pos, &v));
	assert_true(http_params_has(&ps, "empty") && http_params_has(&ps, "flag") && http_params_has(&ps, ""));
	assert_int_equal(http_params_get(&ps, "empty").n, 0);
	assert_true(str_eq_c(http_params_get(&ps, "a"), "b=c"));
	assert_false(http_params_has(&ps, "none"));
	arena_fini(&a);
}

static void test_bad_escapes_are_refused_in_gos_words(void **state)
{
	static const char *const bad[][2] = { { "a=%", "invalid URL escape \"%\"" },
					      { "a=%zz1", "invalid URL escape \"%zz\"" },
					      { "%4=b", "invalid URL escape \"%4\"" },
					      { "a;b=c", "invalid semicolon separator in query" } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena a;
		struct err err;
		struct http_params ps = { 0 };
		arena_init(&a, NULL);
		assert_int_equal(http_params_parse(&ps, &a, str_c(bad[i][0]), &err), -ERR_INVALID_ARGUMENT);
		assert_string_equal(err.msg, bad[i][1]);
		arena_fini(&a);
	}
}

static void test_number_of_parameters_is_limited(void **state)
{
	struct arena a;
	struct err err;
	struct http_params ps = { 0 };
	struct strbuf b = { 0 };
	for (int i = 0; i < HTTP_MAX_PARAMS + 1; i++)
		strbuf_add_c(&b, "a&");
	arena_init(&a, NULL);
	assert_int_equal(http_params_parse(&ps, &a, strbuf_str(&b), &err), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	strbuf_fini(&b);
}

static void test_escapes_are_those_of_go(void **state)
{
	struct strbuf b = { 0 };
	http_query_escape(&b, STR("a b&c=d/\xc3\xa4~-_."));
	assert_string_equal(b.p, "a+b%26c%3Dd%2F%C3%A4~-_.");
	strbuf_reset(&b);
	http_path_escape(&b, STR("a b&c=d/:@"));
	assert_string_equal(b.p, "a%20b&c=d%2F:@");
	strbuf_fini(&b);
}

static void test_lists_are_searched_for_whole_tokens(void **state)
{
	assert_true(http_list_has(STR("keep-alive, Upgrade ;x"), "upgrade"));
	assert_false(http_list_has(STR("xupgrade"), "upgrade"));
	assert_false(http_list_has(STR(""), "upgrade"));
}

static void test_headers_are_found_without_regard_to_case(void **state)
{
	struct arena a;
	struct http_headers h = { 0 };
	arena_init(&a, NULL);
	for (int i = 0; i < 40; i++)
		assert_true(http_headers_add(&h, &a, STR("X"), STR("1")));
	assert_true(http_headers_add(&h, &a, STR("content-type"), STR("t")));
	assert_true(http_headers_set(&h, &a, STR("Content-Type"), STR("u")));
	assert_int_equal(http_headers_count(&h, "Content-Type"), 1);
	assert_true(str_eq_c(http_headers_get(&h, "CONTENT-TYPE"), "u"));
	assert_int_equal(http_headers_count(&h, "x"), 40);
	assert_null(http_headers_get(&h, "y").p);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters_are_decoded_as_go_does),
		cmocka_unit_test(test_bad_escapes_are_refused_in_gos_words),
		cmocka_unit_test(test_number_of_parameters_is_limited),
		cmocka_unit_test(test_escapes_are_those_of_go),
		cmocka_unit_test(test_lists_are_searched_for_whole_tokens),
		cmocka_unit_test(test_headers_are_found_without_regard_to_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
