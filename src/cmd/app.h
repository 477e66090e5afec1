/*
 * cmd/app.h - what every component needs around it: logger, event loop,
 * metrics, probes, HTTP and gRPC servers, signals, an orderly end.
 *
 * A component's main fiber does its start-up in order, calls app_serve
 * when it can answer, waits with co_app_wait, and takes itself down again:
 *
 *	static int co_query_main(struct app *app, void *options, struct err *err);
 *	return app_main(&setup, co_query_main, options);
 */
#ifndef CMD_APP_H
#define CMD_APP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "cmd/common_options.h"
#include "http/metrics.h"
#include "http/probe.h"
#include "net/conn.h"

#include <stdbool.h>

struct grpc_health;
struct grpc_server;
struct http_router;
struct http_server;
struct metrics_registry;
struct net_metrics;
struct process_metrics;
struct reactor;
struct request_log;
struct signal_watch;
struct tls_ctx;
struct web_config;

/* Exit codes of the process; 0 is an orderly end. The docs promise them. */
#define APP_EXIT_FAILURE 1 /* something failed at run time: a port in use, a file that cannot be read */
#define APP_EXIT_USAGE 2   /* a mistake in flags or configuration */

/* How a component's process is set up; the options are borrowed. */
struct app_setup {
	const char *component; /* "query", "receive": label and log field */
	const struct log_options *log;
	const struct http_options *http;
	const struct grpc_options *grpc;
	const struct request_log_options *request_log;
	const struct option_list *warnings; /* of the option parser, to be logged */
	uint64_t memory_limit_bytes;        /* of requests and queries together; 0: none */
	const char *
		route_prefix; /* below which everything is served, probes and metrics at the root too; NULL: the root */
	struct http_metrics_opts http_metrics;
};

/* A running component. Members are readable. */
struct app {
	const struct app_setup *setup;
	struct logger log;
	struct reactor *reactor;
	struct metrics_registry *metrics;
	struct http_metrics http_metrics;
	struct probe probe;
	struct budget memory;       /* parent of the budgets of all requests */
	struct http_router *router; /* of the HTTP server; add routes before app_serve */
	struct http_server *http;   /* listens from app_serve on */
	struct grpc_server *grpc;   /* likewise; add services before */
	struct signal_watch *signals;
	struct net_metrics *net; /* listeners of the component's own are added to it */

	/* Private. */
	struct process_metrics *process;
	struct conn_stats grpc_conns; /* of the gRPC server */
	struct grpc_health *health;
	struct tls_ctx *grpc_tls;
	struct web_config *web;          /* --http.config; NULL without */
	struct request_log *request_log; /* --request.logging-config; NULL without */
	bool served;                     /* app_serve ended well */
};

/* A component's main fiber: starts, waits, stops. 0 is an orderly end. Suspends. */
typedef int app_fn(struct app *app, void *arg, struct err *err);

/*
 * Sets everything up, runs co_main in a fiber on a new event loop and returns the process's exit code: 0 after an orderly
 * end; APP_EXIT_FAILURE after an error, which is logged ("preparing command failed" before app_serve ended well,
 * "command failed" after); APP_EXIT_USAGE where what the options say cannot be (INVALID_ARGUMENT, FAILED_PRECONDITION,
 * before app_serve ended well), which is said in one line on stderr.
 */
int app_main(const struct app_setup *setup, app_fn *co_main, void *arg);

/* Opens the HTTP and gRPC ports. Errors name the address. */
int app_serve(struct app *app, struct err *err);

/* Waits for SIGINT or SIGTERM. */
int co_app_wait(struct app *app, struct err *err);

/*
 * First half of the end: readiness goes, servers stop taking requests and finish those under way within their grace
 * periods. Cannot be cancelled; a second signal cuts it short.
 */
void co_app_drain(struct app *app);

#endif
