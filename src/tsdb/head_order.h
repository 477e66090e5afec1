/*
 * tsdb/head_order.h - series ids in the order of their labels.
 * Internal to head_*.c.
 *
 * Large selections go by an order of all series that the head keeps
 * (struct head_order) and brings up to date when a sixteenth of them is new;
 * small ones and new series are sorted by comparing labels.
 */
#ifndef TSDB_HEAD_ORDER_H
#define TSDB_HEAD_ORDER_H

#include "tsdb/head.h"

/*
 * Sorts *n ascending ids by labels, in place; ids of series that are gone may be left out. The reader's checkpoint is called in
 * between (the caller counts itself in head.walking). Scratch memory comes from `a` and goes back to it. RESOURCE_EXHAUSTED.
 */
int head_order_sort(struct head_reader *r, uint32_t *ids, size_t *n, struct arena *a, struct err *err);

#endif
