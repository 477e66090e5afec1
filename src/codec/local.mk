noinst_LIBRARIES += src/codec/libcodec.a
src_codec_libcodec_a_SOURCES = \
	src/codec/crc32c.c src/codec/crc32c.h src/codec/crc32c_table.h \
	src/codec/gzip.c src/codec/gzip.h \
	src/codec/snappy.c src/codec/snappy.h \
	src/codec/varint.c src/codec/varint.h \
	src/codec/zstd.c src/codec/zstd.h

CODEC_LIBS = src/codec/libcodec.a $(BASE_LIBS) $(SNAPPY_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) -lstdc++
