#include "tsdb/select.h"

#include <string.h>

/* References after which those collected are sorted, where no bitmap is kept. */
#define SORT_EVERY (1u << 20)

/* References copied or compared between two pauses. */
#define STEP 16384u

/* What looking at a value is in units of work (base/pause.h), without and with a regular expression. */
#define VALUE_WORK 8
#define REGEX_WORK 128

/* How a matcher takes part. */
enum role {
	ROLE_ALL,      /* matches anything: nothing to do */
	ROLE_NONE,     /* matches nothing */
	ROLE_KEEP,     /* its series are intersected */
	ROLE_SUBTRACT, /* the series that it refuses are taken away at the end */
};

/* Which values of the label are collected for a matcher. */
enum which {
	WHICH_SET,     /* those of the matcher's finite set */
	WHICH_PASSING, /* those that pass */
	WHICH_REFUSED, /* those that do not pass */
	WHICH_EVERY,   /* all */
};

/* What to do for one matcher. */
struct task {
	const struct matcher *m;
	enum role role;
	enum which which;
};

static bool is_not(const struct matcher *m)
{
	return m->type == MATCH_NEQ || m->type == MATCH_NRE;
}

static bool is_regex(const struct matcher *m)
{
	return m->type == MATCH_RE || m->type == MATCH_NRE;
}

/* Whether some matcher on the same label refuses the empty value: then a series must have the label. */
static bool must_be_set(struct matcher *const *m, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(m[i]->name, name) && !matcher_matches_empty(m[i]))
			return true;
	}
	return false;
}

/* Values that the positive form of `m` stands for: its set where it has one. */
static enum which positive_of(const struct matcher *m)
{
	size_t n;
	if (matcher_set_values(m, &n))
		return WHICH_SET;
	return is_not(m) ? WHICH_REFUSED : WHICH_PASSING;
}

/* Values that the negative form of `m` stands for. */
static enum which negative_of(const struct matcher *m)
{
	if (m->value.n == 0)
		return WHICH_EVERY; /* l!="" and l="": having the label at all */
	return is_not(m) ? WHICH_PASSING : WHICH_REFUSED;
}

static struct task task_of(struct matcher *const *all, size_t n, const struct matcher *m)
{
	struct task t = { .m = m };
	bool plus = is_regex(m) && str_eq(m->value, STR(".+"));
	if (matcher_matches_all(m) || (m->type == MATCH_EQ && m->name.n + m->value.n == 0)) {
		t.role = ROLE_ALL; /* the second is Prometheus' way to say "all postings" */
	} else if (m->type == MATCH_NRE && str_eq(m->value, STR(".*"))) {
		t.role = ROLE_NONE;
	} else if (plus) {
		t.role = m->type == MATCH_RE ? ROLE_KEEP : ROLE_SUBTRACT;
		t.which = WHICH_EVERY;
	} else if (must_be_set(all, n, m->name)) {
		bool empty = matcher_matches_empty(m);
		t.role = is_not(m) && empty ? ROLE_SUBTRACT : ROLE_KEEP;
		t.which = is_not(m) && !empty ? negative_of(m) : positive_of(m);
	} else {
		/* Selects the series without the label as well: take away those whose value is refused. */
		t.role = ROLE_SUBTRACT;
		t.which = is_not(m) ? positive_of(m) : negative_of(m);
	}
	return t;
}

/* --- sets ------------------------------------------------------------------------- */

/* A selection under way. */
struct selection {
	const struct postings_source *s;
	struct arena *a;
	struct err *err;
	struct pause none, *pause;
	bool narrowed; /* `now` is what is selected so far; before it is everything */
	struct postings now;
	uint32_t *own; /* now.p */
};

/* What one matcher stands for: a list, or a bitmap. */
struct set {
	struct postings_list list;
	uint32_t *own;  /* the list's array where it is ours */
	uint64_t *bits; /* instead of a list; of source.limit */
	size_t n;
};

static int worked(struct selection *sel, size_t work)
{
	return pause_after(sel->pause, work, sel->err);
}

/* References of a list from number `at` < l->n on that lie together, and at most STEP. */
static struct postings run_of(const struct postings_list *l, size_t at)
{
	size_t into = at % POSTINGS_SEGMENT;
	if (!l->segments)
		return (struct postings){ l->p + at, MIN(l->n - at, (size_t)STEP) };
	return (struct postings){ l->segments[at / POSTINGS_SEGMENT] + into, MIN(l->n - at, POSTINGS_SEGMENT - into) };
}

/* Copies a set to memory that has room. */
static int copy_list(struct selection *sel, const struct postings_list *l, uint32_t *out)
{
	int rc = 0;
	for (size_t at = 0; at < l->n && rc == 0;) {
		struct postings run = run_of(l, at);
		memcpy(out + at, run.p, run.n * sizeof(*out));
		at += run.n;
		rc = worked(sel, run.n / 4);
	}
	return rc;
}

static int copy_bits(struct selection *sel, const uint64_t *bits, uint32_t *out)
{
	size_t k = 0, words = (size_t)sel->s->limit / 64 + 1;
	int rc = 0;
	for (size_t w = 0; w < words && rc == 0; w++) {
		size_t before = k;
		for (uint64_t b = bits[w]; b; b &= b - 1)
			out[k++] = (uint32_t)(w << 6) + (uint32_t)__builtin_ctzll(b);
		if (w % 256 == 255 || k - before > 32)
			rc = worked(sel, w % 256 == 255 ? 64 : 16);
	}
	return rc;
}

/* --- collecting ------------------------------------------------------------------- */

static bool wanted(const struct task *t, struct str value)
{
	return t->which == WHICH_EVERY || matcher_matches(t->m, value) == (t->which == WHICH_PASSING);
}

/* A union being made: few in a list, many in a bitmap where the source's references are dense. */
struct gather {
	struct selection *sel;
	struct refs list;
	uint64_t *bits;
	size_t sorted; /* of the list */
};

static int mark(struct gather *g, struct postings p)
{
	uint32_t limit = g->sel->s->limit;
	for (size_t i = 0; i < p.n; i++)
		if (p.p[i] < limit)
			g->bits[p.p[i] / 64] |= 1ULL << p.p[i] % 64;
	return worked(g->sel, p.n + 4);
}

/* Moves a long list to the bitmap, or drops repeats from it: an honest index has none, others must not add up. */
static int tidy(struct gather *g)
{
	struct selection *sel = g->sel;
	int rc = 0;
	if (sel->s->limit && (g->bits || g->list.n > sel->s->limit / 64)) {
		if (!g->bits)
			g->bits = arena_zalloc(sel->a, ((size_t)sel->s->limit / 64 + 1) * sizeof(*g->bits));
		if (!g->bits)
			return arena_err(sel->a, sel->err);
		for (size_t at = 0; at < g->list.n && rc == 0; at += STEP)
			rc = mark(g, (struct postings){ g->list.p + at, MIN(g->list.n - at, (size_t)STEP) });
		g->list.n = 0;
	} else if (g->list.n - g->sorted > SORT_EVERY) {
		rc = refs_sort(&g->list, sel->pause, sel->err);
		g->sorted = g->list.n;
	}
	return rc;
}

/* Adds a borrowed list, after what was appended to the list itself. */
static int add(struct gather *g, const struct postings_list *l)
{
	int rc = tidy(g);
	for (size_t at = 0; at < l->n && rc == 0;) {
		struct postings run = run_of(l, at);
		at += run.n;
		if (g->bits) {
			rc = mark(g, run);
			continue;
		}
		rc = refs_reserve(&g->list, run.n, g->sel->err);
		if (rc == 0) {
			memcpy(g->list.p + g->list.n, run.p, run.n * sizeof(*run.p));
			g->list.n += run.n;
			rc = tidy(g);
		}
	}
	return rc;
}

static int collect_walk(struct gather *g, const struct task *t)
{
	/* A prefix bounds what the pattern stands for: what passes =~, what is refused by !~. */
	bool bounded = t->which == (is_not(t->m) ? WHICH_REFUSED : WHICH_PASSING);
	struct str prefix = bounded ? matcher_prefix(t->m) : str_mem(NULL, 0);
	const struct postings_source *s = g->sel->s;
	struct postings_values it = { 0 };
	struct err *err = g->sel->err;
	int r = s->ops->values(s->src, t->m->name, prefix, &it, err);
	if (r < 0)
		return r;
	struct str value;
	while ((r = s->ops->next(s->src, &it, &value, err)) > 0) {
		struct postings_list l = { 0 };
		if (wanted(t, value))
			r = s->ops->current(s->src, &it, &g->list, &l, err);
		if (r >= 0)
			r = add(g, &l);
		/* Here, where nothing holds on to the value. */
		if (r >= 0)
			r = worked(g->sel, t->m->re ? REGEX_WORK : VALUE_WORK);
		if (r < 0)
			return r;
	}
	return r;
}

/* The values of the matcher's set. A single list that is there is taken as it is. */
static int collect_set(struct gather *g, const struct task *t, struct postings_list *ret_only)
{
	const struct postings_source *s = g->sel->s;
	size_t n;
	const struct str *set = matcher_set_values(t->m, &n);
	int r = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct postings_list l = { 0 };
		r = s->ops->get(s->src, t->m->name, set[i], &g->list, &l, g->sel->err);
		if (n == 1 && l.n)
			*ret_only = l;
		else if (r >= 0)
			r = add(g, &l);
		if (r >= 0)
			r = worked(g->sel, VALUE_WORK);
	}
	return r;
}

static size_t popcount(const uint64_t *bits, uint32_t limit)
{
	size_t n = 0;
	for (size_t i = 0; i < (size_t)limit / 64 + 1; i++)
		n += (size_t)__builtin_popcountll(bits[i]);
	return n;
}

/* The set of one matcher. */
static int collect(struct selection *sel, const struct task *t, struct set *ret)
{
	struct gather g = { .sel = sel, .list = { .a = sel->a } };
	*ret = (struct set){ .n = 0 };
	int r = t->which == WHICH_SET ? collect_set(&g, t, &ret->list) : collect_walk(&g, t);
	if (r >= 0 && g.bits)
		r = tidy(&g);
	if (r >= 0 && !g.bits)
		r = refs_sort(&g.list, sel->pause, sel->err);
	if (r < 0)
		return r;
	if (!ret->list.n && !g.bits) {
		ret->list = (struct postings_list){ .p = g.list.p, .n = g.list.n };
		ret->own = g.list.p;
	}
	ret->bits = g.bits;
	ret->n = g.bits ? popcount(g.bits, sel->s->limit) : ret->list.n;
	return 0;
}

/* --- narrowing --------------------------------------------------------------------- */

/* The first set: it is what is selected. */
static int take(struct selection *sel, const struct set *x)
{
	sel->narrowed = true;
	sel->own = x->own;
	sel->now = (struct postings){ x->list.p, x->n };
	if (sel->own || x->n == 0)
		return 0;
	sel->now.p = sel->own = arena_alloc(sel->a, x->n * sizeof(*sel->own));
	if (!sel->own)
		return arena_err(sel->a, sel->err);
	return x->bits ? copy_bits(sel, x->bits, sel->own) : copy_list(sel, &x->list, sel->own);
}

/* First number from `at` on whose reference is >= v; segments are searched by their last. */
static size_t seek_list(const struct postings_list *l, size_t at, uint32_t v)
{
	if (!l->segments)
		return postings_seek((struct postings){ l->p, l->n }, at, v);
	size_t lo = at / POSTINGS_SEGMENT, hi = (l->n - 1) / POSTINGS_SEGMENT;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (l->segments[mid][POSTINGS_SEGMENT - 1] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	size_t from = MAX(at, lo * POSTINGS_SEGMENT);
	return from + postings_seek(run_of(l, from), 0, v);
}

/* Keeps the references that are in the list, or those that are not. */
static int filter_list(struct selection *sel, const struct postings_list *l, bool keep)
{
	size_t i = 0, at = 0, k = 0;
	int rc = 0;
	while (i < sel->now.n && at < l->n && rc == 0) {
		at = seek_list(l, at, sel->now.p[i]);
		if (at >= l->n)
			break;
		struct postings run = run_of(l, at), some = { sel->now.p + i, MIN(sel->now.n - i, (size_t)STEP) };
		uint32_t last = run.p[run.n - 1];
		some.n = postings_seek(some, 0, last);
		some.n += some.n < MIN(sel->now.n - i, (size_t)STEP) && some.p[some.n] == last;
		k += keep ? postings_intersect(some, run, sel->own + k) : postings_without(some, run, sel->own + k);
		i += some.n;
		rc = worked(sel, some.n + run.n / 16);
	}
	if (!keep && i < sel->now.n && rc == 0) {
		memmove(sel->own + k, sel->now.p + i, (sel->now.n - i) * sizeof(*sel->own));
		k += sel->now.n - i;
	}
	sel->now = (struct postings){ sel->own, k };
	return rc;
}

static int filter_bits(struct selection *sel, const uint64_t *bits, bool keep)
{
	size_t k = 0;
	int rc = 0;
	for (size_t i = 0; i < sel->now.n && rc == 0; i++) {
		uint32_t v = sel->now.p[i];
		sel->own[k] = v;
		k += (v < sel->s->limit && bits[v / 64] >> v % 64 & 1) == keep;
		if (i % 1024 == 1023)
			rc = worked(sel, 1024);
	}
	sel->now = (struct postings){ sel->own, k };
	return rc;
}

/* Leaves in what is selected only what is in a set (keep), or not in it. */
static int filter(struct selection *sel, const struct set *x, bool keep)
{
	return x->bits ? filter_bits(sel, x->bits, keep) : filter_list(sel, &x->list, keep);
}

static int narrow(struct selection *sel, const struct set *x)
{
	return sel->narrowed ? filter(sel, x, true) : take(sel, x);
}

/* Intersects lists that cost nothing or little to get, the shortest first. */
static int keep_sets(struct selection *sel, const struct task *t, size_t n)
{
	struct set *sets = arena_array(sel->a, n + 1, sizeof(*sets));
	size_t k = 0;
	int rc = 0;
	if (!sets)
		return arena_err(sel->a, sel->err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct set x;
		size_t at = k;
		if (t[i].role != ROLE_KEEP || t[i].which != WHICH_SET)
			continue;
		rc = collect(sel, &t[i], &x);
		for (; rc == 0 && at > 0 && sets[at - 1].n > x.n; at--)
			sets[at] = sets[at - 1];
		sets[at] = x;
		k++;
		if (rc == 0 && x.n == 0)
			break;
	}
	for (size_t i = 0; i < k && rc == 0 && !(sel->narrowed && sel->now.n == 0); i++)
		rc = narrow(sel, &sets[i]);
	return rc;
}

/* Intersects what values that pass give. */
static int keep_walks(struct selection *sel, const struct task *t, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0 && !(sel->narrowed && sel->now.n == 0); i++) {
		struct set x;
		if (t[i].role != ROLE_KEEP || t[i].which == WHICH_SET)
			continue;
		rc = collect(sel, &t[i], &x);
		if (rc == 0)
			rc = narrow(sel, &x);
	}
	return rc;
}

static int take_all(struct selection *sel)
{
	struct refs list = { .a = sel->a };
	int rc = sel->s->ops->all(sel->s->src, &list, sel->err);
	if (rc == 0)
		rc = refs_sort(&list, sel->pause, sel->err);
	sel->narrowed = true;
	sel->own = list.p;
	sel->now = refs_postings(&list);
	return rc;
}

static int subtract_all(struct selection *sel, const struct task *t, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0 && sel->now.n > 0; i++) {
		struct set x;
		if (t[i].role != ROLE_SUBTRACT)
			continue;
		rc = collect(sel, &t[i], &x);
		if (rc == 0 && x.n)
			rc = filter(sel, &x, false);
	}
	return rc;
}

static int select_tasks(struct selection *sel, const struct task *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (t[i].role == ROLE_NONE)
			return 0;
	}
	int rc = keep_sets(sel, t, n);
	if (rc == 0)
		rc = keep_walks(sel, t, n);
	if (rc == 0 && !sel->narrowed)
		rc = take_all(sel);
	return rc == 0 ? subtract_all(sel, t, n) : rc;
}

int postings_for_matchers(const struct postings_source *s, struct matcher *const *m, size_t n, struct arena *a,
			  struct postings *ret, struct err *err)
{
	*ret = (struct postings){ NULL, 0 };
	struct task *tasks = arena_array(a, n + 1, sizeof(*tasks));
	if (!tasks)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++)
		tasks[i] = task_of(m, n, m[i]);
	struct selection sel = { .s = s, .a = a, .err = err };
	sel.pause = s->pause ? s->pause : &sel.none;
	int rc = select_tasks(&sel, tasks, n);
	if (rc == 0)
		*ret = sel.now;
	return rc;
}
