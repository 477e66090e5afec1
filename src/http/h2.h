/*
 * http/h2.h - HTTP/2 sessions, server and client side, on nghttp2.
 *
 * A session takes over a connection (net/conn.h) and drives it with callbacks in the loop. The owner
 * (grpc/, or http/h2_server.c for ordinary requests) sees streams: a block
 * of headers, runs of data, perhaps trailers, the end.
 *
 * Flow control in: the connection's window is given back as bytes arrive; a
 * stream's only by h2_stream_consume(), so whoever does not take stops the sender at
 * `window_bytes`, and no stream can block another.
 * Flow control out: bytes are queued on their stream without limit; a producer
 * looks at h2_stream_queued() and waits for `drain`. A connection takes from its
 * streams only what its socket takes. Bytes given by reference are never copied.
 *
 * Abuse: every frame that does no work (PING, SETTINGS, PRIORITY, unknown types, empty DATA,
 * WINDOW_UPDATE beyond what our output explains, resets of either side) costs
 * a token (http/h2_guard.h); a session without tokens says GOAWAY(ENHANCE_YOUR_CALM) and closes.
 *
 * Lifetime: a stream's pointer is valid until its `closed` callback returns; a session's until its owner calls
 * h2_session_free(), which may be done inside any callback. Nothing here suspends. Everything may be called from
 * fibers and callbacks; output of one turn goes out together.
 */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct h2_session;
struct h2_stream;

/* Error codes of RST_STREAM and GOAWAY that owners use (RFC 9113 section 7). */
enum h2_code {
	H2_NO_ERROR = 0x0,
	H2_PROTOCOL_ERROR = 0x1,
	H2_INTERNAL_ERROR = 0x2,
	H2_REFUSED_STREAM = 0x7,
	H2_CANCEL = 0x8,
	H2_ENHANCE_YOUR_CALM = 0xb,
};

/* A header field. Names are lower case; pseudo-header fields begin with ':'. */
struct h2_field {
	struct str name, value;
};

/* A block of fields as received; pointers are valid while the stream is. */
struct h2_fields {
	struct h2_field *p;
	size_t n;
};

/* The owner's callbacks; any may be NULL. `arg` is the one given with them. */
struct h2_callbacks {
	/* Headers of a request (server) or response (client) are complete. */
	void (*headers)(struct h2_stream *st, void *arg);
	/* Bytes of the body; valid during the call. */
	void (*data)(struct h2_stream *st, const uint8_t *p, size_t n, void *arg);
	/* The peer has ended its side, perhaps with trailers. */
	void (*end)(struct h2_stream *st, void *arg);
	/* Queued output fell to half of opts.drain_bytes after having been above it. */
	void (*drain)(struct h2_stream *st, void *arg);
	/* The stream is over: `code` is H2_NO_ERROR when both sides ended it. The pointer dies. */
	void (*closed)(struct h2_stream *st, uint32_t code, void *arg);
	/* The peer's settings arrived: the session works. */
	void (*ready)(struct h2_session *s, void *arg);
	/* The peer takes no new streams (or we do not); h2_session_request fails from now on. */
	void (*goaway)(struct h2_session *s, void *arg);
	/* The connection is over, after the `closed` of all its streams. The owner answers with h2_session_free. */
	void (*gone)(struct h2_session *s, const struct err *why, void *arg);
};

/* Limits and habits. h2_opts_default() gives the defaults named here. Times of 0 mean never. */
struct h2_opts {
	uint32_t max_streams;         /* concurrent streams the peer may open; 1000 (client side: 0, no pushes) */
	uint32_t window_bytes;        /* per stream; 1 MiB */
	uint32_t conn_window_bytes;   /* of the connection; 16 MiB */
	uint32_t max_header_bytes;    /* of a block, as RFC 9113 section 6.5.2 counts; 16 KiB */
	uint32_t max_frame_bytes;     /* largest frame we take; 256 KiB */
	uint32_t drain_bytes;         /* see `drain`; 256 KiB */
	int64_t setup_ms;             /* until the peer's SETTINGS arrived; 10 s */
	int64_t idle_ms;              /* without streams, then GOAWAY and close; never */
	int64_t keepalive_ms;         /* PING after so long without input; never */
	int64_t keepalive_timeout_ms; /* and close when unanswered; 20 s */
	int64_t keepalive_min_ms;     /* server: the peer's PINGs may not come faster; 10 s */
	bool keepalive_idle;          /* PING also without streams */
	int64_t max_age_ms;           /* then graceful shutdown, +-10 %; never */
	int64_t max_grace_ms;         /* of that shutdown, then hard close; 5 min */
	int64_t stall_ms; /* a stream must move 16 KiB of queued output, or 1 KiB of an unfinished request, per so long; 60 s */
};

/* The default options. */
struct h2_opts h2_opts_default(void);

/*
 * Takes over `c`, which becomes the session's: its callbacks and its closing. Copies `opts`. `cb` is borrowed and
 * outlives the session. Sends our settings in this turn.
 */
struct h2_session *h2_session_new(struct conn *c, bool server, const struct h2_opts *opts,
				  const struct h2_callbacks *cb, void *arg);

/* Ends a session at once: its streams get `closed` (H2_CANCEL) inside this call, `gone` is not called. NULL is allowed. */
void h2_session_free(struct h2_session *s);

/* Graceful end: announces GOAWAY, lets the streams finish, then closes: `gone` follows. Calling it again is harmless. */
void h2_session_shutdown(struct h2_session *s);

/* Sends GOAWAY with `code` and a short debug text (static) and closes: streams get `closed`, `gone` follows in a later turn. */
void h2_session_abort(struct h2_session *s, uint32_t code, const char *debug);

/* The connection; NULL once it is lost. */
struct conn *h2_session_conn(const struct h2_session *s);

/* The peer's address as text; valid while the session is. */
const char *h2_session_peer(const struct h2_session *s);

/* Whether new streams can be opened: settings seen (not needed for sending), no GOAWAY either way, connection alive. */
bool h2_session_usable(const struct h2_session *s);

/* Output bytes queued on all streams. */
size_t h2_session_queued(const struct h2_session *s);

/* Why the session is over; NULL while it is not. Valid while the session is. */
const struct err *h2_session_why(const struct h2_session *s);

/* Whether this end closed the session because of floods (http/h2_guard.h). */
bool h2_session_abused(const struct h2_session *s);

/*
 * Client: opens a stream with the request's fields (copied). With `end` there is no body. Beyond the peer's limit of
 * concurrent streams it waits inside the session. NULL when the session takes no more.
 */
struct h2_stream *h2_session_request(struct h2_session *s, const struct h2_field *f, size_t n, bool end, void *user);

/* --- streams ---------------------------------------------------------------------------- */

/* The owner's pointer, NULL at first. */
void *h2_stream_user(const struct h2_stream *st);

/* Sets the owner's pointer. */
void h2_stream_set_user(struct h2_stream *st, void *user);

/* The stream's session. */
struct h2_session *h2_stream_session(const struct h2_stream *st);

/* The fields of the request or response, pseudo-header fields first. */
const struct h2_fields *h2_stream_headers(const struct h2_stream *st);

/* The fields of the trailers; empty before `end`. */
const struct h2_fields *h2_stream_trailers(const struct h2_stream *st);

/* The first field with this name, {NULL, 0} where absent. */
struct str h2_fields_get(const struct h2_fields *f, const char *name);

/* Whether the header block was larger than max_header_bytes: fields are missing. The owner answers 431 or RESOURCE_EXHAUSTED. */
bool h2_stream_overflow(const struct h2_stream *st);

/* Whether the peer has ended its side. */
bool h2_stream_ended(const struct h2_stream *st);

/* Gives back `n` bytes of the stream's window, for data that was taken. */
void h2_stream_consume(struct h2_stream *st, size_t n);

/* Says that the peer may be silent on this stream for long: no stall timeout for its side. */
void h2_stream_allow_idle(struct h2_stream *st);

/* Server: sends response headers (copied). With `end` the response is over. Once per stream. */
void h2_stream_respond(struct h2_stream *st, const struct h2_field *f, size_t n, bool end);

/* Queues a copy of bytes. */
void h2_stream_write(struct h2_stream *st, const void *p, size_t n);

/* Room for `n` bytes at the end of the queue, which the caller fills at once: for copying several pieces. */
void *h2_stream_write_space(struct h2_stream *st, size_t n);

/* Releases bytes written by reference, when they were sent or dropped. */
typedef void h2_release_fn(void *arg);

/* Queues bytes without a copy; they stay until release(arg). */
void h2_stream_write_ref(struct h2_stream *st, const void *p, size_t n, h2_release_fn *release, void *arg);

/* Ends our side after what is queued, with trailers (copied) where n > 0. Nothing may be written after it. */
void h2_stream_finish(struct h2_stream *st, const struct h2_field *trailers, size_t n);

/* Resets the stream; `closed` follows in a later turn. Queued output is dropped now. */
void h2_stream_reset(struct h2_stream *st, uint32_t code);

/* Once our side's end is sent, tells a peer that still sends to stop: RST_STREAM(NO_ERROR), RFC 9113 section 8.1. */
void h2_stream_stop(struct h2_stream *st);

/* Bytes queued and not yet handed to the connection. */
size_t h2_stream_queued(const struct h2_stream *st);

#endif
