#include "http/common.h"

#include "base/compiler.h"
#include "http/metrics.h"
#include "http/probe.h"
#include "http/router.h"
#include "http/server.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "unit/http/peer.h"
#include "unit/unit.h"

struct fixture {
	struct reactor *r;
	struct http_router *router;
	struct http_server *s;
	struct metrics_registry *reg;
	struct http_metrics m;
	struct probe probe;
	struct peer p;
	int changes;
};

static int show_id(struct http_req *req, void *arg, struct err *err)
{
	return co_http_reply(req, 200, "text/plain", req->request_id, err);
}

static int fails(struct http_req *req, void *arg, struct err *err)
{
	return err_set(err, ERR_UNAVAILABLE, "later");
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/id", show_id, .name = "id" },
	{ HTTP_GET, "/fails", fails, .name = "fails" },
};

static const char *co_get(struct fixture *f, const char *path, const char *headers)
{
	struct conn *c[2];
	struct strbuf b = { 0 };
	peer_fini(&f->p);
	conn_pair(f->r, NULL, c);
	peer_init(&f->p, f->r, c[0]);
	http_server_serve(f->s, c[1]);
	strbuf_printf(&b, "GET %s HTTP/1.1\r\nHost: a\r\n%sConnection: close\r\n\r\n", path, headers);
	peer_say(&f->p, strbuf_str(&b));
	strbuf_fini(&b);
	assert_true(co_peer_closed(&f->p, 5000));
	return f->p.got.p;
}

static void on_change(void *arg)
{
	((struct fixture *)arg)->changes++;
}

static void co_probes(struct fixture *f)
{
	struct err why;
	assert_non_null(strstr(co_get(f, "/-/healthy", ""), "HTTP/1.1 503 "));
	assert_non_null(strstr(f->p.got.p, "\r\n\r\nNOT OK"));
	assert_non_null(strstr(co_get(f, "/-/ready", ""), "HTTP/1.1 503 "));
	probe_healthy(&f->probe);
	probe_ready(&f->probe);
	probe_ready(&f->probe);
	assert_int_equal(f->changes, 2);
	assert_non_null(strstr(co_get(f, "/-/healthy", ""), "\r\n\r\nOK"));
	assert_non_null(strstr(co_get(f, "/-/ready", ""), "HTTP/1.1 200 "));
	assert_non_null(strstr(co_get(f, "/metrics", ""), "thanos_status{check=\"ready\",component=\"query\"} 1"));
	err_set(&why, ERR_UNAVAILABLE, "lost it");
	probe_not_ready(&f->probe, &why);
	assert_non_null(strstr(co_get(f, "/-/ready", ""), "HTTP/1.1 503 "));
	assert_non_null(strstr(co_get(f, "/metrics", ""), "thanos_status{check=\"ready\",component=\"query\"} 0"));
}

static void co_metrics(struct fixture *f)
{
	co_get(f, "/id", "");
	co_get(f, "/id", "");
	co_get(f, "/fails", "");
	const char *s = co_get(f, "/metrics", "");
	assert_non_null(strstr(s, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(s, "\nhttp_requests_total{code=\"200\",handler=\"id\",method=\"get\"} 2\n"));
	assert_non_null(strstr(s, "\nhttp_requests_total{code=\"503\",handler=\"fails\",method=\"get\"} 1\n"));
	assert_non_null(strstr(s, "\nhttp_inflight_requests{handler=\"id\",method=\"GET\"} 0\n"));
	assert_non_null(
		strstr(s, "\nhttp_request_duration_seconds_count{code=\"200\",handler=\"id\",method=\"get\"} 2\n"));
	assert_non_null(strstr(s, "\nhttp_response_size_bytes_sum{code=\"200\",handler=\"id\",method=\"get\"} 52\n"));
	s = co_get(f, "/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n");
	assert_non_null(strstr(s, "Content-Type: application/openmetrics-text"));
	assert_non_null(strstr(s, "\n# EOF\n"));
	assert_non_null(strstr(co_get(f, "/debug/fibers", ""), "http request"));
}

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Names of tenants come from clients: whatever they send, the exposition is text in UTF-8. */
static void co_tenants(struct fixture *f)
{
	co_get(f, "/id", "");
	co_get(f, "/id", "X-Tenant: acme\r\n");
	co_get(f, "/id", "x-tenant: \xff\xfe\r\n");
	co_get(f, "/id", "X-Tenant: " A40 A40 A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac\xe2\x82\xac\r\n");
	const char *s = co_get(f, "/metrics", "");
	assert_non_null(
		strstr(s, "\nhttp_requests_total{code=\"200\",handler=\"id\",method=\"get\",tenant=\"acme\"} 1\n"));
	assert_non_null(
		strstr(s, "\nhttp_requests_total{code=\"200\",handler=\"id\",method=\"get\",tenant=\"none\"} 2\n"));
	assert_non_null(strstr(s, "tenant=\"" A40 A40 A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"} 1\n"));
	assert_non_null(strstr(s, "\nhttp_request_duration_seconds_bucket{code=\"200\",handler=\"id\",method=\"get\","
				  "tenant=\"acme\",le=\"0.25\"}"));
	assert_null(strstr(s, "tenant=\"acme\",le=\"720\"}"));
	assert_true(str_is_utf8(str_c(s)));
}

static void co_request_ids(struct fixture *f)
{
	assert_non_null(strstr(co_get(f, "/id", "X-Request-ID: mine\r\n"), "\r\n\r\nmine"));
	const char *s = strstr(co_get(f, "/id", ""), "\r\n\r\n") + 4;
	assert_int_equal(strlen(s), 26);
}

struct body {
	struct fixture *f;
	void (*fn)(struct fixture *f);
};

static void co_main(void *arg)
{
	struct body *b = arg;
	struct fixture *f = b->f;
	f->s = http_server_new(&(struct http_server_config){ .reactor = f->r, .router = f->router, .metrics = &f->m });
	peer_init(&f->p, f->r, NULL);
	b->fn(f);
	peer_fini(&f->p);
	co_http_server_stop(f->s, 1000);
	http_server_free(f->s);
}

static void run_with(void (*fn)(struct fixture *f), const struct http_metrics_opts *metrics)
{
	struct fixture f = { 0 };
	struct body b = { &f, fn };
	struct err err;
	f.r = reactor_new(NULL, &err);
	f.router = http_router_new();
	f.reg = metrics_registry_new();
	http_metrics_init(&f.m, f.reg, metrics);
	probe_init(&f.probe, "query", NULL);
	f.probe.on_change = on_change;
	f.probe.on_change_arg = &f;
	probe_metrics_init(&f.probe, f.reg);
	probe_add_routes(&f.probe, f.router);
	http_metrics_route(f.router, f.reg);
	http_debug_routes(f.router);
	http_router_add(f.router, routes, ARRAY_LEN(routes), NULL);
	fiber_start(f.r, "test", co_main, &b);
	reactor_run_until_idle(f.r);
	http_router_free(f.router);
	metrics_registry_free(f.reg);
	reactor_free(f.r);
}

static void run(void (*fn)(struct fixture *f))
{
	run_with(fn, &(struct http_metrics_opts){ 0 });
}

static void test_probes_tell_the_state_by_http_and_metric(void **state)
{
	run(co_probes);
}

static void test_handlers_are_measured_and_metrics_served(void **state)
{
	run(co_metrics);
}

static void test_tenants_from_outside_are_a_label_that_is_always_text(void **state)
{
	static const double seconds[] = { 0.25, 5 };
	run_with(co_tenants, &(struct http_metrics_opts){ .tenant_header = "X-Tenant",
							  .default_tenant = "none",
							  .seconds = seconds,
							  .n_seconds = ARRAY_LEN(seconds) });
}

static void test_request_id_is_kept_or_made(void **state)
{
	run(co_request_ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probes_tell_the_state_by_http_and_metric),
		cmocka_unit_test(test_handlers_are_measured_and_metrics_served),
		cmocka_unit_test(test_tenants_from_outside_are_a_label_that_is_always_text),
		cmocka_unit_test(test_request_id_is_kept_or_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
