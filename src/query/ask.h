/*
 * query/ask.h - one question to all endpoints that offer an API: rules,
 * targets, metadata, exemplars, TSDB statistics.
 *
 * They are asked at the same time. Where one fails, its failure is a warning, or with
 * `abort` the failure of all (upstream: the Proxy types of pkg/rules, pkg/targets ...). Answers that do not fit into the memory
 * of the call are never a warning: it is not the endpoint that failed.
 */
#ifndef QUERY_ASK_H
#define QUERY_ASK_H

#include "api/reply.h"
#include "base/arena.h"
#include "base/err.h"
#include "proto/types.pb-c.h"

#include <protobuf-c/protobuf-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint_info;
struct query;

/* An API that is asked of all endpoints. */
struct query_api {
	unsigned api;       /* enum endpoint_api */
	const char *method; /* "/thanos.Rules/Rules" */
	const char *what;   /* "rules", for messages */
	const ProtobufCMessageDescriptor *request, *answer;
};

extern const struct query_api query_rules, query_targets, query_metadata, query_exemplars, query_statistics;

/* What is asked. */
struct query_question {
	const struct query_api *api;
	const void *request; /* a message of protobuf-c; NULL: request_of */
	/* The request for one endpoint, in `a`; NULL leaves it out. */
	const void *(*request_of)(void *arg, const struct endpoint_info *i, struct arena *a);
	void *arg;
	bool abort;       /* requests say so, too */
	struct str about; /* what of it selects, for messages: a query; may be empty */
};

/* How requests say it. */
static inline Thanos__PartialResponseStrategy query_strategy(bool abort)
{
	return abort ? THANOS__PARTIAL_RESPONSE_STRATEGY__ABORT : THANOS__PARTIAL_RESPONSE_STRATEGY__WARN;
}

/* All messages that came (of the API's answer type), by endpoint in the order of their names. In the arena of the call. */
struct query_answers {
	void **p;
	size_t n;
};

/*
 * Asks. Each endpoint has the store response timeout, without one the query timeout. Answers lie in `a`, whose
 * budget bounds them: RESOURCE_EXHAUSTED, which nothing else is, says what was needed and for whose answers. Suspends.
 */
int co_query_ask(struct query *q, const struct query_question *what, struct arena *a, struct api_notes *notes,
		 struct query_answers *ret, struct err *err);

#endif
