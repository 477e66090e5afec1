/*
 * http/router.h - from method and path to a handler.
 *
 * A component's routes are a table, in its http.c:
 *
 *	static const struct http_route routes[] = {
 *		{ HTTP_GET | HTTP_POST, "/api/v1/query", query_instant, .name = "query_instant" },
 *		{ HTTP_GET, "/api/v1/label/:name/values", label_values, .name = "label_values" },
 *	};
 *
 * ":name" stands for one segment, "*name" at the end for the rest. A literal path wins over patterns,
 * patterns are tried in the order added. GET routes also serve
 * HEAD. A known path with another method is 405 with Allow; OPTIONS without a
 * route of its own is 204 with Allow, and a route of OPTIONS alone makes no path known. A path that only lacks (or only has too much) a
 * final '/' is redirected (301, 308 unless GET), one with "//", "/./" or "/../" to what it comes to (307).
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "base/err.h"
#include "http/http.h"
#include "http/req.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_router;

/* A route. Static tables; borrowed by the router. */
struct http_route {
	unsigned methods;    /* sum of enum http_method */
	const char *pattern; /* without the route prefix */
	http_handler_fn *handler;
	const char *name;      /* label `handler` of the metrics; NULL: not instrumented */
	uint64_t body_limit;   /* most body bytes; 0 is HTTP_BODY_LIMIT */
	uint64_t memory_limit; /* budget of a request in bytes; 0 is the server's */
	bool no_auth;          /* served without the web config's basic authentication */
	bool no_compress;      /* the handler encodes by itself */
	bool at_root; /* also served without the route prefix: probes and metrics, whose readers do not know it */
};

/* Default limit of a body: what Prometheus accepts in a form. */
#define HTTP_BODY_LIMIT (10u * 1024 * 1024)

/* An empty router. */
struct http_router *http_router_new(void);

/* Frees it. NULL is allowed. */
void http_router_free(struct http_router *r);

/*
 * Routes are below this prefix ("/thanos", normalised: leading '/', no final one); "" or "/" is none. Requests outside: 404, but for routes
 * that are `at_root`; "/" redirects to it.
 */
void http_router_set_prefix(struct http_router *r, const char *prefix);

/* The prefix set, "" if none. */
const char *http_router_prefix(const struct http_router *r);

/* Adds a table of routes, whose handlers are called with `arg`. */
void http_router_add(struct http_router *r, const struct http_route *routes, size_t n, void *arg);

/* What a look-up found. */
struct http_match {
	const struct http_route *route; /* NULL: none */
	void *arg;
	unsigned allowed;                           /* methods of the path, when `route` is NULL; 0: path unknown */
	bool redirect;                              /* the path with its final '/' toggled exists */
	struct http_param params[HTTP_PATH_PARAMS]; /* values point into `path` */
	size_t n_params;
};

/* Looks up a path without prefix. HEAD finds GET routes. */
void http_router_match(const struct http_router *r, enum http_method m, struct str path, struct http_match *ret);

/* As http_router_match, for a path that is not below the prefix: finds routes that are `at_root`. */
void http_router_match_root(const struct http_router *r, enum http_method m, struct str path, struct http_match *ret);

/* Strips the prefix; false when the path is not below it. */
bool http_router_strip(const struct http_router *r, struct str *path);

#endif
