/*
 * Measures JSON output of query results: ns per point and per series, best of
 * several rounds.
 */
#include "api/result.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "base/sys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIES 200
#define POINTS 1000
#define REPEATS 7

/* Sends nothing: what is measured is the writing. */
static int drop(void *arg, struct strbuf *out, struct err *err)
{
	*(uint64_t *)arg += out->n;
	strbuf_reset(out);
	return 0;
}

static void measure(const char *name, const struct promql_result *r, double items, const char *unit)
{
	double best = 1e30;
	uint64_t bytes = 0;
	for (int k = 0; k < REPEATS; k++) {
		struct strbuf b = { 0 };
		struct jsonw w;
		bytes = 0;
		int64_t t = sys->mono_ns();
		jsonw_init(&w, &b, JSONW_HTML);
		jsonw_set_flush(&w, drop, &bytes, 64 * 1024);
		api_write_result(&w, r, 0);
		if (jsonw_finish(&w, NULL))
			abort();
		best = fmin(best, (double)(sys->mono_ns() - t));
		strbuf_fini(&b);
	}
	printf("%-44s %8.2f ns/%-8s %8.1f MB/s\n", name, best / items, unit, (double)bytes / best * 1e3);
}

static struct promql_point points[SERIES * POINTS];
static struct promql_rseries series[SERIES * POINTS];
static int64_t times[POINTS];
static double values[SERIES * POINTS];

static void matrix(const char *name, double (*value)(size_t i))
{
	for (size_t i = 0; i < SERIES * POINTS; i++) {
		times[i % POINTS] = 1700000000000 + (int64_t)(i % POINTS) * 15000;
		values[i] = value(i);
		points[i] = (struct promql_point){ times[i % POINTS], value(i) };
	}
	for (size_t i = 0; i < SERIES; i++)
		series[i] = (struct promql_rseries){ .values = values + i * POINTS, .n_floats = POINTS };
	struct promql_result r = { .type = PROMQL_TYPE_MATRIX, .series = series, .n_series = SERIES, .times = times };
	measure(name, &r, SERIES * POINTS, "point");
}

static double counter(size_t i)
{
	return (double)(i * 37);
}

static double rate(size_t i)
{
	return (double)(i % 977) / 15;
}

static double gauge(size_t i)
{
	return (double)(i % 1000) / 10;
}

static double flag(size_t i)
{
	return 1;
}

static void vector(void)
{
	static const struct label l[] = {
		{ STR("__name__"), STR("http_requests_total") }, { STR("code"), STR("200") },
		{ STR("instance"), STR("10.0.0.17:9090") },      { STR("job"), STR("api-server") },
		{ STR("namespace"), STR("production") },         { STR("pod"), STR("api-5d9f7c6b8-x2x9z") }
	};
	for (size_t i = 0; i < SERIES * POINTS; i++)
		series[i] =
			(struct promql_rseries){ .labels = { l, ARRAY_LEN(l) }, .n_floats = 1, .floats = &points[i] };
	struct promql_result r = { .type = PROMQL_TYPE_VECTOR, .series = series, .n_series = SERIES * POINTS };
	measure("vector, 6 labels", &r, SERIES * POINTS, "series");
}

static void histograms(void)
{
	static const struct hist_span span = { -10, 40 };
	static double counts[40];
	static struct promql_hpoint hp[POINTS];
	static struct histogram h = { .is_float = true,
				      .schema = 3,
				      .count_f = 820,
				      .sum = 1234.5,
				      .pos_spans = &span,
				      .n_pos_spans = 1,
				      .pos_counts = counts,
				      .n_pos = 40 };
	for (int i = 0; i < 40; i++)
		counts[i] = i + 0.5;
	for (size_t i = 0; i < POINTS; i++)
		hp[i] = (struct promql_hpoint){ (int64_t)i * 15000, &h };
	struct promql_rseries s = { .n_hists = POINTS, .hists = hp };
	struct promql_result r = { .type = PROMQL_TYPE_MATRIX, .series = &s, .n_series = 1 };
	measure("native histograms, 40 buckets", &r, POINTS, "histogram");
}

int main(void)
{
	matrix("matrix, counters", counter);
	matrix("matrix, rates (17 digits)", rate);
	matrix("matrix, gauges (1 decimal)", gauge);
	matrix("matrix, ones", flag);
	vector();
	histograms();
	return 0;
}
