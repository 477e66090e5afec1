/*
 * Series by matchers.
 *
 * What is found is kept as JSON text in the request's arena until the last series
 * is there: only then are status, warnings and with them the headers known.
 */
#include "api/api_internal.h"
#include "api/call.h"
#include "api/param.h"
#include "api/result.h"
#include "api/union.h"
#include "loop/fiber.h"

#include <string.h>

/* Bytes of a piece of text. */
#define PIECE ((size_t)64 * 1024)

/* Values of a JSON array, as text in pieces without commas at their ends. */
struct piece {
	struct piece *next;
	size_t n, cap;
	char text[];
};

/* A request under way. */
struct listing {
	struct call c;
	int64_t start, end;
	uint64_t limit, n;
	const struct api_matchers *matchers;
	size_t n_matchers;
	struct api_union all;
	struct piece *first, *last;
	struct strbuf scratch;
};

static int read_params(struct listing *l, struct err *err)
{
	struct call *c = &l->c;
	if (!http_params_has(c->params, "match[]"))
		return err_set(err, ERR_INVALID_ARGUMENT, "no match[] parameter provided");
	int rc = call_metadata_range(c, &l->start, &l->end, err);
	rc = rc ? rc : call_series_matchers(c, &l->matchers, &l->n_matchers, err);
	rc = rc ? rc : call_read_dedup(c, err);
	rc = rc ? rc : call_read_store_match(c, err);
	rc = rc ? rc : api_limit_parse(call_param(c, "limit"), &l->limit, err);
	rc = rc ? rc : call_read_partial(c, err);
	c->select.skip_chunks = true;
	c->select.max_resolution_ms = INT64_MAX;
	c->select.limit = l->limit ? l->limit + 1 : 0;
	return rc ? rc : call_set_timeout(c, err);
}

/* --- text ------------------------------------------------------------------------------- */

static int keep(struct listing *l, struct str text, struct err *err)
{
	struct piece *p = l->last;
	if (!p || p->cap - p->n < text.n + 1) {
		size_t cap = text.n > PIECE ? text.n : PIECE;
		p = arena_alloc(&l->c.arena, sizeof(*p) + cap);
		if (!p)
			return arena_err(&l->c.arena, err);
		*p = (struct piece){ .cap = cap };
		*(l->last ? &l->last->next : &l->first) = p;
		l->last = p;
	}
	if (p->n)
		p->text[p->n++] = ',';
	memcpy(p->text + p->n, text.p, text.n);
	p->n += text.n;
	return 0;
}

static int keep_series(struct listing *l, struct labels labels, struct err *err)
{
	struct jsonw w;
	strbuf_reset(&l->scratch);
	jsonw_init(&w, &l->scratch, JSONW_HTML);
	api_write_labels(&w, labels);
	int rc = jsonw_finish(&w, err);
	l->n++;
	return rc ? rc : keep(l, strbuf_str(&l->scratch), err);
}

/* --- collecting ---------------------------------------------------------------------------- */

static int co_keep_all(struct listing *l, struct err *err)
{
	struct promql_series s;
	int rc;
	while ((rc = co_api_union_next(&l->all, &s, err)) == 1) {
		if (l->limit && l->n == l->limit) {
			api_note(&l->c.notes, STR("results truncated due to limit"));
			return 0;
		}
		rc = keep_series(l, s.labels, err);
		if (rc == 0 && l->n % 1024 == 0)
			rc = co_checkpoint(err);
		if (rc)
			return rc;
	}
	return rc;
}

static int co_collect(struct listing *l, struct err *err)
{
	struct call *c = &l->c;
	struct promql_hints hints = { .mint_ms = l->start, .maxt_ms = l->end };
	struct promql_source src;
	void *source;
	c->errtype = API_EXECUTION;
	int rc = c->be->source_new(c->be->arg, &c->select, &c->arena, &source, &src, err);
	if (rc)
		return rc;
	rc = co_api_union_open(&l->all, &src, l->matchers, l->n_matchers, &hints, &c->arena, err);
	rc = rc ? rc : co_keep_all(l, err);
	api_union_close(&l->all);
	c->be->source_notes(source, &c->notes);
	return rc;
}

static int co_answer(struct listing *l, struct err *err)
{
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, l->c.req, &l->c.notes);
	jsonw_array_begin(w);
	for (struct piece *p = l->first; p && !jsonw_failed(w); p = p->next)
		jsonw_raw(w, str_mem(p->text, p->n));
	jsonw_array_end(w);
	return co_api_reply_end(&reply, err);
}

int co_api_series(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct listing l = { .n = 0 };
	int rc = co_call_begin(&l.c, req, arg, &e);
	rc = rc ? rc : read_params(&l, &e);
	rc = rc ? rc : co_collect(&l, &e);
	strbuf_fini(&l.scratch);
	if (rc == 0) {
		call_end_deadline(&l.c);
		rc = co_answer(&l, err);
	} else {
		rc = co_call_fail(&l.c, &e, err);
	}
	call_fini(&l.c);
	return rc;
}
