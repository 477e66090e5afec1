#include "loop/timer.h"

#include "base/assert.h"
#include "loop/reactor.h"

#include <event2/event.h>
#include <stddef.h>

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	reactor_enter(t->r);
	t->fn(t->arg);
}

void timer_init(struct timer *t, struct reactor *r, timer_fn *fn, void *arg)
{
	*t = (struct timer){ .r = r, .fn = fn, .arg = arg };
	t->ev = event_new(reactor_base(r), -1, 0, on_timer, t);
	CHECK(t->ev);
}

void timer_set(struct timer *t, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	event_del(t->ev);
	event_add(t->ev, &tv);
}

void timer_clear(struct timer *t)
{
	event_del(t->ev);
}

bool timer_is_set(const struct timer *t)
{
	return event_pending(t->ev, EV_TIMEOUT, NULL) != 0;
}

void timer_fini(struct timer *t)
{
	if (t->ev)
		event_free(t->ev);
	t->ev = NULL;
}
