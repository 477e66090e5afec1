/* Remote read on the wire: both directions against each other and against protobuf-c. */
#include "series/wire_read.h"

#include "base/mem.h"
#include "proto/prompb.pb-c.h"
#include "proto/scan.h"
#include "series/wire_write.h"
#include "unit/unit.h"

#define LABELS(...) \
	((struct labels){ (const struct label[]){ __VA_ARGS__ }, \
			  sizeof((struct label[]){ __VA_ARGS__ }) / sizeof(struct label) })
#define L(n, v) \
	{ \
		STR(n), STR(v) \
	}

/* --- requests ------------------------------------------------------------------------------ */

static const struct wire_matcher matchers[] = {
	{ MATCH_EQ, STR("__name__"), STR("up") },
	{ MATCH_NRE, STR("job"), STR("a|b") },
	{ MATCH_NEQ, STR("x"), STR("") },
};
static const struct str grouping[] = { STR("job"), STR("") };

static struct read_request request(struct read_query q[2])
{
	q[0] = (struct read_query){ .start = -5, .end = 1700000000000, .matchers = matchers, .n_matchers = 3 };
	q[1] = (struct read_query){ .matchers = matchers, .n_matchers = 1 };
	q[0].hints = (struct read_hints){ true, -4, 99, 15000, 60000, STR("rate"), { grouping, 2 }, true };
	return (struct read_request){
		.queries = q, .n_queries = 2, .accepted = { 7, READ_STREAMED_XOR_CHUNKS, READ_SAMPLES }, .n_accepted = 3
	};
}

static void test_request_survives_the_wire(void **state)
{
	struct read_query q[2];
	struct read_request r = request(q), got;
	struct strbuf b = { 0 }, again = { 0 };
	struct arena a;
	enum read_type type;
	arena_init(&a, NULL);
	read_request_write(&r, &b);
	assert_int_equal(read_request_read(strbuf_str(&b), &a, &got, NULL), 0);
	assert_int_equal(got.n_queries, 2);
	assert_int_equal(got.queries[0].start, -5);
	assert_int_equal(got.queries[0].n_matchers, 3);
	assert_int_equal(got.queries[0].matchers[1].type, MATCH_NRE);
	assert_true(str_eq_c(got.queries[0].hints.func, "rate") && got.queries[0].hints.by);
	assert_int_equal(got.queries[0].hints.grouping.n, 2);
	assert_false(got.queries[1].hints.present);
	read_request_write(&got, &again);
	assert_true(str_eq(strbuf_str(&b), strbuf_str(&again)));
	assert_int_equal(read_request_type(&got, &type, NULL), 0);
	assert_int_equal(type, READ_STREAMED_XOR_CHUNKS);
	arena_fini(&a);
	strbuf_fini(&b);
	strbuf_fini(&again);
}

static void test_request_is_what_protobuf_c_reads_and_writes(void **state)
{
	struct read_query q[2];
	struct read_request r = request(q), got;
	struct strbuf b = { 0 }, theirs = { 0 }, again = { 0 };
	struct arena a;
	void *m;
	arena_init(&a, NULL);
	read_request_write(&r, &b);
	assert_int_equal(proto_unpack(strbuf_str(&b), &prometheus_copy__read_request__descriptor, NULL, &a, &m, NULL),
			 0);
	PrometheusCopy__ReadRequest *p = m;
	assert_int_equal(p->n_queries, 2);
	assert_int_equal(p->queries[0]->start_timestamp_ms, -5);
	assert_string_equal(p->queries[0]->matchers[1]->value, "a|b");
	assert_int_equal(p->queries[0]->hints->range_ms, 60000);
	assert_int_equal(p->n_accepted_response_types, 3);
	proto_pack(p, &theirs);
	assert_int_equal(read_request_read(strbuf_str(&theirs), &a, &got, NULL), 0);
	read_request_write(&got, &again);
	assert_true(str_eq(strbuf_str(&b), strbuf_str(&again)));
	arena_fini(&a);
	strbuf_fini(&b);
	strbuf_fini(&theirs);
	strbuf_fini(&again);
}

static void test_forms_are_chosen_in_the_order_of_the_client(void **state)
{
	struct read_request r = { .n_accepted = 0 };
	enum read_type type;
	struct err e = ERR_NONE;
	assert_int_equal(read_request_type(&r, &type, &e), 0);
	assert_int_equal(type, READ_SAMPLES);
	r = (struct read_request){ .accepted = { 0, 1 }, .n_accepted = 2 };
	assert_int_equal(read_request_type(&r, &type, &e), 0);
	assert_int_equal(type, READ_SAMPLES);
	r = (struct read_request){ .accepted = { 5 }, .n_accepted = 1 };
	assert_int_equal(read_request_type(&r, &type, &e), -ERR_INVALID_ARGUMENT);
}

static void test_requests_over_the_limits_are_refused_before_memory_is_taken(void **state)
{
	struct budget budget;
	struct arena a;
	struct strbuf b = { 0 }, q = { 0 };
	struct read_request r;
	struct err e = ERR_NONE;
	budget_init(&budget, NULL, "request", 1 << 20);
	arena_init(&a, &budget);
	for (int i = 0; i <= READ_MAX_QUERIES; i++)
		wire_put_str(&b, 1, STR(""));
	assert_int_equal(read_request_read(strbuf_str(&b), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(budget.peak, 0);
	strbuf_reset(&b);
	for (int i = 0; i <= READ_MAX_MATCHERS; i++)
		wire_put_str(&q, 3, STR(""));
	wire_put_str(&b, 1, strbuf_str(&q));
	assert_int_equal(read_request_read(strbuf_str(&b), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_true(budget.peak < 100000);
	strbuf_reset(&b);
	for (int i = 0; i <= READ_MAX_TYPES; i++)
		wire_put_uint(&b, 2, 1);
	assert_int_equal(read_request_read(strbuf_str(&b), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "too many accepted response types"));
	arena_fini(&a);
	budget_fini(&budget);
	strbuf_fini(&b);
	strbuf_fini(&q);
}

static void test_malformed_requests_are_refused(void **state)
{
	static const struct str bad[] = {
		STR("\x0a\x05"),                 /* cut */
		STR("\x0a\x04\x1a\x02\x08\x04"), /* matcher type 4 */
		STR("\x0a\x02\x1a\x05"),         /* matcher cut */
		STR("\x0a\x04\x22\x02\x0a\x00"), /* step as bytes */
		STR("\x0a\x02\x0a\x00"),         /* start as bytes */
		STR("\x12\x01\x80"),             /* packed varint cut */
		STR("\x15\x00\x00\x00\x00"),     /* types as fixed32 */
	};
	struct arena a;
	struct read_request r;
	arena_init(&a, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(read_request_read(bad[i], &a, &r, NULL), -ERR_INVALID_ARGUMENT);
	arena_fini(&a);
}

/* --- samples --------------------------------------------------------------------------------- */

static int to_buf(void *arg, struct str piece, struct err *err)
{
	strbuf_add_str(arg, piece);
	return 0;
}

static const struct hist_span span = { 1, 2 };
static const int64_t deltas[] = { 2, -1 };
static const double counts[] = { 2, 1 };

static void fill(int64_t *t, double *v, int n)
{
	for (int i = 0; i < n; i++) {
		t[i] = 1000 * (i - 1);
		v[i] = i % 3 ? i * 0.1 : 0;
	}
}

static void test_results_are_what_protobuf_c_and_the_reader_read(void **state)
{
	enum { N = 9000 }; /* several pieces */
	int64_t *t = xcalloc(N, sizeof(*t)), ht[] = { 5, 6 };
	double *v = xcalloc(N, sizeof(*v));
	struct histogram h[] = {
		{ .count = 3, .sum = 1, .pos_spans = &span, .n_pos_spans = 1, .pos_deltas = deltas, .n_pos = 2 },
		{ .is_float = true, .sum = 2, .pos_spans = &span, .n_pos_spans = 1, .pos_counts = counts, .n_pos = 2 },
	};
	fill(t, v, N);
	struct read_series s[] = { { LABELS(L("__name__", "up"), L("job", "x")), N, t, v, 0, NULL, NULL },
				   { LABELS(L("__name__", "h")), 0, NULL, NULL, 2, ht, h },
				   { .n_floats = 0 } };
	struct strbuf body = { 0 }, msg = { 0 };
	struct read_writer w = { .sink = to_buf, .arg = &body };
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_writer_add(&w, &s[i], NULL), 0);
	assert_int_equal(read_writer_end(&w, NULL), 0);
	assert_int_equal(w.bytes, body.n);
	uint8_t head[1 + VARINT_MAX];
	strbuf_add(&msg, head, read_result_head(head, w.bytes));
	strbuf_add_str(&msg, strbuf_str(&body));
	strbuf_add(&msg, head, read_result_head(head, 0));
	struct arena a;
	void *m;
	arena_init(&a, NULL);
	assert_int_equal(
		proto_unpack(strbuf_str(&msg), &prometheus_copy__read_response__descriptor, NULL, &a, &m, NULL), 0);
	PrometheusCopy__ReadResponse *p = m;
	assert_int_equal(p->n_results, 2);
	assert_int_equal(p->results[0]->n_timeseries, 3);
	PrometheusCopy__TimeSeries *ts = p->results[0]->timeseries[0];
	assert_int_equal(ts->n_samples, N);
	for (int i = 0; i < N; i++)
		assert_true(ts->samples[i]->timestamp == t[i] && ts->samples[i]->value == v[i]);
	assert_int_equal(p->results[0]->timeseries[1]->n_histograms, 2);
	assert_int_equal(p->results[0]->timeseries[1]->histograms[1]->timestamp, 6);

	struct wire in = wire_begin(strbuf_str(&msg));
	struct str result;
	struct write_reader r;
	struct write_series got;
	assert_int_equal(read_response_next(&in, &result, NULL), 1);
	assert_int_equal(write_reader_open(&r, WRITE_V1, result, NULL, NULL), 0);
	assert_int_equal(write_reader_next(&r, &got, NULL), 1);
	assert_int_equal(got.n_samples, N);
	assert_memory_equal(got.t, t, N * sizeof(*t));
	assert_memory_equal(got.v, v, N * sizeof(*v));
	assert_int_equal(write_reader_next(&r, &got, NULL), 1);
	assert_true(hist_equal(&got.histograms[0].h, &h[0]) && hist_equal(&got.histograms[1].h, &h[1]));
	assert_int_equal(write_reader_next(&r, &got, NULL), 1);
	assert_int_equal(write_reader_next(&r, &got, NULL), 0);
	write_reader_close(&r);
	assert_int_equal(read_response_next(&in, &result, NULL), 1);
	assert_int_equal(result.n, 0);
	assert_int_equal(read_response_next(&in, &result, NULL), 0);
	read_writer_fini(&w);
	arena_fini(&a);
	strbuf_fini(&body);
	strbuf_fini(&msg);
	free(t);
	free(v);
}

/* --- frames ------------------------------------------------------------------------------------ */

static struct strbuf frames(void)
{
	struct read_frames f = { .query = 3, .max_bytes = 60 };
	struct strbuf out = { 0 };
	struct chunk c = { CHUNK_XOR, STR("0123456789") };
	read_frames_series(&f, LABELS(L("__name__", "up"), L("job", "x")));
	assert_false(read_frames_add(&f, c, 0, 5));
	assert_true(read_frames_add(&f, c, -6, 9));
	read_frames_write(&f, &out);
	c.enc = CHUNK_FLOAT_HIST;
	assert_false(read_frames_add(&f, c, 10, 11));
	read_frames_write(&f, &out);
	read_frames_write(&f, &out); /* nothing left */
	read_frames_fini(&f);
	return out;
}

static void test_frames_are_what_protobuf_c_and_the_reader_read(void **state)
{
	struct strbuf out = frames();
	struct str in = strbuf_str(&out), msg;
	struct arena a;
	struct read_frame f = { 0 };
	void *m;
	arena_init(&a, NULL);
	assert_int_equal(read_frame_take(&in, 1000, &msg, NULL), 1);
	assert_int_equal(proto_unpack(msg, &prometheus_copy__chunked_read_response__descriptor, NULL, &a, &m, NULL), 0);
	PrometheusCopy__ChunkedReadResponse *p = m;
	assert_int_equal(p->query_index, 3);
	assert_int_equal(p->n_chunked_series, 1);
	assert_int_equal(p->chunked_series[0]->n_chunks, 2);
	assert_int_equal(p->chunked_series[0]->chunks[1]->min_time_ms, -6);
	struct wire w = wire_begin(msg);
	assert_int_equal(read_frame_next(&w, &a, &f, NULL), 1);
	assert_int_equal(f.query, 3);
	assert_int_equal(f.series.labels.n, 2);
	assert_int_equal(f.series.n_chunks, 2);
	assert_true(f.series.chunks[1].mint == -6 && f.series.chunks[1].maxt == 9);
	assert_int_equal(read_frame_next(&w, &a, &f, NULL), 0);
	assert_int_equal(read_frame_take(&in, 1000, &msg, NULL), 1);
	w = wire_begin(msg);
	assert_int_equal(read_frame_next(&w, &a, &f, NULL), 1);
	assert_int_equal(f.series.chunks[0].part[SERIES_RAW].chunk.enc, CHUNK_FLOAT_HIST);
	assert_int_equal(read_frame_take(&in, 1000, &msg, NULL), 0);
	assert_int_equal(in.n, 0);
	arena_fini(&a);
	strbuf_fini(&out);
}

static void test_frames_that_are_cut_large_or_damaged_are_found(void **state)
{
	struct strbuf out = frames();
	struct err e = ERR_NONE;
	struct str in, msg;
	uint64_t n;
	size_t first = (size_t)(varint_get((uint8_t *)out.p, (uint8_t *)out.p + out.n, &n) - (uint8_t *)out.p) + 4 + n;
	for (size_t cut = 0; cut < first; cut++) {
		in = str_mem(out.p, cut);
		assert_int_equal(read_frame_take(&in, 1000, &msg, NULL), 0);
		assert_int_equal(in.n, cut);
	}
	in = str_mem(out.p, 1);
	assert_int_equal(read_frame_take(&in, n - 1, &msg, &e), -ERR_RESOURCE_EXHAUSTED);
	out.p[first - 1] ^= 1;
	in = strbuf_str(&out);
	assert_int_equal(read_frame_take(&in, 1000, &msg, &e), -ERR_DATA_LOSS);
	in = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
	assert_int_equal(read_frame_take(&in, 1000, &msg, &e), -ERR_INVALID_ARGUMENT);
	strbuf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_survives_the_wire),
		cmocka_unit_test(test_request_is_what_protobuf_c_reads_and_writes),
		cmocka_unit_test(test_forms_are_chosen_in_the_order_of_the_client),
		cmocka_unit_test(test_requests_over_the_limits_are_refused_before_memory_is_taken),
		cmocka_unit_test(test_malformed_requests_are_refused),
		cmocka_unit_test(test_results_are_what_protobuf_c_and_the_reader_read),
		cmocka_unit_test(test_frames_are_what_protobuf_c_and_the_reader_read),
		cmocka_unit_test(test_frames_that_are_cut_large_or_damaged_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
