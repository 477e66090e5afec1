/*
 * A range query has, at each step, bit for bit what an instant query at that
 * time gives; and cutting the range in two changes nothing. Windows that
 * slide, sums kept up incrementally and lanes side by side must not show.
 */
#include "unit/unit.h"

#include "sample.h"

#include <math.h>

#define STEP 7000
#define STEPS 60

static void check_at(struct rig *r, const char *text, int64_t start, int64_t step)
{
	int64_t end = start + (STEPS - 1) * step, middle = start + 23 * step;
	struct promql_result whole, first, second, one;
	struct err err = ERR_NONE;
	struct arena a;
	arena_init(&a, NULL);
	if (rig_exec(r, text, &a, start, end, step, &whole, &err) ||
	    rig_exec(r, text, &a, start, middle, step, &first, &err) ||
	    rig_exec(r, text, &a, middle + step, end, step, &second, &err))
		fail_msg("%s: %s", text, err.msg);
	size_t values = 0;
	for (int64_t t = start; t <= end; t += step) {
		char *want = rig_slice(&whole, t), *half = rig_slice(t <= middle ? &first : &second, t);
		if (rig_exec(r, text, &a, t, t, 0, &one, &err))
			fail_msg("%s at %lld: %s", text, (long long)t, err.msg);
		char *got = rig_slice(&one, t);
		if (strcmp(want, got) != 0 || strcmp(want, half) != 0)
			fail_msg("%s at %lld\nrange:\n%s\ninstant:\n%s\nhalf:\n%s", text, (long long)t, want, got,
				 half);
		values += strlen(want);
		free(want);
		free(half);
		free(got);
	}
	if (values == 0 && strncmp(text, "absent", 6) != 0)
		fail_msg("%s gives nothing: it tests nothing", text);
	arena_fini(&a);
}

static void check(struct rig *r, const char *text)
{
	check_at(r, text, 3000, STEP);
}

static void test_range_is_its_instants(void **state)
{
	struct rig r;
	(void)state;
	sample_load(&r);
	for (size_t i = 0; i < ARRAY_LEN(sample_functions); i++)
		for (size_t k = 0; k < ARRAY_LEN(sample_ranges); k++) {
			char *text = xasprintf("%s(%s)", sample_functions[i], sample_ranges[k]);
			check(&r, text);
			free(text);
		}
	rig_fini(&r);
}

static void test_other_expressions(void **state)
{
	struct rig r;
	(void)state;
	sample_load(&r);
	for (size_t i = 0; i < ARRAY_LEN(sample_exprs); i++)
		check(&r, sample_exprs[i]);
	rig_fini(&r);
}

/* Series of several characters that are long enough for smoothing to forget where it began. */
static void load_long(struct rig *r)
{
	rig_init(r);
	for (int kind = 0; kind < 5; kind++) {
		struct strbuf b = { 0 };
		strbuf_printf(&b, "s{kind=\"%d\"}", kind);
		for (int i = 0; i < 700; i++) {
			uint64_t x = rnd();
			double v = kind == 0 ? (double)i * 3 : kind == 1 ? (double)(int64_t)x / 1e17 : (double)(i / 50);
			if (kind == 3)
				v = x % 50 == 0 ? NAN : x % 30 == 0 ? INFINITY : (double)(x % 9) - 4;
			if (kind == 4)
				v = x % 3 == 0 ? -0.0 : x % 2 ? 0.0 : 5e-324 * (double)(x % 9);
			strbuf_add_ch(&b, ' ');
			text_float_add(&b, v, TEXT_FLOAT_G);
			if (x % 200 == 7)
				strbuf_add_c(&b, " _");
		}
		rig_load(r, 5000, b.p);
		strbuf_fini(&b);
	}
}

/* Windows of hundreds of samples: that grow from the first one, that are moved on by one or three, or by parts of one. */
static void test_long_windows(void **state)
{
	static const char *const functions[] = {
		"stddev_over_time(s[25m])",
		"stdvar_over_time(s[4m])",
		"sum_over_time(s[25m])",
		"avg_over_time(s[4m])",
		"min_over_time(s[10m])",
		"max_over_time(s[10m])",
		"count_over_time(s[25m])",
		"last_over_time(s[25m])",
		"double_exponential_smoothing(s[25m], 0.3, 0.4)",
		"double_exponential_smoothing(s[30m], 0.7, 0.8)",
		"double_exponential_smoothing(s[25m], 0.3 + time() / 1e9, 0.4)",
	};
	static const int64_t steps[] = { 5000, 15000, 2000 };
	struct rig r;
	(void)state;
	load_long(&r);
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
			check_at(&r, functions[i], 1000, steps[k]);
			check_at(&r, functions[i], 2000000, steps[k]);
		}
	rig_fini(&r);
}

int main(void)
{
	sample_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_is_its_instants),
		cmocka_unit_test(test_other_expressions),
		cmocka_unit_test(test_long_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
