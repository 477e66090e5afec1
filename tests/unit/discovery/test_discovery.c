#include "discovery/discovery.h"
#include "discovery/endpoint_yaml.h"
#include "discovery/file_sd.h"

#include "unit/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "net/dns.h"

#include <unistd.h>

/* --- settings ------------------------------------------------------------------------------- */

static void test_global_settings_hold_where_an_entry_says_nothing(void **state)
{
	struct endpoint_client unset = ENDPOINT_CLIENT_UNSET;
	struct endpoint_client global = {
		.tls = ENDPOINT_YES, .skip_verify = ENDPOINT_NO, .ca_file = "ca", .server_name = "s"
	};
	struct endpoint_client c = endpoint_client_resolve(&unset, &global);
	assert_int_equal(c.tls, ENDPOINT_YES);
	assert_string_equal(c.ca_file, "ca");
	assert_string_equal(c.server_name, "s");
	assert_string_equal(c.min_version, "1.3");
	assert_string_equal(c.compression, "none");
}

static void test_entry_turns_tls_on_or_off(void **state)
{
	struct endpoint_client global = {
		.tls = ENDPOINT_YES, .skip_verify = ENDPOINT_YES, .ca_file = "ca", .server_name = "s"
	};
	struct endpoint_client own = ENDPOINT_CLIENT_UNSET;
	own.tls = ENDPOINT_NO;
	struct endpoint_client c = endpoint_client_resolve(&own, &global);
	assert_int_equal(c.tls, ENDPOINT_NO);
	assert_null(c.ca_file);
	/* A file without "enabled" turns TLS on, with the gaps filled from above. */
	own = ENDPOINT_CLIENT_UNSET;
	own.cert_file = "mine";
	global.tls = ENDPOINT_NO;
	c = endpoint_client_resolve(&own, &global);
	assert_int_equal(c.tls, ENDPOINT_YES);
	assert_string_equal(c.cert_file, "mine");
	assert_string_equal(c.ca_file, "ca");
	assert_int_equal(c.skip_verify, ENDPOINT_YES);
	assert_null(c.server_name);
	/* A server name alone does not. */
	own = ENDPOINT_CLIENT_UNSET;
	own.server_name = "x";
	c = endpoint_client_resolve(&own, &global);
	assert_int_equal(c.tls, ENDPOINT_NO);
	assert_string_equal(c.server_name, "x");
}

/* --- the endpoint YAML ------------------------------------------------------------------------- */

static void test_endpoint_yaml(void **state)
{
	struct endpoint_yaml *y;
	struct err e;
	int rc = endpoint_yaml_parse(
		STR("default_client_config:\n  tls_config: {enabled: true, ca_file: /ca}\n  server_name: all\n"
		    "endpoints:\n"
		    "- address: a:1\n  strict: true\n"
		    "- address: dnssrv+b\n  group: true\n  service_config: '{}'\n  unknown: 1\n"
		    "  client_config: {compression: snappy, tls_config: {insecure_skip_verify: true}}\n"),
		"e.yaml", &y, &e);
	if (rc != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(y->n_specs, 2);
	assert_int_equal(y->defaults.tls, ENDPOINT_YES);
	assert_string_equal(y->defaults.ca_file, "/ca");
	assert_true(y->specs[0].strict);
	assert_false(y->specs[0].group);
	assert_string_equal(y->specs[1].address, "dnssrv+b");
	assert_string_equal(y->specs[1].client.compression, "snappy");
	assert_int_equal(y->specs[1].client.skip_verify, ENDPOINT_YES);
	assert_int_equal(y->specs[1].client.tls, ENDPOINT_UNSET);
	endpoint_yaml_free(y);
}

static void test_wrong_endpoint_yaml(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "endpoints:\n- address: dns+a:1\n  strict: true\n", "is a dynamically specified endpoint" },
		{ "endpoints:\n- address: a:1\n  service_config: x\n",
		  "a:1 service_config is only valid for endpoint groups." },
		{ "endpoints:\n- strict: true\n", "e.yaml:2" },
		{ "endpoints:\n- address: a:1\n  client_config: {compression: zip}\n", "invalid compression: zip" },
		{ "endpoints: {a: b}\n", "e.yaml:1" },
		{ "[]", "e.yaml:1" },
		{ "endpoints:\n- address: a:1\n  strict: maybe\n", "e.yaml:3" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct endpoint_yaml *y;
		struct err e;
		assert_int_equal(endpoint_yaml_parse(str_c(cases[i].text), "e.yaml", &y, &e), -ERR_INVALID_ARGUMENT);
		if (!strstr(e.msg, cases[i].error))
			fail_msg("case %zu: %s", i, e.msg);
	}
}

/* --- file SD --------------------------------------------------------------------------------------- */

static void expect_targets(const char *text, const char *file, const char *want)
{
	char **t;
	size_t n;
	struct err e;
	struct strbuf b = { 0 };
	if (file_sd_parse(str_c(text), file, &t, &n, &e) != 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&b, "%s ", t[i]);
	assert_string_equal(b.p ? b.p : "", want);
	strbuf_fini(&b);
	file_list_free(t, n);
}

static void test_file_sd_documents(void **state)
{
	expect_targets("- targets: [a:1, 'b:2']\n  labels: {x: y}\n- targets: []\n- labels: {}\n", "f.yml", "a:1 b:2 ");
	expect_targets("[{\"targets\":[\"a:1\"],\"labels\":{\"x\":\"y\"}},\t{\"targets\":[\"b:2\",\"c:3\"]}]", "f.json",
		       "a:1 b:2 c:3 ");
	expect_targets("", "f.yaml", "");
	static const char *const wrong[] = { "{}", "[1]", "[{\"targets\":1}]", "[{\"targets\":[1]}]", "[", "null" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char **t;
		size_t n;
		struct err e;
		assert_int_equal(file_sd_parse(str_c(wrong[i]), "f.json", &t, &n, &e), -ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(e.msg, "f.json"));
	}
	char **t;
	size_t n;
	struct err e;
	assert_int_equal(file_sd_parse(STR("- target: [a]\n"), "f.yml", &t, &n, &e), -ERR_INVALID_ARGUMENT);
}

/* --- together ---------------------------------------------------------------------------------------- */

static struct {
	struct reactor *r;
	struct metrics_registry *reg;
	char dir[64];
	void (*body)(void);
	int done;
} t;

static void write_file(const char *name, const char *text)
{
	struct err e;
	char *path = xasprintf("%s/%s", t.dir, name);
	if (file_write_atomic(path, text, strlen(text), &e) != 0)
		fail_msg("%s", e.msg);
	free(path);
}

static void expect_names(struct discovery *d, const char *want)
{
	size_t n;
	const struct discovery_target *list = discovery_targets(d, &n);
	struct strbuf b = { 0 };
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&b, "%s%s%s ", list[i].name, list[i].spec.strict ? "!" : "",
			      list[i].spec.client.tls == ENDPOINT_YES ? "*" : "");
	assert_string_equal(b.p ? b.p : "", want);
	strbuf_fini(&b);
}

static void expect_metric(const char *line)
{
	struct strbuf b = { 0 };
	metrics_expose(t.reg, METRICS_TEXT, &b);
	if (!strstr(b.p, line))
		fail_msg("no \"%s\" in:\n%s", line, b.p);
	strbuf_fini(&b);
}

static void test_main(void *arg)
{
	t.body();
	t.done = 1;
}

static void run(void (*body)(void))
{
	struct err e;
	t.body = body;
	t.done = 0;
	t.r = reactor_new(NULL, &e);
	t.reg = metrics_registry_new();
	snprintf(t.dir, sizeof(t.dir), "/tmp/test_discovery.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	fiber_start(t.r, "test", test_main, NULL);
	reactor_run_until_idle(t.r);
	assert_true(t.done);
	reactor_free(t.r);
	metrics_registry_free(t.reg);
	file_remove_all(t.dir, NULL);
}

static void files_body(void)
{
	struct err e;
	char *pattern = xasprintf("%s/*.yml", t.dir);
	const char *const patterns[] = { pattern }, *const flags[] = { "z:9", "a:1" }, *const strict[] = { "s:1" };
	struct discovery_config cfg = { .endpoints = { flags, 2 },
					.endpoints_strict = { strict, 1 },
					.sd_files = { patterns, 1 },
					.sd_files_interval_ms = 1000000,
					.client = ENDPOINT_CLIENT_UNSET };
	struct discovery *d = discovery_new(t.r, NULL, &cfg, t.reg, &e);
	assert_non_null(d);
	write_file("1.yml", "- targets: [b:2, a:1]\n");
	write_file("no.txt", "- targets: [x:2]\n");
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	expect_names(d, "a:1 b:2 s:1! z:9 ");
	expect_metric("thanos_query_duplicated_endpoint_addresses_total 1\n");
	/* A file that breaks keeps what it had; others change. */
	write_file("1.yml", "- targets: {}\n");
	write_file("2.yml", "- targets: [c:3]\n");
	assert_int_equal(co_discovery_refresh(d, &e), -ERR_INVALID_ARGUMENT);
	assert_non_null(strstr(e.msg, "1.yml"));
	expect_names(d, "a:1 b:2 c:3 s:1! z:9 ");
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	char *gone = xasprintf("%s/2.yml", t.dir);
	unlink(gone);
	free(gone);
	write_file("1.yml", "- targets: [d:4]\n");
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	expect_names(d, "a:1 d:4 s:1! z:9 ");
	discovery_free(d);
	free(pattern);
}

static void test_files_are_watched(void **state)
{
	run(files_body);
}

static void addresses_body(void)
{
	static const char *const wrong[] = { "", "host" };
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct discovery_config cfg = { .endpoints = { &wrong[i], 1 }, .client = ENDPOINT_CLIENT_UNSET };
		assert_null(discovery_new(t.r, NULL, &cfg, NULL, &e));
		assert_int_equal(e.code, ERR_INVALID_ARGUMENT);
		assert_non_null(strstr(e.msg, "is not of <host>:<port> format"));
	}
}

static void test_addresses_without_port_are_refused(void **state)
{
	run(addresses_body);
}

static void yaml_body(void)
{
	struct err e;
	char *file = xasprintf("%s/endpoints.yaml", t.dir);
	struct discovery_config cfg = { .sd_config_file = file,
					.sd_config_reload_ms = 30,
					.client = ENDPOINT_CLIENT_UNSET };
	assert_null(discovery_new(t.r, NULL, &cfg, NULL, &e));
	assert_non_null(strstr(e.msg, "endpoint.sd-config-file"));
	write_file("endpoints.yaml", "endpoints:\n- address: a:1\n- address: a:1\n  group: true\n");
	struct discovery *d = discovery_new(t.r, NULL, &cfg, NULL, &e);
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	expect_names(d, "a:1 thanos:///a:1 ");
	write_file("endpoints.yaml", "endpoints: 1\n");
	co_sleep_ms(40, NULL);
	assert_int_equal(co_discovery_refresh(d, &e), -ERR_INVALID_ARGUMENT);
	expect_names(d, "a:1 thanos:///a:1 ");
	write_file("endpoints.yaml",
		   "default_client_config: {tls_config: {enabled: true}}\n"
		   "endpoints:\n- address: b:1\n- address: c:1\n  client_config: {tls_config: {enabled: false}}\n");
	co_sleep_ms(40, NULL);
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	expect_names(d, "b:1* c:1 ");
	discovery_free(d);
	free(file);
}

static void test_endpoint_yaml_is_read_again(void **state)
{
	run(yaml_body);
}

static void dns_body(void)
{
	struct err e;
	struct dns_resolver *dns = dns_resolver_new(t.r, NULL, &e);
	const char *const flags[] = { "dns+127.0.0.1:7", "dns+127.0.0.2:7", "127.0.0.1:7" }, *const groups[] = {
		"dns+g:1"
	};
	struct discovery_config cfg = { .endpoints = { flags, 3 },
					.endpoint_groups = { groups, 1 },
					.dns_interval_ms = 1000,
					.client = ENDPOINT_CLIENT_UNSET };
	struct discovery *d = discovery_new(t.r, dns, &cfg, t.reg, &e);
	if (co_discovery_refresh(d, &e) != 0)
		fail_msg("%s", e.msg);
	expect_names(d, "127.0.0.1:7 127.0.0.2:7 thanos:///dns+g:1 ");
	expect_metric("thanos_query_endpoints_dns_lookups_total 2\n");
	expect_metric("thanos_query_store_apis_dns_lookups_total 2\n");
	expect_metric("thanos_query_endpoints_dns_failures_total 0\n");
	expect_metric("thanos_query_endpoints_dns_provider_results{addr=\"dns+127.0.0.1:7\"} 1\n");
	/* Within the interval nothing is looked up again. */
	assert_int_equal(co_discovery_refresh(d, &e), 0);
	expect_metric("thanos_query_endpoints_dns_lookups_total 2\n");
	discovery_free(d);
	dns_resolver_free(dns);
}

static void test_names_are_looked_up_by_their_interval(void **state)
{
	run(dns_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_global_settings_hold_where_an_entry_says_nothing),
		cmocka_unit_test(test_entry_turns_tls_on_or_off),
		cmocka_unit_test(test_endpoint_yaml),
		cmocka_unit_test(test_wrong_endpoint_yaml),
		cmocka_unit_test(test_file_sd_documents),
		cmocka_unit_test(test_files_are_watched),
		cmocka_unit_test(test_addresses_without_port_are_refused),
		cmocka_unit_test(test_endpoint_yaml_is_read_again),
		cmocka_unit_test(test_names_are_looked_up_by_their_interval),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
