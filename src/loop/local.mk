noinst_LIBRARIES += src/loop/libloop.a
src_loop_libloop_a_SOURCES = \
	src/loop/backoff.c src/loop/backoff.h \
	src/loop/chan.c src/loop/chan.h \
	src/loop/child.c \
	src/loop/fiber.c src/loop/fiber.h \
	src/loop/gate.c src/loop/gate.h \
	src/loop/internal.h \
	src/loop/metrics.c \
	src/loop/offload.c src/loop/offload.h \
	src/loop/reactor.c src/loop/reactor.h \
	src/loop/signal.c src/loop/signal.h \
	src/loop/stack.c src/loop/stack.h \
	src/loop/switch.c src/loop/switch.h \
	src/loop/timer.c src/loop/timer.h

LOOP_LIBS = src/loop/libloop.a $(METRICS_LIBS) $(BASE_LIBS) $(EVENT_LIBS) -lpthread
