/*
 * codec/zstd.h - zstd frames (RFC 8878), on libzstd.
 *
 * Decoding stops at the caller's limit and refuses windows over 8 MiB, so
 * that memory is bounded whatever the frame claims: RESOURCE_EXHAUSTED;
 * corrupt or cut off: INVALID_ARGUMENT. Concatenated and skippable frames are
 * handled. A limit of the output strbuf itself must leave room for one byte
 * more than `limit`, and when compressing for 4 KiB more than comes.
 */
#ifndef CODEC_ZSTD_H
#define CODEC_ZSTD_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

/* Largest window that a frame may ask for: 2^23 bytes, what RFC 8878 recommends to support. */
#define CODEC_ZSTD_WINDOW_LOG 23

/* Appends one frame with `in` at `level` (1 to 19) to `out`; past its limit RESOURCE_EXHAUSTED. */
int codec_zstd_compress(struct str in, int level, struct strbuf *out, struct err *err);

/* Appends at most `limit` uncompressed bytes to `out`. */
int codec_zstd_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err);

struct zstd_writer;

/* A compressor for data that comes in pieces, such as a streamed response. */
struct zstd_writer *zstd_writer_new(int level);

/* Frees it; NULL is fine. */
void zstd_writer_free(struct zstd_writer *w);

/* Takes all of `in` and appends what is ready to `out`. */
int zstd_writer_write(struct zstd_writer *w, struct str in, struct strbuf *out, struct err *err);

/* Appends everything taken so far, so that the receiver can read it. */
int zstd_writer_flush(struct zstd_writer *w, struct strbuf *out, struct err *err);

/* Ends the frame and appends the rest; the writer can then begin another one. */
int zstd_writer_end(struct zstd_writer *w, struct strbuf *out, struct err *err);

#endif
