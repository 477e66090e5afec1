src_promql_libpromql_a_SOURCES += \
	src/promql/window/changes.c \
	src/promql/window/extrapolate.c \
	src/promql/window/hist_marks.c \
	src/promql/window/over_time.c src/promql/window/over_time.h \
	src/promql/window/rate.c src/promql/window/rate.h \
	src/promql/window/rate_ext.c \
	src/promql/window/rate_hist.c \
	src/promql/window/regress.c \
	src/promql/window/rollup.c src/promql/window/rollup.h \
	src/promql/window/xrate.c
