/*
 * receive/internal.h - the component's own state; for receive/ only.
 */
#ifndef RECEIVE_INTERNAL_H
#define RECEIVE_INTERNAL_H

#include "loop/fiber.h"
#include "loop/gate.h"
#include "metrics/metrics.h"
#include "receive/dbs.h"
#include "receive/limits.h"
#include "receive/metrics.h"
#include "receive/receive.h"
#include "receive/write.h"

#include <stdbool.h>

struct Thanos__ZLabelSet;
struct grpc_call;
struct http_req;
struct http_router;
struct http_server;
struct relabel_rules;
struct tls_ctx;

/* Largest compressed and uncompressed body where no limit is configured; the latter is Prometheus' own. */
#define MAX_COMPRESSED_BYTES (32ull << 20)
#define MAX_BODY_BYTES (32ull << 20)

/* Body buffers kept warm, and the largest of them. */
#define KEEP_BUFFERS 16
#define KEEP_BUFFER_BYTES (4u << 20)

struct receive {
	const struct receive_config *cfg;
	struct receive_dbs_config dbs_cfg;
	struct receive_dbs *dbs;
	struct relabel_rules *relabel;
	struct receive_limits *limits;
	struct receive_writer writer;
	struct receive_metrics metrics;
	struct gate gate; /* on write requests */
	bool ready;
	struct http_router *router; /* of the write port */
	struct http_server *http;
	struct tls_ctx *tls;
	struct fiber *maintainer, *limits_watcher; /* NULL while they do not run */
	struct waitq stopped;                      /* one of them ended */
	struct strbuf *buffers[KEEP_BUFFERS];
	size_t n_buffers;
};

/* /thanos.info.Info/Info: what is announced to queriers. Suspends. */
int co_receive_info(struct grpc_call *call, void *arg, struct err *err);

/* /thanos.Exemplars/Exemplars. Suspends. */
int co_receive_exemplars(struct grpc_call *call, void *arg, struct err *err);

/* /thanos.Status/TSDBStatistics. Suspends. */
int co_receive_status(struct grpc_call *call, void *arg, struct err *err);

/* Labels as a message, in the arena. NULL over budget. */
struct Thanos__ZLabelSet *receive_label_set(struct labels l, struct arena *a);

/* POST /api/v1/receive. Suspends. */
int co_receive_write_http(struct http_req *req, void *arg, struct err *err);

#endif
