#include "http/internal.h"

#include "base/mem.h"
#include "codec/gzip.h"
#include "codec/zstd.h"

#include <stdlib.h>

/* Smaller bodies are sent as they are. */
#define MIN_LENGTH 1024

/* Levels: about what Go's and klauspost's defaults cost. */
#define GZIP_LEVEL 4
#define ZSTD_LEVEL 1

struct http_encoder {
	enum http_coding coding;
	struct gzip_writer *gzip;
	struct zstd_writer *zstd;
};

/* Whether bodies of this type shrink. */
static bool compressible(struct str type)
{
	static const char *const types[] = { "application/json",   "application/javascript",       "application/xml",
					     "application/x-yaml", "application/openmetrics-text", "image/svg+xml" };
	struct str base = str_trim(str_cut(&type, ';'));
	if (base.n >= 5 && str_eq_nocase(str_mem(base.p, 5), STR("text/")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq_nocase(base, str_c(types[i])))
			return true;
	return false;
}

/* How much a client wants each coding, in thousandths; -1: not said. */
struct wishes {
	int zstd, gzip, identity, any;
};

/* A weight ("0.5", "1"), in thousandths; what is malformed counts as 1. */
static int weight(struct str s)
{
	int w = 0;
	if (s.n == 0 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.') || s.n > 5)
		return 1000;
	for (size_t i = 2, unit = 100; i < s.n; i++, unit /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 1000;
		w += (s.p[i] - '0') * (int)unit;
	}
	return s.p[0] == '1' ? 1000 : w;
}

/* The weight among an item's parameters; 1 without. */
static int weight_of(struct str params)
{
	while (params.p && params.n) {
		struct str value = str_cut(&params, ';');
		struct str name = str_trim(str_cut(&value, '='));
		if (str_eq_nocase(name, STR("q")))
			return weight(str_trim(value.p ? value : STR("")));
	}
	return 1000;
}

/* RFC 9110, 12.5.3. */
static struct wishes parse_accept(struct str list)
{
	struct wishes w = { -1, -1, -1, -1 };
	while (list.p) {
		struct str item = str_cut(&list, ',');
		struct str name = str_trim(str_cut(&item, ';'));
		int q = weight_of(item);
		if (str_eq_nocase(name, STR("zstd")))
			w.zstd = q;
		else if (str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip")))
			w.gzip = q;
		else if (str_eq_nocase(name, STR("identity")))
			w.identity = q;
		else if (str_eq_c(name, "*"))
			w.any = q;
	}
	/* "*" is for all codings that are not named; of these gzip, which all can read. */
	if (w.gzip < 0)
		w.gzip = MAX(w.any, 0);
	if (w.zstd < 0)
		w.zstd = 0;
	if (w.identity < 0)
		w.identity = w.any == 0 ? 0 : -1;
	return w;
}

enum http_coding http_choose_coding(const struct http_req *req, int64_t len)
{
	if (len == 0 || (req->route && req->route->no_compress) || http_headers_get(&req->out, "Content-Encoding").p)
		return HTTP_CODING_NONE;
	struct str accept = http_headers_get(&req->headers, "accept-encoding");
	if (!accept.n)
		return HTTP_CODING_NONE;
	struct wishes w = parse_accept(accept);
	/* What does not shrink is sent as it is, unless the client refuses that. */
	bool worth = (len < 0 || len >= MIN_LENGTH) && compressible(http_headers_get(&req->out, "Content-Type"));
	int best = MAX(w.zstd, w.gzip);
	if (best == 0 || (w.identity != 0 && (!worth || w.identity > best)))
		return HTTP_CODING_NONE;
	return w.zstd == best ? HTTP_CODING_ZSTD : HTTP_CODING_GZIP;
}

struct http_encoder *http_encoder_new(enum http_coding c)
{
	struct http_encoder *e = xcalloc(1, sizeof(*e));
	e->coding = c;
	if (c == HTTP_CODING_GZIP)
		e->gzip = gzip_writer_new(GZIP_GZIP, GZIP_LEVEL);
	else
		e->zstd = zstd_writer_new(ZSTD_LEVEL);
	return e;
}

void http_encoder_free(struct http_encoder *e)
{
	if (!e)
		return;
	gzip_writer_free(e->gzip);
	zstd_writer_free(e->zstd);
	free(e);
}

static int encode_gzip(struct gzip_writer *w, struct str in, enum http_encode_mode mode, struct strbuf *out,
		       struct err *err)
{
	int rc = in.n ? gzip_writer_write(w, in, out, err) : 0;
	if (rc == 0 && mode == HTTP_ENCODE_FLUSH)
		rc = gzip_writer_flush(w, out, err);
	if (rc == 0 && mode == HTTP_ENCODE_END)
		rc = gzip_writer_end(w, out, err);
	return rc;
}

static int encode_zstd(struct zstd_writer *w, struct str in, enum http_encode_mode mode, struct strbuf *out,
		       struct err *err)
{
	int rc = in.n ? zstd_writer_write(w, in, out, err) : 0;
	if (rc == 0 && mode == HTTP_ENCODE_FLUSH)
		rc = zstd_writer_flush(w, out, err);
	if (rc == 0 && mode == HTTP_ENCODE_END)
		rc = zstd_writer_end(w, out, err);
	return rc;
}

int http_encode(struct http_encoder *e, struct str in, enum http_encode_mode mode, struct strbuf *out, struct err *err)
{
	if (e->coding == HTTP_CODING_GZIP)
		return encode_gzip(e->gzip, in, mode, out, err);
	return encode_zstd(e->zstd, in, mode, out, err);
}
