/*
 * tsdb/select.h - which series match: postings for a list of matchers.
 *
 * Works on any source of postings through a small table of functions, so
 * that blocks, heads and index-headers share one implementation of the rules
 * (empty values, negations, sets of values, prefixes). Source: Prometheus
 * tsdb/querier.go, PostingsForMatchers.
 */
#ifndef TSDB_SELECT_H
#define TSDB_SELECT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/pause.h"
#include "base/str.h"
#include "labels/matcher.h"
#include "tsdb/postings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A walk over the values of one label, kept by the source. */
struct postings_values {
	uint64_t at, end; /* the source's own; at names the current value */
	void *own;
};

/* Series of a segment of a borrowed list. */
#define POSTINGS_SEGMENT 4096u

/* A list as a source has it: an array, or segments that are full but the last one. */
struct postings_list {
	const uint32_t *p;
	const uint32_t *const *segments; /* NULL: `p` */
	size_t n;
};

/*
 * What a source can do. Errors are negated codes. Lists of one value are appended to `out`, or, where they are there as
 * a list that ascends and stays until the selection ends, given as *ret, which is empty before.
 */
struct postings_source_ops {
	/* Appends all series. */
	int (*all)(void *src, struct refs *out, struct err *err);
	/* The series with name=value; none is no error. */
	int (*get)(void *src, struct str name, struct str value, struct refs *out, struct postings_list *ret,
		   struct err *err);
	/* Starts a walk over the values of `name` that begin with `prefix` (a superset is allowed), in any order. */
	int (*values)(void *src, struct str name, struct str prefix, struct postings_values *ret, struct err *err);
	/* The next value, valid until the next call: 1, 0 at the end, or an error. */
	int (*next)(void *src, struct postings_values *it, struct str *ret, struct err *err);
	/* The series with the walk's current value. */
	int (*current)(void *src, struct postings_values *it, struct refs *out, struct postings_list *ret,
		       struct err *err);
};

/* A source: functions and what they work on. */
struct postings_source {
	const struct postings_source_ops *ops;
	void *src;
	/* References are below, and dense: large unions are made in a bitmap of this size. 0: nothing is known. */
	uint32_t limit;
	/* May be NULL. Called now and then while the selection is made; an error ends it. It may suspend. */
	struct pause *pause;
};

/*
 * The series that pass all `n` matchers; no matchers select all. The list
 * lies in `a`. Errors are those of the source, or RESOURCE_EXHAUSTED.
 */
int postings_for_matchers(const struct postings_source *s, struct matcher *const *m, size_t n, struct arena *a,
			  struct postings *ret, struct err *err) MUST_CHECK;

#endif
