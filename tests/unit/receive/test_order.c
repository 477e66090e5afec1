/* Series come sorted by the labels that are shown (rig_take_frame checks it), whatever is added to them or left out. */
#include "unit/receive/rig.h"

#define MINUTE 60000ll
#define RANGE (10 * MINUTE)
#define T0 (1700000150000ll / RANGE * RANGE) /* begins a range */
#define SETS 300

/* Label names before, between and after those that are added: replica, tenant_id. Every set begins others. */
static const char *const names[] = { "a", "b", "q", "s", "t", "z" };

struct sets {
	VEC(char *) p;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Distinct random label sets as text; with `own` some have labels like those that are added. */
static void make_sets(struct sets *s, bool own)
{
	uint64_t seed = 5;
	for (size_t i = 0; i < SETS; i++) {
		struct strbuf b = { 0 };
		strbuf_add_c(&b, "__name__=m");
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			unsigned r = (unsigned)(seed >> 33);
			if (own && k == 3 && r / 64 % 3 == 0)
				strbuf_printf(&b, ",replica=%u", r % 2);
			if (r % 4 < 2)
				strbuf_printf(&b, ",%s=%u", names[k], r % 4);
		}
		*vec_push(&s->p) = strbuf_steal(&b);
	}
	qsort(s->p.p, s->p.n, sizeof(*s->p.p), by_text);
	size_t n = 0;
	for (size_t i = 0; i < s->p.n; i++) {
		if (n && strcmp(s->p.p[n - 1], s->p.p[i]) == 0)
			free(s->p.p[i]);
		else
			s->p.p[n++] = s->p.p[i];
	}
	s->p.n = n;
}

static void sets_fini(struct sets *s)
{
	for (size_t i = 0; i < s->p.n; i++)
		free(s->p.p[i]);
	vec_fini(&s->p);
}

/* Asks with labels left out; the number of series and samples that came. */
static size_t co_ask(struct rig *rig, const char *const *without, size_t n_without, size_t *ret_samples)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("m") };
	struct str left_out[2];
	struct rig_result r;
	for (size_t i = 0; i < n_without; i++)
		left_out[i] = str_c(without[i]);
	struct series_request req = { .mint = T0,
				      .maxt = T0 + 10 * RANGE,
				      .matchers = &m,
				      .n_matchers = 1,
				      .batch_size = 7,
				      .without_replica_labels = { left_out, n_without } };
	co_rig_series(rig, &req, &r);
	must(-r.code, &r.err);
	size_t n = r.series;
	*ret_samples = r.samples;
	rig_result_fini(&r);
	return n;
}

static void co_check(struct rig *rig, const struct sets *s, bool own, size_t per_series)
{
	static const char *const replica[] = { "replica", "tenant_id" }, *const b[] = { "b" };
	size_t samples;
	size_t n = co_ask(rig, NULL, 0, &samples);
	if (!own) {
		assert_int_equal(n, s->p.n);
		assert_int_equal(samples, s->p.n * per_series);
		assert_int_equal(co_ask(rig, replica, 1, &samples), s->p.n);
		assert_int_equal(co_ask(rig, replica, 2, &samples), s->p.n);
		assert_int_equal(samples, s->p.n * per_series);
	}
	assert_true(n <= s->p.n);
	n = co_ask(rig, b, 1, &samples);
	assert_true(n > 10 && n < s->p.n);
	assert_true(samples >= n * per_series);
}

static void co_write(struct rig *rig, const struct sets *s, int64_t t, const char *tenant)
{
	struct strbuf body = { 0 };
	for (size_t i = 0; i < s->p.n; i++)
		rig_add(&body, s->p.p[i], t, 1);
	assert_int_equal(co_rig_write(rig, &body, tenant), 200);
}

/* The head first, then blocks and head. */
static void co_order(struct rig *rig, bool own)
{
	struct sets s = { 0 };
	struct receive_db *db;
	struct err e;
	make_sets(&s, own);
	co_write(rig, &s, T0, "acme");
	co_check(rig, &s, own, 1);
	for (int64_t i = 1; i < 4; i++)
		co_write(rig, &s, T0 + i * RANGE, "acme");
	must(co_receive_dbs_get(rig->receive->dbs, STR("acme"), &db, &e), &e);
	must(co_receive_db_maintain(db, &e), &e);
	struct receive_db_stats st;
	receive_db_stats(db, &st);
	assert_true(st.compactions > 0);
	receive_dbs_put(rig->receive->dbs, db);
	co_check(rig, &s, own, 4);
	sets_fini(&s);
}

static void co_added(struct rig *rig)
{
	co_order(rig, false);
}

static void co_replaced(struct rig *rig)
{
	co_order(rig, true);
}

static void run(void (*body)(struct rig *rig))
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.head.chunk_range_ms = RANGE;
	rig_run(&rig, body);
}

static void test_added_labels_keep_series_sorted(void **state)
{
	(void)state;
	run(co_added);
}

static void test_replaced_labels_keep_series_sorted(void **state)
{
	(void)state;
	run(co_replaced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_added_labels_keep_series_sorted),
		cmocka_unit_test(test_replaced_labels_keep_series_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
