/*
 * grpc/metrics.h - counters of calls with the names and labels of go-grpc-prometheus.
 */
#ifndef GRPC_METRICS_H
#define GRPC_METRICS_H

#include "base/str.h"
#include "metrics/metrics.h"

#include <stdint.h>

/* The families of one side. */
struct grpc_metric_families {
	struct metrics_vec *started, *handled, *seconds, *received, *sent;
};

/* The children of one method; all NULL where nothing is counted. */
struct grpc_method_metrics {
	struct grpc_metric_families *f;
	char *type, *service, *method;
	struct counter *started, *received, *sent;
	struct metrics_histogram *seconds;
	struct counter *handled[17];
};

/* Registers grpc_<side>_started_total and so on; `side` is "server" or "client". */
void grpc_metric_families_init(struct grpc_metric_families *f, struct metrics_registry *reg, const char *side);

/* The children of a method, path "/service/method"; `type` is "unary", "server_stream" or "bidi_stream". All at 0 at once, as upstream's Initialize does. */
void grpc_method_metrics_init(struct grpc_method_metrics *m, struct grpc_metric_families *f, const char *type,
			      struct str path);

/* Frees the strings. */
void grpc_method_metrics_fini(struct grpc_method_metrics *m);

/* Counts a call that begins. */
void grpc_method_started(struct grpc_method_metrics *m);

/* Counts a call that ended with `code` after `ns`. */
void grpc_method_handled(struct grpc_method_metrics *m, int code, int64_t ns);

/* Counts a message received. */
void grpc_method_received(struct grpc_method_metrics *m);

/* Counts a message sent. */
void grpc_method_sent(struct grpc_method_metrics *m);

#endif
