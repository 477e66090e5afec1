/*
 * receive/cursor.h - the series of a tenant's head or of one of its blocks, as the Store API shows them:
 * with external labels, without replica labels, sorted.
 */
#ifndef RECEIVE_CURSOR_H
#define RECEIVE_CURSOR_H

#include "base/arena.h"
#include "base/err.h"
#include "receive/view.h"
#include "series/series.h"
#include "series/wire_series.h"

/* What to read. Borrowed until the cursor is closed. */
struct cursor_query {
	int64_t mint, maxt;              /* ms, both inclusive */
	struct matcher *const *matchers; /* of the series' own labels */
	size_t n_matchers;
	struct labels external;
	struct wire_strs without;       /* labels to leave out */
	const struct shard_info *shard; /* NULL: all */
	bool skip_chunks;
};

/*
 * Selects and sorts the series of the view's head (block NULL) or of one of its blocks. The view stays open as long as the
 * cursor; memory is of `budget`. *epoch is counted up by the owner when nothing handed out before is needed any more, but for the
 * last series of each cursor. Labels and chunk data that it hands out stay valid until *epoch has changed twice, or after its end until receive_cursor_free: close() frees nothing, for a merge
 * closes a cursor while what it gave last is still on its way. Suspends (it yields).
 */
int co_receive_cursor_open(struct series_cursor **ret, const struct receive_view *view, const struct block *block,
			   const struct cursor_query *q, const uint64_t *epoch, struct budget *budget, struct err *err);

/*
 * Of all cursors of one tenant, before their first series: where labels are only added in each of them, no two series show the same
 * labels, and chunks need not carry which series they are of, only the tenant. That spares a hash of each series' labels.
 */
void receive_cursors_simplify(struct series_cursor *const *cursors, size_t n);

/* Frees a cursor, once nothing that it handed out is needed any more. NULL is fine. */
void receive_cursor_free(struct series_cursor *c);

/* A series' own labels with the external ones, which win, and without those of `without`: pairs in `a`. RESOURCE_EXHAUSTED. */
int receive_shown_labels(struct labels own, struct labels external, struct wire_strs without, struct arena *a,
			 struct labels *ret, struct err *err);

/*
 * Splits matchers of a request: those on external labels are decided here, the rest go to *ret (in `a`). *ret_match
 * false: the tenant has nothing that matches.
 */
int receive_match_external(struct labels external, struct matcher *const *m, size_t n, struct arena *a,
			   struct matcher ***ret, size_t *ret_n, bool *ret_match, struct err *err);

#endif
