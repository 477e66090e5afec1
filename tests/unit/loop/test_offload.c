#include "loop/offload.h"

#include "base/strbuf.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "unit/unit.h"

#include <signal.h>
#include <unistd.h>

static struct reactor *r;

static int set_up(void **state)
{
	r = reactor_new(NULL, NULL);
	return r ? 0 : -1;
}

static int tear_down(void **state)
{
	reactor_free(r);
	return 0;
}

static int slow_square(void *arg, struct err *err)
{
	usleep(2000);
	int *v = arg;
	if (*v < 0)
		return err_set(err, ERR_OUT_OF_RANGE, "negative");
	*v *= *v;
	return 0;
}

static void offload_it(void *arg)
{
	struct err e;
	int v = 7;
	assert_int_equal(co_offload("square", slow_square, &v, &e), 0);
	assert_int_equal(v, 49);
	v = -1;
	assert_int_equal(co_offload("square", slow_square, &v, &e), -ERR_OUT_OF_RANGE);
	assert_string_equal(e.msg, "negative");
	(*(int *)arg)++;
}

static void test_results_and_errors_come_back(void **state)
{
	int ended = 0;
	for (int i = 0; i < 20; i++)
		fiber_start(r, "offload", offload_it, &ended);
	reactor_run_until_idle(r);
	assert_int_equal(ended, 20);
}

static int shout(void *arg, struct strbuf *out, struct err *err)
{
	strbuf_add_c(out, "from the child: ");
	strbuf_add_c(out, arg);
	return 0;
}

static int give_up(void *arg, struct strbuf *out, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS, "no such luck");
}

static int crash(void *arg, struct strbuf *out, struct err *err)
{
	raise(SIGKILL);
	return 0;
}

static int hang(void *arg, struct strbuf *out, struct err *err)
{
	for (;;)
		pause();
	return 0;
}

static void run_children(void *arg)
{
	struct strbuf out = { 0 };
	struct err e;
	assert_int_equal(co_child_run("shout", shout, (char[]){ "hi" }, 0, 5, &out, &e), 0);
	assert_string_equal(out.p, "from the child: hi");
	assert_int_equal(co_child_run("give_up", give_up, NULL, 0, 0, &out, &e), -ERR_DATA_LOSS);
	assert_string_equal(e.msg, "no such luck");
	assert_int_equal(co_child_run("crash", crash, NULL, 0, 0, &out, &e), -ERR_INTERNAL);
	assert_non_null(strstr(e.msg, "signal 9"));
	fiber_set_deadline(reactor_now_ms(r) + 50);
	assert_int_equal(co_child_run("hang", hang, NULL, 0, 0, &out, &e), -ERR_DEADLINE_EXCEEDED);
	strbuf_fini(&out);
}

static void test_children_report_fail_crash_and_are_killed(void **state)
{
	fiber_start(r, "children", run_children, NULL);
	reactor_run_until_idle(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_results_and_errors_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_children_report_fail_crash_and_are_killed, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
