noinst_LIBRARIES += src/tsdb/libtsdb.a
src_tsdb_libtsdb_a_SOURCES = \
	src/tsdb/block.c src/tsdb/block.h \
	src/tsdb/block_labels.c src/tsdb/block_labels.h \
	src/tsdb/block_writer.c src/tsdb/block_writer.h \
	src/tsdb/chunks_reader.c src/tsdb/chunks_reader.h \
	src/tsdb/chunks_writer.c src/tsdb/chunks_writer.h \
	src/tsdb/filemap.c src/tsdb/filemap.h \
	src/tsdb/head.c src/tsdb/head.h src/tsdb/head_int.h \
	src/tsdb/head_append.c \
	src/tsdb/head_block.c \
	src/tsdb/head_checkpoint.c \
	src/tsdb/head_chunks.c src/tsdb/head_chunks.h \
	src/tsdb/head_commit.c \
	src/tsdb/head_flush.c \
	src/tsdb/head_gather.c src/tsdb/head_gather.h \
	src/tsdb/head_gc.c \
	src/tsdb/head_labels.c \
	src/tsdb/head_ooo.c \
	src/tsdb/head_postings.c src/tsdb/head_postings.h \
	src/tsdb/head_order.c src/tsdb/head_order.h \
	src/tsdb/head_read.c \
	src/tsdb/head_replay.c \
	src/tsdb/head_select.c \
	src/tsdb/head_series.c \
	src/tsdb/head_stats.c \
	src/tsdb/index_parts.c src/tsdb/index_parts.h \
	src/tsdb/index_reader.c src/tsdb/index_reader.h \
	src/tsdb/index_writer.c src/tsdb/index_writer.h \
	src/tsdb/local_blocks.c src/tsdb/local_blocks.h \
	src/tsdb/meta.c src/tsdb/meta.h \
	src/tsdb/outfile.c src/tsdb/outfile.h \
	src/tsdb/postings.c src/tsdb/postings.h \
	src/tsdb/record.c src/tsdb/record.h \
	src/tsdb/select.c src/tsdb/select.h \
	src/tsdb/tombstones.c src/tsdb/tombstones.h \
	src/tsdb/wal.h src/tsdb/wal_dir.c src/tsdb/wal_format.h src/tsdb/wal_reader.c src/tsdb/wal_writer.c

TSDB_LIBS = src/tsdb/libtsdb.a $(CHUNK_LIBS) $(LABELS_LIBS) $(METRICS_LIBS) $(TEXT_LIBS) $(CODEC_LIBS) -lpthread
