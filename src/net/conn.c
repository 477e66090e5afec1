#include "net/conn_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/reactor.h"
#include "net/tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes read from one connection before others have their turn. */
#define READ_TURN_MAX (256 * 1024)

/* Input bytes taken and dropped at a time while lingering. */
#define LINGER_DISCARD (64 * 1024)

static void tick(void *arg);
static void update(struct conn *c);

/* --- ends ------------------------------------------------------------------------ */

static void stop_events(struct conn *c)
{
	if (c->ev_read)
		event_del(c->ev_read);
	if (c->ev_write)
		event_del(c->ev_write);
	timer_clear(&c->clock);
	c->clock_at_ms = 0;
}

static void free_later(void *arg)
{
	struct conn *c = arg;
	c->ops->fini(c);
	timer_fini(&c->clock);
	evbuffer_free(c->in);
	evbuffer_free(c->out);
	free(c->subject);
	free(c);
}

/* Ends everything that could call back, closes the descriptor, frees at the end of the turn. */
static void finish(struct conn *c)
{
	if (c->free_queued)
		return;
	c->free_queued = true;
	c->released = c->broken = true;
	stop_events(c);
	if (c->ev_read)
		event_free(c->ev_read);
	if (c->ev_write)
		event_free(c->ev_write);
	c->ev_read = c->ev_write = NULL;
	if (c->other) {
		conn_tick_soon(c->other);
		c->other->other = NULL;
		c->other = NULL;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (c->stats)
		c->stats->open_now--;
	reactor_off_free(&c->leftover);
	if (!c->tick_queued)
		reactor_defer(c->r, free_later, c);
}

/* Reports that the connection is broken. */
static void fail(struct conn *c, const struct err *why)
{
	if (c->broken)
		return;
	c->broken = true;
	stop_events(c);
	if (c->released)
		finish(c);
	else if (c->cb.closed)
		c->cb.closed(c, why, c->cb_arg);
}

static void fail_io(struct conn *c, const struct err *why)
{
	if (c->stats)
		c->stats->resets++;
	fail(c, why);
}

void conn_close(struct conn *c)
{
	if (!c)
		return;
	c->released = true;
	finish(c);
}

static void end_leftover(void *arg)
{
	finish(arg);
}

void conn_close_flushed(struct conn *c, int64_t linger_ms)
{
	if (!c)
		return;
	if (c->broken || !c->opened) {
		conn_close(c);
		return;
	}
	c->released = c->lingering = true;
	c->paused = false;
	c->linger_ms = linger_ms;
	c->cb = (struct conn_callbacks){ 0 };
	reactor_on_free(c->r, &c->leftover, end_leftover, c);
	conn_shutdown_write(c);
}

void conn_shutdown_write(struct conn *c)
{
	c->shut_wanted = true;
	conn_tick_soon(c);
}

/* --- clocks ---------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t since, int64_t span)
{
	return span > 0 && since + span < a ? since + span : a;
}

/* When the first of the limits in force will be reached; INT64_MAX for none. */
static int64_t next_limit(const struct conn *c)
{
	int64_t at = INT64_MAX;
	if (!c->opened)
		return earlier(at, c->opened_ms, c->lim.open_ms);
	if (evbuffer_get_length(c->out) > 0)
		at = earlier(at, c->stall_ms, c->lim.write_stall_ms);
	if (!c->lingering)
		at = earlier(at, c->active_ms, c->lim.idle_ms);
	if (c->linger_until_ms)
		at = MIN(at, c->linger_until_ms);
	return at;
}

/* Sets the clock when a limit comes earlier than it fires; a later limit is seen when it does. */
static void set_clock(struct conn *c)
{
	int64_t at = next_limit(c);
	if (at == INT64_MAX || c->broken)
		return;
	if (c->clock_at_ms && c->clock_at_ms <= at)
		return;
	c->clock_at_ms = at;
	timer_set(&c->clock, MAX(at - reactor_now_ms(c->r), 1));
}

static void on_clock(void *arg)
{
	struct conn *c = arg;
	c->clock_at_ms = 0;
	if (reactor_now_ms(c->r) < next_limit(c)) {
		set_clock(c);
		return;
	}
	if (c->lingering && c->linger_until_ms) {
		finish(c);
		return;
	}
	if (c->stats)
		c->stats->timeouts++;
	struct err why;
	const char *what = !c->opened ? "connecting" : evbuffer_get_length(c->out) > 0 ? "sending" : "idle";
	err_set(&why, ERR_DEADLINE_EXCEEDED, "%s: timed out while %s", c->peer_text, what);
	fail(c, &why);
}

/* --- moving bytes ---------------------------------------------------------------- */

static void note_activity(struct conn *c)
{
	c->active_ms = c->stall_ms = reactor_now_ms(c->r);
}

static void tell_open(struct conn *c)
{
	c->opened = true;
	note_activity(c);
	if (c->cb.open)
		c->cb.open(c, c->cb_arg);
}

/* Goes on with opening; true once the connection is open and usable. */
static bool try_open(struct conn *c)
{
	struct err err;
	switch (c->ops->open(c, &err)) {
	case CONN_IO_DONE:
		c->read_wants_write = c->write_wants_read = false;
		tell_open(c);
		return !c->broken;
	case CONN_IO_WANT_READ:
		c->write_wants_read = true;
		c->read_wants_write = false;
		return false;
	case CONN_IO_WANT_WRITE:
		c->write_wants_read = false;
		c->read_wants_write = true;
		return false;
	default:
		fail_io(c, &err);
		return false;
	}
}

/* The peer sends no more. */
static void tell_eof(struct conn *c)
{
	c->eof = true;
	if (c->lingering) {
		if (c->shut_done)
			finish(c);
		return;
	}
	if (!c->eof_told && c->cb.eof) {
		c->eof_told = true;
		c->cb.eof(c, c->cb_arg);
	}
}

static size_t read_room(const struct conn *c)
{
	size_t have = evbuffer_get_length(c->in);
	return c->paused || have >= c->lim.read_high ? 0 : c->lim.read_high - have;
}

static void call_read(struct conn *c)
{
	c->read_owed = false;
	if (c->lingering)
		evbuffer_drain(c->in, evbuffer_get_length(c->in));
	else if (c->cb.read && evbuffer_get_length(c->in) > 0)
		c->cb.read(c, c->cb_arg);
}

/* Reads what is there, within the limits, and tells the owner. */
static void try_read(struct conn *c)
{
	size_t turn = 0;
	c->more_buffered = false;
	while (!c->broken && !c->eof && turn < READ_TURN_MAX) {
		size_t room = c->lingering ? LINGER_DISCARD : read_room(c);
		if (room == 0)
			return;
		struct err err;
		size_t n = 0;
		enum conn_io io = c->ops->read(c, room, &n, &err);
		c->read_wants_write = io == CONN_IO_WANT_WRITE;
		turn += n;
		if (n > 0) {
			note_activity(c);
			if (c->stats)
				c->stats->bytes_read += n;
			call_read(c);
			if (c->broken)
				return;
		}
		if (io == CONN_IO_EOF)
			tell_eof(c);
		else if (io == CONN_IO_ERROR)
			fail_io(c, &err);
		if (io != CONN_IO_DONE)
			return;
	}
	c->more_buffered = !c->broken && !c->eof;
}

static void after_flush(struct conn *c)
{
	if (c->shut_wanted && !c->shut_done && evbuffer_get_length(c->out) == 0) {
		struct err err;
		c->shut_done = true;
		if (c->ops->shutdown(c, &err) == CONN_IO_ERROR) {
			fail_io(c, &err);
			return;
		}
		if (c->lingering) {
			c->linger_until_ms = reactor_now_ms(c->r) + c->linger_ms;
			if (c->eof)
				finish(c);
		}
	}
}

/* The wire took n bytes. */
static void wrote(struct conn *c, size_t n)
{
	note_activity(c);
	if (c->stats)
		c->stats->bytes_written += n;
}

/* Sends what it can, and tells the owner when the low mark is reached. */
static void try_write(struct conn *c)
{
	struct err err;
	size_t n = 0;
	enum conn_io io = CONN_IO_DONE;
	if (evbuffer_get_length(c->out) > 0) {
		io = c->ops->write(c, &n, &err);
		c->write_wants_read = io == CONN_IO_WANT_READ;
	}
	if (n > 0)
		wrote(c, n);
	if (io == CONN_IO_ERROR) {
		fail_io(c, &err);
		return;
	}
	after_flush(c);
	if (!c->broken && c->above_high && evbuffer_get_length(c->out) <= c->lim.write_high / 2) {
		c->above_high = false;
		if (c->cb.drain)
			c->cb.drain(c, c->cb_arg);
	}
}

/* --- events ---------------------------------------------------------------------- */

static void want(struct event *ev, bool on)
{
	bool is = event_pending(ev, EV_READ | EV_WRITE, NULL) != 0;
	if (on && !is)
		event_add(ev, NULL);
	else if (!on && is)
		event_del(ev);
}

/* Asks the loop for what the connection waits for. */
static void update(struct conn *c)
{
	if (c->broken)
		return;
	if (c->fd >= 0) {
		bool rd = c->opened ? !c->eof && (c->lingering || read_room(c) > 0) : c->write_wants_read;
		/* What was just queued is sent by the tick; only what the wire refused is waited for. */
		bool wr = c->opened ? evbuffer_get_length(c->out) > 0 && !c->write_wants_read && !c->tick_queued
				    : c->read_wants_write;
		want(c->ev_read, rd || c->write_wants_read);
		want(c->ev_write, wr || c->read_wants_write);
	}
	if (c->opened && !c->paused && (c->read_owed || (c->more_buffered && read_room(c) > 0)))
		conn_tick_soon(c);
	set_clock(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	reactor_enter(c->r);
	if (!c->opened)
		try_open(c);
	if (c->opened && !c->broken && c->write_wants_read)
		try_write(c);
	if (c->opened && !c->broken)
		try_read(c);
	update(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	reactor_enter(c->r);
	if (!c->opened)
		try_open(c);
	if (c->opened && !c->broken && c->read_wants_write)
		try_read(c);
	if (c->opened && !c->broken)
		try_write(c);
	update(c);
}

/* The end of a turn in which something was written, resumed or given up. */
static void tick(void *arg)
{
	struct conn *c = arg;
	c->tick_queued = false;
	if (c->free_queued) {
		free_later(c);
		return;
	}
	if (c->broken)
		return;
	if (!c->opened && !c->connecting && !try_open(c)) {
		update(c);
		return;
	}
	if (c->opened && !c->broken)
		try_write(c);
	if (c->opened && !c->broken && (c->read_owed || c->lingering) && !c->paused)
		call_read(c);
	if (c->opened && !c->broken && (c->more_buffered || c->fd < 0))
		try_read(c);
	if (c->opened && !c->broken && c->eof && !c->eof_told)
		tell_eof(c);
	update(c);
}

void conn_tick_soon(struct conn *c)
{
	if (c->tick_queued || c->free_queued)
		return;
	c->tick_queued = true;
	reactor_defer(c->r, tick, c);
}

/* --- making ---------------------------------------------------------------------- */

static void set_limits(struct conn *c, const struct conn_limits *lim)
{
	c->lim = *lim;
	if (c->lim.open_ms == 0)
		c->lim.open_ms = 10000;
	if (c->lim.write_stall_ms == 0)
		c->lim.write_stall_ms = 60000;
	if (c->lim.read_high == 0)
		c->lim.read_high = CONN_READ_HIGH;
	if (c->lim.write_high == 0)
		c->lim.write_high = CONN_WRITE_HIGH;
}

static struct conn *new_conn(struct reactor *r, int fd, const struct conn_ops *ops, const struct conn_options *opt)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	c->r = r;
	c->ops = ops;
	c->fd = fd;
	c->in = evbuffer_new();
	c->out = evbuffer_new();
	CHECK(c->in && c->out);
	timer_init(&c->clock, r, on_clock, c);
	if (fd >= 0) {
		c->ev_read = event_new(reactor_base(r), fd, EV_READ | EV_PERSIST, on_readable, c);
		c->ev_write = event_new(reactor_base(r), fd, EV_WRITE | EV_PERSIST, on_writable, c);
		CHECK(c->ev_read && c->ev_write);
	}
	struct conn_options none = { 0 };
	set_limits(c, opt ? &opt->limits : &none.limits);
	c->opened_ms = reactor_now_ms(r);
	note_activity(c);
	c->stats = opt ? opt->stats : NULL;
	if (c->stats) {
		c->stats->opened++;
		c->stats->open_now++;
	}
	strcpy(c->peer_text, "memory");
	return c;
}

static void set_peer(struct conn *c, const struct sockaddr_any *peer)
{
	if (!peer)
		return;
	c->peer = *peer;
	sockaddr_text(peer, c->peer_text);
}

struct conn *conn_accept(struct reactor *r, int fd, const struct sockaddr_any *peer, const struct conn_options *opt,
			 const struct conn_callbacks *cb, void *arg, struct err *err)
{
	bool tls = opt && opt->tls;
	struct conn *c = new_conn(r, fd, tls ? &conn_tls_ops : &conn_plain_ops, opt);
	set_peer(c, peer);
	if (cb)
		c->cb = *cb;
	c->cb_arg = arg;
	if (tls && conn_tls_init(c, opt->tls, false, NULL, err)) {
		conn_close(c);
		return NULL;
	}
	conn_tick_soon(c);
	set_clock(c);
	return c;
}

/* A non-blocking socket that begins to connect; -1 when it fails at once. */
static int begin_connect(const struct sockaddr_any *to, struct err *err)
{
	char text[ADDR_TEXT_MAX];
	int fd = socket(to->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err_sys(err, errno, "connect to %s", sockaddr_text(to, text));
		return -1;
	}
	if (to->ss.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(fd, (const struct sockaddr *)&to->ss, to->len) && errno != EINPROGRESS && errno != EAGAIN) {
		err_sys(err, errno, "connect to %s", sockaddr_text(to, text));
		close(fd);
		return -1;
	}
	return fd;
}

struct conn *conn_connect(struct reactor *r, const struct sockaddr_any *to, const struct conn_options *opt,
			  const struct conn_callbacks *cb, void *arg, struct err *err)
{
	bool tls = opt && opt->tls;
	int fd = begin_connect(to, err);
	if (fd < 0)
		return NULL;
	struct conn *c = new_conn(r, fd, tls ? &conn_tls_ops : &conn_plain_ops, opt);
	set_peer(c, to);
	if (cb)
		c->cb = *cb;
	c->cb_arg = arg;
	c->connecting = c->read_wants_write = true;
	if (tls && conn_tls_init(c, opt->tls, true, opt->server_name, err)) {
		conn_close(c);
		return NULL;
	}
	update(c);
	return c;
}

void conn_pair(struct reactor *r, const struct conn_options *opt, struct conn *ret[2])
{
	for (int i = 0; i < 2; i++) {
		ret[i] = new_conn(r, -1, &conn_pair_ops, opt);
		conn_tick_soon(ret[i]);
	}
	ret[0]->other = ret[1];
	ret[1]->other = ret[0];
}

/* --- the owner's calls ------------------------------------------------------------- */

void conn_set_callbacks(struct conn *c, const struct conn_callbacks *cb, void *arg)
{
	c->cb = cb ? *cb : (struct conn_callbacks){ 0 };
	c->cb_arg = arg;
	c->eof_told = false;
	if (evbuffer_get_length(c->in) > 0)
		c->read_owed = true;
	if (c->read_owed || c->eof)
		conn_tick_soon(c);
}

void conn_set_limits(struct conn *c, const struct conn_limits *lim)
{
	set_limits(c, lim);
	note_activity(c);
	set_clock(c);
	if (c->fd >= 0 && c->opened)
		update(c);
}

struct evbuffer *conn_input(struct conn *c)
{
	return c->in;
}

void conn_read_pause(struct conn *c)
{
	c->paused = true;
	if (c->opened)
		update(c);
}

void conn_read_resume(struct conn *c)
{
	c->paused = false;
	if (c->broken)
		return;
	if (evbuffer_get_length(c->in) > 0)
		c->read_owed = true;
	if (c->ops->drained)
		c->ops->drained(c);
	if (c->opened)
		update(c);
}

bool conn_at_eof(const struct conn *c)
{
	return c->eof;
}

/* Whether bytes may still be queued. */
static bool takes_output(const struct conn *c)
{
	return !c->broken && !c->shut_wanted;
}

/* Notes that bytes were queued. */
static void queued(struct conn *c, size_t before)
{
	if (before == 0)
		c->stall_ms = reactor_now_ms(c->r);
	if (evbuffer_get_length(c->out) >= c->lim.write_high)
		c->above_high = true;
	if (c->opened)
		conn_tick_soon(c);
}

void conn_write(struct conn *c, const void *p, size_t n)
{
	if (!takes_output(c))
		return;
	size_t before = evbuffer_get_length(c->out);
	CHECK(evbuffer_add(c->out, p, n) == 0);
	queued(c, before);
}

/* Sends what goes at once; returns the number of bytes. */
static size_t send_now(struct conn *c, const struct str *parts, size_t n_parts)
{
	if (!c->ops->send || !c->opened || evbuffer_get_length(c->out) > 0)
		return 0;
	size_t n = c->ops->send(c, parts, n_parts);
	if (n > 0)
		wrote(c, n);
	return n;
}

void conn_write_parts(struct conn *c, const struct str *parts, size_t n_parts)
{
	CHECK(n_parts <= CONN_PARTS_MAX);
	if (!takes_output(c))
		return;
	size_t sent = send_now(c, parts, n_parts);
	for (size_t i = 0; i < n_parts; i++) {
		size_t skip = MIN(sent, parts[i].n);
		sent -= skip;
		if (skip < parts[i].n)
			conn_write(c, parts[i].p + skip, parts[i].n - skip);
	}
}

/* evbuffer wants a function where none is needed for static bytes. */
static void keep_static(const void *p, size_t n, void *arg)
{
}

void conn_write_ref(struct conn *c, const void *p, size_t n, conn_release_fn *release, void *arg)
{
	if (!takes_output(c)) {
		if (release)
			release(p, n, arg);
		return;
	}
	size_t before = evbuffer_get_length(c->out);
	CHECK(evbuffer_add_reference(c->out, p, n, release ? release : keep_static, arg) == 0);
	queued(c, before);
}

void conn_write_buf(struct conn *c, struct evbuffer *buf)
{
	if (!takes_output(c)) {
		evbuffer_drain(buf, evbuffer_get_length(buf));
		return;
	}
	size_t before = evbuffer_get_length(c->out);
	CHECK(evbuffer_add_buffer(c->out, buf) == 0);
	queued(c, before);
}

size_t conn_pending(const struct conn *c)
{
	return evbuffer_get_length(c->out);
}

bool conn_writable(const struct conn *c)
{
	return !c->above_high;
}

const char *conn_peer_text(const struct conn *c)
{
	return c->peer_text;
}

bool conn_is_tls(const struct conn *c)
{
	return c->ssl != NULL;
}

struct reactor *conn_reactor(const struct conn *c)
{
	return c->r;
}
