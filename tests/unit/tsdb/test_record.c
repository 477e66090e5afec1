#include "tsdb/record.h"

#include "fuzz/record_walk.h"
#include "unit/tsdb/tsdb_test.h"

#include <jansson.h>

static struct arena arena;

static json_t *load(void)
{
	char *path = golden_path("records.json");
	json_t *j = json_load_file(path, 0, NULL);
	assert_non_null(j);
	free(path);
	return j;
}

static struct strbuf unhex(const char *s)
{
	struct strbuf b = { 0 };
	unsigned int v;
	for (; *s; s += 2) {
		sscanf(s, "%2x", &v);
		strbuf_add_ch(&b, (char)v);
	}
	return b;
}

static int64_t number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void check_value(json_t *o, double v)
{
	char hex[17];
	sprintf(hex, "%016llx", (unsigned long long)double_bits(v));
	assert_string_equal(hex, json_string_value(json_object_get(o, "v")));
}

static void check_labels(json_t *o, struct labels l)
{
	json_t *want = json_object_get(o, "labels");
	assert_int_equal(l.n, json_array_size(want));
	for (size_t i = 0; i < l.n; i++) {
		json_t *pair = json_array_get(want, i);
		assert_true(str_eq_c(l.p[i].name, json_string_value(json_array_get(pair, 0))));
		assert_true(str_eq_c(l.p[i].value, json_string_value(json_array_get(pair, 1))));
	}
}

static void check_deltas(json_t *want, const struct histogram *h, bool neg)
{
	uint32_t n = neg ? h->n_neg : h->n_pos;
	assert_int_equal(json_array_size(want), n);
	for (uint32_t i = 0; i < n; i++) {
		char text[32];
		if (h->is_float)
			sprintf(text, "%016llx",
				(unsigned long long)double_bits((neg ? h->neg_counts : h->pos_counts)[i]));
		else
			sprintf(text, "%lld", (long long)(neg ? h->neg_deltas : h->pos_deltas)[i]);
		assert_string_equal(text, json_string_value(json_array_get(want, i)));
	}
}

static void check_hist(json_t *o, const struct histogram *h)
{
	static const char *const hints[] = { "unknown", "reset", "not_reset", "gauge" };
	json_t *want = json_object_get(o, "h");
	char sum[17];
	sprintf(sum, "%016llx", (unsigned long long)double_bits(h->sum));
	assert_string_equal(sum, json_string_value(json_object_get(want, "sum")));
	assert_string_equal(hints[h->hint], json_string_value(json_object_get(want, "hint")));
	assert_int_equal(h->schema, number(want, "schema"));
	assert_int_equal(!h->is_float, json_is_true(json_object_get(want, "int")));
	assert_int_equal(h->n_pos_spans, json_array_size(json_object_get(want, "ps")));
	assert_int_equal(h->n_neg_spans, json_array_size(json_object_get(want, "ns")));
	assert_int_equal(h->n_bounds, json_array_size(json_object_get(want, "cv")));
	check_deltas(json_object_get(want, "pb"), h, false);
	check_deltas(json_object_get(want, "nb"), h, true);
}

/* Decodes a record of samples, compares it with `want`, encodes it again. */
static size_t samples(struct str rec, json_t *want, struct record_buf *out)
{
	struct record_samples s;
	struct err e;
	ok(record_samples(rec, &arena, &s, &e), &e);
	for (size_t i = 0; i < s.n; i++) {
		json_t *o = json_array_get(want, i);
		assert_int_equal(s.ref[i], number(o, "ref"));
		assert_int_equal(s.t[i], number(o, "t"));
		check_value(o, s.v[i]);
		record_add_float(out, s.ref[i], s.t[i], s.v[i]);
	}
	return s.n;
}

static size_t hists(struct record_iter *it, json_t *want, struct record_buf *out)
{
	struct record_hist h;
	struct err e;
	size_t n = 0;
	int rc;
	while ((rc = record_next_hist(it, &arena, &h, &e)) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(h.ref, number(o, "ref"));
		assert_int_equal(h.t, number(o, "t"));
		check_hist(o, &h.h);
		if (it->type < RECORD_SAMPLES_ST)
			record_add_hist(out, h.ref, h.t, &h.h);
	}
	ok(rc, &e);
	return n;
}

static size_t series(struct record_iter *it, json_t *want, struct record_buf *out)
{
	struct record_series s;
	struct err e;
	size_t n = 0;
	int rc;
	while ((rc = record_next_series(it, &arena, &s, &e)) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(s.ref, number(o, "ref"));
		check_labels(o, s.labels);
		record_add_series(out, s.ref, s.labels);
	}
	ok(rc, &e);
	return n;
}

static size_t exemplars(struct record_iter *it, json_t *want, struct record_buf *out)
{
	struct record_exemplar x;
	struct err e;
	size_t n = 0;
	int rc;
	while ((rc = record_next_exemplar(it, &arena, &x, &e)) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(x.ref, number(o, "ref"));
		assert_int_equal(x.t, number(o, "t"));
		check_value(o, x.v);
		check_labels(o, x.labels);
		record_add_exemplar(out, x.ref, x.t, x.v, x.labels);
	}
	ok(rc, &e);
	return n;
}

static size_t small_ones(struct record_iter *it, json_t *want, struct record_buf *out)
{
	struct record_tombstone t;
	struct record_marker k;
	struct record_metadata m;
	size_t n = 0;
	while (it->type == RECORD_TOMBSTONES && record_next_tombstone(it, &t, NULL) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(t.ref, number(o, "ref"));
		assert_int_equal(t.mint, number(o, "mint"));
		assert_int_equal(t.maxt, number(o, "maxt"));
		record_add_tombstone(out, t.ref, t.mint, t.maxt);
	}
	while (it->type == RECORD_MMAP_MARKERS && record_next_marker(it, &k, NULL) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(k.ref, number(o, "ref"));
		assert_int_equal(k.chunk_ref, number(o, "mmap_ref"));
		record_add_marker(out, k.ref, k.chunk_ref);
	}
	while (it->type == RECORD_METADATA && record_next_metadata(it, &m, NULL) == 1) {
		json_t *o = json_array_get(want, n++);
		assert_int_equal(m.ref, number(o, "ref"));
		assert_int_equal(m.type, number(o, "type"));
		assert_true(str_eq_c(m.unit, json_string_value(json_object_get(o, "unit"))));
		assert_true(str_eq_c(m.help, json_string_value(json_object_get(o, "help"))));
		record_add_metadata(out, m.ref, m.type, m.unit, m.help);
	}
	return n;
}

static size_t decode(struct str rec, json_t *want, struct record_buf *out)
{
	struct record_iter it;
	record_iter_init(&it, rec);
	switch (it.type) {
	case RECORD_SERIES:
		return series(&it, want, out);
	case RECORD_SAMPLES:
	case RECORD_SAMPLES_ST:
		return samples(rec, want, out);
	case RECORD_EXEMPLARS:
		return exemplars(&it, want, out);
	case RECORD_TOMBSTONES:
	case RECORD_MMAP_MARKERS:
	case RECORD_METADATA:
		return small_ones(&it, want, out);
	default:
		return hists(&it, want, out);
	}
}

static void test_records_of_prometheus_read_and_write_back(void **state)
{
	json_t *all = load(), *r;
	size_t i;
	json_array_foreach(all, i, r)
	{
		struct strbuf rec = unhex(json_string_value(json_object_get(r, "hex")));
		struct record_buf out = { 0 };
		json_t *want = json_object_get(r, "data");
		assert_int_equal(record_type(strbuf_str(&rec)), number(r, "type"));
		assert_int_equal(decode(strbuf_str(&rec), want, &out), json_array_size(want));
		if (number(r, "type") < RECORD_SAMPLES_ST)
			assert_true(str_eq(strbuf_str(&rec), strbuf_str(&out.b)));
		record_buf_fini(&out);
		strbuf_fini(&rec);
	}
	json_decref(all);
}

static void test_cut_and_flipped_records_are_refused_or_read(void **state)
{
	json_t *all = load(), *r;
	size_t i;
	json_array_foreach(all, i, r)
	{
		struct strbuf rec = unhex(json_string_value(json_object_get(r, "hex")));
		for (size_t n = 0; n <= rec.n; n++) {
			char *exact = xmemdup(rec.p, n);
			record_walk(str_mem(exact, n));
			free(exact);
		}
		char *exact = xmemdup(rec.p, rec.n);
		for (size_t bit = 0; bit < rec.n * 8; bit++) {
			exact[bit / 8] ^= (char)(1 << bit % 8);
			record_walk(str_mem(exact, rec.n));
			exact[bit / 8] ^= (char)(1 << bit % 8);
		}
		free(exact);
		strbuf_fini(&rec);
	}
	json_decref(all);
}

static void test_empty_records_hold_nothing(void **state)
{
	struct record_samples s;
	assert_int_equal(record_samples(STR("\2"), &arena, &s, NULL), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(record_type(STR("")), RECORD_FILLER);
	struct record_iter it;
	struct record_hist h;
	record_iter_init(&it, STR("\7\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"));
	assert_int_equal(record_next_hist(&it, &arena, &h, NULL), 0);
}

static int set_up(void **state)
{
	arena_init(&arena, NULL);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_of_prometheus_read_and_write_back),
		cmocka_unit_test(test_cut_and_flipped_records_are_refused_or_read),
		cmocka_unit_test(test_empty_records_hold_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
