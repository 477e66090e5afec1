#include "proto/descriptors.h"

#include "unit/unit.h"

static void expect_symbol(const char *symbol, const char *file)
{
	struct proto_file f;
	if (!proto_file_by_symbol(str_c(symbol), &f)) {
		if (file)
			fail_msg("%s is not found", symbol);
		return;
	}
	if (!file)
		fail_msg("%s is found in %.*s", symbol, STR_ARG(f.name));
	assert_true(str_eq_c(f.name, file));
}

static void test_symbols_lead_to_their_file(void **state)
{
	expect_symbol("thanos.Store", "proto/store.proto");
	expect_symbol("thanos.Store.Series", "proto/store.proto");
	expect_symbol("thanos.WriteableStore", "proto/store.proto");
	expect_symbol("thanos.LabelMatcher", "proto/types.proto");
	expect_symbol("thanos.LabelMatcher.Type", "proto/types.proto");
	expect_symbol("thanos.Aggr", "proto/store.proto");
	expect_symbol("thanos.info.Info", "proto/info.proto");
	expect_symbol("grpc.health.v1.Health", "proto/health.proto");
	expect_symbol("grpc.reflection.v1.ServerReflection", "proto/reflection.proto");
	expect_symbol("grpc.reflection.v1alpha.ServerReflection", "proto/reflection_alpha.proto");
	expect_symbol("google.protobuf.Any", "proto/any.proto");
	expect_symbol("thanos.Stor", NULL);
	expect_symbol("thanos.Store.Serie", NULL);
	expect_symbol("thanos", NULL);
	expect_symbol("", NULL);
}

static void test_files_are_found_with_their_imports(void **state)
{
	struct proto_file f, dep;
	size_t pos = 0, n = 0, files = 0;
	assert_true(proto_file_by_name(STR("proto/store.proto"), &f));
	assert_true(str_eq(f.package, STR("thanos")));
	while (proto_file_import_next(&f, &pos, &dep))
		n++;
	assert_int_equal(n, 3);
	assert_false(proto_file_by_name(STR("store.proto"), &f));
	for (pos = 0; proto_file_next(&pos, &f); files++)
		assert_true(f.name.n > 0 && f.package.n > 0);
	assert_int_equal(files, 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols_lead_to_their_file),
		cmocka_unit_test(test_files_are_found_with_their_imports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
