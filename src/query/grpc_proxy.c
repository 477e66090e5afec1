/*
 * thanos.Rules, Targets, Metadata, Exemplars and Status for a querier above: the answers of all endpoints, as they came.
 * Source: the Proxy types of pkg/rules, pkg/targets, pkg/metadata, pkg/exemplars, pkg/status.
 */
#include "grpc/pb.h"
#include "loop/fiber.h"
#include "query/exemplars.h"
#include "query/grpc_internal.h"
#include "query/query.h"

#include <string.h>

/* A call that goes on to all endpoints. */
struct proxied {
	struct query *q;
	struct grpc_call *call;
	struct budget budget;
	struct arena arena;
	struct budget *old_budget;
	struct api_notes notes;
};

static void begin(struct proxied *p, struct grpc_call *call, struct query *q)
{
	*p = (struct proxied){ .q = q, .call = call };
	query_budget_init(q, &p->budget);
	arena_init(&p->arena, &p->budget);
	p->old_budget = fiber_set_budget(&p->budget);
	p->notes.a = &p->arena;
}

static void end(struct proxied *p)
{
	fiber_set_budget(p->old_budget);
	arena_fini(&p->arena);
	budget_fini(&p->budget);
}

/* An answer of type `desc` whose result is the warning `text`; all five types name these fields alike. */
static int co_send_warning(struct proxied *p, const ProtobufCMessageDescriptor *desc, struct str text, struct err *err)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(desc, "warning");
	char *msg = arena_zalloc(&p->arena, desc->sizeof_message);
	char *copy = arena_memdup(&p->arena, text.p, text.n);
	if (!msg || !copy)
		return arena_err(&p->arena, err);
	desc->message_init((ProtobufCMessage *)msg);
	memcpy(msg + f->offset, &copy, sizeof(copy));
	memcpy(msg + f->quantifier_offset, &(int){ (int)f->id }, sizeof(int));
	return co_grpc_send_pb(p->call, msg, err);
}

/* Asks all endpoints and sends on what they answer, warnings of their failures first. */
static int co_pass(struct proxied *p, const struct query_question *what, struct err *err)
{
	struct query_answers ans;
	int rc = co_query_ask(p->q, what, &p->arena, &p->notes, &ans, err);
	for (size_t i = 0; rc == 0 && i < p->notes.n; i++)
		rc = co_send_warning(p, what->api->answer, p->notes.p[i], err);
	for (size_t i = 0; rc == 0 && i < ans.n; i++)
		rc = co_grpc_send_pb(p->call, ans.p[i], err);
	return rc;
}

/* Whether a request wants no partial answer. */
static bool wants_all(const void *request, const ProtobufCMessageDescriptor *desc)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(desc, "partial_response_strategy");
	int strategy;
	memcpy(&strategy, (const char *)request + f->offset, sizeof(strategy));
	return strategy == (int)query_strategy(true);
}

/* Passes a request on unchanged. */
static int co_proxy(struct grpc_call *call, struct query *q, const struct query_api *api, struct err *err)
{
	struct proxied p;
	void *request;
	begin(&p, call, q);
	int rc = grpc_call_unpack(call, api->request, &request, err);
	if (rc == 0) {
		struct query_question what = { .api = api,
					       .request = request,
					       .abort = wants_all(request, api->request) };
		rc = co_pass(&p, &what, err);
	}
	end(&p);
	return rc;
}

static int co_rules(struct grpc_call *c, void *arg, struct err *err)
{
	return co_proxy(c, arg, &query_rules, err);
}

static int co_targets(struct grpc_call *c, void *arg, struct err *err)
{
	return co_proxy(c, arg, &query_targets, err);
}

static int co_metadata(struct grpc_call *c, void *arg, struct err *err)
{
	return co_proxy(c, arg, &query_metadata, err);
}

static int co_statistics(struct grpc_call *c, void *arg, struct err *err)
{
	return co_proxy(c, arg, &query_statistics, err);
}

/* Each endpoint gets the selectors that it may have. */
static int co_exemplars(struct grpc_call *c, void *arg, struct err *err)
{
	struct proxied p;
	Thanos__ExemplarsRequest *request = NULL;
	struct exemplars_question e = { .n_selectors = 0 };
	begin(&p, c, arg);
	int rc = grpc_call_unpack(c, &thanos__exemplars_request__descriptor, (void **)&request, err);
	if (rc == 0) {
		e.start = request->start;
		e.end = request->end;
		e.abort = request->partial_response_strategy == query_strategy(true);
		rc = exemplars_question_read(&e, p.q, str_c(request->query), &p.arena, err);
	}
	if (rc == 0) {
		struct query_question what = exemplars_question_for_all(&e);
		rc = co_pass(&p, &what, err);
	}
	end(&p);
	return rc;
}

const struct grpc_method query_proxy_methods[5] = {
	{ "/thanos.Rules/Rules", GRPC_SERVER_STREAM, co_rules },
	{ "/thanos.Targets/Targets", GRPC_SERVER_STREAM, co_targets },
	{ "/thanos.Metadata/MetricMetadata", GRPC_SERVER_STREAM, co_metadata },
	{ "/thanos.Exemplars/Exemplars", GRPC_SERVER_STREAM, co_exemplars },
	{ "/thanos.Status/TSDBStatistics", GRPC_SERVER_STREAM, co_statistics },
};
