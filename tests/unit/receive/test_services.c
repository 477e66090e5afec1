#include "unit/receive/rig.h"

#include "grpc/pb.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "proto/exemplars.pb-c.h"
#include "proto/info.pb-c.h"
#include "proto/status.pb-c.h"

#define T0 1700000000000ll

/* Two tenants with a series of two exemplars each, and others without. */
static void co_fill(struct rig *rig)
{
	static const char *const tenants[] = { "acme", "zeta" };
	for (size_t k = 0; k < ARRAY_LEN(tenants); k++) {
		struct label l[] = { { STR("__name__"), STR("m") }, { STR("a"), STR("1") } };
		struct label trace[] = { { STR("trace_id"), STR("abc") } };
		struct labels set = { l, 2 };
		int64_t t = T0;
		double v = 1;
		struct write_exemplar e[] = { { .t = T0, .value = 5, .labels = { trace, 1 } },
					      { .t = T0 + 1000, .value = 6, .labels = { trace, 1 } } };
		struct write_series s = { .n_samples = 1, .t = &t, .v = &v, .n_exemplars = 2, .exemplars = e };
		struct strbuf b = { 0 };
		write_put_series(&b, 1, &s, &set);
		rig_add(&b, "__name__=n,a=1", T0, 1);
		rig_add(&b, "__name__=n,a=2", T0, 1);
		assert_int_equal(co_rig_write(rig, &b, tenants[k]), 200);
	}
}

static void print_labels(struct strbuf *b, const Thanos__ZLabelSet *l)
{
	for (size_t i = 0; i < l->n_labels; i++)
		strbuf_printf(b, "%s%s=%s", i ? "," : "", l->labels[i]->name, l->labels[i]->value);
}

/* The answer as text. */
static int co_exemplars(struct rig *rig, const char *query, int64_t start, int64_t end, struct strbuf *out)
{
	Thanos__ExemplarsRequest req = THANOS__EXEMPLARS_REQUEST__INIT;
	struct grpc_stream *st;
	struct arena a;
	struct err e;
	void *p;
	req.query = (char *)query;
	req.start = start;
	req.end = end;
	arena_init(&a, NULL);
	strbuf_add(out, "", 0);
	must(co_grpc_stream_open_pb(rig->channel, "/thanos.Exemplars/Exemplars", NULL, &req, &st, &e), &e);
	int rc;
	while ((rc = co_grpc_recv_pb(st, &thanos__exemplars_response__descriptor, &a, &p, &e)) == 0 && p) {
		const Thanos__ExemplarData *d = ((Thanos__ExemplarsResponse *)p)->data;
		print_labels(out, d->serieslabels);
		for (size_t i = 0; i < d->n_exemplars; i++) {
			strbuf_add_c(out, " {");
			print_labels(out, d->exemplars[i]->labels);
			strbuf_printf(out, "} %lld:%g", (long long)d->exemplars[i]->ts, d->exemplars[i]->value);
		}
		strbuf_add_ch(out, '\n');
	}
	grpc_stream_close(st);
	arena_fini(&a);
	return rc;
}

static void co_expect_exemplars(struct rig *rig, const char *query, int64_t start, int64_t end, const char *want)
{
	struct strbuf out = { 0 };
	assert_int_equal(co_exemplars(rig, query, start, end, &out), 0);
	assert_string_equal(out.p ? out.p : "", want);
	strbuf_fini(&out);
}

static void co_read_exemplars(struct rig *rig)
{
	co_fill(rig);
	co_expect_exemplars(
		rig, "rate(m{tenant_id=\"acme\"}[5m]) + sum(none)", T0, T0 + 5000,
		"__name__=m,a=1,replica=r0,tenant_id=acme {trace_id=abc} 1700000000000:5 {trace_id=abc} 1700000001000:6\n");
	co_expect_exemplars(rig, "{a=\"1\",replica=~\"r.\"}", T0 + 500, T0 + 5000,
			    "__name__=m,a=1,replica=r0,tenant_id=acme {trace_id=abc} 1700000001000:6\n"
			    "__name__=m,a=1,replica=r0,tenant_id=zeta {trace_id=abc} 1700000001000:6\n");
	co_expect_exemplars(rig, "n", T0, T0 + 5000, "");
	struct strbuf out = { 0 };
	assert_int_equal(co_exemplars(rig, "m{", T0, T0, &out), -ERR_INVALID_ARGUMENT);
	strbuf_fini(&out);
}

static void test_exemplars_of_all_tenants(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.head.max_exemplars = 100;
	rig_run(&rig, co_read_exemplars);
}

/* --- status ------------------------------------------------------------------------------------ */

static const Thanos__TSDBStatistics *co_status(struct rig *rig, const char *tenant, struct arena *a)
{
	Thanos__TSDBStatisticsRequest req = THANOS__TSDBSTATISTICS_REQUEST__INIT;
	struct grpc_stream *st;
	struct err e;
	void *p = NULL, *end;
	req.tenant = (char *)tenant;
	req.limit = 1;
	must(co_grpc_stream_open_pb(rig->channel, "/thanos.Status/TSDBStatistics", NULL, &req, &st, &e), &e);
	must(co_grpc_recv_pb(st, &thanos__tsdbstatistics_response__descriptor, a, &p, &e), &e);
	assert_non_null(p);
	must(co_grpc_recv_pb(st, &thanos__tsdbstatistics_response__descriptor, a, &end, &e), &e);
	assert_null(end);
	grpc_stream_close(st);
	return ((Thanos__TSDBStatisticsResponse *)p)->statistics;
}

static void co_read_status(struct rig *rig)
{
	struct arena a;
	arena_init(&a, NULL);
	co_fill(rig);
	const Thanos__TSDBStatistics *s = co_status(rig, "", &a);
	assert_int_equal(s->n_statistics, 2);
	s = co_status(rig, "zeta", &a);
	assert_int_equal(s->n_statistics, 1);
	assert_string_equal(s->statistics[0]->key, "zeta");
	const Thanos__TSDBStatisticsEntry *e = s->statistics[0]->value;
	assert_int_equal(e->head_statistics->num_series, 3);
	assert_int_equal(e->head_statistics->num_label_pairs, 4);
	assert_int_equal(e->head_statistics->chunk_count, 3);
	assert_int_equal(e->head_statistics->min_time, T0);
	assert_int_equal(e->n_series_count_by_metric_name, 1);
	assert_string_equal(e->series_count_by_metric_name[0]->name, "n");
	assert_int_equal(e->series_count_by_metric_name[0]->value, 2);
	assert_int_equal(e->n_series_count_by_label_value_pair, 1);
	assert_int_equal(co_status(rig, "nobody", &a)->n_statistics, 0);
	arena_fini(&a);
}

static void test_statistics_by_tenant(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_read_status);
}

/* --- what is announced and measured ---------------------------------------------------------------- */

static void co_announced(struct rig *rig)
{
	Thanos__Info__InfoRequest req = THANOS__INFO__INFO_REQUEST__INIT;
	Thanos__Info__InfoResponse *resp;
	struct arena a;
	struct err e;
	arena_init(&a, NULL);
	co_fill(rig);
	must(co_grpc_unary_pb(rig->channel, "/thanos.info.Info/Info", NULL, &req,
			      &thanos__info__info_response__descriptor, &a, (void **)&resp, &e),
	     &e);
	assert_string_equal(resp->componenttype, "receive");
	assert_non_null(resp->exemplars);
	assert_non_null(resp->status);
	assert_int_equal(resp->store->n_tsdb_infos, 2);
	assert_int_equal(resp->store->min_time, T0);
	arena_fini(&a);
	co_rig_expect(rig, MATCH_EQ, "a", "2", T0, T0,
		      "{__name__=\"n\", a=\"2\", replica=\"r0\", tenant_id=\"acme\"} 1700000000000:1\n"
		      "{__name__=\"n\", a=\"2\", replica=\"r0\", tenant_id=\"zeta\"} 1700000000000:1\n");
	struct strbuf text = { 0 };
	metrics_expose(rig->metrics, METRICS_TEXT, &text);
	static const char *const want[] = {
		"\nprometheus_tsdb_head_series{tenant=\"acme\"} 3\n",
		"\n# TYPE prometheus_tsdb_head_samples_appended_total counter\n",
		"\nprometheus_tsdb_head_samples_appended_total{tenant=\"zeta\",type=\"float\"} 3\n",
		"\nprometheus_tsdb_blocks_loaded{tenant=\"zeta\"} 0\n",
		"\nthanos_store_server_series_requested_sum 2\n",
		"\nthanos_store_server_pending_series_requests 0\n",
		"\nthanos_receive_write_samples_sum{code=\"200\",tenant=\"acme\"} 3\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(text.p, want[i]))
			fail_msg("missing: %s", want[i]);
	strbuf_fini(&text);
}

static void test_info_and_metrics(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_announced);
}

/* --- the limits file ------------------------------------------------------------------------------- */

static void put_limits(const struct rig *rig, const char *text)
{
	struct err e;
	must(file_write_atomic(rig->cfg.limits_file, text, strlen(text), &e), &e);
}

/* Waits until this many series are allowed. */
static void co_await_limit(struct rig *rig, uint64_t series)
{
	for (int i = 0; i < 500 && receive_limits_default(rig->receive->limits).series != series; i++)
		co_sleep_ms(20, NULL);
	assert_int_equal(receive_limits_default(rig->receive->limits).series, series);
}

static void co_follow_limits(struct rig *rig)
{
	co_await_limit(rig, 5);
	put_limits(rig, "write: {default: {request: {series_limit: 7}}}");
	co_await_limit(rig, 7);
	put_limits(rig, "");
	co_await_limit(rig, 0);
}

/* Opening large logs takes minutes: the file may have changed between its first reading and the first look at it. */
static void test_the_limits_file_is_followed_from_when_it_was_read(void **state)
{
	struct rig rig;
	char path[64];
	rig_init(&rig);
	snprintf(path, sizeof(path), "%.50s.limits", rig.dir);
	rig.cfg.limits_file = path;
	rig.cfg.limits_check_ms = 100;
	rig.cfg.limits_yaml = "write: {default: {request: {series_limit: 1}}}";
	put_limits(&rig, "write: {default: {request: {series_limit: 5}}}");
	rig_run(&rig, co_follow_limits);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exemplars_of_all_tenants),
		cmocka_unit_test(test_statistics_by_tenant),
		cmocka_unit_test(test_info_and_metrics),
		cmocka_unit_test(test_the_limits_file_is_followed_from_when_it_was_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
