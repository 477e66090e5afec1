/*
 * api/cost.h - what a query cost: told to whoever pays or looks into it.
 *
 * Of every answered query the headers say it, as far as is known when the answer begins (evaluation is over then, sending is
 * not); when it is over the owner of the API gets all of it.
 */
#ifndef API_COST_H
#define API_COST_H

#include "api/active.h"

#include <stdint.h>

struct http_req;

/* A query's cost. Times in ns; 0 for what it did not come to. */
struct api_query_cost {
	const struct api_active_query *query;
	int64_t total_ns; /* since the request's headers came */
	int64_t prepare_ns, queue_ns, eval_ns, write_ns;
	int64_t cpu_ns; /* time that its fibers held the loop */
	uint64_t samples_read, samples_peak, result_series;
	uint64_t samples_total; /* as Prometheus counts them where statistics were asked for, else samples_read */
	const char *status;     /* of HTTP ("200", "499": the client went away) or gRPC ("OK") */
	const char *error;      /* NULL where it succeeded */
};

/*
 * Sets the headers of an answer:
 *
 *	Server-Timing: querier_wall_time;dur=12.5, prepare;dur=0.1, queue;dur=0, eval;dur=12.4, cpu;dur=3.2
 *	X-Query-Cost: cpu_seconds=0.0032;samples=1234;series=12;bytes=4567;memory_bytes=65536
 *
 * Times in ms, as far as they are known; source of the first name: internal/cortex/frontend/transport/handler.go of Thanos.
 */
void api_cost_headers(struct http_req *req, const struct api_query_cost *c);

#endif
