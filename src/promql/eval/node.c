#include "promql/eval/eval.h"

#include "promql/eval/trace.h"

#include <stdlib.h>

/* Samples computed between two calls of the checkpoint. */
#define CHECKPOINT_EVERY 4096

void row_fill_absent(double *v, uint32_t n)
{
	double a = absent();
	for (uint32_t i = 0; i < n; i++)
		v[i] = a;
}

bool row_is_empty(const struct row *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(r->v[i]) || (r->h && r->h[i]))
			return false;
	return true;
}

uint64_t hist_samples(const struct histogram *h)
{
	uint64_t n = (uint64_t)h->n_pos_spans + h->n_neg_spans + h->n_pos + h->n_neg + h->n_bounds;
	return (168 + 8 * n + 8) / 16;
}

uint64_t row_samples(const struct row *r, uint32_t n)
{
	uint64_t k = 0;
	for (uint32_t i = 0; i < n; i++) {
		k += !is_absent(r->v[i]);
		if (r->h && r->h[i])
			k += hist_samples(r->h[i]);
	}
	return k;
}

/* `values` is the length of the node's column. */
static void *make(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *expr,
		  struct grid grid, uint32_t values, struct err *err)
{
	struct node *n = arena_zalloc(ev->arena, size);
	double *v = n ? arena_alloc(ev->arena, (size_t)values * sizeof(*v) + 1) : NULL;
	if (!v) {
		eval_oom(ev, err);
		return NULL;
	}
	n->ops = ops;
	n->ev = ev;
	n->expr = expr;
	n->grid = grid;
	n->v = v;
	arena_init(&n->tmp, ev->arena->budget);
	arena_init(&n->scratch, ev->arena->budget);
	n->next = ev->first;
	ev->first = n;
	if (ev->traced)
		trace_node(n);
	return n;
}

void *node_new_bare(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *expr,
		    struct grid grid, struct err *err)
{
	return make(ev, size, ops, expr, grid, 0, err);
}

void *node_new(struct eval *ev, size_t size, const struct node_ops *ops, const struct promql_expr *expr,
	       struct grid grid, struct err *err)
{
	return make(ev, size, ops, expr, grid, grid.n, err);
}

double *eval_column(struct eval *ev, uint32_t n)
{
	if (!ev->column || ev->column_cap < n) {
		ev->column = arena_alloc(ev->arena, (size_t)n * sizeof(*ev->column) + 1);
		ev->column_cap = ev->column ? n : 0;
	}
	return ev->column;
}

int node_drive(struct node *top, struct row *ret, struct err *err)
{
	struct node *n = top;
	for (;;) {
		int rc = n->ops->next(n, ret, err);
		if (rc == NODE_LEFT) {
			n->left->up = n;
			n = n->left;
			continue;
		}
		if (n == top || rc < 0)
			return rc;
		n = n->up;
		n->in = *ret;
		n->in_rc = rc;
		n->in_given = true;
	}
}

const struct histogram **node_hists(struct node *n)
{
	if (!n->h) {
		n->h = arena_array(n->ev->arena, n->grid.n, sizeof(*n->h));
		return n->h;
	}
	memset(n->h, 0, n->grid.n * sizeof(*n->h));
	return n->h;
}

struct arena *node_scratch(struct node *n)
{
	if (n->scratch.bytes == 0) {
		/* The first block stays, however often it is emptied. */
		if (!arena_alloc(&n->scratch, 16))
			return NULL;
		n->scratch_mark = arena_mark(&n->scratch);
	}
	arena_rewind(&n->scratch, n->scratch_mark);
	return &n->scratch;
}

struct label *node_labels(struct node *n, size_t count)
{
	if (n->lbuf_cap < count || !n->lbuf) {
		size_t cap = count * 2 + 8;
		n->lbuf = arena_array(n->ev->arena, cap, sizeof(*n->lbuf));
		n->lbuf_cap = n->lbuf ? cap : 0;
	}
	return n->lbuf;
}

static bool is_metadata(struct str name)
{
	return name.n > 7 && name.p[0] == '_' &&
	       (str_eq(name, LABEL_METRIC_NAME) || str_eq(name, LABEL_TYPE) || str_eq(name, LABEL_UNIT));
}

int node_strip(struct node *n, struct labels l, struct labels *ret, struct err *err)
{
	size_t meta = 0, lead = 0;
	for (size_t i = 0; i < l.n; i++)
		if (is_metadata(l.p[i].name)) {
			lead += meta++ == i;
			n->ev->typed |= l.p[i].name.p[2] != 'n';
		}
	if (meta == lead) {
		*ret = (struct labels){ lead ? l.p + lead : l.p, l.n - lead };
		return 0;
	}
	struct label *p = node_labels(n, l.n);
	if (!p)
		return eval_oom(n->ev, err);
	size_t k = 0;
	for (size_t i = 0; i < l.n; i++)
		if (!is_metadata(l.p[i].name))
			p[k++] = l.p[i];
	*ret = (struct labels){ p, k };
	return 0;
}

int node_drop_name(struct node *n, struct row *r, struct err *err)
{
	if (n->ev->opts.delayed_name_removal) {
		r->drop_name = true;
		return 0;
	}
	return node_strip(n, r->labels, &r->labels, err);
}

int node_scalar(struct node *n, const double **ret, struct err *err)
{
	struct row r;
	int rc = node_next(n, &r, err);
	if (rc < 0)
		return rc;
	CHECK(rc == 1 || n->grid.n == 0);
	double *v = arena_alloc(n->ev->arena, n->grid.n * sizeof(*v) + 1);
	if (!v)
		return eval_oom(n->ev, err);
	if (n->grid.n)
		memcpy(v, r.v, n->grid.n * sizeof(*v));
	*ret = v;
	return 0;
}

int eval_checkpoint(struct eval *ev, struct err *err)
{
	uint64_t n = ev->unreported;
	ev->unreported = 0;
	return ev->src->checkpoint ? ev->src->checkpoint(ev->src->arg, n, err) : 0;
}

int eval_work(struct eval *ev, uint64_t n, struct err *err)
{
	ev->unreported += n;
	return ev->unreported < CHECKPOINT_EVERY ? 0 : eval_checkpoint(ev, err);
}

int eval_hold(struct eval *ev, uint64_t n, struct err *err)
{
	ev->held += n;
	if (ev->held > ev->peak)
		ev->peak = ev->held;
	if (ev->held <= ev->opts.max_samples)
		return 0;
	ev->over_samples = true;
	return err_set(
		err, ERR_RESOURCE_EXHAUSTED,
		"query processing would load too many samples into memory in query execution: it needs %llu at a time "
		"or more, the limit is %llu",
		(unsigned long long)ev->held, (unsigned long long)ev->opts.max_samples);
}

int eval_oom(struct eval *ev, struct err *err)
{
	return arena_err(ev->arena, err);
}

int eval_hist_copy(const struct histogram *src, struct arena *a, const struct histogram **ret, struct err *err)
{
	struct histogram *h = arena_alloc(a, sizeof(*h));
	if (!h)
		return arena_err(a, err);
	*ret = h;
	return hist_copy(h, src, a, err);
}
