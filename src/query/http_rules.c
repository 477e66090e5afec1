/*
 * Rules and alerts of all rulers. Source: pkg/rules (filters, order, which of equal rules
 * stays), pkg/rules/rulespb (JSON).
 */
#include "api/param.h"
#include "base/assert.h"
#include "labels/matcher.h"
#include "promql/lang/parser.h"
#include "proto/rules.pb-c.h"
#include "query/endpoints.h"
#include "query/http_internal.h"
#include "query/query.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rule with its labels in our form, replica labels taken off. */
struct rule {
	const Thanos__RecordingRule *rec; /* or */
	const Thanos__Alert *alert;
	struct labels labels;
};

/* A group, after filtering and merging. */
struct group {
	const Thanos__RuleGroup *g;
	struct rule *rules;
	size_t n_rules;
};

/* A request for rules. */
struct rules_call {
	struct asking a;
	Thanos__RulesRequest req;
	struct matcher **matchers; /* of all match[]: all must pass */
	size_t n_matchers;
	struct group *groups;
	size_t n_groups;
	bool exclude_alerts;    /* rules without their alerts */
	uint64_t group_limit;   /* groups of a page; 0: all */
	struct str group_token; /* of the page's first group; empty: the first page */
	size_t first;           /* of the page */
	char next_token[65];    /* of the next page; "" where this is the last one */
};

static const char *name_of(const struct rule *r)
{
	return r->rec ? r->rec->name : r->alert->name;
}

static const char *query_of(const struct rule *r)
{
	return r->rec ? r->rec->query : r->alert->query;
}

/* --- parameters ------------------------------------------------------------------------- */

static int read_type(struct rules_call *c, struct err *err)
{
	struct str t = http_params_get(c->a.params, "type");
	c->req.type = THANOS__RULES_REQUEST__TYPE__ALL;
	if (t.n == 0 || str_eq_nocase(t, STR("all")))
		return 0;
	if (str_eq_nocase(t, STR("alert")))
		c->req.type = THANOS__RULES_REQUEST__TYPE__ALERT;
	else if (str_eq_nocase(t, STR("record")))
		c->req.type = THANOS__RULES_REQUEST__TYPE__RECORD;
	else
		return err_set(err, ERR_INVALID_ARGUMENT, "invalid rules parameter type='%.*s'",
			       (int)(t.n > 100 ? 100 : t.n), t.p);
	return 0;
}

static int add_matchers(struct rules_call *c, const struct promql_selector *s, struct err *err)
{
	struct matcher **p = arena_array(&c->a.arena, c->n_matchers + s->n_matchers + 1, sizeof(*p));
	if (!p)
		return arena_err(&c->a.arena, err);
	if (c->n_matchers)
		memcpy(p, c->matchers, c->n_matchers * sizeof(*p));
	for (size_t i = 0; i < s->n_matchers; i++)
		p[c->n_matchers + i] = (struct matcher *)s->matchers[i].compiled;
	c->matchers = p;
	c->n_matchers += s->n_matchers;
	return 0;
}

/* exclude_alerts, group_limit and group_next_token: of Prometheus, the original lacks them. */
static int read_page(struct rules_call *c, struct err *err)
{
	struct str exclude = http_params_get(c->a.params, "exclude_alerts");
	struct str limit = http_params_get(c->a.params, "group_limit");
	int64_t n = 0;
	c->group_token = http_params_get(c->a.params, "group_next_token");
	if (exclude.n && api_bool_parse(exclude, &c->exclude_alerts, err))
		return err_prefix(err, "invalid parameter \"exclude_alerts\": error converting exclude_alerts");
	if (c->group_token.n && !limit.n)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "invalid parameter \"group_next_token\": group_limit needs to be present in order to "
			       "paginate over the groups");
	if (limit.n && (!str_to_i64(limit, &n) || n > INT32_MAX || n < INT32_MIN))
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "invalid parameter \"group_limit\": group_limit needs to be a valid number");
	if (limit.n && n <= 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "invalid parameter \"group_limit\": group_limit needs to be greater than 0");
	c->group_limit = (uint64_t)n;
	return 0;
}

static int read_params(struct rules_call *c, struct err *err)
{
	struct promql_parse_opts o = query_parse_opts(c->a.h->q);
	struct asking *a = &c->a;
	int rc = read_type(c, err);
	rc = rc ? rc : read_page(c, err);
	rc = rc ? rc : asking_list(a, "match[]", &c->req.matcher_string, &c->req.n_matcher_string, err);
	rc = rc ? rc : asking_list(a, "rule_name[]", &c->req.rule_name, &c->req.n_rule_name, err);
	rc = rc ? rc : asking_list(a, "rule_group[]", &c->req.rule_group, &c->req.n_rule_group, err);
	rc = rc ? rc : asking_list(a, "file[]", &c->req.file, &c->req.n_file, err);
	for (size_t i = 0; i < c->req.n_matcher_string && !rc; i++) {
		struct promql_expr *e;
		rc = promql_parse_selector(str_c(c->req.matcher_string[i]), &o, &a->arena, &e, err);
		rc = rc ? rc : add_matchers(c, &e->selector, err);
	}
	return rc;
}

/* --- filters ---------------------------------------------------------------------------- */

static bool among(const char *s, char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], s) == 0)
			return true;
	return n == 0;
}

/* Whether all matchers pass; labels with templates count as missing. */
static bool matches(const struct rules_call *c, struct labels l)
{
	for (size_t i = 0; i < c->n_matchers; i++) {
		struct str v = labels_get(l, c->matchers[i]->name);
		if (v.n && str_find(v, STR("{{")) >= 0)
			v = (struct str){ NULL, 0 };
		if (!matcher_matches(c->matchers[i], v))
			return false;
	}
	return true;
}

/* Takes a group's rules over that pass. */
static int take_rules(struct rules_call *c, const Thanos__RuleGroup *g, struct group *to, struct err *err)
{
	to->g = g;
	to->rules = arena_array(&c->a.arena, g->n_rules + 1, sizeof(*to->rules));
	if (!to->rules)
		return arena_err(&c->a.arena, err);
	for (size_t i = 0; i < g->n_rules; i++) {
		const Thanos__Rule *in = g->rules[i];
		struct rule *r = &to->rules[to->n_rules];
		struct labels whole;
		*r = (struct rule){ .rec = NULL };
		if (in->result_case == THANOS__RULE__RESULT_RECORDING)
			r->rec = in->recording;
		else if (in->result_case == THANOS__RULE__RESULT_ALERT)
			r->alert = in->alert;
		else
			continue;
		const Thanos__ZLabelSet *l = r->rec ? r->rec->labels : r->alert->labels;
		int rc = asking_labels(&c->a, l, false, &whole, err);
		rc = rc ? rc : asking_labels(&c->a, l, true, &r->labels, err);
		if (rc)
			return rc;
		to->n_rules += matches(c, whole) && among(name_of(r), c->req.rule_name, c->req.n_rule_name);
	}
	return 0;
}

static bool filtered(const struct rules_call *c)
{
	return c->n_matchers || c->req.n_rule_name || c->req.n_rule_group || c->req.n_file;
}

static int gather(struct rules_call *c, const struct query_answers *ans, struct err *err)
{
	c->groups = arena_array(&c->a.arena, ans->n + 1, sizeof(*c->groups));
	if (!c->groups)
		return arena_err(&c->a.arena, err);
	for (size_t i = 0; i < ans->n; i++) {
		const Thanos__RulesResponse *r = ans->p[i];
		if (r->result_case == THANOS__RULES_RESPONSE__RESULT_WARNING)
			api_note(&c->a.notes, str_c(r->warning));
		if (r->result_case != THANOS__RULES_RESPONSE__RESULT_GROUP ||
		    !among(r->group->name, c->req.rule_group, c->req.n_rule_group) ||
		    !among(r->group->file, c->req.file, c->req.n_file))
			continue;
		int rc = take_rules(c, r->group, &c->groups[c->n_groups], err);
		if (rc)
			return rc;
		c->n_groups += c->groups[c->n_groups].n_rules || !filtered(c);
	}
	return 0;
}

/* --- merging ---------------------------------------------------------------------------- */

/* By file, then name, joined with ';' as upstream compares them. */
static int cmp_group(const void *a, const void *b)
{
	const Thanos__RuleGroup *x = ((const struct group *)a)->g, *y = ((const struct group *)b)->g;
	int d = strcmp(x->file, y->file);
	return d ? d : strcmp(x->name, y->name);
}

/* Whether two are the same rule, and else which comes first. */
static int cmp_rule(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	if (!x->alert != !y->alert)
		return x->alert ? -1 : 1;
	int d = strcmp(name_of(x), name_of(y));
	d = d ? d : labels_cmp(x->labels, y->labels);
	d = d ? d : strcmp(query_of(x), query_of(y));
	if (d || !x->alert)
		return d;
	return (x->alert->duration_seconds > y->alert->duration_seconds) -
	       (x->alert->duration_seconds < y->alert->duration_seconds);
}

/* Whether `y` shows more than its equal `x`: a higher state, then a later evaluation. */
static bool is_better(const struct rule *x, const struct rule *y)
{
	if (x->rec)
		return http_timestamp_cmp(x->rec->last_evaluation, y->rec->last_evaluation) < 0;
	if (x->alert->state != y->alert->state)
		return y->alert->state > x->alert->state;
	return http_timestamp_cmp(x->alert->last_evaluation, y->alert->last_evaluation) < 0;
}

static void dedup_rules(struct group *g)
{
	size_t n = 0;
	qsort(g->rules, g->n_rules, sizeof(*g->rules), cmp_rule);
	for (size_t i = 0; i < g->n_rules; i++) {
		if (n == 0 || cmp_rule(&g->rules[n - 1], &g->rules[i]) != 0)
			g->rules[n++] = g->rules[i];
		else if (is_better(&g->rules[n - 1], &g->rules[i]))
			g->rules[n - 1] = g->rules[i];
	}
	g->n_rules = n;
}

/* Puts the rules of groups with the same file and name into one. */
static int merge_groups(struct rules_call *c, struct err *err)
{
	size_t n = 0;
	qsort(c->groups, c->n_groups, sizeof(*c->groups), cmp_group);
	for (size_t i = 0; i < c->n_groups; i++) {
		struct group *to = &c->groups[n ? n - 1 : 0], *g = &c->groups[i];
		if (n == 0 || cmp_group(to, g) != 0) {
			c->groups[n++] = *g;
			continue;
		}
		struct rule *p = arena_array(&c->a.arena, to->n_rules + g->n_rules + 1, sizeof(*p));
		if (!p)
			return arena_err(&c->a.arena, err);
		memcpy(p, to->rules, to->n_rules * sizeof(*p));
		memcpy(p + to->n_rules, g->rules, g->n_rules * sizeof(*p));
		to->rules = p;
		to->n_rules += g->n_rules;
	}
	c->n_groups = n;
	for (size_t i = 0; i < n; i++)
		dedup_rules(&c->groups[i]);
	return 0;
}

static int co_ask(struct rules_call *c, struct err *err)
{
	struct query_answers ans;
	struct query_question what = { .api = &query_rules, .request = &c->req, .abort = c->a.h->cfg.rules_abort };
	c->req.partial_response_strategy = query_strategy(what.abort);
	int rc = co_asking_send(&c->a, &what, &ans, err);
	rc = rc ? rc : gather(c, &ans, err);
	return rc ? rc : merge_groups(c, err);
}

/* --- pages ------------------------------------------------------------------------------ */

/* The token of a group: SHA-256 of file and name, as Prometheus makes it. */
static void token_of(const struct group *g, char ret[65])
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%s;%s", g->g->file, g->g->name);
	CHECK(EVP_Digest(b.p, b.n, sum, NULL, EVP_sha256(), NULL) == 1);
	strbuf_fini(&b);
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

/* Cuts the groups down to the page that was asked for. */
static int take_page(struct rules_call *c, struct err *err)
{
	char token[65];
	bool found = c->group_token.n == 0;
	for (size_t i = 0; i < c->n_groups && !found; i++) {
		token_of(&c->groups[i], token);
		found = str_eq_c(c->group_token, token);
		c->first = i;
	}
	if (!found) {
		c->a.errtype = API_BAD_DATA;
		return err_set(
			err, ERR_INVALID_ARGUMENT,
			"invalid parameter \"group_next_token\": invalid group_next_token '%.*s'. were rule groups "
			"changed?",
			(int)MIN(c->group_token.n, (size_t)100), c->group_token.p);
	}
	if (c->group_limit && c->n_groups - c->first > c->group_limit) {
		c->n_groups = c->first + c->group_limit;
		token_of(&c->groups[c->n_groups], c->next_token);
	}
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------- */

static const char *strategy_name(Thanos__PartialResponseStrategy s)
{
	return s == THANOS__PARTIAL_RESPONSE_STRATEGY__ABORT ? "ABORT" : "WARN";
}

static const char *state_name(Thanos__AlertState s)
{
	static const char *const names[] = { "unknown", "inactive", "pending", "firing" };
	return (unsigned)s < 4 ? names[s] : "unknown";
}

/* Labels of a message, which are few; nothing where the memory is over. */
static void write_set(struct rules_call *c, struct jsonw *w, const char *key, const Thanos__ZLabelSet *set)
{
	struct labels l;
	if (asking_labels(&c->a, set, false, &l, NULL))
		l = (struct labels){ NULL, 0 };
	jsonw_key(w, key);
	http_write_labels(w, l);
}

static void write_instance(struct rules_call *c, struct jsonw *w, const Thanos__AlertInstance *i)
{
	jsonw_object_begin(w);
	write_set(c, w, "labels", i->labels);
	write_set(c, w, "annotations", i->annotations);
	jsonw_kv_cstr(w, "state", state_name(i->state));
	if (i->active_at) {
		jsonw_key(w, "activeAt");
		http_write_timestamp(w, i->active_at);
	}
	jsonw_kv_cstr(w, "value", i->value);
	jsonw_kv_cstr(w, "partialResponseStrategy", strategy_name(i->partial_response_strategy));
	jsonw_object_end(w);
}

static void write_health(struct jsonw *w, const char *health, const char *last_error, double seconds,
			 const Google__Protobuf__Timestamp *last)
{
	jsonw_kv_cstr(w, "health", health);
	if (*last_error)
		jsonw_kv_cstr(w, "lastError", last_error);
	jsonw_kv_double(w, "evaluationTime", seconds);
	jsonw_key(w, "lastEvaluation");
	http_write_timestamp(w, last);
}

static void write_alert(struct rules_call *c, struct jsonw *w, const struct rule *r)
{
	const Thanos__Alert *a = r->alert;
	jsonw_kv_cstr(w, "state", state_name(a->state));
	jsonw_kv_cstr(w, "name", a->name);
	jsonw_kv_cstr(w, "query", a->query);
	jsonw_kv_double(w, "duration", a->duration_seconds);
	jsonw_key(w, "labels");
	http_write_labels(w, r->labels);
	write_set(c, w, "annotations", a->annotations);
	jsonw_key(w, "alerts");
	if (c->exclude_alerts)
		jsonw_null(w);
	else
		jsonw_array_begin(w);
	for (size_t i = 0; i < a->n_alerts && !c->exclude_alerts; i++)
		write_instance(c, w, a->alerts[i]);
	if (!c->exclude_alerts)
		jsonw_array_end(w);
	write_health(w, a->health, a->last_error, a->evaluation_duration_seconds, a->last_evaluation);
	jsonw_kv_double(w, "keepFiringFor", a->keep_firing_for_seconds);
	jsonw_kv_cstr(w, "type", "alerting");
}

static void write_rule(struct rules_call *c, struct jsonw *w, const struct rule *r)
{
	jsonw_object_begin(w);
	if (r->alert) {
		write_alert(c, w, r);
	} else {
		jsonw_kv_cstr(w, "name", r->rec->name);
		jsonw_kv_cstr(w, "query", r->rec->query);
		jsonw_key(w, "labels");
		http_write_labels(w, r->labels);
		write_health(w, r->rec->health, r->rec->last_error, r->rec->evaluation_duration_seconds,
			     r->rec->last_evaluation);
		jsonw_kv_cstr(w, "type", "recording");
	}
	jsonw_object_end(w);
}

static void write_group(struct rules_call *c, struct jsonw *w, const struct group *g)
{
	jsonw_object_begin(w);
	jsonw_kv_cstr(w, "name", g->g->name);
	jsonw_kv_cstr(w, "file", g->g->file);
	jsonw_key(w, "rules");
	jsonw_array_begin(w);
	for (size_t i = 0; i < g->n_rules; i++)
		write_rule(c, w, &g->rules[i]);
	jsonw_array_end(w);
	jsonw_kv_double(w, "interval", g->g->interval);
	jsonw_kv_double(w, "evaluationTime", g->g->evaluation_duration_seconds);
	jsonw_key(w, "lastEvaluation");
	http_write_timestamp(w, g->g->last_evaluation);
	jsonw_kv_i64(w, "limit", g->g->limit);
	jsonw_kv_cstr(w, "partialResponseStrategy", strategy_name(g->g->partial_response_strategy));
	jsonw_object_end(w);
}

static void write_groups(struct rules_call *c, struct jsonw *w)
{
	jsonw_key(w, "groups");
	jsonw_array_begin(w);
	for (size_t i = c->first; i < c->n_groups && !jsonw_failed(w); i++)
		write_group(c, w, &c->groups[i]);
	jsonw_array_end(w);
	if (*c->next_token)
		jsonw_kv_cstr(w, "groupNextToken", c->next_token);
}

static bool any_alert(const struct rules_call *c)
{
	for (size_t i = 0; i < c->n_groups; i++)
		for (size_t k = 0; k < c->groups[i].n_rules; k++)
			if (c->groups[i].rules[k].alert && c->groups[i].rules[k].alert->n_alerts)
				return true;
	return false;
}

/* None is null, as upstream's nil slice. */
static void write_alerts(struct rules_call *c, struct jsonw *w)
{
	jsonw_key(w, "alerts");
	if (!any_alert(c)) {
		jsonw_null(w);
		return;
	}
	jsonw_array_begin(w);
	for (size_t i = 0; i < c->n_groups && !jsonw_failed(w); i++)
		for (size_t k = 0; k < c->groups[i].n_rules; k++) {
			const Thanos__Alert *a = c->groups[i].rules[k].alert;
			for (size_t j = 0; a && j < a->n_alerts; j++)
				write_instance(c, w, a->alerts[j]);
		}
	jsonw_array_end(w);
}

static int co_answer(struct rules_call *c, void (*write)(struct rules_call *c, struct jsonw *w), struct err *err)
{
	struct api_reply reply;
	struct jsonw *w = api_reply_begin(&reply, c->a.req, &c->a.notes);
	jsonw_object_begin(w);
	write(c, w);
	jsonw_object_end(w);
	return co_api_reply_end(&reply, err);
}

/* --- handlers --------------------------------------------------------------------------- */

int co_http_rules(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct rules_call c = { .req = THANOS__RULES_REQUEST__INIT };
	int rc = co_asking_begin(&c.a, req, arg, &e);
	rc = rc ? rc : read_params(&c, &e);
	rc = rc ? rc : co_ask(&c, &e);
	rc = rc ? rc : take_page(&c, &e);
	rc = rc ? co_asking_fail(&c.a, &e, err) : co_answer(&c, write_groups, err);
	asking_fini(&c.a);
	return rc;
}

int co_http_alerts(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct rules_call c = { .req = THANOS__RULES_REQUEST__INIT };
	c.req.type = THANOS__RULES_REQUEST__TYPE__ALERT;
	int rc = co_asking_begin(&c.a, req, arg, &e);
	rc = rc ? rc : co_ask(&c, &e);
	rc = rc ? co_asking_fail(&c.a, &e, err) : co_answer(&c, write_alerts, err);
	asking_fini(&c.a);
	return rc;
}
