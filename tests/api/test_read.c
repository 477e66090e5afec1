/* Remote read over loopback: both forms of answers, parameters, limits, errors. */
#include "api/rig.h"

#include "base/compiler.h"
#include "codec/snappy.h"
#include "series/samples.h"
#include "series/wire_read.h"
#include "series/wire_write.h"
#include "unit/unit.h"

static const char script[] = "load 15s\n"
			     "  up{instance=\"a\",job=\"x\"} 1x40\n"
			     "  up{instance=\"b\",job=\"x\"} 0+1.5x400\n"
			     "  mixed{job=\"x\"} 1x10 {{count:3 sum:2 buckets:[1 2]}}x10 2x5\n"
			     "  nhcb{job=\"x\"} {{schema:-53 sum:5 count:6 custom_values:[1 2.5] buckets:[1 2 3]}}x4\n";

static const struct api_prom_config plain = { .partial_response = true, .timeout_ms = 60000 };

/* Runs a test with the rig. */
static void run(const struct api_prom_config *cfg, void (*fn)(struct rig *g))
{
	struct rig g;
	rig_init(&g, cfg, str_c(script));
	g.sort = true;
	rig_run(&g, fn);
	rig_fini(&g);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* Sends bytes as they are. */
static void co_post(struct rig *g, const char *params, struct str body, struct answer *ret)
{
	struct strbuf url = { 0 };
	struct err err = ERR_NONE;
	char origin[160];
	struct http_header h[] = { { STR("Content-Type"), STR("application/x-protobuf") },
				   { STR("Content-Encoding"), STR("snappy") } };
	strbuf_printf(&url, "%s/api/v1/read?%s", rig_origin(g, origin), params);
	struct http_client_req rq = { .method = "POST", .url = url.p, .headers = h, .n_headers = 2, .body = body };
	*ret = (struct answer){ .status = 0 };
	if (co_http_request(g->client, &rq, &ret->resp, &err))
		fail_msg("%s", err.msg);
	ret->status = ret->resp.status;
	strbuf_fini(&url);
}

static void co_ask(struct rig *g, const char *params, const struct read_request *r, struct answer *ret)
{
	struct strbuf msg = { 0 }, z = { 0 };
	read_request_write(r, &msg);
	assert_int_equal(codec_snappy_compress_add(strbuf_str(&msg), &z, NULL), 0);
	co_post(g, params, strbuf_str(&z), ret);
	strbuf_fini(&msg);
	strbuf_fini(&z);
}

static const struct wire_matcher job_x[] = { { MATCH_EQ, STR("job"), STR("x") } };
static const struct wire_matcher only_up[] = { { MATCH_EQ, STR("__name__"), STR("up") } };
static const struct wire_matcher nothing[] = { { MATCH_EQ, STR("__name__"), STR("none") } };
static const struct wire_matcher bad_regex[] = { { MATCH_RE, STR("a"), STR("(") } };

static struct read_request request(const struct read_query *q, size_t n, enum read_type type)
{
	return (struct read_request){ .queries = q, .n_queries = n, .accepted = { type }, .n_accepted = 1 };
}

static void expect_header(const struct answer *a, const char *name, const char *value)
{
	struct str got = http_headers_get(&a->resp.headers, name);
	if (!str_eq_c(got, value))
		fail_msg("%s: want \"%s\", got \"%.*s\"", name, value, (int)got.n, got.p);
}

/* --- reading answers --------------------------------------------------------------------------- */

/* Appends the text of a series: labels, then "t:value" or "t:{count sum}". */
static void print_sample(struct strbuf *b, int64_t t, double v, const struct histogram *h)
{
	if (h)
		strbuf_printf(b, " %lld:{%g %g}", (long long)t / 1000, h->is_float ? h->count_f : (double)h->count,
			      h->sum);
	else
		strbuf_printf(b, " %lld:%g", (long long)t / 1000, v);
}

/* The series of an answer of samples as text. */
static void print_samples(const struct answer *a, struct strbuf *out)
{
	struct arena arena;
	struct str msg, result;
	arena_init(&arena, NULL);
	assert_int_equal(codec_snappy_uncompress(strbuf_str(&a->resp.body), 64 << 20, &arena, &msg, NULL), 0);
	struct wire w = wire_begin(msg);
	for (int i = 0; read_response_next(&w, &result, NULL) == 1; i++) {
		struct write_reader r;
		struct write_series s;
		assert_int_equal(write_reader_open(&r, WRITE_V1, result, NULL, NULL), 0);
		while (write_reader_next(&r, &s, NULL) == 1) {
			struct label l[8];
			write_series_labels(&r, &s, l);
			strbuf_printf(out, "%d ", i);
			labels_print_series((struct labels){ l, s.n_labels }, out);
			/* The message has floats and histograms apart; in time they are one. */
			for (size_t f = 0, h = 0; f < s.n_samples || h < s.n_histograms;) {
				if (h == s.n_histograms || (f < s.n_samples && s.t[f] < s.histograms[h].t)) {
					print_sample(out, s.t[f], s.v[f], NULL);
					f++;
				} else {
					print_sample(out, s.histograms[h].t, 0, &s.histograms[h].h);
					h++;
				}
			}
			strbuf_add_c(out, "\n");
		}
		write_reader_close(&r);
	}
	arena_fini(&arena);
}

/* The series of a streamed answer as text; returns the number of frames. */
static int print_frames(const struct answer *a, struct strbuf *out)
{
	struct arena arena;
	struct str in = strbuf_str(&a->resp.body), msg;
	struct strbuf last = { 0 }, now = { 0 };
	int n = 0;
	arena_init(&arena, NULL);
	while (in.n && read_frame_take(&in, 1 << 20, &msg, NULL) == 1) {
		struct wire w = wire_begin(msg);
		struct read_frame f = { 0 };
		n++;
		assert_int_equal(read_frame_next(&w, &arena, &f, NULL), 1);
		strbuf_reset(&now);
		strbuf_printf(&now, "%d ", (int)f.query);
		labels_print_series(f.series.labels, &now);
		if (!str_eq(strbuf_str(&last), strbuf_str(&now))) {
			strbuf_add_c(out, last.n ? "\n" : "");
			strbuf_add_str(out, strbuf_str(&now));
		}
		strbuf_reset(&last);
		strbuf_add_str(&last, strbuf_str(&now));
		for (size_t i = 0; i < f.series.n_chunks; i++) {
			struct series_samples s;
			struct series_chunk *c = &f.series.chunks[i];
			assert_int_equal(series_samples_decode(c, 1, SERIES_PICK_AVG, false, INT64_MIN, INT64_MAX,
							       &arena, &s, NULL),
					 0);
			assert_true(s.n && s.t[0] == c->mint && s.t[s.n - 1] == c->maxt && s.n <= 120);
			for (size_t k = 0; k < s.n; k++)
				print_sample(out, s.t[k], s.v[k], s.h ? s.h[k] : NULL);
		}
	}
	assert_int_equal(in.n, 0);
	strbuf_add_c(out, n ? "\n" : "");
	strbuf_fini(&last);
	strbuf_fini(&now);
	arena_fini(&arena);
	return n;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void co_both(struct rig *g)
{
	struct read_query q[] = {
		{ .start = 0, .end = 30000, .matchers = only_up, .n_matchers = 1 },
		{ .start = 0, .end = 1000, .matchers = nothing, .n_matchers = 1 },
		{ .start = 150000, .end = 400000, .matchers = job_x, .n_matchers = 1 },
		{ .start = 7, .end = 5, .matchers = job_x, .n_matchers = 1 },
	};
	struct read_request r = request(q, 4, READ_SAMPLES);
	struct strbuf samples = { 0 }, frames = { 0 };
	struct answer a;
	co_ask(g, "", &r, &a);
	assert_int_equal(a.status, 200);
	expect_header(&a, "content-type", READ_SAMPLES_TYPE);
	expect_header(&a, "content-encoding", "snappy");
	print_samples(&a, &samples);
	http_client_resp_fini(&a.resp);
	r = request(q, 4, READ_STREAMED_XOR_CHUNKS);
	co_ask(g, "", &r, &a);
	assert_int_equal(a.status, 200);
	expect_header(&a, "content-type", READ_STREAM_TYPE);
	expect_header(&a, "content-encoding", "");
	print_frames(&a, &frames);
	http_client_resp_fini(&a.resp);
	assert_string_equal(samples.p, frames.p);
	static const char begin[] = "0 up{instance=\"a\", job=\"x\"} 0:1 15:1 30:1\n"
				    "0 up{instance=\"b\", job=\"x\"} 0:0 15:1.5 30:3\n"
				    "2 mixed{job=\"x\"} 150:1 165:{3 2} 180:{3 2}";
	assert_memory_equal(samples.p, begin, sizeof(begin) - 1);
	assert_non_null(strstr(samples.p, "300:{3 2} 315:{3 2} 330:2 345:2"));
	assert_true(g->seen.dedup && g->seen.partial_response && !g->seen.skip_chunks);
	strbuf_fini(&samples);
	strbuf_fini(&frames);
}

static void test_both_forms_carry_the_same_samples(void **state)
{
	run(&plain, co_both);
}

static void co_frames(struct rig *g)
{
	struct read_query q = { .start = 0, .end = 10000000, .matchers = job_x, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_STREAMED_XOR_CHUNKS);
	struct strbuf large = { 0 }, small = { 0 };
	struct answer a;
	co_ask(g, "", &r, &a);
	assert_int_equal(print_frames(&a, &large), 4);
	http_client_resp_fini(&a.resp);
	g->prom.cfg.read_frame_bytes = 100;
	co_ask(g, "", &r, &a);
	assert_true(print_frames(&a, &small) >= 7);
	http_client_resp_fini(&a.resp);
	assert_string_equal(large.p, small.p);
	strbuf_fini(&large);
	strbuf_fini(&small);
}

static void test_frames_end_at_their_size_and_series_go_on(void **state)
{
	run(&plain, co_frames);
}

static void co_empty(struct rig *g)
{
	struct read_query q = { .start = 0, .end = 10000000, .matchers = nothing, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_STREAMED_XOR_CHUNKS);
	struct answer a;
	co_ask(g, "", &r, &a);
	assert_int_equal(a.status, 200);
	expect_header(&a, "content-type", READ_STREAM_TYPE);
	assert_int_equal(a.resp.body.n, 0);
	http_client_resp_fini(&a.resp);
	r.n_accepted = 0; /* clients from before there was a choice */
	co_ask(g, "", &r, &a);
	expect_header(&a, "content-type", READ_SAMPLES_TYPE);
	assert_int_equal(a.resp.body.n, 4); /* a block of the two bytes of an empty result */
	http_client_resp_fini(&a.resp);
}

static void test_nothing_found_is_an_empty_answer(void **state)
{
	run(&plain, co_empty);
}

static void co_hints(struct rig *g)
{
	struct read_query q = { .start = 0, .end = 400000, .matchers = only_up, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	struct strbuf b = { 0 };
	struct answer a;
	q.hints = (struct read_hints){
		.present = true, .start = 30000, .end = 500000, .func = STR("rate"), .step_ms = 50000, .range_ms = 60000
	};
	co_ask(g, "max_source_resolution=auto&dedup=0&replicaLabels[]=r&partial_response=false&storeMatch[]={a=\"b\"}",
	       &r, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(g->seen_start, 30000);
	assert_int_equal(g->seen_end, 400000);
	assert_int_equal(g->seen.max_resolution_ms, 10000);
	assert_true(!g->seen.dedup && !g->seen.partial_response && g->seen.n_store_match == 1);
	assert_int_equal(g->seen.n_replica_labels, 1);
	http_client_resp_fini(&a.resp);
	q.hints = (struct read_hints){ .present = true, .func = STR("series") };
	co_ask(g, "", &r, &a);
	assert_true(g->seen.skip_chunks);
	assert_int_equal(g->seen_end, 400000);
	http_client_resp_fini(&a.resp);
	strbuf_fini(&b);
}

static void test_hints_and_parameters_reach_the_select(void **state)
{
	run(&plain, co_hints);
}

/* --- what is refused --------------------------------------------------------------------------------- */

static void co_expect_error(struct rig *g, const char *params, struct str body, int status, const char *text)
{
	struct answer a;
	co_post(g, params, body, &a);
	strbuf_add_c(&a.resp.body, "");
	if (a.status != status || !strstr(a.resp.body.p, text))
		fail_msg("want %d %s, got %d %s", status, text, a.status, a.resp.body.p);
	expect_header(&a, "content-type", "text/plain; charset=utf-8");
	http_client_resp_fini(&a.resp);
}

static void co_refuse(struct rig *g, const char *params, const struct read_request *r, int status, const char *text)
{
	struct strbuf msg = { 0 }, z = { 0 };
	read_request_write(r, &msg);
	assert_int_equal(codec_snappy_compress_add(strbuf_str(&msg), &z, NULL), 0);
	co_expect_error(g, params, strbuf_str(&z), status, text);
	strbuf_fini(&msg);
	strbuf_fini(&z);
}

static void co_errors(struct rig *g)
{
	struct read_query q = { .start = 0, .end = 400000, .matchers = only_up, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	co_expect_error(g, "", STR(""), 400, "snappy: corrupt input");
	co_expect_error(g, "", STR("\xff\xff\xff\xff\x0f\x00"), 400, "over the limit of 4194304");
	co_expect_error(g, "", STR("\x02\x04\x0a\x05"), 400, "proto: ReadRequest: unexpected EOF");
	co_refuse(g, "dedup=x", &r, 400, "'dedup' parameter");
	r.accepted[0] = 9;
	co_refuse(g, "", &r, 400, "does not support any of the requested response types");
	r.accepted[0] = 0;
	q.n_matchers = 0;
	co_refuse(g, "", &r, 400, "a query without matchers");
	q = (struct read_query){ .matchers = bad_regex, .n_matchers = 1 };
	co_refuse(g, "", &r, 400, "missing");
	q = (struct read_query){ .end = 400000, .matchers = only_up, .n_matchers = 1 };
	g->select_code = ERR_FAILED_PRECONDITION;
	co_refuse(g, "", &r, 500, "store a:1 said no");
	r.accepted[0] = 1;
	co_refuse(g, "", &r, 500, "store a:1 said no");
	g->select_code = 0;
	r.accepted[0] = 0;
	g->prom.cfg.read_sample_limit = 10;
	co_refuse(g, "", &r, 400, "exceeded sample limit (10)");
	g->prom.cfg.read_sample_limit = 0;
	g->select_delay_ms = 200;
	g->prom.cfg.timeout_ms = 20;
	co_refuse(g, "", &r, 503, "query timed out in query execution");
	assert_int_equal(g->cancelled, 1);
	assert_int_equal(g->prom.read_gate.held, 0);
}

static void test_errors_are_text_with_a_status(void **state)
{
	run(&plain, co_errors);
}

static void co_over_memory(struct rig *g)
{
	struct read_query q = { .end = 10000000, .matchers = job_x, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	g->memory_limit = 2500;
	co_refuse(g, "", &r, 422, "query memory limit");
}

static void test_answers_over_the_memory_limit_are_refused(void **state)
{
	run(&plain, co_over_memory);
}

static void co_warned(struct rig *g)
{
	struct read_query q = { .end = 40000, .matchers = only_up, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	struct answer a;
	g->store_warning = "store b:2 is gone";
	for (int i = 0; i < 2; i++) {
		r.accepted[0] = (uint32_t)i;
		co_ask(g, "", &r, &a);
		assert_int_equal(a.status, 200);
		expect_header(&a, "x-thanos-warnings", "store b:2 is gone");
		http_client_resp_fini(&a.resp);
	}
}

static void test_warnings_of_stores_are_told_in_a_header(void **state)
{
	run(&plain, co_warned);
}

/* Fails after all but the last series: long after the head of a streamed answer. */
static void co_broken(struct rig *g)
{
	struct read_query q = { .end = 10000000, .matchers = job_x, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	struct strbuf msg = { 0 }, z = { 0 }, url = { 0 };
	struct http_client_resp resp = { .status = 0 };
	struct err err = ERR_NONE;
	char origin[160];
	g->fail_after = 150;
	co_refuse(g, "", &r, 500, "store a:1 broke off");
	r.accepted[0] = READ_STREAMED_XOR_CHUNKS;
	read_request_write(&r, &msg);
	assert_int_equal(codec_snappy_compress_add(strbuf_str(&msg), &z, NULL), 0);
	strbuf_printf(&url, "%s/api/v1/read", rig_origin(g, origin));
	struct http_header type = { STR("Content-Type"), STR("application/x-protobuf") };
	struct http_client_req rq = {
		.method = "POST", .url = url.p, .headers = &type, .n_headers = 1, .body = strbuf_str(&z)
	};
	/* Never an answer that looks complete. */
	assert_int_equal(co_http_request(g->client, &rq, &resp, &err), -ERR_UNAVAILABLE);
	assert_int_equal(g->prom.read_gate.held, 0);
	http_client_resp_fini(&resp);
	strbuf_fini(&msg);
	strbuf_fini(&z);
	strbuf_fini(&url);
}

static void test_a_stream_that_fails_under_way_is_reset(void **state)
{
	struct strbuf s = { 0 };
	struct rig g;
	strbuf_add_c(&s, "load 15s\n");
	for (int i = 0; i < 160; i++)
		strbuf_printf(&s, "  m{i=\"%03d\",job=\"x\"} %d+%d.37x400\n", i, i, i + 1);
	rig_init(&g, &plain, strbuf_str(&s));
	g.sort = true;
	rig_run(&g, co_broken);
	rig_fini(&g);
	strbuf_fini(&s);
}

static void co_tenant(struct rig *g)
{
	struct read_query q = { .end = 40000, .matchers = only_up, .n_matchers = 1 };
	struct read_request r = request(&q, 1, READ_SAMPLES);
	struct strbuf b = { 0 };
	struct answer a;
	co_ask(g, "", &r, &a);
	print_samples(&a, &b);
	assert_string_equal(b.p, "0 up{instance=\"a\", job=\"x\"} 0:1 15:1 30:1\n");
	http_client_resp_fini(&a.resp);
	strbuf_fini(&b);
}

static void test_a_tenant_reads_only_its_own_series(void **state)
{
	struct api_prom_config cfg = plain;
	cfg.enforce_label = "instance";
	cfg.default_tenant = "a";
	run(&cfg, co_tenant);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_forms_carry_the_same_samples),
		cmocka_unit_test(test_frames_end_at_their_size_and_series_go_on),
		cmocka_unit_test(test_nothing_found_is_an_empty_answer),
		cmocka_unit_test(test_hints_and_parameters_reach_the_select),
		cmocka_unit_test(test_errors_are_text_with_a_status),
		cmocka_unit_test(test_answers_over_the_memory_limit_are_refused),
		cmocka_unit_test(test_warnings_of_stores_are_told_in_a_header),
		cmocka_unit_test(test_a_stream_that_fails_under_way_is_reset),
		cmocka_unit_test(test_a_tenant_reads_only_its_own_series),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
