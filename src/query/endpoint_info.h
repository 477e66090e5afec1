/*
 * query/endpoint_info.h - an endpoint's Info answer made into a struct endpoint_info. Private to query/.
 */
#ifndef QUERY_ENDPOINT_INFO_H
#define QUERY_ENDPOINT_INFO_H

#include "base/err.h"
#include "base/strbuf.h"
#include "query/endpoints.h"

#include <stddef.h>

/*
 * Calls /thanos.info.Info/Info, waiting for a connection at most `timeout_ms`. *ret has one reference and holds one of the
 * channel. FAILED_PRECONDITION where the peer does not offer the service.
 */
int co_endpoint_info_ask(const char *name, bool strict, bool group, struct grpc_channel *ch, int64_t timeout_ms,
			 struct endpoint_info **ret, struct err *err);

/* What is assumed of a strict endpoint that never answered: a store of all times without known labels. */
struct endpoint_info *endpoint_info_assume(const char *name, bool group, struct grpc_channel *ch);

/* Appends label sets as `{a="b"},{c="d"}`, sorted by text (labelpb.PromLabelSetsToString). */
void endpoint_label_sets_print(const struct labels *sets, size_t n, struct strbuf *b);

#endif
