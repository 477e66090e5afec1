#include "http/router.h"

#include "unit/unit.h"

static int nothing(struct http_req *req, void *arg, struct err *err)
{
	return 0;
}

static const struct http_route routes[] = {
	{ HTTP_GET | HTTP_POST, "/api/v1/query", nothing, .name = "query" },
	{ HTTP_DELETE, "/api/v1/query", nothing, .name = "delete" },
	{ HTTP_GET, "/api/v1/label/:name/values", nothing, .name = "values" },
	{ HTTP_GET, "/api/v1/label/fixed/values", nothing, .name = "fixed" },
	{ HTTP_GET,
	  "/static/"
	  "*filepath",
	  nothing, .name = "static" },
	{ HTTP_GET, "/dir/", nothing, .name = "dir" },
	{ HTTP_GET, "/", nothing, .name = "root" },
};

static int arg;

static int setup(void **state)
{
	struct http_router *r = http_router_new();
	http_router_add(r, routes, ARRAY_LEN(routes), &arg);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	http_router_free(*state);
	return 0;
}

static const char *find(void **state, enum http_method m, const char *path)
{
	struct http_match match;
	http_router_match(*state, m, str_c(path), &match);
	if (match.route)
		assert_ptr_equal(match.arg, &arg);
	return match.route ? match.route->name : match.redirect ? "redirect" : match.allowed ? "other method" : "none";
}

static void test_literals_and_patterns_are_found(void **state)
{
	assert_string_equal(find(state, HTTP_GET, "/api/v1/query"), "query");
	assert_string_equal(find(state, HTTP_HEAD, "/api/v1/query"), "query");
	assert_string_equal(find(state, HTTP_DELETE, "/api/v1/query"), "delete");
	assert_string_equal(find(state, HTTP_PUT, "/api/v1/query"), "other method");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label/job/values"), "values");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label/fixed/values"), "fixed");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label//values"), "none");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label/job/value"), "none");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label/job/values/x"), "none");
	assert_string_equal(find(state, HTTP_GET, "/api/v1/label/job/values/"), "redirect");
	assert_string_equal(find(state, HTTP_GET, "/dir"), "redirect");
	assert_string_equal(find(state, HTTP_GET, "/"), "root");
	assert_string_equal(find(state, HTTP_GET, "/static/a/b.js"), "static");
	assert_string_equal(find(state, HTTP_GET, "/api"), "none");
	assert_string_equal(find(state, HTTP_POST, "/static/a"), "other method");
}

static void test_parameters_are_cut_from_the_path(void **state)
{
	struct http_match m;
	http_router_match(*state, HTTP_GET, STR("/api/v1/label/U__a%2Fb/values"), &m);
	assert_int_equal(m.n_params, 1);
	assert_true(str_eq_c(m.params[0].name, "name"));
	assert_true(str_eq_c(m.params[0].value, "U__a%2Fb"));
	http_router_match(*state, HTTP_GET, STR("/static/a/b.js"), &m);
	assert_true(str_eq_c(m.params[0].name, "filepath"));
	assert_true(str_eq_c(m.params[0].value, "a/b.js"));
}

static void test_allowed_methods_are_those_of_all_routes_of_the_path(void **state)
{
	struct http_match m;
	http_router_match(*state, HTTP_PUT, STR("/api/v1/query"), &m);
	assert_int_equal(m.allowed, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_DELETE);
}

static bool strip(void **state, const char *path, const char *want)
{
	struct str s = str_c(path);
	return http_router_strip(*state, &s) && str_eq_c(s, want);
}

static void test_prefix_is_normalised_and_stripped(void **state)
{
	assert_true(strip(state, "/x", "/x"));
	http_router_set_prefix(*state, "thanos/");
	assert_string_equal(http_router_prefix(*state), "/thanos");
	assert_true(strip(state, "/thanos/x", "/x"));
	assert_true(strip(state, "/thanos", "/"));
	assert_false(strip(state, "/thanosx", "/x"));
	assert_false(strip(state, "/x", "/x"));
	http_router_set_prefix(*state, "/");
	assert_string_equal(http_router_prefix(*state), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_literals_and_patterns_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parameters_are_cut_from_the_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_allowed_methods_are_those_of_all_routes_of_the_path, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_prefix_is_normalised_and_stripped, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
