#include "unit/promql/lang/cases.h"

#include "base/mem.h"
#include "promqltest/run.h"

/* --- upstream's tests of its runner ------------------------------------------------- */

/* The first complaint of a run. */
struct first {
	char *msg;
};

static void keep_first(void *arg, int line, const char *msg)
{
	struct first *f = arg;
	(void)line;
	if (!f->msg)
		f->msg = xstrdup(msg);
}

static void test_messages_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("promqltest_runner_selftest.json"), *c;
	struct run_opts o = run_opts_default();
	size_t i, bad = 0;
	json_array_foreach(json_object_get(cases, "run_test"), i, c)
	{
		const char *want = json_string_value(json_object_get(c, "expected_error"));
		struct str text = case_text(c, "input");
		struct first got = { NULL };
		run_script(text, &o, keep_first, &got);
		if (strcmp(got.msg ? got.msg : "", want) != 0) {
			print_message("%s\n  got  %s\n  want %s\n", json_string_value(json_object_get(c, "name")),
				      got.msg, want);
			bad++;
		}
		free(got.msg);
		free((char *)text.p);
	}
	assert_int_equal(i, 98);
	assert_int_equal(bad, 0);
	json_decref(cases);
}

/* --- our own ------------------------------------------------------------------------ */

static void ignore(void *arg, int line, const char *msg)
{
	int *last = arg;
	(void)msg;
	*last = line;
}

static void test_run_goes_on_after_a_failure(void **state)
{
	(void)state;
	struct run_opts o = run_opts_default();
	int line = 0;
	struct run_counts c = run_script(STR("load 1m\n a 1 2\n\neval instant at 0 a\n a 5\n\n"
					     "eval instant at 1m a\n a 2\n"),
					 &o, ignore, &line);
	assert_int_equal(c.passed, 1);
	assert_int_equal(c.failed, 1);
	assert_int_equal(line, 4);
}

static void test_clear_drops_the_series(void **state)
{
	(void)state;
	struct run_opts o = run_opts_default();
	int line = 0;
	struct run_counts c = run_script(STR("load 1m\n a 1\n\nclear\n\neval instant at 0 a\n"), &o, ignore, &line);
	assert_int_equal(c.passed, 1);
	assert_int_equal(c.failed, 0);
}

static void test_classic_histograms_become_native_ones(void **state)
{
	(void)state;
	struct run_opts o = run_opts_default();
	int line = 0;
	struct run_counts c = run_script(STR("load_with_nhcb 1m\n"
					     " h_bucket{le=\"1\"} 2\n h_bucket{le=\"+Inf\"} 5\n h_sum 9\n\n"
					     "eval instant at 0 h\n"
					     " h {{schema:-53 count:5 sum:9 custom_values:[1] buckets:[2 3]}}\n"),
					 &o, ignore, &line);
	assert_int_equal(c.passed, 1);
	assert_int_equal(c.failed, 0);
}

static void test_hints_come_back_as_chunks_give_them(void **state)
{
	(void)state;
	struct run_opts o = run_opts_default();
	int line = 0;
	struct run_counts c = run_script(
		STR("load 1m\n h {{count:1}} {{count:2}} {{count:1}} {{count:3 counter_reset_hint:reset}}\n\n"
		    "eval range from 0 to 3m step 1m h\n"
		    " h {{count:1 counter_reset_hint:unknown}} {{count:2 counter_reset_hint:not_reset}} "
		    "{{count:1 counter_reset_hint:unknown}} {{count:3 counter_reset_hint:unknown}}\n"),
		&o, ignore, &line);
	assert_int_equal(c.passed, 1);
	assert_int_equal(c.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_of_upstream),
		cmocka_unit_test(test_run_goes_on_after_a_failure),
		cmocka_unit_test(test_clear_drops_the_series),
		cmocka_unit_test(test_classic_histograms_become_native_ones),
		cmocka_unit_test(test_hints_come_back_as_chunks_give_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
