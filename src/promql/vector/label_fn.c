/* label_replace, label_join, and the sort functions. */
#include "promql/vector/vector.h"

#include "base/gosort.h"
#include "labels/builder.h"
#include "labels/regex.h"

#include <math.h>
#include <stdlib.h>

/* ---- label_replace and label_join ---- */

struct label_fn {
	struct node n;
	struct node *child;
	const struct promql_call *call;
	struct labels_builder builder;
	struct strbuf text;
	struct regex *re;
	uint64_t charged; /* of the budget, for `re` */
	bool replace, started;
};

static struct str string_arg(const struct promql_call *c, size_t i)
{
	return promql_expr_unparen(c->args[i])->string;
}

static int bad_label(const struct label_fn *f, const char *which, struct str name, struct err *err)
{
	return err_set(err, ERR_FAILED_PRECONDITION, "invalid %s label name in %s(): %.*s", which,
		       f->replace ? "label_replace" : "label_join", STR_ARG(name));
}

/* Counts the memory of the regular expression. */
static int charge(struct label_fn *f, struct err *err)
{
	f->charged = regex_memory(f->re);
	if (budget_take(f->n.ev->arena->budget, f->charged))
		return 0;
	f->charged = 0;
	return budget_err(f->n.ev->arena->budget, err);
}

static int start(struct label_fn *f, struct err *err)
{
	f->started = true;
	if (f->replace) {
		struct err why = ERR_NONE;
		int rc = source_compile(f->n.ev->src)(string_arg(f->call, 4), &f->re, &why);
		if (rc != 0 && rc != -ERR_INVALID_ARGUMENT)
			return err_set(err, (enum err_code)why.code, "%s", why.msg);
		if (rc == 0 && (rc = charge(f, err)) != 0)
			return rc;
		if (rc != 0)
			return err_set(err, ERR_FAILED_PRECONDITION,
				       "invalid regular expression in label_replace(): %.*s",
				       STR_ARG(string_arg(f->call, 4)));
	} else {
		for (size_t i = 3; i < f->call->n_args; i++)
			if (!label_name_valid(string_arg(f->call, i), LABEL_NAMES_UTF8))
				return bad_label(f, "source", string_arg(f->call, i), err);
	}
	struct str dst = string_arg(f->call, 1);
	return label_name_valid(dst, LABEL_NAMES_UTF8) ? 0 : bad_label(f, "destination", dst, err);
}

int label_fn_check(struct eval *ev, const struct promql_expr *call, struct err *err)
{
	struct label_fn f = { .n.ev = ev, .call = &call->call };
	f.replace = call->call.func->fn == PROMQL_FN_LABEL_REPLACE;
	int rc = start(&f, err);
	regex_free(f.re);
	budget_give(ev->arena->budget, f.charged);
	return rc;
}

/* Sets the destination label; false where the series is left alone. */
static bool relabel(struct label_fn *f, struct labels l)
{
	const struct promql_call *c = f->call;
	strbuf_reset(&f->text);
	if (f->replace) {
		if (!regex_replace(f->re, labels_get(l, string_arg(c, 3)), string_arg(c, 2), &f->text))
			return false;
	} else {
		for (size_t i = 3; i < c->n_args; i++) {
			if (i > 3)
				strbuf_add_str(&f->text, string_arg(c, 2));
			strbuf_add_str(&f->text, labels_get(l, string_arg(c, i)));
		}
	}
	labels_builder_reset(&f->builder, l);
	labels_builder_set(&f->builder, string_arg(c, 1), strbuf_str(&f->text));
	return true;
}

static int label_fn_next(struct node *n, struct row *ret, struct err *err)
{
	struct label_fn *f = (struct label_fn *)n;
	int rc = f->started ? 0 : start(f, err);
	if (rc)
		return rc;
	rc = node_next(f->child, ret, err);
	if (rc <= 0 || !relabel(f, ret->labels))
		return rc;
	ret->labels = labels_builder_labels(&f->builder);
	if (str_eq(string_arg(f->call, 1), LABEL_METRIC_NAME))
		ret->drop_name = false;
	return 1;
}

static void label_fn_close(struct node *n)
{
	struct label_fn *f = (struct label_fn *)n;
	labels_builder_fini(&f->builder);
	strbuf_fini(&f->text);
	regex_free(f->re);
	budget_give(n->ev->arena->budget, f->charged);
}

static const struct node_ops label_fn_ops = { label_fn_next, label_fn_close, "function" };

int label_fn_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret,
		 struct err *err)
{
	struct label_fn *f = node_new(ev, sizeof(*f), &label_fn_ops, call, child->grid, err);
	if (!f)
		return -err->code;
	f->child = child;
	f->call = &call->call;
	f->replace = call->call.func->fn == PROMQL_FN_LABEL_REPLACE;
	int rc = merge_new(ev, &f->n, MERGE_KINDS, ret, err);
	if (!rc)
		(*ret)->unique = false;
	return rc;
}

/* ---- sort ---- */

struct sort {
	struct node n;
	struct node *child;
	struct table t;
	bool filled;
	size_t at;
};

/* The next run of digits, or of other bytes. */
static struct str cut_run(struct str *s)
{
	size_t k = 0;
	if (s->n == 0)
		return *s;
	bool digit = s->p[0] >= '0' && s->p[0] <= '9';
	while (k < s->n && (s->p[k] >= '0' && s->p[k] <= '9') == digit)
		k++;
	struct str run = { s->p, k };
	*s = (struct str){ s->p + k, s->n - k };
	return run;
}

/*
 * Natural order as upstream's natsort has it: runs of digits go by their number. It contradicts itself: the empty text
 * comes after all others and these after it, "1" comes before "01" and "01" before "1".
 */
static bool natural_less(struct str a, struct str b)
{
	while (a.n && b.n) {
		struct str x = cut_run(&a), y = cut_run(&b);
		int64_t i, j;
		if (str_to_i64(x, &i) && str_to_i64(y, &j)) {
			if (i != j)
				return i < j;
		} else if (!str_eq(x, y)) {
			return str_cmp(x, y) < 0;
		}
		if (a.n == 0)
			return true;
	}
	return false;
}

/* By labels: the first of those named that differs, then all. */
static bool less_labels(const struct promql_call *c, struct labels a, struct labels b, bool desc)
{
	for (size_t i = 1; i < c->n_args; i++) {
		struct str name = string_arg(c, i);
		struct str x = labels_get(a, name), y = labels_get(b, name);
		if (!str_eq(x, y))
			return natural_less(x, y) != desc;
	}
	return desc ? labels_cmp(b, a) < 0 : labels_cmp(a, b) < 0;
}

/* Upstream sorts in the reverse of an order in which NaN comes first, even before NaN. */
static bool less_values(double a, double b, bool desc)
{
	return isnan(b) || (desc ? a > b : a < b);
}

/* A sort under way, which pauses at times; once it has failed it only ends. */
struct sorting {
	const struct promql_call *call;
	struct eval *ev;
	uint32_t asked;
	int rc;
	struct err *err;
};

/* Comparisons between two looks at whether to pause. */
#define SORT_WORK 256

static bool less_rows(void *arg, const void *pa, const void *pb)
{
	const struct trow *a = pa, *b = pb;
	struct sorting *s = arg;
	const struct promql_call *c = s->call;
	if (++s->asked % SORT_WORK == 0 && !s->rc)
		s->rc = eval_work(s->ev, SORT_WORK, s->err);
	if (s->rc)
		return false;
	switch (c->func->fn) {
	case PROMQL_FN_SORT:
		return less_values(a->v[0], b->v[0], false);
	case PROMQL_FN_SORT_DESC:
		return less_values(a->v[0], b->v[0], true);
	case PROMQL_FN_SORT_BY_LABEL:
		return less_labels(c, a->labels, b->labels, false);
	default:
		return less_labels(c, a->labels, b->labels, true);
	}
}

static bool sorts_values(const struct node *n)
{
	enum promql_fn fn = n->expr->call.func->fn;
	return fn == PROMQL_FN_SORT || fn == PROMQL_FN_SORT_DESC;
}

/* Leaves out rows that have no sample to be sorted. */
static void keep_sorted(struct sort *s)
{
	bool values = sorts_values(&s->n);
	size_t n = 0;
	for (size_t i = 0; i < s->t.n; i++)
		if (!is_absent(s->t.p[i]->v[0]) || (!values && s->t.p[i]->h && s->t.p[i]->h[0]))
			s->t.p[n++] = s->t.p[i];
	s->t.n = n;
}

static int sort_fill(struct sort *s, struct err *err)
{
	s->filled = true;
	if (s->n.grid.start != s->n.grid.end)
		eval_warn(&s->n, promql_expr_pos(s->n.expr),
			  "sort is ineffective for range queries since results are always ordered "
			  "by labels");
	int rc = table_fill(&s->t, s->child, err);
	if (rc || s->n.grid.n != 1)
		return rc;
	keep_sorted(s);
	struct sorting sorting = { .call = &s->n.expr->call, .ev = s->n.ev, .err = err };
	gosort((void **)s->t.p, s->t.n, less_rows, &sorting);
	return sorting.rc;
}

static int sort_next(struct node *n, struct row *ret, struct err *err)
{
	struct sort *s = (struct sort *)n;
	int rc = s->filled ? 0 : sort_fill(s, err);
	if (rc)
		return rc;
	do {
		if (s->at == s->t.n)
			return 0;
		*ret = trow_row(s->t.p[s->at++]);
		if (sorts_values(n))
			ret->h = NULL;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static void sort_close(struct node *n)
{
	table_fini(&((struct sort *)n)->t);
}

static const struct node_ops sort_ops = { sort_next, sort_close, "function" };

int sort_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node **ret, struct err *err)
{
	struct sort *s = node_new(ev, sizeof(*s), &sort_ops, call, child->grid, err);
	if (!s)
		return -err->code;
	s->child = child;
	s->n.unique = child->unique;
	table_init(&s->t, ev, child->grid.n);
	*ret = &s->n;
	return 0;
}
