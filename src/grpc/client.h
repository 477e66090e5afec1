/*
 * grpc/client.h - calls to gRPC servers.
 *
 * A channel stands for one target and keeps a connection to each of its addresses;
 * calls go to the connected ones in turn (round robin).  Connections are made at the
 * first call and made again with growing pauses (1 s to 2 min, as gRPC's
 * connection-backoff document) while the channel lives.
 *
 * Calls run in the caller's fiber.  They have its deadline (sent as
 * grpc-timeout), and are reset when it is cancelled.  Errors carry the server's
 * grpc-status as their code and name the target or address in their message.
 *
 * A received message is valid until the next co_grpc_recv or the end of the
 * stream.  The stream's flow-control window is given back only as messages are
 * taken: a reader that does not take stops the sender (1 MiB per stream).
 */
#ifndef GRPC_CLIENT_H
#define GRPC_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "grpc/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_resolver;
struct grpc_channel;
struct grpc_stream;
struct metrics_registry;
struct reactor;
struct tls_ctx;

/* Limits and habits of a channel. grpc_channel_opts_default() gives the defaults named here. */
struct grpc_channel_opts {
	struct tls_ctx *tls; /* NULL: plain text with prior knowledge. Made with ALPN "h2". A reference is taken */
	struct dns_resolver
		*dns;            /* for targets with a host name; NULL: addresses must be literal or pushed. Borrowed */
	const char *server_name; /* TLS name and :authority; NULL: the host of the target. Copied */
	const char *user_agent;  /* "thanos-c"; copied */
	enum grpc_encoding encoding;  /* of requests; GRPC_IDENTITY. Responses may be gzip or snappy */
	uint64_t max_message_bytes;   /* largest response message, decompressed; INT32_MAX */
	uint32_t window_bytes;        /* unread bytes per stream; 1 MiB */
	int64_t connect_timeout_ms;   /* of one try, TLS and HTTP/2 settings included; 20 s */
	int64_t backoff_min_ms;       /* 1 s */
	int64_t backoff_max_ms;       /* 2 min */
	int64_t keepalive_ms;         /* ping after so long without traffic while calls are open; 10 s; 0: never */
	int64_t keepalive_timeout_ms; /* and reconnect when unanswered for; 5 s */
	int64_t idle_ms;              /* connections without calls for so long are closed; 30 min; 0: never */
};

/* The default options. */
struct grpc_channel_opts grpc_channel_opts_default(void);

/*
 * Makes a channel to "host:port", "ip:port" or "[v6]:port". Copies `opts` (NULL: the defaults). Without
 * grpc_channel_set_addresses a host name is looked up with opts->dns at each connection, and its addresses are tried in
 * turn. INVALID_ARGUMENT for a malformed target.
 */
struct grpc_channel *grpc_channel_new(struct reactor *r, const char *target, const struct grpc_channel_opts *opts,
				      struct err *err);

/* Takes a reference. */
struct grpc_channel *grpc_channel_ref(struct grpc_channel *ch);

/* Drops a reference; the last closes the connections. Open streams hold one, so it is safe while calls run. */
void grpc_channel_unref(struct grpc_channel *ch);

/*
 * Sets the addresses ("ip:port", copied) that stand behind the target. Connections to addresses that stay are kept;
 * those to others get no new calls and close when their calls have ended. n == 0: calls fail with UNAVAILABLE or,
 * with wait_for_ready, wait. INVALID_ARGUMENT, with nothing changed, for a malformed address.
 */
int grpc_channel_set_addresses(struct grpc_channel *ch, const char *const *addrs, size_t n, struct err *err);

/* The target as given. */
const char *grpc_channel_target(const struct grpc_channel *ch);

/* What a channel is doing, as gRPC's connectivity-semantics document. */
enum grpc_channel_state { GRPC_IDLE, GRPC_CONNECTING, GRPC_READY, GRPC_TRANSIENT_FAILURE };

/* The state: the best of its addresses'. */
enum grpc_channel_state grpc_channel_state(const struct grpc_channel *ch);

/* Starts connecting if idle. Does not suspend. */
void grpc_channel_connect(struct grpc_channel *ch);

/* The counters that all channels of a process share; pass it to channels with grpc_channel_set_metrics. */
struct grpc_client_metrics;

/* Registers grpc_client_started_total, grpc_client_handled_total, grpc_client_handling_seconds and the message counters with `reg` (borrowed). */
struct grpc_client_metrics *grpc_client_metrics_new(struct metrics_registry *reg);

/* Frees the counters; no channel may use them any more. */
void grpc_client_metrics_free(struct grpc_client_metrics *m);

/* Counts this channel's calls in `m` (borrowed, outlives the channel). */
void grpc_channel_set_metrics(struct grpc_channel *ch, struct grpc_client_metrics *m);

/* What a call may be given; zero-initialised is the default. */
struct grpc_call_opts {
	const struct grpc_metadata *metadata; /* request metadata; copied */
	size_t n_metadata;
	bool wait_for_ready;   /* wait for a connection until the deadline instead of failing with UNAVAILABLE */
	int64_t timeout_ms;    /* 0: the fiber's deadline alone */
	struct budget *budget; /* memory for received messages; NULL: the fiber's */
	/*
	 * Memory for messages that wait in the stream's window, of which there is more or less by chance, so that only larger ones
	 * count against `budget`; NULL: `budget`.
	 */
	struct budget *window_budget;
};

/*
 * A unary call: sends the message made of the parts and waits for the answer, which is copied to `a` (NULL when not
 * wanted). `method` is "/package.Service/Method". A failed call has no answer.
 */
int co_grpc_unary(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
		  const struct grpc_part *parts, size_t n_parts, struct arena *a, struct str *ret, struct err *err);

/*
 * Begins a server-streaming call and sends its request; waits for a connection, not for an answer. The stream is the
 * caller's: grpc_stream_close it, also after an error of co_grpc_recv. Used by one fiber at a time.
 */
int co_grpc_stream_open(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
			const struct grpc_part *parts, size_t n_parts, struct grpc_stream **ret, struct err *err);

/*
 * Waits for the next message. *ret_end is set when the call ended with OK; otherwise *ret is the message. An error is
 * the server's status, CANCELLED, DEADLINE_EXCEEDED, or UNAVAILABLE when the connection is lost.
 */
int co_grpc_recv(struct grpc_stream *s, struct str *ret, bool *ret_end, struct err *err);

/* Response header metadata; {NULL, 0} where absent or not yet there (the first co_grpc_recv waits for headers). Valid until the stream is closed. */
struct str grpc_stream_header(const struct grpc_stream *s, const char *key);

/* Trailer metadata, after the end or an error. Valid until the stream is closed. */
struct str grpc_stream_trailer(const struct grpc_stream *s, const char *key);

/* The address that the call runs on, for messages; "" before there is one. */
const char *grpc_stream_peer(const struct grpc_stream *s);

/* Ends and frees a stream; RST_STREAM(CANCEL) to the server if the call has not ended. NULL is allowed. Does not suspend. */
void grpc_stream_close(struct grpc_stream *s);

#endif
