src_promql_libpromql_a_SOURCES += \
	src/promql/plan/ordered.c src/promql/plan/ordered.h \
	src/promql/plan/plan.c src/promql/plan/plan.h \
	src/promql/plan/plan_time.c
