#include "loop/gate.h"

#include "loop/backoff.h"
#include "loop/reactor.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "unit/unit.h"

static struct reactor *r;
static struct gate g;
static unsigned most;

static void visit(void *arg)
{
	if (co_gate_enter(&g, NULL) != 0)
		return;
	most = g.held > most ? g.held : most;
	assert_int_equal(co_sleep_ms(1, NULL), 0);
	gate_leave(&g);
}

static void test_never_more_than_the_slots(void **state)
{
	r = reactor_new(NULL, NULL);
	gate_init(&g, 3);
	for (int i = 0; i < 50; i++)
		fiber_start(r, "visit", visit, NULL);
	reactor_run_until_idle(r);
	assert_int_equal(most, 3);
	assert_int_equal(g.entered, 50);
	assert_int_equal(g.held, 0);
	reactor_free(r);
}

static bool cancelled;

static void cancel_the_waiter(void *arg)
{
	while (g.waiting == 0)
		assert_int_equal(co_sleep_ms(1, NULL), 0);
	fiber_cancel(arg);
	cancelled = true;
}

static void hold_until_cancelled(void *arg)
{
	assert_int_equal(co_gate_enter(&g, NULL), 0);
	while (!cancelled)
		assert_int_equal(co_sleep_ms(1, NULL), 0);
	gate_leave(&g);
}

static void hold(void *arg)
{
	assert_int_equal(co_gate_enter(&g, NULL), 0);
	assert_int_equal(co_sleep_ms(10, NULL), 0);
	gate_leave(&g);
}

static void test_a_cancelled_waiter_gives_nothing_back(void **state)
{
	r = reactor_new(NULL, NULL);
	gate_init(&g, 1);
	cancelled = false;
	fiber_start(r, "hold", hold_until_cancelled, NULL);
	struct fiber *f = fiber_start(r, "visit", visit, NULL);
	fiber_start(r, "cancel", cancel_the_waiter, f);
	reactor_run_until_idle(r);
	assert_int_equal(g.held, 0);
	assert_int_equal(g.waiting, 0);
	assert_int_equal(g.entered, 1);
	reactor_free(r);
}

static void test_metrics_follow_the_gate(void **state)
{
	struct metrics_registry *reg = metrics_registry_new();
	r = reactor_new(NULL, NULL);
	gate_init(&g, 1);
	gate_metrics_init(&g, reg, "x_gate_visits_", "visits");
	fiber_start(r, "hold", hold, NULL);
	fiber_start(r, "visit", visit, NULL);
	reactor_run_until_idle(r);
	struct strbuf out = { 0 };
	metrics_expose(reg, METRICS_TEXT, &out);
	strbuf_add_ch(&out, '\0');
	assert_non_null(strstr(out.p, "x_gate_visits_max 1\n"));
	assert_non_null(strstr(out.p, "x_gate_visits_in_flight 0\n"));
	assert_non_null(strstr(out.p, "x_gate_visits_total 2\n"));
	assert_non_null(strstr(out.p, "x_gate_visits_duration_seconds_bucket{le=\"0.01\"} 1\n"));
	assert_non_null(strstr(out.p, "x_gate_visits_duration_seconds_count 2\n"));
	strbuf_fini(&out);
	gate_metrics_fini(&g, reg);
	metrics_registry_free(reg);
	reactor_free(r);
}

static void test_backoff_doubles_within_bounds(void **state)
{
	struct backoff b;
	backoff_init(&b, 100, 1000);
	int64_t want = 100;
	for (int i = 0; i < 10; i++) {
		int64_t ms = backoff_next_ms(&b);
		assert_in_range(ms, want * 8 / 10, want * 12 / 10);
		want = want * 2 > 1000 ? 1000 : want * 2;
	}
	backoff_reset(&b);
	assert_in_range(backoff_next_ms(&b), 80, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_more_than_the_slots),
		cmocka_unit_test(test_a_cancelled_waiter_gives_nothing_back),
		cmocka_unit_test(test_metrics_follow_the_gate),
		cmocka_unit_test(test_backoff_doubles_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
