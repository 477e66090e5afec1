#include "metrics/metrics.h"

#include "metrics/expose.h"

#include "unit/unit.h"

static void test_same_name_is_same_metric(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct counter *a = metrics_counter(r, "x_total", "X.");
	assert_ptr_equal(metrics_counter(r, "x_total", "X."), a);
	counter_inc(a);
	counter_add(a, 2.5);
	assert_true(a->v == 3.5);
	metrics_registry_free(r);
}

static void test_children_keep_their_address(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_counter_vec(r, "x_total", "X.", METRICS_LABELS("a", "b"));
	struct counter *first = metrics_counter_with(v, METRICS_LABELS("1", "2"));
	for (int i = 0; i < 1000; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%d", i);
		counter_inc(metrics_counter_with(v, METRICS_LABELS(value, "2")));
	}
	assert_ptr_equal(metrics_counter_with(v, METRICS_LABELS("1", "2")), first);
	assert_true(first->v == 1);
	/* Where one value ends and the next begins matters. */
	assert_ptr_not_equal(metrics_counter_with(v, METRICS_LABELS("12", "")), first);
	metrics_registry_free(r);
}

static void test_children_past_the_limit_are_counted_not_exposed(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_gauge_vec(r, "x", "X.", METRICS_LABELS("tenant"));
	metrics_vec_set_limit(v, 2);
	gauge_set(metrics_gauge_with(v, METRICS_LABELS("a")), 1);
	gauge_set(metrics_gauge_with(v, METRICS_LABELS("b")), 2);
	struct gauge *over = metrics_gauge_with(v, METRICS_LABELS("c"));
	gauge_set(over, 3);
	assert_ptr_equal(metrics_gauge_with(v, METRICS_LABELS("d")), over);
	assert_int_equal(metrics_dropped_children(r), 2);
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	assert_null(strstr(b.p, "\"c\""));
	assert_non_null(strstr(b.p, "\"b\""));
	strbuf_fini(&b);
	metrics_registry_free(r);
}

static void test_values_that_are_no_text_do_not_spoil_the_rest(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_gauge_vec(r, "x", "X.", METRICS_LABELS("tenant"));
	gauge_set(metrics_gauge_with(v, METRICS_LABELS("a\xff\xc3\xa9\"\xe2\x82")), 1);
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	assert_non_null(strstr(b.p, "x{tenant=\"a\xef\xbf\xbd\xc3\xa9\\\"\xef\xbf\xbd\xef\xbf\xbd\"} 1\n"));
	strbuf_fini(&b);
	metrics_registry_free(r);
}

static void test_remove_and_clear(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_histogram_vec(r, "h", "H.", METRICS_LABELS("t"), (double[]){ 1, 2 }, 2);
	histogram_observe(metrics_histogram_with(v, METRICS_LABELS("a")), 1);
	histogram_observe(metrics_histogram_with(v, METRICS_LABELS("b")), 1);
	assert_true(metrics_vec_remove(v, METRICS_LABELS("a")));
	assert_false(metrics_vec_remove(v, METRICS_LABELS("a")));
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	assert_null(strstr(b.p, "t=\"a\""));
	assert_non_null(strstr(b.p, "t=\"b\""));
	metrics_vec_clear(v);
	strbuf_reset(&b);
	metrics_expose(r, METRICS_TEXT, &b);
	assert_int_equal(b.n, 0); /* a family without children is left out */
	strbuf_fini(&b);
	metrics_registry_free(r);
}

static void test_bounds(void **state)
{
	double e[4], l[3];
	metrics_buckets_exponential(e, 4, 0.5, 2);
	metrics_buckets_linear(l, 3, 1, 5);
	assert_true(e[0] == 0.5 && e[3] == 4);
	assert_true(l[0] == 1 && l[2] == 11);
}

static double read_and_count(void *arg)
{
	return ++*(int *)arg;
}

static void hook(void *arg)
{
	++*(int *)arg;
}

static void test_hooks_and_reads_end(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	int reads = 0, hooks = 0;
	metrics_gauge_fn(r, "g", "G.", read_and_count, &reads);
	metrics_on_collect(r, hook, &hooks);
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	assert_string_equal(b.p, "# HELP g G.\n# TYPE g gauge\ng 1\n");
	assert_int_equal(hooks, 1);
	metrics_off_collect(r, &reads);
	metrics_off_collect(r, &hooks);
	strbuf_reset(&b);
	metrics_expose(r, METRICS_TEXT, &b);
	assert_int_equal(reads, 2); /* once more, to keep the last value */
	assert_int_equal(hooks, 1);
	assert_non_null(strstr(b.p, "g 2\n"));
	strbuf_fini(&b);
	metrics_registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_name_is_same_metric),
		cmocka_unit_test(test_children_keep_their_address),
		cmocka_unit_test(test_children_past_the_limit_are_counted_not_exposed),
		cmocka_unit_test(test_values_that_are_no_text_do_not_spoil_the_rest),
		cmocka_unit_test(test_remove_and_clear),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_hooks_and_reads_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
