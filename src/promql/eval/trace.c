/* The tree of operators, their times, and samples by step. */
#include "promql/eval/trace.h"

#include "promql/eval/selector.h"
#include "promql/eval/share.h"

#include <stdlib.h>

/* ---- time ---- */

/* Charges what passed since the last switch to whoever ran, and lets `to` run. Returns who ran. */
static struct trace *trace_switch(struct eval *ev, struct trace *to)
{
	struct tracer *tr = ev->tracer;
	struct trace *from = tr->at;
	int64_t wall, cpu;
	uint64_t memory = ev->arena->budget ? ev->arena->budget->used : 0;
	tr->profile->clock(tr->profile->arg, &wall, &cpu);
	if (from) {
		from->op.self_wall_ns += wall - tr->wall_ns;
		from->op.self_cpu_ns += cpu - tr->cpu_ns;
		from->memory += memory - tr->memory;
		if ((int64_t)from->memory > (int64_t)from->op.self_memory_bytes)
			from->op.self_memory_bytes = from->memory;
	}
	tr->wall_ns = wall;
	tr->cpu_ns = cpu;
	tr->memory = memory;
	tr->at = to;
	return from;
}

static void note_output(struct eval *ev, struct trace *t, uint64_t samples)
{
	t->op.series++;
	t->op.samples += samples;
	t->op.peak_samples = MAX(t->op.peak_samples, ev->held);
}

/* In front of a node's next(). */
static int traced_next(struct node *n, struct row *ret, struct err *err)
{
	struct trace *t = n->trace, *was = trace_switch(n->ev, t);
	if (!t->waits)
		t->outer = was;
	int rc = t->ops->next(n, ret, err);
	if (rc == 1)
		note_output(n->ev, t, row_samples(ret, n->grid.n));
	t->waits = rc == NODE_LEFT; /* then it is called again, and what does so is charged to it */
	(void)trace_switch(n->ev, t->waits ? t : t->outer);
	return rc;
}

/* In front of a matrix's next(). */
static int traced_matrix_next(struct matrix *m, struct samples *ret, struct err *err)
{
	struct eval *ev = m->node->ev;
	struct trace *t = m->node->trace, *outer = trace_switch(ev, t);
	int rc = t->matrix->next(m, ret, err);
	if (rc == 1) {
		uint64_t k = ret->n;
		for (size_t i = 0; i < ret->nh; i++)
			k += hist_samples(ret->h[i]);
		note_output(ev, t, k);
	}
	(void)trace_switch(ev, outer);
	return rc;
}

/* Not through the tables above: the close of the own ops is called by name. */
static void traced_close(struct node *n)
{
	if (n->trace->ops->close)
		n->trace->ops->close(n);
}

static const struct node_ops traced_ops = { traced_next, traced_close };
static const struct matrix_ops traced_matrix_ops = { traced_matrix_next };

void trace_node(struct node *n)
{
	struct trace *t = arena_zalloc(n->ev->arena, sizeof(*t));
	if (!t)
		return;
	t->ops = n->ops;
	n->trace = t;
	if (n->ev->tracer)
		n->ops = &traced_ops;
}

void trace_matrix(struct matrix *m, struct node *n)
{
	m->node = n;
	if (!n->trace)
		return;
	n->trace->matrix = m->ops;
	if (n->ev->tracer)
		m->ops = &traced_matrix_ops;
}

/* ---- the tree ---- */

/* A part of the syntax tree being walked. */
struct part {
	struct promql_expr *e;
	size_t child; /* the next one to go into */
	struct promql_operator *op;
	struct tally *tally;
};

/* The walk. */
struct walk {
	struct eval *ev;
	struct node **nodes; /* by expression, then by age */
	size_t n_nodes;
	struct part *parts; /* a stack */
	size_t n, cap;
	struct promql_operator *root;
};

static int by_expr(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	if (x->expr != y->expr)
		return (uintptr_t)x->expr < (uintptr_t)y->expr ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Set in the number of a node that was planned before anything was evaluated: it stands around those that came later. */
#define PLANNED_EARLY 0x80000000u

static int collect_nodes(struct walk *w, struct err *err)
{
	struct eval *ev = w->ev;
	size_t n = 0;
	for (struct node *p = ev->first; p; p = p->next)
		n++;
	w->nodes = arena_array(ev->arena, n + 1, sizeof(struct node *));
	if (!w->nodes)
		return eval_oom(ev, err);
	w->n_nodes = 0;
	ev->n_planned = ev->n_planned ? ev->n_planned : (uint32_t)n;
	for (struct node *p = ev->first; p; p = p->next) {
		uint32_t age = (uint32_t)(n - w->n_nodes);
		p->number = age <= ev->n_planned ? age | PLANNED_EARLY : age;
		if (p->trace)
			w->nodes[w->n_nodes++] = p;
	}
	qsort(w->nodes, w->n_nodes, sizeof(struct node *), by_expr);
	return 0;
}

/* The first node of an expression in the list; n_nodes where there is none. */
static size_t first_of(const struct walk *w, const struct promql_expr *e)
{
	size_t lo = 0, hi = w->n_nodes;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if ((uintptr_t)w->nodes[mid]->expr < (uintptr_t)e)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n_nodes && w->nodes[lo]->expr == e ? lo : w->n_nodes;
}

static struct tally *tally_new(struct walk *w, struct tally *up, enum node_scope scope, uint32_t n)
{
	struct tally *t = arena_zalloc(w->ev->arena, sizeof(*t));
	if (!t)
		return NULL;
	t->up = up;
	t->scope = scope;
	t->n = n;
	t->next = w->ev->tallies;
	w->ev->tallies = t;
	return t;
}

/* Where samples count below a node that is evaluated otherwise than what is around it. NULL over budget. */
static struct tally *tally_below(struct walk *w, struct tally *up, struct node *n, bool outermost)
{
	enum node_scope scope = n->trace->ops->scope;
	uint32_t steps = scope == NODE_SCOPE_ONCE ? 1 : n->grid.n;
	struct tally *t = tally_new(w, scope == NODE_SCOPE_SHARED ? NULL : up, scope, steps);
	if (!t)
		return NULL;
	t->whole = scope == NODE_SCOPE_SUBQUERY && outermost;
	if (scope != NODE_SCOPE_SHARED)
		return t;
	t->steps = arena_array(w->ev->arena, steps, sizeof(*t->steps));
	share_set_tally(n, t);
	return t->steps ? t : NULL;
}

/* Hangs a node's operator below `up`. */
static int place_op(struct walk *w, struct node *n, struct promql_operator *up, struct err *err)
{
	struct promql_operator *op = &n->trace->op, **at = up ? &up->child : &w->root;
	while (*at)
		at = &(*at)->next;
	*at = op;
	op->up = up;
	op->pos = n->expr->pos;
	op->start_ms = n->grid.start;
	op->end_ms = n->grid.end;
	op->step_ms = n->grid.step;
	op->steps = n->grid.n;
	if (op->name)
		return 0;
	op->name = describe_operator(n->trace->ops->name, n->trace->ops->wraps ? NULL : n->expr, w->ev->arena);
	return op->name ? 0 : eval_oom(w->ev, err);
}

/* Goes into an expression: its nodes, the youngest outermost, become operators. */
static int enter(struct walk *w, struct promql_expr *e, struct promql_operator *up, struct tally *tally,
		 struct err *err)
{
	size_t first = first_of(w, e), end = first;
	while (end < w->n_nodes && w->nodes[end]->expr == e)
		end++;
	for (size_t i = end; i-- > first;) {
		struct node *n = w->nodes[i];
		enum node_scope scope = n->trace->ops->scope;
		int rc = place_op(w, n, up, err);
		if (rc)
			return rc;
		n->tally = tally;
		bool elsewhere = scope == NODE_SCOPE_SHARED && !share_is_first(n);
		if (tally && scope != NODE_SCOPE_SAME && !elsewhere && !(tally = tally_below(w, tally, n, !up)))
			return eval_oom(w->ev, err);
		up = &n->trace->op;
	}
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct part *p = arena_array(w->ev->arena, cap, sizeof(*p));
		if (!p)
			return eval_oom(w->ev, err);
		if (w->n)
			memcpy(p, w->parts, w->n * sizeof(*p));
		w->parts = p;
		w->cap = cap;
	}
	w->parts[w->n++] = (struct part){ e, 0, up, tally };
	return 0;
}

static int walk_tree(struct walk *w, const struct promql_expr *e, struct tally *top, struct err *err)
{
	int rc = enter(w, (struct promql_expr *)e, NULL, top, err);
	while (!rc && w->n) {
		struct part *p = &w->parts[w->n - 1];
		struct promql_expr **child = promql_expr_child(p->e, p->child++);
		if (child)
			rc = enter(w, *child, p->op, p->tally, err);
		else
			w->n--;
	}
	return rc;
}

int trace_tree(struct eval *ev, const struct promql_expr *e, struct promql_operator **ret, struct err *err)
{
	struct walk w = { .ev = ev };
	struct tally *top = NULL;
	*ret = NULL;
	ev->n_planned = 0;
	ev->traced_expr = e;
	int rc = collect_nodes(&w, err);
	if (!rc && ev->opts.count_samples) {
		top = tally_new(&w, NULL, NODE_SCOPE_SAME, ev->grid.n);
		if (!top || !(top->steps = arena_array(ev->arena, ev->grid.n, sizeof(*top->steps))))
			rc = eval_oom(ev, err);
		ev->tally = top;
	}
	rc = rc ? rc : walk_tree(&w, e, top, err);
	*ret = w.root;
	return rc;
}

/* Puts nodes that were planned while the query ran into the tree: parts that a user of a shared one evaluated anew. */
static void place_late(struct eval *ev)
{
	struct walk w = { .ev = ev };
	uint32_t n = 0;
	for (struct node *p = ev->first; p; p = p->next)
		n++;
	if (n == ev->n_planned || collect_nodes(&w, NULL) != 0)
		return;
	for (size_t i = 0; i < w.n_nodes; i++) {
		struct promql_operator *op = &w.nodes[i]->trace->op;
		op->up = op->child = op->next = NULL;
	}
	(void)walk_tree(&w, ev->traced_expr, NULL, NULL);
}

/* ---- at the end ---- */

/* Adds to a tally what those below it counted. Recurses as deep as steps change: no deeper than expressions nest. */
static void finish_tally(struct eval *ev, struct tally *t)
{
	uint64_t users;
	for (struct tally *b = ev->tallies; b; b = b->next) {
		if (b->up != t)
			continue;
		finish_tally(ev, b);
		if (b->whole)
			tally_add(t, t->n - 1, b->total);
		/* Samples inside of any other subquery count as those that its windows see. */
		for (uint32_t i = 0; b->scope == NODE_SCOPE_ONCE && i < t->n; i++)
			tally_add(t, i, b->total);
	}
	for (struct share *s = ev->shares; s; s = s->next) {
		struct tally *b = share_tally_for(s, t, &users);
		if (!users)
			continue;
		if (!b->finished)
			finish_tally(ev, b);
		for (uint32_t i = 0; i < t->n; i++)
			tally_add(t, i, users * b->steps[i]);
	}
	t->finished = true;
}

static void attach_reads(struct eval *ev)
{
	for (struct feed *f = ev->feeds; f; f = f->next) {
		struct trace *t = f->owner->trace;
		struct promql_read *r = t ? arena_zalloc(ev->arena, sizeof(*r)) : NULL;
		if (!r)
			continue;
		*r = (struct promql_read){ .hints = f->hints,
					   .matchers = f->matchers,
					   .n_matchers = f->n_matchers,
					   .series = f->n_series,
					   .samples = f->n_samples,
					   .next = (struct promql_read *)t->op.reads };
		r->hints.query_mint_ms = ev->mint;
		t->op.reads = r;
	}
}

/* Sums of subtrees, leaves first, without recursion: trees may be thousands of operators deep. */
static void sum_up(struct promql_operator *root)
{
	struct promql_operator *op = root;
	while (op) {
		while (op->child)
			op = op->child;
		for (;;) {
			op->wall_ns += op->self_wall_ns;
			op->cpu_ns += op->self_cpu_ns;
			if (op->up) {
				op->up->wall_ns += op->wall_ns;
				op->up->cpu_ns += op->cpu_ns;
			}
			if (op == root || op->next)
				break;
			op = op->up;
		}
		op = op == root ? NULL : op->next;
	}
}

void trace_finish(struct eval *ev, struct promql_operator *root)
{
	if (ev->tally)
		finish_tally(ev, ev->tally);
	if (!root)
		return;
	if (ev->tracer)
		place_late(ev);
	attach_reads(ev);
	sum_up(root);
}

/* ---- samples by step ---- */

/* tally_row of a row without histograms. */
static void tally_floats(struct tally *t, const double *v, uint32_t n)
{
	uint64_t total = 0, *steps = t->steps;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t there = !is_absent(v[i]);
		total += there;
		if (steps)
			steps[i] += there;
	}
	t->total += total;
}

void tally_row(struct tally *t, const struct row *r, uint32_t n, bool flat)
{
	if (!r->h) {
		tally_floats(t, r->v, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!is_absent(r->v[i]))
			tally_add(t, i, 1);
		else if (r->h[i])
			tally_add(t, i, flat ? 1 : hist_samples(r->h[i]));
	}
}

void tally_windows(struct tally *t, const struct window *w, const struct grid *g, const struct samples *s)
{
	size_t lo = 0, hi = 0, hlo = 0, hhi = 0;
	uint64_t hists = 0; /* size of those in the window */
	for (uint32_t i = 0; i < g->n; i++) {
		int64_t ref = window_ref(w, g, i), from = ref - w->range_ms;
		while (hi < s->n && s->t[hi] <= ref)
			hi++;
		while (lo < hi && s->t[lo] <= from)
			lo++;
		for (; hhi < s->nh && s->ht[hhi] <= ref; hhi++)
			hists += hist_samples(s->h[hhi]);
		for (; hlo < hhi && s->ht[hlo] <= from; hlo++)
			hists -= hist_samples(s->h[hlo]);
		tally_add(t, i, hi - lo + hists);
	}
}
