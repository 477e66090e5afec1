#include "cmd/options.h"

#include "base/file.h"
#include "cmd/query_options.h"
#include "cmd/receive_options.h"
#include "labels/labels.h"
#include "unit/unit.h"

#include <unistd.h>

static struct arena arena;
static struct options_result result;
static struct err e;

static int set_up(void **state)
{
	arena_init(&arena, NULL);
	e = ERR_NONE;
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

/* Parses flags (up to a NULL) over the defaults of a command. */
static int parse(const struct option_command *cmd, const char *const *args)
{
	int argc = 0;
	while (args[argc])
		argc++;
	assert_int_equal(options_init(&result, cmd, &arena, &e), 0);
	return options_read_args(&result, cmd, argc, (char *const *)args, &arena, &e);
}

#define PARSE(cmd, ...) parse(&(cmd), (const char *const[]){ __VA_ARGS__, NULL })

static const struct query_options *query(void)
{
	return result.config;
}

static void test_defaults_are_upstreams(void **state)
{
	assert_int_equal(parse(&query_command, (const char *const[]){ NULL }), 0);
	assert_string_equal(query()->http.http_address, "0.0.0.0:10902");
	assert_int_equal(query()->query_timeout_ms, 120000);
	assert_int_equal(query()->query_max_concurrent, 20);
	assert_true(query()->query_partial_response);
	assert_int_equal(query()->query_conn_metric_label.n, 2);
	assert_null(query()->endpoint.p);
	assert_int_equal(options_check(&result, &query_command, &e), 0);
	assert_int_equal(parse(&receive_command, (const char *const[]){ NULL }), 0);
	assert_int_equal(options_check(&result, &receive_command, &e), 0);
	const struct receive_options *r = result.config;
	assert_int_equal(r->tsdb_retention_ms, 15LL * 24 * 3600 * 1000);
}

static void test_kingpin_forms(void **state)
{
	assert_int_equal(PARSE(query_command, "--http-address=:1", "--grpc-address", ":2",
			       "--no-query.partial-response", "--query.auto-downsampling", "--query.replica-label=a",
			       "--query.replica-label", "b"),
			 0);
	assert_string_equal(query()->http.http_address, ":1");
	assert_string_equal(query()->grpc.grpc_address, ":2");
	assert_false(query()->query_partial_response);
	assert_true(query()->query_auto_downsampling);
	assert_int_equal(query()->query_replica_label.n, 2);
	assert_string_equal(query()->query_replica_label.p[1], "b");
	assert_int_equal(PARSE(query_command, "--help"), 0);
	assert_int_equal(result.action, OPTIONS_HELP);
}

static void test_mistakes_say_what_is_right(void **state)
{
	assert_int_equal(PARSE(query_command, "--query.timeuot=1m"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "unknown long flag '--query.timeuot', did you mean '--query.timeout'?");
	assert_int_equal(PARSE(query_command, "--query.timeout=3x"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "--query.timeout: want a duration such as 15d or 1h30m, got \"3x\"");
	assert_int_equal(PARSE(query_command, "--log.level=loud"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "--log.level: want one of error|warn|info|debug, got \"loud\"");
	assert_int_equal(PARSE(query_command, "--query.timeout"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "expected argument for flag '--query.timeout'");
	assert_int_equal(PARSE(query_command, "--query.timeout=1m", "--query.timeout=2m"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "flag 'query.timeout' cannot be repeated");
	assert_int_equal(PARSE(query_command, "--query.partial-response=true"), -ERR_INVALID_ARGUMENT);
	assert_int_equal(PARSE(query_command, "stray"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "unexpected stray");
}

static void test_retired_flags_work_with_a_warning(void **state)
{
	assert_int_equal(PARSE(query_command, "--store=a:1", "--store=b:2"), 0);
	assert_int_equal(query()->endpoint.n, 2);
	assert_true(result.warnings.n >= 2);
	assert_string_equal(result.warnings.p[0], "--store was replaced by --endpoint");
}

static void test_deprecated_options_warn_once(void **state)
{
	assert_int_equal(PARSE(query_command, "--endpoint=a:1", "--endpoint=b:2"), 0);
	assert_int_equal(result.warnings.n, 1);
	assert_string_equal(result.warnings.p[0], "--endpoint is deprecated; use --endpoint.sd-config-file");
}

static void test_numbers_of_things_are_kept_in_range(void **state)
{
	assert_int_equal(option_u32(-1), 0);
	assert_int_equal(option_u32(20), 20);
	assert_int_equal(option_u32(4294967296), UINT32_MAX);
	assert_int_equal(option_u64(-5), 0);
}

static void test_features_of_later_are_refused_by_name(void **state)
{
	assert_int_equal(PARSE(receive_command, "--receive.replication-factor=3"), 0);
	assert_int_equal(options_check(&result, &receive_command, &e), -ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(e.msg, "--receive.replication-factor: replication is not in this build yet"));
	assert_int_equal(PARSE(receive_command, "--receive.replication-factor=1"), 0);
	assert_int_equal(options_check(&result, &receive_command, &e), 0);
}

static char *temp_file(const char *text)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/thanos-options-%d", (int)getpid());
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	return path;
}

static void test_contents_come_from_a_flag_or_a_file_with_variables_replaced(void **state)
{
	const char *text = NULL;
	setenv("THANOS_TEST_SIZE", "12", 1);
	unsetenv("THANOS_TEST_NONE");
	assert_int_equal(options_path_or_content("x", NULL, "a: $(THANOS_TEST_SIZE)", &arena, &text, &e), 0);
	assert_string_equal(text, "a: 12");
	char *path = temp_file("$(THANOS_TEST_SIZE) $5");
	assert_int_equal(options_path_or_content("x", path, "", &arena, &text, &e), 0);
	assert_string_equal(text, "12 $5");
	assert_int_equal(options_path_or_content("x", path, "a", &arena, &text, &e), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "both --x and --x-file"));
	unlink(path);
	assert_int_equal(options_path_or_content("x", path, NULL, &arena, &text, &e), -ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "--x-file"));
	assert_int_equal(options_path_or_content("x", NULL, "$(THANOS_TEST_NONE)", &arena, &text, &e),
			 -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "--x: found reference to unset environment variable \"THANOS_TEST_NONE\""));
	assert_int_equal(options_path_or_content("x", "", "", &arena, &text, &e), 0);
	assert_null(text);
}

static int parse_yaml(const char *text)
{
	assert_int_equal(options_init(&result, &query_command, &arena, &e), 0);
	char *path = temp_file(text);
	int rc = options_read_yaml(&result, &query_command, path, &arena, &e);
	unlink(path);
	return rc;
}

static void test_yaml_has_the_same_options(void **state)
{
	assert_int_equal(parse_yaml("role: query\nhttp-address: :9\nquery:\n  timeout: 30s\n"
				    "  replica-label: [a, b]\nquery.partial-response: false\n"
				    "endpoint: one:1\n"),
			 0);
	assert_string_equal(query()->http.http_address, ":9");
	assert_int_equal(query()->query_timeout_ms, 30000);
	assert_int_equal(query()->query_replica_label.n, 2);
	assert_false(query()->query_partial_response);
	assert_int_equal(query()->endpoint.n, 1);
	assert_int_equal(result.warnings.n, 1);
	assert_int_equal(options_read_args(&result, &query_command, 1,
					   (char *const[]){ (char[]){ "--endpoint=two:2" } }, &arena, &e),
			 0);
	assert_int_equal(query()->endpoint.n, 1);
	assert_string_equal(query()->endpoint.p[0], "two:2");
}

static void test_yaml_mistakes_name_line_and_key(void **state)
{
	assert_int_equal(parse_yaml("role: query\nquery:\n  timeuot: 1m\n"), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, ":3: unknown key \"query.timeuot\""));
	assert_int_equal(parse_yaml("query.timeout: soon\n"), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, ":1: key \"query.timeout\": want a duration such as 15d"));
	assert_int_equal(parse_yaml("role: store\n"), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "not `thanos query`"));
}

static void test_arguments_from_a_file(void **state)
{
	char *path = temp_file("# comment\n--query.timeout=5s\n\n--endpoint\nx:1\n");
	char at[80];
	snprintf(at, sizeof(at), "@%s", path);
	assert_int_equal(PARSE(query_command, at), 0);
	unlink(path);
	assert_int_equal(query()->query_timeout_ms, 5000);
	assert_string_equal(query()->endpoint.p[0], "x:1");
}

static void test_labels_are_unquoted(void **state)
{
	struct label *l;
	size_t n;
	const char *good[] = { "replica=\"a\\\"b\"", "x=\"\"" }, *bad[] = { "x=y" };
	assert_int_equal(options_labels("label", &(struct option_list){ good, 2 }, &arena, &l, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_true(str_eq(l[0].value, STR("a\"b")));
	assert_int_equal(options_labels("label", &(struct option_list){ bad, 1 }, &arena, &l, &n, &e),
			 -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "--label: want name=\"value\", got x=y");
}

static void test_help_lists_every_visible_option_once(void **state)
{
	struct strbuf out = { 0 };
	options_help(&receive_command, false, &out);
	assert_non_null(strstr(out.p, "--tsdb.path="));
	assert_null(strstr(out.p, "--tsdb.min-block-duration"));
	strbuf_reset(&out);
	options_help(&receive_command, true, &out);
	assert_non_null(strstr(out.p, "--tsdb.min-block-duration"));
	strbuf_reset(&out);
	options_man(&query_command, &out);
	assert_non_null(strstr(out.p, ".TH thanos\\-query 1"));
	strbuf_fini(&out);
}

/* Every row of the reference table is known here. */
static void test_reference_table_is_covered(void **state)
{
	char path[512];
	const char *shared = getenv("SHARED");
	snprintf(path, sizeof(path), "%s/reference/flags.tsv", shared ? shared : "../shared");
	FILE *f = fopen(path, "r");
	if (!f)
		skip();
	char line[4096];
	unsigned checked = 0;
	while (fgets(line, sizeof(line), f)) {
		char *flag = strchr(line, '\t');
		assert_non_null(flag);
		*flag++ = '\0';
		flag[strcspn(flag, "\t")] = '\0';
		const struct option_command *cmd = strcmp(line, "query") == 0     ? &query_command
						   : strcmp(line, "receive") == 0 ? &receive_command
										  : NULL;
		if (!cmd || strcmp(flag, "--help") == 0 || strcmp(flag, "--version") == 0)
			continue;
		bool found = false;
		for (size_t g = 0; g < cmd->n_groups; g++)
			for (size_t i = 0; i < cmd->groups[g].rows->n; i++)
				found |= strcmp(cmd->groups[g].rows->p[i].name, flag + 2) == 0;
		if (!found)
			fail_msg("thanos %s has no %s", line, flag);
		checked++;
	}
	fclose(f);
	assert_true(checked > 150);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults_are_upstreams),
		TEST(test_kingpin_forms),
		TEST(test_mistakes_say_what_is_right),
		TEST(test_retired_flags_work_with_a_warning),
		TEST(test_deprecated_options_warn_once),
		TEST(test_numbers_of_things_are_kept_in_range),
		TEST(test_features_of_later_are_refused_by_name),
		TEST(test_contents_come_from_a_flag_or_a_file_with_variables_replaced),
		TEST(test_yaml_has_the_same_options),
		TEST(test_yaml_mistakes_name_line_and_key),
		TEST(test_arguments_from_a_file),
		TEST(test_labels_are_unquoted),
		TEST(test_help_lists_every_visible_option_once),
		TEST(test_reference_table_is_covered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
