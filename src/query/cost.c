#include "query/cost.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "metrics/metrics.h"
#include "query/query_internal.h"
#include "query/source.h"

#include <stdlib.h>
#include <string.h>

/* Longest text of a query in the log, and most endpoints. */
#define LOG_QUERY_MAX 4096
#define LOG_ENDPOINTS_MAX 10

/* --- metrics ---------------------------------------------------------------------------- */

static const char *const engine_labels[] = { "engine", "mode", NULL };
static const char *const slice_labels[] = { "slice", "engine", "mode", NULL };

static void refresh(void *arg)
{
	struct query *q = arg;
	gauge_set(q->engine_queries[0], (double)q->active.n);
	gauge_set(q->engine_queries[1], (double)q->active.n);
}

void query_engine_metrics_init(struct query_engine_metrics *m, struct query *q, struct metrics_registry *reg)
{
	static const char *const slices[] = { "prepare_time", "queue_time", "inner_eval" };
	static const double bounds[] = { 0.01, 0.1, 1, 10 };
	const char *const engine_values[] = { q->cfg.engine, "local", NULL };
	static const char *const current = "The current number of queries being executed or waiting.";
	q->engine_queries[0] = metrics_gauge_with(
		metrics_gauge_vec(reg, "thanos_engine_queries", current, engine_labels), engine_values);
	q->engine_queries[1] = metrics_gauge_with(
		metrics_gauge_vec(reg, "prometheus_engine_queries", current, engine_labels), engine_values);
	metrics_on_collect(reg, refresh, q);
	gauge_set(metrics_gauge_with(metrics_gauge_vec(reg, "prometheus_engine_queries_concurrent_max",
						       "The max number of concurrent queries.", engine_labels),
				     engine_values),
		  q->cfg.max_concurrent);
	gauge_set(metrics_gauge_with(metrics_gauge_vec(reg, "prometheus_engine_query_log_enabled",
						       "State of the query log.", engine_labels),
				     engine_values),
		  q->cfg.slow_log_ms > 0);
	m->queries_total = metrics_counter_with(
		metrics_counter_vec(reg, "thanos_engine_queries_total", "Number of PromQL queries.", engine_labels),
		engine_values);
	m->samples_total = metrics_counter_with(
		metrics_counter_vec(reg, "prometheus_engine_query_samples_total",
				    "The total number of samples loaded by all queries.", engine_labels),
		engine_values);
	m->samples_read_total = metrics_counter_with(
		metrics_counter_vec(reg, "prometheus_engine_query_samples_read_total",
				    "The total number of samples read by all queries, each once.", engine_labels),
		engine_values);
	m->log_failures_total =
		metrics_counter_with(metrics_counter_vec(reg, "prometheus_engine_query_log_failures_total",
							 "The number of query log failures.", engine_labels),
				     engine_values);
	m->slow_total = metrics_counter(reg, "thanos_query_slow_queries_total",
					"Queries that took longer than --query.slow-log-threshold.");
	struct metrics_vec *h = metrics_histogram_vec(reg, "prometheus_engine_query_duration_histogram_seconds",
						      "The duration of various parts of PromQL query execution.",
						      slice_labels, bounds, ARRAY_LEN(bounds));
	struct metrics_vec *s =
		metrics_summary_vec(reg, "prometheus_engine_query_duration_seconds", "Query timings", slice_labels);
	for (size_t i = 0; i < QUERY_SLICES; i++) {
		const char *const values[] = { slices[i], q->cfg.engine, "local", NULL };
		m->histograms[i] = metrics_histogram_with(h, values);
		m->summaries[i] = metrics_summary_with(s, values);
	}
}

static void count(struct query_engine_metrics *m, const struct api_query_cost *c, bool slow)
{
	const int64_t ns[QUERY_SLICES] = { c->prepare_ns, c->queue_ns, c->eval_ns };
	if (!m->queries_total)
		return;
	counter_inc(m->queries_total);
	counter_add(m->samples_total, (double)c->samples_total);
	counter_add(m->samples_read_total, (double)c->samples_read);
	if (slow)
		counter_inc(m->slow_total);
	for (size_t i = 0; i < QUERY_SLICES; i++) {
		histogram_observe(m->histograms[i], (double)ns[i] / 1e9);
		summary_observe(m->summaries[i], (double)ns[i] / 1e9);
	}
}

/* --- the slow query log ----------------------------------------------------------------- */

static int by_wait(const void *a, const void *b)
{
	const struct query_peer *x = a, *y = b;
	return x->wait_ns > y->wait_ns ? -1 : x->wait_ns < y->wait_ns;
}

/* "addr wait=1.5s series=3 bytes=100, ...": those that were waited for longest. */
static void add_endpoints(struct strbuf *b, const struct query_source *s, size_t *ret_n)
{
	size_t n;
	const struct query_peer *p = query_source_peers(s, &n);
	struct query_peer *sorted = n ? calloc(n, sizeof(*sorted)) : NULL;
	*ret_n = n;
	if (!sorted)
		return;
	memcpy(sorted, p, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_wait);
	for (size_t i = 0; i < n && i < LOG_ENDPOINTS_MAX; i++) {
		p = &sorted[i];
		strbuf_printf(b, "%s%s wait=%.3fs calls=%llu series=%llu chunks=%llu bytes=%llu", i ? ", " : "",
			      p->name, (double)p->wait_ns / 1e9, (unsigned long long)p->calls,
			      (unsigned long long)p->series, (unsigned long long)p->chunks,
			      (unsigned long long)p->bytes);
		if (p->failed)
			strbuf_printf(b, " failed=%llu", (unsigned long long)p->failed);
	}
	free(sorted);
}

static void log_slow(struct query *q, const struct api_query_cost *c)
{
	const struct api_active_query *a = c->query;
	struct strbuf endpoints = { .limit = 4096 };
	struct api_progress p = { 0 };
	size_t n = 0;
	if (a->source) {
		query_source_progress(a->source, &p);
		add_endpoints(&endpoints, a->source, &n);
	}
	strbuf_add_c(&endpoints, "");
	log_warn(q->lg, "slow query", log_s("kind", a->kind),
		 log_str("query", str_mem(a->text.p, MIN(a->text.n, (size_t)LOG_QUERY_MAX))),
		 log_d("start", (double)a->start_ms / 1000), log_d("end", (double)a->end_ms / 1000),
		 log_d("step", (double)a->step_ms / 1000), log_str("tenant", a->tenant), log_str("user", a->user),
		 log_str("remote", a->remote), log_str("user_agent", a->user_agent), log_s("id", a->id),
		 log_s("status", c->status), log_s("err", c->error ? c->error : ""),
		 log_d("duration_seconds", (double)c->total_ns / 1e9),
		 log_d("queue_seconds", (double)c->queue_ns / 1e9), log_d("eval_seconds", (double)c->eval_ns / 1e9),
		 log_d("write_seconds", (double)c->write_ns / 1e9), log_d("cpu_seconds", (double)c->cpu_ns / 1e9),
		 log_u("samples", c->samples_read), log_u("samples_peak", c->samples_peak), log_u("series", p.series),
		 log_u("chunks", p.chunks), log_u("bytes", p.bytes), log_u("result_series", c->result_series),
		 log_u("memory_peak_bytes", a->budget ? a->budget->peak : 0), log_u("endpoints", n),
		 log_s("slowest_endpoints", endpoints.p));
	strbuf_fini(&endpoints);
}

void query_cost_note(void *arg, const struct api_query_cost *c)
{
	struct query *q = arg;
	bool slow = q->cfg.slow_log_ms > 0 && c->total_ns >= q->cfg.slow_log_ms * 1000000;
	count(&q->engine, c, slow);
	if (!slow || !q->lg)
		return;
	uint64_t dropped = q->lg->dropped;
	log_slow(q, c);
	if (q->lg->dropped != dropped && q->engine.log_failures_total)
		counter_inc(q->engine.log_failures_total);
}
