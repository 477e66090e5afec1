/*
 * query/http_backend.h - the querier as what stands behind the query API.
 * Private to query/.
 */
#ifndef QUERY_HTTP_BACKEND_H
#define QUERY_HTTP_BACKEND_H

#include "api/backend.h"

struct query;

/* The interface over `q`, which is borrowed. */
struct api_backend query_http_backend(struct query *q);

#endif
