#include "receive/tenant.h"

#include "unit/unit.h"

static void test_names_that_could_leave_the_directory_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   ".",
					   "..",
					   "../x",
					   "/abs",
					   "a/b",
					   "a\\b",
					   "%2e%2e",
					   "a b",
					   "a\nb",
					   "\xE2\x88\x95",
					   "lost+found",
					   "lock",
					   "quarantine",
					   "thanos.shipper.json" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(tenant_name_valid(str_c(bad[i])));
	assert_false(tenant_name_valid(str_mem("a\0b", 3)));
	char longest[TENANT_NAME_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	assert_true(tenant_name_valid(str_mem(longest, TENANT_NAME_MAX)));
	assert_false(tenant_name_valid(str_mem(longest, TENANT_NAME_MAX + 1)));
}

static void test_usual_names_are_taken(void **state)
{
	static const char *const good[] = { "default-tenant", "acme", "team=a", "A.b_C-9", "...", "0" };
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(tenant_name_valid(str_c(good[i])));
	struct err e;
	assert_int_equal(tenant_name_check(STR("../x"), &e), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "want 1 to 128 of"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_that_could_leave_the_directory_are_refused),
		cmocka_unit_test(test_usual_names_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
