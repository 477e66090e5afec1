#include "api/param.h"

#include "base/compiler.h"
#include "unit/unit.h"

static void test_times_are_read_as_seconds_or_rfc3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0", 0 },
		{ "300", 300000 },
		{ "300.123", 300123 },
		{ "300.1239", 300124 },
		{ "-0.5", -500 },
		{ "1e3", 1000000 },
		{ "0x10p0", 16000 },
		{ "-1", -1000 },
		{ "1700000000.999999", 1700000001000 },
		{ "1970-01-01T00:05:00Z", 300000 },
		{ "1970-01-01T00:05:00.5Z", 300500 },
		{ "1970-01-01T01:05:00+01:00", 300000 },
		{ "1969-12-31T23:59:59.999Z", -1 },
		{ "2024-02-29T12:34:56.789123456-07:30", 1709237096789 },
		{ "0000-01-01T00:00:00Z", -62167219200000 },
		{ "9999-12-31T23:59:59.999999999Z", 253402300799999 },
		{ "2000-01-01T00:00:00,25Z", 946684800250 },
		{ "2000-01-01T7:00:00Z", 946710000000 },
		{ "-292273086-05-16T16:47:06Z", API_TIME_MIN },
		{ "292277025-08-18T07:12:54.999999999Z", API_TIME_MAX },
	};
	struct err err;
	int64_t ms;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (api_time_parse(str_c(good[i].text), &ms, &err))
			fail_msg("%s: %s", good[i].text, err.msg);
		if (ms != good[i].ms)
			fail_msg("%s: %lld", good[i].text, (long long)ms);
	}
}

static void test_what_is_no_time_is_refused_with_upstreams_words(void **state)
{
	static const char *const bad[] = {
		"",
		"abc",
		"NaN",
		"Inf",
		"-Inf",
		"1e300",
		"9223372036854775807",
		"1970-01-01",
		"1970-01-01 00:00:00Z",
		"1970-01-01T00:00:00",
		"1970-13-01T00:00:00Z",
		"1970-02-29T00:00:00Z",
		"1970-00-01T00:00:00Z",
		"1970-01-01T24:00:00Z",
		"1970-01-01T00:60:00Z",
		"1970-01-01T00:00:60Z",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00Zx",
		"1970-01-01T00:00:00+1:00",
		"1970-01-01T00:00:00+25:00",
		"70-01-01T00:00:00Z",
		"+292277025-08-18T07:12:54.999999999Z",
	};
	struct err err;
	int64_t ms;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (api_time_parse(str_c(bad[i]), &ms, &err) != -ERR_INVALID_ARGUMENT)
			fail_msg("%s is taken as %lld", bad[i], (long long)ms);
	api_time_parse(str_c("a\"\n"), &ms, &err);
	assert_string_equal(err.msg, "cannot parse \"a\\\"\\n\" to a valid timestamp");
}

static void test_durations_are_seconds_or_prometheus_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "5", 5000000000 }, { "-5", -5000000000 },       { "0.0001", 100000 },   { "1m30s", 90000000000 },
		{ "0", 0 },          { "15d", 1296000000000000 }, { "250ms", 250000000 }, { "1e-9", 1 },
	};
	static const char *const bad[] = { "", "x", "NaN", "-5s", "1s1m", "1h 5m", "s" };
	struct err err;
	int64_t ns;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(api_duration_parse(str_c(good[i].text), &ns, &err), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(api_duration_parse(str_c(bad[i]), &ns, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "cannot parse \"s\" to a valid duration");
	api_duration_parse(STR("1e30"), &ns, &err);
	assert_string_equal(err.msg, "cannot parse \"1e30\" to a valid duration. It overflows int64");
}

static void test_truth_values_are_those_of_go(void **state)
{
	struct err err;
	bool v = false;
	assert_int_equal(api_bool_parse(STR("T"), &v, &err), 0);
	assert_true(v);
	assert_int_equal(api_bool_parse(STR("False"), &v, &err), 0);
	assert_false(v);
	assert_int_equal(api_bool_parse(STR("1"), &v, &err), 0);
	assert_true(v);
	assert_int_equal(api_bool_parse(STR("yes"), &v, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "strconv.ParseBool: parsing \"yes\": invalid syntax");
}

static void test_limits_are_counts(void **state)
{
	struct err err;
	uint64_t v = 7;
	assert_int_equal(api_limit_parse(STR(""), &v, &err), 0);
	assert_int_equal(v, 0);
	assert_int_equal(api_limit_parse(STR("40000"), &v, &err), 0);
	assert_int_equal(v, 40000);
	assert_int_not_equal(api_limit_parse(STR("-1"), &v, &err), 0);
	assert_string_equal(err.msg, "limit must be non-negative");
	assert_int_not_equal(api_limit_parse(STR("9223372036854775808"), &v, &err), 0);
	assert_string_equal(err.msg, "cannot parse \"9223372036854775808\" to a valid limit");
}

static void test_escaped_names_are_unescaped_and_others_left(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "job", "job" },
		{ "a.b", "a.b" },
		{ "U__a_2e_b", "a.b" },
		{ "U__label_2e_with_2e_dots", "label.with.dots" },
		{ "U__a__b", "a_b" },
		{ "U___e9__65e5_", "é日" },
		{ "U___1f600_", "😀" },
		{ "U__", "" },
		{ "U__a_b", "U__a_b" },
		{ "U__a_", "U__a_" },
		{ "U__a_zz_", "U__a_zz_" },
		{ "U___d800_", "U___d800_" },
		{ "U___110000_", "U___110000_" },
		{ "U___1234567_", "U___1234567_" },
		{ "U_a_2e_b", "U_a_2e_b" },
	};
	struct arena a;
	arena_init(&a, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str s = api_name_unescape(&a, str_c(cases[i].in));
		if (!str_eq_c(s, cases[i].out))
			fail_msg("%s gives %.*s", cases[i].in, STR_ARG(s));
	}
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_are_read_as_seconds_or_rfc3339),
		cmocka_unit_test(test_what_is_no_time_is_refused_with_upstreams_words),
		cmocka_unit_test(test_durations_are_seconds_or_prometheus_durations),
		cmocka_unit_test(test_truth_values_are_those_of_go),
		cmocka_unit_test(test_limits_are_counts),
		cmocka_unit_test(test_escaped_names_are_unescaped_and_others_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
