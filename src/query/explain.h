/*
 * query/explain.h - selects told as JSON: what they ask for and of whom (EXPLAIN), and what that brought (ANALYZE). Private to
 * query/.
 */
#ifndef QUERY_EXPLAIN_H
#define QUERY_EXPLAIN_H

#include "base/err.h"

#include <stdint.h>

struct jsonw;
struct promql_read;

/*
 * Writes the members "pushedDown", "endpoints" and "endpointsLeftOut" of a select that is only planned. `source` is a struct
 * query_source. Does not suspend, the writer apart.
 */
int query_explain_select(void *source, const struct promql_read *read, struct jsonw *w, struct err *err);

/* Writes the members "pushedDown" and "fanout" (upstream's key) of the select with that id, if there was one. */
void query_analyze_select(void *source, uint32_t id, struct jsonw *w);

#endif
