#include "text/json_read.h"

#include <stdbool.h>

#define DEFAULT_BYTES (16u << 20)
#define DEFAULT_DEPTH 64
#define DEFAULT_VALUES 1000000

/* Steps over the string that begins at i; returns the index of its closing quote, or s.n. */
static size_t string_end(struct str s, size_t i)
{
	for (i++; i < s.n && s.p[i] != '"'; i++)
		if (s.p[i] == '\\')
			i++;
	return i;
}

/* Depth and number of values, from brackets and commas alone: before anything is allocated. */
static int check_shape(struct str s, size_t max_depth, size_t max_values, struct err *err)
{
	size_t depth = 0, values = 1;
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '"':
			i = string_end(s, i);
			break;
		case '[':
		case '{':
			values++;
			if (++depth > max_depth)
				return err_set(err, ERR_RESOURCE_EXHAUSTED, "JSON nested deeper than %zu", max_depth);
			break;
		case ']':
		case '}':
			depth -= depth > 0;
			break;
		case ',':
			values++;
			break;
		default:
			break;
		}
	}
	if (values > max_values)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "JSON with more than %zu values", max_values);
	return 0;
}

int text_json_parse(struct str s, const struct json_limits *limits, json_t **ret, struct err *err)
{
	struct json_limits l = limits ? *limits : (struct json_limits){ 0 };
	size_t max = l.bytes ? l.bytes : DEFAULT_BYTES;
	if (s.n > max)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "JSON of %zu bytes, %zu at most", s.n, max);
	int rc = check_shape(s, l.depth ? l.depth : DEFAULT_DEPTH, l.values ? l.values : DEFAULT_VALUES, err);
	if (rc < 0)
		return rc;
	json_error_t je;
	json_t *j = json_loadb(s.p ? s.p : "", s.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
	if (!j)
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid JSON, line %d column %d: %s", je.line, je.column,
			       je.text);
	*ret = j;
	return 0;
}
