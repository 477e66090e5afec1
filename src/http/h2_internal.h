/*
 * http/h2_internal.h - what the files of an HTTP/2 session share; for http/h2_*.c only.
 */
#ifndef HTTP_H2_INTERNAL_H
#define HTTP_H2_INTERNAL_H

#include "base/list.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "http/h2.h"
#include "http/h2_guard.h"
#include "loop/timer.h"

#include <nghttp2/nghttp2.h>

struct evbuffer;
struct reactor;

/* Most fields that are sent in one block. */
#define H2_SEND_FIELDS_MAX 256

/* Output bytes of a connection that nghttp2 may fill before the socket has to take some. */
#define H2_CONN_WRITE_HIGH (256 * 1024)

/* A run of output bytes: copied (in `own`) or referenced. */
struct h2_seg {
	struct h2_seg *next;
	const uint8_t *p;
	size_t n, off; /* bytes, and how many of them went to the connection */
	size_t cap;    /* room in `own`; 0 for references */
	uint32_t refs; /* the queue's one, and one per run that the connection holds */
	h2_release_fn *release;
	void *arg;
	uint8_t own[];
};

/* Lengths of one field's name and value. */
struct h2_span {
	uint32_t name, value;
};

/* A block of fields while it is received: bytes in `text`, lengths in `spans`; `view` once complete. */
struct h2_block {
	struct strbuf text;
	VEC(struct h2_span) spans;
	struct h2_fields view;
	uint64_t size; /* as RFC 9113 section 6.5.2 counts */
};

/* A stream. */
struct h2_stream {
	struct list link; /* in session->streams */
	struct h2_session *s;
	int32_t id;
	void *user;
	struct h2_block headers, trailers;
	struct h2_seg *first, *last;
	size_t queued;
	uint64_t sent, received;           /* payload bytes so far */
	uint64_t consumed;                 /* of those received, bytes whose window was given back */
	uint64_t sent_mark, received_mark; /* as of the last look of the stall timer */
	size_t queued_mark;
	int64_t mark_ms;
	bool head_done, responded, deferred, finished, above, ended, overflow, idle_ok, stop, reset;
	struct strbuf end_text; /* our trailers: text and spans */
	VEC(struct h2_span) end_spans;
};

/* A session. */
struct h2_session {
	struct conn *conn;
	struct reactor *r;
	bool server;
	struct h2_opts opts;
	const struct h2_callbacks *cb;
	void *arg;
	nghttp2_session *ng;
	struct evbuffer *out;
	struct h2_guard guard;
	struct list streams;
	size_t n_streams;
	struct timer tick;
	char peer[128];
	int64_t born_ms, last_recv_ms, idle_since_ms, ping_sent_ms, age_ms, drain_ms;
	uint32_t refs; /* of deferred calls, and the owner's */
	int inside;    /* depth of calls into nghttp2 */
	bool flush_due, drain_due, ready, ping_out, ping_late, draining, drain_ack, drained, peer_goaway, told_goaway,
		abused, over, freed;
	enum h2_verdict verdict;
	struct err why;
};

/* Adds a reference for a deferred call. */
void h2_session_hold(struct h2_session *s);

/* Drops a reference; the last frees the memory. */
void h2_session_drop(struct h2_session *s);

/* Sends what nghttp2 has at the end of this turn. */
void h2_session_flush_later(struct h2_session *s);

/* Ends the session because of an error: streams closed now, `gone` in a later turn. `why` is kept. */
void h2_session_fail(struct h2_session *s, const struct err *why);

/* Ends the session for a flood. */
void h2_session_calm(struct h2_session *s, enum h2_verdict v);

/* Tells the owner once that no new streams go. */
void h2_session_tell_goaway(struct h2_session *s);

/* Makes nghttp2's session with our callbacks and queues our settings. */
void h2_ng_open(struct h2_session *s);

/* A new stream on the session's list. */
struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id, void *user);

/* Calls `closed` and frees a stream. */
void h2_stream_close(struct h2_stream *st, uint32_t code);

/* Hands `n` queued bytes to `out`. */
void h2_stream_take(struct h2_stream *st, struct evbuffer *out, size_t n);

/* Adds a received field; false when the block is so large that the peer must be hostile. */
bool h2_block_add(struct h2_block *b, struct str name, struct str value, uint32_t limit, bool *ret_overflow);

/* Makes the view of a complete block. */
void h2_block_done(struct h2_block *b);

/* Queues our trailers with nghttp2, from its read callback. */
int h2_stream_submit_trailers(struct h2_stream *st);

/* The data source of a stream's output. */
nghttp2_data_provider h2_stream_provider(struct h2_stream *st);

/* Drops all queued output. */
void h2_stream_drop_output(struct h2_stream *st);

/* Converts fields for nghttp2; `nv` has room for n. Returns n. */
size_t h2_fields_to_nv(const struct h2_field *f, size_t n, nghttp2_nv *nv);

#endif
