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

static inline struct hist_span *spans_of(json_t *j, struct arena *a, uint32_t *ret_n)
{
	*ret_n = (uint32_t)json_array_size(j);
	struct hist_span *s = arena_array(a, *ret_n + 1, sizeof(*s));
	for (uint32_t i = 0; i < *ret_n; i++) {
		json_t *e = json_array_get(j, i);
		s[i].offset = (int32_t)json_integer_value(json_object_get(e, "Offset"));
		s[i].length = (uint32_t)json_integer_value(json_object_get(e, "Length"));
	}
	return s;
}

static inline int64_t *buckets_of(json_t *j, bool is_float, struct arena *a, uint32_t *ret_n)
{
	*ret_n = (uint32_t)json_array_size(j);
	int64_t *b = arena_array(a, *ret_n + 1, sizeof(*b));
	for (uint32_t i = 0; i < *ret_n; i++) {
		json_t *e = json_array_get(j, i);
		b[i] = is_float ? (int64_t)hex_bits(e) : strtoll(json_string_value(e), NULL, 10);
	}
	return b;
}

static inline double *bounds_of(json_t *j, struct arena *a, uint32_t *ret_n)
{
	*ret_n = (uint32_t)json_array_size(j);
	double *b = arena_array(a, *ret_n + 1, sizeof(*b));
	for (uint32_t i = 0; i < *ret_n; i++)
		b[i] = json_number_value(json_array_get(j, i));
	return b;
}

static inline uint64_t count_of(json_t *j, bool is_float)
{
	return is_float ? hex_bits(j) : strtoull(json_string_value(j), NULL, 10);
}

static inline uint8_t hint_of(json_t *j)
{
	const char *const names[] = { "unknown", "reset", "not_reset", "gauge" };
	if (json_is_integer(j))
		return (uint8_t)json_integer_value(j);
	for (uint8_t i = 0; i < 4; i++)
		if (strcmp(json_string_value(j), names[i]) == 0)
			return i;
	fail_msg("hint %s", json_string_value(j));
	return 0;
}

/* A histogram as the golden files have it; its arrays go to `a`. */
static inline struct histogram hist_of_json(json_t *j, struct arena *a)
{
	bool is_float = !json_is_true(json_object_get(j, "int"));
	struct histogram h = { .is_float = is_float };
	h.hint = hint_of(json_object_get(j, "hint"));
	h.schema = (int32_t)json_integer_value(json_object_get(j, "schema"));
	h.zero_threshold = json_number_value(json_object_get(j, "zt"));
	h.sum = double_of_bits(hex_bits(json_object_get(j, "sum")));
	h.count = count_of(json_object_get(j, "count"), is_float);
	h.zero_count = count_of(json_object_get(j, "zc"), is_float);
	h.pos_spans = spans_of(json_object_get(j, "ps"), a, &h.n_pos_spans);
	h.neg_spans = spans_of(json_object_get(j, "ns"), a, &h.n_neg_spans);
	h.pos_deltas = buckets_of(json_object_get(j, "pb"), is_float, a, &h.n_pos);
	h.neg_deltas = buckets_of(json_object_get(j, "nb"), is_float, a, &h.n_neg);
	h.bounds = bounds_of(json_object_get(j, "cv"), a, &h.n_bounds);
	return h;
}

#endif
