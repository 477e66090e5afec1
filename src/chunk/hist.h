/*
 * chunk/hist.h - chunks of native histograms, integer and float (encodings 2, 3).
 *
 * Bytes: u16 BE number of samples, flags (bits 7-6: counter reset header),
 * the bucket layout once, then per sample times and counts as double deltas
 * (integer) or XOR (float). Source: Prometheus tsdb/chunkenc/histogram.go and
 * float_histogram.go; the rules of appending are those of their
 * AppendHistogram and AppendFloatHistogram.
 *
 * An appender owns its memory (histograms are large and few). It says when a
 * new chunk must begin; the owner then takes the bytes and begins one.
 */
#ifndef CHUNK_HIST_H
#define CHUNK_HIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "chunk/chunk.h"
#include "chunk/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counter reset header of a chunk, as stored in bits 7-6 of the flags. */
enum hist_chunk_flag {
	HIST_CHUNK_UNKNOWN = 0x00,
	HIST_CHUNK_NOT_RESET = 0x40,
	HIST_CHUNK_RESET = 0x80,
	HIST_CHUNK_GAUGE = 0xC0,
};

/* What became of an appended histogram. */
enum hist_append {
	HIST_APPENDED,  /* in the chunk */
	HIST_RECODED,   /* in the chunk, which was rewritten with a wider bucket layout */
	HIST_NEW_CHUNK, /* not added: take the bytes, hist_app_begin, append again */
};

/* An open chunk of integer or of float histograms. */
struct hist_app;

/* A new appender with an empty chunk and nothing before it. Free with hist_app_free. */
struct hist_app *hist_app_new(bool is_float) MUST_CHECK;

/* Frees the appender and its chunk. NULL is allowed. */
void hist_app_free(struct hist_app *a);

/*
 * Adds a histogram of the appender's form (CHECKed). Returns what became of
 * it. With HIST_NEW_CHUNK the reason is kept and becomes the header of the
 * chunk that hist_app_begin starts. `h` must have passed hist_validate; it is
 * not kept. Chunks never exceed 65535 samples (then HIST_NEW_CHUNK).
 */
enum hist_append hist_app_append(struct hist_app *a, int64_t t, const struct histogram *h) MUST_CHECK;

/*
 * Begins an empty chunk in place of the current one, whose last histogram is
 * remembered: the next append decides from it whether there was a counter
 * reset in between. The bytes of the old chunk are gone.
 */
void hist_app_begin(struct hist_app *a);

/* The chunk as it is now, valid until the next append or begin. */
struct str hist_app_bytes(struct hist_app *a);

/* Encoding, size in bytes, number of samples, times of first and last sample of the chunk. */
struct hist_app_stat {
	uint8_t enc;
	size_t size_bytes;
	uint32_t n;
	int64_t t_first, t_last;
};

/* Figures of the open chunk, for the rules of cutting. */
struct hist_app_stat hist_app_stat(const struct hist_app *a);

/*
 * Decodes encodings 2, 3, 5 and 6 into columns, samples mint <= t <= maxt. Hints as Prometheus'
 * iterators give them: gauge; not reset for all but the chunk's first sample;
 * unknown. DATA_LOSS on damage, RESOURCE_EXHAUSTED over budget.
 */
int hist_decode(struct chunk c, int64_t mint, int64_t maxt, struct arena *a, struct chunk_cols *ret,
		struct err *err) MUST_CHECK;

/* The counter reset header of a chunk of encoding 2, 3, 5 or 6. */
enum hist_chunk_flag hist_chunk_flag(struct chunk c);

#endif
