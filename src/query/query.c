#include "query/query_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "labels/relabel_yaml.h"
#include "loop/reactor.h"
#include "metrics/budget.h"
#include "metrics/metrics.h"
#include "query/source.h"
#include "series/regex.h"
#include "series/wire_series.h"

#include <stdlib.h>
#include <string.h>

/* Resolutions of downsampled data: 5 min and 1 h. */
static const int64_t levels_ms[] = { 0, 300000, 3600000 };

struct query_config query_config_default(void)
{
	static const double durations[] = { 0.1, 0.25, 0.75, 1.25, 1.75, 2.5, 3, 5, 10 };
	static const double samples[] = { 100, 1e3, 1e4, 1e5, 1e6 };
	static const double series[] = { 10, 100, 1e3, 1e4, 1e5 };
	return (struct query_config){
		.discovery = { .component = "query",
			       .sd_config_reload_ms = 300000,
			       .sd_files_interval_ms = 300000,
			       .dns_interval_ms = 30000,
			       .client = ENDPOINT_CLIENT_UNSET },
		.endpoints = { .info_timeout_ms = 5000, .unhealthy_timeout_ms = 300000 },
		.dedup = DEDUP_PENALTY,
		.timeout_ms = 120000,
		.max_concurrent = 20,
		.max_concurrent_select = 4,
		.dynamic_lookback = true,
		.eval_interval_ms = 60000,
		.engine = "prometheus",
		.default_tenant = "default-tenant",
		.duration_bounds = { durations, ARRAY_LEN(durations) },
		.sample_bounds = { samples, ARRAY_LEN(samples) },
		.series_bounds = { series, ARRAY_LEN(series) },
	};
}

/* --- construction ------------------------------------------------------------------------- */

/* The querier's own copy of what it was told; its arena is unlimited. */
static const char *keep(struct query *q, const char *s)
{
	return s ? arena_strdup(&q->arena, s) : NULL;
}

static struct discovery_names keep_names(struct query *q, struct discovery_names from)
{
	const char **p = arena_array(&q->arena, from.n + 1, sizeof(*p));
	for (size_t i = 0; i < from.n; i++)
		p[i] = keep(q, from.p[i]);
	return (struct discovery_names){ p, from.n };
}

static struct query_bounds keep_bounds(struct query *q, struct query_bounds from, struct query_bounds def)
{
	struct query_bounds b = from.n ? from : def;
	return (struct query_bounds){ (const double *)arena_memdup(&q->arena, b.p, b.n * sizeof(*b.p)), b.n };
}

static void keep_config(struct query *q, const struct query_config *from)
{
	struct query_config def = query_config_default(), *c = &q->cfg;
	*c = *from;
	struct discovery_config *d = &c->discovery;
	d->component = keep(q, d->component);
	d->endpoints = keep_names(q, d->endpoints);
	d->endpoint_groups = keep_names(q, d->endpoint_groups);
	d->endpoints_strict = keep_names(q, d->endpoints_strict);
	d->endpoint_groups_strict = keep_names(q, d->endpoint_groups_strict);
	d->sd_files = keep_names(q, d->sd_files);
	d->sd_config = keep(q, d->sd_config);
	d->sd_config_file = keep(q, d->sd_config_file);
	d->client = endpoint_client_copy(d->client, &q->arena);
	struct discovery_names labels = { c->endpoints.metric_labels, c->endpoints.n_metric_labels };
	c->endpoints.metric_labels = keep_names(q, labels).p;
	c->replica_labels = keep_names(q, c->replica_labels);
	c->selector_relabel = keep(q, c->selector_relabel);
	c->selector_relabel_file = keep(q, c->selector_relabel_file);
	c->engine = keep(q, c->engine ? c->engine : def.engine);
	c->default_tenant = keep(q, c->default_tenant ? c->default_tenant : def.default_tenant);
	c->journal_dir = keep(q, c->journal_dir);
	(void)labels_copy(c->selector_labels, &q->arena, &c->selector_labels, NULL);
	c->duration_bounds = keep_bounds(q, c->duration_bounds, def.duration_bounds);
	c->sample_bounds = keep_bounds(q, c->sample_bounds, def.sample_bounds);
	c->series_bounds = keep_bounds(q, c->series_bounds, def.series_bounds);
}

/* Takes comma-separated values apart (upstream: strutil.ParseFlagLabels). */
static void split_replica_labels(struct query *q)
{
	VEC(struct str) all = { 0 };
	for (size_t i = 0; i < q->cfg.replica_labels.n; i++) {
		struct str rest = str_c(q->cfg.replica_labels.p[i]);
		while (rest.p) {
			struct str one = str_trim(str_cut(&rest, ','));
			if (one.n)
				*vec_push(&all) = one;
		}
	}
	q->replica_labels = arena_array(&q->arena, all.n + 1, sizeof(*q->replica_labels));
	if (all.n)
		memcpy(q->replica_labels, all.p, all.n * sizeof(*all.p));
	q->n_replica_labels = all.n;
	vec_fini(&all);
}

static void metrics_init(struct query_metrics *m, const struct query_config *cfg, struct metrics_registry *reg)
{
	gauge_set(metrics_gauge(reg, "thanos_query_concurrent_selects_gate_selects_max",
				"Maximum number of concurrent selects."),
		  cfg->max_concurrent_select);
	m->selects_in_flight = metrics_gauge(reg, "thanos_query_concurrent_selects_gate_selects_in_flight",
					     "Number of selects that are currently in flight.");
	m->selects_total =
		metrics_counter(reg, "thanos_query_concurrent_selects_gate_selects_total", "Total number of selects.");
	m->selects_wait = metrics_histogram(reg, "thanos_query_concurrent_selects_gate_selects_duration_seconds",
					    "How many seconds it took for selects to wait at the gate.",
					    gate_wait_bounds, GATE_WAIT_BOUNDS);
	m->duration = metrics_histogram_vec(reg, "thanos_store_api_query_duration_seconds",
					    "Duration of the Thanos Store API select phase for a query.",
					    METRICS_LABELS("series_le", "samples_le", "tenant"), cfg->duration_bounds.p,
					    cfg->duration_bounds.n);
	metrics_vec_set_limit(m->duration, METRICS_OUTSIDE_MAX);
}

static int make_selector(struct query *q, struct err *err)
{
	const struct query_config *c = &q->cfg;
	const uint32_t allowed = 1u << RELABEL_KEEP | 1u << RELABEL_DROP | 1u << RELABEL_HASHMOD;
	const char *file = c->selector_relabel_file ? c->selector_relabel_file : "selector.relabel-config";
	if (!c->selector_relabel || !*c->selector_relabel)
		return 0;
	return relabel_rules_parse(str_c(c->selector_relabel), file, LABEL_NAMES_UTF8, allowed, &q->selector, err);
}

/* --query.active-query-path; tells what ran when the last process ended. */
static int open_journal(struct query *q, struct err *err)
{
	struct strbuf left = { 0 };
	if (!q->cfg.journal_dir)
		return 0;
	q->active.journal = api_journal_open(q->cfg.journal_dir, &left, err);
	if (left.n)
		log_warn(q->lg, "these queries ran when the last process ended; one of them may be why it did",
			 log_str("queries", strbuf_str(&left)));
	strbuf_fini(&left);
	return q->active.journal ? 0 : -err->code;
}

struct query *query_new(struct reactor *r, const struct query_config *cfg, struct dns_resolver *dns, struct logger *lg,
			struct metrics_registry *reg, struct err *err)
{
	struct query *q = xcalloc(1, sizeof(*q));
	q->r = r;
	q->lg = lg;
	q->reg = reg;
	arena_init(&q->arena, NULL);
	waitq_init(&q->stopped);
	api_active_init(&q->active);
	keep_config(q, cfg);
	split_replica_labels(q);
	budget_init(&q->budget, cfg->memory, "queries",
		    cfg->max_memory_bytes ? cfg->max_memory_bytes : BUDGET_UNLIMITED);
	gate_init(&q->gate, cfg->max_concurrent);
	if (reg) {
		metrics_init(&q->m, &q->cfg, reg);
		query_engine_metrics_init(&q->engine, q, reg);
		metrics_budget_init(reg, "thanos_query_memory", "queries", &q->budget);
		gate_metrics_init(&q->gate, reg, "thanos_query_concurrent_gate_queries_", "queries");
	}
	int rc = make_selector(q, err);
	rc = rc ? rc : open_journal(q, err);
	if (rc == 0 && !(q->discovery = discovery_new(r, dns, &q->cfg.discovery, reg, err)))
		rc = -ERR_INVALID_ARGUMENT;
	if (rc != 0) {
		query_free(q);
		return NULL;
	}
	q->endpoints = endpoints_new(r, q->discovery, dns, &q->cfg.endpoints, lg, reg);
	struct fanout_config f = {
		.selector_labels = q->cfg.selector_labels,
		.selector = q->selector,
		.response_timeout_ms = q->cfg.store_response_timeout_ms,
		.limit_series = q->cfg.limit_series,
		.limit_samples = q->cfg.limit_samples,
	};
	q->fanout = fanout_new(q->endpoints, &f, reg);
	return q;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	fanout_free(q->fanout);
	endpoints_free(q->endpoints);
	discovery_free(q->discovery);
	relabel_rules_free(q->selector);
	if (q->reg) {
		metrics_off_collect(q->reg, &q->budget);
		metrics_off_collect(q->reg, q);
		gate_metrics_fini(&q->gate, q->reg);
	}
	api_journal_close(q->active.journal);
	budget_fini(&q->budget);
	arena_fini(&q->arena);
	free(q);
}

/* The fiber that keeps the endpoints up to date; suspends. */
static void update_main(void *arg)
{
	struct query *q = arg;
	(void)co_endpoints_run(q->endpoints, NULL);
	q->updater = NULL;
	waitq_wake_all(&q->stopped);
}

void query_start(struct query *q)
{
	q->updater = fiber_start(q->r, "endpoints", update_main, q);
}

void co_query_stop(struct query *q)
{
	fiber_mask();
	if (q->updater)
		fiber_cancel(q->updater);
	while (q->updater)
		(void)co_waitq_wait(&q->stopped, "endpoints", NULL);
	fiber_unmask();
}

const struct query_config *query_config(const struct query *q)
{
	return &q->cfg;
}

struct endpoints *query_endpoints(struct query *q)
{
	return q->endpoints;
}

struct fanout *query_fanout(struct query *q)
{
	return q->fanout;
}

struct budget *query_budget(struct query *q)
{
	return &q->budget;
}

struct api_active *query_active(struct query *q)
{
	return &q->active;
}

const struct str *query_replica_labels(const struct query *q, size_t *ret_n)
{
	*ret_n = q->n_replica_labels;
	return q->replica_labels;
}

/* --- one query -------------------------------------------------------------------------------- */

int co_query_gate_enter(struct query *q, struct err *err)
{
	int rc = co_gate_enter(&q->gate, err);
	return rc != 0 && err ? err_prefix(err, "failed to wait for turn") : rc;
}

void query_gate_leave(struct query *q)
{
	gate_leave(&q->gate);
}

void query_budget_init(struct query *q, struct budget *b)
{
	uint64_t limit = q->cfg.memory_limit_bytes;
	budget_init(b, &q->budget, "query", limit ? limit : BUDGET_UNLIMITED);
}

/* The lookback for a resolution (upstream: LookbackDeltaFactory); 0 leaves it to the engine. */
static int64_t lookback_for(const struct query_config *c, int64_t max_resolution_ms)
{
	int64_t of_level[ARRAY_LEN(levels_ms)], lookback_ms = c->lookback_ms;
	for (size_t i = 0; i < ARRAY_LEN(levels_ms); i++) {
		if (c->lookback_ms < levels_ms[i])
			lookback_ms = levels_ms[i];
		of_level[i] = lookback_ms;
	}
	for (size_t i = ARRAY_LEN(levels_ms) - 1; c->dynamic_lookback && i >= 1; i--)
		if (MAX(levels_ms[i - 1], c->lookback_ms) < max_resolution_ms)
			return of_level[i];
	return of_level[0];
}

struct promql_opts query_engine_opts(const struct query *q, int64_t max_resolution_ms, int64_t lookback_ms)
{
	const struct query_config *c = &q->cfg;
	return (struct promql_opts){
		.lookback_ms = lookback_ms > 0 ? lookback_ms : lookback_for(c, max_resolution_ms),
		.max_samples = c->max_samples ? c->max_samples : INT32_MAX,
		.eval_interval_ms = c->eval_interval_ms,
		.delayed_name_removal = c->delayed_name_removal,
		.type_and_unit = c->type_and_unit,
	};
}

struct promql_parse_opts query_parse_opts(const struct query *q)
{
	return (struct promql_parse_opts){
		.experimental_functions = q->cfg.experimental_functions,
		.extended_ranges = q->cfg.extended_ranges,
		.fill_modifiers = q->cfg.fill_modifiers,
		.x_functions = q->cfg.x_functions,
		.duration_expr = true,
		.compile = co_regex_compile,
	};
}

/* --- names and values ------------------------------------------------------------------------------ */

/* What names and values have in common. The matchers lie in `a`. */
static int make_label_request(const struct query_select_opts *o, struct matcher *const *m, size_t n, int64_t start,
			      int64_t end, uint64_t limit, struct arena *a, struct label_request *ret, struct err *err)
{
	struct wire_matcher *w = arena_array(a, n + 1, sizeof(*w));
	if (!w)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++)
		w[i] = (struct wire_matcher){ m[i]->type, m[i]->name, m[i]->value, m[i] };
	*ret = (struct label_request){
		.partial_response = o->partial_response ? PARTIAL_WARN : PARTIAL_ABORT,
		.start = start,
		.end = end,
		.matchers = w,
		.n_matchers = n,
		.limit = (int64_t)MIN(limit, (uint64_t)INT64_MAX),
	};
	if (o->dedup && o->n_replica_labels)
		ret->without_replica_labels = (struct wire_strs){ o->replica_labels, o->n_replica_labels };
	return 0;
}

/* Whether dedup takes this label away. */
static bool is_replica_label(const struct query_select_opts *o, struct str name)
{
	for (size_t i = 0; o->dedup && i < o->n_replica_labels; i++)
		if (str_eq(o->replica_labels[i], name))
			return true;
	return false;
}

/* A failure of stores in upstream's words; what is not about this side is FAILED_PRECONDITION for the API. */
static int explain(struct err *err, const char *call)
{
	bool here = err->code == ERR_CANCELLED || err->code == ERR_RESOURCE_EXHAUSTED ||
		    err->code == ERR_INVALID_ARGUMENT || fiber_check(NULL) != 0;
	if (!here)
		err->code = ERR_FAILED_PRECONDITION;
	return err_prefix(err, "%s", call);
}

int co_query_label_names(struct query *q, const struct query_select_opts *o, struct matcher *const *matchers,
			 size_t n_matchers, int64_t start, int64_t end, uint64_t limit, struct arena *a,
			 struct label_response *ret, struct err *err)
{
	struct label_request req;
	int rc = make_label_request(o, matchers, n_matchers, start, end, limit, a, &req, err);
	if (rc == 0 && (rc = co_fanout_label_names(q->fanout, &req, &o->scope, a, ret, err)) != 0)
		return err ? explain(err, "proxy LabelNames()") : rc;
	if (rc != 0)
		return rc;
	/* Stores that do not know without_replica_labels still have them. */
	size_t kept = 0;
	struct str *p = (struct str *)ret->values.p;
	for (size_t i = 0; i < ret->values.n; i++)
		if (!is_replica_label(o, p[i]))
			p[kept++] = p[i];
	ret->values.n = kept;
	return 0;
}

int co_query_label_values(struct query *q, const struct query_select_opts *o, struct str name,
			  struct matcher *const *matchers, size_t n_matchers, int64_t start, int64_t end,
			  uint64_t limit, struct arena *a, struct label_response *ret, struct err *err)
{
	struct label_request req;
	*ret = (struct label_response){ 0 };
	int rc = make_label_request(o, matchers, n_matchers, start, end, limit, a, &req, err);
	if (rc != 0 || is_replica_label(o, name))
		return rc;
	req.label = name;
	rc = co_fanout_label_values(q->fanout, &req, &o->scope, a, ret, err);
	if (rc != 0)
		return err ? explain(err, "proxy LabelValues()") : rc;
	return 0;
}
