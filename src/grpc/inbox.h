/*
 * grpc/inbox.h - length-prefixed messages cut from the bytes of a stream.
 *
 * Bytes arrive in any pieces; messages come out whole and contiguous, with one
 * copy.  Memory is what has arrived, never what a prefix claims, and is
 * charged to a budget.  The inbox says how many bytes of the stream's flow-control
 * window may be given back: those of messages that were taken and, once
 * somebody waits, of the message that is under way (it could be larger than the window).
 *
 * Format: grpc/doc/PROTOCOL-HTTP2.md "Length-Prefixed-Message": flag byte, big-endian u32 length, bytes.
 */
#ifndef GRPC_INBOX_H
#define GRPC_INBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The bytes before each message. */
#define GRPC_PREFIX_BYTES 5

/* An inbox. Members are private; zeroed by grpc_inbox_init. */
struct grpc_inbox {
	struct budget *budget;
	struct budget *window_budget; /* for buffers of at most window_cap bytes */
	uint64_t window_cap;          /* 0: all count against `budget` */
	uint64_t max_message;
	uint8_t *p; /* bytes not yet taken: p[head..tail) */
	size_t head, tail, cap;
	uint8_t *held; /* a replaced buffer into which the last message still points */
	size_t held_cap;
	uint8_t *spare; /* a buffer that was `held`, for the next growth: large messages need two in turn */
	size_t spare_cap;
	bool viewed;   /* p holds the last message taken */
	uint64_t owed; /* bytes whose window was not given back */
};

/* Prepares an empty inbox that charges `budget` (NULL: none) and refuses longer messages (as on the wire) than `max_message`. */
void grpc_inbox_init(struct grpc_inbox *in, struct budget *budget, uint64_t max_message);

/*
 * Has what a window of `window` bytes may fill count against `window_budget` (NULL: nothing) in place of the budget: how
 * full it gets is chance. Only messages that are larger count. Before the first push.
 */
void grpc_inbox_set_window(struct grpc_inbox *in, uint32_t window, struct budget *window_budget);

/* Frees all bytes. */
void grpc_inbox_fini(struct grpc_inbox *in);

/* Appends bytes received. RESOURCE_EXHAUSTED over the budget. Views stay valid. */
int grpc_inbox_push(struct grpc_inbox *in, const uint8_t *p, size_t n, struct err *err);

/*
 * Takes the next message: *ret_found is false while it is incomplete. The view is valid until the next call. INTERNAL for
 * a flag byte other than 0 and 1, RESOURCE_EXHAUSTED for one that is too long (known from its prefix).
 */
int grpc_inbox_next(struct grpc_inbox *in, struct str *ret, bool *ret_compressed, bool *ret_found, struct err *err);

/* Whether a whole message, or one that will be refused, is there. */
bool grpc_inbox_ready(const struct grpc_inbox *in);

/* Bytes that were not taken, including those of an incomplete message. */
size_t grpc_inbox_left(const struct grpc_inbox *in);

/* Bytes of the window to give back now; each is told once. `waiting`: somebody waits for the message under way. */
size_t grpc_inbox_credit(struct grpc_inbox *in, bool waiting);

#endif
