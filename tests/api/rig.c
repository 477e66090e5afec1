#include "api/rig.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "labels/matcher.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/addr.h"
#include "promqltest/script.h"
#include "unit/unit.h"

/* --- the backend ------------------------------------------------------------------------ */

static int enter_gate(void *arg, struct err *err)
{
	struct rig *g = arg;
	int rc = fiber_check(err);
	g->gate_in += rc == 0;
	return rc;
}

static void leave_gate(void *arg)
{
	struct rig *g = arg;
	g->gate_out++;
}

static void begin_budget(void *arg, struct budget *b)
{
	struct rig *g = arg;
	budget_init(b, &g->all, "query", g->memory_limit ? g->memory_limit : BUDGET_UNLIMITED);
}

static void end_budget(void *arg, struct budget *b)
{
	budget_fini(b);
}

static struct promql_parse_opts parse_opts(void *arg)
{
	return (struct promql_parse_opts){ .duration_expr = true, .x_functions = true };
}

static struct promql_opts engine_opts(void *arg, int64_t max_resolution_ms, int64_t lookback_ms)
{
	struct rig *g = arg;
	struct promql_opts o = g->engine;
	if (lookback_ms)
		o.lookback_ms = lookback_ms;
	return o;
}

/* A source: the store's, whose series come sorted where only labels are wanted. */
struct source {
	struct rig *g;
	struct promql_source inner;
	bool sort;
};

struct set {
	void *inner;
	struct promql_series *p; /* sorted */
	size_t n, at;
};

static int cmp_series(const void *a, const void *b)
{
	return labels_cmp(((const struct promql_series *)a)->labels, ((const struct promql_series *)b)->labels);
}

static void sort_set(struct source *s, struct set *set)
{
	struct promql_series one;
	size_t cap = 0;
	while (s->inner.next(s->inner.arg, set->inner, &one, NULL) == 1) {
		if (set->n == cap)
			set->p = xreallocarray(set->p, cap = cap ? cap * 2 : 16, sizeof(*set->p));
		set->p[set->n++] = one;
	}
	if (set->n)
		qsort(set->p, set->n, sizeof(*set->p), cmp_series);
}

static int co_select(void *arg, struct matcher *const *m, size_t n, const struct promql_hints *hints, void **ret,
		     struct err *err)
{
	struct source *s = arg;
	s->g->seen_start = hints->mint_ms;
	s->g->seen_end = hints->maxt_ms;
	if (s->g->select_code)
		return err_set(err, (enum err_code)s->g->select_code, "store a:1 said no");
	if (s->g->select_delay_ms && co_sleep_ms(s->g->select_delay_ms, err)) {
		s->g->cancelled++;
		return -err->code;
	}
	struct set *set = xcalloc(1, sizeof(*set));
	*ret = set;
	int rc = s->inner.select(s->inner.arg, m, n, hints, &set->inner, err);
	if (rc == 0 && s->sort)
		sort_set(s, set);
	return rc;
}

static int next(void *arg, void *opaque, struct promql_series *ret, struct err *err)
{
	struct source *s = arg;
	struct set *set = opaque;
	if (!s->sort)
		return s->inner.next(s->inner.arg, set->inner, ret, err);
	if (s->g->fail_after && set->at == (size_t)s->g->fail_after)
		return err_set(err, ERR_FAILED_PRECONDITION, "store a:1 broke off");
	if (set->at == set->n)
		return 0;
	*ret = set->p[set->at++];
	return 1;
}

static void close_set(void *arg, void *opaque)
{
	struct source *s = arg;
	struct set *set = opaque;
	s->inner.close(s->inner.arg, set->inner);
	free(set->p);
	free(set);
}

static int checkpoint(void *arg, uint64_t n_samples, struct err *err)
{
	return co_checkpoint(err);
}

static int source_new(void *arg, const struct api_select *sel, struct arena *a, void **ret_source,
		      struct promql_source *ret, struct err *err)
{
	struct rig *g = arg;
	struct source *s = arena_zalloc(a, sizeof(*s));
	if (!s)
		return arena_err(a, err);
	g->seen = *sel;
	*s = (struct source){ .g = g, .inner = store_source(g->store), .sort = g->sort || sel->skip_chunks };
	*ret_source = s;
	*ret = (struct promql_source){
		.arg = s, .select = co_select, .next = next, .close = close_set, .checkpoint = checkpoint
	};
	return 0;
}

static void source_notes(void *source, struct api_notes *notes)
{
	struct source *s = source;
	if (s->g->store_warning)
		api_note(notes, str_c(s->g->store_warning));
}

static void source_observe(void *source, double seconds, struct str tenant)
{
	assert_true(seconds >= 0);
}

/* --- label names and values ------------------------------------------------------------- */

static int cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Names, or with `name` its values, of all series that match. */
static int look_up(struct rig *g, struct str name, struct api_matchers m, uint64_t limit, struct arena *a,
		   struct api_strings *ret, struct err *err)
{
	struct promql_source src = store_source(g->store);
	struct promql_hints hints = { .mint_ms = INT64_MIN, .maxt_ms = INT64_MAX };
	struct promql_series s;
	struct str *p = NULL;
	size_t n = 0, cap = 0, out = 0;
	void *set;
	if (src.select(src.arg, m.p, m.n, &hints, &set, err))
		return -err->code;
	while (src.next(src.arg, set, &s, err) == 1)
		for (size_t i = 0; i < s.labels.n; i++) {
			if (name.n && !str_eq(name, s.labels.p[i].name))
				continue;
			if (n == cap)
				p = xreallocarray(p, cap = cap ? cap * 2 : 64, sizeof(*p));
			p[n++] = name.n ? s.labels.p[i].value : s.labels.p[i].name;
		}
	src.close(src.arg, set);
	if (n)
		qsort(p, n, sizeof(*p), cmp_str);
	struct str *to = arena_array(a, n, sizeof(*to));
	for (size_t i = 0; i < n && to; i++)
		if ((out == 0 || !str_eq(to[out - 1], p[i])) && (limit == 0 || out < limit))
			to[out++] = p[i];
	free(p);
	*ret = (struct api_strings){ to, out };
	return n && !to ? arena_err(a, err) : 0;
}

static int label_values(void *arg, const struct api_select *sel, struct str name, struct api_matchers m, int64_t start,
			int64_t end, uint64_t limit, struct arena *a, struct api_strings *ret, struct api_notes *notes,
			struct err *err)
{
	struct rig *g = arg;
	g->seen = *sel;
	g->seen_start = start;
	g->seen_end = end;
	g->seen_limit = limit;
	if (g->store_warning)
		api_note(notes, str_c(g->store_warning));
	return look_up(g, name, m, limit, a, ret, err);
}

static int label_names(void *arg, const struct api_select *sel, struct api_matchers m, int64_t start, int64_t end,
		       uint64_t limit, struct arena *a, struct api_strings *ret, struct api_notes *notes,
		       struct err *err)
{
	return label_values(arg, sel, (struct str){ NULL, 0 }, m, start, end, limit, a, ret, notes, err);
}

static const struct api_backend backend = {
	.gate_enter = enter_gate,
	.gate_leave = leave_gate,
	.budget_init = begin_budget,
	.budget_fini = end_budget,
	.parse_opts = parse_opts,
	.engine_opts = engine_opts,
	.source_new = source_new,
	.source_notes = source_notes,
	.source_observe = source_observe,
	.label_names = label_names,
	.label_values = label_values,
};

/* --- the rig ---------------------------------------------------------------------------- */

static void load(struct rig *g, struct str text)
{
	struct script s;
	const char *msg = script_parse(text, &g->script, &s);
	for (size_t i = 0; i < s.n_cmds && !msg; i++)
		if (s.cmds[i].kind == CMD_LOAD)
			msg = store_load(g->store, &s.cmds[i], &g->script);
	if (msg)
		fail_msg("%s", msg);
}

void rig_init(struct rig *g, const struct api_prom_config *cfg, struct str script)
{
	static const struct api_flag flags[] = { { "b.flag", "" }, { "a.flag", "1" } };
	struct err err = ERR_NONE;
	*g = (struct rig){ .store = store_new(), .backend = backend };
	arena_init(&g->script, NULL);
	budget_init(&g->all, NULL, "queries", BUDGET_UNLIMITED);
	load(g, script);
	g->backend.arg = g;
	g->r = reactor_new(NULL, &err);
	g->router = http_router_new();
	api_prom_init(&g->prom, cfg, &g->backend, NULL);
	api_prom_add_routes(&g->prom, g->router);
	g->status = (struct api_status){ .flags = flags, .n_flags = 2, .version = "1.2.3", .revision = "abc" };
	api_status_init(&g->status);
	api_status_add_routes(&g->status, g->router);
	struct http_server_config sc = { .reactor = g->r, .router = g->router };
	g->server = http_server_new(&sc);
	assert_int_equal(http_server_listen(g->server, "127.0.0.1:0", &err), 0);
	struct http_client_config cc = { .reactor = g->r, .proxy_url = "", .no_compression = true };
	g->client = http_client_new(&cc, &err);
	assert_non_null(g->client);
}

const char *rig_origin(const struct rig *g, char buf[160])
{
	char addr[ADDR_TEXT_MAX];
	sockaddr_text(http_server_addr(g->server, 0), addr);
	snprintf(buf, 160, "http://%s", addr);
	return buf;
}

void co_rig_ask(struct rig *g, const char *method, const char *path, const char *form, struct answer *ret)
{
	struct strbuf url = { 0 };
	struct err err = ERR_NONE;
	char origin[160];
	struct http_header type = { STR("Content-Type"), STR("application/x-www-form-urlencoded") };
	struct http_client_req rq = { .method = method };
	bool post = strcmp(method, "POST") == 0;
	strbuf_printf(&url, "%s%s", rig_origin(g, origin), path);
	if (post) {
		rq.body = str_c(form);
		rq.headers = &type;
		rq.n_headers = 1;
	} else if (form && *form) {
		strbuf_printf(&url, "?%s", form);
	}
	rq.url = url.p;
	*ret = (struct answer){ .status = 0 };
	if (co_http_request(g->client, &rq, &ret->resp, &err))
		fail_msg("%s %s: %s", method, url.p, err.msg);
	strbuf_add_c(&ret->resp.body, "");
	ret->status = ret->resp.status;
	ret->body = ret->resp.body.p ? ret->resp.body.p : "";
	strbuf_fini(&url);
}

/* What a fiber runs. */
struct job {
	struct rig *g;
	void (*fn)(struct rig *g);
};

static void co_job(void *arg)
{
	struct job *j = arg;
	j->fn(j->g);
	co_rig_stop(j->g);
}

void co_rig_stop(struct rig *g)
{
	http_client_free(g->client);
	g->client = NULL;
	co_http_server_stop(g->server, 1000);
}

void rig_run(struct rig *g, void (*fn)(struct rig *g))
{
	struct job j = { g, fn };
	fiber_start(g->r, "test", co_job, &j);
	reactor_run_until_idle(g->r);
}

void rig_fini(struct rig *g)
{
	http_server_free(g->server);
	http_router_free(g->router);
	reactor_free(g->r);
	store_free(g->store);
	arena_fini(&g->script);
	budget_fini(&g->all);
}
