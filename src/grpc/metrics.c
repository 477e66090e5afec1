#include "grpc/metrics.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Bounds of the latency histograms, in seconds (thanos pkg/extgrpc); the last three only of clients (pkg/server/grpc). */
static const double seconds_bounds[] = { 0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120, 240, 360, 720 };
#define CLIENT_BOUNDS ARRAY_LEN(seconds_bounds)
#define SERVER_BOUNDS (CLIENT_BOUNDS - 3)

void grpc_metric_families_init(struct grpc_metric_families *f, struct metrics_registry *reg, const char *side)
{
	const char *const *labels = METRICS_LABELS("grpc_type", "grpc_service", "grpc_method");
	bool server = side[0] == 's';
	const char *done = server ? "handled by the server" : "completed by the client";
	char name[64], help[128];
#define NAME(suffix) (snprintf(name, sizeof(name), "grpc_%s_%s", side, suffix), name)
#define HELP(...) (snprintf(help, sizeof(help), __VA_ARGS__), help)
	f->started = metrics_counter_vec(reg, NAME("started_total"),
					 HELP("Total number of RPCs started on the %s.", side), labels);
	f->handled = metrics_counter_vec(reg, NAME("handled_total"),
					 HELP("Total number of RPCs %s, regardless of success or failure.", done),
					 METRICS_LABELS("grpc_type", "grpc_service", "grpc_method", "grpc_code"));
	f->received = metrics_counter_vec(reg, NAME("msg_received_total"),
					  HELP("Total number of RPC messages received by the %s.", side), labels);
	f->sent = metrics_counter_vec(reg, NAME("msg_sent_total"),
				      HELP("Total number of RPC messages sent by the %s.", side), labels);
	f->seconds = metrics_histogram_vec(reg, NAME("handling_seconds"),
					   HELP("Response latency in seconds of RPCs %s.", done), labels,
					   seconds_bounds, server ? SERVER_BOUNDS : CLIENT_BOUNDS);
#undef NAME
#undef HELP
}

void grpc_method_metrics_init(struct grpc_method_metrics *m, struct grpc_metric_families *f, const char *type,
			      struct str path)
{
	if (path.n > 0 && path.p[0] == '/')
		path = str_mem(path.p + 1, path.n - 1);
	struct str service = str_cut(&path, '/');
	*m = (struct grpc_method_metrics){
		.f = f,
		.type = xstrdup(type),
		.service = xstrndup(service.p, service.n),
		.method = xstrndup(path.p ? path.p : "", path.n),
	};
	const char *const *labels = METRICS_LABELS(m->type, m->service, m->method);
	m->started = metrics_counter_with(f->started, labels);
	m->received = metrics_counter_with(f->received, labels);
	m->sent = metrics_counter_with(f->sent, labels);
	m->seconds = metrics_histogram_with(f->seconds, labels);
	for (int code = 0; code <= ERR_UNAUTHENTICATED; code++)
		m->handled[code] = metrics_counter_with(
			f->handled, METRICS_LABELS(m->type, m->service, m->method, err_code_name(code)));
}

void grpc_method_metrics_fini(struct grpc_method_metrics *m)
{
	free(m->type);
	free(m->service);
	free(m->method);
}

void grpc_method_started(struct grpc_method_metrics *m)
{
	if (m->started)
		counter_inc(m->started);
}

void grpc_method_handled(struct grpc_method_metrics *m, int code, int64_t ns)
{
	if (!m->started)
		return;
	counter_inc(m->handled[code >= 0 && code <= ERR_UNAUTHENTICATED ? code : ERR_UNKNOWN]);
	histogram_observe(m->seconds, (double)ns / 1e9);
}

void grpc_method_received(struct grpc_method_metrics *m)
{
	if (m->received)
		counter_inc(m->received);
}

void grpc_method_sent(struct grpc_method_metrics *m)
{
	if (m->sent)
		counter_inc(m->sent);
}
