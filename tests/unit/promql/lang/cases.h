/* Reads a JSON file of cases from $SHARED/conformance/promql, or skips the test. */
#ifndef TESTS_UNIT_PROMQL_CASES_H
#define TESTS_UNIT_PROMQL_CASES_H

#include "unit/unit.h"

#include "base/str.h"

#include <jansson.h>

/* The file's contents; the caller drops the reference. Skips where the file is absent. */
static inline json_t *load_cases(const char *name)
{
	const char *shared = getenv("SHARED");
	char path[4096];
	snprintf(path, sizeof(path), "%s/conformance/promql/%s", shared ? shared : "../shared", name);
	json_error_t e;
	json_t *cases = json_load_file(path, JSON_ALLOW_NUL, &e);
	if (!cases) {
		print_message("%s: %s\n", path, e.text);
		skip();
	}
	return cases;
}

/* The string member `key`, or the bytes of `<key>_hex` where they are no UTF-8. Freed with free(p). */
static inline struct str case_text(const json_t *c, const char *key)
{
	char hex_key[64];
	snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	const char *hex = json_string_value(json_object_get(c, hex_key));
	const json_t *plain = json_object_get(c, key);
	if (!hex) {
		size_t n = json_string_length(plain);
		char *p = malloc(n + 1);
		memcpy(p, json_string_value(plain), n + 1);
		return str_mem(p, n);
	}
	size_t n = strlen(hex) / 2;
	char *p = malloc(n + 1);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		sscanf(hex + 2 * i, "%2x", &byte);
		p[i] = (char)byte;
	}
	return str_mem(p, n);
}

#endif
