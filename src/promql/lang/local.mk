src_promql_libpromql_a_SOURCES += \
	src/promql/lang/ast.c src/promql/lang/ast.h \
	src/promql/lang/ast_json.c src/promql/lang/ast_json.h \
	src/promql/lang/functions.c src/promql/lang/functions.h \
	src/promql/lang/lex.c src/promql/lang/lex.h \
	src/promql/lang/lex_core.c \
	src/promql/lang/lex_int.h \
	src/promql/lang/lex_literal.c \
	src/promql/lang/lex_series.c \
	src/promql/lang/literal.c src/promql/lang/literal.h \
	src/promql/lang/parser.c src/promql/lang/parser.h \
	src/promql/lang/parser_check.c \
	src/promql/lang/parser_core.c \
	src/promql/lang/parser_duration.c \
	src/promql/lang/parser_int.h \
	src/promql/lang/parser_modifier.c \
	src/promql/lang/parser_selector.c \
	src/promql/lang/printer.c src/promql/lang/printer.h \
	src/promql/lang/series_desc.c src/promql/lang/series_desc.h \
	src/promql/lang/series_hist.c src/promql/lang/series_hist.h \
	src/promql/lang/token.c
