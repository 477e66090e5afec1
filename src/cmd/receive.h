/*
 * cmd/receive.h - `thanos receive`.
 */
#ifndef CMD_RECEIVE_H
#define CMD_RECEIVE_H

#include "base/arena.h"
#include "cmd/options.h"

/* Runs the component with its parsed options (a struct receive_options) until a signal; returns the exit code. */
int receive_run(const struct options_result *options, struct arena *a);

#endif
