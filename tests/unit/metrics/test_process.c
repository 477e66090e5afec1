#include "metrics/process.h"

#include "base/sys.h"
#include "metrics/expose.h"

#include "unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The value of a metric without labels in exposed text. */
static double value_of(const char *text, const char *name)
{
	char line[128];
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *p = strstr(text, line);
	if (!p)
		fail_msg("%s is missing", name);
	return strtod(p + strlen(line), NULL);
}

static void test_process_metrics_are_plausible(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct process_metrics *m = metrics_process_new(r);
	struct strbuf b = { 0 };
	metrics_expose(r, METRICS_TEXT, &b);
	double now = (double)sys_now_ms() / 1000, start = value_of(b.p, "process_start_time_seconds");
	assert_true(start > now - 600 && start < now + 5);
	const char *emulator = getenv("EMULATOR");
	if (!emulator || !*emulator) /* qemu's own answer for /proc/self/stat has no resident memory */
		assert_true(value_of(b.p, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(b.p, "process_virtual_memory_bytes") >= value_of(b.p, "process_resident_memory_bytes"));
	assert_true(value_of(b.p, "process_virtual_memory_max_bytes") > 0);
	assert_true(value_of(b.p, "process_cpu_seconds_total") >= 0);
	assert_true(value_of(b.p, "process_max_fds") >= 64);
	assert_true(value_of(b.p, "process_network_receive_bytes_total") >= 0);
	assert_true(value_of(b.p, "process_network_transmit_bytes_total") >= 0);
	double fds = value_of(b.p, "process_open_fds");
	int fd = open("/dev/null", O_RDONLY);
	strbuf_reset(&b);
	metrics_expose(r, METRICS_TEXT, &b);
	assert_true(value_of(b.p, "process_open_fds") == fds + 1);
	close(fd);
	strbuf_fini(&b);
	metrics_registry_free(r);
	metrics_process_free(m);
}

static void test_build_info_and_status(void **state)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_status s;
	struct strbuf b = { 0 };
	metrics_build_info_init(r, "0.1.0", "abcdef", "main");
	metrics_status_init(&s, r, "receive");
	gauge_set(s.ready, 1);
	metrics_expose(r, METRICS_TEXT, &b);
	assert_non_null(strstr(b.p, "thanos_build_info{branch=\"main\",goarch=\""));
	assert_non_null(
		strstr(b.p, "goos=\"linux\",goversion=\"c\",revision=\"abcdef\",tags=\"\",version=\"0.1.0\"} 1\n"));
	assert_non_null(strstr(b.p, "thanos_status{check=\"healthy\",component=\"receive\"} 0\n"));
	assert_non_null(strstr(b.p, "thanos_status{check=\"ready\",component=\"receive\"} 1\n"));
	strbuf_fini(&b);
	metrics_registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_metrics_are_plausible),
		cmocka_unit_test(test_build_info_and_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
