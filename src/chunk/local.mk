noinst_LIBRARIES += src/chunk/libchunk.a
src_chunk_libchunk_a_SOURCES = \
	src/chunk/bits.c src/chunk/bits.h \
	src/chunk/chunk.h \
	src/chunk/hist.h \
	src/chunk/histogram.c src/chunk/histogram.h \
	src/chunk/xor.c src/chunk/xor.h

CHUNK_LIBS = src/chunk/libchunk.a $(CODEC_LIBS)
