noinst_LIBRARIES += src/tsdb/libtsdb.a
src_tsdb_libtsdb_a_SOURCES = \
	src/tsdb/head.h \
	src/tsdb/record.c src/tsdb/record.h \
	src/tsdb/wal.h src/tsdb/wal_dir.c src/tsdb/wal_format.h src/tsdb/wal_reader.c src/tsdb/wal_writer.c

TSDB_LIBS = src/tsdb/libtsdb.a $(CHUNK_LIBS) $(LABELS_LIBS) $(CODEC_LIBS)
