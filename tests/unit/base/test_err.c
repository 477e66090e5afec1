#include "base/err.h"

#include "unit/unit.h"

#include <errno.h>
#include <string.h>

static void test_code_and_prefix_are_kept(void **state)
{
	struct err e;
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, "no block %d", 7), -ERR_NOT_FOUND);
	assert_int_equal(err_prefix(&e, "bucket %s", "b"), -ERR_NOT_FOUND);
	assert_string_equal(e.msg, "bucket b: no block 7");
	assert_string_equal(err_code_name(-ERR_NOT_FOUND), "NotFound");
}

static void test_errno_maps_to_codes(void **state)
{
	struct err e;
	assert_int_equal(err_sys(&e, ENOSPC, "write x"), -ERR_RESOURCE_EXHAUSTED);
	assert_string_equal(e.msg, "write x: No space left on device");
	assert_int_equal(err_sys(&e, EIO, "x"), -ERR_DATA_LOSS);
	assert_int_equal(err_sys(NULL, ENOENT, "x"), -ERR_NOT_FOUND);
}

static void test_long_messages_are_cut(void **state)
{
	struct err e;
	err_set(&e, ERR_INTERNAL, "%0600d", 1);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	err_prefix(&e, "%0600d", 2);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
}

static void test_a_message_can_be_worded_from_the_one_before(void **state)
{
	struct err e;
	err_set(&e, ERR_DATA_LOSS, "corrupt input");
	assert_int_equal(err_set(&e, ERR_INVALID_ARGUMENT, "decode error: %s", e.msg), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "decode error: corrupt input");
	err_set(&e, ERR_UNAVAILABLE, "%s", e.msg);
	assert_string_equal(e.msg, "decode error: corrupt input");
	err_prefix(&e, "%.6s", e.msg);
	assert_string_equal(e.msg, "decode: decode error: corrupt input");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_and_prefix_are_kept),
		cmocka_unit_test(test_errno_maps_to_codes),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_a_message_can_be_worded_from_the_one_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
