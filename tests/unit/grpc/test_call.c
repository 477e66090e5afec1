#include "unit/grpc/rig.h"

#include "base/sys.h"

static void unary_body(struct rig *rig)
{
	struct arena a;
	struct str ret;
	struct err e = ERR_NONE;
	arena_init(&a, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(co_rig_unary(rig, "/test.T/Echo", "hello", NULL, &a, &ret, &e), 0);
		assert_true(str_eq_c(ret, "hello"));
	}
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", "", NULL, &a, &ret, &e), 0);
	assert_int_equal(ret.n, 0);
	arena_fini(&a);
}

static void test_unary_echo(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, unary_body);
}

static void codes_body(struct rig *rig)
{
	struct err e;
	struct arena a;
	struct str ret;
	arena_init(&a, NULL);
	for (int code = 0; code <= 16; code++) {
		char text[8];
		snprintf(text, sizeof(text), "%d", code);
		int rv = co_rig_unary(rig, "/test.T/Code", text, NULL, &a, &ret, &e);
		assert_int_equal(rv, -code);
		if (code) {
			assert_int_equal(e.code, code);
			assert_non_null(strstr(e.msg, "\xc3\xa9 100%\n"));
			assert_non_null(strstr(e.msg, rig->target));
		}
	}
	assert_int_equal(co_rig_unary(rig, "/test.T/Nope", "", NULL, &a, &ret, &e), -ERR_UNIMPLEMENTED);
	assert_non_null(strstr(e.msg, "unknown method Nope for service test.T"));
	assert_int_equal(co_rig_unary(rig, "/x.Y/Z", "", NULL, &a, &ret, &e), -ERR_UNIMPLEMENTED);
	assert_non_null(strstr(e.msg, "unknown service x.Y"));
	assert_int_equal(co_rig_unary(rig, "/test.T/Silent", "", NULL, &a, &ret, &e), -ERR_INTERNAL);
	arena_fini(&a);
}

static void test_all_codes_reach_the_client(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, codes_body);
}

static void metadata_body(struct rig *rig)
{
	const struct grpc_metadata md[] = { { STR("x-ascii"), STR("some value") },
					    { STR("x-bytes-bin"), STR("\x00\xff\x10z") } };
	struct grpc_call_opts o = { .metadata = md, .n_metadata = 2 };
	struct grpc_part part = grpc_part_copy(STR("m"));
	struct grpc_stream *s;
	struct str m;
	bool end;
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Meta", &o, &part, 1, &s, NULL), 0);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(!end && str_eq_c(m, "m"));
	assert_true(str_eq_c(grpc_stream_header(s, "x-ascii"), "some value"));
	assert_true(str_eq(grpc_stream_header(s, "x-bytes-bin"), md[1].value));
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(end);
	assert_true(str_eq(grpc_stream_trailer(s, "x-trailer-bin"), md[1].value));
	assert_string_equal(grpc_stream_peer(s), rig->target);
	grpc_stream_close(s);
	const struct grpc_metadata bad = { STR("grpc-x"), STR("1") };
	o = (struct grpc_call_opts){ .metadata = &bad, .n_metadata = 1 };
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Meta", &o, &part, 1, &s, NULL), -ERR_INVALID_ARGUMENT);
}

static void test_metadata_goes_both_ways(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, metadata_body);
}

/* Opens Stream, takes everything and checks its order. */
static void take_stream(struct rig *rig, const char *req, unsigned long want_n, size_t want_size)
{
	struct grpc_part part = grpc_part_copy(str_c(req));
	struct grpc_stream *s;
	struct str m;
	bool end;
	struct err e;
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Stream", NULL, &part, 1, &s, &e), 0);
	for (unsigned long i = 0; i < want_n; i++) {
		if (co_grpc_recv(s, &m, &end, &e) != 0)
			fail_msg("%s", e.msg);
		assert_true(!end && m.n == want_size);
		char head[9] = "";
		memcpy(head, m.p, 8);
		assert_int_equal(strtoul(head, NULL, 10), i);
	}
	assert_int_equal(co_grpc_recv(s, &m, &end, &e), 0);
	assert_true(end);
	assert_int_equal(co_grpc_recv(s, &m, &end, &e), 0);
	assert_true(end);
	grpc_stream_close(s);
}

static void stream_body(struct rig *rig)
{
	take_stream(rig, "0 8", 0, 8);
	take_stream(rig, "1 8", 1, 8);
	take_stream(rig, "5000 100", 5000, 100);
	take_stream(rig, "200 100000", 200, 100000);
	take_stream(rig, "6 4000000", 6, 4000000);
	assert_int_equal(rig->released, 2500 + 100 + 3);
}

static void test_streams_of_all_sizes(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, stream_body);
}

static void test_streams_compressed_by_snappy(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.encoding = GRPC_SNAPPY;
	rig_run(&rig, stream_body);
}

static void test_streams_compressed_by_gzip(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.encoding = GRPC_GZIP;
	rig_run(&rig, stream_body);
}

static void slow_body(struct rig *rig)
{
	struct grpc_part part = grpc_part_copy(STR("20000 10000"));
	struct grpc_stream *s;
	struct str m;
	bool end;
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Stream", NULL, &part, 1, &s, NULL), 0);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	uint64_t before;
	do {
		before = rig->sent;
		co_sleep_ms(100, NULL);
	} while (rig->sent != before);
	/* What can be under way: our window, its queue, the sockets' buffers. */
	assert_true(before * 10000 < (16 << 20));
	struct grpc_server_stats st = grpc_server_stats(rig->srv);
	assert_true(st.queued_bytes_peak <= rig->sopts.send_queue_bytes + 10005);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(rig->sent > before && rig->sent < before + 1200);
	grpc_stream_close(s);
	for (int i = 0; i < 100 && rig->cancelled == 0; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(rig->cancelled, 1);
}

static void test_slow_reader_stops_the_sender(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, slow_body);
}

static void deadline_body(struct rig *rig)
{
	struct grpc_call_opts o = { .timeout_ms = 50 };
	struct err e;
	int64_t t0 = sys_mono_ms();
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", &o, NULL, NULL, &e), -ERR_DEADLINE_EXCEEDED);
	assert_true(sys_mono_ms() - t0 < 5000);
	for (int i = 0; i < 100 && rig->deadlines + rig->cancelled == 0; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(rig->deadlines + rig->cancelled, 1);
	int64_t old = fiber_set_deadline(reactor_now_ms(rig->r) + 50);
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", NULL, NULL, NULL, &e), -ERR_DEADLINE_EXCEEDED);
	fiber_restore_deadline(old);
}

static void test_deadline_ends_both_sides(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, deadline_body);
}

static void hang_fiber(void *arg)
{
	struct rig *rig = arg;
	struct err e;
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", NULL, NULL, NULL, &e), -ERR_CANCELLED);
}

static void cancel_body(struct rig *rig)
{
	struct fiber_group g;
	fiber_group_init(&g);
	fiber_group_start(&g, "hang", hang_fiber, rig);
	while (grpc_server_stats(rig->srv).calls == 0)
		co_sleep_ms(1, NULL);
	fiber_group_cancel(&g);
	co_fiber_group_join(&g, NULL);
	for (int i = 0; i < 200 && rig->cancelled == 0; i++)
		co_sleep_ms(1, NULL);
	assert_int_equal(rig->cancelled, 1);
}

static void test_cancelled_client_cancels_the_handler(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, cancel_body);
}

static void stop_fiber(void *arg)
{
	struct rig *rig = arg;
	struct err e;
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", NULL, NULL, NULL, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, rig->target));
}

static void stop_body(struct rig *rig)
{
	struct fiber_group g;
	fiber_group_init(&g);
	fiber_group_start(&g, "hang", stop_fiber, rig);
	while (grpc_server_stats(rig->srv).calls == 0)
		co_sleep_ms(1, NULL);
	grpc_server_stop(rig->srv);
	co_fiber_group_join(&g, NULL);
	assert_int_equal(rig->cancelled, 1);
}

static void test_lost_connection_fails_calls(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, stop_body);
}

static void refused_body(struct rig *rig)
{
	struct err e;
	struct grpc_channel *ch = grpc_channel_new(rig->r, "127.0.0.1:1", &rig->copts, &e);
	struct grpc_part part = grpc_part_copy(STR("x"));
	assert_int_equal(co_grpc_unary(ch, "/test.T/Echo", NULL, &part, 1, NULL, NULL, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "127.0.0.1:1"));
	assert_int_equal(grpc_channel_state(ch), GRPC_TRANSIENT_FAILURE);
	struct grpc_call_opts o = { .wait_for_ready = true, .timeout_ms = 100 };
	assert_int_equal(co_grpc_unary(ch, "/test.T/Echo", &o, &part, 1, NULL, NULL, &e), -ERR_DEADLINE_EXCEEDED);
	/* Addresses pushed later are used by whoever waits. */
	const char *addrs[] = { "127.0.0.1:1", rig->target };
	assert_int_equal(grpc_channel_set_addresses(ch, addrs, 2, &e), 0);
	o.timeout_ms = 5000;
	assert_int_equal(co_grpc_unary(ch, "/test.T/Echo", &o, &part, 1, NULL, NULL, &e), 0);
	assert_int_equal(grpc_channel_state(ch), GRPC_READY);
	assert_int_equal(grpc_channel_set_addresses(ch, NULL, 0, &e), 0);
	assert_int_equal(co_grpc_unary(ch, "/test.T/Echo", NULL, &part, 1, NULL, NULL, &e), -ERR_UNAVAILABLE);
	grpc_channel_unref(ch);
}

static void test_unreachable_addresses_are_named(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, refused_body);
}

static void big_body(struct rig *rig)
{
	static char text[300000];
	struct err e;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", text, NULL, NULL, NULL, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(e.msg, "larger than max"));
	text[90000] = '\0';
	struct arena a;
	struct str ret;
	arena_init(&a, NULL);
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", text, NULL, &a, &ret, &e), 0);
	assert_int_equal(ret.n, 90000);
	arena_fini(&a);
}

static void test_too_large_requests_are_refused(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.max_message_bytes = 100000;
	rig_run(&rig, big_body);
	rig_init(&rig);
	rig.sopts.max_message_bytes = 100000;
	rig.copts.encoding = GRPC_SNAPPY;
	rig_run(&rig, big_body);
}

static void big_answer_body(struct rig *rig)
{
	static char text[90000];
	struct err e;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", text, NULL, NULL, NULL, &e), -ERR_RESOURCE_EXHAUSTED);
}

static void test_too_large_responses_are_refused(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.max_message_bytes = 50000;
	rig_run(&rig, big_answer_body);
}

static void age_body(struct rig *rig)
{
	struct err e;
	for (int i = 0; i < 60; i++) {
		if (co_rig_unary(rig, "/test.T/Echo", "x", NULL, NULL, NULL, &e) != 0)
			fail_msg("call %d: %s", i, e.msg);
		co_sleep_ms(5, NULL);
	}
}

static void test_connections_are_replaced_without_failing_calls(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.max_connection_age_ms = 40;
	rig_run(&rig, age_body);
}

static void keepalive_body(struct rig *rig)
{
	struct grpc_call_opts o = { .timeout_ms = 1000 };
	struct err e;
	/* Pings go while the call is open and are answered; the deadline ends it, not the keepalive. */
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", &o, NULL, NULL, &e), -ERR_DEADLINE_EXCEEDED);
}

static void test_keepalive_is_answered(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.keepalive_ms = 60;
	rig.copts.keepalive_timeout_ms = 400;
	rig.sopts.keepalive_min_ms = 50;
	rig_run(&rig, keepalive_body);
}

static void strict_body(struct rig *rig)
{
	struct grpc_call_opts o = { .timeout_ms = 3000 };
	struct err e;
	assert_int_equal(co_rig_unary(rig, "/test.T/Hang", "", &o, NULL, NULL, &e), -ERR_UNAVAILABLE);
	assert_int_equal(grpc_server_stats(rig->srv).abuse_closed, 1);
}

static void test_too_many_pings_end_the_connection(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.keepalive_ms = 40;
	rig_run(&rig, strict_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unary_echo),
		cmocka_unit_test(test_all_codes_reach_the_client),
		cmocka_unit_test(test_metadata_goes_both_ways),
		cmocka_unit_test(test_streams_of_all_sizes),
		cmocka_unit_test(test_streams_compressed_by_snappy),
		cmocka_unit_test(test_streams_compressed_by_gzip),
		cmocka_unit_test(test_slow_reader_stops_the_sender),
		cmocka_unit_test(test_deadline_ends_both_sides),
		cmocka_unit_test(test_cancelled_client_cancels_the_handler),
		cmocka_unit_test(test_lost_connection_fails_calls),
		cmocka_unit_test(test_unreachable_addresses_are_named),
		cmocka_unit_test(test_too_large_requests_are_refused),
		cmocka_unit_test(test_too_large_responses_are_refused),
		cmocka_unit_test(test_connections_are_replaced_without_failing_calls),
		cmocka_unit_test(test_keepalive_is_answered),
		cmocka_unit_test(test_too_many_pings_end_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
