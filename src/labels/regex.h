/*
 * labels/regex.h - regular expressions of Prometheus: RE2 syntax, anchored at
 * both ends, '.' matches newlines (`^(?s:...)$`).
 *
 * Matching takes time linear in the text. Compiling touches nothing but the
 * pattern and may be done on any thread. A pattern is at most
 * REGEX_MAX_PATTERN bytes and compiles to at most REGEX_MAX_PROGRAM bytes.
 * The only file that knows RE2 is re2_shim.cc.
 */
#ifndef LABELS_REGEX_H
#define LABELS_REGEX_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest pattern, in bytes. */
#define REGEX_MAX_PATTERN ((size_t)64 << 10)
/* Largest compiled program, in bytes. */
#define REGEX_MAX_PROGRAM ((size_t)1 << 20)
/* Most groups that regex_submatch reports, with group 0. */
#define REGEX_MAX_GROUPS 128

struct regex;

/* Compiles a pattern; INVALID_ARGUMENT with the reason where it is malformed, too long or too large. */
int regex_compile(struct str pattern, struct regex **ret, struct err *err);

/* As regex_compile: what an owner gives to those who compile for him, so that long ones can be compiled elsewhere. */
typedef int regex_compile_fn(struct str pattern, struct regex **ret, struct err *err);

/* Whether compiling may take longer than a tenth of a millisecond or so. */
bool regex_is_costly(struct str pattern);

/* Most bytes that the program and what matching caches may take. */
uint64_t regex_memory(const struct regex *re);

/* Frees a compiled pattern. NULL is fine. */
void regex_free(struct regex *re);

/* Whether the whole of `s` matches. */
bool regex_match(const struct regex *re, struct str s);

/* Number of groups with group 0, at most REGEX_MAX_GROUPS. */
size_t regex_groups(const struct regex *re);

/*
 * Matches the whole of `s` and fills groups[0..n); group 0 is `s`, a group
 * that took no part has p == NULL. False where it does not match.
 */
bool regex_submatch(const struct regex *re, struct str s, struct str *groups, size_t n);

/*
 * Appends `tmpl` with $1, ${1}, $name, ${name} and $$ replaced, as Go's
 * Regexp.Expand: $name takes the longest run of letters, digits and '_';
 * unknown groups are empty; a malformed '$' stays. `groups` come from
 * regex_submatch.
 */
void regex_expand(const struct regex *re, struct str tmpl, const struct str *groups, size_t n, struct strbuf *out);

/*
 * Where the whole of `s` matches, appends the expanded `tmpl` and returns
 * true; otherwise appends nothing and returns false.
 */
bool regex_replace(const struct regex *re, struct str s, struct str tmpl, struct strbuf *out);

#ifdef __cplusplus
}
#endif

#endif
