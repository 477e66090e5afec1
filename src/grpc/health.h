/*
 * grpc/health.h - the service grpc.health.v1.Health.
 *
 * One state for the whole server (service name ""), as upstream: SERVING while the component's probe is ready and healthy.
 */
#ifndef GRPC_HEALTH_H
#define GRPC_HEALTH_H

#include <stdbool.h>

struct grpc_health;
struct grpc_server;
struct probe;

/* Adds Check, Watch and List to a server; NOT_SERVING at first. */
struct grpc_health *grpc_health_new(struct grpc_server *s);

/* Frees it. The server must be stopped; a bound probe is let go. NULL is allowed. */
void grpc_health_free(struct grpc_health *h);

/* Sets the state and tells the watchers. */
void grpc_health_set(struct grpc_health *h, bool serving);

/* Follows a probe (borrowed, outlives `h`), taking its on_change hook. */
void grpc_health_bind(struct grpc_health *h, struct probe *p);

#endif
