#include "labels/regex.h"
#include "base/mem.h"

#include "unit/unit.h"

static struct regex *make(const char *pattern)
{
	struct regex *re = NULL;
	struct err e = ERR_NONE;
	if (regex_compile(str_c(pattern), &re, &e) < 0)
		fail_msg("%s: %s", pattern, e.msg);
	return re;
}

static void expect_replace(const char *pattern, const char *text, const char *tmpl, const char *want)
{
	struct regex *re = make(pattern);
	struct strbuf b = { 0 };
	strbuf_add_c(&b, "");
	bool ok = regex_replace(re, str_c(text), str_c(tmpl), &b);
	assert_int_equal(ok, want != NULL);
	if (want)
		assert_string_equal(b.n ? b.p : "", want);
	strbuf_fini(&b);
	regex_free(re);
}

static void test_templates_expand_as_in_go(void **state)
{
	expect_replace("(.*)-(.*)", "a-b", "$2-$1", "b-a");
	expect_replace("(.*)-(.*)", "a-b", "${1}x", "ax");
	expect_replace("(.*)-(.*)", "a-b", "$1x", "");
	expect_replace("(.*)-(.*)", "a-b", "$0", "a-b");
	expect_replace("(.*)-(.*)", "a-b", "$$1", "$1");
	expect_replace("(.*)-(.*)", "a-b", "$9", "");
	expect_replace("(.*)-(.*)", "a-b", "$01", "");
	expect_replace("(.*)-(.*)", "a-b", "$", "$");
	expect_replace("(.*)-(.*)", "a-b", "$-", "$-");
	expect_replace("(.*)-(.*)", "a-b", "${1", "${1");
	expect_replace("(.*)-(.*)", "a-b", "${}", "${}");
	expect_replace("(.*)-(.*)", "a-b", "${", "${");
	expect_replace("(?P<x>.*)-(?<y_2>.*)", "a-b", "$y_2/${x}", "b/a");
	expect_replace("(a)|(b)", "b", "[$1$2]", "[b]");
	expect_replace("(.*)", "", "x$1", "x");
	expect_replace("(.*)", "a-b", "plain", "plain");
	expect_replace("a", "b", "x", NULL);
}

static void test_submatches(void **state)
{
	struct regex *re = make("(a)?(b+)");
	struct str g[3];
	assert_int_equal(regex_groups(re), 3);
	assert_true(regex_submatch(re, STR("bb"), g, 3));
	assert_true(str_eq(g[0], STR("bb")) && str_eq(g[2], STR("bb")));
	assert_null(g[1].p);
	assert_false(regex_submatch(re, STR("abx"), g, 3));
	regex_free(re);
}

static void test_alternatives_prefer_the_first_that_fits_the_whole(void **state)
{
	struct regex *re = make("(a|ab)(c|bcd)?");
	struct str g[3];
	assert_true(regex_submatch(re, STR("abcd"), g, 3));
	assert_true(str_eq(g[1], STR("a")) && str_eq(g[2], STR("bcd")));
	assert_true(regex_match(re, STR("abc")));
	regex_free(re);
}

static void test_group_names_inside_classes_and_quotes_stay(void **state)
{
	struct regex *re = make("[(?<a>]+\\(\\Q(?<b>\\E");
	assert_true(regex_match(re, STR("<a?((?<b>")));
	regex_free(re);
}

static void test_hostile_patterns_are_refused_or_linear(void **state)
{
	struct regex *re = NULL;
	assert_int_equal(regex_compile(STR("((a{1000}){1000}){1000}"), &re, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(regex_compile(STR("(\\pL{500}){2}"), &re, NULL), -ERR_INVALID_ARGUMENT);
	re = make("(a+)+b");
	char *text = xmalloc(1 << 20);
	memset(text, 'a', 1 << 20);
	assert_false(regex_match(re, str_mem(text, 1 << 20)));
	free(text);
	regex_free(re);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates_expand_as_in_go),
		cmocka_unit_test(test_submatches),
		cmocka_unit_test(test_alternatives_prefer_the_first_that_fits_the_whole),
		cmocka_unit_test(test_group_names_inside_classes_and_quotes_stay),
		cmocka_unit_test(test_hostile_patterns_are_refused_or_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
