src_promql_libpromql_a_SOURCES += \
	src/promql/aggregate/aggregate.c src/promql/aggregate/aggregate.h \
	src/promql/aggregate/count_values.c \
	src/promql/aggregate/limit.c \
	src/promql/aggregate/rank.c
