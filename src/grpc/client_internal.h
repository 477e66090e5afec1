/*
 * grpc/client_internal.h - what channel.c (connections) and stream.c (calls) share.
 */
#ifndef GRPC_CLIENT_INTERNAL_H
#define GRPC_CLIENT_INTERNAL_H

#include "base/list.h"
#include "base/vec.h"
#include "grpc/client.h"
#include "grpc/inbox.h"
#include "grpc/metadata.h"
#include "grpc/metrics.h"
#include "http/h2.h"
#include "loop/backoff.h"
#include "loop/fiber.h"
#include "loop/timer.h"
#include "net/addr.h"

/* One address behind a channel. */
struct grpc_sub {
	uint32_t refs;           /* the channel's, and a dialling fiber's */
	struct grpc_channel *ch; /* NULL once the channel let go of it */
	char *text;              /* the address as given */
	struct addr addr;
	char *tls_name;
	enum grpc_channel_state state;
	struct grpc_link *up; /* the connection for new calls; NULL */
	struct backoff backoff;
	struct timer retry;
	struct fiber *dialling;
	struct err last; /* of GRPC_TRANSIENT_FAILURE */
};

/* One connection; may outlive its sub's interest while its calls end. */
struct grpc_link {
	struct list link; /* in channel->links */
	struct grpc_channel *ch;
	struct grpc_sub *sub; /* NULL once it takes no new calls */
	struct h2_session *session;
	bool ready;
	char *text; /* the address, for messages */
};

/* A channel. */
struct grpc_channel {
	uint32_t refs;
	struct reactor *r;
	struct grpc_channel_opts opts;
	struct h2_opts h2;
	char *target, *authority, *tls_name, *user_agent;
	VEC(struct grpc_sub *) subs;
	size_t next; /* whose turn it is */
	struct list links;
	struct waitq changed;
	uint32_t waiting; /* calls that wait for a connection */
	struct grpc_client_metrics *metrics;
};

/* A call. */
struct grpc_stream {
	struct grpc_channel *ch;
	struct h2_stream *st; /* NULL when not sent, or closed */
	char *method;
	char peer[128];
	struct grpc_call_opts opts; /* its metadata points to `meta` */
	struct grpc_metas meta;
	struct grpc_request *req;
	int64_t deadline_ms, begin_ns;
	struct grpc_inbox inbox;
	struct budget *budget;
	struct grpc_metas headers, trailers;
	enum grpc_encoding encoding;
	bool encoding_known;
	char encoding_name[32];
	struct strbuf plain;
	uint64_t plain_charged;
	struct waitq changed;
	bool got_headers, refused, waiting;
	bool done;         /* `status` is known; messages may be left in the inbox */
	bool told;         /* and was returned */
	struct err status; /* code 0: OK */
	uint32_t tries;
	struct grpc_method_metrics *metrics;
};

/* Callbacks of streams, for the session's table in channel.c. */
void grpc_stream_on_headers(struct h2_stream *st, void *arg);

/* As above. */
void grpc_stream_on_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg);

/* As above. */
void grpc_stream_on_end(struct h2_stream *st, void *arg);

/* As above. */
void grpc_stream_on_closed(struct h2_stream *st, uint32_t code, void *arg);

/* Waits for a connection that takes calls: the next in turn. */
int co_grpc_channel_pick(struct grpc_channel *ch, bool wait_for_ready, struct grpc_link **ret, struct err *err);

/* The counters for a method; `type` is "unary" or "server_stream". NULL without metrics. */
struct grpc_method_metrics *grpc_client_method(struct grpc_client_metrics *m, const char *type, const char *method);

#endif
