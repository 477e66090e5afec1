noinst_LIBRARIES += src/api/libapi.a
src_api_libapi_a_SOURCES = \
	src/api/active.c src/api/active.h \
	src/api/api_internal.h \
	src/api/backend.h \
	src/api/call.c src/api/call.h \
	src/api/cost.c src/api/cost.h \
	src/api/journal.c src/api/journal.h \
	src/api/labels.c \
	src/api/operator.c src/api/operator.h \
	src/api/param.c src/api/param.h \
	src/api/prom.c src/api/prom.h \
	src/api/query.c \
	src/api/expfmt.c src/api/expfmt.h \
	src/api/federate.c \
	src/api/read.c \
	src/api/read_series.c src/api/read_series.h \
	src/api/reply.c src/api/reply.h \
	src/api/result.c src/api/result.h \
	src/api/series.c \
	src/api/status.c src/api/status.h \
	src/api/tenant.c src/api/tenant.h \
	src/api/union.c src/api/union.h

API_LIBS = src/api/libapi.a $(PROMQL_LIBS) $(SERIES_LIBS) $(HTTP_LIBS) $(LABELS_LIBS) $(LOOP_LIBS) $(BASE_LIBS)
