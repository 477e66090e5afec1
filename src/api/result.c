#include "api/result.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "promql/math/fhist.h"
#include "text/float.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A bucket as it is written up to its count: [0,"1","2.5"," */
struct bucket_text {
	double bounds[2];
	uint8_t ends, n;
	char text[62];
};

#define BUCKET_TEXTS 256

/* Texts of buckets: most histograms of a result have the same ones. */
struct bucket_texts {
	struct bucket_text at[BUCKET_TEXTS];
};

static void make_text(struct bucket_text *t, const struct fh_bucket *b, int ends)
{
	char tmp[2 * TEXT_FLOAT_MAX + 16], *p = tmp;
	*t = (struct bucket_text){ .bounds = { b->lower, b->upper }, .ends = (uint8_t)ends };
	*p++ = '[';
	*p++ = (char)('0' + ends);
	for (int i = 0; i < 2; i++) {
		memcpy(p, ",\"", 2);
		p = text_float_json(p + 2, t->bounds[i]);
		*p++ = '"';
	}
	memcpy(p, ",\"", 2);
	CHECK((size_t)(p + 2 - tmp) <= sizeof(t->text)); /* bounds have 25 characters at most */
	t->n = (uint8_t)(p + 2 - tmp);
	memcpy(t->text, tmp, t->n);
}

/* The text of a bucket, kept in `known`. */
static const struct bucket_text *text_of(struct bucket_texts *known, const struct fh_bucket *b)
{
	double bounds[2] = { b->lower, b->upper };
	int ends = bucket_ends(b);
	uint64_t bits[2];
	memcpy(bits, bounds, sizeof(bits));
	struct bucket_text *t = &known->at[((bits[0] ^ bits[1] << 1) * 0x9e3779b97f4a7c15) >> 56];
	if (UNLIKELY(t->n == 0 || t->ends != ends || memcmp(t->bounds, bounds, sizeof(bounds)) != 0))
		make_text(t, b, ends);
	return t;
}

static void write_bucket(struct jsonw *w, const struct fh_bucket *b, struct bucket_texts *known)
{
	char tmp[sizeof(((struct bucket_text *)0)->text) + TEXT_FLOAT_MAX + 16];
	const struct bucket_text *t = text_of(known, b);
	memcpy(tmp, t->text, sizeof(t->text));
	char *p = text_float_json(tmp + t->n, b->count);
	memcpy(p, "\"]", 2);
	jsonw_raw(w, str_mem(tmp, (size_t)(p + 2 - tmp)));
}

static void write_buckets(struct jsonw *w, const struct histogram *h, struct bucket_texts *known)
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
			write_bucket(w, &b[i], known);
		jsonw_array_end(w);
	}
	if (b != stack)
		free(b);
}

/*
 * A histogram (float form): {"count":"6","sum":"5","buckets":[[0,"1","2.5","2"]]}; only populated buckets, no
 * key "buckets" without any.
 */
static void write_histogram(struct jsonw *w, const struct histogram *h, struct bucket_texts *known)
{
	jsonw_object_begin(w);
	jsonw_key(w, "count");
	jsonw_sample_value(w, h->count_f);
	jsonw_key(w, "sum");
	jsonw_sample_value(w, h->sum);
	write_buckets(w, h, known);
	jsonw_object_end(w);
}

static void write_hpoint(struct jsonw *w, const struct promql_hpoint *p, struct bucket_texts *known)
{
	jsonw_array_begin(w);
	jsonw_seconds(w, p->t);
	write_histogram(w, p->h, known);
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

/* What is prepared once for all series of a result. */
struct prepared {
	const int64_t *steps; /* promql_result.times */
	struct jsonw_time *times;
	size_t n_times;
	struct bucket_texts *buckets; /* NULL without histograms */
};

static void write_vector_element(struct jsonw *w, const struct promql_rseries *s, const struct prepared *k)
{
	jsonw_object_begin(w);
	jsonw_key(w, "metric");
	api_write_labels(w, s->labels);
	if (s->n_hists) {
		jsonw_key(w, "histogram");
		write_hpoint(w, &s->hists[0], k->buckets);
	} else if (s->n_floats) {
		jsonw_key(w, "value");
		jsonw_sample(w, s->floats[0].t, s->floats[0].v);
	}
	jsonw_object_end(w);
}

static void write_floats(struct jsonw *w, const struct promql_rseries *s, const struct prepared *k)
{
	struct jsonw_samples all = { .n = s->n_floats };
	if (s->values) {
		all.t_ms = k->steps + s->first_step;
		all.v = s->values;
		all.stride = sizeof(*s->values);
	} else {
		all.t_ms = &s->floats->t;
		all.v = &s->floats->v;
		all.stride = sizeof(*s->floats);
	}
	jsonw_key(w, "values");
	jsonw_array_begin(w);
	jsonw_samples(w, &all, k->times, k->n_times);
	jsonw_array_end(w);
}

/* Prepares the times of the longest series when others are likely to have them too. */
static void prepare_times(struct prepared *k, const struct promql_rseries *series, size_t n)
{
	const struct promql_rseries *longest = NULL;
	size_t total = 0;
	for (size_t i = 0; i < n; i++) {
		total += series[i].n_floats;
		if (!longest || series[i].n_floats > longest->n_floats)
			longest = &series[i];
	}
	if (!longest || total < 2 * longest->n_floats)
		return;
	k->n_times = MIN(longest->n_floats, TIMES_MAX);
	k->times = xreallocarray(NULL, k->n_times, sizeof(*k->times));
	for (size_t i = 0; i < k->n_times; i++)
		jsonw_time_set(&k->times[i],
			       longest->values ? k->steps[longest->first_step + i] : longest->floats[i].t);
}

static void prepare_buckets(struct prepared *k, const struct promql_rseries *series, size_t n)
{
	for (size_t i = 0; i < n && !k->buckets; i++)
		if (series[i].n_hists)
			k->buckets = xcalloc(1, sizeof(*k->buckets));
}

static void write_hists(struct jsonw *w, const struct promql_rseries *s, const struct prepared *k)
{
	jsonw_key(w, "histograms");
	jsonw_array_begin(w);
	for (size_t i = 0; i < s->n_hists && !jsonw_failed(w); i++)
		write_hpoint(w, &s->hists[i], k->buckets);
	jsonw_array_end(w);
}

static void write_matrix_element(struct jsonw *w, const struct promql_rseries *s, const struct prepared *k)
{
	jsonw_object_begin(w);
	jsonw_key(w, "metric");
	api_write_labels(w, s->labels);
	if (s->n_floats)
		write_floats(w, s, k);
	if (s->n_hists)
		write_hists(w, s, k);
	jsonw_object_end(w);
}

/* The time of scalars and strings: a plain JSON number of seconds. */
static void write_float_time(struct jsonw *w, int64_t t_ms)
{
	jsonw_double(w, (double)t_ms / 1000);
}

/* Writes time and value of a scalar: [300.123,"0.5"]; the value never has an exponent. */
static void api_write_scalar(struct jsonw *w, struct promql_point p)
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
	struct prepared k = { .steps = r->times };
	if (r->type != PROMQL_TYPE_VECTOR)
		prepare_times(&k, r->series, n);
	prepare_buckets(&k, r->series, n);
	jsonw_array_begin(w);
	for (size_t i = 0; i < n && !jsonw_failed(w); i++) {
		if (r->type == PROMQL_TYPE_VECTOR)
			write_vector_element(w, &r->series[i], &k);
		else
			write_matrix_element(w, &r->series[i], &k);
	}
	jsonw_array_end(w);
	free(k.times);
	free(k.buckets);
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
