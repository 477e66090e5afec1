/* Names and values of labels: by reading series and by lists the same, whatever is selected. */
#include "tsdb/block_labels.h"

#include "chunk/xor.h"
#include "tsdb/block_writer.h"
#include "unit/tsdb/golden.h"

#define N_SERIES 3000

/* What came, each once. */
struct got {
	char *text[2048];
	size_t n;
	int checkpoints;
};

static int put(void *arg, struct str s, struct err *err)
{
	struct got *g = arg;
	for (size_t i = 0; i < g->n; i++)
		if (str_eq_c(s, g->text[i]))
			return 0;
	assert_true(g->n < 2048);
	g->text[g->n++] = xasprintf("%.*s", STR_ARG(s));
	return 0;
}

static int checkpoint(void *arg, struct err *err)
{
	struct got *g = arg;
	g->checkpoints++;
	return 0;
}

static int cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct got *g)
{
	if (g->n)
		qsort(g->text, g->n, sizeof(*g->text), cmp);
}

static void got_fini(struct got *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->text[i]);
}

/* Series k: two common labels, one of few values, one of its own, one that few series have. */
static struct labels labels_of(size_t k, struct label l[5], char buf[3][32])
{
	size_t n = 0;
	snprintf(buf[0], 32, "%05zu", k);
	snprintf(buf[1], 32, "j%zu", k * 7 % 5);
	snprintf(buf[2], 32, "r%zu", k / 1000);
	l[n++] = (struct label){ STR("__name__"), k < N_SERIES / 2 ? STR("a") : STR("b") };
	l[n++] = (struct label){ STR("id"), str_c(buf[0]) };
	if (k % 3)
		l[n++] = (struct label){ STR("job"), str_c(buf[1]) };
	if (k % 1000 == 999)
		l[n++] = (struct label){ STR("rare"), str_c(buf[2]) };
	return (struct labels){ l, n };
}

static void write_block(const char *dir)
{
	struct block_symbols syms;
	struct block_writer *w;
	struct label l[5];
	char buf[3][32];
	uint8_t bytes[64];
	struct xor_app a;
	struct ulid u = ulid_make(1700000000000);
	xor_app_init(&a, bytes, sizeof(bytes));
	assert_true(xor_append(&a, 1000, 1));
	struct block_chunk_in c = { 1000, 1000, { CHUNK_XOR, xor_app_bytes(&a) } };
	block_symbols_init(&syms, NULL);
	for (size_t k = 0; k < N_SERIES; k++)
		assert_int_equal(block_symbols_add_labels(&syms, labels_of(k, l, buf), NULL), 0);
	assert_int_equal(block_writer_open(dir, &u, 0, &w, NULL), 0);
	assert_int_equal(block_symbols_write(&syms, w, NULL), 0);
	for (size_t k = 0; k < N_SERIES; k++)
		assert_int_equal(block_writer_series(w, labels_of(k, l, buf), &c, 1, NULL), 0);
	struct block_meta m = { .mint = 0, .maxt = 7200000, .compaction = { .level = 1 } };
	assert_int_equal(block_writer_finish(w, &m, (struct tombstones){ NULL, 0 }, NULL), 0);
	block_symbols_fini(&syms);
}

/* What is to come: from the labels themselves. */
static void expected(struct str name, struct matcher *const *m, size_t n, struct got *g)
{
	struct label l[5];
	char buf[3][32];
	for (size_t k = 0; k < N_SERIES; k++) {
		struct labels s = labels_of(k, l, buf);
		if (!matchers_match(m, n, s))
			continue;
		for (size_t i = 0; i < s.n; i++)
			if (name.n == 0 || str_eq(name, s.p[i].name))
				put(g, name.n ? s.p[i].value : s.p[i].name, NULL);
	}
}

static void compare(const struct block *b, const char *name, struct matcher *const *m, size_t n)
{
	static struct got want, have;
	struct block_label_sink sink = { .arg = &have, .put = put, .checkpoint = checkpoint };
	want = have = (struct got){ .n = 0 };
	expected(str_c(name), m, n, &want);
	assert_int_equal(block_label_strings(b, str_c(name), m, n, &sink, NULL, NULL), 0);
	sort(&want);
	sort(&have);
	if (want.n != have.n)
		fail_msg("\"%s\" with %zu matchers: %zu strings instead of %zu", name, n, have.n, want.n);
	for (size_t i = 0; i < want.n; i++)
		assert_string_equal(want.text[i], have.text[i]);
	got_fini(&want);
	got_fini(&have);
}

static void test_names_and_values_are_those_of_the_series_that_match(void **state)
{
	static const struct {
		enum matcher_type type;
		const char *name, *value;
	} matchers[] = {
		{ MATCH_EQ, "__name__", "a" },   { MATCH_EQ, "__name__", "none" }, { MATCH_EQ, "job", "" },
		{ MATCH_NEQ, "job", "j1" },      { MATCH_EQ, "id", "00999" },      { MATCH_RE, "id", "0[01].*" },
		{ MATCH_RE, "rare", "r1|r2" },   { MATCH_NEQ, "rare", "" },        { MATCH_RE, "__name__", ".+" },
		{ MATCH_NRE, "id", "0[0-1].*" },
	};
	static const char *const names[] = { "", "__name__", "job", "rare", "none" };
	char dir[] = "/tmp/test-block-labels-XXXXXX", **list;
	struct block *b;
	struct matcher *m;
	size_t n;
	assert_non_null(mkdtemp(dir));
	write_block(dir);
	assert_int_equal(file_list(dir, &list, &n, NULL), 0);
	char *path = xasprintf("%s/%s", dir, list[0]);
	assert_int_equal(block_open(path, NULL, &b, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		compare(b, names[i], NULL, 0);
	for (size_t k = 0; k < ARRAY_LEN(matchers); k++) {
		assert_int_equal(
			matcher_compile(matchers[k].type, str_c(matchers[k].name), str_c(matchers[k].value), &m, NULL),
			0);
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			compare(b, names[i], &m, 1);
		if (strcmp(matchers[k].name, "id") == 0)
			compare(b, "id", &m, 1);
		matcher_free(m);
	}
	block_close(b);
	free(path);
	file_list_free(list, n);
	assert_int_equal(file_remove_all(dir, NULL), 0);
}

static int refuse(void *arg, struct str s, struct err *err)
{
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "full");
}

static void test_an_error_of_the_taker_ends_the_call(void **state)
{
	char *path = golden_path(GOLDEN_DEFAULT);
	struct block_label_sink sink = { .put = refuse };
	struct block *b;
	struct matcher *m;
	assert_int_equal(block_open(path, NULL, &b, NULL), 0);
	assert_int_equal(matcher_compile(MATCH_RE, STR("__name__"), STR(".+"), &m, NULL), 0);
	assert_int_equal(block_label_strings(b, STR(""), &m, 1, &sink, NULL, NULL), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(block_label_strings(b, STR("__name__"), NULL, 0, &sink, NULL, NULL), -ERR_RESOURCE_EXHAUSTED);
	matcher_free(m);
	block_close(b);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_values_are_those_of_the_series_that_match),
		cmocka_unit_test(test_an_error_of_the_taker_ends_the_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
