/*
 * receive/store.h - the gRPC services of receive over all tenants: Store,
 * WriteableStore, Exemplars, Status, Info.
 */
#ifndef RECEIVE_STORE_H
#define RECEIVE_STORE_H

struct grpc_server;
struct receive;

/* Adds the services' methods. */
void receive_store_add(struct receive *r, struct grpc_server *s);

#endif
