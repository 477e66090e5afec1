#include "http/http1.h"

#include "base/compiler.h"

#include <string.h>

/* Chunks above this are refused; no honest client sends them. */
#define CHUNK_SIZE_MAX ((uint64_t)INT32_MAX)

/* --- finding the end of the head --------------------------------------------------------- */

static enum http1_found bad(int *ret_status, const char **ret_why, int status, const char *why)
{
	*ret_status = status;
	*ret_why = why;
	return HTTP1_BAD;
}

/* Whether the line or the head has outgrown its limit. */
static int outgrown(const struct http1_scan *s, const struct http1_limits *lim)
{
	if (!s->first_done)
		return s->pos > lim->max_target + 64 ? 414 : 0;
	return s->pos > lim->max_target + lim->max_header_bytes + 64 ? 431 : 0;
}

enum http1_found http1_scan_head(struct http1_scan *s, const struct http1_limits *lim, const char *p, size_t n,
				 size_t *ret_len, int *ret_status, const char **ret_why)
{
	while (s->pos < n) {
		const char *lf = memchr(p + s->pos, '\n', n - s->pos);
		s->pos = lf ? (size_t)(lf - p) + 1 : n;
		int status = outgrown(s, lim);
		if (status)
			return bad(ret_status, ret_why, status,
				   status == 414 ? "request target too long" : "headers too long");
		if (!lf)
			break;
		size_t line = s->pos - s->line_start;
		if (line < 2 || lf[-1] != '\r')
			return bad(ret_status, ret_why, 400, "line does not end in CR LF");
		s->line_start = s->pos;
		if (line == 2 && !s->first_done)
			return bad(ret_status, ret_why, 400, "empty request line");
		s->first_done = true;
		if (line == 2) {
			*ret_len = s->pos;
			return HTTP1_COMPLETE;
		}
	}
	return HTTP1_MORE;
}

/* --- the request line ---------------------------------------------------------------------- */

/* Cuts the next line off; scan made sure that it ends in CR LF. */
static struct str next_line(const char **p, const char *end)
{
	const char *lf = memchr(*p, '\n', (size_t)(end - *p));
	struct str line = { *p, (size_t)(lf - *p) - 1 };
	*p = lf + 1;
	return line;
}

static bool is_target(struct str t)
{
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (c <= 0x20 || c == 0x7f || c == '#')
			return false;
	}
	return t.n > 0;
}

/* Splits an absolute form; the authority becomes the host. */
static bool split_absolute(struct http1_head *h, struct str rest)
{
	size_t i = 0;
	while (i < rest.n && rest.p[i] != '/' && rest.p[i] != '?')
		i++;
	h->host = str_mem(rest.p, i);
	h->path_query = i < rest.n ? str_mem(rest.p + i, rest.n - i) : STR("/");
	return i > 0 && h->path_query.p[0] == '/';
}

static bool split_target(struct http1_head *h)
{
	struct str t = h->target;
	h->path_query = t;
	if (t.p[0] == '/')
		return true;
	if (str_eq_c(t, "*"))
		return str_eq_c(h->method, "OPTIONS");
	if (t.n > 7 && str_eq_nocase(str_mem(t.p, 7), STR("http://")))
		return split_absolute(h, str_mem(t.p + 7, t.n - 7));
	if (t.n > 8 && str_eq_nocase(str_mem(t.p, 8), STR("https://")))
		return split_absolute(h, str_mem(t.p + 8, t.n - 8));
	return false;
}

static int parse_request_line(struct str line, const struct http1_limits *lim, struct http1_head *h, const char **why)
{
	h->method = str_cut(&line, ' ');
	if (!line.p || !http_is_token(h->method))
		return *why = "malformed method", 400;
	h->target = str_cut(&line, ' ');
	if (!line.p || !is_target(h->target))
		return *why = "malformed request target", 400;
	if (h->target.n > lim->max_target)
		return *why = "request target too long", 414;
	if (str_eq_c(line, "HTTP/1.1"))
		h->version = 11;
	else if (str_eq_c(line, "HTTP/1.0"))
		h->version = 10;
	else
		return *why = "malformed or unsupported HTTP version", 400;
	if (!split_target(h))
		return *why = "malformed request target", 400;
	return 0;
}

/* --- fields -------------------------------------------------------------------------------- */

/* Splits "name: value"; false for anything that is not one plain field. */
static bool split_field(struct str line, struct http_header *ret, const char **why)
{
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return *why = "folded header line", false;
	ptrdiff_t colon = str_index(line, ':');
	if (colon < 0)
		return *why = "header line without colon", false;
	ret->name = str_mem(line.p, (size_t)colon);
	if (!http_is_token(ret->name))
		return *why = "malformed header name", false;
	struct str v = { line.p + colon + 1, line.n - (size_t)colon - 1 };
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v.p++, v.n--;
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	ret->value = v;
	if (!http_is_field_value(v))
		return *why = "control byte in a header", false;
	return true;
}

static int parse_fields(const char *p, const char *end, const struct http1_limits *lim, struct http1_head *h,
			const char **why)
{
	if ((size_t)(end - p) > lim->max_header_bytes + 2)
		return *why = "headers too long", 431;
	for (;;) {
		struct str line = next_line(&p, end);
		if (line.n == 0)
			return 0;
		if (h->n_fields >= MIN(lim->max_fields, (size_t)HTTP1_FIELDS_MAX))
			return *why = "too many header fields", 431;
		if (!split_field(line, &h->fields[h->n_fields], why))
			return 400;
		h->n_fields++;
	}
}

static bool is_host(struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("/?#@\\,\"<>^`{|}", c))
			return false;
	}
	return true;
}

static int check_host(struct http1_head *h, const struct http_headers *all, const char **why)
{
	size_t n = http_headers_count(all, "host");
	if (n > 1 || (n == 0 && h->version == 11))
		return *why = n ? "more than one Host" : "missing Host", 400;
	struct str v = http_headers_get(all, "host");
	if (!h->host.p)
		h->host = v;
	if (!is_host(v) || !is_host(h->host))
		return *why = "malformed Host", 400;
	return 0;
}

/* Content-Length as digits only, and nothing beyond 2^62. */
static bool parse_length(struct str v, int64_t *ret)
{
	uint64_t n = 0;
	if (v.n == 0 || v.n > 18)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	*ret = (int64_t)n;
	return true;
}

static int check_framing(struct http1_head *h, const struct http_headers *all, const char **why)
{
	size_t n_cl = http_headers_count(all, "content-length"), n_te = http_headers_count(all, "transfer-encoding");
	h->content_length = -1;
	if (n_cl > 1)
		return *why = "more than one Content-Length", 400;
	if (n_cl && n_te)
		return *why = "Content-Length with Transfer-Encoding", 400;
	if (n_cl && !parse_length(http_headers_get(all, "content-length"), &h->content_length))
		return *why = "malformed Content-Length", 400;
	if (n_te == 0)
		return 0;
	if (n_te > 1 || h->version == 10 || !str_eq_nocase(http_headers_get(all, "transfer-encoding"), STR("chunked")))
		return *why = "unsupported Transfer-Encoding", 400;
	h->chunked = true;
	return 0;
}

static int check_connection(struct http1_head *h, const struct http_headers *all, const char **why)
{
	bool close = false, keep = false;
	for (size_t i = 0; i < h->n_fields; i++) {
		if (!str_eq_nocase(h->fields[i].name, STR("connection")))
			continue;
		close |= http_list_has(h->fields[i].value, "close");
		keep |= http_list_has(h->fields[i].value, "keep-alive");
	}
	h->keep_alive = !close && (h->version == 11 || keep);
	struct str expect = http_headers_get(all, "expect");
	if (expect.p && h->version == 11) {
		if (!str_eq_nocase(expect, STR("100-continue")))
			return *why = "unknown expectation", 417;
		h->expect_continue = true;
	}
	return 0;
}

int http1_parse_head(const char *p, size_t n, const struct http1_limits *lim, struct http1_head *ret,
		     const char **ret_why)
{
	const char *end = p + n;
	ret->n_fields = 0;
	ret->host = (struct str){ NULL, 0 };
	ret->chunked = ret->keep_alive = ret->expect_continue = false;
	if (memchr(p, 0, n))
		return *ret_why = "NUL byte", 400;
	int status = parse_request_line(next_line(&p, end), lim, ret, ret_why);
	if (status == 0)
		status = parse_fields(p, end, lim, ret, ret_why);
	struct http_headers all = { ret->fields, ret->n_fields, 0 };
	if (status == 0)
		status = check_host(ret, &all, ret_why);
	if (status == 0)
		status = check_framing(ret, &all, ret_why);
	if (status == 0)
		status = check_connection(ret, &all, ret_why);
	return status;
}

/* --- chunks -------------------------------------------------------------------------------- */

enum {
	C_SIZE,
	C_EXT,
	C_SIZE_LF,
	C_DATA,
	C_DATA_CR,
	C_DATA_LF,
	C_TRAILER,
	C_NAME,
	C_VALUE,
	C_VALUE_LF,
	C_END_LF,
	C_DONE
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool refuse(struct http1_chunks *d, const char *why)
{
	d->why = why;
	return false;
}

static bool size_byte(struct http1_chunks *d, char c)
{
	int v = hex(c);
	if (v >= 0) {
		d->left = d->left << 4 | (unsigned)v;
		if (++d->digits > 16 || d->left > CHUNK_SIZE_MAX)
			return refuse(d, "chunk too large");
		return true;
	}
	if (d->digits == 0 || (c != ';' && c != '\r'))
		return refuse(d, "malformed chunk size");
	d->state = c == ';' ? C_EXT : C_SIZE_LF;
	d->line = d->digits;
	return true;
}

static bool ext_byte(struct http1_chunks *d, char c)
{
	if (c == '\r') {
		d->state = C_SIZE_LF;
		return true;
	}
	if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
		return refuse(d, "control byte in a chunk extension");
	if (++d->line > HTTP1_CHUNK_LINE_MAX || ++d->ext > HTTP1_CHUNK_EXT_MAX)
		return refuse(d, "chunk extensions too long");
	return true;
}

static bool size_end(struct http1_chunks *d, char c)
{
	if (c != '\n')
		return refuse(d, "chunk size line does not end in CR LF");
	d->state = d->left ? C_DATA : C_TRAILER;
	d->digits = 0;
	return true;
}

/* Framing and routing must not change once the body is read. */
static bool name_allowed(const struct http1_chunks *d)
{
	static const char *const never[] = { "content-length",   "transfer-encoding", "host",
					     "content-encoding", "content-type",      "authorization",
					     "trailer",          "connection",        "te" };
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (str_eq_c(str_mem(d->name, MIN(d->name_len, sizeof(d->name))), never[i]))
			return false;
	return true;
}

static bool trailer_byte(struct http1_chunks *d, char c)
{
	if (++d->trailer > HTTP1_TRAILERS_MAX)
		return refuse(d, "trailers too long");
	if (d->state == C_TRAILER) {
		if (c == '\r') {
			d->state = C_END_LF;
			return true;
		}
		if (++d->fields > HTTP1_TRAILER_FIELDS_MAX)
			return refuse(d, "too many trailers");
		d->name_len = 0;
		d->state = C_NAME;
	}
	if (d->state == C_NAME) {
		if (c == ':') {
			d->state = C_VALUE;
			return d->name_len && name_allowed(d) ? true : refuse(d, "forbidden trailer");
		}
		if (!http_is_token(str_mem(&c, 1)))
			return refuse(d, "malformed trailer");
		if (d->name_len < sizeof(d->name))
			d->name[d->name_len] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
		d->name_len++;
		return true;
	}
	if (c == '\r')
		d->state = C_VALUE_LF;
	else if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
		return refuse(d, "control byte in a trailer");
	return true;
}

static bool line_end(struct http1_chunks *d, char c, char expected, int next, const char *why)
{
	if (c != expected)
		return refuse(d, why);
	d->state = next;
	return true;
}

/* Takes one byte of framing. */
static bool frame_byte(struct http1_chunks *d, char c)
{
	switch (d->state) {
	case C_SIZE:
		return size_byte(d, c);
	case C_EXT:
		return ext_byte(d, c);
	case C_SIZE_LF:
		return size_end(d, c);
	case C_DATA_CR:
		return line_end(d, c, '\r', C_DATA_LF, "chunk does not end in CR LF");
	case C_DATA_LF:
		return line_end(d, c, '\n', C_SIZE, "chunk does not end in CR LF");
	case C_VALUE_LF:
		return line_end(d, c, '\n', C_TRAILER, "trailer does not end in CR LF");
	case C_END_LF:
		return line_end(d, c, '\n', C_DONE, "trailers do not end in CR LF");
	default:
		return trailer_byte(d, c);
	}
}

enum http1_found http1_chunks_feed(struct http1_chunks *d, const char *p, size_t n, size_t *ret_used,
				   struct str *ret_data)
{
	size_t i = 0;
	*ret_data = (struct str){ NULL, 0 };
	while (i < n && d->state != C_DONE) {
		if (d->state == C_DATA) {
			size_t k = MIN(d->left, n - i);
			*ret_data = str_mem(p + i, k);
			i += k;
			d->left -= k;
			if (d->left == 0)
				d->state = C_DATA_CR;
			break;
		}
		if (d->why || !frame_byte(d, p[i])) {
			*ret_used = i;
			return HTTP1_BAD;
		}
		i++;
	}
	*ret_used = i;
	return d->state == C_DONE ? HTTP1_COMPLETE : HTTP1_MORE;
}
