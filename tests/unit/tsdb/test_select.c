#include "tsdb/block.h"
#include "tsdb/select.h"

#include "unit/tsdb/golden.h"

/* A small source in memory: series with labels, walked without any index. */
struct table {
	const struct labels *series;
	size_t n;
	struct str name, values[64]; /* of the walk */
};

static int table_all(void *src, struct refs *out, struct err *err)
{
	struct table *t = src;
	int r = refs_reserve(out, t->n, err);
	for (size_t i = 0; r == 0 && i < t->n; i++)
		out->p[out->n++] = (uint32_t)i;
	return r;
}

static int table_get(void *src, struct str name, struct str value, struct refs *out, struct postings_list *ret,
		     struct err *err)
{
	struct table *t = src;
	int r = refs_reserve(out, t->n, err);
	for (size_t i = 0; r == 0 && i < t->n; i++) {
		if (labels_has(t->series[i], name) && str_eq(labels_get(t->series[i], name), value))
			out->p[out->n++] = (uint32_t)i;
	}
	return r;
}

static int table_values(void *src, struct str name, struct str prefix, struct postings_values *ret, struct err *err)
{
	struct table *t = src;
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++) {
		struct str v = labels_get(t->series[i], name);
		bool seen = v.n == 0 || !str_has_prefix(v, prefix);
		for (size_t k = 0; k < n; k++)
			seen |= str_eq(t->values[k], v);
		if (!seen)
			t->values[n++] = v;
	}
	*ret = (struct postings_values){ .at = UINT64_MAX, .end = n };
	t->name = name;
	return 0;
}

static int table_next(void *src, struct postings_values *it, struct str *ret, struct err *err)
{
	struct table *t = src;
	it->at++;
	if (it->at >= it->end)
		return 0;
	*ret = t->values[it->at];
	return 1;
}

static int table_current(void *src, struct postings_values *it, struct refs *out, struct postings_list *ret,
			 struct err *err)
{
	struct table *t = src;
	return table_get(src, t->name, t->values[it->at], out, ret, err);
}

static const struct postings_source_ops table_ops = {
	table_all, table_get, table_values, table_next, table_current,
};

#define L(n, v) \
	{ \
		STR(n), STR(v) \
	}
static const struct label s0[] = { L("a", "1"), L("b", "x") };
static const struct label s1[] = { L("a", "1"), L("b", "xy"), L("c", "q") };
static const struct label s2[] = { L("a", "2") };
static const struct label s3[] = { L("a", "2"), L("b", "x") };
static const struct label s4[] = { L("b", "zz"), L("c", "q") };
static const struct label s5[] = { L("c", "r") };
static const struct label s6[] = { L("a", "10"), L("b", "x\ny") };
static const struct labels series[] = { { s0, 2 }, { s1, 3 }, { s2, 1 }, { s3, 2 }, { s4, 2 }, { s5, 1 }, { s6, 2 } };

struct spec {
	enum matcher_type type;
	const char *name, *value;
};

static const struct spec specs[] = {
	{ MATCH_EQ, "a", "1" },      { MATCH_EQ, "a", "" },        { MATCH_EQ, "a", "nope" },
	{ MATCH_EQ, "none", "" },    { MATCH_NEQ, "a", "1" },      { MATCH_NEQ, "a", "" },
	{ MATCH_NEQ, "none", "" },   { MATCH_RE, "a", "1|2" },     { MATCH_RE, "a", "1|" },
	{ MATCH_RE, "a", ".*" },     { MATCH_RE, "a", ".+" },      { MATCH_RE, "b", "x.*" },
	{ MATCH_RE, "b", "x.+" },    { MATCH_RE, "b", "" },        { MATCH_RE, "b", "[xz]+" },
	{ MATCH_RE, "none", ".*" },  { MATCH_RE, "none", "x?" },   { MATCH_NRE, "a", "1|2" },
	{ MATCH_NRE, "a", "1|" },    { MATCH_NRE, "a", ".*" },     { MATCH_NRE, "a", ".+" },
	{ MATCH_NRE, "b", "x.*" },   { MATCH_NRE, "b", "" },       { MATCH_NRE, "c", "[a-q]" },
	{ MATCH_NRE, "none", "x" },  { MATCH_EQ, "b", "x" },       { MATCH_NEQ, "b", "zz" },
	{ MATCH_RE, "c", "(q|r|)" }, { MATCH_NRE, "c", "(q|r|)" }, { MATCH_RE, "b", ".*y" },
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))

static struct matcher *compile(struct arena *a, size_t i)
{
	struct matcher *m;
	struct err e;
	if (matcher_compile_in(a, specs[i].type, str_c(specs[i].name), str_c(specs[i].value), &m, &e))
		fail_msg("%s", e.msg);
	return m;
}

/* The selection must be exactly the series on which all matchers pass. */
static void check(struct matcher *const *m, size_t n, struct arena *a)
{
	struct table t = { .series = series, .n = 7 };
	struct postings_source s = { .ops = &table_ops, .src = &t };
	struct postings got;
	struct err e;
	assert_int_equal(postings_for_matchers(&s, m, n, a, &got, &e), 0);
	size_t k = 0;
	for (size_t i = 0; i < t.n; i++) {
		bool in = k < got.n && got.p[k] == i;
		k += in;
		if (in == matchers_match(m, n, series[i]))
			continue;
		struct strbuf b = { 0 };
		matchers_print(m, n, &b);
		fail_msg("%s: series %zu %s", b.p, i, in ? "is wrong" : "is missing");
	}
	assert_int_equal(k, got.n);
}

static void test_one_two_and_three_matchers_agree_with_matching_each_series(void **state)
{
	struct arena a;
	arena_init(&a, NULL);
	struct matcher *all[SPECS];
	for (size_t i = 0; i < SPECS; i++)
		all[i] = compile(&a, i);
	check(NULL, 0, &a);
	for (size_t i = 0; i < SPECS; i++) {
		check(&all[i], 1, &a);
		for (size_t j = 0; j < SPECS; j++) {
			struct matcher *two[] = { all[i], all[j], NULL };
			check(two, 2, &a);
			for (size_t k = 0; k < SPECS; k += 3) {
				two[2] = all[k];
				check(two, 3, &a);
			}
		}
	}
	arena_fini(&a);
}

static void test_a_block_selects_what_matching_each_series_selects(void **state)
{
	char *dir = golden_path(GOLDEN_DEFAULT);
	struct block *b;
	struct err e;
	struct arena a;
	arena_init(&a, NULL);
	assert_int_equal(block_open(dir, NULL, &b, &e), 0);
	const struct spec s[] = {
		{ MATCH_EQ, "__name__", "http_requests_total" }, { MATCH_RE, "instance", "host-[12].*" },
		{ MATCH_NEQ, "instance", "host-1:9090" },        { MATCH_RE, "__name__", "hist_.+" },
		{ MATCH_NRE, "__name__", "hist_(int|gauge)" },   { MATCH_EQ, "instance", "" },
	};
	for (unsigned set = 0; set < 64; set++) {
		struct matcher *m[6];
		size_t n = 0, want = 0, got = 0;
		for (int i = 0; i < 6; i++)
			if (set >> i & 1)
				assert_int_equal(matcher_compile_in(&a, s[i].type, str_c(s[i].name), str_c(s[i].value),
								    &m[n++], &e),
						 0);
		struct block_selection all, sel;
		struct block_series bs;
		assert_int_equal(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &all, &e), 0);
		while (block_selection_next(&all, &a, &bs, &e) > 0)
			want += matchers_match(m, n, bs.labels);
		assert_int_equal(block_select(b, m, n, INT64_MIN, INT64_MAX, &a, &sel, &e), 0);
		while (block_selection_next(&sel, &a, &bs, &e) > 0) {
			assert_true(matchers_match(m, n, bs.labels));
			got++;
		}
		assert_int_equal(got, want);
	}
	block_close(b);
	arena_fini(&a);
	free(dir);
}

static int checkpoints;

static int stop(void *arg, struct err *err)
{
	checkpoints++;
	return err_set(err, ERR_CANCELLED, "enough");
}

/* A source with endless values, which only the checkpoint ends. */
static int endless_next(void *src, struct postings_values *it, struct str *ret, struct err *err)
{
	*ret = STR("v");
	it->at = 0;
	return 1;
}

static void test_checkpoint_ends_a_long_walk(void **state)
{
	struct postings_source_ops ops = table_ops;
	ops.next = endless_next;
	checkpoints = 0;
	struct table t = { .series = series, .n = 7 };
	struct pause pause = { .fn = stop };
	struct postings_source s = { .ops = &ops, .src = &t, .pause = &pause };
	struct arena a;
	arena_init(&a, NULL);
	struct matcher *m;
	struct postings got;
	struct err e;
	assert_int_equal(matcher_compile_in(&a, MATCH_RE, STR("a"), STR(".+"), &m, &e), 0);
	assert_int_equal(postings_for_matchers(&s, &m, 1, &a, &got, &e), -ERR_CANCELLED);
	assert_int_equal(checkpoints, 1);
	arena_fini(&a);
}

/* --- a source that lends its lists ---------------------------------------------------------- */

#define LENT 30000

/* Series i has a="v<i%3>", b="w<i*7919%4000>", and c="x" where i%5 is 0. Lists are lent, long ones as segments. */
struct lent {
	struct arena *a;
	struct str name;
	char value[16];
	bool dense;
};

static struct str lent_value(unsigned i, struct str name, char buf[16])
{
	if (str_eq(name, STR("a")))
		snprintf(buf, 16, "v%u", i % 3);
	else if (str_eq(name, STR("b")))
		snprintf(buf, 16, "w%u", i * 7919u % 4000);
	else if (str_eq(name, STR("c")) && i % 5 == 0)
		snprintf(buf, 16, "x");
	else
		buf[0] = 0;
	return str_c(buf);
}

static int lent_all(void *src, struct refs *out, struct err *err)
{
	int r = refs_reserve(out, LENT, err);
	for (uint32_t i = 0; r == 0 && i < LENT; i++)
		out->p[out->n++] = i;
	return r;
}

static int lent_get(void *src, struct str name, struct str value, struct refs *out, struct postings_list *ret,
		    struct err *err)
{
	struct lent *l = src;
	uint32_t *p = arena_alloc(l->a, LENT * sizeof(*p)), n = 0;
	char buf[16];
	for (uint32_t i = 0; i < LENT; i++)
		if (value.n && str_eq(lent_value(i, name, buf), value))
			p[n++] = i;
	*ret = (struct postings_list){ .p = p, .n = n };
	if (n <= POSTINGS_SEGMENT)
		return 0;
	const uint32_t **segments = arena_alloc(l->a, (n / POSTINGS_SEGMENT + 1) * sizeof(*segments));
	for (uint32_t i = 0; i < n; i += POSTINGS_SEGMENT) /* each on its own, so that passing an end is seen */
		segments[i / POSTINGS_SEGMENT] =
			(uint32_t *)arena_memdup(l->a, p + i, MIN(n - i, POSTINGS_SEGMENT) * sizeof(*p));
	*ret = (struct postings_list){ .segments = segments, .n = n };
	return 0;
}

static int lent_values(void *src, struct str name, struct str prefix, struct postings_values *ret, struct err *err)
{
	((struct lent *)src)->name = name;
	*ret = (struct postings_values){ .end = str_eq(name, STR("a"))   ? 3
						: str_eq(name, STR("b")) ? 4000
						: str_eq(name, STR("c")) ? 1
									 : 0 };
	return 0;
}

static int lent_next(void *src, struct postings_values *it, struct str *ret, struct err *err)
{
	struct lent *l = src;
	if (it->at == it->end)
		return 0;
	if (str_eq(l->name, STR("c")))
		snprintf(l->value, sizeof(l->value), "x");
	else
		snprintf(l->value, sizeof(l->value), "%c%u", l->name.p[0] == 'a' ? 'v' : 'w', (unsigned)it->at);
	it->at++;
	*ret = str_c(l->value);
	return 1;
}

static int lent_current(void *src, struct postings_values *it, struct refs *out, struct postings_list *ret,
			struct err *err)
{
	struct lent *l = src;
	if (l->name.p[0] != 'b')
		return lent_get(src, l->name, str_c(l->value), out, ret, err);
	/* Of many values, short lists are appended. */
	int r = refs_reserve(out, LENT / 4000 + 1, err);
	for (uint32_t i = 0, v = (uint32_t)(it->at - 1); r == 0 && i < LENT; i++)
		if (i * 7919u % 4000 == v)
			out->p[out->n++] = i;
	return r;
}

static int count_pause(void *arg, struct err *err)
{
	++*(unsigned *)arg;
	return 0;
}

static void test_lent_lists_segments_and_bitmaps_give_what_matching_each_series_gives(void **state)
{
	static const struct postings_source_ops ops = { lent_all, lent_get, lent_values, lent_next, lent_current };
	static const struct spec s[] = {
		{ MATCH_EQ, "a", "v1" },     { MATCH_RE, "a", "v0|v2" },    { MATCH_NEQ, "a", "v2" },
		{ MATCH_EQ, "b", "w77" },    { MATCH_RE, "b", "w1.*" },     { MATCH_NRE, "b", "w[1-3].*" },
		{ MATCH_RE, "b", "w1|w20" }, { MATCH_EQ, "c", "x" },        { MATCH_EQ, "c", "" },
		{ MATCH_NRE, "a", "v[01]" }, { MATCH_RE, "b", "w12|w.*9" }, { MATCH_NEQ, "b", "w5" },
	};
	unsigned pauses = 0;
	for (size_t i = 0; i < ARRAY_LEN(s) * ARRAY_LEN(s) * 2; i++) {
		struct arena a;
		struct err e;
		struct matcher *m[2];
		struct postings got;
		arena_init(&a, NULL);
		for (size_t k = 0, at = i / 2; k < 2; k++, at /= ARRAY_LEN(s)) {
			const struct spec *x = &s[at % ARRAY_LEN(s)];
			assert_int_equal(matcher_compile_in(&a, x->type, str_c(x->name), str_c(x->value), &m[k], &e),
					 0);
		}
		struct lent l = { .a = &a };
		struct pause pause = { .fn = count_pause, .arg = &pauses };
		struct postings_source src = { .ops = &ops, .src = &l, .pause = &pause, .limit = i % 2 ? LENT : 0 };
		assert_int_equal(postings_for_matchers(&src, m, 2, &a, &got, &e), 0);
		size_t at = 0;
		for (uint32_t k = 0; k < LENT; k++) {
			char buf[16];
			bool in = matcher_matches(m[0], lent_value(k, m[0]->name, buf)) &&
				  matcher_matches(m[1], lent_value(k, m[1]->name, buf));
			bool is = at < got.n && got.p[at] == k;
			at += is;
			if (in != is)
				fail_msg("selection %zu: series %u", i, k);
		}
		assert_int_equal(at, got.n);
		arena_fini(&a);
	}
	assert_true(pauses > ARRAY_LEN(s) * ARRAY_LEN(s) * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lent_lists_segments_and_bitmaps_give_what_matching_each_series_gives),
		cmocka_unit_test(test_one_two_and_three_matchers_agree_with_matching_each_series),
		cmocka_unit_test(test_a_block_selects_what_matching_each_series_selects),
		cmocka_unit_test(test_checkpoint_ends_a_long_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
