#include "unit/promql/lang/cases.h"

#include "base/strbuf.h"
#include "promql/lang/ast_json.h"
#include "promql/lang/parser.h"

/* The tree of `text` as JSON; the caller frees it. */
static char *json_of(const char *text)
{
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	struct strbuf b = { 0 };
	arena_init(&a, NULL);
	if (promql_parse(str_c(text), &PROMQL_PARSE_ALL, &a, &e, NULL, &err) < 0)
		strbuf_add_c(&b, err.msg);
	else
		promql_json(e, &b);
	arena_fini(&a);
	return strbuf_steal(&b);
}

/* Recorded answers of /api/v1/parse_query come out byte for byte. */
static void test_answers_of_prometheus(void **state)
{
	(void)state;
	json_t *cases = load_cases("api_prometheus.json"), *c;
	size_t i, n = 0;
	json_array_foreach(cases, i, c)
	{
		const char *id = json_string_value(json_object_get(c, "id"));
		if (!id || strcmp(id, "/parse_query") != 0 || json_integer_value(json_object_get(c, "status")) != 200)
			continue;
		const json_t *q = json_object_get(json_object_get(c, "params"), "query");
		char *got = json_of(json_string_value(json_array_get(q, 0)));
		struct strbuf body = { 0 };
		strbuf_printf(&body, "{\"status\":\"success\",\"data\":%s}", got);
		assert_string_equal(body.p, json_string_value(json_object_get(c, "body")));
		strbuf_fini(&body);
		free(got);
		n++;
	}
	assert_true(n >= 10);
	json_decref(cases);
}

static void assert_json(const char *text, const char *want)
{
	char *got = json_of(text);
	assert_string_equal(got, want);
	free(got);
}

static void test_duration_expressions(void **state)
{
	(void)state;
	assert_json("a[(1m) + step()]",
		    "{\"anchored\":false,\"matchers\":[{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"a\"}],"
		    "\"name\":\"a\",\"offset\":0,\"offsetExpr\":null,\"range\":0,\"rangeExpr\":{\"lhs\":{\"lhs\":"
		    "null,\"op\":\"+\",\"rhs\":{\"duration\":true,\"type\":\"numberLiteral\",\"val\":\"60\"},"
		    "\"type\":\"durationExpr\",\"wrapped\":true},\"op\":\"+\",\"rhs\":{\"lhs\":null,\"op\":"
		    "\"step\",\"rhs\":null,\"type\":\"durationExpr\",\"wrapped\":false},\"type\":\"durationExpr\","
		    "\"wrapped\":false},\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,\"type\":"
		    "\"matrixSelector\"}");
}

/* Every tree is valid JSON, however long its chains are. */
static void test_long_chains_are_valid(void **state)
{
	(void)state;
	struct strbuf b = { 0 };
	for (int i = 0; i < 299; i++)
		strbuf_add_c(&b, "1 + ");
	strbuf_add_c(&b, "1");
	char *got = json_of(b.p);
	json_error_t e;
	json_t *j = json_loads(got, 0, &e);
	assert_non_null(j);
	json_decref(j);
	free(got);
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_of_prometheus),
		cmocka_unit_test(test_duration_expressions),
		cmocka_unit_test(test_long_chains_are_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
