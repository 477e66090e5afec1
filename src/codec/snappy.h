/*
 * codec/snappy.h - snappy, block format (remote write and read bodies, WAL
 * records) and framing format (gRPC's "snappy" compressor).
 *
 * Decoders learn the declared size and compare it with the caller's limit
 * before they take memory. RESOURCE_EXHAUSTED over the limit,
 * INVALID_ARGUMENT when corrupt or cut off. Megabytes take
 * milliseconds, so large bodies belong on the offload pool.
 */
#ifndef CODEC_SNAPPY_H
#define CODEC_SNAPPY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

/* Most bytes that `n` bytes compress to in the block format. */
size_t codec_snappy_bound(size_t n);

/* Compresses to the block format at `out` (room for codec_snappy_bound bytes); returns the bytes written. */
size_t codec_snappy_compress(const void *in, size_t n, void *out);

/*
 * As codec_snappy_compress, without the length at the begin: fragments one after the other, with the sum of their uncompressed
 * lengths (uvarint) before the first, are one block. So a block can be made in pieces whose number is not known yet.
 */
size_t codec_snappy_fragment(const void *in, size_t n, void *out);

/* Appends the block format of `in` to `out`; RESOURCE_EXHAUSTED when its limit leaves less than codec_snappy_bound. */
int codec_snappy_compress_add(struct str in, struct strbuf *out, struct err *err);

/* The size that a block declares, checked against `limit`. */
int codec_snappy_size(struct str in, uint64_t limit, size_t *ret, struct err *err);

/* Uncompresses a block of at most `limit` bytes into the arena; *ret is borrowed from it. */
int codec_snappy_uncompress(struct str in, uint64_t limit, struct arena *a, struct str *ret, struct err *err);

/* Appends the uncompressed block of at most `limit` bytes to `out`. */
int codec_snappy_uncompress_add(struct str in, uint64_t limit, struct strbuf *out, struct err *err);

/*
 * Appends `in` in the framing format
 * (google/snappy framing_format.txt): stream identifier, then chunks of 64 KiB
 * with their masked CRC-32C, stored raw where compression gains under an eighth
 * (as golang/snappy). Empty input gives no bytes, as golang/snappy's writer.
 */
int codec_snappy_frame_compress(struct str in, struct strbuf *out, struct err *err);

/* Appends the bytes of a framed stream to `out`, at most `limit` of them. Concatenated streams are one. */
int codec_snappy_frame_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err);

#endif
