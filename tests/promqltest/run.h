/*
 * promqltest/run.h - runs scripts against the engine.
 */
#ifndef PROMQLTEST_RUN_H
#define PROMQLTEST_RUN_H

#include "promql/engine.h"
#include "promql/lang/parser.h"
#include "promqltest/script.h"

#include <stdbool.h>

/* How to run. */
struct run_opts {
	struct promql_opts engine;
	struct promql_parse_opts parse;
	bool no_rewrite;     /* do not repeat instant queries with @ and at other times */
	bool no_range_check; /* do not repeat instant queries as range queries */
	bool no_values;      /* do not look at what comes out, only at errors and annotations */
	/* Called with every annotation of an eval that succeeds, if not NULL. */
	void (*note)(void *arg, int line, const struct promql_note *note);
	void *note_arg;
};

/* The settings of upstream's own run of its scripts. */
struct run_opts run_opts_default(void);

/* Counts of evals. */
struct run_counts {
	unsigned passed, failed;
};

/*
 * Runs a script: loads, and every eval even after one failed. Calls
 * complain(arg, line, message) for each that fails; line 0 when the script
 * itself is wrong, and then nothing runs.
 */
struct run_counts run_script(struct str text, const struct run_opts *o,
			     void (*complain)(void *arg, int line, const char *msg), void *arg);

#endif
