#include "receive/limits.h"

#include "unit/unit.h"

static struct err e;

static struct receive_limits *parse(const char *text)
{
	struct receive_limits *l = NULL;
	e = ERR_NONE;
	int rc = receive_limits_parse(str_c(text), "limits.yaml", &l, &e);
	assert_true((rc == 0) == (l != NULL));
	return l;
}

static void test_tenants_inherit_what_they_do_not_say(void **state)
{
	struct receive_limits *l = parse("write:\n"
					 "  global: {max_concurrency: 30}\n"
					 "  default:\n"
					 "    request: {size_bytes_limit: 1024, series_limit: 1000}\n"
					 "    head_series_limit: 7\n"
					 "  tenants:\n"
					 "    acme: {request: {series_limit: 5, samples_limit: 9}}\n");
	assert_non_null(l);
	assert_int_equal(receive_limits_concurrency(l), 30);
	struct tenant_limits t = receive_limits_of(l, STR("acme"));
	assert_int_equal(t.size_bytes, 1024);
	assert_int_equal(t.series, 5);
	assert_int_equal(t.samples, 9);
	assert_int_equal(t.head_series, 7);
	t = receive_limits_of(l, STR("other"));
	assert_int_equal(t.series, 1000);
	assert_int_equal(t.samples, 0);
	receive_limits_free(l);
	t = receive_limits_of(NULL, STR("x"));
	assert_int_equal(t.series + t.samples + t.head_series + t.size_bytes, 0);
}

static void test_mistakes_name_line_and_key(void **state)
{
	assert_null(parse("write:\n  default:\n    request: {serie_limit: 1}\n"));
	assert_non_null(strstr(e.msg, "limits.yaml:3: unknown key \"write.default.request.serie_limit\""));
	assert_null(parse("write:\n  default: {head_series_limit: -1}\n"));
	assert_non_null(strstr(e.msg, "limits.yaml:2: key \"write.default.head_series_limit\""));
	assert_null(parse("- a list\n"));
	struct receive_limits *empty = parse("");
	assert_non_null(empty);
	receive_limits_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tenants_inherit_what_they_do_not_say),
		cmocka_unit_test(test_mistakes_name_line_and_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
