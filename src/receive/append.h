/*
 * receive/append.h - a write request into one tenant's head: the hot path.
 *
 * Long bodies let others run in between: after each suspension the bounds on
 * time are put back and series are looked up again.
 *
 * Series are taken 32 at a time: their label bytes are hashed where they lie
 * in the body, looked up together so that cache misses overlap, and only
 * those that are new are parsed, checked and made. Nothing is allocated per sample.
 *
 * What cannot be stored is counted by cause and never silently dropped;
 * what can be is stored all the same. append_outcome() then says how
 * the request is to be answered.
 */
#ifndef RECEIVE_APPEND_H
#define RECEIVE_APPEND_H

#include "base/err.h"
#include "base/strbuf.h"
#include "series/wire_write.h"
#include "tsdb/head.h"

#include <stdint.h>

/* Why a whole series was refused before its samples were looked at. */
enum append_fault {
	APPEND_EMPTY_LABELS, /* no labels, or one with an empty name or value */
	APPEND_UNSORTED_LABELS,
	APPEND_DUPLICATE_LABELS,
	APPEND_BAD_UTF8,
	APPEND_NO_METRIC_NAME, /* remote write 2.0 only */
	APPEND_BAD_REFERENCE,  /* remote write 2.0: symbol references */
	APPEND_SERIES_LIMIT,
	APPEND_FAULTS /* number of them */
};

/* What became of a request, or of several that are answered together. Zero-initialised is nothing yet. */
struct append_tally {
	uint64_t samples, histograms, exemplars; /* stored (or there already) */
	uint64_t results[HEAD_RESULTS];          /* of samples, histograms and exemplars, by result */
	uint64_t faults[APPEND_FAULTS];          /* samples and histograms of refused series, at least 1 a series */
	char detail[200];                        /* the first histogram or reference error, in words; else "" */
};

/* How to append. */
struct append_opts {
	struct head_batch batch; /* bounds on time, from head_batch_save */
	bool require_name;       /* refuse series without __name__ */
	uint64_t max_series;     /* refuse new ones beyond this many in the head; 0: never */
};

/*
 * Appends all series that `r` still has. Errors are those of the body (INVALID_ARGUMENT), of memory and of the
 * fiber (CANCELLED, DEADLINE_EXCEEDED); what was appended before stays. Suspends.
 */
int co_append_body(struct head *h, struct write_reader *r, const struct append_opts *opts, struct append_tally *tally,
		   struct err *err);

/*
 * Appends one series whose labels are not those of its bytes (relabelled, or its tenant label cut out). Sorted, not
 * empty. Errors are those of co_append_body. Suspends.
 */
int co_append_series(struct head *h, struct labels labels, const struct write_series *s, const struct append_opts *opts,
		     struct append_tally *tally, struct err *err);

/* Which answer a tally calls for. */
enum append_answer {
	APPEND_DONE,        /* all stored: 200 (2.0: 204) */
	APPEND_CONFLICT,    /* 409 / AlreadyExists: something can never be stored, the rest is */
	APPEND_BAD,         /* 400 / InvalidArgument */
	APPEND_LIMITED,     /* 429 / ResourceExhausted */
	APPEND_UNAVAILABLE, /* 503 / Unavailable: send again */
};

/* The answer, and in `text` (appended) what was refused and why, e.g. "add 3 samples: out of order sample". */
enum append_answer append_outcome(const struct append_tally *t, struct strbuf *text);

#endif
