#include "cmd/request_log.h"

#include "base/arena.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/sys.h"
#include "cmd/options.h"
#include "http/req.h"
#include "http/router.h"
#include "text/yaml.h"

#include <stdlib.h>
#include <string.h>

/* What is logged of a protocol. */
struct choice {
	bool start, end;
	enum log_level level; /* and above */
};

/* A path; the port, 0 for any, is the one in the Host header. */
struct http_rule {
	struct str path;
	uint64_t port;
};

struct request_log {
	struct arena arena;
	struct logger *lg;
	struct choice http, grpc;
	struct http_rule *paths; /* n_paths 0: all */
	size_t n_paths;
	struct str *methods; /* "/service/method"; n_methods 0: all */
	size_t n_methods;
	struct http_watch http_watch;
	struct grpc_watch grpc_watch;
};

/* --- reading ------------------------------------------------------------------------------ */

static int read_level(struct ynode *options, enum log_level *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { { "DEBUG", LOG_DEBUG }, { "INFO", LOG_INFO }, { "WARNING", LOG_WARN }, { "ERROR", LOG_ERROR } };
	struct str name = { NULL, 0 };
	int rc = ynode_get_str(options, "level", &name, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (str_eq_c(name, levels[i].name)) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return ynode_err(options, err, "want a level of DEBUG, INFO, WARNING or ERROR, got \"%.*s\"", STR_ARG(name));
}

/* The map "options" of `map`; without one, or with an empty one, *io is kept. */
static int read_options(struct ynode *map, struct choice *io, struct err *err)
{
	struct ynode *options = NULL, *decision = NULL;
	bool start = false, end = false;
	int rc = map ? ynode_get_map(map, "options", &options, err) : 0;
	if (rc == 0 && options)
		rc = ynode_get_map(options, "decision", &decision, err);
	if (rc == 0 && decision)
		rc = ynode_get_bool(decision, "log_start", &start, err);
	if (rc == 0 && decision)
		rc = ynode_get_bool(decision, "log_end", &end, err);
	if (rc != 0 || !options || (!start && !end && !ynode_get(options, "level")))
		return rc;
	if (start && !end)
		return ynode_err(decision, err, "log_start wants log_end too");
	io->start = start;
	io->end = end;
	return read_level(options, &io->level, err);
}

static int read_path(struct request_log *l, struct ynode *item, size_t i, struct err *err)
{
	struct http_rule *r = &l->paths[i];
	int rc = ynode_want_map(item, err);
	if (rc == 0)
		rc = ynode_get_str(item, "path", &r->path, err);
	if (rc == 0)
		rc = ynode_get_u64(item, "port", &r->port, err);
	char *copy = rc == 0 ? arena_memdup(&l->arena, r->path.p, r->path.n) : NULL;
	r->path.p = copy;
	return rc;
}

static int read_method(struct request_log *l, struct ynode *item, size_t i, struct err *err)
{
	struct str service = { NULL, 0 }, method = { NULL, 0 };
	struct strbuf b = { 0 };
	int rc = ynode_want_map(item, err);
	if (rc == 0)
		rc = ynode_get_str(item, "service", &service, err);
	if (rc == 0)
		rc = ynode_get_str(item, "method", &method, err);
	strbuf_printf(&b, "/%.*s/%.*s", STR_ARG(service), STR_ARG(method));
	l->methods[i] = str_mem(arena_memdup(&l->arena, b.p, b.n), b.n);
	strbuf_fini(&b);
	return rc;
}

/* Options and list of a protocol; *ret_list is NULL where it has none. */
static int read_protocol(struct ynode *root, const char *name, struct choice *io, struct ynode **ret_list,
			 struct err *err)
{
	struct ynode *map = NULL;
	*ret_list = NULL;
	int rc = ynode_get_map(root, name, &map, err);
	if (rc == 0)
		rc = read_options(map, io, err);
	return rc == 0 && map ? ynode_get_list(map, "config", ret_list, err) : rc;
}

static int read_http(struct request_log *l, struct ynode *root, struct err *err)
{
	struct ynode *list;
	int rc = read_protocol(root, "http", &l->http, &list, err);
	if (rc != 0 || !list)
		return rc;
	l->paths = arena_array(&l->arena, list->n, sizeof(*l->paths));
	l->n_paths = list->n;
	for (uint32_t i = 0; i < list->n && rc == 0; i++)
		rc = read_path(l, list->items[i], i, err);
	return rc;
}

static int read_grpc(struct request_log *l, struct ynode *root, struct err *err)
{
	struct ynode *list;
	int rc = read_protocol(root, "grpc", &l->grpc, &list, err);
	if (rc != 0 || !list)
		return rc;
	l->methods = arena_array(&l->arena, list->n, sizeof(*l->methods));
	l->n_methods = list->n;
	for (uint32_t i = 0; i < list->n && rc == 0; i++)
		rc = read_method(l, list->items[i], i, err);
	return rc;
}

static int read_all(struct request_log *l, struct ynode *root, struct err *err)
{
	int rc = ynode_want_map(root, err);
	struct choice top = { .level = LOG_ERROR };
	if (rc == 0)
		rc = read_options(root, &top, err);
	l->http = l->grpc = top;
	if (rc == 0)
		rc = read_http(l, root, err);
	if (rc == 0)
		rc = read_grpc(l, root, err);
	return rc == 0 ? ynode_unused(root, err) : rc;
}

/* --- HTTP --------------------------------------------------------------------------------- */

/* The port at the end of "host:port", 0 where there is none. */
static uint64_t port_of(struct str host)
{
	uint64_t port = 0;
	size_t i = host.n;
	for (uint64_t scale = 1; i > 0 && host.n - i < 5 && host.p[i - 1] >= '0' && host.p[i - 1] <= '9'; i--) {
		port += (uint64_t)(host.p[i - 1] - '0') * scale;
		scale *= 10;
	}
	return i > 0 && host.p[i - 1] == ':' ? port : 0;
}

static bool wants_request(const struct request_log *l, const struct http_req *req)
{
	for (size_t i = 0; i < l->n_paths; i++) {
		const struct http_rule *r = &l->paths[i];
		if (str_eq(r->path, req->path) && (r->port == 0 || r->port == port_of(req->host)))
			return true;
	}
	return l->n_paths == 0;
}

static struct log_kv method_of(const struct http_req *req, struct strbuf *b)
{
	strbuf_add_str(b, req->method_text);
	strbuf_add_ch(b, ' ');
	strbuf_add_str(b, req->target);
	return log_str("http.method", strbuf_str(b));
}

static void http_begin(const struct http_req *req, void *arg)
{
	struct request_log *l = arg;
	struct strbuf method = { 0 };
	if (!l->http.start || LOG_DEBUG < l->http.level || !wants_request(l, req))
		return;
	log_debug(l->lg, "started call", log_s("protocol", "http"), log_s("http.component", "server"),
		  method_of(req, &method), log_str("http.request_id", req->request_id),
		  log_str("http.user_agent", http_req_header(req, "user-agent")),
		  log_s("thanos.method_name", req->route->name));
	strbuf_fini(&method);
}

static void http_end(const struct http_req *req, void *arg)
{
	struct request_log *l = arg;
	struct strbuf method = { 0 };
	enum log_level level = req->status >= 200 && req->status < 500 ? LOG_DEBUG : LOG_ERROR;
	struct str forwarded = http_req_header(req, "x-forwarded-for");
	if (!l->http.end || level < l->http.level || !wants_request(l, req))
		return;
	log_at(l->lg, level, "finished call", log_s("protocol", "http"), log_s("http.component", "server"),
	       method_of(req, &method), log_str("http.request_id", req->request_id),
	       log_str("http.user_agent", http_req_header(req, "user-agent")), log_i("http.status_code", req->status),
	       log_d("http.time_ms", (double)(sys->mono_ns() - req->started_ns) / 1e6),
	       log_str("http.remote_addr", forwarded.n ? forwarded : req->remote),
	       log_s("thanos.method_name", req->route->name));
	strbuf_fini(&method);
}

/* --- gRPC --------------------------------------------------------------------------------- */

static bool wants_call(const struct request_log *l, const struct grpc_method *m)
{
	for (size_t i = 0; i < l->n_methods; i++)
		if (str_eq_c(l->methods[i], m->path))
			return true;
	return l->n_methods == 0;
}

/* "service" and "method" of "/service/method". */
static struct str part_of(const struct grpc_method *m, bool service)
{
	struct str rest = str_c(m->path + 1);
	struct str first = str_cut(&rest, '/');
	return service ? first : rest;
}

static const char *type_of(const struct grpc_method *m)
{
	static const char *const types[] = {
		[GRPC_UNARY] = "unary", [GRPC_SERVER_STREAM] = "server_stream", [GRPC_BIDI] = "bidi_stream"
	};
	return types[m->kind];
}

static void grpc_begin(const struct grpc_call *c, void *arg)
{
	struct request_log *l = arg;
	const struct grpc_method *m = grpc_call_method(c);
	if (!l->grpc.start || !wants_call(l, m))
		return;
	log_debug(l->lg, "started call", log_s("protocol", "grpc"), log_s("grpc.component", "server"),
		  log_str("grpc.service", part_of(m, true)), log_str("grpc.method", part_of(m, false)),
		  log_s("grpc.method_type", type_of(m)), log_str("requestID", grpc_call_metadata(c, "x-request-id")),
		  log_s("peer.address", grpc_call_peer(c)));
}

/* Codes that are the server's fault (DefaultCodeToLevelGRPC). */
static bool is_fault(int code)
{
	return code == ERR_UNKNOWN || code == ERR_UNIMPLEMENTED || code == ERR_INTERNAL || code == ERR_DATA_LOSS;
}

static void grpc_end(const struct grpc_call *c, int code, const char *msg, void *arg)
{
	struct request_log *l = arg;
	const struct grpc_method *m = grpc_call_method(c);
	enum log_level level = is_fault(code) ? LOG_ERROR : LOG_DEBUG;
	if (!l->grpc.end || !wants_call(l, m))
		return;
	log_at(l->lg, level, "finished call", log_s("protocol", "grpc"), log_s("grpc.component", "server"),
	       log_str("grpc.service", part_of(m, true)), log_str("grpc.method", part_of(m, false)),
	       log_s("grpc.method_type", type_of(m)), log_str("requestID", grpc_call_metadata(c, "x-request-id")),
	       log_s("peer.address", grpc_call_peer(c)), log_s("grpc.code", err_code_name(code)),
	       log_s("grpc.error", code ? msg : ""),
	       log_d("grpc.time_ms", (double)(sys->mono_ns() - grpc_call_begin_ns(c)) / 1e6));
}

/* --- life --------------------------------------------------------------------------------- */

static int parse(struct request_log *l, const char *text, struct err *err)
{
	struct ydoc *d;
	int rc = ydoc_parse(str_c(text), "request.logging-config", NULL, &d, err);
	if (rc != 0)
		return rc;
	rc = read_all(l, ydoc_root(d), err);
	ydoc_free(d);
	return rc;
}

int request_log_new(const struct request_log_options *o, struct logger *lg, struct request_log **ret, struct err *err)
{
	const char *text;
	struct request_log *l = xcalloc(1, sizeof(*l));
	*ret = NULL;
	l->lg = lg;
	arena_init(&l->arena, NULL);
	l->http_watch = (struct http_watch){ http_begin, http_end, l };
	l->grpc_watch = (struct grpc_watch){ grpc_begin, grpc_end, l };
	int rc = options_path_or_content("request.logging-config", o->request_logging_config_file,
					 o->request_logging_config, &l->arena, &text, err);
	if (rc == 0 && text)
		rc = parse(l, text, err);
	if (rc != 0 || !text)
		request_log_free(l);
	else
		*ret = l;
	return rc;
}

void request_log_free(struct request_log *l)
{
	if (!l)
		return;
	arena_fini(&l->arena);
	free(l);
}

const struct http_watch *request_log_http(const struct request_log *l)
{
	return l && l->http.end ? &l->http_watch : NULL;
}

const struct grpc_watch *request_log_grpc(const struct request_log *l)
{
	return l && l->grpc.end ? &l->grpc_watch : NULL;
}
