#include "unit/promql/lang/cases.h"

#include "promqltest/compare.h"
#include "promqltest/script.h"

#include <math.h>

static void test_start_times_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("promqltest_runner_selftest.json"), *c, *want;
	size_t i, k;
	json_array_foreach(json_object_get(cases, "st"), i, c)
	{
		struct arena a;
		struct promql_seq_value *v;
		size_t n;
		arena_init(&a, NULL);
		struct str text = case_text(c, "input");
		const char *msg = script_parse_st(text, &a, &v, &n);
		const json_t *list = json_object_get(c, "expected");
		assert_int_equal(msg != NULL, json_is_true(json_object_get(c, "wantErr")));
		json_array_foreach(list, k, want)
		{
			assert_true(k < n);
			assert_int_equal(v[k].omitted, json_is_string(want));
			assert_true(v[k].omitted || v[k].v == json_number_value(want));
		}
		assert_true(!json_is_array(list) || n == json_array_size(list));
		free((char *)text.p);
		arena_fini(&a);
	}
	assert_int_equal(i, 13);
	json_decref(cases);
}

/* Reads a script; the message, or NULL. */
static const char *parse(const char *text, struct arena *a, struct script *s)
{
	return script_parse(str_c(text), a, s);
}

static void test_a_script_is_a_list_of_commands(void **state)
{
	(void)state;
	struct arena a;
	struct script s;
	arena_init(&a, NULL);
	assert_null(parse("# a comment\nload 30s\n  x{a=\"b\"} 1 _ 3\n  x{a=\"b\"} 7\n  y 1x3\n\n"
			  "clear\n"
			  "eval_ordered instant at 1m sort(x)\n  x 1\n  y 2\n\n"
			  "eval range from 1m to 3m step 1m x\n  expect no_warn\n  expect info msg: some text \n"
			  "  x 1 2 3\n",
			  &a, &s));
	assert_int_equal(s.n_cmds, 4);
	assert_int_equal(s.cmds[0].kind, CMD_LOAD);
	assert_int_equal(s.cmds[0].load.step_ms, 30000);
	assert_int_equal(s.cmds[0].n_series, 2);
	assert_int_equal(s.cmds[0].series[0].n_values, 1);
	assert_int_equal(s.cmds[1].kind, CMD_CLEAR);
	assert_true(s.cmds[2].eval.ordered && !s.cmds[2].eval.is_range);
	assert_int_equal(s.cmds[2].eval.eval_ms, 60000);
	assert_int_equal(s.cmds[2].series[1].pos, 2);
	const struct eval_cmd *ev = &s.cmds[3].eval;
	assert_true(ev->is_range && ev->start_ms == 60000 && ev->end_ms == 180000 && ev->line == 12);
	assert_int_equal(ev->n_expects, 2);
	assert_string_equal(ev->expects[1].text, "some text");
	arena_fini(&a);
}

static void test_a_number_alone_is_an_expected_scalar(void **state)
{
	(void)state;
	struct arena a;
	struct script s;
	arena_init(&a, NULL);
	assert_null(parse("eval instant at 0 1\n -0x10\n", &a, &s));
	assert_true(s.cmds[0].eval.expect_scalar && s.cmds[0].eval.scalar == -16);
	assert_null(parse("eval instant at 0 1\n +Inf\n", &a, &s));
	assert_true(isinf(s.cmds[0].eval.scalar));
	arena_fini(&a);
}

static void test_start_times_join_the_next_line(void **state)
{
	(void)state;
	struct arena a;
	struct script s;
	arena_init(&a, NULL);
	assert_null(parse("load 1m\n x{a=\"b\"}@st -1m _\n x{a=\"b\"} 1 2\n", &a, &s));
	assert_true(s.cmds[0].series[0].st[0].v == -60000);
	assert_string_equal(parse("load 1m\n x@st -1m\n y 1\n", &a, &s),
			    "unknown position: parse error: @st metric does not match the following sample "
			    "line metric");
	assert_non_null(parse("load 1m\n x@st -1m\n", &a, &s));
	assert_non_null(parse("load 1m\n x@st -1mx2\n x 1\n", &a, &s));
	arena_fini(&a);
}

static void assert_message(const char *text, const char *want)
{
	struct arena a;
	struct script s;
	arena_init(&a, NULL);
	assert_string_equal(parse(text, &a, &s), want);
	arena_fini(&a);
}

static void test_mistakes_are_reported_with_their_place(void **state)
{
	(void)state;
	assert_message("\nevil", "unknown position: parse error: invalid command \"evil\"");
	assert_message("\n\neval instant at 1m sum(", "3:24: parse error: unclosed left parenthesis");
	assert_message("load 1m\n x{ 1\n", "2:4: parse error: unexpected character inside braces: '1'");
	assert_message("load xyz\n x 1\n",
		       "unknown position: parse error: invalid step definition \"xyz\": not a valid duration "
		       "string: \"xyz\"");
	assert_message("eval instant at 0 x\n expect warm\n",
		       "error in eval x (line 2): invalid expect statement, must match `expect <type> "
		       "<match_type>: <string>` format");
}

static void test_values_are_equal_up_to_a_millionth(void **state)
{
	(void)state;
	assert_true(compare_almost(1, 1.000001));
	assert_false(compare_almost(1, 1.00001));
	assert_false(compare_almost(0, 1e-300));
	assert_true(compare_almost(NAN, -NAN));
	assert_false(compare_almost(NAN, double_of_bits(STALE_NAN_BITS)));
	assert_true(compare_almost(INFINITY, INFINITY));
	assert_false(compare_almost(INFINITY, -INFINITY));
}

static void test_histograms_print_as_scripts_write_them(void **state)
{
	(void)state;
	struct arena a;
	struct promql_series_desc d;
	struct strbuf b = { 0 };
	const char *text = "{{schema:1 count:3.5 sum:-1 z_bucket:1 z_bucket_w:0.5 counter_reset_hint:gauge "
			   "offset:2 buckets:[1 0 2] n_offset:-1 n_buckets:[4]}}";
	char line[256];
	snprintf(line, sizeof(line), "m %s", text);
	arena_init(&a, NULL);
	assert_int_equal(promql_parse_series(str_c(line), &a, &d, NULL), 0);
	compare_print_histogram(d.values[0].h, &a, &b);
	assert_string_equal(b.p, text);
	strbuf_fini(&b);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_times_of_upstream),
		cmocka_unit_test(test_a_script_is_a_list_of_commands),
		cmocka_unit_test(test_a_number_alone_is_an_expected_scalar),
		cmocka_unit_test(test_start_times_join_the_next_line),
		cmocka_unit_test(test_mistakes_are_reported_with_their_place),
		cmocka_unit_test(test_values_are_equal_up_to_a_millionth),
		cmocka_unit_test(test_histograms_print_as_scripts_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
