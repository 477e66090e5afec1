/*
 * promql/lang/series_hist.h - histogram literals of series descriptions. For series_desc.c.
 */
#ifndef PROMQL_SERIES_HIST_H
#define PROMQL_SERIES_HIST_H

#include "chunk/histogram.h"
#include "promql/lang/parser_int.h"

/* Reads {{...}}, whose braces are next. In the arena; NULL after a complaint. */
const struct histogram *series_hist_parse(struct parser *p, bool *ret_hint_set);

/*
 * `h` plus or minus `inc`, in the arena. The increment's buckets are merged to
 * the resolution of `h`. NULL with a message where they do not fit together,
 * NULL with *ret_msg NULL when memory is out.
 */
const struct histogram *series_hist_combine(const struct histogram *h, const struct histogram *inc, bool subtract,
					    struct arena *a, const char **ret_msg);

#endif
