/*
 * text/env.h - $(VAR) in configuration files.
 */
#ifndef TEXT_ENV_H
#define TEXT_ENV_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

/* The value of an environment variable, or NULL when unset. getenv fits. */
typedef char *text_env_fn(const char *name);

/*
 * Appends `in` to `out` with every $(NAME), NAME of letters, digits and '_',
 * replaced by lookup(NAME); other text, also other uses of '$', is kept.
 * INVALID_ARGUMENT when a name is unset, as in efficientgo/tools/extkingpin.
 * RESOURCE_EXHAUSTED past the limit of `out`.
 */
int text_env_expand(struct str in, struct strbuf *out, text_env_fn *lookup, struct err *err);

#endif
