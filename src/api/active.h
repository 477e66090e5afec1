/*
 * api/active.h - the queries that run now: listed, and ended by an operator.
 *
 * GET /api/v1/status/active_queries lists them; DELETE of one, by its id as the
 * last part of the path or as the parameter id, cancels its fiber: what it waits for
 * fails, its streams are reset, its memory goes, and its caller is told so.
 *
 * A query is added by whoever serves it, from its own fiber, and removed before its memory goes.
 */
#ifndef API_ACTIVE_H
#define API_ACTIVE_H

#include "api/journal.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "loop/fiber.h"
#include "text/ulid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_router;

/* Most names of endpoints in a struct api_progress. */
#define API_PROGRESS_PENDING 32

/* Where a query is. */
enum api_active_state { API_ACTIVE_QUEUED, API_ACTIVE_RUNNING, API_ACTIVE_WRITING };

/* What a source has read so far. Names are valid until the next suspension. */
struct api_progress {
	uint64_t series, chunks, samples, bytes;
	uint64_t asked;                            /* streams opened so far, one per select and endpoint */
	size_t n_pending;                          /* endpoints that have not sent everything yet */
	const char *pending[API_PROGRESS_PENDING]; /* the first of them */
};

/*
 * A query that runs. Zero it, fill in the first part (borrowed while it is added), then api_active_add.
 */
struct api_active_query {
	const char *kind; /* "query", "query_range", "grpc Query", ... */
	struct str text, tenant, user, user_agent, remote;
	int64_t start_ms, end_ms, step_ms; /* of the evaluation */
	const struct budget *budget;
	const struct fiber_clock *clock;
	/* Reports what `source` read; NULL while there is none. */
	void (*progress)(void *source, struct api_progress *ret);
	void *source;

	/* Read these. */
	enum api_active_state state; /* api_active_begin sets RUNNING, its server WRITING */
	bool killed;                 /* by an operator */
	char id[ULID_LEN + 1];
	int64_t since_ms; /* wall clock */
	int64_t since_ns; /* monotonic */

	/* Private. */
	struct list link;
	struct fiber *fiber;
	uint32_t slot; /* of the journal */
};

/* The queries of a process. */
struct api_active {
	struct list queries; /* oldest first */
	size_t n;
	bool disable_cors;
	struct api_journal *journal; /* those that run are written down there; borrowed; NULL: nowhere */
};

/* Makes an empty list. */
void api_active_init(struct api_active *a);

/* Adds a query of the running fiber. `a` NULL: does nothing. */
void api_active_add(struct api_active *a, struct api_active_query *q);

/* It has got its turn. `a` NULL: is not on a list. */
void api_active_begin(struct api_active *a, struct api_active_query *q);

/* Takes it off; harmless where it is on no list. */
void api_active_remove(struct api_active *a, struct api_active_query *q);

/* Cancels the query with that id; false where there is none (any more). */
bool api_active_cancel(struct api_active *a, struct str id);

/* Adds the routes of both requests. */
void api_active_add_routes(struct api_active *a, struct http_router *r);

#endif
