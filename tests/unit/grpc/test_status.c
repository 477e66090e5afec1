#include "grpc/status.h"

#include "base/compiler.h"
#include "base/err.h"
#include "unit/unit.h"

static void test_messages_survive_percent_encoding(void **state)
{
	static const char *const texts[] = { "",     "plain",     "100%", "line\nbreak", "\xc3\xa9\xe2\x82\xac",
					     "%41%", "~ \x7f\x01" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct strbuf b = { 0 };
		char back[64];
		grpc_message_encode(&b, texts[i]);
		for (size_t k = 0; k < b.n; k++)
			assert_true(b.p[k] >= 0x20 && b.p[k] <= 0x7e);
		grpc_message_decode(strbuf_str(&b), back, sizeof(back));
		assert_string_equal(back, texts[i]);
		strbuf_fini(&b);
	}
}

static void test_malformed_escapes_stay(void **state)
{
	char buf[16];
	grpc_message_decode(STR("a%4"), buf, sizeof(buf));
	assert_string_equal(buf, "a%4");
	grpc_message_decode(STR("a%zz%41"), buf, sizeof(buf));
	assert_string_equal(buf, "a%zzA");
	grpc_message_decode(STR("123456789012345678"), buf, 5);
	assert_string_equal(buf, "1234");
}

static void test_timeouts_parse_and_format(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "100m", 100 },   { "1S", 1000 }, { "2M", 120000 },
		     { "1H", 3600000 }, { "1u", 1 },    { "1500u", 2 },
		     { "1n", 1 },       { "0m", 0 },    { "99999999H", 99999999LL * 3600000 } };
	int64_t ms;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(grpc_timeout_parse(str_c(good[i].text), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	static const char *const bad[] = { "", "m", "1", "-1m", "+1m", "1x", "1 m", "123456789m", "1.5S", "0x1m" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(grpc_timeout_parse(str_c(bad[i]), &ms));
	char buf[GRPC_TIMEOUT_MAX];
	assert_string_equal(grpc_timeout_format(1500, buf), "1500m");
	assert_string_equal(grpc_timeout_format(0, buf), "1m");
	assert_string_equal(grpc_timeout_format(100000000500, buf), "1666667M");
	for (int64_t v = 1; v < INT64_MAX / 7; v *= 7) {
		assert_true(grpc_timeout_parse(str_c(grpc_timeout_format(v, buf)), &ms));
		assert_true(ms >= v || v > 99999999LL * 3600000);
	}
}

static void test_codes_follow_the_mapping_tables(void **state)
{
	int code;
	assert_true(grpc_status_parse(STR("14"), &code) && code == ERR_UNAVAILABLE);
	assert_true(grpc_status_parse(STR("17"), &code) && code == ERR_UNKNOWN);
	assert_false(grpc_status_parse(STR("x"), &code));
	assert_int_equal(grpc_status_of_http(STR("404")), ERR_UNIMPLEMENTED);
	assert_int_equal(grpc_status_of_http(STR("503")), ERR_UNAVAILABLE);
	assert_int_equal(grpc_status_of_http(STR("500")), ERR_UNKNOWN);
	assert_int_equal(grpc_status_of_reset(7), ERR_UNAVAILABLE);
	assert_int_equal(grpc_status_of_reset(8), ERR_CANCELLED);
	assert_int_equal(grpc_status_of_reset(11), ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(grpc_status_of_reset(1), ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_survive_percent_encoding),
		cmocka_unit_test(test_malformed_escapes_stay),
		cmocka_unit_test(test_timeouts_parse_and_format),
		cmocka_unit_test(test_codes_follow_the_mapping_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
