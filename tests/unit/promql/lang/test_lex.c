#include "unit/promql/lang/cases.h"

#include "promql/lang/lex.h"

/* Name of a token kind, as the case file has it. */
static const char *name_of(enum promql_tok t)
{
	switch (t) {
#define X(name, text) \
	case TOK_##name: \
		return #name;
		PROMQL_TOKENS(X)
#undef X
	default:
		return "?";
	}
}

/* Lexes `text` and compares with the items [kind, position, value]; NULL means that there must be an error. */
static bool lexes_to(struct str text, bool series_desc, const json_t *items)
{
	struct arena a;
	struct promql_lexer l;
	struct promql_token t;
	bool error = false, same = true;
	size_t i = 0;
	arena_init(&a, NULL);
	promql_lex_init(&l, text, series_desc, &a);
	for (promql_lex_next(&l, &t); t.type != TOK_EOF; promql_lex_next(&l, &t), i++) {
		error |= t.type == TOK_ERROR;
		if (!items)
			continue;
		const json_t *item = json_array_get(items, i);
		same = same && item && strcmp(json_string_value(json_array_get(item, 0)), name_of(t.type)) == 0 &&
		       json_integer_value(json_array_get(item, 1)) == (json_int_t)t.pos &&
		       str_eq_c(t.val, json_string_value(json_array_get(item, 2)));
		if (!same)
			print_message("item %zu: %s %u %.*s\n", i, name_of(t.type), t.pos, STR_ARG(t.val));
	}
	arena_fini(&a);
	return items ? same && i == json_array_size(items) : error;
}

static void test_tokens_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("lex_cases.json"), *c;
	size_t i, bad = 0;
	json_array_foreach(cases, i, c)
	{
		struct str text = case_text(c, "input");
		bool fail = json_is_true(json_object_get(c, "fail"));
		if (!lexes_to(text, json_is_true(json_object_get(c, "series_desc")),
			      fail ? NULL : json_object_get(c, "items"))) {
			print_message("case %zu: %.*s\n", i, STR_ARG(text));
			bad++;
		}
		free((char *)text.p);
	}
	assert_true(i > 100);
	assert_int_equal(bad, 0);
	json_decref(cases);
}

static void assert_kinds(const char *text, const char *kinds)
{
	struct arena a;
	struct promql_lexer l;
	struct promql_token t;
	char got[512] = "";
	arena_init(&a, NULL);
	promql_lex_init(&l, str_c(text), false, &a);
	for (promql_lex_next(&l, &t); t.type != TOK_EOF; promql_lex_next(&l, &t)) {
		if (*got)
			strcat(got, " ");
		strcat(got, name_of(t.type));
	}
	arena_fini(&a);
	assert_string_equal(got, kinds);
}

static void test_fill_is_a_word_unless_a_parenthesis_follows(void **state)
{
	(void)state;
	assert_kinds("fill + fill (1)", "IDENTIFIER ADD FILL LEFT_PAREN NUMBER RIGHT_PAREN");
}

static void test_keywords_inside_braces_are_identifiers(void **state)
{
	(void)state;
	assert_kinds("sum{by=\"x\"}", "SUM LEFT_BRACE IDENTIFIER EQL STRING RIGHT_BRACE");
}

static void test_trim_operators(void **state)
{
	(void)state;
	assert_kinds("a </ 1 >/ 2", "IDENTIFIER TRIM_UPPER NUMBER TRIM_LOWER NUMBER");
}

static const char *error_of(const char *text, struct arena *a)
{
	struct promql_lexer l;
	struct promql_token t;
	promql_lex_init(&l, str_c(text), false, a);
	do
		promql_lex_next(&l, &t);
	while (t.type != TOK_EOF && t.type != TOK_ERROR);
	return t.type == TOK_ERROR ? t.val.p : "";
}

static void test_messages_show_runes_as_go_does(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	assert_string_equal(error_of("a ! b", &a), "unexpected character after '!': ' '");
	assert_string_equal(error_of("a !", &a), "unexpected character after '!': '\xEF\xBF\xBD'");
	assert_string_equal(error_of("x[\"1\"]", &a), "unexpected character in duration expression: '\"'");
	assert_string_equal(error_of("\xC3\xBC", &a), "unexpected character: '\xC3\xBC'");
	assert_string_equal(error_of("\"\\", &a), "escape sequence not terminated");
	assert_string_equal(error_of("\"\\ud800\"", &a), "escape sequence is an invalid Unicode code point");
	assert_string_equal(error_of("'\\2'", &a), "illegal character U+0027 ''' in escape sequence");
	assert_string_equal(error_of("'\\u12\n'", &a), "illegal character U+000A in escape sequence");
	assert_string_equal(error_of("'\\\u00e9'", &a), "unknown escape sequence U+00E9 '\u00e9'");
	assert_string_equal(error_of("\u00a0", &a), "unexpected character: '\\u00a0'");
	assert_string_equal(error_of("\U000E0001", &a), "unexpected character: '\\U000e0001'");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens_of_upstream),
		cmocka_unit_test(test_fill_is_a_word_unless_a_parenthesis_follows),
		cmocka_unit_test(test_keywords_inside_braces_are_identifiers),
		cmocka_unit_test(test_trim_operators),
		cmocka_unit_test(test_messages_show_runes_as_go_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
