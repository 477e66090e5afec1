#include "codec/gzip.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#define STEP_MIN 4096u
#define STEP_MAX (256u * 1024)

/* windowBits as zlib wants it: 15, and 16 more for gzip. */
static int window_bits(enum gzip_format f)
{
	return f == GZIP_GZIP ? 15 + 16 : 15;
}

/* Gives zlib up to UINT_MAX bytes of *in, which is cut. */
static void feed(z_stream *z, struct str *in)
{
	size_t n = MIN(in->n, (size_t)UINT_MAX);
	z->next_in = (Bytef *)(uintptr_t)in->p;
	z->avail_in = (uInt)n;
	if (n)
		*in = str_mem(in->p + n, in->n - n);
}

static int output_full(const struct strbuf *out, struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "output is over %zu bytes", out->limit);
}

/* --- uncompressing ---------------------------------------------------------------- */

/* Room for the next piece of output: half of what there is, at most what is left and one byte to see more. */
static size_t next_step(size_t have, uint64_t left)
{
	size_t step = MAX(STEP_MIN, MIN(have / 2, (size_t)STEP_MAX));
	return left < step ? (size_t)left + 1 : step;
}

/* Runs inflate once into out. Z_OK, Z_STREAM_END or a zlib error; -1000 with err set. */
#define INFLATE_FAILED (-1000)
static int inflate_step(z_stream *z, uint64_t limit, size_t start, struct strbuf *out, struct err *err)
{
	size_t have = out->n - start;
	size_t step = next_step(have, limit - have);
	char *p = strbuf_reserve(out, step);
	if (!p) {
		output_full(out, err);
		return INFLATE_FAILED;
	}
	z->next_out = (Bytef *)p;
	z->avail_out = (uInt)step;
	int rc = inflate(z, Z_NO_FLUSH);
	out->n += step - z->avail_out;
	if (out->n - start > limit) {
		out->n = start + (size_t)limit;
		err_set(err, ERR_RESOURCE_EXHAUSTED, "gzip: uncompressed data is over the limit of %" PRIu64 " bytes",
			limit);
		rc = INFLATE_FAILED;
	}
	out->p[out->n] = '\0';
	return rc;
}

static int corrupt(const z_stream *z, struct err *err)
{
	return err_set(err, ERR_INVALID_ARGUMENT, "gzip: corrupt input: %s", z->msg ? z->msg : "cut off");
}

int codec_gzip_uncompress(struct str in, enum gzip_format f, uint64_t limit, struct strbuf *out, struct err *err)
{
	z_stream z = { 0 };
	size_t start = out->n;
	CHECK(inflateInit2(&z, window_bits(f)) == Z_OK);
	int rc = Z_OK, result = 0;
	for (;;) {
		if (z.avail_in == 0)
			feed(&z, &in);
		bool no_input = z.avail_in == 0;
		rc = inflate_step(&z, limit, start, out, err);
		if (rc == INFLATE_FAILED) {
			result = -ERR_RESOURCE_EXHAUSTED;
			break;
		}
		if (rc == Z_STREAM_END && z.avail_in + in.n == 0)
			break;
		if (rc == Z_STREAM_END && f == GZIP_GZIP) {
			inflateReset(&z); /* the next member */
			continue;
		}
		/* Without input and with room for output, no progress means that the end is missing. */
		if (rc != Z_OK || (no_input && z.avail_out)) {
			result = corrupt(&z, err);
			break;
		}
	}
	inflateEnd(&z);
	return result;
}

/* --- compressing ------------------------------------------------------------------ */

struct gzip_writer {
	z_stream z;
};

struct gzip_writer *gzip_writer_new(enum gzip_format f, int level)
{
	struct gzip_writer *w = xcalloc(1, sizeof(*w));
	int rc = deflateInit2(&w->z, level, Z_DEFLATED, window_bits(f), 8, Z_DEFAULT_STRATEGY);
	CHECK(rc == Z_OK);
	return w;
}

void gzip_writer_free(struct gzip_writer *w)
{
	if (!w)
		return;
	deflateEnd(&w->z);
	free(w);
}

/* Runs deflate until it has taken its input and, for `flush`, given out everything. */
static int run_deflate(z_stream *z, int flush, struct strbuf *out, struct err *err)
{
	int rc;
	do {
		char *p = strbuf_reserve(out, STEP_MIN);
		if (!p)
			return output_full(out, err);
		z->next_out = (Bytef *)p;
		z->avail_out = STEP_MIN;
		rc = deflate(z, flush);
		CHECK(rc != Z_STREAM_ERROR);
		out->n += STEP_MIN - z->avail_out;
		out->p[out->n] = '\0';
	} while (z->avail_out == 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
	return 0;
}

int gzip_writer_write(struct gzip_writer *w, struct str in, struct strbuf *out, struct err *err)
{
	int rc = 0;
	while (in.n && rc == 0) {
		feed(&w->z, &in);
		rc = run_deflate(&w->z, Z_NO_FLUSH, out, err);
	}
	return rc;
}

int gzip_writer_flush(struct gzip_writer *w, struct strbuf *out, struct err *err)
{
	w->z.avail_in = 0;
	return run_deflate(&w->z, Z_SYNC_FLUSH, out, err);
}

int gzip_writer_end(struct gzip_writer *w, struct strbuf *out, struct err *err)
{
	w->z.avail_in = 0;
	int rc = run_deflate(&w->z, Z_FINISH, out, err);
	deflateReset(&w->z);
	return rc;
}

int codec_gzip_compress(struct str in, enum gzip_format f, int level, struct strbuf *out, struct err *err)
{
	struct gzip_writer *w = gzip_writer_new(f, level);
	int rc = gzip_writer_write(w, in, out, err);
	if (rc == 0)
		rc = gzip_writer_end(w, out, err);
	gzip_writer_free(w);
	return rc;
}
