/*
 * series/wire_series.h - the Store API's messages, read in place and written
 * without copying chunks.
 *
 * Requests become plain structs: strings are borrowed from the message, arrays
 * lie in the caller's arena. Response frames are read series by series; they
 * are written as a list of pieces of which chunk data are borrowed. Unknown
 * fields are skipped; malformed bytes are INVALID_ARGUMENT ("proto: ...").
 * Source: thanos pkg/store/storepb/rpc.proto, types.proto (proto/store.proto here).
 */
#ifndef SERIES_WIRE_SERIES_H
#define SERIES_WIRE_SERIES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "labels/matcher.h"
#include "proto/wire.h"
#include "series/series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* A list of strings. */
struct wire_strs {
	const struct str *p;
	size_t n;
};

/* A label matcher that is not compiled yet; `type` is at most MATCH_NRE. */
struct wire_matcher {
	enum matcher_type type;
	struct str name, value;
	struct matcher *compiled; /* where it has been compiled already; borrowed; else NULL */
};

/* google.protobuf.Any. `present` is false where the field is missing. */
struct wire_any {
	bool present;
	struct str type_url, value;
};

/* thanos.ShardInfo; nothing is sharded where `total` is below 1. */
struct shard_info {
	int64_t index, total;
	bool by; /* hash the labels in `labels`; otherwise all but them */
	struct wire_strs labels;
};

/* thanos.QueryHints. */
struct query_hints {
	bool present;
	int64_t step_ms;
	struct str func;
	bool has_grouping, grouping_by;
	struct wire_strs grouping;
	bool has_range;
	int64_t range_ms;
	struct wire_strs projection_labels;
	bool projection_include;
	struct str series_hash_label;
};

/* PartialResponseStrategy. */
enum partial_response { PARTIAL_WARN = 0, PARTIAL_ABORT = 1 };

/* thanos.SeriesRequest. Times in ms. */
struct series_request {
	int64_t mint, maxt;
	const struct wire_matcher *matchers;
	size_t n_matchers;
	int64_t max_resolution_ms;
	uint32_t aggrs; /* bit 1 << enum series_aggr; 0: none given */
	bool partial_response_disabled;
	uint32_t partial_response; /* enum partial_response */
	bool skip_chunks;
	struct wire_any hints;
	int64_t step_ms, range_ms;
	struct query_hints query_hints;
	bool has_shard;
	struct shard_info shard;
	struct wire_strs without_replica_labels;
	int64_t limit;
	int64_t batch_size;
};

/* thanos.LabelNamesRequest and LabelValuesRequest (the one with `label`). Times in ms. */
struct label_request {
	struct str label; /* values only */
	bool partial_response_disabled;
	uint32_t partial_response;
	int64_t start, end;
	struct wire_any hints;
	const struct wire_matcher *matchers;
	size_t n_matchers;
	struct wire_strs without_replica_labels;
	int64_t limit;
};

/* thanos.LabelNamesResponse and LabelValuesResponse. */
struct label_response {
	struct wire_strs values; /* or names */
	struct wire_strs warnings;
	struct wire_any hints;
};

/* --- requests ------------------------------------------------------------------------ */

/* Reads a SeriesRequest. RESOURCE_EXHAUSTED over the arena's budget. */
int series_request_read(struct str msg, struct arena *a, struct series_request *ret, struct err *err);

/* Appends the bytes of a SeriesRequest. */
void series_request_write(const struct series_request *r, struct strbuf *b);

/* Reads a LabelNamesRequest. */
int label_names_request_read(struct str msg, struct arena *a, struct label_request *ret, struct err *err);

/* Reads a LabelValuesRequest. */
int label_values_request_read(struct str msg, struct arena *a, struct label_request *ret, struct err *err);

/* Appends the bytes of a LabelNamesRequest. */
void label_names_request_write(const struct label_request *r, struct strbuf *b);

/* Appends the bytes of a LabelValuesRequest. */
void label_values_request_write(const struct label_request *r, struct strbuf *b);

/*
 * Compiles matchers of a request into `a`. INVALID_ARGUMENT for a bad expression and more than MATCHERS_MAX,
 * RESOURCE_EXHAUSTED. Suspends in a fiber: long expressions are compiled on the offload pool.
 */
int wire_matchers_compile(const struct wire_matcher *m, size_t n, struct arena *a, struct matcher ***ret,
			  struct err *err);

/* --- responses of names and values ----------------------------------------------------- */

/* Reads either response. */
int label_response_read(struct str msg, struct arena *a, struct label_response *ret, struct err *err);

/* Appends the bytes of either response. */
void label_response_write(const struct label_response *r, struct strbuf *b);

/* --- reading frames of a series stream --------------------------------------------------- */

/* What a frame (SeriesResponse) brings. */
enum frame_kind { FRAME_SERIES, FRAME_WARNING, FRAME_HINTS };

/* One part of a frame; borrowed from it. */
struct frame_item {
	enum frame_kind kind;
	struct str body; /* the bytes of a Series, or the text of a warning */
	struct wire_any hints;
};

/* A walk over a frame. Members are private. */
struct frame_reader {
	struct wire top, batch;
	bool in_batch;
};

/* A walk over the bytes of a SeriesResponse. */
struct frame_reader frame_reader_begin(struct str frame);

/* The next item: 1, 0 at the end, or INVALID_ARGUMENT. Batches are taken apart. */
int frame_next(struct frame_reader *r, struct frame_item *ret, struct err *err);

/*
 * Reads a Series; pairs and chunks go into `a`, bytes are borrowed. Order and
 * sense of labels and times are not checked. INVALID_ARGUMENT for
 * malformed bytes and unknown chunk encodings, RESOURCE_EXHAUSTED over budget.
 */
int frame_series_read(struct str body, struct arena *a, struct series *ret, struct err *err);

/* --- writing frames ------------------------------------------------------------------------ */

/* Chunk data up to this size are copied: shorter than a piece of their own is worth. */
#define FRAME_COPY_MAX 256

/* A piece: a run of the frame's own bytes (p == NULL), or borrowed ones. */
struct frame_piece {
	const char *p;
	size_t at, n;
};

/* A frame under construction. Zero-initialised is empty; `bytes` and `n_series` are readable. */
struct frame_writer {
	struct strbuf own;
	VEC(struct frame_piece) pieces;
	VEC(struct iovec) iov;
	uint8_t head[1 + VARINT_MAX];
	size_t bytes;    /* of all series so far */
	size_t n_series; /* added since the last reset */
};

/* Frees the writer. */
void frame_writer_fini(struct frame_writer *w);

/* Empties it, keeping memory. */
void frame_writer_reset(struct frame_writer *w);

/*
 * Adds a series. Chunk data over FRAME_COPY_MAX bytes are borrowed until the
 * frame was sent. UNIMPLEMENTED for encodings that the Store API cannot
 * carry (XOR2, start timestamps); then nothing was added.
 */
int frame_add_series(struct frame_writer *w, const struct series *s, struct err *err);

/* As frame_add_series, with the labels as the bytes of Label fields with number 1. */
int frame_add_encoded(struct frame_writer *w, struct str label_fields, const struct series_chunk *chunks,
		      size_t n_chunks, struct err *err);

/*
 * The frame of what was added: a batch, or, with batch == false, one series
 * (exactly one must have been added). The list belongs to the writer, until
 * reset. Returns the number of bytes.
 */
size_t frame_finish(struct frame_writer *w, bool batch, const struct iovec **ret, size_t *ret_n);

/* Appends a frame with a warning. */
void frame_write_warning(struct str text, struct strbuf *b);

/* Appends a frame with hints. */
void frame_write_hints(const struct wire_any *hints, struct strbuf *b);

#endif
