#include "labels/matcher.h"
#include "base/mem.h"
#include "labels/regex.h"

#include "unit/unit.h"

static struct matcher *make(enum matcher_type t, const char *value)
{
	struct err e = ERR_NONE;
	struct matcher *m = NULL;
	if (matcher_compile(t, STR("l"), str_c(value), &m, &e) < 0)
		fail_msg("%s: %s", value, e.msg);
	return m;
}

static void expect(const char *re, const char *text, bool want)
{
	struct matcher *m = make(MATCH_RE, re), *not = make(MATCH_NRE, re);
	if (matcher_matches(m, str_c(text)) != want)
		fail_msg("=~%s on \"%s\" should be %d", re, text, want);
	assert_int_equal(matcher_matches(not, str_c(text)), !want);
	matcher_free(m);
	matcher_free(not );
}

static void test_equality(void **state)
{
	struct matcher *eq = make(MATCH_EQ, "a"), *neq = make(MATCH_NEQ, "a");
	assert_true(matcher_matches(eq, STR("a")));
	assert_false(matcher_matches(eq, STR("ab")));
	assert_false(matcher_matches_empty(eq));
	assert_true(matcher_matches(neq, STR("b")));
	assert_true(matcher_matches_empty(neq));
	matcher_free(eq);
	matcher_free(neq);
	eq = make(MATCH_EQ, "");
	assert_true(matcher_matches_empty(eq));
	matcher_free(eq);
}

static void test_expressions_are_anchored(void **state)
{
	expect("a", "a", true);
	expect("a", "ab", false);
	expect("a|b", "ab", false);
	expect("foo.*", "foobar", true);
	expect("foo.*", "foo", true);
	expect("foo.+", "foo", false);
	expect("foo.+", "foox", true);
	expect(".*foo", "xfoo", true);
	expect(".*foo", "foox", false);
	expect(".*foo.*", "a foo b", true);
	expect("a.*b.*c", "a1b2c", true);
	expect("a.*b.*c", "acb", false);
	expect("aba.*aba", "aba", false);
	expect("aba.*aba", "ababa", false);
	expect("aba.*aba", "abaaba", true);
	expect("(a|b)c?d", "acd", true);
	expect("(a|b)c?d", "bd", true);
	expect("(a|b)c?d", "cd", false);
	expect("", "", true);
	expect("", "a", false);
	expect("a|", "", true);
	expect("^a$", "a", true);
	expect("a$|b", "a", true);
	expect("[0-9]", "5", true);
	expect("[^0-9]", "5", false);
	expect("[^0-9]", "x", true);
	expect("\\d+", "123", true);
	expect("x{2,3}", "xx", true);
	expect("x{2,3}", "xxxx", false);
	expect("x{,2}", "x{,2}", true);
	expect("[]a]", "]", true);
	expect("[a-]", "-", true);
	expect("[[:alpha:]]+", "abc", true);
	expect("(?P<n>a)b", "ab", true);
	expect("(?<n>a)b", "ab", true);
}

static void test_dot_takes_newlines_and_whole_characters(void **state)
{
	expect(".*", "a\nb", true);
	expect("a.+", "a\n", true);
	expect(".+", "", false);
	expect("a.b",
	       "a\xC3\xA9"
	       "b",
	       true);
	expect("é.*", "és", true);
	expect(".+b",
	       "\xC3\xA9"
	       "b",
	       true);
}

static void test_fold_case(void **state)
{
	expect("(?i)foo|bar", "FoO", true);
	expect("(?i)foo|bar", "baz", false);
	expect("(?i)k", "\xE2\x84\xAA", true); /* the Kelvin sign */
	expect("(?i)foo.*", "FOO\xC3\xA9", true);
	expect("(?i)\xC3\xA9", "\xC3\x89", true);
	expect("(?i:a)b", "Ab", true);
	expect("(?i:a)b", "AB", false);
}

static void expect_values(const char *re, const char *joined)
{
	struct matcher *m = make(MATCH_RE, re);
	size_t n;
	const struct str *v = matcher_set_values(m, &n);
	struct strbuf b = { 0 };
	strbuf_add_c(&b, v ? "" : "none");
	for (size_t i = 0; i < n; i++) {
		strbuf_add_str(&b, v[i]);
		strbuf_add_ch(&b, ',');
	}
	if (strcmp(b.p, joined) != 0)
		fail_msg("%s gives %s, not %s", re, b.p, joined);
	strbuf_fini(&b);
	matcher_free(m);
}

static void test_set_values(void **state)
{
	expect_values("foo", "foo,");
	expect_values("b|a|b", "a,b,");
	expect_values("foo(bar|baz)", "foobar,foobaz,");
	expect_values("a(b|c)(d|e)", "abd,abe,acd,ace,");
	expect_values("a[1-3]", "a1,a2,a3,");
	expect_values("a\\.b", "a.b,");
	expect_values("ab?", "a,ab,");
	expect_values("(?:a|b)|(c)", "a,b,c,");
	expect_values("a|", ",a,");
	expect_values("", ",");
	expect_values("a.*", "none");
	expect_values("(?i)a", "none");
	expect_values("[^a]", "none");
	expect_values("[a-z][a-z]", "none");
	expect_values("\\d", "none");
}

static void expect_prefix(const char *re, const char *prefix)
{
	struct matcher *m = make(MATCH_RE, re);
	struct str p = matcher_prefix(m);
	if (!str_eq_c(p, prefix))
		fail_msg("%s has prefix %.*s", re, STR_ARG(p));
	matcher_free(m);
}

static void test_prefixes(void **state)
{
	expect_prefix("foo.*", "foo");
	expect_prefix("foo\\d+", "foo");
	expect_prefix("foobar|foobaz.*", "fooba");
	expect_prefix("foo(bar|baz)+", "fooba");
	expect_prefix("foo*", "fo");
	expect_prefix("(foo)?bar", "");
	expect_prefix(".*foo", "");
	expect_prefix("(?i)foo.*", "");
	expect_prefix("x{2}", "x");
	expect_prefix("x{0}y", "");
	expect_prefix("(?s)foo", "");
}

static void test_matches_all(void **state)
{
	static const struct {
		const char *re;
		bool all;
	} rows[] = { { ".*", true }, { "(.*)", true }, { "a|.*", true }, { ".+", false },
		     { "", false },  { ".*.*", true }, { "a.*", false }, { "[^x]*", false } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct matcher *m = make(MATCH_RE, rows[i].re);
		assert_int_equal(matcher_matches_all(m), rows[i].all);
		matcher_free(m);
	}
}

static void test_bad_expressions_say_why_as_go_does(void **state)
{
	static const struct {
		const char *re, *msg;
	} rows[] = {
		{ "a**", "error parsing regexp: invalid nested repetition operator: `**`" },
		{ "(", "error parsing regexp: missing closing ): `(`" },
		{ "a)", "error parsing regexp: unexpected ): `a)`" },
		{ "[z-a]", "error parsing regexp: invalid character class range: `z-a`" },
		{ "*", "error parsing regexp: missing argument to repetition operator: `*`" },
		{ "[a", "error parsing regexp: missing closing ]: `[a`" },
		{ "a\\", "error parsing regexp: trailing backslash at end of expression: ``" },
		{ "x{1001}", "error parsing regexp: invalid repeat count: `{1001}`" },
		{ "(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`" },
		{ "a.\xff(", "error parsing regexp: invalid UTF-8: `\xff(`" },
		{ "a\\C", "error parsing regexp: invalid escape sequence: `\\C`" },
		{ "(?\\C", "error parsing regexp: invalid or unsupported Perl syntax: `(?\\`" },
		{ "(?(?<a", "error parsing regexp: invalid or unsupported Perl syntax: `(?(`" },
		{ "(?<a>?", "error parsing regexp: missing argument to repetition operator: `?`" },
		{ "(?<a>b(?", "error parsing regexp: invalid or unsupported Perl syntax: `(?`" },
		{ "(?<a", "error parsing regexp: invalid named capture: `(?<a`" },
		{ "(?<=a)", "error parsing regexp: invalid named capture: `(?<=a)`" },
		{ "b(?<->)", "error parsing regexp: invalid named capture: `(?<->`" },
		{ "a+{1001}", "error parsing regexp: invalid repeat count: `{1001}`" },
		{ "{2,1}?", "error parsing regexp: invalid repeat count: `{2,1}`" },
		{ "a{2}{3}", "error parsing regexp: invalid nested repetition operator: `{2}{3}`" },
		{ "\\8", NULL },
		{ "(x{1000}){1000}", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_NONE;
		struct matcher *m = NULL;
		int rc = matcher_compile(MATCH_RE, STR("l"), str_c(rows[i].re), &m, &e);
		if (rc != -ERR_INVALID_ARGUMENT)
			fail_msg("%s is accepted", rows[i].re);
		if (rows[i].msg)
			assert_string_equal(e.msg, rows[i].msg);
	}
}

static void test_alternatives_of_literals_may_be_any_bytes(void **state)
{
	struct matcher *m = make(MATCH_RE, "\xff|a");
	assert_true(matcher_matches(m, STR("\xff")));
	assert_true(matcher_matches(m, STR("a")));
	assert_false(matcher_matches(m, STR("\xfe")));
	matcher_free(m);
}

static void test_limits(void **state)
{
	size_t n = REGEX_MAX_PATTERN;
	char *big = xmalloc(n + 2);
	struct err e = ERR_NONE;
	struct matcher *m = NULL;
	memset(big, 'a', n + 1);
	assert_int_equal(matcher_compile(MATCH_RE, STR("l"), str_mem(big, n + 1), &m, &e), -ERR_INVALID_ARGUMENT);
	for (size_t i = 1; i < n; i += 2)
		big[i] = '|';
	assert_int_equal(matcher_compile(MATCH_RE, STR("l"), str_mem(big, n - 1), &m, &e), 0);
	size_t values;
	matcher_set_values(m, &values);
	assert_int_equal(values, 1);
	matcher_free(m);
	for (size_t i = 1; i < n; i += 2)
		big[i] = '.';
	/* Whether this one is too large is RE2's to say; it must not crash or be wrong. */
	if (matcher_compile(MATCH_RE, STR("l"), str_mem(big, 2001), &m, &e) == 0) {
		assert_true(matcher_matches(m, str_mem(big, 2001)));
		matcher_free(m);
	}
	memset(big, '(', n);
	assert_int_equal(matcher_compile(MATCH_RE, STR("l"), str_mem(big, n), &m, &e), -ERR_INVALID_ARGUMENT);
	free(big);
	assert_int_equal(matcher_compile(7, STR("l"), STR("x"), &m, &e), -ERR_INVALID_ARGUMENT);
}

static void test_large_sets_are_found_by_hash(void **state)
{
	struct strbuf b = { 0 };
	for (int i = 0; i < 5000; i++)
		strbuf_printf(&b, "%sv%d", i ? "|" : "", i);
	struct matcher *m = make(MATCH_RE, b.p);
	size_t n;
	assert_non_null(matcher_set_values(m, &n));
	assert_int_equal(n, 5000);
	assert_true(matcher_matches(m, STR("v4999")));
	assert_false(matcher_matches(m, STR("v5000")));
	assert_true(str_eq(matcher_prefix(m), STR("v")));
	matcher_free(m);
	strbuf_fini(&b);
}

/* Random expressions over a small alphabet: with and without the shortcuts the answer is the same. */
static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 10) % n;
}

static void random_expr(struct strbuf *b, int depth)
{
	static const char *const atoms[] = { "a", "b",  "ab",  ".*", ".+", ".",   "[ab]", "[^a]", "\\.",   "a?",
					     "é", "b*", "\\w", "^",  "$",  "aab", "a{2}", ".*?",  "[a-c]+" };
	int parts = 1 + (int)rnd(4);
	for (int i = 0; i < parts; i++) {
		if (depth > 0 && rnd(4) == 0) {
			static const char *const tails[] = { "", "", "", "?", "*", "+" };
			strbuf_add_c(b, rnd(2) ? "(" : "(?:");
			random_expr(b, depth - 1);
			strbuf_add_ch(b, ')');
			strbuf_add_c(b, tails[rnd(6)]);
		} else {
			strbuf_add_c(b, atoms[rnd(sizeof(atoms) / sizeof(atoms[0]))]);
		}
		if (rnd(6) == 0)
			strbuf_add_ch(b, '|');
	}
}

static void test_shortcuts_agree_with_the_automaton(void **state)
{
	static const char *const letters[] = { "a", "b", "c", "é", ".", "\n", "A", "B" };
	for (int i = 0; i < 4000; i++) {
		struct strbuf b = { 0 };
		struct regex *re = NULL;
		struct err e = ERR_NONE;
		if (rnd(5) == 0)
			strbuf_add_c(&b, "(?i)");
		random_expr(&b, 2);
		if (regex_compile(strbuf_str(&b), &re, &e) < 0)
			fail_msg("%s: %s", b.p, e.msg);
		struct matcher *m = make(MATCH_RE, b.p);
		size_t n_values;
		const struct str *values = matcher_set_values(m, &n_values);
		for (size_t k = 0; k < n_values; k++)
			assert_true(regex_match(re, values[k]));
		for (int k = 0; k < 40; k++) {
			struct strbuf t = { 0 };
			strbuf_add_c(&t, "");
			for (uint32_t j = rnd(7); j > 0; j--)
				strbuf_add_c(&t, letters[rnd(8)]);
			bool want = regex_match(re, strbuf_str(&t));
			if (matcher_matches(m, strbuf_str(&t)) != want)
				fail_msg("/%s/ on \"%s\" should be %d", b.p, t.p, want);
			if (want)
				assert_true(str_has_prefix(strbuf_str(&t), matcher_prefix(m)));
			strbuf_fini(&t);
		}
		matcher_free(m);
		regex_free(re);
		strbuf_fini(&b);
	}
}

static void test_printing(void **state)
{
	struct matcher *m[2] = { make(MATCH_NRE, "a\"b"), NULL };
	assert_int_equal(matcher_compile(MATCH_EQ, STR("x.y"), STR("v"), &m[1], NULL), 0);
	struct strbuf b = { 0 };
	matchers_print(m, 2, &b);
	assert_string_equal(b.p, "{l!~\"a\\\"b\",\"x.y\"=\"v\"}");
	strbuf_fini(&b);
	matcher_free(m[0]);
	matcher_free(m[1]);
}

static void test_arena_owns_its_matchers(void **state)
{
	struct arena a;
	struct matcher *m[2];
	arena_init(&a, NULL);
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("job"), STR("x\\d+"), &m[0], NULL), 0);
	assert_int_equal(matcher_compile_in(&a, MATCH_NEQ, STR("env"), STR("dev"), &m[1], NULL), 0);
	struct label pairs[] = { { STR("env"), STR("prod") }, { STR("job"), STR("x12") } };
	assert_true(matchers_match(m, 2, (struct labels){ pairs, 2 }));
	assert_false(matchers_match(m, 2, (struct labels){ pairs, 1 }));
	arena_fini(&a);
}

static void test_memory_of_automata_counts(void **state)
{
	struct budget b;
	struct arena a;
	struct matcher *m;
	struct err e;
	budget_init(&b, NULL, "test", 3 << 19);
	arena_init(&a, &b);
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR("x.*|y"), &m, &e), 0); /* needs none */
	assert_true(b.used < 64 << 10);
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR("(a|b)*c[0-9]"), &m, &e), 0);
	assert_true(b.used > 256 << 10);
	assert_true(matcher_matches(m, STR("ababc7")));
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR("(a|b)*d[0-9]"), &m, &e), 0);
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR("(a|b)*e[0-9]"), &m, &e),
			 -ERR_RESOURCE_EXHAUSTED);
	/* A large program takes more. */
	arena_fini(&a);
	assert_int_equal(b.used, 0);
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR("((abc[^x]d){90}){10}"), &m, &e),
			 -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	budget_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_of_automata_counts),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_expressions_are_anchored),
		cmocka_unit_test(test_dot_takes_newlines_and_whole_characters),
		cmocka_unit_test(test_fold_case),
		cmocka_unit_test(test_set_values),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_matches_all),
		cmocka_unit_test(test_bad_expressions_say_why_as_go_does),
		cmocka_unit_test(test_alternatives_of_literals_may_be_any_bytes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_large_sets_are_found_by_hash),
		cmocka_unit_test(test_shortcuts_agree_with_the_automaton),
		cmocka_unit_test(test_printing),
		cmocka_unit_test(test_arena_owns_its_matchers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
