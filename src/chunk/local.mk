EXTRA_DIST += src/chunk/chunk.h src/chunk/hist.h src/chunk/histogram.h src/chunk/xor.h
