/*
 * tsdb/block_labels.h - names and values of labels in a block, of all series or of
 * those that match.
 *
 * Two ways lead there: reading the series that match, or intersecting them with
 * the postings of every value. The first costs with the number of series, the second
 * with the sizes of lists, so some series are read first, then the rest is decided
 * by an estimate of both. (Prometheus: tsdb/index FindIntersectingPostings.)
 */
#ifndef TSDB_BLOCK_LABELS_H
#define TSDB_BLOCK_LABELS_H

#include "base/arena.h"
#include "base/err.h"
#include "labels/matcher.h"
#include "tsdb/block.h"

#include <stddef.h>

/* What a call is told and asks. Functions return 0 or an error, which ends the call. */
struct block_label_sink {
	void *arg;
	/* Takes a name or value, perhaps more than once, in any order; it is valid as long as the block. */
	int (*put)(void *arg, struct str s, struct err *err);
	/* Called every few hundred series or values; may be NULL. May suspend. */
	int (*checkpoint)(void *arg, struct err *err);
};

/*
 * Label names (`name` empty), or the values of `name`, among the series that pass the `n` matchers (none: all series). Suspends as the sink does.
 * DATA_LOSS, RESOURCE_EXHAUSTED. `budget` (may be NULL) holds what is needed meanwhile.
 */
int block_label_strings(const struct block *b, struct str name, struct matcher *const *m, size_t n,
			const struct block_label_sink *sink, struct budget *budget, struct err *err) MUST_CHECK;

#endif
