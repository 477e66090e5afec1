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

/* Whether the list names the coding without refusing it (";q=0"). */
static bool accepts(struct str list, const char *coding)
{
	while (list.p) {
		struct str item = str_cut(&list, ',');
		struct str name = str_trim(str_cut(&item, ';'));
		if (!str_eq_nocase(name, str_c(coding)))
			continue;
		struct str q = str_trim(item);
		return !str_eq_nocase(q, STR("q=0")) && !str_eq_nocase(q, STR("q=0.0")) &&
		       !str_eq_nocase(q, STR("q=0.00")) && !str_eq_nocase(q, STR("q=0.000"));
	}
	return false;
}

enum http_coding http_choose_coding(const struct http_req *req, int64_t len)
{
	if ((len >= 0 && len < MIN_LENGTH) || (req->route && req->route->no_compress))
		return HTTP_CODING_NONE;
	struct str accept = http_headers_get(&req->headers, "accept-encoding");
	if (!accept.n || http_headers_get(&req->out, "Content-Encoding").p ||
	    !compressible(http_headers_get(&req->out, "Content-Type")))
		return HTTP_CODING_NONE;
	if (accepts(accept, "zstd"))
		return HTTP_CODING_ZSTD;
	return accepts(accept, "gzip") ? HTTP_CODING_GZIP : HTTP_CODING_NONE;
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
