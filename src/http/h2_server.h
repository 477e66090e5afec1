/*
 * http/h2_server.h - ordinary HTTP requests over HTTP/2: the bridge from a session (http/h2.h) to the dispatch (http/transport.h).
 */
#ifndef HTTP_H2_SERVER_H
#define HTTP_H2_SERVER_H

struct conn;
struct http_server;

/*
 * Serves HTTP/2 on a connection that chose it; an http_h2_serve_fn for struct http_server_config. Limits are those of the
 * server, with at most 100 requests at a time and 256 KiB of body read ahead per request.
 */
void http_h2_serve(struct http_server *s, struct conn *c);

#endif
