/* Statistics of all TSDB heads, summed over endpoints and tenants. Source: pkg/status. */
#include "api/param.h"
#include "api/tenant.h"
#include "base/compiler.h"
#include "promql/lang/parser.h"
#include "proto/status.pb-c.h"
#include "query/endpoints.h"
#include "query/http_internal.h"
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

/* A name and its number. */
struct stat_row {
	const char *name;
	uint64_t value;
};

/* One of the four tables. */
struct stat_table {
	struct stat_row *p;
	size_t n;
};

/* The sums. */
struct stat_sums {
	uint64_t series;
	int64_t label_pairs, chunks, mint, maxt;
	struct stat_table by_metric, values_by_label, bytes_by_label, by_pair;
};

/* A request for statistics. */
struct tsdb_call {
	struct asking a;
	Thanos__TSDBStatisticsRequest req;
	uint64_t limit;
	struct str tenant; /* enforced; empty: all */
	bool found;        /* some endpoint knows it */
	struct stat_sums sums;
};

/* --- parameters ------------------------------------------------------------------------- */

static int add_matchers(struct tsdb_call *c, const struct promql_selector *s, struct err *err)
{
	size_t n = c->req.n_matchers;
	Thanos__LabelMatcher **p = arena_array(&c->a.arena, n + s->n_matchers + 1, sizeof(*p));
	Thanos__LabelMatcher *m = arena_array(&c->a.arena, s->n_matchers + 1, sizeof(*m));
	if (!p || !m)
		return arena_err(&c->a.arena, err);
	if (n)
		memcpy(p, c->req.matchers, n * sizeof(*p));
	for (size_t i = 0; i < s->n_matchers; i++) {
		m[i] = (Thanos__LabelMatcher)THANOS__LABEL_MATCHER__INIT;
		m[i].type = (Thanos__LabelMatcher__Type)s->matchers[i].type;
		m[i].name = arena_memdup(&c->a.arena, s->matchers[i].name.p, s->matchers[i].name.n);
		m[i].value = arena_memdup(&c->a.arena, s->matchers[i].value.p, s->matchers[i].value.n);
		if (!m[i].name || !m[i].value)
			return arena_err(&c->a.arena, err);
		p[n + i] = &m[i];
	}
	c->req.matchers = p;
	c->req.n_matchers = n + s->n_matchers;
	return 0;
}

/* Where tenants are enforced, the stores are asked for this one's TSDBs only. */
static int enforce_tenant(struct tsdb_call *c, struct err *err)
{
	const struct api_prom_config *cfg = &c->a.h->prom.cfg;
	struct promql_matcher own = { .type = PROMQL_MATCH_EQ };
	struct promql_selector s = { .matchers = &own, .n_matchers = 1 };
	if (!cfg->enforce_label)
		return 0;
	int rc = api_tenant_of(cfg, c->a.req, &c->tenant, err);
	if (rc)
		return rc;
	own.name = str_c(cfg->enforce_label);
	own.value = c->tenant;
	return add_matchers(c, &s, err);
}

static int read_params(struct tsdb_call *c, struct err *err)
{
	struct promql_parse_opts o = query_parse_opts(c->a.h->q);
	char **texts;
	size_t n;
	int rc = api_limit_parse(http_params_get(c->a.params, "limit"), &c->limit, err);
	if (rc)
		return rc;
	if (c->limit > INT32_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT, "limit %llu overflows int32", (unsigned long long)c->limit);
	c->limit = c->limit ? c->limit : 10;
	c->req.limit = (int32_t)c->limit;
	rc = asking_list(&c->a, "match[]", &texts, &n, err);
	for (size_t i = 0; i < n && !rc; i++) {
		struct promql_expr *e;
		rc = promql_parse_selector(str_c(texts[i]), &o, &c->a.arena, &e, err);
		rc = rc ? rc : add_matchers(c, &e->selector, err);
	}
	return rc ? rc : enforce_tenant(c, err);
}

/* --- sums ------------------------------------------------------------------------------- */

static int cmp_name(const void *a, const void *b)
{
	return strcmp(((const struct stat_row *)a)->name, ((const struct stat_row *)b)->name);
}

static int cmp_value(const void *a, const void *b)
{
	const struct stat_row *x = a, *y = b;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Adds rows; those of equal names are summed, or the larger counts. */
static int add_rows(struct tsdb_call *c, struct stat_table *t, Thanos__Statistic *const *rows, size_t n, bool largest,
		    struct err *err)
{
	struct stat_row *p = arena_array(&c->a.arena, t->n + n + 1, sizeof(*p));
	size_t kept = 0;
	if (!p)
		return arena_err(&c->a.arena, err);
	if (t->n)
		memcpy(p, t->p, t->n * sizeof(*p));
	for (size_t i = 0; i < n; i++)
		p[t->n + i] = (struct stat_row){ rows[i]->name, rows[i]->value };
	qsort(p, t->n + n, sizeof(*p), cmp_name);
	for (size_t i = 0; i < t->n + n; i++) {
		if (kept == 0 || strcmp(p[kept - 1].name, p[i].name) != 0)
			p[kept++] = p[i];
		else if (!largest)
			p[kept - 1].value += p[i].value;
		else if (p[kept - 1].value < p[i].value)
			p[kept - 1].value = p[i].value;
	}
	*t = (struct stat_table){ p, kept };
	return 0;
}

static int add_entry(struct tsdb_call *c, const Thanos__TSDBStatisticsEntry *e, struct err *err)
{
	struct stat_sums *s = &c->sums;
	const Thanos__HeadStatistics *h = e->head_statistics;
	if (h) {
		s->series += h->num_series;
		s->label_pairs += h->num_label_pairs;
		s->chunks += h->chunk_count;
		if (s->mint <= 0 || s->mint > h->min_time)
			s->mint = h->min_time;
		if (s->maxt < h->max_time)
			s->maxt = h->max_time;
	}
	int rc = add_rows(c, &s->by_metric, e->series_count_by_metric_name, e->n_series_count_by_metric_name, false,
			  err);
	rc = rc ? rc
		: add_rows(c, &s->values_by_label, e->label_value_count_by_label_name,
			   e->n_label_value_count_by_label_name, true, err);
	rc = rc ? rc
		: add_rows(c, &s->bytes_by_label, e->memory_in_bytes_by_label_name, e->n_memory_in_bytes_by_label_name,
			   false, err);
	return rc ? rc
		  : add_rows(c, &s->by_pair, e->series_count_by_label_value_pair, e->n_series_count_by_label_value_pair,
			     false, err);
}

static int gather(struct tsdb_call *c, const struct query_answers *ans, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < ans->n && !rc; i++) {
		const Thanos__TSDBStatisticsResponse *r = ans->p[i];
		if (r->result_case == THANOS__TSDBSTATISTICS_RESPONSE__RESULT_WARNING)
			api_note(&c->a.notes, str_c(r->warning));
		if (r->result_case != THANOS__TSDBSTATISTICS_RESPONSE__RESULT_STATISTICS)
			continue;
		for (size_t k = 0; k < r->statistics->n_statistics && !rc; k++) {
			const Thanos__TSDBStatistics__StatisticsEntry *e = r->statistics->statistics[k];
			if (!e->value || (c->tenant.n && !str_eq_c(c->tenant, e->key)))
				continue;
			c->found = true;
			rc = add_entry(c, e->value, err);
		}
	}
	if (rc == 0 && c->tenant.n && !c->found)
		rc = err_set(err, ERR_NOT_FOUND, "retrieving tsdb statistics: %.*s tenant not found",
			     (int)MIN(c->tenant.n, (size_t)100), c->tenant.p);
	return rc;
}

static int co_ask(struct tsdb_call *c, struct err *err)
{
	struct query_answers ans;
	struct query_question what = { .api = &query_statistics,
				       .request = &c->req,
				       .abort = c->a.h->cfg.status_abort };
	c->req.partial_response_strategy = query_strategy(what.abort);
	int rc = co_asking_send(&c->a, &what, &ans, err);
	return rc ? rc : gather(c, &ans, err);
}

/* --- JSON ------------------------------------------------------------------------------- */

static void write_table(struct jsonw *w, const char *key, const struct stat_table *t, uint64_t limit)
{
	if (t->n)
		qsort(t->p, t->n, sizeof(*t->p), cmp_value);
	jsonw_key(w, key);
	jsonw_array_begin(w);
	for (size_t i = 0; i < t->n && i < limit; i++) {
		jsonw_object_begin(w);
		jsonw_kv_cstr(w, "name", t->p[i].name);
		jsonw_kv_u64(w, "value", t->p[i].value);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static int co_answer(struct tsdb_call *c, struct err *err)
{
	const struct stat_sums *s = &c->sums;
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, c->a.req, &c->a.notes);
	jsonw_object_begin(w);
	jsonw_key(w, "headStats");
	jsonw_object_begin(w);
	jsonw_kv_u64(w, "numSeries", s->series);
	jsonw_kv_i64(w, "numLabelPairs", s->label_pairs);
	jsonw_kv_i64(w, "chunkCount", s->chunks);
	jsonw_kv_i64(w, "minTime", s->mint);
	jsonw_kv_i64(w, "maxTime", s->maxt);
	jsonw_object_end(w);
	write_table(w, "seriesCountByMetricName", &s->by_metric, c->limit);
	write_table(w, "labelValueCountByLabelName", &s->values_by_label, c->limit);
	write_table(w, "memoryInBytesByLabelName", &s->bytes_by_label, c->limit);
	write_table(w, "seriesCountByLabelValuePair", &s->by_pair, c->limit);
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

int co_http_tsdb_status(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct tsdb_call c = { .req = THANOS__TSDBSTATISTICS_REQUEST__INIT };
	int rc = co_asking_begin(&c.a, req, arg, &e);
	rc = rc ? rc : read_params(&c, &e);
	rc = rc ? rc : co_ask(&c, &e);
	rc = rc ? co_asking_fail(&c.a, &e, err) : co_answer(&c, err);
	asking_fini(&c.a);
	return rc;
}
