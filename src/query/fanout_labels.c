#include "query/fanout_internal.h"

#include "base/mem.h"
#include "grpc/client.h"
#include "loop/fiber.h"

#include <stdlib.h>
#include <string.h>

/* One call of names or values to all stores. */
struct labels_call {
	struct fanout *f;
	const struct fanout_scope *scope;
	const char *method, *what; /* "/thanos.Store/LabelNames", "label names" */
	struct str message;
};

/* One store's part of it. */
struct labels_part {
	const struct labels_call *call;
	struct endpoint_info *info;
	struct budget *budget;
	struct arena arena; /* of the answer */
	struct label_response resp;
	struct err failed; /* code 0: answered */
	bool over_budget;  /* it failed here, for want of memory */
};

/* Asks one store; suspends. */
static void part_main(void *arg)
{
	struct labels_part *p = arg;
	const struct labels_call *c = p->call;
	struct grpc_metadata meta[FANOUT_METADATA];
	struct grpc_call_opts opts = { .timeout_ms = c->f->cfg.response_timeout_ms, .budget = p->budget };
	struct grpc_part part = grpc_part_copy(c->message);
	struct str msg;
	fanout_call_opts(c->scope, meta, &opts);
	uint64_t refusals = budget_refusals(p->budget);
	int rc;
	unsigned tries = 0;
	do {
		p->failed = ERR_NONE;
		rc = co_grpc_unary(p->info->channel, c->method, &opts, &part, 1, &p->arena, &msg, &p->failed);
	} while (rc != 0 && co_fanout_try_again(p->info, -rc, ++tries));
	if (rc == 0)
		(void)label_response_read(msg, &p->arena, &p->resp, &p->failed);
	p->over_budget = p->failed.code == ERR_RESOURCE_EXHAUSTED && budget_refusals(p->budget) != refusals;
}

/* Asks all stores at the same time. */
static int co_ask_all(const struct fanout_plan *plan, const struct labels_call *c, struct labels_part *parts,
		      struct err *err)
{
	struct fiber_group g;
	fiber_group_init(&g);
	for (size_t i = 0; i < plan->n_stores; i++) {
		parts[i].call = c;
		parts[i].info = plan->stores[i];
		fiber_group_start(&g, "store labels", part_main, &parts[i]);
	}
	return co_fiber_group_join(&g, err);
}

/* --- putting answers together ----------------------------------------------------------------------- */

/* The union of all answers, sorted, copied to `a`. */
static int unite(const struct labels_part *parts, size_t n, int64_t limit, struct arena *a, struct label_response *ret,
		 struct err *err)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += parts[i].failed.code ? 0 : parts[i].resp.values.n;
	struct str *all = arena_array(a, total + 1, sizeof(*all));
	if (!all)
		return arena_err(a, err);
	total = 0;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].failed.code || parts[i].resp.values.n == 0)
			continue;
		memcpy(all + total, parts[i].resp.values.p, parts[i].resp.values.n * sizeof(*all));
		total += parts[i].resp.values.n;
	}
	size_t kept = str_sort_unique(all, total);
	if (limit > 0 && kept > (uint64_t)limit)
		kept = (size_t)limit;
	for (size_t i = 0; i < kept; i++) {
		all[i].p = arena_memdup(a, all[i].n ? all[i].p : "", all[i].n);
		if (!all[i].p)
			return arena_err(a, err);
	}
	ret->values = (struct wire_strs){ all, kept };
	return 0;
}

/* Notes failures and warnings: 0, or the code to end with. */
static int judge(struct labels_part *parts, size_t n, const struct labels_call *c, bool warn, struct fanout_warnings *w,
		 struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct labels_part *p = &parts[i];
		for (size_t k = 0; !p->failed.code && k < p->resp.warnings.n; k++)
			fanout_warn(w, p->resp.warnings.p[k]);
		if (!p->failed.code)
			continue;
		if (p->over_budget)
			return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s", p->failed.msg);
		const char *store = fanout_store_text(p->info, w->a);
		struct err text;
		err_set(&text, (enum err_code)p->failed.code, "fetch %s from store %s: rpc error: code = %s desc = %s",
			c->what, store ? store : p->info->name, err_code_name(p->failed.code), p->failed.msg);
		if (!warn)
			return err_set(err, (enum err_code)text.code, "%s", text.msg);
		fanout_warn(w, str_c(text.msg));
	}
	return 0;
}

/* Asks the planned stores and unites what they say. */
static int co_call(struct labels_call *c, const struct fanout_plan *plan, bool warn, int64_t limit, struct arena *a,
		   struct label_response *ret, struct err *err)
{
	struct fanout_warnings w = { .a = a };
	struct labels_part *parts = arena_array(a, plan->n_stores + 1, sizeof(*parts));
	if (!parts)
		return arena_err(a, err);
	for (size_t i = 0; i < plan->n_stores; i++) {
		parts[i].budget = a->budget;
		arena_init(&parts[i].arena, a->budget);
	}
	int rc = co_ask_all(plan, c, parts, err);
	if (rc == 0)
		rc = judge(parts, plan->n_stores, c, warn, &w, err);
	if (rc == 0)
		rc = unite(parts, plan->n_stores, limit, a, ret, err);
	ret->warnings = (struct wire_strs){ w.texts, w.n };
	for (size_t i = 0; i < plan->n_stores; i++)
		arena_fini(&parts[i].arena);
	return rc;
}

/* Both calls: `values` says which. */
static int co_labels(struct fanout *f, const struct label_request *req, const struct fanout_scope *scope, bool values,
		     struct arena *a, struct label_response *ret, struct err *err)
{
	struct labels_call c = {
		.f = f,
		.scope = scope,
		.method = values ? "/thanos.Store/LabelValues" : "/thanos.Store/LabelNames",
		.what = values ? "label values" : "label names",
	};
	struct fanout_plan plan;
	struct strbuf message = { 0 };
	*ret = (struct label_response){ 0 };
	int rc = fanout_plan_make(f, req->matchers, req->n_matchers, req->start, req->end, scope, a, &plan, err);
	if (rc == 0 && !plan.outside && plan.n_stores) {
		struct label_request out = *req;
		out.matchers = plan.matchers;
		out.n_matchers = plan.n_matchers;
		if (values)
			label_values_request_write(&out, &message);
		else
			label_names_request_write(&out, &message);
		c.message = strbuf_str(&message);
		rc = co_call(&c, &plan, fanout_warns(req->partial_response_disabled, req->partial_response), req->limit,
			     a, ret, err);
	}
	strbuf_fini(&message);
	fanout_plan_fini(&plan);
	return rc;
}

int co_fanout_label_names(struct fanout *f, const struct label_request *req, const struct fanout_scope *scope,
			  struct arena *a, struct label_response *ret, struct err *err)
{
	return co_labels(f, req, scope, false, a, ret, err);
}

int co_fanout_label_values(struct fanout *f, const struct label_request *req, const struct fanout_scope *scope,
			   struct arena *a, struct label_response *ret, struct err *err)
{
	if (req->label.n == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "label name parameter cannot be empty");
	return co_labels(f, req, scope, true, a, ret, err);
}
