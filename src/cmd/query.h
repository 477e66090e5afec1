/*
 * cmd/query.h - `thanos query`.
 */
#ifndef CMD_QUERY_H
#define CMD_QUERY_H

#include "base/arena.h"
#include "cmd/options.h"

/* Runs the component with its parsed options (a struct query_options) until a signal; returns the exit code. */
int query_run(const struct options_result *options, struct arena *a);

#endif
