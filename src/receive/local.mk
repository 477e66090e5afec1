noinst_LIBRARIES += src/receive/libreceive.a
src_receive_libreceive_a_SOURCES = \
	src/receive/append.c src/receive/append.h \
	src/receive/cursor.c src/receive/cursor.h \
	src/receive/db.c src/receive/db.h src/receive/db_internal.h src/receive/maintain.c \
	src/receive/dbs.c src/receive/dbs.h \
	src/receive/exemplars.c \
	src/receive/info.c \
	src/receive/internal.h \
	src/receive/limits.c src/receive/limits.h \
	src/receive/metrics.c src/receive/metrics.h \
	src/receive/names.c src/receive/names.h \
	src/receive/receive.c src/receive/receive.h \
	src/receive/status.c \
	src/receive/store.c src/receive/store.h \
	src/receive/tenant.c src/receive/tenant.h \
	src/receive/tsdb_metrics.c src/receive/tsdb_metrics.h \
	src/receive/view.c src/receive/view.h \
	src/receive/write.c src/receive/write.h \
	src/receive/write_http.c

RECEIVE_LIBS = src/receive/libreceive.a $(PROMQL_LIBS) $(SERIES_LIBS) $(TSDB_LIBS) $(GRPC_LIBS) $(HTTP_LIBS)
