/*
 * series/merge.h - many sorted streams of series into one.
 *
 * A loser tree over the cursors (Knuth, TAOCP 3, 5.4.1) compares labels,
 * first by a cached prefix. Series with equal labels become one, with the
 * chunks of all, identical ones once (upstream: pkg/store/proxy_merge.go,
 * responseDeduplicator). Streams that turn out to be unsorted are an error
 * that names no peer; the owner of the cursor adds that.
 */
#ifndef SERIES_MERGE_H
#define SERIES_MERGE_H

#include "base/arena.h"
#include "series/series.h"

#include <stddef.h>

struct series_merge;

/*
 * Called when a cursor fails: 0 to go on without it (partial response), or
 * the code to end the merge with. `i` is the cursor's index. NULL ends the merge.
 */
typedef int series_merge_fail_fn(void *arg, size_t i, const struct err *cause);

/*
 * Makes a merge of `n` cursors, which it owns from now on. `budget` (may be
 * NULL) limits what one merged series may take. Nothing is pulled yet.
 */
struct series_merge *series_merge_new(struct series_cursor *const *cursors, size_t n, struct budget *budget,
				      series_merge_fail_fn *on_fail, void *arg);

/* The next series, valid until the next call: 1, 0 at the end, or an error. Suspends as the cursors do. */
int co_series_merge_next(struct series_merge *m, struct series *ret, struct err *err);

/* Closes all cursors and frees the merge. NULL is fine. */
void series_merge_free(struct series_merge *m);

#endif
