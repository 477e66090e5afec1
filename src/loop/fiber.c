#include "config.h"

#include "loop/internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef TH_SANITIZERS
#include <sanitizer/common_interface_defs.h>
#endif

#define SLICE_NS 1000000      /* co_checkpoint yields after this long */
#define TURN_NS 4000000       /* after this long the fibers that are left wait for the next turn */
#define SLOW_HOLD_NS 50000000 /* a fiber that holds the loop longer is logged */
#define SAMPLE_STACKS 16      /* one ended fiber in so many has its stack measured */

/* The reactor that runs on this thread, while one of its fibers does. */
static _Thread_local struct reactor *running;

struct fiber *fiber_self(void)
{
	return running ? running->self : NULL;
}

/* The running fiber; a programming error outside of any. */
static struct fiber *self(void)
{
	CHECK(running && running->self);
	return running->self;
}

struct reactor *fiber_reactor(void)
{
	return self()->reactor;
}

/* --- switching -------------------------------------------------------------------- */

/* Goes from the loop to a fiber; returns when it parks or ends. */
static void enter_fiber(struct reactor *r, struct fiber *f)
{
#ifdef TH_SANITIZERS
	__sanitizer_start_switch_fiber(&r->fake_stack, f->stack.base, f->stack.size);
	switch_to(&r->main, &f->ctx);
	__sanitizer_finish_switch_fiber(r->fake_stack, NULL, NULL);
#else
	switch_to(&r->main, &f->ctx);
#endif
}

/* Goes from a fiber back to the loop. An ended fiber never comes back. */
static void leave_fiber(struct fiber *f)
{
	struct reactor *r = f->reactor;
#ifdef TH_SANITIZERS
	__sanitizer_start_switch_fiber(f->state == FIBER_ENDED ? NULL : &f->fake_stack, r->main_stack,
				       r->main_stack_size);
	switch_to(&f->ctx, &r->main);
	__sanitizer_finish_switch_fiber(f->fake_stack, &r->main_stack, &r->main_stack_size);
#else
	switch_to(&f->ctx, &r->main);
#endif
}

static void fiber_main(void *arg)
{
	struct fiber *f = arg;
#ifdef TH_SANITIZERS
	__sanitizer_finish_switch_fiber(NULL, &f->reactor->main_stack, &f->reactor->main_stack_size);
#endif
	f->fn(f->arg);
	f->state = FIBER_ENDED;
	leave_fiber(f);
	UNREACHABLE("an ended fiber was resumed");
}

static void leave_group(struct fiber *f)
{
	struct fiber_group *g = f->group;
	if (!g)
		return;
	list_del(&f->member);
	g->live--;
	if (g->live == 0)
		waitq_wake_all(&g->done);
}

static void free_fiber(struct reactor *r, struct fiber *f)
{
	CHECK(list_empty(&f->groups)); /* a group was not joined */
	if ((r->stats.fibers_started - r->stats.fibers_live) % SAMPLE_STACKS == 0) {
		uint64_t touched = stack_touched(&f->stack);
		r->stats.stack_high_water = MAX(r->stats.stack_high_water, touched);
	}
	leave_group(f);
	if (f->armed_ms != FIBER_NO_DEADLINE)
		event_del(&f->deadline_ev);
	list_del(&f->all);
	stack_put(&r->stacks, f->stack);
	r->stats.fibers_live--;
	free(f);
}

/* A warning where the fiber computed; on a machine that was busy with others it is not the fiber's fault. */
static void note_slow(struct reactor *r, const struct fiber *f, int64_t held_ns)
{
	int64_t turn_ns = sys->cpu_ns() - r->cpu_ns;
	r->stats.slow_holds++;
	if (r->lg)
		log_at(r->lg, 2 * turn_ns > held_ns ? LOG_WARN : LOG_DEBUG, "a fiber held the event loop",
		       log_s("fiber", f->name), log_i("ms", held_ns / 1000000), log_i("cpu_ms", turn_ns / 1000000));
}

/* Runs a fiber until it parks, yields or ends; returns the time then. */
static int64_t run_fiber(struct reactor *r, struct fiber *f)
{
	struct reactor *outer = running;
	running = r;
	r->self = f;
	f->state = FIBER_RUNNING;
	f->slice_start_ns = f->charged_ns = sys->mono_ns();
	r->stats.fiber_switches++;
	enter_fiber(r, f);
	r->self = NULL;
	running = outer;
	int64_t now_ns = sys->mono_ns(), held = now_ns - f->slice_start_ns;
	if (f->clock)
		f->clock->ns += now_ns - f->charged_ns;
	if (held > SLOW_HOLD_NS)
		note_slow(r, f, held);
	if (f->state == FIBER_ENDED)
		free_fiber(r, f);
	return now_ns;
}

void fiber_run_ready(struct reactor *r)
{
	/* Fibers made ready meanwhile run in the next turn, after its events; and those for which this one has no time. */
	struct list batch, *l;
	list_init(&batch);
	while ((l = list_pop_front(&r->ready)))
		list_push_back(&batch, l);
	while ((l = list_pop_front(&batch))) {
		if (run_fiber(r, list_entry(l, struct fiber, run)) - r->turn_start_ns > TURN_NS)
			break;
	}
	/* Those left were ready before those that became so meanwhile. */
	while ((l = list_pop_front(&r->ready)))
		list_push_back(&batch, l);
	while ((l = list_pop_front(&batch)))
		list_push_back(&r->ready, l);
}

void fiber_make_ready(struct fiber *f, bool woken)
{
	if (woken)
		f->woken = true;
	if (f->state != FIBER_PARKED)
		return;
	f->state = FIBER_READY;
	list_push_back(&f->reactor->ready, &f->run);
}

/* --- starting ------------------------------------------------------------------------ */

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fiber *f = arg;
	reactor_enter(f->reactor);
	f->armed_ms = FIBER_NO_DEADLINE;
	fiber_make_ready(f, false);
}

struct fiber *fiber_start(struct reactor *r, const char *name, fiber_fn *fn, void *arg)
{
	struct fiber *f = xcalloc(1, sizeof(*f));
	f->reactor = r;
	f->name = name;
	f->fn = fn;
	f->arg = arg;
	f->stack = stack_get(&r->stacks);
	f->state = FIBER_READY;
	f->started_ms = reactor_now_ms(r);
	f->deadline_ms = FIBER_NO_DEADLINE;
	f->armed_ms = FIBER_NO_DEADLINE;
	list_init(&f->groups);
	list_init(&f->member);
	list_push_back(&r->live, &f->all);
	list_push_back(&r->ready, &f->run);
	event_assign(&f->deadline_ev, r->base, -1, 0, on_deadline, f);
	switch_prepare(&f->ctx, f->stack.base, f->stack.size, fiber_main, f);
	r->stats.fibers_started++;
	r->stats.fibers_live++;
	/* The loop may be asleep when this is called between turns. */
	if (!running && r->turn_start_ns == 0)
		event_active(&r->post_ev, EV_READ, 0);
	return f;
}

void fiber_cancel(struct fiber *f)
{
	if (f->cancelled)
		return;
	f->cancelled = true;
	list_for_each (l, &f->groups)
		fiber_group_cancel(list_entry(l, struct fiber_group, of_owner));
	if (!f->masked)
		fiber_make_ready(f, false);
}

/* --- waiting ---------------------------------------------------------------------------- */

int fiber_check(struct err *err)
{
	struct fiber *f = self();
	if (f->masked)
		return 0;
	if (f->cancelled)
		return err_set(err, ERR_CANCELLED, "cancelled");
	if (f->deadline_ms != FIBER_NO_DEADLINE && reactor_now_ms(f->reactor) >= f->deadline_ms)
		return err_set(err, ERR_DEADLINE_EXCEEDED, "deadline exceeded");
	return 0;
}

/* Sets the deadline's timer unless it is set to that time already. */
static void arm_deadline(struct fiber *f)
{
	if (f->masked || f->deadline_ms == f->armed_ms)
		return;
	if (f->armed_ms != FIBER_NO_DEADLINE)
		event_del(&f->deadline_ev);
	f->armed_ms = f->deadline_ms;
	if (f->deadline_ms == FIBER_NO_DEADLINE)
		return;
	int64_t ms = MAX(f->deadline_ms - reactor_now_ms(f->reactor), 0);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	event_add(&f->deadline_ev, &tv);
}

int co_fiber_park(const char *reason, struct err *err)
{
	struct fiber *f = self();
	int rc = fiber_check(err);
	if (rc != 0)
		return rc;
	arm_deadline(f);
	for (;;) {
		f->woken = false;
		f->reason = reason;
		f->state = FIBER_PARKED;
		leave_fiber(f);
		f->reason = NULL;
		if (f->woken)
			return 0;
		rc = fiber_check(err);
		if (rc != 0)
			return rc;
		arm_deadline(f);
	}
}

int co_yield(struct err *err)
{
	struct fiber *f = self();
	int rc = fiber_check(err);
	if (rc != 0)
		return rc;
	f->state = FIBER_READY;
	list_push_back(&f->reactor->ready, &f->run);
	leave_fiber(f);
	return fiber_check(err);
}

int co_checkpoint(struct err *err)
{
	if (sys->mono_ns() - self()->slice_start_ns < SLICE_NS)
		return fiber_check(err);
	return co_yield(err);
}

static void on_wake_event(evutil_socket_t fd, short what, void *arg)
{
	struct fiber *f = arg;
	reactor_enter(f->reactor);
	fiber_make_ready(f, true);
}

/* Parks until a one-shot event fires. Suspends. */
static int park_on_event(evutil_socket_t fd, short what, const struct timeval *tv, const char *reason, struct err *err)
{
	struct fiber *f = self();
	struct event ev;
	event_assign(&ev, f->reactor->base, fd, what, on_wake_event, f);
	event_add(&ev, tv);
	int rc = co_fiber_park(reason, err);
	event_del(&ev);
	return rc;
}

int co_sleep_ms(int64_t ms, struct err *err)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	return park_on_event(-1, EV_TIMEOUT, &tv, "sleep", err);
}

int co_wait_fd(int fd, bool writable, struct err *err)
{
	return park_on_event(fd, writable ? EV_WRITE : EV_READ, NULL, writable ? "fd writable" : "fd readable", err);
}

/* --- wait queues -------------------------------------------------------------------------- */

struct waiter {
	struct list link;
	struct fiber *f;
};

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

int co_waitq_wait(struct waitq *q, const char *reason, struct err *err)
{
	return co_waitq_wait_any(&q, 1, reason, err);
}

int co_waitq_wait_any(struct waitq *const *qs, size_t n, const char *reason, struct err *err)
{
	struct waiter few[8];
	CHECK(n <= 1024);
	struct waiter *w = n <= ARRAY_LEN(few) ? few : xreallocarray(NULL, n, sizeof(*w));
	for (size_t i = 0; i < n; i++) {
		w[i].f = self();
		list_push_back(&qs[i]->waiters, &w[i].link);
	}
	int rc = co_fiber_park(reason, err);
	for (size_t i = 0; i < n; i++)
		list_del(&w[i].link);
	if (w != few)
		free(w);
	return rc;
}

bool waitq_wake_one(struct waitq *q)
{
	struct list *l = list_pop_front(&q->waiters);
	if (l)
		fiber_make_ready(list_entry(l, struct waiter, link)->f, true);
	return l != NULL;
}

void waitq_wake_all(struct waitq *q)
{
	while (waitq_wake_one(q))
		;
}

/* --- groups --------------------------------------------------------------------------------- */

void fiber_group_init(struct fiber_group *g)
{
	g->owner = self();
	g->live = 0;
	list_init(&g->members);
	waitq_init(&g->done);
	list_push_back(&g->owner->groups, &g->of_owner);
}

struct fiber *fiber_group_start(struct fiber_group *g, const char *name, fiber_fn *fn, void *arg)
{
	struct fiber *parent = self();
	struct fiber *f = fiber_start(parent->reactor, name, fn, arg);
	f->group = g;
	f->deadline_ms = parent->deadline_ms;
	f->budget = parent->budget;
	f->clock = parent->clock;
	f->cancelled = parent->cancelled;
	list_push_back(&g->members, &f->member);
	g->live++;
	return f;
}

void fiber_group_cancel(struct fiber_group *g)
{
	list_for_each (l, &g->members)
		fiber_cancel(list_entry(l, struct fiber, member));
}

int co_fiber_group_join(struct fiber_group *g, struct err *err)
{
	CHECK(g->owner == self());
	int rc = 0;
	while (g->live && rc == 0)
		rc = co_waitq_wait(&g->done, "group", err);
	if (g->live) {
		fiber_group_cancel(g);
		fiber_mask();
		while (g->live)
			(void)co_waitq_wait(&g->done, "group unwinding", NULL);
		fiber_unmask();
	}
	list_del(&g->of_owner);
	return rc;
}

/* --- what a fiber carries ------------------------------------------------------------------------ */

void fiber_mask(void)
{
	self()->masked++;
}

void fiber_unmask(void)
{
	CHECK(self()->masked > 0);
	self()->masked--;
}

int64_t fiber_set_deadline(int64_t deadline_ms)
{
	struct fiber *f = self();
	int64_t old = f->deadline_ms;
	f->deadline_ms = MIN(old, deadline_ms);
	return old;
}

void fiber_restore_deadline(int64_t deadline_ms)
{
	self()->deadline_ms = deadline_ms;
}

int64_t fiber_deadline(void)
{
	return self()->deadline_ms;
}

struct budget *fiber_budget(void)
{
	return self()->budget;
}

struct budget *fiber_set_budget(struct budget *b)
{
	struct fiber *f = self();
	struct budget *old = f->budget;
	f->budget = b;
	return old;
}

struct fiber_clock *fiber_set_clock(struct fiber_clock *c)
{
	struct fiber *f = self();
	struct fiber_clock *old = f->clock;
	int64_t now_ns = sys->mono_ns();
	if (old)
		old->ns += now_ns - f->charged_ns;
	f->charged_ns = now_ns;
	f->clock = c;
	return old;
}

int64_t fiber_clock_read(const struct fiber_clock *c)
{
	const struct fiber *f = fiber_self();
	return c->ns + (f && f->clock == c ? sys->mono_ns() - f->charged_ns : 0);
}

void fiber_note_arena(const struct arena *a)
{
	self()->arena_bytes = a->bytes;
}

void fiber_dump(struct reactor *r, struct strbuf *out)
{
	static const char *const states[] = { "ready", "running", "waiting", "ended" };
	strbuf_printf(out, "%-32s %10s %-8s %-24s %12s %10s\n", "NAME", "AGE_MS", "STATE", "WAITS_FOR", "ARENA_BYTES",
		      "STACK");
	list_for_each (l, &r->live) {
		struct fiber *f = list_entry(l, struct fiber, all);
		strbuf_printf(out, "%-32s %10lld %-8s %-24s %12llu %10zu\n", f->name,
			      (long long)(reactor_now_ms(r) - f->started_ms), states[f->state],
			      f->reason ? f->reason : "-", (unsigned long long)f->arena_bytes,
			      stack_touched(&f->stack));
	}
}
