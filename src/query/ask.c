#include "query/ask.h"

#include "base/vec.h"
#include "grpc/pb.h"
#include "loop/fiber.h"
#include "proto/exemplars.pb-c.h"
#include "proto/metadata.pb-c.h"
#include "proto/rules.pb-c.h"
#include "proto/status.pb-c.h"
#include "proto/targets.pb-c.h"
#include "query/endpoints.h"
#include "query/query.h"

#include <stdlib.h>
#include <string.h>

const struct query_api query_rules = { ENDPOINT_RULES, "/thanos.Rules/Rules", "rules",
				       &thanos__rules_request__descriptor, &thanos__rules_response__descriptor };
const struct query_api query_targets = { ENDPOINT_TARGETS, "/thanos.Targets/Targets", "targets",
					 &thanos__targets_request__descriptor, &thanos__targets_response__descriptor };
const struct query_api query_metadata = { ENDPOINT_METADATA, "/thanos.Metadata/MetricMetadata", "metadata",
					  &thanos__metric_metadata_request__descriptor,
					  &thanos__metric_metadata_response__descriptor };
const struct query_api query_exemplars = { ENDPOINT_EXEMPLARS, "/thanos.Exemplars/Exemplars", "exemplars",
					   &thanos__exemplars_request__descriptor,
					   &thanos__exemplars_response__descriptor };
const struct query_api query_statistics = { ENDPOINT_STATUS, "/thanos.Status/TSDBStatistics", "tsdb statistics",
					    &thanos__tsdbstatistics_request__descriptor,
					    &thanos__tsdbstatistics_response__descriptor };

/* One endpoint's part. */
struct part {
	const struct query_question *what;
	struct endpoint_info *info;
	struct arena *a;
	const void *request;
	int64_t timeout_ms;
	VEC(void *) got;
	struct err failed; /* code 0: answered */
	bool over_budget;  /* it failed here, for want of memory */
};

static int co_receive(struct part *p, struct grpc_stream *s, struct err *err)
{
	for (;;) {
		void *msg;
		int rc = co_grpc_recv_pb(s, p->what->api->answer, p->a, &msg, err);
		if (rc || !msg)
			return rc;
		*vec_push(&p->got) = msg;
	}
}

/* Asks one endpoint; suspends. */
static void part_main(void *arg)
{
	struct part *p = arg;
	struct grpc_call_opts opts = { .timeout_ms = p->timeout_ms, .budget = p->a->budget };
	struct grpc_stream *s;
	uint64_t refusals = budget_refusals(p->a->budget);
	if (co_grpc_stream_open_pb(p->info->channel, p->what->api->method, &opts, p->request, &s, &p->failed) == 0) {
		(void)co_receive(p, s, &p->failed);
		grpc_stream_close(s);
	}
	p->over_budget = p->failed.code == ERR_RESOURCE_EXHAUSTED && budget_refusals(p->a->budget) != refusals;
}

static int co_ask_all(struct part *parts, size_t n, struct err *err)
{
	struct fiber_group g;
	fiber_group_init(&g);
	for (size_t i = 0; i < n; i++)
		if (parts[i].request)
			fiber_group_start(&g, "ask", part_main, &parts[i]);
	return co_fiber_group_join(&g, err);
}

/* The answers were too much for the call: what it needed, and whose they are. */
static int too_much(const struct part *parts, size_t n, const struct part *at, struct err *err)
{
	const struct query_question *what = at->what;
	const struct part *most = at;
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		total += parts[i].got.n;
		most = parts[i].got.n > most->got.n ? &parts[i] : most;
	}
	return err_set(err, ERR_RESOURCE_EXHAUSTED,
		       "%s%s%.*s; %zu answers of %zu endpoints read so far, %zu of them from %s", at->failed.msg,
		       what->about.n ? ", for " : "", (int)MIN(what->about.n, 200), what->about.p, total, n,
		       most->got.n, most->info->name);
}

/* Failures become warnings, or the first of them the end. */
static int judge(const struct part *parts, size_t n, struct api_notes *notes, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].over_budget)
			return too_much(parts, n, &parts[i], err);
	for (size_t i = 0; i < n; i++) {
		const struct part *p = &parts[i];
		struct err text;
		if (!p->failed.code)
			continue;
		err_set(&text, (enum err_code)p->failed.code,
			"receiving %s from %s client %s: rpc error: code = %s desc = %s", p->what->api->what,
			p->what->api->what, p->info->name, err_code_name(p->failed.code), p->failed.msg);
		if (p->what->abort)
			return err_set(err,
				       text.code == ERR_RESOURCE_EXHAUSTED ? ERR_ABORTED : (enum err_code)text.code,
				       "%s", text.msg);
		api_note(notes, str_c(text.msg));
	}
	return 0;
}

static int collect(const struct part *parts, size_t n, struct arena *a, struct query_answers *ret, struct err *err)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += parts[i].got.n;
	*ret = (struct query_answers){ arena_array(a, total + 1, sizeof(void *)), 0 };
	if (!ret->p)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < parts[i].got.n; k++)
			ret->p[ret->n++] = parts[i].got.p[k];
	return 0;
}

static void prepare(struct part *p, struct query *q, const struct query_question *what, struct endpoint_info *info,
		    struct arena *a)
{
	const struct query_config *cfg = query_config(q);
	p->what = what;
	p->info = info;
	p->a = a;
	p->request = what->request ? what->request : what->request_of(what->arg, info, a);
	p->timeout_ms = cfg->store_response_timeout_ms > 0 ? cfg->store_response_timeout_ms : cfg->timeout_ms;
}

int co_query_ask(struct query *q, const struct query_question *what, struct arena *a, struct api_notes *notes,
		 struct query_answers *ret, struct err *err)
{
	size_t n;
	struct endpoint_info **list = endpoints_get(query_endpoints(q), what->api->api, &n);
	struct part *parts = arena_array(a, n + 1, sizeof(*parts));
	int rc = parts ? 0 : arena_err(a, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		prepare(&parts[i], q, what, list[i], a);
	rc = rc ? rc : co_ask_all(parts, n, err);
	rc = rc ? rc : judge(parts, n, notes, err);
	rc = rc ? rc : collect(parts, n, a, ret, err);
	for (size_t i = 0; parts && i < n; i++)
		vec_fini(&parts[i].got);
	endpoints_release(list, n);
	return rc;
}
