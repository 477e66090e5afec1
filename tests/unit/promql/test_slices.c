/*
 * A range query has, at each step, bit for bit what an instant query at that
 * time gives; and cutting the range in two changes nothing. Windows that
 * slide, sums kept up incrementally and lanes side by side must not show.
 */
#include "unit/unit.h"

#include "rig.h"

#include <math.h>

#define STEP 7000
#define STEPS 60

static uint64_t seed = 99;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Appends values of one character to a series line. */
static void add_values(struct strbuf *b, int kind)
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

static void load(struct rig *r)
{
	static const char *const names[] = { "c", "i", "f", "x" };
	rig_init(r);
	for (int kind = 0; kind < 4; kind++)
		for (int k = 0; k < 4; k++) {
			struct strbuf b = { 0 };
			strbuf_printf(&b, "%s{k=\"%d\",le=\"%s\"}", names[kind], k / 2, k % 2 ? "1" : "+Inf");
			add_values(&b, kind);
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

static void check(struct rig *r, const char *text)
{
	int64_t start = 3000, end = start + (STEPS - 1) * STEP, middle = start + 23 * STEP;
	struct promql_result whole, first, second, one;
	struct err err = ERR_NONE;
	struct arena a;
	arena_init(&a, NULL);
	if (rig_exec(r, text, &a, start, end, STEP, &whole, &err) ||
	    rig_exec(r, text, &a, start, middle, STEP, &first, &err) ||
	    rig_exec(r, text, &a, middle + STEP, end, STEP, &second, &err))
		fail_msg("%s: %s", text, err.msg);
	size_t values = 0;
	for (int64_t t = start; t <= end; t += STEP) {
		char *want = rig_slice(&whole, t), *half = rig_slice(t <= middle ? &first : &second, t);
		if (rig_exec(r, text, &a, t, t, 0, &one, &err))
			fail_msg("%s at %lld: %s", text, (long long)t, err.msg);
		char *got = rig_slice(&one, t);
		if (strcmp(want, got) != 0 || strcmp(want, half) != 0)
			fail_msg("%s at %lld\nrange:\n%s\ninstant:\n%s\nhalf:\n%s", text, (long long)t, want, got,
				 half);
		values += strlen(want);
		free(want);
		free(half);
		free(got);
	}
	if (values == 0)
		fail_msg("%s gives nothing: it tests nothing", text);
	arena_fini(&a);
}

static void test_range_is_its_instants(void **state)
{
	static const char *const functions[] = {
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
	static const char *const selectors[] = { "c[40s]", "i[2m]",          "f[33s]",          "x[1m]",
						 "i[12s]", "(f + 1)[1m:9s]", "c[1m] offset 13s" };
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		for (size_t k = 0; k < ARRAY_LEN(selectors); k++) {
			char *text = xasprintf("%s(%s)", functions[i], selectors[k]);
			check(&r, text);
			free(text);
		}
	rig_fini(&r);
}

static void test_other_expressions(void **state)
{
	static const char *const exprs[] = {
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
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(exprs); i++)
		check(&r, exprs[i]);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_is_its_instants),
		cmocka_unit_test(test_other_expressions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
