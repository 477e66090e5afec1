#include "loop/gate.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/sys.h"
#include "metrics/metrics.h"

#include <stdio.h>

void gate_init(struct gate *g, uint32_t slots)
{
	*g = (struct gate){ .slots = slots };
	waitq_init(&g->q);
}

/* Waits until it is the fiber's turn. Returns the time that took through *ret_ns. */
static int co_wait_turn(struct gate *g, int64_t *ret_ns, struct err *err)
{
	int64_t begin = 0;
	int rc = 0;
	/* A newcomer may not overtake those who were woken but have not run yet: they count as waiting. */
	while (rc == 0 && g->slots && (g->held >= g->slots || (begin == 0 && g->waiting))) {
		if (begin == 0)
			begin = sys->mono_ns();
		g->waiting++;
		rc = co_waitq_wait(&g->q, "gate", err);
		g->waiting--;
		/* A wake-up that may have been meant for this fiber goes on to the next. */
		if (rc != 0 && g->held < g->slots)
			waitq_wake_one(&g->q);
	}
	*ret_ns = begin ? sys->mono_ns() - begin : 0;
	return rc;
}

int co_gate_enter(struct gate *g, struct err *err)
{
	int64_t waited_ns;
	int rc = co_wait_turn(g, &waited_ns, err);
	if (g->wait_seconds)
		histogram_observe(g->wait_seconds, (double)waited_ns / 1e9);
	if (rc != 0)
		return rc;
	g->wait_sum_ns += waited_ns;
	g->held++;
	g->entered++;
	if (g->slots && g->held < g->slots)
		waitq_wake_one(&g->q);
	return 0;
}

void gate_leave(struct gate *g)
{
	CHECK(g->held > 0);
	g->held--;
	waitq_wake_one(&g->q);
}

const double gate_wait_bounds[GATE_WAIT_BOUNDS] = {
	0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720
};

/* --- metrics --------------------------------------------------------------------------------- */

static double read_held(void *arg)
{
	return ((struct gate *)arg)->held;
}

static double read_entered(void *arg)
{
	return (double)((struct gate *)arg)->entered;
}

static double read_slots(void *arg)
{
	return ((struct gate *)arg)->slots;
}

/* Name and help of a metric, for as long as it takes to register it. */
struct naming {
	char name[128], help[128];
};

static struct naming naming(const char *prefix, const char *suffix, const char *before, const char *what,
			    const char *after)
{
	struct naming n;
	snprintf(n.name, sizeof(n.name), "%s%s", prefix, suffix);
	snprintf(n.help, sizeof(n.help), "%s %s%s.", before, what, after);
	return n;
}

void gate_metrics_init(struct gate *g, struct metrics_registry *reg, const char *prefix, const char *what)
{
	struct naming n = naming(prefix, "max", "Maximum number of concurrent", what, "");
	metrics_gauge_fn(reg, n.name, n.help, read_slots, g);
	n = naming(prefix, "in_flight", "Number of", what, " that are currently in flight");
	metrics_gauge_fn(reg, n.name, n.help, read_held, g);
	n = naming(prefix, "total", "Total number of", what, "");
	metrics_counter_fn(reg, n.name, n.help, read_entered, g);
	n = naming(prefix, "duration_seconds", "How many seconds it took for", what, " to wait at the gate");
	g->wait_seconds = metrics_histogram(reg, n.name, n.help, gate_wait_bounds, GATE_WAIT_BOUNDS);
}

void gate_metrics_fini(struct gate *g, struct metrics_registry *reg)
{
	metrics_off_collect(reg, g);
}
