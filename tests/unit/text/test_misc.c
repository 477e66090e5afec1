#include "text/env.h"
#include "text/ulid.h"

#include "base/sys.h"

#include "unit/unit.h"

static void test_ulid_of_the_specification(void **state)
{
	struct ulid u;
	char out[ULID_LEN + 1];
	assert_true(ulid_parse(STR("01ARZ3NDEKTSV4RRFFQ69G5FAV"), &u));
	assert_int_equal(ulid_time_ms(&u), 1469922850259);
	ulid_format(&u, out);
	assert_string_equal(out, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
	struct ulid lower;
	assert_true(ulid_parse(STR("01arz3ndektsv4rrffq69g5fav"), &lower));
	assert_int_equal(ulid_cmp(&u, &lower), 0);
}

static void test_ulid_extremes(void **state)
{
	struct ulid u;
	char out[ULID_LEN + 1];
	assert_true(ulid_parse(STR("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), &u));
	for (int i = 0; i < 16; i++)
		assert_int_equal(u.b[i], 0xff);
	ulid_format(&u, out);
	assert_string_equal(out, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	assert_false(ulid_parse(STR("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), &u));
	assert_false(ulid_parse(STR("01ARZ3NDEKTSV4RRFFQ69G5FA"), &u));
	assert_false(ulid_parse(STR("01ARZ3NDEKTSV4RRFFQ69G5FAVX"), &u));
	assert_false(ulid_parse(STR("01ARZ3NDEKTSV4RRFFQ69G5FAU"), &u)); /* no U in the alphabet */
	assert_false(ulid_parse(STR("debug_info_is_not_a_block!"), &u));
	assert_true(ulid_parse(STR("00000000000000000000000000"), &u));
	assert_true(ulid_is_zero(&u));
}

static void fixed_random(void *buf, size_t n)
{
	memset(buf, 0x5a, n);
}

static void test_ulid_make_takes_time_and_chance(void **state)
{
	struct sys_ops ops = sys_real;
	ops.random = fixed_random;
	const struct sys_ops *before = sys;
	sys = &ops;
	struct ulid a = ulid_make(1000), b = ulid_make(1001);
	sys = before;
	assert_int_equal(ulid_time_ms(&a), 1000);
	assert_int_equal(a.b[15], 0x5a);
	assert_true(ulid_cmp(&a, &b) < 0);
	struct ulid c = ulid_make(1000), d = ulid_make(1000);
	assert_int_not_equal(ulid_cmp(&c, &d), 0);
}

static char value_of_a[] = "x$(B)y";

static char *lookup(const char *name)
{
	return strcmp(name, "A_1") == 0 ? value_of_a : NULL;
}

static void test_env_expands_names_only(void **state)
{
	struct strbuf b = { 0 };
	assert_int_equal(text_env_expand(STR("k: $(A_1) $A ${A_1} $(a-b) $() $( $"), &b, lookup, NULL), 0);
	/* Values are not expanded again. */
	assert_string_equal(b.p, "k: x$(B)y $A ${A_1} $(a-b) $() $( $");
	strbuf_fini(&b);
}

static void test_env_unset_is_an_error(void **state)
{
	struct strbuf b = { 0 };
	struct err err = ERR_NONE;
	assert_int_equal(text_env_expand(STR("a $(NOPE)"), &b, lookup, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "found reference to unset environment variable \"NOPE\"");
	strbuf_fini(&b);
	struct strbuf small = { .limit = 4 };
	assert_int_equal(text_env_expand(STR("$(A_1)"), &small, lookup, &err), -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ulid_of_the_specification),       cmocka_unit_test(test_ulid_extremes),
		cmocka_unit_test(test_ulid_make_takes_time_and_chance), cmocka_unit_test(test_env_expands_names_only),
		cmocka_unit_test(test_env_unset_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
