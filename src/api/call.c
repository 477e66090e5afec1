#include "api/call.h"

#include "api/param.h"
#include "api/tenant.h"
#include "base/compiler.h"
#include "base/sys.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "promql/lang/parser.h"
#include "series/wire_series.h"
#include "text/json_read.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Most selectors of one request: each is a fan-out of its own. */
#define CALL_MAX_SELECTORS 128

/* --- begin and end ---------------------------------------------------------------------- */

int co_call_begin(struct call *c, struct http_req *req, struct api_prom *api, struct err *err)
{
	*c = (struct call){ .api = api, .be = api->backend, .req = req, .doing = "query execution" };
	c->be->budget_init(c->be->arg, &c->budget);
	arena_init(&c->arena, &c->budget);
	c->old_budget = fiber_set_budget(&c->budget);
	c->old_clock = fiber_set_clock(&c->clock);
	c->notes.a = &c->arena;
	if (!api->cfg.disable_cors)
		api_cors(req);
	int rc = api_tenant_of(&api->cfg, req, &c->select.tenant, err);
	req->tenant = c->select.tenant;
	return rc ? rc : co_http_params(req, &c->params, err);
}

void call_fini(struct call *c)
{
	if (c->has_deadline)
		fiber_restore_deadline(c->old_deadline);
	fiber_set_clock(c->old_clock);
	fiber_set_budget(c->old_budget);
	arena_fini(&c->arena);
	c->be->budget_fini(c->be->arg, &c->budget);
}

void call_end_deadline(struct call *c)
{
	if (c->has_deadline)
		fiber_restore_deadline(c->old_deadline);
	c->has_deadline = false;
}

/* Answers in the form that the endpoint has. */
static int co_reply_error(struct call *c, enum api_errtype type, struct str text, struct err *err)
{
	if (c->plain)
		return co_api_reply_text_error(c->req, type, text, err);
	return co_api_reply_error(c->req, type, text, err);
}

/* Tells the caller of a query that an operator ended it, which the cancelled fiber must be allowed to. */
static int co_tell_killed(struct call *c, struct err *err)
{
	char text[96];
	snprintf(text, sizeof(text), "query was canceled by an operator in %s", c->doing);
	fiber_mask();
	int rc = co_reply_error(c, API_CANCELED, str_c(text), err);
	fiber_unmask();
	return rc;
}

int co_call_fail(struct call *c, const struct err *e, struct err *err)
{
	char text[64];
	int now = fiber_check(NULL);
	if (c->active && c->active->killed && !http_req_aborted(c->req))
		return co_tell_killed(c, err);
	if (now == -ERR_CANCELLED || http_req_aborted(c->req))
		return err_set(err, ERR_CANCELLED, "query was canceled in %s", c->doing);
	if (!c->params && e->code != ERR_INVALID_ARGUMENT) {
		*err = *e; /* the body was not fit to be read: 413 and the like */
		return -e->code;
	}
	if (now == -ERR_DEADLINE_EXCEEDED) {
		snprintf(text, sizeof(text), "query timed out in %s", c->doing);
		call_end_deadline(c);
		return co_reply_error(c, API_TIMEOUT, str_c(text), err);
	}
	call_end_deadline(c);
	return co_reply_error(c, c->errtype, c->errtext.n ? c->errtext : str_c(e->msg), err);
}

struct str call_param(const struct call *c, const char *name)
{
	return http_params_get(c->params, name);
}

int call_set_timeout(struct call *c, struct err *err)
{
	int64_t ns = INT64_MAX, now = reactor_now_ms(c->req->reactor), ms = c->api->cfg.timeout_ms;
	struct str text = call_param(c, "timeout");
	if (text.n) {
		int rc = api_duration_parse(text, &ns, err);
		if (rc)
			return rc;
		if (ms <= 0 || ns / 1000000 < ms)
			ms = ns <= 0 ? 0 : ns / 1000000 + (ns % 1000000 != 0);
	} else if (ms <= 0) {
		return 0;
	}
	c->old_deadline = fiber_set_deadline(now + ms);
	c->has_deadline = true;
	return 0;
}

/* --- parameters of selects -------------------------------------------------------------- */

static int read_bool(struct call *c, const char *name, bool *ret, struct err *err)
{
	struct str text = call_param(c, name);
	if (text.n == 0)
		return 0;
	return api_bool_parse(text, ret, err) ? err_prefix(err, "'%s' parameter", name) : 0;
}

/* All values of a parameter, in the arena. */
static int read_list(struct call *c, const char *name, const struct str **ret, size_t *ret_n, struct err *err)
{
	size_t n = 0, pos = 0;
	struct str v;
	while (http_params_next(c->params, name, &pos, &v))
		n++;
	struct str *p = arena_array(&c->arena, n, sizeof(*p));
	if (n && !p)
		return arena_err(&c->arena, err);
	n = pos = 0;
	while (http_params_next(c->params, name, &pos, &v))
		p[n++] = v;
	*ret = p;
	*ret_n = n;
	return 0;
}

int call_read_dedup(struct call *c, struct err *err)
{
	const struct str *labels;
	size_t n;
	c->select.dedup = true;
	int rc = read_bool(c, "dedup", &c->select.dedup, err);
	rc = rc ? rc : read_list(c, "replicaLabels[]", &labels, &n, err);
	if (rc)
		return rc;
	c->select.replica_labels = n ? labels : c->api->cfg.replica_labels;
	c->select.n_replica_labels = n ? n : c->api->cfg.n_replica_labels;
	return 0;
}

int call_read_store_match(struct call *c, struct err *err)
{
	return call_matchers(c, "storeMatch[]", &c->select.store_match, &c->select.n_store_match, err);
}

int call_read_partial(struct call *c, struct err *err)
{
	c->select.partial_response = c->api->cfg.partial_response;
	return read_bool(c, "partial_response", &c->select.partial_response, err);
}

static int shard_labels(struct call *c, const json_t *list, struct shard_info *s, struct err *err)
{
	size_t n = json_array_size(list);
	struct str *p = arena_array(&c->arena, n, sizeof(*p));
	if (n && !p)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);
		if (!json_is_string(v))
			return err_set(err, ERR_INVALID_ARGUMENT, "labels[%zu] is not a string", i);
		p[i] = str_mem(arena_memdup(&c->arena, json_string_value(v), json_string_length(v)),
			       json_string_length(v));
		if (!p[i].p)
			return arena_err(&c->arena, err);
	}
	s->labels.p = p;
	s->labels.n = n;
	return 0;
}

/* A member, whatever its case: Go's decoder, for which the frontends write it, does not look at that. NULL: none. */
static const json_t *member(const json_t *o, const char *name)
{
	const char *key;
	json_t *v;
	const json_t *found = json_object_get(o, name);
	if (found)
		return found;
	json_object_foreach((json_t *)o, key, v) if (strcasecmp(key, name) == 0) return v;
	return NULL;
}

static int shard_int(const json_t *o, const char *key, int64_t *ret, struct err *err)
{
	const json_t *v = member(o, key);
	if (v && !json_is_integer(v) && !json_is_null(v))
		return err_set(err, ERR_INVALID_ARGUMENT, "%s is not a whole number", key);
	*ret = json_integer_value(v);
	return 0;
}

static int shard_read(struct call *c, const json_t *o, struct shard_info *s, struct err *err)
{
	const json_t *by = member(o, "by"), *labels = member(o, "labels");
	if (!json_is_object(o))
		return err_set(err, ERR_INVALID_ARGUMENT, "it is not an object");
	if (by && !json_is_boolean(by) && !json_is_null(by))
		return err_set(err, ERR_INVALID_ARGUMENT, "by is not true or false");
	if (labels && !json_is_array(labels) && !json_is_null(labels))
		return err_set(err, ERR_INVALID_ARGUMENT, "labels is not a list");
	s->by = json_is_true(by);
	int rc = shard_int(o, "shard_index", &s->index, err);
	rc = rc ? rc : shard_int(o, "total_shards", &s->total, err);
	return rc ? rc : shard_labels(c, labels, s, err);
}

static int read_shard(struct call *c, struct err *err)
{
	json_t *o;
	struct str text = call_param(c, "shard_info");
	if (text.n == 0)
		return 0;
	struct shard_info *s = arena_zalloc(&c->arena, sizeof(*s));
	if (!s)
		return arena_err(&c->arena, err);
	struct json_limits limits = { .bytes = 64 * 1024, .depth = 3, .values = 1000 };
	int rc = text_json_parse(text, &limits, &o, err);
	if (rc == 0) {
		rc = json_is_null(o) ? 0 : shard_read(c, o, s, err);
		json_decref(o);
	}
	if (rc)
		return err_prefix(err, "could not unmarshal parameter shard_info");
	c->select.shard = s;
	return 0;
}

int call_read_select(struct call *c, struct err *err)
{
	int rc = call_read_dedup(c, err);
	rc = rc ? rc : call_read_store_match(c, err);
	rc = rc ? rc : call_read_partial(c, err);
	return rc ? rc : read_shard(c, err);
}

int call_read_resolution(struct call *c, int64_t auto_ms, struct err *err)
{
	struct str text = call_param(c, "max_source_resolution");
	bool is_auto = str_eq_c(text, "auto");
	int64_t ns;
	c->select.max_resolution_ms = is_auto || c->api->cfg.auto_downsampling ? auto_ms : 0;
	if (text.n == 0 || is_auto)
		return 0;
	if (api_duration_parse(text, &ns, err))
		return err_prefix(err, "'max_source_resolution' parameter");
	if (ns < 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "negative 'max_source_resolution' is not accepted. Try a positive integer");
	c->select.max_resolution_ms = ns / 1000000;
	return 0;
}

int call_check_engine(struct call *c, struct err *err)
{
	struct str e = call_param(c, "engine");
	if (e.n == 0 || str_eq_c(e, "thanos") || str_eq_c(e, "prometheus"))
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT, "'%.*s' bad engine", (int)(e.n > 100 ? 100 : e.n), e.p);
}

/* --- times ------------------------------------------------------------------------------ */

int call_time(struct call *c, const char *name, int64_t *ret_ms, struct err *err)
{
	struct str text = call_param(c, name);
	if (text.n && api_time_parse(text, ret_ms, err))
		return err_prefix(err, "Invalid time value for '%s'", name);
	return 0;
}

int call_metadata_range(struct call *c, int64_t *ret_start, int64_t *ret_end, struct err *err)
{
	int64_t range = c->api->cfg.metadata_range_ms, now = sys_now_ms();
	*ret_start = range ? now - range : API_TIME_MIN;
	*ret_end = range ? now : API_TIME_MAX;
	int rc = call_time(c, "start", ret_start, err);
	rc = rc ? rc : call_time(c, "end", ret_end, err);
	if (rc == 0 && *ret_end < *ret_start)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "end timestamp must not be before start time");
	return rc ? err_prefix(err, "bad_data") : 0;
}

/* --- PromQL ----------------------------------------------------------------------------- */

/* The compiled matchers of a selector. */
static int matchers_of(struct call *c, const struct promql_selector *s, struct api_matchers *ret, struct err *err)
{
	struct matcher **p = arena_array(&c->arena, s->n_matchers, sizeof(*p));
	if (s->n_matchers && !p)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < s->n_matchers; i++)
		p[i] = (struct matcher *)s->matchers[i].compiled;
	*ret = (struct api_matchers){ p, s->n_matchers };
	return 0;
}

int call_matchers(struct call *c, const char *name, const struct api_matchers **ret, size_t *ret_n, struct err *err)
{
	struct promql_parse_opts o = c->be->parse_opts(c->be->arg);
	const struct str *texts;
	size_t n;
	int rc = read_list(c, name, &texts, &n, err);
	if (rc)
		return rc;
	if (n > CALL_MAX_SELECTORS)
		return err_set(err, ERR_INVALID_ARGUMENT, "%zu values of %s, %d at most", n, name, CALL_MAX_SELECTORS);
	struct api_matchers *m = arena_array(&c->arena, n, sizeof(*m));
	if (n && !m)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < n && !rc; i++) {
		struct promql_expr *e;
		rc = promql_parse_selector(texts[i], &o, &c->arena, &e, err);
		rc = rc ? rc : matchers_of(c, &e->selector, &m[i], err);
	}
	*ret = m;
	*ret_n = n;
	return rc;
}

int call_series_matchers(struct call *c, const struct api_matchers **ret, size_t *ret_n, struct err *err)
{
	const char *label = c->api->cfg.enforce_label;
	int rc = call_matchers(c, "match[]", ret, ret_n, err);
	if (rc || !label)
		return rc;
	size_t n = *ret_n ? *ret_n : 1;
	struct api_matchers *m = arena_array(&c->arena, n, sizeof(*m));
	if (!m)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < n && !rc; i++) {
		if (*ret_n)
			m[i] = (*ret)[i];
		rc = api_tenant_enforce_matchers(&m[i], label, c->select.tenant, &c->arena, err);
	}
	*ret = m;
	*ret_n = n;
	return rc;
}

int call_parse_query(struct call *c, struct promql_expr **ret, struct err *err)
{
	struct promql_parse_opts o = c->be->parse_opts(c->be->arg);
	struct promql_parse_errs errs = { NULL, 0 };
	struct str text = call_param(c, "query");
	int rc = promql_parse(text, &o, &c->arena, ret, &errs, err);
	if (rc && errs.n)
		c->errtext = str_c(promql_parse_err_text(text, &errs.v[0], &c->arena));
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		c->errtype = API_EXECUTION;
	return rc;
}
