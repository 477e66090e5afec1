/*
 * http/internal.h - the inside of the server, shared by its files.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "http/router.h"
#include "http/server.h"
#include "http/transport.h"
#include "loop/fiber.h"
#include "net/conn.h"

#include <stdbool.h>

struct listener;

/* Most listeners of one server. */
#define HTTP_LISTENERS_MAX 8

/* A place where the server listens. */
struct http_listener {
	struct http_server *server;
	struct listener *l;
};

/* A server. */
struct http_server {
	struct http_server_config cfg;
	struct http_listener listeners[HTTP_LISTENERS_MAX];
	size_t n_listeners;
	struct list sessions;       /* struct http_session */
	struct list requests;       /* struct http_req, from http_req_new to its end */
	struct listener *accepting; /* listener of the connection that is being set up */
	bool draining;
	struct waitq changed; /* a session or request ended */
	struct http_server_stats stats;
	struct conn_stats conn_stats;
	int64_t date_of; /* seconds that `date` stands for */
	char date[40];
};

/* Begins to speak HTTP/1 (or hands on to HTTP/2) on a connection. */
void http1_serve(struct http_server *s, struct conn *c);

/* Runs the before hook and the handler. */
int co_http_req_handle(struct http_req *req, struct err *err);

/* Sends what is left of a response whose handler ended with `rc` and `e`. Does not suspend. */
void http_resp_finish(struct http_req *req, int rc, const struct err *e);

/* Frees the request and tells the server. */
void http_req_free(struct http_req *req);

/* --- compression of responses (encode.c) ----------------------------------------------------- */

/* Content codings. */
enum http_coding { HTTP_CODING_NONE, HTTP_CODING_GZIP, HTTP_CODING_ZSTD };

/* The coding to answer with, by Accept-Encoding and Content-Type; `len` is the body's length or -1. */
enum http_coding http_choose_coding(const struct http_req *req, int64_t len);

/* A compressor. */
struct http_encoder *http_encoder_new(enum http_coding c);

/* Frees it. NULL is allowed. */
void http_encoder_free(struct http_encoder *e);

/* What follows the bytes given to http_encode. */
enum http_encode_mode { HTTP_ENCODE_MORE, HTTP_ENCODE_FLUSH, HTTP_ENCODE_END };

/* Compresses `in` and appends what is ready to `out`. */
int http_encode(struct http_encoder *e, struct str in, enum http_encode_mode mode, struct strbuf *out, struct err *err);

#endif
