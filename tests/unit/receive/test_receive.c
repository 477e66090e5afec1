#include "unit/receive/rig.h"

#include "receive/internal.h"

#define T0 1700000000000ll

/* Two tenants, three series each, two samples each. */
static void co_fill(struct rig *rig)
{
	static const char *const tenants[] = { "acme", "zeta" };
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 2; i++) {
			struct strbuf b = { 0 };
			rig_add(&b, "__name__=m,a=1", T0 + i * 1000, 1 + i);
			rig_add(&b, "__name__=m,a=1,b=2", T0 + i * 1000, 11 + i);
			rig_add(&b, "__name__=n,z=9", T0 + i * 1000, 21 + i);
			assert_int_equal(co_rig_write(rig, &b, tenants[k]), 200);
		}
	}
}

#define ACME(rest) "{__name__=\"m\", " rest ", replica=\"r0\", tenant_id=\"acme\"}"
#define ZETA(rest) "{__name__=\"m\", " rest ", replica=\"r0\", tenant_id=\"zeta\"}"
#define FIRST " 1700000000000:1 1700000001000:2\n"
#define SECOND " 1700000000000:11 1700000001000:12\n"

static void co_read_back(struct rig *rig)
{
	co_fill(rig);
	co_rig_expect(rig, MATCH_EQ, "__name__", "m", T0, T0 + 5000,
		      ACME("a=\"1\", b=\"2\"") SECOND ZETA("a=\"1\", b=\"2\"") SECOND ACME("a=\"1\"")
			      FIRST ZETA("a=\"1\"") FIRST);
	co_rig_expect(
		rig, MATCH_EQ, "tenant_id", "zeta", T0, T0,
		ZETA("a=\"1\", b=\"2\"") " 1700000000000:11\n" ZETA(
			"a=\"1\"") " 1700000000000:1\n"
				   "{__name__=\"n\", replica=\"r0\", tenant_id=\"zeta\", z=\"9\"} 1700000000000:21\n");
	co_rig_expect(rig, MATCH_NEQ, "replica", "r0", T0, T0 + 5000, "");
	co_rig_expect(rig, MATCH_RE, "tenant_id", "nobody|other", T0, T0 + 5000, "");
	co_rig_expect(rig, MATCH_EQ, "b", "2", T0 + 2000, T0 + 5000, "");
}

static void test_what_was_written_is_read_with_external_labels(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_read_back);
}

/* --- options of a Series request ------------------------------------------------------------ */

static struct series_request request(const struct wire_matcher *m)
{
	return (struct series_request){ .mint = T0, .maxt = T0 + 5000, .matchers = m, .n_matchers = 1 };
}

static void co_expect_text(struct rig *rig, const struct series_request *req, const char *want)
{
	struct rig_result r;
	co_rig_series(rig, req, &r);
	must(-r.code, &r.err);
	assert_string_equal(r.text.p, want);
	rig_result_fini(&r);
}

static void co_without_replica(struct rig *rig)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("m") };
	struct series_request req = request(&m);
	co_fill(rig);
	/* Without the tenant the series of both tenants are one; without `a` the order is another. */
	struct str tenant[] = { STR("tenant_id"), STR("replica") };
	req.without_replica_labels = (struct wire_strs){ tenant, 2 };
	co_expect_text(rig, &req, "{__name__=\"m\", a=\"1\"}" FIRST "{__name__=\"m\", a=\"1\", b=\"2\"}" SECOND);
	/* Series of one tenant that differ only in a label left out are one: their samples come together. */
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=j,r=0,x=1", T0, 1);
	rig_add(&b, "__name__=j,r=0,x=2", T0, 3);
	rig_add(&b, "__name__=j,r=1,x=1", T0 + 1000, 2);
	assert_int_equal(co_rig_write(rig, &b, "acme"), 200);
	const struct wire_matcher j = { MATCH_EQ, STR("__name__"), STR("j") };
	struct str r[] = { STR("r"), STR("tenant_id"), STR("replica") };
	req.matchers = &j;
	req.without_replica_labels = (struct wire_strs){ r, 3 };
	co_expect_text(
		rig, &req,
		"{__name__=\"j\", x=\"1\"} 1700000000000:1 1700000001000:2\n{__name__=\"j\", x=\"2\"} 1700000000000:3\n");
}

static void test_labels_left_out_join_and_sort_series_again(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_without_replica);
}

static void co_options(struct rig *rig)
{
	const struct wire_matcher m = { MATCH_RE, STR("__name__"), STR(".+") };
	struct rig_result r;
	co_fill(rig);
	struct series_request req = request(&m);
	req.skip_chunks = true;
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.series, 6);
	assert_int_equal(r.chunks, 0);
	rig_result_fini(&r);
	/* Series without a sample in the range are left out, chunks or not. */
	req.mint = T0 + 3000;
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.series, 0);
	rig_result_fini(&r);

	req = request(&m);
	req.limit = 4;
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.series, 4);
	assert_int_equal(r.largest_batch, 1);
	rig_result_fini(&r);

	req = request(&m);
	req.batch_size = 4;
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.series, 6);
	assert_int_equal(r.frames, 2);
	assert_int_equal(r.largest_batch, 4);
	rig_result_fini(&r);

	size_t total = 0;
	for (int64_t i = 0; i < 3; i++) {
		req = request(&m);
		req.has_shard = true;
		req.shard = (struct shard_info){ .index = i, .total = 3 };
		co_rig_series(rig, &req, &r);
		total += r.series;
		rig_result_fini(&r);
	}
	assert_int_equal(total, 6);
}

static void test_skip_chunks_limit_batches_and_shards(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_options);
}

/* Chunks longer than what frames copy, in batches over two tenants: what a frame borrows must live until it is sent. */
static void co_large_batches(struct rig *rig)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("big") };
	for (int k = 0; k < 2; k++) {
		struct strbuf b = { 0 };
		for (int i = 0; i < 150; i++) {
			char labels[64];
			snprintf(labels, sizeof(labels), "__name__=big,i=%03d", i);
			rig_add_values(&b, labels, T0, 977 + i, i * 1.1, 200, true);
		}
		assert_int_equal(co_rig_write(rig, &b, k ? "zeta" : "acme"), 200);
	}
	static const int64_t batches[] = { 1, 3, 7, 64, 1000 };
	for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
		struct series_request req = {
			.mint = T0, .maxt = T0 + 10000000, .matchers = &m, .n_matchers = 1, .batch_size = batches[i]
		};
		struct rig_result r;
		co_rig_series(rig, &req, &r);
		must(-r.code, &r.err);
		assert_int_equal(r.series, 300);
		assert_int_equal(r.samples, 300 * 200);
		rig_result_fini(&r);
	}
}

static void test_chunks_of_a_batch_live_until_it_is_sent(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_large_batches);
}

static void co_limits(struct rig *rig)
{
	const struct wire_matcher m = { MATCH_RE, STR("__name__"), STR(".+") };
	struct series_request req = request(&m);
	struct rig_result r;
	co_fill(rig);
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.code, ERR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r.err.msg, "series"));
	rig_result_fini(&r);
	const struct wire_matcher bad = { MATCH_RE, STR("__name__"), STR("(") };
	req.matchers = &bad;
	co_rig_series(rig, &req, &r);
	assert_int_equal(r.code, ERR_INVALID_ARGUMENT);
	rig_result_fini(&r);
}

static void test_limits_and_bad_matchers_are_errors(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.store_series_limit = 5;
	rig_run(&rig, co_limits);
}

/* --- names and values ---------------------------------------------------------------------------- */

static void co_names(struct rig *rig)
{
	co_fill(rig);
	const struct wire_matcher n = { MATCH_EQ, STR("__name__"), STR("n") },
				  zeta = { MATCH_EQ, STR("tenant_id"), STR("zeta") },
				  none = { MATCH_EQ, STR("__name__"), STR("none") };
	struct str replica = STR("replica");
	co_rig_expect_strings(rig, NULL, ((struct label_request){ 0 }), "__name__,a,b,replica,tenant_id,z");
	co_rig_expect_strings(rig, NULL, ((struct label_request){ .matchers = &n, .n_matchers = 1 }),
			      "__name__,replica,tenant_id,z");
	co_rig_expect_strings(rig, NULL, ((struct label_request){ .matchers = &none, .n_matchers = 1 }), "");
	co_rig_expect_strings(rig, NULL,
			      ((struct label_request){ .without_replica_labels = { &replica, 1 }, .limit = 4 }),
			      "__name__,a,b,tenant_id");
	co_rig_expect_strings(rig, "__name__", ((struct label_request){ 0 }), "m,n");
	/* Before and after all samples there are none, as in Prometheus. */
	co_rig_expect_strings(rig, "__name__", ((struct label_request){ .start = 1, .end = 2 }), "");
	co_rig_expect_strings(
		rig, "__name__",
		((struct label_request){
			.start = INT64_MAX / 2, .end = INT64_MAX / 2 + 1, .matchers = &n, .n_matchers = 1 }),
		"");
	co_rig_expect_strings(rig, "tenant_id", ((struct label_request){ 0 }), "acme,zeta");
	co_rig_expect_strings(rig, "tenant_id", ((struct label_request){ .matchers = &zeta, .n_matchers = 1 }), "zeta");
	co_rig_expect_strings(rig, "tenant_id", ((struct label_request){ .matchers = &none, .n_matchers = 1 }), "");
	co_rig_expect_strings(rig, "b", ((struct label_request){ .matchers = &zeta, .n_matchers = 1 }), "2");
	co_rig_expect_strings(rig, "replica", ((struct label_request){ .without_replica_labels = { &replica, 1 } }),
			      "");
	co_rig_expect_strings(rig, "nothing", ((struct label_request){ 0 }), "");
}

static void test_label_names_and_values(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_names);
}

/* --- the other ways to write ------------------------------------------------------------------------ */

/* A remote write 2.0 body: symbols, then one series of two samples that refers to them. */
static struct strbuf v2_body(void)
{
	static const char *const symbols[] = { "", "__name__", "two", "job", "x" };
	struct strbuf b = { 0 }, sample = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		strbuf_add_ch(&b, 4 << 3 | 2);
		strbuf_add_ch(&b, (char)strlen(symbols[i]));
		strbuf_add_c(&b, symbols[i]);
	}
	static const char refs[] = { 1 << 3 | 2, 4, 1, 2, 3, 4 };
	strbuf_add(&sample, refs, sizeof(refs));
	for (int i = 0; i < 2; i++) {
		double v = 5 + i;
		uint64_t t = (uint64_t)(T0 + i * 1000);
		struct strbuf one = { 0 };
		strbuf_add_ch(&one, 1 << 3 | 1);
		strbuf_add(&one, &v, 8);
		strbuf_add_ch(&one, 2 << 3);
		for (; t > 0x7f; t >>= 7)
			strbuf_add_ch(&one, (char)(t | 0x80));
		strbuf_add_ch(&one, (char)t);
		strbuf_add_ch(&sample, 2 << 3 | 2);
		strbuf_add_ch(&sample, (char)one.n);
		strbuf_add_str(&sample, strbuf_str(&one));
		strbuf_fini(&one);
	}
	strbuf_add_ch(&b, 5 << 3 | 2);
	strbuf_add_ch(&b, (char)sample.n);
	strbuf_add_str(&b, strbuf_str(&sample));
	strbuf_fini(&sample);
	return b;
}

static void co_write_v2(struct rig *rig)
{
	static const struct http_header headers[] = {
		{ STR("Content-Type"), STR("application/x-protobuf;proto=io.prometheus.write.v2.Request") },
		{ STR("Content-Encoding"), STR("snappy") },
		{ STR("X-Prometheus-Remote-Write-Version"), STR("2.0.0") },
	};
	struct http_client_resp resp = { 0 };
	struct strbuf b = v2_body();
	assert_int_equal(co_rig_send(rig, &b, NULL, headers, 3, &resp), 204);
	struct str n = http_headers_get(&resp.headers, "x-prometheus-remote-write-samples-written");
	assert_true(str_eq(n, STR("2")));
	http_client_resp_fini(&resp);
	co_rig_expect(
		rig, MATCH_EQ, "job", "x", T0, T0 + 5000,
		"{__name__=\"two\", job=\"x\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000000:5 1700000001000:6\n");
}

static void test_remote_write_2(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_write_v2);
}

/* A thanos.WriteRequest: series in field 1, tenant in 2. */
static int co_writeable_store(struct rig *rig, const char *tenant, int64_t t, double v, struct err *e)
{
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=w,a=1", t, v);
	if (tenant) {
		strbuf_add_ch(&b, 2 << 3 | 2);
		strbuf_add_ch(&b, (char)strlen(tenant));
		strbuf_add_c(&b, tenant);
	}
	struct grpc_part part = grpc_part_copy(strbuf_str(&b));
	int rc = co_grpc_unary(rig->channel, "/thanos.WriteableStore/RemoteWrite", NULL, &part, 1, NULL, NULL, e);
	strbuf_fini(&b);
	return rc;
}

/* A tuple of several tenants each, in field 4: {1 series, 2 tenant}. The second "acme" is a part of its own. */
static void co_write_tuples(struct rig *rig, struct err *e)
{
	static const char *const tenants[] = { "acme", "", "zeta", "acme" };
	struct strbuf b = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
		size_t m = wire_open(&b, 4);
		rig_add(&b, "__name__=t,a=2", T0 + (int64_t)i, (double)i);
		wire_put_str_opt(&b, 2, str_c(tenants[i]));
		rig_add(&b, "__name__=t,a=2,b=1", T0 + (int64_t)i, (double)i + 10);
		wire_close(&b, m);
	}
	struct grpc_part part = grpc_part_copy(strbuf_str(&b));
	must(co_grpc_unary(rig->channel, "/thanos.WriteableStore/RemoteWrite", NULL, &part, 1, NULL, NULL, e), e);
	strbuf_fini(&b);
	co_rig_expect(
		rig, MATCH_EQ, "a", "2", T0, T0 + 5000,
		"{__name__=\"t\", a=\"2\", b=\"1\", replica=\"r0\", tenant_id=\"acme\"} 1700000000000:10 1700000000003:13\n"
		"{__name__=\"t\", a=\"2\", b=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000001:11\n"
		"{__name__=\"t\", a=\"2\", b=\"1\", replica=\"r0\", tenant_id=\"zeta\"} 1700000000002:12\n"
		"{__name__=\"t\", a=\"2\", replica=\"r0\", tenant_id=\"acme\"} 1700000000000:0 1700000000003:3\n"
		"{__name__=\"t\", a=\"2\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000001:1\n"
		"{__name__=\"t\", a=\"2\", replica=\"r0\", tenant_id=\"zeta\"} 1700000000002:2\n");
}

static void co_write_grpc(struct rig *rig)
{
	struct err e = ERR_NONE;
	co_write_tuples(rig, &e);
	must(co_writeable_store(rig, "acme", T0, 1, &e), &e);
	must(co_writeable_store(rig, NULL, T0, 2, &e), &e);
	assert_int_equal(co_writeable_store(rig, "acme", T0, 3, &e), -ERR_ALREADY_EXISTS);
	assert_int_equal(co_writeable_store(rig, "..", T0, 3, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(co_writeable_store(rig, "a/b", T0, 3, &e), -ERR_INVALID_ARGUMENT);
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0, T0 + 5000,
		      "{__name__=\"w\", a=\"1\", replica=\"r0\", tenant_id=\"acme\"} 1700000000000:1\n"
		      "{__name__=\"w\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000000:2\n");
	assert_int_equal(grpc_server_stats(rig->grpc).calls, 0);
}

static void test_writeable_store(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_write_grpc);
}

/* Entries of one series in one request are stored in their order, whatever else they carry. */
static void co_mixed_entries(struct rig *rig)
{
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=m,a=1", T0, 1);
	rig_add_run(&b, "__name__=m,a=1", T0 + 1000, 1000, 2, 3);
	rig_add(&b, "__name__=m,a=1", T0 + 4000, 5);
	assert_int_equal(co_rig_write(rig, &b, NULL), 200);
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0, T0 + 5000,
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000000:1 "
		      "1700000001000:2 1700000002000:3 1700000003000:4 1700000004000:5\n");
}

static void test_entries_of_a_series_keep_their_order(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_mixed_entries);
}

/* Adds field 2 before field 1 of a label: a form that no key is made of. */
static void put_swapped(struct strbuf *b, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);
	const char head[] = { 1 << 3 | 2, (char)(n + v + 4), 2 << 3 | 2, (char)v }, middle[] = { 1 << 3 | 2, (char)n };
	strbuf_add(b, head, sizeof(head));
	strbuf_add_c(b, value);
	strbuf_add(b, middle, sizeof(middle));
	strbuf_add_c(b, name);
}

/* The same series in the usual form and in another one, again and again. */
static void co_forms(struct rig *rig)
{
	for (int i = 0; i < 6; i++) {
		struct strbuf b = { 0 }, series = { 0 };
		if (i % 3 == 0) {
			rig_add(&b, "__name__=m,a=1", T0 + i * 1000, i);
		} else {
			int64_t t = T0 + i * 1000;
			double v = i;
			put_swapped(&series, "__name__", "m");
			put_swapped(&series, "a", "1");
			write_put_series(&b, 1,
					 &(struct write_series){ .raw_labels = strbuf_str(&series),
								 .raw_whole = true,
								 .n_samples = 1,
								 .t = &t,
								 .v = &v },
					 NULL);
			strbuf_fini(&series);
		}
		assert_int_equal(co_rig_write(rig, &b, NULL), 200);
	}
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0, T0 + 2000,
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000000:0 "
		      "1700000001000:1 1700000002000:2\n");
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0 + 5000, T0 + 5000,
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000005000:5\n");
}

static void test_labels_in_any_byte_form_are_one_series(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_forms);
}

static void co_split(struct rig *rig)
{
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=m,a=1,team=red", T0, 1);
	rig_add(&b, "__name__=m,a=1,team=blue", T0, 2);
	rig_add(&b, "__name__=m,a=1", T0, 3);
	assert_int_equal(co_rig_write(rig, &b, NULL), 200);
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0, T0,
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"blue\"} 1700000000000:2\n"
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"} 1700000000000:3\n"
		      "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"red\"} 1700000000000:1\n");
}

static void test_split_label_names_the_tenant(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.split_label = "team";
	rig_run(&rig, co_split);
}

/* --- restart ---------------------------------------------------------------------------------------------- */

static void co_restart(struct rig *rig)
{
	co_fill(rig);
	rig_stop(rig);
	rig_start(rig);
	co_rig_expect(rig, MATCH_EQ, "b", "2", T0, T0 + 5000,
		      ACME("a=\"1\", b=\"2\"") SECOND ZETA("a=\"1\", b=\"2\"") SECOND);
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=m,a=1,b=2", T0 + 2000, 13);
	assert_int_equal(co_rig_write(rig, &b, "acme"), 200);
	co_rig_expect(rig, MATCH_EQ, "b", "2", T0 + 1000, T0 + 5000,
		      ACME("a=\"1\", b=\"2\"") " 1700000001000:12 1700000002000:13\n" ZETA(
			      "a=\"1\", b=\"2\"") " 1700000001000:12\n");
}

static void test_samples_are_there_after_a_restart(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_restart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read_with_external_labels),
		cmocka_unit_test(test_labels_left_out_join_and_sort_series_again),
		cmocka_unit_test(test_skip_chunks_limit_batches_and_shards),
		cmocka_unit_test(test_chunks_of_a_batch_live_until_it_is_sent),
		cmocka_unit_test(test_limits_and_bad_matchers_are_errors),
		cmocka_unit_test(test_label_names_and_values),
		cmocka_unit_test(test_remote_write_2),
		cmocka_unit_test(test_writeable_store),
		cmocka_unit_test(test_entries_of_a_series_keep_their_order),
		cmocka_unit_test(test_labels_in_any_byte_form_are_one_series),
		cmocka_unit_test(test_split_label_names_the_tenant),
		cmocka_unit_test(test_samples_are_there_after_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
