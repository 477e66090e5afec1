/*
 * codec/gzip.h - gzip and zlib streams (RFC 1952, RFC 1950), on zlib.
 *
 * Decoding stops at the caller's limit: RESOURCE_EXHAUSTED; corrupt, cut off
 * or followed by rubbish: INVALID_ARGUMENT. Concatenated members are one
 * stream, as in Go. A limit of the output strbuf itself must leave room for
 * one byte more than `limit`, and when compressing for 4 KiB more than comes.
 */
#ifndef CODEC_GZIP_H
#define CODEC_GZIP_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

/* Container formats. */
enum gzip_format { GZIP_GZIP, GZIP_ZLIB };

/* Appends `in`, compressed at `level` (1 to 9), to `out`; past its limit RESOURCE_EXHAUSTED. */
int codec_gzip_compress(struct str in, enum gzip_format f, int level, struct strbuf *out, struct err *err);

/* Appends at most `limit` uncompressed bytes to `out`. */
int codec_gzip_uncompress(struct str in, enum gzip_format f, uint64_t limit, struct strbuf *out, struct err *err);

struct gzip_writer;

/* A compressor for data that comes in pieces, such as a streamed response. About 256 KiB. */
struct gzip_writer *gzip_writer_new(enum gzip_format f, int level);

/* Frees it; NULL is fine. */
void gzip_writer_free(struct gzip_writer *w);

/* Takes all of `in` and appends what is ready to `out`. */
int gzip_writer_write(struct gzip_writer *w, struct str in, struct strbuf *out, struct err *err);

/* Appends everything taken so far, so that the receiver can read it. */
int gzip_writer_flush(struct gzip_writer *w, struct strbuf *out, struct err *err);

/* Ends the stream and appends the rest; the writer can then begin another one. */
int gzip_writer_end(struct gzip_writer *w, struct strbuf *out, struct err *err);

#endif
