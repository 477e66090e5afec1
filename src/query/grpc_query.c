/* thanos.Query: PromQL evaluated here for a querier or ruler above (upstream: pkg/api/query/grpc.go). */
#include "api/active.h"
#include "base/sys.h"
#include "grpc/pb.h"
#include "grpc/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "proto/query.pb-c.h"
#include "query/cost.h"
#include "query/grpc_internal.h"
#include "query/query.h"
#include "query/source.h"
#include "series/regex.h"
#include "series/wire_series.h"
#include "series/wire_write.h"

#include <stdlib.h>
#include <string.h>

/* Field numbers of QueryResponse and QueryRangeResponse. */
enum { RESP_WARNINGS = 1, RESP_SERIES = 2, RESP_STATS = 3, RESP_BATCH = 4, BATCH_SERIES = 1 };

/* Points encoded between two looks at the clock. */
#define CHECKPOINT_POINTS 4096

/* What both requests say, and what is made of it. */
struct remote {
	struct query *q;
	struct grpc_call *call;
	bool range;
	const char *query;
	int64_t start_ms, end_ms, step_ms, timeout_ms, lookback_ms, max_resolution_ms, batch;
	bool partial;
	Thanos__EngineType engine;
	struct query_select_opts opts;
	struct shard_info shard;
	struct arena *a; /* of the query */
	struct api_active_query active;
	struct promql_result result;
	int64_t begin_ns, ready_ns, done_ns; /* monotonic */
	struct fiber_clock clock;
};

/* --- requests -------------------------------------------------------------------------------- */

/* Seconds of the request as ms; far-off values stay within what can be computed with. */
static int64_t ms_of(int64_t seconds)
{
	const int64_t most = INT64_MAX / 4000;
	return MAX(MIN(seconds, most), -most) * 1000;
}

static int take_replicas(struct remote *r, char *const *names, size_t n, struct err *err)
{
	if (n == 0) {
		r->opts.replica_labels = query_replica_labels(r->q, &r->opts.n_replica_labels);
		return 0;
	}
	struct str *p = arena_array(r->a, n, sizeof(*p));
	if (!p)
		return arena_err(r->a, err);
	for (size_t i = 0; i < n; i++)
		p[i] = str_c(names[i]);
	r->opts.replica_labels = p;
	r->opts.n_replica_labels = n;
	return 0;
}

/* One set of matchers on stores' addresses. */
static int take_set(struct remote *r, const Thanos__StoreMatchers *from, struct fanout_match *ret, struct err *err)
{
	struct matcher **p = arena_array(r->a, from->n_labelmatchers + 1, sizeof(struct matcher *));
	if (!p)
		return arena_err(r->a, err);
	for (size_t i = 0; i < from->n_labelmatchers; i++) {
		const Thanos__LabelMatcher *m = from->labelmatchers[i];
		int rc = matcher_compile_by(co_regex_compile, r->a, (enum matcher_type)m->type, str_c(m->name),
					    str_c(m->value), &p[i], err);
		if (rc != 0)
			return rc;
	}
	*ret = (struct fanout_match){ p, from->n_labelmatchers };
	return 0;
}

static int take_store_matchers(struct remote *r, Thanos__StoreMatchers *const *sets, size_t n, struct err *err)
{
	struct fanout_match *m = arena_array(r->a, n + 1, sizeof(*m));
	if (!m)
		return arena_err(r->a, err);
	for (size_t i = 0; i < n; i++) {
		int rc = take_set(r, sets[i], &m[i], err);
		if (rc != 0)
			return rc;
	}
	r->opts.scope.store_match = m;
	r->opts.scope.n_store_match = n;
	return 0;
}

static int take_shard(struct remote *r, const Thanos__ShardInfo *from, struct err *err)
{
	if (!from)
		return 0;
	struct str *p = arena_array(r->a, from->n_labels + 1, sizeof(*p));
	if (!p)
		return arena_err(r->a, err);
	for (size_t i = 0; i < from->n_labels; i++)
		p[i] = str_c(from->labels[i]);
	r->shard = (struct shard_info){ from->shard_index, from->total_shards, from->by, { p, from->n_labels } };
	r->opts.shard = &r->shard;
	return 0;
}

/* What the two requests share, field by field: macros' stand-in for a common base that protobuf-c does not have. */
#define TAKE_COMMON(r, m, err) \
	take_common((r), (m)->query, (m)->timeout_seconds, (m)->max_resolution_seconds, (m)->enablededup, \
		    (m)->enablepartialresponse, (m)->lookback_delta_seconds, (m)->engine, (m)->response_batch_size); \
	int rc = take_replicas((r), (m)->replica_labels, (m)->n_replica_labels, (err)); \
	if (rc == 0) \
		rc = take_store_matchers((r), (m)->storematchers, (m)->n_storematchers, (err)); \
	return rc == 0 ? take_shard((r), (m)->shard_info, (err)) : rc

static void take_common(struct remote *r, const char *query, int64_t timeout_s, int64_t max_resolution_s, bool dedup,
			bool partial, int64_t lookback_s, Thanos__EngineType engine, int64_t batch)
{
	r->query = query;
	r->timeout_ms = ms_of(timeout_s);
	r->max_resolution_ms =
		max_resolution_s ? ms_of(max_resolution_s) : query_config(r->q)->instant_max_resolution_ms;
	r->lookback_ms = ms_of(lookback_s);
	r->partial = partial;
	r->engine = engine;
	r->batch = batch;
	r->opts.dedup = dedup;
	r->opts.partial_response = partial;
	r->opts.max_resolution_ms = r->max_resolution_ms;
}

static int take_instant(struct remote *r, const Thanos__QueryRequest *m, struct err *err)
{
	r->start_ms = r->end_ms = m->time_seconds ? ms_of(m->time_seconds) : sys_now_ms();
	TAKE_COMMON(r, m, err);
}

static int take_range(struct remote *r, const Thanos__QueryRangeRequest *m, struct err *err)
{
	r->start_ms = ms_of(m->start_time_seconds);
	r->end_ms = ms_of(m->end_time_seconds);
	r->step_ms = ms_of(m->interval_seconds);
	TAKE_COMMON(r, m, err);
}

static int read_request(struct remote *r, struct err *err)
{
	void *m;
	int rc = grpc_call_unpack(
		r->call, r->range ? &thanos__query_range_request__descriptor : &thanos__query_request__descriptor, &m,
		err);
	if (rc != 0)
		return rc;
	rc = r->range ? take_range(r, m, err) : take_instant(r, m, err);
	if (rc == 0 && (r->engine < THANOS__ENGINE_TYPE__default || r->engine > THANOS__ENGINE_TYPE__thanos))
		rc = err_set(err, ERR_INVALID_ARGUMENT, "invalid engine parameter");
	if (rc == 0 && r->range && r->step_ms <= 0)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "zero or negative interval is not accepted");
	r->opts.scope.tenant = grpc_call_metadata(r->call, "thanos-tenant");
	return rc;
}

/* --- answers ------------------------------------------------------------------------------------ */

/* Columns of one series, reused. */
struct columns {
	struct arena *a;
	struct write_series s;
	int64_t *t;
	double *v;
	struct write_histogram *h;
	size_t cap, h_cap;
};

static int reserve(struct columns *c, const struct promql_rseries *s, struct err *err)
{
	if (s->n_floats > c->cap) {
		c->t = arena_alloc(c->a, s->n_floats * sizeof(*c->t));
		c->v = arena_alloc(c->a, s->n_floats * sizeof(*c->v));
		c->cap = s->n_floats;
	}
	if (s->n_hists > c->h_cap) {
		c->h = arena_alloc(c->a, s->n_hists * sizeof(*c->h));
		c->h_cap = s->n_hists;
	}
	return (c->cap && (!c->t || !c->v)) || (c->h_cap && !c->h) ? arena_err(c->a, err) : 0;
}

/* Appends a series as field `num`. */
static int put_series(struct columns *c, const struct promql_rseries *s, uint32_t num, struct strbuf *b,
		      struct err *err)
{
	int rc = reserve(c, s, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < s->n_floats; i++) {
		c->t[i] = s->floats[i].t;
		c->v[i] = s->floats[i].v;
	}
	for (size_t i = 0; i < s->n_hists; i++)
		c->h[i] = (struct write_histogram){ .t = s->hists[i].t, .h = *s->hists[i].h };
	c->s = (struct write_series){
		.n_samples = s->n_floats, .t = c->t, .v = c->v, .n_histograms = s->n_hists, .histograms = c->h
	};
	write_put_series(b, num, &c->s, &s->labels);
	return 0;
}

/* Sends the series, `batch` to a frame. */
static int co_send_result(struct remote *r, const struct promql_rseries *s, size_t n, struct err *err)
{
	struct columns c = { .a = r->a };
	struct strbuf b = { 0 };
	int rc = 0;
	size_t points = 0, open = 0;
	for (size_t i = 0; rc == 0 && i < n;) {
		bool batch = r->batch > 1;
		if (batch)
			open = wire_open(&b, RESP_BATCH);
		for (int64_t k = 0; rc == 0 && i < n && k < (batch ? r->batch : 1); k++, i++) {
			rc = put_series(&c, &s[i], batch ? BATCH_SERIES : RESP_SERIES, &b, err);
			points += s[i].n_floats + s[i].n_hists;
		}
		if (batch)
			wire_close(&b, open);
		if (rc == 0)
			rc = co_grpc_send_str(r->call, strbuf_str(&b), err);
		strbuf_reset(&b);
		if (rc == 0 && points >= CHECKPOINT_POINTS) {
			points = 0;
			rc = co_checkpoint(err);
		}
	}
	strbuf_fini(&b);
	return rc;
}

static int co_send_warning(struct remote *r, struct str text, struct err *err)
{
	struct strbuf b = { 0 };
	wire_put_str(&b, RESP_WARNINGS, text);
	int rc = co_grpc_send_str(r->call, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
}

/* All warnings in one frame, joined as upstream does. */
static int co_send_warnings(struct remote *r, const struct promql_result *res, const struct fanout_warnings *w,
			    struct err *err)
{
	struct strbuf all = { 0 };
	for (size_t i = 0; i < res->n_notes; i++)
		strbuf_printf(&all, "%s%s", all.n ? ", " : "", res->notes[i].full);
	for (size_t i = 0; i < w->n; i++)
		strbuf_printf(&all, "%s%.*s", all.n ? ", " : "", STR_ARG(w->texts[i]));
	int rc = all.n ? co_send_warning(r, strbuf_str(&all), err) : 0;
	strbuf_fini(&all);
	return rc;
}

static int co_send_stats(struct remote *r, const struct promql_result *res, struct err *err)
{
	struct strbuf b = { 0 };
	size_t open = wire_open(&b, RESP_STATS);
	wire_put_int_opt(&b, 1, (int64_t)res->samples_total);
	wire_put_int_opt(&b, 2, (int64_t)res->samples_peak);
	wire_close(&b, open);
	int rc = co_grpc_send_str(r->call, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
}

static int co_answer(struct remote *r, const struct promql_result *res, const struct fanout_warnings *w,
		     struct err *err)
{
	struct promql_point scalar = res->scalar;
	const struct promql_rseries one = { .n_floats = 1, .floats = &scalar };
	int rc = co_send_warnings(r, res, w, err);
	if (rc == 0 && res->type == PROMQL_TYPE_SCALAR) {
		r->batch = 1;
		rc = co_send_result(r, &one, 1, err);
	} else if (rc == 0 && res->type != PROMQL_TYPE_STRING) {
		rc = co_send_result(r, res->series, res->n_series, err);
	}
	return rc == 0 ? co_send_stats(r, res, err) : rc;
}

/* --- evaluation ------------------------------------------------------------------------------------- */

static int co_evaluate(struct remote *r, struct query_source *src, struct promql_result *ret, struct err *err)
{
	struct promql_parse_opts parse = query_parse_opts(r->q);
	struct promql_opts opts = query_engine_opts(r->q, r->max_resolution_ms, r->lookback_ms);
	struct promql_source ps = query_source_promql(src);
	opts.count_samples = true; /* the answer's statistics are Prometheus' */
	struct promql_query pq = {
		.text = str_c(r->query), .start_ms = r->start_ms, .end_ms = r->end_ms, .step_ms = r->step_ms
	};
	int rc = promql_parse(pq.text, &parse, r->a, &pq.expr, NULL, err);
	return rc == 0 ? promql_exec(&pq, &opts, &ps, r->a, ret, err) : rc;
}

/* Puts the query on the list of those that run. */
static void list(struct remote *r)
{
	r->active = (struct api_active_query){
		.kind = r->range ? "grpc QueryRange" : "grpc Query",
		.text = str_c(r->query),
		.tenant = r->opts.scope.tenant,
		.user_agent = grpc_call_metadata(r->call, "user-agent"),
		.remote = str_c(grpc_call_peer(r->call)),
		.start_ms = r->start_ms,
		.end_ms = r->end_ms,
		.step_ms = r->step_ms,
		.budget = r->a->budget,
		.clock = &r->clock,
	};
	api_active_add(query_active(r->q), &r->active);
	api_active_begin(query_active(r->q), &r->active);
}

static int co_run(struct remote *r, struct err *err)
{
	struct err e = ERR_NONE;
	int rc = read_request(r, err);
	if (rc != 0)
		return rc;
	list(r);
	int64_t timeout_ms = query_config(r->q)->timeout_ms;
	if (r->timeout_ms > 0 && (timeout_ms <= 0 || r->timeout_ms < timeout_ms))
		timeout_ms = r->timeout_ms;
	int64_t old_ms =
		fiber_set_deadline(timeout_ms > 0 ? reactor_now_ms(fiber_reactor()) + timeout_ms : FIBER_NO_DEADLINE);
	struct query_source *src = query_source_new(r->q, &r->opts, r->a, err);
	r->active.source = src;
	r->active.progress = src ? query_source_progress : NULL;
	r->ready_ns = sys->mono_ns();
	rc = src ? co_evaluate(r, src, &r->result, &e) : -err->code;
	r->done_ns = sys->mono_ns();
	fiber_restore_deadline(old_ms);
	if (!src)
		return rc;
	if (rc != 0 && r->active.killed)
		return err_set(err, ERR_CANCELLED, "query was canceled by an operator");
	r->active.state = API_ACTIVE_WRITING;
	if (rc != 0 && r->partial && !r->range)
		return co_send_warning(r, str_c(e.msg), err);
	if (rc != 0)
		return err_set(err, e.code == ERR_CANCELLED ? ERR_CANCELLED : ERR_ABORTED, "%s", e.msg);
	return co_answer(r, &r->result, query_source_warnings(src), err);
}

/* Tells what the query cost, if it came so far as to be one. */
static void note_cost(struct remote *r, int rc, const struct err *err)
{
	int64_t now_ns = sys->mono_ns();
	struct api_query_cost c = {
		.query = &r->active,
		.total_ns = now_ns - r->begin_ns,
		.prepare_ns = r->ready_ns - r->begin_ns,
		.eval_ns = r->done_ns - r->ready_ns,
		.write_ns = now_ns - r->done_ns,
		.cpu_ns = fiber_clock_read(&r->clock),
		.samples_read = r->result.samples_read,
		.samples_total = r->result.samples_total,
		.samples_peak = r->result.samples_peak,
		.result_series = r->result.n_series,
		.status = err_code_name(-rc),
		.error = rc && err ? err->msg : NULL,
	};
	if (r->done_ns)
		query_cost_note(r->q, &c);
}

/* Both calls, with a query's memory. */
static int co_serve(struct grpc_call *c, struct query *q, bool range, struct err *err)
{
	struct budget b;
	struct arena a;
	struct remote r = { .q = q, .call = c, .range = range, .a = &a, .begin_ns = sys->mono_ns() };
	query_budget_init(q, &b);
	arena_init(&a, &b);
	struct fiber_clock *old = fiber_set_clock(&r.clock);
	int rc = co_run(&r, err);
	note_cost(&r, rc, err);
	fiber_set_clock(old);
	api_active_remove(query_active(q), &r.active);
	arena_fini(&a);
	budget_fini(&b);
	return rc;
}

/* thanos.Query/Query */
static int co_query(struct grpc_call *c, void *arg, struct err *err)
{
	return co_serve(c, arg, false, err);
}

/* thanos.Query/QueryRange */
static int co_query_range(struct grpc_call *c, void *arg, struct err *err)
{
	return co_serve(c, arg, true, err);
}

const struct grpc_method query_query_methods[2] = {
	{ "/thanos.Query/Query", GRPC_SERVER_STREAM, co_query },
	{ "/thanos.Query/QueryRange", GRPC_SERVER_STREAM, co_query_range },
};
