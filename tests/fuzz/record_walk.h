/* Decodes a WAL record of any content to its end or first damage. */
#ifndef TESTS_FUZZ_RECORD_WALK_H
#define TESTS_FUZZ_RECORD_WALK_H

#include "tsdb/record.h"

/* One element; 1 while there are more. */
static inline int record_walk_next(struct record_iter *it, struct str rec, struct arena *a)
{
	struct record_samples s;
	struct record_series e;
	struct record_exemplar x;
	struct record_hist h;
	struct record_tombstone t;
	struct record_marker k;
	struct record_metadata m;
	switch (it->type) {
	case RECORD_SERIES:
		return record_next_series(it, a, &e, NULL);
	case RECORD_SAMPLES:
	case RECORD_SAMPLES_ST:
		return record_samples(rec, a, &s, NULL) > 0;
	case RECORD_EXEMPLARS:
		return record_next_exemplar(it, a, &x, NULL);
	case RECORD_TOMBSTONES:
		return record_next_tombstone(it, &t, NULL);
	case RECORD_MMAP_MARKERS:
		return record_next_marker(it, &k, NULL);
	case RECORD_METADATA:
		return record_next_metadata(it, &m, NULL);
	default:
		return record_type_known(it->type) ? record_next_hist(it, a, &h, NULL) : 0;
	}
}

static inline void record_walk(struct str rec)
{
	struct arena a;
	struct budget b;
	budget_init(&b, NULL, "fuzz", (uint64_t)64 << 20);
	arena_init(&a, &b);
	struct record_iter it;
	record_iter_init(&it, rec);
	while (record_walk_next(&it, rec, &a) == 1)
		;
	arena_fini(&a);
	budget_fini(&b);
}

#endif
