src_promql_libpromql_a_SOURCES += \
	src/promql/eval/analyse.c src/promql/eval/analyse.h \
	src/promql/eval/blame.c \
	src/promql/eval/describe.c \
	src/promql/eval/eval.h \
	src/promql/eval/feed.c \
	src/promql/eval/known_times.h src/promql/eval/matrix.c src/promql/eval/matrix.h \
	src/promql/eval/node.c \
	src/promql/eval/notes.c \
	src/promql/eval/selector.c src/promql/eval/selector.h \
	src/promql/eval/share.c src/promql/eval/share.h \
	src/promql/eval/share_range.c src/promql/eval/share_range.h \
	src/promql/eval/sig.c src/promql/eval/sig.h \
	src/promql/eval/table.c \
	src/promql/eval/trace.c src/promql/eval/trace.h
