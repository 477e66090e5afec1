/*
 * loop/internal.h - what reactor.c, fiber.c, offload.c share; for loop/ only.
 */
#ifndef LOOP_INTERNAL_H
#define LOOP_INTERNAL_H

#include "base/list.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "loop/stack.h"
#include "loop/switch.h"

#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a fiber is. */
enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_ENDED };

struct fiber {
	struct reactor *reactor;
	const char *name;
	fiber_fn *fn;
	void *arg;
	struct switch_ctx ctx;
	struct stack stack;
	enum fiber_state state;
	bool cancelled;
	bool woken; /* by what it waits for, as against cancelled or out of time */
	unsigned masked;
	const char *reason; /* what it waits for */
	struct list run;    /* in the reactor's list of ready fibers */
	struct list all;    /* in the reactor's list of live fibers */
	struct list groups; /* groups that it owns */
	struct fiber_group *group;
	struct list member; /* in its group */
	struct budget *budget;
	struct fiber_clock *clock; /* whom its time is charged to */
	int64_t charged_ns;        /* up to when, within the slice */
	uint64_t arena_bytes;
	int64_t started_ms;
	int64_t slice_start_ns; /* when it was last switched to */
	int64_t deadline_ms;
	int64_t armed_ms; /* deadline that `deadline_ev` is set to; FIBER_NO_DEADLINE if unset */
	struct event deadline_ev;
#ifdef TH_SANITIZERS
	void *fake_stack;
#endif
};

struct metrics_histogram;
struct offload_pool;

/* A call queued for the loop. */
struct reactor_call {
	struct list link;
	reactor_fn *fn;
	void *arg;
};

struct reactor {
	struct event_base *base;
	struct logger *lg;
	bool stopping;
	bool freeing; /* memory waits to be freed */
	struct list ready;
	struct list live;
	struct list deferred;
	struct list leftovers;
	struct fiber *self;
	struct switch_ctx main;
	struct stack_pool stacks;
	struct offload_pool *offload;
	int64_t turn_start_ns; /* 0 between turns */
	int64_t cpu_ns;        /* of the thread when the last turn ended, 0 before the first one */
	struct reactor_stats stats;
	struct metrics_histogram *turn_histogram, *turn_cpu_histogram; /* NULL without metrics */

	pthread_mutex_t post_lock; /* guards `posted` */
	struct list posted;
	int post_fd;
	struct event post_ev;
#ifdef TH_SANITIZERS
	void *fake_stack;
	const void *main_stack;
	size_t main_stack_size;
#endif
};

/* Runs the fibers that are ready now, each until it parks or ends. */
void fiber_run_ready(struct reactor *r);

/* Makes a parked fiber ready; `woken` tells it that its condition came true. */
void fiber_make_ready(struct fiber *f, bool woken);

/* Parks the running fiber until fiber_make_ready. 0 when woken, else CANCELLED or DEADLINE_EXCEEDED. */
int co_fiber_park(const char *reason, struct err *err);

/* Ends the pool's threads and frees it; NULL is allowed. */
void offload_pool_free(struct offload_pool *p);

#endif
