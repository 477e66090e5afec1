#include "http/multipart.h"

#include "unit/unit.h"

#include "base/strbuf.h"

/* "[name=value]" of all parameters, or the error. */
static const char *parse(const char *type, const char *body)
{
	static char got[4096];
	struct arena a;
	struct err err = ERR_NONE;
	struct http_params ps = { 0 };
	struct strbuf b = { 0 };
	arena_init(&a, NULL);
	int rc = http_multipart_parse(&ps, &a, str_c(body), http_multipart_boundary(str_c(type)), &err);
	for (size_t i = 0; i < ps.n; i++)
		strbuf_printf(&b, "[%.*s=%.*s]", STR_ARG(ps.p[i].name), STR_ARG(ps.p[i].value));
	if (rc)
		strbuf_printf(&b, "%d %s", rc, err.msg);
	snprintf(got, sizeof(got), "%s", b.p ? b.p : "");
	strbuf_fini(&b);
	arena_fini(&a);
	return got;
}

#define TYPE "multipart/form-data; boundary=XX"
#define PART(name, value) "--XX\r\nContent-Disposition: form-data; name=" name "\r\n\r\n" value "\r\n"

static void test_boundaries_are_found(void **state)
{
	static const char *const types[][2] = {
		{ "multipart/form-data; boundary=a", "a" },
		{ "Multipart/Form-Data;charset=x ; BOUNDARY=\"a;b\"; x=y", "a;b" },
		{ "multipart/form-data;boundary=a ;x=y", "a" },
		{ "multipart/form-data", NULL },
		{ "multipart/form-data; boundary", NULL },
		{ "multipart/mixed; boundary=a", NULL },
		{ "", NULL },
		{ "multipart/form-data; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct str b = http_multipart_boundary(str_c(types[i][0]));
		if (types[i][1] ? !str_eq_c(b, types[i][1]) : b.n > 0)
			fail_msg("%s: %.*s", types[i][0], STR_ARG(b));
	}
}

static void test_values_are_read(void **state)
{
	assert_string_equal(parse(TYPE, PART("\"query\"", "up{a=\"b\"}") PART("\"time\"", "5") "--XX--\r\n"),
			    "[query=up{a=\"b\"}][time=5]");
	assert_string_equal(
		parse(TYPE, "preamble\r\n" PART("plain", "") PART("\"a;b\"", "1\r\n2 --XX 3") "--XX--epilogue"),
		"[plain=][a;b=1\r\n2 --XX 3]");
	assert_string_equal(
		parse(TYPE, "--XX\r\nX: y\r\ncontent-disposition:form-data ;x=\"1\" ;name=n\r\n\r\nv\r\n--XX--"),
		"[n=v]");
	assert_string_equal(parse(TYPE, "--XX \t\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n--XX--"),
			    "[n=v]");
	assert_string_equal(parse(TYPE, "--XX--"), "");
}

static void test_files_and_parts_without_names_are_left_out(void **state)
{
	assert_string_equal(parse(TYPE, PART("\"f\"; filename=\"x\"", "data") PART("\"a\"", "1") "--XX--"), "[a=1]");
	assert_string_equal(parse(TYPE, "--XX\r\n\r\nnothing\r\n" PART("\"a\"", "1") "--XX--"), "[a=1]");
	assert_string_equal(parse(TYPE, "--XX\r\nContent-Disposition: attachment; name=b\r\n\r\nx\r\n--XX--"), "");
}

static void test_what_is_cut_or_wrong_is_refused(void **state)
{
	assert_non_null(strstr(parse(TYPE, ""), "no part begins"));
	assert_non_null(strstr(parse(TYPE, "query=up"), "no part begins"));
	assert_non_null(strstr(parse(TYPE, "--XX"), "something follows a boundary"));
	assert_non_null(strstr(parse(TYPE, "--XXY\r\n\r\n"), "something follows a boundary"));
	assert_non_null(strstr(parse(TYPE, "--XX\r\nContent-Disposition: form-data"), "head does not end"));
	assert_string_equal(parse(TYPE, PART("a", "1") "--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n2"),
			    "[a=1]-3 multipart: a part does not end");
	assert_non_null(strstr(parse("multipart/form-data", "--\r\n"), "no boundary"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries_are_found),
		cmocka_unit_test(test_values_are_read),
		cmocka_unit_test(test_files_and_parts_without_names_are_left_out),
		cmocka_unit_test(test_what_is_cut_or_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
