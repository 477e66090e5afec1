/* Metadata of metrics. Source: pkg/metadata. */
#include "proto/metadata.pb-c.h"
#include "query/endpoints.h"
#include "query/http_internal.h"

#include <stdlib.h>
#include <string.h>

/* One metadata of one metric, with its place in the order received. */
struct entry {
	const char *metric;
	const Thanos__Meta *meta;
	size_t at;
};

/* Entries of all metrics. */
struct entries {
	struct entry *p;
	size_t n;
};

static int read_limit(struct asking *a, int32_t *ret, struct err *err)
{
	int64_t v;
	struct str text = http_params_get(a->params, "limit");
	*ret = -1;
	if (text.n == 0)
		return 0;
	if (!str_to_i64(text, &v) || v > INT32_MAX || v < INT32_MIN)
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid metric metadata limit='%.*s'",
			       (int)(text.n > 100 ? 100 : text.n), text.p);
	*ret = (int32_t)v;
	return 0;
}

static int cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d = strcmp(x->metric, y->metric);
	return d ? d : (x->at > y->at) - (x->at < y->at);
}

static size_t count(const struct query_answers *ans)
{
	size_t n = 0;
	for (size_t i = 0; i < ans->n; i++) {
		const Thanos__MetricMetadataResponse *r = ans->p[i];
		if (r->result_case == THANOS__METRIC_METADATA_RESPONSE__RESULT_METADATA)
			for (size_t k = 0; k < r->metadata->n_metadata; k++)
				n += r->metadata->metadata[k]->value ? r->metadata->metadata[k]->value->n_metas : 0;
	}
	return n;
}

/* All of them by metric; warnings are noted. */
static int gather(struct asking *a, const struct query_answers *ans, struct entries *ret, struct err *err)
{
	struct entry *p = arena_array(&a->arena, count(ans) + 1, sizeof(*p));
	size_t n = 0;
	if (!p)
		return arena_err(&a->arena, err);
	for (size_t i = 0; i < ans->n; i++) {
		const Thanos__MetricMetadataResponse *r = ans->p[i];
		if (r->result_case == THANOS__METRIC_METADATA_RESPONSE__RESULT_WARNING)
			api_note(&a->notes, str_c(r->warning));
		if (r->result_case != THANOS__METRIC_METADATA_RESPONSE__RESULT_METADATA)
			continue;
		for (size_t k = 0; k < r->metadata->n_metadata; k++) {
			const Thanos__MetricMetadata__MetadataEntry *m = r->metadata->metadata[k];
			for (size_t j = 0; m->value && j < m->value->n_metas; j++, n++)
				p[n] = (struct entry){ m->key, m->value->metas[j], n };
		}
	}
	qsort(p, n, sizeof(*p), cmp_entry);
	*ret = (struct entries){ p, n };
	return 0;
}

static bool same(const Thanos__Meta *a, const Thanos__Meta *b)
{
	return strcmp(a->type, b->type) == 0 && strcmp(a->help, b->help) == 0 && strcmp(a->unit, b->unit) == 0;
}

/* The entries from..to of one metric, each distinct one once. */
static void write_metric(struct jsonw *w, const struct entry *from, const struct entry *to)
{
	jsonw_key(w, from->metric);
	jsonw_array_begin(w);
	for (const struct entry *e = from; e < to; e++) {
		bool seen = false;
		for (const struct entry *f = from; f < e && !seen; f++)
			seen = same(f->meta, e->meta);
		if (seen)
			continue;
		jsonw_object_begin(w);
		jsonw_kv_cstr(w, "type", e->meta->type);
		jsonw_kv_cstr(w, "help", e->meta->help);
		jsonw_kv_cstr(w, "unit", e->meta->unit);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static int co_answer(struct asking *a, const struct entries *all, int32_t limit, struct err *err)
{
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, a->req, &a->notes);
	const struct entry *e = all->p, *end = all->p + all->n;
	jsonw_object_begin(w);
	for (int64_t n = 0; e < end && (limit < 0 || n < limit); n++) {
		const struct entry *from = e;
		while (e < end && strcmp(e->metric, from->metric) == 0)
			e++;
		write_metric(w, from, e);
	}
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

static int co_ask(struct asking *a, struct entries *all, int32_t *limit, struct err *err)
{
	Thanos__MetricMetadataRequest req = THANOS__METRIC_METADATA_REQUEST__INIT;
	struct query_answers ans;
	struct query_question what = { .api = &query_metadata, .request = &req, .abort = a->h->cfg.metadata_abort };
	int rc = read_limit(a, limit, err);
	if (rc)
		return rc;
	req.metric = (char *)asking_param(a, "metric");
	if (!req.metric)
		return arena_err(&a->arena, err);
	req.limit = *limit;
	req.partial_response_strategy = query_strategy(what.abort);
	rc = co_asking_send(a, &what, &ans, err);
	return rc ? rc : gather(a, &ans, all, err);
}

int co_http_metadata(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct asking a;
	struct entries all = { NULL, 0 };
	int32_t limit = -1;
	int rc = co_asking_begin(&a, req, arg, &e);
	rc = rc ? rc : co_ask(&a, &all, &limit, &e);
	rc = rc ? co_asking_fail(&a, &e, err) : co_answer(&a, &all, limit, err);
	asking_fini(&a);
	return rc;
}
