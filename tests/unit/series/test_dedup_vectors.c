/*
 * Replicas merged by upstream's own code, and by ours from the same input.
 * dedup_vectors.json.gz was written by a program that called pkg/dedup,
 * pkg/query and pkg/compact/downsample of Thanos with random replicas:
 * "lists" are replicas as samples, "chunks" as the chunks of a merged series.
 */
#include "base/file.h"
#include "codec/gzip.h"
#include "series/dedup.h"
#include "series/samples.h"
#include "text/json_read.h"
#include "unit/unit.h"

static json_t *vectors;
static struct arena a;

static int load(void **state)
{
	char path[4096];
	const char *srcdir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/tests/golden/series/dedup_vectors.json.gz", srcdir ? srcdir : ".");
	struct strbuf packed = { 0 }, text = { 0 };
	struct err e = ERR_NONE;
	assert_int_equal(file_read_all(path, 4u << 20, &packed, &e), 0);
	assert_int_equal(codec_gzip_uncompress(strbuf_str(&packed), GZIP_GZIP, 32u << 20, &text, &e), 0);
	struct json_limits limits = { .bytes = 32u << 20 };
	assert_int_equal(text_json_parse(strbuf_str(&text), &limits, &vectors, &e), 0);
	strbuf_fini(&packed);
	strbuf_fini(&text);
	return 0;
}

static int unload(void **state)
{
	json_decref(vectors);
	return 0;
}

/* --- what the file holds ------------------------------------------------------------- */

static uint64_t hex64(const char *p)
{
	char digits[17] = { 0 };
	memcpy(digits, p, 16);
	return strtoull(digits, NULL, 16);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int64_t int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Hints of the file are those of Prometheus: 0 unknown, 1 reset, 2 no reset, 3 gauge. */
static const enum hist_hint hints[] = { HIST_HINT_UNKNOWN, HIST_HINT_RESET, HIST_HINT_NOT_RESET, HIST_HINT_GAUGE };

/* A packed list of samples; of histograms there are the sum and the hint. */
static struct series_samples unpack(const json_t *o)
{
	const json_t *times = json_object_get(o, "t");
	const char *v = text_of(o, "v"), *h = text_of(o, "h");
	struct series_samples s = { .n = json_array_size(times) };
	s.t = arena_array(&a, s.n + 1, sizeof(*s.t));
	s.v = arena_array(&a, s.n + 1, sizeof(*s.v));
	s.h = h ? arena_array(&a, s.n + 1, sizeof(*s.h)) : NULL;
	int64_t t = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t bits = hex64(v + 16 * i);
		s.t[i] = t += json_integer_value(json_array_get(times, i));
		memcpy(&s.v[i], &bits, sizeof(bits));
		if (!h || h[i] == '-')
			continue;
		struct histogram *hist = arena_zalloc(&a, sizeof(*hist));
		*hist = (struct histogram){ .is_float = true, .sum = s.v[i], .hint = hints[h[i] - '0'] };
		s.h[i] = hist;
	}
	return s;
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = strchr(digits, c);
	return p && c ? (int)(p - digits) : -1;
}

static struct str base64(const char *s)
{
	uint8_t *out = arena_alloc(&a, strlen(s) + 1);
	uint32_t bits = 0;
	size_t n = 0;
	int held = 0;
	for (int d; (d = base64_digit(*s)) >= 0; s++) {
		bits = bits << 6 | (uint32_t)d;
		held += 6;
		if (held >= 8)
			out[n++] = (uint8_t)(bits >> (held -= 8));
	}
	return str_mem(out, n);
}

static struct series_chunk *unpack_chunks(const json_t *list, size_t *ret_n)
{
	struct series_chunk *chunks = arena_array(&a, json_array_size(list) + 1, sizeof(*chunks));
	size_t i, k;
	json_t *c, *p;
	json_array_foreach(list, i, c)
	{
		chunks[i].mint = int_of(c, "min");
		chunks[i].maxt = int_of(c, "max");
		json_array_foreach(json_object_get(c, "parts"), k, p)
		{
			struct chunk *part = &chunks[i].part[int_of(p, "a")].chunk;
			part->enc = (uint8_t)int_of(p, "e");
			part->data = base64(text_of(p, "d"));
		}
	}
	*ret_n = json_array_size(list);
	return chunks;
}

/* --- comparing ------------------------------------------------------------------------- */

/* Whether two values are the same bits. A NaN that arithmetic made has the sign that the processor gives it: any will do. */
static bool same_value(double got, double want)
{
	const uint64_t made = 0x7ff8000000000000, no_sign = INT64_MAX;
	uint64_t x, y;
	memcpy(&x, &got, sizeof(x));
	memcpy(&y, &want, sizeof(y));
	return x == y || ((x & no_sign) == made && (y & no_sign) == made);
}

/* Why two samples differ, NULL when they are the same bits. */
static const char *difference(const struct series_samples *got, const struct series_samples *want, size_t i)
{
	const struct histogram *g = got->h ? got->h[i] : NULL, *w = want->h ? want->h[i] : NULL;
	if (got->t[i] != want->t[i])
		return "time";
	if (!g != !w)
		return "type";
	if (g)
		return !same_value(g->sum, w->sum) ? "sum" : g->hint != w->hint ? "hint" : NULL;
	return same_value(got->v[i], want->v[i]) ? NULL : "value";
}

/* Compares samples up to maxt; upstream's penalty iterator may give out one that lies after it. */
static size_t compare(const char *what, size_t index, const struct series_samples *got, struct series_samples want,
		      int64_t maxt)
{
	while (want.n && want.t[want.n - 1] > maxt)
		want.n--;
	size_t n = got->n;
	while (n && got->t[n - 1] > maxt)
		n--;
	for (size_t i = 0; i < n && i < want.n; i++) {
		const char *why = difference(got, &want, i);
		if (!why)
			continue;
		print_message("%s of case %zu, sample %zu: %s: got %lld %a, want %lld %a\n", what, index, i, why,
			      (long long)got->t[i], got->v[i], (long long)want.t[i], want.v[i]);
		return 1;
	}
	if (n != want.n)
		print_message("%s of case %zu: %zu samples, want %zu\n", what, index, n, want.n);
	return n != want.n;
}

static size_t check_list(const json_t *c, size_t index, const char *key, enum dedup_func func, bool counter)
{
	const json_t *list = json_object_get(c, "replicas");
	struct series_samples replicas[8], out;
	struct err e = ERR_NONE;
	size_t n = json_array_size(list);
	assert_true(n <= ARRAY_LEN(replicas));
	for (size_t i = 0; i < n; i++)
		replicas[i] = unpack(json_array_get(list, i));
	assert_int_equal(dedup_merge(replicas, n, func, counter, &a, &out, &e), 0);
	return compare(key, index, &out, unpack(json_object_get(c, key)), INT64_MAX);
}

static void test_merges_lists_of_samples_as_upstream(void **state)
{
	size_t i, bad = 0;
	json_t *c;
	json_array_foreach(json_object_get(vectors, "lists"), i, c)
	{
		arena_init(&a, NULL);
		bad += check_list(c, i, "penalty", DEDUP_PENALTY, false);
		bad += check_list(c, i, "counter", DEDUP_PENALTY, true);
		bad += check_list(c, i, "chain", DEDUP_CHAIN, false);
		arena_fini(&a);
	}
	assert_true(i >= 100);
	assert_int_equal(bad, 0);
}

/* From the chunks of a merged series to its samples, as a query does it. */
static size_t check_chunks(const json_t *c, size_t index, const char *key, enum dedup_func func)
{
	struct str f = str_c(text_of(c, "func"));
	enum series_pick pick = series_pick_of(f);
	int64_t mint = int_of(c, "mint"), maxt = int_of(c, "maxt");
	size_t n;
	struct err e = ERR_NONE;
	struct series_chunk *chunks = unpack_chunks(json_object_get(c, "chunks"), &n);
	uint32_t *list = arena_array(&a, n, sizeof(*list));
	size_t lists = dedup_split_overlaps(chunks, n, &a, list);
	struct series_samples *replicas = arena_array(&a, lists, sizeof(*replicas)), out;
	struct series_chunk *mine = arena_array(&a, n, sizeof(*mine));
	for (size_t r = 0; r < lists; r++) {
		size_t m = 0;
		for (size_t i = 0; i < n; i++)
			if (list[i] == r)
				mine[m++] = chunks[i];
		assert_int_equal(series_samples_decode(mine, m, pick, pick == SERIES_PICK_COUNTER, mint, maxt, &a,
						       &replicas[r], &e),
				 0);
	}
	assert_int_equal(dedup_merge(replicas, lists, func, dedup_is_counter(f), &a, &out, &e), 0);
	return compare(key, index, &out, unpack(json_object_get(c, key)), maxt);
}

static void test_reads_and_merges_chunks_as_upstream(void **state)
{
	size_t i, bad = 0;
	json_t *c;
	json_array_foreach(json_object_get(vectors, "chunks"), i, c)
	{
		arena_init(&a, NULL);
		bad += check_chunks(c, i, "penalty", DEDUP_PENALTY);
		bad += check_chunks(c, i, "chain", DEDUP_CHAIN);
		arena_fini(&a);
	}
	assert_true(i >= 50);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merges_lists_of_samples_as_upstream),
		cmocka_unit_test(test_reads_and_merges_chunks_as_upstream),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
