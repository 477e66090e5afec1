/*
 * text/float.h - doubles as text and back, byte for byte as Go's strconv.
 *
 * Printing gives the shortest digits that read back as the same double
 * (strconv.AppendFloat with precision -1). NaN is "NaN", infinities "+Inf"
 * and "-Inf", negative zero "-0". No locale, no allocation.
 */
#ifndef TEXT_FLOAT_H
#define TEXT_FLOAT_H

#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that any style needs: the longest plain decimals have 324 digits after the point. */
#define TEXT_FLOAT_MAX 352

/* When the form with an exponent is taken ("d.ddde±dd", at least two digits in the exponent). */
enum text_float_style {
	TEXT_FLOAT_F,      /* never: FormatFloat 'f'. Scalars in the query API, label values, PromQL's count_values */
	TEXT_FLOAT_E,      /* always: FormatFloat 'e' */
	TEXT_FLOAT_G,      /* below 1e-4 or from 1e6 on: FormatFloat 'g' and %v (PromQL printer, /metrics) */
	TEXT_FLOAT_JSON,   /* |v| < 1e-6 or >= 1e21: sample values in the query API (jsonutil.MarshalFloat) */
	TEXT_FLOAT_GOJSON, /* as JSON, but "e-07" is written "e-7": numbers of encoding/json */
};

/* Writes `v` to `out` (room for TEXT_FLOAT_MAX bytes, no zero byte added); returns the number of bytes. */
size_t text_float(char *out, double v, enum text_float_style style);

/* As text_float in the style TEXT_FLOAT_JSON; returns the end. */
char *text_float_json(char *out, double v);

/* text_float_json of a number that digits_put_whole (text/float_digits.h) has refused; in a function of its own it costs its caller no registers. */
char *text_float_json_other(char *out, double v);

/* Appends `v` to `b`. */
void text_float_add(struct strbuf *b, double v, enum text_float_style style);

/* Room that text_seconds needs. */
#define TEXT_SECONDS_MAX 24

/* Writes a time in ms as seconds, "300", "61.500", "-0.001" (jsonutil.MarshalTimestamp); returns the number of bytes. */
size_t text_seconds(char out[TEXT_SECONDS_MAX], int64_t t_ms);

/* Appends a time in ms as seconds. */
void text_seconds_add(struct strbuf *b, int64_t t_ms);

/*
 * Reads the whole of `s` as strconv.ParseFloat(s, 64) does: decimal and
 * hexadecimal forms (these with p exponent), optional sign, '_' between
 * digits, "inf", "infinity" and "nan" in any case; no spaces. False when
 * malformed (*ret is 0) or too large (*ret is the infinity; Go's ErrRange).
 */
bool text_parse_double(struct str s, double *ret);

#endif
