/*
 * loop/gate.h - at most so many at a time; the others wait in order.
 *
 * A waiter that is cancelled never held a slot and gives none back.
 */
#ifndef LOOP_GATE_H
#define LOOP_GATE_H

#include "base/err.h"
#include "loop/fiber.h"

#include <stdint.h>

struct metrics_histogram;
struct metrics_registry;

/* Bounds of histograms of waits at gates, in seconds (upstream: pkg/gate). */
#define GATE_WAIT_BOUNDS 16
extern const double gate_wait_bounds[GATE_WAIT_BOUNDS];

/* A gate. Members are readable. */
struct gate {
	uint32_t slots;      /* most at a time; 0 is no limit */
	uint32_t held;       /* inside now */
	uint32_t waiting;    /* queued now */
	uint64_t entered;    /* so far */
	int64_t wait_sum_ns; /* time spent queued so far */
	struct waitq q;
	struct metrics_histogram *wait_seconds; /* NULL without gate_metrics_init */
};

/* Prepares a gate of `slots` places; 0 is no limit. */
void gate_init(struct gate *g, uint32_t slots);

/*
 * Registers <prefix>max, <prefix>in_flight, <prefix>total and <prefix>duration_seconds (upstream: pkg/gate), read from the gate
 * at exposition; `what` passes it, in plural. gate_metrics_fini before the gate goes.
 */
void gate_metrics_init(struct gate *g, struct metrics_registry *reg, const char *prefix, const char *what);

/* Stops reading the gate. */
void gate_metrics_fini(struct gate *g, struct metrics_registry *reg);

/* Waits for a place and takes it. */
int co_gate_enter(struct gate *g, struct err *err);

/* Gives the place back. */
void gate_leave(struct gate *g);

#endif
