/*
 * http/server.h - an HTTP server on one or more listeners.
 *
 * Speaks HTTP/1.0 and 1.1 strictly (http/http1.h) and hands connections
 * that choose HTTP/2, by ALPN or by preface, to the session given in the
 * configuration. Both reach the same handlers (http/router.h, http/req.h;
 * http/transport.h is the joint).
 *
 * Everything a client controls is limited: see struct http_limits. A
 * connection buffers at most about 256 KiB in both directions together.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "http/req.h"
#include "http/transport.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct http_metrics;
struct http_router;
struct http_server;
struct reactor;
struct tls_ctx;

/* Limits; zero-initialised members mean the default. Times in milliseconds. */
struct http_limits {
	int64_t header_ms;            /* from a request's first byte to the end of its headers; 10 s */
	int64_t idle_ms;              /* keep-alive without a request; 180 s */
	int64_t body_stall_ms;        /* a body must bring body_min_bytes in each such span; 30 s */
	uint64_t body_min_bytes;      /* 1 KiB */
	int64_t write_stall_ms;       /* the client takes no byte of a waiting response; 60 s */
	int64_t linger_ms;            /* wait for the client's close after an error response; 2 s */
	uint32_t max_target;          /* bytes of the request target; 64 KiB */
	uint32_t max_header_bytes;    /* all fields together; 64 KiB */
	uint32_t max_headers;         /* fields; 100 */
	uint32_t max_conns;           /* per listener; 20000 */
	uint32_t max_requests;        /* handlers at a time; 10000 */
	uint32_t max_pipelined_bytes; /* read ahead while a handler runs; 64 KiB */
	uint64_t request_memory;      /* budget of a request; 1 GiB */
};

/* A hook run in the handler's fiber before the handler, e.g. authentication. Suspends. Returns 0 to go on; having sent a response it sets *ret_done. */
typedef int http_before_fn(struct http_req *req, void *arg, bool *ret_done, struct err *err);

/* Sees the requests that named routes take: before their handlers begin, after their responses ended. For logs; does not suspend. */
struct http_watch {
	void (*begin)(const struct http_req *req, void *arg);
	void (*end)(const struct http_req *req, void *arg);
	void *arg;
};

/* How a server is made. */
struct http_server_config {
	struct reactor *reactor;    /* required */
	struct http_router *router; /* required; borrowed */
	struct budget *budget;      /* parent of the requests' budgets; may be NULL */
	struct http_limits limits;
	struct tls_ctx *tls;          /* NULL is plain; a reference is taken */
	http_h2_serve_fn *h2;         /* NULL: no HTTP/2 */
	struct http_metrics *metrics; /* may be NULL; borrowed */
	http_before_fn *before;
	void *before_arg;
	const struct http_watch *watch; /* may be NULL; borrowed */
};

/* Figures of a server. */
struct http_server_stats {
	uint64_t connections;  /* so far */
	uint64_t requests;     /* so far */
	uint64_t bad_requests; /* refused by the parser */
	uint64_t timeouts;     /* connections closed for slowness */
	uint64_t aborted;      /* requests whose client went away */
	uint32_t connections_now;
	uint32_t requests_now;
};

/* Makes a server without listeners. */
struct http_server *http_server_new(const struct http_server_config *cfg);

/* Frees a server that was stopped. NULL is allowed. */
void http_server_free(struct http_server *s);

/* Listens on an address ("host:port", literal); may be called for several. Errors name it. */
int http_server_listen(struct http_server *s, const char *address, struct err *err);

/* The i-th listener's address with its real port; NULL beyond the last. */
const struct sockaddr_any *http_server_addr(const struct http_server *s, size_t i);

/* Serves a connection made elsewhere, e.g. an end of conn_pair(); the server owns it. */
void http_server_serve(struct http_server *s, struct conn *c);

/*
 * Stops: refuses new connections at once, lets requests under way finish for at most `grace_ms`, then breaks them;
 * returns when all handlers have ended. Suspends; cancelling the caller cuts the grace short.
 */
void co_http_server_stop(struct http_server *s, int64_t grace_ms);

/* The limits in force, defaults filled in. */
const struct http_limits *http_server_limits(const struct http_server *s);

/* The figures so far. */
const struct http_server_stats *http_server_stats(const struct http_server *s);

/* The counters of its connections. */
const struct conn_stats *http_server_conn_stats(const struct http_server *s);

#endif
