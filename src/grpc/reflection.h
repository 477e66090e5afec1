/*
 * grpc/reflection.h - server reflection, v1 and v1alpha, from the embedded descriptors (proto/descriptors.h).
 */
#ifndef GRPC_REFLECTION_H
#define GRPC_REFLECTION_H

struct grpc_server;

/* Adds both services. What the server has when a client asks is listed. */
void grpc_reflection_add(struct grpc_server *s);

#endif
