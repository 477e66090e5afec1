#include "http/common.h"

#include "http/router.h"
#include "loop/fiber.h"
#include "metrics/expose.h"

/* Most bytes of an exposition. */
#define EXPOSITION_MAX (256u * 1024 * 1024)

/* Suspends. */
static int co_metrics(struct http_req *req, void *arg, struct err *err)
{
	struct strbuf out = { .limit = EXPOSITION_MAX };
	enum metrics_format f = metrics_negotiate(http_req_header(req, "accept"));
	metrics_expose(arg, f, &out);
	if (out.overflow) {
		strbuf_fini(&out);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "the metrics are over %u bytes", EXPOSITION_MAX);
	}
	return co_http_reply_buf(req, 200, metrics_content_type(f), &out, err);
}

/* Suspends. */
static int co_fibers(struct http_req *req, void *arg, struct err *err)
{
	struct strbuf out = { .limit = EXPOSITION_MAX };
	fiber_dump(req->reactor, &out);
	return co_http_reply_buf(req, 200, "text/plain; charset=utf-8", &out, err);
}

void http_metrics_route(struct http_router *r, struct metrics_registry *reg)
{
	static const struct http_route routes[] = { { HTTP_GET, "/metrics", co_metrics, .at_root = true } };
	http_router_add(r, routes, 1, reg);
}

void http_debug_routes(struct http_router *r)
{
	static const struct http_route routes[] = { { HTTP_GET, "/debug/fibers", co_fibers, .at_root = true } };
	http_router_add(r, routes, 1, NULL);
}
