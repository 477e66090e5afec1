#include "unit/promql/lang/cases.h"

#include "promql/lang/series_desc.h"

#include <math.h>

/* --- upstream's cases ------------------------------------------------------------ */

static bool same_float(const json_t *want, double v)
{
	double w = json_is_string(want) ? strtod(json_string_value(want), NULL) : json_number_value(want);
	return w == v || (isnan(w) && isnan(v));
}

/* Whether member `key` (0 when absent) is `v`. */
static bool has(const json_t *o, const char *key, double v)
{
	const json_t *m = json_object_get(o, key);
	return m ? same_float(m, v) : v == 0;
}

static bool same_counts(const json_t *want, const double *v, uint32_t n)
{
	size_t i;
	json_t *w;
	json_array_foreach(want, i, w) if (i >= n || !same_float(w, v[i])) return false;
	return json_array_size(want) == n;
}

static bool same_spans(const json_t *want, const struct hist_span *v, uint32_t n)
{
	size_t i;
	json_t *w;
	json_array_foreach(want, i, w) if (i >= n || json_integer_value(json_array_get(w, 0)) != v[i].offset ||
					   json_integer_value(json_array_get(w, 1)) != v[i].length) return false;
	return json_array_size(want) == n;
}

static bool same_hint(const json_t *want, const struct promql_seq_value *v)
{
	static const char *const names[] = { "unknown", "reset", "not_reset", "gauge" };
	const char *hint = json_string_value(json_object_get(want, "CounterResetHint"));
	return v->hint_set == (hint != NULL) && (!hint || strcmp(hint, names[v->h->hint]) == 0);
}

static bool same_histogram(const json_t *want, const struct promql_seq_value *v)
{
	const struct histogram *h = v->h;
	return h && h->is_float && has(want, "Schema", h->schema) && has(want, "Sum", h->sum) &&
	       has(want, "Count", h->count_f) && has(want, "ZeroCount", h->zero_count_f) &&
	       has(want, "ZeroThreshold", h->zero_threshold) &&
	       same_counts(json_object_get(want, "PositiveBuckets"), h->pos_counts, h->n_pos) &&
	       same_spans(json_object_get(want, "PositiveSpans"), h->pos_spans, h->n_pos_spans) &&
	       same_counts(json_object_get(want, "NegativeBuckets"), h->neg_counts, h->n_neg) &&
	       same_spans(json_object_get(want, "NegativeSpans"), h->neg_spans, h->n_neg_spans) && same_hint(want, v);
}

static bool same_values(const json_t *c, const struct promql_series_desc *d)
{
	const json_t *floats = json_object_get(c, "values"), *hists = json_object_get(c, "histograms");
	json_t *w;
	size_t i;
	if (d->n_values != json_array_size(floats ? floats : hists))
		return false;
	json_array_foreach(floats, i, w)
	{
		bool omitted = json_is_string(w) && strcmp(json_string_value(w), "_") == 0;
		if (d->values[i].omitted != omitted || (!omitted && !same_float(w, d->values[i].v)))
			return false;
	}
	json_array_foreach(hists, i, w) if (!same_histogram(w, &d->values[i])) return false;
	return true;
}

static bool same_labels(const json_t *c, struct labels l)
{
	json_t *want = json_object_get(c, "labels");
	const char *name;
	json_t *value;
	if (want && json_object_size(want) != l.n)
		return false;
	json_object_foreach(want, name,
			    value) if (!str_eq_c(labels_get(l, str_c(name)), json_string_value(value))) return false;
	return true;
}

static bool passes(const json_t *c, struct str text, struct arena *a)
{
	struct promql_series_desc d;
	struct err err = ERR_NONE;
	int ret = promql_parse_series(text, a, &d, &err);
	if (json_is_true(json_object_get(c, "fail"))) {
		const char *full = json_string_value(json_object_get(c, "err_full"));
		const char *part = json_string_value(json_object_get(c, "err_contains"));
		if (ret < 0 && (!full || strcmp(err.msg, full) == 0) && (!part || strstr(err.msg, part)))
			return true;
		print_message("  got %s\n", ret < 0 ? err.msg : "no error");
		return false;
	}
	if (ret < 0)
		print_message("  %s\n", err.msg);
	return ret == 0 && same_labels(c, d.labels) && same_values(c, &d);
}

static void test_descriptions_of_upstream(void **state)
{
	(void)state;
	json_t *cases = load_cases("series_desc_cases.json"), *c;
	size_t i, bad = 0;
	json_array_foreach(cases, i, c)
	{
		struct arena a;
		arena_init(&a, NULL);
		struct str text = case_text(c, "input");
		if (!passes(c, text, &a)) {
			print_message("case %zu: %.*s\n", i, STR_ARG(text));
			bad++;
		}
		free((char *)text.p);
		arena_fini(&a);
	}
	assert_int_equal(i, 54);
	assert_int_equal(bad, 0);
	json_decref(cases);
}

/* --- our own ---------------------------------------------------------------------- */

static struct promql_series_desc must_parse(const char *text, struct arena *a)
{
	struct promql_series_desc d;
	struct err err = ERR_NONE;
	if (promql_parse_series(str_c(text), a, &d, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return d;
}

static void test_octal_stale_and_empty_labels(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_series_desc d = must_parse("m{x=\"\", y='z'} 010 stale -Inf nan", &a);
	assert_int_equal(d.labels.n, 2);
	assert_int_equal(d.n_values, 4);
	assert_true(d.values[0].v == 8);
	assert_true(value_is_stale(d.values[1].v));
	assert_true(isinf(d.values[2].v) && d.values[2].v < 0);
	assert_true(isnan(d.values[3].v) && !value_is_stale(d.values[3].v));
	arena_fini(&a);
}

static void test_steps_are_repeated_additions(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_series_desc d = must_parse("m 0+0.1x10", &a);
	double v = 0;
	for (size_t i = 0; i < d.n_values; i++, v += 0.1)
		assert_true(d.values[i].v == v);
	assert_int_equal(d.n_values, 11);
	arena_fini(&a);
}

static void test_keyword_names_and_quoted_names(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	assert_true(str_eq_c(must_parse("sum 1", &a).labels.p[0].value, "sum"));
	assert_true(str_eq_c(must_parse("{\"a b\"} 1", &a).labels.p[0].value, "a b"));
	assert_true(str_eq_c(must_parse("x{\"y\"} 1", &a).labels.p[0].value, "x"));
	arena_fini(&a);
}

static void test_steps_of_histograms_with_other_layouts(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, NULL);
	struct promql_series_desc d =
		must_parse("m {{buckets:[1 2] offset:-3}}-{{buckets:[1] offset:4 n_buckets:[7]}}x1", &a);
	const struct histogram *h = d.values[1].h;
	assert_int_equal(h->n_pos_spans, 2);
	assert_int_equal(h->pos_spans[0].offset, -3);
	assert_int_equal(h->pos_spans[1].offset, 5);
	assert_true(h->pos_counts[2] == -1 && h->neg_counts[0] == -7);
	arena_fini(&a);
}

static void test_endless_repetitions_are_refused(void **state)
{
	(void)state;
	struct arena a;
	struct promql_series_desc d;
	struct err err = ERR_NONE;
	arena_init(&a, NULL);
	assert_true(promql_parse_series(STR("m 1x99999999999999"), &a, &d, &err) < 0);
	assert_true(promql_parse_series(STR("m _x18446744073709551615"), &a, &d, &err) < 0);
	assert_true(promql_parse_series(STR("m 1x18446744073709551615"), &a, &d, &err) < 0);
	assert_non_null(strstr(err.msg, "more than 1000000 values"));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptions_of_upstream),
		cmocka_unit_test(test_octal_stale_and_empty_labels),
		cmocka_unit_test(test_steps_are_repeated_additions),
		cmocka_unit_test(test_keyword_names_and_quoted_names),
		cmocka_unit_test(test_steps_of_histograms_with_other_layouts),
		cmocka_unit_test(test_endless_repetitions_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
