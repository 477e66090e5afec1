EXTRA_DIST += src/metrics/expose.h src/metrics/metrics.h src/metrics/process.h
