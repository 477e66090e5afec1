#include "config.h"

#include "loop/internal.h"

#include "base/compiler.h"
#include "metrics/metrics.h"

#define BUCKETS ARRAY_LEN(((struct reactor_stats *)NULL)->turn_buckets)

static double read_live(void *arg)
{
	return reactor_stats(arg)->fibers_live;
}

static double read_started(void *arg)
{
	return (double)reactor_stats(arg)->fibers_started;
}

static double read_slow(void *arg)
{
	return (double)reactor_stats(arg)->slow_holds;
}

static double read_high_water(void *arg)
{
	return (double)reactor_stats(arg)->stack_high_water;
}

/* The reactor counts turns itself; they are copied when somebody looks. */
static void copy_turns(void *arg)
{
	struct reactor *r = arg;
	for (size_t i = 0; i < BUCKETS; i++) {
		r->turn_histogram->buckets[i] = r->stats.turn_buckets[i];
		r->turn_cpu_histogram->buckets[i] = r->stats.turn_cpu_buckets[i];
	}
	r->turn_histogram->sum = (double)r->stats.turn_sum_ns / 1e9;
	r->turn_cpu_histogram->sum = (double)r->stats.turn_cpu_sum_ns / 1e9;
}

void reactor_metrics_init(struct reactor *r, struct metrics_registry *reg)
{
	double upper[BUCKETS - 1];
	metrics_buckets_exponential(upper, ARRAY_LEN(upper), 50e-6, 2);
	r->turn_histogram = metrics_histogram(reg, "thanos_loop_turn_duration_seconds",
					      "Time that one turn of the event loop took, waiting not counted.", upper,
					      ARRAY_LEN(upper));
	r->turn_cpu_histogram = metrics_histogram(
		reg, "thanos_loop_turn_cpu_seconds",
		"CPU that one turn of the event loop used: its time without what other processes took.", upper,
		ARRAY_LEN(upper));
	metrics_on_collect(reg, copy_turns, r);
	metrics_gauge_fn(reg, "thanos_loop_fibers", "Fibers alive now.", read_live, r);
	/* What dashboards made for Go programs look at. */
	metrics_gauge_fn(reg, "go_goroutines", "Fibers alive now, as thanos_loop_fibers.", read_live, r);
	metrics_counter_fn(reg, "thanos_loop_fibers_started_total", "Fibers started.", read_started, r);
	metrics_counter_fn(reg, "thanos_loop_slow_holds_total",
			   "Times that a fiber held the event loop for over 50 ms.", read_slow, r);
	metrics_gauge_fn(reg, "thanos_loop_fiber_stack_high_water_bytes",
			 "Most stack that any ended fiber had touched, in whole pages.", read_high_water, r);
}
