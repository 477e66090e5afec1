#include "api/status.h"

#include "api/reply.h"
#include "api/result.h"
#include "base/compiler.h"
#include "base/sys.h"
#include "http/router.h"
#include "loop/reactor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void api_status_init(struct api_status *s)
{
	s->start_ms = sys_now_ms();
	if (!getcwd(s->cwd, sizeof(s->cwd)))
		snprintf(s->cwd, sizeof(s->cwd), "<error retrieving current working directory>");
}

static void begin(struct http_req *req, const struct api_status *s)
{
	if (!s->disable_cors)
		api_cors(req);
}

static int co_options(struct http_req *req, void *arg, struct err *err)
{
	begin(req, arg);
	return co_api_reply_nothing(req, err);
}

static const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

static int cmp_flag(const void *a, const void *b)
{
	return strcmp((*(const struct api_flag *const *)a)->name, (*(const struct api_flag *const *)b)->name);
}

/* A map, and so sorted. */
static int co_flags(struct http_req *req, void *arg, struct err *err)
{
	const struct api_status *s = arg;
	struct api_reply reply;
	begin(req, s);
	const struct api_flag **sorted = arena_array(&req->arena, s->n_flags + 1, sizeof(*sorted));
	if (!sorted)
		return arena_err(&req->arena, err);
	for (size_t i = 0; i < s->n_flags; i++)
		sorted[i] = &s->flags[i];
	qsort(sorted, s->n_flags, sizeof(*sorted), cmp_flag);
	struct jsonw *w = api_reply_begin(&reply, req, NULL);
	jsonw_object_begin(w);
	for (size_t i = 0; i < s->n_flags; i++)
		jsonw_kv_cstr(w, sorted[i]->name, text_or_empty(sorted[i]->value));
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

/* The keys are upstream's; those about Go's runtime tell what stands in for it here. */
static int co_runtimeinfo(struct http_req *req, void *arg, struct err *err)
{
	const struct api_status *s = arg;
	struct api_reply reply;
	begin(req, s);
	struct jsonw *w = api_reply_begin(&reply, req, NULL);
	jsonw_object_begin(w);
	jsonw_key(w, "startTime");
	api_write_time(w, s->start_ms);
	jsonw_kv_cstr(w, "CWD", s->cwd);
	jsonw_kv_u64(w, "goroutineCount", reactor_stats(req->reactor)->fibers_live);
	jsonw_kv_i64(w, "GOMAXPROCS", 1);
	jsonw_kv_cstr(w, "GOGC", "");
	jsonw_kv_cstr(w, "GODEBUG", "");
	jsonw_kv_i64(w, "GOMEMLIMIT", INT64_MAX);
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

static int co_buildinfo(struct http_req *req, void *arg, struct err *err)
{
	const struct api_status *s = arg;
	struct api_reply reply;
	begin(req, s);
	struct jsonw *w = api_reply_begin(&reply, req, NULL);
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "version", text_or_empty(s->version));
	jsonw_kv_cstr(w, "revision", text_or_empty(s->revision));
	jsonw_kv_cstr(w, "branch", text_or_empty(s->branch));
	jsonw_kv_cstr(w, "buildUser", text_or_empty(s->build_user));
	jsonw_kv_cstr(w, "buildDate", text_or_empty(s->build_date));
	jsonw_kv_cstr(w, "goVersion", "");
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

/* Adds "<before><value>\n", quoted: what JSON quotes, YAML reads. */
static void add_yaml(struct strbuf *yaml, const char *before, const char *value)
{
	struct jsonw w;
	strbuf_add_c(yaml, before);
	jsonw_init(&w, yaml, 0);
	jsonw_cstr(&w, value);
	strbuf_add_ch(yaml, '\n');
}

/*
 * The configuration in force as the YAML that --config.file takes, which Prometheus' is, too. The original's querier has no such
 * endpoint, its UI a page for it.
 */
static int co_config(struct http_req *req, void *arg, struct err *err)
{
	const struct api_status *s = arg;
	struct strbuf yaml = { 0 };
	struct api_reply reply;
	begin(req, s);
	strbuf_printf(&yaml, "role: %s\n", text_or_empty(s->role));
	for (size_t i = 0; i < s->n_flags; i++) {
		const struct api_flag *f = &s->flags[i];
		if (!*text_or_empty(f->value))
			continue;
		strbuf_printf(&yaml, "%s:", f->name);
		if (f->is_text)
			add_yaml(&yaml, " ", f->value);
		else if (f->n_items)
			strbuf_add_ch(&yaml, '\n');
		else
			strbuf_printf(&yaml, " %s\n", f->value);
		for (size_t k = 0; k < f->n_items; k++)
			add_yaml(&yaml, "  - ", f->items[k]);
	}
	struct jsonw *w = api_reply_begin(&reply, req, NULL);
	jsonw_object_begin(w);
	jsonw_key(w, "yaml");
	jsonw_str(w, strbuf_str(&yaml));
	jsonw_object_end(w);
	strbuf_fini(&yaml);
	return co_api_reply_end(&reply, err);
}

static const struct http_route routes[] = {
	{ HTTP_OPTIONS, "/api/v1/*path", co_options, .name = "options" },
	{ HTTP_GET, "/api/v1/status/flags", co_flags, .name = "status_flags" },
	{ HTTP_GET, "/api/v1/status/config", co_config, .name = "status_config" },
	{ HTTP_GET, "/api/v1/status/runtimeinfo", co_runtimeinfo, .name = "status_runtime" },
	{ HTTP_GET, "/api/v1/status/buildinfo", co_buildinfo, .name = "status_build" },
};

void api_status_add_routes(struct api_status *s, struct http_router *r)
{
	http_router_add(r, routes, ARRAY_LEN(routes), s);
}
