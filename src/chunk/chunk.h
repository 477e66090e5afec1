/*
 * chunk/chunk.h - chunks of any encoding: what they hold and how to read it.
 *
 * A chunk is the encoding byte plus data, kept apart here (`struct chunk`).
 * Decoding goes to columns: parallel arrays of times and of values or
 * histograms, in an arena, many samples per call. Every decoder is bounded:
 * damage is DATA_LOSS, never a read past the end or a loop longer than the
 * number of samples in the header.
 */
#ifndef CHUNK_CHUNK_H
#define CHUNK_CHUNK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "chunk/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The encoding byte. */
enum chunk_enc {
	CHUNK_NONE = 0,
	CHUNK_XOR = 1,
	CHUNK_HIST = 2,
	CHUNK_FLOAT_HIST = 3,
	CHUNK_XOR2 = 4,          /* with start timestamps; read only */
	CHUNK_HIST_ST = 5,       /* read only */
	CHUNK_FLOAT_HIST_ST = 6, /* read only */
	CHUNK_AGGR = 0xFF,       /* Thanos: up to five chunks of a downsampled series, chunk/aggr.h */
};

/* What a column of samples holds. */
enum chunk_kind { CHUNK_KIND_FLOAT, CHUNK_KIND_HIST };

/* An encoded chunk; the bytes are borrowed. */
struct chunk {
	uint8_t enc; /* enum chunk_enc */
	struct str data;
};

/* Decoded samples. Zero-initialised is empty. Arrays lie in the arena of the decode call. */
struct chunk_cols {
	enum chunk_kind kind;
	size_t n;
	int64_t *t;          /* ms, ascending in chunks that Prometheus wrote */
	double *v;           /* floats, else NULL */
	struct histogram *h; /* histograms, else NULL; their spans and buckets lie in the same arena */
	int64_t *st;         /* start times in ms, 0 unknown; NULL when the encoding has none */
};

/* Whether the encoding holds floats, integer or float histograms that chunk_decode can read (not AggrChunk). */
bool chunk_enc_known(uint8_t enc);

/* Whether samples of this encoding are histograms. */
bool chunk_enc_is_hist(uint8_t enc);

/* Name as Prometheus prints it: "XOR", "histogram", "floathistogram", "none"; "<unknown>" for others. */
const char *chunk_enc_name(uint8_t enc);

/* Number of samples from the header; 0 for AggrChunk, unknown encodings and data too short. */
uint32_t chunk_samples(struct chunk c);

/* Decodes all samples. DATA_LOSS on damage, UNIMPLEMENTED for encodings without samples, RESOURCE_EXHAUSTED. */
int chunk_decode(struct chunk c, struct arena *a, struct chunk_cols *ret, struct err *err) MUST_CHECK;

/* As chunk_decode, only samples with mint <= t <= maxt (ms, inclusive). */
int chunk_decode_range(struct chunk c, int64_t mint, int64_t maxt, struct arena *a, struct chunk_cols *ret,
		       struct err *err) MUST_CHECK;

/*
 * Times of the first and last sample. Decodes what it must (the last time
 * needs the whole chunk). DATA_LOSS on damage or when there are no samples.
 */
int chunk_time_range(struct chunk c, struct arena *scratch, int64_t *ret_first, int64_t *ret_last,
		     struct err *err) MUST_CHECK;

#endif
