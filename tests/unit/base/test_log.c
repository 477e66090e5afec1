#include "base/log.h"

#include "unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char line[4096];

/* Reads the one line that `lg` wrote to the pipe. */
static const char *written(int fd)
{
	ssize_t n = read(fd, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	return line;
}

static void test_logfmt_quotes_only_where_needed(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct logger lg = { .fd = fds[1], .level = LOG_INFO, .component = "receive" };
	log_info(&lg, "hello world", log_s("a", "x"), log_s("b", "y=\"z\n"), log_i("n", -5));
	const char *s = written(fds[0]);
	assert_non_null(strstr(s, " level=info component=receive msg=\"hello world\" a=x b=\"y=\\\"z\\n\" n=-5\n"));
	assert_non_null(strstr(s, "caller=test_log.c:"));
	assert_memory_equal(s, "ts=20", 5);
	log_debug(&lg, "not written");
	log_warn(&lg, "w");
	assert_non_null(strstr(written(fds[0]), "level=warn"));
	close(fds[0]);
	close(fds[1]);
}

static void test_json_escapes(void **state)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct logger lg = { .fd = fds[1], .format = LOG_JSON };
	log_error(&lg, "m", log_s("k", "a\"\\\t\xff"), log_b("ok", true));
	const char *s = written(fds[0]);
	assert_non_null(
		strstr(s, "\"level\":\"error\",\"msg\":\"m\",\"k\":\"a\\\"\\\\\\u0009\\ufffd\",\"ok\":true}\n"));
	assert_int_equal(s[0], '{');
	close(fds[0]);
	close(fds[1]);
}

static void test_levels_and_formats_parse(void **state)
{
	enum log_level l;
	enum log_format f;
	assert_true(log_level_parse("warn", &l) && l == LOG_WARN);
	assert_false(log_level_parse("loud", &l));
	assert_true(log_format_parse("journald", &f) && f == LOG_JOURNALD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt_quotes_only_where_needed),
		cmocka_unit_test(test_json_escapes),
		cmocka_unit_test(test_levels_and_formats_parse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
