/*
 * receive/cursor.h - the series of one tenant, as the Store API shows them:
 * with external labels, without replica labels, sorted.
 */
#ifndef RECEIVE_CURSOR_H
#define RECEIVE_CURSOR_H

#include "base/arena.h"
#include "base/err.h"
#include "receive/db.h"
#include "series/series.h"
#include "series/wire_series.h"

/* What to read. Borrowed until the cursor is closed. */
struct cursor_query {
	int64_t mint, maxt; /* ms, both inclusive */
	struct matcher *const *matchers; /* of the series' own labels */
	size_t n_matchers;
	struct labels external;
	struct wire_strs without; /* labels to leave out */
	const struct shard_info *shard; /* NULL: all */
	bool skip_chunks;
};

/* Chunks and series handed out so far, for limits. */
struct cursor_count {
	uint64_t series, chunks;
	uint64_t max_series, max_chunks; /* 0: no limit */
	uint64_t epoch; /* counted up by the owner when nothing handed out before is needed any more */
};

/*
 * Selects and sorts. The cursor holds the head open for reading; memory is of `budget`. `count` is shared by the cursors of a
 * request; over a limit co_next fails with RESOURCE_EXHAUSTED. Labels and chunk data that it hands out stay valid until
 * count->epoch has changed twice, or after its end until receive_cursor_free: close() frees nothing, for a merge
 * closes a cursor while what it gave last is still on its way. Suspends (it yields).
 */
int co_receive_cursor_open(struct series_cursor **ret, struct receive_db *db, const struct cursor_query *q,
			   struct cursor_count *count, struct budget *budget, struct err *err);

/* Frees a cursor, once nothing that it handed out is needed any more. NULL is fine. */
void receive_cursor_free(struct series_cursor *c);

/*
 * Splits matchers of a request: those on external labels are decided here, the rest go to *ret (in `a`). *ret_match
 * false: the tenant has nothing that matches.
 */
int receive_match_external(struct labels external, struct matcher *const *m, size_t n, struct arena *a,
			   struct matcher ***ret, size_t *ret_n, bool *ret_match, struct err *err);

#endif
