#include "labels/relabel_yaml.h"

#include "unit/unit.h"

/* Applies YAML rules to labels written "name=value name=value"; the result in the same form, or "dropped". */
static void expect(const char *yaml, const char *in, const char *want)
{
	struct relabel_rules *r = NULL;
	struct err e = ERR_NONE;
	struct labels_builder b = { 0 };
	struct strbuf out = { 0 };
	struct arena a;
	bool keep;
	if (relabel_rules_parse(str_c(yaml), "rules", LABEL_NAMES_UTF8, 0, &r, &e) < 0)
		fail_msg("%s", e.msg);
	labels_builder_reset(&b, (struct labels){ NULL, 0 });
	struct str rest = str_c(in);
	while (rest.p && rest.n) {
		struct str pair = str_cut(&rest, ' '), name = str_cut(&pair, '=');
		labels_builder_set(&b, name, pair);
	}
	labels_builder_labels(&b);
	arena_init(&a, NULL);
	assert_int_equal(relabel_apply(r->p, r->n, &b, &a, &keep, &e), 0);
	strbuf_add_c(&out, keep ? "" : "dropped");
	struct labels l = labels_builder_labels(&b);
	for (size_t i = 0; keep && i < l.n; i++)
		strbuf_printf(&out, "%s%.*s=%.*s", i ? " " : "", STR_ARG(l.p[i].name), STR_ARG(l.p[i].value));
	assert_string_equal(out.p, want);
	strbuf_fini(&out);
	labels_builder_fini(&b);
	relabel_rules_free(r);
	arena_fini(&a);
}

static void test_replace(void **state)
{
	expect("[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch${1}'}]", "a=foo b=bar",
	       "a=foo b=bar d=choo-choo");
	expect("[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'},"
	       " {source_labels: [c, a], regex: '(b).*b(.*)ba(.*)', target_label: d, replacement: '$1$2$2$3'}]",
	       "a=foo b=bar c=baz", "a=boobam b=bar c=baz d=boooom");
	expect("[{source_labels: [a], target_label: b}]", "a=x", "a=x b=x");
	expect("[{source_labels: [a], regex: nope, target_label: b}]", "a=x", "a=x");
	expect("[{target_label: env, replacement: prod}]", "a=x", "a=x env=prod");
	expect("[{source_labels: [gone], target_label: a}]", "a=x b=y", "b=y"); /* empty result deletes */
	expect("[{source_labels: [a], regex: '(.*)-(.*)', target_label: '${1}', replacement: '$2'}]", "a=n-v",
	       "a=n-v n=v");
	expect("[{source_labels: [a, b], separator: '', target_label: c}]", "a=1 b=2", "a=1 b=2 c=12");
	expect("[{source_labels: [a], regex: 'some-([^-]+)-(?<x>[^,]+)', target_label: d, replacement: '$x'}]",
	       "a=some-name-value", "a=some-name-value d=value");
}

static void test_keep_and_drop(void **state)
{
	expect("[{source_labels: [a], regex: '.*o.*', action: drop}]", "a=foo", "dropped");
	expect("[{source_labels: [a], regex: 'o', action: drop}]", "a=foo", "a=foo");
	expect("[{source_labels: [a], regex: 'f.*', action: keep}]", "a=foo", "a=foo");
	expect("[{source_labels: [gone], regex: 'f.*', action: keep}]", "a=foo", "dropped");
	expect("[{action: keep, source_labels: [a], regex: no}, {target_label: b, replacement: x}]", "a=1", "dropped");
	expect("[{action: KeepEqual, source_labels: [a], target_label: b}]", "a=1 b=1", "a=1 b=1");
	expect("[{action: keepequal, source_labels: [a], target_label: b}]", "a=1 b=2", "dropped");
	expect("[{action: dropequal, source_labels: [a], target_label: b}]", "a=1 b=1", "dropped");
	expect("[{action: dropequal, source_labels: [a], target_label: b}]", "a=1 b=2", "a=1 b=2");
}

static void test_hashmod_is_md5_as_prometheus(void **state)
{
	expect("[{action: hashmod, source_labels: [c], target_label: d, modulus: 1000}]", "a=foo b=bar c=baz",
	       "a=foo b=bar c=baz d=976");
	expect("[{action: hashmod, source_labels: [a], target_label: d, modulus: 1000}]", "a=foo%0Abar",
	       "a=foo%0Abar d=495");
}

static void test_label_actions(void **state)
{
	expect("[{action: labelmap, regex: '(b.*)', replacement: 'bar_${1}'}]", "a=foo b1=bar b2=baz",
	       "a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz");
	expect("[{action: labelmap, regex: '__meta_(my.*)'}]", "__meta_my_a=1 __meta_x=2",
	       "__meta_my_a=1 __meta_x=2 my_a=1");
	/* Names that change during the walk keep the value they had. */
	expect("[{action: labelmap, regex: 'a|b', replacement: 'b'}]", "a=1 b=2", "a=1 b=2");
	expect("[{action: labeldrop, regex: 'b.*'}]", "a=foo b1=bar b2=baz", "a=foo");
	expect("[{action: labelkeep, regex: 'a'}]", "a=foo b1=bar", "a=foo");
}

static void test_case(void **state)
{
	expect("[{action: lowercase, source_labels: [a], target_label: l}, {action: uppercase, source_labels: [a], "
	       "target_label: u}]",
	       "a=bAr123Foo", "a=bAr123Foo l=bar123foo u=BAR123FOO");
	expect("[{action: uppercase, source_labels: [a], target_label: a}]",
	       "a=stra\xC3\x9F"
	       "e\xC3\xA9",
	       "a=STRA\xC3\x9F"
	       "E\xC3\x89");
}

static void expect_error(const char *yaml, enum label_names names, const char *want)
{
	struct relabel_rules *r = NULL;
	struct err e = ERR_NONE;
	int rc = relabel_rules_parse(str_c(yaml), "rules", names, 1u << RELABEL_KEEP | 0x7ff, &r, &e);
	if (rc != -ERR_INVALID_ARGUMENT)
		fail_msg("accepted: %s", yaml);
	if (!strstr(e.msg, want))
		fail_msg("%s: \"%s\" lacks \"%s\"", yaml, e.msg, want);
}

static void test_wrong_rules_are_refused(void **state)
{
	expect_error("[{action: nix}]", LABEL_NAMES_UTF8, "unknown relabel action \"nix\"");
	expect_error("[{action: hashmod, target_label: a}]", LABEL_NAMES_UTF8, "requires non-zero modulus");
	expect_error("[{regex: a}]", LABEL_NAMES_UTF8, "requires 'target_label' value");
	expect_error("[{target_label: 'a b', source_labels: [x]}]", LABEL_NAMES_LEGACY,
		     "\"a b\" is invalid 'target_label' for replace action");
	expect_error("[{target_label: '${1', source_labels: [x]}]", LABEL_NAMES_LEGACY, "is invalid 'target_label'");
	expect_error("[{action: lowercase, target_label: a, replacement: x}]", LABEL_NAMES_UTF8,
		     "'replacement' can not be set for lowercase action");
	expect_error("[{action: labelmap, replacement: '9$1'}]", LABEL_NAMES_LEGACY,
		     "\"9$1\" is invalid 'replacement' for labelmap action");
	expect_error("[{action: dropequal, target_label: a, regex: x}]", LABEL_NAMES_UTF8,
		     "requires only 'source_labels'");
	expect_error("[{action: labeldrop, source_labels: [a], regex: x}]", LABEL_NAMES_UTF8, "requires only 'regex'");
	expect_error("[{action: keep, regex: '('}]", LABEL_NAMES_UTF8, "missing closing )");
	expect_error("[{action: keep, rgex: a}]", LABEL_NAMES_UTF8, "rgex");
	expect_error("[{source_labels: ['a b'], target_label: x}]", LABEL_NAMES_LEGACY, "not a valid label name");
	expect_error("{action: keep}", LABEL_NAMES_UTF8, "list");
	expect_error("[{action: keep}, 7]", LABEL_NAMES_UTF8, "map");
}

static void test_legacy_targets_may_hold_variables(void **state)
{
	struct relabel_rules *r = NULL;
	struct err e = ERR_NONE;
	if (relabel_rules_parse(STR("[{target_label: 'x_${1}9$name', source_labels: [x]}]"), "r", LABEL_NAMES_LEGACY, 0,
				&r, &e) < 0)
		fail_msg("%s", e.msg);
	relabel_rules_free(r);
}

static void test_actions_can_be_restricted(void **state)
{
	struct relabel_rules *r = NULL;
	struct err e = ERR_NONE;
	uint32_t allowed = 1u << RELABEL_KEEP | 1u << RELABEL_DROP | 1u << RELABEL_HASHMOD;
	assert_int_equal(
		relabel_rules_parse(STR("[{action: labeldrop, regex: a}]"), "r", LABEL_NAMES_UTF8, allowed, &r, &e),
		-ERR_INVALID_ARGUMENT);
	assert_int_equal(relabel_rules_parse(STR("[{action: keep, regex: a}]"), "r", LABEL_NAMES_UTF8, allowed, &r, &e),
			 0);
	assert_int_equal(r->n, 1);
	relabel_rules_free(r);
	assert_int_equal(relabel_rules_parse(STR(""), "r", LABEL_NAMES_UTF8, 0, &r, &e), 0);
	assert_int_equal(r->n, 0);
	relabel_rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_keep_and_drop),
		cmocka_unit_test(test_hashmod_is_md5_as_prometheus),
		cmocka_unit_test(test_label_actions),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_wrong_rules_are_refused),
		cmocka_unit_test(test_legacy_targets_may_hold_variables),
		cmocka_unit_test(test_actions_can_be_restricted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
