#include "api/operator.h"

#include "labels/matcher.h"
#include "promql/profile.h"

#include <stdio.h>

/* Levels of the tree that are written: what lies deeper is counted. JSON nests twice as deep. */
#define LEVELS_MAX 48

/* Who writes. */
struct out {
	struct jsonw *w;
	const struct api_backend *be;
	void *source;
	bool plan; /* else an analysis */
	int rc;
	struct err *err;
};

/* What the engine asks of the source. */
static void write_read(struct out *o, const struct promql_read *r)
{
	struct jsonw *w = o->w;
	struct strbuf b = { .limit = 65536 };
	const struct promql_hints *h = &r->hints;
	matchers_print(r->matchers, r->n_matchers, &b);
	jsonw_key(w, "select");
	jsonw_object_begin(w);
	jsonw_kv_str(w, "selector", strbuf_str(&b));
	jsonw_kv_i64(w, "minTime", h->mint_ms);
	jsonw_kv_i64(w, "maxTime", h->maxt_ms);
	jsonw_kv_i64(w, "step", h->step_ms);
	jsonw_kv_i64(w, "range", h->range_ms);
	jsonw_kv_str(w, "func", h->func);
	jsonw_key(w, h->by ? "by" : "without");
	jsonw_array_begin(w);
	for (size_t i = 0; i < h->n_grouping; i++)
		jsonw_str(w, h->grouping[i]);
	jsonw_array_end(w);
	if (!o->plan) {
		jsonw_kv_u64(w, "series", r->series);
		jsonw_kv_u64(w, "samples", r->samples);
	}
	jsonw_object_end(w);
	strbuf_fini(&b);
	if (o->plan && o->be->source_explain && o->rc == 0)
		o->rc = o->be->source_explain(o->source, r, w, o->err);
	else if (!o->plan && o->be->source_analyze)
		o->be->source_analyze(o->source, h->id, w);
}

/* An operator has one select; info() has as many as it needs to find its series. */
static void write_reads(struct out *o, const struct promql_operator *op)
{
	if (!op->reads)
		return;
	if (!op->reads->next) {
		write_read(o, op->reads);
		return;
	}
	jsonw_key(o->w, "selects");
	jsonw_array_begin(o->w);
	for (const struct promql_read *r = op->reads; r; r = r->next) {
		jsonw_object_begin(o->w);
		write_read(o, r);
		jsonw_object_end(o->w);
	}
	jsonw_array_end(o->w);
}

static void write_figures(struct jsonw *w, const struct promql_operator *op)
{
	jsonw_kv_goduration(w, "executionTime", op->wall_ns);
	jsonw_kv_u64(w, "peakSamples", op->peak_samples);
	jsonw_kv_u64(w, "totalSamples", op->samples);
	jsonw_kv_u64(w, "series", op->series);
	jsonw_kv_goduration(w, "selfTime", op->self_wall_ns);
	jsonw_kv_goduration(w, "cpuTime", op->cpu_ns);
	jsonw_kv_goduration(w, "selfCPUTime", op->self_cpu_ns);
	jsonw_kv_u64(w, "selfMemoryBytes", op->self_memory_bytes);
}

static void write_place(struct jsonw *w, const struct promql_operator *op)
{
	jsonw_key(w, "position");
	jsonw_array_begin(w);
	jsonw_u64(w, op->pos.start);
	jsonw_u64(w, op->pos.end);
	jsonw_array_end(w);
	jsonw_kv_i64(w, "start", op->start_ms);
	jsonw_kv_i64(w, "end", op->end_ms);
	jsonw_kv_i64(w, "step", op->step_ms);
	jsonw_kv_u64(w, "steps", op->steps);
}

/* How many operators lie below; the chain to the left may be long, so without recursion. */
static size_t count_below(const struct promql_operator *top)
{
	size_t n = 0;
	for (const struct promql_operator *op = top->child; op;) {
		n++;
		if (op->child) {
			op = op->child;
			continue;
		}
		while (op != top && !op->next)
			op = op->up;
		op = op == top ? NULL : op->next;
	}
	return n;
}

static void write_operator(struct out *o, const struct promql_operator *op, unsigned level);

static void write_children(struct out *o, const struct promql_operator *op, unsigned level)
{
	if (!op->child)
		return;
	jsonw_key(o->w, "children");
	jsonw_array_begin(o->w);
	if (level == LEVELS_MAX) {
		char text[64];
		snprintf(text, sizeof(text), "[%zu more operators]", count_below(op));
		jsonw_object_begin(o->w);
		jsonw_kv_cstr(o->w, "name", text);
		jsonw_object_end(o->w);
	}
	for (const struct promql_operator *c = op->child; c && level < LEVELS_MAX; c = c->next) {
		jsonw_object_begin(o->w);
		write_operator(o, c, level + 1);
		jsonw_object_end(o->w);
	}
	jsonw_array_end(o->w);
}

/* The members of an operator. */
static void write_operator(struct out *o, const struct promql_operator *op, unsigned level)
{
	jsonw_kv_cstr(o->w, "name", op->name);
	if (!o->plan)
		write_figures(o->w, op);
	write_place(o->w, op);
	write_reads(o, op);
	write_children(o, op, level);
}

int api_write_plan(struct jsonw *w, const struct promql_operator *op, const struct api_backend *be, void *source,
		   struct err *err)
{
	struct out o = { w, be, source, true, 0, err };
	jsonw_object_begin(w);
	if (op)
		write_operator(&o, op, 1);
	else
		jsonw_kv_cstr(w, "name", "[string]");
	jsonw_object_end(w);
	return o.rc;
}

void api_write_analysis(struct jsonw *w, const struct promql_operator *op, const struct api_backend *be, void *source)
{
	struct out o = { w, be, source, false, 0, NULL };
	if (op)
		write_operator(&o, op, 1);
	else
		jsonw_kv_cstr(w, "name", "[string]");
}
