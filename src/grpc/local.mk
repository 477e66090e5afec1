noinst_LIBRARIES += src/grpc/libgrpc.a
src_grpc_libgrpc_a_SOURCES = \
	src/grpc/call.c \
	src/grpc/channel.c \
	src/grpc/client.h src/grpc/client_internal.h \
	src/grpc/encoding.c src/grpc/encoding.h \
	src/grpc/health.c src/grpc/health.h \
	src/grpc/inbox.c src/grpc/inbox.h \
	src/grpc/message.h \
	src/grpc/metadata.c src/grpc/metadata.h \
	src/grpc/metrics.c src/grpc/metrics.h \
	src/grpc/pb.c src/grpc/pb.h \
	src/grpc/reflection.c src/grpc/reflection.h \
	src/grpc/server.c src/grpc/server.h src/grpc/server_internal.h \
	src/grpc/status.c src/grpc/status.h \
	src/grpc/stream.c

GRPC_LIBS = src/grpc/libgrpc.a $(PROTO_LIBS) $(HTTP_LIBS) $(METRICS_LIBS) $(CODEC_LIBS)
