/*
 * The longest and deepest queries that the parser lets pass are evaluated,
 * on half of the stack that a fiber has; one more is refused in clear words.
 */
#include "config.h"

#include "unit/unit.h"

#include "rig.h"

#include <pthread.h>
#include <sys/mman.h>

/* Half of a fiber's stack: the rest is for whoever calls the engine and whom it calls. */
#ifdef TH_SANITIZERS
#define STACK_MAX (512 << 10)
#else
#define STACK_MAX (128 << 10)
#endif
#define STACK_BYTES (16 << 20)
#define PAGE 4096

/* A query, run on a stack of its own. */
struct job {
	struct rig *rig;
	char *text;
	int64_t step;
	char *result;
};

static void *run_job(void *arg)
{
	struct job *j = arg;
	j->result = rig_run(j->rig, j->text, NULL, 60000, 60000 + 3 * j->step, j->step);
	return NULL;
}

/* Runs the job; returns the bytes of stack that it touched. */
static size_t run_measured(struct job *j)
{
	char *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	static unsigned char resident[STACK_BYTES / PAGE];
	pthread_attr_t attr;
	pthread_t t;
	assert_true(p != MAP_FAILED);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, p, STACK_BYTES), 0);
	assert_int_equal(pthread_create(&t, &attr, run_job, j), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	pthread_attr_destroy(&attr);
	assert_int_equal(mincore(p, STACK_BYTES, resident), 0);
	size_t lowest = 0;
	while (lowest < ARRAY_LEN(resident) && !(resident[lowest] & 1))
		lowest++;
	munmap(p, STACK_BYTES);
	return STACK_BYTES - lowest * PAGE;
}

/* An expression: `before` so many times, the core, `after` as often. */
struct shape {
	const char *before, *core, *after;
	int most; /* how many times pass */
};

static char *text_of(const struct shape *s, int n)
{
	struct strbuf b = { 0 };
	for (int i = 0; i < n; i++)
		strbuf_add_c(&b, s->before);
	strbuf_add_c(&b, s->core);
	for (int i = 0; i < n; i++)
		strbuf_add_c(&b, s->after);
	return strbuf_steal(&b);
}

static void load(struct rig *r)
{
	rig_init(r);
	rig_load(r, 5000, "a{x=\"1\"} 1+1x20");
	rig_load(r, 5000, "a{x=\"2\"} 1+1x20");
}

static void check_shape(struct rig *r, const struct shape *s, int64_t step)
{
	struct job j = { r, text_of(s, s->most), step, NULL };
	size_t used = run_measured(&j);
	if (strncmp(j.result, "error: ", 7) == 0 || used > STACK_MAX)
		fail_msg("%s, %d times: %zu bytes of stack, %.300s", s->before[0] ? s->before : s->after, s->most, used,
			 j.result);
	free(j.text);
	free(j.result);
	j.text = text_of(s, s->most + 1);
	run_measured(&j);
	if (!strstr(j.result, "query has more than 200 levels of nesting") &&
	    !strstr(j.result, "query has more than 2000 operators"))
		fail_msg("%s, %d times: %.300s", s->before[0] ? s->before : s->after, s->most + 1, j.result);
	free(j.text);
	free(j.result);
}

/* Left-deep: limited by the number of operators. */
static const struct shape chains[] = {
	{ "", "a", " + a", 2000 },
	{ "", "a", " or a", 2000 },
	{ "", "a", " and a", 2000 },
	{ "", "a", " unless b", 2000 },
	{ "", "1", " + 1", 2000 },
	{ "", "a", " * 1", 2000 },
	{ "", "time()", " + time()", 2000 },
	{ "", "a", " == bool a", 2000 },
	{ "", "a", " + on(x) a", 2000 },
	{ "", "a", " + on(x) group_left(z) a", 2000 },
	{ "", "a", " + on(x) group_right() a", 2000 },
	{ "", "a @ 30", " + a @ 30", 999 },
	{ "", "a", " + a * 1", 1000 },
	{ "", "a", " + fill(1) a", 2000 },
};

/* Limited by nesting. */
static const struct shape nests[] = {
	{ "a ^ ", "a", "", 199 },
	{ "(", "a", ")", 199 },
	{ "-", "a", "", 199 },
	{ "a + (", "a", ")", 99 },
	{ "a or (", "a", ")", 99 },
	{ "a and (", "a", ")", 99 },
	{ "a + on(x) group_right() (", "a", ")", 99 },
	{ "abs(", "a", ")", 199 },
	{ "min_of(1, ", "time()", ")", 199 },
	{ "clamp_max(a, scalar(", "a", "))", 99 },
	{ "vector(scalar(", "a", "))", 99 },
	{ "label_replace(", "a", ", \"q\", \"$1\", \"x\", \"(.*)\")", 199 },
	{ "histogram_quantile(0.9, ", "a", ")", 199 },
	{ "sort(", "a", ")", 199 },
	{ "absent(", "a", ")", 199 },
	{ "info(", "a", ")", 199 },
	{ "max_over_time(", "a", "[5m:1m])", 198 },
	{ "max_over_time(", "a", "[5m:1m] @ 60)", 198 },
	{ "max_over_time((1 + ", "a", ")[5m:1m])", 66 },
	{ "predict_linear(a[5m], scalar(", "a", "))", 99 },
	{ "sum(", "a", ")", 199 },
	{ "sum(", "a", " + a)", 198 },
	{ "topk(1, ", "a", ")", 199 },
	{ "quantile(scalar(", "a", "), a)", 99 },
	{ "count_values(\"x\", ", "a", ")", 199 },
	{ "limitk(1, ", "a", ")", 199 },
	{ "sum(-max_over_time((1 + ", "a", " + a)[5m:1m]))", 39 },
};

static void test_chains_of_operators(void **state)
{
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		check_shape(&r, &chains[i], 0);
		check_shape(&r, &chains[i], 5000);
	}
	rig_fini(&r);
}

static void test_nested_expressions(void **state)
{
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(nests); i++)
		check_shape(&r, &nests[i], 5000);
	rig_fini(&r);
}

static void test_chains_have_the_right_value(void **state)
{
	static const struct {
		struct shape shape;
		const char *want;
	} cases[] = {
		{ { "", "1", " + 1", 2000 }, "{} 2001@60 2001@65 2001@70 2001@75" },
		{ { "", "a{x=\"1\"}", " + a{x=\"1\"}", 2000 }, "{x=\"1\"} 26013@60 28014@65 30015@70 32016@75" },
		{ { "", "a{x=\"1\"}", " - 1", 2000 }, "{x=\"1\"} -1987@60 -1986@65 -1985@70 -1984@75" },
		{ { "", "1000", " - time() + 1 * a{x=\"1\"}", 600 },
		  "{x=\"1\"} -27200@60 -29600@65 -32000@70 -34400@75" },
		{ { "", "a{x=\"1\"}", " unless a{x=\"2\"} or a{x=\"1\"}", 900 }, "a{x=\"1\"} 13@60 14@65 15@70 16@75" },
	};
	struct rig r;
	(void)state;
	load(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = text_of(&cases[i].shape, cases[i].shape.most);
		char *got = rig_run(&r, text, NULL, 60000, 75000, 5000);
		const char *want = cases[i].want;
		if (strcmp(got, want) != 0)
			fail_msg("%s ...: %s, not %s", cases[i].shape.after, got, want);
		free(text);
		free(got);
	}
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains_of_operators),
		cmocka_unit_test(test_nested_expressions),
		cmocka_unit_test(test_chains_have_the_right_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
