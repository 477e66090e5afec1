/*
 * net/listener.h - sockets that accept connections.
 *
 * When descriptors run out the oldest waiting connection is accepted with a
 * reserve descriptor and closed, and accepting pauses briefly instead of
 * spinning. Above max_conns accepting pauses until one is released.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/err.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;
struct reactor;

/* Takes over an accepted non-blocking socket with TCP_NODELAY set (see conn_accept). */
typedef void listener_accept_fn(int fd, const struct sockaddr_any *peer, void *arg);

/* How to listen. Zero-initialised members mean the default. */
struct listener_options {
	int backlog;        /* default 1024 */
	uint32_t max_conns; /* most connections not yet released; 0 is no limit */
	bool reuse_port;    /* SO_REUSEPORT, so that a successor can bind before we stop */
};

/* Figures of a listener. */
struct listener_stats {
	uint64_t accepted;
	uint64_t dropped;  /* closed at once for want of descriptors */
	uint64_t pauses;   /* times that accepting paused */
	uint32_t open_now; /* accepted and not released */
};

/*
 * Binds and listens on a literal address (a host name is looked up by the caller, net/dns.h; "localhost" is taken as
 * 127.0.0.1). A stale Unix socket file is replaced. Accepting begins with listener_start. Errors name the address.
 */
struct listener *listener_new(struct reactor *r, const struct addr *at, const struct listener_options *opt,
			      listener_accept_fn *fn, void *arg, struct err *err);

/* Begins to accept. */
void listener_start(struct listener *l);

/* Stops accepting and closes the socket, so that new clients are refused; connections go on. */
void listener_stop(struct listener *l);

/* Stops and frees. NULL is allowed. */
void listener_free(struct listener *l);

/* Says that one accepted connection is gone. */
void listener_release(struct listener *l);

/* The address bound, with the real port where 0 was asked for. */
const struct sockaddr_any *listener_addr(const struct listener *l);

/* The figures so far. */
const struct listener_stats *listener_stats(const struct listener *l);

#endif
