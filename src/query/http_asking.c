/* What requests to all endpoints of an API have in common. */
#include "labels/labels.h"
#include "loop/fiber.h"
#include "query/http_internal.h"
#include "query/query.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Questions to endpoints hold strings of C, in which a value would end at a NUL byte and ask for something else. */
static int check_values(const struct http_params *ps, struct err *err)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].value.n && memchr(ps->p[i].value.p, 0, ps->p[i].value.n))
			return err_set(err, ERR_INVALID_ARGUMENT, "parameter \"%.*s\" has a NUL byte in it",
				       (int)MIN(ps->p[i].name.n, 100), ps->p[i].name.p);
	return 0;
}

int co_asking_begin(struct asking *a, struct http_req *req, struct query_http *h, struct err *err)
{
	*a = (struct asking){ .h = h, .req = req };
	query_budget_init(h->q, &a->budget);
	arena_init(&a->arena, &a->budget);
	a->old_budget = fiber_set_budget(&a->budget);
	a->notes.a = &a->arena;
	if (!h->cfg.disable_cors)
		api_cors(req);
	int rc = co_http_params(req, &a->params, err);
	return rc ? rc : check_values(a->params, err);
}

int co_asking_send(struct asking *a, const struct query_question *what, struct query_answers *ret, struct err *err)
{
	a->errtype = API_INTERNAL;
	if (co_query_ask(a->h->q, what, &a->arena, &a->notes, ret, err) == 0)
		return 0;
	return err_prefix(err, "retrieving %s", what->api->what);
}

int co_asking_fail(struct asking *a, const struct err *e, struct err *err)
{
	if (!a->params && e->code != ERR_INVALID_ARGUMENT) {
		*err = *e;
		return -e->code;
	}
	if (fiber_check(err))
		return -err->code;
	return co_api_reply_err(a->req, e->code == ERR_RESOURCE_EXHAUSTED ? API_EXECUTION : a->errtype, e, err);
}

void asking_fini(struct asking *a)
{
	fiber_set_budget(a->old_budget);
	arena_fini(&a->arena);
	budget_fini(&a->budget);
}

/* --- parameters ------------------------------------------------------------------------- */

int asking_list(struct asking *a, const char *name, char ***ret, size_t *ret_n, struct err *err)
{
	size_t n = 0, pos = 0;
	struct str v;
	while (http_params_next(a->params, name, &pos, &v))
		n++;
	char **p = arena_array(&a->arena, n + 1, sizeof(*p));
	if (!p)
		return arena_err(&a->arena, err);
	n = pos = 0;
	while (http_params_next(a->params, name, &pos, &v)) {
		p[n] = arena_memdup(&a->arena, v.p, v.n);
		if (!p[n++])
			return arena_err(&a->arena, err);
	}
	*ret = p;
	*ret_n = n;
	return 0;
}

const char *asking_param(struct asking *a, const char *name)
{
	struct str v = http_params_get(a->params, name);
	return arena_memdup(&a->arena, v.n ? v.p : "", v.n);
}

/* --- labels ----------------------------------------------------------------------------- */

static bool is_replica(const struct asking *a, struct str name)
{
	size_t n;
	const struct str *r = query_replica_labels(a->h->q, &n);
	for (size_t i = 0; i < n; i++)
		if (str_eq(r[i], name))
			return true;
	return false;
}

int asking_labels(struct asking *a, const Thanos__ZLabelSet *l, bool strip, struct labels *ret, struct err *err)
{
	size_t n = 0;
	*ret = (struct labels){ NULL, 0 };
	if (!l || l->n_labels == 0)
		return 0;
	struct label *p = arena_array(&a->arena, l->n_labels, sizeof(*p));
	if (!p)
		return arena_err(&a->arena, err);
	for (size_t i = 0; i < l->n_labels; i++) {
		struct label one = { str_c(l->labels[i]->name), str_c(l->labels[i]->value) };
		if (!strip || !is_replica(a, one.name))
			p[n++] = one;
	}
	label_sort(p, n);
	*ret = (struct labels){ p, n };
	return 0;
}

void http_write_labels(struct jsonw *w, struct labels l)
{
	jsonw_object_begin(w);
	for (size_t i = 0; i < l.n; i++) {
		jsonw_key_str(w, l.p[i].name);
		jsonw_str(w, l.p[i].value);
	}
	jsonw_object_end(w);
}

/* --- times ------------------------------------------------------------------------------ */

void http_write_timestamp(struct jsonw *w, const Google__Protobuf__Timestamp *t)
{
	char text[64];
	struct tm tm;
	time_t s = t ? (time_t)t->seconds : 0;
	/* Years 1 to 9999, as the type has them. */
	if (!t || t->seconds < -62135596800 || t->seconds > 253402300799 || !gmtime_r(&s, &tm)) {
		jsonw_cstr(w, "0001-01-01T00:00:00Z");
		return;
	}
	size_t n = (size_t)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
				    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (t->nanos > 0 && t->nanos < 1000000000) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%09d", (int)t->nanos);
		while (text[n - 1] == '0')
			n--;
	}
	text[n++] = 'Z';
	jsonw_str(w, str_mem(text, n));
}

int http_timestamp_cmp(const Google__Protobuf__Timestamp *a, const Google__Protobuf__Timestamp *b)
{
	int64_t sa = a ? a->seconds : INT64_MIN, sb = b ? b->seconds : INT64_MIN;
	int32_t na = a ? a->nanos : 0, nb = b ? b->nanos : 0;
	if (sa != sb)
		return sa < sb ? -1 : 1;
	return (na > nb) - (na < nb);
}
