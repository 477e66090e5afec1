noinst_LIBRARIES += src/chunk/libchunk.a
src_chunk_libchunk_a_SOURCES = \
	src/chunk/aggr.c src/chunk/aggr.h \
	src/chunk/bits.c src/chunk/bits.h \
	src/chunk/chunk.c src/chunk/chunk.h \
	src/chunk/hist.h src/chunk/hist_app.c src/chunk/hist_decode.c \
	src/chunk/histogram.c src/chunk/histogram.h \
	src/chunk/st.h \
	src/chunk/xor.c src/chunk/xor.h \
	src/chunk/xor2.c src/chunk/xor2.h

CHUNK_LIBS = src/chunk/libchunk.a $(CODEC_LIBS) -lm
