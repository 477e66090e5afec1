/*
 * grpc/server_internal.h - what server.c (connections, the table) and call.c (one call) share.
 */
#ifndef GRPC_SERVER_INTERNAL_H
#define GRPC_SERVER_INTERNAL_H

#include "base/hmap.h"
#include "base/list.h"
#include "base/vec.h"
#include "grpc/inbox.h"
#include "grpc/metadata.h"
#include "grpc/metrics.h"
#include "grpc/server.h"
#include "http/h2.h"
#include "loop/fiber.h"

/* A method of the table. */
struct grpc_entry {
	struct grpc_method row;
	void *arg;
	struct grpc_method_metrics metrics;
};

/* The server. */
struct grpc_server {
	struct reactor *r;
	struct grpc_server_opts opts;
	struct h2_opts h2;
	struct hmap methods;            /* of struct grpc_entry by path */
	VEC(struct grpc_entry *) order; /* the same, as added */
	VEC(struct grpc_listener *) listeners;
	struct list conns, calls; /* of struct grpc_conn, struct grpc_call */
	struct waitq idle;        /* woken when a call or connection ends */
	struct grpc_metric_families families;
	struct grpc_server_stats stats;
	bool draining;
};

/* A listening socket. */
struct grpc_listener {
	struct grpc_server *srv;
	struct listener *l;
};

/* A connection. `conn` until its TLS handshake is done, then `session`. */
struct grpc_conn {
	struct list link;
	struct grpc_server *srv;
	struct listener *l; /* to release; NULL for connections made elsewhere */
	struct conn *conn;
	struct h2_session *session;
};

/* A call. */
struct grpc_call {
	struct list link;
	struct grpc_server *srv;
	struct h2_stream *st; /* NULL once the stream is closed */
	const struct grpc_entry *entry;
	struct grpc_method_metrics *metrics;
	struct budget budget;
	struct arena arena;
	struct grpc_inbox inbox;
	struct grpc_metas metas;                     /* request metadata */
	VEC(struct grpc_metadata) headers, trailers; /* ours; keys and wire values in the arena */
	struct str details;                          /* grpc-status-details-bin, on the wire */
	struct str raw, request;                     /* as it came; uncompressed */
	struct strbuf plain, coded;                  /* uncompressed request; compressed response */
	uint64_t plain_charged;
	enum grpc_encoding encoding_in, encoding_out;
	bool encoding_known;
	struct str accept_encoding, encoding_name, path; /* in the arena */
	char peer[128];
	struct fiber *fiber;
	struct waitq changed; /* output drained, input arrived, stream closed */
	int64_t deadline_ms, begin_ns;
	bool got, raw_compressed, headers_sent, recv_waiting, half_closed;
	uint32_t n_sent;
	struct err lost; /* why the input cannot go on */
};

/* The row for a path, or NULL. */
struct grpc_entry *grpc_server_find(const struct grpc_server *s, struct str path);

/* Begins a call whose request headers arrived; may answer at once. */
void grpc_call_begin(struct grpc_server *s, struct h2_stream *st);

/* Takes bytes of the request. */
void grpc_call_data(struct grpc_call *c, const uint8_t *p, size_t n);

/* The client has half-closed. */
void grpc_call_end(struct grpc_call *c);

/* Output fell below its mark. */
void grpc_call_drain(struct grpc_call *c);

/* The stream is gone: cancels the handler, or frees the call if there is none. */
void grpc_call_closed(struct grpc_call *c);

#endif
