/*
 * query/endpoints.h - the set of endpoints and their health.
 *
 * Every info timeout the set takes the list that discovery has, keeps one gRPC channel
 * per endpoint and asks each for its Info. An endpoint that does not answer
 * takes no part in fan-outs from then on, and leaves the list when its last
 * answer is older than the unhealthy timeout; strict ones stay in both
 * (upstream: pkg/query/endpointset.go).
 *
 * A struct endpoint_info never changes: fan-outs hold a reference, and a new answer
 * makes a new one.
 */
#ifndef QUERY_ENDPOINTS_H
#define QUERY_ENDPOINTS_H

#include "base/arena.h"
#include "base/err.h"
#include "labels/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct discovery;
struct dns_resolver;
struct endpoints;
struct grpc_channel;
struct logger;
struct metrics_registry;
struct reactor;
struct tls_ctx;

/* The APIs that an endpoint may offer. */
enum endpoint_api {
	ENDPOINT_STORE = 1,
	ENDPOINT_RULES = 2,
	ENDPOINT_METADATA = 4,
	ENDPOINT_TARGETS = 8,
	ENDPOINT_EXEMPLARS = 16,
	ENDPOINT_QUERY = 32,
	ENDPOINT_STATUS = 64,
};

/* One TSDB behind an endpoint. */
struct endpoint_tsdb {
	struct labels labels;
	int64_t mint, maxt;
};

/* What an endpoint said about itself, with how to call it. Read only, counted. */
struct endpoint_info {
	const char *name; /* as discovery calls it */
	bool strict;
	bool group;            /* several addresses: calls that find one UNAVAILABLE are tried again */
	bool answered;         /* false: a strict endpoint that never did; taken as a store of all times */
	const char *component; /* "sidecar", "store", "receive", "rule", "query", "debug", else "unknown-store-api" */
	unsigned apis;         /* sum of enum endpoint_api */
	const struct labels *label_sets; /* external labels, empty sets left out */
	size_t n_label_sets;
	int64_t mint, maxt; /* ms; INT64_MIN and INT64_MAX without a store */
	bool supports_sharding, supports_without_replica_labels;
	const struct endpoint_tsdb *tsdbs;
	size_t n_tsdbs;
	struct grpc_channel *channel;
	/* private */
	struct tls_ctx *tls; /* what the channel borrows */
	unsigned refs;
	struct arena arena;
};

/* Takes a reference. */
struct endpoint_info *endpoint_info_ref(struct endpoint_info *i);

/* Gives it back. NULL is fine. */
void endpoint_info_unref(struct endpoint_info *i);

/* How a set behaves. */
struct endpoints_config {
	int64_t info_timeout_ms;      /* of an Info call, and pause between them */
	int64_t unhealthy_timeout_ms; /* how long an endpoint stays listed without an answer */
	const char *const
		*metric_labels; /* of thanos_store_nodes_grpc_connections; of external_labels, store_type, ip_port */
	size_t n_metric_labels; /* 0: the first two */
};

/*
 * Makes an empty set over `d` (borrowed, like `dns` for endpoints with host names, `lg` and `reg`, which may be NULL).
 * Registers thanos_store_nodes_grpc_connections and the counters of gRPC clients.
 */
struct endpoints *endpoints_new(struct reactor *r, struct discovery *d, struct dns_resolver *dns,
				const struct endpoints_config *cfg, struct logger *lg, struct metrics_registry *reg);

/* Frees the set; co_endpoints_run must have ended. Calls that hold an info go on. NULL is fine. */
void endpoints_free(struct endpoints *s);

/* One round: discovery, new channels, Info of all at the same time, removal. Logs what it finds. Fails only when cancelled. */
int co_endpoints_update(struct endpoints *s, struct err *err);

/* Rounds until cancelled. */
int co_endpoints_run(struct endpoints *s, struct err *err);

/*
 * Whether the first round has ended, or an endpoint answered a second ago: one that is dead must not keep the others
 * from being queried for the whole info timeout (upstream waits for all: WaitForFirstUpdate).
 */
bool endpoints_ready(const struct endpoints *s);

/* Waits until endpoints_ready, or the deadline. */
int co_endpoints_wait_ready(struct endpoints *s, struct err *err);

/* Those that take part in fan-outs and offer all of `apis`, sorted by name. Heap array of references: endpoints_release gives both back. */
struct endpoint_info **endpoints_get(struct endpoints *s, unsigned apis, size_t *ret_n);

/* Gives back what endpoints_get returned. */
void endpoints_release(struct endpoint_info **list, size_t n);

/* A row of /api/v1/stores. */
struct endpoint_status {
	struct endpoint_info *info; /* name, component, label_sets, mint, maxt */
	int64_t last_check_ms;      /* wall clock of the last answer; 0: none yet (Go's zero time) */
	const char *last_error;     /* NULL: healthy */
};

/* All endpoints listed, sorted by name, healthy or not. Heap array (free it) whose pointers are valid until the next suspension. */
struct endpoint_status *endpoints_status(struct endpoints *s, size_t *ret_n);

#endif
