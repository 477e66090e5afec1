#include "text/yaml.h"

#include "base/strbuf.h"

#include "unit/unit.h"

#include <math.h>

static struct ydoc *parse(const char *text)
{
	struct ydoc *d = NULL;
	struct err err = ERR_NONE;
	if (ydoc_parse(str_c(text), "f.yaml", NULL, &d, &err) != 0)
		fail_msg("%s", err.msg);
	return d;
}

static void expect_error(const char *text, int rc, const char *part)
{
	struct ydoc *d = NULL;
	struct err err = ERR_NONE;
	assert_int_equal(ydoc_parse(str_c(text), "f.yaml", NULL, &d, &err), rc);
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, part);
}

static void test_typed_values(void **state)
{
	struct ydoc *d = parse("s: text\nb: yes\ni: -12\nh: 0x1F\nu: 1_000\nf: 1.5e3\n"
			       "d: 1h30m\ng: 1m30.5s\nn: 5\nz: 512MiB\nq: \"5\"\nnothing: ~\nlist: [a, b]\n");
	struct ynode *r = ydoc_root(d);
	struct str s = STR("default");
	bool b = false;
	int64_t i = 0, h = 0, ms = 0, ns = 0;
	uint64_t u = 0, z = 0;
	double f = 0;
	struct err err = ERR_NONE;
	assert_int_equal(ynode_get_str(r, "s", &s, &err), 0);
	assert_true(str_eq_c(s, "text"));
	assert_int_equal(ynode_get_str(r, "i", &s, &err), 0);
	assert_true(str_eq_c(s, "-12"));
	assert_int_equal(ynode_get_str(r, "nothing", &s, &err), 0);
	assert_true(str_eq_c(s, "-12")); /* kept */
	assert_int_equal(ynode_get_str(r, "missing", &s, &err), 0);
	assert_int_equal(ynode_get_bool(r, "b", &b, &err), 0);
	assert_true(b);
	assert_int_equal(ynode_get_i64(r, "i", &i, &err), 0);
	assert_int_equal(i, -12);
	assert_int_equal(ynode_get_i64(r, "h", &h, &err), 0);
	assert_int_equal(h, 31);
	assert_int_equal(ynode_get_u64(r, "u", &u, &err), 0);
	assert_int_equal(u, 1000);
	assert_int_equal(ynode_get_i64(r, "f", &i, &err), 0);
	assert_int_equal(i, 1500);
	assert_int_equal(ynode_get_double(r, "f", &f, &err), 0);
	assert_true(f == 1500);
	assert_int_equal(ynode_get_duration_ms(r, "d", &ms, &err), 0);
	assert_int_equal(ms, 5400000);
	assert_int_equal(ynode_get_goduration_ns(r, "g", &ns, &err), 0);
	assert_int_equal(ns, 90500000000);
	assert_int_equal(ynode_get_goduration_ns(r, "n", &ns, &err), 0);
	assert_int_equal(ns, 5);
	assert_int_equal(ynode_get_size(r, "z", &z, &err), 0);
	assert_int_equal(z, 512 << 20);
	struct ynode *list;
	assert_int_equal(ynode_get_list(r, "list", &list, &err), 0);
	assert_int_equal(list->n, 2);
	assert_true(str_eq_c(list->items[1]->scalar, "b"));
	/* What is in quotes is a string only. */
	assert_int_equal(ynode_get_i64(r, "q", &i, &err), -ERR_INVALID_ARGUMENT);
	assert_int_equal(ynode_unused(r, &err), 0);
	ydoc_free(d);
}

static void test_errors_say_where_and_what(void **state)
{
	struct ydoc *d = parse("a: 1\nfoo:\n  bar: 3x\n  l:\n  - {x: maybe}\n");
	struct ynode *foo, *l;
	struct err err = ERR_NONE;
	int64_t ms = 7;
	bool b;
	assert_int_equal(ynode_get_map(ydoc_root(d), "foo", &foo, &err), 0);
	assert_int_equal(ynode_get_duration_ms(foo, "bar", &ms, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:3: key \"foo.bar\": want a duration such as 15d or 1h30m, got \"3x\"");
	assert_int_equal(ynode_get_list(foo, "l", &l, &err), 0);
	assert_int_equal(ynode_get_bool(l->items[0], "x", &b, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:5: key \"foo.l[0].x\": want true or false, got \"maybe\"");
	assert_int_equal(ynode_get_map(ydoc_root(d), "a", &l, &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:1: key \"a\": want a map, got \"1\"");
	assert_int_equal(ynode_want_list(ydoc_root(d), &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:1: want a list, got a map");
	ydoc_free(d);
}

static void test_unknown_keys_are_found(void **state)
{
	struct ydoc *d = parse("a: {b: 1, typo: 2}\n");
	struct ynode *a;
	int64_t v;
	struct err err = ERR_NONE;
	assert_int_equal(ynode_unused(ydoc_root(d), &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:1: unknown key \"a\"");
	assert_int_equal(ynode_get_map(ydoc_root(d), "a", &a, &err), 0);
	assert_int_equal(ynode_get_i64(a, "b", &v, &err), 0);
	assert_int_equal(ynode_unused(ydoc_root(d), &err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "f.yaml:1: unknown key \"a.typo\"");
	ynode_use_all(a);
	assert_int_equal(ynode_unused(ydoc_root(d), &err), 0);
	ydoc_free(d);
}

static void test_aliases_and_merge_keys(void **state)
{
	struct ydoc *d = parse("base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\n"
			       "one: {<<: *b, x: 9}\ntwo:\n  <<: [*b, *m]\nthree: *b\n");
	struct ynode *n;
	int64_t v = 0;
	struct err err = ERR_NONE;
	assert_int_equal(ynode_get_map(ydoc_root(d), "one", &n, &err), 0);
	assert_int_equal(ynode_get_i64(n, "x", &v, &err), 0);
	assert_int_equal(v, 9);
	assert_int_equal(ynode_get_i64(n, "y", &v, &err), 0);
	assert_int_equal(v, 2);
	assert_int_equal(n->n, 2);
	assert_int_equal(ynode_get_map(ydoc_root(d), "two", &n, &err), 0);
	assert_int_equal(ynode_get_i64(n, "y", &v, &err), 0);
	assert_int_equal(v, 2); /* the first map of the list wins */
	assert_int_equal(ynode_get_i64(n, "z", &v, &err), 0);
	assert_int_equal(v, 4);
	assert_int_equal(ynode_get_map(ydoc_root(d), "three", &n, &err), 0);
	assert_int_equal(n->n, 2);
	ydoc_free(d);
	expect_error("a: {<<: 5}\n", -ERR_INVALID_ARGUMENT, "f.yaml:1: \"<<\" wants a map");
	expect_error("a: &a [*a]\n", -ERR_INVALID_ARGUMENT, "alias inside");
	expect_error("a: *nope\n", -ERR_INVALID_ARGUMENT, "unknown anchor");
	/* A quoted "<<" is an ordinary key. */
	d = parse("\"<<\": 5\n");
	assert_int_equal(ynode_get_i64(ydoc_root(d), "<<", &v, &err), 0);
	ydoc_free(d);
}

static void test_alias_bombs_are_refused(void **state)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, "a: &a [x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c <= 'k'; c++)
		strbuf_printf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1, c - 1,
			      c - 1, c - 1, c - 1, c - 1, c - 1);
	expect_error(b.p, -ERR_RESOURCE_EXHAUSTED, "too many YAML nodes");
	strbuf_reset(&b);
	/* A chain of nestings, each shallow by itself. */
	strbuf_add_c(&b, "a0: &a0 [x]\n");
	for (int i = 1; i < 200; i++)
		strbuf_printf(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	expect_error(b.p, -ERR_RESOURCE_EXHAUSTED, "nested too deep");
	strbuf_reset(&b);
	/* Merge keys that double the map every time. */
	strbuf_add_c(&b, "m0: &m0 {k: [x,x,x,x,x,x,x,x,x,x]}\n");
	for (int i = 1; i < 64; i++)
		strbuf_printf(&b, "m%d: &m%d {<<: *m%d, k%d: *m%d}\n", i, i, i - 1, i, i - 1);
	expect_error(b.p, -ERR_RESOURCE_EXHAUSTED, "");
	strbuf_fini(&b);
}

static void test_depth_bytes_and_documents_are_limited(void **state)
{
	static char deep[100000];
	memset(deep, '[', sizeof(deep) - 1);
	expect_error(deep, -ERR_RESOURCE_EXHAUSTED, "nested too deep");
	struct ydoc *d;
	assert_int_equal(ydoc_parse(STR("a: b"), "f", &(struct yaml_limits){ .bytes = 3 }, &d, NULL),
			 -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(ydoc_parse(STR("[a, b]"), "f", &(struct yaml_limits){ .nodes = 2 }, &d, NULL),
			 -ERR_RESOURCE_EXHAUSTED);
	expect_error("a: 1\n---\nb: 2\n", -ERR_INVALID_ARGUMENT, "only one YAML document");
}

static void test_malformed_documents(void **state)
{
	expect_error("a: 1\nb: 2\na: 3\n", -ERR_INVALID_ARGUMENT, "f.yaml:3: key \"a\" is already there on line 1");
	expect_error("a: [1\n", -ERR_INVALID_ARGUMENT, "f.yaml:");
	expect_error("a:\n\t- x\n", -ERR_INVALID_ARGUMENT, "f.yaml:2");
	expect_error("a: \xff\n", -ERR_INVALID_ARGUMENT, "f.yaml:");
	expect_error("[a]: b\n", -ERR_INVALID_ARGUMENT, "key of a map must be a scalar");
	expect_error("a: !thing x\n", -ERR_INVALID_ARGUMENT, "tag");
	expect_error("a: !!map x\n", -ERR_INVALID_ARGUMENT, "tag");
}

static void test_nulls_tags_and_empty_documents(void **state)
{
	struct ydoc *d = parse("");
	assert_int_equal(ydoc_root(d)->kind, YNODE_NULL);
	assert_int_equal(ynode_want_map(ydoc_root(d), NULL), 0);
	assert_null(ynode_get(ydoc_root(d), "x"));
	ydoc_free(d);
	d = parse("a: !!str 5\nb: !!null x\nc: ''\nd:\ne: !!int 7\n");
	struct ynode *r = ydoc_root(d);
	int64_t v;
	assert_int_equal(ynode_get_i64(r, "a", &v, NULL), -ERR_INVALID_ARGUMENT);
	assert_null(ynode_get(r, "b"));
	assert_non_null(ynode_get(r, "c"));
	assert_null(ynode_get(r, "d"));
	assert_int_equal(ynode_get_i64(r, "e", &v, NULL), 0);
	ydoc_free(d);
}

static void test_number_edges(void **state)
{
	struct ydoc *d = parse("[9223372036854775807, 9223372036854775808, -9223372036854775808, "
			       "18446744073709551615, 18446744073709551616, 010, 0o10, 0b11, -.inf, 1.5, x, -1]");
	struct ynode **i = ydoc_root(d)->items;
	int64_t v;
	uint64_t u;
	double f;
	assert_int_equal(ynode_i64(i[0], &v, NULL), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(ynode_i64(i[1], &v, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(ynode_i64(i[2], &v, NULL), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(ynode_u64(i[3], &u, NULL), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(ynode_u64(i[4], &u, NULL), -ERR_INVALID_ARGUMENT);
	for (int k = 5; k < 7; k++) {
		assert_int_equal(ynode_i64(i[k], &v, NULL), 0);
		assert_int_equal(v, 8);
	}
	assert_int_equal(ynode_i64(i[7], &v, NULL), 0);
	assert_int_equal(v, 3);
	assert_int_equal(ynode_double(i[8], &f, NULL), 0);
	assert_true(isinf(f) && f < 0);
	assert_int_equal(ynode_i64(i[9], &v, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(ynode_double(i[10], &f, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(ynode_u64(i[11], &u, NULL), -ERR_INVALID_ARGUMENT);
	ydoc_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_typed_values),
		cmocka_unit_test(test_errors_say_where_and_what),
		cmocka_unit_test(test_unknown_keys_are_found),
		cmocka_unit_test(test_aliases_and_merge_keys),
		cmocka_unit_test(test_alias_bombs_are_refused),
		cmocka_unit_test(test_depth_bytes_and_documents_are_limited),
		cmocka_unit_test(test_malformed_documents),
		cmocka_unit_test(test_nulls_tags_and_empty_documents),
		cmocka_unit_test(test_number_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
