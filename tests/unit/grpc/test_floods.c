/* Peers that only make work are told to calm down and closed (CVE-2023-44487, CVE-2025-8671 and their kin). */
#include "unit/grpc/raw.h"

#include "http/h2.h"

/* Events that may pass before the connection ends. */
#define EVENTS_MAX 1100

/* One event of a flood. */
typedef void flood_fn(struct raw *w);

static void flood_reset(struct raw *w)
{
	int32_t id = raw_call(w, "/test.T/Hang", NULL, 0);
	raw_frame(w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2hi", 7);
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x08", 4);
}

static void flood_reset_without_body(struct raw *w)
{
	int32_t id = raw_call(w, "/test.T/Hang", NULL, 0);
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x08", 4);
}

static void flood_window_overflow(struct raw *w)
{
	int32_t id = raw_call(w, "/test.T/Echo", NULL, 0);
	raw_frame(w, RAW_UPDATE, 0, id, "\x7f\xff\xff\xff", 4);
}

static void flood_zero_update(struct raw *w)
{
	int32_t id = raw_call(w, "/test.T/Echo", NULL, 0);
	raw_frame(w, RAW_UPDATE, 0, id, "\0\0\0\0", 4);
}

static void flood_length_mismatch(struct raw *w)
{
	int32_t id = raw_call(w, "/test.T/Echo", (struct raw_change[]){ { "content-length", "3" }, { NULL } }, 0);
	raw_frame(w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2hi", 7);
}

static void flood_upper_case(struct raw *w)
{
	raw_call(w, "/test.T/Echo", (struct raw_change[]){ { "Upper", "x" }, { NULL } }, 0);
}

static void flood_missing_path(struct raw *w)
{
	raw_call(w, "/test.T/Echo", (struct raw_change[]){ { ":path", NULL }, { NULL } }, 0);
}

static void flood_too_many_streams(struct raw *w)
{
	raw_call(w, "/test.T/Echo", NULL, 0);
}

static void flood_early_errors(struct raw *w)
{
	raw_call(w, "/test.T/Nope", NULL, 0);
}

static void flood_ping(struct raw *w)
{
	raw_frame(w, RAW_PING, 0, 0, "12345678", 8);
}

static void flood_settings(struct raw *w)
{
	raw_frame(w, RAW_SETTINGS, 0, 0, "\0\1\0\0\x10\0", 6);
}

static void flood_priority(struct raw *w)
{
	raw_frame(w, RAW_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
}

static void flood_unknown(struct raw *w)
{
	raw_frame(w, 0xbb, 0, 0, "x", 1);
}

static void flood_connection_updates(struct raw *w)
{
	raw_frame(w, RAW_UPDATE, 0, 0, "\0\0\0\1", 4);
}

static void flood_empty_data(struct raw *w)
{
	if (w->next_id == 1)
		raw_call(w, "/test.T/Echo", NULL, 0);
	raw_frame(w, RAW_DATA, 0, 1, NULL, 0);
}

static void flood_padding(struct raw *w)
{
	if (w->next_id == 1)
		raw_call(w, "/test.T/Echo", NULL, 0);
	raw_frame(w, RAW_DATA, RAW_PADDED, 1, "\3\0\0\0", 4);
}

static void flood_goaway(struct raw *w)
{
	if (w->next_id == 1)
		raw_call(w, "/test.T/Echo", NULL, 0);
	raw_frame(w, RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
}

static void flood_continuation(struct raw *w)
{
	if (w->next_id == 1) {
		raw_frame(w, RAW_HEADERS, 0, 1, NULL, 0);
		w->next_id = 3;
	}
	raw_frame(w, RAW_CONTINUATION, 0, 1, NULL, 0);
}

/* An entry of 4000 bytes put in the table once, then named again and again. */
static void flood_hpack_bomb(struct raw *w)
{
	struct strbuf b = { 0 };
	raw_block(&b, "/test.T/Echo", NULL);
	if (w->next_id == 1) {
		strbuf_add(&b, "\x40\1x\x7f\xa1\x1e", 6); /* literal with indexing, value of 4000 bytes */
		for (int i = 0; i < 4000; i++)
			strbuf_add_ch(&b, 'v');
	}
	for (int i = 0; i < 8000; i++)
		strbuf_add_ch(&b, (char)(0x80 | 62));
	raw_frame(w, RAW_HEADERS, RAW_END_HEADERS, w->next_id, b.p, b.n);
	w->next_id += 2;
	strbuf_fini(&b);
}

static const struct flood {
	const char *name;
	flood_fn *event;
	bool ends_by_itself; /* nghttp2 takes it for a connection error */
} floods[] = {
	{ "rapid reset", flood_reset },
	{ "rapid reset without body", flood_reset_without_body },
	{ "window overflow", flood_window_overflow },
	{ "zero window update", flood_zero_update, true },
	{ "content-length mismatch", flood_length_mismatch },
	{ "upper case header", flood_upper_case },
	{ "missing :path", flood_missing_path },
	{ "too many streams", flood_too_many_streams },
	{ "early errors", flood_early_errors },
	{ "PING", flood_ping },
	{ "SETTINGS", flood_settings },
	{ "PRIORITY", flood_priority },
	{ "unknown frames", flood_unknown },
	{ "WINDOW_UPDATE", flood_connection_updates },
	{ "empty DATA", flood_empty_data },
	{ "padding", flood_padding },
	{ "GOAWAY", flood_goaway },
	{ "CONTINUATION", flood_continuation, true },
	{ "HPACK bomb", flood_hpack_bomb },
};

/* Sends events in bunches until the connection is closed. */
static void run_flood(struct rig *rig, const struct flood *f, int bunch)
{
	struct raw w;
	int events = 0;
	raw_open(&w, rig);
	while (!w.closed && events < 5000) {
		for (int i = 0; i < bunch; i++, events++)
			f->event(&w);
		co_sleep_ms(0, NULL);
		co_yield(NULL);
		co_yield(NULL);
	}
	if (!w.closed || events > EVENTS_MAX + 4 * bunch)
		fail_msg("%s: %s after %d events", f->name, w.closed ? "closed" : "open", events);
	if (w.goaway != H2_ENHANCE_YOUR_CALM && !f->ends_by_itself)
		fail_msg("%s: GOAWAY %d", f->name, (int)w.goaway);
	/* Bytes after the end, malformed ones too, do nothing. */
	raw_write(&w, "rubbish rubbish rubbish", 23);
	co_sleep_ms(2, NULL);
	raw_close(&w);
	co_sleep_ms(2, NULL);
	struct grpc_server_stats st = grpc_server_stats(rig->srv);
	assert_int_equal(st.connections, 0);
	assert_int_equal(st.calls, 0);
}

static void floods_body(struct rig *rig)
{
	uint64_t closed = 0;
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		run_flood(rig, &floods[i], 1);
		run_flood(rig, &floods[i], 50);
		closed += floods[i].ends_by_itself ? 0 : 2;
		assert_int_equal(grpc_server_stats(rig->srv).abuse_closed, closed);
	}
}

static void test_floods_end_the_connection(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.max_streams = 100;
	rig.sopts.stall_timeout_ms = 20000;
	rig_run(&rig, floods_body);
}

/* What well-behaved clients do a lot of must not be taken for a flood. */
static void busy_body(struct rig *rig)
{
	struct raw w;
	raw_open(&w, rig);
	for (uint32_t i = 1; i <= 5000; i++) {
		int32_t id = raw_call(&w, "/test.T/Echo", NULL, 0);
		raw_frame(&w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2hi", 7);
		co_raw_until(&w, &w.ended, i);
		raw_frame(&w, RAW_UPDATE, 0, 0, "\0\0\0\7", 4);
		raw_frame(&w, RAW_PING, 0, 0, "12345678", 8);
		if (w.ended != i)
			fail_msg("call %u: goaway %d", i, (int)w.goaway);
	}
	assert_int_equal(w.goaway, -1);
	assert_int_equal(w.resets, 0);
	raw_close(&w);
}

static void test_busy_clients_are_not_floods(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, busy_body);
}

static void silent_body(struct rig *rig)
{
	static const struct conn_callbacks none;
	struct conn *pair[2];
	conn_pair(rig->r, &(struct conn_options){ 0 }, pair);
	conn_set_callbacks(pair[0], &none, NULL);
	grpc_server_accept(rig->srv, pair[1]);
	for (int i = 0; i < 1000 && grpc_server_stats(rig->srv).connections > 0; i++)
		co_sleep_ms(5, NULL);
	assert_int_equal(grpc_server_stats(rig->srv).connections, 0);
	conn_close(pair[0]);
}

static void test_silent_connections_are_closed(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.setup_timeout_ms = 50;
	rig_run(&rig, silent_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods_end_the_connection),
		cmocka_unit_test(test_busy_clients_are_not_floods),
		cmocka_unit_test(test_silent_connections_are_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
