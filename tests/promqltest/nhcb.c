#include "promqltest/nhcb.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/vec.h"
#include "labels/builder.h"
#include "text/float.h"

#include <math.h>
#include <stdlib.h>

/* A classic series and what it is part of. */
struct part {
	const struct script_series *series;
	enum { PART_BUCKET, PART_SUM, PART_COUNT } kind;
	double le;
	struct labels base;
};

/* Buckets of one step, ascending in le. */
struct step {
	struct {
		double le, count;
	} * buckets;
	size_t n;
	double sum, count;
	bool any, has_count;
};

static bool cut_suffix(struct str *s, const char *suffix)
{
	if (!str_has_suffix(*s, str_c(suffix)))
		return false;
	s->n -= strlen(suffix);
	return true;
}

/* Says what a series is a part of; false where it is none. */
static bool classify(const struct script_series *s, struct arena *a, struct part *ret)
{
	struct str name = labels_get(s->labels, LABEL_METRIC_NAME);
	ret->series = s;
	ret->le = 0;
	if (cut_suffix(&name, "_bucket")) {
		ret->kind = PART_BUCKET;
		if (!text_parse_double(labels_get(s->labels, LABEL_BUCKET), &ret->le) || isnan(ret->le))
			return false;
	} else if (cut_suffix(&name, "_sum")) {
		ret->kind = PART_SUM;
	} else if (cut_suffix(&name, "_count")) {
		ret->kind = PART_COUNT;
	} else {
		return false;
	}
	struct labels_builder b = { 0 };
	labels_builder_reset(&b, s->labels);
	labels_builder_set(&b, LABEL_METRIC_NAME, name);
	labels_builder_del(&b, LABEL_BUCKET);
	CHECK(labels_copy(labels_builder_labels(&b), a, &ret->base, NULL) == 0);
	labels_builder_fini(&b);
	return true;
}

static int by_base_kind_le(const void *x, const void *y)
{
	const struct part *a = x, *b = y;
	int d = labels_cmp(a->base, b->base);
	if (d == 0)
		d = (int)a->kind - (int)b->kind;
	return d ? d : (a->le > b->le) - (a->le < b->le);
}

/* What the parts say about step i. NULL or a message. */
static const char *collect(const struct part *p, size_t n, size_t i, struct arena *a, struct step *st)
{
	for (; n > 0; n--, p++) {
		if (i >= p->series->n_values || p->series->values[i].omitted || p->series->values[i].h)
			continue;
		double v = p->series->values[i].v;
		st->any = true;
		if (p->kind == PART_SUM) {
			st->sum = v;
		} else if (v < 0) {
			return p->kind == PART_COUNT
				       ? arena_printf(a, "count must be non-negative: count=%g", v)
				       : arena_printf(a, "bucket count must be non-negative: le=%g, count=%g", p->le,
						      v);
		} else if (p->kind == PART_COUNT) {
			st->count = v;
			st->has_count = true;
		} else if (st->n == 0 || st->buckets[st->n - 1].le < p->le) {
			if (st->n && v < st->buckets[st->n - 1].count)
				return arena_printf(a, "count is not cumulative: %g < %g", v,
						    st->buckets[st->n - 1].count);
			st->buckets[st->n].le = p->le;
			st->buckets[st->n++].count = v;
		}
	}
	return NULL;
}

static bool is_whole(double v)
{
	return v == round(v) && fabs(v) < 0x1p63;
}

/* Whether all counts are whole: then upstream goes through an integer histogram. */
static bool all_whole(const struct step *st)
{
	for (size_t i = 0; i < st->n; i++)
		if (!is_whole(st->buckets[i].count))
			return false;
	return is_whole(st->count);
}

/* Adds what is missing: count and the last bucket. */
static void complete(struct step *st)
{
	if (!st->has_count && st->n > 0)
		st->count = st->buckets[st->n - 1].count;
	if (st->n == 0 || st->buckets[st->n - 1].le != INFINITY) {
		st->buckets[st->n].le = INFINITY;
		st->buckets[st->n++].count = st->count;
	}
}

/* The native histogram of a step. NULL or a message. */
static const char *make_histogram(struct step *st, struct arena *a, const struct histogram **ret)
{
	complete(st);
	if (st->count != st->buckets[st->n - 1].count)
		return arena_printf(a, "count mismatch: count=%g != le=%g count=%g", st->count,
				    st->buckets[st->n - 1].le, st->buckets[st->n - 1].count);
	struct hist_span *span = arena_zalloc(a, sizeof(*span));
	double *counts = arena_array(a, st->n, sizeof(*counts));
	double *bounds = arena_array(a, st->n, sizeof(*bounds));
	struct histogram *h = arena_zalloc(a, sizeof(*h));
	CHECK(span && counts && bounds && h);
	span->length = (uint32_t)st->n;
	for (size_t i = 0; i < st->n; i++) {
		counts[i] = st->buckets[i].count - (i ? st->buckets[i - 1].count : 0);
		bounds[i] = st->buckets[i].le;
	}
	struct histogram full = { .is_float = true,
				  .schema = HIST_SCHEMA_CUSTOM,
				  .sum = st->sum,
				  .count_f = st->count,
				  .pos_spans = span,
				  .n_pos_spans = 1,
				  .pos_counts = counts,
				  .n_pos = (uint32_t)st->n,
				  .bounds = bounds,
				  .n_bounds = (uint32_t)st->n - 1 };
	struct err err = ERR_NONE;
	if (hist_compact(h, &full, all_whole(st) ? 2 : 0, a, &err) < 0 || hist_validate(h, &err) < 0)
		return arena_strdup(a, err.msg);
	*ret = h;
	return NULL;
}

/* The series of the histogram that parts [0, n) make up. NULL or a message. */
static const char *convert_one(const struct part *p, size_t n, struct arena *a, struct script_series *ret)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		len = MAX(len, p[i].series->n_values);
	*ret = (struct script_series){ .labels = p->base, .n_values = len };
	ret->values = arena_array(a, len, sizeof(*ret->values));
	struct step st;
	st.buckets = arena_array(a, n + 1, sizeof(*st.buckets));
	CHECK(ret->values && st.buckets);
	for (size_t i = 0; i < len; i++) {
		st = (struct step){ .buckets = st.buckets };
		const char *msg = collect(p, n, i, a, &st);
		if (!msg && st.any)
			msg = make_histogram(&st, a, &ret->values[i].h);
		if (msg)
			return msg;
		ret->values[i].omitted = !st.any;
	}
	return NULL;
}

const char *nhcb_convert(const struct script_cmd *c, struct arena *a, struct script_series **ret, size_t *ret_n)
{
	VEC(struct part) parts = { 0 };
	const char *msg = NULL;
	*ret_n = 0;
	*ret = arena_array(a, c->n_series + 1, sizeof(**ret));
	CHECK(*ret);
	for (size_t i = 0; i < c->n_series; i++) {
		struct part p;
		if (classify(&c->series[i], a, &p))
			*vec_push(&parts) = p;
	}
	if (parts.n)
		qsort(parts.p, parts.n, sizeof(*parts.p), by_base_kind_le);
	for (size_t i = 0, k; i < parts.n && !msg; i = k) {
		for (k = i + 1; k < parts.n && labels_eq(parts.p[i].base, parts.p[k].base);)
			k++;
		msg = convert_one(&parts.p[i], k - i, a, &(*ret)[(*ret_n)++]);
	}
	vec_fini(&parts);
	return msg;
}
