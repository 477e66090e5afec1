#include "tsdb/meta.h"

#include "unit/tsdb/golden.h"

static void test_golden_files_come_back_byte_for_byte(void **state)
{
	for (int i = 0; i < GOLDEN_BLOCKS; i++) {
		char *dir = golden_path(golden_blocks[i]);
		struct str text = read_part(dir, "meta.json");
		struct arena a;
		arena_init(&a, NULL);
		struct block_meta m;
		struct err e;
		assert_int_equal(block_meta_read(dir, &a, &m, &e), 0);
		assert_int_equal(m.mint, 1699999200000);
		struct strbuf b = { 0 };
		block_meta_print(&m, &b);
		if (!str_eq(strbuf_str(&b), text))
			fail_msg("%s\n%.*s", b.p, STR_ARG(text));
		strbuf_fini(&b);
		arena_fini(&a);
		str_free(text);
		free(dir);
	}
}

static const char full[] = "{\n"
			   "\t\"ulid\": \"01M81J75YR1NFEAEZPBHG543TB\",\n"
			   "\t\"minTime\": -5,\n"
			   "\t\"maxTime\": 7200000,\n"
			   "\t\"stats\": {},\n"
			   "\t\"compaction\": {\n"
			   "\t\t\"level\": 3,\n"
			   "\t\t\"sources\": [\n"
			   "\t\t\t\"01M81J75YR1NFEAEZPBHG543TB\",\n"
			   "\t\t\t\"01M81J761ZD9S3HESR8P0VV9YQ\"\n"
			   "\t\t],\n"
			   "\t\t\"deletable\": true,\n"
			   "\t\t\"parents\": [\n"
			   "\t\t\t{\n"
			   "\t\t\t\t\"ulid\": \"01M81J761ZD9S3HESR8P0VV9YQ\",\n"
			   "\t\t\t\t\"minTime\": 1,\n"
			   "\t\t\t\t\"maxTime\": 2\n"
			   "\t\t\t}\n"
			   "\t\t],\n"
			   "\t\t\"failed\": true,\n"
			   "\t\t\"hints\": [\n"
			   "\t\t\t\"from-out-of-order\"\n"
			   "\t\t]\n"
			   "\t},\n"
			   "\t\"version\": 1,\n"
			   "\t\"thanos\": {\n"
			   "\t\t\"version\": 1,\n"
			   "\t\t\"labels\": {},\n"
			   "\t\t\"downsample\": {\n"
			   "\t\t\t\"resolution\": 300000\n"
			   "\t\t},\n"
			   "\t\t\"source\": \"bucket.rewrite\",\n"
			   "\t\t\"segment_files\": [\n"
			   "\t\t\t\"000001\"\n"
			   "\t\t],\n"
			   "\t\t\"files\": [\n"
			   "\t\t\t{\n"
			   "\t\t\t\t\"rel_path\": \"chunks/000001\",\n"
			   "\t\t\t\t\"size_bytes\": 12,\n"
			   "\t\t\t\t\"hash\": {\n"
			   "\t\t\t\t\t\"hashFunc\": \"SHA256\",\n"
			   "\t\t\t\t\t\"value\": \"ab\"\n"
			   "\t\t\t\t}\n"
			   "\t\t\t},\n"
			   "\t\t\t{\n"
			   "\t\t\t\t\"rel_path\": \"meta.json\"\n"
			   "\t\t\t}\n"
			   "\t\t],\n"
			   "\t\t\"rewrites\": [\n"
			   "\t\t\t{\n"
			   "\t\t\t\t\"sources\": [\n"
			   "\t\t\t\t\t\"x, {}: \\\"y\\\"\"\n"
			   "\t\t\t\t]\n"
			   "\t\t\t}\n"
			   "\t\t],\n"
			   "\t\t\"index_stats\": {},\n"
			   "\t\t\"extensions\": {\n"
			   "\t\t\t\"parquet_migrated\": true\n"
			   "\t\t},\n"
			   "\t\t\"upload_time\": \"2024-01-02T03:04:05.6Z\"\n"
			   "\t}\n"
			   "}\n";

static void test_every_member_comes_back(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct block_meta m;
	struct err e;
	if (block_meta_parse(str_c(full), &a, &m, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(m.compaction.n_sources, 2);
	assert_true(m.compaction.deletable && m.compaction.failed && m.has_thanos);
	assert_int_equal(m.thanos.files[0].size_bytes, 12);
	struct strbuf b = { 0 };
	block_meta_print(&m, &b);
	assert_string_equal(b.p, full);
	strbuf_fini(&b);
	arena_fini(&a);
}

static void refused(const char *text, const char *words)
{
	struct arena a;
	arena_init(&a, NULL);
	struct block_meta m;
	struct err e;
	assert_int_equal(block_meta_parse(str_c(text), &a, &m, &e), -ERR_INVALID_ARGUMENT);
	if (!strstr(e.msg, words))
		fail_msg("\"%s\" is not in \"%s\"", words, e.msg);
	arena_fini(&a);
}

static void test_what_is_wrong_is_named(void **state)
{
	refused("[]", "not an object");
	refused("{", "meta.json");
	refused("{\"version\":2,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\"}", "\"version\" is not 1");
	refused("{\"version\":1,\"ulid\":\"x\"}", "\"ulid\" is not a ULID");
	refused("{\"version\":1}", "\"ulid\"");
	refused("{\"version\":1,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\",\"minTime\":\"1\"}",
		"\"minTime\" is not a whole number");
	refused("{\"version\":1,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\",\"compaction\":"
		"{\"sources\":[\"q\"]}}",
		"\"sources\" is not a ULID");
	refused("{\"version\":1,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\",\"stats\":"
		"{\"numSeries\":-1}}",
		"\"numSeries\"");
	refused("{\"version\":1,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\",\"thanos\":"
		"{\"version\":7}}",
		"\"thanos.version\" is not 1");
	refused("{\"version\":1,\"ulid\":\"01M81J75YR1NFEAEZPBHG543TB\",\"thanos\":"
		"{\"labels\":{\"a\":1}}}",
		"\"a\" is not a string");
}

static void test_missing_file_is_not_found(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct block_meta m;
	struct err e;
	assert_int_equal(block_meta_read("/nonexistent", &a, &m, &e), -ERR_NOT_FOUND);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_files_come_back_byte_for_byte),
		cmocka_unit_test(test_every_member_comes_back),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_missing_file_is_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
