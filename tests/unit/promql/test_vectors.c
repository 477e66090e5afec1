/* Recorded results of single steps: comparison, summation, expansion. From $SHARED; skipped without it. */
#include "unit/promql/lang/cases.h"

#include "promql/math/buckets.h"
#include "promql/math/kahan.h"
#include "rig.h"

static double of_hex(const json_t *j)
{
	return double_of_bits(strtoull(json_string_value(j), NULL, 16));
}

static json_t *section(const char *name, json_t **ret_root)
{
	*ret_root = load_cases("vectors.json");
	json_t *s = json_object_get(*ret_root, name);
	assert_true(json_array_size(s) > 0);
	return s;
}

static void test_almost_equal(void **state)
{
	json_t *root, *cases = section("almost_equal", &root), *c;
	size_t i;
	(void)state;
	json_array_foreach(cases, i, c)
		assert_int_equal(almost_equal(of_hex(json_object_get(c, "a")), of_hex(json_object_get(c, "b")), 1e-6),
				 json_is_true(json_object_get(c, "equal_1e-6")));
	json_decref(root);
}

static void test_kahan(void **state)
{
	json_t *root, *cases = section("kahan", &root), *c, *x;
	size_t i, k;
	(void)state;
	json_array_foreach(cases, i, c)
	{
		struct kahan s = { 0, 0 };
		json_array_foreach(json_object_get(c, "in"), k, x) kahan_add(&s, of_hex(x));
		assert_int_equal(double_bits(s.s), double_bits(of_hex(json_object_get(c, "sum"))));
		assert_int_equal(double_bits(s.c), double_bits(of_hex(json_object_get(c, "c"))));
	}
	json_decref(root);
}

/* Loads x{l=a} and x{l=b} (with another label that tells them apart) and sorts by l. */
static bool comes_first(const char *a, const char *b)
{
	struct rig r;
	struct arena arena;
	struct promql_result res;
	struct err err = ERR_NONE;
	struct strbuf line = { 0 };
	rig_init(&r);
	arena_init(&arena, NULL);
	/* The other label would decide the other way round. */
	strbuf_add_c(&line, "x{z=\"2\",l=");
	strbuf_add_quoted(&line, str_c(a));
	strbuf_add_c(&line, "} 1");
	rig_load(&r, 1000, line.p);
	strbuf_reset(&line);
	strbuf_add_c(&line, "x{z=\"1\",l=");
	strbuf_add_quoted(&line, str_c(b));
	strbuf_add_c(&line, "} 2");
	rig_load(&r, 1000, line.p);
	assert_int_equal(rig_exec(&r, "sort_by_label(x, \"l\")", &arena, 0, 0, 0, &res, &err), 0);
	assert_int_equal(res.n_series, 2);
	bool first = res.series[0].floats[0].v == 1;
	strbuf_fini(&line);
	arena_fini(&arena);
	rig_fini(&r);
	return first;
}

static void test_natural_order(void **state)
{
	json_t *root, *cases = section("natural_less", &root), *c;
	size_t i;
	(void)state;
	json_array_foreach(cases, i, c)
	{
		const char *a = json_string_value(json_object_get(c, "a"));
		const char *b = json_string_value(json_object_get(c, "b"));
		bool less = json_is_true(json_object_get(c, "less"));
		/* Upstream's order of these contradicts itself, see below. */
		if (!*a || !*b || strcmp(a, b) == 0 || strcmp(a, "a01") == 0)
			continue;
		if (comes_first(a, b) != less)
			fail_msg("\"%s\" %s \"%s\"", a, less ? "comes before" : "does not come before", b);
	}
	json_decref(root);
}

/* Where upstream's order contradicts itself the result is that of its algorithm. */
static void test_natural_order_where_there_is_none(void **state)
{
	(void)state;
	assert_true(comes_first("", "a"));
	assert_true(comes_first("a", ""));
	assert_false(comes_first("a01", "a1"));
	assert_false(comes_first("a1", "a01"));
}

static void test_label_replace(void **state)
{
	json_t *root, *cases = section("label_replace_expand", &root), *c;
	size_t i;
	(void)state;
	json_array_foreach(cases, i, c)
	{
		struct strbuf q = { 0 }, line = { 0 };
		struct rig r;
		strbuf_add_c(&line, "x{src=");
		strbuf_add_quoted(&line, str_c(json_string_value(json_object_get(c, "src"))));
		strbuf_add_c(&line, ",dst=\"old\"} 1");
		strbuf_add_c(&q, "label_replace(x, \"dst\", ");
		strbuf_add_quoted(&q, str_c(json_string_value(json_object_get(c, "repl"))));
		strbuf_add_c(&q, ", \"src\", ");
		strbuf_add_quoted(&q, str_c(json_string_value(json_object_get(c, "regex"))));
		strbuf_add_ch(&q, ')');
		rig_init(&r);
		rig_load(&r, 1000, line.p);
		struct arena a;
		struct promql_result res;
		struct err err = ERR_NONE;
		arena_init(&a, NULL);
		if (rig_exec(&r, q.p, &a, 0, 0, 0, &res, &err))
			fail_msg("%s: %s", q.p, err.msg);
		struct str got = labels_get(res.series[0].labels, STR("dst"));
		const char *want = json_is_true(json_object_get(c, "match"))
					   ? json_string_value(json_object_get(c, "result"))
					   : "old";
		if (!str_eq_c(got, want))
			fail_msg("%s of %s gives \"%.*s\", not \"%s\"", q.p, line.p, STR_ARG(got), want);
		arena_fini(&a);
		strbuf_fini(&q);
		strbuf_fini(&line);
		rig_fini(&r);
	}
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_almost_equal),  cmocka_unit_test(test_kahan),
		cmocka_unit_test(test_natural_order), cmocka_unit_test(test_natural_order_where_there_is_none),
		cmocka_unit_test(test_label_replace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
