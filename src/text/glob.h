/*
 * text/glob.h - shell patterns as Go's path.Match and filepath.Glob.
 *
 * '*' any run without '/', '?' one character but '/', [a-z] [^a-z] a class,
 * '\' takes the next character as it is. Characters are UTF-8 runes.
 */
#ifndef TEXT_GLOB_H
#define TEXT_GLOB_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the whole of `name` matches. INVALID_ARGUMENT on a malformed
 * pattern (whether or not it would have matched). Time is at most the
 * product of both lengths.
 */
int text_glob_match(struct str pattern, struct str name, bool *ret, struct err *err);

/* Whether `pattern` is well formed. */
bool text_glob_valid(struct str pattern);

/*
 * Files that match, sorted. The pattern may use special characters in every
 * path element. Directories that cannot be read are skipped. *ret_paths is a
 * heap array of heap strings (free with file_list_free). Blocks on the disk.
 */
int text_glob_files(const char *pattern, char ***ret_paths, size_t *ret_n, struct err *err);

#endif
