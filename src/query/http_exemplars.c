/* Exemplars of all stores, united. Source: pkg/exemplars. */
#include "api/param.h"
#include "query/exemplars.h"
#include "query/http_internal.h"
#include "query/query.h"
#include "text/float.h"

#include <stdlib.h>
#include <string.h>

/* One exemplar with its labels in our form. */
struct exemplar {
	const Thanos__Exemplar *in;
	struct labels labels;
};

/* The exemplars of one series, replica labels taken off. */
struct exemplar_series {
	struct labels labels;
	struct exemplar *p;
	size_t n;
};

/* A request for exemplars. */
struct exemplars_call {
	struct asking a;
	struct exemplars_question question;
	struct exemplar_series *series;
	size_t n_series;
};

/* --- the query -------------------------------------------------------------------------- */

static int read_time(struct exemplars_call *c, const char *name, int64_t *ret, struct err *err)
{
	struct str text = http_params_get(c->a.params, name);
	if (text.n && api_time_parse(text, ret, err))
		return err_prefix(err, "Invalid time value for '%s'", name);
	return 0;
}

static int read_params(struct exemplars_call *c, struct err *err)
{
	struct exemplars_question *to = &c->question;
	to->start = API_TIME_MIN;
	to->end = API_TIME_MAX;
	to->abort = c->a.h->cfg.exemplars_abort;
	int rc = read_time(c, "start", &to->start, err);
	rc = rc ? rc : read_time(c, "end", &to->end, err);
	if (rc == 0 && to->end < to->start)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "end timestamp must not be before start time");
	struct str text = http_params_get(c->a.params, "query");
	return rc ? rc : exemplars_question_read(to, c->a.h->q, text, &c->a.arena, err);
}

/* --- gathering -------------------------------------------------------------------------- */

static int add_series(struct exemplars_call *c, const Thanos__ExemplarData *d, struct err *err)
{
	struct exemplar_series *s = &c->series[c->n_series];
	if (d->n_exemplars == 0)
		return 0;
	int rc = asking_labels(&c->a, d->serieslabels, true, &s->labels, err);
	s->p = arena_array(&c->a.arena, d->n_exemplars, sizeof(*s->p));
	if (rc == 0 && !s->p)
		rc = arena_err(&c->a.arena, err);
	for (s->n = 0; s->n < d->n_exemplars && !rc; s->n++) {
		s->p[s->n].in = d->exemplars[s->n];
		rc = asking_labels(&c->a, d->exemplars[s->n]->labels, false, &s->p[s->n].labels, err);
	}
	c->n_series++;
	return rc;
}

static int gather(struct exemplars_call *c, const struct query_answers *ans, struct err *err)
{
	int rc = 0;
	c->series = arena_array(&c->a.arena, ans->n + 1, sizeof(*c->series));
	if (!c->series)
		return arena_err(&c->a.arena, err);
	for (size_t i = 0; i < ans->n && !rc; i++) {
		const Thanos__ExemplarsResponse *r = ans->p[i];
		if (r->result_case == THANOS__EXEMPLARS_RESPONSE__RESULT_WARNING)
			api_note(&c->a.notes, str_c(r->warning));
		if (r->result_case == THANOS__EXEMPLARS_RESPONSE__RESULT_DATA)
			rc = add_series(c, r->data, err);
	}
	return rc;
}

static int cmp_series(const void *a, const void *b)
{
	return labels_cmp(((const struct exemplar_series *)a)->labels, ((const struct exemplar_series *)b)->labels);
}

static int cmp_exemplar(const void *a, const void *b)
{
	const struct exemplar *x = a, *y = b;
	if (x->in->ts != y->in->ts)
		return x->in->ts < y->in->ts ? -1 : 1;
	int d = labels_cmp(x->labels, y->labels);
	return d ? d : (x->in->value > y->in->value) - (x->in->value < y->in->value);
}

static int append(struct exemplars_call *c, struct exemplar_series *to, const struct exemplar_series *s,
		  struct err *err)
{
	struct exemplar *p = arena_array(&c->a.arena, to->n + s->n, sizeof(*p));
	if (!p)
		return arena_err(&c->a.arena, err);
	memcpy(p, to->p, to->n * sizeof(*p));
	memcpy(p + to->n, s->p, s->n * sizeof(*p));
	to->p = p;
	to->n += s->n;
	return 0;
}

/* Each series once, sorted, with each exemplar once by time. */
static int unite(struct exemplars_call *c, struct err *err)
{
	size_t n = 0;
	qsort(c->series, c->n_series, sizeof(*c->series), cmp_series);
	for (size_t i = 0; i < c->n_series; i++) {
		if (n == 0 || !labels_eq(c->series[n - 1].labels, c->series[i].labels)) {
			c->series[n++] = c->series[i];
			continue;
		}
		int rc = append(c, &c->series[n - 1], &c->series[i], err);
		if (rc)
			return rc;
	}
	c->n_series = n;
	for (size_t i = 0; i < n; i++) {
		struct exemplar_series *s = &c->series[i];
		size_t kept = 0;
		qsort(s->p, s->n, sizeof(*s->p), cmp_exemplar);
		for (size_t k = 0; k < s->n; k++)
			if (kept == 0 || cmp_exemplar(&s->p[kept - 1], &s->p[k]) != 0)
				s->p[kept++] = s->p[k];
		s->n = kept;
	}
	return 0;
}

static int co_ask(struct exemplars_call *c, struct err *err)
{
	struct query_answers ans;
	struct query_question what = exemplars_question_for_all(&c->question);
	int rc = co_asking_send(&c->a, &what, &ans, err);
	rc = rc ? rc : gather(c, &ans, err);
	return rc ? rc : unite(c, err);
}

/* --- JSON ------------------------------------------------------------------------------- */

static void write_exemplar(struct jsonw *w, const struct exemplar *e)
{
	char text[TEXT_FLOAT_MAX];
	jsonw_object_begin(w);
	jsonw_key(w, "labels");
	http_write_labels(w, e->labels);
	jsonw_key(w, "timestamp");
	jsonw_raw(w, str_mem(text, text_float(text, (double)e->in->ts / 1000, TEXT_FLOAT_F)));
	jsonw_key(w, "value");
	jsonw_str(w, str_mem(text, text_float(text, e->in->value, TEXT_FLOAT_F)));
	jsonw_object_end(w);
}

static int co_answer(struct exemplars_call *c, struct err *err)
{
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, c->a.req, &c->a.notes);
	jsonw_array_begin(w);
	for (size_t i = 0; i < c->n_series && !jsonw_failed(w); i++) {
		jsonw_object_begin(w);
		jsonw_key(w, "seriesLabels");
		http_write_labels(w, c->series[i].labels);
		jsonw_key(w, "exemplars");
		jsonw_array_begin(w);
		for (size_t k = 0; k < c->series[i].n; k++)
			write_exemplar(w, &c->series[i].p[k]);
		jsonw_array_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	return co_api_reply_end(&reply, err);
}

int co_http_exemplars(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct exemplars_call c = { .n_series = 0 };
	int rc = co_asking_begin(&c.a, req, arg, &e);
	rc = rc ? rc : read_params(&c, &e);
	rc = rc ? rc : co_ask(&c, &e);
	rc = rc ? co_asking_fail(&c.a, &e, err) : co_answer(&c, err);
	asking_fini(&c.a);
	return rc;
}
