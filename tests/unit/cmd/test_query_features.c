#include "cmd/query_features.h"

#include "base/mem.h"
#include "unit/unit.h"

#include <unistd.h>

/* Reads names and what was logged of them. Free the text. */
static char *read_names(const char *const *p, size_t n, struct query_features *ret)
{
	int fds[2];
	char *text = xcalloc(1, 4096);
	assert_int_equal(pipe(fds), 0);
	struct logger lg = { .fd = fds[1], .level = LOG_INFO };
	struct option_list l = { (const char **)p, n };
	*ret = query_features_read(&l, &lg);
	close(fds[1]);
	for (ssize_t k, at = 0; (k = read(fds[0], text + at, 4095 - (size_t)at)) > 0;)
		at += k;
	close(fds[0]);
	return text;
}

#define READ(ret, ...) \
	read_names((const char *const[]){ __VA_ARGS__ }, \
		   sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), ret)

static void test_names_enable_what_they_name(void **state)
{
	struct query_features f;
	(void)state;
	char *log = READ(&f, "promql-extended-range-selectors");
	assert_memory_equal(&f, (&(struct query_features){ .extended_ranges = true }), sizeof(f));
	assert_non_null(strstr(log, "level=info"));
	assert_non_null(strstr(log, "option=promql-extended-range-selectors"));
	free(log);
	free(READ(&f, "promql-binop-fill-modifiers"));
	assert_memory_equal(&f, (&(struct query_features){ .fill_modifiers = true }), sizeof(f));
	free(READ(&f, "promql-delayed-name-removal"));
	assert_memory_equal(&f, (&(struct query_features){ .delayed_name_removal = true }), sizeof(f));
	free(READ(&f, "type-and-unit-labels"));
	assert_memory_equal(&f, (&(struct query_features){ .type_and_unit = true }), sizeof(f));
	free(READ(&f, "promql-experimental-functions"));
	assert_memory_equal(&f, (&(struct query_features){ .experimental_functions = true }), sizeof(f));
}

static void test_several_names_stand_in_one_flag_or_in_several(void **state)
{
	struct query_features f;
	struct query_features all = { true, true, true, true, true };
	(void)state;
	free(READ(&f, "promql-experimental-functions,promql-extended-range-selectors,", "",
		  "promql-binop-fill-modifiers,promql-delayed-name-removal", "type-and-unit-labels"));
	assert_memory_equal(&f, &all, sizeof(f));
}

static void test_names_without_effect_are_warned_about(void **state)
{
	static const char *const permanent[] = { "promql-duration-expr", "promql-at-modifier",
						 "promql-negative-offset" };
	struct query_features f, none = { false };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(permanent); i++) {
		char *log = read_names(&permanent[i], 1, &f);
		assert_non_null(strstr(log, "level=warn"));
		assert_non_null(strstr(log, "permanently enabled"));
		assert_non_null(strstr(log, permanent[i]));
		assert_memory_equal(&f, &none, sizeof(f));
		free(log);
	}
	char *log = READ(&f, "query-pushdown,promql-extended-range-selector");
	assert_non_null(strstr(log, "permanently deprecated"));
	assert_non_null(strstr(log, "Unknown option for --enable-feature\" option=promql-extended-range-selector\n"));
	assert_memory_equal(&f, &none, sizeof(f));
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_enable_what_they_name),
		cmocka_unit_test(test_several_names_stand_in_one_flag_or_in_several),
		cmocka_unit_test(test_names_without_effect_are_warned_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
