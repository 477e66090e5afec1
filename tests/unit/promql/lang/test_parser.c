#include "config.h"

#include "unit/promql/lang/cases.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "promql/lang/functions.h"
#include "promql/lang/parser.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

/* --- comparison with a tree in JSON ------------------------------------------ */

static bool same(const struct promql_expr *e, const json_t *want);

/* Complains and returns false. */
static bool differs(const char *what)
{
	print_message("  differs in %s\n", what);
	return false;
}

static json_int_t int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool true_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static bool same_pos(const struct promql_expr *e, const json_t *want)
{
	const json_t *range = json_object_get(want, "PosRange");
	if (range && (json_integer_value(json_array_get(range, 0)) != e->pos.start ||
		      json_integer_value(json_array_get(range, 1)) != e->pos.end))
		return differs("PosRange");
	const json_t *end = json_object_get(want, "EndPos");
	if (end && e->kind != PROMQL_DURATION && json_integer_value(end) != e->pos.end)
		return differs("EndPos");
	return true;
}

static bool same_optional(const struct promql_expr *e, const json_t *want, const char *key)
{
	const json_t *w = json_object_get(want, key);
	if (!w || json_is_null(w))
		return e ? differs(key) : true;
	return e ? same(e, w) : differs(key);
}

static bool same_number(const struct promql_expr *e, const json_t *want)
{
	const json_t *v = json_object_get(want, "Val");
	double d = json_is_string(v) ? strtod(json_string_value(v), NULL) : json_number_value(v);
	if (!(d == e->number.val || (isnan(d) && isnan(e->number.val))))
		return differs("Val");
	return e->number.is_duration == true_of(want, "Duration") ? true : differs("Duration");
}

static bool same_string(const struct promql_expr *e, const json_t *want)
{
	struct str s = case_text(want, "Val");
	bool eq = str_eq(s, e->string);
	free((char *)s.p);
	return eq ? true : differs("Val");
}

static bool same_shift(const struct promql_shift *s, const json_t *want)
{
	const char *at = s->at_preproc == PROMQL_AT_START ? "start" : s->at_preproc == PROMQL_AT_END ? "end" : "";
	if (s->offset_ns != int_of(want, "OriginalOffset"))
		return differs("OriginalOffset");
	if (s->has_at != (json_object_get(want, "Timestamp") != NULL) ||
	    (s->has_at && s->at_ms != int_of(want, "Timestamp")))
		return differs("Timestamp");
	if (strcmp(at, text_of(want, "StartOrEnd")) != 0)
		return differs("StartOrEnd");
	return same_optional(s->offset_expr, want, "OriginalOffsetExpr");
}

static bool same_selector(const struct promql_expr *e, const json_t *want)
{
	const struct promql_selector *s = &e->selector;
	const json_t *list = json_object_get(want, "LabelMatchers"), *m;
	size_t i;
	if (!str_eq_c(s->name, text_of(want, "Name")))
		return differs("Name");
	if (list && json_array_size(list) != s->n_matchers)
		return differs("number of LabelMatchers");
	json_array_foreach(list, i, m)
	{
		if (!str_eq_c(s->matchers[i].name, text_of(m, "name")) ||
		    !str_eq_c(s->matchers[i].value, text_of(m, "value")) ||
		    strcmp(promql_match_name(s->matchers[i].type), text_of(m, "type")) != 0)
			return differs("LabelMatchers");
	}
	if (s->is_info_arg != true_of(want, "BypassEmptyMatcherCheck"))
		return differs("BypassEmptyMatcherCheck");
	return same_shift(&s->shift, want);
}

static bool same_matrix(const struct promql_expr *e, const json_t *want)
{
	if (e->matrix.range_ns != int_of(want, "Range"))
		return differs("Range");
	return same(e->matrix.selector, json_object_get(want, "VectorSelector")) &&
	       same_optional(e->matrix.range_expr, want, "RangeExpr");
}

static bool same_subquery(const struct promql_expr *e, const json_t *want)
{
	const struct promql_subquery *s = &e->subquery;
	if (s->range_ns != int_of(want, "Range") || s->step_ns != int_of(want, "Step"))
		return differs("Range or Step");
	return same(s->expr, json_object_get(want, "Expr")) && same_shift(&s->shift, want) &&
	       same_optional(s->range_expr, want, "RangeExpr") && same_optional(s->step_expr, want, "StepExpr");
}

static bool same_labels(const struct promql_labels *l, const json_t *want, const char *key)
{
	const json_t *list = json_object_get(want, key), *name;
	size_t i;
	if (json_array_size(list) != l->n)
		return differs(key);
	json_array_foreach(list, i, name) if (!str_eq_c(l->v[i], json_string_value(name))) return differs(key);
	return true;
}

static bool same_call(const struct promql_expr *e, const json_t *want)
{
	const json_t *args = json_object_get(want, "Args"), *arg;
	size_t i;
	if (strcmp(e->call.func->name, text_of(want, "Func")) != 0)
		return differs("Func");
	if (json_array_size(args) != e->call.n_args)
		return differs("number of Args");
	json_array_foreach(args, i, arg) if (!same(e->call.args[i], arg)) return false;
	return true;
}

static bool same_aggregate(const struct promql_expr *e, const json_t *want)
{
	if (strcmp(promql_agg_name(e->agg.op), text_of(want, "Op")) != 0)
		return differs("Op");
	if (e->agg.without != true_of(want, "Without"))
		return differs("Without");
	return same_labels(&e->agg.grouping, want, "Grouping") && same_optional(e->agg.param, want, "Param") &&
	       same(e->agg.expr, json_object_get(want, "Expr"));
}

static bool same_matching(const struct promql_binary *b, const json_t *want)
{
	if (b->has_matching != (want != NULL))
		return differs("VectorMatching");
	if (!want)
		return true;
	const char *card = text_of(want, "Card");
	if (strcmp(promql_card_name(b->matching.card), *card ? card : "one-to-one") != 0)
		return differs("Card");
	if (b->matching.on != true_of(want, "On"))
		return differs("On");
	return same_labels(&b->matching.labels, want, "MatchingLabels") &&
	       same_labels(&b->matching.include, want, "Include");
}

static bool same_binary(const struct promql_expr *e, const json_t *want)
{
	if (strcmp(promql_op_name(e->binary.op), text_of(want, "Op")) != 0)
		return differs("Op");
	if (e->binary.return_bool != true_of(want, "ReturnBool"))
		return differs("ReturnBool");
	return same_matching(&e->binary, json_object_get(want, "VectorMatching")) &&
	       same(e->binary.lhs, json_object_get(want, "LHS")) && same(e->binary.rhs, json_object_get(want, "RHS"));
}

static bool same_unary(const struct promql_expr *e, const json_t *want)
{
	if (strcmp(promql_op_name(e->unary.op), text_of(want, "Op")) != 0 || int_of(want, "StartPos") != e->pos.start)
		return differs("Op or StartPos");
	return same(e->unary.expr, json_object_get(want, "Expr"));
}

static bool same_paren(const struct promql_expr *e, const json_t *want)
{
	return same(e->paren, json_object_get(want, "Expr"));
}

static bool same_duration(const struct promql_expr *e, const json_t *want)
{
	if (strcmp(promql_op_name(e->duration.op), text_of(want, "Op")) != 0)
		return differs("Op");
	if (e->duration.wrapped != true_of(want, "Wrapped"))
		return differs("Wrapped");
	return same_optional(e->duration.lhs, want, "LHS") && same_optional(e->duration.rhs, want, "RHS");
}

static bool same(const struct promql_expr *e, const json_t *want)
{
	static const struct {
		enum promql_kind kind;
		const char *name;
		bool (*same)(const struct promql_expr *e, const json_t *want);
	} kinds[] = {
		{ PROMQL_NUMBER, "NumberLiteral", same_number },
		{ PROMQL_STRING, "StringLiteral", same_string },
		{ PROMQL_SELECTOR, "VectorSelector", same_selector },
		{ PROMQL_MATRIX, "MatrixSelector", same_matrix },
		{ PROMQL_SUBQUERY, "SubqueryExpr", same_subquery },
		{ PROMQL_CALL, "Call", same_call },
		{ PROMQL_AGGREGATE, "AggregateExpr", same_aggregate },
		{ PROMQL_BINARY, "BinaryExpr", same_binary },
		{ PROMQL_UNARY, "UnaryExpr", same_unary },
		{ PROMQL_PAREN, "ParenExpr", same_paren },
		{ PROMQL_DURATION, "DurationExpr", same_duration },
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == e->kind)
			return strcmp(kinds[i].name, text_of(want, "_t")) != 0
				       ? differs("kind")
				       : same_pos(e, want) && kinds[i].same(e, want);
	return false;
}

/* --- upstream's cases ---------------------------------------------------------- */

static bool same_errors(struct str text, const struct promql_parse_errs *got, const json_t *c, struct arena *a)
{
	const json_t *list = json_object_get(c, "errors"), *want;
	size_t i;
	const json_t *count = json_object_get(c, "errors_count"); /* where only the first ones are recorded */
	if (got->n != (count ? (size_t)json_integer_value(count) : json_array_size(list)))
		return differs("number of errors");
	json_array_foreach(list, i,
			   want) if (strcmp(got->v[i].msg, text_of(want, "err")) != 0 ||
				     got->v[i].pos.start != int_of(want, "start") ||
				     got->v[i].pos.end != int_of(want, "end")) return differs(text_of(want, "err"));
	return strcmp(promql_parse_err_text(text, &got->v[0], a), text_of(c, "err_full")) == 0 ? true
											       : differs("err_full");
}

/* Whether our limits, not the language, decide: one case has thousands of operators. By default it is refused early. */
static bool over_our_limits(const json_t *c, struct str text)
{
	struct budget b;
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	if (int_of(c, "errors_count") <= PROMQL_MAX_ERRORS)
		return false;
	budget_init(&b, NULL, "test", 2 << 20);
	arena_init(&a, &b);
	assert_int_equal(promql_parse(text, &PROMQL_PARSE_ALL, &a, &e, NULL, &err), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "query has more than 2000 operators"));
	arena_fini(&a);
	budget_fini(&b);
	return true;
}

/* Limits that only the longest of the cases needs: 21,000 operators, 1,000 subqueries in each other. */
static struct promql_parse_opts wide_limits(void)
{
	struct promql_parse_opts o = PROMQL_PARSE_ALL;
	o.max_ops = 30000;
	o.max_depth = 400;
	o.max_errors = 20000;
	return o;
}

static bool passes(const json_t *c, struct str text, struct arena *a)
{
	struct promql_expr *e;
	struct promql_parse_errs errs;
	struct err err = ERR_NONE;
	struct promql_parse_opts opts = over_our_limits(c, text) ? wide_limits() : PROMQL_PARSE_ALL;
	int ret = promql_parse(text, &opts, a, &e, &errs, &err);
	if (true_of(c, "fail")) {
		if (ret < 0 && same_errors(text, &errs, c, a))
			return true;
		for (size_t i = 0; i < errs.n; i++)
			print_message("  got %u-%u %s\n", errs.v[i].pos.start, errs.v[i].pos.end, errs.v[i].msg);
		return false;
	}
	if (ret < 0) {
		print_message("  %s\n", err.msg);
		return false;
	}
	return same(e, json_object_get(c, "ast"));
}

static void test_trees_and_errors_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("parse_cases.json"), *c;
	size_t i, bad = 0;
	json_array_foreach(cases, i, c)
	{
		struct arena a;
		arena_init(&a, NULL);
		struct str text = case_text(c, "input");
		if (!passes(c, text, &a)) {
			print_message("case %zu: %.*s\n", i, (int)(text.n > 200 ? 200 : text.n), text.p);
			bad++;
		}
		free((char *)text.p);
		arena_fini(&a);
	}
	assert_int_equal(i, 356);
	assert_int_equal(bad, 0);
	json_decref(cases);
}

/* --- our own ---------------------------------------------------------------- */

/* Asserts that `text` fails with exactly `want` (position included), with the options `o`. */
static void assert_error_with(const char *text, const struct promql_parse_opts *o, const char *want)
{
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	arena_init(&a, NULL);
	assert_int_equal(promql_parse(str_c(text), o, &a, &e, NULL, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, want);
	arena_fini(&a);
}

static void assert_error(const char *text, const char *want)
{
	assert_error_with(text, &PROMQL_PARSE_ALL, want);
}

static void test_syntax_errors_name_the_innermost_construct(void **state)
{
	(void)state;
	assert_error("sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation");
	assert_error("sum by (a) b", "1:12: parse error: unexpected identifier \"b\" in aggregation");
	assert_error("rate(foo bar)", "1:10: parse error: unexpected identifier \"bar\"");
	assert_error("foo @ start", "1:12: parse error: unexpected end of input in @, expected timestamp");
	assert_error("foo offset (1s", "1:15: parse error: unclosed left parenthesis");
	assert_error("foo[1m:2m:]", "1:10: parse error: unexpected colon ':'");
	assert_error("foo[(1m]", "1:8: parse error: unexpected \"]\" in subquery or range selector, expected number, "
				 "duration, step(), or range()");
	assert_error("{\"foo\" bar}",
		     "1:8: parse error: unexpected identifier \"bar\" in label matching, expected \",\" or "
		     "\"}\"");
	assert_error("sum by (a b) (c)",
		     "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"");
	assert_error("f(a,*b)", "1:4: parse error: trailing commas not allowed in function call args");
	assert_error("foo\n  + *", "2:5: parse error: unexpected <op:*>");
}

static void test_a_number_after_an_aggregation_counts_as_its_end(void **state)
{
	static const struct {
		const char *text;
		uint32_t end;
	} rows[] = { { "sum() 25", 8 }, { "sum() 25m", 9 }, { "(sum() )", 6 }, { "sum() x", 5 } };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a;
		struct promql_expr *e;
		struct promql_parse_errs errs;
		struct err err = ERR_NONE;
		arena_init(&a, NULL);
		assert_true(promql_parse(str_c(rows[i].text), NULL, &a, &e, &errs, &err) < 0);
		assert_string_equal(errs.v[0].msg, "no arguments for aggregate expression provided");
		assert_int_equal(errs.v[0].pos.end, rows[i].end);
		arena_fini(&a);
	}
}

static void test_bad_patterns_are_refused(void **state)
{
	(void)state;
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	arena_init(&a, NULL);
	assert_true(promql_parse(STR("x{a=~\"(\"}"), NULL, &a, &e, NULL, &err) < 0);
	assert_non_null(strstr(err.msg, "1:3: parse error: "));
	arena_fini(&a);
}

static void test_options_switch_parts_of_the_language(void **state)
{
	(void)state;
	struct promql_parse_opts none = { 0 };
	assert_error_with("sort_by_label(a, \"x\")", &none,
			  "1:1: parse error: function \"sort_by_label\" is not enabled");
	assert_error_with("limitk(1, a)", &none,
			  "1:1: parse error: limitk() is experimental and must be enabled with "
			  "--enable-feature=promql-experimental-functions");
	assert_error_with("xrate(a[5m])", &none, "1:1: parse error: unknown function with name \"xrate\"");
	assert_error_with("a anchored", &none, "1:1: parse error: anchored modifier is experimental and not enabled");
	assert_error_with("a[5m] smoothed", &none,
			  "1:1: parse error: smoothed modifier is experimental and not enabled");
	assert_error_with("a + fill(1) b", &none,
			  "1:1: parse error: binop fill modifiers are experimental and not enabled");
	assert_error_with("a[1m + 2m]", &none, "1:3: parse error: experimental duration expression is not enabled");
}

/* Parses with everything on; fails the test on an error. */
static struct promql_expr *must_parse(const char *text, struct arena *a)
{
	struct promql_expr *e;
	struct err err = ERR_NONE;
	if (promql_parse(str_c(text), &PROMQL_PARSE_ALL, a, &e, NULL, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return e;
}

static void test_offset_operand_ends_unless_parenthesised(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	assert_int_equal(must_parse("foo offset 5m + 3", &a)->kind, PROMQL_BINARY);
	assert_int_equal(must_parse("foo offset step() + 3", &a)->kind, PROMQL_BINARY);
	assert_int_equal(must_parse("foo offset -(5m) + 3", &a)->kind, PROMQL_BINARY);
	assert_int_equal(must_parse("foo offset (5m) + 3", &a)->kind, PROMQL_SELECTOR);
	assert_int_equal(must_parse("foo offset (5m) + 3 == 2", &a)->kind, PROMQL_BINARY);
	arena_fini(&a);
}

static void test_powers_bind_tighter_than_signs(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_expr *e = must_parse("2 ^ -a * 3", &a);
	assert_int_equal(e->binary.op, PROMQL_OP_MUL);
	e = must_parse("a ^ -b ^ c", &a);
	assert_int_equal(e->binary.op, PROMQL_OP_POW);
	assert_int_equal(e->binary.rhs->kind, PROMQL_UNARY);
	assert_int_equal(e->binary.rhs->unary.expr->binary.op, PROMQL_OP_POW);
	arena_fini(&a);
}

static void test_fill_values_are_kept(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_expr *e = must_parse("a + on(x) fill_right(2) fill_left(-1) b", &a);
	assert_true(e->binary.matching.has_fill_lhs && e->binary.matching.has_fill_rhs);
	assert_true(e->binary.matching.fill_lhs == -1 && e->binary.matching.fill_rhs == 2);
	arena_fini(&a);
}

static void test_ids_number_the_nodes_children_first(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_expr *e = must_parse("1 + a + sum(b)", &a);
	assert_int_equal(e->id, 5);
	assert_int_equal(e->binary.lhs->binary.lhs->id, 0);
	assert_int_equal(e->binary.rhs->id, 4);
	arena_fini(&a);
}

static void test_selector_entry_takes_selectors_only(void **state)
{
	(void)state;
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	arena_init(&a, NULL);
	assert_int_equal(promql_parse_selector(STR("up{job=\"x\"}"), NULL, &a, &e, &err), 0);
	assert_int_equal(e->selector.n_matchers, 2);
	assert_int_equal(promql_parse_selector(STR("{}"), NULL, &a, &e, &err), 0);
	assert_int_equal(e->selector.n_matchers, 0);
	assert_int_equal(promql_parse_selector(STR("up offset 5m"), NULL, &a, &e, &err), 0);
	assert_int_equal(e->selector.n_matchers, 1);
	static const char *const refused[][2] = {
		{ "", "unknown position: parse error: no expression found in input" },
		{ " ", "1:1: parse error: no expression found in input" },
		{ "up{", "1:4: parse error: unexpected end of input inside braces" },
		{ "up{__name__=\"down\"}", "1:1: parse error: metric name must not be set twice: \"up\" or \"down\"" },
		{ "1m1h", "1:1: parse error: not a valid duration string: \"1m1h\"" },
		{ "sum(up) by", "1:11: parse error: unexpected end of input in grouping opts, expected \"(\"" },
		{ "-1", "expected type *parser.VectorSelector, got *parser.NumberLiteral" },
		{ "'x'", "expected type *parser.VectorSelector, got *parser.StringLiteral" },
		{ "up[5m]", "expected type *parser.VectorSelector, got *parser.MatrixSelector" },
		{ "up[5m:]", "expected type *parser.VectorSelector, got *parser.SubqueryExpr" },
		{ "sum(up)", "expected type *parser.VectorSelector, got *parser.AggregateExpr" },
		{ "abs(up)", "expected type *parser.VectorSelector, got *parser.Call" },
		{ "(up)", "expected type *parser.VectorSelector, got *parser.ParenExpr" },
		{ "-up", "expected type *parser.VectorSelector, got *parser.UnaryExpr" },
		{ "up or up", "expected type *parser.VectorSelector, got *parser.BinaryExpr" },
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_true(promql_parse_selector(str_c(refused[i][0]), NULL, &a, &e, &err) < 0);
		assert_string_equal(err.msg, refused[i][1]);
		assert_null(e);
	}
	arena_fini(&a);
}

/* --- limits -------------------------------------------------------------------- */

/* `before` n times, `middle`, `after` n times. */
static char *repeat(const char *before, size_t n, const char *middle, const char *after)
{
	struct strbuf b = { 0 };
	for (size_t i = 0; i < n; i++)
		strbuf_add_c(&b, before);
	strbuf_add_c(&b, middle);
	for (size_t i = 0; i < n; i++)
		strbuf_add_c(&b, after);
	return strbuf_steal(&b);
}

/* Asserts that the text (freed here) is refused with a message that has `want` in it, with little memory. */
static void assert_refused(char *text, const char *want)
{
	struct budget b;
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	budget_init(&b, NULL, "test", 4 << 20);
	arena_init(&a, &b);
	assert_int_equal(promql_parse(str_c(text), NULL, &a, &e, NULL, &err), -ERR_INVALID_ARGUMENT);
	if (!strstr(err.msg, want))
		fail_msg("%.100s", err.msg);
	arena_fini(&a);
	budget_fini(&b);
	free(text);
}

static void test_bombs_are_refused(void **state)
{
	(void)state;
	assert_refused(repeat("(", 30000, "1", ")"), "levels of nesting");
	assert_refused(repeat("-", 60000, "a", ""), "levels of nesting");
	assert_refused(repeat("a or ", 12000, "a", ""), "2000 operators");
	assert_refused(repeat("(a or a) and ", 1500, "a", ""), "2000 operators");
	char *sums = repeat("1+1,", 2001, "1", "");
	assert_refused(xasprintf("abs(%s)", sums), "2000 operators");
	free(sums);
	assert_refused(repeat("a ^ ", 12000, "a", ""), "levels of nesting");
	assert_refused(repeat("sum(", 10000, "a", ")"), "levels of nesting");
	assert_refused(repeat("a[1m:]", 1, "a", ""), "unexpected");
	assert_refused(repeat("", 10000, "a", "[1m:]"), "levels of nesting");
	assert_refused(repeat("", 5000, "a[", "(1+"), "levels of nesting");
	assert_refused(repeat("", 70000, "a", " "), "65536");
}

/* A text that is parsed with wider limits. */
struct wide {
	char *text;
	uint32_t depth;
	int ret;
	struct err err;
};

static void *parse_wide(void *arg)
{
	struct wide *w = arg;
	struct arena a;
	struct promql_expr *e;
	struct promql_parse_opts o = PROMQL_PARSE_ALL;
	o.max_depth = w->depth;
	o.max_ops = o.max_errors = 100000;
	o.max_text = 1 << 20;
	arena_init(&a, NULL);
	w->ret = promql_parse(str_c(w->text), &o, &a, &e, NULL, &w->err);
	arena_fini(&a);
	return NULL;
}

/* Parses on as little stack as the header says; frees the text. */
static void assert_wide(char *text, uint32_t depth, const char *error)
{
	struct wide w = { text, depth, 0, ERR_NONE };
#ifdef TH_SANITIZERS
	size_t stack = (size_t)depth * PROMQL_STACK_PER_LEVEL * 8;
#else
	size_t stack = (size_t)depth * PROMQL_STACK_PER_LEVEL;
#endif
	pthread_attr_t attr;
	pthread_t t;
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, stack), 0);
	assert_int_equal(pthread_create(&t, &attr, parse_wide, &w), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	pthread_attr_destroy(&attr);
	if (error ? w.ret == 0 || !strstr(w.err.msg, error) : w.ret != 0)
		fail_msg("%.40s...: %s", text, w.err.msg);
	free(text);
}

static void test_wider_limits_take_the_stack_that_the_header_says(void **state)
{
	static const char deeper[] = "levels of nesting";
	const uint32_t d = 10000;
	(void)state;
	assert_wide(repeat("(", d - 1, "a", ")"), d, NULL);
	assert_wide(repeat("(", d, "a", ")"), d, deeper);
	assert_wide(repeat("-", d - 1, "a", ""), d, NULL);
	assert_wide(repeat("a ^ ", d - 1, "a", ""), d, NULL);
	assert_wide(repeat("a + (", d / 2 - 1, "a", ")"), d, NULL);
	assert_wide(repeat("abs(", d - 1, "a", ")"), d, NULL);
	assert_wide(repeat("sum(", d - 1, "a", ") by (x)"), d, NULL);
	assert_wide(repeat("topk(1, ", d - 1, "a", ")"), d, NULL);
	assert_wide(repeat("max_over_time(", d - 2, "a", "[5m:1m])"), d, NULL);
	assert_wide(repeat("max_over_time((1 + ", d / 3 - 1, "a", ")[5m:1m])"), d, NULL);
	assert_wide(repeat("sum(-max_over_time((1 + ", d / 5 - 1, "a", " + a)[5m:1m]))"), d, NULL);
	assert_wide(repeat("", 3 * d - 1, "a", "[5m:1m]"), d, "got matrix instead");
	assert_wide(repeat("", 3 * d, "a", "[5m:1m]"), d, deeper);
	char *nested = repeat("(1 + ", d / 2 - 1, "1", ")");
	assert_wide(xasprintf("a[%s]", nested), d, NULL);
	free(nested);
}

static void test_other_limits_are_told(void **state)
{
	struct arena a;
	struct promql_expr *e;
	struct promql_parse_errs errs;
	struct err err = ERR_NONE;
	struct promql_parse_opts o = { .max_text = 9, .max_ops = 1, .max_depth = 2, .max_errors = 1 };
	(void)state;
	arena_init(&a, NULL);
	assert_int_equal(promql_parse(STR("a + (a)"), &o, &a, &e, &errs, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "1:5: parse error: query has more than 2 levels of nesting");
	assert_int_equal(promql_parse(STR("a + a + a"), &o, &a, &e, &errs, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "1:7: parse error: query has more than 1 operators");
	assert_int_equal(promql_parse(STR("a + a     "), &o, &a, &e, &errs, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "1:1: parse error: query has 10 bytes, at most 9 are allowed");
	assert_int_equal(promql_parse(STR("{} + {}"), &o, &a, &e, &errs, &err), -ERR_INVALID_ARGUMENT);
	assert_int_equal(errs.n, 1);
	o.max_errors = 2;
	assert_int_equal(promql_parse(STR("{} + {}"), &o, &a, &e, &errs, &err), -ERR_INVALID_ARGUMENT);
	assert_int_equal(errs.n, 2);
	arena_fini(&a);
}

static void test_long_chains_within_the_limits_pass(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	char *text = repeat("a or ", 2000, "a", "");
	assert_int_equal(must_parse(text, &a)->height, 2);
	free(text);
	text = repeat("(", 150, "a", ")");
	assert_int_equal(must_parse(text, &a)->height, 151);
	free(text);
	arena_fini(&a);
}

static void test_small_budget_is_an_error(void **state)
{
	(void)state;
	struct budget b;
	struct arena a;
	struct promql_expr *e;
	struct err err = ERR_NONE;
	for (uint64_t limit = 0; limit < 6000; limit += 64) {
		budget_init(&b, NULL, "test", limit);
		arena_init(&a, &b);
		int ret = promql_parse(STR("sum by (a) (rate(x{y=\"z\"}[5m:1m] offset (1m + 2)))"), NULL, &a, &e, NULL,
				       &err);
		assert_true(ret == 0 || ret == -ERR_RESOURCE_EXHAUSTED);
		arena_fini(&a);
		budget_fini(&b);
	}
}

static void test_selectors_have_at_most_a_thousand_matchers(void **state)
{
	struct arena a;
	struct promql_expr *e;
	struct err err;
	arena_init(&a, NULL);
	for (int n = 1000; n <= 1001; n++) {
		struct strbuf b = { 0 };
		strbuf_add_ch(&b, '{');
		for (int i = 0; i < n; i++)
			strbuf_printf(&b, "l%d=\"x\",", i);
		strbuf_add_ch(&b, '}');
		int rc = promql_parse(strbuf_str(&b), NULL, &a, &e, NULL, &err);
		assert_int_equal(rc, n > 1000 ? -ERR_INVALID_ARGUMENT : 0);
		if (rc != 0)
			assert_non_null(strstr(err.msg, "more than 1000 matchers"));
		strbuf_fini(&b);
	}
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selectors_have_at_most_a_thousand_matchers),
		cmocka_unit_test(test_trees_and_errors_of_upstream),
		cmocka_unit_test(test_syntax_errors_name_the_innermost_construct),
		cmocka_unit_test(test_a_number_after_an_aggregation_counts_as_its_end),
		cmocka_unit_test(test_bad_patterns_are_refused),
		cmocka_unit_test(test_options_switch_parts_of_the_language),
		cmocka_unit_test(test_offset_operand_ends_unless_parenthesised),
		cmocka_unit_test(test_powers_bind_tighter_than_signs),
		cmocka_unit_test(test_fill_values_are_kept),
		cmocka_unit_test(test_ids_number_the_nodes_children_first),
		cmocka_unit_test(test_selector_entry_takes_selectors_only),
		cmocka_unit_test(test_bombs_are_refused),
		cmocka_unit_test(test_long_chains_within_the_limits_pass),
		cmocka_unit_test(test_small_budget_is_an_error),
		cmocka_unit_test(test_wider_limits_take_the_stack_that_the_header_says),
		cmocka_unit_test(test_other_limits_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
