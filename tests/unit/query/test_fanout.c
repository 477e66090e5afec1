#include "unit/query/rig.h"

static struct rig the_rig;

/* --- merging ------------------------------------------------------------------------------ */

static void merge_body(struct rig *rig)
{
	co_expect_lines(rig, "{__name__=\"m\", i=\"1\"} 1000:1 2000:2 3000:3\n"
			     "{__name__=\"m\", i=\"2\"} 1000:5 2000:5\n"
			     "{__name__=\"m\", i=\"3\"} 1000:7\n");
	assert_int_equal(rig->store[0].last.batch_size, 64);
	assert_int_equal(rig->store[0].last.aggrs, 1u << SERIES_COUNT | 1u << SERIES_SUM);
	assert_int_equal(rig->store[0].last.partial_response, PARTIAL_WARN);
}

static void test_series_of_several_stores_come_merged_and_sorted(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 3);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "3"), 1000, 1000, 1, 7, 0);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1"), 3000, 1000, 1, 3, 0);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1"), 1000, 1000, 2, 1,
		 1); /* identical chunk of the first store */
	fake_add(&rig->store[2], L("__name__", "m", "i", "2"), 1000, 1000, 2, 5, 0);
	fake_add(&rig->store[2], L("__name__", "other"), 1000, 1000, 2, 5, 0);
	rig->store[1].batch = true;
	rig_run(rig, merge_body);
}

static void many_body(struct rig *rig)
{
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.stats.series, 500);
	assert_int_equal(r.stats.chunks, 1500);
	assert_int_equal(r.stats.stores, 3);
	assert_string_equal(r.warnings.p, "");
	rig_result_fini(&r);
}

/* Frames are crossed with series held and without. */
static void test_many_series_in_frames_of_all_sizes(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 3);
	for (int s = 0; s < 3; s++) {
		for (int i = 0; i < 500; i++) {
			char text[16];
			snprintf(text, sizeof(text), "%d", i);
			fake_add(&rig->store[s], L("__name__", "m", "i", text), 1000 + s * 100000, 1000, 20, i + s, 1);
		}
	}
	rig->store[1].batch = true;
	rig_run(rig, many_body);
}

/* --- partial responses --------------------------------------------------------------------- */

/* Two stores with a series each, the second misbehaving. */
static void two_stores(struct rig *rig, enum fake_mode mode)
{
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 1000, 1000, 2, 5, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "3"), 1000, 1000, 2, 5, 1);
	rig->store[1].mode = mode;
	rig->cfg.store_response_timeout_ms = 150;
}

/* What is expected of a select with WARN and with ABORT. */
static struct {
	const char *lines, *text; /* text: in warning and error; NULL: none */
} want;

static void partial_body(struct rig *rig)
{
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	if (r.rc != 0)
		fail_msg("%s", rig->err.msg);
	assert_string_equal(r.text.p, want.lines);
	if (!strstr(r.warnings.p, want.text))
		fail_msg("%s", r.warnings.p);
	assert_null(strchr(strchr(r.warnings.p, '\n') + 1, '\n'));
	if (!strstr(want.text, "half of it"))
		assert_non_null(strstr(r.warnings.p, rig->store[1].addr));
	rig_result_fini(&r);

	rig->opts.partial_response = false;
	r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(rig->err.msg, want.text));
	assert_non_null(strstr(rig->err.msg, "expanding series: proxy Series(): rpc error: code = Aborted desc = "));
	assert_null(strstr(rig->err.msg, "desc = :"));
	assert_string_equal(r.warnings.p, "");
	rig_result_fini(&r);
}

static void expect_partial(enum fake_mode mode, const char *lines, const char *text)
{
	two_stores(&the_rig, mode);
	want.lines = lines;
	want.text = text;
	rig_run(&the_rig, partial_body);
}

#define ONE "{__name__=\"m\", i=\"1\"} 1000:1 2000:2\n"
#define TWO "{__name__=\"m\", i=\"2\"} 1000:5 2000:6\n"
#define THREE "{__name__=\"m\", i=\"3\"} 1000:5 2000:6\n"

static void test_failing_store_is_a_warning_or_an_error(void **state)
{
	expect_partial(FAKE_ERROR, ONE, "disk on fire");
}

static void test_store_failing_midway_gives_what_it_sent(void **state)
{
	expect_partial(FAKE_ERROR_LATE, ONE TWO, "receive series from Addr: 127.0.0.1:");
}

static void test_hung_store_is_given_up(void **state)
{
	expect_partial(FAKE_HANG, ONE, "failed to receive any data in 150ms from Addr: 127.0.0.1:");
	assert_int_equal(the_rig.store[1].cancelled, 2);
}

static void test_store_hanging_midway_is_given_up(void **state)
{
	expect_partial(FAKE_HANG_LATE, ONE TWO, "failed to receive any data in 150ms from Addr: 127.0.0.1:");
}

static void test_warning_of_a_store_is_passed_on(void **state)
{
	expect_partial(FAKE_WARNING, ONE TWO THREE, "half of it is lost");
}

/* --- hostile stores ---------------------------------------------------------------------------- */

static void test_unsorted_series_are_an_error_of_that_store(void **state)
{
	expect_partial(FAKE_UNSORTED, ONE THREE, "its series are not sorted");
}

static void test_malformed_frame_is_an_error_of_that_store(void **state)
{
	expect_partial(FAKE_GARBAGE, ONE, "SeriesResponse");
}

static void test_unsorted_labels_are_an_error_of_that_store(void **state)
{
	expect_partial(FAKE_BAD_LABELS, ONE, "the labels of a series are not sorted");
}

static void test_chunk_with_impossible_times_is_an_error_of_that_store(void **state)
{
	expect_partial(FAKE_BAD_TIMES, ONE, "a chunk ends before it begins");
}

static void bad_chunk_body(struct rig *rig)
{
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.text.p, ONE "{__name__=\"m\", i=\"2\"}\n{__name__=\"m\", i=\"3\"}\n");
	assert_non_null(strstr(r.warnings.p, "from Addr: "));
	assert_non_null(strstr(r.warnings.p, rig->store[1].addr));
	assert_null(strstr(r.warnings.p, rig->store[0].addr));
	rig_result_fini(&r);
	rig->opts.partial_response = false;
	r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(rig->err.msg, rig->store[1].addr));
	rig_result_fini(&r);
}

static void test_damaged_chunk_is_left_out_and_its_store_named(void **state)
{
	two_stores(&the_rig, FAKE_BAD_CHUNK);
	rig_run(&the_rig, bad_chunk_body);
}

/* --- choosing stores ------------------------------------------------------------------------------ */

static void choose_body(struct rig *rig)
{
	struct matcher *region, *address;
	matcher_compile_in(&rig->arena, MATCH_RE, STR("region"), STR("eu|us"), &region, NULL);
	rig->extra[0] = region;
	rig->n_extra = 1;
	struct rig_result r = co_rig_select(rig, "m", 0, 4999, "");
	rig_result_fini(&r);
	assert_int_equal(rig->store[0].calls, 1); /* eu */
	assert_int_equal(rig->store[1].calls, 0); /* asia */
	assert_int_equal(rig->store[2].calls, 0); /* begins at 5000 */
	assert_int_equal(rig->store[3].calls, 1); /* no external labels: may have any */
	rig->n_extra = 0;
	matcher_compile_in(&rig->arena, MATCH_EQ, STR("__address__"), str_c(rig->store[1].addr), &address, NULL);
	struct matcher *const set[] = { address };
	struct fanout_match match = { set, 1 };
	rig->opts.scope = (struct fanout_scope){ &match, 1, STR("team-a") };
	r = co_rig_select(rig, "m", 0, 10000, "");
	rig_result_fini(&r);
	assert_int_equal(rig->store[0].calls, 1);
	assert_int_equal(rig->store[1].calls, 1);
	assert_true(str_eq(rig->store[1].last_tenant, STR("team-a")));
	assert_int_equal(rig->store[2].calls, 0);
	assert_int_equal(rig->store[3].calls, 1);
}

static void test_only_stores_that_can_have_data_are_asked(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 4);
	rig->store[0].ext = L("region", "eu");
	rig->store[1].ext = L("region", "asia");
	rig->store[2].mint = 5000;
	rig_run(rig, choose_body);
}

static void selector_body(struct rig *rig)
{
	struct labels *sets;
	struct matcher *cluster;
	size_t n;
	co_expect_lines(rig, "{__name__=\"m\", region=\"eu\"} 1000:1\n");
	assert_int_equal(rig->store[1].calls, 0);
	assert_int_equal(rig->store[0].last.n_matchers, 2);
	assert_true(str_eq(rig->store[0].last.matchers[1].name, STR("region")));
	assert_true(str_eq(rig->store[0].last.matchers[1].value, STR("eu")));
	assert_int_equal(fanout_label_sets(query_fanout(rig->q), &rig->arena, &sets, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_true(labels_eq(sets[0], L("cluster", "x", "region", "eu")));
	/* The selector's own label matches, and is not sent on; another value has no series. */
	matcher_compile_in(&rig->arena, MATCH_EQ, STR("cluster"), STR("x"), &cluster, NULL);
	rig->extra[0] = cluster;
	rig->n_extra = 1;
	co_expect_lines(rig, "{__name__=\"m\", region=\"eu\"} 1000:1\n");
	assert_int_equal(rig->store[0].last.n_matchers, 2);
	matcher_compile_in(&rig->arena, MATCH_EQ, STR("cluster"), STR("y"), &cluster, NULL);
	rig->extra[0] = cluster;
	co_expect_lines(rig, "");
}

static void test_selector_labels_and_relabelling_narrow_the_view(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->store[0].ext = L("region", "eu");
	rig->store[1].ext = L("region", "us");
	rig->cfg.selector_labels = L("cluster", "x");
	rig->cfg.selector_relabel = "- action: keep\n  source_labels: [region]\n  regex: eu\n";
	fake_add(&rig->store[0], L("__name__", "m", "region", "eu"), 1000, 1000, 1, 1, 0);
	fake_add(&rig->store[1], L("__name__", "m", "region", "us"), 1000, 1000, 1, 2, 0);
	rig_run(rig, selector_body);
}

static void gone_body(struct rig *rig)
{
	fake_stop(&rig->store[1]);
	rig->opts.partial_response = false;
	/* The first calls may still go to the connection that was. */
	for (int i = 0; i < 200; i++) {
		struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
		assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
		rig_result_fini(&r);
		if (strstr(rig->err.msg, "fetch series for"))
			break;
		co_sleep_ms(10, NULL);
	}
	if (!str_has_prefix(str_c(rig->err.msg),
			    STR("expanding series: proxy Series(): fetch series for Store Gateway Addr: ")))
		fail_msg("%s", rig->err.msg);
}

static void test_a_store_that_cannot_be_reached_is_no_abort_of_a_store(void **state)
{
	two_stores(&the_rig, FAKE_OK);
	rig_run(&the_rig, gone_body);
}

static void no_stores_body(struct rig *rig)
{
	co_expect_lines(rig, "");
	rig->opts.partial_response = false;
	struct rig_result r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	assert_string_equal(rig->err.msg, "expanding series: proxy Series(): No StoreAPIs available");
	rig_result_fini(&r);
}

static void test_no_stores_is_an_error_only_with_abort(void **state)
{
	rig_init(&the_rig, 0);
	the_rig.cfg.discovery.sd_config = "endpoints: []";
	rig_run(&the_rig, no_stores_body);
}

/* --- replicas --------------------------------------------------------------------------------------- */

static const struct str replica[] = { { "replica", 7 } };

static void replicas_body(struct rig *rig)
{
	rig->opts.dedup = true;
	rig->opts.replica_labels = replica;
	rig->opts.n_replica_labels = 1;
	co_expect_lines(rig, "{__name__=\"m\", i=\"1\"} 1000:1 2000:2 3000:3 4000:4\n"
			     "{__name__=\"m\", i=\"2\"} 1000:9 2000:9\n");
	assert_int_equal(rig->store[0].last.without_replica_labels.n, 1);
	rig->opts.dedup = false;
	co_expect_lines(rig, "{__name__=\"m\", i=\"1\", replica=\"a\"} 1000:1 2000:2 3000:3 4000:4\n"
			     "{__name__=\"m\", i=\"1\", replica=\"b\"} 1500:101 2500:102 3500:103\n"
			     "{__name__=\"m\", i=\"2\", replica=\"a\"} 1000:9 2000:9\n");
	assert_int_equal(rig->store[0].last.without_replica_labels.n, 0);
}

static void replicas(bool without, bool one_store)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	struct fake_store *second = &rig->store[one_store ? 0 : 1];
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 1000, 1000, 4, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "2", "replica", "a"), 1000, 1000, 2, 9, 0);
	fake_add(second, L("__name__", "m", "i", "1", "replica", "b"), 1500, 1000, 3, 101, 1);
	rig->store[0].no_without_replica = rig->store[1].no_without_replica = !without;
	rig_run(rig, replicas_body);
}

static void test_replicas_of_two_stores_are_one_series(void **state)
{
	replicas(true, false);
}

static void test_replicas_in_one_store_are_one_series(void **state)
{
	replicas(true, true);
}

static void test_stores_that_cannot_drop_replica_labels_are_sorted_here(void **state)
{
	replicas(false, false);
	replicas(false, true);
}

/* --- shards, limits, memory ----------------------------------------------------------------------------- */

static void shard_body(struct rig *rig)
{
	struct shard_info shard = { .total = 2, .by = true, .labels = { (const struct str[]){ { "i", 1 } }, 1 } };
	uint64_t sum = 0;
	rig->opts.shard = &shard;
	for (shard.index = 0; shard.index < 2; shard.index++) {
		struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
		assert_int_equal(r.rc, 0);
		assert_in_range(r.stats.series, 1, 19);
		sum += r.stats.series;
		rig_result_fini(&r);
	}
	assert_int_equal(sum, 20);
	rig->opts.shard = NULL;
}

static void test_shards_are_applied_here_where_stores_cannot(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	for (int i = 0; i < 20; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%02d", i);
		fake_add(&rig->store[i % 2], L("__name__", "m", "i", text), 1000, 1000, 3, i, 1);
	}
	rig->store[1].no_sharding = true;
	rig->store[1].batch = true;
	rig_run(rig, shard_body);
}

static void limit_body(struct rig *rig)
{
	rig->opts.limit = 1;
	co_expect_lines(rig, ONE);
	rig->opts.limit = 0;
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, -ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(rig->err.msg, "failed to send series: limit 2 violated (got 3)"));
	rig_result_fini(&r);
}

static void test_limits_of_series(void **state)
{
	two_stores(&the_rig, FAKE_OK);
	the_rig.cfg.limit_series = 2;
	rig_run(&the_rig, limit_body);
}

static void memory_body(struct rig *rig)
{
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, -ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(rig->err.msg, "query"));
	rig_result_fini(&r);
}

static void test_memory_of_a_query_is_bounded(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 1);
	for (int i = 0; i < 400; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%03d", i);
		fake_add(&rig->store[0], L("__name__", "m", "i", text), 1000, 1000, 20, i, 1);
	}
	rig->store[0].no_without_replica = true; /* all is held */
	rig->opts.dedup = true;
	rig->opts.replica_labels = replica;
	rig->opts.n_replica_labels = 1;
	rig->cfg.memory_limit_bytes = 100000;
	rig_run(rig, memory_body);
}

static void deadline_body(struct rig *rig)
{
	int64_t old = fiber_set_deadline(reactor_now_ms(rig->r) + 100);
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	fiber_restore_deadline(old);
	assert_int_equal(r.rc, -ERR_DEADLINE_EXCEEDED);
	rig_result_fini(&r);
}

static void test_deadline_of_the_query_ends_it(void **state)
{
	two_stores(&the_rig, FAKE_HANG_LATE);
	the_rig.cfg.store_response_timeout_ms = 0;
	rig_run(&the_rig, deadline_body);
	assert_int_equal(the_rig.store[1].cancelled, 1);
}

/* --- names and values -------------------------------------------------------------------------------------- */

static void expect_strs(struct wire_strs got, const char *want_text)
{
	struct strbuf b = { 0 };
	for (size_t i = 0; i < got.n; i++)
		strbuf_printf(&b, "%s%.*s", i ? " " : "", STR_ARG(got.p[i]));
	assert_string_equal(b.p ? b.p : "", want_text);
	strbuf_fini(&b);
}

static void labels_body(struct rig *rig)
{
	struct label_response r;
	struct query_select_opts *o = &rig->opts;
	struct query *q = rig->q;
	struct arena *a = &rig->arena;
	assert_int_equal(co_query_label_names(q, o, NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	expect_strs(r.values, "__name__ i replica");
	assert_int_equal(rig->store[0].last_labels.end, 9000);
	assert_int_equal(co_query_label_values(q, o, STR("i"), NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	expect_strs(r.values, "1 2 3");
	assert_int_equal(co_query_label_values(q, o, STR("i"), NULL, 0, 0, 9000, 2, a, &r, &rig->err), 0);
	expect_strs(r.values, "1 2");
	o->dedup = true;
	o->replica_labels = replica;
	o->n_replica_labels = 1;
	assert_int_equal(co_query_label_names(q, o, NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	expect_strs(r.values, "__name__ i");
	assert_int_equal(co_query_label_values(q, o, STR("replica"), NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	expect_strs(r.values, "");
	assert_int_equal(co_query_label_values(q, o, STR(""), NULL, 0, 0, 9000, 0, a, &r, &rig->err),
			 -ERR_INVALID_ARGUMENT);

	rig->store[1].mode = FAKE_ERROR;
	assert_int_equal(co_query_label_values(q, o, STR("i"), NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	expect_strs(r.values, "1 3");
	assert_int_equal(r.warnings.n, 1);
	assert_true(str_has_prefix(r.warnings.p[0], STR("fetch label values from store Addr: 127.0.0.1:")));
	rig->store[1].mode = FAKE_HANG;
	assert_int_equal(co_query_label_values(q, o, STR("i"), NULL, 0, 0, 9000, 0, a, &r, &rig->err), 0);
	assert_int_equal(r.warnings.n, 1);
	o->partial_response = false;
	assert_int_equal(co_query_label_names(q, o, NULL, 0, 0, 9000, 0, a, &r, &rig->err), -ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(rig->err.msg, "fetch label names from store Addr: "));
}

static void test_names_and_values_are_united(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->cfg.store_response_timeout_ms = 150;
	fake_add(&rig->store[0], L("__name__", "m", "i", "1", "replica", "a"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "3", "replica", "a"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "1", "replica", "b"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2", "replica", "b"), 1000, 1000, 2, 1, 1);
	rig_run(rig, labels_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series_of_several_stores_come_merged_and_sorted),
		cmocka_unit_test(test_many_series_in_frames_of_all_sizes),
		cmocka_unit_test(test_failing_store_is_a_warning_or_an_error),
		cmocka_unit_test(test_store_failing_midway_gives_what_it_sent),
		cmocka_unit_test(test_hung_store_is_given_up),
		cmocka_unit_test(test_store_hanging_midway_is_given_up),
		cmocka_unit_test(test_warning_of_a_store_is_passed_on),
		cmocka_unit_test(test_unsorted_series_are_an_error_of_that_store),
		cmocka_unit_test(test_malformed_frame_is_an_error_of_that_store),
		cmocka_unit_test(test_unsorted_labels_are_an_error_of_that_store),
		cmocka_unit_test(test_chunk_with_impossible_times_is_an_error_of_that_store),
		cmocka_unit_test(test_damaged_chunk_is_left_out_and_its_store_named),
		cmocka_unit_test(test_only_stores_that_can_have_data_are_asked),
		cmocka_unit_test(test_selector_labels_and_relabelling_narrow_the_view),
		cmocka_unit_test(test_a_store_that_cannot_be_reached_is_no_abort_of_a_store),
		cmocka_unit_test(test_no_stores_is_an_error_only_with_abort),
		cmocka_unit_test(test_replicas_of_two_stores_are_one_series),
		cmocka_unit_test(test_replicas_in_one_store_are_one_series),
		cmocka_unit_test(test_stores_that_cannot_drop_replica_labels_are_sorted_here),
		cmocka_unit_test(test_shards_are_applied_here_where_stores_cannot),
		cmocka_unit_test(test_limits_of_series),
		cmocka_unit_test(test_memory_of_a_query_is_bounded),
		cmocka_unit_test(test_deadline_of_the_query_ends_it),
		cmocka_unit_test(test_names_and_values_are_united),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
