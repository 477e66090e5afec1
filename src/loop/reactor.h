/*
 * loop/reactor.h - the one event loop of a process, on libevent.
 *
 * Everything that happens in a component happens in a turn of its reactor:
 * callbacks of sockets and timers (only in loop/ net/ http/ grpc/) and fibers
 * (everything else).  A turn is: ready events, then ready fibers, then
 * deferred calls.  All functions are for the reactor's own thread, except
 * reactor_post.
 */
#ifndef LOOP_REACTOR_H
#define LOOP_REACTOR_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct metrics_registry;
struct reactor;

/* A callback that runs in the loop. */
typedef void reactor_fn(void *arg);

/* Makes a reactor. `lg` (borrowed, may be NULL) gets a line for a fiber that held the loop over 50 ms. */
struct reactor *reactor_new(struct logger *lg, struct err *err);

/* Frees a reactor that does not run. All its fibers must have ended. */
void reactor_free(struct reactor *r);

/* Runs turns until reactor_stop; blocks the thread. */
void reactor_run(struct reactor *r);

/* Runs turns until no fiber is left or reactor_stop is called: for tests and one-shot commands. */
void reactor_run_until_idle(struct reactor *r);

/* Makes reactor_run return after the current turn. */
void reactor_stop(struct reactor *r);

/* libevent's base, for the folders that may register callbacks. */
struct event_base *reactor_base(struct reactor *r);

/*
 * Runs fn(arg) at the end of the current turn (or of the next, when called from a
 * deferred call). Objects that callbacks may still point to are freed this way.
 */
void reactor_defer(struct reactor *r, reactor_fn *fn, void *arg);

/* What is to end with the reactor where nothing ended it before. Zero-initialised is not registered. Members are private. */
struct reactor_leftover {
	struct list link;
	reactor_fn *end;
	void *arg;
};

/* Has reactor_free call end(arg), which may use reactor_defer. `l` stays where it is until then, or until reactor_off_free. */
void reactor_on_free(struct reactor *r, struct reactor_leftover *l, reactor_fn *end, void *arg);

/* Forgets it; does nothing where it is not registered. */
void reactor_off_free(struct reactor_leftover *l);

/* Runs fn(arg) in the loop soon; may be called from any thread. The only function that may. */
void reactor_post(struct reactor *r, reactor_fn *fn, void *arg);

/*
 * Notes that code of this turn begins. Every callback that libevent calls does it first, so that the turn's duration
 * and clock are right; once a turn counts, more do no harm.
 */
void reactor_enter(struct reactor *r);

/* Monotonic milliseconds at the begin of this turn: cheap, and the base of all deadlines. */
int64_t reactor_now_ms(const struct reactor *r);

/* Figures about the loop, for metrics and tests. */
struct reactor_stats {
	uint64_t turns;
	uint64_t fibers_started;
	uint32_t fibers_live;
	uint64_t fiber_switches;
	uint64_t slow_holds; /* times a fiber held the loop over 50 ms */
	int64_t longest_turn_ns;
	uint64_t stack_high_water; /* most stack bytes that any ended fiber had touched */
	uint64_t turn_buckets[16]; /* turns by duration: bucket i counts turns of at most 2^i * 50 us */
	int64_t turn_sum_ns;
	uint64_t turn_cpu_buckets[16]; /* likewise by the CPU that a turn used: without what others took meanwhile */
	int64_t turn_cpu_sum_ns;
};

/* The figures so far. Valid until the reactor is freed. */
const struct reactor_stats *reactor_stats(const struct reactor *r);

/*
 * Registers thanos_loop_turn_duration_seconds (histogram), thanos_loop_fibers,
 * thanos_loop_fibers_started_total, thanos_loop_slow_holds_total and
 * thanos_loop_fiber_stack_high_water_bytes with `reg` (borrowed, outlived by it).
 */
void reactor_metrics_init(struct reactor *r, struct metrics_registry *reg);

#endif
