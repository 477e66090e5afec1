/*
 * api/call.h - a request to the query API while it is served: parameters,
 * memory, deadline, how to answer. Private to api/.
 *
 * A handler begins with co_call_begin, ends with call_fini, and answers in between; what it
 * computes lies in call.arena, whose budget is that of a query.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/active.h"
#include "api/backend.h"
#include "api/prom.h"
#include "api/reply.h"
#include "http/req.h"

#include <stdbool.h>
#include <stdint.h>

/* A request under way. */
struct call {
	struct api_prom *api;
	const struct api_backend *be;
	struct http_req *req;
	const struct http_params *params;
	struct budget budget;
	struct arena arena;
	struct api_select select;
	struct api_notes notes;
	enum api_errtype errtype;              /* kind of the error to answer with */
	struct str errtext;                    /* its text where it is longer than a struct err's; else empty */
	const char *doing;                     /* for "query timed out in ..." */
	const struct api_active_query *active; /* what an operator may end; NULL: nothing */
	struct fiber_clock clock, *old_clock;
	int64_t old_deadline;
	struct budget *old_budget;
	bool has_deadline;
	bool plain; /* errors are answered as text, not JSON */
};

/*
 * Reads the parameters and the tenant, sets CORS headers. call_fini must follow on every path. After a failure answer with
 * co_call_fail.
 */
int co_call_begin(struct call *c, struct http_req *req, struct api_prom *api, struct err *err);

/* Gives back everything; the deadline is as before. */
void call_fini(struct call *c);

/* Answers with the error `e` as c->errtype says, or as cancelled or timed out if the fiber is. */
int co_call_fail(struct call *c, const struct err *e, struct err *err);

/* Ends the query's deadline, so that the answer can go out at the client's pace. */
void call_end_deadline(struct call *c);

/* The parameter's first value; empty where it is missing. */
struct str call_param(const struct call *c, const char *name);

/* Sets the deadline by --query.timeout and the parameter timeout. */
int call_set_timeout(struct call *c, struct err *err);

/* Reads dedup, replicaLabels[], storeMatch[], partial_response and shard_info into c->select. */
int call_read_select(struct call *c, struct err *err);

/* Reads dedup and replicaLabels[]. */
int call_read_dedup(struct call *c, struct err *err);

/* Reads storeMatch[]. */
int call_read_store_match(struct call *c, struct err *err);

/* Reads partial_response. */
int call_read_partial(struct call *c, struct err *err);

/* Reads max_source_resolution; `auto_ms` is what "auto" means. */
int call_read_resolution(struct call *c, int64_t auto_ms, struct err *err);

/* Checks the parameter engine. */
int call_check_engine(struct call *c, struct err *err);

/* A time parameter: `ret` keeps its value when it is missing. "Invalid time value for 'time': ..." */
int call_time(struct call *c, const char *name, int64_t *ret_ms, struct err *err);

/* start and end of requests for metadata. */
int call_metadata_range(struct call *c, int64_t *ret_start, int64_t *ret_end, struct err *err);

/* All selectors in parameters `name`, as lists of matchers in the arena. */
int call_matchers(struct call *c, const char *name, const struct api_matchers **ret, size_t *ret_n, struct err *err);

/* The selectors in match[], held to the tenant where that is enforced: then there is one even without any match[]. */
int call_series_matchers(struct call *c, const struct api_matchers **ret, size_t *ret_n, struct err *err);

/* Parses the parameter query; the whole of a long complaint is left in c->errtext. */
int call_parse_query(struct call *c, struct promql_expr **ret, struct err *err);

#endif
