/*
 * promql/lang/literal.h - numbers, durations and strings of the language.
 *
 * The values and the error texts are those of Go's strconv and of
 * prometheus/common's model.ParseDuration, which upstream's parser shows.
 */
#ifndef PROMQL_LITERAL_H
#define PROMQL_LITERAL_H

#include "base/arena.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a number token: a whole number (decimal, 0x, leading 0 octal, '_'
 * between digits) or else a decimal float, "inf" or "nan". Returns NULL, or
 * a message in the arena ("" when that is full); *ret is set either way (an
 * infinity for what is too large, else 0).
 */
const char *promql_number_parse(struct str s, double *ret, struct arena *a);

/* Reads a duration ("1h30m", "0"), in ns. Returns NULL, or a message in the arena; *ret_ns is then 0. */
const char *promql_duration_parse(struct str s, int64_t *ret_ns, struct arena *a);

/* Appends a duration, cut to whole ms, as "1h30m" ("0s" for none). Not negative. */
void promql_duration_print(struct strbuf *b, int64_t ns);

/*
 * Takes the quotes and escapes off a string token that the lexer let through.
 * The result is in the arena; false when that is full.
 */
bool promql_unquote(struct str s, struct arena *a, struct str *ret);

#endif
