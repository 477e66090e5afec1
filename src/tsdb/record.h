/*
 * tsdb/record.h - the records of WAL, WBL, checkpoints and memory snapshots.
 *
 * A record is a type byte and a list of one kind of thing. We write types 1
 * to 10 and read 1 to 13 (11-13 carry start timestamps). Source: Prometheus
 * tsdb/record. References and times are deltas to the first (types 2, 4, 7-10)
 * or partly to the one before (11-13); arithmetic on them wraps.
 *
 * Decoders never read past the record; damage is DATA_LOSS. Strings in what
 * they return point into the record; arrays come from the caller's arena.
 */
#ifndef TSDB_RECORD_H
#define TSDB_RECORD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "chunk/histogram.h"
#include "codec/varint.h"
#include "labels/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The type byte. */
enum record_type {
	RECORD_FILLER = 0, /* set by repair; means nothing */
	RECORD_SERIES = 1,
	RECORD_SAMPLES = 2,
	RECORD_TOMBSTONES = 3,
	RECORD_EXEMPLARS = 4,
	RECORD_MMAP_MARKERS = 5, /* WBL only */
	RECORD_METADATA = 6,
	RECORD_HISTOGRAMS = 7,
	RECORD_FLOAT_HISTOGRAMS = 8,
	RECORD_CUSTOM_HISTOGRAMS = 9,
	RECORD_CUSTOM_FLOAT_HISTOGRAMS = 10,
	RECORD_SAMPLES_ST = 11,
	RECORD_HISTOGRAMS_ST = 12,
	RECORD_FLOAT_HISTOGRAMS_ST = 13,
};

/* --- encoding --------------------------------------------------------------------- */

/* A record being made. Zero-initialised is empty; give each type its own. */
struct record_buf {
	struct strbuf b;
	uint64_t ref0; /* reference and time of the first element */
	int64_t t0;
	uint32_t n; /* elements */
};

/* Frees the memory. */
void record_buf_fini(struct record_buf *r);

/* Empties it, keeping the memory. */
void record_buf_reset(struct record_buf *r);

/* Adds a series; labels are sorted. */
void record_add_series(struct record_buf *r, uint64_t ref, struct labels l);

/* Begins a record of samples, histograms or exemplars: type byte and base. */
void record_begin(struct record_buf *r, uint8_t type, uint64_t ref, int64_t t);

/* Adds reference and time of an element, beginning a record of `type` with it if it is the first. */
static inline uint8_t *record_add_head(struct record_buf *r, uint8_t type, uint64_t ref, int64_t t, size_t room)
{
	if (UNLIKELY(r->n == 0))
		record_begin(r, type, ref, t);
	r->n++;
	uint8_t *p = LIKELY(r->b.cap - r->b.n > room + 2 * VARINT_MAX)
			     ? (uint8_t *)r->b.p + r->b.n
			     : (uint8_t *)strbuf_reserve(&r->b, room + 2 * VARINT_MAX + 1);
	p = varint_put_signed(p, (int64_t)(ref - r->ref0));
	return varint_put_signed(p, (int64_t)((uint64_t)t - (uint64_t)r->t0));
}

/* Adds a float sample to a samples record. */
static inline void record_add_float(struct record_buf *r, uint64_t ref, int64_t t, double v)
{
	uint8_t *p = record_add_head(r, RECORD_SAMPLES, ref, t, 8);
	be64_put(p, double_bits(v));
	r->b.n = (size_t)((char *)p + 8 - r->b.p);
}

/* The type of record (7-10) that a histogram goes into. */
uint8_t record_hist_type(const struct histogram *h);

/* Adds a histogram; the record holds only histograms of the same record_hist_type. */
void record_add_hist(struct record_buf *r, uint64_t ref, int64_t t, const struct histogram *h);

/* Adds an exemplar. */
void record_add_exemplar(struct record_buf *r, uint64_t ref, int64_t t, double v, struct labels l);

/* Adds a tombstone of samples mint <= t <= maxt. */
void record_add_tombstone(struct record_buf *r, uint64_t ref, int64_t mint, int64_t maxt);

/* Adds a marker: the out-of-order samples of the series so far are in this head chunk. */
void record_add_marker(struct record_buf *r, uint64_t ref, uint64_t chunk_ref);

/* Adds metadata of a series; `type` is the number of Prometheus' record format. */
void record_add_metadata(struct record_buf *r, uint64_t ref, uint8_t type, struct str unit, struct str help);

/* --- decoding --------------------------------------------------------------------- */

/* The type byte; RECORD_FILLER for an empty record. */
uint8_t record_type(struct str rec);

/* Whether the type is one of 1 to 13. */
bool record_type_known(uint8_t type);

/* Float samples as columns in the arena. */
struct record_samples {
	size_t n;
	uint64_t *ref;
	int64_t *t;
	double *v;
};

/* Decodes a record of type 2 or 11. DATA_LOSS, RESOURCE_EXHAUSTED. */
int record_samples(struct str rec, struct arena *a, struct record_samples *ret, struct err *err) MUST_CHECK;

/* A walk over the elements of a record of any other type. Members are private. */
struct record_iter {
	struct decbuf d;
	uint8_t type;
	bool started;
	uint64_t ref, ref0; /* of the element before, of the first */
	int64_t t0, st, st0;
};

/* Starts a walk over `rec`. */
void record_iter_init(struct record_iter *it, struct str rec);

/* A series. */
struct record_series {
	uint64_t ref;
	struct labels labels; /* pairs in the arena */
};

/* The next series of a type 1 record: 1, 0 at the end, DATA_LOSS, RESOURCE_EXHAUSTED. Order of labels is not checked. */
int record_next_series(struct record_iter *it, struct arena *a, struct record_series *ret, struct err *err) MUST_CHECK;

/* A histogram. */
struct record_hist {
	uint64_t ref;
	int64_t t;
	struct histogram h; /* arrays in the arena; not validated */
};

/* The next histogram of a record of type 7-10, 12, 13: 1, 0 at the end, DATA_LOSS, RESOURCE_EXHAUSTED. */
int record_next_hist(struct record_iter *it, struct arena *a, struct record_hist *ret, struct err *err) MUST_CHECK;

/* Appends the histogram's own bytes (without reference and time), as they stand in records and snapshots. */
void record_put_hist(struct strbuf *b, const struct histogram *h);

/* Reads what record_put_hist wrote. DATA_LOSS, RESOURCE_EXHAUSTED. */
int record_get_hist(struct decbuf *d, bool is_float, struct arena *a, struct histogram *ret,
		    struct err *err) MUST_CHECK;

/* An exemplar. */
struct record_exemplar {
	uint64_t ref;
	int64_t t;
	double v;
	struct labels labels; /* pairs in the arena */
};

/* The next exemplar of a type 4 record: 1, 0 at the end, DATA_LOSS, RESOURCE_EXHAUSTED. */
int record_next_exemplar(struct record_iter *it, struct arena *a, struct record_exemplar *ret,
			 struct err *err) MUST_CHECK;

/* A tombstone: samples mint <= t <= maxt of the series are deleted. */
struct record_tombstone {
	uint64_t ref;
	int64_t mint, maxt;
};

/* The next tombstone of a type 3 record: 1, 0 at the end, DATA_LOSS. */
int record_next_tombstone(struct record_iter *it, struct record_tombstone *ret, struct err *err) MUST_CHECK;

/* A marker of a type 5 record. */
struct record_marker {
	uint64_t ref;
	uint64_t chunk_ref; /* file number << 32 | offset */
};

/* The next marker: 1, 0 at the end, DATA_LOSS. */
int record_next_marker(struct record_iter *it, struct record_marker *ret, struct err *err) MUST_CHECK;

/* Metadata of a series. */
struct record_metadata {
	uint64_t ref;
	uint8_t type; /* 0 unknown, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 stateset */
	struct str unit, help;
};

/* The next metadata of a type 6 record: 1, 0 at the end, DATA_LOSS. */
int record_next_metadata(struct record_iter *it, struct record_metadata *ret, struct err *err) MUST_CHECK;

#endif
