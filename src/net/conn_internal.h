/*
 * net/conn_internal.h - the inside of connections, for the files conn*.c.
 *
 * conn.c holds what all kinds share: buffers, marks, clocks, callbacks, and
 * the order of closing. A kind (plain, TLS, pair) moves bytes between the
 * buffers and its wire and says what it waits for.
 */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "loop/reactor.h"
#include "loop/timer.h"
#include "net/conn.h"

#include <stdbool.h>

struct event;
struct ssl_st;

/* How a step of a kind ended. */
enum conn_io {
	CONN_IO_DONE,       /* made progress, or nothing is left to do */
	CONN_IO_WANT_READ,  /* go on when the wire is readable */
	CONN_IO_WANT_WRITE, /* go on when the wire is writable */
	CONN_IO_EOF,        /* read: the peer sends no more */
	CONN_IO_ERROR,      /* broken; the error is filled in */
};

/* The steps of a kind of connection. None calls the owner back. */
struct conn_ops {
	/* Goes on with connecting and shaking hands. */
	enum conn_io (*open)(struct conn *c, struct err *err);
	/* Appends at most `max` bytes to c->in; adds their number to *ret_n. */
	enum conn_io (*read)(struct conn *c, size_t max, size_t *ret_n, struct err *err);
	/* Sends from c->out; DONE when it is empty. Adds the number of bytes to *ret_n. */
	enum conn_io (*write)(struct conn *c, size_t *ret_n, struct err *err);
	/* Sends at once what the wire takes of the parts, c->out being empty; returns the number of bytes. May be NULL. */
	size_t (*send)(struct conn *c, const struct str *parts, size_t n_parts);
	/* Half-closes; c->out is empty. */
	enum conn_io (*shutdown)(struct conn *c, struct err *err);
	/* Frees what the kind holds; the descriptor is conn.c's. */
	void (*fini)(struct conn *c);
	/* Input was drained: the pair's other end may write. May be NULL. */
	void (*drained)(struct conn *c);
};

extern const struct conn_ops conn_plain_ops, conn_tls_ops, conn_pair_ops;

/* A connection. */
struct conn {
	struct reactor *r;
	const struct conn_ops *ops;
	int fd;                           /* -1 for pairs */
	struct event *ev_read, *ev_write; /* NULL for pairs */
	struct evbuffer *in, *out;
	struct conn_callbacks cb;
	void *cb_arg;
	struct conn_limits lim;
	struct conn_stats *stats;
	struct timer clock;
	int64_t clock_at_ms;     /* when `clock` fires; 0: not set */
	int64_t opened_ms;       /* begin of opening */
	int64_t active_ms;       /* last byte in either direction */
	int64_t stall_ms;        /* since when output waits without progress */
	int64_t linger_until_ms; /* lingering: give up then; 0 while output is still sent */
	int64_t linger_ms;
	bool busy_read;  /* the last read brought much: read without a detour */
	bool opened;     /* `open` was reported */
	bool connecting; /* a TCP or Unix connect is under way */
	bool paused, eof, eof_told;
	bool broken;   /* `closed` was reported: only conn_close is left */
	bool released; /* the owner gave it up: no callbacks */
	bool lingering;
	struct reactor_leftover leftover; /* registered while lingering: nobody else knows of it */
	bool shut_wanted, shut_done;
	bool above_high; /* output was at its high mark; `drain` is owed */
	bool read_owed;  /* call `read` in the next tick, bytes are waiting */
	bool tick_queued, free_queued;
	bool read_wants_write, write_wants_read; /* TLS crosses over */
	bool more_buffered;                      /* the kind holds bytes that the wire's readiness does not show */
	struct sockaddr_any peer;
	char peer_text[ADDR_TEXT_MAX];
	char *subject;       /* NULL until asked */
	struct ssl_st *ssl;  /* TLS only */
	struct tls_ctx *tls; /* a reference; its callbacks may come as long as `ssl` lives */
	bool tls_client, tls_ready;
	struct conn *other; /* pairs only; NULL when it is gone */
};

/* Has the tick run at the end of this turn, or in the next one when called from a tick. */
void conn_tick_soon(struct conn *c);

/* Prepares the TLS kind on a connection whose descriptor is set. */
int conn_tls_init(struct conn *c, struct tls_ctx *t, bool client, const char *server_name, struct err *err);

#endif
