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

static void check(struct rig *r, const char *text)
{
	int64_t start = 3000, end = start + (STEPS - 1) * STEP, middle = start + 23 * STEP;
	struct promql_result whole, first, second, one;
	struct err err = ERR_NONE;
	struct arena a;
	arena_init(&a, NULL);
	if (rig_exec(r, text, &a, start, end, STEP, &whole, &err) ||
	    rig_exec(r, text, &a, start, middle, STEP, &first, &err) ||
	    rig_exec(r, text, &a, middle + STEP, end, STEP, &second, &err))
		fail_msg("%s: %s", text, err.msg);
	size_t values = 0;
	for (int64_t t = start; t <= end; t += STEP) {
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

int main(void)
{
	sample_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_is_its_instants),
		cmocka_unit_test(test_other_expressions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
