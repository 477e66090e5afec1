#include "api/result.h"

#include "base/mem.h"
#include "promql/math/fhist.h"
#include "text/float.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Buckets of a histogram that fit on the stack. */
#define STACK_BUCKETS 200

/* Most times that are prepared: the query API gives no more steps. */
#define TIMES_MAX 11000

void api_write_labels(struct jsonw *w, struct labels l)
{
	unsigned flags = w->flags;
	jsonw_set_flags(w, flags & ~JSONW_HTML);
	jsonw_object_begin(w);
	for (size_t i = 0; i < l.n; i++) {
		jsonw_key_str(w, l.p[i].name);
		jsonw_str(w, l.p[i].value);
	}
	jsonw_object_end(w);
	jsonw_set_flags(w, flags);
}

/* --- histograms ------------------------------------------------------------------------- */

/* Which ends belong to the bucket: 0 (lo,hi], 1 [lo,hi), 2 (lo,hi), 3 [lo,hi]. */
static int bucket_ends(const struct fh_bucket *b)
{
	if (b->lower_inclusive)
		return b->upper_inclusive ? 3 : 1;
	return b->upper_inclusive ? 0 : 2;
}

static void write_bucket(struct jsonw *w, const struct fh_bucket *b)
{
	jsonw_array_begin(w);
	jsonw_i64(w, bucket_ends(b));
	jsonw_sample_value(w, b->lower);
	jsonw_sample_value(w, b->upper);
	jsonw_sample_value(w, b->count);
	jsonw_array_end(w);
}

static void write_buckets(struct jsonw *w, const struct histogram *h)
{
	struct fh_bucket stack[STACK_BUCKETS], *b = stack;
	size_t max = fhist_buckets_max(h);
	if (max > STACK_BUCKETS)
		b = xmalloc(max * sizeof(*b));
	size_t n = fhist_buckets(h, b, false);
	if (n) {
		jsonw_key(w, "buckets");
		jsonw_array_begin(w);
		for (size_t i = 0; i < n; i++)
			write_bucket(w, &b[i]);
		jsonw_array_end(w);
	}
	if (b != stack)
		free(b);
}

void api_write_histogram(struct jsonw *w, const struct histogram *h)
{
	jsonw_object_begin(w);
	jsonw_key(w, "count");
	jsonw_sample_value(w, h->count_f);
	jsonw_key(w, "sum");
	jsonw_sample_value(w, h->sum);
	write_buckets(w, h);
	jsonw_object_end(w);
}

static void write_hpoint(struct jsonw *w, const struct promql_hpoint *p)
{
	jsonw_array_begin(w);
	jsonw_seconds(w, p->t);
	api_write_histogram(w, p->h);
	jsonw_array_end(w);
}

void api_write_time(struct jsonw *w, int64_t t_ms)
{
	char text[48];
	struct tm tm;
	time_t t = (time_t)(t_ms / 1000);
	int ms = (int)(t_ms % 1000);
	if (t_ms == 0) {
		jsonw_cstr(w, "0001-01-01T00:00:00Z");
		return;
	}
	gmtime_r(&t, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03d", ms);
		while (text[n - 1] == '0')
			n--;
	}
	text[n++] = 'Z';
	jsonw_str(w, str_mem(text, n));
}

/* --- values ----------------------------------------------------------------------------- */

static void write_vector_element(struct jsonw *w, const struct promql_rseries *s)
{
	jsonw_object_begin(w);
	jsonw_key(w, "metric");
	api_write_labels(w, s->labels);
	if (s->n_hists) {
		jsonw_key(w, "histogram");
		write_hpoint(w, &s->hists[0]);
	} else if (s->n_floats) {
		jsonw_key(w, "value");
		jsonw_sample(w, s->floats[0].t, s->floats[0].v);
	}
	jsonw_object_end(w);
}

/* The times of a result, written once for all its series. */
struct times {
	struct jsonw_time *p;
	size_t n;
};

static void write_floats(struct jsonw *w, const struct promql_rseries *s, const struct times *times)
{
	const struct jsonw_samples all = { &s->floats->t, &s->floats->v, sizeof(*s->floats), s->n_floats };
	jsonw_key(w, "values");
	jsonw_array_begin(w);
	jsonw_samples(w, &all, times->p, times->n);
	jsonw_array_end(w);
}

/* Prepares the times of the longest series when others are likely to have them too. */
static struct times prepare_times(const struct promql_rseries *series, size_t n)
{
	const struct promql_rseries *longest = NULL;
	struct times ret = { 0 };
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		total += series[i].n_floats;
		if (!longest || series[i].n_floats > longest->n_floats)
			longest = &series[i];
	}
	if (!longest || total < 2 * longest->n_floats)
		return ret;
	ret.n = MIN(longest->n_floats, TIMES_MAX);
	ret.p = xreallocarray(NULL, ret.n, sizeof(*ret.p));
	for (size_t i = 0; i < ret.n; i++)
		jsonw_time_set(&ret.p[i], longest->floats[i].t);
	return ret;
}

static void write_hists(struct jsonw *w, const struct promql_rseries *s)
{
	jsonw_key(w, "histograms");
	jsonw_array_begin(w);
	for (size_t i = 0; i < s->n_hists && !jsonw_failed(w); i++)
		write_hpoint(w, &s->hists[i]);
	jsonw_array_end(w);
}

static void write_matrix_element(struct jsonw *w, const struct promql_rseries *s, const struct times *times)
{
	jsonw_object_begin(w);
	jsonw_key(w, "metric");
	api_write_labels(w, s->labels);
	if (s->n_floats)
		write_floats(w, s, times);
	if (s->n_hists)
		write_hists(w, s);
	jsonw_object_end(w);
}

/* The time of scalars and strings: a plain JSON number of seconds. */
static void write_float_time(struct jsonw *w, int64_t t_ms)
{
	jsonw_double(w, (double)t_ms / 1000);
}

void api_write_scalar(struct jsonw *w, struct promql_point p)
{
	char text[TEXT_FLOAT_MAX];
	jsonw_array_begin(w);
	write_float_time(w, p.t);
	jsonw_str(w, str_mem(text, text_float(text, p.v, TEXT_FLOAT_F)));
	jsonw_array_end(w);
}

static void write_string(struct jsonw *w, const struct promql_result *r)
{
	jsonw_array_begin(w);
	write_float_time(w, r->scalar.t);
	jsonw_str(w, r->string);
	jsonw_array_end(w);
}

static void write_series(struct jsonw *w, const struct promql_result *r, uint64_t limit)
{
	size_t n = limit && limit < r->n_series ? (size_t)limit : r->n_series;
	struct times times = { 0 };
	if (r->type != PROMQL_TYPE_VECTOR)
		times = prepare_times(r->series, n);
	jsonw_array_begin(w);
	for (size_t i = 0; i < n && !jsonw_failed(w); i++) {
		if (r->type == PROMQL_TYPE_VECTOR)
			write_vector_element(w, &r->series[i]);
		else
			write_matrix_element(w, &r->series[i], &times);
	}
	jsonw_array_end(w);
	free(times.p);
}

void api_write_result(struct jsonw *w, const struct promql_result *r, uint64_t limit)
{
	switch (r->type) {
	case PROMQL_TYPE_SCALAR:
		api_write_scalar(w, r->scalar);
		break;
	case PROMQL_TYPE_STRING:
		write_string(w, r);
		break;
	default:
		write_series(w, r, limit);
		break;
	}
}
