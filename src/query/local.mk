noinst_LIBRARIES += src/query/libquery.a
src_query_libquery_a_SOURCES = \
	src/query/ask.c src/query/ask.h \
	src/query/below.c src/query/below.h \
	src/query/cost.c src/query/cost.h \
	src/query/endpoint_info.c src/query/endpoint_info.h \
	src/query/endpoints.c src/query/endpoints.h \
	src/query/exemplars.c src/query/exemplars.h \
	src/query/explain.c src/query/explain.h \
	src/query/fanout.c src/query/fanout.h src/query/fanout_internal.h \
	src/query/fanout_labels.c \
	src/query/fanout_series.c \
	src/query/fanout_stream.c \
	src/query/grpc.c src/query/grpc.h src/query/grpc_internal.h \
	src/query/grpc_proxy.c \
	src/query/grpc_query.c \
	src/query/grpc_store.c \
	src/query/http.c src/query/http.h \
	src/query/http_asking.c src/query/http_internal.h \
	src/query/http_backend.c src/query/http_backend.h \
	src/query/http_exemplars.c \
	src/query/http_metadata.c \
	src/query/http_rules.c \
	src/query/http_targets.c \
	src/query/http_tsdb.c \
	src/query/query.c src/query/query.h src/query/query_internal.h \
	src/query/source.c src/query/source.h

QUERY_LIBS = src/query/libquery.a $(API_LIBS) $(DISCOVERY_LIBS) $(SERIES_LIBS) $(PROMQL_LIBS) $(GRPC_LIBS)
