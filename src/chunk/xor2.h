/*
 * chunk/xor2.h - XOR2 chunks: floats with start timestamps (encoding 4), read only.
 *
 * Bytes: u16 number of samples, start time header (chunk/st.h), bit stream.
 * Staleness markers are coded on their own and do not disturb the values
 * around them. Source: Prometheus tsdb/chunkenc/xor2.go.
 */
#ifndef CHUNK_XOR2_H
#define CHUNK_XOR2_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the samples with mint <= t <= maxt into columns that have room for
 * as many as the header says (xor_samples(data)). ret_st (may be NULL) gets
 * start times, 0 for unknown. DATA_LOSS on damage, then *ret_n is 0.
 */
int xor2_decode_range(struct str data, int64_t mint, int64_t maxt, int64_t *ret_t, double *ret_v, int64_t *ret_st,
		      size_t *ret_n, struct err *err) MUST_CHECK;

#endif
