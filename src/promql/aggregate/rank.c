/* topk, bottomk and quantile: aggregations that need all values of a step together. */
#include "base/gosort.h"
#include "promql/aggregate/aggregate.h"
#include "promql/math/gomath.h"
#include "promql/math/quantile.h"

#include <math.h>
#include <stdlib.h>

/* Rows of one group, as indexes into the table. */
struct rank_group {
	struct sig_entry e;
	struct labels labels;
	bool drop_name;
	size_t *rows, n, cap;
};

struct rank {
	struct aggregate g;
	struct table t;
	struct rank_group **groups;
	size_t n_groups, cap;
	bool filled;
	/* of the output */
	size_t group_at, row_at;
	size_t *order; /* of an instant topk: rows in output order */
	size_t n_order;
	double **picked; /* per row: its values where it was picked, or NULL */
};

static int grow(struct arena *a, void *array, size_t *cap, size_t n, size_t size, struct err *err)
{
	void **p = array;
	if (n < *cap)
		return 0;
	size_t want = *cap ? *cap * 2 : 16;
	void *q = arena_alloc(a, want * size);
	if (!q)
		return arena_err(a, err);
	if (n)
		memcpy(q, *p, n * size);
	*p = q;
	*cap = want;
	return 0;
}

static int find_group(struct rank *k, const struct row *r, struct rank_group **ret, struct err *err)
{
	struct labels l;
	int rc = aggregate_group_labels(&k->g, r, &l, err);
	if (rc)
		return rc;
	struct hash128 h = labels_hash128(l);
	*ret = sig_find(&k->g.map, h);
	if (*ret)
		return 0;
	struct rank_group *grp = arena_zalloc(&k->g.arena, sizeof(*grp));
	if (!grp)
		return arena_err(&k->g.arena, err);
	rc = grow(&k->g.arena, &k->groups, &k->cap, k->n_groups, sizeof(*k->groups), err);
	if (!rc)
		rc = labels_copy(l, &k->g.arena, &grp->labels, err);
	if (rc)
		return rc;
	grp->e.hash = h;
	sig_add(&k->g.map, &grp->e);
	k->groups[k->n_groups++] = grp;
	*ret = grp;
	return 0;
}

/* Whether histograms are ignored at a step that has something to pick from. */
static bool ignores(const struct rank *k, const struct histogram **h)
{
	bool any = false;
	for (uint32_t i = 0; i < k->g.n.grid.n && !any; i++)
		any = h[i] && (k->g.op == PROMQL_AGG_QUANTILE || k->g.param[i] >= 1);
	return any;
}

static int read_all(struct rank *k, struct err *err)
{
	struct row r;
	int rc;
	while ((rc = node_next(k->g.child, &r, err)) == 1) {
		struct rank_group *grp;
		rc = find_group(k, &r, &grp, err);
		if (!rc)
			rc = grow(&k->g.arena, &grp->rows, &grp->cap, grp->n, sizeof(size_t), err);
		if (rc)
			break;
		grp->drop_name |= r.drop_name;
		grp->rows[grp->n++] = k->t.n;
		if (r.h && ignores(k, r.h))
			aggregate_info_ignored(&k->g);
		r.h = NULL;
		rc = table_add(&k->t, &r, NULL, err);
		if (rc)
			break;
	}
	return rc;
}

/* ---- values of a group, step by step ---- */

/* Steps whose values are fetched at a time: those of a row share a cache line. */
#define BLOCK_STEPS 8

/* The values of BLOCK_STEPS steps from `from` on: grp->n of the first step, in the order of rows, then of the next. */
static int gather_steps(struct rank *k, const struct rank_group *grp, uint32_t from, double *out, struct err *err)
{
	uint32_t n = MIN(k->g.n.grid.n - from, BLOCK_STEPS);
	int rc = 0;
	for (size_t j = 0; j < grp->n && !rc; j++) {
		const double *v = k->t.p[grp->rows[j]]->v + from;
		for (uint32_t i = 0; i < n; i++)
			out[i * grp->n + j] = v[i];
		if (j % 512 == 511)
			rc = eval_work(k->g.n.ev, 512 * n, err);
	}
	return rc;
}

/* ---- quantile ---- */

static void warn_quantiles(struct rank *k)
{
	struct param_range r = aggregate_param_range(&k->g);
	struct promql_pos pos = promql_expr_pos(promql_expr_unparen(k->g.n.expr->agg.param));
	if (r.nan)
		eval_warn_quantile(&k->g.n, pos, go_nan());
	if (r.max > 1)
		eval_warn_quantile(&k->g.n, pos, r.max);
	if (r.min < 0)
		eval_warn_quantile(&k->g.n, pos, r.min);
}

/* Whether x comes before y: NaN first, then ascending. */
static inline bool before(double x, double y)
{
	return x < y || (isnan(x) && !isnan(y));
}

/*
 * Puts the value of rank `at` in its place among v[0..n), those before it to
 * its left. As sorting gives it, but in one pass over half of what is left
 * after another; checkpoints in between, for there may be millions.
 */
static int select_rank(struct eval *ev, double *v, size_t n, size_t at, struct err *err)
{
	size_t lo = 0, hi = n;
	uint64_t seed = 1;
	while (hi - lo > 1) {
		/* The middle of three somewhere, else sorted input would find its worst case. */
		double a = v[lo + (seed = seed * 6364136223846793005U + 1442695040888963407U) % (hi - lo)];
		double b = v[lo + (seed >> 20) % (hi - lo)], c = v[lo + (seed >> 40) % (hi - lo)];
		double pivot = before(a, b) ? (before(b, c)   ? b
					       : before(a, c) ? c
							      : a)
					    : (before(a, c)   ? a
					       : before(b, c) ? c
							      : b);
		/* [lo, i) before the pivot, [i, j) equal to it, [k, hi) after */
		size_t i = lo, j = lo, k = hi;
		while (j < k) {
			double x = v[j];
			if (before(x, pivot)) {
				v[j++] = v[i];
				v[i++] = x;
			} else if (before(pivot, x)) {
				v[j] = v[--k];
				v[k] = x;
			} else {
				j++;
			}
		}
		int rc = eval_work(ev, (hi - lo) / 16, err);
		if (rc || (at >= i && at < k))
			return rc;
		if (at < i)
			hi = i;
		else
			lo = k;
	}
	return 0;
}

/* promql_quantile() without sorting all. */
static int quantile_of(struct eval *ev, double q, double *v, size_t n, double *ret, struct err *err)
{
	if (isnan(q) || q < 0 || q > 1) {
		*ret = quantile_sorted(q, v, n);
		return 0;
	}
	struct quantile_rank k = quantile_rank(q, n);
	int rc = select_rank(ev, v, n, k.lo, err);
	double hi = v[k.hi];
	for (size_t i = k.hi; i < n && k.hi > k.lo; i++)
		if (before(v[i], hi))
			hi = v[i];
	*ret = quantile_between(k, v[k.lo], hi);
	return rc;
}

static int quantile_group(struct rank *k, const struct rank_group *grp, struct row *ret, struct err *err)
{
	struct node *n = &k->g.n;
	double *block = arena_array(&n->tmp, grp->n, BLOCK_STEPS * sizeof(*block));
	int rc = 0;
	if (!block)
		return arena_err(&n->tmp, err);
	*ret = (struct row){ grp->labels, grp->drop_name, n->v, NULL };
	for (uint32_t i = 0; i < n->grid.n && !rc; i++) {
		double *values = block + i % BLOCK_STEPS * grp->n;
		size_t m = 0;
		if (i % BLOCK_STEPS == 0)
			rc = gather_steps(k, grp, i, block, err);
		for (size_t j = 0; j < grp->n && !rc; j++) {
			values[m] = values[j];
			m += !is_absent(values[j]);
			if (j % 4096 == 4095)
				rc = eval_work(n->ev, 4096, err);
		}
		n->v[i] = absent();
		if (m && !rc)
			rc = quantile_of(n->ev, k->g.param[i], values, m, &n->v[i], err);
	}
	return rc ? rc : eval_work(n->ev, grp->n, err);
}

/* ---- topk ---- */

/* A value in the heap; the root is the worst. */
struct entry {
	double v;
	size_t row;
};

/* Whether `a` is worse than `b`, or as good. NaN is the worst. */
static bool worse(const struct rank *k, double a, double b)
{
	if (isnan(a))
		return true;
	return k->g.op == PROMQL_AGG_TOPK ? a < b : a > b;
}

/* Go's heap order: strictly worse values rise. */
static bool less(const struct rank *k, const struct entry *a, const struct entry *b)
{
	return worse(k, a->v, b->v);
}

static void swap(struct entry *a, struct entry *b)
{
	struct entry x = *a;
	*a = *b;
	*b = x;
}

static void sift_up(const struct rank *k, struct entry *h, size_t j)
{
	while (j > 0) {
		size_t i = (j - 1) / 2;
		if (!less(k, &h[j], &h[i]))
			break;
		swap(&h[i], &h[j]);
		j = i;
	}
}

static void sift_down(const struct rank *k, struct entry *h, size_t i, size_t n)
{
	for (;;) {
		size_t j = 2 * i + 1;
		if (j >= n)
			return;
		if (j + 1 < n && less(k, &h[j + 1], &h[j]))
			j++;
		if (!less(k, &h[j], &h[i]))
			return;
		swap(&h[i], &h[j]);
		i = j;
	}
}

static void offer(const struct rank *k, struct entry *h, size_t *n, size_t max, struct entry e)
{
	if (*n < max) {
		h[(*n)++] = e;
		sift_up(k, h, *n - 1);
		return;
	}
	bool better = k->g.op == PROMQL_AGG_TOPK ? h[0].v < e.v : h[0].v > e.v;
	if (better || (isnan(h[0].v) && !isnan(e.v))) {
		h[0] = e;
		if (max > 1)
			sift_down(k, h, 0, *n);
	}
}

/* Order of a result: the reverse of the heap's. */
static bool better_entry(void *rank, const void *x, const void *y)
{
	return less(rank, y, x);
}

/* Best first, NaN last; equals, and NaN, stand where Go's sort.Sort has them. `sorted` has room for as many. */
static void sort_entries(struct rank *k, struct entry *h, size_t n, struct entry **sorted)
{
	for (size_t i = 0; i < n; i++)
		sorted[i] = &h[i];
	gosort((void **)sorted, n, better_entry, k);
}

/* Marks a value as part of the result. */
static int pick(struct rank *k, const struct entry *e, uint32_t step, struct err *err)
{
	double **p = &k->picked[e->row];
	if (!*p) {
		*p = arena_alloc(&k->g.arena, k->g.n.grid.n * sizeof(**p));
		if (!*p)
			return arena_err(&k->g.arena, err);
		row_fill_absent(*p, k->g.n.grid.n);
		k->order[k->n_order++] = e->row;
	}
	(*p)[step] = e->v;
	return 0;
}

/* `values` are those of the group's rows at the step. */
static int topk_step(struct rank *k, const struct rank_group *grp, const double *values, struct entry *heap,
		     struct entry **sorted, uint32_t step, struct err *err)
{
	int64_t want = (int64_t)k->g.param[step];
	size_t max = want < 1 ? 0 : MIN((uint64_t)want, grp->n), n = 0;
	int rc = 0;
	for (size_t j = 0; j < grp->n && max && !rc; j++) {
		if (!is_absent(values[j]))
			offer(k, heap, &n, max, (struct entry){ values[j], grp->rows[j] });
		if (j % 4096 == 4095)
			rc = eval_work(k->g.n.ev, 4096, err);
	}
	if (rc)
		return rc;
	sort_entries(k, heap, n, sorted);
	for (size_t j = 0; j < n && !rc; j++)
		rc = pick(k, sorted[j], step, err);
	return rc ? rc : eval_work(k->g.n.ev, grp->n % 4096, err);
}

static int cmp_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

static int topk_group(struct rank *k, const struct rank_group *grp, struct entry *heap, struct entry **sorted,
		      struct err *err)
{
	struct arena_mark m = arena_mark(&k->g.n.tmp);
	double *block = arena_array(&k->g.n.tmp, grp->n, BLOCK_STEPS * sizeof(*block));
	uint32_t n = k->g.n.grid.n;
	int rc = block ? 0 : arena_err(&k->g.n.tmp, err);
	for (uint32_t i = 0; i < n && !rc; i++) {
		if (i % BLOCK_STEPS == 0)
			rc = gather_steps(k, grp, i, block, err);
		if (!rc)
			rc = topk_step(k, grp, block + i % BLOCK_STEPS * grp->n, heap, sorted, i, err);
	}
	arena_rewind(&k->g.n.tmp, m);
	return rc;
}

static int topk_all(struct rank *k, struct err *err)
{
	bool any;
	int rc = aggregate_check_k(&k->g, &any, err);
	if (rc || !any)
		return rc;
	k->picked = arena_array(&k->g.arena, k->t.n + 1, sizeof(*k->picked));
	k->order = arena_array(&k->g.arena, k->t.n + 1, sizeof(*k->order));
	struct entry *heap = arena_array(&k->g.arena, k->t.n + 1, sizeof(*heap));
	struct entry **sorted = arena_array(&k->g.arena, k->t.n + 1, sizeof(*sorted));
	if (!k->picked || !k->order || !heap || !sorted)
		return arena_err(&k->g.arena, err);
	for (size_t g = 0; g < k->n_groups && !rc; g++)
		rc = topk_group(k, k->groups[g], heap, sorted, err);
	if (k->g.n.grid.n > 1)
		qsort(k->order, k->n_order, sizeof(*k->order), cmp_size);
	return rc;
}

/* ---- both ---- */

static int fill(struct rank *k, struct err *err)
{
	k->filled = true;
	int rc = node_scalar(k->g.param_node, &k->g.param, err);
	if (!rc && k->g.op == PROMQL_AGG_QUANTILE)
		warn_quantiles(k);
	if (!rc)
		rc = read_all(k, err);
	if (!rc && k->g.op != PROMQL_AGG_QUANTILE)
		rc = topk_all(k, err);
	return rc;
}

static int rank_next(struct node *n, struct row *ret, struct err *err)
{
	struct rank *k = (struct rank *)n;
	int rc = k->filled ? 0 : fill(k, err);
	node_rewind(n);
	if (rc)
		return rc;
	if (k->g.op != PROMQL_AGG_QUANTILE) {
		if (k->row_at == k->n_order)
			return 0;
		size_t row = k->order[k->row_at++];
		const struct trow *t = k->t.p[row];
		*ret = (struct row){ t->labels, t->drop_name, k->picked[row], NULL };
		return 1;
	}
	do {
		if (k->group_at == k->n_groups)
			return 0;
		node_rewind(n);
		rc = quantile_group(k, k->groups[k->group_at++], ret, err);
	} while (!rc && row_is_empty(ret, n->grid.n));
	return rc ? rc : 1;
}

static void rank_close(struct node *n)
{
	table_fini(&((struct rank *)n)->t);
	aggregate_fini(n);
}

static const struct node_ops rank_ops = { rank_next, rank_close, "aggregate" };

int rank_new(struct eval *ev, const struct promql_expr *e, struct node *child, struct node *param, struct node **ret,
	     struct err *err)
{
	struct rank *k = aggregate_alloc(ev, sizeof(*k), &rank_ops, e, child, param, err);
	if (!k)
		return -err->code;
	table_init(&k->t, ev, child->grid.n);
	k->g.n.unique = e->agg.op == PROMQL_AGG_QUANTILE ? e->agg.grouping.n == 0 : child->unique;
	*ret = &k->g.n;
	return 0;
}
