#include "api/reply.h"

#include "base/compiler.h"
#include "loop/fiber.h"

#include <string.h>

/*
 * Bytes collected before they are sent. Large, for each piece wakes up the client; well below the CPU's second cache, which
 * holds it until the kernel has copied it.
 */
#define REPLY_PIECE ((size_t)256 * 1024)

static const struct {
	const char *name;
	int status;
} errtypes[] = {
	[API_BAD_DATA] = { "bad_data", 400 },       [API_EXECUTION] = { "execution", 422 },
	[API_CANCELED] = { "canceled", 503 },       [API_TIMEOUT] = { "timeout", 503 },
	[API_INTERNAL] = { "internal", 500 },       [API_NOT_FOUND] = { "not_found", 404 },
	[API_UNAVAILABLE] = { "unavailable", 501 },
};

enum api_errtype api_errtype_of(int code)
{
	switch (code < 0 ? -code : code) {
	case ERR_INVALID_ARGUMENT:
		return API_BAD_DATA;
	case ERR_CANCELLED:
		return API_CANCELED;
	case ERR_DEADLINE_EXCEEDED:
		return API_TIMEOUT;
	case ERR_INTERNAL:
		return API_INTERNAL;
	default:
		return API_EXECUTION;
	}
}

/* --- warnings --------------------------------------------------------------------------- */

static bool is_promql(struct str text)
{
	return str_has_prefix(text, STR("PromQL info")) || str_has_prefix(text, STR("PromQL warning"));
}

void api_note(struct api_notes *ns, struct str text)
{
	for (size_t i = 0; i < ns->n; i++)
		if (str_eq(ns->p[i], text))
			return;
	ns->no_store |= !is_promql(text);
	if (ns->n == ns->cap) {
		size_t cap = ns->cap ? ns->cap * 2 : 8;
		struct str *p = arena_array(ns->a, cap, sizeof(*p));
		if (!p)
			return;
		if (ns->n)
			memcpy(p, ns->p, ns->n * sizeof(*p));
		ns->p = p;
		ns->cap = cap;
	}
	const char *copy = arena_memdup(ns->a, text.p, text.n);
	if (copy)
		ns->p[ns->n++] = str_mem(copy, text.n);
}

/* --- answers ---------------------------------------------------------------------------- */

void api_cors(struct http_req *req)
{
	http_resp_header(req, "Access-Control-Allow-Headers",
			 STR("Accept, Accept-Encoding, Authorization, Content-Type, Origin"));
	http_resp_header(req, "Access-Control-Allow-Methods", STR("GET, POST, OPTIONS"));
	http_resp_header(req, "Access-Control-Allow-Origin", STR("*"));
	http_resp_header(req, "Access-Control-Expose-Headers", STR("Date"));
}

/* The writer's flush: sends a piece of a large answer. Suspends. */
static int co_send_piece(void *arg, struct strbuf *out, struct err *err)
{
	struct api_reply *r = arg;
	if (!r->sent)
		http_resp_header(r->req, "Content-Type", STR("application/json"));
	r->sent = true;
	int rc = co_http_send(r->req, out->p, out->n, err);
	strbuf_reset(out);
	return rc ? rc : co_checkpoint(err);
}

struct jsonw *api_reply_begin(struct api_reply *r, struct http_req *req, const struct api_notes *notes)
{
	*r = (struct api_reply){ .req = req, .notes = notes };
	if (notes && notes->no_store)
		http_resp_header(req, "Cache-Control", STR("no-store"));
	jsonw_init(&r->w, &r->buf, JSONW_HTML);
	jsonw_set_flush(&r->w, co_send_piece, r, REPLY_PIECE);
	jsonw_object_begin(&r->w);
	jsonw_kv_cstr(&r->w, "status", "success");
	jsonw_key(&r->w, "data");
	return &r->w;
}

static void write_notes(struct jsonw *w, const struct api_notes *notes)
{
	if (!notes || notes->n == 0)
		return;
	jsonw_key(w, "warnings");
	jsonw_array_begin(w);
	for (size_t i = 0; i < notes->n; i++)
		jsonw_str(w, notes->p[i]);
	jsonw_array_end(w);
}

int co_api_reply_end(struct api_reply *r, struct err *err)
{
	write_notes(&r->w, r->notes);
	if (!r->sent)
		jsonw_set_flush(&r->w, NULL, NULL, SIZE_MAX);
	jsonw_object_end(&r->w);
	int rc = jsonw_finish(&r->w, err);
	if (rc == 0 && !r->sent)
		rc = co_http_reply_buf(r->req, 200, "application/json", &r->buf, err);
	strbuf_fini(&r->buf);
	return rc;
}

int co_api_reply_error(struct http_req *req, enum api_errtype type, struct str text, struct err *err)
{
	struct strbuf b = { 0 };
	struct jsonw w;
	jsonw_init(&w, &b, JSONW_HTML);
	jsonw_object_begin(&w);
	jsonw_kv_cstr(&w, "status", "error");
	jsonw_kv_cstr(&w, "errorType", errtypes[type].name);
	jsonw_kv_str(&w, "error", text);
	jsonw_object_end(&w);
	http_resp_header(req, "Cache-Control", STR("no-store"));
	int rc = jsonw_finish(&w, err);
	if (rc == 0)
		rc = co_http_reply_buf(req, errtypes[type].status, "application/json", &b, err);
	strbuf_fini(&b);
	return rc;
}

int co_api_reply_text_error(struct http_req *req, enum api_errtype type, struct str text, struct err *err)
{
	struct strbuf b = { 0 };
	strbuf_add_str(&b, text);
	strbuf_add_ch(&b, '\n');
	http_resp_header(req, "X-Content-Type-Options", STR("nosniff"));
	int rc = co_http_reply_buf(req, errtypes[type].status, "text/plain; charset=utf-8", &b, err);
	strbuf_fini(&b);
	return rc;
}

int co_api_reply_err(struct http_req *req, enum api_errtype type, const struct err *e, struct err *err)
{
	return co_api_reply_error(req, type, str_c(e->msg), err);
}

int co_api_reply_nothing(struct http_req *req, struct err *err)
{
	return co_http_reply(req, 204, NULL, (struct str){ NULL, 0 }, err);
}
