src_promql_libpromql_a_SOURCES += \
	src/promql/vector/absent.c \
	src/promql/vector/calendar.c \
	src/promql/vector/hquantile.c \
	src/promql/vector/info.c \
	src/promql/vector/label_fn.c \
	src/promql/vector/scalar.c \
	src/promql/vector/vecfn.c \
	src/promql/vector/vector.c src/promql/vector/vector.h
