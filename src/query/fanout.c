#include "query/below.h"
#include "query/fanout_internal.h"

#include "base/mem.h"
#include "grpc/client.h"
#include "labels/builder.h"
#include "labels/relabel_yaml.h"
#include "loop/fiber.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

/* Calls to an endpoint group that find no server are tried so often, with a pause that doubles. */
#define GROUP_TRIES 3
#define GROUP_PAUSE_MS 100

struct fanout *fanout_new(struct endpoints *set, const struct fanout_config *cfg, struct metrics_registry *reg)
{
	static const double series[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
	static const double chunks[] = { 1, 100, 1e3, 1e4, 1e5, 1e7, 1e8, 1e9 };
	struct fanout *f = xcalloc(1, sizeof(*f));
	f->set = set;
	f->cfg = *cfg;
	if (!reg)
		return f;
	f->empty_streams = metrics_counter(reg, "thanos_proxy_store_empty_stream_responses_total",
					   "Total number of empty responses received.");
	f->series_requested =
		metrics_histogram(reg, "thanos_store_server_series_requested",
				  "Number of requested series for Series calls", series, ARRAY_LEN(series));
	f->chunks_requested =
		metrics_histogram(reg, "thanos_store_server_chunks_requested",
				  "Number of requested chunks for Series calls", chunks, ARRAY_LEN(chunks));
	f->pending_requests =
		metrics_gauge(reg, "thanos_store_server_pending_series_requests", "Number of pending series requests");
	struct metrics_vec *dropped = metrics_counter_vec(
		reg, "thanos_store_selects_dropped_total",
		"Number of select queries that were dropped due to configured limits.", METRICS_LABELS("reason"));
	f->dropped_series = metrics_counter_with(dropped, METRICS_LABELS("series"));
	f->dropped_samples = metrics_counter_with(dropped, METRICS_LABELS("chunks"));
	return f;
}

void fanout_free(struct fanout *f)
{
	free(f);
}

void fanout_warn(struct fanout_warnings *w, struct str text)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->texts[i], text))
			return;
	if (text.n == 0)
		return;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 8;
		struct str *more = arena_array(w->a, cap, sizeof(*more));
		if (!more)
			return;
		if (w->n)
			memcpy(more, w->texts, w->n * sizeof(*more));
		w->texts = more;
		w->cap = cap;
	}
	char *copy = arena_memdup(w->a, text.p, text.n);
	if (copy)
		w->texts[w->n++] = str_mem(copy, text.n);
}

/* --- which stores ------------------------------------------------------------------------- */

/* Whether the relabelling rules keep a label set. Sets that do not fit into the arena are kept out. */
static bool selector_keeps(const struct relabel_rules *rules, struct labels set, struct arena *a)
{
	struct labels_builder b = { 0 };
	bool keep = false;
	labels_builder_reset(&b, set);
	if (relabel_apply(rules->p, rules->n, &b, a, &keep, NULL) != 0)
		keep = false;
	labels_builder_fini(&b);
	return keep;
}

/*
 * The label sets of a store that the selector keeps (upstream: TSDBSelector.MatchLabelSets): false where it keeps none of
 * some. *ret is NULL where all may come.
 */
static bool select_sets(const struct fanout *f, const struct endpoint_info *i, struct arena *a, struct labels **ret,
			size_t *ret_n)
{
	*ret = NULL;
	*ret_n = 0;
	if (!f->cfg.selector || f->cfg.selector->n == 0 || i->n_label_sets == 0)
		return true;
	struct labels *kept = arena_array(a, i->n_label_sets, sizeof(*kept));
	for (size_t k = 0; kept && k < i->n_label_sets; k++)
		if (selector_keeps(f->cfg.selector, i->label_sets[k], a))
			kept[(*ret_n)++] = i->label_sets[k];
	*ret = kept;
	return *ret_n > 0;
}

/* Whether an address passes one of the sets of matchers on __address__. */
static bool address_fits(const struct fanout_scope *scope, const char *address)
{
	if (!scope || scope->n_store_match == 0)
		return true;
	for (size_t k = 0; k < scope->n_store_match; k++) {
		const struct fanout_match *m = &scope->store_match[k];
		bool fits = true;
		for (size_t i = 0; i < m->n && fits; i++)
			fits = !str_eq(m->p[i]->name, STR("__address__")) || matcher_matches(m->p[i], str_c(address));
		if (fits)
			return true;
	}
	return false;
}

/* Whether the matchers let some set of external labels pass; labels that a set lacks say nothing. */
static bool sets_fit(struct matcher *const *m, size_t n, const struct labels *sets, size_t n_sets)
{
	for (size_t k = 0; k < n_sets; k++) {
		bool fits = true;
		for (size_t i = 0; i < n && fits; i++)
			fits = !labels_has(sets[k], m[i]->name) ||
			       matcher_matches(m[i], labels_get(sets[k], m[i]->name));
		if (fits)
			return true;
	}
	return n_sets == 0;
}

/* --- matchers that the selector adds ---------------------------------------------------------- */

/* Label sets whose labels become matchers. */
struct set_list {
	struct labels *p;
	size_t n, cap;
};

static int set_list_add(struct set_list *l, const struct labels *sets, size_t n, struct arena *a, struct err *err)
{
	if (l->n + n > l->cap) {
		size_t cap = (l->n + n) * 2;
		struct labels *more = arena_array(a, cap, sizeof(*more));
		if (!more)
			return arena_err(a, err);
		if (l->n)
			memcpy(more, l->p, l->n * sizeof(*more));
		l->p = more;
		l->cap = cap;
	}
	if (n)
		memcpy(l->p + l->n, sets, n * sizeof(*sets));
	l->n += n;
	return 0;
}

/* Appends text so that a regular expression matches it literally. */
static void add_literal(struct strbuf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] && strchr("\\.+*?()|[]{}^$", s.p[i]))
			strbuf_add_ch(b, '\\');
		strbuf_add_ch(b, s.p[i]);
	}
}

/* One matcher: the values that the sets have for `name`; "^$" where one lacks it. */
static int matcher_for(const struct set_list *l, struct str name, struct arena *a, struct wire_matcher *ret,
		       struct err *err)
{
	struct str *values = arena_array(a, l->n, sizeof(*values));
	size_t n = 0, have = 0;
	struct strbuf b = { 0 };
	if (!values)
		return arena_err(a, err);
	for (size_t i = 0; i < l->n; i++)
		if (labels_has(l->p[i], name))
			values[n++] = labels_get(l->p[i], name);
	have = n;
	n = str_sort_unique(values, n);
	if (have < l->n)
		strbuf_add_c(&b, "^$|");
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_ch(&b, '|');
		add_literal(&b, values[i]);
	}
	char *text = arena_memdup(a, b.p, b.n);
	*ret = (struct wire_matcher){ MATCH_RE, name, str_mem(text, b.n) };
	strbuf_fini(&b);
	return text ? 0 : arena_err(a, err);
}

/* Matchers that keep stores from giving more than the chosen label sets (upstream: MatchersForLabelSets). */
static int matchers_for(const struct set_list *l, struct arena *a, struct wire_matcher **ret, size_t *ret_n,
			struct err *err)
{
	size_t n = 0;
	*ret_n = 0;
	for (size_t i = 0; i < l->n; i++)
		n += l->p[i].n;
	struct str *names = arena_array(a, n + 1, sizeof(*names));
	if (!names)
		return arena_err(a, err);
	n = 0;
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->p[i].n; k++)
			names[n++] = l->p[i].p[k].name;
	n = str_sort_unique(names, n);
	*ret = arena_array(a, n + 1, sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++) {
		int rc = matcher_for(l, names[i], a, &(*ret)[i], err);
		if (rc != 0)
			return rc;
	}
	*ret_n = n;
	return 0;
}

/* --- the plan ------------------------------------------------------------------------------------ */

/*
 * Takes matchers on selector labels out, for no store knows those (upstream: matchesExternalLabels). *ret_n is how many are left, in front
 * of both lists; `outside` is set when one of them fails.
 */
static void strip_selector(struct labels selector, struct matcher **m, struct wire_matcher *w, size_t *io_n,
			   bool *outside)
{
	size_t kept = 0;
	for (size_t i = 0; i < *io_n; i++) {
		struct str value = labels_get(selector, m[i]->name);
		if (value.n && !matcher_matches(m[i], value))
			*outside = true;
		if (value.n)
			continue;
		m[kept] = m[i];
		w[kept++] = w[i];
	}
	*io_n = kept;
}

/* Why a store is not asked; NULL: it is, for the label sets of which *ret_sets are those that the selector keeps. */
static const char *left_out(const struct fanout *f, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt,
			    const struct fanout_scope *scope, const struct endpoint_info *e, struct arena *a,
			    struct labels **ret_sets, size_t *ret_n)
{
	if (!select_sets(f, e, a, ret_sets, ret_n))
		return "its external labels do not pass --selector.relabel-config";
	if (mint > e->maxt || maxt < e->mint)
		return "its time range does not meet that of the selector";
	if (!address_fits(scope, e->name))
		return "its address does not pass storeMatch[]";
	if (!sets_fit(m, n, e->label_sets, e->n_label_sets))
		return "its external labels do not match the selector";
	return NULL;
}

/* Adds the stores that fit, and what the selector wants of them. */
static int choose(struct fanout *f, struct matcher *const *m, size_t n, int64_t mint, int64_t maxt,
		  const struct fanout_scope *scope, struct arena *a, struct fanout_plan *p, struct set_list *narrowed,
		  struct err *err)
{
	p->all = endpoints_get(f->set, ENDPOINT_STORE, &p->n_all);
	p->stores = arena_array(a, p->n_all + 1, sizeof(struct endpoint_info *));
	if (!p->stores)
		return arena_err(a, err);
	for (size_t i = 0; i < p->n_all; i++) {
		struct endpoint_info *e = p->all[i];
		struct labels *sets;
		size_t n_sets;
		if (left_out(f, m, n, mint, maxt, scope, e, a, &sets, &n_sets))
			continue;
		int rc = set_list_add(narrowed, sets, n_sets, a, err);
		if (rc != 0)
			return rc;
		p->stores[p->n_stores++] = e;
	}
	return 0;
}

int fanout_plan_make(struct fanout *f, const struct wire_matcher *m, size_t n, int64_t mint, int64_t maxt,
		     const struct fanout_scope *scope, struct arena *a, struct fanout_plan *ret, struct err *err)
{
	struct matcher **compiled;
	struct wire_matcher *own = arena_array(a, n + 1, sizeof(*own)), *extra, *all;
	struct set_list narrowed = { 0 };
	size_t n_extra;
	*ret = (struct fanout_plan){ 0 };
	if (!own)
		return arena_err(a, err);
	int rc = wire_matchers_compile(m, n, a, &compiled, err);
	if (rc != 0)
		return rc;
	if (n)
		memcpy(own, m, n * sizeof(*own));
	strip_selector(f->cfg.selector_labels, compiled, own, &n, &ret->outside);
	rc = choose(f, compiled, n, mint, maxt, scope, a, ret, &narrowed, err);
	if (rc == 0)
		rc = matchers_for(&narrowed, a, &extra, &n_extra, err);
	if (rc != 0)
		return rc;
	all = arena_array(a, n + n_extra + 1, sizeof(*all));
	if (!all)
		return arena_err(a, err);
	memcpy(all, own, n * sizeof(*all));
	memcpy(all + n, extra, n_extra * sizeof(*all));
	ret->matchers = all;
	ret->n_matchers = n + n_extra;
	ret->n_own = n;
	return 0;
}

/* --- the plan, told ------------------------------------------------------------------------------ */

static bool is_listed(const struct fanout_choice *c, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(c[i].name, name) == 0)
			return true;
	return false;
}

static int tell_choice(const struct endpoint_info *e, const char *why, struct arena *a, struct fanout_choice *ret,
		       struct err *err)
{
	*ret = (struct fanout_choice){ arena_strdup(a, e->name), arena_strdup(a, e->component), e->mint, e->maxt, why };
	return ret->name && ret->component ? 0 : arena_err(a, err);
}

/* Endpoints that no call goes to at present. */
static int tell_unhealthy(struct fanout *f, struct arena *a, struct fanout_choice **io, size_t *io_n, struct err *err)
{
	size_t n, known = *io_n;
	int rc = 0;
	struct endpoint_status *s = endpoints_status(f->set, &n);
	struct fanout_choice *all = arena_array(a, known + n + 1, sizeof(*all));
	if (!all)
		rc = arena_err(a, err);
	else if (known)
		memcpy(all, *io, known * sizeof(*all));
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (is_listed(all, known, s[i].info->name))
			continue;
		const char *why = s[i].last_error ? arena_printf(a, "it is not healthy: %s", s[i].last_error)
						  : "it does not offer the Store API";
		rc = why ? tell_choice(s[i].info, why, a, &all[(*io_n)++], err) : arena_err(a, err);
	}
	*io = all;
	free(s);
	return rc;
}

int fanout_explain(struct fanout *f, struct series_request *req, const struct fanout_scope *scope, struct arena *a,
		   struct fanout_choice **ret, size_t *ret_n, struct err *err)
{
	struct fanout_plan p;
	struct matcher **m;
	struct labels *sets;
	size_t n_sets;
	*ret_n = 0;
	int rc = fanout_plan_make(f, req->matchers, req->n_matchers, req->mint, req->maxt, scope, a, &p, err);
	rc = rc ? rc : wire_matchers_compile(p.matchers, p.n_own, a, &m, err);
	*ret = rc ? NULL : arena_array(a, p.n_all + 1, sizeof(**ret));
	if (rc == 0 && !*ret)
		rc = arena_err(a, err);
	for (size_t i = 0; rc == 0 && i < p.n_all; i++) {
		const struct endpoint_info *e = p.all[i];
		const char *why = p.outside
					  ? "the selector does not match the labels of this querier (--selector-label)"
					  : left_out(f, m, p.n_own, req->mint, req->maxt, scope, e, a, &sets, &n_sets);
		rc = tell_choice(e, why, a, &(*ret)[(*ret_n)++], err);
	}
	if (rc == 0) {
		req->matchers = p.matchers;
		req->n_matchers = p.n_matchers;
	}
	fanout_plan_fini(&p);
	return rc ? rc : tell_unhealthy(f, a, ret, ret_n, err);
}

void fanout_plan_fini(struct fanout_plan *p)
{
	endpoints_release(p->all, p->n_all);
	p->all = NULL;
	p->n_all = 0;
}

const char *fanout_store_text(const struct endpoint_info *i, struct arena *a)
{
	return arena_printf(a, "Addr: %s MinTime: %lld MaxTime: %lld", i->name, (long long)i->mint, (long long)i->maxt);
}

void fanout_call_opts(const struct fanout_scope *scope, struct grpc_metadata *meta, struct grpc_call_opts *opts)
{
	size_t n = 0;
	if (scope && scope->tenant.n)
		meta[n++] = (struct grpc_metadata){ STR("thanos-tenant"), scope->tenant };
	if (scope && scope->detail)
		meta[n++] = (struct grpc_metadata){ STR(BELOW_ASK), STR("1") };
	opts->metadata = meta;
	opts->n_metadata = n;
}

bool co_fanout_try_again(const struct endpoint_info *i, int code, unsigned tries)
{
	return i->group && code == ERR_UNAVAILABLE && tries < GROUP_TRIES &&
	       co_sleep_ms(GROUP_PAUSE_MS << (tries - 1), NULL) == 0;
}

/* --- what it announces ------------------------------------------------------------------------------ */

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(*(const struct labels *)a, *(const struct labels *)b);
}

/* Adds the sets of one store with the selector labels put on, copied. */
static int announce(const struct fanout *f, const struct endpoint_info *i, struct arena *a, struct set_list *out,
		    struct err *err)
{
	struct labels *sets;
	size_t n;
	if (!select_sets(f, i, a, &sets, &n))
		return 0;
	const struct labels *from = sets ? sets : i->label_sets;
	for (size_t k = 0; k < (sets ? n : i->n_label_sets); k++) {
		struct labels merged, copy;
		int rc = labels_merge(from[k], f->cfg.selector_labels, a, &merged, err);
		if (rc == 0)
			rc = labels_copy(merged, a, &copy, err);
		if (rc == 0)
			rc = set_list_add(out, &copy, 1, a, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int fanout_label_sets(struct fanout *f, struct arena *a, struct labels **ret, size_t *ret_n, struct err *err)
{
	struct set_list out = { 0 };
	size_t n, kept = 0;
	int rc = 0;
	struct endpoint_info **all = endpoints_get(f->set, ENDPOINT_STORE, &n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = announce(f, all[i], a, &out, err);
	endpoints_release(all, n);
	if (rc == 0 && out.n == 0 && f->cfg.selector_labels.n)
		rc = set_list_add(&out, &f->cfg.selector_labels, 1, a, err);
	if (rc != 0)
		return rc;
	if (out.n)
		qsort(out.p, out.n, sizeof(*out.p), by_labels);
	for (size_t i = 0; i < out.n; i++)
		if (kept == 0 || !labels_eq(out.p[kept - 1], out.p[i]))
			out.p[kept++] = out.p[i];
	*ret = out.p;
	*ret_n = kept;
	return 0;
}

void fanout_time_range(struct fanout *f, int64_t *ret_mint, int64_t *ret_maxt)
{
	size_t n, counted = 0;
	int64_t mint = INT64_MAX, maxt = INT64_MIN;
	struct arena a;
	struct endpoint_info **all = endpoints_get(f->set, ENDPOINT_STORE, &n);
	arena_init(&a, NULL);
	for (size_t i = 0; i < n; i++) {
		struct labels *sets;
		size_t n_sets;
		if (!select_sets(f, all[i], &a, &sets, &n_sets))
			continue;
		counted++;
		mint = MIN(mint, all[i]->mint);
		maxt = MAX(maxt, all[i]->maxt);
	}
	arena_fini(&a);
	endpoints_release(all, n);
	*ret_mint = counted ? mint : INT64_MIN;
	*ret_maxt = counted ? maxt : INT64_MAX;
}
