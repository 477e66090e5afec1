#include "text/glob.h"

#include "base/file.h"

#include "unit/unit.h"

#include <unistd.h>

static const struct {
	const char *pattern, *name;
	int want; /* 1 match, 0 none, -1 malformed */
} cases[] = {
	{ "abc", "abc", 1 },
	{ "*", "abc", 1 },
	{ "*c", "abc", 1 },
	{ "a*", "a", 1 },
	{ "a*", "abc", 1 },
	{ "a*", "ab/c", 0 },
	{ "a*/b", "abc/b", 1 },
	{ "a*/b", "a/c/b", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxe/f", 1 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", 1 },
	{ "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", 0 },
	{ "a*b?c*x", "abxbbxdbxebxczzx", 1 },
	{ "a*b?c*x", "abxbbxdbxebxczzy", 0 },
	{ "ab[c]", "abc", 1 },
	{ "ab[b-d]", "abc", 1 },
	{ "ab[e-g]", "abc", 0 },
	{ "ab[^c]", "abc", 0 },
	{ "ab[^b-d]", "abc", 0 },
	{ "ab[^e-g]", "abc", 1 },
	{ "a\\*b", "a*b", 1 },
	{ "a\\*b", "ab", 0 },
	{ "a?b",
	  "a\xe2\x98\xba"
	  "b",
	  1 },
	{ "a[^a]b",
	  "a\xe2\x98\xba"
	  "b",
	  1 },
	{ "a???b",
	  "a\xe2\x98\xba"
	  "b",
	  0 },
	{ "[a-\xce\xb6]*", "\xce\xb1", 1 },
	{ "*[a-\xce\xb6]", "A", 0 },
	{ "a?b", "a/b", 0 },
	{ "a*b", "a/b", 0 },
	{ "[\\]a]", "]", 1 },
	{ "[\\-]", "-", 1 },
	{ "[x\\-]", "x", 1 },
	{ "[\\-x]", "a", 0 },
	{ "[]a]", "]", -1 },
	{ "[-]", "-", -1 },
	{ "[x-]", "x", -1 },
	{ "[-x]", "x", -1 },
	{ "\\", "a", -1 },
	{ "[a-b-c]", "a", -1 },
	{ "[", "a", -1 },
	{ "[^", "a", -1 },
	{ "[^bc", "a", -1 },
	{ "a[", "a", -1 },
	{ "a[", "ab", -1 },
	{ "*x", "xxx", 1 },
	{ "", "", 1 },
	{ "", "a", 0 },
	{ "*", "", 1 },
	{ "**", "x", 1 },
};

static void test_match_as_go(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool m = false;
		int rc = text_glob_match(str_c(cases[i].pattern), str_c(cases[i].name), &m, NULL);
		int got = rc < 0 ? -1 : m;
		if (got != cases[i].want)
			fail_msg("\"%s\" on \"%s\": got %d", cases[i].pattern, cases[i].name, got);
	}
}

static void test_many_stars_take_bounded_time(void **state)
{
	char pattern[2001], name[4001];
	for (int i = 0; i < 1000; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	memset(name, 'a', 4000);
	name[3999] = 'b';
	bool m = true;
	assert_int_equal(text_glob_match(str_mem(pattern, 2000), str_mem(name, 4000), &m, NULL), 0);
	assert_false(m);
}

static void touch(const char *dir, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, "x", 1, NULL), 0);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/test-glob-XXXXXX", pattern[128], want[128];
	assert_non_null(mkdtemp(dir));
	char sub[64];
	for (int i = 1; i <= 2; i++) {
		snprintf(sub, sizeof(sub), "%s/d%d", dir, i);
		assert_int_equal(file_mkdir_all(sub, NULL), 0);
		touch(sub, "b.yaml");
		touch(sub, "a.yaml");
		touch(sub, "a.json");
	}
	char **paths;
	size_t n;
	snprintf(pattern, sizeof(pattern), "%s/d*/*.yaml", dir);
	assert_int_equal(text_glob_files(pattern, &paths, &n, NULL), 0);
	assert_int_equal(n, 4);
	snprintf(want, sizeof(want), "%s/d1/a.yaml", dir);
	assert_string_equal(paths[0], want);
	snprintf(want, sizeof(want), "%s/d2/b.yaml", dir);
	assert_string_equal(paths[3], want);
	file_list_free(paths, n);
	snprintf(pattern, sizeof(pattern), "%s/d1/a.json", dir);
	assert_int_equal(text_glob_files(pattern, &paths, &n, NULL), 0);
	assert_int_equal(n, 1);
	file_list_free(paths, n);
	snprintf(pattern, sizeof(pattern), "%s/none*/x", dir);
	assert_int_equal(text_glob_files(pattern, &paths, &n, NULL), 0);
	assert_int_equal(n, 0);
	file_list_free(paths, n);
	assert_int_equal(text_glob_files("a[", &paths, &n, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(file_remove_all(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match_as_go),
		cmocka_unit_test(test_many_stars_take_bounded_time),
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
