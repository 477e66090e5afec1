#include "http/internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "http/metrics.h"
#include "http/multipart.h"
#include "loop/reactor.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of one piece of a body. */
#define PIECE_MAX (64 * 1024)

/* Room taken for a body before its bytes have come: what is announced, up to this. */
#define FIRST_ROOM (1024 * 1024)
#define FIRST_ROOM_UNKNOWN 4096

/* --- what handlers ask ---------------------------------------------------------------------- */

struct str http_req_header(const struct http_req *req, const char *name)
{
	return http_headers_get(&req->headers, name);
}

struct str http_req_path_param(const struct http_req *req, const char *name)
{
	for (size_t i = 0; i < req->n_path_params; i++)
		if (str_eq_c(req->path_params[i].name, name))
			return req->path_params[i].value;
	return str_c("");
}

bool http_req_aborted(const struct http_req *req)
{
	return req->aborted;
}

/* --- the body --------------------------------------------------------------------------------- */

static int abort_error(const struct http_req *req, struct err *err)
{
	if (req->abort_cause.code)
		return err_set(err, req->abort_cause.code, "%s", req->abort_cause.msg);
	return err_set(err, ERR_CANCELLED, "the client closed the connection");
}

static int too_large(struct http_req *req, uint64_t limit, struct err *err)
{
	req->fail_status = 413;
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "request body is larger than %llu bytes",
		       (unsigned long long)limit);
}

/* Gives back what the handler has looked at. */
static void return_lent(struct http_req *req)
{
	if (!req->body_lent)
		return;
	size_t n = req->body_lent;
	evbuffer_drain(req->body_in, n);
	req->body_lent = 0;
	if (!req->aborted)
		req->transport->body_consumed(req, n);
}

/* Waits for bytes, the end of the body, or the end of the client. */
static int co_body_wait(struct http_req *req, struct err *err)
{
	if (!req->body_wanted && !req->body_ended && !req->aborted) {
		req->body_wanted = true;
		if (req->transport->want_body)
			req->transport->want_body(req);
	}
	for (;;) {
		if (req->aborted)
			return abort_error(req, err);
		if (req->body_received > req->body_limit)
			return too_large(req, req->body_limit, err);
		if (evbuffer_get_length(req->body_in) > 0 || req->body_ended)
			return 0;
		int rc = co_waitq_wait(&req->readable, "request body", err);
		if (rc)
			return req->aborted ? abort_error(req, err) : rc;
	}
}

int co_http_body_read(struct http_req *req, struct str *ret, struct err *err)
{
	return_lent(req);
	*ret = (struct str){ NULL, 0 };
	int rc = co_body_wait(req, err);
	if (rc || evbuffer_get_length(req->body_in) == 0)
		return rc;
	struct evbuffer_iovec v;
	CHECK(evbuffer_peek(req->body_in, -1, NULL, &v, 1) >= 1);
	req->body_lent = MIN(v.iov_len, (size_t)PIECE_MAX);
	*ret = str_mem(v.iov_base, req->body_lent);
	return 0;
}

/* Where co_http_body_all gathers: one block of the arena, doubled as needed. */
struct gather {
	char *p;
	size_t n, cap;
};

static int gather_room(struct http_req *req, struct gather *g, size_t n, struct err *err)
{
	if (g->n + n <= g->cap)
		return 0;
	size_t cap = MAX(g->cap * 2, g->n + n);
	/* A client that has sent this much gets room for all that it announced: larger copies would hold the loop. */
	if (g->n >= FIRST_ROOM && req->content_length > 0)
		cap = MAX(cap, (size_t)req->content_length);
	char *p = arena_alloc(&req->arena, cap + 1);
	if (!p)
		return arena_err(&req->arena, err);
	if (g->n)
		memcpy(p, g->p, g->n);
	g->p = p;
	g->cap = cap;
	return 0;
}

int co_http_body_all(struct http_req *req, uint64_t max, struct str *ret, struct err *err)
{
	struct gather g = { 0 };
	max = MIN(max, req->body_limit);
	if (req->content_length >= 0 && (uint64_t)req->content_length > max)
		return too_large(req, max, err);
	uint64_t told = req->content_length >= 0 ? (uint64_t)req->content_length : FIRST_ROOM_UNKNOWN;
	int rc = gather_room(req, &g, (size_t)MIN(MAX(told, 1u), (uint64_t)FIRST_ROOM), err);
	while (rc == 0) {
		struct str piece;
		rc = co_http_body_read(req, &piece, err);
		if (rc || piece.n == 0)
			break;
		if (g.n + piece.n > max)
			return too_large(req, max, err);
		rc = gather_room(req, &g, piece.n, err);
		if (rc == 0) {
			memcpy(g.p + g.n, piece.p, piece.n);
			g.n += piece.n;
		}
	}
	if (rc)
		return rc;
	g.p[g.n] = 0;
	*ret = str_mem(g.p, g.n);
	return 0;
}

/* Whether the body holds parameters, and of which kind: `ret` is the boundary of a multipart one, else empty. */
static bool has_form(const struct http_req *req, struct str *ret)
{
	struct str type = http_headers_get(&req->headers, "content-type");
	bool takes = req->method == HTTP_POST || req->method == HTTP_PUT || req->method == HTTP_PATCH;
	*ret = http_multipart_boundary(type);
	return takes &&
	       (ret->n || str_eq_nocase(str_trim(str_cut(&type, ';')), STR("application/x-www-form-urlencoded")));
}

/* Values of a form come before those of the URL, those of a multipart body after them: Go's order. */
int co_http_params(struct http_req *req, const struct http_params **ret, struct err *err)
{
	struct str body, boundary;
	*ret = &req->params;
	if (req->params_done)
		return 0;
	bool form = has_form(req, &boundary);
	int rc = form ? co_http_body_all(req, UINT64_MAX, &body, err) : 0;
	if (rc == 0 && form && !boundary.n)
		rc = http_params_parse(&req->params, &req->arena, body, err);
	if (rc == 0)
		rc = http_params_parse(&req->params, &req->arena, req->query, err);
	if (rc == 0 && form && boundary.n)
		rc = http_multipart_parse(&req->params, &req->arena, body, boundary, err);
	req->params_done = rc == 0;
	return rc;
}

/* --- what protocols bring ------------------------------------------------------------------------ */

size_t http_req_body_waiting(const struct http_req *req)
{
	return evbuffer_get_length(req->body_in);
}

static bool count_body(struct http_req *req, size_t n)
{
	req->body_received += n;
	return req->body_received <= req->body_limit && !req->aborted;
}

void http_req_body_push(struct http_req *req, const void *p, size_t n)
{
	if (count_body(req, n))
		CHECK(evbuffer_add(req->body_in, p, n) == 0);
	waitq_wake_all(&req->readable);
}

void http_req_body_push_buf(struct http_req *req, struct evbuffer *buf, size_t n)
{
	if (count_body(req, n))
		CHECK(evbuffer_remove_buffer(buf, req->body_in, n) == (int)n);
	else
		evbuffer_drain(buf, n);
	waitq_wake_all(&req->readable);
}

void http_req_body_end(struct http_req *req)
{
	req->body_ended = true;
	waitq_wake_all(&req->readable);
}

void http_req_writable(struct http_req *req)
{
	waitq_wake_all(&req->writable);
}

void http_req_abort(struct http_req *req, const struct err *why)
{
	if (req->aborted)
		return;
	req->aborted = true;
	req->server->stats.aborted++;
	if (why)
		req->abort_cause = *why;
	if (req->fiber)
		fiber_cancel(req->fiber);
}

/* --- life ------------------------------------------------------------------------------------------ */

struct http_req *http_req_new(struct http_server *s, const struct http_transport *t, void *priv)
{
	if (s->stats.requests_now >= s->cfg.limits.max_requests)
		return NULL;
	struct http_req *req = xcalloc(1, sizeof(*req));
	budget_init(&req->budget, s->cfg.budget, "request", s->cfg.limits.request_memory);
	arena_init(&req->arena, &req->budget);
	req->reactor = s->cfg.reactor;
	req->server = s;
	req->transport = t;
	req->transport_priv = priv;
	req->content_length = req->out_length = -1;
	req->status = 200;
	req->body_limit = HTTP_BODY_LIMIT;
	req->started_ms = reactor_now_ms(req->reactor);
	req->started_ns = sys->mono_ns();
	req->body_in = evbuffer_new();
	CHECK(req->body_in);
	waitq_init(&req->readable);
	waitq_init(&req->writable);
	list_push_back(&s->requests, &req->link);
	s->stats.requests_now++;
	return req;
}

void http_req_free(struct http_req *req)
{
	struct http_server *s = req->server;
	http_encoder_free(req->encoder);
	evbuffer_free(req->body_in);
	arena_fini(&req->arena);
	budget_fini(&req->budget);
	list_del(&req->link);
	s->stats.requests_now--;
	waitq_wake_all(&s->changed);
	free(req);
}

void http_req_discard(struct http_req *req)
{
	CHECK(!req->started);
	http_req_free(req);
}

int http_req_add_header(struct http_req *req, struct str name, struct str value, struct err *err)
{
	if (req->headers.n >= req->server->cfg.limits.max_headers)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %u header fields",
			       req->server->cfg.limits.max_headers);
	if (!http_headers_add(&req->headers, &req->arena, name, value))
		return arena_err(&req->arena, err);
	struct str copy = req->headers.p[req->headers.n - 1].name;
	str_lower((char *)copy.p, copy.n);
	return 0;
}

/* The request's own fiber. Suspends. */
static void co_req_main(void *arg)
{
	struct http_req *req = arg;
	struct err err = ERR_NONE;
	fiber_set_budget(&req->budget);
	int rc = req->aborted ? -ERR_CANCELLED : co_http_req_handle(req, &err);
	return_lent(req);
	if (!req->aborted)
		http_resp_finish(req, rc, &err);
	http_metrics_end(req->server->cfg.metrics, req);
	const struct http_watch *w = req->server->cfg.watch;
	if (req->watched)
		w->end(req, w->arg);
	req->fiber = NULL;
	req->transport->done(req);
	http_req_free(req);
}

void http_req_start(struct http_req *req)
{
	CHECK(!req->started);
	req->started = true;
	req->server->stats.requests++;
	req->fiber = fiber_start(req->reactor, "http request", co_req_main, req);
}
