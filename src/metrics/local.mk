noinst_LIBRARIES += src/metrics/libmetrics.a
src_metrics_libmetrics_a_SOURCES = \
	src/metrics/budget.c src/metrics/budget.h \
	src/metrics/expose.c src/metrics/expose.h \
	src/metrics/metrics.h \
	src/metrics/process.c src/metrics/process.h \
	src/metrics/registry.c src/metrics/registry.h

METRICS_LIBS = src/metrics/libmetrics.a $(TEXT_LIBS)
