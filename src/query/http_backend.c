#include "query/http_backend.h"

#include "query/cost.h"
#include "query/explain.h"
#include "query/query.h"
#include "query/source.h"
#include "series/wire_series.h"

#include <stdio.h>

static int co_gate_enter(void *arg, struct err *err)
{
	return co_query_gate_enter(arg, err);
}

static void leave(void *arg)
{
	query_gate_leave(arg);
}

static void begin_budget(void *arg, struct budget *b)
{
	query_budget_init(arg, b);
}

static void end_budget(void *arg, struct budget *b)
{
	budget_fini(b);
}

static struct promql_parse_opts parse_opts(void *arg)
{
	return query_parse_opts(arg);
}

static struct promql_opts engine_opts(void *arg, int64_t max_resolution_ms, int64_t lookback_ms)
{
	return query_engine_opts(arg, max_resolution_ms, lookback_ms);
}

/* The options of the API as the fan-out has them, in `a`. */
static struct query_select_opts *select_opts(const struct api_select *sel, struct arena *a)
{
	struct query_select_opts *o = arena_zalloc(a, sizeof(*o));
	struct fanout_match *m = arena_array(a, sel->n_store_match, sizeof(*m));
	if (!o || (sel->n_store_match && !m))
		return NULL;
	for (size_t i = 0; i < sel->n_store_match; i++)
		m[i] = (struct fanout_match){ sel->store_match[i].p, sel->store_match[i].n };
	*o = (struct query_select_opts){
		.dedup = sel->dedup,
		.replica_labels = sel->replica_labels,
		.n_replica_labels = sel->n_replica_labels,
		.partial_response = sel->partial_response,
		.skip_chunks = sel->skip_chunks,
		.max_resolution_ms = sel->max_resolution_ms,
		.shard = sel->shard,
		.limit = sel->limit,
		.scope = { .store_match = m,
			   .n_store_match = sel->n_store_match,
			   .tenant = sel->tenant,
			   .detail = sel->detail },
	};
	return o;
}

static int source_new(void *arg, const struct api_select *sel, struct arena *a, void **ret_source,
		      struct promql_source *ret, struct err *err)
{
	struct query_select_opts *o = select_opts(sel, a);
	struct query_source *s = o ? query_source_new(arg, o, a, err) : NULL;
	if (!o)
		return arena_err(a, err);
	if (!s)
		return -err->code;
	*ret_source = s;
	*ret = query_source_promql(s);
	return 0;
}

static void source_notes(void *source, struct api_notes *notes)
{
	const struct fanout_warnings *w = query_source_warnings(source);
	for (size_t i = 0; i < w->n; i++)
		api_note(notes, w->texts[i]);
}

static void source_observe(void *source, double seconds, struct str tenant)
{
	char name[128];
	snprintf(name, sizeof(name), "%.*s", STR_ARG(str_utf8_cut(tenant, sizeof(name) - 1)));
	query_source_observe(source, seconds, name);
}

static void take_response(const struct label_response *r, struct api_strings *ret, struct api_notes *notes)
{
	*ret = (struct api_strings){ r->values.p, r->values.n };
	for (size_t i = 0; i < r->warnings.n; i++)
		api_note(notes, r->warnings.p[i]);
}

static int co_label_names(void *arg, const struct api_select *sel, struct api_matchers m, int64_t start, int64_t end,
			  uint64_t limit, struct arena *a, struct api_strings *ret, struct api_notes *notes,
			  struct err *err)
{
	struct label_response r = { .values = { NULL, 0 } };
	struct query_select_opts *o = select_opts(sel, a);
	if (!o)
		return arena_err(a, err);
	int rc = co_query_label_names(arg, o, m.p, m.n, start, end, limit, a, &r, err);
	if (rc == 0)
		take_response(&r, ret, notes);
	return rc;
}

static int co_label_values(void *arg, const struct api_select *sel, struct str name, struct api_matchers m,
			   int64_t start, int64_t end, uint64_t limit, struct arena *a, struct api_strings *ret,
			   struct api_notes *notes, struct err *err)
{
	struct label_response r = { .values = { NULL, 0 } };
	struct query_select_opts *o = select_opts(sel, a);
	if (!o)
		return arena_err(a, err);
	int rc = co_query_label_values(arg, o, name, m.p, m.n, start, end, limit, a, &r, err);
	if (rc == 0)
		take_response(&r, ret, notes);
	return rc;
}

struct api_backend query_http_backend(struct query *q)
{
	return (struct api_backend){
		.arg = q,
		.active = query_active(q),
		.gate_enter = co_gate_enter,
		.gate_leave = leave,
		.budget_init = begin_budget,
		.budget_fini = end_budget,
		.parse_opts = parse_opts,
		.engine_opts = engine_opts,
		.source_new = source_new,
		.source_progress = query_source_progress,
		.source_explain = query_explain_select,
		.source_analyze = query_analyze_select,
		.source_notes = source_notes,
		.query_done = query_cost_note,
		.source_observe = source_observe,
		.label_names = co_label_names,
		.label_values = co_label_values,
	};
}
