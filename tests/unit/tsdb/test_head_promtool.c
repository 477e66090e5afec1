/* Directories that we wrote, opened by a real Prometheus (promtool tsdb dump). Skipped without promtool. */
#include "unit/tsdb/head_test.h"

#define SERIES 20
#define SAMPLES 400
#define START 1700000000000
#define STEP 15000

static void must_commit(struct head *h)
{
	struct err e;
	ok(commit(h, true, &e), &e);
}

static double value(unsigned i, int64_t k)
{
	return i % 3 == 0 ? (double)k : (double)(k * 7 + i) / 3;
}

/* Forgets the first half and checkpoints. */
static void drop_half(struct head *h)
{
	struct err e;
	int rc;
	head_truncate(h, START + SAMPLES / 2 * STEP);
	while ((rc = head_gc(h, 1000)) == 1)
		;
	assert_int_equal(rc, 0);
	struct head_checkpoint *c = head_checkpoint_begin(h);
	assert_non_null(c);
	ok(head_checkpoint_run(c, &e), &e);
	head_checkpoint_end(h, c, 0);
	must_commit(h);
}

/* In-order floats, chunks in files, the log cut over several segments. */
static void fill(struct head *h, bool truncate)
{
	for (int64_t k = 0; k < SAMPLES; k++) {
		head_batch_begin(h, START + k * STEP);
		for (unsigned i = 0; i < SERIES; i++)
			assert_int_equal(head_append(h, series_i(h, i), START + k * STEP, value(i, k)), HEAD_OK);
		must_commit(h);
		if (k % 130 == 129)
			flush_chunks(h);
	}
	if (truncate)
		drop_half(h);
}

/* Runs promtool; returns its lines, or NULL when it is not there. */
static FILE *dump(const char *dir)
{
	if (system("promtool --version >/dev/null 2>&1") != 0)
		return NULL;
	char *cmd = xasprintf("promtool tsdb dump %s 2>&1", dir);
	FILE *f = popen(cmd, "r");
	free(cmd);
	return f;
}

/* Counts the lines of samples that are right; any other line fails. */
static size_t check(FILE *f, int64_t from)
{
	char line[512];
	size_t n = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned i;
		double v;
		long long t;
		if (sscanf(line, "{__name__=\"m\", i=\"%u\"} %lf %lld", &i, &v, &t) != 3)
			fail_msg("promtool says: %s", line);
		int64_t k = (t - START) / STEP;
		assert_true(i < SERIES && (t - START) % STEP == 0);
		assert_true(v == value(i, k));
		n += t >= from;
	}
	return n;
}

static void round_trip(enum head_compression compression, bool truncate)
{
	char *dir = scratch_new();
	struct head_config cfg = { .dir = dir, .compression = compression, .wal_segment_bytes = 32768 };
	struct head *h = open_head(cfg, NULL);
	fill(h, truncate);
	head_close(h);
	FILE *f = dump(dir);
	if (!f) {
		scratch_fini(dir);
		skip();
	}
	int64_t from = truncate ? START + SAMPLES / 2 * STEP : START;
	size_t want = (size_t)SERIES * (truncate ? SAMPLES / 2 : SAMPLES);
	assert_int_equal(check(f, from), want);
	assert_int_equal(pclose(f), 0);
	scratch_fini(dir);
}

static void test_prometheus_reads_our_wal_and_chunk_files(void **state)
{
	round_trip(HEAD_COMPRESS_NONE, false);
	round_trip(HEAD_COMPRESS_SNAPPY, false);
}

static void test_prometheus_reads_our_checkpoint(void **state)
{
	round_trip(HEAD_COMPRESS_SNAPPY, true);
}

static void test_prometheus_reads_our_blocks(void **state)
{
	char *dir = scratch_new();
	struct head_block b;
	struct err e;
	struct head *h = open_head((struct head_config){ .dir = dir }, NULL);
	fill(h, false);
	ok(head_write_block(h, dir, START, START + SAMPLES / 2 * STEP, &b, &e), &e);
	assert_int_equal(b.samples, SERIES * SAMPLES / 2);
	drop_half(h);
	head_close(h);
	FILE *f = dump(dir);
	if (f) {
		assert_int_equal(check(f, START), SERIES * SAMPLES);
		assert_int_equal(pclose(f), 0);
	}
	scratch_fini(dir);
	if (!f)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus_reads_our_wal_and_chunk_files),
		cmocka_unit_test(test_prometheus_reads_our_checkpoint),
		cmocka_unit_test(test_prometheus_reads_our_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
