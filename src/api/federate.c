/*
 * Federation: the newest sample of every series that matches, for another
 * Prometheus to scrape.
 *
 * Series come sorted by their labels and are written as they come, so memory does not
 * grow with their number. Families must come by name, though, and a label that sorts before
 * __name__ (such as one in capitals) is compared first: series with such labels come before
 * all others, and are held back until their names' turn.
 */
#include "api/api_internal.h"
#include "api/call.h"
#include "api/expfmt.h"
#include "api/union.h"
#include "base/sys.h"
#include "loop/fiber.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are collected before they are sent. */
#define FEDERATE_SEND ((size_t)64 * 1024)

/* A sample held back. */
struct held {
	struct expfmt_sample s;
	struct str name;
	size_t order;
	struct held *next;
};

/* A request under way. */
struct federating {
	struct call c;
	struct api_active_query active;
	const struct api_matchers *matchers;
	size_t n_matchers;
	int64_t start, end;
	struct api_union all;
	struct expfmt_writer writer;
	struct strbuf out;
	bool sending;
	struct held *list; /* last one first, until they are sorted */
	struct held **held;
	size_t n_held, n_written; /* of `held` */
	struct arena scratch;     /* of one series */
	uint64_t n;
};

static int read_params(struct federating *f, struct err *err)
{
	struct call *c = &f->c;
	const struct api_prom_config *cfg = &c->api->cfg;
	int rc = call_set_timeout(c, err);
	rc = rc ? rc : call_series_matchers(c, &f->matchers, &f->n_matchers, err);
	rc = rc ? rc : call_read_select(c, err);
	rc = rc ? rc : call_read_resolution(c, cfg->instant_max_resolution_ms, err);
	f->end = sys_now_ms();
	f->start = f->end - (cfg->lookback_ms ? cfg->lookback_ms : PROMQL_DEFAULT_LOOKBACK_MS);
	f->writer.format = expfmt_negotiate(http_req_header(c->req, "accept"));
	f->writer.out = &f->out;
	return rc;
}

/* Selectors without any matcher, "{}", find nothing, as in Prometheus. */
static int drop_empty(struct federating *f, struct err *err)
{
	size_t n = 0;
	struct api_matchers *m = arena_array(&f->c.arena, f->n_matchers, sizeof(*m));
	if (f->n_matchers && !m)
		return arena_err(&f->c.arena, err);
	for (size_t i = 0; i < f->n_matchers; i++)
		if (f->matchers[i].n)
			m[n++] = f->matchers[i];
	f->matchers = m;
	f->n_matchers = n;
	return 0;
}

/* --- samples ------------------------------------------------------------------------------------ */

/* The newest sample of a series, in float form; false where there is none or it is a stale marker. */
static int newest(struct federating *f, const struct promql_series *s, struct expfmt_sample *ret, struct err *err)
{
	bool has_float = s->n_floats > 0, has_hist = s->n_hists > 0;
	if (!has_float && !has_hist)
		return 0;
	*ret = (struct expfmt_sample){ .labels = s->labels };
	if (has_float && (!has_hist || s->t[s->n_floats - 1] > s->ht[s->n_hists - 1])) {
		ret->t = s->t[s->n_floats - 1];
		ret->v = s->v[s->n_floats - 1];
		return !value_is_stale(ret->v);
	}
	const struct histogram *h = &s->h[s->n_hists - 1];
	if (hist_is_stale(h) || !expfmt_can_write(f->writer.format, h))
		return 0;
	struct histogram *copy = arena_alloc(&f->scratch, sizeof(*copy));
	if (!copy)
		return arena_err(&f->scratch, err);
	int rc = hist_validate(h, err);
	rc = rc ? rc : hist_to_float(copy, h, &f->scratch, err);
	ret->t = s->ht[s->n_hists - 1];
	ret->h = copy;
	return rc ? rc : 1;
}

static int hold(struct federating *f, const struct expfmt_sample *s, struct err *err)
{
	struct arena *a = &f->c.arena;
	struct held *h = arena_alloc(a, sizeof(*h));
	if (!h)
		return arena_err(a, err);
	*h = (struct held){ .s = *s, .order = f->n_held++, .next = f->list };
	f->list = h;
	int rc = labels_copy(s->labels, a, &h->s.labels, err);
	h->name = labels_get(h->s.labels, LABEL_METRIC_NAME);
	if (rc || !s->h)
		return rc;
	struct histogram *copy = arena_alloc(a, sizeof(*copy));
	h->s.h = copy;
	return copy ? hist_copy(copy, s->h, a, err) : arena_err(a, err);
}

static int cmp_held(const void *a, const void *b)
{
	const struct held *x = *(struct held *const *)a, *y = *(struct held *const *)b;
	int d = str_cmp(x->name, y->name);
	return d ? d : x->order < y->order ? -1 : 1;
}

/* Sorts what was held back by name. */
static int sort_held(struct federating *f, struct err *err)
{
	f->held = arena_array(&f->c.arena, f->n_held + 1, sizeof(*f->held));
	if (!f->held)
		return arena_err(&f->c.arena, err);
	size_t n = 0;
	for (struct held *h = f->list; h; h = h->next)
		f->held[n++] = h;
	qsort(f->held, n, sizeof(*f->held), cmp_held);
	return 0;
}

/* --- the answer ----------------------------------------------------------------------------------- */

static int co_send(struct federating *f, struct err *err)
{
	char type[EXPFMT_TYPE_MAX];
	if (!f->sending) {
		call_end_deadline(&f->c);
		http_resp_header(f->c.req, "Content-Type", str_c(expfmt_content_type(f->writer.format, type)));
		f->active.state = API_ACTIVE_WRITING;
		f->sending = true;
	}
	int rc = co_http_send(f->c.req, f->out.p ? f->out.p : "", f->out.n, err);
	strbuf_reset(&f->out);
	return rc;
}

static int co_write(struct federating *f, const struct expfmt_sample *s, struct err *err)
{
	expfmt_add(&f->writer, s);
	return f->out.n >= FEDERATE_SEND ? co_send(f, err) : 0;
}

/* Writes what was held back with names up to `name`; `all`: everything. */
static int co_write_held(struct federating *f, struct str name, bool all, struct err *err)
{
	int rc = f->held ? 0 : sort_held(f, err);
	while (rc == 0 && f->n_written < f->n_held) {
		const struct held *h = f->held[f->n_written];
		if (!all && str_cmp(h->name, name) > 0)
			break;
		f->n_written++;
		rc = co_write(f, &h->s, err);
	}
	return rc;
}

static int co_take(struct federating *f, const struct promql_series *s, struct err *err)
{
	struct expfmt_sample one;
	struct str name = labels_get(s->labels, LABEL_METRIC_NAME);
	if (name.n == 0) /* nameless: it cannot be exposed */
		return 0;
	int rc = newest(f, s, &one, err);
	if (rc != 1)
		return rc;
	if (str_cmp(s->labels.p[0].name, LABEL_METRIC_NAME) < 0)
		return hold(f, &one, err);
	rc = co_write_held(f, name, false, err);
	return rc ? rc : co_write(f, &one, err);
}

static int co_take_all(struct federating *f, struct err *err)
{
	struct promql_series s;
	struct arena_mark empty = arena_mark(&f->scratch);
	int rc;
	while ((rc = co_api_union_next(&f->all, &s, err)) == 1) {
		rc = co_take(f, &s, err);
		if (rc == 0 && ++f->n % 256 == 0)
			rc = co_checkpoint(err);
		if (rc)
			return rc;
		arena_rewind(&f->scratch, empty);
	}
	rc = rc ? rc : co_write_held(f, (struct str){ NULL, 0 }, true, err);
	if (rc)
		return rc;
	expfmt_end(&f->writer);
	return 0;
}

/* --- the request ------------------------------------------------------------------------------------ */

/* Puts the request on the list of running queries. */
static void list(struct federating *f)
{
	struct call *c = &f->c;
	f->active = (struct api_active_query){
		.kind = "federate",
		.text = call_param(c, "match[]"),
		.tenant = c->select.tenant,
		.user = c->req->user,
		.user_agent = http_req_header(c->req, "user-agent"),
		.remote = c->req->remote,
		.start_ms = f->start,
		.end_ms = f->end,
		.budget = &c->budget,
		.clock = &c->clock,
	};
	c->active = &f->active;
	api_active_add(c->be->active, &f->active);
}

static int co_collect(struct federating *f, struct err *err)
{
	struct call *c = &f->c;
	struct promql_hints hints = { .mint_ms = f->start, .maxt_ms = f->end, .query_mint_ms = f->start };
	struct promql_source src;
	void *source;
	c->errtype = API_INTERNAL;
	c->doing = "query execution";
	int rc = c->be->source_new(c->be->arg, &c->select, &c->arena, &source, &src, err);
	if (rc)
		return rc;
	api_active_begin(c->be->active, &f->active);
	f->active.source = source;
	f->active.progress = c->be->source_progress;
	rc = co_api_union_open(&f->all, &src, f->matchers, f->n_matchers, &hints, &c->arena, err);
	rc = rc ? rc : co_take_all(f, err);
	api_union_close(&f->all);
	f->active.progress = NULL;
	c->be->source_notes(source, &c->notes);
	if (c->api->federation_warnings)
		counter_add(c->api->federation_warnings, (double)c->notes.n);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		c->errtype = API_EXECUTION;
	return rc ? rc : co_send(f, err);
}

static int co_in_turn(struct federating *f, struct err *err)
{
	struct api_prom *api = f->c.api;
	f->c.doing = "query queue";
	f->c.errtype = API_EXECUTION;
	list(f);
	if (api->reads)
		gauge_add(api->reads, 1);
	int rc = co_gate_enter(&api->read_gate, err);
	if (rc == 0) {
		rc = co_collect(f, err);
		gate_leave(&api->read_gate);
	}
	if (api->reads)
		gauge_add(api->reads, -1);
	return rc;
}

int co_api_federate(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct api_prom *api = arg;
	struct federating f = { .n = 0 };
	int rc = co_call_begin(&f.c, req, api, &e);
	f.c.plain = true;
	arena_init(&f.scratch, &f.c.budget);
	rc = rc ? rc : read_params(&f, &e);
	rc = rc ? rc : drop_empty(&f, &e);
	rc = rc ? rc : co_in_turn(&f, &e);
	if (rc && api->federation_errors)
		counter_inc(api->federation_errors);
	if (rc && http_resp_begun(req))
		*err = e; /* too late for a status: the connection is reset */
	else if (rc)
		rc = co_call_fail(&f.c, &e, err);
	api_active_remove(api->backend->active, &f.active);
	expfmt_fini(&f.writer);
	strbuf_fini(&f.out);
	arena_fini(&f.scratch);
	call_fini(&f.c);
	return rc;
}
