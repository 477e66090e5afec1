/*
 * promqltest/compare.h - results against what an eval expects.
 *
 * Messages are upstream's, so that its own tests of the runner can be used.
 */
#ifndef PROMQLTEST_COMPARE_H
#define PROMQLTEST_COMPARE_H

#include "promql/engine.h"
#include "promqltest/script.h"

/* Checks a result of an eval. NULL if it is as expected, else a message in the arena. */
const char *compare_result(const struct script_cmd *c, const struct promql_result *r, struct arena *a);

/* Checks that the series of a range query are sorted. NULL or a message. */
const char *compare_sorted(const struct promql_result *r, struct arena *a);

/* Whether two values are equal up to a millionth, as upstream's util/almost has it. */
bool compare_almost(double a, double b);

/* A histogram as scripts write it: {{schema:1 count:2 ...}}. Appended. */
void compare_print_histogram(const struct histogram *h, struct arena *a, struct strbuf *b);

#endif
