/* query and query_range. */
#include "api/api_internal.h"
#include "api/call.h"
#include "api/cost.h"
#include "api/operator.h"
#include "api/param.h"
#include "api/result.h"
#include "api/tenant.h"
#include "base/sys.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "promql/profile.h"
#include "text/float.h"

#include <stdio.h>

/* Most points of a series in a range query. */
#define QUERY_MAX_POINTS 11000

/* Longest plan as JSON. */
#define EXPLAIN_TEXT_MAX ((size_t)64 << 20)

/* A query under way. */
struct run {
	struct call c;
	bool range;
	int64_t start, end; /* ms */
	int64_t step_ns;    /* of a range query */
	int64_t lookback_ms;
	uint64_t limit;
	struct promql_expr *expr;
	struct promql_result result;
	struct promql_profile profile;
	void *source;
	bool analyze, stats; /* both are asked for by parameters */
	struct api_active_query active;
	int64_t t_begin, t_parsed, t_turn, t_done; /* monotonic ns */
};

/* --- parameters ------------------------------------------------------------------------- */

static int read_lookback(struct run *r, struct err *err)
{
	int64_t ns;
	struct str text = call_param(&r->c, "lookback_delta");
	if (text.n == 0)
		return 0;
	if (api_duration_parse(text, &ns, err))
		return err_prefix(err, "'lookback_delta' parameter");
	r->lookback_ms = ns <= 0 ? 0 : ns < 1000000 ? 1 : ns / 1000000;
	return 0;
}

/* Length of the range in ms: times may be so far apart that it is more than there is room for. */
static int64_t span_of(const struct run *r)
{
	int64_t span_ms;
	return __builtin_sub_overflow(r->end, r->start, &span_ms) ? INT64_MAX : span_ms;
}

static int read_step(struct run *r, struct err *err)
{
	struct str text = call_param(&r->c, "step");
	if (text.n)
		return api_duration_parse(text, &r->step_ns, err) ? err_prefix(err, "'step' parameter") : 0;
	int64_t s = span_of(r) / 1000 / 250, least = r->c.api->cfg.default_step_ms / 1000;
	s = s > least ? s : least;
	if (__builtin_mul_overflow(s > 0 ? s : 1, INT64_C(1000000000), &r->step_ns))
		r->step_ns = INT64_MAX;
	return 0;
}

static int check_step(const struct run *r, struct err *err)
{
	int64_t span_ns;
	if (r->step_ns <= 0)
		return err_set(
			err, ERR_INVALID_ARGUMENT,
			"zero or negative query resolution step widths are not accepted. Try a positive integer");
	if (__builtin_mul_overflow(span_of(r), INT64_C(1000000), &span_ns))
		span_ns = INT64_MAX;
	if (span_ns / r->step_ns > QUERY_MAX_POINTS || span_of(r) == INT64_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
			       "resolution (?step=XX)");
	return 0;
}

static int read_times(struct run *r, struct err *err)
{
	if (!r->range) {
		r->start = sys_now_ms();
		int rc = call_time(&r->c, "time", &r->start, err);
		r->end = r->start;
		return rc;
	}
	int rc = api_time_parse(call_param(&r->c, "start"), &r->start, err);
	rc = rc ? rc : api_time_parse(call_param(&r->c, "end"), &r->end, err);
	if (rc == 0 && r->end < r->start)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "end timestamp must not be before start time");
	rc = rc ? rc : read_step(r, err);
	return rc ? rc : check_step(r, err);
}

static int read_params(struct run *r, struct err *err)
{
	struct call *c = &r->c;
	int64_t auto_ms = c->api->cfg.instant_max_resolution_ms;
	int rc = read_times(r, err);
	if (r->range)
		auto_ms = r->step_ns / 5 / 1000000;
	rc = rc ? rc : call_set_timeout(c, err);
	rc = rc ? rc : call_read_select(c, err);
	rc = rc ? rc : call_read_resolution(c, auto_ms, err);
	rc = rc ? rc : call_check_engine(c, err);
	struct str analyze = call_param(c, "analyze");
	r->analyze = str_eq_c(analyze, "true") || str_eq_c(analyze, "1");
	r->stats = call_param(c, "stats").n > 0;
	rc = rc ? rc : read_lookback(r, err);
	rc = rc ? rc : api_limit_parse(call_param(c, "limit"), &r->limit, err);
	rc = rc ? rc : call_parse_query(c, &r->expr, err);
	if (rc == 0 && c->api->cfg.enforce_label)
		rc = api_tenant_enforce(r->expr, c->api->cfg.enforce_label, c->select.tenant, &c->arena, err);
	return rc;
}

/* --- evaluation ------------------------------------------------------------------------- */

/* Prometheus' infos and warnings, without positions as Thanos gives them. */
static void take_notes(struct run *r)
{
	bool has_series = r->result.type == PROMQL_TYPE_VECTOR || r->result.type == PROMQL_TYPE_MATRIX;
	for (size_t i = 0; i < r->result.n_notes; i++)
		api_note(&r->c.notes, str_c(r->result.notes[i].text));
	if (r->limit && has_series && r->result.n_series > r->limit)
		api_note(&r->c.notes, STR("results truncated due to limit"));
}

/* The clock of a profile. */
static void read_clock(void *arg, int64_t *ret_wall, int64_t *ret_cpu)
{
	*ret_wall = sys->mono_ns();
	*ret_cpu = fiber_clock_read(arg);
}

static struct promql_query query_of(const struct run *r)
{
	int64_t step_ms = r->step_ns / 1000000;
	return (struct promql_query){ .expr = r->expr,
				      .text = call_param(&r->c, "query"),
				      .start_ms = r->start,
				      .end_ms = r->end,
				      .step_ms = r->range && step_ms == 0 ? 1 : step_ms };
}

static struct promql_opts opts_of(struct run *r)
{
	struct call *c = &r->c;
	struct promql_opts o = c->be->engine_opts(c->be->arg, c->select.max_resolution_ms, r->lookback_ms);
	o.columns = true;
	o.count_samples = r->stats || r->analyze;
	if (r->analyze) {
		r->profile = (struct promql_profile){ .clock = read_clock, .arg = &c->clock };
		o.profile = &r->profile;
	}
	return o;
}

static int co_evaluate(struct run *r, struct err *err)
{
	struct call *c = &r->c;
	struct promql_source src;
	struct promql_query q = query_of(r);
	struct promql_opts o = opts_of(r);
	c->errtype = API_EXECUTION;
	c->select.detail = r->analyze;
	int rc = c->be->source_new(c->be->arg, &c->select, &c->arena, &r->source, &src, err);
	if (rc)
		return rc;
	void *source = r->source;
	api_active_begin(c->be->active, &r->active);
	r->active.source = source;
	r->active.progress = c->be->source_progress;
	rc = promql_exec(&q, &o, &src, &c->arena, &r->result, err);
	if (rc) {
		c->errtype = api_errtype_of(rc);
		return rc;
	}
	r->t_done = sys->mono_ns();
	if (r->result.type == PROMQL_TYPE_STRING)
		r->result.scalar.t = r->start;
	take_notes(r);
	c->be->source_notes(source, &c->notes);
	c->be->source_observe(source, (double)(r->t_done - r->t_turn) / 1e9, c->select.tenant);
	return 0;
}

static int co_evaluate_in_turn(struct run *r, struct err *err)
{
	const struct api_backend *be = r->c.be;
	r->t_parsed = sys->mono_ns();
	r->c.errtype = API_EXECUTION;
	int rc = fiber_check(err);
	if (rc)
		return rc;
	r->c.doing = "query queue";
	rc = be->gate_enter ? be->gate_enter(be->arg, err) : 0;
	if (rc)
		return rc;
	r->c.doing = "query execution";
	r->t_turn = sys->mono_ns();
	rc = fiber_check(err);
	rc = rc ? rc : co_evaluate(r, err);
	if (be->gate_leave)
		be->gate_leave(be->arg);
	return rc;
}

/* Puts the query on the list of those that run. */
static void list(struct run *r)
{
	struct call *c = &r->c;
	r->active = (struct api_active_query){
		.kind = r->range ? "query_range" : "query",
		.text = call_param(c, "query"),
		.tenant = c->select.tenant,
		.user = c->req->user,
		.user_agent = http_req_header(c->req, "user-agent"),
		.remote = c->req->remote,
		.start_ms = r->start,
		.end_ms = r->end,
		.step_ms = r->step_ns / 1000000,
		.budget = &c->budget,
		.clock = &c->clock,
	};
	c->active = &r->active;
	api_active_add(c->be->active, &r->active);
}

/* --- answer ----------------------------------------------------------------------------- */

/* A duration in seconds, with exponents as jsoniter writes them. */
static void write_seconds(struct jsonw *w, const char *key, int64_t ns)
{
	char text[TEXT_FLOAT_MAX];
	jsonw_key(w, key);
	jsonw_raw(w, str_mem(text, text_float(text, (double)ns / 1e9, TEXT_FLOAT_JSON)));
}

/* Pairs of time and samples, as util/stats of Prometheus has them. */
static void write_steps(struct jsonw *w, const struct run *r)
{
	const struct promql_result *res = &r->result;
	int64_t step_ms = query_of(r).step_ms;
	jsonw_key(w, "totalQueryableSamplesPerStep");
	jsonw_array_begin(w);
	for (uint64_t i = 0; i < res->n_steps && !jsonw_failed(w); i++) {
		jsonw_array_begin(w);
		jsonw_double(w, (double)(r->start + (int64_t)i * step_ms) / 1000);
		jsonw_u64(w, res->samples_by_step ? res->samples_by_step[i] : 0);
		jsonw_array_end(w);
	}
	jsonw_array_end(w);
}

static void write_stats(struct jsonw *w, const struct run *r)
{
	jsonw_key(w, "stats");
	jsonw_object_begin(w);
	jsonw_key(w, "timings");
	jsonw_object_begin(w);
	write_seconds(w, "evalTotalTime", r->t_done - r->t_turn);
	write_seconds(w, "resultSortTime", 0);
	write_seconds(w, "queryPreparationTime", r->t_parsed - r->t_begin);
	write_seconds(w, "innerEvalTime", r->t_done - r->t_turn);
	write_seconds(w, "execQueueTime", r->t_turn - r->t_parsed);
	write_seconds(w, "execTotalTime", r->t_done - r->t_parsed);
	jsonw_object_end(w);
	jsonw_key(w, "samples");
	jsonw_object_begin(w);
	if (str_eq_c(call_param(&r->c, "stats"), "all"))
		write_steps(w, r);
	jsonw_kv_u64(w, "totalQueryableSamples", r->result.samples_total);
	jsonw_kv_u64(w, "peakSamples", r->result.samples_peak);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static int co_answer(struct run *r, struct err *err)
{
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, r->c.req, &r->c.notes);
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "resultType", promql_type_name(r->result.type));
	jsonw_key(w, "result");
	api_write_result(w, &r->result, r->limit);
	if (r->stats)
		write_stats(w, r);
	jsonw_key(w, "analysis");
	jsonw_object_begin(w);
	if (r->analyze)
		api_write_analysis(w, r->profile.root, r->c.be, r->source);
	jsonw_object_end(w);
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

/* What the query cost until now. */
static struct api_query_cost cost_of(const struct run *r)
{
	int64_t now = sys->mono_ns(), turn = r->t_turn ? r->t_turn : now, done = r->t_done ? r->t_done : now;
	return (struct api_query_cost){
		.query = &r->active,
		.total_ns = now - r->t_begin,
		.prepare_ns = r->t_parsed - r->t_begin,
		.queue_ns = turn - r->t_parsed,
		.eval_ns = done - turn,
		.write_ns = now - done,
		.cpu_ns = fiber_clock_read(&r->c.clock),
		.samples_read = r->result.samples_read,
		.samples_total = r->result.samples_total,
		.samples_peak = r->result.samples_peak,
		.result_series = r->result.n_series,
	};
}

/* Tells whoever wants to know what the query cost, now that it is answered. */
static void tell_cost(const struct run *r, const struct err *e)
{
	const struct call *c = &r->c;
	char status[16] = "499";
	struct api_query_cost cost = cost_of(r);
	if (!c->be->query_done)
		return;
	if (!http_req_aborted(c->req))
		snprintf(status, sizeof(status), "%d", c->req->status);
	cost.status = status;
	cost.error = e->code ? e->msg : NULL;
	c->be->query_done(c->be->arg, &cost);
}

static int co_run(struct http_req *req, struct api_prom *api, bool range, struct err *err)
{
	struct err e = ERR_NONE;
	struct run r = { .range = range, .t_begin = sys->mono_ns() };
	int rc = co_call_begin(&r.c, req, api, &e);
	rc = rc ? rc : read_params(&r, &e);
	if (rc == 0 && range && api->range_hist)
		histogram_observe(api->range_hist, (double)span_of(&r) / 1000);
	if (rc == 0) {
		list(&r);
		rc = co_evaluate_in_turn(&r, &e);
		r.t_done = r.t_done ? r.t_done : sys->mono_ns();
		struct api_query_cost cost = cost_of(&r);
		api_cost_headers(req, &cost);
	}
	if (rc == 0) {
		call_end_deadline(&r.c);
		r.active.state = API_ACTIVE_WRITING;
		rc = co_answer(&r, err);
	} else {
		rc = co_call_fail(&r.c, &e, err);
	}
	if (r.c.active)
		tell_cost(&r, &e);
	api_active_remove(api->backend->active, &r.active);
	call_fini(&r.c);
	return rc;
}

int co_api_query(struct http_req *req, void *arg, struct err *err)
{
	return co_run(req, arg, false, err);
}

int co_api_query_range(struct http_req *req, void *arg, struct err *err)
{
	return co_run(req, arg, true, err);
}

/* --- explain ---------------------------------------------------------------------------- */

/* Plans, and writes the plan into `text`. */
static int explain(struct run *r, struct strbuf *text, struct err *err)
{
	struct call *c = &r->c;
	struct promql_source src;
	struct promql_operator *root;
	struct promql_query q = query_of(r);
	struct promql_opts o = opts_of(r);
	struct jsonw w;
	int rc = c->be->source_new(c->be->arg, &c->select, &c->arena, &r->source, &src, err);
	rc = rc ? rc : promql_explain(&q, &o, &c->arena, &root, err);
	if (rc) {
		c->errtype = api_errtype_of(rc);
		return rc;
	}
	jsonw_init(&w, text, JSONW_HTML);
	rc = api_write_plan(&w, root, c->be, r->source, err);
	return rc ? rc : jsonw_finish(&w, err);
}

static int co_run_explain(struct http_req *req, struct api_prom *api, bool range, struct err *err)
{
	struct err e = ERR_NONE;
	struct run r = { .range = range };
	struct strbuf text = { .limit = EXPLAIN_TEXT_MAX };
	struct api_reply reply;
	int rc = co_call_begin(&r.c, req, api, &e);
	rc = rc ? rc : read_params(&r, &e);
	r.analyze = r.stats = false;
	rc = rc ? rc : explain(&r, &text, &e);
	if (rc == 0) {
		call_end_deadline(&r.c);
		jsonw_raw(api_reply_begin(&reply, req, NULL), strbuf_str(&text));
		rc = co_api_reply_end(&reply, err);
	} else {
		rc = co_call_fail(&r.c, &e, err);
	}
	strbuf_fini(&text);
	call_fini(&r.c);
	return rc;
}

int co_api_explain(struct http_req *req, void *arg, struct err *err)
{
	return co_run_explain(req, arg, false, err);
}

int co_api_explain_range(struct http_req *req, void *arg, struct err *err)
{
	return co_run_explain(req, arg, true, err);
}
