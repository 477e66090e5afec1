EXTRA_DIST += src/query/endpoints.h src/query/fanout.h src/query/grpc.h src/query/http.h src/query/query.h src/query/source.h
