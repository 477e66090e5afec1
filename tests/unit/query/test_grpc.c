/* A querier above a querier above fake stores, and the Query service. */
#include "unit/query/tower.h"

#include "proto/query.pb-c.h"

static struct rig the_rig;

/* --- Store and Info -------------------------------------------------------------------------- */

static void store_body(struct rig *rig)
{
	struct tower t;
	size_t n;
	tower_up(&t, rig);
	struct endpoint_info **list = endpoints_get(query_endpoints(t.q), ENDPOINT_STORE | ENDPOINT_QUERY, &n);
	assert_int_equal(n, 1);
	assert_string_equal(list[0]->component, "query");
	assert_true(list[0]->supports_sharding && list[0]->supports_without_replica_labels);
	assert_int_equal(list[0]->n_label_sets, 2);
	assert_true(labels_eq(list[0]->label_sets[0], L("cluster", "x", "region", "eu")));
	assert_int_equal(list[0]->mint, 5);
	assert_int_equal(list[0]->maxt, INT64_MAX);
	endpoints_release(list, n);

	struct query *lower = rig->q;
	rig->q = t.q;
	for (int batch = 0; batch < 2; batch++) {
		struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.stats.series, 150);
		assert_string_equal(r.warnings.p, "");
		assert_non_null(strstr(r.text.p, "{__name__=\"m\", i=\"001\"} 1000:1 2000:2"));
		rig_result_fini(&r);
	}
	struct label_response resp;
	assert_int_equal(
		co_query_label_values(t.q, &rig->opts, STR("i"), NULL, 0, 0, 1000, 3, &rig->arena, &resp, &rig->err),
		0);
	assert_int_equal(resp.values.n, 3);
	assert_true(str_eq_c(resp.values.p[2], "002"));
	assert_int_equal(co_query_label_names(t.q, &rig->opts, NULL, 0, 0, 1000, 0, &rig->arena, &resp, &rig->err), 0);
	assert_int_equal(resp.values.n, 2);
	/* Trouble below shows above. */
	rig->store[1].mode = FAKE_ERROR_LATE;
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, 0);
	assert_non_null(strstr(r.warnings.p, "disk on fire"));
	assert_int_equal(r.stats.series, 76);
	rig_result_fini(&r);
	rig->opts.partial_response = false;
	r = co_rig_select(rig, "m", 0, 1000000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	assert_non_null(strstr(rig->err.msg, "disk on fire"));
	rig_result_fini(&r);
	rig->q = lower;
	co_tower_down(&t);
}

static void test_querier_serves_a_querier(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->cfg.selector_labels = L("cluster", "x");
	rig->store[0].ext = L("region", "eu");
	rig->store[1].ext = L("region", "us");
	rig->store[0].mint = rig->store[1].mint = 5;
	for (int i = 0; i < 150; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%03d", i);
		fake_add(&rig->store[i % 2], L("__name__", "m", "i", text), 1000, 1000, 200, i, 1);
	}
	rig_run(rig, store_body);
}

/* One series by one, as clients ask that know no batches. */
static void unbatched_body(struct rig *rig)
{
	struct tower t;
	struct strbuf b = { 0 };
	struct err e;
	struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("m") };
	struct series_request req = { .mint = 0, .maxt = 1000000, .matchers = &m, .n_matchers = 1 };
	struct grpc_stream *s;
	size_t frames = 0;
	tower_up(&t, rig);
	struct grpc_channel *ch = grpc_channel_new(rig->r, t.addr, NULL, &e);
	series_request_write(&req, &b);
	struct grpc_part part = grpc_part_copy(strbuf_str(&b));
	assert_int_equal(co_grpc_stream_open(ch, "/thanos.Store/Series", NULL, &part, 1, &s, &e), 0);
	for (;;) {
		struct str msg;
		bool end;
		struct frame_item item;
		assert_int_equal(co_grpc_recv(s, &msg, &end, &e), 0);
		if (end)
			break;
		struct frame_reader r = frame_reader_begin(msg);
		assert_int_equal(frame_next(&r, &item, &e), 1);
		assert_int_equal(item.kind, FRAME_SERIES);
		assert_int_equal(frame_next(&r, &item, &e), 0);
		frames++;
	}
	assert_int_equal(frames, 3);
	grpc_stream_close(s);
	/* Without matchers: refused. */
	strbuf_reset(&b);
	req.n_matchers = 0;
	series_request_write(&req, &b);
	part = grpc_part_copy(strbuf_str(&b));
	assert_int_equal(co_grpc_stream_open(ch, "/thanos.Store/Series", NULL, &part, 1, &s, &e), 0);
	struct str msg;
	bool end;
	assert_int_equal(co_grpc_recv(s, &msg, &end, &e), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "no matchers specified (excluding selector labels)"));
	grpc_stream_close(s);
	strbuf_fini(&b);
	grpc_channel_unref(ch);
	co_tower_down(&t);
}

static void test_series_without_batches(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[0], L("__name__", "m", "i", "3"), 1000, 1000, 2, 1, 1);
	rig_run(rig, unbatched_body);
}

/* --- Query -------------------------------------------------------------------------------------- */

/* Appends what one answer says. */
static void tell(struct strbuf *out, const Thanos__QueryResponse *r)
{
	size_t n =
		r->result_case == THANOS__QUERY_RESPONSE__RESULT_TIMESERIES_BATCH ? r->timeseries_batch->n_series : 0;
	PrometheusCopy__TimeSeries **list =
		n ? r->timeseries_batch->series : (PrometheusCopy__TimeSeries **)&r->timeseries;
	if (r->result_case == THANOS__QUERY_RESPONSE__RESULT_WARNINGS)
		strbuf_printf(out, "warnings %s\n", r->warnings);
	if (r->result_case == THANOS__QUERY_RESPONSE__RESULT_STATS)
		strbuf_add_c(out, r->stats->samples_total ? "stats\n" : "empty stats\n");
	if (r->result_case == THANOS__QUERY_RESPONSE__RESULT_TIMESERIES)
		n = 1;
	for (size_t i = 0; i < n; i++) {
		strbuf_add_c(out, r->result_case == THANOS__QUERY_RESPONSE__RESULT_TIMESERIES ? "one"
				  : i                                                         ? "more"
											      : "batch");
		for (size_t k = 0; k < list[i]->n_labels; k++)
			strbuf_printf(out, " %s=%s", list[i]->labels[k]->name, list[i]->labels[k]->value);
		for (size_t k = 0; k < list[i]->n_samples; k++)
			strbuf_printf(out, " %lld:%g", (long long)list[i]->samples[k]->timestamp,
				      list[i]->samples[k]->value);
		strbuf_add_ch(out, '\n');
	}
}

/* Both responses have the same fields, so one reader does. */
static void co_expect_query(struct grpc_channel *ch, const char *method, const void *req, const char *want, int rc)
{
	struct grpc_stream *s;
	struct strbuf out = { 0 };
	struct arena a;
	struct err e = ERR_NONE;
	void *r;
	int got;
	arena_init(&a, NULL);
	assert_int_equal(co_grpc_stream_open_pb(ch, method, NULL, req, &s, &e), 0);
	while ((got = co_grpc_recv_pb(s, &thanos__query_response__descriptor, &a, &r, &e)) == 0 && r)
		tell(&out, r);
	if (got != rc)
		fail_msg("%d: %s", got, e.msg);
	assert_string_equal(out.p ? out.p : "", want);
	grpc_stream_close(s);
	strbuf_fini(&out);
	arena_fini(&a);
}

static void query_body(struct rig *rig)
{
	struct tower t;
	struct err e;
	Thanos__QueryRequest q = THANOS__QUERY_REQUEST__INIT;
	Thanos__QueryRangeRequest r = THANOS__QUERY_RANGE_REQUEST__INIT;
	tower_up(&t, rig);
	struct grpc_channel *ch = grpc_channel_new(rig->r, t.addr, NULL, &e);
	q.query = (char *)"m";
	q.time_seconds = 2;
	co_expect_query(ch, "/thanos.Query/Query", &q, "one __name__=m i=1 2000:2\none __name__=m i=2 2000:10\nstats\n",
			0);
	q.response_batch_size = 10;
	co_expect_query(ch, "/thanos.Query/Query", &q,
			"batch __name__=m i=1 2000:2\nmore __name__=m i=2 2000:10\nstats\n", 0);
	q.query = (char *)"1 + 1";
	co_expect_query(ch, "/thanos.Query/Query", &q, "one 2000:2\nempty stats\n", 0);
	r.query = (char *)"sum(m)";
	r.start_time_seconds = 1;
	r.end_time_seconds = 2;
	r.interval_seconds = 1;
	co_expect_query(ch, "/thanos.Query/QueryRange", &r, "one 1000:10 2000:12\nstats\n", 0);
	r.query = (char *)"sum(";
	co_expect_query(ch, "/thanos.Query/QueryRange", &r, "", -ERR_ABORTED);
	r.query = (char *)"m";
	r.interval_seconds = 0;
	co_expect_query(ch, "/thanos.Query/QueryRange", &r, "", -ERR_INVALID_ARGUMENT);
	rig->store[1].mode = FAKE_WARNING;
	r.interval_seconds = 1;
	co_expect_query(ch, "/thanos.Query/QueryRange", &r, "", -ERR_ABORTED);
	r.enablepartialresponse = 1;
	co_expect_query(
		ch, "/thanos.Query/QueryRange", &r,
		"warnings half of it is lost\none __name__=m i=1 1000:1 2000:2\none __name__=m i=2 1000:9 2000:10\nstats\n",
		0);
	grpc_channel_unref(ch);
	co_tower_down(&t);
}

static void test_queries_are_evaluated_for_a_querier_above(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	fake_add(&rig->store[0], L("__name__", "m", "i", "1"), 1000, 1000, 2, 1, 1);
	fake_add(&rig->store[1], L("__name__", "m", "i", "2"), 1000, 1000, 2, 9, 1);
	rig_run(rig, query_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_querier_serves_a_querier),
		cmocka_unit_test(test_series_without_batches),
		cmocka_unit_test(test_queries_are_evaluated_for_a_querier_above),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
