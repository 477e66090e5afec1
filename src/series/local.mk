noinst_LIBRARIES += src/series/libseries.a
src_series_libseries_a_SOURCES = \
	src/series/dedup.c src/series/dedup.h \
	src/series/encode.c src/series/encode.h \
	src/series/merge.c src/series/merge.h \
	src/series/overlap.c src/series/overlap.h \
	src/series/regex.c src/series/regex.h \
	src/series/samples.c src/series/samples.h \
	src/series/series.c src/series/series.h \
	src/series/shard.c src/series/shard.h \
	src/series/wire_frame.c src/series/wire_request.c src/series/wire_series.h \
	src/series/wire_read.c src/series/wire_read.h src/series/wire_read_request.c \
	src/series/wire_hist.c src/series/wire_hist.h \
	src/series/wire_write.c src/series/wire_write.h

SERIES_LIBS = src/series/libseries.a $(LOOP_LIBS) $(PROTO_LIBS) $(CHUNK_LIBS) $(LABELS_LIBS) $(BASE_LIBS)
