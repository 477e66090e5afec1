/*
 * loop/fiber.h - flows that wait and read top to bottom.
 *
 * A fiber is a stackful coroutine on one reactor.  Its stack is mmapped with
 * a guard page.  A function that may suspend its fiber has co_ in its name
 * (or its header says "suspends"); nothing else ever switches, so between two
 * suspensions a fiber has the whole process to itself.
 *
 * Each fiber has a deadline, a cancelled flag and a budget, inherited by the
 * fibers that it starts in a group.  Every wait returns 0, -ERR_CANCELLED or
 * -ERR_DEADLINE_EXCEEDED; once cancelled, the current and every later wait of the fiber
 * fails at once, so the code unwinds through its ordinary error path.  A
 * section between fiber_mask and fiber_unmask is exempt (for clean-up that waits).
 */
#ifndef LOOP_FIBER_H
#define LOOP_FIBER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct fiber;
struct reactor;

/* How long the fibers charged to it held the loop, in ns. A plain value, zero at first; stays where it is while a fiber is charged. */
struct fiber_clock {
	int64_t ns; /* without the slice that runs now: see fiber_clock_read */
};

/* No deadline. */
#define FIBER_NO_DEADLINE INT64_MAX

/* What a fiber runs. */
typedef void fiber_fn(void *arg);

/*
 * Starts a fiber that belongs to nobody: for accepted requests and daemons of a component. It runs in this turn or the
 * next, not inside the call. `name` is a static string, shown by /debug/fibers. The handle is valid until fn returns;
 * fiber_cancel is all it is for.
 */
struct fiber *fiber_start(struct reactor *r, const char *name, fiber_fn *fn, void *arg);

/* Cancels a fiber: its current or next wait, and all after it, return -ERR_CANCELLED. Its groups' fibers are cancelled too. */
void fiber_cancel(struct fiber *f);

/* The running fiber; NULL outside of any (in callbacks). */
struct fiber *fiber_self(void);

/* The reactor of the running fiber. Must be called in a fiber. */
struct reactor *fiber_reactor(void);

/* Fails with CANCELLED or DEADLINE_EXCEEDED where the running fiber is; 0 otherwise. Does not suspend. */
int fiber_check(struct err *err);

/* Exempts the running fiber from cancellation and deadline until fiber_unmask; nests. */
void fiber_mask(void);

/* Ends what fiber_mask began. */
void fiber_unmask(void);

/* Sets the deadline (monotonic ms, as reactor_now_ms) if it is earlier than the present one. Returns the old one. */
int64_t fiber_set_deadline(int64_t deadline_ms);

/* Puts back what fiber_set_deadline returned. */
void fiber_restore_deadline(int64_t deadline_ms);

/* The running fiber's deadline, FIBER_NO_DEADLINE if none. */
int64_t fiber_deadline(void);

/* The budget that the running fiber's arenas draw on; NULL if none was set. */
struct budget *fiber_budget(void);

/* Sets the running fiber's budget (borrowed; must outlive the fiber and what it starts). Returns the old one. */
struct budget *fiber_set_budget(struct budget *b);

/*
 * Charges the running fiber's time on the loop, and that of the fibers that it starts in groups from now on, to `c` (borrowed;
 * NULL: to nobody). Returns the old one, to be put back. Costs nothing between two suspensions.
 */
struct fiber_clock *fiber_set_clock(struct fiber_clock *c);

/* The time charged so far, with what the running fiber has used since it was switched to. */
int64_t fiber_clock_read(const struct fiber_clock *c);

/* Notes bytes held by the running fiber's arena, for /debug/fibers. */
void fiber_note_arena(const struct arena *a);

/* Lets other fibers and events run; returns in the next turn. */
int co_yield(struct err *err);

/*
 * For CPU loops: call every few thousand items. Yields when the fiber has run for about a millisecond; else returns
 * at once. Fails when cancelled or past the deadline.
 */
int co_checkpoint(struct err *err);

/* Waits `ms` milliseconds. */
int co_sleep_ms(int64_t ms, struct err *err);

/* Waits until a descriptor is readable (or writable, when `writable`). */
int co_wait_fd(int fd, bool writable, struct err *err);

/* --- wait queues: the primitive that everything else is made of ---------------- */

/* Fibers that wait for something. Initialise before use. */
struct waitq {
	struct list waiters;
};

/* Makes an empty queue. */
void waitq_init(struct waitq *q);

/*
 * Waits until woken, in FIFO order; `reason` is a static string for /debug/fibers. A wake-up is a hint: look at the
 * condition again, in a loop.
 */
int co_waitq_wait(struct waitq *q, const char *reason, struct err *err);

/* As co_waitq_wait on several queues at once: returns 0 when any of them is woken. n <= 1024. */
int co_waitq_wait_any(struct waitq *const *qs, size_t n, const char *reason, struct err *err);

/* Makes the longest waiting fiber runnable. May be called from callbacks and fibers. Returns whether there was one. */
bool waitq_wake_one(struct waitq *q);

/* Makes all waiting fibers runnable. */
void waitq_wake_all(struct waitq *q);

/* --- groups: fibers that a fiber starts and waits for --------------------------- */

/* Fibers started by one fiber. Lives in the starter's frame or request. */
struct fiber_group {
	struct list members;  /* live fibers of the group */
	struct list of_owner; /* link in the owner's list of groups */
	struct fiber *owner;
	struct waitq done;
	size_t live;
};

/* Prepares a group of the running fiber. */
void fiber_group_init(struct fiber_group *g);

/* Starts a fiber in the group; it inherits the running fiber's deadline, budget and cancellation. */
struct fiber *fiber_group_start(struct fiber_group *g, const char *name, fiber_fn *fn, void *arg);

/* Cancels all fibers of the group. */
void fiber_group_cancel(struct fiber_group *g);

/*
 * Waits until all fibers of the group have ended. When the caller is cancelled meanwhile, the fibers are too, and it
 * still waits for them (they unwind promptly), so their shared data may live in the caller's frame. Ends the group.
 * Returns 0, or CANCELLED or DEADLINE_EXCEEDED when the caller was.
 */
int co_fiber_group_join(struct fiber_group *g, struct err *err);

/* --- debugging ------------------------------------------------------------------ */

/* Writes the table of live fibers as text: name, age, state and wait reason, arena bytes, stack bytes touched. */
void fiber_dump(struct reactor *r, struct strbuf *out);

#endif
