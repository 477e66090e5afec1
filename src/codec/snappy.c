#include "codec/snappy.h"

#include "base/assert.h"
#include "codec/crc32c.h"
#include "codec/varint.h"

#include <inttypes.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <string.h>

/* --- block format -------------------------------------------------------------- */

size_t codec_snappy_bound(size_t n)
{
	return snappy_max_compressed_length(n);
}

size_t codec_snappy_compress(const void *in, size_t n, void *out)
{
	size_t len = codec_snappy_bound(n);
	snappy_status s = snappy_compress(in, n, out, &len);
	CHECK(s == SNAPPY_OK);
	return len;
}

size_t codec_snappy_fragment(const void *in, size_t n, void *out)
{
	size_t len = codec_snappy_compress(in, n, out), head = varint_size(n);
	memmove(out, (char *)out + head, len - head);
	return len - head;
}

static int output_full(const struct strbuf *out, struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "output is over %zu bytes", out->limit);
}

int codec_snappy_compress_add(struct str in, struct strbuf *out, struct err *err)
{
	/* The worst case may not fit where the result does; that caller raises its limit. */
	char *p = strbuf_reserve(out, codec_snappy_bound(in.n));
	if (!p)
		return output_full(out, err);
	out->n += codec_snappy_compress(in.p ? in.p : "", in.n, p);
	out->p[out->n] = '\0';
	return 0;
}

int codec_snappy_size(struct str in, uint64_t limit, size_t *ret, struct err *err)
{
	size_t n;
	if (snappy_uncompressed_length(in.p ? in.p : "", in.n, &n) != SNAPPY_OK)
		return err_set(err, ERR_INVALID_ARGUMENT, "snappy: corrupt input");
	if (n > limit)
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			       "snappy: uncompressed size of %zu bytes is over the limit of %" PRIu64, n, limit);
	/* A copy of three bytes gives at most 64: what claims more than that lies. */
	if (n / 64 > in.n)
		return err_set(err, ERR_INVALID_ARGUMENT, "snappy: corrupt input: %zu bytes cannot come from %zu", n,
			       in.n);
	*ret = n;
	return 0;
}

/* --- uncompressing -------------------------------------------------------------- */

/*
 * Logs and requests consist of short literals and short copies, for which libsnappy 1.1.9 calls memmove each time: here
 * most are two moves of 16 bytes, where input and output have room for that. (format_description.txt of snappy)
 */
#define WIDE 16u

/* What is being uncompressed. */
struct unpack {
	const uint8_t *p, *end; /* input */
	uint8_t *start, *op, *op_end;
};

/* Copies 16 bytes, of which the later ones may mean nothing. */
static ALWAYS_INLINE void move_wide(uint8_t *to, const uint8_t *from)
{
	uint64_t a, b;
	memcpy(&a, from, 8);
	memcpy(&b, from + 8, 8);
	memcpy(to, &a, 8);
	memcpy(to + 8, &b, 8);
}

static ALWAYS_INLINE void move_8(uint8_t *to, const uint8_t *from)
{
	uint64_t a;
	memcpy(&a, from, 8);
	memcpy(to, &a, 8);
}

/* A literal of more than 60 bytes: its length follows in 1 to 4 bytes. False when these are missing. */
static bool long_literal(struct unpack *u, size_t *len)
{
	size_t n = *len - 60, v = 0;
	if ((size_t)(u->end - u->p) < n)
		return false;
	for (size_t i = 0; i < n; i++)
		v |= (size_t)u->p[i] << 8 * i;
	u->p += n;
	*len = v + 1;
	return true;
}

static ALWAYS_INLINE bool put_literal(struct unpack *u, size_t len)
{
	if (LIKELY(len <= WIDE && u->end - u->p >= (ptrdiff_t)WIDE && u->op_end - u->op >= (ptrdiff_t)WIDE)) {
		move_wide(u->op, u->p);
	} else {
		if (len > 60 && !long_literal(u, &len))
			return false;
		if (len > (size_t)(u->end - u->p) || len > (size_t)(u->op_end - u->op))
			return false;
		memcpy(u->op, u->p, len);
	}
	u->op += len;
	u->p += len;
	return true;
}

/* A copy whose bytes may be among those that it makes, near the end of the output, or long. */
static NO_INLINE void copy_slowly(uint8_t *op, size_t offset, size_t len)
{
	const uint8_t *from = op - offset;
	for (size_t i = 0; i < len; i++)
		op[i] = from[i]; /* one by one: that is what repeats a pattern */
}

static ALWAYS_INLINE bool put_copy(struct unpack *u, size_t offset, size_t len)
{
	size_t room = (size_t)(u->op_end - u->op);
	if (UNLIKELY(offset == 0 || offset > (size_t)(u->op - u->start) || len > room))
		return false;
	if (LIKELY(offset >= 8 && room >= 4 * WIDE)) {
		move_8(u->op, u->op - offset);
		for (size_t at = 8; UNLIKELY(at < len); at += 8) /* at most 64 bytes */
			move_8(u->op + at, u->op + at - offset);
	} else {
		copy_slowly(u->op, offset, len);
	}
	u->op += len;
	return true;
}

/* One element after its tag. */
static ALWAYS_INLINE bool put_element(struct unpack *u, uint8_t tag)
{
	size_t offset, size = (size_t[]){ 0, 1, 2, 4 }[tag & 3];
	if ((tag & 3) == 0)
		return put_literal(u, (size_t)(tag >> 2) + 1);
	if (UNLIKELY((size_t)(u->end - u->p) < size))
		return false;
	if (size == 1)
		offset = (size_t)(tag >> 5) << 8 | u->p[0];
	else
		offset = (size_t)u->p[0] | (size_t)u->p[1] << 8;
	if (size == 4)
		offset |= (size_t)u->p[2] << 16 | (size_t)u->p[3] << 24;
	u->p += size;
	return put_copy(u, offset, size == 1 ? 4u + (tag >> 2 & 7) : (size_t)(tag >> 2) + 1);
}

/* Uncompresses a block into `n` bytes at `out`, which must be just the declared size. */
static int codec_snappy_uncompress_to(struct str in, void *out, size_t n, struct err *err)
{
	struct unpack u = { (const uint8_t *)in.p, (const uint8_t *)in.p + in.n, out, out, (uint8_t *)out + n };
	uint64_t size = 0;
	bool good = in.n > 0 && (u.p = varint_get(u.p, u.end, &size)) && size == n;
	while (good && u.p < u.end) {
		uint8_t tag = *u.p++;
		good = put_element(&u, tag);
	}
	if (!good || u.op != u.op_end)
		return err_set(err, ERR_INVALID_ARGUMENT, "snappy: corrupt input");
	return 0;
}

int codec_snappy_uncompress(struct str in, uint64_t limit, struct arena *a, struct str *ret, struct err *err)
{
	size_t n;
	int rc = codec_snappy_size(in, limit, &n, err);
	if (rc < 0)
		return rc;
	char *p = arena_alloc(a, n);
	if (!p)
		return arena_err(a, err);
	rc = codec_snappy_uncompress_to(in, p, n, err);
	*ret = str_mem(p, rc < 0 ? 0 : n);
	return rc;
}

int codec_snappy_uncompress_add(struct str in, uint64_t limit, struct strbuf *out, struct err *err)
{
	size_t n;
	int rc = codec_snappy_size(in, limit, &n, err);
	if (rc < 0)
		return rc;
	char *p = strbuf_reserve(out, n);
	if (!p)
		return output_full(out, err);
	rc = codec_snappy_uncompress_to(in, p, n, err);
	if (rc == 0)
		out->n += n;
	out->p[out->n] = '\0';
	return rc;
}

/* --- framing format ------------------------------------------------------------- */

#define CHUNK_MAX 65536 /* uncompressed bytes in a chunk */
#define HEADER 4
#define CHECKSUM 4

enum chunk_type {
	CHUNK_COMPRESSED = 0x00,
	CHUNK_RAW = 0x01,
	CHUNK_SKIPPABLE = 0x80, /* 0x80 to 0xfe; 0x02 to 0x7f must not be skipped */
	CHUNK_IDENTIFIER = 0xff,
};

static const char identifier[] = "\xff\x06\x00\x00sNaPpY";
#define IDENTIFIER_LEN 10

static uint32_t masked_crc(const void *p, size_t n)
{
	uint32_t c = crc32c(0, p, n);
	return (c >> 15 | c << 17) + 0xa282ead8;
}

static void put_header(uint8_t *p, enum chunk_type type, size_t n, uint32_t crc)
{
	le32_put(p, (uint32_t)type | (uint32_t)n << 8);
	le32_put(p + HEADER, crc);
}

/* Appends one chunk with up to CHUNK_MAX bytes. */
static bool add_chunk(struct str part, struct strbuf *out)
{
	uint8_t *p = (uint8_t *)strbuf_reserve(out, HEADER + CHECKSUM + codec_snappy_bound(part.n));
	if (!p)
		return false;
	uint32_t crc = masked_crc(part.p, part.n);
	size_t n = codec_snappy_compress(part.p, part.n, p + HEADER + CHECKSUM);
	if (n >= part.n - part.n / 8) {
		n = part.n;
		memcpy(p + HEADER + CHECKSUM, part.p, n);
		put_header(p, CHUNK_RAW, n + CHECKSUM, crc);
	} else {
		put_header(p, CHUNK_COMPRESSED, n + CHECKSUM, crc);
	}
	out->n += HEADER + CHECKSUM + n;
	out->p[out->n] = '\0';
	return true;
}

int codec_snappy_frame_compress(struct str in, struct strbuf *out, struct err *err)
{
	if (in.n == 0)
		return 0;
	strbuf_add(out, identifier, IDENTIFIER_LEN);
	bool ok = !out->overflow;
	while (in.n && ok) {
		struct str part = str_mem(in.p, MIN(in.n, (size_t)CHUNK_MAX));
		ok = add_chunk(part, out);
		in = str_mem(in.p + part.n, in.n - part.n);
	}
	return ok ? 0 : output_full(out, err);
}

static int frame_corrupt(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID_ARGUMENT, "snappy: corrupt stream: %s", what);
}

/* Appends the data of a compressed or raw chunk, checked against its checksum and what is left of the limit. */
static int add_data(struct str body, bool compressed, uint64_t left, struct strbuf *out, struct err *err)
{
	if (body.n < CHECKSUM)
		return frame_corrupt(err, "chunk without checksum");
	uint32_t crc = le32_get(body.p);
	struct str data = str_mem(body.p + CHECKSUM, body.n - CHECKSUM);
	size_t before = out->n, n = data.n;
	int rc = 0;
	if (compressed && (rc = codec_snappy_size(data, UINT64_MAX, &n, err)) < 0)
		return rc;
	if (n > CHUNK_MAX)
		return frame_corrupt(err, "chunk over 64 KiB");
	if (n > left)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "snappy: uncompressed stream is over the limit");
	if (compressed) {
		rc = codec_snappy_uncompress_add(data, CHUNK_MAX, out, err);
	} else {
		strbuf_add_str(out, data);
		rc = out->overflow ? output_full(out, err) : 0;
	}
	if (rc < 0)
		return rc;
	if (masked_crc(out->p + before, out->n - before) != crc)
		return frame_corrupt(err, "checksum does not match");
	return 0;
}

int codec_snappy_frame_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err)
{
	struct decbuf d = decbuf_make(in.p, in.n);
	size_t start = out->n;
	bool begun = false;
	while (decbuf_left(&d)) {
		uint32_t header = decbuf_le32(&d);
		struct str body = decbuf_bytes(&d, header >> 8);
		uint8_t type = (uint8_t)header;
		if (d.failed)
			return frame_corrupt(err, "cut off");
		if (!begun && type != CHUNK_IDENTIFIER)
			return frame_corrupt(err, "no stream identifier");
		if (type == CHUNK_IDENTIFIER) {
			if (!str_eq(body, str_mem(identifier + HEADER, IDENTIFIER_LEN - HEADER)))
				return frame_corrupt(err, "wrong stream identifier");
			begun = true;
		} else if (type == CHUNK_COMPRESSED || type == CHUNK_RAW) {
			uint64_t left = limit - (out->n - start);
			int rc = add_data(body, type == CHUNK_COMPRESSED, left, out, err);
			if (rc < 0)
				return rc;
		} else if (type < CHUNK_SKIPPABLE) {
			return frame_corrupt(err, "unknown chunk type");
		}
	}
	return 0;
}
