#include "query/exemplars.h"

#include "labels/matcher.h"
#include "promql/lang/parser.h"
#include "query/endpoints.h"
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

/* --- the selectors ---------------------------------------------------------------------- */

static int add_selector(struct exemplars_question *q, struct arena *a, const struct promql_expr *e, struct err *err)
{
	if (q->n_selectors == q->cap_selectors) {
		size_t cap = q->cap_selectors ? q->cap_selectors * 2 : 8;
		const struct promql_expr **p = arena_array(a, cap, sizeof(*p));
		if (!p)
			return arena_err(a, err);
		if (q->n_selectors)
			memcpy(p, q->selectors, q->n_selectors * sizeof(*p));
		q->selectors = p;
		q->cap_selectors = cap;
	}
	q->selectors[q->n_selectors++] = e;
	return 0;
}

/* All selectors of a tree, in any order; down the left side of chains of operators in a loop, for these are long. */
static int find_selectors(struct exemplars_question *q, struct arena *a, struct promql_expr *e, struct err *err)
{
	for (; e->kind == PROMQL_BINARY; e = e->binary.lhs) {
		int rc = find_selectors(q, a, e->binary.rhs, err);
		if (rc)
			return rc;
	}
	if (e->kind == PROMQL_SELECTOR)
		return add_selector(q, a, e, err);
	struct promql_expr **child;
	for (size_t i = 0; (child = promql_expr_child(e, i)) != NULL; i++) {
		int rc = *child ? find_selectors(q, a, *child, err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int cmp_place(const void *a, const void *b)
{
	uint32_t x = promql_expr_pos(*(const struct promql_expr *const *)a).start;
	uint32_t y = promql_expr_pos(*(const struct promql_expr *const *)b).start;
	return (x > y) - (x < y);
}

int exemplars_question_read(struct exemplars_question *e, struct query *q, struct str text, struct arena *a,
			    struct err *err)
{
	struct promql_parse_opts o = query_parse_opts(q);
	o.x_functions = true; /* whatever the engine knows, only the selectors matter */
	struct promql_expr *tree;
	e->q = q;
	e->text = text;
	int rc = promql_parse(text, &o, a, &tree, NULL, err);
	rc = rc ? rc : find_selectors(e, a, tree, err);
	if (rc == 0 && e->n_selectors)
		qsort(e->selectors, e->n_selectors, sizeof(struct promql_expr *), cmp_place);
	return rc;
}

/* --- what a store is asked ---------------------------------------------------------------- */

/* Whether series with these external labels can pass: labels not among them may have any value. */
static bool may_match(const struct promql_selector *s, struct labels external)
{
	for (size_t i = 0; i < s->n_matchers; i++) {
		struct str v = labels_get(external, s->matchers[i].name);
		if (v.n && !matcher_matches(s->matchers[i].compiled, v))
			return false;
	}
	return true;
}

static bool may_match_any(const struct promql_selector *s, const struct labels *sets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (may_match(s, sets[i]))
			return true;
	return n == 0;
}

static bool is_external(struct str name, const struct endpoint_info *i)
{
	for (size_t k = 0; k < i->n_label_sets; k++)
		if (labels_has(i->label_sets[k], name))
			return true;
	return false;
}

/* Appends a selector without the matchers that Prometheus could not pass, being about external labels. */
static void add_text(struct strbuf *b, const struct promql_selector *s, const struct endpoint_info *i,
		     struct labels own)
{
	bool keep = strcmp(i->component, "query") == 0, first = true;
	strbuf_add_c(b, b->n ? "+{" : "{");
	for (size_t k = 0; k < s->n_matchers; k++) {
		if ((!keep && is_external(s->matchers[k].name, i)) || labels_has(own, s->matchers[k].name))
			continue;
		strbuf_add_c(b, first ? "" : ", ");
		matcher_print(s->matchers[k].compiled, b);
		first = false;
	}
	strbuf_add_ch(b, '}');
}

static const void *request_of(void *arg, const struct endpoint_info *i, struct arena *a)
{
	struct exemplars_question *q = arg;
	struct strbuf b = { .limit = (size_t)1 << 20 };
	struct labels own = query_config(q->q)->selector_labels;
	for (size_t k = 0; k < q->n_selectors; k++) {
		const struct promql_selector *s = &q->selectors[k]->selector;
		if (may_match(s, own) && may_match_any(s, i->label_sets, i->n_label_sets))
			add_text(&b, s, i, own);
	}
	Thanos__ExemplarsRequest *r = b.n && !b.overflow ? arena_alloc(a, sizeof(*r)) : NULL;
	char *text = r ? arena_memdup(a, b.p, b.n) : NULL;
	strbuf_fini(&b);
	if (!text)
		return NULL;
	*r = (Thanos__ExemplarsRequest)THANOS__EXEMPLARS_REQUEST__INIT;
	r->query = text;
	r->start = q->start;
	r->end = q->end;
	r->partial_response_strategy = query_strategy(q->abort);
	return r;
}

struct query_question exemplars_question_for_all(struct exemplars_question *e)
{
	return (struct query_question){
		.api = &query_exemplars, .request_of = request_of, .arg = e, .abort = e->abort, .about = e->text
	};
}
