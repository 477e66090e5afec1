/*
 * http/probe.h - whether a component is healthy and ready to serve.
 *
 * One state, shown three ways: /-/healthy and /-/ready over HTTP, the gRPC
 * health service, and the metric thanos_status{component,check}. Both
 * start as false (upstream: pkg/prober).
 */
#ifndef HTTP_PROBE_H
#define HTTP_PROBE_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>

struct gauge;
struct http_router;
struct metrics_registry;

/* Called when readiness or health changes: for the gRPC health service. */
typedef void probe_change_fn(void *arg);

/* The state of a component. Members are readable; change them with the functions below. */
struct probe {
	const char *component; /* label, static string: "query", "receive" */
	struct logger *log;    /* may be NULL */
	bool ready, healthy;
	struct err not_ready, not_healthy; /* why not; code 0 for the start */
	probe_change_fn *on_change;
	void *on_change_arg;
	struct gauge *ready_gauge, *healthy_gauge; /* private */
};

/* Prepares a state: neither ready nor healthy. `component` is a static string, `lg` may be NULL. */
void probe_init(struct probe *p, const char *component, struct logger *lg);

/* Says that the component can serve; logged when it changes. */
void probe_ready(struct probe *p);

/* Says that it cannot, and why; logged when it changes. */
void probe_not_ready(struct probe *p, const struct err *why);

/* Says that the component works. */
void probe_healthy(struct probe *p);

/* Says that it does not, and why. */
void probe_not_healthy(struct probe *p, const struct err *why);

/* Registers thanos_status{component,check} for "ready" and "healthy". `p` must outlive the registry's use. */
void probe_metrics_init(struct probe *p, struct metrics_registry *reg);

/* Adds the routes /-/healthy and /-/ready: 200 "OK" or 503 "NOT OK". */
void probe_add_routes(struct probe *p, struct http_router *r);

#endif
