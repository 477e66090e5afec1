/* The chunk vectors of tests/golden/tsdb/chunks.json, written by Prometheus' own code. */
#ifndef TESTS_UNIT_CHUNK_VECTORS_H
#define TESTS_UNIT_CHUNK_VECTORS_H

#include "unit/unit.h"

#include "base/mem.h"
#include "chunk/histogram.h"

#include <jansson.h>

/* One vector: the bytes and the samples that they hold. */
struct vector {
	const char *name;
	int enc;
	uint8_t *data;
	size_t n_data;
	json_t *samples;
	size_t n;
};

static inline json_t *vectors_load(void)
{
	char path[4096];
	const char *src = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/tests/golden/tsdb/chunks.json", src ? src : ".");
	json_error_t e;
	json_t *all = json_load_file(path, 0, &e);
	if (!all)
		fail_msg("%s: %s", path, e.text);
	return all;
}

static inline uint8_t *unhex(const char *hex, size_t *ret_n)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = xmalloc(n ? n : 1);
	for (size_t i = 0; i < n; i++) {
		unsigned b;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &b), 1);
		p[i] = (uint8_t)b;
	}
	*ret_n = n;
	return p;
}

static inline struct vector vector_at(json_t *all, size_t i)
{
	json_t *j = json_array_get(all, i);
	struct vector v = { .name = json_string_value(json_object_get(j, "name")) };
	v.enc = (int)json_integer_value(json_object_get(j, "encoding"));
	v.data = unhex(json_string_value(json_object_get(j, "hex")), &v.n_data);
	v.samples = json_object_get(j, "samples");
	v.n = json_array_size(v.samples);
	return v;
}

static inline int64_t vector_t(const struct vector *v, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(v->samples, i), "t"));
}

static inline int64_t vector_st(const struct vector *v, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(v->samples, i), "st"));
}

static inline uint64_t hex_bits(json_t *j)
{
	return strtoull(json_string_value(j), NULL, 16);
}

static inline double vector_v(const struct vector *v, size_t i)
{
	return double_of_bits(hex_bits(json_object_get(json_array_get(v->samples, i), "v")));
}

#endif
