#include "http/server.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "http/internal.h"
#include "http/metrics.h"
#include "loop/reactor.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/tls.h"
#include "text/ulid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longest X-Request-ID that is kept. */
#define REQUEST_ID_MAX 128

/* --- routing ----------------------------------------------------------------------------- */

/* Suspends. Answers in plain text. */
static int co_reply_text(struct http_req *req, int status, const char *text, struct err *err)
{
	http_resp_header(req, "X-Content-Type-Options", STR("nosniff"));
	return co_http_reply(req, status, "text/plain; charset=utf-8", str_c(text), err);
}

/* Writes the methods of a set as in "GET, HEAD, OPTIONS". */
static void methods_text(unsigned set, char buf[64])
{
	size_t n = 0;
	buf[0] = 0;
	for (unsigned m = HTTP_GET; m <= HTTP_PATCH; m <<= 1)
		if (set & m)
			n += (size_t)snprintf(buf + n, 64 - n, "%s%s", n ? ", " : "",
					      http_method_name((enum http_method)m));
}

/* Suspends. Answers a known path that does not serve the method. */
static int co_other_method(struct http_req *req, unsigned allowed, struct err *err)
{
	char allow[64];
	methods_text(allowed | HTTP_OPTIONS, allow);
	http_resp_header(req, "Allow", str_c(allow));
	if (req->method == HTTP_OPTIONS)
		return co_http_reply(req, 204, NULL, str_c(""), err);
	return co_reply_text(req, 405, "Method Not Allowed\n", err);
}

/* Redirects to the path with its final '/' toggled, keeping the query. Suspends. */
static int co_toggle_slash(struct http_req *req, struct err *err)
{
	struct str p = req->raw_path;
	bool has = p.n > 1 && p.p[p.n - 1] == '/';
	char *to = arena_printf(&req->arena, "%.*s%s%s%.*s", (int)(has ? p.n - 1 : p.n), p.p, has ? "" : "/",
				req->query.n ? "?" : "", STR_ARG(req->query));
	if (!to)
		return arena_err(&req->arena, err);
	return co_http_redirect(req, req->method == HTTP_GET || req->method == HTTP_HEAD ? 301 : 308, str_c(to), err);
}

/*
 * "//a", "/./a", "/b/../a" as "/a" (Go's path.Clean, with the final '/' kept); NULL when the path is that already, or over the
 * memory of the request. What is encoded stays so.
 */
static char *clean_path(struct http_req *req)
{
	struct str rest = req->raw_path;
	char *out = arena_alloc(&req->arena, rest.n + 2);
	size_t n = 0;
	if (!out || rest.n == 0)
		return NULL;
	bool slash = rest.p[rest.n - 1] == '/';
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (part.n == 0 || str_eq_c(part, "."))
			continue;
		if (str_eq_c(part, "..")) {
			while (n && out[--n] != '/')
				;
			continue;
		}
		out[n++] = '/';
		memcpy(out + n, part.p, part.n);
		n += part.n;
	}
	if (slash || n == 0)
		out[n++] = '/';
	out[n] = 0;
	/* "/\\host" would lead elsewhere. */
	return str_eq(str_mem(out, n), req->raw_path) || out[1] == '\\' ? NULL : out;
}

/* Suspends. Redirects to a path that says the same as the one asked for, keeping method and query. */
static int co_to_clean(struct http_req *req, const char *path, struct err *err)
{
	char *to = arena_printf(&req->arena, "%s%s%.*s", path, req->query.n ? "?" : "", STR_ARG(req->query));
	return to ? co_http_redirect(req, 307, str_c(to), err) : arena_err(&req->arena, err);
}

static int split_target(struct http_req *req, struct err *err)
{
	struct str rest = req->target;
	req->raw_path = str_cut(&rest, '?');
	req->query = rest.p ? rest : str_c("");
	int rc = http_path_decode(&req->arena, req->raw_path, &req->path, err);
	if (rc == 0 && (req->path.n == 0 || req->path.p[0] != '/' || memchr(req->path.p, 0, req->path.n)))
		rc = err_set(err, ERR_INVALID_ARGUMENT, "malformed path");
	return rc;
}

/* Finds the route of a path; the segments of patterns are matched undecoded, so that "%2F" stays in its segment. */
static int find_route(struct http_req *req, struct http_match *m, struct err *err)
{
	struct str raw = req->raw_path;
	const struct http_router *router = req->server->cfg.router;
	*m = (struct http_match){ 0 };
	if (!http_router_strip(router, &raw) || !http_router_strip(router, &req->path)) {
		http_router_match_root(router, req->method, raw, m);
	} else {
		http_router_match(router, req->method, raw, m);
		if (!m->route && !m->allowed && !m->redirect)
			http_router_match(router, req->method, req->path, m);
	}
	req->route = m->route;
	req->handler_arg = m->arg;
	for (size_t i = 0; i < m->n_params; i++) {
		req->path_params[i].name = m->params[i].name;
		int rc = http_path_decode(&req->arena, m->params[i].value, &req->path_params[i].value, err);
		if (rc)
			return rc;
	}
	req->n_path_params = m->n_params;
	return 0;
}

static void apply_route(struct http_req *req)
{
	if (req->route->body_limit)
		req->body_limit = req->route->body_limit;
	if (req->route->memory_limit)
		req->budget.limit = req->route->memory_limit;
}

static void watch_begin(struct http_req *req)
{
	const struct http_watch *w = req->server->cfg.watch;
	req->watched = w && req->route->name;
	if (req->watched)
		w->begin(req, w->arg);
}

/* Suspends. Answers a request that no handler takes. */
static int co_unrouted(struct http_req *req, const struct http_match *m, struct err *err)
{
	const char *prefix = http_router_prefix(req->server->cfg.router);
	const char *clean = clean_path(req);
	if (clean)
		return co_to_clean(req, clean, err);
	if (req->method == HTTP_OTHER)
		return co_reply_text(req, 501, "method not implemented\n", err);
	if (*prefix && str_eq_c(req->raw_path, "/"))
		return co_http_redirect(req, 302, str_c(prefix), err);
	if (m->allowed)
		return co_other_method(req, m->allowed, err);
	if (m->redirect)
		return co_toggle_slash(req, err);
	return co_reply_text(req, 404, "404 page not found\n", err);
}

/* Keeps a decent X-Request-ID, or makes one. */
static void set_request_id(struct http_req *req)
{
	struct str id = http_req_header(req, "x-request-id");
	char fresh[ULID_LEN + 1];
	if (id.n == 0 || id.n > REQUEST_ID_MAX || !str_is_utf8(id)) {
		struct ulid u = ulid_make(sys_now_ms());
		ulid_format(&u, fresh);
		char *p = arena_memdup(&req->arena, fresh, ULID_LEN);
		id = p ? str_mem(p, ULID_LEN) : str_c("");
	}
	req->request_id = id;
}

int co_http_req_handle(struct http_req *req, struct err *err)
{
	struct http_match m;
	bool done = false;
	struct http_server *s = req->server;
	req->running = true;
	set_request_id(req);
	if (req->method == HTTP_OPTIONS && str_eq_c(req->target, "*"))
		return co_http_reply(req, 204, NULL, str_c(""), err);
	int rc = split_target(req, err);
	if (rc == 0)
		rc = find_route(req, &m, err);
	http_metrics_begin(s->cfg.metrics, req);
	if (rc == 0 && s->cfg.before)
		rc = s->cfg.before(req, s->cfg.before_arg, &done, err);
	if (rc || done)
		return rc;
	if (!req->route)
		return co_unrouted(req, &m, err);
	apply_route(req);
	watch_begin(req);
	if (req->content_length >= 0 && (uint64_t)req->content_length > req->body_limit) {
		req->fail_status = 413;
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "request body is larger than %llu bytes",
			       (unsigned long long)req->body_limit);
	}
	return req->route->handler(req, req->handler_arg, err);
}

/* --- connections ---------------------------------------------------------------------------- */

void http_session_add(struct http_server *s, struct http_session *ses)
{
	ses->listener = s->accepting;
	list_push_back(&s->sessions, &ses->link);
	s->stats.connections++;
	s->stats.connections_now++;
	if (s->draining)
		ses->ops->drain(ses);
}

void http_session_gone(struct http_server *s, struct http_session *ses)
{
	list_del(&ses->link);
	s->stats.connections_now--;
	if (ses->listener)
		listener_release(ses->listener);
	waitq_wake_all(&s->changed);
}

bool http_server_draining(const struct http_server *s)
{
	return s->draining;
}

static void on_accept(int fd, const struct sockaddr_any *peer, void *arg)
{
	struct http_listener *hl = arg;
	struct http_server *s = hl->server;
	struct err err;
	struct conn_options opt = { .tls = s->cfg.tls, .stats = &s->conn_stats };
	opt.limits.open_ms = s->cfg.limits.header_ms;
	opt.limits.write_stall_ms = s->cfg.limits.write_stall_ms;
	struct conn *c = conn_accept(s->cfg.reactor, fd, peer, &opt, NULL, NULL, &err);
	if (!c) {
		listener_release(hl->l);
		return;
	}
	s->accepting = hl->l;
	http1_serve(s, c);
	s->accepting = NULL;
}

void http_server_serve(struct http_server *s, struct conn *c)
{
	http1_serve(s, c);
}

/* --- the server ------------------------------------------------------------------------------ */

#define DEFAULT(field, value) \
	do { \
		if (!(field)) \
			(field) = (value); \
	} while (0)

static void fill_limits(struct http_limits *l)
{
	DEFAULT(l->header_ms, 10000);
	DEFAULT(l->idle_ms, 180000);
	DEFAULT(l->body_stall_ms, 30000);
	DEFAULT(l->body_min_bytes, 1024);
	DEFAULT(l->write_stall_ms, 60000);
	DEFAULT(l->linger_ms, 2000);
	DEFAULT(l->max_target, 64 * 1024);
	DEFAULT(l->max_header_bytes, 64 * 1024);
	DEFAULT(l->max_headers, 100);
	DEFAULT(l->max_conns, 20000);
	DEFAULT(l->max_requests, 10000);
	DEFAULT(l->max_pipelined_bytes, 64 * 1024);
	DEFAULT(l->request_memory, 1ull << 30);
}

struct http_server *http_server_new(const struct http_server_config *cfg)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	CHECK(cfg->reactor && cfg->router);
	s->cfg = *cfg;
	tls_ctx_ref(s->cfg.tls);
	fill_limits(&s->cfg.limits);
	list_init(&s->sessions);
	list_init(&s->requests);
	waitq_init(&s->changed);
	return s;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	CHECK(list_empty(&s->requests) && list_empty(&s->sessions));
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_free(s->listeners[i].l);
	tls_ctx_unref(s->cfg.tls);
	free(s);
}

int http_server_listen(struct http_server *s, const char *address, struct err *err)
{
	struct addr at;
	if (s->n_listeners == HTTP_LISTENERS_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %d listeners", HTTP_LISTENERS_MAX);
	int rc = addr_parse(str_c(address), -1, &at, err);
	if (rc)
		return rc;
	struct http_listener *hl = &s->listeners[s->n_listeners];
	struct listener_options opt = { .max_conns = s->cfg.limits.max_conns };
	hl->server = s;
	hl->l = listener_new(s->cfg.reactor, &at, &opt, on_accept, hl, err);
	if (!hl->l)
		return -err->code;
	s->n_listeners++;
	listener_start(hl->l);
	return 0;
}

const struct sockaddr_any *http_server_addr(const struct http_server *s, size_t i)
{
	return i < s->n_listeners ? listener_addr(s->listeners[i].l) : NULL;
}

static void for_sessions(struct http_server *s, bool kill)
{
	list_for_each (it, &s->sessions) {
		struct http_session *ses = list_entry(it, struct http_session, link);
		(kill ? ses->ops->kill : ses->ops->drain)(ses);
	}
}

/* Waits until all is over, the deadline, or cancellation. */
static void co_wait_over(struct http_server *s)
{
	struct err err;
	while (!list_empty(&s->sessions) || !list_empty(&s->requests))
		if (co_waitq_wait(&s->changed, "http server stops", &err))
			return;
}

/* Lets connections that were given up get rid of their last bytes. */
static void co_wait_lingering(struct http_server *s)
{
	struct err err;
	int64_t until = reactor_now_ms(s->cfg.reactor) + s->cfg.limits.linger_ms + 100;
	while (s->conn_stats.open_now > 0 && reactor_now_ms(s->cfg.reactor) < until)
		if (co_sleep_ms(5, &err))
			return;
}

void co_http_server_stop(struct http_server *s, int64_t grace_ms)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_stop(s->listeners[i].l);
	s->draining = true;
	for_sessions(s, false);
	int64_t old = fiber_set_deadline(reactor_now_ms(s->cfg.reactor) + grace_ms);
	co_wait_over(s);
	fiber_restore_deadline(old);
	for_sessions(s, true);
	fiber_mask();
	co_wait_over(s);
	co_wait_lingering(s);
	fiber_unmask();
}

const struct http_limits *http_server_limits(const struct http_server *s)
{
	return &s->cfg.limits;
}

const struct http_server_stats *http_server_stats(const struct http_server *s)
{
	return &s->stats;
}

const struct conn_stats *http_server_conn_stats(const struct http_server *s)
{
	return &s->conn_stats;
}

const char *http_server_date(struct http_server *s)
{
	int64_t now = sys->wall_ns() / 1000000000;
	if (now != s->date_of || !s->date[0]) {
		struct tm tm;
		time_t t = (time_t)now;
		gmtime_r(&t, &tm);
		strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_of = now;
	}
	return s->date;
}
