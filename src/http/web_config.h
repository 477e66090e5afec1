/*
 * http/web_config.h - the web configuration file of Prometheus'
 * exporter-toolkit (--http.config): TLS, HTTP/2, response headers, basic
 * authentication, rate limit.
 *
 * The file is looked at again at most once per second and read when it
 * changed; one that does not load leaves the old one in force. TLS settings are
 * those of the start, but certificate, key and CA files are followed (net/tls.h).
 *
 * bcrypt runs off the loop, one at a time; behind a bounded queue of waiting
 * requests comes 429. Unknown users cost the same as known ones. Outcomes are
 * cached under a keyed hash of user, stored hash and password.
 */
#ifndef HTTP_WEB_CONFIG_H
#define HTTP_WEB_CONFIG_H

#include "base/err.h"

#include <stdbool.h>

struct http_req;
struct tls_ctx;
struct web_config;

/* Loads the file. Errors name the file, the line and the key. */
struct web_config *web_config_open(const char *path, struct err *err);

/* Frees it; no server may use it any more. NULL is allowed. */
void web_config_free(struct web_config *w);

/* The TLS context for the server, borrowed; NULL without tls_server_config. */
struct tls_ctx *web_config_tls(const struct web_config *w);

/* Whether HTTP/2 may be spoken. */
bool web_config_http2(const struct web_config *w);

/* The http_before_fn of a server; `arg` is the web_config. Sets headers, limits the rate, authenticates: 429, 401. Suspends. */
int co_web_config_before(struct http_req *req, void *arg, bool *ret_done, struct err *err);

#endif
