/*
 * api/param.h - values of request parameters: times, durations, truth
 * values, limits.
 *
 * Forms and error texts are those of Thanos' pkg/api/query/v1.go; the texts
 * do not name the parameter unless said. All errors are INVALID_ARGUMENT.
 */
#ifndef API_PARAM_H
#define API_PARAM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The times that stand for no start and no end, in ms (web/api/v1: MinTime, MaxTime). */
#define API_TIME_MIN (-9223309901257974000LL)
#define API_TIME_MAX 9223309901257974999LL

/*
 * A time: seconds since the epoch as a decimal number, rounded to ms, or RFC 3339 with any number of
 * fraction digits, or one of the two texts in which Prometheus writes the times above. What lies outside of these two is
 * refused like any other text ("cannot parse \"x\" to a valid timestamp"), also NaN and infinities, of which upstream makes arbitrary times.
 */
int api_time_parse(struct str s, int64_t *ret_ms, struct err *err);

/* A span: seconds as a decimal number (may be negative) or a Prometheus duration. In ns. "cannot parse \"x\" to a valid duration" */
int api_duration_parse(struct str s, int64_t *ret_ns, struct err *err);

/* What strconv.ParseBool takes, with its words. */
int api_bool_parse(struct str s, bool *ret, struct err *err);

/* A count, not negative; the empty text is 0, which means no limit. "cannot parse \"x\" to a valid limit" */
int api_limit_parse(struct str s, uint64_t *ret, struct err *err);

/*
 * Takes the escaping of UTF-8 names in paths off: "U__a_2e_b" is "a.b", "__" is "_" (common/model, ValueEncodingEscaping).
 * A name that is not escaped in that way comes back as it is. In the arena; NULL .p only when that is full.
 */
struct str api_name_unescape(struct arena *a, struct str name);

#endif
