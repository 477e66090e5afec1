#include "http/http.h"

#include "base/compiler.h"

#include <stdint.h>
#include <string.h>

/* --- names and codes ----------------------------------------------------------------- */

static const struct {
	enum http_method m;
	const char *name;
} methods[] = {
	{ HTTP_GET, "GET" },       { HTTP_HEAD, "HEAD" },       { HTTP_POST, "POST" },   { HTTP_PUT, "PUT" },
	{ HTTP_DELETE, "DELETE" }, { HTTP_OPTIONS, "OPTIONS" }, { HTTP_PATCH, "PATCH" },
};

enum http_method http_method_parse(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq_c(name, methods[i].name))
			return methods[i].m;
	return HTTP_OTHER;
}

const char *http_method_name(enum http_method m)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].m == m)
			return methods[i].name;
	return "OTHER";
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Request Entity Too Large" },
		{ 414, "Request URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Requested Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Entity" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "";
}

int http_status_of_err(int code)
{
	static const short of[] = {
		[ERR_OK] = 200,
		[ERR_CANCELLED] = 499,
		[ERR_INVALID_ARGUMENT] = 400,
		[ERR_DEADLINE_EXCEEDED] = 504,
		[ERR_NOT_FOUND] = 404,
		[ERR_ALREADY_EXISTS] = 409,
		[ERR_PERMISSION_DENIED] = 403,
		[ERR_RESOURCE_EXHAUSTED] = 422,
		[ERR_FAILED_PRECONDITION] = 412,
		[ERR_ABORTED] = 409,
		[ERR_OUT_OF_RANGE] = 400,
		[ERR_UNIMPLEMENTED] = 501,
		[ERR_UNAVAILABLE] = 503,
		[ERR_UNAUTHENTICATED] = 401,
	};
	if (code < 0 || (size_t)code >= ARRAY_LEN(of) || !of[code])
		return 500;
	return of[code];
}

/* --- header fields --------------------------------------------------------------------- */

static struct http_header *find(const struct http_headers *h, struct str name)
{
	for (size_t i = 0; i < h->n; i++)
		if (str_eq_nocase(h->p[i].name, name))
			return &h->p[i];
	return NULL;
}

struct str http_headers_get(const struct http_headers *h, const char *name)
{
	const struct http_header *f = find(h, str_c(name));
	if (!f)
		return (struct str){ NULL, 0 };
	return f->value.p ? f->value : str_c("");
}

size_t http_headers_count(const struct http_headers *h, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++)
		n += str_eq_nocase(h->p[i].name, str_c(name));
	return n;
}

/* Makes room for one more element of `size` bytes in an arena's array. */
static bool grow(struct arena *a, void **p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return true;
	size_t more = *cap ? *cap * 2 : 16;
	void *fresh = arena_array(a, more, size);
	if (!fresh)
		return false;
	if (n)
		memcpy(fresh, *p, n * size);
	*p = fresh;
	*cap = more;
	return true;
}

bool http_headers_add(struct http_headers *h, struct arena *a, struct str name, struct str value)
{
	void *p = h->p;
	if (!grow(a, &p, h->n, &h->cap, sizeof(*h->p)))
		return false;
	h->p = p;
	char *copy = arena_alloc(a, name.n + value.n + 1);
	if (!copy)
		return false;
	if (name.n)
		memcpy(copy, name.p, name.n);
	if (value.n)
		memcpy(copy + name.n, value.p, value.n);
	copy[name.n + value.n] = 0;
	h->p[h->n++] = (struct http_header){ { copy, name.n }, { copy + name.n, value.n } };
	return true;
}

bool http_headers_set(struct http_headers *h, struct arena *a, struct str name, struct str value)
{
	struct http_header *f = find(h, name);
	if (!f)
		return http_headers_add(h, a, name, value);
	char *copy = arena_memdup(a, value.p, value.n);
	if (!copy)
		return false;
	f->value = str_mem(copy, value.n);
	return true;
}

bool http_list_has(struct str value, const char *token)
{
	while (value.p) {
		struct str item = str_cut(&value, ',');
		item = str_trim(str_cut(&item, ';'));
		if (str_eq_nocase(item, str_c(token)))
			return true;
	}
	return false;
}

bool http_is_token(struct str s)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
		if (!alnum && (c == 0 || !strchr(extra, c)))
			return false;
	}
	return s.n > 0;
}

bool http_is_field_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* --- parameters --------------------------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Go's words for a bad escape: the '%' and the two bytes after it. */
static int bad_escape(struct str s, size_t at, struct err *err)
{
	size_t n = MIN(s.n - at, (size_t)3);
	return err_set(err, ERR_INVALID_ARGUMENT, "invalid URL escape \"%.*s\"", (int)n, s.p + at);
}

static int decode(struct arena *a, struct str s, bool plus, struct str *ret, struct err *err)
{
	size_t i = 0;
	while (i < s.n && s.p[i] != '%' && !(plus && s.p[i] == '+'))
		i++;
	*ret = s;
	if (i == s.n)
		return 0;
	char *out = arena_alloc(a, s.n + 1);
	if (!out)
		return arena_err(a, err);
	size_t n = 0;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '%') {
			int hi = i + 2 < s.n ? hex(s.p[i + 1]) : -1, lo = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return bad_escape(s, i, err);
			out[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			out[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	out[n] = 0;
	*ret = str_mem(out, n);
	return 0;
}

int http_path_decode(struct arena *a, struct str s, struct str *ret, struct err *err)
{
	return decode(a, s, false, ret, err);
}

int http_params_add(struct http_params *ps, struct arena *a, struct str name, struct str value, struct err *err)
{
	if (ps->n >= HTTP_MAX_PARAMS)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "more than %d parameters", HTTP_MAX_PARAMS);
	void *p = ps->p;
	if (!grow(a, &p, ps->n, &ps->cap, sizeof(*ps->p)))
		return arena_err(a, err);
	ps->p = p;
	ps->p[ps->n++] = (struct http_param){ name, value.p ? value : STR("") };
	return 0;
}

static int add_param(struct http_params *ps, struct arena *a, struct str pair, struct err *err)
{
	struct str name, value;
	int rc = decode(a, str_cut(&pair, '='), true, &name, err);
	if (rc == 0)
		rc = decode(a, pair, true, &value, err);
	return rc ? rc : http_params_add(ps, a, name, value, err);
}

int http_params_parse(struct http_params *ps, struct arena *a, struct str text, struct err *err)
{
	while (text.p) {
		struct str pair = str_cut(&text, '&');
		if (pair.n == 0)
			continue;
		if (str_index(pair, ';') >= 0)
			return err_set(err, ERR_INVALID_ARGUMENT, "invalid semicolon separator in query");
		int rc = add_param(ps, a, pair, err);
		if (rc)
			return rc;
	}
	return 0;
}

struct str http_params_get(const struct http_params *ps, const char *name)
{
	size_t pos = 0;
	struct str s = { NULL, 0 };
	http_params_next(ps, name, &pos, &s);
	return s;
}

bool http_params_has(const struct http_params *ps, const char *name)
{
	return http_params_get(ps, name).p != NULL;
}

bool http_params_next(const struct http_params *ps, const char *name, size_t *pos, struct str *ret)
{
	for (; *pos < ps->n; (*pos)++) {
		if (str_eq_c(ps->p[*pos].name, name)) {
			*ret = ps->p[(*pos)++].value;
			return true;
		}
	}
	return false;
}

/* Appends with all bytes escaped that are neither unreserved nor in `keep`. */
static void escape(struct strbuf *out, struct str s, const char *keep, bool plus)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
			     (c && strchr("-_.~", c)) || (c && strchr(keep, c));
		if (plain) {
			strbuf_add_ch(out, (char)c);
		} else if (plus && c == ' ') {
			strbuf_add_ch(out, '+');
		} else {
			char esc[3] = { '%', digits[c >> 4], digits[c & 15] };
			strbuf_add(out, esc, 3);
		}
	}
}

void http_query_escape(struct strbuf *out, struct str s)
{
	escape(out, s, "", true);
}

void http_path_escape(struct strbuf *out, struct str s)
{
	escape(out, s, "$&+=:@", false);
}
