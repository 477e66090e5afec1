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

/* One selector's series. */
struct one_set {
	void *set;
	struct promql_series cur;
	bool live; /* cur holds a series */
};

/* A request under way. */
struct listing {
	struct call c;
	int64_t start, end;
	uint64_t limit, n;
	const struct api_matchers *matchers;
	size_t n_matchers;
	struct promql_source src;
	struct one_set *sets;
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

/* --- the merge of the selectors' series --------------------------------------------------- */

static int co_advance(struct listing *l, struct one_set *s, struct err *err)
{
	int rc = l->src.next(l->src.arg, s->set, &s->cur, err);
	s->live = rc == 1;
	return rc < 0 ? rc : 0;
}

static int co_open(struct listing *l, struct err *err)
{
	struct promql_hints hints = { .mint_ms = l->start, .maxt_ms = l->end };
	for (size_t i = 0; i < l->n_matchers; i++) {
		struct one_set *s = &l->sets[i];
		int rc = l->src.select(l->src.arg, l->matchers[i].p, l->matchers[i].n, &hints, &s->set, err);
		if (rc)
			return rc;
		rc = co_advance(l, s, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The set with the smallest series; NULL at the end. */
static struct one_set *smallest(struct listing *l)
{
	struct one_set *min = NULL;
	for (size_t i = 0; i < l->n_matchers; i++) {
		struct one_set *s = &l->sets[i];
		if (s->live && (!min || labels_cmp(s->cur.labels, min->cur.labels) < 0))
			min = s;
	}
	return min;
}

/* Steps over a series in all sets, that of `min` last: its labels are looked at till then. */
static int co_step_over(struct listing *l, struct one_set *min, struct err *err)
{
	for (size_t i = 0; i < l->n_matchers; i++) {
		struct one_set *s = &l->sets[i];
		if (s == min || !s->live || !labels_eq(s->cur.labels, min->cur.labels))
			continue;
		int rc = co_advance(l, s, err);
		if (rc)
			return rc;
	}
	return co_advance(l, min, err);
}

static int co_merge(struct listing *l, struct err *err)
{
	struct one_set *min;
	while ((min = smallest(l)) != NULL) {
		if (l->limit && l->n == l->limit) {
			api_note(&l->c.notes, STR("results truncated due to limit"));
			return 0;
		}
		int rc = keep_series(l, min->cur.labels, err);
		rc = rc ? rc : co_step_over(l, min, err);
		if (rc == 0 && l->n % 1024 == 0)
			rc = co_checkpoint(err);
		if (rc)
			return rc;
	}
	return 0;
}

static void close_sets(struct listing *l)
{
	for (size_t i = 0; l->sets && i < l->n_matchers; i++)
		if (l->sets[i].set)
			l->src.close(l->src.arg, l->sets[i].set);
}

static int co_collect(struct listing *l, struct err *err)
{
	struct call *c = &l->c;
	void *source;
	c->errtype = API_EXECUTION;
	l->sets = arena_array(&c->arena, l->n_matchers, sizeof(*l->sets));
	if (!l->sets)
		return arena_err(&c->arena, err);
	int rc = c->be->source_new(c->be->arg, &c->select, &c->arena, &source, &l->src, err);
	if (rc)
		return rc;
	rc = co_open(l, err);
	rc = rc ? rc : co_merge(l, err);
	close_sets(l);
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
