#include "config.h"

#include "loop/internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What a turn frees of the memory that was let go of (base/mem.h). */
#define FREE_BYTES ((size_t)4 << 20)

#define FIRST_BUCKET_NS 50000

/* --- calls from other threads ------------------------------------------------ */

static void run_calls(struct list *calls)
{
	struct list *l;
	while ((l = list_pop_front(calls))) {
		struct reactor_call *c = list_entry(l, struct reactor_call, link);
		c->fn(c->arg);
		free(c);
	}
}

/* Moves all of `from` to the empty head `to`. */
static void take_all(struct list *from, struct list *to)
{
	list_init(to);
	struct list *l;
	while ((l = list_pop_front(from)))
		list_push_back(to, l);
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
	struct reactor *r = arg;
	reactor_enter(r);
	uint64_t count;
	if (read(fd, &count, sizeof(count)) < 0)
		CHECK(errno == EAGAIN);
	struct list calls;
	pthread_mutex_lock(&r->post_lock);
	take_all(&r->posted, &calls);
	pthread_mutex_unlock(&r->post_lock);
	run_calls(&calls);
}

static struct reactor_call *new_call(reactor_fn *fn, void *arg)
{
	struct reactor_call *c = xmalloc(sizeof(*c));
	*c = (struct reactor_call){ .fn = fn, .arg = arg };
	return c;
}

void reactor_post(struct reactor *r, reactor_fn *fn, void *arg)
{
	struct reactor_call *c = new_call(fn, arg);
	pthread_mutex_lock(&r->post_lock);
	list_push_back(&r->posted, &c->link);
	pthread_mutex_unlock(&r->post_lock);
	uint64_t one = 1;
	ssize_t put = write(r->post_fd, &one, sizeof(one));
	CHECK(put == sizeof(one) || errno == EAGAIN);
}

void reactor_defer(struct reactor *r, reactor_fn *fn, void *arg)
{
	list_push_back(&r->deferred, &new_call(fn, arg)->link);
}

void reactor_on_free(struct reactor *r, struct reactor_leftover *l, reactor_fn *end, void *arg)
{
	*l = (struct reactor_leftover){ .end = end, .arg = arg };
	list_push_back(&r->leftovers, &l->link);
}

void reactor_off_free(struct reactor_leftover *l)
{
	if (l->link.next)
		list_del(&l->link);
	l->link = (struct list){ NULL, NULL };
}

/* --- making and freeing -------------------------------------------------------- */

struct reactor *reactor_new(struct logger *lg, struct err *err)
{
	struct reactor *r = xcalloc(1, sizeof(*r));
	struct event_config *cfg = event_config_new();
	CHECK(cfg);
	signal(SIGPIPE, SIG_IGN); /* a closed peer is an error of the write */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
	r->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	r->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!r->base || r->post_fd < 0) {
		err_sys(err, errno, "event loop");
		if (r->base)
			event_base_free(r->base);
		free(r);
		return NULL;
	}
	r->lg = lg;
	list_init(&r->ready);
	list_init(&r->live);
	list_init(&r->deferred);
	list_init(&r->leftovers);
	list_init(&r->posted);
	pthread_mutex_init(&r->post_lock, NULL);
	event_assign(&r->post_ev, r->base, r->post_fd, EV_READ | EV_PERSIST, on_posted, r);
	event_add(&r->post_ev, NULL);
	return r;
}

void reactor_free(struct reactor *r)
{
	if (!r)
		return;
	CHECK(list_empty(&r->live));
	offload_pool_free(r->offload);
	while (!list_empty(&r->leftovers)) {
		struct reactor_leftover *l = list_entry(r->leftovers.next, struct reactor_leftover, link);
		reactor_off_free(l);
		l->end(l->arg);
	}
	struct list calls;
	while (!list_empty(&r->deferred)) {
		take_all(&r->deferred, &calls);
		run_calls(&calls);
	}
	take_all(&r->posted, &calls);
	run_calls(&calls);
	event_del(&r->post_ev);
	event_base_free(r->base);
	close(r->post_fd);
	pthread_mutex_destroy(&r->post_lock);
	stack_pool_fini(&r->stacks);
	free(r);
}

/* --- turns ------------------------------------------------------------------------ */

void reactor_enter(struct reactor *r)
{
	if (r->turn_start_ns == 0)
		r->turn_start_ns = sys->mono_ns();
}

int64_t reactor_now_ms(const struct reactor *r)
{
	return (r->turn_start_ns ? r->turn_start_ns : sys->mono_ns()) / 1000000;
}

/* The bucket of a duration. */
static size_t bucket_of(int64_t ns)
{
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(((struct reactor_stats *)NULL)->turn_buckets) && ns > (int64_t)FIRST_BUCKET_NS << i)
		i++;
	return i;
}

static void end_turn(struct reactor *r)
{
	int64_t ns = r->turn_start_ns ? sys->mono_ns() - r->turn_start_ns : 0;
	int64_t cpu = sys->cpu_ns(), used = r->cpu_ns ? cpu - r->cpu_ns : 0;
	r->turn_start_ns = 0;
	r->cpu_ns = cpu;
	r->stats.turn_buckets[bucket_of(ns)]++;
	r->stats.turn_sum_ns += ns;
	r->stats.turn_cpu_buckets[bucket_of(used)]++;
	r->stats.turn_cpu_sum_ns += used;
	r->stats.turns++;
	r->stats.longest_turn_ns = MAX(r->stats.longest_turn_ns, ns);
}

static void turn(struct reactor *r)
{
	bool busy = !list_empty(&r->ready) || !list_empty(&r->deferred) || r->freeing;
	event_base_loop(r->base, EVLOOP_ONCE | (busy ? EVLOOP_NONBLOCK : 0));
	reactor_enter(r);
	fiber_run_ready(r);
	struct list calls;
	take_all(&r->deferred, &calls);
	run_calls(&calls);
	r->freeing = mem_free_some(FREE_BYTES);
	end_turn(r);
}

void reactor_run(struct reactor *r)
{
	r->stopping = false;
	mem_defer(true);
	while (!r->stopping)
		turn(r);
	mem_defer(false);
}

void reactor_run_until_idle(struct reactor *r)
{
	r->stopping = false;
	while (!r->stopping && !list_empty(&r->live))
		turn(r);
}

void reactor_stop(struct reactor *r)
{
	r->stopping = true;
	event_base_loopbreak(r->base);
}

struct event_base *reactor_base(struct reactor *r)
{
	return r->base;
}

const struct reactor_stats *reactor_stats(const struct reactor *r)
{
	return &r->stats;
}
