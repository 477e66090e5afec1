/*
 * labels/re2_shim.h - what regex.c needs of RE2, in C. Private to labels/.
 */
#ifndef LABELS_RE2_SHIM_H
#define LABELS_RE2_SHIM_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct re2_shim;

/*
 * Compiles `pattern`; `max_program` bounds the program's bytes. Returns NULL
 * with a C string of at most `n` bytes in `msg` where it cannot; *ret_too_large tells whether that bound is why.
 */
struct re2_shim *re2_shim_new(struct str pattern, size_t max_program, char *msg, size_t n, bool *ret_too_large);

/* Most bytes that RE2 may take for a pattern with this `max_program`: program and the states that matching caches. */
size_t re2_shim_memory(size_t max_program);

/* Frees it. */
void re2_shim_free(struct re2_shim *re);

/* Matches the whole of `s` and fills `n` groups (0 for none). */
bool re2_shim_match(const struct re2_shim *re, struct str s, struct str *groups, size_t n);

/* Number of groups, without group 0. */
size_t re2_shim_groups(const struct re2_shim *re);

/* Number of the group called `name`, or 0. */
size_t re2_shim_group(const struct re2_shim *re, struct str name);

#ifdef __cplusplus
}
#endif

#endif
