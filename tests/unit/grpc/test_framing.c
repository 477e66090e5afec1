/* Calls with malformed framing get the codes of gRPC's documents, never a crash. */
#include "unit/grpc/raw.h"

#include "codec/snappy.h"

/* One bad (or odd) request to Echo and what must come back. */
struct framing {
	const char *name;
	struct raw_change changes[4];
	const char *path;
	const char *body;
	size_t n;
	const char *http;
	int code;
};

#define BODY(s) s, sizeof(s) - 1

/* clang-format off */
static const struct framing cases[] = {
	{ "plain", { { NULL } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", 0 },
	{ "claims 4 GiB", { { NULL } }, "/test.T/Echo", BODY("\0\xff\xff\xff\xff"), "200", ERR_RESOURCE_EXHAUSTED },
	{ "compressed without encoding", { { NULL } }, "/test.T/Echo", BODY("\1\0\0\0\2hi"), "200", ERR_INTERNAL },
	{ "compressed with identity", { { "grpc-encoding", "identity" } }, "/test.T/Echo", BODY("\1\0\0\0\2hi"), "200", ERR_INTERNAL },
	{ "unknown encoding", { { "grpc-encoding", "zopfli" } }, "/test.T/Echo", BODY("\1\0\0\0\2hi"), "200", ERR_UNIMPLEMENTED },
	{ "unknown encoding unused", { { "grpc-encoding", "zopfli" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", 0 },
	{ "unknown flag", { { NULL } }, "/test.T/Echo", BODY("\7\0\0\0\2hi"), "200", ERR_INTERNAL },
	{ "two messages", { { NULL } }, "/test.T/Echo", BODY("\0\0\0\0\2hi\0\0\0\0\2ho"), "200", ERR_INTERNAL },
	{ "trailing bytes", { { NULL } }, "/test.T/Echo", BODY("\0\0\0\0\2hi\0\0"), "200", ERR_INTERNAL },
	{ "cut message", { { NULL } }, "/test.T/Echo", BODY("\0\0\0\0\5hi"), "200", ERR_INTERNAL },
	{ "cut prefix", { { NULL } }, "/test.T/Echo", BODY("\0\0\0"), "200", ERR_INTERNAL },
	{ "no message", { { NULL } }, "/test.T/Echo", BODY(""), "200", ERR_INTERNAL },
	{ "bad timeout", { { "grpc-timeout", "10x" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "400", ERR_INTERNAL },
	{ "negative timeout", { { "grpc-timeout", "-1S" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "400", ERR_INTERNAL },
	{ "zero timeout", { { "grpc-timeout", "0m" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", ERR_DEADLINE_EXCEEDED },
	{ "no te", { { "te", NULL } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", 0 },
	{ "GET", { { ":method", "GET" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "405", ERR_INTERNAL },
	{ "wrong content-type", { { "content-type", "text/plain" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "415", ERR_INVALID_ARGUMENT },
	{ "content-type prefix", { { "content-type", "application/grpcx" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "415", ERR_INVALID_ARGUMENT },
	{ "content-type with subtype", { { "content-type", "application/grpc+proto" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", 0 },
	{ "no content-type", { { "content-type", NULL } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "415", ERR_INVALID_ARGUMENT },
	{ "unknown method", { { NULL } }, "/test.T/Echoo", BODY("\0\0\0\0\2hi"), "200", ERR_UNIMPLEMENTED },
	{ "no method", { { NULL } }, "/test.T", BODY("\0\0\0\0\2hi"), "200", ERR_UNIMPLEMENTED },
	{ "path twice as deep", { { NULL } }, "/test.T/Echo/", BODY("\0\0\0\0\2hi"), "200", ERR_UNIMPLEMENTED },
	{ "snappy rubbish", { { "grpc-encoding", "snappy" } }, "/test.T/Echo", BODY("\1\0\0\0\4abcd"), "200", ERR_INTERNAL },
	{ "gzip rubbish", { { "grpc-encoding", "gzip" } }, "/test.T/Echo", BODY("\1\0\0\0\4\x1f\x8b\x08\x00"), "200", ERR_INTERNAL },
	{ "binary metadata that is no base64", { { "x-bin", "***" } }, "/test.T/Echo", BODY("\0\0\0\0\2hi"), "200", 0 },
};
/* clang-format on */

static void one_case(struct rig *rig, const struct framing *f, size_t piece)
{
	struct raw w;
	raw_open(&w, rig);
	int32_t id = raw_call(&w, f->path, f->changes, 0);
	for (size_t at = 0; at < f->n; at += piece)
		raw_frame(&w, RAW_DATA, 0, id, f->body + at, MIN(piece, f->n - at));
	raw_frame(&w, RAW_DATA, RAW_END_STREAM, id, NULL, 0);
	co_raw_until(&w, &w.ended, 1);
	if (w.grpc_status != f->code || strcmp(w.status, f->http) != 0)
		fail_msg("%s: status %s code %d \"%s\", not %s %d", f->name, w.status, w.grpc_status, w.message,
			 f->http, f->code);
	assert_int_equal(w.goaway, -1);
	raw_close(&w);
}

static void cases_body(struct rig *rig)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		one_case(rig, &cases[i], 1);
		one_case(rig, &cases[i], 100);
	}
}

static void test_malformed_framing_gets_its_code(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, cases_body);
}

/* Requests that HTTP/2 itself forbids are reset. */
static void forbidden_body(struct rig *rig)
{
	static const struct raw_change bad[][4] = {
		{ { ":path", NULL } },          { { ":authority", NULL } }, { { ":path", "test.T/Echo" } },
		{ { ":scheme", NULL } },        { { "Upper", "x" } },       { { "connection", "close" } },
		{ { "te", "gzip" } },           { { ":method", NULL } },    { { "content-length", "100" } },
		{ { "content-length", "-1" } }, { { ":status", "200" } },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct raw w;
		raw_open(&w, rig);
		int32_t id = raw_call(&w, "/test.T/Echo", bad[i], 0);
		raw_frame(&w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2hi", 7);
		co_raw_until(&w, &w.resets, 1);
		if (w.resets != 1 || w.last_reset != 1)
			fail_msg("%s: %u resets, code %u", bad[i][0].name, w.resets, w.last_reset);
		assert_int_equal(w.grpc_status, -1);
		raw_close(&w);
	}
}

static void test_forbidden_headers_reset_the_stream(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, forbidden_body);
}

static void large_headers_body(struct rig *rig)
{
	static char value[20000];
	struct raw w;
	memset(value, 'v', sizeof(value) - 1);
	raw_open(&w, rig);
	struct strbuf b = { 0 };
	raw_block(&b, "/test.T/Echo", (struct raw_change[]){ { "x-large", value }, { NULL } });
	raw_frame(&w, RAW_HEADERS, 0, 1, b.p, 10000);
	raw_frame(&w, RAW_CONTINUATION, RAW_END_HEADERS, 1, b.p + 10000, b.n - 10000);
	strbuf_fini(&b);
	co_raw_until(&w, &w.ended, 1);
	assert_int_equal(w.grpc_status, ERR_RESOURCE_EXHAUSTED);
	raw_close(&w);
}

static void test_large_headers_are_refused_with_a_code(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, large_headers_body);
}

/* A snappy stream that says it is large. */
static void bomb_body(struct rig *rig)
{
	static char zeros[2 << 20];
	struct strbuf coded = { 0 };
	struct raw w;
	assert_int_equal(codec_snappy_frame_compress(str_mem(zeros, sizeof(zeros)), &coded, NULL), 0);
	raw_open(&w, rig);
	int32_t id = raw_call(&w, "/test.T/Echo", (struct raw_change[]){ { "grpc-encoding", "snappy" }, { NULL } }, 0);
	uint8_t prefix[5] = { 1, (uint8_t)(coded.n >> 24), (uint8_t)(coded.n >> 16), (uint8_t)(coded.n >> 8),
			      (uint8_t)coded.n };
	raw_frame(&w, RAW_DATA, 0, id, prefix, 5);
	for (size_t at = 0; at < coded.n; at += 16000)
		raw_frame(&w, RAW_DATA, at + 16000 >= coded.n ? RAW_END_STREAM : 0, id, coded.p + at,
			  MIN((size_t)16000, coded.n - at));
	co_raw_until(&w, &w.ended, 1);
	assert_int_equal(w.grpc_status, ERR_RESOURCE_EXHAUSTED);
	assert_true(rig->budget.peak < (2 << 20));
	strbuf_fini(&coded);
	raw_close(&w);
}

static void test_compression_bombs_are_refused(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.max_message_bytes = 1 << 20;
	rig_run(&rig, bomb_body);
}

/* A client that takes nothing: window 0. */
static void stalled_body(struct rig *rig)
{
	static const uint8_t window_0[6] = { 0, 4, 0, 0, 0, 0 };
	struct raw w;
	raw_open(&w, rig);
	raw_frame(&w, RAW_SETTINGS, 0, 0, window_0, 6);
	int32_t id = raw_call(&w, "/test.T/Stream", NULL, 0);
	raw_frame(&w, RAW_DATA, RAW_END_STREAM, id,
		  "\0\0\0\0\x0b"
		  "10000 50000",
		  16);
	co_raw_until(&w, &w.resets, 1);
	assert_int_equal(w.resets, 1);
	assert_int_equal(w.last_reset, 8);
	assert_true(grpc_server_stats(rig->srv).queued_bytes_peak <= rig->sopts.send_queue_bytes + 50005);
	for (int i = 0; i < 100 && rig->cancelled == 0; i++)
		co_sleep_ms(2, NULL);
	assert_int_equal(rig->cancelled, 1);
	/* As slow: one byte of window every 10 ms. */
	id = raw_call(&w, "/test.T/Stream", NULL, 0);
	raw_frame(&w, RAW_DATA, RAW_END_STREAM, id,
		  "\0\0\0\0\x0b"
		  "10000 50000",
		  16);
	for (int i = 0; i < 200 && w.resets == 1; i++) {
		raw_frame(&w, RAW_UPDATE, 0, id, "\0\0\0\1", 4);
		co_sleep_ms(10, NULL);
	}
	assert_int_equal(w.resets, 2);
	/* And a request that trickles in. */
	id = raw_call(&w, "/test.T/Echo", NULL, 0);
	for (int i = 0; i < 200 && w.resets == 2; i++) {
		raw_frame(&w, RAW_DATA, 0, id, &"\0\0\1\0\0"[MIN(i, 4)], 1);
		co_sleep_ms(10, NULL);
	}
	assert_int_equal(w.resets, 3);
	raw_close(&w);
}

static void test_stalled_peers_are_reset(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.stall_timeout_ms = 100;
	rig_run(&rig, stalled_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_framing_gets_its_code),
		cmocka_unit_test(test_forbidden_headers_reset_the_stream),
		cmocka_unit_test(test_large_headers_are_refused_with_a_code),
		cmocka_unit_test(test_compression_bombs_are_refused),
		cmocka_unit_test(test_stalled_peers_are_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
