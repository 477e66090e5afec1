#include "unit/unit.h"

#include "base/compiler.h"
#include "net/addr.h"

static void check(const char *text, int def, const char *host, unsigned port)
{
	struct addr a;
	struct err err;
	assert_int_equal(addr_parse(str_c(text), def, &a, &err), 0);
	assert_string_equal(a.host, host);
	assert_int_equal(a.port, port);
}

static void test_hosts_and_ports_are_split(void **state)
{
	check("10.0.0.1:80", -1, "10.0.0.1", 80);
	check(":10902", -1, "", 10902);
	check("[::1]:9090", -1, "::1", 9090);
	check("store.example:10901", -1, "store.example", 10901);
	check("store.example", 11211, "store.example", 11211);
	check("[::1]", 11211, "::1", 11211);
}

static void test_bad_addresses_are_named_in_the_error(void **state)
{
	static const char *const bad[] = { "host",   "host:",   "host:x", "host:65536", "a:b:c",
					   "::1:80", "[::1:80", "unix:",  "host:-1" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct addr a;
		struct err err;
		assert_int_equal(addr_parse(str_c(bad[i]), -1, &a, &err), -ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, bad[i]));
	}
}

static void test_text_of_sockaddr_is_what_was_parsed(void **state)
{
	static const char *const texts[] = { "10.0.0.1:80", "[::1]:9090", "unix:/tmp/x.sock", "unix:@abstract" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct addr a;
		struct err err;
		struct sockaddr_any sa;
		char buf[ADDR_TEXT_MAX];
		assert_int_equal(addr_parse(str_c(texts[i]), -1, &a, &err), 0);
		assert_true(addr_is_literal(&a));
		assert_int_equal(addr_resolve_literal(&a, &sa, &err), 0);
		assert_string_equal(sockaddr_text(&sa, buf), texts[i]);
	}
}

static void test_names_are_not_literal(void **state)
{
	struct addr a;
	struct err err;
	struct sockaddr_any sa;
	assert_int_equal(addr_parse(str_c("localhost:80"), -1, &a, &err), 0);
	assert_false(addr_is_literal(&a));
	assert_int_equal(addr_resolve_literal(&a, &sa, &err), -ERR_FAILED_PRECONDITION);
}

static void test_mapped_v4_is_shown_as_v4(void **state)
{
	struct sockaddr_any sa;
	char buf[ADDR_TEXT_MAX];
	assert_true(sockaddr_from_ip("::ffff:1.2.3.4", 5, &sa));
	assert_string_equal(sockaddr_text(&sa, buf), "1.2.3.4:5");
	assert_int_equal(sockaddr_port(&sa), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_and_ports_are_split),
		cmocka_unit_test(test_bad_addresses_are_named_in_the_error),
		cmocka_unit_test(test_text_of_sockaddr_is_what_was_parsed),
		cmocka_unit_test(test_names_are_not_literal),
		cmocka_unit_test(test_mapped_v4_is_shown_as_v4),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
