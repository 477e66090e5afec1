#include "http/probe.h"

#include "base/compiler.h"
#include "http/router.h"
#include "metrics/metrics.h"

#include <string.h>

void probe_init(struct probe *p, const char *component, struct logger *lg)
{
	*p = (struct probe){ .component = component, .log = lg };
}

static void changed(struct probe *p)
{
	if (p->on_change)
		p->on_change(p->on_change_arg);
}

void probe_ready(struct probe *p)
{
	if (p->ready)
		return;
	p->ready = true;
	if (p->log)
		log_info(p->log, "changing probe status", log_s("status", "ready"));
	changed(p);
}

void probe_not_ready(struct probe *p, const struct err *why)
{
	bool told = !p->ready && p->not_ready.code == why->code && strcmp(p->not_ready.msg, why->msg) == 0;
	p->ready = false;
	p->not_ready = *why;
	if (told)
		return;
	if (p->log)
		log_warn(p->log, "changing probe status", log_s("status", "not-ready"), log_s("reason", why->msg));
	changed(p);
}

void probe_healthy(struct probe *p)
{
	if (p->healthy)
		return;
	p->healthy = true;
	if (p->log)
		log_info(p->log, "changing probe status", log_s("status", "healthy"));
	changed(p);
}

void probe_not_healthy(struct probe *p, const struct err *why)
{
	bool told = !p->healthy && p->not_healthy.code == why->code && strcmp(p->not_healthy.msg, why->msg) == 0;
	p->healthy = false;
	p->not_healthy = *why;
	if (told)
		return;
	if (p->log)
		log_info(p->log, "changing probe status", log_s("status", "not-healthy"), log_s("reason", why->msg));
	changed(p);
}

/* Puts the state into the gauges when they are read. */
static void collect(void *arg)
{
	struct probe *p = arg;
	gauge_set(p->ready_gauge, p->ready);
	gauge_set(p->healthy_gauge, p->healthy);
}

void probe_metrics_init(struct probe *p, struct metrics_registry *reg)
{
	struct metrics_vec *v = metrics_gauge_vec(
		reg, "thanos_status", "Represents status (0 indicates failure, 1 indicates success) of the component.",
		METRICS_LABELS("check", "component"));
	p->ready_gauge = metrics_gauge_with(v, METRICS_LABELS("ready", p->component));
	p->healthy_gauge = metrics_gauge_with(v, METRICS_LABELS("healthy", p->component));
	metrics_on_collect(reg, collect, p);
}

/* Upstream's answers: "OK" or "NOT OK". Suspends. */
static int co_answer(struct http_req *req, bool ok, struct err *err)
{
	return co_http_reply(req, ok ? 200 : 503, "text/plain; charset=utf-8", ok ? STR("OK") : STR("NOT OK"), err);
}

/* Suspends. */
static int co_healthy(struct http_req *req, void *arg, struct err *err)
{
	return co_answer(req, ((const struct probe *)arg)->healthy, err);
}

/* Suspends. */
static int co_ready(struct http_req *req, void *arg, struct err *err)
{
	return co_answer(req, ((const struct probe *)arg)->ready, err);
}

void probe_add_routes(struct probe *p, struct http_router *r)
{
	static const struct http_route routes[] = {
		{ HTTP_GET, "/-/healthy", co_healthy, .at_root = true },
		{ HTTP_GET, "/-/ready", co_ready, .at_root = true },
	};
	http_router_add(r, routes, ARRAY_LEN(routes), p);
}
