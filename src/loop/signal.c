#include "loop/signal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/reactor.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_SIGNALS 8

struct signal_watch {
	struct reactor *r;
	struct event *events[MAX_SIGNALS];
	size_t n;
	uint64_t pending; /* bit per signal number */
	struct waitq arrived;
};

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct signal_watch *w = arg;
	reactor_enter(w->r);
	w->pending |= 1ull << signo;
	waitq_wake_all(&w->arrived);
}

struct signal_watch *signal_watch_new(struct reactor *r, const int *signos, size_t n)
{
	CHECK(n <= MAX_SIGNALS);
	struct signal_watch *w = xcalloc(1, sizeof(*w));
	w->r = r;
	w->n = n;
	waitq_init(&w->arrived);
	for (size_t i = 0; i < n; i++) {
		w->events[i] = evsignal_new(reactor_base(r), signos[i], on_signal, w);
		CHECK(w->events[i] && event_add(w->events[i], NULL) == 0);
	}
	return w;
}

int co_signal_wait(struct signal_watch *w, int *ret_signo, struct err *err)
{
	while (!w->pending) {
		int rc = co_waitq_wait(&w->arrived, "signal", err);
		if (rc != 0)
			return rc;
	}
	*ret_signo = __builtin_ctzll(w->pending);
	w->pending &= w->pending - 1;
	return 0;
}

void signal_watch_free(struct signal_watch *w)
{
	if (!w)
		return;
	CHECK(list_empty(&w->arrived.waiters));
	for (size_t i = 0; i < w->n; i++)
		event_free(w->events[i]);
	free(w);
}
