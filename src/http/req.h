/*
 * http/req.h - a request and its response, as handlers see them, whatever
 * the protocol (HTTP/1.1 or 2) below.
 *
 * A handler runs in a fiber of its own.  All memory lies in req->arena, whose
 * budget is the request's; it goes after the handler's return.  When the client goes away
 * the fiber is cancelled: waits and sends return CANCELLED, and the
 * handler unwinds by its error path.  A handler that returns an error before
 * anything was sent is answered with http_status_of_err() and the message as
 * plain text; after that, with a reset of the connection (or stream).
 */
#ifndef HTTP_REQ_H
#define HTTP_REQ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "http/http.h"
#include "loop/fiber.h"

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct evbuffer;
struct gauge;
struct http_encoder;
struct http_req;
struct http_route;
struct http_server;
struct http_transport;

/* Most parameters in a route's path. */
#define HTTP_PATH_PARAMS 4

/* Serves a request. Suspends. Returns 0, or an error as above. */
typedef int http_handler_fn(struct http_req *req, void *arg, struct err *err);

/* A request. Handlers read the members of the first part; the second is of the http folder. */
struct http_req {
	struct arena arena; /* all memory of the request */
	struct reactor *reactor;
	struct http_server *server;
	enum http_method method;
	struct str method_text;
	struct str target;           /* as received: path and query */
	struct str path;             /* %-decoded, without the route prefix; begins with '/' */
	struct str raw_path;         /* as received, with all prefixes */
	struct str query;            /* as received, after the '?' */
	struct str host;             /* Host or :authority */
	struct http_headers headers; /* names in lower case */
	int version;                 /* 10, 11 or 20 */
	int64_t content_length;      /* -1: not told */
	struct str remote;           /* "10.0.0.1:4711" */
	struct str tls_subject;      /* of the client's certificate, RFC 2253; empty without */
	struct conn *conn;     /* for conn_peer_cert_field; may be gone after a suspension: see http_req_aborted */
	struct str user;       /* authenticated by web config; empty without */
	struct str request_id; /* X-Request-ID as received, or a new ULID */
	struct str tenant;     /* label of the metrics; a handler of a component with tenants sets it */
	const struct http_route *route; /* NULL when none matched */
	struct http_param path_params[HTTP_PATH_PARAMS];
	size_t n_path_params;
	int64_t started_ms; /* reactor_now_ms */

	/* Private to http/. */
	struct budget budget;
	const struct http_transport *transport;
	void *transport_priv;
	struct fiber *fiber;
	struct list link;         /* on the server's list */
	struct evbuffer *body_in; /* received, not yet taken */
	size_t body_lent;         /* bytes at its begin that the handler still looks at */
	uint64_t body_received, body_limit;
	int fail_status; /* answers an error instead of http_status_of_err; 0: none */
	void *handler_arg;
	bool body_ended, body_wanted, aborted, params_done, started, running;
	struct err abort_cause;
	struct waitq readable, writable;
	struct http_params params;
	int status;
	struct http_headers out;
	int64_t out_length; /* Content-Length to announce; -1 unknown */
	bool head_sent, end_sent;
	uint64_t bytes_out;
	struct http_encoder *encoder;
	int64_t started_ns; /* monotonic */
	struct gauge *inflight;
	bool watched; /* told to the server's watch */
};

/* --- reading the request ---------------------------------------------------------------------- */

/* First header of that name; p is NULL when there is none. */
struct str http_req_header(const struct http_req *req, const char *name);

/* Value of ":name" or "*name" in the route's pattern, %-decoded; empty when there is none. */
struct str http_req_path_param(const struct http_req *req, const char *name);

/* Whether the client is gone. */
bool http_req_aborted(const struct http_req *req);

/*
 * Parameters: those of an x-www-form-urlencoded body (POST, PUT, PATCH; read on the first call), then those of the
 * query, then those of a multipart/form-data body, as Go's FormValue. Suspends. Valid while the request is. INVALID_ARGUMENT for what does not decode.
 */
int co_http_params(struct http_req *req, const struct http_params **ret, struct err *err);

/* The next piece of the body, at most 64 KiB, in *ret until the next call; ret->n is 0 at the end. The route's body limit holds: RESOURCE_EXHAUSTED (413). */
int co_http_body_read(struct http_req *req, struct str *ret, struct err *err);

/* All (or the rest) of the body, in the arena. RESOURCE_EXHAUSTED when over `max` (answered with 413), the route's limit, or the budget. */
int co_http_body_all(struct http_req *req, uint64_t max, struct str *ret, struct err *err);

/* --- writing the response --------------------------------------------------------------------- */

/* Sets (replaces) a header; before anything is sent. Copied. Bytes that cannot stand in a header are replaced with '?'. */
void http_resp_header(struct http_req *req, const char *name, struct str value);

/* Announces the body's length for a streamed response; else HTTP/1.1 sends chunks. */
void http_resp_length(struct http_req *req, uint64_t n);

/* Sends a complete response: status, Content-Type (NULL for none) and body (copied). Compressed where the client takes it. */
int co_http_reply(struct http_req *req, int status, const char *content_type, struct str body, struct err *err);

/* As co_http_reply, with the bytes of `body`, which is left empty: nothing is copied. */
int co_http_reply_buf(struct http_req *req, int status, const char *content_type, struct strbuf *body, struct err *err);

/* 302 (or another 3xx) to `location`, which must be a path of this server. */
int co_http_redirect(struct http_req *req, int status, struct str location, struct err *err);

/*
 * Sends a piece of a streamed response (copied), the head before the first; waits while the client does not keep up.
 * CANCELLED when it is gone. The response ends when the handler returns 0.
 */
int co_http_send(struct http_req *req, const void *p, size_t n, struct err *err);

/* Sends what co_http_send holds back in compression, so that the client sees it now. */
int co_http_flush(struct http_req *req, struct err *err);

/* Whether the head was sent: no status or header can be set any more. */
bool http_resp_begun(const struct http_req *req);

#endif
