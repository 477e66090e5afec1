#include "grpc/encoding.h"
#include "grpc/server_internal.h"
#include "grpc/status.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "loop/reactor.h"

#include <stdio.h>
#include <stdlib.h>

/* What a call is charged for its struct and the touched part of its fiber's stack. */
#define CALL_BYTES (32 * 1024)

/* Our own response fields besides the application's. */
#define OWN_FIELDS 8

/* Most metadata entries that a handler may set, headers and trailers each. */
#define METADATA_MAX 100

/* --- answers without a handler ---------------------------------------------------------------- */

static struct h2_field field(const char *name, struct str value)
{
	return (struct h2_field){ str_c(name), value };
}

/* Appends grpc-status and grpc-message; `text` holds their bytes. */
static size_t status_fields(struct h2_field *f, int code, const char *msg, struct strbuf *text)
{
	char num[16];
	size_t digits = (size_t)snprintf(num, sizeof(num), "%d", code);
	strbuf_add(text, num, digits);
	grpc_message_encode(text, msg);
	f[0] = field("grpc-status", str_mem(text->p, digits));
	if (code == 0 || text->n == digits)
		return 1;
	f[1] = field("grpc-message", str_mem(text->p + digits, text->n - digits));
	return 2;
}

/* Answers a stream that has no call, or whose call never got a handler. */
static void reject(struct h2_stream *st, const char *http_status, const struct err *e)
{
	struct strbuf text = { 0 };
	struct h2_field f[OWN_FIELDS];
	size_t n = 0;
	f[n++] = field(":status", str_c(http_status));
	f[n++] = field("content-type", STR("application/grpc"));
	if (e->code == ERR_UNIMPLEMENTED)
		f[n++] = field("grpc-accept-encoding", STR(GRPC_ACCEPT_ENCODING));
	n += status_fields(&f[n], e->code, e->msg, &text);
	h2_stream_stop(st);
	h2_stream_respond(st, f, n, true);
	strbuf_fini(&text);
}

/* --- the request's headers ---------------------------------------------------------------------- */

/* What the headers say. */
struct request_head {
	const char *http_status; /* to answer with on failure */
	struct grpc_entry *entry;
	int64_t timeout_ms; /* -1: none */
};

static bool is_grpc_content_type(struct str v)
{
	if (!str_has_prefix(v, STR("application/grpc")))
		return false;
	return v.n == 16 || v.p[16] == '+' || v.p[16] == ';';
}

static int find_method(struct grpc_server *s, struct str path, struct grpc_entry **ret, struct err *err)
{
	*ret = grpc_server_find(s, path);
	if (*ret)
		return 0;
	struct str rest = path.n > 0 && path.p[0] == '/' ? str_mem(path.p + 1, path.n - 1) : (struct str){ NULL, 0 };
	struct str service = str_cut(&rest, '/');
	if (!rest.p)
		return err_set(err, ERR_UNIMPLEMENTED, "malformed method name: \"%.*s\"", (int)MIN(path.n, 200),
			       path.p);
	for (size_t i = 0; i < s->order.n; i++) {
		struct str known = str_c(s->order.p[i]->row.path + 1);
		if (str_eq(str_cut(&known, '/'), service))
			return err_set(err, ERR_UNIMPLEMENTED, "unknown method %.*s for service %.*s",
				       (int)MIN(rest.n, 200), rest.p, (int)MIN(service.n, 200), service.p);
	}
	return err_set(err, ERR_UNIMPLEMENTED, "unknown service %.*s", (int)MIN(service.n, 200), service.p);
}

static int check_head(struct grpc_server *s, const struct h2_stream *st, struct request_head *h, struct err *err)
{
	const struct h2_fields *f = h2_stream_headers(st);
	*h = (struct request_head){ .http_status = "200", .timeout_ms = -1 };
	if (h2_stream_overflow(st))
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "request headers are larger than %u bytes",
			       s->h2.max_header_bytes);
	struct str method = h2_fields_get(f, ":method"), type = h2_fields_get(f, "content-type");
	if (!str_eq_c(method, "POST")) {
		h->http_status = "405";
		return err_set(err, ERR_INTERNAL, "HTTP method %.*s, must be POST", (int)MIN(method.n, 32), method.p);
	}
	if (!is_grpc_content_type(type)) {
		h->http_status = "415";
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid gRPC request content-type \"%.*s\"",
			       (int)MIN(type.n, 100), type.p);
	}
	struct str timeout = h2_fields_get(f, "grpc-timeout");
	if (timeout.p && !grpc_timeout_parse(timeout, &h->timeout_ms)) {
		h->http_status = "400";
		return err_set(err, ERR_INTERNAL, "malformed grpc-timeout: \"%.*s\"", (int)MIN(timeout.n, 32),
			       timeout.p);
	}
	return find_method(s, h2_fields_get(f, ":path"), &h->entry, err);
}

/* --- life ------------------------------------------------------------------------------------------ */

/* Copies what the call keeps of the headers to its arena. */
static int copy_head(struct grpc_call *c, const struct h2_fields *f, struct err *err)
{
	static const char *const names[] = { ":path", "grpc-encoding", "grpc-accept-encoding" };
	struct str *const to[] = { &c->path, &c->encoding_name, &c->accept_encoding };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str v = h2_fields_get(f, names[i]);
		char *p = arena_memdup(&c->arena, v.p ? v.p : "", v.n);
		if (!p)
			return arena_err(&c->arena, err);
		*to[i] = str_mem(p, v.n);
	}
	grpc_metas_from(&c->metas, f);
	c->encoding_known = grpc_encoding_parse(c->encoding_name, &c->encoding_in);
	grpc_call_set_encoding(c, c->encoding_known ? c->encoding_in : GRPC_IDENTITY);
	const char *id = c->srv->opts.request_id_header;
	struct str value = id ? grpc_metas_get(&c->metas, id) : (struct str){ NULL, 0 };
	return value.p ? grpc_call_set_header(c, id, value, err) : 0;
}

static void call_free(struct grpc_call *c)
{
	struct grpc_server *s = c->srv;
	if (c->st)
		h2_stream_set_user(c->st, NULL);
	list_del(&c->link);
	grpc_inbox_fini(&c->inbox);
	grpc_metas_fini(&c->metas);
	vec_fini(&c->headers);
	vec_fini(&c->trailers);
	strbuf_fini(&c->plain);
	strbuf_fini(&c->coded);
	budget_give(&c->budget, c->plain_charged);
	arena_fini(&c->arena);
	budget_give(&c->budget, CALL_BYTES);
	budget_fini(&c->budget);
	free(c);
	waitq_wake_all(&s->idle);
}

/* Makes a call; NULL over the server's budget. */
static struct grpc_call *call_new(struct grpc_server *s, struct h2_stream *st, const struct request_head *h,
				  struct err *err)
{
	struct grpc_call *c = xcalloc(1, sizeof(*c));
	budget_init(&c->budget, s->opts.budget, "call", s->opts.max_call_bytes);
	if (!budget_take(&c->budget, CALL_BYTES)) {
		budget_err(&c->budget, err);
		free(c);
		return NULL;
	}
	c->srv = s;
	c->st = st;
	c->entry = h->entry;
	c->metrics = &h->entry->metrics;
	c->begin_ns = sys->mono_ns();
	c->deadline_ms = h->timeout_ms >= 0 ? reactor_now_ms(s->r) + h->timeout_ms : FIBER_NO_DEADLINE;
	arena_init(&c->arena, &c->budget);
	grpc_inbox_init(&c->inbox, &c->budget, s->opts.max_message_bytes);
	waitq_init(&c->changed);
	list_push_back(&s->calls, &c->link);
	snprintf(c->peer, sizeof(c->peer), "%s", h2_session_peer(h2_stream_session(st)));
	h2_stream_set_user(st, c);
	return c;
}

/* --- the end of a call -------------------------------------------------------------------------------- */

static void add_metadata(struct h2_field *f, size_t *n, const struct grpc_metadata *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		f[(*n)++] = (struct h2_field){ p[i].key, p[i].value };
}

/* Fills the first header fields of a response. */
static size_t head_fields(const struct grpc_call *c, struct h2_field *f)
{
	size_t n = 0;
	f[n++] = field(":status", STR("200"));
	f[n++] = field("content-type", STR("application/grpc"));
	f[n++] = field("grpc-accept-encoding", STR(GRPC_ACCEPT_ENCODING));
	if (c->encoding_out != GRPC_IDENTITY)
		f[n++] = field("grpc-encoding", str_c(grpc_encoding_name(c->encoding_out)));
	add_metadata(f, &n, c->headers.p, c->headers.n);
	return n;
}

static void send_status(struct grpc_call *c, int code, const char *msg)
{
	struct strbuf text = { 0 };
	struct h2_field f[2 * METADATA_MAX + OWN_FIELDS];
	size_t n = c->headers_sent ? 0 : head_fields(c, f);
	n += status_fields(&f[n], code, msg, &text);
	if (code != 0 && c->details.p)
		f[n++] = field("grpc-status-details-bin", c->details);
	add_metadata(f, &n, c->trailers.p, c->trailers.n);
	if (c->headers_sent)
		h2_stream_finish(c->st, f, n);
	else
		h2_stream_respond(c->st, f, n, true);
	strbuf_fini(&text);
}

/* Tells whoever counts and watches. */
static void call_ended(struct grpc_call *c, int code, const char *msg)
{
	const struct grpc_watch *w = c->srv->opts.watch;
	grpc_method_handled(c->metrics, code, sys->mono_ns() - c->begin_ns);
	if (w)
		w->end(c, code, msg, w->arg);
}

static void call_finish(struct grpc_call *c, int code, const char *msg)
{
	if (c->st)
		send_status(c, code, msg);
	call_ended(c, code, msg);
}

/* Uncompresses the request of a call that has one. */
static int co_open_message(struct grpc_call *c, struct str raw, bool compressed, struct str *ret, struct err *err)
{
	grpc_method_received(c->metrics);
	if (!compressed) {
		*ret = raw;
		return 0;
	}
	if (!c->encoding_known)
		return err_set(err, ERR_UNIMPLEMENTED, "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
			       (int)MIN(c->encoding_name.n, 100), c->encoding_name.p);
	if (c->encoding_in == GRPC_IDENTITY)
		return err_set(err, ERR_INTERNAL, "grpc: compressed flag set with identity or empty encoding");
	budget_give(&c->budget, c->plain_charged);
	return co_grpc_decode(raw, c->encoding_in, c->srv->opts.max_message_bytes, &c->budget, &c->plain,
			      &c->plain_charged, ret, err);
}

static int co_serve(struct grpc_call *c, struct err *err)
{
	int rv = fiber_check(err);
	if (rv == 0 && c->entry->row.kind != GRPC_BIDI)
		rv = co_open_message(c, c->raw, c->raw_compressed, &c->request, err);
	if (rv == 0)
		rv = c->entry->row.handler(c, c->entry->arg, err);
	if (rv == 0 && c->entry->row.kind == GRPC_UNARY && c->n_sent != 1)
		rv = err_set(err, ERR_INTERNAL, "handler of %.*s sent %u messages for a unary call", STR_ARG(c->path),
			     c->n_sent);
	return rv;
}

/* The fiber of a call; suspends. */
static void call_main(void *arg)
{
	struct grpc_call *c = arg;
	struct err e = ERR_NONE;
	fiber_set_budget(&c->budget);
	fiber_set_deadline(c->deadline_ms);
	int rv = co_serve(c, &e);
	call_finish(c, -rv, e.msg);
	c->srv->stats.calls--;
	call_free(c);
}

static void start_fiber(struct grpc_call *c)
{
	c->srv->stats.calls++;
	c->srv->stats.calls_total++;
	c->fiber = fiber_start(c->srv->r, c->entry->row.path, call_main, c);
}

/* --- what the session says ----------------------------------------------------------------------------- */

void grpc_call_begin(struct grpc_server *s, struct h2_stream *st)
{
	struct err e = ERR_NONE;
	struct request_head h;
	struct grpc_call *c = NULL;
	if (check_head(s, st, &h, &e) == 0)
		c = call_new(s, st, &h, &e);
	if (!c) {
		reject(st, h.http_status, &e);
		return;
	}
	grpc_method_started(c->metrics);
	int rv = copy_head(c, h2_stream_headers(st), &e);
	if (s->opts.watch)
		s->opts.watch->begin(c, s->opts.watch->arg);
	if (rv != 0) {
		call_finish(c, e.code, e.msg);
		call_free(c);
		return;
	}
	if (h.entry->row.kind == GRPC_BIDI) {
		h2_stream_allow_idle(st);
		start_fiber(c);
	}
}

/* The request cannot be taken. Without a handler the call is answered and over. */
static void input_failed(struct grpc_call *c, const struct err *e)
{
	if (c->fiber) {
		c->lost = *e;
		waitq_wake_all(&c->changed);
		return;
	}
	struct h2_stream *st = c->st;
	call_ended(c, e->code, e->msg);
	call_free(c);
	reject(st, "200", e);
}

/* Looks for the one message of a call that has not started. */
static int look_for_request(struct grpc_call *c, struct err *err)
{
	if (c->got)
		return grpc_inbox_left(&c->inbox) == 0
			       ? 0
			       : err_set(err, ERR_INTERNAL,
					 "grpc: more than one request message for a call that takes one");
	int rv = grpc_inbox_next(&c->inbox, &c->raw, &c->raw_compressed, &c->got, err);
	if (rv == 0 && c->got && grpc_inbox_left(&c->inbox) > 0)
		return look_for_request(c, err);
	return rv;
}

void grpc_call_data(struct grpc_call *c, const uint8_t *p, size_t n)
{
	struct err e = ERR_NONE;
	if (c->lost.code)
		return;
	int rv = grpc_inbox_push(&c->inbox, p, n, &e);
	bool single = c->entry->row.kind != GRPC_BIDI;
	if (rv == 0 && single)
		rv = look_for_request(c, &e);
	if (rv) {
		input_failed(c, &e);
		return;
	}
	h2_stream_consume(c->st, grpc_inbox_credit(&c->inbox, single || c->recv_waiting));
	waitq_wake_all(&c->changed);
}

void grpc_call_end(struct grpc_call *c)
{
	c->half_closed = true;
	if (c->entry->row.kind == GRPC_BIDI) {
		waitq_wake_all(&c->changed);
		return;
	}
	if (c->got) {
		start_fiber(c);
		return;
	}
	struct err e;
	if (grpc_inbox_left(&c->inbox) > 0)
		err_set(&e, ERR_INTERNAL, "grpc: request ended within a message");
	else
		err_set(&e, ERR_INTERNAL, "grpc: request ended without a message");
	input_failed(c, &e);
}

void grpc_call_drain(struct grpc_call *c)
{
	waitq_wake_all(&c->changed);
}

void grpc_call_closed(struct grpc_call *c)
{
	c->st = NULL;
	if (c->fiber) {
		fiber_cancel(c->fiber);
		waitq_wake_all(&c->changed);
		return;
	}
	call_ended(c, ERR_CANCELLED, "the stream was closed");
	call_free(c);
}

/* --- what handlers call: reading ------------------------------------------------------------------------ */

const struct grpc_method *grpc_call_method(const struct grpc_call *c)
{
	return &c->entry->row;
}

int64_t grpc_call_begin_ns(const struct grpc_call *c)
{
	return c->begin_ns;
}

struct str grpc_call_request(const struct grpc_call *c)
{
	return c->request;
}

struct arena *grpc_call_arena(struct grpc_call *c)
{
	return &c->arena;
}

struct str grpc_call_metadata(const struct grpc_call *c, const char *key)
{
	return grpc_metas_get(&c->metas, key);
}

const char *grpc_call_peer(const struct grpc_call *c)
{
	return c->peer;
}

/* The error of a call whose stream is closed: that of the cancelled fiber, where it is not masked. */
static int gone_err(struct err *err)
{
	int rv = fiber_check(err);
	return rv ? rv : err_set(err, ERR_UNAVAILABLE, "the client has gone");
}

int co_grpc_call_recv(struct grpc_call *c, struct str *ret, bool *ret_end, struct err *err)
{
	*ret_end = false;
	*ret = (struct str){ NULL, 0 };
	for (;;) {
		struct str raw;
		bool compressed, found;
		int rv = fiber_check(err);
		if (rv)
			return rv;
		if (c->lost.code)
			return err_set(err, (enum err_code)c->lost.code, "%s", c->lost.msg);
		rv = grpc_inbox_next(&c->inbox, &raw, &compressed, &found, err);
		if (rv)
			return rv;
		if (c->st)
			h2_stream_consume(c->st, grpc_inbox_credit(&c->inbox, true));
		if (found)
			return co_open_message(c, raw, compressed, ret, err);
		if (c->half_closed) {
			*ret_end = true;
			return grpc_inbox_left(&c->inbox) == 0
				       ? 0
				       : err_set(err, ERR_INTERNAL, "grpc: request ended within a message");
		}
		if (!c->st)
			return gone_err(err);
		c->recv_waiting = true;
		rv = co_waitq_wait(&c->changed, "grpc request message", err);
		c->recv_waiting = false;
		if (rv)
			return rv;
	}
}

/* --- what handlers call: metadata -------------------------------------------------------------------------- */

/* Checks an entry and copies it to the arena as it goes on the wire. */
static int metadata_copy(struct grpc_call *c, const char *key, struct str value, struct grpc_metadata *ret,
			 struct err *err)
{
	struct str k = str_c(key);
	int rv = grpc_metadata_check(k, value, err);
	if (rv)
		return rv;
	struct strbuf wire = { 0 };
	grpc_metadata_encode(&wire, k, value);
	char *kp = arena_strdup(&c->arena, key);
	char *vp = arena_memdup(&c->arena, wire.p ? wire.p : "", wire.n);
	ret->key = str_mem(kp, k.n);
	ret->value = str_mem(vp, wire.n);
	strbuf_fini(&wire);
	return kp && vp ? 0 : arena_err(&c->arena, err);
}

int grpc_call_set_header(struct grpc_call *c, const char *key, struct str value, struct err *err)
{
	struct grpc_metadata m;
	if (c->headers_sent)
		return err_set(err, ERR_FAILED_PRECONDITION, "header metadata \"%s\" after the first message", key);
	if (c->headers.n >= METADATA_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %d header metadata entries", METADATA_MAX);
	int rv = metadata_copy(c, key, value, &m, err);
	if (rv == 0)
		*vec_push(&c->headers) = m;
	return rv;
}

int grpc_call_set_trailer(struct grpc_call *c, const char *key, struct str value, struct err *err)
{
	struct grpc_metadata m;
	if (c->trailers.n >= METADATA_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %d trailer metadata entries", METADATA_MAX);
	int rv = metadata_copy(c, key, value, &m, err);
	if (rv == 0)
		*vec_push(&c->trailers) = m;
	return rv;
}

int grpc_call_set_details(struct grpc_call *c, struct str status_proto, struct err *err)
{
	struct grpc_metadata m;
	int rv = metadata_copy(c, "details-bin", status_proto, &m, err);
	if (rv == 0)
		c->details = m.value;
	return rv;
}

void grpc_call_set_encoding(struct grpc_call *c, enum grpc_encoding e)
{
	/* Whoever compresses a request with it can read it, whether said so or not. */
	bool ok = grpc_encoding_accepted(c->accept_encoding, e) || (c->encoding_known && e == c->encoding_in);
	if (!c->headers_sent)
		c->encoding_out = ok ? e : GRPC_IDENTITY;
}

/* --- what handlers call: sending ---------------------------------------------------------------------------- */

static void release_parts(const struct grpc_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].release)
			parts[i].release(parts[i].arg);
}

static int co_wait_room(struct grpc_call *c, struct err *err)
{
	int rv = fiber_check(err);
	while (rv == 0 && c->st && h2_stream_queued(c->st) > c->srv->opts.send_queue_bytes)
		rv = co_waitq_wait(&c->changed, "grpc send", err);
	if (rv == 0 && !c->st)
		rv = gone_err(err);
	return rv;
}

static void send_head(struct grpc_call *c)
{
	if (c->headers_sent)
		return;
	struct h2_field f[METADATA_MAX + OWN_FIELDS];
	size_t n = head_fields(c, f);
	h2_stream_respond(c->st, f, n, false);
	c->headers_sent = true;
}

/* Copied parts up to this size share a piece of memory with their neighbours. */
#define GATHER_BYTES 4096

/* Queues prefix and parts. */
static void write_parts(struct h2_stream *st, const uint8_t *prefix, const struct grpc_part *parts, size_t n)
{
	size_t run = GRPC_PREFIX_BYTES, end = 0;
	while (end < n && !parts[end].release && run + parts[end].n <= GATHER_BYTES)
		run += parts[end++].n;
	uint8_t *p = h2_stream_write_space(st, run);
	memcpy(p, prefix, GRPC_PREFIX_BYTES);
	p += GRPC_PREFIX_BYTES;
	for (size_t i = 0; i < end; i++) {
		if (parts[i].n > 0)
			memcpy(p, parts[i].p, parts[i].n);
		p += parts[i].n;
	}
	for (size_t i = end; i < n; i++) {
		if (parts[i].release)
			h2_stream_write_ref(st, parts[i].p, parts[i].n, parts[i].release, parts[i].arg);
		else
			h2_stream_write(st, parts[i].p, parts[i].n);
	}
}

static int send_plain(struct grpc_call *c, const struct grpc_part *parts, size_t n, size_t bytes, struct err *err)
{
	uint8_t prefix[GRPC_PREFIX_BYTES];
	int rv = grpc_prefix_write(prefix, false, bytes, err);
	if (rv) {
		release_parts(parts, n);
		return rv;
	}
	send_head(c);
	write_parts(c->st, prefix, parts, n);
	return 0;
}

static int co_send_coded(struct grpc_call *c, const struct grpc_part *parts, size_t n, struct err *err)
{
	struct strbuf all = { 0 };
	for (size_t i = 0; i < n; i++)
		strbuf_add(&all, parts[i].p, parts[i].n);
	release_parts(parts, n);
	strbuf_reset(&c->coded);
	int rv = co_grpc_encode(strbuf_str(&all), c->encoding_out, &c->coded, err);
	strbuf_fini(&all);
	if (rv == 0 && !c->st)
		rv = gone_err(err);
	if (rv)
		return rv;
	send_head(c);
	h2_stream_write(c->st, c->coded.p, c->coded.n);
	return 0;
}

int co_grpc_send(struct grpc_call *c, const struct grpc_part *parts, size_t n, struct err *err)
{
	int rv = co_wait_room(c, err);
	if (rv) {
		release_parts(parts, n);
		return rv;
	}
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += parts[i].n;
	if (c->encoding_out == GRPC_IDENTITY || bytes == 0)
		rv = send_plain(c, parts, n, bytes, err);
	else
		rv = co_send_coded(c, parts, n, err);
	if (rv)
		return rv;
	c->n_sent++;
	fiber_note_arena(&c->arena);
	grpc_method_sent(c->metrics);
	c->srv->stats.queued_bytes_peak = MAX(c->srv->stats.queued_bytes_peak, h2_stream_queued(c->st));
	return 0;
}

int co_grpc_send_str(struct grpc_call *c, struct str msg, struct err *err)
{
	struct grpc_part part = grpc_part_copy(msg);
	return co_grpc_send(c, &part, 1, err);
}
