/*
 * text/duration.h - spans of time as text: Prometheus' and Go's notations.
 *
 * Prometheus (prometheus/common model.Duration; config values, PromQL):
 * whole numbers with the units y w d h m s ms, each at most once and in this
 * order, "1d12h"; a year is 365 days. In ms.
 * Go (time.Duration; flags and YAML keys that Thanos declares so): decimal
 * numbers with h m s ms us (µs) ns in any order, "1h2.5s". In ns.
 */
#ifndef TEXT_DURATION_H
#define TEXT_DURATION_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Room for either notation, with the terminating zero. */
#define TEXT_DURATION_MAX 48

/* Reads a Prometheus duration, not negative, below 292 years ("0" needs no unit). INVALID_ARGUMENT otherwise. */
int text_duration_parse(struct str s, int64_t *ret_ms, struct err *err);

/* Writes `ms` as model.Duration.String() does ("15d", "1h30m", "0s"), as a C string; returns its length. */
size_t text_duration_format(char out[TEXT_DURATION_MAX], int64_t ms);

/* Reads a Go duration, sign allowed. INVALID_ARGUMENT when malformed or out of range. */
int text_goduration_parse(struct str s, int64_t *ret_ns, struct err *err);

/* Writes `ns` as time.Duration.String() does ("1h0m0s", "1.5ms", "0s"), as a C string; returns its length. */
size_t text_goduration_format(char out[TEXT_DURATION_MAX], int64_t ns);

/* Reads a Prometheus or else a Go duration, for keys that take both. In ns. */
int text_anyduration_parse(struct str s, int64_t *ret_ns, struct err *err);

#endif
