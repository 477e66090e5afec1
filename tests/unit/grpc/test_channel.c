/* Channels over several servers; metrics of both sides. */
#include "unit/grpc/rig.h"

#include "base/strbuf.h"
#include "grpc/health.h"
#include "http/probe.h"
#include "metrics/expose.h"
#include "net/dns.h"

/* A second server that answers with its name. */
struct other {
	struct grpc_server *srv;
	char target[64];
	int calls;
};

static int co_count(struct grpc_call *c, void *arg, struct err *err)
{
	((struct other *)arg)->calls++;
	return co_grpc_send_str(c, grpc_call_request(c), err);
}

static const struct grpc_method other_methods[] = { { "/test.T/Echo", GRPC_UNARY, co_count } };

static void other_start(struct rig *rig, struct other *o, const char *at)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];
	struct err e;
	o->srv = grpc_server_new(rig->r, &rig->sopts);
	grpc_server_add(o->srv, other_methods, 1, o);
	assert_int_equal(addr_parse(str_c(at), -1, &a, &e), 0);
	if (grpc_server_listen(o->srv, &a, &e) != 0)
		fail_msg("%s", e.msg);
	snprintf(o->target, sizeof(o->target), "%s",
		 sockaddr_text(listener_addr(grpc_server_listener(o->srv, 0)), text));
}

static void other_end(struct other *o)
{
	co_grpc_server_drain(o->srv, 50);
	grpc_server_free(o->srv);
}

static void co_echo_n(struct rig *rig, int n)
{
	struct err e;
	struct grpc_call_opts opts = { .wait_for_ready = true, .timeout_ms = 5000 };
	for (int i = 0; i < n; i++)
		if (co_rig_unary(rig, "/test.T/Echo", "x", &opts, NULL, NULL, &e) != 0)
			fail_msg("call %d: %s", i, e.msg);
}

static void robin_body(struct rig *rig)
{
	struct other o[3] = { 0 };
	const char *addrs[3];
	for (int i = 0; i < 3; i++) {
		other_start(rig, &o[i], "127.0.0.1:0");
		addrs[i] = o[i].target;
	}
	assert_int_equal(grpc_channel_set_addresses(rig->ch, addrs, 3, NULL), 0);
	co_echo_n(rig, 1);
	co_sleep_ms(30, NULL);
	for (int i = 0; i < 3; i++)
		o[i].calls = 0;
	co_echo_n(rig, 90);
	for (int i = 0; i < 3; i++)
		assert_int_equal(o[i].calls, 30);
	/* One goes gracefully: no call fails, the others take all. */
	other_end(&o[1]);
	co_echo_n(rig, 50);
	assert_int_equal(o[0].calls + o[2].calls, 60 + 50);
	/* It comes back at the same place. */
	other_start(rig, &o[1], o[1].target);
	for (int i = 0; i < 100 && o[1].calls == 30; i++) {
		co_echo_n(rig, 3);
		co_sleep_ms(20, NULL);
	}
	assert_true(o[1].calls > 30);
	/* An address that is taken away gets no more calls. */
	assert_int_equal(grpc_channel_set_addresses(rig->ch, addrs, 2, NULL), 0);
	int before = o[2].calls;
	co_echo_n(rig, 20);
	assert_int_equal(o[2].calls, before);
	for (int i = 0; i < 3; i++)
		other_end(&o[i]);
}

static void test_calls_go_round_the_addresses(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.backoff_min_ms = 30;
	rig.copts.backoff_max_ms = 60;
	rig_run(&rig, robin_body);
}

static void many_fiber(void *arg)
{
	co_echo_n(arg, 20);
}

static void limit_body(struct rig *rig)
{
	struct fiber_group g;
	fiber_group_init(&g);
	for (int i = 0; i < 200; i++)
		fiber_group_start(&g, "many", many_fiber, rig);
	co_fiber_group_join(&g, NULL);
	assert_int_equal(grpc_server_stats(rig->srv).calls_total, 4000);
}

static void test_calls_beyond_the_stream_limit_wait(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.sopts.max_streams = 7;
	rig_run(&rig, limit_body);
}

static void drain_fiber(void *arg)
{
	co_grpc_server_drain(((struct rig *)arg)->srv, 2000);
}

static void drain_body(struct rig *rig)
{
	struct grpc_part part = grpc_part_copy(STR("300 100000"));
	struct grpc_stream *s;
	struct fiber_group g;
	struct str m;
	bool end;
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Stream", NULL, &part, 1, &s, NULL), 0);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	fiber_group_init(&g);
	fiber_group_start(&g, "drain", drain_fiber, rig);
	for (int i = 1; i < 300; i++) {
		struct err e;
		if (co_grpc_recv(s, &m, &end, &e) != 0)
			fail_msg("message %d: %s", i, e.msg);
		assert_false(end);
	}
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(end);
	grpc_stream_close(s);
	co_fiber_group_join(&g, NULL);
	struct err e;
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", "x", NULL, NULL, NULL, &e), -ERR_UNAVAILABLE);
}

static void test_drain_lets_streams_finish(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, drain_body);
}

static void name_body(struct rig *rig)
{
	char target[64];
	struct err e;
	struct grpc_channel_opts o = rig->copts;
	struct grpc_part part = grpc_part_copy(STR("x"));
	o.dns = dns_resolver_new(rig->r, NULL, &e);
	assert_non_null(o.dns);
	snprintf(target, sizeof(target), "localhost:%s", strchr(rig->target, ':') + 1);
	struct grpc_channel *ch = grpc_channel_new(rig->r, target, &o, &e);
	if (co_grpc_unary(ch, "/test.T/Echo", NULL, &part, 1, NULL, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	grpc_channel_unref(ch);
	assert_null(grpc_channel_new(rig->r, "no-port", &o, &e));
	assert_int_equal(e.code, ERR_INVALID_ARGUMENT);
	dns_resolver_free(o.dns);
}

static void test_names_are_looked_up(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, name_body);
}

static void metrics_body(struct rig *rig)
{
	struct metrics_registry *reg = metrics_registry_new();
	struct grpc_client_metrics *cm = grpc_client_metrics_new(reg);
	struct strbuf out = { 0 };
	struct err e;
	struct str ret;
	struct arena a;
	struct grpc_part part = grpc_part_copy(STR("5 100"));
	struct grpc_stream *s;
	bool end = false;
	arena_init(&a, NULL);
	grpc_server_metrics_init(rig->srv, reg);
	grpc_channel_set_metrics(rig->ch, cm);
	assert_int_equal(co_rig_unary(rig, "/test.T/Echo", "x", NULL, &a, &ret, &e), 0);
	assert_int_equal(co_rig_unary(rig, "/test.T/Code", "5", NULL, &a, &ret, &e), -5);
	assert_int_equal(co_grpc_stream_open(rig->ch, "/test.T/Stream", NULL, &part, 1, &s, &e), 0);
	while (!end)
		assert_int_equal(co_grpc_recv(s, &ret, &end, &e), 0);
	grpc_stream_close(s);
	metrics_expose(reg, METRICS_TEXT, &out);
	static const char *const want[] = {
		"grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Echo\"} 1\n",
		"grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Code\",grpc_code=\"NotFound\"} 1\n",
		"grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Echo\",grpc_code=\"OK\"} 1\n",
		"grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Echo\",grpc_code=\"Canceled\"} 0\n",
		"grpc_server_msg_sent_total{grpc_type=\"server_stream\",grpc_service=\"test.T\",grpc_method=\"Stream\"} 5\n",
		"grpc_server_handling_seconds_count{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Echo\"} 1\n",
		"grpc_client_handled_total{grpc_type=\"unary\",grpc_service=\"test.T\",grpc_method=\"Code\",grpc_code=\"NotFound\"} 1\n",
		"grpc_client_msg_received_total{grpc_type=\"server_stream\",grpc_service=\"test.T\",grpc_method=\"Stream\"} 5\n",
		"grpc_client_started_total{grpc_type=\"server_stream\",grpc_service=\"test.T\",grpc_method=\"Stream\"} 1\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(out.p, want[i]))
			fail_msg("no %sin\n%s", want[i], out.p);
	strbuf_fini(&out);
	arena_fini(&a);
	/* The counters go before server and channel, so nothing may be counted any more. */
	grpc_channel_unref(rig->ch);
	rig->ch = NULL;
	grpc_client_metrics_free(cm);
	co_grpc_server_drain(rig->srv, 100);
	metrics_registry_free(reg);
}

static void test_calls_are_counted(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, metrics_body);
}

static void probe_body(struct rig *rig)
{
	struct probe p;
	struct grpc_stream *s;
	struct str m;
	bool end;
	struct err e = ERR_NONE;
	struct grpc_health *h = grpc_health_new(rig->srv);
	probe_init(&p, "test", NULL);
	grpc_health_bind(h, &p);
	struct grpc_part part = grpc_part_copy(STR(""));
	assert_int_equal(co_grpc_stream_open(rig->ch, "/grpc.health.v1.Health/Watch", NULL, &part, 1, &s, NULL), 0);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(str_eq(m, STR("\x08\x02")));
	probe_healthy(&p);
	probe_ready(&p);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(str_eq(m, STR("\x08\x01")));
	err_set(&e, ERR_UNAVAILABLE, "going");
	probe_not_ready(&p, &e);
	assert_int_equal(co_grpc_recv(s, &m, &end, NULL), 0);
	assert_true(str_eq(m, STR("\x08\x02")));
	grpc_stream_close(s);
	co_grpc_server_drain(rig->srv, 100);
	grpc_health_free(h);
}

static void test_health_follows_the_probe(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, probe_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_go_round_the_addresses),
		cmocka_unit_test(test_calls_beyond_the_stream_limit_wait),
		cmocka_unit_test(test_drain_lets_streams_finish),
		cmocka_unit_test(test_names_are_looked_up),
		cmocka_unit_test(test_calls_are_counted),
		cmocka_unit_test(test_health_follows_the_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
