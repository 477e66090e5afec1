#include "text/float.h"

#include "text/float_shim.h"

#include "unit/unit.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <unistd.h>

static double from_bits(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static void expect(double v, enum text_float_style style, const char *want)
{
	char buf[TEXT_FLOAT_MAX + 1];
	size_t n = text_float(buf, v, style);
	assert_in_range(n, 1, TEXT_FLOAT_MAX);
	buf[n] = '\0';
	assert_string_equal(buf, want);
}

static void test_prints_what_go_prints(void **state)
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
	json_array_foreach(json_object_get(all, "float_format"), i, row)
	{
		uint64_t bits = strtoull(json_string_value(json_object_get(row, "bits")), NULL, 16);
		double v = from_bits(bits);
		expect(v, TEXT_FLOAT_F, json_string_value(json_object_get(row, "f_-1")));
		expect(v, TEXT_FLOAT_E, json_string_value(json_object_get(row, "e_-1")));
		expect(v, TEXT_FLOAT_G, json_string_value(json_object_get(row, "g")));
	}
	assert_int_equal(i, 31);
	json_decref(all);
}

static void test_styles_differ_in_the_exponent(void **state)
{
	expect(123456.5, TEXT_FLOAT_F, "123456.5");
	expect(1e20, TEXT_FLOAT_JSON, "100000000000000000000");
	expect(1e21, TEXT_FLOAT_JSON, "1e+21");
	expect(1e-6, TEXT_FLOAT_JSON, "0.000001");
	expect(1e-7, TEXT_FLOAT_JSON, "1e-07");
	expect(9.5e-7, TEXT_FLOAT_JSON, "9.5e-07");
	expect(1e-7, TEXT_FLOAT_GOJSON, "1e-7");
	expect(1e-10, TEXT_FLOAT_GOJSON, "1e-10");
	expect(1e21, TEXT_FLOAT_GOJSON, "1e+21");
	expect(999999.5, TEXT_FLOAT_G, "999999.5");
	expect(1000000.5, TEXT_FLOAT_G, "1.0000005e+06");
	expect(9999999999, TEXT_FLOAT_G, "9.999999999e+09");
	expect(-0.0, TEXT_FLOAT_JSON, "-0");
	expect(0, TEXT_FLOAT_E, "0e+00");
	expect(-1500, TEXT_FLOAT_E, "-1.5e+03");
	expect(-NAN, TEXT_FLOAT_JSON, "NaN");
	expect(-INFINITY, TEXT_FLOAT_F, "-Inf");
}

/* std::to_chars gives the same shortest digits for any double. */
static void check_bits(uint64_t bits)
{
	double v = fabs(from_bits(bits)), back;
	if (v == 0 || !isfinite(v))
		return;
	char want[40], got[TEXT_FLOAT_MAX];
	char *end = float_shim_print(want, v);
	size_t n = text_float(got, v, TEXT_FLOAT_E);
	if (n != (size_t)(end - want) || memcmp(got, want, n) != 0)
		fail_msg("bits %016" PRIx64 ": got %.*s want %.*s", bits, (int)n, got, (int)(end - want), want);
	char digits[TEXT_FLOAT_MAX];
	size_t n_digits = 0;
	n = text_float(got, v, TEXT_FLOAT_F);
	assert_true(text_parse_double(str_mem(got, n), &back));
	assert_true(back == v);
	/* Without exponent they are the same digits, and zeros. */
	for (size_t i = 0; i < n; i++)
		if (got[i] != '.' && (n_digits || got[i] != '0'))
			digits[n_digits++] = got[i];
	while (n_digits && digits[n_digits - 1] == '0')
		n_digits--;
	size_t at = 0;
	for (const char *p = want; p < end && *p != 'e'; p++) {
		if (*p == '.')
			continue;
		if (at >= n_digits || digits[at++] != *p)
			fail_msg("bits %016" PRIx64 ": got %.*s want %.*s", bits, (int)n, got, (int)(end - want), want);
	}
	assert_int_equal(at, n_digits);
}

static void test_shortest_digits_of_random_doubles(void **state)
{
	uint64_t s = 88172645463325252;
	for (int i = 0; i < 300000; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		check_bits(s);
		check_bits((s & ((1ull << 52) - 1)) | (uint64_t)(1023 - 13 + i % 68) << 52); /* 2^-13 to 2^54 */
		/* Decimals of few digits, whole numbers, and their neighbours. */
		double d = (double)(s % 100000007) / (double[]){ 1, 10, 100, 1000, 1e6, 1e9 }[i % 6];
		uint64_t bits;
		memcpy(&bits, &d, sizeof(bits));
		check_bits(bits);
		check_bits(bits + 1);
	}
	for (int e = 0; e < 2047; e++) /* powers of two: the gap below is half the gap above */
		for (int off = -1; off <= 1; off++)
			check_bits(((uint64_t)e << 52) + (uint64_t)off);
	for (uint64_t i = 1; i < 2000; i++) /* the smallest of all */
		check_bits(i);
}

static void test_reads_what_go_reads(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		double v;
	} t[] = {
		{ "1", true, 1 },
		{ "+1", true, 1 },
		{ "-0", true, -0.0 },
		{ ".5", true, .5 },
		{ "5.", true, 5 },
		{ "1e3", true, 1e3 },
		{ "1E+3", true, 1e3 },
		{ "1e-3", true, 1e-3 },
		{ "0x1p-2", true, .25 },
		{ "0X1.8P+3", true, 12 },
		{ "0x10", false, 0 },
		{ "1_000", true, 1000 },
		{ "1__0", false, 0 },
		{ "_1", false, 0 },
		{ "1_", false, 0 },
		{ "0x_1p0", true, 1 },
		{ "1_.5", false, 0 },
		{ "1_2.3_4e1_0", true, 12.34e10 },
		{ "inf", true, INFINITY },
		{ "+Inf", true, INFINITY },
		{ "-inf", true, -INFINITY },
		{ "Infinity", true, INFINITY },
		{ "infin", false, 0 },
		{ "+nan", false, 0 },
		{ "nan(1)", false, 0 },
		{ "", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1d", false, 0 },
		{ "0b1", false, 0 },
		{ "e5", false, 0 },
		{ "1e", false, 0 },
		{ "-", false, 0 },
		{ "--1", false, 0 },
		{ "+-1", false, 0 },
		{ ".", false, 0 },
		{ "1e400", false, INFINITY },
		{ "-1e400", false, -INFINITY },
		{ "1e-400", true, 0 },
		{ "0x1p99999", false, INFINITY },
		{ "0x1p-99999", true, 0 },
		{ "1e99999999999999999999999", false, INFINITY },
		{ "0x", false, 0 },
		{ "1p5", false, 0 },
		{ "4.9e-324", true, 5e-324 },
		{ "1.7976931348623157e308", true, 1.7976931348623157e308 },
		{ "1.7976931348623159e308", false, INFINITY },
		{ "9007199254740993", true, 9007199254740992.0 },
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		double v = 42;
		bool ok = text_parse_double(str_c(t[i].text), &v);
		if (ok != t[i].ok || memcmp(&v, &t[i].v, sizeof(v)) != 0)
			if (!(isnan(v) && isnan(t[i].v)))
				fail_msg("\"%s\": got %d %g", t[i].text, ok, v);
	}
	double v;
	assert_true(text_parse_double(STR("NaN"), &v) && isnan(v));
}

static void test_overflow_without_exponent(void **state)
{
	char big[401], small[401];
	double v;
	memset(big, '1', 400);
	memset(small, '0', 400);
	small[1] = '.';
	small[399] = '1';
	assert_false(text_parse_double(str_mem(big, 400), &v));
	assert_true(v == INFINITY);
	assert_true(text_parse_double(str_mem(small, 400), &v));
	assert_true(v == 0);
}

static void test_seconds(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} t[] = {
		{ 0, "0" },
		{ 300000, "300" },
		{ 61500, "61.500" },
		{ 500, "0.500" },
		{ -1, "-0.001" },
		{ -1500, "-1.500" },
		{ 1435781451781, "1435781451.781" },
		{ 7, "0.007" },
		{ INT64_MIN, "-9223372036854775.808" },
	};
	struct strbuf b = { 0 };
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		strbuf_reset(&b);
		text_seconds_add(&b, t[i].ms);
		assert_string_equal(b.p, t[i].want);
	}
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints_what_go_prints),
		cmocka_unit_test(test_styles_differ_in_the_exponent),
		cmocka_unit_test(test_shortest_digits_of_random_doubles),
		cmocka_unit_test(test_reads_what_go_reads),
		cmocka_unit_test(test_overflow_without_exponent),
		cmocka_unit_test(test_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
