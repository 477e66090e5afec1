/*
 * series/wire_read.h - Prometheus' remote read on the wire, both ends.
 *
 * A request holds queries and the forms of answer that the client takes. An
 * answer is one of:
 *
 * SAMPLES: a ReadResponse, one QueryResult per query, as one block of snappy. It is
 *	written in pieces (struct read_writer). A QueryResult has the same bytes as a WriteRequest
 *	with the same series, so its reader is write_reader (series/wire_write.h).
 * STREAMED_XOR_CHUNKS: frames, each with its length (uvarint), CRC-32C (4 bytes, big
 *	endian) and a ChunkedReadResponse with chunks of one series. Series come sorted,
 *	each in as many frames as it needs.
 *
 * Nothing here suspends but where a caller's function does. Malformed bytes are INVALID_ARGUMENT ("proto: ...").
 * Source: prometheus prompb/remote.proto, storage/remote/codec.go and chunked.go; remote read specification 1.0.
 */
#ifndef SERIES_WIRE_READ_H
#define SERIES_WIRE_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "proto/wire.h"
#include "series/series.h"
#include "series/wire_series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Content types of the two forms; requests have the first one. */
#define READ_SAMPLES_TYPE "application/x-protobuf"
#define READ_STREAM_TYPE "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"

/* Most queries, matchers (of all queries) and labels to group by that a request may have. */
#define READ_MAX_QUERIES 1000
#define READ_MAX_MATCHERS 20000

/* Most forms that a request may accept. */
#define READ_MAX_TYPES 16

/* Bytes of chunks and labels after which a frame ends, as Prometheus has it. */
#define READ_FRAME_BYTES ((size_t)1 << 20)

/* Forms of answers; the numbers are those of the wire. */
enum read_type { READ_SAMPLES = 0, READ_STREAMED_XOR_CHUNKS = 1 };

/* What a query's samples are for. Times in ms. */
struct read_hints {
	bool present;
	int64_t start, end; /* narrower than the query's; 0 and 0: not given */
	int64_t step_ms, range_ms;
	struct str func;
	struct wire_strs grouping;
	bool by;
};

/* One query. Times in ms, both inclusive. */
struct read_query {
	int64_t start, end;
	const struct wire_matcher *matchers;
	size_t n_matchers;
	struct read_hints hints;
};

/* prometheus.ReadRequest. */
struct read_request {
	const struct read_query *queries;
	size_t n_queries;
	uint32_t accepted[READ_MAX_TYPES]; /* in order of preference; enum read_type, or others that are not known */
	size_t n_accepted;
};

/*
 * Reads a request (uncompressed). Strings are borrowed from `msg`, arrays lie in `a`. INVALID_ARGUMENT also over the limits above,
 * RESOURCE_EXHAUSTED over budget.
 */
int read_request_read(struct str msg, struct arena *a, struct read_request *ret, struct err *err) MUST_CHECK;

/* Appends the request. */
void read_request_write(const struct read_request *r, struct strbuf *b);

/* The first accepted form that is known here; SAMPLES where none is named. INVALID_ARGUMENT where none is known. */
int read_request_type(const struct read_request *r, enum read_type *ret, struct err *err) MUST_CHECK;

/* --- SAMPLES ------------------------------------------------------------------------------- */

/* A series with its samples; floats and histograms in a list each. Borrowed. */
struct read_series {
	struct labels labels;
	size_t n_floats;
	const int64_t *t;
	const double *v;
	size_t n_hists;
	const int64_t *ht;
	const struct histogram *h;
};

/* Takes bytes of a message, which are valid during the call only. Returns 0 or an error, which ends the writing. May suspend. */
typedef int read_sink_fn(void *arg, struct str piece, struct err *err);

/* A QueryResult under way: bytes are handed to `sink` in pieces of about READ_PIECE. Set sink and arg, the rest zero. */
struct read_writer {
	read_sink_fn *sink;
	void *arg;
	struct strbuf buf, one; /* bytes not handed on yet; a histogram */
	uint64_t bytes;         /* of the QueryResult so far */
};

/* Bytes that a read_writer collects. */
#define READ_PIECE ((size_t)64 * 1024)

/* Adds a series. Suspends if the sink does. */
int read_writer_add(struct read_writer *w, const struct read_series *s, struct err *err) MUST_CHECK;

/* Hands on what is left. Suspends if the sink does. */
int read_writer_end(struct read_writer *w, struct err *err) MUST_CHECK;

/* Frees the buffers; the struct may be used for the next result. */
void read_writer_fini(struct read_writer *w);

/* Writes the head of a QueryResult of `bytes` bytes within a ReadResponse to `out` (room for 1 + VARINT_MAX); returns its length. */
size_t read_result_head(uint8_t *out, uint64_t bytes);

/*
 * The next QueryResult of a ReadResponse (uncompressed; *w begins as wire_begin(msg)): 1 with its bytes, which are a body for
 * write_reader_open(WRITE_V1), 0 at the end, or INVALID_ARGUMENT.
 */
int read_response_next(struct wire *w, struct str *ret, struct err *err) MUST_CHECK;

/* --- STREAMED_XOR_CHUNKS -------------------------------------------------------------------- */

/* Frames of one query under way. Set `query`, and `max_bytes` (0: READ_FRAME_BYTES), the rest zero. */
struct read_frames {
	uint64_t query; /* its index in the request */
	size_t max_bytes;
	struct strbuf labels, chunks; /* fields of the current series: its labels; chunks not framed yet */
};

/* Begins a series. The last one's chunks must be framed. */
void read_frames_series(struct read_frames *f, struct labels l);

/* Adds a chunk of the series (copied). True when the frame is full and wants to be written. */
bool read_frames_add(struct read_frames *f, struct chunk c, int64_t mint, int64_t maxt);

/* Appends a frame with the chunks added since the last one to `out`; nothing where there are none. */
void read_frames_write(struct read_frames *f, struct strbuf *out);

/* Frees the buffers. */
void read_frames_fini(struct read_frames *f);

/* What a frame holds: chunks of one series. */
struct read_frame {
	uint64_t query;
	struct series series; /* chunks have only a raw part */
};

/*
 * Takes a whole frame off the begin of *in, checks its sum: 1 with its message in *ret, borrowed from *in; 0 where more bytes are
 * needed, *in being as before. A frame of more than `max` bytes is RESOURCE_EXHAUSTED, known from its first bytes; a wrong sum is DATA_LOSS.
 */
int read_frame_take(struct str *in, size_t max, struct str *ret, struct err *err) MUST_CHECK;

/*
 * Reads a frame's message series by series (*w begins as wire_begin(msg)): 1, 0 at the end, or an error. Arrays lie in `a`, bytes are borrowed;
 * *ret is zero before the first call. Order and sense of labels and times are not checked. INVALID_ARGUMENT also for chunk encodings that are not known.
 */
int read_frame_next(struct wire *w, struct arena *a, struct read_frame *ret, struct err *err) MUST_CHECK;

#endif
