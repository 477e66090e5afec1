#include "query/explain.h"

#include "promql/profile.h"
#include "query/below.h"
#include "query/query.h"
#include "query/source.h"
#include "series/wire_series.h"
#include "text/json_write.h"

static void write_aggrs(struct jsonw *w, uint32_t aggrs)
{
	static const char *const names[SERIES_AGGRS] = { "raw", "count", "sum", "min", "max", "counter" };
	jsonw_key(w, "aggregates");
	jsonw_array_begin(w);
	for (size_t i = 0; i < SERIES_AGGRS; i++)
		if (aggrs & 1u << i)
			jsonw_cstr(w, names[i]);
	jsonw_array_end(w);
}

static void write_strs(struct jsonw *w, const char *key, struct wire_strs s)
{
	jsonw_key(w, key);
	jsonw_array_begin(w);
	for (size_t i = 0; i < s.n; i++)
		jsonw_str(w, s.p[i]);
	jsonw_array_end(w);
}

static void write_matchers(struct jsonw *w, const struct series_request *r)
{
	static const char *const ops[] = {
		[MATCH_EQ] = "=", [MATCH_NEQ] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"
	};
	struct strbuf b = { .limit = 65536 };
	jsonw_key(w, "matchers");
	jsonw_array_begin(w);
	for (size_t i = 0; i < r->n_matchers; i++) {
		const struct wire_matcher *m = &r->matchers[i];
		strbuf_reset(&b);
		strbuf_printf(&b, "%.*s%s\"%.*s\"", STR_ARG(m->name), ops[m->type], STR_ARG(m->value));
		jsonw_str(w, strbuf_str(&b));
	}
	jsonw_array_end(w);
	strbuf_fini(&b);
}

/* What endpoints are told, so that they send no more than is needed. */
static void write_request(struct jsonw *w, const struct series_request *r)
{
	jsonw_key(w, "pushedDown");
	jsonw_object_begin(w);
	write_matchers(w, r);
	jsonw_kv_i64(w, "minTime", r->mint);
	jsonw_kv_i64(w, "maxTime", r->maxt);
	jsonw_kv_i64(w, "maxResolution", r->max_resolution_ms);
	write_aggrs(w, r->aggrs);
	write_strs(w, "withoutReplicaLabels", r->without_replica_labels);
	if (r->has_shard) {
		jsonw_kv_i64(w, "shardIndex", r->shard.index);
		jsonw_kv_i64(w, "totalShards", r->shard.total);
		write_strs(w, r->shard.by ? "shardBy" : "shardWithout", r->shard.labels);
	}
	if (r->limit)
		jsonw_kv_i64(w, "limit", r->limit);
	jsonw_kv_bool(w, "partialResponse", r->partial_response == PARTIAL_WARN);
	jsonw_object_end(w);
}

/* The endpoints that are asked, or those that are not. */
static void write_choices(struct jsonw *w, const struct fanout_choice *c, size_t n, bool asked)
{
	jsonw_key(w, asked ? "endpoints" : "endpointsLeftOut");
	jsonw_array_begin(w);
	for (size_t i = 0; i < n; i++) {
		if (asked != !c[i].left_out)
			continue;
		jsonw_object_begin(w);
		jsonw_kv_cstr(w, "endpointAddr", c[i].name);
		jsonw_kv_cstr(w, "component", c[i].component);
		jsonw_kv_i64(w, "minTime", c[i].mint);
		jsonw_kv_i64(w, "maxTime", c[i].maxt);
		if (!asked)
			jsonw_kv_cstr(w, "reason", c[i].left_out);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

int query_explain_select(void *source, const struct promql_read *read, struct jsonw *w, struct err *err)
{
	struct query_source *s = source;
	struct series_request req;
	struct fanout_choice *c;
	size_t n;
	int rc = query_source_request(s, read->matchers, read->n_matchers, &read->hints, &req, err);
	rc = rc ? rc : query_source_choices(s, &req, &c, &n, err);
	if (rc)
		return rc;
	write_request(w, &req);
	write_choices(w, c, n, true);
	write_choices(w, c, n, false);
	return 0;
}

/* --- what it brought -------------------------------------------------------------------- */

void query_analyze_select(void *source, uint32_t id, struct jsonw *w)
{
	const struct query_select *sel = query_source_selects(source);
	while (sel && sel->id != id)
		sel = sel->next;
	if (!sel)
		return;
	write_request(w, &sel->req);
	jsonw_key(w, "fanout");
	jsonw_array_begin(w);
	below_write(w, sel->peers, sel->n_peers);
	jsonw_array_end(w);
}
