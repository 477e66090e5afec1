#include "grpc/health.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "grpc/server.h"
#include "http/probe.h"
#include "loop/fiber.h"
#include "proto/wire.h"

#include <stdlib.h>

/* Field numbers and states are those of proto/health.proto. */
enum { STATUS_SERVING = 1, STATUS_NOT_SERVING = 2, STATUS_SERVICE_UNKNOWN = 3 };

/* The service. */
struct grpc_health {
	bool serving;
	struct waitq changed;
	struct probe *probe;
};

static int request_service(struct grpc_call *c, struct str *ret, struct err *err)
{
	struct wire w = wire_begin(grpc_call_request(c));
	struct wire_field f;
	*ret = STR("");
	while (wire_next(&w, &f))
		if (f.num == 1 && wire_is(&w, &f, WIRE_LEN))
			*ret = f.s;
	return w.fault ? wire_err(&w, "HealthCheckRequest", err) : 0;
}

static int status_now(const struct grpc_health *h)
{
	return h->serving ? STATUS_SERVING : STATUS_NOT_SERVING;
}

static int co_send_status(struct grpc_call *c, int status, struct err *err)
{
	struct strbuf b = { 0 };
	wire_put_uint(&b, 1, (uint64_t)status);
	int rv = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rv;
}

static int co_check(struct grpc_call *c, void *arg, struct err *err)
{
	struct str service;
	int rv = request_service(c, &service, err);
	if (rv)
		return rv;
	if (service.n > 0)
		return err_set(err, ERR_NOT_FOUND, "unknown service");
	return co_send_status(c, status_now(arg), err);
}

static int co_watch(struct grpc_call *c, void *arg, struct err *err)
{
	struct grpc_health *h = arg;
	struct str service;
	int rv = request_service(c, &service, err);
	if (rv == 0 && service.n > 0)
		rv = co_send_status(c, STATUS_SERVICE_UNKNOWN, err);
	int told = 0;
	while (rv == 0) {
		int now = service.n > 0 ? 0 : status_now(h);
		if (now != told) {
			told = now;
			rv = co_send_status(c, now, err);
			continue;
		}
		rv = co_waitq_wait(&h->changed, "grpc health watch", err);
	}
	return rv;
}

static int co_list(struct grpc_call *c, void *arg, struct err *err)
{
	struct strbuf b = { 0 };
	size_t entry = wire_open(&b, 1);
	wire_put_str(&b, 1, STR(""));
	size_t value = wire_open(&b, 2);
	wire_put_uint(&b, 1, (uint64_t)status_now(arg));
	wire_close(&b, value);
	wire_close(&b, entry);
	int rv = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rv;
}

static const struct grpc_method health_methods[] = {
	{ "/grpc.health.v1.Health/Check", GRPC_UNARY, co_check },
	{ "/grpc.health.v1.Health/Watch", GRPC_SERVER_STREAM, co_watch },
	{ "/grpc.health.v1.Health/List", GRPC_UNARY, co_list },
};

struct grpc_health *grpc_health_new(struct grpc_server *s)
{
	struct grpc_health *h = xcalloc(1, sizeof(*h));
	waitq_init(&h->changed);
	grpc_server_add(s, health_methods, ARRAY_LEN(health_methods), h);
	return h;
}

void grpc_health_free(struct grpc_health *h)
{
	if (h && h->probe) {
		h->probe->on_change = NULL;
		h->probe->on_change_arg = NULL;
	}
	free(h);
}

void grpc_health_set(struct grpc_health *h, bool serving)
{
	h->serving = serving;
	waitq_wake_all(&h->changed);
}

static void probe_changed(void *arg)
{
	struct grpc_health *h = arg;
	grpc_health_set(h, h->probe->ready && h->probe->healthy);
}

void grpc_health_bind(struct grpc_health *h, struct probe *p)
{
	h->probe = p;
	p->on_change = probe_changed;
	p->on_change_arg = h;
	probe_changed(h);
}
