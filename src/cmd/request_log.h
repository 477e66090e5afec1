/*
 * cmd/request_log.h - --request.logging-config: which requests are logged when they begin and end.
 *
 *	options: {level: DEBUG, decision: {log_start: true, log_end: true}}
 *	http: {options: ..., config: [{path: /api/v1/query, port: 10902}]}
 *	grpc: {options: ..., config: [{service: thanos.Store, method: Series}]}
 *
 * Options of a protocol replace those at the top. A list restricts the log to what it names. Requests are logged at debug,
 * those that fail by the server's fault at error, with upstream's keys (pkg/logging, go-grpc-middleware's logging):
 * --log.level holds for that, and for HTTP, as upstream, `level` too.
 */
#ifndef CMD_REQUEST_LOG_H
#define CMD_REQUEST_LOG_H

#include "base/err.h"
#include "base/log.h"
#include "cmd/common_options.h"
#include "grpc/server.h"
#include "http/server.h"

struct request_log;

/*
 * Reads the configuration; *ret is NULL where there is none. Lines go to `lg`, which is borrowed. INVALID_ARGUMENT, naming the
 * place, for one that is wrong. Blocks.
 */
int request_log_new(const struct request_log_options *o, struct logger *lg, struct request_log **ret, struct err *err);

/* Frees it, after the servers. NULL is fine. */
void request_log_free(struct request_log *l);

/* What an HTTP server is given; NULL where it logs nothing. `l` may be NULL. */
const struct http_watch *request_log_http(const struct request_log *l);

/* The same for a gRPC server. */
const struct grpc_watch *request_log_grpc(const struct request_log *l);

#endif
