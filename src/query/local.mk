noinst_LIBRARIES += src/query/libquery.a
src_query_libquery_a_SOURCES = \
	src/query/endpoints.h \
	src/query/fanout.h \
	src/query/grpc.h \
	src/query/http.c src/query/http.h \
	src/query/http_backend.c src/query/http_backend.h \
	src/query/query.h \
	src/query/source.h

QUERY_LIBS = src/query/libquery.a $(API_LIBS) $(DISCOVERY_LIBS) $(SERIES_LIBS) $(PROMQL_LIBS) $(GRPC_LIBS)
