#include "http/h2_server.h"

#include "base/mem.h"
#include "http/h2.h"
#include "http/internal.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests of one connection at a time. */
#define STREAMS_MAX 100

/* Body bytes per request that are let in before the handler takes some. */
#define WINDOW_BYTES (256 * 1024)

/* Header fields besides the request target. */
#define HEADER_BYTES (16 * 1024)

/* Most fields of a response. */
#define FIELDS_MAX 128

/* Pieces of a response shorter than this are copied. */
#define COPY_BELOW (8 * 1024)

/* A connection. */
struct h2_conn {
	struct http_session ses;
	struct http_server *s;
	struct h2_session *h2;
};

/* A request on a stream; either may go first. */
struct exchange {
	struct h2_stream *st; /* NULL once closed */
	struct http_req *req; /* NULL once done */
};

static struct exchange *of(struct http_req *req)
{
	return req->transport_priv;
}

static void exchange_free_if_over(struct exchange *x)
{
	if (!x->st && !x->req)
		free(x);
}

/* --- the dispatch's calls -------------------------------------------------------------------------- */

static void h2_body_consumed(struct http_req *req, size_t n)
{
	if (of(req)->st)
		h2_stream_consume(of(req)->st, n);
}

/* A field name in lower case, in the request's arena; {NULL, 0} over budget. */
static struct str lower(struct http_req *req, struct str name)
{
	char *p = arena_memdup(&req->arena, name.p, name.n);
	if (p)
		str_lower(p, name.n);
	return str_mem(p, p ? name.n : 0);
}

static void h2_head(struct http_req *req, bool end)
{
	struct exchange *x = of(req);
	struct h2_field f[FIELDS_MAX];
	char status[16], length[24];
	size_t n = 0;
	if (!x->st)
		return;
	snprintf(status, sizeof(status), "%d", req->status);
	f[n++] = (struct h2_field){ STR(":status"), str_c(status) };
	f[n++] = (struct h2_field){ STR("date"), str_c(http_server_date(req->server)) };
	bool may_have_body = req->status >= 200 && req->status != 204 && req->status != 304;
	if (req->out_length >= 0 && may_have_body) {
		snprintf(length, sizeof(length), "%lld", (long long)req->out_length);
		f[n++] = (struct h2_field){ STR("content-length"), str_c(length) };
	}
	for (size_t i = 0; i < req->out.n && n < FIELDS_MAX; i++) {
		f[n] = (struct h2_field){ lower(req, req->out.p[i].name), req->out.p[i].value };
		n += f[n].name.n > 0;
	}
	if (end)
		h2_stream_stop(x->st);
	h2_stream_respond(x->st, f, n, end);
}

/* Bytes that were moved out of a response's buffer and are sent by reference. */
struct held {
	struct evbuffer *buf;
	size_t refs;
};

static void held_release(void *arg)
{
	struct held *h = arg;
	if (--h->refs > 0)
		return;
	evbuffer_free(h->buf);
	free(h);
}

/* Queues all of `buf` by reference. */
static void write_held(struct h2_stream *st, struct evbuffer *buf)
{
	struct held *h = xcalloc(1, sizeof(*h));
	h->buf = evbuffer_new();
	evbuffer_add_buffer(h->buf, buf);
	int n = evbuffer_peek(h->buf, -1, NULL, NULL, 0);
	struct evbuffer_iovec *v = xcalloc((size_t)n, sizeof(*v));
	evbuffer_peek(h->buf, -1, NULL, v, n);
	h->refs = (size_t)n + 1;
	for (int i = 0; i < n; i++)
		h2_stream_write_ref(st, v[i].iov_base, v[i].iov_len, held_release, h);
	free(v);
	held_release(h);
}

static void h2_data(struct http_req *req, struct evbuffer *buf, bool end)
{
	struct exchange *x = of(req);
	size_t n = evbuffer_get_length(buf);
	if (!x->st)
		return;
	if (n >= COPY_BELOW)
		write_held(x->st, buf);
	else if (n > 0)
		evbuffer_remove(buf, h2_stream_write_space(x->st, n), n);
	if (end) {
		h2_stream_stop(x->st);
		h2_stream_finish(x->st, NULL, 0);
	}
}

static size_t h2_pending(struct http_req *req)
{
	return of(req)->st ? h2_stream_queued(of(req)->st) : 0;
}

static void h2_reset(struct http_req *req)
{
	if (of(req)->st)
		h2_stream_reset(of(req)->st, H2_INTERNAL_ERROR);
}

static void h2_done(struct http_req *req)
{
	struct exchange *x = of(req);
	x->req = NULL;
	exchange_free_if_over(x);
}

static const struct http_transport h2_transport = {
	NULL, h2_body_consumed, h2_head, h2_data, NULL, h2_pending, h2_reset, h2_done,
};

/* --- the session's calls ------------------------------------------------------------------------------ */

static struct str copy_str(struct http_req *req, struct str s)
{
	char *p = arena_memdup(&req->arena, s.p ? s.p : "", s.n);
	return p ? str_mem(p, s.n) : str_c("");
}

/* The request's fields; false over its limits. */
static bool fill_request(struct h2_conn *hc, struct http_req *req, const struct h2_fields *f)
{
	struct conn *c = h2_session_conn(hc->h2);
	struct str host = h2_fields_get(f, ":authority"), length = h2_fields_get(f, "content-length");
	uint64_t n;
	req->conn = c;
	req->method_text = copy_str(req, h2_fields_get(f, ":method"));
	req->method = http_method_parse(req->method_text);
	req->target = copy_str(req, h2_fields_get(f, ":path"));
	req->host = copy_str(req, host.p ? host : h2_fields_get(f, "host"));
	req->version = 20;
	req->content_length = length.p && str_to_u64(length, &n) && n <= INT64_MAX ? (int64_t)n : -1;
	req->remote = copy_str(req, str_c(h2_session_peer(hc->h2)));
	req->tls_subject = c && conn_is_tls(c) ? copy_str(req, str_c(conn_peer_subject(c))) : str_c("");
	for (size_t i = 0; i < f->n; i++)
		if (f->p[i].name.n > 0 && f->p[i].name.p[0] != ':' &&
		    http_req_add_header(req, f->p[i].name, f->p[i].value, NULL) != 0)
			return false;
	return req->target.n > 0;
}

/* Answers without a handler. */
static void refuse(struct h2_stream *st, const char *status)
{
	const struct h2_field f[] = { { STR(":status"), str_c(status) }, { STR("content-length"), STR("0") } };
	h2_stream_stop(st);
	h2_stream_respond(st, f, ARRAY_LEN(f), true);
}

static void on_headers(struct h2_stream *st, void *arg)
{
	struct h2_conn *hc = arg;
	const struct h2_fields *f = h2_stream_headers(st);
	if (h2_stream_overflow(st)) {
		refuse(st, "431");
		return;
	}
	if (!h2_fields_get(f, ":path").p) { /* CONNECT */
		refuse(st, "501");
		return;
	}
	struct exchange *x = xcalloc(1, sizeof(*x));
	struct http_req *req = http_req_new(hc->s, &h2_transport, x);
	if (!req || !fill_request(hc, req, f)) {
		if (req)
			http_req_discard(req);
		free(x);
		refuse(st, "503");
		return;
	}
	x->st = st;
	x->req = req;
	h2_stream_set_user(st, x);
	http_req_start(req);
}

static void on_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg)
{
	struct exchange *x = h2_stream_user(st);
	if (x && x->req)
		http_req_body_push(x->req, p, n);
	else
		h2_stream_consume(st, n);
}

static void on_end(struct h2_stream *st, void *arg)
{
	struct exchange *x = h2_stream_user(st);
	if (x && x->req)
		http_req_body_end(x->req);
}

static void on_drain(struct h2_stream *st, void *arg)
{
	struct exchange *x = h2_stream_user(st);
	if (x && x->req)
		http_req_writable(x->req);
}

static void on_closed(struct h2_stream *st, uint32_t code, void *arg)
{
	struct exchange *x = h2_stream_user(st);
	struct err why;
	if (!x)
		return;
	x->st = NULL;
	if (x->req) {
		x->req->conn = NULL;
		err_set(&why, ERR_CANCELLED, "the client's stream ended with code %u", code);
		http_req_abort(x->req, &why);
	}
	exchange_free_if_over(x);
}

static void on_gone(struct h2_session *h2, const struct err *why, void *arg)
{
	struct h2_conn *hc = arg;
	h2_session_free(h2);
	http_session_gone(hc->s, &hc->ses);
	free(hc);
}

static const struct h2_callbacks callbacks = {
	.headers = on_headers,
	.data = on_data,
	.end = on_end,
	.drain = on_drain,
	.closed = on_closed,
	.gone = on_gone,
};

/* --- the server's calls ---------------------------------------------------------------------------------- */

static void drain(struct http_session *ses)
{
	h2_session_shutdown(CONTAINER_OF(ses, struct h2_conn, ses)->h2);
}

static void kill_session(struct http_session *ses)
{
	struct h2_conn *hc = CONTAINER_OF(ses, struct h2_conn, ses);
	on_gone(hc->h2, NULL, hc);
}

static const struct http_session_ops session_ops = { drain, kill_session };

void http_h2_serve(struct http_server *s, struct conn *c)
{
	const struct http_limits *lim = http_server_limits(s);
	struct h2_opts o = h2_opts_default();
	o.max_streams = STREAMS_MAX;
	o.window_bytes = WINDOW_BYTES;
	o.max_header_bytes = lim->max_target + HEADER_BYTES;
	o.drain_bytes = HTTP_SEND_HIGH;
	o.setup_ms = lim->header_ms;
	o.idle_ms = lim->idle_ms;
	o.stall_ms = lim->write_stall_ms;
	struct h2_conn *hc = xcalloc(1, sizeof(*hc));
	hc->s = s;
	hc->ses.ops = &session_ops;
	http_session_add(s, &hc->ses);
	hc->h2 = h2_session_new(c, true, &o, &callbacks, hc);
	if (http_server_draining(s))
		h2_session_shutdown(hc->h2);
}
