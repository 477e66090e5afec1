/*
 * Which selector a query is too big because of.
 *
 * Between two pulls from selectors the engine works on what the first of them brought: it folds it, keeps a copy, hands
 * it on. So what is held more at the second pull is held because of the first one. What is held once a selector has
 * ended is made of several: it counts for none.
 */
#include "promql/eval/trace.h"

#include "promql/eval/selector.h"

#include <stdio.h>
#include <string.h>

void eval_charge(struct eval *ev, struct feed *f)
{
	uint64_t bytes = ev->arena->budget ? ev->arena->budget->used : 0;
	if (ev->reading) {
		ev->reading->grown_samples += (int64_t)(ev->held - ev->mark_held);
		ev->reading->grown_bytes += (int64_t)(bytes - ev->mark_bytes);
	}
	ev->reading = f;
	ev->mark_held = ev->held;
	ev->mark_bytes = bytes;
}

/* What did not fit is because of the one that was read last, too. */
static void charge_refused(struct feed *f, const struct budget *b)
{
	while (b && !b->refused)
		b = b->parent;
	if (f && b)
		f->grown_bytes += (int64_t)b->refused;
}

/* The selector with most of what is short. */
static const struct feed *heaviest(const struct eval *ev, bool bytes)
{
	const struct feed *most = NULL;
	int64_t best = 0;
	for (const struct feed *f = ev->feeds; f; f = f->next) {
		int64_t n = bytes ? f->grown_bytes : f->grown_samples;
		if (n > best) {
			best = n;
			most = f;
		}
	}
	for (const struct feed *f = ev->feeds; f && best == 0; f = f->next)
		if (f->n_samples > (most ? most->n_samples : 0))
			most = f;
	return most;
}

void eval_blame(struct eval *ev, struct err *err)
{
	const struct budget *b = ev->arena->budget;
	struct feed *last = ev->reading;
	eval_charge(ev, NULL);
	charge_refused(last, b);
	bool memory = !ev->over_samples && budget_refusals(b) != ev->refusals;
	const struct feed *f = ev->over_samples || memory ? heaviest(ev, memory) : ev->failed;
	if (!err || !f)
		return;
	const char *what = ev->over_samples ? "most of them for"
			   : memory         ? "most of its memory for"
					    : "the selector is";
	struct strbuf more = { 0 };
	struct arena a;
	arena_init(&a, NULL);
	if (memory && !b->refused)
		strbuf_printf(&more, ", of which %llu bytes are this query's", (unsigned long long)b->used);
	strbuf_printf(&more, "; %s %s", what, describe_selector(f->owner->expr, &a));
	eval_position(&more, ev->text, f->owner->expr->pos);
	strbuf_printf(&more, ": %llu series with %llu samples read so far", (unsigned long long)f->n_series,
		      (unsigned long long)f->n_samples);
	size_t n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, "%s", more.p);
	strbuf_fini(&more);
	arena_fini(&a);
}
