/*
 * net/conn.h - a byte-stream connection: plain socket, TLS or in-memory pair.
 *
 * One interface over the three, driven by callbacks in the loop:
 *
 *	open    the connection (and its TLS handshake) is complete; for
 *	        accepted plain and in-memory connections in the first turn
 *	read    conn_input() holds new bytes
 *	drain   output fell to the low mark after having been above the high one
 *	eof     the peer will send no more (half close); writing still works
 *	closed  the connection is broken or timed out, with the reason. The last
 *	        call; the owner answers it with conn_close(), now or later
 *
 * Back-pressure in: reading stops by itself while conn_input() holds
 * read_high bytes, and while paused by hand; draining the buffer in the read
 * callback is enough to go on, elsewhere call conn_read_resume().
 * Back-pressure out: writing never blocks and never fails; a producer looks at
 * conn_writable() and waits for `drain`.  Writes of one turn are sent
 * together at its end.
 *
 * Lifetime: the owner holds the pointer until it calls conn_close(), which may be
 * done inside any callback; no callback comes after it, and the memory goes
 * at the end of the turn.  Bytes written by reference are released by their
 * release function in every case, exactly once.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/err.h"
#include "base/str.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct dns_resolver;
struct evbuffer;
struct reactor;
struct tls_ctx;

/* Most bytes read into conn_input() before reading stops, by default. */
#define CONN_READ_HIGH (64 * 1024)

/* Output bytes at which conn_writable() turns false, by default; `drain` comes at half of it. */
#define CONN_WRITE_HIGH (128 * 1024)

/* The owner's callbacks; any may be NULL. `arg` is the one given with them. */
struct conn_callbacks {
	void (*open)(struct conn *c, void *arg);
	void (*read)(struct conn *c, void *arg);
	void (*drain)(struct conn *c, void *arg);
	void (*eof)(struct conn *c, void *arg);
	void (*closed)(struct conn *c, const struct err *why, void *arg);
};

/* Figures that several connections add to (borrowed; outlives them). Plain counters; owners export them. */
struct conn_stats {
	uint64_t opened; /* accepted or connected */
	uint64_t open_now;
	uint64_t bytes_read; /* application bytes */
	uint64_t bytes_written;
	uint64_t tls_handshakes; /* completed */
	uint64_t tls_failures;
	uint64_t tls_reloads, tls_reload_failures; /* of the TLS context's files: tls_ctx_reloads */
	uint64_t timeouts;                         /* closed by handshake, idle or write-stall timeout */
	uint64_t resets;                           /* broken by the peer or the network */
};

/* Limits of a connection. Zero-initialised members mean the default. Milliseconds; -1 is none. */
struct conn_limits {
	int64_t open_ms;        /* connect and TLS handshake; default 10 s */
	int64_t idle_ms;        /* no byte in either direction; default none */
	int64_t write_stall_ms; /* output waits and the peer takes no byte; default 60 s */
	size_t read_high;       /* default CONN_READ_HIGH */
	size_t write_high;      /* default CONN_WRITE_HIGH */
};

/* How a connection is made. Zero-initialised is a plain one with default limits. */
struct conn_options {
	struct tls_ctx *tls;     /* borrowed; a reference is taken. NULL is plain */
	const char *server_name; /* client TLS: SNI and the name to verify; NULL takes the address's host */
	struct conn_limits limits;
	struct conn_stats *stats; /* borrowed; may be NULL */
	struct dns_resolver *dns; /* for co_conn_connect to names; NULL allows literal addresses only */
};

/*
 * Takes over an accepted, non-blocking socket; with opt->tls as the TLS server side. `peer` may be NULL.
 * Owns `fd` from here on, also on failure, when it returns NULL.
 */
struct conn *conn_accept(struct reactor *r, int fd, const struct sockaddr_any *peer, const struct conn_options *opt,
			 const struct conn_callbacks *cb, void *arg, struct err *err);

/*
 * Begins to connect to `to`; `open` or `closed` follows, never inside this call. Fails at once only where
 * the system gives no socket.
 */
struct conn *conn_connect(struct reactor *r, const struct sockaddr_any *to, const struct conn_options *opt,
			  const struct conn_callbacks *cb, void *arg, struct err *err);

/*
 * As conn_connect, with names looked up; suspends the fiber until the connection is open (and its handshake done), the
 * fiber's deadline, its cancellation or opt->limits.open_ms. All addresses of a name are tried in turn. `closed`
 * is not called for failures reported here.
 */
int co_conn_connect(const struct addr *to, const struct conn_options *opt, const struct conn_callbacks *cb, void *arg,
		    struct conn **ret, struct err *err);

/* Two connected in-memory ends for tests and simulation; what one writes the other reads in a later turn. */
void conn_pair(struct reactor *r, const struct conn_options *opt, struct conn *ret[2]);

/* Replaces the callbacks, as a protocol that takes over does. If input is waiting, `read` follows in a later turn. */
void conn_set_callbacks(struct conn *c, const struct conn_callbacks *cb, void *arg);

/* Replaces the limits; the clocks of idle and stall start again. */
void conn_set_limits(struct conn *c, const struct conn_limits *lim);

/* Closes at once and discards what was not sent. NULL is allowed. No callback follows. */
void conn_close(struct conn *c);

/*
 * Gives the connection up politely: sends what is queued, half-closes, discards input until the peer closes
 * too (at most `linger_ms`), then closes; the end of the loop closes it at once. No callback follows. The figures it was opened
 * with count it until it is closed, and must stay that long. NULL is allowed.
 */
void conn_close_flushed(struct conn *c, int64_t linger_ms);

/* Half-closes after all queued output; reading goes on. */
void conn_shutdown_write(struct conn *c);

/* --- input ------------------------------------------------------------------------------ */

/* The bytes received and not yet taken: drain it with evbuffer functions. */
struct evbuffer *conn_input(struct conn *c);

/* Stops reading until conn_read_resume. */
void conn_read_pause(struct conn *c);

/* Reads again after a pause or after draining outside of the read callback. With bytes in the input, `read` follows in a later turn. */
void conn_read_resume(struct conn *c);

/* Whether the peer has half-closed (seen once all its bytes were read). */
bool conn_at_eof(const struct conn *c);

/* --- output ----------------------------------------------------------------------------- */

/* Queues a copy of `n` bytes. */
void conn_write(struct conn *c, const void *p, size_t n);

/* Most parts of conn_write_parts. */
#define CONN_PARTS_MAX 4

/*
 * Writes the parts one after the other. What the kernel takes at once goes there without a copy and without waiting for
 * the end of the turn: for large pieces. The rest is queued, copied.
 */
void conn_write_parts(struct conn *c, const struct str *parts, size_t n_parts);

/* Releases bytes written by reference. */
typedef void conn_release_fn(const void *p, size_t n, void *arg);

/* Queues `n` bytes without a copy; they must stay until release(p, n, arg) (may be NULL for static bytes). */
void conn_write_ref(struct conn *c, const void *p, size_t n, conn_release_fn *release, void *arg);

/* Moves all bytes of `buf` to the output, without copying. */
void conn_write_buf(struct conn *c, struct evbuffer *buf);

/* Output bytes that the kernel (or the pair's other end) has not taken. */
size_t conn_pending(const struct conn *c);

/* Whether the output is below its high mark; if not, `drain` will come. */
bool conn_writable(const struct conn *c);

/* --- who is there ----------------------------------------------------------------------- */

/* The peer's address as text: "10.0.0.1:4711". Valid while the connection is. */
const char *conn_peer_text(const struct conn *c);

/* Whether TLS is spoken. */
bool conn_is_tls(const struct conn *c);

/* The protocol chosen by ALPN, e.g. "h2"; empty without TLS or choice. Valid from `open` while the connection is. */
struct str conn_alpn(const struct conn *c);

/* Fields of a certificate's subject. */
enum conn_cert_field { CONN_CERT_CN, CONN_CERT_O, CONN_CERT_OU };

/* Reads "commonName", "organization" or "organizationalUnit", as Thanos' flags name them; false on anything else. */
bool conn_cert_field_parse(const char *name, enum conn_cert_field *ret);

/* The peer certificate's subject as RFC 2253 text ("" without one). Valid while the connection is. */
const char *conn_peer_subject(struct conn *c);

/* Copies the first value of the field of the peer certificate's subject; false without certificate, field, or room. */
bool conn_peer_cert_field(const struct conn *c, enum conn_cert_field field, char *buf, size_t size);

/* The loop that drives it. */
struct reactor *conn_reactor(const struct conn *c);

#endif
