noinst_LIBRARIES += src/promql/libpromql.a
src_promql_libpromql_a_SOURCES = src/promql/engine.c src/promql/engine.h src/promql/profile.h

include src/promql/lang/local.mk
include src/promql/math/local.mk
include src/promql/eval/local.mk
include src/promql/window/local.mk
include src/promql/vector/local.mk
include src/promql/binary/local.mk
include src/promql/aggregate/local.mk
include src/promql/plan/local.mk

PROMQL_LIBS = src/promql/libpromql.a $(CHUNK_LIBS) $(LABELS_LIBS) $(TEXT_LIBS) -lm
