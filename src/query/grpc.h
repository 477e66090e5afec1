/*
 * query/grpc.h - what a querier serves to a querier above it: thanos.Store,
 * thanos.info.Info, thanos.Query, and what its endpoints have of thanos.Rules, Targets, Metadata, Exemplars and Status.
 *
 * Chunk data go from the child's frame to the parent's without being copied
 * more than the transport needs. Messages: proto/store.proto, info.proto, query.proto.
 */
#ifndef QUERY_GRPC_H
#define QUERY_GRPC_H

struct grpc_server;
struct query;

/* Adds the methods; `q` outlives the server's calls. */
void query_grpc_add(struct query *q, struct grpc_server *s);

#endif
