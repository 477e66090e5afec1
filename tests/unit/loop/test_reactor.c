#include "loop/reactor.h"

#include "loop/fiber.h"
#include "loop/signal.h"
#include "loop/timer.h"
#include "unit/unit.h"

#include <pthread.h>
#include <signal.h>

static struct reactor *r;
static char trace[32];
static char S[] = "s", D[] = "d", F[] = "f", P[] = "p";

static void note(void *arg)
{
	strcat(trace, arg);
}

static void stop(void *arg)
{
	note(S);
	reactor_stop(r);
}

static void defer_in_fiber(void *arg)
{
	reactor_defer(r, note, D);
	note(F);
}

static void test_fibers_run_before_deferred_calls(void **state)
{
	trace[0] = '\0';
	r = reactor_new(NULL, NULL);
	struct timer t;
	timer_init(&t, r, stop, NULL);
	timer_set(&t, 20);
	assert_true(timer_is_set(&t));
	fiber_start(r, "f", defer_in_fiber, NULL);
	reactor_run(r);
	assert_string_equal(trace, "fds");
	assert_false(timer_is_set(&t));
	timer_fini(&t);
	assert_true(reactor_stats(r)->turns >= 2);
	reactor_free(r);
}

static void *poster(void *arg)
{
	for (int i = 0; i < 10; i++)
		reactor_post(r, note, P);
	reactor_post(r, stop, NULL);
	return NULL;
}

static void test_posts_from_another_thread_arrive_in_order(void **state)
{
	trace[0] = '\0';
	r = reactor_new(NULL, NULL);
	pthread_t th;
	assert_int_equal(pthread_create(&th, NULL, poster, NULL), 0);
	reactor_run(r);
	pthread_join(th, NULL);
	assert_string_equal(trace, "pppppppppps");
	reactor_free(r);
}

static void wait_for_signal(void *arg)
{
	struct signal_watch *w = arg;
	int signo = 0;
	assert_int_equal(co_signal_wait(w, &signo, NULL), 0);
	assert_int_equal(signo, SIGUSR1);
	assert_int_equal(co_signal_wait(w, &signo, NULL), 0);
	assert_int_equal(signo, SIGUSR2);
}

static void raise_both(void *arg)
{
	raise(SIGUSR2);
	raise(SIGUSR1);
}

static void test_signals_are_queued_for_fibers(void **state)
{
	r = reactor_new(NULL, NULL);
	struct signal_watch *w = signal_watch_new(r, (const int[]){ SIGUSR1, SIGUSR2 }, 2);
	fiber_start(r, "wait", wait_for_signal, w);
	fiber_start(r, "raise", raise_both, NULL);
	reactor_run_until_idle(r);
	signal_watch_free(w);
	reactor_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fibers_run_before_deferred_calls),
		cmocka_unit_test(test_signals_are_queued_for_fibers),
		cmocka_unit_test(test_posts_from_another_thread_arrive_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
