/*
 * http/h2_guard.h - notices HTTP/2 peers that only make work.
 *
 * Looks at the frame headers of the incoming bytes before nghttp2 does
 * (nghttp2 1.52 limits neither the resets that it sends itself, CVE-2025-8671, nor
 * PING, SETTINGS, PRIORITY and empty DATA floods).  A frame that does no work
 * costs tokens from a bucket that holds 1000 and gains 100 a second.  Frames
 * that answer our own output are free: for each DATA or HEADERS frame sent, two
 * WINDOW_UPDATEs and one PING.
 *
 * Also enforces the least distance of PINGs (server side), as gRPC's
 * keepalive document (A8): the third strike ends the session.
 *
 * Pure: knows no session and no loop.
 */
#ifndef HTTP_H2_GUARD_H
#define HTTP_H2_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the guard found. */
enum h2_verdict {
	H2_GUARD_OK,
	H2_GUARD_FLOOD, /* tokens used up */
	H2_GUARD_PINGS, /* too many pings */
};

/* The state of one connection's guard. Members are private, except `flood_frames`. */
struct h2_guard {
	bool server;
	int64_t ping_min_ms; /* 0: not enforced */
	int64_t last_ping_ms, last_refill_ms;
	uint32_t ping_strikes;
	int64_t tokens_milli;
	uint32_t free_updates, free_pings;
	uint32_t skip; /* payload or preface bytes before the next frame header */
	uint8_t head[9];
	uint32_t head_n;
	uint64_t flood_frames; /* frames that cost tokens so far */
};

/* Prepares a guard. Server side: the 24 bytes of the client preface come first. */
void h2_guard_init(struct h2_guard *g, bool server, int64_t ping_min_ms, int64_t now_ms);

/* Looks at the next `n` bytes received at `now_ms`. The first bad verdict is final; the caller feeds no more. */
enum h2_verdict h2_guard_feed(struct h2_guard *g, const uint8_t *p, size_t n, int64_t now_ms);

/* Notes a DATA frame that was all padding and did not end its stream; its header does not show that. */
enum h2_verdict h2_guard_padding(struct h2_guard *g, int64_t now_ms);

/* Notes a RST_STREAM that this side sent because of the peer. */
enum h2_verdict h2_guard_reset_sent(struct h2_guard *g, int64_t now_ms);

/* Notes a DATA or HEADERS frame that this side sent. */
void h2_guard_output(struct h2_guard *g);

#endif
