/*
 * Evaluation of random expressions over small series. The input is spent byte
 * by byte: on the series first, then on an expression of the grammar. The
 * expression runs as a range query and as an instant query at each step; if
 * the first succeeds so must all others, with the same bits.
 */
#include "unit/promql/rig.h"

#include "base/assert.h"

#define STEP 7000
#define STEPS 9
#define DEPTH 5

/* What is left of the input; zeros after its end. */
struct input {
	const uint8_t *p;
	size_t n;
};

static unsigned take(struct input *in, unsigned below)
{
	unsigned v = 0;
	if (in->n) {
		v = *in->p++;
		in->n--;
	}
	return v % below;
}

static const char *pick(struct input *in, const char *const *from, size_t n)
{
	return from[take(in, (unsigned)n)];
}
#define PICK(in, ...) \
	pick(in, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void add_series(struct rig *r, struct input *in, const char *labels)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%s%s", PICK(in, "a", "b"), labels);
	unsigned n = 4 + take(in, 20);
	for (unsigned i = 0; i < n; i++) {
		strbuf_add_ch(&b, ' ');
		unsigned kind = take(in, 24);
		if (kind < 12)
			strbuf_printf(&b, "%u.%u", take(in, 100), take(in, 10));
		else if (kind < 18)
			strbuf_add_c(&b, PICK(in, "_", "stale", "NaN", "Inf", "-Inf", "-0", "1e308", "0.1", "-3"));
		else
			strbuf_printf(&b,
				      "{{%sschema:%u count:%u sum:%u z_bucket:%u z_bucket_w:0.%u offset:%d "
				      "buckets:[%u %u %u] n_buckets:[%u]}}",
				      PICK(in, "", "", "counter_reset_hint:gauge ", "counter_reset_hint:reset "),
				      take(in, 3), take(in, 20), take(in, 20), take(in, 4), take(in, 3),
				      (int)take(in, 5) - 2, take(in, 5), take(in, 5), take(in, 5), take(in, 3));
	}
	if (take(in, 8) == 0)
		strbuf_add_c(&b, " {{schema:-53 count:5 sum:3 custom_values:[1 2 5] buckets:[1 2 2]}}x3");
	rig_load(r, 5000, b.p);
	strbuf_fini(&b);
}

static void vector(struct input *in, struct strbuf *b, int depth);

static void scalar(struct input *in, struct strbuf *b, int depth)
{
	if (depth <= 0 || take(in, 3)) {
		strbuf_add_c(b, PICK(in, "0", "1", "2", "-1", "0.5", "NaN", "Inf", "-Inf", "1e9", "time()", "pi()"));
		return;
	}
	if (take(in, 2)) {
		strbuf_add_c(b, "scalar(");
		vector(in, b, depth - 1);
	} else {
		strbuf_add_ch(b, '(');
		scalar(in, b, depth - 1);
		strbuf_add_c(b, PICK(in, " + ", " * ", " / ", " % ", " ^ ", " < bool "));
		scalar(in, b, depth - 1);
	}
	strbuf_add_ch(b, ')');
}

static void selector(struct input *in, struct strbuf *b)
{
	strbuf_add_c(b, PICK(in, "a", "b", "{__name__=~\"a|b\"}", "a{k=\"0\"}", "b{le!=\"1\"}", "nothing"));
}

static void modifiers(struct input *in, struct strbuf *b)
{
	strbuf_add_c(b, PICK(in, "", "", "", " offset 7s", " offset -9s", " @ 31", " @ 20 offset 3s"));
}

static void range(struct input *in, struct strbuf *b, int depth)
{
	static const char *const ranges[] = { "[5s]", "[12s]", "[40s]", "[3m]" };
	if (depth > 0 && take(in, 4) == 0) {
		strbuf_add_ch(b, '(');
		vector(in, b, depth - 1);
		strbuf_add_c(b, PICK(in, ")[30s:4s]", ")[1m:11s]", ")[9s:]"));
	} else {
		selector(in, b);
		strbuf_add_c(b, pick(in, ranges, 4));
	}
	modifiers(in, b);
}

static void range_call(struct input *in, struct strbuf *b, int depth)
{
	if (take(in, 8) == 0) {
		strbuf_add_c(b, PICK(in, "rate(", "increase(", "delta("));
		selector(in, b);
		strbuf_add_c(b, PICK(in, "[20s] anchored)", "[20s] smoothed)", "[1m] smoothed offset 3s)"));
		return;
	}
	strbuf_add_c(b, PICK(in, "rate(", "increase(", "delta(", "irate(", "idelta(", "changes(", "resets(",
			     "sum_over_time(", "avg_over_time(", "count_over_time(", "min_over_time(", "max_over_time(",
			     "last_over_time(", "first_over_time(", "stddev_over_time(", "stdvar_over_time(",
			     "mad_over_time(", "present_over_time(", "deriv(", "ts_of_min_over_time(",
			     "ts_of_last_over_time(", "absent_over_time(", "quantile_over_time(0.3, ",
			     "quantile_over_time(scalar(a), "));
	range(in, b, depth);
	strbuf_add_ch(b, ')');
}

static void aggregate(struct input *in, struct strbuf *b, int depth)
{
	unsigned kind = take(in, 14);
	if (kind < 8) {
		strbuf_add_c(b, PICK(in, "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"));
		strbuf_add_c(b, PICK(in, "(", " by (k) (", " without (le) (", " by (__name__) ("));
	} else if (kind < 13) {
		strbuf_add_c(b, PICK(in, "topk", "bottomk", "quantile", "limitk", "limit_ratio"));
		strbuf_add_c(b, PICK(in, "(", " by (k) (", " without (le) ("));
		scalar(in, b, depth - 1);
		strbuf_add_c(b, ", ");
	} else {
		strbuf_add_c(b, "count_values(\"v\", ");
	}
	vector(in, b, depth - 1);
	strbuf_add_ch(b, ')');
}

static void binary(struct input *in, struct strbuf *b, int depth)
{
	strbuf_add_ch(b, '(');
	unsigned side = take(in, 6);
	if (side == 0)
		scalar(in, b, depth - 1);
	else
		vector(in, b, depth - 1);
	if (side < 2) {
		strbuf_add_c(b,
			     PICK(in, " + ", " - ", " * ", " / ", " > ", " == ", " <= bool ", " ^ ", " </ ", " >/ "));
		if (side == 0)
			vector(in, b, depth - 1);
		else
			scalar(in, b, depth - 1);
	} else {
		strbuf_add_c(b,
			     PICK(in, " + ", " - ", " * ", " == ", " != ", " > bool ", " and ", " or ", " unless ",
				  " - on(k) ", " + on(k, le) ", " / on(k) group_left(le) ",
				  " * ignoring(le) group_right() ", " and on(k) ", " or on() ", " unless ignoring(k) ",
				  " + fill(1) ", " + on(k, le) fill_left(2) ", " - fill_right(3) "));
		vector(in, b, depth - 1);
	}
	strbuf_add_ch(b, ')');
}

static void vector_call(struct input *in, struct strbuf *b, int depth)
{
	unsigned kind = take(in, 8);
	const char *end = ")";
	if (kind < 3) {
		strbuf_add_c(b, PICK(in, "abs(", "-(", "sqrt(", "sgn(", "timestamp(", "absent(", "sort(", "sort_desc(",
				     "hour(", "day_of_year(", "histogram_count(", "histogram_sum(", "histogram_avg(",
				     "histogram_stddev(", "info(", "year("));
	} else if (kind == 3) {
		strbuf_add_c(b, PICK(in, "histogram_quantile(", "histogram_fraction(0, "));
		scalar(in, b, depth - 1);
		strbuf_add_c(b, ", ");
	} else if (kind == 4) {
		strbuf_add_c(b, "label_replace(");
		end = PICK(in, ", \"k\", \"x\", \"le\", \".*\")", ", \"__name__\", \"c\", \"k\", \"(.*)\")");
	} else if (kind == 5) {
		strbuf_add_c(b, PICK(in, "clamp(", "clamp("));
		end = PICK(in, ", 1, 5)", ", 5, 1)", ", -Inf, 3)");
	} else if (kind == 6) {
		strbuf_add_c(b, "vector(");
		scalar(in, b, depth - 1);
		strbuf_add_ch(b, ')');
		return;
	} else {
		strbuf_add_c(b, "round(");
		end = PICK(in, ", 0.1)", ", 0)", ")");
	}
	vector(in, b, depth - 1);
	strbuf_add_c(b, end);
}

static void vector(struct input *in, struct strbuf *b, int depth)
{
	unsigned kind = depth <= 0 ? 0 : take(in, 12);
	if (kind < 3) {
		selector(in, b);
		modifiers(in, b);
	} else if (kind < 6) {
		range_call(in, b, depth);
	} else if (kind < 8) {
		aggregate(in, b, depth);
	} else if (kind < 10) {
		binary(in, b, depth);
	} else {
		vector_call(in, b, depth);
	}
}

static void compare(struct rig *r, const char *text, const struct promql_opts *opts)
{
	int64_t start = 11000, end = start + (STEPS - 1) * STEP;
	struct promql_result whole, one;
	struct err err = ERR_NONE;
	struct arena a;
	arena_init(&a, NULL);
	int rc = rig_exec_opts(r, text, opts, &a, start, end, STEP, &whole, &err);
	if (rc == -ERR_UNIMPLEMENTED || rc == -ERR_INVALID_ARGUMENT || rc == -ERR_INTERNAL) {
		fprintf(stderr, "%s: %s\n", text, err.msg);
		abort();
	}
	for (int64_t t = start; t <= end && rc == 0; t += STEP) {
		int again = rig_exec_opts(r, text, opts, &a, t, t, 0, &one, &err);
		char *x = rig_slice(&whole, t), *y = again ? NULL : rig_slice(&one, t);
		/* Instant queries order these by value, and a sum over them is taken in that order. */
		bool ordered = strstr(text, "sort(") || strstr(text, "sort_desc(") || strstr(text, "topk") ||
			       strstr(text, "bottomk");
		/* Whether a series drops its name at the end is one flag for all of its steps. */
		ordered |= opts->delayed_name_removal && strstr(text, " or ");
		if (again || (!ordered && strcmp(x, y) != 0)) {
			fprintf(stderr, "%s at %lld\nrange:\n%s\ninstant:\n%s\n", text, (long long)t, x,
				again ? err.msg : y);
			abort();
		}
		free(x);
		free(y);
	}
	arena_fini(&a);
	CHECK(r->open_sets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const labels[] = { "{k=\"0\",le=\"1\"}", "{k=\"0\",le=\"+Inf\"}", "{k=\"1\",le=\"1\"}",
					      "{k=\"1\",le=\"+Inf\"}", "{k=\"2\"}" };
	struct input in = { data, size };
	struct strbuf b = { 0 };
	struct rig r;
	rig_init(&r);
	struct promql_opts opts = { .delayed_name_removal = take(&in, 2), .max_samples = 100000 };
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		add_series(&r, &in, labels[i]);
	vector(&in, &b, DEPTH);
	if (getenv("FUZZ_PROMQL_PRINT"))
		fprintf(stderr, "%s\n", b.p);
	compare(&r, b.p, &opts);
	strbuf_fini(&b);
	rig_fini(&r);
	return 0;
}
