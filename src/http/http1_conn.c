#include "http/http1.h"
#include "http/internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/reactor.h"
#include "loop/timer.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Body bytes handed to a request that it has not taken. */
#define BODY_WAITING_MAX (64 * 1024)

/* Rest of a body that is read and dropped to keep the connection. */
#define DISCARD_MAX (256 * 1024)

/* Time that a client which half-closed has for its answer; a closed one looks the same. */
#define HALF_CLOSED_MS 20

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* What the clock of a connection stands for. */
enum clock { CLOCK_HEAD, CLOCK_IDLE, CLOCK_BODY, CLOCK_HALF_CLOSED };

/* Where a connection is in its present request. */
enum state {
	ST_HEAD,    /* reads a head, or waits for one */
	ST_BODY,    /* reads the body; the handler runs */
	ST_WAIT,    /* has read all of the request; the handler runs */
	ST_DISCARD, /* the response is complete; drops the rest of the body */
};

/* A connection that speaks HTTP/1. */
struct h1 {
	struct http_session ses;
	struct http_server *s;
	struct conn *c; /* NULL once closed; lives on until `req` is done */
	struct timer clock;
	enum clock clock_is;
	enum state state;
	struct http1_scan scan;
	struct http1_chunks chunks;
	struct http_req *req;
	uint64_t body_left;  /* of a body with Content-Length */
	uint64_t span_bytes; /* body bytes since the clock was set */
	uint64_t discarded;
	uint64_t out_left; /* of a response with Content-Length */
	bool chunked, keep_alive, last, expect, first;
	bool out_chunked, out_counted;
};

static void advance(struct h1 *h);

/* --- ends ----------------------------------------------------------------------------------- */

static void set_clock(struct h1 *h, enum clock what, int64_t ms)
{
	h->clock_is = what;
	timer_set(&h->clock, ms);
}

static void free_if_over(struct h1 *h)
{
	if (h->c || h->req)
		return;
	timer_fini(&h->clock);
	free(h);
}

/* Lets go of the connection, which was closed or handed over. Frees `h` unless a request runs. */
static void detach(struct h1 *h)
{
	h->c = NULL;
	if (h->req)
		h->req->conn = NULL;
	timer_clear(&h->clock);
	http_session_gone(h->s, &h->ses);
	free_if_over(h);
}

/* Ends the connection at once; a running request is aborted. */
static void break_off(struct h1 *h, const struct err *why)
{
	if (h->req)
		http_req_abort(h->req, why);
	if (h->c) {
		conn_close(h->c);
		detach(h);
	}
}

/* Ends the connection after what is queued. */
static void finish(struct h1 *h)
{
	conn_close_flushed(h->c, h->s->cfg.limits.linger_ms);
	detach(h);
}

/* Answers outside of any handler and closes. */
static void refuse(struct h1 *h, int status, const char *why)
{
	char buf[512];
	char body[160];
	int n = snprintf(body, sizeof(body), "%d %s: %s\n", status, http_status_text(status), why);
	snprintf(buf, sizeof(buf),
		 "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
		 "Connection: close\r\n\r\n%s",
		 status, http_status_text(status), http_server_date(h->s), n, body);
	conn_write(h->c, buf, strlen(buf));
	finish(h);
}

/* The request's body is bad or too slow: answers unless the handler has begun to. */
static void refuse_body(struct h1 *h, int status, const char *why, enum err_code code)
{
	struct err err;
	struct http_req *req = h->req;
	bool begun = req && req->head_sent;
	err_set(&err, code, "%s", why);
	if (req)
		http_req_abort(req, &err);
	if (begun || !req)
		break_off(h, NULL);
	else
		refuse(h, status, why);
}

static void on_clock(void *arg)
{
	struct h1 *h = arg;
	const struct http_limits *lim = &h->s->cfg.limits;
	struct err err;
	switch (h->clock_is) {
	case CLOCK_BODY:
		if (h->span_bytes >= lim->body_min_bytes || (h->req && http_req_body_waiting(h->req) > 0)) {
			h->span_bytes = 0;
			set_clock(h, CLOCK_BODY, lim->body_stall_ms);
			return;
		}
		h->s->stats.timeouts++;
		refuse_body(h, 408, "request body is too slow", ERR_DEADLINE_EXCEEDED);
		return;
	case CLOCK_HEAD:
		h->s->stats.timeouts++;
		if (h->scan.pos > 0) {
			refuse(h, 408, "request headers are too slow");
			return;
		}
		break;
	case CLOCK_HALF_CLOSED:
		err_set(&err, ERR_CANCELLED, "the client closed the connection");
		break_off(h, &err);
		return;
	default:
		break;
	}
	break_off(h, NULL);
}

/* --- reading a request ------------------------------------------------------------------------ */

static void bad_request(struct h1 *h, int status, const char *why)
{
	h->s->stats.bad_requests++;
	refuse(h, status, why);
}

static struct str copy_str(struct http_req *req, struct str s)
{
	char *p = arena_memdup(&req->arena, s.p ? s.p : "", s.n);
	return p ? str_mem(p, s.n) : str_c("");
}

static int fill_request(struct h1 *h, struct http_req *req, const struct http1_head *head, struct err *err)
{
	req->conn = h->c;
	req->method_text = copy_str(req, head->method);
	req->method = http_method_parse(req->method_text);
	req->target = copy_str(req, head->path_query);
	req->host = copy_str(req, head->host);
	req->version = head->version;
	req->content_length = head->chunked ? -1 : MAX(head->content_length, 0);
	req->remote = copy_str(req, str_c(conn_peer_text(h->c)));
	req->tls_subject = conn_is_tls(h->c) ? copy_str(req, str_c(conn_peer_subject(h->c))) : str_c("");
	for (size_t i = 0; i < head->n_fields; i++) {
		int rc = http_req_add_header(req, head->fields[i].name, head->fields[i].value, err);
		if (rc)
			return rc;
	}
	return req->target.n ? 0 : arena_err(&req->arena, err);
}

extern const struct http_transport h1_transport;

/* Starts the handler; false, with `h` gone, when there is no room for it. */
static bool begin_request(struct h1 *h, const struct http1_head *head)
{
	struct err err;
	struct http_req *req = http_req_new(h->s, &h1_transport, h);
	if (!req) {
		refuse(h, 503, "too many requests at a time");
		return false;
	}
	if (fill_request(h, req, head, &err)) {
		http_req_discard(req);
		refuse(h, 503, "no memory for the request");
		return false;
	}
	h->req = req;
	h->first = false;
	h->chunked = head->chunked;
	h->keep_alive = head->keep_alive;
	h->expect = head->expect_continue;
	h->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
	h->chunks = (struct http1_chunks){ 0 };
	h->scan = (struct http1_scan){ 0 };
	h->out_chunked = h->out_counted = false;
	h->state = h->chunked || h->body_left ? ST_BODY : ST_WAIT;
	timer_clear(&h->clock);
	http_req_start(req);
	if (h->state == ST_WAIT) {
		http_req_body_end(req);
		if (conn_at_eof(h->c))
			set_clock(h, CLOCK_HALF_CLOSED, HALF_CLOSED_MS);
	} else {
		h->span_bytes = 0;
		set_clock(h, CLOCK_BODY, h->s->cfg.limits.body_stall_ms);
	}
	return true;
}

/* Lets the input grow to the size of the largest head while one is read. */
static void set_read_high(struct h1 *h, bool big)
{
	const struct http_limits *lim = &h->s->cfg.limits;
	struct conn_limits cl = { .open_ms = lim->header_ms, .write_stall_ms = lim->write_stall_ms };
	cl.read_high = big ? lim->max_target + lim->max_header_bytes + 1024 : lim->max_pipelined_bytes;
	conn_set_limits(h->c, &cl);
}

/* Whether the connection begins with the HTTP/2 preface; *ret_more when that cannot be told yet. */
static bool is_preface(struct h1 *h, struct evbuffer *in, bool *ret_more)
{
	char buf[sizeof(preface) - 1];
	*ret_more = false;
	if (!h->first || !h->s->cfg.h2)
		return false;
	ev_ssize_t n = evbuffer_copyout(in, buf, sizeof(buf));
	if (n <= 0 || memcmp(buf, preface, (size_t)n) != 0)
		return false;
	*ret_more = (size_t)n < sizeof(buf);
	return !*ret_more;
}

static void hand_over(struct h1 *h)
{
	struct http_server *s = h->s;
	struct conn *c = h->c;
	struct listener *l = h->ses.listener, *outer = s->accepting;
	conn_set_callbacks(c, NULL, NULL);
	s->stats.connections--;
	h->ses.listener = NULL;
	detach(h);
	s->accepting = l;
	s->cfg.h2(s, c);
	s->accepting = outer;
}

/* Reads one head; false when there is nothing more to do now. */
static bool read_head(struct h1 *h)
{
	const struct http_limits *lim = &h->s->cfg.limits;
	struct http1_limits hl = { lim->max_target, lim->max_header_bytes, lim->max_headers };
	struct evbuffer *in = conn_input(h->c);
	size_t len = 0, have = evbuffer_get_length(in);
	int status = 0;
	const char *why = NULL;
	bool more;
	if (have == 0 || !conn_writable(h->c)) {
		if (have == 0 && conn_at_eof(h->c))
			finish(h);
		return false;
	}
	if (h->scan.pos == 0 && h->clock_is != CLOCK_HEAD)
		set_clock(h, CLOCK_HEAD, lim->header_ms);
	if (is_preface(h, in, &more)) {
		hand_over(h);
		return false;
	}
	if (more)
		return false;
	const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)have);
	enum http1_found found = http1_scan_head(&h->scan, &hl, p, have, &len, &status, &why);
	if (found == HTTP1_MORE && have >= lim->max_pipelined_bytes)
		set_read_high(h, true);
	if (found == HTTP1_MORE) {
		if (conn_at_eof(h->c))
			finish(h);
		return false;
	}
	struct http1_head head;
	if (found == HTTP1_COMPLETE)
		status = http1_parse_head(p, len, &hl, &head, &why);
	if (status) {
		bad_request(h, status, why);
		return false;
	}
	if (len > lim->max_pipelined_bytes)
		set_read_high(h, false);
	if (!begin_request(h, &head))
		return false;
	evbuffer_drain(in, len);
	return true;
}

static void end_body(struct h1 *h)
{
	timer_clear(&h->clock);
	if (h->state == ST_DISCARD) {
		h->state = ST_HEAD;
		set_clock(h, CLOCK_IDLE, h->s->cfg.limits.idle_ms);
		return;
	}
	h->state = ST_WAIT;
	http_req_body_end(h->req);
}

/* Body bytes that may be taken from the input now. */
static size_t body_room(const struct h1 *h)
{
	if (h->state == ST_DISCARD)
		return SIZE_MAX;
	size_t waiting = http_req_body_waiting(h->req);
	return waiting >= BODY_WAITING_MAX ? 0 : BODY_WAITING_MAX - waiting;
}

/* Takes body bytes of a chunked body; false when there is nothing more to do now. */
static bool read_chunks(struct h1 *h, struct evbuffer *in)
{
	struct evbuffer_iovec v;
	size_t used;
	struct str data;
	if (evbuffer_peek(in, -1, NULL, &v, 1) < 1 || v.iov_len == 0)
		return false;
	enum http1_found found = http1_chunks_feed(&h->chunks, v.iov_base, MIN(v.iov_len, body_room(h)), &used, &data);
	if (found == HTTP1_BAD) {
		h->s->stats.bad_requests++;
		refuse_body(h, 400, h->chunks.why, ERR_INVALID_ARGUMENT);
		return false;
	}
	if (data.n && h->state == ST_BODY)
		http_req_body_push(h->req, data.p, data.n);
	h->span_bytes += used;
	h->discarded += used;
	evbuffer_drain(in, used);
	if (found == HTTP1_COMPLETE)
		end_body(h);
	return true;
}

static bool read_counted(struct h1 *h, struct evbuffer *in)
{
	size_t n = MIN(MIN(evbuffer_get_length(in), h->body_left), body_room(h));
	if (n == 0)
		return false;
	if (h->state == ST_BODY)
		http_req_body_push_buf(h->req, in, n);
	else
		evbuffer_drain(in, n);
	h->body_left -= n;
	h->span_bytes += n;
	h->discarded += n;
	if (h->body_left == 0)
		end_body(h);
	return true;
}

/* Takes body bytes; false when there is nothing more to do now. */
static bool read_body(struct h1 *h)
{
	struct evbuffer *in = conn_input(h->c);
	if (h->state == ST_DISCARD && evbuffer_get_length(in) == 0 && conn_at_eof(h->c)) {
		finish(h);
		return false;
	}
	if (body_room(h) == 0)
		return false;
	if (h->state == ST_DISCARD && h->discarded > DISCARD_MAX) {
		finish(h);
		return false;
	}
	return h->chunked ? read_chunks(h, in) : read_counted(h, in);
}

/* Goes on with what the input holds. May free `h`. */
static void advance(struct h1 *h)
{
	bool more = true;
	while (more) {
		switch (h->state) {
		case ST_HEAD:
			more = read_head(h);
			break;
		case ST_BODY:
		case ST_DISCARD:
			more = read_body(h);
			break;
		default:
			more = false;
		}
	}
}

/* --- the connection's callbacks ----------------------------------------------------------------- */

static void on_open(struct conn *c, void *arg)
{
	struct h1 *h = arg;
	if (h->s->cfg.h2 && str_eq_c(conn_alpn(c), "h2"))
		hand_over(h);
}

static void on_read(struct conn *c, void *arg)
{
	advance(arg);
}

static void on_drain(struct conn *c, void *arg)
{
	struct h1 *h = arg;
	if (h->req)
		http_req_writable(h->req);
	else
		advance(h);
}

static void on_eof(struct conn *c, void *arg)
{
	struct h1 *h = arg;
	if (h->req && h->state == ST_WAIT) {
		set_clock(h, CLOCK_HALF_CLOSED, HALF_CLOSED_MS);
		return;
	}
	if (h->req) {
		struct err err;
		err_set(&err, ERR_CANCELLED, "the client closed the connection within the request body");
		break_off(h, &err);
	} else {
		advance(h);
	}
}

static void on_closed(struct conn *c, const struct err *why, void *arg)
{
	struct h1 *h = arg;
	if (why->code == ERR_DEADLINE_EXCEEDED)
		h->s->stats.timeouts++;
	break_off(h, why);
}

static const struct conn_callbacks h1_callbacks = { on_open, on_read, on_drain, on_eof, on_closed };

/* --- the response --------------------------------------------------------------------------------- */

static struct h1 *of(struct http_req *req)
{
	return req->transport_priv;
}

static void h1_want_body(struct http_req *req)
{
	struct h1 *h = of(req);
	if (!h->c || !h->expect || h->state != ST_BODY)
		return;
	h->expect = false;
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	conn_write(h->c, go_on, sizeof(go_on) - 1);
}

static void h1_body_consumed(struct http_req *req, size_t n)
{
	struct h1 *h = of(req);
	if (h->c && h->state == ST_BODY)
		conn_read_resume(h->c);
}

/* Decides how the body is framed, and writes the fields that say so. */
static void write_framing(struct h1 *h, struct http_req *req, bool end, struct strbuf *b)
{
	bool may_have_body = req->status >= 200 && req->status != 204 && req->status != 304;
	if (req->out_length >= 0 && may_have_body) {
		strbuf_printf(b, "Content-Length: %lld\r\n", (long long)req->out_length);
		h->out_counted = !end;
		h->out_left = (uint64_t)req->out_length;
	} else if (!end && req->version == 11) {
		strbuf_add_c(b, "Transfer-Encoding: chunked\r\n");
		h->out_chunked = true;
	} else if (!end) {
		h->last = true;
	}
	/* A body that was never asked for, or is long, is not waited for. */
	if (h->state == ST_BODY && h->expect)
		h->last = true;
	if (h->last || !h->keep_alive || http_server_draining(h->s)) {
		h->last = true;
		strbuf_add_c(b, "Connection: close\r\n");
	} else if (req->version == 10) {
		strbuf_add_c(b, "Connection: keep-alive\r\n");
	}
}

static void h1_head(struct http_req *req, bool end)
{
	struct h1 *h = of(req);
	if (!h->c)
		return;
	struct strbuf b = { 0 };
	strbuf_printf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", req->status, http_status_text(req->status),
		      http_server_date(h->s));
	for (size_t i = 0; i < req->out.n; i++) {
		strbuf_add_str(&b, req->out.p[i].name);
		strbuf_add_c(&b, ": ");
		strbuf_add_str(&b, req->out.p[i].value);
		strbuf_add_c(&b, "\r\n");
	}
	write_framing(h, req, end, &b);
	strbuf_add_c(&b, "\r\n");
	conn_write(h->c, b.p, b.n);
	strbuf_fini(&b);
}

static void h1_reset(struct http_req *req)
{
	struct h1 *h = of(req);
	if (!h->c)
		return;
	conn_close(h->c);
	detach(h);
}

/* Counts n bytes of a body whose length was told. A handler that breaks its own word must not corrupt what follows. */
static bool count_out(struct http_req *req, size_t n, bool end)
{
	struct h1 *h = of(req);
	if (!h->out_counted)
		return true;
	if (n > h->out_left || (end && n < h->out_left)) {
		h1_reset(req);
		return false;
	}
	h->out_left -= n;
	return true;
}

/* The line before a chunk of n bytes. */
static struct str chunk_head(char buf[24], size_t n)
{
	return str_mem(buf, (size_t)snprintf(buf, 24, "%zx\r\n", n));
}

static void h1_piece(struct http_req *req, struct str bytes)
{
	struct h1 *h = of(req);
	char head[24];
	if (!h->c || bytes.n == 0 || !count_out(req, bytes.n, false))
		return;
	struct str parts[3] = { bytes };
	if (h->out_chunked) {
		parts[0] = chunk_head(head, bytes.n);
		parts[1] = bytes;
		parts[2] = STR("\r\n");
	}
	conn_write_parts(h->c, parts, h->out_chunked ? 3 : 1);
}

static void h1_data(struct http_req *req, struct evbuffer *buf, bool end)
{
	struct h1 *h = of(req);
	size_t n = evbuffer_get_length(buf);
	char head[24];
	if (!h->c || !count_out(req, n, end))
		return;
	if (n && h->out_chunked) {
		struct str line = chunk_head(head, n);
		conn_write(h->c, line.p, line.n);
	}
	if (n)
		conn_write_buf(h->c, buf);
	if (n && h->out_chunked)
		conn_write(h->c, "\r\n", 2);
	if (end && h->out_chunked)
		conn_write(h->c, "0\r\n\r\n", 5);
}

static size_t h1_pending(struct http_req *req)
{
	struct h1 *h = of(req);
	return h->c ? conn_pending(h->c) : 0;
}

/* The rest of a body whose request is answered: short ones are dropped, to keep the connection. */
static void discard_body(struct h1 *h)
{
	if (h->expect || h->body_left > DISCARD_MAX) {
		finish(h);
		return;
	}
	h->state = ST_DISCARD;
	h->discarded = h->span_bytes = 0;
	set_clock(h, CLOCK_BODY, h->s->cfg.limits.body_stall_ms);
	conn_read_resume(h->c);
}

static void h1_done(struct http_req *req)
{
	struct h1 *h = of(req);
	h->req = NULL;
	if (!h->c) {
		free_if_over(h);
		return;
	}
	if (h->last || (conn_at_eof(h->c) && (h->state == ST_BODY || evbuffer_get_length(conn_input(h->c)) == 0))) {
		finish(h);
	} else if (h->state == ST_BODY) {
		discard_body(h);
	} else {
		h->state = ST_HEAD;
		set_clock(h, CLOCK_IDLE, h->s->cfg.limits.idle_ms);
		conn_read_resume(h->c);
	}
}

const struct http_transport h1_transport = {
	h1_want_body, h1_body_consumed, h1_head, h1_data, h1_piece, h1_pending, h1_reset, h1_done,
};

/* --- the server's calls ------------------------------------------------------------------------------ */

static void h1_drain(struct http_session *ses)
{
	struct h1 *h = CONTAINER_OF(ses, struct h1, ses);
	h->last = true;
	if (!h->req && h->state == ST_HEAD && evbuffer_get_length(conn_input(h->c)) == 0)
		finish(h);
}

static void h1_kill(struct http_session *ses)
{
	struct err err;
	err_set(&err, ERR_UNAVAILABLE, "the server is stopping");
	break_off(CONTAINER_OF(ses, struct h1, ses), &err);
}

static const struct http_session_ops h1_session_ops = { h1_drain, h1_kill };

void http1_serve(struct http_server *s, struct conn *c)
{
	struct h1 *h = xcalloc(1, sizeof(*h));
	h->s = s;
	h->c = c;
	h->ses.ops = &h1_session_ops;
	h->first = true;
	timer_init(&h->clock, s->cfg.reactor, on_clock, h);
	set_clock(h, CLOCK_HEAD, s->cfg.limits.header_ms);
	set_read_high(h, false);
	conn_set_callbacks(c, &h1_callbacks, h);
	http_session_add(s, &h->ses);
}
