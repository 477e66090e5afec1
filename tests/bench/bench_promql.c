/*
 * PromQL evaluation over samples in memory: the cases of Prometheus'
 * BenchmarkRangeQuery (100 series a_hundred, 1000 series h_hundred with 10
 * buckets each, a sample every 10 s, values s + i/n) at 1000 steps of 10 s.
 * Prints CPU ms per query (best of several runs) and ns per output point of the innermost function.
 *
 *	bench_promql [EXPR]      runs that expression only
 */
#include "base/mem.h"
#include "promql/engine.h"
#include "promql/lang/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERVAL_MS 10000
#define SAMPLES 18640
#define SERIES 100
#define BUCKETS 10
#define STEPS 1000
#define NATIVE_SERIES 20
#define NATIVE_SAMPLES 1100
#define NATIVE_BUCKETS 40

struct bench_series {
	struct label l[3];
	struct labels labels;
	double *v;
	struct histogram *h; /* of a native histogram, instead of v */
};

struct source {
	struct bench_series *s;
	size_t n;
	int64_t *t;
};

struct set {
	struct matcher *const *m;
	size_t n_m, at;
	size_t lo, hi;
};

static int src_select(void *arg, struct matcher *const *m, size_t n, const struct promql_hints *h, void **ret,
		      struct err *err)
{
	struct set *s = xcalloc(1, sizeof(*s));
	(void)arg;
	(void)err;
	s->m = m;
	s->n_m = n;
	s->lo = (size_t)((h->mint_ms < 0 ? 0 : h->mint_ms + INTERVAL_MS - 1) / INTERVAL_MS);
	s->hi = (size_t)(h->maxt_ms / INTERVAL_MS + 1);
	if (s->hi > SAMPLES)
		s->hi = SAMPLES;
	*ret = s;
	return 0;
}

static int src_next(void *arg, void *set, struct promql_series *ret, struct err *err)
{
	struct source *src = arg;
	struct set *s = set;
	(void)err;
	while (s->at < src->n) {
		struct bench_series *b = &src->s[s->at++];
		if (!matchers_match(s->m, s->n_m, b->labels))
			continue;
		if (b->h) {
			*ret = (struct promql_series){
				.labels = b->labels, .n_hists = s->hi - s->lo, .ht = src->t + s->lo, .h = b->h + s->lo
			};
			return 1;
		}
		*ret = (struct promql_series){
			.labels = b->labels, .n_floats = s->hi - s->lo, .t = src->t + s->lo, .v = b->v + s->lo
		};
		return 1;
	}
	return 0;
}

static void src_close(void *arg, void *set)
{
	(void)arg;
	free(set);
}

static bool src_same(void *arg, const struct promql_hints *a, const struct promql_hints *b)
{
	(void)arg;
	(void)a;
	(void)b;
	return true;
}

static void add_series(struct source *src, const char *name, int l, int le, double slope, double base)
{
	struct bench_series *b = &src->s[src->n++];
	size_t n = 0;
	b->l[n++] = (struct label){ STR("__name__"), str_c(name) };
	b->l[n++] = (struct label){ STR("l"), str_c(xasprintf("%d", l)) };
	if (le >= 0) {
		b->l[2] = b->l[1];
		b->l[1] = (struct label){ STR("le"), str_c(le == BUCKETS - 1 ? "+Inf" : xasprintf("%d", le)) };
		n++;
	}
	b->labels = (struct labels){ b->l, n };
	b->v = xcalloc(SAMPLES, sizeof(*b->v));
	for (size_t i = 0; i < SAMPLES; i++)
		b->v[i] = slope * (double)i + base;
}

/* A counter of NATIVE_BUCKETS buckets in one span; only the last samples exist, the rest is empty. */
static void add_native(struct source *src, int l)
{
	static const struct hist_span span = { 0, NATIVE_BUCKETS };
	add_series(src, "native", l, -1, 0, 0);
	struct bench_series *b = &src->s[src->n - 1];
	b->h = xcalloc(SAMPLES, sizeof(*b->h));
	for (size_t i = SAMPLES - NATIVE_SAMPLES; i < SAMPLES; i++) {
		double *counts = xcalloc(NATIVE_BUCKETS, sizeof(*counts)), total = 0;
		for (int k = 0; k < NATIVE_BUCKETS; k++)
			total += counts[k] = (double)(i * (size_t)(k + 1) + (size_t)l);
		b->h[i] = (struct histogram){ .is_float = true,
					      .count_f = total,
					      .sum = total * 2,
					      .pos_spans = &span,
					      .n_pos_spans = 1,
					      .pos_counts = counts,
					      .n_pos = NATIVE_BUCKETS };
	}
}

static void build(struct source *src)
{
	src->s = xcalloc(SERIES * (BUCKETS + 3) + NATIVE_SERIES, sizeof(*src->s));
	src->n = 0;
	src->t = xcalloc(SAMPLES, sizeof(*src->t));
	for (size_t i = 0; i < SAMPLES; i++)
		src->t[i] = (int64_t)i * INTERVAL_MS;
	for (int i = 0; i < SERIES; i++)
		add_series(src, "a_hundred", i, -1, 1, (double)i / SERIES);
	for (int i = 0; i < SERIES; i++)
		add_series(src, "b_hundred", i, -1, 1, (double)i / SERIES);
	for (int i = 0; i < SERIES; i++)
		add_series(src, "int_hundred", i, -1, 3, i);
	for (int i = 0; i < SERIES; i++)
		for (int le = 0; le < BUCKETS; le++)
			add_series(src, "h_hundred", i, le, le + 1, i);
	for (int i = 0; i < NATIVE_SERIES; i++)
		add_native(src, i);
}

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int run_once(struct source *src, const char *text, uint32_t steps)
{
	struct promql_source s = {
		.arg = src, .select = src_select, .next = src_next, .close = src_close, .same = src_same
	};
	struct promql_parse_opts all = PROMQL_PARSE_ALL;
	struct promql_expr *e;
	struct promql_result res;
	struct err err = ERR_NONE;
	struct arena a;
	arena_init(&a, NULL);
	int64_t end = (int64_t)(SAMPLES - 1) * INTERVAL_MS;
	int rc = promql_parse(str_c(text), &all, &a, &e, NULL, &err);
	struct promql_query q = { e, str_c(text), end - (int64_t)(steps - 1) * INTERVAL_MS, end,
				  steps > 1 ? INTERVAL_MS : 0 };
	if (!rc)
		rc = promql_exec(&q, NULL, &s, &a, &res, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", text, err.msg);
	arena_fini(&a);
	return rc;
}

static int bench(struct source *src, const char *text, uint32_t steps, unsigned n_series)
{
	double best = 1e9, until = now() + 0.4;
	do {
		double t = now();
		if (run_once(src, text, steps))
			return 1;
		t = now() - t;
		if (t < best)
			best = t;
	} while (now() < until);
	printf("%-58s %5u steps %9.3f ms %8.1f ns/point\n", text, steps, best * 1e3, best * 1e9 / steps / n_series);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *expr;
		unsigned series;
	} cases[] = {
		{ "a_hundred", 100 },
		{ "rate(a_hundred[1m])", 100 },
		{ "rate(a_hundred[1d])", 100 },
		{ "increase(a_hundred[5m])", 100 },
		{ "changes(a_hundred[1d])", 100 },
		{ "resets(a_hundred[1d])", 100 },
		{ "sum_over_time(a_hundred[1h])", 100 },
		{ "sum_over_time(a_hundred[1d])", 100 },
		{ "sum_over_time(int_hundred[1d])", 100 },
		{ "avg_over_time(int_hundred[1d])", 100 },
		{ "max_over_time(a_hundred[1d])", 100 },
		{ "count_over_time(a_hundred[1d])", 100 },
		{ "stddev_over_time(a_hundred[1h])", 100 },
		{ "quantile_over_time(0.9, a_hundred[1h])", 100 },
		{ "quantile_over_time(0.9, a_hundred[1d])", 100 },
		{ "mad_over_time(a_hundred[1h])", 100 },
		{ "deriv(a_hundred[10m])", 100 },
		{ "deriv(a_hundred[1h])", 100 },
		{ "double_exponential_smoothing(a_hundred[1h], 0.3, 0.4)", 100 },
		{ "sum(a_hundred)", 100 },
		{ "avg(a_hundred)", 100 },
		{ "stddev(a_hundred)", 100 },
		{ "sum by (le) (h_hundred)", 1000 },
		{ "sum by (l) (h_hundred)", 1000 },
		{ "sum without (le) (rate(h_hundred[1m]))", 1000 },
		{ "topk(5, a_hundred)", 100 },
		{ "quantile(0.9, a_hundred)", 100 },
		{ "count_values(\"value\", h_hundred)", 1000 },
		{ "a_hundred - b_hundred", 200 },
		{ "a_hundred and b_hundred{l=~'.*[0-4]$'}", 150 },
		{ "a_hundred or b_hundred", 200 },
		{ "a_hundred unless b_hundred{l=~'.*[0-4]$'}", 150 },
		{ "a_hundred * on(l) group_right h_hundred", 1100 },
		{ "-a_hundred", 100 },
		{ "abs(a_hundred)", 100 },
		{ "a_hundred > bool 5", 100 },
		{ "label_replace(a_hundred, 'l2', '$1', 'l', '(.*)')", 100 },
		{ "sort(a_hundred)", 100 },
		{ "histogram_quantile(0.9, h_hundred)", 1000 },
		{ "histogram_quantile(0.9, rate(h_hundred[5m]))", 1000 },
		{ "histogram_quantile(0.9, sum by (le) (rate(h_hundred[5m])))", 1000 },
		{ "max_over_time(rate(a_hundred[1m])[10m:10s])", 100 },
		{ "a_hundred / a_hundred", 100 },
		{ "sum(rate(h_hundred[5m])) / sum(rate(h_hundred[5m]))", 1000 },
		{ "sum by (l) (rate(h_hundred[5m])) / on() group_left sum(rate(h_hundred[5m]))", 1000 },
		{ "rate(a_hundred[5m]) / on() group_left sum(rate(a_hundred[5m]))", 100 },
		{ "sum_over_time(a_hundred[5m]) / count_over_time(a_hundred[5m])", 100 },
		{ "native", NATIVE_SERIES },
		{ "sum(native)", NATIVE_SERIES },
		{ "rate(native[5m])", NATIVE_SERIES },
		{ "histogram_quantile(0.9, sum(rate(native[5m])))", NATIVE_SERIES },
		{ "sum_over_time(native[5m])", NATIVE_SERIES },
		{ "histogram_count(rate(native[5m]))", NATIVE_SERIES },
	};
	struct source src;
	build(&src);
	if (argc > 1)
		return bench(&src, argv[1], STEPS, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (bench(&src, cases[i].expr, STEPS, cases[i].series))
			return 1;
	if (bench(&src, "rate(a_hundred[1m])", 10000, 100))
		return 1;
	return bench(&src, "sum(h_hundred)", 1, 1000);
}
