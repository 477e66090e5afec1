/*
 * chunk/xor.h - XOR chunks: float samples, Gorilla coding (encoding 1).
 *
 * Bytes: u16 BE number of samples, then the bit stream.
 *   sample 0: varint t, 64 bits of v; sample 1: uvarint dt, then v xor;
 *   later: difference of the differences of t (1, 16, 20, 24 or 68 bits), v xor.
 * Bit-identical to Prometheus tsdb/chunkenc/xor.go. Times are ms; all
 * arithmetic on them wraps.
 *
 * The appender writes to memory of its owner and keeps all state in one
 * cache line, so that a head with millions of open chunks touches that line
 * and one line of bytes per sample. Decoders never read past the chunk and
 * give DATA_LOSS on damage.
 */
#ifndef CHUNK_XOR_H
#define CHUNK_XOR_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Free bytes that must be left in the buffer for xor_append to accept a sample. */
#define XOR_ROOM 32

/* Most samples of a chunk (the header is 16 bits wide). */
#define XOR_SAMPLES_MAX 65535

/*
 * An open chunk: 64 bytes. Copyable; the owner may move the buffer
 * (xor_app_set_buf). Time and count are readable, the rest is private.
 */
struct xor_app {
	uint8_t *buf;  /* the owner's memory */
	uint64_t acc;  /* bits not yet stored, left-aligned */
	int64_t end;   /* for the owner: when the chunk is to end; not looked at here, zero at first */
	int64_t t;     /* time of the last sample */
	int64_t delta; /* t minus the time before */
	uint64_t v;    /* bits of the last value */
	uint32_t pos;  /* whole bytes stored */
	uint32_t cap;  /* bytes of memory at buf */
	uint16_t n;    /* samples */
	uint8_t acc_n; /* bits in acc, 0..63 */
	uint8_t lead;  /* window of the last coded value; 255: none yet */
	uint8_t trail;
	uint8_t spare[3]; /* free for the owner */
} __attribute__((aligned(64)));

/* Begins an empty chunk in `cap` (>= 64) bytes at `buf`. */
void xor_app_init(struct xor_app *a, uint8_t *buf, size_t cap);

/*
 * Adds a sample. Returns false, with nothing changed, when fewer than
 * XOR_ROOM bytes are free (the owner gives a larger buffer and repeats) or
 * when the chunk has XOR_SAMPLES_MAX samples. Order of times is not checked.
 */
bool xor_append(struct xor_app *a, int64_t t, double v) MUST_CHECK;

/* After the owner copied xor_app_stored() bytes to `buf`: goes on there. `cap` must not be smaller than what is stored. */
void xor_app_set_buf(struct xor_app *a, uint8_t *buf, size_t cap);

/* Bytes at buf that hold data and must be kept when the buffer moves. */
static inline size_t xor_app_stored(const struct xor_app *a)
{
	return a->pos;
}

/* The size in bytes that the chunk has now, as Prometheus counts it (for the rules of cutting chunks). */
static inline size_t xor_app_size(const struct xor_app *a)
{
	return a->pos + (a->acc_n + 7u) / 8;
}

/*
 * Writes the header and the bits still held back to the buffer and returns
 * the complete chunk as it is now. The appender may go on afterwards; the
 * bytes are valid until the next append.
 */
struct str xor_app_bytes(struct xor_app *a);

/*
 * Takes up appending to a complete chunk of `n` bytes at `buf`. DATA_LOSS
 * when it does not decode to its end.
 */
int xor_app_resume(struct xor_app *a, uint8_t *buf, size_t n, size_t cap, struct err *err) MUST_CHECK;

/* A walk over a chunk; members are private. */
struct xor_iter {
	struct str data;
	uint64_t bit; /* position in data, in bits */
	int64_t t, delta;
	uint64_t v;
	uint32_t i, n;
	uint8_t lead, trail;
	bool windowed; /* a window was read */
};

/* Starts before the first sample. `data` must live as long as the iterator. DATA_LOSS when the header is cut. */
int xor_iter_init(struct xor_iter *it, struct str data, struct err *err) MUST_CHECK;

/* The next sample: 1 and *ret_t, *ret_v; 0 at the end; negative error DATA_LOSS. */
int xor_iter_next(struct xor_iter *it, int64_t *ret_t, double *ret_v, struct err *err) MUST_CHECK;

/* Number of samples in the header; 0 when the chunk is shorter than a header. */
static inline uint32_t xor_samples(struct str data)
{
	const uint8_t *p = (const uint8_t *)data.p;
	return data.n < 2 ? 0 : (uint32_t)p[0] << 8 | p[1];
}

/*
 * Decodes the whole chunk into columns that have room for xor_samples(data)
 * elements. *ret_n is the number of samples; 0 on DATA_LOSS, when the columns hold anything.
 */
int xor_decode(struct str data, int64_t *ret_t, double *ret_v, size_t *ret_n, struct err *err) MUST_CHECK;

/*
 * As xor_decode, but only samples with mint <= t <= maxt; stops reading after
 * the first later one. The columns need room for xor_samples(data) elements.
 */
int xor_decode_range(struct str data, int64_t mint, int64_t maxt, int64_t *ret_t, double *ret_v, size_t *ret_n,
		     struct err *err) MUST_CHECK;

/* Time of the first sample of an XOR or XOR2 float chunk's bit stream. False when there is none. */
bool xor_first_time(struct str data, int64_t *ret_t);

#endif
