/* Directories that Prometheus wrote, replayed and compared with what Prometheus read from them. */
#include "unit/tsdb/head_test.h"

#include <jansson.h>
#include <zlib.h>

static json_t *load_gz(const char *name)
{
	char *file = xasprintf("%s.expected.json.gz", name), *path = golden_path(file);
	gzFile f = gzopen(path, "rb");
	assert_non_null(f);
	struct strbuf b = { 0 };
	int n;
	while ((n = gzread(f, strbuf_reserve(&b, 65536), 65536)) > 0)
		b.n += (size_t)n;
	gzclose(f);
	json_t *j = json_loadb(b.p, b.n, 0, NULL);
	assert_non_null(j);
	strbuf_fini(&b);
	free(file);
	free(path);
	return j;
}

static void copy_tree(const char *from, const char *to)
{
	char **names;
	size_t n;
	struct err e;
	struct stat st;
	ok(file_mkdir_all(to, &e), &e);
	ok(file_list(from, &names, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		char *a = xasprintf("%s/%s", from, names[i]), *b = xasprintf("%s/%s", to, names[i]);
		assert_int_equal(stat(a, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			copy_tree(a, b);
		} else {
			struct strbuf bytes = slurp(a);
			spit(b, bytes.p, bytes.n);
			strbuf_fini(&bytes);
		}
		free(a);
		free(b);
	}
	file_list_free(names, n);
}

static char *series_name(json_t *series)
{
	json_t *l = json_object_get(series, "labels"), *pair;
	struct label p[16];
	size_t i;
	json_array_foreach(l, i, pair)
	{
		p[i].name = str_c(json_string_value(json_array_get(pair, 0)));
		p[i].value = str_c(json_string_value(json_array_get(pair, 1)));
	}
	struct strbuf b = { 0 };
	labels_print((struct labels){ p, json_array_size(l) }, &b);
	return strbuf_steal(&b);
}

static const struct got_series *find_series(const struct got_all *all, const char *name)
{
	for (size_t i = 0; i < all->series.n; i++) {
		if (strcmp(all->series.p[i].name, name) == 0)
			return &all->series.p[i];
	}
	return NULL;
}

static void check_counts(json_t *want, const double *f, const int64_t *d, uint32_t n)
{
	assert_int_equal(json_array_size(want), n);
	for (uint32_t i = 0; i < n; i++) {
		char text[32];
		if (f)
			snprintf(text, sizeof(text), "%016llx", (unsigned long long)double_bits(f[i]));
		else
			snprintf(text, sizeof(text), "%lld", (long long)d[i]);
		assert_string_equal(text, json_string_value(json_array_get(want, i)));
	}
}

static void check_sample(json_t *want, const struct got *g)
{
	char text[32];
	json_t *h = json_object_get(want, "h");
	assert_int_equal(json_integer_value(json_object_get(want, "t")), g->t);
	assert_int_equal(h != NULL, g->h != NULL);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)double_bits(h ? g->h->sum : g->v));
	assert_string_equal(text, json_string_value(h ? json_object_get(h, "sum") : json_object_get(want, "v")));
	if (!h || hist_is_stale(g->h))
		return;
	assert_int_equal(json_integer_value(json_object_get(h, "schema")), g->h->schema);
	check_counts(json_object_get(h, "pb"), g->h->is_float ? g->h->pos_counts : NULL, g->h->pos_deltas, g->h->n_pos);
	check_counts(json_object_get(h, "nb"), g->h->is_float ? g->h->neg_counts : NULL, g->h->neg_deltas, g->h->n_neg);
}

/* Every expected sample from `from` on is in the head, and nothing else. */
static size_t compare(json_t *expected, const struct got_all *all, int64_t from)
{
	size_t i, k, total = 0;
	json_t *series, *sample;
	json_array_foreach(json_object_get(expected, "all"), i, series)
	{
		char *name = series_name(series);
		const struct got_series *g = find_series(all, name);
		size_t n = 0;
		json_array_foreach(json_object_get(series, "samples"), k, sample)
		{
			if (json_integer_value(json_object_get(sample, "t")) < from)
				continue;
			assert_non_null(g);
			assert_true(n < g->s.n);
			check_sample(sample, &g->s.p[n++]);
		}
		if (g)
			assert_int_equal(n, g->s.n);
		total += n;
		free(name);
	}
	return total;
}

static void check_dir(const char *name, int64_t min_time)
{
	char *dir = scratch_new(), *golden = golden_path(name);
	json_t *expected = load_gz(name);
	copy_tree(golden, dir);
	for (int pass = 0; pass < 2; pass++) { /* what the first leaves behind reads the same */
		struct head_replay replay;
		struct head_config cfg = { .dir = dir,
					   .min_time_ms = min_time,
					   .ooo_window_ms = 3600000,
					   .wal_segment_bytes = 32768,
					   .max_exemplars = 100 };
		struct head *h = open_head(cfg, &replay);
		assert_int_equal(replay.corruptions, 0);
		struct got_all all;
		read_all(h, min_time ? min_time : INT64_MIN, INT64_MAX, &all);
		size_t n = compare(expected, &all, min_time ? min_time : INT64_MIN);
		assert_true(n > 0);
		if (pass == 0)
			print_message("%s: %zu samples, %llu chunks from files\n", name, n,
				      (unsigned long long)replay.chunks);
		got_fini(&all);
		/* With everything in memory gone to files the answer stays. */
		flush_chunks(h);
		read_all(h, min_time ? min_time : INT64_MIN, INT64_MAX, &all);
		compare(expected, &all, min_time ? min_time : INT64_MIN);
		got_fini(&all);
		head_close(h);
	}
	json_decref(expected);
	free(golden);
	scratch_fini(dir);
}

static void test_head_of_default_options(void **state)
{
	check_dir("db_default", 1700006400000);
}

static void test_head_with_out_of_order_samples(void **state)
{
	check_dir("db_ooo", 0);
}

static void test_head_with_start_timestamps(void **state)
{
	check_dir("db_st", 1700006400000);
}

static void test_head_compressed_with_zstd(void **state)
{
	check_dir("db_zstd_snapshot", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_of_default_options),
		cmocka_unit_test(test_head_with_out_of_order_samples),
		cmocka_unit_test(test_head_with_start_timestamps),
		cmocka_unit_test(test_head_compressed_with_zstd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
