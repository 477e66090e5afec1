#include "http/h2_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "loop/reactor.h"
#include "net/conn.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

/* How long a polite close waits for the peer's. */
#define LINGER_MS 1000

/* What a stream must move per stall_ms: queued output, and an unfinished request's body. */
#define STALL_OUT_BYTES (16 * 1024)
#define STALL_IN_BYTES 1024

/* Longest wait between the announcement of a shutdown and its final GOAWAY. */
#define DRAIN_ACK_MS 1000

struct h2_opts h2_opts_default(void)
{
	return (struct h2_opts){
		.max_streams = 1000,
		.window_bytes = 1 << 20,
		.conn_window_bytes = 16 << 20,
		.max_header_bytes = 16 * 1024,
		.max_frame_bytes = 256 * 1024,
		.drain_bytes = 256 * 1024,
		.setup_ms = 10 * 1000,
		.keepalive_timeout_ms = 20 * 1000,
		.keepalive_min_ms = 10 * 1000,
		.max_grace_ms = 5 * 60 * 1000,
		.stall_ms = 60 * 1000,
	};
}

/* --- life ------------------------------------------------------------------------------------- */

void h2_session_hold(struct h2_session *s)
{
	s->refs++;
}

void h2_session_drop(struct h2_session *s)
{
	if (--s->refs > 0)
		return;
	CHECK(list_empty(&s->streams));
	nghttp2_session_del(s->ng);
	evbuffer_free(s->out);
	timer_fini(&s->tick);
	free(s);
}

static void drop_later(void *arg)
{
	h2_session_drop(arg);
}

static void close_streams(struct h2_session *s, uint32_t code)
{
	while (!list_empty(&s->streams))
		h2_stream_close(list_entry(s->streams.next, struct h2_stream, link), code);
}

/* Sends what there is and gives the connection up; s->over must not be set yet. */
static void close_conn(struct h2_session *s, bool polite)
{
	struct conn *c = s->conn;
	s->conn = NULL;
	if (!c)
		return;
	if (!polite) {
		conn_close(c);
		return;
	}
	if (evbuffer_get_length(s->out) > 0)
		conn_write_buf(c, s->out);
	conn_close_flushed(c, LINGER_MS);
}

static void tell_gone(void *arg)
{
	struct h2_session *s = arg;
	if (!s->freed && s->cb->gone)
		s->cb->gone(s, &s->why, s->arg);
	h2_session_drop(s);
}

/* The end, whatever the cause: streams are closed, the owner hears of it at the end of the turn. */
static void session_over(struct h2_session *s, bool polite, const struct err *why, uint32_t code)
{
	if (s->over)
		return;
	close_conn(s, polite);
	s->why = *why;
	s->over = true;
	timer_clear(&s->tick);
	h2_session_hold(s);
	reactor_defer(s->r, tell_gone, s);
	close_streams(s, code);
}

void h2_session_fail(struct h2_session *s, const struct err *why)
{
	session_over(s, false, why, H2_CANCEL);
}

void h2_session_free(struct h2_session *s)
{
	if (!s || s->freed)
		return;
	s->freed = true;
	if (!s->over) {
		if (s->inside == 0 && s->conn) {
			nghttp2_session_terminate_session(s->ng, NGHTTP2_NO_ERROR);
			nghttp2_session_send(s->ng);
		}
		close_conn(s, true);
		s->over = true;
		timer_clear(&s->tick);
		close_streams(s, H2_CANCEL);
	}
	reactor_defer(s->r, drop_later, s);
}

void h2_session_abort(struct h2_session *s, uint32_t code, const char *debug)
{
	if (s->over)
		return;
	if (s->inside == 0) {
		nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->ng), code,
				      (const uint8_t *)debug, strlen(debug));
		s->inside++;
		nghttp2_session_send(s->ng);
		s->inside--;
	}
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "closed the connection to %s: %s", s->peer, debug);
	session_over(s, true, &why, code);
}

void h2_session_calm(struct h2_session *s, enum h2_verdict v)
{
	s->abused = true;
	h2_session_abort(s, H2_ENHANCE_YOUR_CALM,
			 v == H2_GUARD_PINGS ? "too_many_pings" : "too many frames without work");
}

void h2_session_tell_goaway(struct h2_session *s)
{
	if (s->told_goaway)
		return;
	s->told_goaway = true;
	if (s->cb->goaway)
		s->cb->goaway(s, s->arg);
}

/* --- output ------------------------------------------------------------------------------------ */

static void call_drains(struct h2_session *s)
{
	s->drain_due = false;
	list_for_each (l, &s->streams) {
		struct h2_stream *st = list_entry(l, struct h2_stream, link);
		if (!st->above || st->queued > s->opts.drain_bytes / 2)
			continue;
		st->above = false;
		if (s->cb->drain)
			s->cb->drain(st, s->arg);
		if (s->over)
			return;
	}
}

/* What has to be said of nghttp2's return codes. */
static void ng_failed(struct h2_session *s, int rv)
{
	if (s->over)
		return;
	if (rv == NGHTTP2_ERR_FLOODED) {
		h2_session_calm(s, H2_GUARD_FLOOD);
		return;
	}
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "HTTP/2 connection to %s failed: %s", s->peer, nghttp2_strerror(rv));
	h2_session_fail(s, &why);
}

/* Ends a session that has nothing left to do: drained, or told by either side. */
static void check_finished(struct h2_session *s)
{
	bool idle = s->n_streams == 0;
	bool done = idle && (s->drained || s->peer_goaway);
	if (!done && (nghttp2_session_want_read(s->ng) || nghttp2_session_want_write(s->ng)))
		return;
	if (done && nghttp2_session_want_write(s->ng) && evbuffer_get_length(s->out) > 0)
		return;
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "connection to %s closed%s", s->peer,
		s->peer_goaway ? " by its GOAWAY"
		: s->drained   ? " after shutdown"
			       : " for a protocol error");
	session_over(s, true, &why, s->drained || s->peer_goaway ? H2_CANCEL : H2_PROTOCOL_ERROR);
}

static void session_send(struct h2_session *s)
{
	s->inside++;
	int rv = nghttp2_session_send(s->ng);
	s->inside--;
	if (s->over)
		return;
	if (rv != 0)
		ng_failed(s, rv);
	else if (s->verdict != H2_GUARD_OK)
		h2_session_calm(s, s->verdict);
}

static void session_flush(struct h2_session *s)
{
	if (s->over)
		return;
	session_send(s);
	if (s->over)
		return;
	if (s->conn && evbuffer_get_length(s->out) > 0)
		conn_write_buf(s->conn, s->out);
	if (s->drain_due)
		call_drains(s);
	if (!s->over)
		check_finished(s);
}

static void flush_deferred(void *arg)
{
	struct h2_session *s = arg;
	s->flush_due = false;
	session_flush(s);
	h2_session_drop(s);
}

void h2_session_flush_later(struct h2_session *s)
{
	if (s->flush_due || s->over)
		return;
	s->flush_due = true;
	h2_session_hold(s);
	reactor_defer(s->r, flush_deferred, s);
}

/* --- input ------------------------------------------------------------------------------------- */

/* Feeds one contiguous run; false when the session takes no more. */
static bool feed(struct h2_session *s, const uint8_t *p, size_t n)
{
	if (!nghttp2_session_want_read(s->ng))
		return false;
	enum h2_verdict v = h2_guard_feed(&s->guard, p, n, s->last_recv_ms);
	if (v != H2_GUARD_OK) {
		h2_session_calm(s, v);
		return false;
	}
	s->inside++;
	ssize_t rv = nghttp2_session_mem_recv(s->ng, p, n);
	s->inside--;
	if (s->over)
		return false;
	if (rv < 0) {
		ng_failed(s, (int)rv);
		return false;
	}
	if (s->verdict != H2_GUARD_OK) {
		h2_session_calm(s, s->verdict);
		return false;
	}
	/* A GOAWAY for a protocol error must be seen as sent before anything else is fed. */
	if (nghttp2_session_want_write(s->ng))
		session_send(s);
	return !s->over;
}

static void conn_on_read(struct conn *c, void *arg)
{
	struct h2_session *s = arg;
	struct evbuffer *in = conn_input(c);
	s->last_recv_ms = reactor_now_ms(s->r);
	h2_session_hold(s);
	while (!s->over && evbuffer_get_length(in) > 0) {
		struct evbuffer_iovec v;
		if (evbuffer_peek(in, -1, NULL, &v, 1) < 1)
			break;
		size_t n = v.iov_len;
		if (!feed(s, v.iov_base, n)) {
			if (!s->over)
				evbuffer_drain(in, evbuffer_get_length(in));
			break;
		}
		evbuffer_drain(in, n);
	}
	session_flush(s);
	h2_session_drop(s);
}

static void conn_on_drain(struct conn *c, void *arg)
{
	struct h2_session *s = arg;
	h2_session_hold(s);
	session_flush(s);
	h2_session_drop(s);
}

static void conn_on_eof(struct conn *c, void *arg)
{
	struct h2_session *s = arg;
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "%s closed the connection", s->peer);
	h2_session_fail(s, &why);
}

static void conn_on_closed(struct conn *c, const struct err *why, void *arg)
{
	struct h2_session *s = arg;
	struct err e = *why;
	err_prefix(&e, "connection to %s", s->peer);
	e.code = ERR_UNAVAILABLE;
	h2_session_fail(s, &e);
}

static const struct conn_callbacks conn_cbs = {
	.read = conn_on_read,
	.drain = conn_on_drain,
	.eof = conn_on_eof,
	.closed = conn_on_closed,
};

/* --- time --------------------------------------------------------------------------------------- */

/* Whether `moved` since the mark is too little for the time that passed; moves the mark on when it is time. */
static bool stream_stalls(struct h2_stream *st, int64_t now)
{
	struct h2_session *s = st->s;
	if (now - st->mark_ms < s->opts.stall_ms)
		return false;
	uint64_t out = st->sent - st->sent_mark, in = st->received - st->received_mark;
	bool out_bad = st->queued > 0 && out < MIN((size_t)STALL_OUT_BYTES, st->queued_mark);
	/* Bytes that the owner holds back are not the peer's slowness. */
	bool in_bad = s->server && !st->ended && !st->idle_ok && st->consumed == st->received && in < STALL_IN_BYTES;
	st->mark_ms = now;
	st->sent_mark = st->sent;
	st->received_mark = st->received;
	st->queued_mark = st->queued;
	return out_bad || in_bad;
}

static void tick_streams(struct h2_session *s, int64_t now)
{
	if (s->opts.stall_ms <= 0)
		return;
	list_for_each (l, &s->streams) {
		struct h2_stream *st = list_entry(l, struct h2_stream, link);
		if (!st->reset && stream_stalls(st, now))
			h2_stream_reset(st, H2_CANCEL);
	}
}

/* Sends a PING when it is due; false when the last was not answered in time. */
static bool tick_keepalive(struct h2_session *s, int64_t now)
{
	if (s->ping_out && s->last_recv_ms > s->ping_sent_ms)
		s->ping_out = s->ping_late = false;
	if (s->ping_out && now - s->ping_sent_ms >= s->opts.keepalive_timeout_ms) {
		/* A loop that was held up must read what waits in its sockets before it blames the peer. */
		if (s->ping_late)
			return false;
		s->ping_late = true;
		return true;
	}
	bool wanted = s->opts.keepalive_ms > 0 && (s->opts.keepalive_idle || s->n_streams > 0);
	if (wanted && !s->ping_out && now - s->last_recv_ms >= s->opts.keepalive_ms) {
		nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
		s->ping_out = true;
		s->ping_sent_ms = now;
		h2_session_flush_later(s);
	}
	return true;
}

/* The steps of a graceful end: announced, final GOAWAY, grace over. */
static void tick_drain(struct h2_session *s, int64_t now)
{
	if (!s->draining && s->opts.max_age_ms > 0 && now - s->born_ms >= s->age_ms)
		h2_session_shutdown(s);
	if (!s->draining && s->opts.idle_ms > 0 && s->n_streams == 0 && now - s->idle_since_ms >= s->opts.idle_ms)
		h2_session_shutdown(s);
	if (s->n_streams > 0)
		s->idle_since_ms = now;
	if (!s->draining)
		return;
	if (!s->drained && (s->drain_ack || now - s->drain_ms >= DRAIN_ACK_MS)) {
		nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(s->ng),
				      NGHTTP2_NO_ERROR, NULL, 0);
		s->drained = true;
		h2_session_flush_later(s);
	}
	if (s->opts.max_grace_ms > 0 && now - s->drain_ms >= s->opts.max_grace_ms)
		h2_session_abort(s, H2_NO_ERROR, "max connection age grace is over");
}

/* Often enough for the shortest of the timeouts. */
static int64_t tick_ms(const struct h2_session *s)
{
	const struct h2_opts *o = &s->opts;
	const int64_t of[] = { o->setup_ms,     o->idle_ms,
			       o->keepalive_ms, o->keepalive_ms ? o->keepalive_timeout_ms : 0,
			       o->max_age_ms,   o->max_grace_ms,
			       o->stall_ms,     s->draining ? DRAIN_ACK_MS : 0 };
	int64_t least = 20 * 1000;
	for (size_t i = 0; i < ARRAY_LEN(of); i++)
		if (of[i] > 0)
			least = MIN(least, of[i]);
	return s->draining && !s->drained ? 10 : MAX(least / 4, 10);
}

static void on_tick(void *arg)
{
	struct h2_session *s = arg;
	int64_t now = reactor_now_ms(s->r);
	h2_session_hold(s);
	if (!s->ready && s->opts.setup_ms > 0 && now - s->born_ms >= s->opts.setup_ms)
		h2_session_abort(s, H2_PROTOCOL_ERROR, "no SETTINGS in time");
	else if (!tick_keepalive(s, now))
		h2_session_abort(s, H2_NO_ERROR, "keepalive PING was not answered");
	if (!s->over)
		tick_streams(s, now);
	if (!s->over)
		tick_drain(s, now);
	if (!s->over)
		timer_set(&s->tick, tick_ms(s));
	h2_session_drop(s);
}

void h2_session_shutdown(struct h2_session *s)
{
	if (s->over || s->draining)
		return;
	s->draining = true;
	s->drain_ms = reactor_now_ms(s->r);
	if (s->server) {
		nghttp2_submit_shutdown_notice(s->ng);
		nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL);
	} else {
		s->drain_ack = true;
	}
	h2_session_tell_goaway(s);
	timer_set(&s->tick, tick_ms(s));
	h2_session_flush_later(s);
}

/* --- making ---------------------------------------------------------------------------------------- */

struct h2_session *h2_session_new(struct conn *c, bool server, const struct h2_opts *opts,
				  const struct h2_callbacks *cb, void *arg)
{
	struct h2_session *s = xcalloc(1, sizeof(*s));
	s->conn = c;
	s->r = conn_reactor(c);
	s->server = server;
	s->opts = *opts;
	s->cb = cb;
	s->arg = arg;
	s->refs = 1;
	s->out = evbuffer_new();
	CHECK(s->out);
	list_init(&s->streams);
	snprintf(s->peer, sizeof(s->peer), "%s", conn_peer_text(c));
	int64_t now = reactor_now_ms(s->r);
	s->born_ms = s->last_recv_ms = s->idle_since_ms = now;
	s->age_ms = opts->max_age_ms * 9 / 10 + (int64_t)(sys_random_u64() % (uint64_t)(opts->max_age_ms / 5 + 1));
	h2_guard_init(&s->guard, server, server ? opts->keepalive_min_ms : 0, now);
	timer_init(&s->tick, s->r, on_tick, s);
	timer_set(&s->tick, tick_ms(s));
	h2_ng_open(s);
	conn_set_limits(c, &(struct conn_limits){ .write_stall_ms = opts->stall_ms > 0 ? opts->stall_ms : -1,
						  .write_high = H2_CONN_WRITE_HIGH * 3 / 4 });
	conn_set_callbacks(c, &conn_cbs, s);
	h2_session_flush_later(s);
	return s;
}

struct h2_stream *h2_session_request(struct h2_session *s, const struct h2_field *f, size_t n, bool end, void *user)
{
	CHECK(!s->server && n <= H2_SEND_FIELDS_MAX);
	if (!h2_session_usable(s))
		return NULL;
	nghttp2_nv nv[H2_SEND_FIELDS_MAX];
	h2_fields_to_nv(f, n, nv);
	struct h2_stream *st = h2_stream_new(s, 0, user);
	st->mark_ms = reactor_now_ms(s->r);
	st->finished = end;
	nghttp2_data_provider prd = h2_stream_provider(st);
	st->id = nghttp2_submit_request(s->ng, NULL, nv, n, end ? NULL : &prd, st);
	if (st->id < 0) {
		list_del(&st->link);
		s->n_streams--;
		free(st);
		return NULL;
	}
	h2_session_flush_later(s);
	return st;
}

struct conn *h2_session_conn(const struct h2_session *s)
{
	return s->conn;
}

const char *h2_session_peer(const struct h2_session *s)
{
	return s->peer;
}

bool h2_session_usable(const struct h2_session *s)
{
	return !s->over && s->conn && !s->told_goaway;
}

bool h2_session_abused(const struct h2_session *s)
{
	return s->abused;
}

size_t h2_session_queued(const struct h2_session *s)
{
	size_t n = 0;
	list_for_each (l, (struct list *)&s->streams)
		n += list_entry(l, struct h2_stream, link)->queued;
	return n;
}

const struct err *h2_session_why(const struct h2_session *s)
{
	return s->over ? &s->why : NULL;
}
