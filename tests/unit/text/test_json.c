#include "text/json_read.h"
#include "text/json_write.h"

#include "unit/unit.h"

#include <math.h>

static void test_nested_values(void **state)
{
	struct strbuf b = { 0 };
	struct jsonw w;
	jsonw_init(&w, &b, JSONW_HTML);
	jsonw_object_begin(&w);
	jsonw_kv_cstr(&w, "status", "success");
	jsonw_key(&w, "data");
	jsonw_array_begin(&w);
	jsonw_i64(&w, -5);
	jsonw_object_begin(&w);
	jsonw_object_end(&w);
	jsonw_array_begin(&w);
	jsonw_array_end(&w);
	jsonw_sample(&w, 61500, 1.5);
	jsonw_sample(&w, 300000, NAN);
	jsonw_null(&w);
	jsonw_raw(&w, STR("{\"x\":1}"));
	jsonw_array_end(&w);
	jsonw_kv_bool(&w, "b", true);
	jsonw_kv_u64(&w, "u", UINT64_MAX);
	jsonw_kv_double(&w, "d", 1e-7);
	jsonw_kv_double(&w, "inf", INFINITY);
	jsonw_object_end(&w);
	assert_int_equal(jsonw_finish(&w, NULL), 0);
	assert_string_equal(b.p, "{\"status\":\"success\",\"data\":[-5,{},[],[61.500,\"1.5\"],[300,\"NaN\"],null,"
				 "{\"x\":1}],\"b\":true,\"u\":18446744073709551615,\"d\":1e-7,\"inf\":null}");
	strbuf_fini(&b);
}

static void expect_quoted(struct str s, unsigned flags, const char *want)
{
	struct strbuf b = { 0 };
	jsonw_add_quoted(&b, s, flags);
	assert_string_equal(b.p, want);
	strbuf_fini(&b);
}

static void test_escaping(void **state)
{
	expect_quoted(STR("<a&b>\"q\"\\n\n\t\r\b\f\x01\x7f"), 0,
		      "\"<a&b>\\\"q\\\"\\\\n\\n\\t\\r\\u0008\\u000c\\u0001\x7f\"");
	expect_quoted(STR("<a&b>"), JSONW_HTML, "\"\\u003ca\\u0026b\\u003e\"");
	expect_quoted(STR("a\xe2\x80\xa8z\xe2\x80\xa9"), JSONW_HTML, "\"a\\u2028z\\u2029\"");
	expect_quoted(STR("a\xe2\x80\xa8"), 0, "\"a\xe2\x80\xa8\"");
	expect_quoted(STR("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"), JSONW_HTML,
		      "\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"");
	expect_quoted(STR("\xff\xc3(\xe2\x80"), 0, "\"\\ufffd\\ufffd(\\ufffd\\ufffd\"");
	expect_quoted(str_mem("a\0b", 3), 0, "\"a\\u0000b\"");
	expect_quoted(STR(""), 0, "\"\"");
}

struct sent {
	struct strbuf all;
	size_t flushes, largest;
	int fail_after;
};

static int send_on(void *arg, struct strbuf *out, struct err *err)
{
	struct sent *s = arg;
	if (s->fail_after >= 0 && s->flushes >= (size_t)s->fail_after)
		return err_set(err, ERR_UNAVAILABLE, "peer went away");
	s->flushes++;
	if (out->n > s->largest)
		s->largest = out->n;
	strbuf_add_str(&s->all, strbuf_str(out));
	strbuf_reset(out);
	return 0;
}

static void test_large_answers_stream_through_a_small_buffer(void **state)
{
	struct sent s = { .fail_after = -1 };
	struct strbuf b = { .limit = 2048 };
	struct jsonw w;
	jsonw_init(&w, &b, 0);
	jsonw_set_flush(&w, send_on, &s, 1024);
	jsonw_array_begin(&w);
	for (int i = 0; i < 10000; i++)
		jsonw_sample(&w, i * 1000, i);
	jsonw_array_end(&w);
	assert_int_equal(jsonw_finish(&w, NULL), 0);
	assert_true(s.flushes > 50);
	assert_in_range(s.largest, 1, 1100);
	json_t *j;
	assert_int_equal(text_json_parse(strbuf_str(&s.all), NULL, &j, NULL), 0);
	assert_int_equal(json_array_size(j), 10000);
	json_decref(j);
	strbuf_fini(&s.all);
	strbuf_fini(&b);
}

static void test_first_failure_sticks(void **state)
{
	struct sent s = { .fail_after = 2 };
	struct strbuf b = { 0 };
	struct jsonw w;
	struct err err = ERR_NONE;
	jsonw_init(&w, &b, 0);
	jsonw_set_flush(&w, send_on, &s, 100);
	jsonw_array_begin(&w);
	for (int i = 0; i < 1000; i++) {
		jsonw_i64(&w, 1000000000);
		assert_true(b.n <= 120);
	}
	assert_true(jsonw_failed(&w));
	assert_int_equal(jsonw_finish(&w, &err), -ERR_UNAVAILABLE);
	assert_string_equal(err.msg, "peer went away");
	assert_int_equal(s.flushes, 2);
	strbuf_fini(&s.all);
	strbuf_fini(&b);
}

static void test_overflow_without_callback_is_reported(void **state)
{
	struct strbuf b = { .limit = 10 };
	struct jsonw w;
	jsonw_init(&w, &b, 0);
	jsonw_cstr(&w, "more than ten bytes");
	assert_int_equal(jsonw_finish(&w, NULL), -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&b);
}

static void test_parse_limits(void **state)
{
	json_t *j;
	struct err err = ERR_NONE;
	assert_int_equal(text_json_parse(STR("{\"a\":1,\"a\":2,\"s\":\"[[[[,,,,\\\"\"}"),
					 &(struct json_limits){ .depth = 1, .values = 5 }, &j, &err),
			 0);
	assert_int_equal(json_integer_value(json_object_get(j, "a")), 2);
	json_decref(j);
	assert_int_equal(text_json_parse(STR("[[1]]"), &(struct json_limits){ .depth = 1 }, &j, &err),
			 -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(text_json_parse(STR("[1,2,3]"), &(struct json_limits){ .values = 3 }, &j, &err),
			 -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(text_json_parse(STR("[1]"), &(struct json_limits){ .bytes = 2 }, &j, &err),
			 -ERR_RESOURCE_EXHAUSTED);
	char deep[100000];
	memset(deep, '[', sizeof(deep));
	assert_int_equal(text_json_parse(str_mem(deep, sizeof(deep)), NULL, &j, &err), -ERR_RESOURCE_EXHAUSTED);
}

static void test_parse_errors_name_the_place(void **state)
{
	json_t *j;
	struct err err = ERR_NONE;
	assert_int_equal(text_json_parse(STR("{\n\"a\" 1}"), NULL, &j, &err), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "line 2"));
	static const char *const bad[] = { "", "{", "[1,]", "\"\xff\"", "nul", "[1] x", "\"abc", "\"\\" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(text_json_parse(str_c(bad[i]), NULL, &j, &err), -ERR_INVALID_ARGUMENT);
}

/* Samples in one go are what single calls write, with all times prepared, some or none. */
static void test_samples_in_one_go(void **state)
{
	enum { N = 500 };
	struct {
		int64_t t;
		double v;
	} points[N];
	int64_t t[N];
	double v[N];
	struct jsonw_time times[N];
	struct strbuf one = { 0 }, all = { 0 };
	struct jsonw w;
	uint64_t seed = 3;
	for (int i = 0; i < N; i++) {
		jsonw_time_set(&times[i], 1700000000000 + i * 15000ll);
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		points[i].t = 1700000000000 + i * 15000ll + (seed >> 60 == 0 ? 1 : 0);
		points[i].v = (double)(int64_t)seed / (double)(1ull << (seed >> 59));
		if (i > N / 2 && i % 100 < 90) /* whole ones of any length, mostly in a row */
			points[i].v = i % 17 ? (double)(seed >> (34 + seed % 30)) : i % 2 ? -0.0 : 99999999 + i % 3;
		else if (i % 10 > 3) /* values that stay: short ones, and as long as they can be */
			points[i].v = i % 20 > 10 ? 1 : -0.0000012345678901234567;
	}
	for (int i = 0; i < N; i++) {
		t[i] = points[i].t;
		v[i] = points[i].v;
	}
	for (size_t n = 1; n < N; n++) {
		for (size_t prepared = 0; prepared <= N; prepared += N / 2) {
			struct jsonw_samples s = { &points[N - n].t, &points[N - n].v, sizeof(points[0]), n };
			struct jsonw_samples columns = { t + N - n, v + N - n, sizeof(v[0]), n };
			strbuf_reset(&one);
			jsonw_init(&w, &one, 0);
			jsonw_array_begin(&w);
			for (size_t i = N - n; i < N; i++)
				jsonw_sample(&w, points[i].t, points[i].v);
			jsonw_array_end(&w);
			assert_int_equal(jsonw_finish(&w, NULL), 0);
			for (int as_columns = 0; as_columns < 2; as_columns++) {
				strbuf_reset(&all);
				jsonw_init(&w, &all, 0);
				jsonw_array_begin(&w);
				jsonw_samples(&w, as_columns ? &columns : &s, times, prepared);
				jsonw_array_end(&w);
				assert_int_equal(jsonw_finish(&w, NULL), 0);
				assert_string_equal(one.p, all.p);
			}
		}
	}
	strbuf_fini(&one);
	strbuf_fini(&all);
}

/* Numbers of the kinds that loops treat side by side, and of others between them. */
static double number(uint64_t x, int kind)
{
	double whole = (double)(x >> (38 + x % 26)), sign = x % 5 ? 1 : -1;
	switch (kind) {
	case 0: /* any significand from 2^-13 to 2^28 */
		return sign * ldexp((double)(x >> 12 | 1ull << 52), (int)(x % 42) - 65);
	case 1: /* few decimals */
		return sign * (whole + (double)(x % 1000) / 1000);
	case 2: /* beside a number with few decimals */
		return nextafter(whole + (double)(x % 100) / 100, x % 2 ? 0 : 1e9);
	case 3: /* beside a whole number, or a power of two */
		return nextafter(ldexp(1, (int)(x % 40) - 13) + (double)(x % 3), x % 2 ? 0 : 1e9);
	case 4:
		return x % 3 ? whole : sign * 0;
	case 5:
		return ldexp(1, (int)(x % 40) - 10);
	case 6:
		return (whole + 1) / (double)(1 + (x >> 8) % 999);
	default:
		return x % 2 ? NAN : (double)x;
	}
}

/* Columns of numbers that are alike, with others between them and values that stay. */
static void test_columns_have_the_digits_of_each_number(void **state)
{
	enum { N = 300 };
	int64_t t[N];
	double v[N];
	struct strbuf one = { 0 }, all = { 0 };
	struct jsonw w;
	uint64_t x = 5;
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < N; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			t[i] = 1700000000000 + i * 15000ll;
			v[i] = number(x ^ x >> 29, x >> 58 ? round % 8 : (int)(x >> 50 & 7));
			if (round % 10 == 9 && i && x >> 62)
				v[i] = v[i - 1];
		}
		struct jsonw_samples s = { t, v, sizeof(v[0]), N };
		strbuf_reset(&one);
		strbuf_reset(&all);
		jsonw_init(&w, &one, 0);
		jsonw_array_begin(&w);
		for (size_t i = 0; i < N; i++)
			jsonw_sample(&w, t[i], v[i]);
		jsonw_array_end(&w);
		assert_int_equal(jsonw_finish(&w, NULL), 0);
		jsonw_init(&w, &all, 0);
		jsonw_array_begin(&w);
		jsonw_samples(&w, &s, NULL, 0);
		jsonw_array_end(&w);
		assert_int_equal(jsonw_finish(&w, NULL), 0);
		assert_string_equal(one.p, all.p);
	}
	strbuf_fini(&one);
	strbuf_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_in_one_go),
		cmocka_unit_test(test_columns_have_the_digits_of_each_number),
		cmocka_unit_test(test_nested_values),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_large_answers_stream_through_a_small_buffer),
		cmocka_unit_test(test_first_failure_sticks),
		cmocka_unit_test(test_overflow_without_callback_is_reported),
		cmocka_unit_test(test_parse_limits),
		cmocka_unit_test(test_parse_errors_name_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
