/*
 * series/shard.h - which series belong to a shard of a query.
 *
 * Source: thanos pkg/store/storepb/shard_info.go: XXH64 over name 0xff value 0xff
 * of the labels that count, in the order of the series, modulo the number of shards.
 */
#ifndef SERIES_SHARD_H
#define SERIES_SHARD_H

#include "labels/labels.h"
#include "series/wire_series.h"

#include <stdbool.h>

/* Whether the series is in the shard; true for all when `s` is NULL or nothing is sharded. */
bool shard_matches(const struct shard_info *s, struct labels l);

#endif
