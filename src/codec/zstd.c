#include "codec/zstd.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define STEP_MIN 4096u
#define STEP_MAX (256u * 1024)

static int output_full(const struct strbuf *out, struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "output is over %zu bytes", out->limit);
}

/* --- uncompressing ---------------------------------------------------------------- */

static int zstd_failed(size_t code, struct err *err)
{
	ZSTD_ErrorCode e = ZSTD_getErrorCode(code);
	if (e == ZSTD_error_frameParameter_windowTooLarge || e == ZSTD_error_memory_allocation)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "zstd: window over %u MiB",
			       (1u << CODEC_ZSTD_WINDOW_LOG) >> 20);
	return err_set(err, ERR_INVALID_ARGUMENT, "zstd: corrupt input: %s", ZSTD_getErrorName(code));
}

/* Room for the next piece of output: half of what there is, at most what is left and one byte to see more. */
static size_t next_step(size_t have, uint64_t left)
{
	size_t step = MAX(STEP_MIN, MIN(have / 2, (size_t)STEP_MAX));
	return left < step ? (size_t)left + 1 : step;
}

/* Uncompresses what fits in the next piece of `out`. *ret_hint is 0 at the end of a frame. */
static int decode_step(ZSTD_DCtx *d, ZSTD_inBuffer *in, uint64_t limit, size_t start, struct strbuf *out,
		       size_t *ret_hint, struct err *err)
{
	size_t have = out->n - start;
	ZSTD_outBuffer o = { .size = next_step(have, limit - have) };
	o.dst = strbuf_reserve(out, o.size);
	if (!o.dst)
		return output_full(out, err);
	*ret_hint = ZSTD_decompressStream(d, &o, in);
	if (ZSTD_isError(*ret_hint)) {
		out->p[out->n] = '\0';
		return zstd_failed(*ret_hint, err);
	}
	out->n += o.pos;
	int rc = 0;
	if (out->n - start > limit) {
		out->n = start + (size_t)limit;
		rc = err_set(err, ERR_RESOURCE_EXHAUSTED,
			     "zstd: uncompressed data is over the limit of %" PRIu64 " bytes", limit);
	} else if (o.pos < o.size && in->pos == in->size && *ret_hint) {
		rc = err_set(err, ERR_INVALID_ARGUMENT, "zstd: corrupt input: cut off");
	}
	out->p[out->n] = '\0';
	return rc;
}

int codec_zstd_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	CHECK(d);
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, CODEC_ZSTD_WINDOW_LOG);
	ZSTD_inBuffer zin = { in.p ? in.p : "", in.n, 0 };
	size_t start = out->n, hint = 1;
	int rc = in.n ? 0 : err_set(err, ERR_INVALID_ARGUMENT, "zstd: corrupt input: empty");
	while (rc == 0 && (hint || zin.pos < zin.size))
		rc = decode_step(d, &zin, limit, start, out, &hint, err);
	ZSTD_freeDCtx(d);
	return rc;
}

/* --- compressing ------------------------------------------------------------------ */

struct zstd_writer {
	ZSTD_CCtx *c;
};

struct zstd_writer *zstd_writer_new(int level)
{
	struct zstd_writer *w = xcalloc(1, sizeof(*w));
	w->c = ZSTD_createCCtx();
	CHECK(w->c);
	ZSTD_CCtx_setParameter(w->c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(w->c, ZSTD_c_checksumFlag, 1);
	return w;
}

void zstd_writer_free(struct zstd_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->c);
	free(w);
}

/* Runs the compressor until it has taken `in` and, for flush and end, given out everything. */
static int run(struct zstd_writer *w, struct str in, ZSTD_EndDirective op, struct strbuf *out, struct err *err)
{
	ZSTD_inBuffer zin = { in.p, in.n, 0 };
	size_t left;
	do {
		ZSTD_outBuffer o = { .size = STEP_MIN };
		o.dst = strbuf_reserve(out, o.size);
		if (!o.dst)
			return output_full(out, err);
		left = ZSTD_compressStream2(w->c, &o, &zin, op);
		CHECK(!ZSTD_isError(left));
		out->n += o.pos;
		out->p[out->n] = '\0';
	} while (op == ZSTD_e_continue ? zin.pos < zin.size : left > 0);
	return 0;
}

int zstd_writer_write(struct zstd_writer *w, struct str in, struct strbuf *out, struct err *err)
{
	return in.n ? run(w, in, ZSTD_e_continue, out, err) : 0;
}

int zstd_writer_flush(struct zstd_writer *w, struct strbuf *out, struct err *err)
{
	return run(w, str_mem(NULL, 0), ZSTD_e_flush, out, err);
}

int zstd_writer_end(struct zstd_writer *w, struct strbuf *out, struct err *err)
{
	return run(w, str_mem(NULL, 0), ZSTD_e_end, out, err);
}

int codec_zstd_compress(struct str in, int level, struct strbuf *out, struct err *err)
{
	struct zstd_writer *w = zstd_writer_new(level);
	ZSTD_CCtx_setPledgedSrcSize(w->c, in.n);
	int rc = run(w, in, ZSTD_e_end, out, err);
	zstd_writer_free(w);
	return rc;
}
