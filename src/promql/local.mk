noinst_LIBRARIES += src/promql/libpromql.a
src_promql_libpromql_a_SOURCES = \
	src/promql/ast.c src/promql/ast.h \
	src/promql/ast_json.c src/promql/ast_json.h \
	src/promql/engine.h \
	src/promql/functions.c src/promql/functions.h \
	src/promql/lex.c src/promql/lex.h src/promql/lex_int.h \
	src/promql/lex_core.c src/promql/lex_literal.c src/promql/lex_series.c src/promql/token.c \
	src/promql/literal.c src/promql/literal.h \
	src/promql/parser.c src/promql/parser.h src/promql/parser_int.h \
	src/promql/parser_check.c src/promql/parser_core.c src/promql/parser_duration.c \
	src/promql/parser_modifier.c src/promql/parser_selector.c \
	src/promql/printer.c src/promql/printer.h \
	src/promql/series_desc.c src/promql/series_desc.h \
	src/promql/series_hist.c src/promql/series_hist.h

# evaluation
src_promql_libpromql_a_SOURCES += \
	src/promql/absent.c \
	src/promql/aggregate.c \
	src/promql/aggregate.h \
	src/promql/analyse.c \
	src/promql/analyse.h \
	src/promql/binop.c \
	src/promql/blame.c \
	src/promql/buckets.c \
	src/promql/buckets.h \
	src/promql/calendar.c \
	src/promql/changes.c \
	src/promql/count_values.c \
	src/promql/elem.c \
	src/promql/elem.h \
	src/promql/engine.c \
	src/promql/eval.h \
	src/promql/exponential_bounds.h \
	src/promql/feed.c \
	src/promql/fhist.c \
	src/promql/fhist.h \
	src/promql/fhist_stats.c \
	src/promql/fhist_trim.c \
	src/promql/gomath.c src/promql/gomath.h src/promql/gomath_int.h src/promql/gomath_trig.c \
	src/promql/hquantile.c \
	src/promql/info.c \
	src/promql/kahan.h \
	src/promql/label_fn.c \
	src/promql/lanes.c src/promql/lanes.h src/promql/lanes_kernel.inc \
	src/promql/limit.c \
	src/promql/match.c \
	src/promql/match.h \
	src/promql/match_fill.c \
	src/promql/matrix.c \
	src/promql/node.c \
	src/promql/notes.c \
	src/promql/over_time.c \
	src/promql/over_time.h \
	src/promql/plan.c \
	src/promql/plan.h \
	src/promql/plan_time.c \
	src/promql/rank.c \
	src/promql/ranked.c src/promql/ranked.h \
	src/promql/rate.c \
	src/promql/rate.h \
	src/promql/rate_ext.c \
	src/promql/rate_hist.c \
	src/promql/regress.c \
	src/promql/rollup.c \
	src/promql/rollup.h \
	src/promql/scalar.c \
	src/promql/selector.c \
	src/promql/selector.h \
	src/promql/setop.c \
	src/promql/share.c src/promql/share.h \
	src/promql/share_range.c src/promql/share_range.h \
	src/promql/sig.c \
	src/promql/sig.h \
	src/promql/describe.c \
	src/promql/profile.h \
	src/promql/table.c \
	src/promql/trace.c \
	src/promql/trace.h \
	src/promql/vecfn.c \
	src/promql/vector.c \
	src/promql/vector.h \
	src/promql/xrate.c

PROMQL_LIBS = src/promql/libpromql.a $(CHUNK_LIBS) $(LABELS_LIBS) $(TEXT_LIBS) -lm
