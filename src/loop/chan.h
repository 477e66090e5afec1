/*
 * loop/chan.h - bounded queues of pointers between fibers.
 *
 * A full channel suspends its senders: that is the back-pressure between the
 * sources of a fan-out and the merge.  A channel is closed by its sending
 * side, with or without an error; receivers first get what is queued.
 */
#ifndef LOOP_CHAN_H
#define LOOP_CHAN_H

#include "base/err.h"
#include "loop/fiber.h"

#include <stdbool.h>
#include <stddef.h>

/* A channel. Members are private; initialise before use. */
struct chan {
	void **ring;
	size_t cap, head, n;
	bool closed;
	struct err cause; /* why it was closed; code 0 for the plain end */
	struct waitq readable, writable;
};

/* Prepares a channel for up to `cap` (at least 1) queued pointers. */
void chan_init(struct chan *c, size_t cap);

/* Frees the ring. Nobody may wait on it; queued pointers are the caller's to take out before. */
void chan_fini(struct chan *c);

/* Sends a pointer (not NULL), waiting while the channel is full. ABORTED when it is closed: the pointer stays the caller's. */
int co_chan_send(struct chan *c, void *p, struct err *err);

/* As co_chan_send, without waiting: false when full or closed. */
bool chan_try_send(struct chan *c, void *p);

/* Takes a pointer, waiting while there is none. *ret is NULL at the end; the error that closed it is returned once it is drained. */
int co_chan_recv(struct chan *c, void **ret, struct err *err);

/* Takes a queued pointer if there is one, NULL otherwise. */
void *chan_try_recv(struct chan *c);

/* Whether co_chan_recv would return at once. */
bool chan_ready(const struct chan *c);

/* Closes the channel; `cause` (may be NULL) is handed to the receiver. Waiting senders fail. Closing twice is harmless. */
void chan_close(struct chan *c, const struct err *cause);

/* Waits until one of `n` channels is ready, and gives its index; the one after *ret_index (as passed in) has the first turn. */
int co_chan_select(struct chan *const *cs, size_t n, size_t *ret_index, struct err *err);

#endif
