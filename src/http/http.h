/*
 * http/http.h - words that server and client share: methods, status codes,
 * header lists, parameters.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Request methods; a set of them is the sum of the bits. */
enum http_method {
	HTTP_OTHER = 0, /* a valid token that is none of these: 501 */
	HTTP_GET = 1,
	HTTP_HEAD = 2,
	HTTP_POST = 4,
	HTTP_PUT = 8,
	HTTP_DELETE = 16,
	HTTP_OPTIONS = 32,
	HTTP_PATCH = 64,
};

/* The method of that (upper case) name, HTTP_OTHER if unknown. */
enum http_method http_method_parse(struct str name);

/* The name of one method: "GET". */
const char *http_method_name(enum http_method m);

/* The reason phrase of a status code: "Not Found"; "" for codes unknown. */
const char *http_status_text(int status);

/*
 * The status that answers an error code where an endpoint has no rule of its own: INVALID_ARGUMENT 400,
 * UNAUTHENTICATED 401, PERMISSION_DENIED 403, NOT_FOUND 404, ALREADY_EXISTS and ABORTED 409, FAILED_PRECONDITION 412,
 * OUT_OF_RANGE 400, RESOURCE_EXHAUSTED 422, CANCELLED 499, UNIMPLEMENTED 501, UNAVAILABLE 503, DEADLINE_EXCEEDED 504, others 500.
 */
int http_status_of_err(int code);

/* One header field. Names received from outside are in lower case. */
struct http_header {
	struct str name, value;
};

/* A list of header fields, in order; memory is an arena's. Zero-initialised is empty. */
struct http_headers {
	struct http_header *p;
	size_t n, cap;
};

/* Value of the first field of that name (compared without case); p is NULL when there is none. */
struct str http_headers_get(const struct http_headers *h, const char *name);

/* Number of fields of that name. */
size_t http_headers_count(const struct http_headers *h, const char *name);

/* Appends a field; copies name and value into `a`. false when over budget. */
bool http_headers_add(struct http_headers *h, struct arena *a, struct str name, struct str value) MUST_CHECK;

/* Replaces the first field of that name, or appends. As http_headers_add. */
bool http_headers_set(struct http_headers *h, struct arena *a, struct str name, struct str value) MUST_CHECK;

/* Whether the comma separated list `value` names `token` (without case); parameters after ';' are skipped. */
bool http_list_has(struct str value, const char *token);

/* Whether all bytes are RFC 9110 token characters, and there is at least one. */
bool http_is_token(struct str s);

/* Whether the bytes may stand in a field value: no control bytes but the tab. */
bool http_is_field_value(struct str s);

/* --- parameters of queries and forms -------------------------------------------------------- */

/* Most parameters of one request. */
#define HTTP_MAX_PARAMS 10000

/* One name=value, decoded. */
struct http_param {
	struct str name, value;
};

/* Decoded parameters in order; memory is an arena's. Zero-initialised is empty. */
struct http_params {
	struct http_param *p;
	size_t n, cap;
};

/*
 * Decodes an application/x-www-form-urlencoded text and appends its parameters, as Go's url.ParseQuery: '+' is a space;
 * a bad %-escape or a ';' is INVALID_ARGUMENT with Go's words; RESOURCE_EXHAUSTED over budget or count.
 */
int http_params_parse(struct http_params *ps, struct arena *a, struct str text, struct err *err);

/* Appends one, borrowed. RESOURCE_EXHAUSTED over budget or count. */
int http_params_add(struct http_params *ps, struct arena *a, struct str name, struct str value, struct err *err);

/* First value of that name; p is NULL when there is none, n is 0 for "name=". */
struct str http_params_get(const struct http_params *ps, const char *name);

/* Whether a parameter of that name is there. */
bool http_params_has(const struct http_params *ps, const char *name);

/* The values of that name one after the other: *pos starts at 0; false at the end. */
bool http_params_next(const struct http_params *ps, const char *name, size_t *pos, struct str *ret);

/*
 * Decodes %-escapes; '+' stays. In the arena, or `s` itself where nothing is escaped. INVALID_ARGUMENT on a bad escape.
 */
int http_path_decode(struct arena *a, struct str s, struct str *ret, struct err *err);

/* Appends `s` with all but unreserved characters %-escaped, as Go's url.QueryEscape (space becomes '+'). */
void http_query_escape(struct strbuf *out, struct str s);

/* Appends `s` as one segment of a path, as Go's url.PathEscape. */
void http_path_escape(struct strbuf *out, struct str s);

#endif
