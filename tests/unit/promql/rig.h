/* Series in memory as a source for the engine, and results as text. */
#ifndef TESTS_PROMQL_RIG_H
#define TESTS_PROMQL_RIG_H

#include "base/arena.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "labels/matcher.h"
#include "promql/engine.h"
#include "promql/lang/parser.h"
#include "promql/lang/series_desc.h"
#include "promql/math/fhist.h"
#include "text/float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig_series {
	struct labels labels;
	int64_t *t, *ht;
	double *v;
	struct histogram *h;
	size_t n, nh;
};

/* Series, and counts of what the engine did with them. */
struct rig {
	struct arena a;
	VEC(struct rig_series) series;
	int open_sets, selects;
	bool hints_matter; /* selects with other hints are no other selects unless this is set */
	uint64_t checkpoints;
	uint64_t fail_checkpoint; /* that many succeed, then cancel; 0: never */
};

struct rig_set {
	struct matcher *const *m;
	size_t n, at;
	int64_t mint, maxt;
	struct arena cur; /* copies of the current series: gone at the next pull, so that sanitizers see late uses */
};

static inline void *rig_copy(struct rig_set *s, const void *p, size_t n)
{
	return n ? arena_memdup(&s->cur, p, n) : NULL;
}

static inline int rig_select(void *arg, struct matcher *const *m, size_t n, const struct promql_hints *h, void **ret,
			     struct err *err)
{
	struct rig *r = arg;
	struct rig_set *s = xcalloc(1, sizeof(*s));
	(void)err;
	*s = (struct rig_set){ m, n, 0, h->mint_ms, h->maxt_ms };
	arena_init(&s->cur, NULL);
	r->open_sets++;
	r->selects++;
	*ret = s;
	return 0;
}

static inline size_t rig_from(const int64_t *t, size_t n, int64_t mint)
{
	size_t i = 0;
	while (i < n && t[i] < mint)
		i++;
	return i;
}

static inline int rig_next(void *arg, void *set, struct promql_series *ret, struct err *err)
{
	struct rig *r = arg;
	struct rig_set *s = set;
	while (s->at < r->series.n) {
		const struct rig_series *x = &r->series.p[s->at++];
		if (!matchers_match(s->m, s->n, x->labels))
			continue;
		size_t lo = rig_from(x->t, x->n, s->mint), hi = rig_from(x->t, x->n, s->maxt + 1);
		size_t hlo = rig_from(x->ht, x->nh, s->mint), hhi = rig_from(x->ht, x->nh, s->maxt + 1);
		if (lo == hi && hlo == hhi)
			continue;
		arena_fini(&s->cur);
		struct histogram *h = rig_copy(s, x->h + hlo, (hhi - hlo) * sizeof(*h));
		*ret = (struct promql_series){ .n_floats = hi - lo,
					       .n_hists = hhi - hlo,
					       .h = h,
					       .t = rig_copy(s, x->t + lo, (hi - lo) * sizeof(int64_t)),
					       .v = rig_copy(s, x->v + lo, (hi - lo) * sizeof(double)),
					       .ht = rig_copy(s, x->ht + hlo, (hhi - hlo) * sizeof(int64_t)) };
		if (labels_copy(x->labels, &s->cur, &ret->labels, err))
			return -err->code;
		for (size_t i = hlo; i < hhi; i++)
			if (hist_copy(&h[i - hlo], &x->h[i], &s->cur, err))
				return -err->code;
		return 1;
	}
	return 0;
}

static inline void rig_close(void *arg, void *set)
{
	((struct rig *)arg)->open_sets--;
	arena_fini(&((struct rig_set *)set)->cur);
	free(set);
}

static inline int rig_checkpoint(void *arg, uint64_t n, struct err *err)
{
	struct rig *r = arg;
	(void)n;
	if (++r->checkpoints == r->fail_checkpoint)
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

static inline bool rig_same(void *arg, const struct promql_hints *a, const struct promql_hints *b)
{
	(void)a;
	(void)b;
	return !((struct rig *)arg)->hints_matter;
}

static inline struct promql_source rig_source(struct rig *r)
{
	return (struct promql_source){ .arg = r,
				       .select = rig_select,
				       .next = rig_next,
				       .close = rig_close,
				       .checkpoint = rig_checkpoint,
				       .same = rig_same };
}

/* Adds a series written as in test scripts, one value per `step` ms from 0. Aborts on a mistake. */
static inline void rig_load(struct rig *r, int64_t step, const char *line)
{
	struct promql_series_desc d;
	struct err err = ERR_NONE;
	if (promql_parse_series(str_c(line), &r->a, &d, &err)) {
		fprintf(stderr, "%s: %s\n", line, err.msg);
		abort();
	}
	struct rig_series *s = vec_push(&r->series);
	*s = (struct rig_series){ .labels = d.labels };
	s->t = arena_array(&r->a, d.n_values + 1, sizeof(*s->t));
	s->v = arena_array(&r->a, d.n_values + 1, sizeof(*s->v));
	s->ht = arena_array(&r->a, d.n_values + 1, sizeof(*s->ht));
	s->h = arena_array(&r->a, d.n_values + 1, sizeof(*s->h));
	for (size_t i = 0; i < d.n_values; i++) {
		if (d.values[i].omitted)
			continue;
		if (d.values[i].h) {
			s->ht[s->nh] = (int64_t)i * step;
			s->h[s->nh++] = *d.values[i].h;
		} else {
			s->t[s->n] = (int64_t)i * step;
			s->v[s->n++] = d.values[i].v;
		}
	}
}

static inline void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	arena_init(&r->a, NULL);
}

static inline void rig_fini(struct rig *r)
{
	vec_fini(&r->series);
	arena_fini(&r->a);
}

/* Float number k of a series. */
static inline struct promql_point rig_point(const struct promql_result *res, const struct promql_rseries *s, size_t k)
{
	return s->values ? (struct promql_point){ res->times[s->first_step + k], s->values[k] } : s->floats[k];
}

/* Appends a result: `{labels} v@t ...` per series, separated by "; ", then notes. */
static inline void rig_print(const struct promql_result *res, struct strbuf *b)
{
	if (res->type == PROMQL_TYPE_SCALAR)
		text_float_add(b, res->scalar.v, TEXT_FLOAT_G);
	if (res->type == PROMQL_TYPE_STRING)
		strbuf_add_str(b, res->string);
	for (size_t i = 0; i < res->n_series; i++) {
		const struct promql_rseries *s = &res->series[i];
		if (i)
			strbuf_add_c(b, "; ");
		labels_print_series(s->labels, b);
		for (size_t k = 0; k < s->n_floats; k++) {
			strbuf_add_ch(b, ' ');
			text_float_add(b, rig_point(res, s, k).v, TEXT_FLOAT_G);
			if (res->type == PROMQL_TYPE_MATRIX)
				strbuf_printf(b, "@%lld", (long long)rig_point(res, s, k).t / 1000);
		}
		for (size_t k = 0; k < s->n_hists; k++) {
			strbuf_add_ch(b, ' ');
			fhist_print(s->hists[k].h, b);
			if (res->type == PROMQL_TYPE_MATRIX)
				strbuf_printf(b, "@%lld", (long long)s->hists[k].t / 1000);
		}
	}
	for (size_t i = 0; i < res->n_notes; i++)
		strbuf_printf(b, " [%s]", res->notes[i].full);
}

/* Runs a query; the text is the result or "error: ...". Times in ms. Free it. */
static inline char *rig_run(struct rig *r, const char *text, const struct promql_opts *opts, int64_t start, int64_t end,
			    int64_t step)
{
	struct err err = ERR_NONE;
	struct arena a;
	struct strbuf b = { 0 };
	struct promql_expr *e;
	struct promql_result res;
	struct promql_parse_opts all = PROMQL_PARSE_ALL;
	struct promql_source src = rig_source(r);
	arena_init(&a, NULL);
	int rc = promql_parse(str_c(text), &all, &a, &e, NULL, &err);
	if (!rc) {
		struct promql_query q = { e, str_c(text), start, end, step };
		rc = promql_exec(&q, opts, &src, &a, &res, &err);
	}
	strbuf_add_c(&b, "");
	if (rc)
		strbuf_printf(&b, "error: %s", err.msg);
	else
		rig_print(&res, &b);
	strbuf_add(&b, "", 0);
	arena_fini(&a);
	return b.p ? strbuf_steal(&b) : xstrdup("");
}

/* The value of a series at a time, as text; "" for none. */
static inline void rig_add_at(const struct promql_rseries *s, int64_t t, struct strbuf *b)
{
	for (size_t i = 0; i < s->n_floats; i++)
		if (s->floats[i].t == t)
			strbuf_printf(b, "%016llx",
				      isnan(s->floats[i].v) ? 1ULL : (unsigned long long)double_bits(s->floats[i].v));
	for (size_t i = 0; i < s->n_hists; i++)
		if (s->hists[i].t == t)
			fhist_print(s->hists[i].h, b);
}

static inline int rig_cmp_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What a result has at a time: `{labels} value` per series, sorted. Free it. */
static inline char *rig_slice(const struct promql_result *res, int64_t t)
{
	char **lines = xcalloc(res->n_series + 1, sizeof(*lines));
	size_t n = 0;
	struct strbuf all = { 0 };
	for (size_t i = 0; i < res->n_series; i++) {
		struct strbuf v = { 0 }, b = { 0 };
		rig_add_at(&res->series[i], t, &v);
		if (v.n) {
			labels_print(res->series[i].labels, &b);
			strbuf_printf(&b, " %s\n", v.p);
			lines[n++] = strbuf_steal(&b);
		}
		strbuf_fini(&v);
	}
	qsort(lines, n, sizeof(*lines), rig_cmp_text);
	strbuf_add_c(&all, res->type == PROMQL_TYPE_SCALAR ? "scalar" : "");
	for (size_t i = 0; i < n; i++) {
		strbuf_add_c(&all, lines[i]);
		free(lines[i]);
	}
	free(lines);
	return strbuf_steal(&all);
}

/* Parses with everything on, and evaluates. Everything lies in `a`. */
static inline int rig_exec_opts(struct rig *r, const char *text, const struct promql_opts *opts, struct arena *a,
				int64_t start, int64_t end, int64_t step, struct promql_result *res, struct err *err)
{
	struct promql_parse_opts all = PROMQL_PARSE_ALL;
	struct promql_source src = rig_source(r);
	struct promql_expr *e;
	int rc = promql_parse(str_c(text), &all, a, &e, NULL, err);
	struct promql_query q = { e, str_c(text), start, end, step };
	return rc ? rc : promql_exec(&q, opts, &src, a, res, err);
}

/* As rig_exec_opts with the default options. */
static inline int rig_exec(struct rig *r, const char *text, struct arena *a, int64_t start, int64_t end, int64_t step,
			   struct promql_result *res, struct err *err)
{
	return rig_exec_opts(r, text, NULL, a, start, end, step, res, err);
}

#endif
