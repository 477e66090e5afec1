noinst_LIBRARIES += src/promql/libpromql.a
src_promql_libpromql_a_SOURCES = \
	src/promql/ast.c src/promql/ast.h \
	src/promql/engine.h \
	src/promql/functions.c src/promql/functions.h \
	src/promql/lex.c src/promql/lex.h \
	src/promql/literal.c src/promql/literal.h \
	src/promql/parser.c src/promql/parser.h src/promql/parser_int.h \
	src/promql/parser_check.c src/promql/parser_core.c src/promql/parser_duration.c \
	src/promql/printer.c src/promql/printer.h \
	src/promql/series_desc.c src/promql/series_desc.h \
	src/promql/series_hist.c src/promql/series_hist.h

PROMQL_LIBS = src/promql/libpromql.a $(CHUNK_LIBS) $(LABELS_LIBS) $(TEXT_LIBS)
