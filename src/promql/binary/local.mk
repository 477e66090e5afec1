src_promql_libpromql_a_SOURCES += \
	src/promql/binary/binop.c \
	src/promql/binary/elem.c src/promql/binary/elem.h \
	src/promql/binary/match.c src/promql/binary/match.h \
	src/promql/binary/match_fill.c \
	src/promql/binary/setop.c
