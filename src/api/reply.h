/*
 * api/reply.h - the envelope of every answer of the API:
 *
 *	{"status":"success","data":...,"warnings":[...]}
 *	{"status":"error","errorType":"bad_data","error":"..."}
 *
 * Keys, order, escapes, status codes and headers are Thanos' (pkg/api/api.go): warnings and infos
 * of PromQL together in `warnings`; Cache-Control: no-store on errors and where a warning
 * is not PromQL's.
 */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "http/req.h"
#include "text/json_write.h"

#include <stdbool.h>
#include <stddef.h>

/* Kinds of errors and their status codes. */
enum api_errtype {
	API_BAD_DATA,    /* 400 */
	API_EXECUTION,   /* 422 */
	API_CANCELED,    /* 503 */
	API_TIMEOUT,     /* 503 */
	API_INTERNAL,    /* 500 */
	API_NOT_FOUND,   /* 404 */
	API_UNAVAILABLE, /* 501: this program does not offer it (yet) */
};

/* Warnings of an answer, distinct, in the order noted. Texts lie in the arena. Set `a`, the rest zero. */
struct api_notes {
	struct arena *a;
	struct str *p;
	size_t n, cap;
	bool no_store; /* one of them is not PromQL's */
};

/* Adds a text (copied) unless it is there. Past the arena's budget it is dropped. */
void api_note(struct api_notes *ns, struct str text);

/* Sets the headers that allow scripts of other origins to read the answer; before anything is sent. */
void api_cors(struct http_req *req);

/* An answer under way. Members are private. */
struct api_reply {
	struct http_req *req;
	struct jsonw w;
	struct strbuf buf;
	const struct api_notes *notes;
	bool sent;
};

/*
 * Begins a success: writes up to `"data":`. The caller writes exactly one value with the writer returned.
 * What is small is sent whole at the end, what is large as it is written, so writing suspends; failures stick to the writer.
 * `notes` (may be NULL) must be complete. co_api_reply_end must follow.
 */
struct jsonw *api_reply_begin(struct api_reply *r, struct http_req *req, const struct api_notes *notes);

/* Ends it: warnings, and what is not sent yet. Suspends. Frees what it holds on every path. */
int co_api_reply_end(struct api_reply *r, struct err *err);

/* Answers with an error. Suspends. */
int co_api_reply_error(struct http_req *req, enum api_errtype type, struct str text, struct err *err);

/* As co_api_reply_error, as text instead of JSON: for endpoints whose clients are no API clients. Suspends. */
int co_api_reply_text_error(struct http_req *req, enum api_errtype type, struct str text, struct err *err);

/* Answers with the error that `e` holds, as co_api_reply_error. */
int co_api_reply_err(struct http_req *req, enum api_errtype type, const struct err *e, struct err *err);

/* 204 without a body. Suspends. */
int co_api_reply_nothing(struct http_req *req, struct err *err);

/*
 * The kind for an error that came while a query ran: INVALID_ARGUMENT bad_data,
 * CANCELLED canceled, DEADLINE_EXCEEDED timeout, INTERNAL internal, anything else execution.
 */
enum api_errtype api_errtype_of(int code);

#endif
