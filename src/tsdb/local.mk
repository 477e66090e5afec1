EXTRA_DIST += src/tsdb/head.h
