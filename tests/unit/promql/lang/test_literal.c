#include "unit/unit.h"

#include "promql/lang/literal.h"

#include <math.h>

/* Reads `s`; the message, or NULL. */
static const char *number(const char *s, double *ret)
{
	static struct arena a; /* lives until the next call */
	arena_fini(&a);
	arena_init(&a, NULL);
	const char *msg = promql_number_parse(str_c(s), ret, &a);
	static char copy[256];
	if (msg)
		snprintf(copy, sizeof(copy), "%s", msg);
	arena_fini(&a);
	return msg ? copy : NULL;
}

static void assert_number(const char *s, double want)
{
	double v;
	assert_null(number(s, &v));
	if (!(v == want || (isnan(v) && isnan(want))))
		fail_msg("%s: %g", s, v);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_number("0", 0);
	assert_number("0755", 493);
	assert_number("09", 9);
	assert_number("0x1F", 31);
	assert_number("1_000", 1000);
	assert_number("1_0.5_0", 10.5);
	assert_number("1e3", 1000);
	assert_number(".5", .5);
	assert_number("Inf", INFINITY);
	assert_number("nan", NAN);
	assert_number("9223372036854775808", 0x1p63);
	assert_number("9007199254740993", 9007199254740992.0);
}

static void test_bad_numbers_have_gos_text(void **state)
{
	(void)state;
	double v;
	assert_string_equal(number("1e+", &v),
			    "error parsing number: strconv.ParseFloat: parsing \"1e+\": invalid syntax");
	assert_string_equal(number("1e999", &v),
			    "error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range");
	assert_true(isinf(v));
}

static void assert_duration(const char *s, int64_t want_ns, const char *want_msg)
{
	struct arena a;
	int64_t ns;
	arena_init(&a, NULL);
	const char *msg = promql_duration_parse(str_c(s), &ns, &a);
	if (want_msg)
		assert_string_equal(msg, want_msg);
	else
		assert_null(msg);
	assert_true(ns == want_ns);
	arena_fini(&a);
}

static void test_durations(void **state)
{
	(void)state;
	assert_duration("0", 0, NULL);
	assert_duration("1h30m", 5400000000000, NULL);
	assert_duration("1y2w3d4h5m6s7ms", 33019506007000000, NULL);
	assert_duration("", 0, "empty duration string");
	assert_duration("1m1m", 0, "not a valid duration string: \"1m1m\"");
	assert_duration("1s1m", 0, "not a valid duration string: \"1s1m\"");
	assert_duration("5", 0, "not a valid duration string: \"5\"");
	assert_duration("1hs", 0, "unknown unit \"hs\" in duration \"1hs\"");
	assert_duration("293y", 0, "duration out of range");
	assert_duration("9999999999999999999s", 0, "duration out of range");
	assert_duration("99999999999999999999y", 0, "not a valid duration string: \"99999999999999999999y\"");
}

static void assert_unquoted(const char *s, struct str want)
{
	struct arena a;
	struct str got;
	arena_init(&a, NULL);
	assert_true(promql_unquote(str_c(s), &a, &got));
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
	arena_fini(&a);
}

static void test_strings(void **state)
{
	(void)state;
	assert_unquoted("\"\"", STR(""));
	assert_unquoted("`a\\n`", STR("a\\n"));
	assert_unquoted("'\\'\\\\\\n'", STR("'\\\n"));
	assert_unquoted("\"\\x00\\377\\u00fc\\U0001F600\"", STR("\0\xff\xC3\xBC\xF0\x9F\x98\x80"));
	assert_unquoted("\"\\u20ac\"", STR("\xE2\x82\xAC"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bad_numbers_have_gos_text),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
