#include "unit/query/rig.h"

#include "net/tls.h"
#include "unit/net/certs.h"

#include <unistd.h>

static struct rig the_rig;

/* The names of the endpoints that take part, as numbers of fake stores. */
static void expect_active(struct rig *rig, const char *want)
{
	size_t n;
	struct strbuf got = { 0 };
	struct endpoint_info **list = endpoints_get(query_endpoints(rig->q), ENDPOINT_STORE, &n);
	for (size_t s = 0; s < rig->n_stores; s++)
		for (size_t i = 0; i < n; i++)
			if (strcmp(list[i]->name, rig->store[s].addr) == 0)
				strbuf_printf(&got, "%zu", s);
	endpoints_release(list, n);
	assert_string_equal(got.p ? got.p : "", want);
	strbuf_fini(&got);
}

static struct endpoint_status status_of(struct rig *rig, size_t store)
{
	size_t n;
	struct endpoint_status found = { 0 }, *rows = endpoints_status(query_endpoints(rig->q), &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].info->name, rig->store[store].addr) == 0)
			found = rows[i];
	free(rows);
	return found;
}

static void update(struct rig *rig)
{
	assert_int_equal(co_endpoints_update(query_endpoints(rig->q), &rig->err), 0);
}

static void expect_metric(struct rig *rig, const char *line)
{
	struct strbuf b = { 0 };
	metrics_expose(rig->reg, METRICS_TEXT, &b);
	strbuf_add_c(&b, "");
	if (!strstr(b.p, line))
		fail_msg("no \"%s\" in:\n%s", line, b.p);
	strbuf_fini(&b);
}

static void health_body(struct rig *rig)
{
	expect_active(rig, "01");
	struct endpoint_status st = status_of(rig, 0);
	assert_string_equal(st.info->component, "sidecar");
	assert_int_equal(st.info->apis, ENDPOINT_STORE);
	assert_int_equal(st.info->n_label_sets, 1);
	assert_true(labels_eq(st.info->label_sets[0], L("region", "eu")));
	assert_int_equal(st.info->mint, 100);
	assert_int_equal(st.info->maxt, 200);
	assert_true(st.info->supports_sharding);
	assert_false(st.info->supports_without_replica_labels);
	assert_null(st.last_error);
	assert_true(st.last_check_ms > 0);
	assert_string_equal(status_of(rig, 1).info->component, "unknown-store-api");
	expect_metric(
		rig,
		"thanos_store_nodes_grpc_connections{external_labels=\"{region=\\\"eu\\\"}\",store_type=\"sidecar\"} 1\n");
	expect_metric(
		rig,
		"thanos_store_nodes_grpc_connections{external_labels=\"no_external_labels\",store_type=\"unknown-store-api\"} 1\n");
	/* A failed Info: out of the fan-out at once, still listed. */
	rig->store[0].info_fails = true;
	update(rig);
	expect_active(rig, "1");
	assert_non_null(strstr(status_of(rig, 0).last_error, "rpc error: code = Unavailable desc = "));
	assert_string_equal(status_of(rig, 0).info->component, "sidecar");
	/* Back. */
	rig->store[0].info_fails = false;
	update(rig);
	expect_active(rig, "01");
	assert_null(status_of(rig, 0).last_error);
	/* Away for longer than the unhealthy timeout: not listed any more. */
	rig->store[0].info_fails = true;
	co_sleep_ms(250, NULL);
	update(rig);
	assert_null(status_of(rig, 0).info);
	expect_active(rig, "1");
	rig->store[0].info_fails = false;
	update(rig);
	expect_active(rig, "01");
}

static void test_health_follows_info(void **state)
{
	struct rig *rig = &the_rig;
	rig_init(rig, 2);
	rig->store[0].ext = L("region", "eu");
	rig->store[0].mint = 100;
	rig->store[0].maxt = 200;
	rig->store[0].no_without_replica = true;
	rig->store[1].component = "something new";
	rig->cfg.endpoints.unhealthy_timeout_ms = 200;
	rig_run(rig, health_body);
}

static void new_endpoint_body(struct rig *rig)
{
	expect_active(rig, "1");
	assert_null(status_of(rig, 0).info);
	rig->store[0].info_fails = false;
	update(rig);
	expect_active(rig, "01");
}

static void test_endpoint_is_listed_from_its_first_answer(void **state)
{
	rig_init(&the_rig, 2);
	the_rig.store[0].info_fails = true;
	rig_run(&the_rig, new_endpoint_body);
}

static void hanging_body(struct rig *rig)
{
	expect_active(rig, "1");
	for (int i = 0; i < 100 && !rig->store[0].cancelled; i++)
		co_sleep_ms(10, NULL);
	assert_int_equal(rig->store[0].cancelled, 1);
}

static void test_hanging_info_holds_nobody_up(void **state)
{
	rig_init(&the_rig, 2);
	the_rig.store[0].info_hangs = true;
	the_rig.cfg.endpoints.info_timeout_ms = 150;
	rig_run(&the_rig, hanging_body);
}

/* A querier of its own over the same two stores, of which one never answers. */
static void ready_body(struct rig *rig)
{
	struct query_config cfg = rig->cfg;
	cfg.endpoints.info_timeout_ms = 60000;
	rig->store[0].info_hangs = true;
	struct query *q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	assert_non_null(q);
	assert_false(endpoints_ready(query_endpoints(q)));
	query_start(q);
	int64_t old = fiber_set_deadline(reactor_now_ms(rig->r) + 30000);
	assert_int_equal(co_endpoints_wait_ready(query_endpoints(q), NULL), 0);
	fiber_restore_deadline(old);
	assert_true(endpoints_ready(query_endpoints(q)));
	size_t n;
	struct endpoint_info **list = endpoints_get(query_endpoints(q), ENDPOINT_STORE, &n);
	assert_int_equal(n, 1);
	assert_string_equal(list[0]->name, rig->store[1].addr);
	endpoints_release(list, n);
	/* With none that answers, the wait ends with the caller's deadline. */
	co_query_stop(q);
	query_free(q);
	rig->store[1].info_hangs = true;
	q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	query_start(q);
	old = fiber_set_deadline(reactor_now_ms(rig->r) + 50);
	assert_int_equal(co_endpoints_wait_ready(query_endpoints(q), NULL), -ERR_DEADLINE_EXCEEDED);
	fiber_restore_deadline(old);
	assert_false(endpoints_ready(query_endpoints(q)));
	co_query_stop(q);
	query_free(q);
}

static void test_ready_without_the_endpoint_that_is_dead(void **state)
{
	rig_init(&the_rig, 2);
	rig_run(&the_rig, ready_body);
}

static void restart_body(struct rig *rig)
{
	expect_active(rig, "0");
	fake_stop(&rig->store[0]);
	update(rig);
	expect_active(rig, "");
	struct rig_result r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, 0);
	rig_result_fini(&r);
	fake_listen(rig, &rig->store[0]); /* at the same address */
	for (int i = 0; i < 40 && status_of(rig, 0).last_error; i++)
		update(rig);
	expect_active(rig, "0");
	co_expect_lines(rig, "{__name__=\"m\"} 1000:1\n");
}

static void test_store_that_restarts_comes_back(void **state)
{
	rig_init(&the_rig, 1);
	struct rig *rig = &the_rig;
	fake_add(&rig->store[0], L("__name__", "m"), 1000, 1000, 1, 1, 0);
	the_rig.cfg.endpoints.info_timeout_ms = 150;
	rig_run(&the_rig, restart_body);
}

static void strict_body(struct rig *rig)
{
	size_t n;
	struct endpoint_info **list = endpoints_get(query_endpoints(rig->q), ENDPOINT_STORE, &n);
	assert_int_equal(n, 1);
	assert_string_equal(list[0]->name, "127.0.0.1:1");
	assert_true(list[0]->strict);
	assert_int_equal(list[0]->mint, INT64_MIN);
	endpoints_release(list, n);
	/* Asked, and so its failure shows. */
	struct rig_result r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, 0);
	assert_non_null(
		strstr(r.warnings.p, "fetch series for Store Gateway Addr: 127.0.0.1:1 MinTime: -9223372036854775808"));
	rig_result_fini(&r);
	rig->opts.partial_response = false;
	r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	rig_result_fini(&r);
}

static void test_strict_endpoint_is_queried_though_it_never_answered(void **state)
{
	static const char *const strict[] = { "127.0.0.1:1" };
	rig_init(&the_rig, 0);
	the_rig.cfg.discovery.endpoints_strict = (struct discovery_names){ strict, 1 };
	the_rig.cfg.endpoints.info_timeout_ms = 150;
	rig_run(&the_rig, strict_body);
}

/* --- discovery through the querier ------------------------------------------------------------- */

static void names_body(struct rig *rig)
{
	/* The configuration is made when the stores' ports are known, so a second querier is made here. */
	struct query_config cfg = rig->cfg;
	char yaml[512];
	struct strbuf port = { 0 };
	strbuf_add_c(&port, strrchr(rig->store[0].addr, ':') + 1);
	snprintf(
		yaml, sizeof(yaml),
		"endpoints:\n- address: localhost:%s\n- address: dns+localhost:%s\n- address: dns+localhost:%s\n  group: true\n",
		port.p, strrchr(rig->store[1].addr, ':') + 1, port.p);
	strbuf_fini(&port);
	cfg.discovery = query_config_default().discovery;
	cfg.discovery.sd_config = yaml;
	struct query *q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	assert_non_null(q);
	assert_int_equal(co_endpoints_update(query_endpoints(q), &rig->err), 0);
	size_t n;
	struct endpoint_status *rows = endpoints_status(query_endpoints(q), &n);
	struct strbuf names = { 0 };
	for (size_t i = 0; i < n; i++)
		if (!strstr(rows[i].info->name, "[::1]") && !rows[i].last_error)
			strbuf_printf(&names, "%s ", rows[i].info->name);
	char want[256];
	snprintf(want, sizeof(want), "%s localhost:%s thanos:///dns+localhost:%s ", rig->store[1].addr,
		 strrchr(rig->store[0].addr, ':') + 1, strrchr(rig->store[0].addr, ':') + 1);
	assert_string_equal(names.p, want);
	strbuf_fini(&names);
	free(rows);
	query_free(q);
}

static void test_names_groups_and_looked_up_addresses(void **state)
{
	rig_init(&the_rig, 2);
	rig_run(&the_rig, names_body);
}

/* A querier of its own, over store 0 as a group. */
static struct query *group_of(struct rig *rig)
{
	struct query_config cfg = rig->cfg;
	const char *const group[] = { rig->store[0].addr };
	cfg.discovery = query_config_default().discovery;
	cfg.discovery.endpoint_groups = (struct discovery_names){ group, 1 };
	struct query *q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	assert_non_null(q);
	assert_int_equal(co_endpoints_update(query_endpoints(q), &rig->err), 0);
	return q;
}

static void retry_body(struct rig *rig)
{
	struct label_response names;
	struct query *single = rig->q;
	rig->q = group_of(rig);
	rig->opts.partial_response = false;
	rig->store[0].busy = 2;
	co_expect_lines(rig, "{__name__=\"m\"} 1000:1\n");
	rig->store[0].busy = 2;
	assert_int_equal(co_query_label_names(rig->q, &rig->opts, NULL, 0, 0, 1, 0, &rig->arena, &names, &rig->err), 0);
	assert_int_equal(names.values.n, 1);
	rig->store[0].busy = 3;
	struct rig_result r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	rig_result_fini(&r);
	query_free(rig->q);
	/* One that is no group is not asked again. */
	rig->q = single;
	rig->store[0].busy = 1;
	r = co_rig_select(rig, "m", 0, 1000, "");
	assert_int_equal(r.rc, -ERR_FAILED_PRECONDITION);
	rig_result_fini(&r);
}

static void test_groups_are_tried_again(void **state)
{
	rig_init(&the_rig, 1);
	struct rig *rig = &the_rig;
	fake_add(&rig->store[0], L("__name__", "m"), 1000, 1000, 1, 1, 0);
	rig_run(&the_rig, retry_body);
}

static char cert_path[64], key_path[64];

static void tls_body(struct rig *rig)
{
	struct query_config cfg = rig->cfg;
	char yaml[512];
	size_t n;
	expect_active(rig, ""); /* without TLS */
	snprintf(yaml, sizeof(yaml), "endpoints:\n- address: %s\n  client_config: {tls_config: {ca_file: %s}}\n",
		 rig->store[0].addr, cert_path);
	cfg.discovery = query_config_default().discovery;
	cfg.discovery.sd_config = yaml;
	struct query *plain = rig->q;
	rig->q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	assert_int_equal(co_endpoints_update(query_endpoints(rig->q), &rig->err), 0);
	expect_active(rig, "0");
	co_expect_lines(rig, "{__name__=\"m\"} 1000:1\n");
	/* What a call holds outlives the endpoint. */
	struct endpoint_info **list = endpoints_get(query_endpoints(rig->q), ENDPOINT_STORE, &n);
	query_free(rig->q);
	grpc_channel_connect(list[0]->channel);
	co_sleep_ms(20, NULL);
	endpoints_release(list, n);
	rig->q = plain;
}

static void test_endpoint_with_tls(void **state)
{
	struct rig *rig = &the_rig;
	static const char *const alpn[] = { "h2" };
	struct test_cert cert = test_cert_new("store", NULL);
	snprintf(cert_path, sizeof(cert_path), "/tmp/test_endpoints.%d.crt", (int)getpid());
	snprintf(key_path, sizeof(key_path), "/tmp/test_endpoints.%d.key", (int)getpid());
	test_cert_write(&cert, cert_path, key_path);
	rig_init(rig, 1);
	struct tls_config tls = { .cert_file = cert_path, .key_file = key_path, .alpn = { alpn, 1 } };
	assert_int_equal(tls_ctx_new_server(&tls, &rig->store[0].tls, NULL), 0);
	fake_add(&rig->store[0], L("__name__", "m"), 1000, 1000, 1, 1, 0);
	rig->cfg.endpoints.info_timeout_ms = 500;
	rig_run(rig, tls_body);
	tls_ctx_unref(rig->store[0].tls);
	test_cert_free(&cert);
	unlink(cert_path);
	unlink(key_path);
}

static void test_wrong_configuration_is_refused(void **state)
{
	struct rig *rig = &the_rig;
	static const char *const dynamic[] = { "dns+a:1" };
	rig_init(rig, 0);
	struct query_config cfg = rig->cfg;
	cfg.discovery.endpoints_strict = (struct discovery_names){ dynamic, 1 };
	assert_null(query_new(rig->r, &cfg, NULL, NULL, NULL, &rig->err));
	assert_string_equal(
		rig->err.msg,
		"dns+a:1 is a dynamically specified endpoint i.e. it uses SD and that is not permitted under strict mode.");
	cfg = rig->cfg;
	cfg.discovery.sd_config = "endpoints: {}";
	assert_null(query_new(rig->r, &cfg, NULL, NULL, NULL, &rig->err));
	cfg.discovery.sd_config = NULL;
	cfg.selector_relabel = "- action: replace\n";
	assert_null(query_new(rig->r, &cfg, NULL, NULL, NULL, &rig->err));
	reactor_free(rig->r);
	metrics_registry_free(rig->reg);
	arena_fini(&rig->arena);
}

/* --- as a whole ------------------------------------------------------------------------------------ */

static void run_body(struct rig *rig)
{
	query_start(rig->q);
	assert_int_equal(co_endpoints_wait_ready(query_endpoints(rig->q), NULL), 0);
	rig->store[0].info_fails = true;
	for (int i = 0; i < 100 && !status_of(rig, 0).last_error; i++)
		co_sleep_ms(20, NULL);
	assert_non_null(status_of(rig, 0).last_error);
	co_query_stop(rig->q);
	co_query_stop(rig->q);
}

static void test_updates_run_until_stopped(void **state)
{
	rig_init(&the_rig, 1);
	the_rig.cfg.endpoints.info_timeout_ms = 50;
	rig_run(&the_rig, run_body);
}

static void options_body(struct rig *rig)
{
	const struct query *q = rig->q;
	size_t n;
	const struct str *r = query_replica_labels(q, &n);
	assert_int_equal(n, 3);
	assert_true(str_eq_c(r[0], "a") && str_eq_c(r[1], "b") && str_eq_c(r[2], "c"));
	assert_int_equal(query_engine_opts(q, 0, 0).lookback_ms, 0);
	assert_int_equal(query_engine_opts(q, 0, 7000).lookback_ms, 7000);
	assert_int_equal(query_engine_opts(q, 300000, 0).lookback_ms, 300000);
	assert_int_equal(query_engine_opts(q, 300001, 0).lookback_ms, 3600000);
	assert_int_equal(query_engine_opts(q, 0, 0).max_samples, INT32_MAX);
	assert_true(query_parse_opts(q).duration_expr);
}

static void test_options_of_queries(void **state)
{
	static const char *const labels[] = { "a, b", "c," };
	rig_init(&the_rig, 1);
	the_rig.cfg.replica_labels = (struct discovery_names){ labels, 2 };
	rig_run(&the_rig, options_body);
}

static void gate_main(void *arg)
{
	struct rig *rig = arg;
	if (co_query_gate_enter(rig->q, &rig->err) == 0)
		query_gate_leave(rig->q);
}

static void gate_body(struct rig *rig)
{
	struct fiber_group g;
	assert_int_equal(co_query_gate_enter(rig->q, NULL), 0);
	expect_metric(rig, "thanos_query_concurrent_gate_queries_in_flight 1\n");
	expect_metric(rig, "thanos_query_concurrent_gate_queries_max 1\n");
	fiber_group_init(&g);
	fiber_group_start(&g, "second", gate_main, rig);
	co_sleep_ms(10, NULL);
	fiber_group_cancel(&g);
	co_fiber_group_join(&g, NULL);
	assert_int_equal(rig->err.code, ERR_CANCELLED);
	assert_non_null(strstr(rig->err.msg, "failed to wait for turn: "));
	query_gate_leave(rig->q);
	expect_metric(rig, "thanos_query_concurrent_gate_queries_in_flight 0\n");
}

static void test_gate_admits_so_many_queries(void **state)
{
	rig_init(&the_rig, 1);
	the_rig.cfg.max_concurrent = 1;
	rig_run(&the_rig, gate_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health_follows_info),
		cmocka_unit_test(test_endpoint_is_listed_from_its_first_answer),
		cmocka_unit_test(test_hanging_info_holds_nobody_up),
		cmocka_unit_test(test_ready_without_the_endpoint_that_is_dead),
		cmocka_unit_test(test_store_that_restarts_comes_back),
		cmocka_unit_test(test_strict_endpoint_is_queried_though_it_never_answered),
		cmocka_unit_test(test_names_groups_and_looked_up_addresses),
		cmocka_unit_test(test_groups_are_tried_again),
		cmocka_unit_test(test_endpoint_with_tls),
		cmocka_unit_test(test_wrong_configuration_is_refused),
		cmocka_unit_test(test_updates_run_until_stopped),
		cmocka_unit_test(test_options_of_queries),
		cmocka_unit_test(test_gate_admits_so_many_queries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
