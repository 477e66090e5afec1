/* Targets of all Prometheus servers. Source: pkg/targets. */
#include "proto/targets.pb-c.h"
#include "query/endpoints.h"
#include "query/http_internal.h"

#include <stdlib.h>
#include <string.h>

/* A target with its labels in our form: whole for sorting, then without replica labels. */
struct target {
	const Thanos__ActiveTarget *active; /* NULL: dropped */
	struct labels discovered, labels;
	const Thanos__ZLabelSet *in_discovered, *in_labels;
};

/* Targets of one kind. */
struct target_list {
	struct target *p;
	size_t n;
};

/* A request for targets. */
struct targets_call {
	struct asking a;
	Thanos__TargetsRequest req;
	struct target_list active, dropped;
};

static int read_state(struct targets_call *c, struct err *err)
{
	struct str s = http_params_get(c->a.params, "state");
	c->req.state = THANOS__TARGETS_REQUEST__STATE__ANY;
	if (s.n == 0 || str_eq_nocase(s, STR("any")))
		return 0;
	if (str_eq_nocase(s, STR("active")))
		c->req.state = THANOS__TARGETS_REQUEST__STATE__ACTIVE;
	else if (str_eq_nocase(s, STR("dropped")))
		c->req.state = THANOS__TARGETS_REQUEST__STATE__DROPPED;
	else
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid targets parameter state='%.*s'",
			       (int)(s.n > 100 ? 100 : s.n), s.p);
	return 0;
}

/* --- gathering -------------------------------------------------------------------------- */

static int read_labels(struct targets_call *c, struct target *t, bool strip, struct err *err)
{
	int rc = asking_labels(&c->a, t->in_discovered, strip, &t->discovered, err);
	return rc ? rc : asking_labels(&c->a, t->in_labels, strip, &t->labels, err);
}

static int make_lists(struct targets_call *c, const struct query_answers *ans, struct err *err)
{
	size_t n_active = 0, n_dropped = 0;
	for (size_t i = 0; i < ans->n; i++) {
		const Thanos__TargetsResponse *r = ans->p[i];
		if (r->result_case != THANOS__TARGETS_RESPONSE__RESULT_TARGETS)
			continue;
		n_active += r->targets->n_activetargets;
		n_dropped += r->targets->n_droppedtargets;
	}
	c->active.p = arena_array(&c->a.arena, n_active + 1, sizeof(*c->active.p));
	c->dropped.p = arena_array(&c->a.arena, n_dropped + 1, sizeof(*c->dropped.p));
	return c->active.p && c->dropped.p ? 0 : arena_err(&c->a.arena, err);
}

static int add_all(struct targets_call *c, const Thanos__TargetDiscovery *d, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < d->n_activetargets && !rc; i++) {
		const Thanos__ActiveTarget *t = d->activetargets[i];
		struct target *to = &c->active.p[c->active.n++];
		*to = (struct target){ .active = t, .in_discovered = t->discoveredlabels, .in_labels = t->labels };
		rc = read_labels(c, to, false, err);
	}
	for (size_t i = 0; i < d->n_droppedtargets && !rc; i++) {
		struct target *to = &c->dropped.p[c->dropped.n++];
		*to = (struct target){ .in_discovered = d->droppedtargets[i]->discoveredlabels };
		rc = read_labels(c, to, false, err);
	}
	return rc;
}

static int gather(struct targets_call *c, const struct query_answers *ans, struct err *err)
{
	int rc = make_lists(c, ans, err);
	for (size_t i = 0; i < ans->n && !rc; i++) {
		const Thanos__TargetsResponse *r = ans->p[i];
		if (r->result_case == THANOS__TARGETS_RESPONSE__RESULT_WARNING)
			api_note(&c->a.notes, str_c(r->warning));
		if (r->result_case == THANOS__TARGETS_RESPONSE__RESULT_TARGETS)
			rc = add_all(c, r->targets, err);
	}
	return rc;
}

/* --- one of equal targets ------------------------------------------------------------------ */

static int cmp_target(const void *a, const void *b)
{
	const struct target *x = a, *y = b;
	int d = 0;
	if (x->active && y->active) {
		d = strcmp(x->active->scrapeurl, y->active->scrapeurl);
		d = d ? d : strcmp(x->active->scrapepool, y->active->scrapepool);
	}
	d = d ? d : labels_cmp(x->discovered, y->discovered);
	return d ? d : labels_cmp(x->labels, y->labels);
}

/* Whether `y` is to be shown rather than its equal `x`: a lower health (down before up), then a later scrape. */
static bool is_better(const struct target *x, const struct target *y)
{
	if (!x->active)
		return false;
	if (x->active->health != y->active->health)
		return x->active->health > y->active->health;
	return http_timestamp_cmp(x->active->lastscrape, y->active->lastscrape) < 0;
}

static int dedup(struct targets_call *c, struct target_list *l, struct err *err)
{
	size_t n = 0;
	qsort(l->p, l->n, sizeof(*l->p), cmp_target);
	for (size_t i = 0; i < l->n; i++) {
		int rc = read_labels(c, &l->p[i], true, err);
		if (rc)
			return rc;
		if (n == 0 || cmp_target(&l->p[n - 1], &l->p[i]) != 0)
			l->p[n++] = l->p[i];
		else if (is_better(&l->p[n - 1], &l->p[i]))
			l->p[n - 1] = l->p[i];
	}
	l->n = n;
	return 0;
}

static int co_ask(struct targets_call *c, struct err *err)
{
	struct query_answers ans;
	struct query_question what = { .api = &query_targets, .request = &c->req, .abort = c->a.h->cfg.targets_abort };
	c->req.partial_response_strategy = query_strategy(what.abort);
	int rc = co_asking_send(&c->a, &what, &ans, err);
	rc = rc ? rc : gather(c, &ans, err);
	rc = rc ? rc : dedup(c, &c->active, err);
	return rc ? rc : dedup(c, &c->dropped, err);
}

/* --- JSON ------------------------------------------------------------------------------- */

static const char *health_name(Thanos__TargetHealth h)
{
	static const char *const names[] = { "down", "up", "unknown" };
	return (unsigned)h < 3 ? names[h] : "unknown";
}

static void write_target(struct jsonw *w, const struct target *t)
{
	const Thanos__ActiveTarget *a = t->active;
	jsonw_object_begin(w);
	jsonw_key(w, "discoveredLabels");
	http_write_labels(w, t->discovered);
	if (a) {
		jsonw_key(w, "labels");
		http_write_labels(w, t->labels);
		jsonw_kv_cstr(w, "scrapePool", a->scrapepool);
		jsonw_kv_cstr(w, "scrapeUrl", a->scrapeurl);
		jsonw_kv_cstr(w, "globalUrl", a->globalurl);
		jsonw_kv_cstr(w, "lastError", a->lasterror);
		jsonw_key(w, "lastScrape");
		http_write_timestamp(w, a->lastscrape);
		jsonw_kv_double(w, "lastScrapeDuration", a->lastscrapeduration);
		jsonw_kv_cstr(w, "health", health_name(a->health));
	}
	jsonw_object_end(w);
}

static void write_list(struct jsonw *w, const char *key, const struct target_list *l)
{
	jsonw_key(w, key);
	jsonw_array_begin(w);
	for (size_t i = 0; i < l->n && !jsonw_failed(w); i++)
		write_target(w, &l->p[i]);
	jsonw_array_end(w);
}

int co_http_targets(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct targets_call c = { .req = THANOS__TARGETS_REQUEST__INIT };
	struct api_reply reply;
	int rc = co_asking_begin(&c.a, req, arg, &e);
	rc = rc ? rc : read_state(&c, &e);
	rc = rc ? rc : co_ask(&c, &e);
	if (rc == 0) {
		struct jsonw *w = api_reply_begin(&reply, req, &c.a.notes);
		jsonw_object_begin(w);
		write_list(w, "activeTargets", &c.active);
		write_list(w, "droppedTargets", &c.dropped);
		jsonw_object_end(w);
		rc = co_api_reply_end(&reply, err);
	} else {
		rc = co_asking_fail(&c.a, &e, err);
	}
	asking_fini(&c.a);
	return rc;
}
