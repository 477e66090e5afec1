/* The querier's HTTP API over the rig. */
#ifndef TESTS_UNIT_QUERY_WEB_H
#define TESTS_UNIT_QUERY_WEB_H

#include "unit/query/rig.h"

#include "http/client.h"
#include "http/router.h"
#include "http/server.h"
#include "query/http.h"

static struct {
	struct query_http_config cfg;
	void (*body)(struct rig *rig);
	struct http_router *router;
	struct query_http *http;
	struct http_server *server;
	struct http_client *client;
	struct http_client_resp resp;
	char origin[160];
} web;

/* The body of an answer that has this status. */
static inline const char *co_get(const char *path, int status)
{
	struct err err;
	char url[4600];
	snprintf(url, sizeof(url), "%s%s", web.origin, path);
	struct http_client_req rq = { .url = url };
	http_client_resp_fini(&web.resp);
	if (co_http_request(web.client, &rq, &web.resp, &err))
		fail_msg("%s: %s", url, err.msg);
	strbuf_add_c(&web.resp.body, "");
	const char *body = web.resp.body.p ? web.resp.body.p : "";
	if (web.resp.status != status)
		fail_msg("%s: %d %s", path, web.resp.status, body);
	return body;
}

/* Expects an answer to the byte. */
static inline void co_expect(const char *path, int status, const char *want)
{
	const char *got = co_get(path, status);
	if (strcmp(got, want) != 0)
		fail_msg("%s\n  want %s\n  got  %s", path, want, got);
}

/* To be given to rig_run: serves the API, runs web.body. */
static inline void web_body(struct rig *rig)
{
	struct err err;
	char addr[ADDR_TEXT_MAX];
	web.router = http_router_new();
	web.http = query_http_new(rig->q, &web.cfg, rig->reg);
	query_http_add_routes(web.http, web.router);
	struct http_server_config sc = { .reactor = rig->r, .router = web.router };
	web.server = http_server_new(&sc);
	assert_int_equal(http_server_listen(web.server, "127.0.0.1:0", &err), 0);
	snprintf(web.origin, sizeof(web.origin), "http://%s", sockaddr_text(http_server_addr(web.server, 0), addr));
	struct http_client_config cc = { .reactor = rig->r, .proxy_url = "" };
	web.client = http_client_new(&cc, &err);
	web.body(rig);
	http_client_resp_fini(&web.resp);
	http_client_free(web.client);
	co_http_server_stop(web.server, 1000);
	http_server_free(web.server);
	query_http_free(web.http);
	http_router_free(web.router);
}

#endif
