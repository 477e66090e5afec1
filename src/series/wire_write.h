/*
 * series/wire_write.h - bodies of write requests, read in place.
 *
 * One reader for remote write 1.0 (prometheus.WriteRequest), 2.0
 * (io.prometheus.write.v2.Request) and what receivers forward to each other
 * (thanos.WriteRequest). It walks the series one by one; nothing is
 * allocated per sample. Malformed bytes end the walk with INVALID_ARGUMENT
 * (the texts follow gogo/protobuf: "proto: illegal tag"); fields that are
 * not known are skipped, packed and unpacked repeated fields are both read.
 *
 *	struct write_reader r;
 *	struct write_series s;
 *	rc = write_reader_open(&r, WRITE_V1, body, budget, err);
 *	while (rc == 0 && (rc = write_reader_next(&r, &s, err)) > 0)
 *		rc = append(&s);
 *	write_reader_close(&r);
 *
 * The reader checks the encoding only: not label order, not UTF-8, not
 * timestamps, not whether a histogram makes sense.
 * Source: tsdb_formats 8.1, 8.2; remote write specification 1.0 and 2.0.
 */
#ifndef SERIES_WIRE_WRITE_H
#define SERIES_WIRE_WRITE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "chunk/histogram.h"
#include "labels/labels.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a body holds. */
enum write_kind {
	WRITE_V1,     /* prometheus.WriteRequest */
	WRITE_V2,     /* io.prometheus.write.v2.Request */
	WRITE_THANOS, /* thanos.WriteRequest */
};

/* A native histogram with its time. */
struct write_histogram {
	int64_t t;  /* ms */
	int64_t st; /* start timestamp in ms, 0 when not given (2.0 only) */
	struct histogram h;
};

/* An exemplar. `labels` are in the order of the message. */
struct write_exemplar {
	int64_t t; /* ms */
	double value;
	struct labels labels;
	const char *fault; /* 2.0: why the references are wrong; then there are no labels */
};

/* Type (number of the wire, the same in 1.0 and 2.0), help and unit of a metric family. */
struct write_metadata {
	uint32_t type;
	struct str family; /* 1.0 only */
	struct str help, unit;
};

/* One series. What it points to is valid until the next call on the reader; raw bytes as long as the body. */
struct write_series {
	/*
	 * The bytes from the first to the last label field. Where `raw_whole`
	 * holds nothing else is between: equal bytes are equal labels, and senders
	 * write the same labels as the same bytes, so a hash of them names the series
	 * without parsing. (2.0: never, its labels are numbers that mean something else in every request.)
	 */
	struct str raw_labels;
	bool raw_whole;
	size_t n_labels; /* of labels; write_series_labels gives them */

	size_t n_samples;
	const int64_t *t; /* ms */
	const double *v;
	const int64_t *st; /* start timestamps in ms, 0 where not given; NULL unless 2.0 gave any */

	size_t n_histograms;
	const struct write_histogram *histograms;
	size_t n_exemplars;
	const struct write_exemplar *exemplars;

	bool has_metadata; /* 2.0 only */
	struct write_metadata metadata;

	struct str tenant; /* WRITE_THANOS: whose series it is */

	/*
	 * 2.0: why the references of labels or metadata are wrong, in Prometheus'
	 * words; NULL when they are right. Such a series has no labels; its samples are
	 * counted, and the walk goes on (other series of the request may be kept).
	 */
	const char *fault;
};

/* Columns that grow and are used again for every series. */
struct write_columns {
	int64_t *t;
	double *v;
	int64_t *st;
	size_t cap;
};

/* A reader. Members but `n_series`, `tenant` and `replica` are private. */
struct write_reader {
	enum write_kind kind;
	struct budget *budget;
	struct arena symbols_arena; /* lives as long as the reader */
	struct arena scratch;       /* of the current series */
	struct wire top, inner;     /* the body; a tenant's tuple within it */
	struct str body;
	bool in_tuple, use_tuples;
	bool by_tenant;  /* write_reader_next_tenant was called: the walk ends at the tuple's end */
	bool plain_done; /* it gave the only part of a body without tuples */
	struct str tuple_tenant;
	const struct str *symbols;
	size_t n_symbols;
	struct write_columns columns;
	const struct write_series *current;
	int (*pause)(struct err *err); /* NULL: none */
	uint32_t walked;               /* fields, for `pause` */
	size_t n_series;               /* of the whole body */
	struct str tenant;             /* WRITE_THANOS: of the request; series have their own */
	int64_t replica;               /* WRITE_THANOS: from 1, 0 is not replicated yet */
};

/*
 * Prepares a reader over `body`, which must stay as it is. Walks the outermost
 * fields once: counts series, collects symbols. Memory counts against `budget` (may be
 * NULL). INVALID_ARGUMENT for malformed bytes or a symbol table that does not
 * begin with "". Close the reader also after an error.
 */
int write_reader_open(struct write_reader *r, enum write_kind kind, struct str body, struct budget *budget,
		      struct err *err);

/* Called every few thousand fields, so that the owner can let others run (it may suspend) or give up (negative). */
typedef int write_pause_fn(struct err *err);

/* As write_reader_open for bodies that are long; errors of `pause` (may be NULL) are passed on. Suspends when it does. */
int write_reader_open_pausing(struct write_reader *r, enum write_kind kind, struct str body, struct budget *budget,
			      write_pause_fn *pause, struct err *err);

/* Frees what the reader holds. */
void write_reader_close(struct write_reader *r);

/* The next series: 1, 0 at the end, INVALID_ARGUMENT for malformed bytes, RESOURCE_EXHAUSTED over budget. Suspends as the pause does. */
int write_reader_next(struct write_reader *r, struct write_series *ret, struct err *err);

/*
 * Goes on to the next part of a body whose series are all of one tenant (`*ret_tenant`, empty where none is named): a tuple
 * of thanos.WriteRequest, or else the whole. False when there is no more. write_reader_next then ends with that
 * part; what it had left of the part before is passed over.
 */
bool write_reader_next_tenant(struct write_reader *r, struct str *ret_tenant);

/* Goes back to the first series: one walk may count and check, a second one append. */
void write_reader_rewind(struct write_reader *r);

/* Writes the s->n_labels labels of a series to `dst`, in the order of the message. */
void write_series_labels(const struct write_reader *r, const struct write_series *s, struct label *dst);

/*
 * 1.0: the metadata entries of a body, one by one; *pos starts at 0. 1, 0 at the
 * end, or INVALID_ARGUMENT.
 */
int write_metadata_next(const struct write_reader *r, size_t *pos, struct write_metadata *ret, struct err *err);

/* --- writing ---------------------------------------------------------------------- */

/* Appends a Label message field (number `num`). */
void write_put_label(struct strbuf *b, uint32_t num, struct str name, struct str value);

/* Appends a histogram (1.0 form; start timestamps are left out) as field `num`. */
void write_put_histogram(struct strbuf *b, uint32_t num, const struct write_histogram *h);

/*
 * Appends a prometheus.TimeSeries as field `num`: labels, samples, exemplars,
 * histograms of `s`. Where `labels` is NULL its raw_labels are copied (they must be raw_whole).
 */
void write_put_series(struct strbuf *b, uint32_t num, const struct write_series *s, const struct labels *labels);

#endif
