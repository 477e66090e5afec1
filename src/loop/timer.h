/*
 * loop/timer.h - a callback at a time, for the folders that use callbacks.
 *
 * Fibers use co_sleep_ms and deadlines instead.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct reactor;

/* What runs when a timer fires, in the loop, outside of any fiber. */
typedef void timer_fn(void *arg);

/* A timer. Members are private; lives in its owner. */
struct timer {
	struct reactor *r;
	struct event *ev;
	timer_fn *fn;
	void *arg;
};

/* Prepares a timer that is not set. */
void timer_init(struct timer *t, struct reactor *r, timer_fn *fn, void *arg);

/* Sets it to fire once in `ms` milliseconds, replacing an earlier setting. */
void timer_set(struct timer *t, int64_t ms);

/* Unsets it. */
void timer_clear(struct timer *t);

/* Whether it is set and has not fired. */
bool timer_is_set(const struct timer *t);

/* Unsets it and frees what it holds. */
void timer_fini(struct timer *t);

#endif
