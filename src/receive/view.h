/*
 * receive/view.h - one moment of a tenant's TSDB, for reading: its head and its blocks.
 *
 * Taken in one piece, so that every sample is in it exactly where it was then:
 * a block that is cut from the head meanwhile changes nothing for the view.
 */
#ifndef RECEIVE_VIEW_H
#define RECEIVE_VIEW_H

#include "base/arena.h"
#include "base/err.h"
#include "receive/db.h"
#include "tsdb/local_blocks.h"

#include <stdbool.h>
#include <stdint.h>

/* A view. Members are readable. Zero-initialised is a closed one. */
struct receive_view {
	struct receive_db *db;
	struct head_reader *head;
	struct local_block **blocks; /* those that overlap the range, oldest first */
	size_t n_blocks;
	int64_t mint, maxt;  /* ms, both inclusive */
	bool in_head;        /* whether the head had samples in the range: as Prometheus, else it is not asked */
	unsigned generation; /* private */
};

/*
 * Opens a view of samples mint <= t <= maxt (ms); lists lie in `a`. The caller holds a reference to `db` as long. The head's
 * reader yields now and then where it computes long. RESOURCE_EXHAUSTED. Does not suspend.
 */
int receive_view_open(struct receive_view *ret, struct receive_db *db, int64_t mint, int64_t maxt, struct arena *a,
		      struct err *err);

/* Closes it; all that was read through it becomes invalid. A closed one is fine. */
void receive_view_close(struct receive_view *v);

#endif
