/*
 * tsdb/head_gather.h - samples of a log on their way into the head.
 *
 * A log has the samples of all series of one scrape, then those of the next. Appended in that order every sample touches
 * memory that has left the caches since the last one of its series. So they are gathered first, in runs by groups of
 * neighbouring series, and then appended group by group: several samples of a series at a time, series whose memory
 * lies together. Those of one series keep their order; series do not depend on each other.
 */
#ifndef TSDB_HEAD_GATHER_H
#define TSDB_HEAD_GATHER_H

#include "tsdb/head_int.h"

/* Series of a group, and samples of a run. */
#define GATHER_GROUP_BITS 9
#define GATHER_RUN 256

/* A sample that waits. */
struct gather_sample {
	int64_t t;
	double v;
	uint32_t id;
};

/* Samples of one group in the order of the log. */
struct gather_run {
	struct gather_run *next; /* the later ones of the group; or the next free run */
	struct gather_sample p[GATHER_RUN];
};

/* What was gathered of one group. */
struct gather_group {
	struct gather_run *first, *last;
	struct gather_sample *next; /* where the next one goes, in the last run */
	uint32_t left;              /* how many more go there */
};

/* What was gathered. Zero-initialised but for `head` it is empty. */
struct gather {
	struct head *head;
	struct gather_group *groups;
	uint32_t n_groups;
	VEC(struct gather_run *) pieces; /* memory */
	size_t fresh;                    /* runs of the last piece from here on were never used */
	struct gather_run *free;
	uint8_t *waiting; /* by id: whether there are samples of the series; of n_groups groups */
};

/* Frees the memory; what is still there is dropped. */
void gather_fini(struct gather *g);

/* Appends everything that was gathered. */
void gather_end(struct gather *g);

/* Appends what was gathered of the series' group, if there is anything of the series: for what must come after it. */
void gather_end_of(struct gather *g, uint32_t id);

/*
 * Adds n samples in order, not too old for the head. One that is not newer than the newest of its series is left out when its turn
 * comes.
 */
void gather_add(struct gather *g, const struct gather_sample *p, size_t n);

#endif
