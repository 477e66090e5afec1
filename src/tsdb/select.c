#include "tsdb/select.h"

/* Values, or references, between two calls of the source's checkpoint. */
#define CHECKPOINT_EVERY 256
#define CHECKPOINT_REFS (1u << 20)

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
	bool tried; /* its list was made */
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

/* --- collecting ------------------------------------------------------------------- */

static bool wanted(const struct task *t, struct str value)
{
	return t->which == WHICH_EVERY || matcher_matches(t->m, value) == (t->which == WHICH_PASSING);
}

static int collect_walk(const struct postings_source *s, const struct task *t, struct refs *out, struct err *err)
{
	/* A prefix bounds what the pattern stands for: what passes =~, what is refused by !~. */
	bool bounded = t->which == (is_not(t->m) ? WHICH_REFUSED : WHICH_PASSING);
	struct str prefix = bounded ? matcher_prefix(t->m) : str_mem(NULL, 0);
	struct postings_values it = { 0 };
	int r = s->ops->values(s->src, t->m->name, prefix, &it, err);
	if (r < 0)
		return r;
	struct str value;
	size_t values = 0, kept = out->n;
	while ((r = s->ops->next(s->src, &it, &value, err)) > 0) {
		bool due = ++values % CHECKPOINT_EVERY == 0;
		if (wanted(t, value))
			r = s->ops->current(s->src, &it, out, err);
		if (r >= 0 && out->n - kept > CHECKPOINT_REFS) {
			/* Lists that repeat each other, which an honest index has not, must not add up. */
			r = refs_sort(out, err);
			kept = out->n;
			due = true;
		}
		if (r >= 0 && due && s->checkpoint)
			r = s->checkpoint(err);
		if (r < 0)
			return r;
	}
	return r;
}

/* The list of one matcher. */
static int collect(const struct postings_source *s, const struct task *t, struct refs *out, struct err *err)
{
	int r = 0;
	if (t->which == WHICH_SET) {
		size_t n;
		const struct str *set = matcher_set_values(t->m, &n);
		for (size_t i = 0; i < n && r >= 0; i++)
			r = s->ops->get(s->src, t->m->name, set[i], out, err);
	} else {
		r = collect_walk(s, t, out, err);
	}
	return r < 0 ? r : refs_sort(out, err);
}

/* What is selected so far: everything, until something narrowed it. */
struct selection {
	bool narrowed;
	struct postings now;
	uint32_t *own; /* now.p as memory of ours */
};

static void narrow(struct selection *sel, struct refs *list)
{
	if (!sel->narrowed) {
		sel->own = list->p;
		sel->now = refs_postings(list);
	} else {
		/* The result fits where either list was; the older memory is kept. */
		uint32_t *out = sel->now.n <= list->n ? sel->own : list->p;
		sel->now.n = postings_intersect(sel->now, refs_postings(list), out);
		sel->now.p = sel->own = out;
	}
	sel->narrowed = true;
}

/* Intersects the matchers' lists; exact ones first, for they are cheap and an empty one ends it all. */
static int keep_all(const struct postings_source *s, struct task *t, size_t n, struct arena *a, struct selection *sel,
		    struct err *err)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			bool cheap = t[i].which == WHICH_SET;
			if (t[i].role != ROLE_KEEP || t[i].tried || (pass == 0 && !cheap))
				continue;
			struct refs list = { .a = a };
			int r = collect(s, &t[i], &list, err);
			if (r < 0)
				return r;
			t[i].tried = true;
			narrow(sel, &list);
			if (sel->now.n == 0)
				return 0;
		}
	}
	return 0;
}

static int subtract_all(const struct postings_source *s, const struct task *t, size_t n, struct arena *a,
			struct selection *sel, struct err *err)
{
	for (size_t i = 0; i < n && sel->now.n > 0; i++) {
		if (t[i].role != ROLE_SUBTRACT)
			continue;
		struct arena_mark m = arena_mark(a);
		struct refs list = { .a = a };
		int r = collect(s, &t[i], &list, err);
		if (r < 0)
			return r;
		sel->now.n = postings_without(sel->now, refs_postings(&list), sel->own);
		sel->now.p = sel->own;
		arena_rewind(a, m);
	}
	return 0;
}

static int select_tasks(const struct postings_source *s, struct task *t, size_t n, struct arena *a,
			struct postings *ret, struct err *err)
{
	struct selection sel = { 0 };
	for (size_t i = 0; i < n; i++) {
		if (t[i].role == ROLE_NONE)
			return 0;
	}
	int r = keep_all(s, t, n, a, &sel, err);
	if (r == 0 && !sel.narrowed) {
		struct refs list = { .a = a };
		r = s->ops->all(s->src, &list, err);
		if (r == 0)
			r = refs_sort(&list, err);
		if (r == 0)
			narrow(&sel, &list);
	}
	if (r == 0)
		r = subtract_all(s, t, n, a, &sel, err);
	if (r == 0)
		*ret = sel.now;
	return r;
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
	return select_tasks(s, tasks, n, a, ret, err);
}
