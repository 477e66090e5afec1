/* Plans as trees, what operators cost, and samples counted by step. */
#include "unit/unit.h"

#include "unit/promql/rig.h"

#include "promql/profile.h"

static void load(struct rig *r)
{
	rig_init(r);
	rig_load(r, 10000, "one 1+1x100");
	rig_load(r, 10000, "three{a=\"1\",b=\"1\"} 1+1x100");
	rig_load(r, 10000, "three{a=\"2\",b=\"2\"} 1+1x100");
	rig_load(r, 10000, "three{a=\"3\",b=\"2\"} 1+1x100");
	rig_load(r, 10000,
		 "nh {{schema:1 count:5 sum:20 buckets:[1 2 1 1]}}+{{schema:1 count:10 sum:5 buckets:[1 2 3 4]}}x100");
}

/* A query under way. */
struct run {
	struct arena a;
	struct promql_query q;
	struct promql_result res;
	struct promql_opts opts;
	struct promql_profile profile;
	struct promql_operator *root;
	struct err err;
};

static void run_init(struct run *x, const char *text, int64_t start, int64_t end, int64_t step)
{
	struct promql_parse_opts all = PROMQL_PARSE_ALL;
	*x = (struct run){ .q = { NULL, str_c(text), start * 1000, end * 1000, step * 1000 } };
	arena_init(&x->a, NULL);
	if (promql_parse(x->q.text, &all, &x->a, &x->q.expr, NULL, &x->err))
		fail_msg("%s: %s", text, x->err.msg);
}

static void exec(struct run *x, struct rig *r)
{
	struct promql_source src = rig_source(r);
	if (promql_exec(&x->q, &x->opts, &src, &x->a, &x->res, &x->err))
		fail_msg("%s", x->err.msg);
	assert_int_equal(r->open_sets, 0);
	x->root = x->profile.root;
}

/* --- samples ------------------------------------------------------------------------------- */

/* Source of the figures: TestQueryStatistics in promql/engine_test.go of Prometheus. */
static void test_samples_are_counted_as_prometheus_counts_them(void **state)
{
	static const struct {
		const char *query;
		int64_t start, end, step;
		uint64_t total, by_step[4];
	} cases[] = {
		{ "\"text\"", 21, 21, 0, 0, { 0 } },
		{ "1", 21, 21, 0, 0, { 0 } },
		{ "one", 21, 21, 0, 1, { 1 } },
		{ "nh", 21, 21, 0, 13, { 13 } },
		{ "timestamp(one)", 21, 21, 0, 1, { 1 } },
		{ "timestamp(nh)", 21, 21, 0, 1, { 1 } },
		{ "one @ 15", 21, 21, 0, 1, { 1 } },
		{ "three{a=\"1\"}[20s] @ 19", 21, 21, 0, 2, { 2 } },
		{ "three", 21, 21, 0, 3, { 3 } },
		{ "one[60s]", 201, 201, 0, 6, { 6 } },
		{ "nh[60s]", 201, 201, 0, 78, { 78 } },
		{ "max_over_time(one[60s])[20s:5s]", 201, 201, 0, 24, { 24 } },
		{ "max_over_time(one[61s])[20s:5s]", 201, 201, 0, 26, { 26 } },
		{ "max_over_time(nh[60s])[20s:5s]", 201, 201, 0, 312, { 312 } },
		{ "nh[60s] @ 30", 201, 201, 0, 52, { 52 } },
		{ "sum by (b) (max_over_time(three[60s] @ 30))", 201, 201, 0, 12, { 12 } },
		{ "one[60s] offset 10s", 201, 201, 0, 6, { 6 } },
		{ "absent_over_time(one[60s])", 201, 201, 0, 6, { 6 } },
		{ "one[60s:5s] offset 10s", 201, 201, 0, 12, { 12 } },
		{ "max_over_time(three[60s:5s])", 201, 201, 0, 36, { 36 } },
		{ "sum(max_over_time(three[60s:5s])) + sum(max_over_time(three[60s:5s]))", 201, 201, 0, 72, { 72 } },
		{ "three{a=\"1\"}", 204, 223, 5, 4, { 1, 1, 1, 1 } },
		{ "nh", 204, 223, 5, 52, { 13, 13, 13, 13 } },
		{ "timestamp(nh)", 201, 220, 5, 4, { 1, 1, 1, 1 } },
		{ "max_over_time(three{a=\"1\"}[10s])", 991, 1021, 10, 2, { 1, 1, 0, 0 } },
		{ "max_over_time(three[60s] @ 30)", 201, 220, 5, 48, { 12, 12, 12, 12 } },
		{ "three", 201, 220, 5, 12, { 3, 3, 3, 3 } },
	};
	struct rig r;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run x;
		run_init(&x, cases[i].query, cases[i].start, cases[i].end, cases[i].step);
		x.opts.count_samples = true;
		exec(&x, &r);
		if (x.res.samples_total != cases[i].total)
			fail_msg("%s: %llu samples", cases[i].query, (unsigned long long)x.res.samples_total);
		for (size_t k = 0; x.res.samples_by_step && k < x.res.n_steps; k++)
			if (x.res.samples_by_step[k] != cases[i].by_step[k])
				fail_msg("%s: %llu samples at step %zu", cases[i].query,
					 (unsigned long long)x.res.samples_by_step[k], k);
		arena_fini(&x.a);
	}
	rig_fini(&r);
}

/* What a step counts is what an instant query at its time counts. */
static void test_samples_of_a_step_are_those_of_an_instant_query(void **state)
{
	static const char *const queries[] = {
		"three",
		"three offset 35s",
		"rate(three[45s]) + on (a, b) three",
		"sum by (b) (avg_over_time(three[1m] offset 7s)) / ignoring (b) group_left sum(one @ 300)",
		"sum(max_over_time(rate(three[30s])[2m:7s]))",
		"histogram_quantile(0.9, nh) or nh",
		"sum(rate(nh[33s]))",
		"absent(one) or absent_over_time(one[5s])",
		"topk(1, three) and max_over_time(nh[13s] @ end())",
		"last_over_time((three @ start())[1m:10s])",
	};
	struct rig r;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct run range;
		run_init(&range, queries[i], 50, 1100, 75);
		range.opts.count_samples = true;
		exec(&range, &r);
		uint64_t sum = 0;
		assert_int_equal(range.res.n_steps, 15);
		for (int64_t k = 0; k < 15; k++) {
			struct run one;
			/* start() and end() are those of the range query. */
			run_init(&one, queries[i], 50 + k * 75, 50 + k * 75, 0);
			one.opts.count_samples = true;
			exec(&one, &r);
			sum += range.res.samples_by_step[k];
			if (!strstr(queries[i], "end()") && !strstr(queries[i], "start()") &&
			    one.res.samples_total != range.res.samples_by_step[k])
				fail_msg("%s at step %d: %llu, not %llu", queries[i], (int)k,
					 (unsigned long long)range.res.samples_by_step[k],
					 (unsigned long long)one.res.samples_total);
			arena_fini(&one.a);
		}
		assert_int_equal(sum, range.res.samples_total);
		assert_true(sum > 0);
		arena_fini(&range.a);
	}
	rig_fini(&r);
}

static void test_samples_read_are_those_of_the_source(void **state)
{
	struct rig r;
	struct run x;
	load(&r);
	run_init(&x, "max_over_time(three[60s])", 201, 261, 10);
	exec(&x, &r);
	assert_int_equal(x.res.samples_read, 3 * 12); /* (141, 261] */
	assert_int_equal(x.res.samples_total, x.res.samples_read);
	assert_null(x.res.samples_by_step);
	arena_fini(&x.a);
	rig_fini(&r);
}

/* --- the tree ------------------------------------------------------------------------------ */

static void print_tree(const struct promql_operator *op, int depth, struct strbuf *b)
{
	for (; op; op = op->next) {
		strbuf_printf(b, "%*s%s", 2 * depth, "", op->name);
		for (const struct promql_read *rd = op->reads; rd; rd = rd->next)
			strbuf_printf(b, " <%lld..%lld>", (long long)rd->hints.mint_ms, (long long)rd->hints.maxt_ms);
		strbuf_add_ch(b, '\n');
		print_tree(op->child, depth + 1, b);
	}
}

static void expect_tree(const char *query, const char *want)
{
	struct run x;
	struct strbuf b = { 0 };
	run_init(&x, query, 600, 660, 30);
	if (promql_explain(&x.q, &x.opts, &x.a, &x.root, &x.err))
		fail_msg("%s: %s", query, x.err.msg);
	print_tree(x.root, 0, &b);
	if (strcmp(b.p ? b.p : "", want) != 0)
		fail_msg("%s is\n%s", query, b.p);
	strbuf_fini(&b);
	arena_fini(&x.a);
}

static void test_plans_are_trees(void **state)
{
	expect_tree("1", "[scalar] 1\n");
	expect_tree("three{a=~\"x|y\"} offset 1m", "[selector] three{a=~\"x|y\"} offset 1m <240001..600000>\n");
	expect_tree("sum by (job, x) (rate(three[5m]))", "[aggregate] sum by (job, x)\n"
							 "  [range function] rate\n"
							 "    [range selector] three[5m] <300001..660000>\n");
	expect_tree("topk without (a) (3, one) * on (b) group_left (c) three",
		    "[merge equal series]\n"
		    "  [operator] * on (b) group_left (c)\n"
		    "    [aggregate] topk without (a)\n"
		    "      [scalar] 3\n"
		    "      [selector] one <300001..660000>\n"
		    "    [selector] three <300001..660000>\n");
	expect_tree("label_replace(one, \"a\", \"$1\", \"b\", \"(.*)\")",
		    "[merge equal series]\n"
		    "  [function] label_replace(\"a\", \"$1\", \"b\", \"(.*)\")\n"
		    "    [selector] one <300001..660000>\n");
	expect_tree("max_over_time(sum(one)[10m:1m] offset 1m)", "[range function] max_over_time\n"
								 "  [subquery] [10m:1m] offset 1m\n"
								 "    [aggregate] sum\n"
								 "      [selector] one <-359999..600000>\n");
	expect_tree("one @ 100 > bool 5", "[evaluated once]\n"
					  "  [operator] > bool\n"
					  "    [selector] one @ 100.000 <-199999..100000>\n"
					  "    [scalar] 5\n");
	expect_tree("hour()", "[function] hour\n  [vector of] hour\n    [scalar] hour\n");
	expect_tree("count_values(\"v\", -one) unless vector(time())", "[operator] unless\n"
								       "  [aggregate] count_values \"v\"\n"
								       "    [operator] -\n"
								       "      [selector] one <300001..660000>\n"
								       "  [vector of] vector\n"
								       "    [scalar] time\n");
}

static void test_errors_of_plans_are_those_of_queries(void **state)
{
	struct run x;
	run_init(&x, "one offset -5m", 600, 660, 30);
	x.opts.no_negative_offset = true;
	assert_int_equal(promql_explain(&x.q, &x.opts, &x.a, &x.root, &x.err), -ERR_INVALID_ARGUMENT);
	assert_string_equal(x.err.msg, "negative offset is disabled");
	assert_null(x.root);
	arena_fini(&x.a);
}

/* Text as long as a plan may get, and a chain of many operators. */
static void test_long_plans(void **state)
{
	struct strbuf b = { 0 };
	struct run x;
	size_t n = 0;
	strbuf_add_c(&b, "one");
	for (int i = 0; i < 150; i++)
		strbuf_add_c(&b, " + one");
	strbuf_add_c(&b, "{x=\"");
	for (int i = 0; i < 5000; i++)
		strbuf_add_c(&b, "y");
	strbuf_add_c(&b, "\"}");
	run_init(&x, b.p, 600, 660, 30);
	assert_int_equal(promql_explain(&x.q, &x.opts, &x.a, &x.root, &x.err), 0);
	for (const struct promql_operator *op = x.root; op; op = op->child)
		n++;
	assert_true(n >= 151);
	assert_true(strlen(x.root->child->next->name) < 2100);
	strbuf_fini(&b);
	arena_fini(&x.a);
}

/* --- cost ---------------------------------------------------------------------------------- */

/* A clock that goes on by 1000 ns when it is read, of which 10 are CPU time. */
static void tick(void *arg, int64_t *ret_wall, int64_t *ret_cpu)
{
	int64_t *n = arg;
	++*n;
	*ret_wall = *n * 1000;
	*ret_cpu = *n * 10;
}

static int64_t check_sums(const struct promql_operator *op)
{
	int64_t below = 0, cpu = 0;
	for (const struct promql_operator *c = op->child; c; c = c->next) {
		assert_ptr_equal(c->up, op);
		below += check_sums(c);
		cpu += c->cpu_ns;
	}
	assert_true(op->self_wall_ns >= 0);
	assert_int_equal(op->wall_ns, op->self_wall_ns + below);
	assert_int_equal(op->cpu_ns, op->self_cpu_ns + cpu);
	return op->wall_ns;
}

static void test_costs_add_up(void **state)
{
	struct rig r;
	struct run x;
	int64_t reads = 0;
	load(&r);
	run_init(&x, "sum by (b) (rate(three[60s])) + on () group_left max(one)", 201, 221, 10);
	x.profile = (struct promql_profile){ .clock = tick, .arg = &reads };
	x.opts.profile = &x.profile;
	exec(&x, &r);
	/* All time belongs to an operator, but that before, after, and between the three pulls of the root. */
	assert_int_equal(check_sums(x.root), (reads - 3) * 1000);
	assert_int_equal(x.root->cpu_ns, (reads - 3) * 10);
	assert_string_equal(x.root->name, "[operator] + on () group_left ()");
	assert_int_equal(x.root->series, 2);
	assert_int_equal(x.root->samples, 6);
	const struct promql_operator *sum = x.root->child, *max = sum->next, *rate = sum->child, *sel = rate->child;
	assert_string_equal(sum->name, "[aggregate] sum by (b)");
	assert_int_equal(sum->series, 2);
	assert_int_equal(sum->samples, 6);
	assert_int_equal(rate->series, 3);
	assert_int_equal(rate->samples, 9);
	assert_string_equal(sel->name, "[range selector] three[1m]");
	assert_int_equal(sel->series, 3);
	assert_int_equal(sel->samples, 3 * 8); /* (141, 221] */
	assert_int_equal(sel->reads->series, 3);
	assert_int_equal(sel->reads->samples, 24);
	assert_null(sel->reads->next);
	assert_int_equal(sel->steps, 3);
	assert_int_equal(max->child->series, 1);
	assert_int_equal(max->child->samples, 3);
	assert_int_equal(max->child->reads->samples, 23); /* five minutes back from each step: all from 0 to 220 */
	assert_int_equal(sel->reads->hints.id + max->child->reads->hints.id, 3);
	assert_true(sel->peak_samples >= 8);
	arena_fini(&x.a);
	rig_fini(&r);
}

static void sum_reads(const struct promql_operator *op, uint64_t *series, uint64_t *samples)
{
	for (; op; op = op->next) {
		for (const struct promql_read *rd = op->reads; rd; rd = rd->next) {
			*series += rd->series;
			*samples += rd->samples;
		}
		sum_reads(op->child, series, samples);
	}
}

/* Also where parts are evaluated once for several users, or anew because there is too much to keep. */
static void test_all_that_is_read_belongs_to_an_operator(void **state)
{
	static const char *const queries[] = {
		"sum(rate(three[60s])) / sum(rate(three[60s]))",
		"sum(rate(three[60s])) / max(max_over_time(three[60s]))",
		"sort(three) - sort(three)",
		"three + three * three",
		"max_over_time(sum(three)[1m:10s]) / sum(three)",
		"topk(2, three) or topk(2, three) or one",
		"rate(three[60s]) + max_over_time(three[60s]) + on (a, b) rate(three[60s] offset 1m)",
	};
	struct rig r;
	load(&r);
	for (size_t i = 0; i < 3 * ARRAY_LEN(queries); i++) {
		struct run x;
		int64_t reads = 0;
		uint64_t series = 0, samples = 0;
		const uint64_t limits[] = { 0, 150, 90 };
		struct promql_source src = rig_source(&r);
		run_init(&x, queries[i / 3], 300, 420, 10);
		x.profile = (struct promql_profile){ .clock = tick, .arg = &reads };
		x.opts.profile = &x.profile;
		x.opts.max_samples = limits[i % 3];
		int rc = promql_exec(&x.q, &x.opts, &src, &x.a, &x.res, &x.err);
		assert_true(rc == 0 || rc == -ERR_RESOURCE_EXHAUSTED);
		sum_reads(x.profile.root, &series, &samples);
		if (samples != x.res.samples_read)
			fail_msg("%s, %llu: %llu samples, %llu read", queries[i / 3], (unsigned long long)limits[i % 3],
				 (unsigned long long)samples, (unsigned long long)x.res.samples_read);
		assert_true(series > 0 && samples > 0);
		check_sums(x.profile.root);
		arena_fini(&x.a);
	}
	rig_fini(&r);
}

static void test_no_clock_is_read_without_a_profile(void **state)
{
	struct rig r;
	struct run x;
	load(&r);
	run_init(&x, "sum(rate(three[60s]))", 201, 221, 10);
	exec(&x, &r); /* opts.profile is NULL: there is no clock to read */
	assert_null(x.root);
	arena_fini(&x.a);
	rig_fini(&r);
}

static void test_a_failed_query_has_a_profile(void **state)
{
	struct rig r;
	struct run x;
	int64_t reads = 0;
	load(&r);
	struct promql_source src = rig_source(&r);
	run_init(&x, "sum(three + on (b) three)", 201, 221, 10);
	x.profile = (struct promql_profile){ .clock = tick, .arg = &reads };
	x.opts.profile = &x.profile;
	assert_int_equal(promql_exec(&x.q, &x.opts, &src, &x.a, &x.res, &x.err), -ERR_FAILED_PRECONDITION);
	assert_non_null(x.profile.root);
	assert_true(x.profile.root->wall_ns > 0);
	arena_fini(&x.a);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_are_counted_as_prometheus_counts_them),
		cmocka_unit_test(test_samples_of_a_step_are_those_of_an_instant_query),
		cmocka_unit_test(test_samples_read_are_those_of_the_source),
		cmocka_unit_test(test_plans_are_trees),
		cmocka_unit_test(test_errors_of_plans_are_those_of_queries),
		cmocka_unit_test(test_long_plans),
		cmocka_unit_test(test_costs_add_up),
		cmocka_unit_test(test_all_that_is_read_belongs_to_an_operator),
		cmocka_unit_test(test_no_clock_is_read_without_a_profile),
		cmocka_unit_test(test_a_failed_query_has_a_profile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
