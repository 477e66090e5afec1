/*
 * What stands in a query more than once is read once, and nothing else changes.
 */
#include "unit/unit.h"

#include "unit/promql/sample.h"

#define END 300000
#define STEP 10000

static void load(struct rig *r)
{
	rig_init(r);
	r->hints_matter = true;
	rig_load(r, 5000, "a{x=\"1\",y=\"1\"} 1+1x60");
	rig_load(r, 5000, "a{x=\"1\",y=\"2\"} 2+3x20 _ stale 0+2x30");
	rig_load(r, 5000, "a{x=\"2\",y=\"1\"} 0.1+0.7x60");
	rig_load(r, 5000, "b{x=\"1\",le=\"1\"} 1+1x60");
	rig_load(r, 5000, "b{x=\"1\",le=\"+Inf\"} 1+2x60");
	rig_load(r, 5000,
		 "h{x=\"1\"} {{schema:0 sum:3 count:6 buckets:[1 3 2]}}+{{schema:0 sum:1.5 count:4 buckets:[1 3]}}x60");
}

/* Runs a query; the number of selects and samples that it took. Free the text. */
static char *run(struct rig *r, const char *text, const struct promql_opts *o, int64_t step, int *ret_selects,
		 uint64_t *ret_samples)
{
	struct promql_result res = { 0 };
	struct err err = ERR_NONE;
	struct strbuf b = { 0 };
	struct arena a;
	arena_init(&a, NULL);
	struct promql_opts opts = o ? *o : (struct promql_opts){ 0 };
	opts.count_samples = true;
	r->selects = 0;
	int rc = rig_exec_opts(r, text, &opts, &a, step ? 0 : END, END, step, &res, &err);
	strbuf_add_c(&b, "");
	if (rc)
		strbuf_printf(&b, "error: %s", err.msg);
	for (int64_t t = step ? 0 : END; !rc && t <= END; t += STEP) {
		char *slice = rig_slice(&res, t);
		strbuf_add_c(&b, slice);
		strbuf_add_ch(&b, '|');
		free(slice);
	}
	assert_int_equal(r->open_sets, 0);
	*ret_selects = r->selects;
	*ret_samples = res.samples_total;
	for (uint64_t i = 0; i < res.n_steps && res.samples_by_step; i++)
		strbuf_printf(&b, " %llu", (unsigned long long)res.samples_by_step[i]);
	arena_fini(&a);
	return strbuf_steal(&b);
}

/*
 * A query, the same written so that nothing in it is equal, and the number of
 * selects of the former: when there is room to keep rows, and when there is none.
 */
struct sharing {
	const char *text, *other;
	int selects, without_room;
};

static const struct sharing cases[] = {
	{ "a / a", "a / a{}", 1, 2 },
	{ "sum(rate(a[1m])) / sum(rate(a[1m]))", "sum(rate(a[1m])) / sum(rate(a{}[1m]))", 1, 1 },
	/* folding takes no room */
	{ "sum by (x) (rate(a[1m])) / on() group_left sum(rate(a[1m]))",
	  "sum by (x) (rate(a[1m])) / on() group_left sum(rate(a{}[1m]))", 1, 1 },
	{ "avg(rate(a[1m])) + stddev(rate(a[1m])) + max(rate(a[1m]))",
	  "avg(rate(a[1m])) + stddev(rate(a{}[1m])) + max(rate({__name__=\"a\"}[1m]))", 1, 1 },
	{ "rate(a[1m]) / on() group_left sum(rate(a[1m]))", "rate(a[1m]) / on() group_left sum(rate(a{}[1m]))", 1, 2 },
	{ "rate(a[1m]) - on() group_left avg(rate(a[1m])) / on() group_left sum(rate(a[1m]))",
	  "rate(a[1m]) - on() group_left avg(rate(a{}[1m])) / on() group_left sum(rate({__name__=\"a\"}[1m]))", 1, 2 },
	{ "a and a > 3", "a and a{} > 3", 1, 2 },
	{ "a or a", "a or a{}", 1, 2 },
	{ "a and (a or a)", "a and (a{} or {__name__=\"a\"})", 1, 3 },
	{ "limitk(1, a) or a", "limitk(1, a) or a{}", 2, 2 }, /* hints differ */
	{ "limitk(1, a + 1) or a + 1", "limitk(1, a + 1) or a{} + 1", 1, 2 },
	{ "topk(1, abs(a)) + topk(2, abs(a))", "topk(1, abs(a)) + topk(2, abs(a{}))", 1, 2 },
	{ "(a + a) / (a + a)", "(a + a{}) / ({__name__=\"a\"} + a{y!=\"\"})", 1, 3 },
	{ "histogram_quantile(0.5, sum by (le) (rate(b[1m]))) / histogram_quantile(0.9, sum by (le) (rate(b[1m])))",
	  "histogram_quantile(0.5, sum by (le) (rate(b[1m]))) / histogram_quantile(0.9, sum by (le) (rate(b{}[1m])))",
	  1, 1 },
	{ "scalar(a{x=\"2\"}) + scalar(a{x=\"2\"}) * a", "scalar(a{x=\"2\"}) + scalar(a{x=\"2\",y!=\"\"}) * a{}", 2,
	  2 },
	{ "a @ 100 / a @ 100", "a @ 100 / a{} @ 100", 1, 1 },
	{ "max_over_time((a > 2)[1m:10s]) / max_over_time((a > 2)[1m:10s])",
	  "max_over_time((a > 2)[1m:10s]) / max_over_time((a{} > 2)[1m:10s])", 1, 2 },
	{ "h + h", "h + h{}", 1, 2 },
	{ "count(h) + avg(abs(a)) + count(h) + count(abs(a))", "count(h) + avg(abs(a)) + count(h{}) + count(abs(a{}))",
	  2, 2 },
	{ "histogram_count(sum(h + h)) / histogram_count(sum(h + h))",
	  "histogram_count(sum(h + h{})) / histogram_count(sum(h{x=\"1\"} + h{x!=\"\"}))", 1, 2 },
	/* ranges */
	{ "quantile_over_time(0.1, a[1m]) / quantile_over_time(0.9, a[1m])",
	  "quantile_over_time(0.1, a[1m]) / quantile_over_time(0.9, a{}[1m])", 1, 2 },
	{ "sum(quantile_over_time(0.1, a[1m])) + sum(quantile_over_time(0.5, a[1m])) + sum(quantile_over_time(0.9, a[1m]))",
	  "sum(quantile_over_time(0.1, a[1m])) + sum(quantile_over_time(0.5, a{}[1m])) + "
	  "sum(quantile_over_time(0.9, {__name__=\"a\"}[1m]))",
	  1, 3 },
	{ "limitk(1, quantile_over_time(0.1, a[1m])) or quantile_over_time(0.9, a[1m])",
	  "limitk(1, quantile_over_time(0.1, a[1m])) or quantile_over_time(0.9, a{}[1m])", 1, 2 },
	/* not equal, or not for sure */
	{ "rate(a[1m]) / increase(a[1m])", "rate(a[1m]) / increase(a{}[1m])", 2, 2 },
	{ "a / a offset 10s", "a / a{} offset 10s", 2, 2 },
	{ "rate(a[1m]) / rate(a[2m])", "rate(a[1m]) / rate(a{}[2m])", 2, 2 },
	{ "a / max_over_time((a)[1m:10s])", "a / max_over_time((a{})[1m:10s])", 2, 2 },
	{ "sum(a) / avg(a)", "sum(a) / avg(a{})", 2, 2 },
	{ "histogram_count(h) and h", "histogram_count(h) and h{}", 2, 2 },
};

static void check(struct rig *r, const struct sharing *c, const struct promql_opts *o, int64_t step, int want)
{
	int selects, other_selects;
	uint64_t samples, other_samples;
	char *got = run(r, c->text, o, step, &selects, &samples);
	char *other = run(r, c->other, NULL, step, &other_selects, &other_samples);
	if (strcmp(got, other) != 0 || got[strspn(got, "|")] == ' ')
		fail_msg("%s:\n%s\n%s:\n%s", c->text, got, c->other, other);
	if (selects != want)
		fail_msg("%s: %d selects, not %d", c->text, selects, want);
	if (samples != other_samples)
		fail_msg("%s: %llu samples, %s: %llu", c->text, (unsigned long long)samples, c->other,
			 (unsigned long long)other_samples);
	free(got);
	free(other);
}

static void test_equal_parts_are_read_once(void **state)
{
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check(&r, &cases[i], NULL, STEP, cases[i].selects);
		check(&r, &cases[i], NULL, 0, cases[i].selects);
	}
	rig_fini(&r);
}

static void test_hints_that_do_not_matter_make_no_difference(void **state)
{
	static const struct sharing loose[] = {
		{ "limitk(1, a) or a", "limitk(1, a) or a{}", 1, 2 },
		{ "sum(a) / count(a)", "sum(a) / count(a{})", 1, 1 },
		{ "sum_over_time(a[1m]) / count_over_time(a[1m])", "sum_over_time(a[1m]) / count_over_time(a{}[1m])", 1,
		  2 },
		{ "rate(h[1m]) + increase(h[1m])", "rate(h[1m]) + increase(h{}[1m])", 1, 2 },
		{ "xrate(a[1m]) / rate(a[1m])", "xrate(a[1m]) / rate(a{}[1m])", 2, 2 },
		{ "rate(a[1m]) / rate(a[1m] offset 10s)", "rate(a[1m]) / rate(a{}[1m] offset 10s)", 2, 2 },
		{ "sum by (x) (a) / on() group_left sum by () (a)", "sum by (x) (a) / on() group_left sum by () (a{})",
		  1, 1 },
		/* buckets are read in one of them only */
		{ "histogram_count(h) and h", "histogram_count(h) and h{}", 2, 2 },
	};
	struct rig r;
	(void)state;
	load(&r);
	r.hints_matter = false;
	for (size_t i = 0; i < ARRAY_LEN(loose); i++)
		check(&r, &loose[i], NULL, STEP, loose[i].selects);
	rig_fini(&r);
}

/*
 * With the smallest limit of samples that lets a query pass there is no room
 * to keep what is only for later users.
 */
static void test_without_room_equal_parts_are_read_again(void **state)
{
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct promql_opts o = { 0 };
		bool failed;
		do {
			int selects;
			uint64_t samples;
			o.max_samples += 10;
			char *got = run(&r, cases[i].text, &o, STEP, &selects, &samples);
			failed = strncmp(got, "error: ", 7) == 0;
			free(got);
		} while (failed);
		check(&r, &cases[i], &o, STEP, cases[i].without_room);
	}
	rig_fini(&r);
}

/* Leaves the values only. */
static char *values(char *text)
{
	char *last = strrchr(text, '|');
	if (last)
		last[1] = '\0';
	return text;
}

/* Whatever the expression, it `or` itself is itself; with room and with as little as lets it pass. */
static void same_or_itself(struct rig *r, const char *expr)
{
	struct promql_opts o = { 0 };
	int selects;
	uint64_t samples;
	char *twice = xasprintf("(%s) or (%s)", expr, expr), *thrice = xasprintf("%s and (%s)", twice, expr);
	char *want = values(run(r, expr, NULL, STEP, &selects, &samples));
	char *got = values(run(r, twice, NULL, STEP, &selects, &samples));
	assert_string_equal(got, want);
	free(got);
	do {
		o.max_samples = o.max_samples * 5 / 4 + 10;
		got = values(run(r, thrice, &o, STEP, &selects, &samples));
		if (strncmp(got, "error: query processing would load too many samples", 50) != 0)
			break;
		free(got);
	} while (o.max_samples < 1000000);
	if (strcmp(got, want) != 0)
		fail_msg("%s, at most %llu samples:\n%.2000s\nnot\n%.2000s", thrice, (unsigned long long)o.max_samples,
			 got, want);
	free(got);
	free(want);
	free(twice);
	free(thrice);
}

static void test_anything_or_itself_is_itself(void **state)
{
	struct rig r;
	(void)state;
	sample_load(&r);
	for (size_t i = 0; i < ARRAY_LEN(sample_functions); i++)
		for (size_t k = 0; k < ARRAY_LEN(sample_ranges); k++) {
			char *text = xasprintf("%s(%s)", sample_functions[i], sample_ranges[k]);
			same_or_itself(&r, text);
			free(text);
		}
	for (size_t i = 0; i < ARRAY_LEN(sample_exprs); i++)
		same_or_itself(&r, sample_exprs[i]);
	rig_fini(&r);
}

static void test_kept_rows_have_a_limit(void **state)
{
	enum { STEPS = 11000, SERIES = 210 }; /* 18 MiB of values */
	struct promql_result res;
	struct err err = ERR_NONE;
	struct arena a;
	struct rig r;
	(void)state;
	rig_init(&r);
	for (int i = 0; i < SERIES; i++) {
		char *line = xasprintf("a{i=\"%d\"} %d", i, i);
		rig_load(&r, 1000, line);
		free(line);
	}
	for (int k = 0; k < 2; k++) {
		struct promql_opts o = { .lookback_ms = INT64_C(1) << 40 };
		arena_init(&a, NULL);
		r.selects = 0;
		assert_int_equal(rig_exec_opts(&r, k ? "sum(a and a) + count(a and a)" : "a and a{i!~\".{3}\"} and a",
					       &o, &a, 0, (STEPS - 1) * 1000, 1000, &res, &err),
				 0);
		assert_int_equal(res.n_series, k ? 1 : 100);
		assert_int_equal(r.selects, k ? 2 : 3);
		arena_fini(&a);
	}
	rig_fini(&r);
}

/* As upstream, which evaluates each part where it stands. */
static void test_notes_of_a_shared_part_tell_of_its_last_place(void **state)
{
	static const struct {
		const char *text;
		int column;
	} places[] = {
		{ "sum(rate(a[1m])) / sum(rate(a[1m]))", 29 },
		{ "rate(a[1m]) / sum(rate(a[1m]))", 24 }, /* labels do not match: no result, yet a note */
		/* inside of a shared part there are others */
		{ "sum(rate(a[1m]) + rate(a[1m])) / sum(rate(a[1m]) + rate(a[1m]))", 57 },
		{ "sum(rate(a[1m])) + sum(rate(a[1m]) + rate(a[1m])) / sum(rate(a[1m]) + rate(a[1m]))", 76 },
		{ "sum(rate(a[1m]) + rate(a[1m])) / sum(rate(a[1m]) + rate(a[1m])) * sum(rate(a[1m]))", 76 },
		/* and equal parts that are none of it */
		{ "sum(rate(a[1m])) * count(a) + sum(rate(a[1m])) * count(a) - count(a)", 40 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct rig r;
		char want[64];
		load(&r);
		char *got = rig_run(&r, places[i].text, NULL, END, END, 0);
		snprintf(want, sizeof(want), "\"a\" (1:%d)]", places[i].column);
		if (!strstr(got, want))
			fail_msg("%s: %s, not %s", places[i].text, got, want);
		assert_null(strstr(strstr(got, "PromQL info") + 1, "PromQL info"));
		free(got);
		rig_fini(&r);
	}
}

/* With room for nothing, users evaluate a part where they stand. */
static void test_notes_of_parts_evaluated_again_are_no_others(void **state)
{
	struct promql_opts few = { .max_samples = 40 };
	struct rig r;
	(void)state;
	load(&r);
	char *got = rig_run(&r, "topk(1, rate(a[1m])) + topk(1, rate(a[1m]))", &few, END, END, 0);
	assert_non_null(strstr(got, "\"a\" (1:37)]"));
	free(got);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_parts_are_read_once),
		cmocka_unit_test(test_hints_that_do_not_matter_make_no_difference),
		cmocka_unit_test(test_without_room_equal_parts_are_read_again),
		cmocka_unit_test(test_anything_or_itself_is_itself),
		cmocka_unit_test(test_kept_rows_have_a_limit),
		cmocka_unit_test(test_notes_of_a_shared_part_tell_of_its_last_place),
		cmocka_unit_test(test_notes_of_parts_evaluated_again_are_no_others),
	};
	sample_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
