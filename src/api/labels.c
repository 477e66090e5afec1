/* Label names and values. */
#include "api/api_internal.h"
#include "api/call.h"
#include "api/param.h"

#include <stdlib.h>
#include <string.h>

/* A request for names (`name` empty) or values. */
struct lookup {
	struct call c;
	struct str name;
	bool values;
	int64_t start, end;
	uint64_t limit;
	const struct api_matchers *matchers;
	size_t n_matchers;
	struct api_strings found;
};

static int read_name(struct lookup *l, struct err *err)
{
	struct str raw = http_req_path_param(l->c.req, "name");
	l->name = api_name_unescape(&l->c.arena, raw);
	if (raw.n && !l->name.p)
		return arena_err(&l->c.arena, err);
	if (l->name.n && str_is_utf8(l->name))
		return 0;
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, raw);
	int rc = err_set(err, ERR_INVALID_ARGUMENT, "invalid label name: %s", b.p);
	strbuf_fini(&b);
	return rc;
}

static int read_params(struct lookup *l, struct err *err)
{
	struct call *c = &l->c;
	int rc = l->values ? read_name(l, err) : 0;
	rc = rc ? rc : call_metadata_range(c, &l->start, &l->end, err);
	rc = rc ? rc : call_read_partial(c, err);
	rc = rc ? rc : call_read_store_match(c, err);
	rc = rc ? rc : api_limit_parse(call_param(c, "limit"), &l->limit, err);
	rc = rc ? rc : call_series_matchers(c, &l->matchers, &l->n_matchers, err);
	c->select.dedup = true;
	c->select.skip_chunks = true;
	return rc ? rc : call_set_timeout(c, err);
}

static int co_look_up(struct lookup *l, struct api_matchers m, struct api_strings *ret, struct err *err)
{
	struct call *c = &l->c;
	uint64_t limit = l->limit ? l->limit + 1 : 0;
	if (l->values)
		return c->be->label_values(c->be->arg, &c->select, l->name, m, l->start, l->end, limit, &c->arena, ret,
					   &c->notes, err);
	return c->be->label_names(c->be->arg, &c->select, m, l->start, l->end, limit, &c->arena, ret, &c->notes, err);
}

static int cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The union of two sorted lists. */
static int merge(struct lookup *l, struct api_strings more, struct err *err)
{
	struct str *p = arena_array(&l->c.arena, l->found.n + more.n, sizeof(*p));
	size_t n = 0;
	if (!p && l->found.n + more.n)
		return arena_err(&l->c.arena, err);
	if (l->found.n)
		memcpy(p, l->found.p, l->found.n * sizeof(*p));
	if (more.n)
		memcpy(p + l->found.n, more.p, more.n * sizeof(*p));
	qsort(p, l->found.n + more.n, sizeof(*p), cmp_str);
	for (size_t i = 0; i < l->found.n + more.n; i++)
		if (n == 0 || !str_eq(p[n - 1], p[i]))
			p[n++] = p[i];
	l->found = (struct api_strings){ p, n };
	return 0;
}

static int co_look_up_all(struct lookup *l, struct err *err)
{
	struct api_matchers none = { NULL, 0 };
	l->c.errtype = API_EXECUTION;
	if (l->n_matchers <= 1)
		return co_look_up(l, l->n_matchers ? l->matchers[0] : none, &l->found, err);
	for (size_t i = 0; i < l->n_matchers; i++) {
		struct api_strings more;
		int rc = co_look_up(l, l->matchers[i], &more, err);
		rc = rc ? rc : merge(l, more, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int co_answer(struct lookup *l, struct err *err)
{
	struct api_reply reply;
	if (l->limit && l->found.n > l->limit) {
		l->found.n = l->limit;
		api_note(&l->c.notes, STR("results truncated due to limit"));
	}
	struct jsonw *w = api_reply_begin(&reply, l->c.req, &l->c.notes);
	jsonw_array_begin(w);
	for (size_t i = 0; i < l->found.n && !jsonw_failed(w); i++)
		jsonw_str(w, l->found.p[i]);
	jsonw_array_end(w);
	return co_api_reply_end(&reply, err);
}

static int co_run(struct http_req *req, struct api_prom *api, bool values, struct err *err)
{
	struct err e = ERR_NONE;
	struct lookup l = { .values = values };
	int rc = co_call_begin(&l.c, req, api, &e);
	rc = rc ? rc : read_params(&l, &e);
	rc = rc ? rc : co_look_up_all(&l, &e);
	if (rc == 0) {
		call_end_deadline(&l.c);
		rc = co_answer(&l, err);
	} else {
		rc = co_call_fail(&l.c, &e, err);
	}
	call_fini(&l.c);
	return rc;
}

int co_api_labels(struct http_req *req, void *arg, struct err *err)
{
	return co_run(req, arg, false, err);
}

int co_api_label_values(struct http_req *req, void *arg, struct err *err)
{
	return co_run(req, arg, true, err);
}
