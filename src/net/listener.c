#include "net/listener.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/reactor.h"
#include "loop/timer.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections accepted before other events have their turn. */
#define ACCEPT_TURN_MAX 64

/* Pause when descriptors or memory run out. */
#define PAUSE_MS 100

struct listener {
	struct reactor *r;
	int fd, reserve_fd;
	struct event *ev;
	struct timer retry;
	struct sockaddr_any addr;
	char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* to remove at the end; "" for none */
	uint32_t max_conns;
	bool started, paused_full;
	listener_accept_fn *fn;
	void *arg;
	struct listener_stats stats;
};

/* --- accepting --------------------------------------------------------------------- */

static void pause_accepting(struct listener *l, bool timed)
{
	l->stats.pauses++;
	event_del(l->ev);
	if (timed)
		timer_set(&l->retry, PAUSE_MS);
}

/* Out of descriptors: closes the oldest waiting connection with the help of the reserve. */
static void drop_one(struct listener *l)
{
	if (l->reserve_fd >= 0)
		close(l->reserve_fd);
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		l->stats.dropped++;
	}
	l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pause_accepting(l, true);
}

static bool is_full(const struct listener *l)
{
	return l->max_conns && l->stats.open_now >= l->max_conns;
}

/* Accepts one connection; false when there is none or accepting paused. */
static bool accept_one(struct listener *l)
{
	struct sockaddr_any peer = { .len = sizeof(peer.ss) };
	int fd = accept4(l->fd, (struct sockaddr *)&peer.ss, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			drop_one(l);
			return false;
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (peer.ss.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	l->stats.accepted++;
	l->stats.open_now++;
	l->fn(fd, &peer, l->arg);
	return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	reactor_enter(l->r);
	for (int i = 0; i < ACCEPT_TURN_MAX && l->started; i++) {
		if (is_full(l)) {
			l->paused_full = true;
			pause_accepting(l, false);
			return;
		}
		if (!accept_one(l))
			return;
	}
}

static void on_retry(void *arg)
{
	struct listener *l = arg;
	if (l->started && !l->paused_full)
		event_add(l->ev, NULL);
}

void listener_release(struct listener *l)
{
	CHECK(l->stats.open_now > 0);
	l->stats.open_now--;
	if (l->paused_full && l->started && !is_full(l)) {
		l->paused_full = false;
		event_add(l->ev, NULL);
	}
}

/* --- making and ending --------------------------------------------------------------- */

/* Removes what a predecessor left behind: a socket file that nobody listens on. */
static void remove_stale(const struct sockaddr_any *a, const char *path)
{
	struct stat st;
	if (path[0] == '@' || lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int find_address(const struct addr *at, struct sockaddr_any *ret, struct err *err)
{
	struct addr a = *at;
	if (!a.is_unix && strcmp(a.host, "localhost") == 0)
		strcpy(a.host, "127.0.0.1");
	return addr_resolve_literal(&a, ret, err);
}

/* A bound, listening socket, or -1. All interfaces without IPv6 fall back to IPv4. */
static int open_socket(const struct addr *at, struct sockaddr_any *sa, const struct listener_options *opt,
		       struct err *err)
{
	char text[ADDR_TEXT_MAX];
	int one = 1, zero = 0, backlog = opt && opt->backlog ? opt->backlog : 1024;
	int fd = socket(sa->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && !at->is_unix && !at->host[0]) {
		sockaddr_from_ip("0.0.0.0", at->port, sa);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd < 0)
		goto failed;
	if (at->is_unix)
		remove_stale(sa, at->host);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa->ss.ss_family == AF_INET6 && !at->host[0])
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (opt && opt->reuse_port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sa->ss, sa->len) || listen(fd, backlog))
		goto failed;
	return fd;
failed:
	err_sys(err, errno, "listen on %s", sockaddr_text(sa, text));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct listener *listener_new(struct reactor *r, const struct addr *at, const struct listener_options *opt,
			      listener_accept_fn *fn, void *arg, struct err *err)
{
	struct sockaddr_any sa;
	if (find_address(at, &sa, err)) {
		err_prefix(err, "listen on %s:%u", at->host, at->port);
		return NULL;
	}
	int fd = open_socket(at, &sa, opt, err);
	if (fd < 0)
		return NULL;
	struct listener *l = xcalloc(1, sizeof(*l));
	l->r = r;
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	l->max_conns = opt ? opt->max_conns : 0;
	l->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->addr.len = sizeof(l->addr.ss);
	if (getsockname(fd, (struct sockaddr *)&l->addr.ss, &l->addr.len))
		l->addr = sa;
	if (at->is_unix && at->host[0] != '@')
		memcpy(l->unix_path, at->host, strnlen(at->host, sizeof(l->unix_path) - 1));
	l->ev = event_new(reactor_base(r), fd, EV_READ | EV_PERSIST, on_acceptable, l);
	CHECK(l->ev);
	timer_init(&l->retry, r, on_retry, l);
	return l;
}

void listener_start(struct listener *l)
{
	if (l->started || l->fd < 0)
		return;
	l->started = true;
	event_add(l->ev, NULL);
}

void listener_stop(struct listener *l)
{
	l->started = false;
	timer_clear(&l->retry);
	if (l->fd < 0)
		return;
	event_del(l->ev);
	if (l->unix_path[0])
		unlink(l->unix_path);
	close(l->fd);
	l->fd = -1;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	listener_stop(l);
	event_free(l->ev);
	timer_fini(&l->retry);
	if (l->reserve_fd >= 0)
		close(l->reserve_fd);
	free(l);
}

const struct sockaddr_any *listener_addr(const struct listener *l)
{
	return &l->addr;
}

const struct listener_stats *listener_stats(const struct listener *l)
{
	return &l->stats;
}
