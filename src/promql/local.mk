noinst_LIBRARIES += src/promql/libpromql.a
src_promql_libpromql_a_SOURCES = \
	src/promql/ast.c src/promql/ast.h \
	src/promql/engine.h \
	src/promql/functions.c src/promql/functions.h \
	src/promql/parser.h

PROMQL_LIBS = src/promql/libpromql.a $(BASE_LIBS)
