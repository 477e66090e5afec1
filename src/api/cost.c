#include "api/cost.h"

#include "http/req.h"

#include <stdio.h>

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void api_cost_headers(struct http_req *req, const struct api_query_cost *c)
{
	char text[256];
	struct api_progress p = { 0 };
	const struct api_active_query *q = c->query;
	int n = snprintf(text, sizeof(text),
			 "querier_wall_time;dur=%.3f, prepare;dur=%.3f, queue;dur=%.3f, eval;dur=%.3f, cpu;dur=%.3f",
			 ms(c->total_ns), ms(c->prepare_ns), ms(c->queue_ns), ms(c->eval_ns), ms(c->cpu_ns));
	http_resp_header(req, "Server-Timing", str_mem(text, (size_t)n));
	if (q->progress)
		q->progress(q->source, &p);
	n = snprintf(text, sizeof(text), "cpu_seconds=%.6f;samples=%llu;series=%llu;bytes=%llu;memory_bytes=%llu",
		     (double)c->cpu_ns / 1e9, (unsigned long long)c->samples_read, (unsigned long long)p.series,
		     (unsigned long long)p.bytes, (unsigned long long)(q->budget ? q->budget->peak : 0));
	http_resp_header(req, "X-Query-Cost", str_mem(text, (size_t)n));
}
