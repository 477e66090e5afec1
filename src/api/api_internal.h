/*
 * api/api_internal.h - the handlers of prom.c's table. Private to api/.
 *
 * All suspend; `arg` is a struct api_prom.
 */
#ifndef API_API_INTERNAL_H
#define API_API_INTERNAL_H

#include "http/req.h"

/* /api/v1/query */
int co_api_query(struct http_req *req, void *arg, struct err *err);

/* /api/v1/query_range */
int co_api_query_range(struct http_req *req, void *arg, struct err *err);

/* /api/v1/query_explain */
int co_api_explain(struct http_req *req, void *arg, struct err *err);

/* /api/v1/query_range_explain */
int co_api_explain_range(struct http_req *req, void *arg, struct err *err);

/* /api/v1/series */
int co_api_series(struct http_req *req, void *arg, struct err *err);

/* /api/v1/labels */
int co_api_labels(struct http_req *req, void *arg, struct err *err);

/* /api/v1/label/:name/values */
int co_api_label_values(struct http_req *req, void *arg, struct err *err);

/* /api/v1/read: Prometheus remote read. */
int co_api_read(struct http_req *req, void *arg, struct err *err);

/* /federate */
int co_api_federate(struct http_req *req, void *arg, struct err *err);

/* /api/v1/format_query */
int co_api_format_query(struct http_req *req, void *arg, struct err *err);

/* /api/v1/parse_query */
int co_api_parse_query(struct http_req *req, void *arg, struct err *err);

#endif
