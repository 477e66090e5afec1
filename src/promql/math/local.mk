src_promql_libpromql_a_SOURCES += \
	src/promql/math/buckets.c src/promql/math/buckets.h \
	src/promql/math/exponential_bounds.h \
	src/promql/math/fhist.c src/promql/math/fhist.h \
	src/promql/math/fhist_stats.c \
	src/promql/math/fhist_trim.c \
	src/promql/math/gomath.c src/promql/math/gomath.h \
	src/promql/math/gomath_int.h \
	src/promql/math/gomath_trig.c \
	src/promql/math/kahan.h \
	src/promql/math/lanes.c src/promql/math/lanes.h \
	src/promql/math/lanes_kernel.inc \
	src/promql/math/quantile.c src/promql/math/quantile.h \
	src/promql/math/ranked.c src/promql/math/ranked.h
