#include "grpc/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "grpc/client_internal.h"
#include "grpc/encoding.h"
#include "grpc/status.h"
#include "loop/reactor.h"

#include <stdio.h>
#include <stdlib.h>

/* Tries of a call whose stream no server has looked at. */
#define TRIES_MAX 5

/* Our own request fields besides the application's. */
#define OWN_FIELDS 12

/* Most metadata entries of a request. */
#define METADATA_MAX 100

/* The request message as it goes on the wire; kept for a further try. */
struct grpc_request {
	uint32_t refs;
	struct strbuf wire;
};

static void request_unref(void *arg)
{
	struct grpc_request *req = arg;
	if (--req->refs > 0)
		return;
	strbuf_fini(&req->wire);
	free(req);
}

/* --- the result --------------------------------------------------------------------------------- */

/* Notes how the call ended; the first cause stays. */
static void stream_done(struct grpc_stream *s, int code, const char *msg)
{
	if (s->done)
		return;
	s->done = true;
	if (code == 0)
		s->status = ERR_NONE;
	else
		err_set(&s->status, (enum err_code)code, "%s: %s", s->peer[0] ? s->peer : s->ch->target, msg);
	waitq_wake_all(&s->changed);
}

/* Ends the call from this side. */
static void stream_abandon(struct grpc_stream *s, int code, const char *msg)
{
	stream_done(s, code, msg);
	if (s->st)
		h2_stream_reset(s->st, H2_CANCEL);
}

/* Returns the status to the caller, once and again. */
static int tell_status(struct grpc_stream *s, bool *ret_end, struct err *err)
{
	if (!s->told)
		grpc_method_handled(s->metrics, s->status.code, sys->mono_ns() - s->begin_ns);
	s->told = true;
	if (s->status.code == 0) {
		*ret_end = true;
		return 0;
	}
	if (err)
		*err = s->status;
	return -s->status.code;
}

/* --- what the session says -------------------------------------------------------------------------- */

/* The call's end as the fields of trailers (or of a response without body) tell it. */
static void status_from(struct grpc_stream *s, const struct h2_fields *f)
{
	int code;
	char msg[ERR_MSG_MAX];
	struct str status = h2_fields_get(f, "grpc-status");
	if (!status.p || !grpc_status_parse(status, &code)) {
		stream_done(s, ERR_INTERNAL, "server closed the stream without sending trailers");
		return;
	}
	grpc_message_decode(h2_fields_get(f, "grpc-message"), msg, sizeof(msg));
	stream_done(s, code, msg);
}

void grpc_stream_on_headers(struct h2_stream *st, void *arg)
{
	struct grpc_stream *s = h2_stream_user(st);
	if (!s)
		return;
	const struct h2_fields *f = h2_stream_headers(st);
	struct str status = h2_fields_get(f, ":status"), type = h2_fields_get(f, "content-type");
	char msg[128];
	s->got_headers = true;
	if (h2_stream_overflow(st)) {
		stream_abandon(s, ERR_RESOURCE_EXHAUSTED, "response headers are too large");
	} else if (!str_eq_c(status, "200") && !h2_fields_get(f, "grpc-status").p) {
		snprintf(msg, sizeof(msg), "unexpected HTTP status code received from server: %.*s",
			 (int)MIN(status.n, 8), status.p);
		stream_abandon(s, grpc_status_of_http(status), msg);
	} else if (!str_has_prefix(type, STR("application/grpc"))) {
		snprintf(msg, sizeof(msg), "received unexpected content-type \"%.*s\"", (int)MIN(type.n, 60), type.p);
		stream_abandon(s, ERR_UNKNOWN, msg);
	}
	grpc_metas_from(&s->headers, f);
	struct str encoding = h2_fields_get(f, "grpc-encoding");
	s->encoding_known = grpc_encoding_parse(encoding, &s->encoding);
	snprintf(s->encoding_name, sizeof(s->encoding_name), "%.*s", (int)MIN(encoding.n, 31),
		 encoding.p ? encoding.p : "");
}

void grpc_stream_on_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg)
{
	struct grpc_stream *s = h2_stream_user(st);
	struct err e;
	if (!s || s->done)
		return;
	if (grpc_inbox_push(&s->inbox, p, n, &e) != 0) {
		stream_abandon(s, e.code, e.msg);
		return;
	}
	h2_stream_consume(st, grpc_inbox_credit(&s->inbox, s->waiting));
	if (grpc_inbox_ready(&s->inbox))
		waitq_wake_all(&s->changed);
}

void grpc_stream_on_end(struct h2_stream *st, void *arg)
{
	struct grpc_stream *s = h2_stream_user(st);
	if (!s)
		return;
	const struct h2_fields *t = h2_stream_trailers(st);
	const struct h2_fields *f = t->n > 0 ? t : h2_stream_headers(st);
	grpc_metas_from_trailers(&s->trailers, f);
	status_from(s, f);
}

void grpc_stream_on_closed(struct h2_stream *st, uint32_t code, void *arg)
{
	struct grpc_stream *s = h2_stream_user(st);
	if (!s)
		return;
	const struct err *why = h2_session_why(h2_stream_session(st));
	char msg[64];
	s->st = NULL;
	if (s->done)
		return;
	if (code == H2_REFUSED_STREAM && !s->got_headers && s->tries < TRIES_MAX) {
		s->refused = true;
		waitq_wake_all(&s->changed);
	} else if (why) {
		stream_done(s, ERR_UNAVAILABLE, why->msg);
	} else {
		snprintf(msg, sizeof(msg), "stream terminated by RST_STREAM with error code %u", code);
		stream_done(s, grpc_status_of_reset(code), msg);
	}
}

/* --- sending ------------------------------------------------------------------------------------------- */

static struct h2_field field(const char *name, const char *value)
{
	return (struct h2_field){ str_c(name), str_c(value) };
}

/* Milliseconds left for the call; -1 without deadline. */
static int64_t time_left(const struct grpc_stream *s)
{
	int64_t deadline = MIN(s->deadline_ms, fiber_deadline());
	if (deadline == FIBER_NO_DEADLINE)
		return -1;
	return MAX(deadline - reactor_now_ms(s->ch->r), 1);
}

/* Opens the stream on a connection; false when that takes none after all. */
static bool send_on(struct grpc_stream *s, struct grpc_link *l)
{
	const struct grpc_channel *ch = s->ch;
	struct h2_field f[OWN_FIELDS + METADATA_MAX];
	char timeout[GRPC_TIMEOUT_MAX];
	size_t n = 0;
	f[n++] = field(":method", "POST");
	f[n++] = field(":scheme", ch->opts.tls ? "https" : "http");
	f[n++] = field(":path", s->method);
	f[n++] = field(":authority", ch->authority);
	f[n++] = field("te", "trailers");
	f[n++] = field("content-type", "application/grpc");
	f[n++] = field("user-agent", ch->user_agent);
	f[n++] = field("grpc-accept-encoding", GRPC_ACCEPT_ENCODING);
	if (ch->opts.encoding != GRPC_IDENTITY)
		f[n++] = field("grpc-encoding", grpc_encoding_name(ch->opts.encoding));
	if (time_left(s) >= 0)
		f[n++] = field("grpc-timeout", grpc_timeout_format(time_left(s), timeout));
	for (size_t i = 0; i < s->meta.n; i++)
		f[n++] = (struct h2_field){ s->meta.p[i].key, s->meta.p[i].value };
	struct h2_stream *st = h2_session_request(l->session, f, n, false, s);
	if (!st)
		return false;
	s->st = st;
	s->tries++;
	snprintf(s->peer, sizeof(s->peer), "%s", l->text);
	s->req->refs++;
	h2_stream_write_ref(st, s->req->wire.p, s->req->wire.n, request_unref, s->req);
	h2_stream_finish(st, NULL, 0);
	return true;
}

static int co_send(struct grpc_stream *s, struct err *err)
{
	s->refused = false;
	for (;;) {
		struct grpc_link *l;
		int rv = co_grpc_channel_pick(s->ch, s->opts.wait_for_ready, &l, err);
		if (rv || send_on(s, l))
			return rv;
	}
}

/* Encodes the parts once for all tries. */
static int co_request_new(const struct grpc_channel *ch, const struct grpc_part *parts, size_t n,
			  struct grpc_request **ret, struct err *err)
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += parts[i].n;
	struct grpc_request *req = xcalloc(1, sizeof(*req));
	req->refs = 1;
	bool coded = ch->opts.encoding != GRPC_IDENTITY && bytes > 0;
	struct strbuf all = { 0 };
	uint8_t prefix[GRPC_PREFIX_BYTES];
	int rv = grpc_prefix_write(prefix, false, bytes, err);
	if (rv == 0 && !coded && strbuf_reserve(&all, GRPC_PREFIX_BYTES + bytes))
		strbuf_add(&all, prefix, sizeof(prefix));
	for (size_t i = 0; i < n; i++) {
		if (rv == 0)
			strbuf_add(&all, parts[i].p, parts[i].n);
		if (parts[i].release)
			parts[i].release(parts[i].arg);
	}
	if (rv == 0 && coded) {
		rv = co_grpc_encode(strbuf_str(&all), ch->opts.encoding, &req->wire, err);
		strbuf_fini(&all);
	} else {
		req->wire = all;
	}
	if (rv)
		request_unref(req);
	else
		*ret = req;
	return rv;
}

/* --- opening -------------------------------------------------------------------------------------------- */

/* Copies the metadata in wire form. */
static int copy_metadata(struct grpc_stream *s, const struct grpc_call_opts *o, struct err *err)
{
	if (o->n_metadata > METADATA_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT, "more than %d metadata entries", METADATA_MAX);
	struct strbuf text = { 0 };
	VEC(size_t) ends = { 0 };
	int rv = 0;
	for (size_t i = 0; i < o->n_metadata && rv == 0; i++) {
		rv = grpc_metadata_check(o->metadata[i].key, o->metadata[i].value, err);
		strbuf_add_str(&text, o->metadata[i].key);
		*vec_push(&ends) = text.n;
		grpc_metadata_encode(&text, o->metadata[i].key, o->metadata[i].value);
		*vec_push(&ends) = text.n;
	}
	s->meta.n = rv == 0 ? o->n_metadata : 0;
	s->meta.p = xcalloc(s->meta.n, sizeof(*s->meta.p));
	s->meta.text = strbuf_steal(&text);
	size_t at = 0;
	for (size_t i = 0; i < s->meta.n; i++) {
		s->meta.p[i].key = str_mem(s->meta.text + at, ends.p[2 * i] - at);
		s->meta.p[i].value = str_mem(s->meta.text + ends.p[2 * i], ends.p[2 * i + 1] - ends.p[2 * i]);
		at = ends.p[2 * i + 1];
	}
	vec_fini(&ends);
	return rv;
}

static struct grpc_stream *stream_new(struct grpc_channel *ch, const char *type, const char *method,
				      const struct grpc_call_opts *opts)
{
	static struct grpc_method_metrics uncounted;
	struct grpc_stream *s = xcalloc(1, sizeof(*s));
	s->ch = grpc_channel_ref(ch);
	s->method = xstrdup(method);
	s->opts = *opts;
	s->begin_ns = sys->mono_ns();
	s->deadline_ms = opts->timeout_ms > 0 ? reactor_now_ms(ch->r) + opts->timeout_ms : FIBER_NO_DEADLINE;
	s->budget = opts->budget ? opts->budget : fiber_budget();
	grpc_inbox_init(&s->inbox, s->budget, ch->opts.max_message_bytes);
	if (opts->window_budget)
		grpc_inbox_set_window(&s->inbox, ch->opts.window_bytes, opts->window_budget);
	waitq_init(&s->changed);
	s->metrics = grpc_client_method(ch->metrics, type, method);
	if (!s->metrics)
		s->metrics = &uncounted;
	grpc_method_started(s->metrics);
	return s;
}

static int co_open(struct grpc_channel *ch, const char *type, const char *method, const struct grpc_call_opts *opts,
		   const struct grpc_part *parts, size_t n, struct grpc_stream **ret, struct err *err)
{
	struct err e = ERR_NONE;
	struct grpc_stream *s = stream_new(ch, type, method, opts ? opts : &(struct grpc_call_opts){ 0 });
	int64_t old = fiber_set_deadline(s->deadline_ms);
	int rv = co_request_new(ch, parts, n, &s->req, &e);
	if (rv == 0)
		rv = copy_metadata(s, &s->opts, &e);
	if (rv == 0)
		rv = co_send(s, &e);
	fiber_restore_deadline(old);
	if (rv == 0) {
		grpc_method_sent(s->metrics);
		*ret = s;
		return 0;
	}
	s->done = true;
	s->status = e;
	s->status.code = -rv;
	tell_status(s, &(bool){ false }, err);
	grpc_stream_close(s);
	return rv;
}

int co_grpc_stream_open(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
			const struct grpc_part *parts, size_t n_parts, struct grpc_stream **ret, struct err *err)
{
	return co_open(ch, "server_stream", method, opts, parts, n_parts, ret, err);
}

void grpc_stream_close(struct grpc_stream *s)
{
	if (!s)
		return;
	if (!s->told)
		grpc_method_handled(s->metrics, s->done ? s->status.code : ERR_CANCELLED, sys->mono_ns() - s->begin_ns);
	if (s->st) {
		h2_stream_set_user(s->st, NULL);
		if (!h2_stream_ended(s->st) || h2_stream_queued(s->st) > 0)
			h2_stream_reset(s->st, H2_CANCEL);
	}
	grpc_inbox_fini(&s->inbox);
	strbuf_fini(&s->plain);
	budget_give(s->budget, s->plain_charged);
	grpc_metas_fini(&s->meta);
	grpc_metas_fini(&s->headers);
	grpc_metas_fini(&s->trailers);
	if (s->req)
		request_unref(s->req);
	grpc_channel_unref(s->ch);
	free(s->method);
	free(s);
}

/* --- receiving ---------------------------------------------------------------------------------------------- */

static int co_open_message(struct grpc_stream *s, struct str raw, bool compressed, struct str *ret, struct err *err)
{
	budget_give(s->budget, s->plain_charged);
	s->plain_charged = 0;
	if (!compressed) {
		*ret = raw;
		return 0;
	}
	if (!s->encoding_known)
		return err_set(err, ERR_INTERNAL, "response is compressed with unknown grpc-encoding \"%s\"",
			       s->encoding_name);
	if (s->encoding == GRPC_IDENTITY)
		return err_set(err, ERR_INTERNAL, "compressed flag set with identity or empty encoding");
	return co_grpc_decode(raw, s->encoding, s->ch->opts.max_message_bytes, s->budget, &s->plain, &s->plain_charged,
			      ret, err);
}

/* Takes a message that is there; *ret_found false where there is none. */
static int co_take(struct grpc_stream *s, struct str *ret, bool *ret_found, struct err *err)
{
	struct str raw;
	bool compressed;
	int rv = grpc_inbox_next(&s->inbox, &raw, &compressed, ret_found, err);
	if (rv)
		return rv;
	if (s->st)
		h2_stream_consume(s->st, grpc_inbox_credit(&s->inbox, true));
	if (!*ret_found)
		return 0;
	grpc_method_received(s->metrics);
	return co_open_message(s, raw, compressed, ret, err);
}

static int co_wait(struct grpc_stream *s, struct err *err)
{
	s->waiting = true;
	int rv = co_waitq_wait(&s->changed, "grpc receive", err);
	s->waiting = false;
	return rv;
}

/* One look at the stream: a message, the end, a further try, or a wait. */
static int co_step(struct grpc_stream *s, struct str *ret, bool *ret_found, struct err *err)
{
	int rv = fiber_check(err);
	if (rv == 0)
		rv = co_take(s, ret, ret_found, err);
	if (rv || *ret_found)
		return rv;
	if (s->done && s->status.code == 0 && grpc_inbox_left(&s->inbox) > 0)
		return err_set(err, ERR_INTERNAL, "response ended within a message");
	if (s->done)
		return 0;
	return s->refused ? co_send(s, err) : co_wait(s, err);
}

int co_grpc_recv(struct grpc_stream *s, struct str *ret, bool *ret_end, struct err *err)
{
	struct err e = ERR_NONE;
	bool found = false;
	*ret = (struct str){ NULL, 0 };
	*ret_end = false;
	if (s->told)
		return tell_status(s, ret_end, err);
	int64_t old = fiber_set_deadline(s->deadline_ms);
	int rv = 0;
	do
		rv = co_step(s, ret, &found, &e);
	while (rv == 0 && !found && !(s->done && !grpc_inbox_ready(&s->inbox)));
	fiber_restore_deadline(old);
	if (rv == 0 && found)
		return 0;
	if (rv) {
		/* What this side found wrong counts, also where the server said OK meanwhile. */
		s->done = false;
		stream_abandon(s, -rv, e.msg);
	}
	return tell_status(s, ret_end, err);
}

struct str grpc_stream_header(const struct grpc_stream *s, const char *key)
{
	return grpc_metas_get(&s->headers, key);
}

struct str grpc_stream_trailer(const struct grpc_stream *s, const char *key)
{
	return grpc_metas_get(&s->trailers, key);
}

const char *grpc_stream_peer(const struct grpc_stream *s)
{
	return s->peer;
}

/* --- unary --------------------------------------------------------------------------------------------------- */

int co_grpc_unary(struct grpc_channel *ch, const char *method, const struct grpc_call_opts *opts,
		  const struct grpc_part *parts, size_t n_parts, struct arena *a, struct str *ret, struct err *err)
{
	struct grpc_stream *s;
	struct str msg, more;
	bool end;
	int rv = co_open(ch, "unary", method, opts, parts, n_parts, &s, err);
	if (rv)
		return rv;
	rv = co_grpc_recv(s, &msg, &end, err);
	if (rv == 0 && end)
		rv = err_set(err, ERR_INTERNAL, "%s: response without a message", s->peer);
	if (rv == 0 && a) {
		char *p = arena_memdup(a, msg.p, msg.n);
		*ret = str_mem(p, msg.n);
		rv = p ? 0 : arena_err(a, err);
	}
	if (rv == 0) {
		rv = co_grpc_recv(s, &more, &end, err);
		if (rv == 0 && !end)
			rv = err_set(err, ERR_INTERNAL, "%s: more than one message in the response of a unary call",
				     s->peer);
	}
	grpc_stream_close(s);
	return rv;
}
