#include "base/mem.h"
#include "labels/builder.h"
#include "labels/labels.h"

#include "unit/unit.h"

#define L(n, v) ((struct label){ STR(n), STR(v) })
#define SET(...) \
	((struct labels){ (struct label[]){ __VA_ARGS__ }, \
			  sizeof((struct label[]){ __VA_ARGS__ }) / sizeof(struct label) })

static const struct labels none = { NULL, 0 };

static void test_order_is_that_of_prometheus(void **state)
{
	struct labels a = SET(L("a", "1"), L("b", "2"));
	assert_int_equal(labels_cmp(a, SET(L("a", "1"), L("b", "2"))), 0);
	assert_true(labels_cmp(a, SET(L("a", "1"))) > 0);
	assert_true(labels_cmp(none, a) < 0);
	assert_true(labels_cmp(a, SET(L("a", "1"), L("c", "0"))) < 0);
	assert_true(labels_cmp(a, SET(L("a", "0"), L("z", "9"))) > 0);
	assert_true(labels_eq(a, a));
	assert_false(labels_eq(a, SET(L("a", "1"), L("b", "3"))));
}

static void test_get_finds_by_name(void **state)
{
	struct labels a = SET(L("__name__", "up"), L("instance", "x"), L("job", "j"));
	assert_true(str_eq(labels_get(a, STR("job")), STR("j")));
	assert_true(str_eq(labels_get(a, LABEL_METRIC_NAME), STR("up")));
	assert_int_equal(labels_get(a, STR("zone")).n, 0);
	assert_false(labels_has(a, STR("jo")));
}

static void test_hash_is_xx64_of_separated_pairs(void **state)
{
	static const char flat[] = "a\xff"
				   "1\xff"
				   "b\xff"
				   "2\xff";
	struct labels a = SET(L("a", "1"), L("b", "2"));
	assert_true(labels_hash(a) == hash_xx64(flat, sizeof(flat) - 1));
	assert_true(labels_hash(none) == hash_xx64("", 0));
}

static void test_hash_of_long_sets_equals_that_of_the_flat_bytes(void **state)
{
	for (size_t len = 1000; len < 1040; len++) {
		char *v = xmalloc(len), *flat = xmalloc(len + 16);
		memset(v, 'x', len);
		struct labels a = { (struct label[]){ { STR("a"), str_mem(v, len) }, L("b", "2") }, 2 };
		size_t n = (size_t)sprintf(flat,
					   "a\xff%.*s\xff"
					   "b\xff"
					   "2\xff",
					   (int)len, v);
		assert_true(labels_hash(a) == hash_xx64(flat, n));
		struct hash128 h = labels_hash128(a), want = hash_bytes128(flat, n);
		assert_true(h.lo == want.lo && h.hi == want.hi);
		assert_true(labels_hash_keyed(a) == hash_bytes(flat, n));
		free(v);
		free(flat);
	}
}

static void test_hash_on_chooses_labels(void **state)
{
	struct labels a = SET(L("__name__", "m"), L("a", "1"), L("b", "2"), L("c", "3"));
	struct str names[] = { STR("a"), STR("c"), STR("x") };
	assert_true(labels_hash_on(a, true, names, 3) == labels_hash(SET(L("a", "1"), L("c", "3"))));
	assert_true(labels_hash_on(a, false, names, 3) == labels_hash(SET(L("b", "2"))));
	struct str all[] = { LABEL_METRIC_NAME };
	assert_true(labels_hash_on(a, true, all, 1) == labels_hash(SET(L("__name__", "m"))));
}

static void test_check_names_the_fault(void **state)
{
	size_t at = 99;
	assert_int_equal(labels_check(SET(L("a", "1"), L("b", "2")), &at), LABELS_OK);
	assert_int_equal(labels_check(SET(L("a", "1"), L("a", "2")), &at), LABELS_DUPLICATE);
	assert_int_equal(at, 1);
	assert_int_equal(labels_check(SET(L("b", "1"), L("a", "2")), NULL), LABELS_UNSORTED);
	assert_int_equal(labels_check(SET(L("", "1")), NULL), LABELS_EMPTY_NAME);
	assert_int_equal(labels_check(SET(L("a", "")), NULL), LABELS_EMPTY_VALUE);
	assert_int_equal(labels_check(SET(L("a", "\xff")), NULL), LABELS_BAD_UTF8);
}

static void expect_print(struct labels l, const char *text, const char *series)
{
	struct strbuf b = { 0 };
	labels_print(l, &b);
	assert_string_equal(b.p, text);
	strbuf_reset(&b);
	labels_print_series(l, &b);
	assert_string_equal(b.p, series);
	strbuf_fini(&b);
}

static void test_printing_quotes_values_and_odd_names(void **state)
{
	expect_print(SET(L("__name__", "up"), L("job", "a\"b\n")), "{__name__=\"up\", job=\"a\\\"b\\n\"}",
		     "up{job=\"a\\\"b\\n\"}");
	expect_print(SET(L("service.name", "x")), "{\"service.name\"=\"x\"}", "{\"service.name\"=\"x\"}");
	expect_print(SET(L("__name__", "my metric"), L("j", "é")), "{__name__=\"my metric\", j=\"é\"}",
		     "{\"my metric\", j=\"é\"}");
	expect_print(SET(L("__name__", "up")), "{__name__=\"up\"}", "up");
	expect_print(none, "{}", "{}");
}

static void test_name_rules(void **state)
{
	assert_true(label_name_valid(STR("_a9"), LABEL_NAMES_LEGACY));
	assert_false(label_name_valid(STR("9a"), LABEL_NAMES_LEGACY));
	assert_false(label_name_valid(STR("a:b"), LABEL_NAMES_LEGACY));
	assert_true(metric_name_valid(STR(":a:b"), LABEL_NAMES_LEGACY));
	assert_false(metric_name_valid(STR(""), LABEL_NAMES_UTF8));
	assert_true(label_name_valid(STR("a.b é"), LABEL_NAMES_UTF8));
	assert_false(label_name_valid(STR("a\xff"), LABEL_NAMES_UTF8));
}

static void test_copies_own_their_bytes(void **state)
{
	char name[] = "a", value[] = "1";
	struct labels l = { &(struct label){ str_c(name), str_c(value) }, 1 }, c;
	struct arena a;
	arena_init(&a, NULL);
	assert_int_equal(labels_copy(l, &a, &c, NULL), 0);
	struct labels *d = labels_dup(l);
	name[0] = 'z';
	value[0] = '9';
	assert_true(labels_eq(c, SET(L("a", "1"))));
	assert_true(labels_eq(*d, c));
	free(d);
	arena_fini(&a);
}

static void test_copy_over_budget_is_an_error(void **state)
{
	struct budget b;
	struct arena a;
	struct err e = ERR_NONE;
	struct labels c;
	budget_init(&b, NULL, "tiny", 8);
	arena_init(&a, &b);
	assert_int_equal(labels_copy(SET(L("a", "1")), &a, &c, &e), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	budget_fini(&b);
}

static void test_merge_prefers_the_second_set(void **state)
{
	struct arena a;
	struct labels r;
	arena_init(&a, NULL);
	assert_int_equal(
		labels_merge(SET(L("a", "1"), L("c", "1")), SET(L("b", "2"), L("c", "2"), L("d", "2")), &a, &r, NULL),
		0);
	assert_true(labels_eq(r, SET(L("a", "1"), L("b", "2"), L("c", "2"), L("d", "2"))));
	assert_int_equal(labels_merge(none, none, &a, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	arena_fini(&a);
}

static void test_without_drops_names(void **state)
{
	struct arena a;
	struct labels l = SET(L("a", "1"), L("b", "2"), L("c", "3")), r;
	struct str names[] = { STR("0"), STR("b"), STR("bb"), STR("c") };
	arena_init(&a, NULL);
	assert_int_equal(labels_without(l, names, 4, &a, &r, NULL), 0);
	assert_true(labels_eq(r, SET(L("a", "1"))));
	assert_int_equal(labels_without(l, names, 1, &a, &r, NULL), 0);
	assert_ptr_equal(r.p, l.p);
	arena_fini(&a);
}

static void test_packed_form_round_trips_all_lengths(void **state)
{
	static const size_t lens[] = { 1, 254, 255, 256, 70000 };
	struct arena a;
	arena_init(&a, NULL);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		char *v = xmalloc(lens[i]);
		memset(v, 'v', lens[i]);
		struct labels l = { (struct label[]){ { STR("a"), str_mem(v, lens[i]) }, L("b", "2") }, 2 };
		size_t n = labels_pack_size(l);
		char *block = xmalloc(n);
		struct labels back;
		labels_pack(l, block);
		assert_int_equal(labels_packed_count(str_mem(block, n)), 2);
		assert_int_equal(labels_unpack(str_mem(block, n), &a, &back, NULL), 0);
		assert_true(labels_eq(l, back));
		assert_true(str_eq(labels_packed_get(str_mem(block, n), STR("b")), STR("2")));
		assert_int_equal(labels_packed_get(str_mem(block, n), STR("aa")).n, 0);
		free(block);
		free(v);
	}
	arena_fini(&a);
}

static void test_sort_is_stable_short_and_long(void **state)
{
	for (size_t n = 1; n < 200; n += 7) {
		struct label *p = xcalloc(n, sizeof(*p));
		static const char letters[] = "zyxwvutsrqponmlkjihgfedcba";
		for (size_t i = 0; i < n; i++)
			p[i] = (struct label){ str_mem(&letters[(i * 7) % 26], 1),
					       { (const char *)(uintptr_t)(i + 1), 0 } };
		label_sort(p, n);
		for (size_t i = 1; i < n; i++) {
			int d = str_cmp(p[i - 1].name, p[i].name);
			assert_true(d < 0 || (d == 0 && p[i - 1].value.p < p[i].value.p));
		}
		free(p);
	}
}

static void test_builder_sets_deletes_and_sorts(void **state)
{
	struct labels_builder b = { 0 };
	labels_builder_reset(&b, SET(L("b", "1"), L("d", "2")));
	labels_builder_set(&b, STR("c"), STR("3"));
	labels_builder_set(&b, STR("a"), STR("4"));
	labels_builder_set(&b, STR("b"), STR("5"));
	labels_builder_del(&b, STR("d"));
	assert_int_equal(labels_builder_get(&b, STR("d")).n, 0);
	assert_true(labels_eq(labels_builder_labels(&b), SET(L("a", "4"), L("b", "5"), L("c", "3"))));
	labels_builder_set(&b, STR("d"), STR("again"));
	labels_builder_set(&b, STR("zz"), STR(""));
	labels_builder_keep(&b, (struct str[]){ STR("d"), STR("c") }, 2);
	assert_true(labels_eq(labels_builder_labels(&b), SET(L("c", "3"), L("d", "again"))));
	labels_builder_reset(&b, none);
	assert_int_equal(labels_builder_labels(&b).n, 0);
	labels_builder_fini(&b);
}

static void test_builder_can_revive_a_deleted_label(void **state)
{
	struct labels_builder b = { 0 };
	labels_builder_reset(&b, SET(L("a", "1")));
	labels_builder_del(&b, STR("a"));
	labels_builder_set(&b, STR("a"), STR("2"));
	assert_true(labels_eq(labels_builder_labels(&b), SET(L("a", "2"))));
	labels_builder_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_that_of_prometheus),
		cmocka_unit_test(test_get_finds_by_name),
		cmocka_unit_test(test_hash_is_xx64_of_separated_pairs),
		cmocka_unit_test(test_hash_of_long_sets_equals_that_of_the_flat_bytes),
		cmocka_unit_test(test_hash_on_chooses_labels),
		cmocka_unit_test(test_check_names_the_fault),
		cmocka_unit_test(test_printing_quotes_values_and_odd_names),
		cmocka_unit_test(test_name_rules),
		cmocka_unit_test(test_copies_own_their_bytes),
		cmocka_unit_test(test_copy_over_budget_is_an_error),
		cmocka_unit_test(test_merge_prefers_the_second_set),
		cmocka_unit_test(test_without_drops_names),
		cmocka_unit_test(test_packed_form_round_trips_all_lengths),
		cmocka_unit_test(test_sort_is_stable_short_and_long),
		cmocka_unit_test(test_builder_sets_deletes_and_sorts),
		cmocka_unit_test(test_builder_can_revive_a_deleted_label),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
