/*
 * Random series of several characters, and expressions over them with every function and aggregation: what
 * tests of properties run over. The seed is printed; TEST_SEED gives one again.
 */
#ifndef TESTS_PROMQL_SAMPLE_H
#define TESTS_PROMQL_SAMPLE_H

#include "rig.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

static uint64_t sample_state;

static inline uint64_t rnd(void)
{
	sample_state ^= sample_state << 13;
	sample_state ^= sample_state >> 7;
	sample_state ^= sample_state << 17;
	return sample_state;
}

/* Appends values of one character to a series line. */
static inline void sample_values(struct strbuf *b, int kind)
{
	double v = 0;
	for (int i = 0; i < 60; i++) {
		uint64_t r = rnd();
		if (r % 17 == 0) {
			strbuf_add_c(b, r % 2 ? " _" : " stale");
			continue;
		}
		if (kind == 0) /* a counter with resets */
			v = r % 23 == 0 ? (double)(r % 5) : v + (double)(r % 100) / 8;
		else if (kind == 1) /* integers */
			v = (double)(int64_t)(r % 1000) - 500;
		else if (kind == 2) /* fractions */
			v = (double)(int64_t)r / 1e17;
		else /* special values */
			v = r % 7 == 0 ? NAN : r % 11 == 0 ? INFINITY : r % 3 == 0 ? -0.0 : 1e300 * (double)(r % 9);
		strbuf_add_ch(b, ' ');
		text_float_add(b, v, TEXT_FLOAT_G);
	}
}

static inline void sample_load(struct rig *r)
{
	static const char *const names[] = { "c", "i", "f", "x" };
	rig_init(r);
	for (int kind = 0; kind < 4; kind++)
		for (int k = 0; k < 4; k++) {
			struct strbuf b = { 0 };
			strbuf_printf(&b, "%s{k=\"%d\",le=\"%s\"}", names[kind], k / 2, k % 2 ? "1" : "+Inf");
			sample_values(&b, kind);
			rig_load(r, 5000, b.p);
			strbuf_fini(&b);
		}
	rig_load(r, 5000,
		 "h{k=\"0\"} {{schema:0 sum:3 count:6 z_bucket:1 z_bucket_w:0.01 buckets:[1 2 2]}}+{{schema:0 "
		 "sum:1.5 count:4 z_bucket:1 z_bucket_w:0.01 buckets:[1 2]}}x20 _x3 {{schema:0 sum:3 count:5 "
		 "buckets:[3 2]}}+{{schema:1 sum:0.5 count:1 buckets:[1]}}x30");
	rig_load(r, 5000,
		 "h{k=\"1\"} 1+1x20 {{schema:0 sum:3 count:6 buckets:[1 2 3]}}+{{sum:1 count:1 buckets:[1]}}x30");
}

/* Begins the random numbers. */
static inline void sample_seed(void)
{
	const char *s = getenv("TEST_SEED");
	sample_state = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
	if (sample_state == 0)
		sample_state = 1;
	printf("TEST_SEED=%" PRIu64 "\n", sample_state);
}

static const char *const sample_functions[] = {
	"rate",
	"increase",
	"delta",
	"irate",
	"idelta",
	"changes",
	"resets",
	"sum_over_time",
	"avg_over_time",
	"count_over_time",
	"min_over_time",
	"max_over_time",
	"last_over_time",
	"first_over_time",
	"stddev_over_time",
	"stdvar_over_time",
	"mad_over_time",
	"present_over_time",
	"deriv",
	"ts_of_min_over_time",
	"ts_of_max_over_time",
	"ts_of_first_over_time",
	"ts_of_last_over_time",
};

static const char *const sample_ranges[] = { "c[40s]", "i[2m]",          "f[33s]",          "x[1m]",
					     "i[12s]", "(f + 1)[1m:9s]", "c[1m] offset 13s" };

static const char *const sample_exprs[] = {
	"c",
	"c offset -11s",
	"c @ 100 + i",
	"i > 0",
	"i > bool 0",
	"2 * f",
	"f % 3",
	"-x",
	"c + on(k, le) i",
	"c / ignoring(le) group_left sum by (k) (i)",
	"c and i > 0",
	"c or i",
	"i unless c > 3",
	"sum(f)",
	"sum by (k) (x)",
	"avg(f)",
	"avg(x)",
	"stddev(f)",
	"stdvar by (le) (i)",
	"min(x)",
	"max without (k) (x)",
	"count(c)",
	"group(c)",
	"topk(2, f)",
	"bottomk(1, x)",
	"quantile(0.3, f)",
	"limitk(2, c)",
	"limit_ratio(0.5, c)",
	"count_values(\"v\", c)",
	"histogram_quantile(0.5, abs(c))",
	"histogram_fraction(0, 0.5, abs(c))",
	"quantile_over_time(0.7, f[1m])",
	"predict_linear(f[1m], 60)",
	"double_exponential_smoothing(i[1m], 0.3, 0.4)",
	"label_replace(c, \"x\", \"$1\", \"k\", \"(.*)\")",
	"scalar(c{k=\"0\",le=\"1\"}) + i",
	"clamp(i, -3, 5)",
	"round(f, 0.1)",
	"timestamp(c)",
	"timestamp(c + 1)",
	"hour(c * 1000)",
	"absent_over_time(c{k=\"0\",le=\"1\"}[5s])",
	"absent(c{k=\"0\",le=\"1\"})",
	"c anchored",
	"rate(c[1m] anchored)",
	"increase(c[1m] smoothed)",
	"delta(f[30s] smoothed)",
	"f smoothed",
	"xrate(c[1m])",
	"xincrease(c[1m])",
	"xdelta(f[1m])",
	"xrate((c + 0)[1m:7s])",
	"xincrease((c + 0)[1m:9s] offset 4s)",
	"xdelta(max by (k) (f)[40s:5s])",
	"max_over_time(rate(c[30s])[1m:7s])",
	"sum(rate(c[40s])) by (k) / sum(i) by (k)",
	"h",
	"rate(h[1m])",
	"increase(h[1m] smoothed)",
	"sum(h)",
	"avg(h)",
	"h + h",
	"h * 2",
	"histogram_quantile(0.9, rate(h[1m]))",
	"sum_over_time(h[30s])",
	"avg_over_time(h[30s])",
	"histogram_stddev(h)",
	"histogram_fraction(0, 2, h)",
	"changes(h[1m])",
	"resets(h[1m])",
	"last_over_time(h[20s])",
	"h </ 2",
	"h >/ 1.5",
	"irate(h[1m])",
	"idelta(h[1m])",
	"count_values(\"v\", h)",
	"histogram_count(sum(h))",
};

#endif
