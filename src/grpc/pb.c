#include "grpc/pb.h"

#include "proto/scan.h"

int grpc_call_unpack(struct grpc_call *c, const ProtobufCMessageDescriptor *desc, void **ret, struct err *err)
{
	return proto_unpack(grpc_call_request(c), desc, NULL, grpc_call_arena(c), ret, err);
}

int co_grpc_send_pb(struct grpc_call *c, const void *message, struct err *err)
{
	struct strbuf b = { 0 };
	proto_pack(message, &b);
	int rv = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rv;
}

/* Unpacks what a server sent; that it is malformed is not the caller's fault. */
static int unpack_answer(struct str msg, const ProtobufCMessageDescriptor *desc, const char *peer, struct arena *a,
			 void **ret, struct err *err)
{
	struct err e;
	int rv = proto_unpack(msg, desc, NULL, a, ret, &e);
	if (rv == -ERR_INVALID_ARGUMENT)
		return err_set(err, ERR_INTERNAL, "%s: %s", peer, e.msg);
	if (rv && err)
		*err = e;
	return rv;
}

int co_grpc_unary_pb(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
		     const void *message, const ProtobufCMessageDescriptor *desc, struct arena *a, void **ret,
		     struct err *err)
{
	struct strbuf b = { 0 };
	struct str answer;
	proto_pack(message, &b);
	struct grpc_part part = grpc_part_copy(strbuf_str(&b));
	int rv = co_grpc_unary(ch, method, opts, &part, 1, a, &answer, err);
	strbuf_fini(&b);
	return rv ? rv : unpack_answer(answer, desc, grpc_channel_target(ch), a, ret, err);
}

int co_grpc_stream_open_pb(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
			   const void *message, struct grpc_stream **ret, struct err *err)
{
	struct strbuf b = { 0 };
	proto_pack(message, &b);
	struct grpc_part part = grpc_part_copy(strbuf_str(&b));
	int rv = co_grpc_stream_open(ch, method, opts, &part, 1, ret, err);
	strbuf_fini(&b);
	return rv;
}

int co_grpc_recv_pb(struct grpc_stream *s, const ProtobufCMessageDescriptor *desc, struct arena *a, void **ret,
		    struct err *err)
{
	struct str msg;
	bool end;
	*ret = NULL;
	int rv = co_grpc_recv(s, &msg, &end, err);
	return rv || end ? rv : unpack_answer(msg, desc, grpc_stream_peer(s), a, ret, err);
}
