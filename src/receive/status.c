/* /thanos.Status/TSDBStatistics: the cardinality of the heads, by tenant. */
#include "receive/internal.h"

#include "grpc/pb.h"
#include "grpc/server.h"
#include "labels/matcher.h"
#include "proto/status.pb-c.h"
#include "receive/cursor.h"
#include "receive/view.h"
#include "series/regex.h"

#include <string.h>

/* Rows of each list, by default and at most. */
#define LIMIT_DEFAULT 10
#define LIMIT_MAX 10000

struct status_call {
	struct receive *r;
	struct arena *a;
	const Thanos__TSDBStatisticsRequest *req;
	struct matcher **matchers; /* of external labels */
	size_t limit;
};

static int list_of(const struct head_top *rows, size_t n, struct arena *a, Thanos__Statistic ***ret, size_t *ret_n,
		   struct err *err)
{
	*ret = arena_array(a, n, sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	for (*ret_n = 0; *ret_n < n; ++*ret_n) {
		Thanos__Statistic *s = arena_alloc(a, sizeof(*s));
		if (!s)
			return arena_err(a, err);
		thanos__statistic__init(s);
		s->name = arena_memdup(a, rows[*ret_n].name.p, rows[*ret_n].name.n);
		s->value = rows[*ret_n].value;
		if (!s->name)
			return arena_err(a, err);
		(*ret)[*ret_n] = s;
	}
	return 0;
}

static int fill_lists(const struct head_top_lists *t, struct arena *a, Thanos__TSDBStatisticsEntry *e, struct err *err)
{
	int rc = list_of(t->series_by_metric, t->n_series_by_metric, a, &e->series_count_by_metric_name,
			 &e->n_series_count_by_metric_name, err);
	if (rc == 0)
		rc = list_of(t->values_by_label, t->n_values_by_label, a, &e->label_value_count_by_label_name,
			     &e->n_label_value_count_by_label_name, err);
	if (rc == 0)
		rc = list_of(t->bytes_by_label, t->n_bytes_by_label, a, &e->memory_in_bytes_by_label_name,
			     &e->n_memory_in_bytes_by_label_name, err);
	if (rc == 0)
		rc = list_of(t->series_by_pair, t->n_series_by_pair, a, &e->series_count_by_label_value_pair,
			     &e->n_series_count_by_label_value_pair, err);
	return rc;
}

/* The figures and lists of one head. Suspends. */
static int fill_entry(struct status_call *c, struct receive_db *db, Thanos__TSDBStatisticsEntry *e, struct err *err)
{
	struct head_stats st;
	struct head_top_lists top;
	struct receive_view v;
	Thanos__HeadStatistics *h = arena_alloc(c->a, sizeof(*h));
	if (!h)
		return arena_err(c->a, err);
	head_stats(receive_db_head(db), &st);
	thanos__head_statistics__init(h);
	h->num_series = st.series;
	h->num_label_pairs = (int64_t)st.label_pairs;
	h->chunk_count = (int64_t)st.chunks;
	h->min_time = st.min_time;
	h->max_time = st.max_time;
	e->head_statistics = h;
	int rc = receive_view_open(&v, db, INT64_MAX, INT64_MAX, c->a, err); /* no block is that late */
	if (rc != 0)
		return rc;
	rc = head_top(v.head, LABEL_METRIC_NAME, c->limit, c->a, &top, err);
	receive_view_close(&v);
	return rc != 0 ? rc : fill_lists(&top, c->a, e, err);
}

/* Whether the tenant is asked for. */
static int wanted(const struct status_call *c, const struct receive_db *db, bool *ret, struct err *err)
{
	struct matcher **rest;
	size_t n;
	*ret = c->req->tenant[0] == '\0' || strcmp(c->req->tenant, receive_db_tenant(db)) == 0;
	if (!*ret)
		return 0;
	return receive_match_external(receive_db_external(db), c->matchers, c->req->n_matchers, c->a, &rest, &n, ret,
				      err);
}

/* Adds a tenant's entry. Suspends. */
static int add_tenant(struct status_call *c, struct receive_db *db, Thanos__TSDBStatistics *all, struct err *err)
{
	bool want;
	int rc = wanted(c, db, &want, err);
	if (rc != 0 || !want)
		return rc;
	Thanos__TSDBStatistics__StatisticsEntry *row = arena_alloc(c->a, sizeof(*row));
	Thanos__TSDBStatisticsEntry *e = arena_alloc(c->a, sizeof(*e));
	if (!row || !e)
		return arena_err(c->a, err);
	thanos__tsdbstatistics__statistics_entry__init(row);
	thanos__tsdbstatistics_entry__init(e);
	row->value = e;
	row->key = arena_strdup(c->a, receive_db_tenant(db));
	if (!row->key)
		return arena_err(c->a, err);
	all->statistics[all->n_statistics++] = row;
	return fill_entry(c, db, e, err);
}

static int compile_matchers(struct status_call *c, struct err *err)
{
	c->matchers = arena_array(c->a, c->req->n_matchers, sizeof(*c->matchers));
	int rc = c->matchers ? 0 : arena_err(c->a, err);
	for (size_t i = 0; i < c->req->n_matchers && rc == 0; i++) {
		const Thanos__LabelMatcher *m = c->req->matchers[i];
		rc = matcher_compile_by(co_regex_compile, c->a, (enum matcher_type)m->type, str_c(m->name),
					str_c(m->value), &c->matchers[i], err);
	}
	return rc;
}

int co_receive_status(struct grpc_call *call, void *arg, struct err *err)
{
	struct status_call c = { .r = arg, .a = grpc_call_arena(call) };
	Thanos__TSDBStatisticsResponse resp = THANOS__TSDBSTATISTICS_RESPONSE__INIT;
	Thanos__TSDBStatistics all = THANOS__TSDBSTATISTICS__INIT;
	struct receive_db **dbs;
	size_t n = 0;
	void *req;
	int rc = grpc_call_unpack(call, &thanos__tsdbstatistics_request__descriptor, &req, err);
	if (rc != 0)
		return rc;
	c.req = req;
	c.limit = c.req->limit > 0 ? (size_t)MIN(c.req->limit, LIMIT_MAX) : LIMIT_DEFAULT;
	if (!c.r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	rc = compile_matchers(&c, err);
	if (rc == 0)
		rc = receive_dbs_all(c.r->dbs, c.a, &dbs, &n, err);
	all.statistics = arena_array(c.a, n, sizeof(*all.statistics));
	if (rc == 0 && !all.statistics)
		rc = arena_err(c.a, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_tenant(&c, dbs[i], &all, err);
		receive_dbs_put(c.r->dbs, dbs[i]);
	}
	if (rc != 0)
		return rc;
	resp.result_case = THANOS__TSDBSTATISTICS_RESPONSE__RESULT_STATISTICS;
	resp.statistics = &all;
	return co_grpc_send_pb(call, &resp, err);
}
