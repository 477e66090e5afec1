/*
 * series/wire_hist.h - the Histogram message of remote write. Private to series/.
 */
#ifndef SERIES_WIRE_HIST_H
#define SERIES_WIRE_HIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "series/wire_write.h"

/*
 * Reads prometheus.Histogram or io.prometheus.write.v2.Histogram; spans,
 * buckets and bounds go into `a`. INVALID_ARGUMENT for malformed bytes or more
 * than HIST_BUCKETS_MAX elements of a list, RESOURCE_EXHAUSTED over budget.
 */
int wire_hist_read(struct str msg, struct arena *a, struct write_histogram *ret, struct err *err);

#endif
