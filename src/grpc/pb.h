/*
 * grpc/pb.h - protobuf-c messages in calls, for what is not hot.
 *
 * Unpacking is bounded by proto/scan.h and lies in an arena; packing goes
 * through one buffer. Hot messages are coded by hand and sent as parts.
 */
#ifndef GRPC_PB_H
#define GRPC_PB_H

#include "grpc/client.h"
#include "grpc/server.h"

#include <protobuf-c/protobuf-c.h>

/* Unpacks the request message into the call's arena: *ret is a struct of `desc`'s type. INVALID_ARGUMENT when malformed. */
int grpc_call_unpack(struct grpc_call *c, const ProtobufCMessageDescriptor *desc, void **ret, struct err *err);

/* Packs a message (pointer to a struct that protoc-c made) and sends it. */
int co_grpc_send_pb(struct grpc_call *c, const void *message, struct err *err);

/* A unary call with messages of protobuf-c; the answer of type `desc` lies in `a`. INTERNAL when it does not unpack. */
int co_grpc_unary_pb(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
		     const void *message, const ProtobufCMessageDescriptor *desc, struct arena *a, void **ret,
		     struct err *err);

/* co_grpc_stream_open with a message of protobuf-c. */
int co_grpc_stream_open_pb(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
			   const void *message, struct grpc_stream **ret, struct err *err);

/* co_grpc_recv, unpacked into `a`: *ret is NULL at the end. INTERNAL when it does not unpack. */
int co_grpc_recv_pb(struct grpc_stream *s, const ProtobufCMessageDescriptor *desc, struct arena *a, void **ret,
		    struct err *err);

#endif
