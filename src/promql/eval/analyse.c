/* Analysis of an expression: what is invariant, what stands in it more than once. */
#include "promql/eval/analyse.h"

/* A class in the making: what its parts look like, as bytes. */
struct class
{
	struct str key;
	uint32_t id;
	bool placed;          /* a part of it was seen below another */
	uint32_t parent, nth; /* where: child `nth` of a part of class `parent` */
	bool repeated;        /* and elsewhere too */
};

struct analysis {
	struct eval *ev;
	struct expr_info *info;
	size_t n;
	struct hmap index;
	struct class **classes;
	size_t n_classes;
	struct strbuf key;
};

/* ---- all parts by id ---- */

/* Notes the parts of a tree, down the left side of chains of operators in a loop. */
static void collect(struct analysis *a, const struct promql_expr *e)
{
	for (; e->kind == PROMQL_BINARY; e = e->binary.lhs) {
		CHECK(e->id < a->n);
		a->info[e->id].expr = e;
		collect(a, e->binary.rhs);
	}
	CHECK(e->id < a->n);
	a->info[e->id].expr = e;
	struct promql_expr **child;
	for (size_t i = 0; (child = promql_expr_child((struct promql_expr *)e, i)); i++)
		collect(a, *child);
}

/* ---- what a part looks like ---- */

static void put(struct analysis *a, const void *p, size_t n)
{
	strbuf_add(&a->key, p, n);
}

static void put_int(struct analysis *a, int64_t v)
{
	put(a, &v, sizeof(v));
}

static void put_str(struct analysis *a, struct str s)
{
	put_int(a, (int64_t)s.n);
	put(a, s.p, s.n);
}

static void put_names(struct analysis *a, const struct promql_labels *l)
{
	put_int(a, (int64_t)l->n);
	for (size_t i = 0; i < l->n; i++)
		put_str(a, l->v[i]);
}

/* What only the query's step and range tell is taken to be different everywhere. */
static void put_duration(struct analysis *a, const struct promql_expr *owner, int64_t ns,
			 const struct promql_expr *duration)
{
	put_int(a, ns);
	put_int(a, duration ? (int64_t)owner->id : -1);
}

static void put_shift(struct analysis *a, const struct promql_expr *e, const struct promql_shift *s)
{
	put_duration(a, e, s->offset_ns, s->offset_expr);
	put_int(a, s->has_at ? s->at_ms : 0);
	put_int(a, s->has_at << 8 | s->at_preproc);
}

static void put_selector(struct analysis *a, const struct promql_expr *e)
{
	const struct promql_selector *s = &e->selector;
	put_int(a, (int64_t)s->n_matchers);
	for (size_t i = 0; i < s->n_matchers; i++) {
		put_int(a, s->matchers[i].type);
		put_str(a, s->matchers[i].name);
		put_str(a, s->matchers[i].value);
	}
	put_shift(a, e, &s->shift);
	put_int(a, s->anchored | s->smoothed << 1 | s->is_info_arg << 2);
}

static void put_binary(struct analysis *a, const struct promql_binary *b)
{
	const struct promql_matching *m = &b->matching;
	put_int(a, b->op);
	put_int(a, b->return_bool | m->on << 1 | m->has_fill_lhs << 2 | m->has_fill_rhs << 3);
	put_int(a, m->card);
	put(a, &m->fill_lhs, sizeof(m->fill_lhs));
	put(a, &m->fill_rhs, sizeof(m->fill_rhs));
	put_names(a, &m->labels);
	put_names(a, &m->include);
}

/* All that makes the part itself, without its children. */
static void put_self(struct analysis *a, const struct promql_expr *e)
{
	put_int(a, e->kind);
	put_int(a, e->pos.end - e->pos.start);
	switch (e->kind) {
	case PROMQL_NUMBER:
		put(a, &e->number.val, sizeof(e->number.val));
		break;
	case PROMQL_STRING:
		put_str(a, e->string);
		break;
	case PROMQL_SELECTOR:
		put_selector(a, e);
		break;
	case PROMQL_MATRIX:
		put_duration(a, e, e->matrix.range_ns, e->matrix.range_expr);
		break;
	case PROMQL_SUBQUERY:
		put_duration(a, e, e->subquery.range_ns, e->subquery.range_expr);
		put_duration(a, e, e->subquery.step_ns, e->subquery.step_expr);
		put_shift(a, e, &e->subquery.shift);
		break;
	case PROMQL_CALL:
		put_int(a, e->call.func->fn);
		break;
	case PROMQL_AGGREGATE:
		put_int(a, e->agg.op << 1 | e->agg.without);
		put_names(a, &e->agg.grouping);
		break;
	case PROMQL_BINARY:
		put_binary(a, &e->binary);
		break;
	case PROMQL_UNARY:
		put_int(a, e->unary.op);
		break;
	default:
		break;
	}
}

/* ---- classes ---- */

static bool same_key(const void *value, const void *key)
{
	return str_eq(((const struct class *)value)->key, *(const struct str *)key);
}

/* The class of what the key says, a new one if there is none. NULL over budget. */
static struct class *intern(struct analysis *a)
{
	struct str key = strbuf_str(&a->key);
	uint64_t hash = hash_str(key);
	struct class *c = hmap_find(&a->index, hash, same_key, &key);
	if (c)
		return c;
	c = arena_zalloc(a->ev->arena, sizeof(*c));
	const char *copy = c ? arena_memdup(a->ev->arena, key.p, key.n) : NULL;
	if (!copy)
		return NULL;
	c->key = str_mem(copy, key.n);
	c->id = (uint32_t)a->n_classes;
	a->classes[a->n_classes++] = c;
	hmap_add(&a->index, hash, c);
	return c;
}

/* Notes where a part of class `c` stands. */
static void place(struct class *c, uint32_t parent, size_t nth)
{
	if (!c->placed) {
		c->placed = true;
		c->parent = parent;
		c->nth = (uint32_t)nth;
	} else if (c->parent != parent || c->nth != nth) {
		c->repeated = true;
	}
}

/* Finds the class of a part whose children have theirs. */
static int classify(struct analysis *a, struct expr_info *x, struct err *err)
{
	struct promql_expr *e = (struct promql_expr *)x->expr, **child;
	a->key.n = 0;
	put_self(a, e);
	for (size_t i = 0; (child = promql_expr_child(e, i)); i++) {
		put_int(a, a->info[(*child)->id].class);
		put_int(a, (int64_t)(*child)->pos.start - e->pos.start);
	}
	struct class *c = intern(a);
	if (!c)
		return eval_oom(a->ev, err);
	x->class = c->id;
	for (size_t i = 0; (child = promql_expr_child(e, i)); i++)
		place(a->classes[a->info[(*child)->id].class], c->id, i);
	return 0;
}

/* ---- what follows from the children ---- */

static bool has_at(const struct promql_shift *s)
{
	return s->has_at || s->at_preproc != PROMQL_AT_NONE;
}

/* Whether a function without arguments says something of the query, not of the step. */
static bool is_folded(enum promql_fn fn)
{
	return fn == PROMQL_FN_START || fn == PROMQL_FN_END || fn == PROMQL_FN_RANGE || fn == PROMQL_FN_STEP;
}

/* Whether the argument of timestamp() is a selector with @: then its samples' own times come out. */
static bool has_fixed_time(const struct promql_expr *call)
{
	if (call->call.func->fn != PROMQL_FN_TIMESTAMP)
		return false;
	const struct promql_expr *arg = promql_expr_unparen(call->call.args[0]);
	return arg->kind == PROMQL_SELECTOR && has_at(&arg->selector.shift);
}

static void judge(struct analysis *a, struct expr_info *x)
{
	struct promql_expr *e = (struct promql_expr *)x->expr, **child;
	x->has_selector = e->kind == PROMQL_SELECTOR;
	x->invariant = true;
	for (size_t i = 0; (child = promql_expr_child(e, i)); i++) {
		x->has_selector |= a->info[(*child)->id].has_selector;
		x->invariant &= a->info[(*child)->id].invariant;
		x->counted |= a->info[(*child)->id].counted;
	}
	if (e->kind == PROMQL_CALL)
		x->counted |= e->call.func->fn == PROMQL_FN_HISTOGRAM_QUANTILE ||
			      e->call.func->fn == PROMQL_FN_HISTOGRAM_QUANTILES;
	if (e->kind == PROMQL_SELECTOR)
		x->invariant = has_at(&e->selector.shift) || e->selector.is_info_arg;
	else if (e->kind == PROMQL_SUBQUERY)
		x->invariant = has_at(&e->subquery.shift);
	else if (e->kind == PROMQL_CALL && e->call.func->at_modifier_unsafe)
		x->invariant = is_folded(e->call.func->fn) || has_fixed_time(e);
}

int analyse(struct eval *ev, const struct promql_expr *root, struct err *err)
{
	struct analysis a = { .ev = ev, .n = (size_t)root->id + 1 };
	int rc = 0;
	ev->info = a.info = arena_array(ev->arena, a.n, sizeof(*a.info));
	a.classes = arena_array(ev->arena, a.n, sizeof(*a.classes));
	if (!a.info || !a.classes)
		return eval_oom(ev, err);
	ev->n_info = a.n;
	collect(&a, root);
	for (size_t i = 0; i < a.n && !rc; i++) {
		if (!a.info[i].expr)
			continue;
		judge(&a, &a.info[i]);
		rc = classify(&a, &a.info[i], err);
	}
	for (size_t i = 0; i < a.n && !rc; i++)
		a.info[i].repeated = a.info[i].expr && a.classes[a.info[i].class]->repeated;
	hmap_fini(&a.index);
	strbuf_fini(&a.key);
	return rc;
}
