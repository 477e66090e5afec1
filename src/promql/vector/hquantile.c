/* histogram_quantile, histogram_quantiles, histogram_fraction of classic and native histograms. */
#include "promql/eval/sig.h"
#include "promql/math/buckets.h"
#include "promql/math/fhist.h"
#include "promql/math/quantile.h"
#include "promql/vector/vector.h"
#include "text/float.h"

#include "labels/builder.h"

#include <math.h>
#include <stdlib.h>

/* Most quantiles of histogram_quantiles. */
#define MAX_QUANTILES 10

/* A bucket series of a classic histogram. */
struct classic {
	double upper;
	size_t order;
	const struct trow *row;
};

/* A classic histogram, or the native series with the same labels, or both. */
struct hist_group {
	struct sig_entry e;
	struct labels labels;
	bool drop_name;
	struct classic *buckets;
	size_t n, cap;
	const struct trow *native;
	struct hist_group *next;
};

struct hquantile {
	struct node n;
	struct node *child;
	enum promql_fn id;
	struct node *param_node[MAX_QUANTILES];
	const double *param[MAX_QUANTILES];
	size_t n_params, n_out; /* rows per group */
	struct table t;
	struct sig_map map;
	struct hist_group *first, **end;
	struct bucket *work;
	size_t max_buckets;
	struct labels_builder builder;
	struct promql_pos vec_pos;
	bool filled;
	/* output: for each quantile native histograms, then classic ones */
	struct hist_group *at;
	size_t out_at;
	bool classics;
};

static struct hist_group *group_of(struct hquantile *q, struct labels l, struct err *err)
{
	struct hash128 h = labels_hash128(l);
	struct hist_group *g = sig_find(&q->map, h);
	if (g)
		return g;
	g = arena_zalloc(&q->t.arena, sizeof(*g));
	if (!g || labels_copy(l, &q->t.arena, &g->labels, err)) {
		arena_err(&q->t.arena, err);
		return NULL;
	}
	g->e.hash = h;
	g->drop_name = true;
	sig_add(&q->map, &g->e);
	*q->end = g;
	q->end = &g->next;
	return g;
}

/* `, for metric name "x"` where names are still known. */
static const char *name_suffix(struct hquantile *q, struct labels l)
{
	struct str name = labels_get(l, LABEL_METRIC_NAME);
	if (!q->n.ev->opts.delayed_name_removal || name.n == 0)
		return "";
	const char *s = arena_printf(q->n.ev->arena, " for metric name %s", eval_quoted(q->n.ev, name));
	return s ? s : "";
}

static int add_classic(struct hquantile *q, struct trow *row, struct err *err)
{
	struct str le = labels_get(row->labels, LABEL_BUCKET);
	double upper;
	if (!text_parse_double(le, &upper)) {
		eval_warn(&q->n, q->vec_pos, "bucket label \"le\" is missing or has a malformed value of %s%s",
			  eval_quoted(q->n.ev, le), name_suffix(q, row->labels));
		return 0;
	}
	labels_builder_reset(&q->builder, row->labels);
	labels_builder_del(&q->builder, LABEL_BUCKET);
	struct hist_group *g = group_of(q, labels_builder_labels(&q->builder), err);
	if (!g)
		return -err->code;
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct classic *p = arena_alloc(&q->t.arena, cap * sizeof(*p));
		if (!p)
			return arena_err(&q->t.arena, err);
		if (g->n)
			memcpy(p, g->buckets, g->n * sizeof(*p));
		g->buckets = p;
		g->cap = cap;
	}
	g->buckets[g->n] = (struct classic){ upper, g->n, row };
	g->n++;
	q->max_buckets = MAX(q->max_buckets, g->n);
	return 0;
}

static int add_native(struct hquantile *q, struct trow *row, struct err *err)
{
	struct hist_group *g = group_of(q, row->labels, err);
	if (!g)
		return -err->code;
	g->native = row;
	return 0;
}

static int cmp_classic(const void *pa, const void *pb)
{
	const struct classic *a = pa, *b = pb;
	if (a->upper != b->upper)
		return a->upper < b->upper ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int add_row(struct hquantile *q, struct trow *row, struct err *err)
{
	bool floats = false, hists = false;
	for (uint32_t i = 0; i < q->n.grid.n; i++) {
		floats |= !is_absent(row->v[i]);
		hists |= row->h && row->h[i];
	}
	int rc = floats ? add_classic(q, row, err) : 0;
	return !rc && hists ? add_native(q, row, err) : rc;
}

static int fill(struct hquantile *q, struct err *err)
{
	int rc = 0;
	q->filled = true;
	for (size_t k = 0; k < q->n_params && !rc; k++)
		rc = node_scalar(q->param_node[k], &q->param[k], err);
	for (size_t k = 0; k < q->n_out && !rc && q->id != PROMQL_FN_HISTOGRAM_FRACTION; k++) {
		size_t arg = q->id == PROMQL_FN_HISTOGRAM_QUANTILE ? 0 : k + 2;
		for (uint32_t i = 0; i < q->n.grid.n; i++)
			eval_warn_quantile(&q->n, promql_expr_pos(q->n.expr->call.args[arg]), q->param[k][i]);
	}
	if (!rc)
		rc = table_fill(&q->t, q->child, err);
	for (size_t i = 0; i < q->t.n && !rc; i++)
		rc = add_row(q, q->t.p[i], err);
	for (struct hist_group *g = q->first; g && !rc; g = g->next)
		if (g->n)
			qsort(g->buckets, g->n, sizeof(*g->buckets), cmp_classic);
	q->work = arena_array(&q->t.arena, q->max_buckets + 1, sizeof(*q->work));
	q->at = q->first;
	return rc ? rc : q->work ? 0 : arena_err(&q->t.arena, err);
}

static double classic_value(struct hquantile *q, const struct hist_group *g, size_t n, size_t k, uint32_t i)
{
	if (q->id == PROMQL_FN_HISTOGRAM_FRACTION)
		return bucket_fraction(q->param[0][i], q->param[1][i], q->work, n);
	struct bucket_fix fix = { .forced = false };
	double v = bucket_quantile(q->param[k][i], q->work, n, &fix);
	if (fix.forced)
		eval_forced(&q->n, q->vec_pos,
			    q->n.ev->opts.delayed_name_removal ? labels_get(g->labels, LABEL_METRIC_NAME)
							       : (struct str){ NULL, 0 },
			    grid_t(&q->n.grid, i), fix.min, fix.max, fix.diff);
	return v;
}

static double native_value(struct hquantile *q, const struct hist_group *g, const struct histogram *h, size_t k,
			   uint32_t i)
{
	struct fhist_notes notes = { 0 };
	double v;
	if (q->id == PROMQL_FN_HISTOGRAM_FRACTION) {
		v = fhist_fraction(q->param[0][i], q->param[1][i], h, &notes);
		if (notes.nan_skewed)
			eval_info(&q->n, q->vec_pos,
				  "input to histogram_fraction has NaN observations, which are excluded "
				  "from all fractions%s",
				  name_suffix(q, g->labels));
		return v;
	}
	v = fhist_quantile(q->param[k][i], h, &notes);
	if (notes.nan_result)
		eval_info(&q->n, q->vec_pos, "input to histogram_quantile has NaN observations, result is NaN%s",
			  name_suffix(q, g->labels));
	if (notes.nan_skewed)
		eval_info(&q->n, q->vec_pos,
			  "input to histogram_quantile has NaN observations, result is skewed higher%s",
			  name_suffix(q, g->labels));
	return v;
}

static double step_value(struct hquantile *q, const struct hist_group *g, size_t k, uint32_t i)
{
	size_t n = 0;
	for (size_t j = 0; j < g->n; j++) {
		double v = g->buckets[j].row->v[i];
		if (!is_absent(v))
			q->work[n++] = (struct bucket){ g->buckets[j].upper, v };
	}
	const struct histogram *h = g->native && g->native->h ? g->native->h[i] : NULL;
	if (n && h) {
		eval_warn(&q->n, q->vec_pos, "vector contains a mix of classic and native histograms%s",
			  name_suffix(q, g->labels));
		return absent();
	}
	if (h)
		return native_value(q, g, h, k, i);
	return n ? classic_value(q, g, n, k, i) : absent();
}

/* Adds the label that names the quantile. */
static void quantile_label(struct hquantile *q, double v, struct row *ret)
{
	char *text = arena_alloc(&q->n.tmp, TEXT_FLOAT_MAX + 2);
	if (!text)
		return;
	size_t n = text_float(text, v, TEXT_FLOAT_G);
	if (isfinite(v) && !memchr(text, '.', n) && !memchr(text, 'e', n)) {
		memcpy(text + n, ".0", 2);
		n += 2;
	}
	labels_builder_reset(&q->builder, ret->labels);
	labels_builder_set(&q->builder, promql_expr_unparen(q->n.expr->call.args[1])->string, str_mem(text, n));
	ret->labels = labels_builder_labels(&q->builder);
}

static int group_row(struct hquantile *q, struct row *ret, struct err *err)
{
	struct hist_group *g = q->at;
	size_t k = q->out_at;
	q->at = g->next;
	*ret = (struct row){ g->labels, false, q->n.v, NULL };
	for (uint32_t i = 0; i < q->n.grid.n; i++)
		q->n.v[i] = step_value(q, g, k, i);
	int rc = node_drop_name(&q->n, ret, err);
	if (!rc && q->id == PROMQL_FN_HISTOGRAM_QUANTILES)
		quantile_label(q, q->param[k][0], ret);
	return rc ? rc : eval_work(q->n.ev, (uint64_t)q->n.grid.n * (1 + g->n), err);
}

/* Goes on to the next group that is due; false at the end. */
static bool find_group(struct hquantile *q)
{
	for (;;) {
		while (q->at && !q->at->native != q->classics)
			q->at = q->at->next;
		if (q->at)
			return true;
		q->out_at += q->classics;
		q->classics = !q->classics;
		if (q->out_at == q->n_out)
			return false;
		q->at = q->first;
	}
}

static int hquantile_next(struct node *n, struct row *ret, struct err *err)
{
	struct hquantile *q = (struct hquantile *)n;
	int rc = q->filled ? 0 : fill(q, err);
	while (!rc) {
		node_rewind(n);
		if (!find_group(q))
			return 0;
		rc = group_row(q, ret, err);
		if (!rc && !row_is_empty(ret, n->grid.n))
			return 1;
	}
	return rc;
}

static void hquantile_close(struct node *n)
{
	struct hquantile *q = (struct hquantile *)n;
	sig_map_fini(&q->map);
	table_fini(&q->t);
	labels_builder_fini(&q->builder);
}

/* Where the vector stands, with its sign. */
static struct promql_pos vector_pos(const struct promql_call *c)
{
	size_t i = 0;
	while (promql_expr_type(c->args[i]) != PROMQL_TYPE_VECTOR)
		i++;
	return promql_expr_pos(promql_expr_unparen(c->args[i]));
}

static const struct node_ops hquantile_ops = { hquantile_next, hquantile_close, "function" };

int hquantile_new(struct eval *ev, const struct promql_expr *call, struct node *child, struct node *const *params,
		  size_t n_params, struct node **ret, struct err *err)
{
	struct hquantile *q = node_new(ev, sizeof(*q), &hquantile_ops, call, child->grid, err);
	if (!q)
		return -err->code;
	q->child = child;
	q->id = call->call.func->fn;
	q->n_params = MIN(n_params, MAX_QUANTILES);
	for (size_t i = 0; i < q->n_params; i++)
		q->param_node[i] = params[i];
	q->n_out = q->id == PROMQL_FN_HISTOGRAM_QUANTILES ? q->n_params : 1;
	q->end = &q->first;
	q->vec_pos = vector_pos(&call->call);
	table_init(&q->t, ev, child->grid.n);
	int rc = merge_new(ev, &q->n, MERGE_STEPS, ret, err);
	if (!rc && q->id == PROMQL_FN_HISTOGRAM_QUANTILES)
		(*ret)->unique = false;
	return rc;
}
