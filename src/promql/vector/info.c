/*
 * info(v, {sel}): labels of info metrics, such as target_info, added to the
 * series of v that have the same instance and job. Source: promql/info.go.
 */
#include "labels/builder.h"
#include "promql/eval/sig.h"
#include "promql/vector/vector.h"

#include <stdlib.h>

#define LABEL_INSTANCE STR("instance")
#define LABEL_JOB STR("job")

/* An info series. */
struct info_series {
	struct labels labels;
	struct hash128 sig;       /* of name, instance, job */
	int64_t *at;              /* grid.n: time of the sample that a step sees, INT64_MIN for none */
	struct info_series *next; /* of the same instance and job */
};

/* Info series with the same instance and job. */
struct info_target {
	struct sig_entry e;
	struct info_series *first, **end;
};

struct info {
	struct node n;
	struct info_args args;
	struct feed feed;
	struct table base, out;
	struct arena arena;
	struct sig_rule rule; /* instance and job */
	struct sig_map targets;
	struct matcher **names, **data; /* effective name matchers; the others of the selector */
	size_t n_names, n_data;
	struct labels_builder builder;
	double *v;
	bool filled;
	size_t row_at;
};

/* ---- which info series ---- */

static int split_matchers(struct info *x, struct err *err)
{
	struct promql_selector none = { .n_matchers = 0 };
	const struct promql_selector *sel = x->args.sel ? x->args.sel : &none;
	int rc = feed_init(&x->feed, &x->n, sel, err);
	if (rc)
		return rc;
	x->names = arena_array(&x->arena, sel->n_matchers + 1, sizeof(struct matcher *));
	x->data = arena_array(&x->arena, sel->n_matchers + 1, sizeof(struct matcher *));
	if (!x->names || !x->data)
		return arena_err(&x->arena, err);
	bool positive = false;
	for (size_t i = 0; i < x->feed.n_matchers; i++) {
		struct matcher *m = x->feed.matchers[i];
		if (!str_eq(m->name, LABEL_METRIC_NAME)) {
			x->data[x->n_data++] = m;
			continue;
		}
		x->names[x->n_names++] = m;
		positive |= m->type == MATCH_EQ || m->type == MATCH_RE;
	}
	if (x->n_names == 0)
		return matcher_compile_in(x->n.ev->arena, MATCH_EQ, LABEL_METRIC_NAME, STR("target_info"),
					  &x->names[x->n_names++], err);
	if (!positive)
		return matcher_compile_in(x->n.ev->arena, MATCH_RE, LABEL_METRIC_NAME, STR(".+_info"),
					  &x->names[x->n_names++], err);
	return 0;
}

static bool is_info_metric(const struct info *x, struct labels l)
{
	struct str name = labels_get(l, LABEL_METRIC_NAME);
	for (size_t i = 0; i < x->n_names; i++)
		if (!matcher_matches(x->names[i], name))
			return false;
	return true;
}

/* Appends `s` so that it matches itself only. */
static void add_escaped(struct strbuf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (memchr("\\.+*?()|[]{}^$", s.p[i], 14))
			strbuf_add_ch(b, '\\');
		strbuf_add_ch(b, s.p[i]);
	}
}

static int cmp_values(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* A matcher for the values that `name` has on the base series; *ret stays NULL where there are none. */
static int identity_matcher(struct info *x, struct str name, struct matcher **ret, struct err *err)
{
	struct str *v = arena_array(&x->arena, x->base.n + 1, sizeof(*v));
	size_t n = 0;
	if (!v)
		return arena_err(&x->arena, err);
	for (size_t i = 0; i < x->base.n; i++) {
		if (is_info_metric(x, x->base.p[i]->labels))
			continue;
		v[n] = labels_get(x->base.p[i]->labels, name);
		n += v[n].n > 0;
	}
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), cmp_values);
	struct strbuf b = { 0 };
	for (size_t i = 0; i < n; i++) {
		if (i && str_eq(v[i], v[i - 1]))
			continue;
		if (i)
			strbuf_add_ch(&b, '|');
		add_escaped(&b, v[i]);
	}
	int rc = matcher_compile_in(x->n.ev->arena, MATCH_RE, name, strbuf_str(&b), ret, err);
	strbuf_fini(&b);
	return rc;
}

/* The matchers of the selection; false in *ret_any where nothing has to be fetched. */
static int make_matchers(struct info *x, bool *ret_any, struct err *err)
{
	struct matcher *instance = NULL, *job = NULL;
	int rc = identity_matcher(x, LABEL_INSTANCE, &instance, err);
	if (!rc)
		rc = identity_matcher(x, LABEL_JOB, &job, err);
	*ret_any = instance || job;
	if (rc || !*ret_any)
		return rc;
	struct matcher **m = arena_array(x->n.ev->arena, x->n_names + x->n_data + 2, sizeof(*m));
	size_t n = 0;
	if (!m)
		return eval_oom(x->n.ev, err);
	if (instance)
		m[n++] = instance;
	if (job)
		m[n++] = job;
	for (size_t i = 0; i < x->n_data; i++)
		m[n++] = x->data[i];
	for (size_t i = 0; i < x->n_names; i++)
		m[n++] = x->names[i];
	x->feed.matchers = m;
	x->feed.n_matchers = n;
	return 0;
}

/* ---- reading them ---- */

/* The sample that each step sees. */
static int pick_times(struct info *x, const struct promql_series *in, struct info_series *s, struct err *err)
{
	size_t f = 0, h = 0;
	for (uint32_t i = 0; i < x->n.grid.n; i++) {
		const struct shift *sh = &x->args.shift;
		int64_t ref = (sh->has_at ? sh->at_ms : grid_t(&x->n.grid, i)) - sh->offset_ms;
		s->at[i] = INT64_MIN;
		while (f < in->n_floats && in->t[f] <= ref)
			f++;
		while (h < in->n_hists && in->ht[h] <= ref)
			h++;
		int64_t oldest = ref - x->n.ev->opts.lookback_ms;
		if (h && (!f || in->ht[h - 1] > in->t[f - 1])) {
			if (in->ht[h - 1] > oldest && !hist_is_stale(&in->h[h - 1]))
				return err_set(err, ERR_FAILED_PRECONDITION,
					       "this should be an info metric, with float samples: %s",
					       eval_labels_text(x->n.ev, in->labels));
			continue;
		}
		if (f && in->t[f - 1] > oldest && !value_is_stale(in->v[f - 1]))
			s->at[i] = in->t[f - 1];
	}
	return 0;
}

static int target_of(struct info *x, struct labels l, bool add, struct info_target **ret, struct err *err)
{
	struct hash128 h;
	int rc = sig_hash(&x->rule, &x->n, l, &h, err);
	if (rc)
		return rc;
	*ret = sig_find(&x->targets, h);
	if (*ret || !add)
		return 0;
	struct info_target *t = arena_zalloc(&x->arena, sizeof(*t));
	if (!t)
		return arena_err(&x->arena, err);
	t->e.hash = h;
	t->end = &t->first;
	sig_add(&x->targets, &t->e);
	*ret = t;
	return 0;
}

static int read_infos(struct info *x, struct err *err)
{
	struct promql_series in = { 0 };
	int rc;
	while ((rc = feed_next(&x->feed, &in, err)) == 1) {
		struct info_series *s = arena_zalloc(&x->arena, sizeof(*s));
		struct info_target *t;
		if (!s || !(s->at = arena_array(&x->arena, x->n.grid.n, sizeof(*s->at))))
			return arena_err(&x->arena, err);
		rc = labels_copy(in.labels, &x->arena, &s->labels, err);
		if (!rc)
			rc = pick_times(x, &in, s, err);
		if (!rc)
			rc = target_of(x, s->labels, true, &t, err);
		if (rc)
			return rc;
		*t->end = s;
		t->end = &s->next;
	}
	return rc;
}

/* Of two info series with one name at a step the newer one stays. */
static int resolve_pair(struct info *x, struct info_series *a, struct info_series *b, struct err *err)
{
	for (uint32_t i = 0; i < x->n.grid.n; i++) {
		if (a->at[i] == INT64_MIN || b->at[i] == INT64_MIN)
			continue;
		if (a->at[i] == b->at[i])
			return err_set(err, ERR_FAILED_PRECONDITION,
				       "found duplicate series for info metric: existing %s @ %lld, new %s "
				       "@ %lld",
				       eval_labels_text(x->n.ev, a->labels), (long long)a->at[i],
				       eval_labels_text(x->n.ev, b->labels), (long long)b->at[i]);
		*(a->at[i] < b->at[i] ? &a->at[i] : &b->at[i]) = INT64_MIN;
	}
	return 0;
}

static int resolve_duplicates(struct info *x, struct err *err)
{
	size_t pos = 0;
	struct info_target *t;
	while ((t = hmap_next(&x->targets.map, &pos)))
		for (struct info_series *a = t->first; a; a = a->next)
			for (struct info_series *b = a->next; b; b = b->next) {
				if (!str_eq(labels_get(a->labels, LABEL_METRIC_NAME),
					    labels_get(b->labels, LABEL_METRIC_NAME)))
					continue;
				int rc = resolve_pair(x, a, b, err);
				if (rc)
					return rc;
			}
	return 0;
}

/* ---- joining ---- */

static bool wanted_label(const struct info *x, struct str name)
{
	for (size_t i = 0; i < x->n_data; i++)
		if (str_eq(x->data[i]->name, name))
			return true;
	return x->n_data == 0;
}

/* Adds the labels of one info series. */
static int add_labels(struct info *x, struct labels base, struct labels info, struct err *err)
{
	for (size_t i = 0; i < info.n; i++) {
		struct label l = info.p[i];
		if (str_eq(l.name, LABEL_METRIC_NAME) || !wanted_label(x, l.name) || labels_has(base, l.name))
			continue;
		struct str old = labels_builder_get(&x->builder, l.name);
		if (old.n && !str_eq(old, l.value))
			return err_set(err, ERR_FAILED_PRECONDITION, "conflicting label: %.*s", STR_ARG(l.name));
		labels_builder_set(&x->builder, l.name, l.value);
	}
	return 0;
}

/* Whether two steps see the same info series. */
static bool same_infos(const struct info_target *t, uint32_t i, uint32_t j)
{
	for (const struct info_series *s = t ? t->first : NULL; s; s = s->next)
		if ((s->at[i] == INT64_MIN) != (s->at[j] == INT64_MIN))
			return false;
	return true;
}

/* Labels of a base series with what it gets at step i; false in *ret_keep where it gets nothing it must. */
static int joined_labels(struct info *x, const struct trow *base, const struct info_target *t, uint32_t i,
			 struct labels *ret, bool *ret_keep, struct err *err)
{
	bool matched = false;
	labels_builder_reset(&x->builder, base->labels);
	for (const struct info_series *s = t ? t->first : NULL; s; s = s->next) {
		if (s->at[i] == INT64_MIN)
			continue;
		matched = true;
		int rc = add_labels(x, base->labels, s->labels, err);
		if (rc)
			return rc;
	}
	*ret_keep = true;
	for (size_t k = 0; k < x->n_data && !matched; k++)
		*ret_keep &= matcher_matches_empty(x->data[k]);
	*ret = labels_builder_labels(&x->builder);
	return 0;
}

/* Puts the steps of a base series that see the same info series into one row each. */
static int join_row(struct info *x, const struct trow *base, struct err *err)
{
	uint32_t n = x->n.grid.n;
	struct info_target *t = NULL;
	struct row r = trow_row(base);
	if (is_info_metric(x, base->labels))
		return table_merge(&x->out, &r, MERGE_STEPS, err);
	int rc = target_of(x, base->labels, false, &t, err);
	uint8_t *done = arena_array(&x->n.tmp, n, 1);
	const struct histogram **h = base->h ? arena_array(&x->n.tmp, n, sizeof(*h)) : NULL;
	if (!done || (base->h && !h))
		return arena_err(&x->n.tmp, err);
	for (uint32_t i = 0; i < n && !rc; i++) {
		bool keep = false;
		if (done[i] || (is_absent(base->v[i]) && !(base->h && base->h[i])))
			continue;
		rc = joined_labels(x, base, t, i, &r.labels, &keep, err);
		r.v = x->v;
		r.h = h;
		for (uint32_t j = 0; j < n; j++) {
			bool here = j >= i && !done[j] && same_infos(t, i, j);
			x->v[j] = here ? base->v[j] : absent();
			if (h)
				h[j] = here ? base->h[j] : NULL;
			done[j] |= here;
		}
		if (!rc && keep)
			rc = table_merge(&x->out, &r, MERGE_STEPS, err);
	}
	return rc;
}

static int fill(struct info *x, struct err *err)
{
	bool any;
	x->filled = true;
	int rc = table_fill(&x->base, x->args.child, err);
	if (!rc)
		rc = split_matchers(x, err);
	if (!rc)
		rc = make_matchers(x, &any, err);
	if (!rc && any)
		rc = read_infos(x, err);
	if (!rc)
		rc = resolve_duplicates(x, err);
	for (size_t i = 0; i < x->base.n && !rc; i++) {
		node_rewind(&x->n);
		rc = join_row(x, x->base.p[i], err);
	}
	return rc;
}

static int info_next(struct node *n, struct row *ret, struct err *err)
{
	struct info *x = (struct info *)n;
	int rc = x->filled ? 0 : fill(x, err);
	if (rc || x->row_at == x->out.n)
		return rc;
	*ret = trow_row(x->out.p[x->row_at++]);
	return 1;
}

static void info_close(struct node *n)
{
	struct info *x = (struct info *)n;
	feed_close(&x->feed);
	arena_fini(&x->feed.cols);
	table_fini(&x->base);
	table_fini(&x->out);
	sig_map_fini(&x->targets);
	labels_builder_fini(&x->builder);
	arena_fini(&x->arena);
}

static const struct node_ops info_ops = { info_next, info_close, "function" };

int info_new(struct eval *ev, const struct promql_expr *e, const struct info_args *args, struct node **ret,
	     struct err *err)
{
	struct info *x = node_new(ev, sizeof(*x), &info_ops, e, args->child->grid, err);
	if (!x)
		return -err->code;
	struct str names[] = { LABEL_INSTANCE, LABEL_JOB };
	struct promql_labels identity = { names, ARRAY_LEN(names) };
	x->args = *args;
	x->feed.ev = ev;
	arena_init(&x->feed.cols, ev->arena->budget);
	arena_init(&x->arena, ev->arena->budget);
	table_init(&x->base, ev, x->n.grid.n);
	table_init(&x->out, ev, x->n.grid.n);
	feed_range(&x->feed, ev, &x->n.grid, args->shift, ev->opts.lookback_ms, 0);
	x->feed.hints.func = STR("info");
	x->v = arena_array(ev->arena, x->n.grid.n, sizeof(*x->v));
	*ret = &x->n;
	return x->v ? sig_rule_init(&x->rule, ev, &identity, true, err) : eval_oom(ev, err);
}
