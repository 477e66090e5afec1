/*
 * text/json_read.h - JSON documents of bounded size, as jansson trees.
 *
 * For configuration, meta.json, marks and API bodies; not for sample data.
 * Bytes, depth and the number of values are checked before jansson sees the
 * text. The last of duplicate keys counts, as in Go's encoding/json.
 * Numbers beyond what json_int_t or a double holds are refused.
 */
#ifndef TEXT_JSON_READ_H
#define TEXT_JSON_READ_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stddef.h>

/* What a document may be; 0 takes the default. */
struct json_limits {
	size_t bytes;  /* of text; 16 MiB */
	size_t depth;  /* of nesting; 64 */
	size_t values; /* objects, arrays, strings, numbers, counted by their commas and brackets; 1 million */
};

/*
 * Parses a whole document (any type of value). *ret is a new reference
 * (json_decref). INVALID_ARGUMENT with line and column when malformed,
 * RESOURCE_EXHAUSTED over a limit. limits may be NULL.
 */
int text_json_parse(struct str s, const struct json_limits *limits, json_t **ret, struct err *err);

#endif
