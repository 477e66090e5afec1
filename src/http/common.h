/*
 * http/common.h - the routes that every component has: /metrics and the
 * debugging pages.
 */
#ifndef HTTP_COMMON_H
#define HTTP_COMMON_H

struct http_router;
struct metrics_registry;

/* Adds GET /metrics: text or OpenMetrics by the Accept header. `reg` is borrowed. */
void http_metrics_route(struct http_router *r, struct metrics_registry *reg);

/* Adds GET /debug/fibers: the table of live fibers as text. */
void http_debug_routes(struct http_router *r);

#endif
