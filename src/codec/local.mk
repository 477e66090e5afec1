noinst_LIBRARIES += src/codec/libcodec.a
src_codec_libcodec_a_SOURCES = \
	src/codec/crc32c.c src/codec/crc32c.h src/codec/crc32c_table.h \
	src/codec/varint.c src/codec/varint.h

CODEC_LIBS = src/codec/libcodec.a $(BASE_LIBS)

EXTRA_DIST += src/codec/gzip.h src/codec/snappy.h src/codec/zstd.h
