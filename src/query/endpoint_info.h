/*
 * query/endpoint_info.h - an endpoint's Info answer made into a struct endpoint_info. Private to query/.
 */
#ifndef QUERY_ENDPOINT_INFO_H
#define QUERY_ENDPOINT_INFO_H

#include "base/err.h"
#include "base/strbuf.h"
#include "query/endpoints.h"

#include <stddef.h>

/* Whom to ask, and what goes into the answer's struct. Borrowed; the answer takes references of its own. */
struct endpoint_peer {
	const char *name;
	bool strict, group;
	struct grpc_channel *channel;
	struct tls_ctx *tls; /* of the channel; NULL: plain */
};

/*
 * Calls /thanos.info.Info/Info, waiting for a connection at most `timeout_ms`. *ret has one reference.
 * FAILED_PRECONDITION where the peer does not offer the service.
 */
int co_endpoint_info_ask(const struct endpoint_peer *p, int64_t timeout_ms, struct endpoint_info **ret,
			 struct err *err);

/* What is assumed of a strict endpoint that never answered: a store of all times without known labels. */
struct endpoint_info *endpoint_info_assume(const struct endpoint_peer *p);

/* Appends label sets as `{a="b"},{c="d"}`, sorted by text (labelpb.PromLabelSetsToString). */
void endpoint_label_sets_print(const struct labels *sets, size_t n, struct strbuf *b);

#endif
