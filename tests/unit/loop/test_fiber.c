#include "loop/fiber.h"

#include "base/sys.h"
#include "loop/reactor.h"
#include "unit/unit.h"

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

static char trace[64];

static void letters(void *arg)
{
	for (int i = 0; i < 3; i++) {
		strcat(trace, arg);
		assert_int_equal(co_yield(NULL), 0);
	}
}

static void test_fibers_take_turns(void **state)
{
	trace[0] = '\0';
	fiber_start(r, "a", letters, (char[]){ "a" });
	fiber_start(r, "b", letters, (char[]){ "b" });
	reactor_run_until_idle(r);
	assert_string_equal(trace, "ababab");
}

/* Recursion deep enough to use some stack, with suspensions at the bottom. */
static int deep(int n)
{
	volatile char pad[256];
	pad[0] = (char)n;
	if (n == 0)
		return co_yield(NULL);
	return deep(n - 1) + (pad[0] != (char)n);
}

static void dig(void *arg)
{
	assert_int_equal(deep(200), 0);
	(*(int *)arg)++;
}

static void test_many_deep_fibers(void **state)
{
	int ended = 0;
	for (int i = 0; i < 500; i++)
		fiber_start(r, "deep", dig, &ended);
	reactor_run_until_idle(r);
	assert_int_equal(ended, 500);
	assert_int_equal(reactor_stats(r)->fibers_live, 0);
	assert_true(reactor_stats(r)->stack_high_water >= 4096);
}

struct wait_case {
	struct waitq q;
	int rc, again;
	struct fiber *f;
};

static void wait_once(void *arg)
{
	struct wait_case *c = arg;
	c->rc = co_waitq_wait(&c->q, "test", NULL);
	c->again = co_sleep_ms(1, NULL);
}

static void cancel_it(void *arg)
{
	assert_int_equal(co_sleep_ms(5, NULL), 0);
	fiber_cancel(((struct wait_case *)arg)->f);
}

static void test_cancel_fails_this_wait_and_all_later_ones(void **state)
{
	struct wait_case c = { 0 };
	waitq_init(&c.q);
	c.f = fiber_start(r, "waiter", wait_once, &c);
	fiber_start(r, "canceller", cancel_it, &c);
	reactor_run_until_idle(r);
	assert_int_equal(c.rc, -ERR_CANCELLED);
	assert_int_equal(c.again, -ERR_CANCELLED);
	assert_true(list_empty(&c.q.waiters));
}

static void wait_with_deadline(void *arg)
{
	struct wait_case *c = arg;
	int64_t old = fiber_set_deadline(reactor_now_ms(r) + 10);
	c->rc = co_waitq_wait(&c->q, "test", NULL);
	fiber_restore_deadline(old);
	c->again = co_sleep_ms(1, NULL);
}

static void test_deadline_ends_a_wait_and_can_be_restored(void **state)
{
	struct wait_case c = { 0 };
	waitq_init(&c.q);
	fiber_start(r, "waiter", wait_with_deadline, &c);
	reactor_run_until_idle(r);
	assert_int_equal(c.rc, -ERR_DEADLINE_EXCEEDED);
	assert_int_equal(c.again, 0);
}

struct group_case {
	int child_rc[3];
	int join_rc;
	int n;
	struct fiber *parent;
	struct budget budget;
	bool inherited;
};

static void child(void *arg)
{
	struct group_case *c = arg;
	int me = c->n++;
	c->inherited = fiber_budget() == &c->budget;
	c->child_rc[me] = co_sleep_ms(me == 0 ? 1 : 10000, NULL);
	fiber_mask();
	assert_int_equal(co_sleep_ms(2, NULL), 0);
	fiber_unmask();
}

static void parent(void *arg)
{
	struct group_case *c = arg;
	struct fiber_group g;
	fiber_set_budget(&c->budget);
	fiber_group_init(&g);
	for (int i = 0; i < 3; i++)
		fiber_group_start(&g, "child", child, c);
	c->join_rc = co_fiber_group_join(&g, NULL);
	assert_int_equal(g.live, 0);
}

static void cancel_parent(void *arg)
{
	assert_int_equal(co_sleep_ms(10, NULL), 0);
	fiber_cancel(((struct group_case *)arg)->parent);
}

static void test_cancelling_a_parent_unwinds_its_group(void **state)
{
	struct group_case c = { 0 };
	c.parent = fiber_start(r, "parent", parent, &c);
	fiber_start(r, "canceller", cancel_parent, &c);
	reactor_run_until_idle(r);
	assert_int_equal(c.join_rc, -ERR_CANCELLED);
	assert_int_equal(c.child_rc[0], 0);
	assert_int_equal(c.child_rc[1], -ERR_CANCELLED);
	assert_int_equal(c.child_rc[2], -ERR_CANCELLED);
	assert_true(c.inherited);
}

static void spin(void *arg)
{
	int *turns = arg;
	for (int i = 0; i < 2000000; i++)
		assert_int_equal(co_checkpoint(NULL), 0);
	*turns = -*turns;
}

static void count_turns(void *arg)
{
	int *turns = arg;
	while (*turns >= 0) {
		(*turns)++;
		assert_int_equal(co_yield(NULL), 0);
	}
}

static void test_checkpoint_lets_others_run(void **state)
{
	int turns = 1;
	fiber_start(r, "spin", spin, &turns);
	fiber_start(r, "count", count_turns, &turns);
	reactor_run_until_idle(r);
	assert_true(turns < -3);
}

static void sleeper(void *arg)
{
	assert_int_equal(co_sleep_ms(5, NULL), 0);
}

static void dumper(void *arg)
{
	fiber_dump(r, arg);
}

static void test_dump_shows_wait_reasons(void **state)
{
	struct strbuf out = { 0 };
	fiber_start(r, "sleeper", sleeper, NULL);
	fiber_start(r, "dumper", dumper, &out);
	reactor_run_until_idle(r);
	assert_non_null(strstr(out.p, "sleeper"));
	assert_non_null(strstr(out.p, "sleep"));
	strbuf_fini(&out);
}

#define SPIN_NS 2000000

/* Holds the loop. */
static void hold_loop(void *arg)
{
	int64_t until = sys->mono_ns() + SPIN_NS;
	while (sys->mono_ns() < until)
		;
}

static void charged_main(void *arg)
{
	struct fiber_clock mine = { 0 };
	struct fiber_group g;
	int64_t begin = sys->mono_ns();
	hold_loop(NULL);
	assert_null(fiber_set_clock(&mine));
	assert_true(fiber_clock_read(&mine) < SPIN_NS); /* what was before is not charged */
	hold_loop(NULL);
	int64_t one = fiber_clock_read(&mine);
	assert_true(one >= SPIN_NS);
	assert_int_equal(co_sleep_ms(50, NULL), 0);
	assert_true(fiber_clock_read(&mine) - one < 40000000);
	fiber_group_init(&g);
	fiber_group_start(&g, "child", hold_loop, NULL);
	assert_int_equal(co_fiber_group_join(&g, NULL), 0);
	assert_true(fiber_clock_read(&mine) >= one + SPIN_NS);
	assert_true(fiber_clock_read(&mine) < sys->mono_ns() - begin - 50000000);
	assert_ptr_equal(fiber_set_clock(NULL), &mine);
	int64_t all = fiber_clock_read(&mine);
	hold_loop(NULL);
	assert_int_equal(fiber_clock_read(&mine), all);
	*(bool *)arg = true;
}

static void test_time_on_the_loop_is_charged(void **state)
{
	bool done = false;
	fiber_start(r, "charged", charged_main, &done);
	reactor_run_until_idle(r);
	assert_true(done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fibers_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_deep_fibers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel_fails_this_wait_and_all_later_ones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deadline_ends_a_wait_and_can_be_restored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancelling_a_parent_unwinds_its_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_checkpoint_lets_others_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_on_the_loop_is_charged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dump_shows_wait_reasons, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
