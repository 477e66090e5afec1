/*
 * query/http_internal.h - what the handlers of the querier share. Private to
 * query/.
 */
#ifndef QUERY_HTTP_INTERNAL_H
#define QUERY_HTTP_INTERNAL_H

#include "api/backend.h"
#include "api/prom.h"
#include "api/reply.h"
#include "api/status.h"
#include "http/req.h"
#include "proto/labels.pb-c.h"
#include "proto/timestamp.pb-c.h"
#include "query/ask.h"
#include "query/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query_http {
	struct query *q;
	struct query_http_config cfg;
	struct api_backend backend;
	struct api_prom prom;
	struct api_status status;
	const struct http_router *router;
};

/* A request that goes to all endpoints of an API. End it with asking_fini. */
struct asking {
	struct query_http *h;
	struct http_req *req;
	const struct http_params *params;
	struct budget budget;
	struct arena arena;
	struct budget *old_budget;
	struct api_notes notes;
	enum api_errtype errtype; /* of the error to answer with */
};

/* Reads the parameters, sets the headers. asking_fini must follow on every path. */
int co_asking_begin(struct asking *a, struct http_req *req, struct query_http *h, struct err *err);

/* co_query_ask; what fails then is an internal error. */
int co_asking_send(struct asking *a, const struct query_question *what, struct query_answers *ret, struct err *err);

/* Answers with an error. */
int co_asking_fail(struct asking *a, const struct err *e, struct err *err);

/* Gives back everything. */
void asking_fini(struct asking *a);

/* All values of a parameter, for a repeated field of protobuf-c, in the arena. */
int asking_list(struct asking *a, const char *name, char ***ret, size_t *ret_n, struct err *err);

/* The first value of a parameter as a C string, "" where it is missing. In the arena; NULL when that is full. */
const char *asking_param(struct asking *a, const char *name);

/* Labels of a message, sorted, without the configured replica labels where `strip`. Pairs in the arena; NULL is the empty set. */
int asking_labels(struct asking *a, const Thanos__ZLabelSet *l, bool strip, struct labels *ret, struct err *err);

/* Writes a label set as encoding/json writes a map. */
void http_write_labels(struct jsonw *w, struct labels l);

/* Writes a time as Go does; NULL is its zero time. */
void http_write_timestamp(struct jsonw *w, const Google__Protobuf__Timestamp *t);

/* Compares times, NULL being before all. <0, 0, >0. */
int http_timestamp_cmp(const Google__Protobuf__Timestamp *a, const Google__Protobuf__Timestamp *b);

/* /api/v1/rules */
int co_http_rules(struct http_req *req, void *arg, struct err *err);

/* /api/v1/alerts */
int co_http_alerts(struct http_req *req, void *arg, struct err *err);

/* /api/v1/targets */
int co_http_targets(struct http_req *req, void *arg, struct err *err);

/* /api/v1/metadata */
int co_http_metadata(struct http_req *req, void *arg, struct err *err);

/* /api/v1/query_exemplars */
int co_http_exemplars(struct http_req *req, void *arg, struct err *err);

/* /api/v1/status/tsdb */
int co_http_tsdb_status(struct http_req *req, void *arg, struct err *err);

#endif
