/*
 * series/regex.h - regular expressions of requests, compiled off the loop.
 *
 * Where a library compiles for its owner (labels/matcher.h, promql/lang/parser.h) it takes a regex_compile_fn; this is
 * the one for fibers.
 */
#ifndef SERIES_REGEX_H
#define SERIES_REGEX_H

#include "labels/regex.h"

/*
 * As regex_compile, on the offload pool where that may take long (regex_is_costly); outside of fibers always in place.
 * Fails also with what co_offload does.
 */
int co_regex_compile(struct str pattern, struct regex **ret, struct err *err);

#endif
