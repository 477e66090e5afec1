/*
 * grpc/server.h - serves gRPC methods from tables.
 *
 *	static int co_series(struct grpc_call *call, void *arg, struct err *err);
 *	static const struct grpc_method store_methods[] = {
 *		{ "/thanos.Store/Series", GRPC_SERVER_STREAM, co_series },
 *		{ "/thanos.Store/LabelNames", GRPC_UNARY, co_label_names },
 *	};
 *	grpc_server_add(srv, store_methods, ARRAY_LEN(store_methods), store);
 *
 * A handler runs in a fiber of its own, started when the request message of a
 * unary or server-streaming call has fully arrived, or for GRPC_BIDI when its headers
 * have.  The fiber has the call's deadline (from grpc-timeout) and a budget
 * below the server's; it is cancelled in the turn in which the client resets the stream or
 * its connection is lost.  What the handler returns ends the call: 0 is OK, an error becomes
 * grpc-status and grpc-message.  A unary handler sends exactly one message before it
 * returns 0.
 *
 * A call's memory (its arena, the request's bytes, metadata) goes when its handler returned;
 * bytes given by reference go when they are written.
 *
 * Unknown methods get UNIMPLEMENTED, malformed framing the codes of gRPC's
 * "HTTP2 protocol" document (grpc/doc/PROTOCOL-HTTP2.md, statuscodes.md).
 */
#ifndef GRPC_SERVER_H
#define GRPC_SERVER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "grpc/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr;
struct conn;
struct grpc_call;
struct conn_stats;
struct grpc_server;
struct listener;
struct metrics_registry;
struct reactor;
struct tls_ctx;

/* The shapes of calls that are served. */
enum grpc_kind { GRPC_UNARY, GRPC_SERVER_STREAM, GRPC_BIDI };

/*
 * Serves one call; suspends. `arg` is what was given to grpc_server_add. Returns 0 or a negated code with `err` filled,
 * whose message the client sees.
 */
typedef int grpc_handler_fn(struct grpc_call *call, void *arg, struct err *err);

/* A row of a service table. `path` is "/package.Service/Method", a static string. */
struct grpc_method {
	const char *path;
	enum grpc_kind kind;
	grpc_handler_fn *handler;
};

/* Sees calls of known methods begin and end, for logs. Does not suspend. */
struct grpc_watch {
	void (*begin)(const struct grpc_call *c, void *arg);
	void (*end)(const struct grpc_call *c, int code, const char *msg, void *arg); /* as the client is told */
	void *arg;
};

/* Limits and habits of a server. grpc_server_opts_default() gives the defaults named here. */
struct grpc_server_opts {
	struct tls_ctx *tls;             /* NULL: plain text. Made with ALPN "h2". A reference is taken */
	struct budget *budget;           /* memory of all calls together; NULL: unlimited. Borrowed */
	uint64_t max_message_bytes;      /* largest request message, decompressed; 64 MiB */
	uint64_t max_call_bytes;         /* memory of one call, request included; 1 GiB */
	uint32_t max_connections;        /* 10000 */
	uint32_t max_streams;            /* concurrent calls per connection; 1000 */
	uint32_t send_queue_bytes;       /* co_grpc_send suspends while a stream has more than this queued; 256 KiB */
	int64_t max_connection_age_ms;   /* connections get GOAWAY after it (+-10 %); 60 min; 0: never */
	int64_t max_connection_grace_ms; /* and are closed this much later; 5 min */
	int64_t keepalive_ms;            /* ping after so long without traffic; 2 min; 0: never */
	int64_t keepalive_timeout_ms;    /* and close when unanswered for; 20 s */
	int64_t keepalive_min_ms;        /* clients that ping more often are told too_many_pings; 10 s */
	int64_t setup_timeout_ms;        /* until the client's HTTP/2 settings arrived; 10 s */
	int64_t stall_timeout_ms; /* a stream or connection that takes less than 16 KiB per so long is reset; 60 s */
	const char *request_id_header;  /* NULL, or a metadata key that is echoed; static */
	const struct grpc_watch *watch; /* may be NULL; borrowed */
	struct conn_stats
		*conn_stats; /* counts connections; outlives them: freed after the reactor. NULL: not counted */
};

/* The default options. */
struct grpc_server_opts grpc_server_opts_default(void);

/* Makes a server without methods. Copies `opts` (NULL: the defaults). */
struct grpc_server *grpc_server_new(struct reactor *r, const struct grpc_server_opts *opts);

/* Frees a server; grpc_server_stop or co_grpc_server_drain must have ended all calls (aborts otherwise). */
void grpc_server_free(struct grpc_server *s);

/* Adds the rows of a service table; `arg` (borrowed) is handed to its handlers. A path that is there already is replaced. */
void grpc_server_add(struct grpc_server *s, const struct grpc_method *rows, size_t n, void *arg);

/* The full names of the services with a row ("thanos.Store"), in order of addition: fills `ret` (borrowed strings), returns the number there are. */
size_t grpc_server_services(const struct grpc_server *s, struct str *ret, size_t max);

/*
 * Listens on a literal address and begins to accept, with opts.tls as TLS (ALPN "h2") or as plain text with prior
 * knowledge. May be called several times. Errors name the address.
 */
int grpc_server_listen(struct grpc_server *s, const struct addr *at, struct err *err);

/* The listener that the n-th grpc_server_listen made, for its address; NULL beyond. Valid until the server is stopped. */
struct listener *grpc_server_listener(const struct grpc_server *s, size_t n);

/* Takes over a connection made elsewhere (one end of a memory pair, or a protocol switch) and serves HTTP/2 on it. */
void grpc_server_accept(struct grpc_server *s, struct conn *c);

/*
 * Graceful stop: GOAWAY on all connections, new calls refused; waits until all calls have ended, at most `grace_ms`,
 * then cancels the rest and waits for their handlers. The listeners
 * are closed first.
 */
void co_grpc_server_drain(struct grpc_server *s, int64_t grace_ms);

/* Hard stop: closes the listeners and all connections and cancels all calls; their handlers end within the next turns. */
void grpc_server_stop(struct grpc_server *s);

/* Registers grpc_server_started_total, grpc_server_handled_total, grpc_server_handling_seconds and the message counters with `reg` (borrowed). After the last grpc_server_add. */
void grpc_server_metrics_init(struct grpc_server *s, struct metrics_registry *reg);

/* Figures for tests and debugging. */
struct grpc_server_stats {
	uint32_t connections; /* open now */
	uint32_t calls;       /* handlers running now */
	uint64_t calls_total;
	uint64_t queued_bytes;      /* response bytes not yet handed to a connection, all streams */
	uint64_t queued_bytes_peak; /* most on any one stream so far */
	uint64_t abuse_closed;      /* connections closed for floods */
};

/* The figures now. */
struct grpc_server_stats grpc_server_stats(const struct grpc_server *s);

/* --- inside a handler ------------------------------------------------------------ */

/* The request message of a unary or server-streaming call, decompressed; valid until the handler returns. */
struct str grpc_call_request(const struct grpc_call *c);

/* The call's arena. Its budget is that of the call. */
struct arena *grpc_call_arena(struct grpc_call *c);

/* The value of a request metadata key (lower case), the first where it repeats; {NULL, 0} where absent. "-bin" values are decoded. */
struct str grpc_call_metadata(const struct grpc_call *c, const char *key);

/* The peer's address for messages, "127.0.0.1:4711". */
const char *grpc_call_peer(const struct grpc_call *c);

/* The row of the method that is called. */
const struct grpc_method *grpc_call_method(const struct grpc_call *c);

/* When it began, by sys->mono_ns. */
int64_t grpc_call_begin_ns(const struct grpc_call *c);

/* Adds response header metadata (bytes are copied). FAILED_PRECONDITION once the first message is sent, INVALID_ARGUMENT for a reserved or malformed key. */
int grpc_call_set_header(struct grpc_call *c, const char *key, struct str value, struct err *err);

/* Adds trailer metadata (bytes are copied). INVALID_ARGUMENT for a reserved or malformed key. */
int grpc_call_set_trailer(struct grpc_call *c, const char *key, struct str value, struct err *err);

/* Sets grpc-status-details-bin (an encoded google.rpc.Status; copied). Sent only with an error. */
int grpc_call_set_details(struct grpc_call *c, struct str status_proto, struct err *err);

/*
 * Compresses the responses if the client accepts `e`; otherwise they stay as they are. By default responses use the
 * request's own encoding, as upstream does. Before the first message.
 */
void grpc_call_set_encoding(struct grpc_call *c, enum grpc_encoding e);

/*
 * Sends one message made of `n` parts (grpc/message.h). Suspends while more than send_queue_bytes wait on the stream.
 * CANCELLED or DEADLINE_EXCEEDED as every wait; UNAVAILABLE when the client has gone or stalled.
 */
int co_grpc_send(struct grpc_call *c, const struct grpc_part *parts, size_t n, struct err *err);

/* Sends one message that is copied: co_grpc_send with a single part. */
int co_grpc_send_str(struct grpc_call *c, struct str msg, struct err *err);

/*
 * For GRPC_BIDI: waits for the next request message. *ret_end is set at the client's half-close; otherwise *ret is the
 * message, valid until the next co_grpc_call_recv.
 */
int co_grpc_call_recv(struct grpc_call *c, struct str *ret, bool *ret_end, struct err *err);

#endif
