#include "grpc/server.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "grpc/server_internal.h"
#include "loop/reactor.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/tls.h"

#include <stdlib.h>

struct grpc_server_opts grpc_server_opts_default(void)
{
	return (struct grpc_server_opts){
		.max_message_bytes = 64ull << 20,
		.max_call_bytes = 1ull << 30,
		.max_connections = 10000,
		.max_streams = 1000,
		.send_queue_bytes = 256 * 1024,
		.max_connection_age_ms = 60 * 60 * 1000,
		.max_connection_grace_ms = 5 * 60 * 1000,
		.keepalive_ms = 2 * 60 * 1000,
		.keepalive_timeout_ms = 20 * 1000,
		.keepalive_min_ms = 10 * 1000,
		.setup_timeout_ms = 10 * 1000,
		.stall_timeout_ms = 60 * 1000,
	};
}

static struct h2_opts h2_opts_of(const struct grpc_server_opts *o)
{
	struct h2_opts h = h2_opts_default();
	h.max_streams = o->max_streams;
	h.drain_bytes = o->send_queue_bytes;
	h.keepalive_ms = o->keepalive_ms;
	h.keepalive_timeout_ms = o->keepalive_timeout_ms;
	h.keepalive_min_ms = o->keepalive_min_ms;
	h.keepalive_idle = true;
	h.max_age_ms = o->max_connection_age_ms;
	h.max_grace_ms = o->max_connection_grace_ms;
	h.setup_ms = o->setup_timeout_ms;
	h.stall_ms = o->stall_timeout_ms;
	return h;
}

struct grpc_server *grpc_server_new(struct reactor *r, const struct grpc_server_opts *opts)
{
	struct grpc_server *s = xcalloc(1, sizeof(*s));
	s->r = r;
	s->opts = opts ? *opts : grpc_server_opts_default();
	s->h2 = h2_opts_of(&s->opts);
	if (s->opts.tls)
		tls_ctx_ref(s->opts.tls);
	list_init(&s->conns);
	list_init(&s->calls);
	waitq_init(&s->idle);
	return s;
}

static void free_listeners(struct grpc_server *s)
{
	for (size_t i = 0; i < s->listeners.n; i++) {
		listener_free(s->listeners.p[i]->l);
		free(s->listeners.p[i]);
	}
	vec_fini(&s->listeners);
}

void grpc_server_free(struct grpc_server *s)
{
	if (!s)
		return;
	CHECK(list_empty(&s->calls) && list_empty(&s->conns));
	free_listeners(s);
	for (size_t i = 0; i < s->order.n; i++) {
		grpc_method_metrics_fini(&s->order.p[i]->metrics);
		free(s->order.p[i]);
	}
	vec_fini(&s->order);
	hmap_fini(&s->methods);
	tls_ctx_unref(s->opts.tls);
	free(s);
}

/* --- the table ---------------------------------------------------------------------------- */

static bool entry_has_path(const void *value, const void *key)
{
	const struct grpc_entry *e = value;
	return str_eq_c(*(const struct str *)key, e->row.path);
}

struct grpc_entry *grpc_server_find(const struct grpc_server *s, struct str path)
{
	return hmap_find(&s->methods, hash_str(path), entry_has_path, &path);
}

void grpc_server_add(struct grpc_server *s, const struct grpc_method *rows, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct str path = str_c(rows[i].path);
		CHECK(path.n > 2 && path.p[0] == '/');
		struct grpc_entry *e = grpc_server_find(s, path);
		if (!e) {
			e = xcalloc(1, sizeof(*e));
			hmap_add(&s->methods, hash_str(path), e);
			*vec_push(&s->order) = e;
		}
		e->row = rows[i];
		e->arg = arg;
	}
}

static struct str service_of(const char *path)
{
	struct str rest = str_c(path + 1);
	return str_cut(&rest, '/');
}

size_t grpc_server_services(const struct grpc_server *s, struct str *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < s->order.n; i++) {
		struct str name = service_of(s->order.p[i]->row.path);
		bool known = false;
		for (size_t j = 0; j < i && !known; j++)
			known = str_eq(service_of(s->order.p[j]->row.path), name);
		if (known)
			continue;
		if (n < max)
			ret[n] = name;
		n++;
	}
	return n;
}

void grpc_server_metrics_init(struct grpc_server *s, struct metrics_registry *reg)
{
	static const char *const types[] = { "unary", "server_stream", "bidi_stream" };
	grpc_metric_families_init(&s->families, reg, "server");
	/* Nothing panics here; upstream's alerts ask for the series all the same. */
	metrics_counter(reg, "grpc_req_panics_recovered_total",
			"Total number of gRPC requests recovered from internal panic.");
	for (size_t i = 0; i < s->order.n; i++) {
		struct grpc_entry *e = s->order.p[i];
		grpc_method_metrics_fini(&e->metrics);
		grpc_method_metrics_init(&e->metrics, &s->families, types[e->row.kind], str_c(e->row.path));
	}
}

/* --- connections ------------------------------------------------------------------------------ */

static void conn_gone(struct grpc_conn *gc)
{
	struct grpc_server *s = gc->srv;
	list_del(&gc->link);
	if (gc->l)
		listener_release(gc->l);
	s->stats.connections--;
	waitq_wake_all(&s->idle);
	free(gc);
}

static void session_gone(struct h2_session *ses, const struct err *why, void *arg)
{
	struct grpc_conn *gc = arg;
	if (h2_session_abused(ses))
		gc->srv->stats.abuse_closed++;
	h2_session_free(ses);
	conn_gone(gc);
}

static void stream_headers(struct h2_stream *st, void *arg)
{
	grpc_call_begin(((struct grpc_conn *)arg)->srv, st);
}

static void stream_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg)
{
	struct grpc_call *c = h2_stream_user(st);
	if (c)
		grpc_call_data(c, p, n);
	else
		h2_stream_consume(st, n);
}

static void stream_end(struct h2_stream *st, void *arg)
{
	struct grpc_call *c = h2_stream_user(st);
	if (c)
		grpc_call_end(c);
}

static void stream_drain(struct h2_stream *st, void *arg)
{
	struct grpc_call *c = h2_stream_user(st);
	if (c)
		grpc_call_drain(c);
}

static void stream_closed(struct h2_stream *st, uint32_t code, void *arg)
{
	struct grpc_call *c = h2_stream_user(st);
	if (c)
		grpc_call_closed(c);
}

static const struct h2_callbacks session_cbs = {
	.headers = stream_headers,
	.data = stream_data,
	.end = stream_end,
	.drain = stream_drain,
	.closed = stream_closed,
	.gone = session_gone,
};

static struct grpc_conn *conn_new(struct grpc_server *s, struct listener *l)
{
	struct grpc_conn *gc = xcalloc(1, sizeof(*gc));
	gc->srv = s;
	gc->l = l;
	list_push_back(&s->conns, &gc->link);
	s->stats.connections++;
	return gc;
}

static void conn_start(struct grpc_conn *gc, struct conn *c)
{
	gc->conn = NULL;
	gc->session = h2_session_new(c, true, &gc->srv->h2, &session_cbs, gc);
	if (gc->srv->draining)
		h2_session_shutdown(gc->session);
}

static void conn_closed(struct conn *c, const struct err *why, void *arg)
{
	conn_close(c);
	conn_gone(arg);
}

static void conn_open(struct conn *c, void *arg)
{
	struct str alpn = conn_alpn(c);
	if (conn_is_tls(c) && alpn.n > 0 && !str_eq_c(alpn, "h2")) {
		conn_closed(c, NULL, arg);
		return;
	}
	conn_start(arg, c);
}

static const struct conn_callbacks opening_cbs = { .open = conn_open, .closed = conn_closed };

static void on_accept(int fd, const struct sockaddr_any *peer, void *arg)
{
	struct grpc_listener *gl = arg;
	struct grpc_conn *gc = conn_new(gl->srv, gl->l);
	struct conn_options opt = { .tls = gl->srv->opts.tls, .stats = gl->srv->opts.conn_stats };
	gc->conn = conn_accept(gl->srv->r, fd, peer, &opt, &opening_cbs, gc, NULL);
	if (!gc->conn)
		conn_gone(gc);
}

void grpc_server_accept(struct grpc_server *s, struct conn *c)
{
	conn_start(conn_new(s, NULL), c);
}

int grpc_server_listen(struct grpc_server *s, const struct addr *at, struct err *err)
{
	struct grpc_listener *gl = xcalloc(1, sizeof(*gl));
	struct err e;
	gl->srv = s;
	struct listener_options opt = { .max_conns = s->opts.max_connections };
	gl->l = listener_new(s->r, at, &opt, on_accept, gl, &e);
	if (!gl->l) {
		free(gl);
		return err_set(err, (enum err_code)e.code, "%s", e.msg);
	}
	*vec_push(&s->listeners) = gl;
	listener_start(gl->l);
	return 0;
}

struct listener *grpc_server_listener(const struct grpc_server *s, size_t n)
{
	return n < s->listeners.n ? s->listeners.p[n]->l : NULL;
}

/* --- stopping ---------------------------------------------------------------------------------- */

static void stop_listeners(struct grpc_server *s)
{
	for (size_t i = 0; i < s->listeners.n; i++)
		listener_stop(s->listeners.p[i]->l);
}

void grpc_server_stop(struct grpc_server *s)
{
	s->draining = true;
	stop_listeners(s);
	list_for_each (l, &s->conns) {
		struct grpc_conn *gc = list_entry(l, struct grpc_conn, link);
		if (gc->conn)
			conn_close(gc->conn);
		h2_session_free(gc->session);
		conn_gone(gc);
	}
}

static bool server_idle(const struct grpc_server *s)
{
	return list_empty(&s->conns) && list_empty(&s->calls);
}

/* Waits until all is idle or the deadline passed. */
static void co_wait_idle(struct grpc_server *s, int64_t deadline_ms)
{
	int64_t old = fiber_set_deadline(deadline_ms);
	while (!server_idle(s) && co_waitq_wait(&s->idle, "grpc drain", NULL) == 0)
		;
	fiber_restore_deadline(old);
}

void co_grpc_server_drain(struct grpc_server *s, int64_t grace_ms)
{
	s->draining = true;
	stop_listeners(s);
	list_for_each (l, &s->conns) {
		struct grpc_conn *gc = list_entry(l, struct grpc_conn, link);
		if (gc->session)
			h2_session_shutdown(gc->session);
	}
	if (grace_ms > 0)
		co_wait_idle(s, reactor_now_ms(s->r) + grace_ms);
	grpc_server_stop(s);
	fiber_mask();
	co_wait_idle(s, FIBER_NO_DEADLINE);
	fiber_unmask();
}

struct grpc_server_stats grpc_server_stats(const struct grpc_server *s)
{
	struct grpc_server_stats st = s->stats;
	list_for_each (l, (struct list *)&s->conns) {
		const struct grpc_conn *gc = list_entry(l, struct grpc_conn, link);
		if (gc->session)
			st.queued_bytes += h2_session_queued(gc->session);
	}
	return st;
}
