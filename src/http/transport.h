/*
 * http/transport.h - between a protocol (http1_conn.c, the HTTP/2 session)
 * and the dispatch of requests to handlers (server.c).
 *
 * Of a connection: the protocol registers a struct http_session with
 * its server, so that shutdown can drain it.
 *
 * Of a request, the protocol's calls, in order:
 *	req = http_req_new()          memory for it, or NULL: refuse the stream
 *	fill method_text, target, host, version, content_length, remote,
 *	tls_subject, conn; http_req_add_header() for each field
 *	http_req_start()              routes it; the handler's fiber runs next turn
 *	http_req_body_push()*, http_req_body_end()    as bytes arrive
 *	http_req_writable()           when pending() fell below its mark
 *	http_req_abort()              the client or stream is gone (at any time)
 * and the dispatch's calls to the protocol, never after `done`:
 *	want_body?  body_consumed*  head  data*  (end or reset)  done
 * After `done` the protocol must not touch the request again; before it, the
 * request is valid even when aborted.  All calls are in the loop's thread;
 * none of the protocol's functions may suspend, and none may call back into
 * the request other than http_req_writable from a later turn.
 */
#ifndef HTTP_TRANSPORT_H
#define HTTP_TRANSPORT_H

#include "base/err.h"
#include "base/list.h"
#include "http/req.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a protocol does for a request. */
struct http_transport {
	/* The handler begins to read the body: answer "Expect: 100-continue". May be NULL. */
	void (*want_body)(struct http_req *req);
	/* `n` body bytes were taken: more may be let in (HTTP/2 window, reading resumed). */
	void (*body_consumed)(struct http_req *req, size_t n);
	/*
	 * Sends req->status and req->out (names as given, to be lowered by HTTP/2). req->out_length tells the body's length, -1
	 * unknown. With `end` no data follows: HEAD, 204, 304.
	 */
	void (*head)(struct http_req *req, bool end);
	/* Sends all bytes of `buf` (moved out, left empty); with `end` they are the last. */
	void (*data)(struct http_req *req, struct evbuffer *buf, bool end);
	/* As `data` without `end`, for large pieces: what goes out at once is not copied. May be NULL. */
	void (*piece)(struct http_req *req, struct str bytes);
	/* Bytes queued for this response that the peer has not taken; the dispatch waits while over HTTP_SEND_HIGH. */
	size_t (*pending)(struct http_req *req);
	/* The response cannot be completed: break the connection or reset the stream. */
	void (*reset)(struct http_req *req);
	/* The request is over; the last call. */
	void (*done)(struct http_req *req);
};

/* Queued response bytes at which a handler is made to wait. */
#define HTTP_SEND_HIGH (128 * 1024)

/* What the server asks of a connection of any protocol. */
struct http_session;
struct listener;
struct http_session_ops {
	/* No new requests: finish those under way, then close (HTTP/1: Connection: close; HTTP/2: GOAWAY). */
	void (*drain)(struct http_session *s);
	/* Close now; aborts the requests. */
	void (*kill)(struct http_session *s);
};

/* A connection as its server sees it: a member of the protocol's own struct. */
struct http_session {
	struct list link;
	const struct http_session_ops *ops;
	struct listener *listener; /* private to server.c */
};

/* Registers a connection; the protocol calls http_session_gone when it has closed it. */
void http_session_add(struct http_server *s, struct http_session *ses);

/* Takes it off; its place in the server's connection limit is free again. */
void http_session_gone(struct http_server *s, struct http_session *ses);

/* Whether the server drains: sessions accept no further request. */
bool http_server_draining(const struct http_server *s);

/* Value for the Date header: "Sun, 06 Nov 1994 08:49:37 GMT". Valid until the next call. */
const char *http_server_date(struct http_server *s);

/*
 * Takes over a connection that chose HTTP/2: by ALPN, or whose input begins with the client preface
 * (still in conn_input()). The connection is open: `open` does not come again. Registers its session, which replaces the
 * caller's.
 */
typedef void http_h2_serve_fn(struct http_server *s, struct conn *c);

/* A request with an empty arena; NULL when the server is at its limit of requests or memory. */
struct http_req *http_req_new(struct http_server *s, const struct http_transport *t, void *priv);

/* Frees a request that was not started. */
void http_req_discard(struct http_req *req);

/* Appends a header field, copied, its name lowered. RESOURCE_EXHAUSTED over 100 fields or the budget. */
int http_req_add_header(struct http_req *req, struct str name, struct str value, struct err *err);

/*
 * Starts the handler. Target, method and host must be set; a target that does not decode, an unknown path or method are answered by
 * the dispatch (400, 404, 405, 501) like any response.
 */
void http_req_start(struct http_req *req);

/* Bytes of the body, copied. Over the route's limit the request answers 413 and takes no more. */
void http_req_body_push(struct http_req *req, const void *p, size_t n);

/* As http_req_body_push, with the first `n` bytes of `buf` moved. */
void http_req_body_push_buf(struct http_req *req, struct evbuffer *buf, size_t n);

/* The body is complete. */
void http_req_body_end(struct http_req *req);

/* Body bytes received and not taken by the handler: the protocol stops reading while they are over 64 KiB. */
size_t http_req_body_waiting(const struct http_req *req);

/* More output may be queued: wakes the handler. */
void http_req_writable(struct http_req *req);

/* The client is gone (`why` may be NULL): cancels the handler's fiber. `done` follows once it has unwound. */
void http_req_abort(struct http_req *req, const struct err *why);

#endif
