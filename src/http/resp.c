#include "http/internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

/* --- the head -------------------------------------------------------------------------------- */

/* Sets the status; before anything is sent. 200 until set. */
static void http_resp_status(struct http_req *req, int status)
{
	CHECK(!req->head_sent);
	req->status = status;
}

void http_resp_header(struct http_req *req, const char *name, struct str value)
{
	CHECK(!req->head_sent && http_is_token(str_c(name)));
	char *copy = arena_memdup(&req->arena, value.p ? value.p : "", value.n);
	if (!copy)
		return;
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)copy[i] < 0x20 && copy[i] != '\t') || copy[i] == 0x7f)
			copy[i] = '?';
	/* Over budget the field is left out: the response is an error about that anyway. */
	if (!http_headers_set(&req->out, &req->arena, str_c(name), str_mem(copy, value.n)))
		return;
}

void http_resp_length(struct http_req *req, uint64_t n)
{
	req->out_length = (int64_t)n;
}

bool http_resp_begun(const struct http_req *req)
{
	return req->head_sent;
}

static bool has_no_body(const struct http_req *req)
{
	return req->method == HTTP_HEAD || req->status == 204 || req->status == 304;
}

/* Sends the head, after choosing a coding for a body of `len` bytes (-1: unknown). */
static void send_head(struct http_req *req, int64_t len)
{
	if (req->head_sent)
		return;
	/* Said of what could have been encoded too, so that no cache hands the one to who wants the other. */
	if (req->route && !req->route->no_compress)
		http_resp_header(req, "Vary", STR("Accept-Encoding"));
	enum http_coding coding =
		req->status == 204 || req->status == 304 ? HTTP_CODING_NONE : http_choose_coding(req, len);
	if (coding != HTTP_CODING_NONE) {
		http_resp_header(req, "Content-Encoding", coding == HTTP_CODING_GZIP ? STR("gzip") : STR("zstd"));
		if (!has_no_body(req))
			req->encoder = http_encoder_new(coding);
		len = -1;
	}
	req->out_length = len;
	req->head_sent = true;
	bool end = has_no_body(req);
	req->end_sent = end;
	req->transport->head(req, end);
}

/* --- the body -------------------------------------------------------------------------------- */

static void release_heap(const void *p, size_t n, void *arg)
{
	free(arg);
}

/* Hands the bytes of `b` to the protocol without a copy. */
static void send_buf(struct http_req *req, struct strbuf *b, bool end)
{
	struct evbuffer *ev = evbuffer_new();
	CHECK(ev);
	size_t n = b->n;
	if (n) {
		char *p = strbuf_steal(b);
		CHECK(evbuffer_add_reference(ev, p, n, release_heap, p) == 0);
	}
	req->bytes_out += n;
	req->end_sent = end;
	req->transport->data(req, ev, end);
	evbuffer_free(ev);
}

/* Bytes from which on a piece is worth a system call of its own. */
#define PIECE_MIN ((size_t)32 * 1024)

/* Hands the protocol a large piece as it is; false where it has to be copied. */
static bool send_piece(struct http_req *req, struct str s)
{
	if (req->encoder || !req->transport->piece || s.n < PIECE_MIN)
		return false;
	req->bytes_out += s.n;
	req->transport->piece(req, s);
	return true;
}

/* Sends bytes through the encoder, if there is one. */
static int send_bytes(struct http_req *req, struct str s, enum http_encode_mode mode, struct err *err)
{
	if (req->end_sent || (s.n == 0 && mode == HTTP_ENCODE_MORE))
		return 0;
	if (mode == HTTP_ENCODE_MORE && send_piece(req, s))
		return 0;
	struct strbuf out = { 0 };
	if (req->encoder) {
		int rc = http_encode(req->encoder, s, mode, &out, err);
		if (rc) {
			strbuf_fini(&out);
			return rc;
		}
	} else {
		strbuf_add_str(&out, s);
	}
	if (out.n || mode == HTTP_ENCODE_END)
		send_buf(req, &out, mode == HTTP_ENCODE_END);
	strbuf_fini(&out);
	return 0;
}

static int gone(const struct http_req *req, struct err *err)
{
	if (req->abort_cause.code)
		return err_set(err, req->abort_cause.code, "%s", req->abort_cause.msg);
	return err_set(err, ERR_CANCELLED, "the client closed the connection");
}

/* Waits while the client does not keep up. */
static int co_wait_writable(struct http_req *req, struct err *err)
{
	for (;;) {
		if (req->aborted)
			return gone(req, err);
		if (req->end_sent || req->transport->pending(req) < HTTP_SEND_HIGH)
			return 0;
		int rc = co_waitq_wait(&req->writable, "slow client", err);
		if (rc)
			return req->aborted ? gone(req, err) : rc;
	}
}

int co_http_send(struct http_req *req, const void *p, size_t n, struct err *err)
{
	if (req->aborted)
		return gone(req, err);
	send_head(req, req->out_length);
	int rc = send_bytes(req, str_mem(p, n), HTTP_ENCODE_MORE, err);
	return rc ? rc : co_wait_writable(req, err);
}

int co_http_flush(struct http_req *req, struct err *err)
{
	if (req->aborted)
		return gone(req, err);
	send_head(req, req->out_length);
	int rc = req->encoder ? send_bytes(req, str_c(""), HTTP_ENCODE_FLUSH, err) : 0;
	return rc ? rc : co_wait_writable(req, err);
}

/* Sends a whole body and the end of the response. Does not suspend: it is queued at once. */
static int send_all(struct http_req *req, struct str body, struct strbuf *owned, struct err *err)
{
	send_head(req, (int64_t)body.n);
	if (req->end_sent)
		return 0;
	if (owned && !req->encoder) {
		send_buf(req, owned, true);
		return 0;
	}
	return send_bytes(req, body, HTTP_ENCODE_END, err);
}

static void begin_reply(struct http_req *req, int status, const char *content_type)
{
	http_resp_status(req, status);
	if (content_type)
		http_resp_header(req, "Content-Type", str_c(content_type));
}

int co_http_reply(struct http_req *req, int status, const char *content_type, struct str body, struct err *err)
{
	if (req->aborted)
		return gone(req, err);
	begin_reply(req, status, content_type);
	int rc = send_all(req, body, NULL, err);
	return rc ? rc : co_wait_writable(req, err);
}

int co_http_reply_buf(struct http_req *req, int status, const char *content_type, struct strbuf *body, struct err *err)
{
	int rc = req->aborted ? gone(req, err) : 0;
	if (rc == 0) {
		begin_reply(req, status, content_type);
		rc = send_all(req, strbuf_str(body), body, err);
	}
	strbuf_fini(body);
	return rc ? rc : co_wait_writable(req, err);
}

/* Queues an error as plain text. */
static void send_error(struct http_req *req, int status, const char *msg)
{
	struct err ignored;
	begin_reply(req, status, "text/plain; charset=utf-8");
	http_resp_header(req, "X-Content-Type-Options", STR("nosniff"));
	struct strbuf text = { 0 };
	strbuf_printf(&text, "%s\n", msg);
	send_all(req, strbuf_str(&text), &text, &ignored);
	strbuf_fini(&text);
}

int co_http_redirect(struct http_req *req, int status, struct str location, struct err *err)
{
	/* "//host" and "/\host" would leave this server. */
	if (location.n == 0 || location.p[0] != '/' ||
	    (location.n > 1 && (location.p[1] == '/' || location.p[1] == '\\')))
		return err_set(err, ERR_INTERNAL, "redirect to \"%.*s\": not a path of this server", STR_ARG(location));
	http_resp_header(req, "Location", location);
	return co_http_reply(req, status, "text/plain; charset=utf-8", STR(""), err);
}

void http_resp_finish(struct http_req *req, int rc, const struct err *e)
{
	struct err err;
	if (rc == 0 && !req->head_sent)
		rc = send_all(req, str_c(""), NULL, &err);
	else if (rc == 0)
		rc = send_bytes(req, str_c(""), HTTP_ENCODE_END, &err);
	else if (!req->head_sent)
		send_error(req, req->fail_status ? req->fail_status : http_status_of_err(e->code), e->msg), rc = 0;
	if (rc && !req->end_sent)
		req->transport->reset(req);
}
