#include "cmd/app.h"

#include "base/mem.h"
#include "cmd/request_log.h"
#include "cmd/version.h"
#include "grpc/health.h"
#include "grpc/reflection.h"
#include "grpc/server.h"
#include "http/common.h"
#include "http/h2_server.h"
#include "http/metrics.h"
#include "http/router.h"
#include "http/server.h"
#include "http/web_config.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "loop/signal.h"
#include "metrics/budget.h"
#include "metrics/metrics.h"
#include "metrics/process.h"
#include "net/addr.h"
#include "net/metrics.h"
#include "net/tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the main fiber is started with, and what comes out. */
struct main_call {
	struct app *app;
	app_fn *co_main;
	void *arg;
	int exit_code;
};

static void init_log(struct app *app)
{
	const struct log_options *o = app->setup->log;
	app->log = (struct logger){ .fd = 2, .component = app->setup->component, .name = o->debug_name };
	log_level_parse(o->log_level, &app->log.level);
	log_format_parse(o->log_format, &app->log.format);
}

static double read_dropped(void *registry)
{
	return (double)metrics_dropped_children(registry);
}

static int app_init(struct app *app, const struct app_setup *setup, struct err *err)
{
	*app = (struct app){ .setup = setup };
	mem_tune();
	init_log(app);
	app->reactor = reactor_new(&app->log, err);
	if (!app->reactor)
		return -err->code;
	uint64_t limit = setup->memory_limit_bytes;
	budget_init(&app->memory, NULL, setup->component, limit ? limit : BUDGET_UNLIMITED);
	app->metrics = metrics_registry_new();
	app->process = metrics_process_new(app->metrics);
	metrics_counter_fn(app->metrics, "thanos_metrics_dropped_total",
			   "How often a label set was not counted, for its metric has as many as it may have.",
			   read_dropped, app->metrics);
	metrics_build_info_init(app->metrics, thanos_version, thanos_revision, "main");
	reactor_metrics_init(app->reactor, app->metrics);
	app->net = net_metrics_new(app->metrics);
	metrics_budget_init(app->metrics, "thanos_memory", "requests", &app->memory);
	probe_init(&app->probe, setup->component, &app->log);
	probe_metrics_init(&app->probe, app->metrics);
	http_metrics_init(&app->http_metrics, app->metrics, &setup->http_metrics);
	app->router = http_router_new();
	if (setup->route_prefix)
		http_router_set_prefix(app->router, setup->route_prefix);
	probe_add_routes(&app->probe, app->router);
	http_metrics_route(app->router, app->metrics);
	http_debug_routes(app->router);
	app->signals = signal_watch_new(app->reactor, (const int[]){ SIGINT, SIGTERM }, 2);
	return 0;
}

static void app_fini(struct app *app)
{
	net_metrics_free(app->net);
	http_server_free(app->http);
	grpc_health_free(app->health);
	if (app->grpc)
		grpc_server_free(app->grpc);
	tls_ctx_unref(app->grpc_tls);
	request_log_free(app->request_log);
	web_config_free(app->web);
	signal_watch_free(app->signals);
	http_router_free(app->router);
	reactor_free(app->reactor);
	metrics_process_free(app->process);
	metrics_registry_free(app->metrics);
}

/* --- servers ---------------------------------------------------------------------- */

static struct tls_names names_of(const struct option_list *l)
{
	return (struct tls_names){ l->p, l->n };
}

static int make_grpc_tls(const struct grpc_options *o, struct tls_ctx **ret, struct err *err)
{
	static const char *const alpn[] = { "h2" };
	const struct tls_config cfg = {
		.cert_file = o->grpc_server_tls_cert,
		.key_file = o->grpc_server_tls_key,
		.ca_file = o->grpc_server_tls_client_ca,
		.min_version = o->grpc_server_tls_min_version,
		.ciphers = names_of(&o->grpc_server_tls_ciphers),
		.curves = names_of(&o->grpc_server_tls_curves),
		.alpn = { alpn, ARRAY_LEN(alpn) },
	};
	int rc = tls_ctx_new_server(&cfg, ret, err);
	return rc == 0 ? 0 : err_prefix(err, "--grpc-server-tls-*");
}

static int make_grpc(struct app *app, struct err *err)
{
	int rc = make_grpc_tls(app->setup->grpc, &app->grpc_tls, err);
	if (rc != 0)
		return rc;
	struct grpc_server_opts opts = grpc_server_opts_default();
	opts.tls = app->grpc_tls;
	opts.budget = &app->memory;
	opts.conn_stats = &app->grpc_conns;
	opts.watch = request_log_grpc(app->request_log);
	net_metrics_watch(app->net, "grpc", &app->grpc_conns);
	opts.max_connection_age_ms = app->setup->grpc->grpc_server_max_connection_age_ms;
	opts.max_connection_grace_ms = 0; /* long streams outlive their connection's age, as upstream */
	app->grpc = grpc_server_new(app->reactor, &opts);
	app->health = grpc_health_new(app->grpc);
	grpc_health_bind(app->health, &app->probe);
	grpc_reflection_add(app->grpc);
	return 0;
}

static int make_http(struct app *app, struct err *err)
{
	const char *file = app->setup->http->http_config;
	if (file && *file && !(app->web = web_config_open(file, err)))
		return err_prefix(err, "--http.config");
	struct http_server_config cfg = {
		.reactor = app->reactor,
		.router = app->router,
		.budget = &app->memory,
		.h2 = !app->web || web_config_http2(app->web) ? http_h2_serve : NULL,
		.metrics = &app->http_metrics,
		.tls = app->web ? web_config_tls(app->web) : NULL,
		.before = app->web ? co_web_config_before : NULL,
		.before_arg = app->web,
		.watch = request_log_http(app->request_log),
	};
	app->http = http_server_new(&cfg);
	net_metrics_watch(app->net, "http", http_server_conn_stats(app->http));
	return 0;
}

int app_serve(struct app *app, struct err *err)
{
	struct addr at;
	const char *http = app->setup->http->http_address, *grpc = app->setup->grpc->grpc_address;
	int rc = addr_parse(str_c(grpc), -1, &at, err);
	if (rc != 0)
		return err_prefix(err, "--grpc-address");
	rc = http_server_listen(app->http, http, err);
	if (rc != 0)
		return err_prefix(err, "--http-address");
	log_info(&app->log, "listening for requests and metrics", log_s("service", "http/server"),
		 log_s("address", http));
	grpc_server_metrics_init(app->grpc, app->metrics);
	rc = grpc_server_listen(app->grpc, &at, err);
	if (rc != 0)
		return err_prefix(err, "--grpc-address");
	log_info(&app->log, "listening for serving gRPC", log_s("service", "gRPC/server"), log_s("address", grpc));
	probe_healthy(&app->probe);
	app->served = true;
	return 0;
}

int co_app_wait(struct app *app, struct err *err)
{
	int signo;
	int rc = co_signal_wait(app->signals, &signo, err);
	if (rc == 0)
		log_info(&app->log, "caught signal. Exiting.", log_s("signal", strsignal(signo)));
	return rc;
}

/* Suspends. */
static void drain_http(void *arg)
{
	struct app *app = arg;
	co_http_server_stop(app->http, app->setup->http->http_grace_period_ms);
}

/* Suspends. */
static void drain_grpc(void *arg)
{
	struct app *app = arg;
	co_grpc_server_drain(app->grpc, app->setup->grpc->grpc_grace_period_ms);
}

/* Servers being stopped, and who may cut that short. */
struct hurry_call {
	struct app *app;
	struct fiber_group *drains;
};

/* A second signal ends the grace. Suspends. */
static void hurry(void *arg)
{
	struct hurry_call *c = arg;
	int signo;
	if (co_signal_wait(c->app->signals, &signo, NULL) == 0)
		fiber_group_cancel(c->drains);
}

void co_app_drain(struct app *app)
{
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "shutting down");
	if (app->served)
		probe_not_ready(&app->probe, &why);
	struct fiber_group drains, watcher;
	fiber_mask();
	fiber_group_init(&drains);
	fiber_group_init(&watcher);
	struct hurry_call call = { app, &drains };
	fiber_group_start(&drains, "drain http", drain_http, app);
	fiber_group_start(&drains, "drain grpc", drain_grpc, app);
	fiber_group_start(&watcher, "second signal", hurry, &call);
	(void)co_fiber_group_join(&drains, NULL);
	fiber_group_cancel(&watcher);
	(void)co_fiber_group_join(&watcher, NULL);
	fiber_unmask();
	if (app->served)
		probe_not_healthy(&app->probe, &why);
}

/* --- the main fiber -------------------------------------------------------------------- */

/* Says why the process ends, and returns its exit code. A mistake in the options reads as one in the command line does. */
static int report(struct app *app, const struct err *err)
{
	bool served = app->served;
	if (!served && (err->code == ERR_INVALID_ARGUMENT || err->code == ERR_FAILED_PRECONDITION)) {
		fprintf(stderr, "thanos %s: error: %s\n", app->setup->component, err->msg);
		return APP_EXIT_USAGE;
	}
	log_error(&app->log, served ? "command failed" : "preparing command failed",
		  log_s("command", app->setup->component), log_err(err));
	return APP_EXIT_FAILURE;
}

/* Suspends. */
static void run_main(void *arg)
{
	struct main_call *c = arg;
	struct err err = ERR_NONE;
	int rc = request_log_new(c->app->setup->request_log, &c->app->log, &c->app->request_log, &err);
	if (rc == 0)
		rc = make_grpc(c->app, &err);
	if (rc == 0)
		rc = make_http(c->app, &err);
	if (rc == 0)
		rc = c->co_main(c->app, c->arg, &err);
	c->exit_code = rc == 0 ? 0 : report(c->app, &err);
	reactor_stop(c->app->reactor);
}

int app_main(const struct app_setup *setup, app_fn *co_main, void *arg)
{
	struct app app;
	struct err err;
	if (app_init(&app, setup, &err) != 0) {
		log_error(&app.log, "preparing command failed", log_s("command", setup->component), log_err(&err));
		return APP_EXIT_FAILURE;
	}
	for (size_t i = 0; i < setup->warnings->n; i++)
		log_warn(&app.log, setup->warnings->p[i]);
	struct main_call call = { &app, co_main, arg, 0 };
	fiber_start(app.reactor, "main", run_main, &call);
	reactor_run(app.reactor);
	if (call.exit_code != APP_EXIT_USAGE)
		log_info(&app.log, "exiting");
	app_fini(&app);
	return call.exit_code;
}
