#include "api/active.h"

#include "api/reply.h"
#include "api/result.h"
#include "base/compiler.h"
#include "base/sys.h"
#include "http/router.h"

/* Longest list as JSON. */
#define LIST_TEXT_MAX ((size_t)64 << 20)

/* Longest text of a query that is listed. */
#define QUERY_TEXT_MAX 16384

void api_active_init(struct api_active *a)
{
	*a = (struct api_active){ .n = 0 };
	list_init(&a->queries);
}

void api_active_add(struct api_active *a, struct api_active_query *q)
{
	list_init(&q->link);
	q->since_ms = sys_now_ms();
	q->since_ns = sys->mono_ns();
	struct ulid u = ulid_make(q->since_ms);
	ulid_format(&u, q->id);
	q->fiber = fiber_self();
	q->slot = API_JOURNAL_NONE;
	if (!a)
		return;
	list_push_back(&a->queries, &q->link);
	a->n++;
}

void api_active_begin(struct api_active *a, struct api_active_query *q)
{
	q->state = API_ACTIVE_RUNNING;
	if (a && q->text.n)
		q->slot = api_journal_add(a->journal, q->text, sys_now_ms() / 1000);
}

void api_active_remove(struct api_active *a, struct api_active_query *q)
{
	if (!a || !q->link.next || list_empty(&q->link))
		return;
	api_journal_remove(a->journal, q->slot);
	list_del(&q->link);
	a->n--;
}

static struct api_active_query *find(struct api_active *a, struct str id)
{
	list_for_each (l, &a->queries) {
		struct api_active_query *q = list_entry(l, struct api_active_query, link);
		if (str_eq_c(id, q->id))
			return q;
	}
	return NULL;
}

bool api_active_cancel(struct api_active *a, struct str id)
{
	struct api_active_query *q = find(a, id);
	if (!q)
		return false;
	q->killed = true;
	fiber_cancel(q->fiber);
	return true;
}

/* --- the list --------------------------------------------------------------------------- */

static void write_nonempty(struct jsonw *w, const char *key, struct str s)
{
	if (s.n)
		jsonw_kv_str(w, key, s);
}

static void write_progress(struct jsonw *w, const struct api_active_query *q)
{
	struct api_progress p = { 0 };
	if (q->progress)
		q->progress(q->source, &p);
	jsonw_kv_u64(w, "series", p.series);
	jsonw_kv_u64(w, "chunks", p.chunks);
	jsonw_kv_u64(w, "samples", p.samples);
	jsonw_kv_u64(w, "bytes", p.bytes);
	jsonw_kv_u64(w, "streams", p.asked);
	jsonw_kv_u64(w, "endpointsPendingCount", p.n_pending);
	jsonw_key(w, "endpointsPending");
	jsonw_array_begin(w);
	for (size_t i = 0; i < p.n_pending && i < API_PROGRESS_PENDING; i++)
		jsonw_cstr(w, p.pending[i]);
	jsonw_array_end(w);
}

static void write_query(struct jsonw *w, const struct api_active_query *q)
{
	static const char *const states[] = { "queued", "running", "writing" };
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "id", q->id);
	jsonw_kv_cstr(w, "kind", q->kind);
	jsonw_kv_str(w, "query", str_mem(q->text.p, MIN(q->text.n, (size_t)QUERY_TEXT_MAX)));
	jsonw_key(w, "start");
	jsonw_seconds(w, q->start_ms);
	jsonw_key(w, "end");
	jsonw_seconds(w, q->end_ms);
	jsonw_key(w, "step");
	jsonw_seconds(w, q->step_ms);
	write_nonempty(w, "tenant", q->tenant);
	write_nonempty(w, "user", q->user);
	write_nonempty(w, "userAgent", q->user_agent);
	write_nonempty(w, "remote", q->remote);
	jsonw_kv_cstr(w, "state", q->killed ? "cancelled" : states[q->state]);
	jsonw_key(w, "since");
	api_write_time(w, q->since_ms);
	jsonw_key(w, "elapsedSeconds");
	jsonw_double(w, (double)(sys->mono_ns() - q->since_ns) / 1e9);
	jsonw_key(w, "cpuSeconds");
	jsonw_double(w, q->clock ? (double)fiber_clock_read(q->clock) / 1e9 : 0);
	jsonw_kv_u64(w, "memoryBytes", q->budget ? q->budget->used : 0);
	jsonw_kv_u64(w, "memoryPeakBytes", q->budget ? q->budget->peak : 0);
	write_progress(w, q);
	jsonw_object_end(w);
}

/* Answers with JSON that was written whole before anything is sent: queries do not outlive a suspension. */
static int co_send_text(struct http_req *req, const struct strbuf *text, struct err *err)
{
	struct api_reply reply;
	jsonw_raw(api_reply_begin(&reply, req, NULL), strbuf_str(text));
	return co_api_reply_end(&reply, err);
}

static int co_list(struct http_req *req, void *arg, struct err *err)
{
	struct api_active *a = arg;
	struct strbuf text = { .limit = LIST_TEXT_MAX };
	struct jsonw w;
	if (!a->disable_cors)
		api_cors(req);
	http_resp_header(req, "Cache-Control", STR("no-store"));
	jsonw_init(&w, &text, JSONW_HTML);
	jsonw_array_begin(&w);
	list_for_each (l, &a->queries)
		write_query(&w, list_entry(l, struct api_active_query, link));
	jsonw_array_end(&w);
	int rc = jsonw_finish(&w, err);
	rc = rc ? rc : co_send_text(req, &text, err);
	strbuf_fini(&text);
	return rc;
}

static int co_delete(struct http_req *req, struct api_active *a, struct str id, struct err *err)
{
	struct strbuf text = { .limit = LIST_TEXT_MAX };
	struct jsonw w;
	const struct api_active_query *q = find(a, id);
	if (id.n == 0)
		return co_api_reply_error(req, API_BAD_DATA, STR("which query? give its id as in the list"), err);
	if (!q)
		return co_api_reply_error(req, API_NOT_FOUND, STR("no query with that id runs (any more)"), err);
	jsonw_init(&w, &text, JSONW_HTML);
	(void)api_active_cancel(a, id);
	write_query(&w, q);
	int rc = jsonw_finish(&w, err);
	rc = rc ? rc : co_send_text(req, &text, err);
	strbuf_fini(&text);
	return rc;
}

static int co_delete_path(struct http_req *req, void *arg, struct err *err)
{
	return co_delete(req, arg, http_req_path_param(req, "id"), err);
}

static int co_delete_param(struct http_req *req, void *arg, struct err *err)
{
	const struct http_params *params;
	int rc = co_http_params(req, &params, err);
	return rc ? rc : co_delete(req, arg, http_params_get(params, "id"), err);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/api/v1/status/active_queries", co_list, .name = "active_queries" },
	{ HTTP_DELETE, "/api/v1/status/active_queries", co_delete_param, .name = "active_queries" },
	{ HTTP_DELETE, "/api/v1/status/active_queries/:id", co_delete_path, .name = "active_queries" },
};

void api_active_add_routes(struct api_active *a, struct http_router *r)
{
	http_router_add(r, routes, ARRAY_LEN(routes), a);
}
