#include "text/duration.h"

#include "text/size.h"

#include "unit/unit.h"

#include <jansson.h>
#include <unistd.h>

static void test_prometheus_durations_are_those_of_prometheus(void **state)
{
	char path[4096];
	const char *shared = getenv("SHARED");
	snprintf(path, sizeof(path), "%s/conformance/promql/vectors.json", shared ? shared : ".");
	if (access(path, R_OK) != 0)
		skip();
	json_t *all = json_load_file(path, JSON_ALLOW_NUL, NULL);
	assert_non_null(all);
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(all, "duration"), i, row)
	{
		const char *in = json_string_value(json_object_get(row, "in"));
		const char *want_err = json_string_value(json_object_get(row, "err"));
		int64_t ms = 0;
		struct err err = ERR_NONE;
		int rc = text_duration_parse(str_c(in), &ms, &err);
		assert_string_equal(rc == 0 ? "<nil>" : err.msg, want_err);
		assert_int_equal(ms * 1000000, json_integer_value(json_object_get(row, "ns")));
		char out[TEXT_DURATION_MAX];
		size_t n = text_duration_format(out, ms);
		assert_string_equal(out, json_string_value(json_object_get(row, "string")));
		assert_int_equal(n, strlen(out));
	}
	assert_in_range(i, 20, 100);
	json_decref(all);
}

static void test_prometheus_durations_without_files(void **state)
{
	int64_t ms;
	assert_int_equal(text_duration_parse(STR("1d12h"), &ms, NULL), 0);
	assert_int_equal(ms, 36 * 3600000);
	assert_int_equal(text_duration_parse(STR("12h1d"), &ms, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(text_duration_parse(STR("1h 1m"), &ms, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(text_duration_parse(STR("99999999999999999999s"), &ms, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(text_duration_parse(STR("18446744073709551615ms"), &ms, NULL), -ERR_INVALID_ARGUMENT);
	char out[TEXT_DURATION_MAX];
	text_duration_format(out, -90000);
	assert_string_equal(out, "-1m30s");
	text_duration_format(out, INT64_MIN);
	assert_true(out[0] == '-');
}

static const struct {
	const char *text;
	int64_t ns;
	const char *printed;
} go[] = {
	{ "0", 0, "0s" },
	{ "1.5h", 5400000000000, "1h30m0s" },
	{ "300ms", 300000000, "300ms" },
	{ "2m", 120000000000, "2m0s" },
	{ "1m30.5s", 90500000000, "1m30.5s" },
	{ "-1.5s", -1500000000, "-1.5s" },
	{ "+3ns", 3, "3ns" },
	{ "1us", 1000, "1\xc2\xb5s" },
	{ "1.1\xc2\xb5s", 1100, "1.1\xc2\xb5s" },
	{ "2\xce\xbcs", 2000, "2\xc2\xb5s" },
	{ ".5s", 500000000, "500ms" },
	{ "1.s", 1000000000, "1s" },
	{ "5m5m", 600000000000, "10m0s" },
	{ "100h", 360000000000000, "100h0m0s" },
	{ "9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s" },
	{ "-9223372036854775808ns", INT64_MIN, "-2562047h47m16.854775808s" },
	{ "0.3333333333333333333h", 1200000000000, "20m0s" },
	{ "0.9223372036854775807h", 3320413933267, "55m20.413933267s" },
};

static void test_go_durations(void **state)
{
	for (size_t i = 0; i < sizeof(go) / sizeof(*go); i++) {
		int64_t ns = -1;
		char out[TEXT_DURATION_MAX];
		if (text_goduration_parse(str_c(go[i].text), &ns, NULL) != 0 || ns != go[i].ns)
			fail_msg("%s: got %lld", go[i].text, (long long)ns);
		size_t n = text_goduration_format(out, ns);
		assert_string_equal(out, go[i].printed);
		assert_int_equal(n, strlen(out));
	}
}

static void test_malformed_go_durations_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "3",
					   "-",
					   "s",
					   ".",
					   ".s",
					   "1d",
					   "1w",
					   "1h-5m",
					   "1 s",
					   "1.2.3s",
					   "9223372036854775808ns",
					   "99999999999h",
					   "0x1s",
					   "1S",
					   "00" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int64_t ns;
		if (text_goduration_parse(str_c(bad[i]), &ns, NULL) != -ERR_INVALID_ARGUMENT)
			fail_msg("\"%s\" was accepted", bad[i]);
	}
}

static void expect_go_error(const char *text, const char *want)
{
	int64_t ns;
	struct err err = ERR_NONE;
	assert_int_equal(text_goduration_parse(str_c(text), &ns, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, want);
}

static void test_go_errors_are_worded_as_in_go(void **state)
{
	expect_go_error("3", "time: missing unit in duration \"3\"");
	expect_go_error("1h5", "time: missing unit in duration \"1h5\"");
	expect_go_error("1d", "time: unknown unit \"d\" in duration \"1d\"");
	expect_go_error("", "time: invalid duration \"\"");
	expect_go_error("1h-5m", "time: unknown unit \"h-\" in duration \"1h-5m\"");
	expect_go_error("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\"");
}

static void test_either_notation(void **state)
{
	int64_t ns;
	assert_int_equal(text_anyduration_parse(STR("1d"), &ns, NULL), 0);
	assert_int_equal(ns, 86400000000000);
	assert_int_equal(text_anyduration_parse(STR("1.5h"), &ns, NULL), 0);
	assert_int_equal(ns, 5400000000000);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *printed;
	} t[] = {
		{ "0", 0, "0B" },
		{ "1B", 1, "1B" },
		{ "1KB", 1024, "1KiB" },
		{ "1KiB", 1024, "1KiB" },
		{ "512MiB", 512ull << 20, "512MiB" },
		{ "1GB", 1ull << 30, "1GiB" },
		{ "1.5KiB", 1536, "1KiB512B" },
		{ "1GiB512MiB", 1536ull << 20, "1GiB512MiB" },
		{ "250MB", 250ull << 20, "250MiB" },
		{ "7EiB", 7ull << 60, "7EiB" },
		{ "+2TB", 2ull << 40, "2TiB" },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		uint64_t v;
		char out[TEXT_SIZE_MAX];
		assert_int_equal(text_size_parse(str_c(t[i].text), &v, NULL), 0);
		assert_int_equal(v, t[i].bytes);
		assert_int_equal(text_size_format(out, v), strlen(t[i].printed));
		assert_string_equal(out, t[i].printed);
	}
	static const char *const bad[] = { "",       "5", "kB",      "1kB", "1KiBx", "8EiB", "-1B",
					   "1.2.3B", "B", "1KB1KiB", ".B",  "1 KB",  "1e3B" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t v;
		if (text_size_parse(str_c(bad[i]), &v, NULL) != -ERR_INVALID_ARGUMENT)
			fail_msg("\"%s\" was accepted", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus_durations_are_those_of_prometheus),
		cmocka_unit_test(test_prometheus_durations_without_files),
		cmocka_unit_test(test_go_durations),
		cmocka_unit_test(test_malformed_go_durations_are_refused),
		cmocka_unit_test(test_go_errors_are_worded_as_in_go),
		cmocka_unit_test(test_either_notation),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
