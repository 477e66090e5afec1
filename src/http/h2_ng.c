/* The callbacks that nghttp2 makes into a session. */
#include "config.h"

#include "http/h2_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/reactor.h"
#include "net/conn.h"

#include <event2/buffer.h>

/* Nothing of a session that is over is there any more. */
#define STOP_IF_OVER(s) \
	do { \
		if ((s)->over) \
			return NGHTTP2_ERR_CALLBACK_FAILURE; \
	} while (0)

static struct h2_stream *stream_of(nghttp2_session *ng, int32_t id)
{
	return nghttp2_session_get_stream_user_data(ng, id);
}

/* --- output ---------------------------------------------------------------------------------- */

static bool output_full(const struct h2_session *s)
{
	return !s->conn || conn_pending(s->conn) + evbuffer_get_length(s->out) >= H2_CONN_WRITE_HIGH;
}

static ssize_t ng_send(nghttp2_session *ng, const uint8_t *p, size_t n, int flags, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	if (output_full(s))
		return NGHTTP2_ERR_WOULDBLOCK;
	evbuffer_add(s->out, p, n);
	return (ssize_t)n;
}

static int ng_send_data(nghttp2_session *ng, nghttp2_frame *f, const uint8_t *head, size_t n, nghttp2_data_source *src,
			void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	if (output_full(s))
		return NGHTTP2_ERR_WOULDBLOCK;
	struct h2_stream *st = src->ptr;
	CHECK(f->data.padlen == 0);
	if (st->queued < n) /* dropped by a reset of this turn */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	evbuffer_add(s->out, head, 9);
	h2_stream_take(st, s->out, n);
	if (st->above && st->queued <= s->opts.drain_bytes / 2)
		s->drain_due = true;
	return 0;
}

static ssize_t ng_data_length(nghttp2_session *ng, uint8_t type, int32_t id, int32_t conn_window, int32_t window,
			      uint32_t frame_max, void *user)
{
	/* Larger frames than this would let one stream hold the connection; smaller ones cost a frame header each. */
	uint32_t n = MIN(frame_max, 64u * 1024);
	n = MIN(n, (uint32_t)conn_window);
	return MIN(n, (uint32_t)window);
}

static bool ends_stream(const nghttp2_frame *f)
{
	return (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static int ng_frame_sent(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	if (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS)
		h2_guard_output(&s->guard);
	struct h2_stream *st = ends_stream(f) ? stream_of(ng, f->hd.stream_id) : NULL;
	if (st && st->stop && !st->ended)
		h2_stream_reset(st, H2_NO_ERROR);
	if (f->hd.type == NGHTTP2_RST_STREAM && s->server && s->verdict == H2_GUARD_OK)
		s->verdict = h2_guard_reset_sent(&s->guard, reactor_now_ms(s->r));
	return 0;
}

/*
 * Headers that could not be sent. A request that came too late (GOAWAY, reset before it went) has no stream of nghttp2 to
 * close; a response with too large headers must not leave its stream waiting.
 */
static int ng_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *f, int why, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	if (f->hd.type != NGHTTP2_HEADERS)
		return 0;
	struct h2_stream *known = stream_of(ng, f->hd.stream_id);
	if (s->server && known)
		h2_stream_reset(known, H2_INTERNAL_ERROR);
	if (s->server || known)
		return 0;
	list_for_each (l, &s->streams) {
		struct h2_stream *st = list_entry(l, struct h2_stream, link);
		if (st->id == f->hd.stream_id) {
			h2_stream_close(st, st->reset ? H2_CANCEL : H2_REFUSED_STREAM);
			break;
		}
	}
	return 0;
}

/* --- input ----------------------------------------------------------------------------------- */

static int ng_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	if (f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct h2_stream *st = h2_stream_new(s, f->hd.stream_id, NULL);
	nghttp2_session_set_stream_user_data(ng, f->hd.stream_id, st);
	return 0;
}

static int ng_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t name_n,
		     const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	struct h2_stream *st = stream_of(ng, f->hd.stream_id);
	if (!st)
		return 0;
	struct h2_block *b = st->head_done ? &st->trailers : &st->headers;
	if (!h2_block_add(b, str_mem(name, name_n), str_mem(value, value_n), s->opts.max_header_bytes, &st->overflow))
		s->verdict = H2_GUARD_FLOOD;
	return 0;
}

/* A response with a 1xx status precedes the real one. */
static bool is_informational(const struct h2_session *s, const struct h2_block *b)
{
	struct str status = h2_fields_get(&b->view, ":status");
	return !s->server && status.n == 3 && status.p[0] == '1';
}

static void got_headers(struct h2_session *s, struct h2_stream *st)
{
	struct h2_block *b = st->head_done ? &st->trailers : &st->headers;
	h2_block_done(b);
	if (st->head_done)
		return;
	if (is_informational(s, b)) {
		strbuf_reset(&b->text);
		b->spans.n = 0;
		b->size = 0;
		return;
	}
	st->head_done = true;
	if (s->cb->headers)
		s->cb->headers(st, s->arg);
}

static void got_settings(struct h2_session *s)
{
	if (s->ready)
		return;
	s->ready = true;
	if (s->cb->ready)
		s->cb->ready(s, s->arg);
}

static int ng_frame(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	struct h2_stream *st = f->hd.stream_id ? stream_of(ng, f->hd.stream_id) : NULL;
	if (f->hd.type == NGHTTP2_DATA && !ends_stream(f) && f->hd.length > 0 && f->hd.length == f->data.padlen &&
	    s->verdict == H2_GUARD_OK)
		s->verdict = h2_guard_padding(&s->guard, s->last_recv_ms);
	if (ends_stream(f) && st)
		st->ended = true;
	if (f->hd.type == NGHTTP2_HEADERS && st)
		got_headers(s, st);
	if (f->hd.type == NGHTTP2_SETTINGS && !(f->hd.flags & NGHTTP2_FLAG_ACK))
		got_settings(s);
	if (f->hd.type == NGHTTP2_GOAWAY) {
		s->peer_goaway = true;
		h2_session_tell_goaway(s);
	}
	if (f->hd.type == NGHTTP2_PING && (f->hd.flags & NGHTTP2_FLAG_ACK)) {
		s->ping_out = s->ping_late = false;
		s->drain_ack = s->draining;
	}
	if (!s->over && st && ends_stream(f) && s->cb->end)
		s->cb->end(st, s->arg);
	STOP_IF_OVER(s);
	return 0;
}

static int ng_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	nghttp2_session_consume_connection(ng, n);
	struct h2_stream *st = stream_of(ng, id);
	if (!st || st->reset)
		return 0;
	st->received += n;
	if (s->cb->data)
		s->cb->data(st, p, n, s->arg);
	STOP_IF_OVER(s);
	return 0;
}

static int ng_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
	struct h2_session *s = user;
	STOP_IF_OVER(s);
	struct h2_stream *st = stream_of(ng, id);
	if (!st)
		return 0;
	nghttp2_session_set_stream_user_data(ng, id, NULL);
	h2_stream_close(st, code);
	STOP_IF_OVER(s);
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static nghttp2_session_callbacks *callbacks_new(void)
{
	nghttp2_session_callbacks *c;
	CHECK(nghttp2_session_callbacks_new(&c) == 0);
	nghttp2_session_callbacks_set_send_callback(c, ng_send);
	nghttp2_session_callbacks_set_send_data_callback(c, ng_send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(c, ng_data_length);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, ng_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(c, ng_frame_not_sent);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, ng_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, ng_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, ng_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, ng_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, ng_stream_close);
	return c;
}

static void submit_settings(struct h2_session *s)
{
	nghttp2_settings_entry iv[6];
	size_t n = 0;
	iv[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, s->opts.window_bytes };
	iv[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, s->opts.max_header_bytes };
	iv[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_FRAME_SIZE, s->opts.max_frame_bytes };
	if (s->server)
		iv[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->opts.max_streams };
	else
		iv[n++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
	CHECK(nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, iv, n) == 0);
	CHECK(nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)s->opts.conn_window_bytes) ==
	      0);
}

void h2_ng_open(struct h2_session *s)
{
	nghttp2_session_callbacks *c = callbacks_new();
	nghttp2_option *o;
	CHECK(nghttp2_option_new(&o) == 0);
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_peer_max_concurrent_streams(o, 100);
	nghttp2_option_set_max_send_header_block_length(o, 64 * 1024);
	nghttp2_option_set_max_deflate_dynamic_table_size(o, 4096);
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
	/* The guard judges resets; nghttp2's own limit (1000, then 33 a second) would end the session with the wrong code. */
	nghttp2_option_set_stream_reset_rate_limit(o, UINT32_MAX, UINT32_MAX);
#endif
	int rv =
		s->server ? nghttp2_session_server_new2(&s->ng, c, s, o) : nghttp2_session_client_new2(&s->ng, c, s, o);
	CHECK(rv == 0);
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(c);
	submit_settings(s);
}
