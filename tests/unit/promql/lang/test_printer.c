#include "unit/promql/lang/cases.h"

#include "base/strbuf.h"
#include "promql/lang/parser.h"
#include "promql/lang/printer.h"

/* `text` parsed and printed on one line (line_max 0) or prettified; the caller frees it. */
static char *printed(struct str text, size_t line_max)
{
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	struct strbuf b = { 0 };
	arena_init(&a, NULL);
	if (promql_parse(text, &PROMQL_PARSE_ALL, &a, &e, NULL, &err) < 0)
		strbuf_add_c(&b, err.msg);
	else if (line_max)
		promql_prettify(e, line_max, &b);
	else
		promql_print(e, &b);
	arena_fini(&a);
	strbuf_add(&b, "", 0);
	return strbuf_steal(&b);
}

/* Number of cases of `list` whose "in" does not come out as "out". */
static size_t mismatches(const json_t *list, bool pretty)
{
	size_t i, bad = 0;
	json_t *c;
	json_array_foreach(list, i, c)
	{
		const char *out = json_string_value(json_object_get(c, "out"));
		json_int_t max = pretty ? json_integer_value(json_object_get(c, "max_chars")) : 0;
		struct str in = case_text(c, "in");
		char *got = printed(in, (size_t)max);
		if (strcmp(got, out) != 0) {
			print_message("%.*s\n  got  %s\n  want %s\n", STR_ARG(in), got, out);
			bad++;
		}
		free(got);
		free((char *)in.p);
	}
	return bad;
}

static void test_one_line_form_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("printer_cases.json");
	json_t *list = json_object_get(cases, "string");
	assert_true(json_array_size(list) > 80);
	assert_int_equal(mismatches(list, false), 0);
	json_decref(cases);
}

/* A selector node of a JSON one. */
static struct promql_expr selector_of(const json_t *ast, struct promql_matcher *m)
{
	const json_t *list = json_object_get(ast, "LabelMatchers"), *c;
	size_t i;
	struct promql_expr e = { .kind = PROMQL_SELECTOR };
	e.selector.name = str_c(json_string_value(json_object_get(ast, "Name")));
	e.selector.matchers = m;
	json_array_foreach(list, i, c)
	{
		m[i] = (struct promql_matcher){
			.type = PROMQL_MATCH_EQ,
			.name = str_c(json_string_value(json_object_get(c, "name"))),
			.value = str_c(json_string_value(json_object_get(c, "value"))),
		};
		e.selector.n_matchers++;
	}
	return e;
}

static void test_selectors_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("printer_cases.json"), *c;
	size_t i;
	json_array_foreach(json_object_get(cases, "vector_selector_string"), i, c)
	{
		struct promql_matcher m[8];
		struct promql_expr e = selector_of(json_object_get(c, "ast"), m);
		struct strbuf b = { 0 };
		promql_print(&e, &b);
		assert_true(str_eq_c(strbuf_str(&b), json_string_value(json_object_get(c, "out"))));
		strbuf_fini(&b);
	}
	assert_int_equal(i, 8);
	json_decref(cases);
}

static void test_pretty_form_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("prettier_cases.json");
	assert_true(json_array_size(cases) > 50);
	assert_int_equal(mismatches(cases, true), 0);
	json_decref(cases);
}

/* Trees of upstream's parser tests print to a text that parses and prints the same. */
static void test_printing_is_a_fixpoint(void **state)
{
	(void)state;
	json_t *cases = load_cases("parse_cases.json"), *c;
	size_t i, bad = 0;
	json_array_foreach(cases, i, c)
	{
		if (json_is_true(json_object_get(c, "fail")))
			continue;
		struct str in = case_text(c, "input");
		char *once = printed(in, 0), *twice = printed(str_c(once), 0);
		if (strcmp(once, twice) != 0) {
			print_message("%s\n  %s\n", once, twice);
			bad++;
		}
		free(once);
		free(twice);
		free((char *)in.p);
	}
	assert_int_equal(bad, 0);
	json_decref(cases);
}

static void assert_printed(const char *in, const char *out)
{
	char *got = printed(str_c(in), 0);
	assert_string_equal(got, out);
	free(got);
}

static void test_matchers_are_sorted_and_quoted(void **state)
{
	(void)state;
	assert_printed("m{z=\"1\", a=~'x', \"b c\"!=`\"`}", "m{\"b c\"!=\"\\\"\",a=~\"x\",z=\"1\"}");
	assert_printed("{\"m\"}", "{__name__=\"m\"}");
}

static void test_numbers_and_durations(void **state)
{
	(void)state;
	assert_printed("1e3 + 0x10 + -.5", "1000 + 16 + -0.5");
	assert_printed("90m", "1h30m");
	assert_printed("Inf - NaN", "+Inf - NaN");
	assert_printed("a offset -1h5s", "a offset -1h5s");
	assert_printed("a[0.0001]", "a[0s]");
}

static void test_offset_arithmetic_reads_back(void **state)
{
	(void)state;
	assert_printed("a offset (5m) + 3", "a offset (5m) + 3");
	assert_printed("a offset ++5 + 3", "a offset (5 + 3)");
	assert_printed("a offset -+(5m) * 2", "a offset (-(5m) * 2)");
}

static void test_long_chain_prints_fast_and_whole(void **state)
{
	(void)state;
	struct strbuf b = { 0 };
	for (int i = 0; i < 299; i++)
		strbuf_add_c(&b, "abc or ");
	strbuf_add_c(&b, "abc");
	char *one = printed(strbuf_str(&b), 0), *pretty = printed(strbuf_str(&b), PROMQL_LINE_MAX);
	assert_string_equal(one, b.p);
	assert_true(strlen(pretty) > b.n);
	free(one);
	free(pretty);
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_line_form_of_upstream),
		cmocka_unit_test(test_selectors_of_upstream),
		cmocka_unit_test(test_pretty_form_of_upstream),
		cmocka_unit_test(test_printing_is_a_fixpoint),
		cmocka_unit_test(test_matchers_are_sorted_and_quoted),
		cmocka_unit_test(test_numbers_and_durations),
		cmocka_unit_test(test_offset_arithmetic_reads_back),
		cmocka_unit_test(test_long_chain_prints_fast_and_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
