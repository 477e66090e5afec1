#include "loop/chan.h"

#include "loop/reactor.h"
#include "unit/unit.h"

static struct reactor *r;
static struct chan a, b;

static int set_up(void **state)
{
	r = reactor_new(NULL, NULL);
	chan_init(&a, 2);
	chan_init(&b, 2);
	return r ? 0 : -1;
}

static int tear_down(void **state)
{
	reactor_free(r);
	chan_fini(&a);
	chan_fini(&b);
	return 0;
}

static void send_numbers(void *arg)
{
	struct chan *c = arg;
	for (intptr_t i = 1; i <= 100; i++)
		assert_int_equal(co_chan_send(c, (void *)i, NULL), 0);
	chan_close(c, NULL);
}

static intptr_t sum;

static void receive_all(void *arg)
{
	void *p;
	intptr_t last = 0;
	while (co_chan_recv(arg, &p, NULL) == 0 && p) {
		assert_int_equal((intptr_t)p, ++last);
		assert_true(((struct chan *)arg)->n <= 2);
		sum += (intptr_t)p;
	}
}

static void test_order_and_bound_are_kept(void **state)
{
	sum = 0;
	fiber_start(r, "send", send_numbers, &a);
	fiber_start(r, "recv", receive_all, &a);
	reactor_run_until_idle(r);
	assert_int_equal(sum, 5050);
}

static void select_both(void *arg)
{
	struct chan *both[] = { &a, &b };
	size_t at = 0, live = 2, n = 2;
	while (live) {
		assert_int_equal(co_chan_select(both, n, &at, NULL), 0);
		void *p = chan_try_recv(both[at]);
		sum += (intptr_t)p;
		if (!p) {
			both[at] = both[n - 1];
			n--;
			live--;
		}
	}
}

static void test_select_drains_several_channels(void **state)
{
	sum = 0;
	fiber_start(r, "send a", send_numbers, &a);
	fiber_start(r, "send b", send_numbers, &b);
	fiber_start(r, "select", select_both, NULL);
	reactor_run_until_idle(r);
	assert_int_equal(sum, 10100);
}

static void close_with_error(void *arg)
{
	struct err e;
	err_set(&e, ERR_UNAVAILABLE, "store gone");
	assert_int_equal(co_chan_send(&a, &a, NULL), 0);
	chan_close(&a, &e);
	chan_close(&a, NULL);
	assert_int_equal(co_chan_send(&a, &a, NULL), -ERR_ABORTED);
}

static void receive_error(void *arg)
{
	void *p;
	struct err e;
	assert_int_equal(co_chan_recv(&a, &p, &e), 0);
	assert_ptr_equal(p, &a);
	assert_int_equal(co_chan_recv(&a, &p, &e), -ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "store gone");
}

static void test_error_comes_after_what_was_queued(void **state)
{
	fiber_start(r, "send", close_with_error, NULL);
	fiber_start(r, "recv", receive_error, NULL);
	reactor_run_until_idle(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_bound_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_select_drains_several_channels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_error_comes_after_what_was_queued, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
