/*
 * query/grpc_internal.h - the tables of the querier's services. Private to query/.
 */
#ifndef QUERY_GRPC_INTERNAL_H
#define QUERY_GRPC_INTERNAL_H

#include "grpc/server.h"

/* thanos.Store: Series, LabelNames, LabelValues. Their argument is the struct query. */
extern const struct grpc_method query_store_methods[3];

/* thanos.Query: Query, QueryRange. Likewise. */
extern const struct grpc_method query_query_methods[2];

/* thanos.Rules, Targets, Metadata, Exemplars, Status. Likewise. */
extern const struct grpc_method query_proxy_methods[5];

#endif
