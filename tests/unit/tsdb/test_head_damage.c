/*
 * Damaged files: whatever is cut off, flipped or overwritten, a head opens,
 * says so, and gives back nothing that was not stored.
 */
#include "unit/tsdb/head_test.h"

#define SERIES 3
#define SAMPLES 60
#define STEP 1000

static struct sys_ops unsynced;

static int no_sync(int fd)
{
	return 0;
}

static struct head_config config(const char *dir)
{
	return (struct head_config){ .dir = dir,
				     .chunk_range_ms = 20 * STEP,
				     .compression = HEAD_COMPRESS_SNAPPY,
				     .ooo_window_ms = 1000000,
				     .ooo_cap_max = 4 };
}

/* Some series, one commit per step; odd steps also bring a sample out of order. */
static void fill(const char *dir, bool flushed)
{
	struct err e;
	struct head *h = open_head(config(dir), NULL);
	for (int64_t k = 0; k < SAMPLES; k++) {
		head_batch_begin(h, k * STEP);
		for (unsigned i = 0; i < SERIES; i++)
			assert_int_equal(head_append(h, series_i(h, i), k * STEP, (double)(k * 10 + i)), HEAD_OK);
		if (k % 2 && k > 4)
			assert_int_equal(head_append(h, series_i(h, 0), (k - 3) * STEP + 1, (double)-k), HEAD_OK_OOO);
		ok(commit(h, true, &e), &e);
	}
	if (flushed)
		flush_chunks(h);
	head_close(h);
}

/* Whether the sample is one that fill stored. */
static bool stored(const char *name, const struct got *g)
{
	unsigned i;
	if (g->h || sscanf(strstr(name, "i=\"") + 3, "%u", &i) != 1 || i >= SERIES)
		return false;
	int64_t k = g->t / STEP;
	return g->t % STEP == 0 ? g->v == (double)(k * 10 + i) : g->t % STEP == 1 && i == 0 && g->v == (double)-(k + 3);
}

/* Opens, checks that nothing was invented, returns how many samples there are. */
static size_t open_and_count(const char *dir, struct head_replay *replay)
{
	struct head *h = open_head(config(dir), replay);
	struct got_all all;
	size_t n = 0;
	read_all(h, INT64_MIN, INT64_MAX, &all);
	for (size_t i = 0; i < all.series.n; i++) {
		for (size_t k = 0; k < all.series.p[i].s.n; k++)
			assert_true(stored(all.series.p[i].name, &all.series.p[i].s.p[k]));
		n += all.series.p[i].s.n;
	}
	got_fini(&all);
	head_close(h);
	return n;
}

static void copy_file(const char *from_dir, const char *to_dir, const char *name)
{
	char *a = xasprintf("%s/%s", from_dir, name), *b = xasprintf("%s/%s", to_dir, name);
	if (file_exists(a)) {
		struct strbuf bytes = slurp(a);
		spit(b, bytes.p, bytes.n);
		strbuf_fini(&bytes);
	}
	free(a);
	free(b);
}

/* A fresh copy of `from` in `to`. */
static void restore(const char *from, const char *to)
{
	static const char *const dirs[] = { "wal", "wbl", "chunks_head" };
	struct err e;
	for (size_t i = 0; i < 3; i++) {
		char *d = xasprintf("%s/%s", to, dirs[i]);
		ok(file_remove_all(d, &e), &e);
		ok(file_mkdir_all(d, &e), &e);
		free(d);
	}
	char *q = xasprintf("%s/quarantine", to);
	ok(file_remove_all(q, &e), &e);
	free(q);
	copy_file(from, to, "wal/00000000");
	copy_file(from, to, "wbl/00000000");
	copy_file(from, to, "chunks_head/000001");
}

/* Calls f for damaged forms of one file: cut at, or a bit flipped in, every `every`-th byte. */
static void damage(const char *file, bool flip, size_t every, bool flushed,
		   void (*f)(size_t at, size_t n, size_t whole, const struct head_replay *r))
{
	char *from = scratch_new(), *to = scratch_new();
	struct head_replay r;
	fill(from, flushed);
	size_t whole = open_and_count(from, &r);
	assert_int_equal(whole, SERIES * SAMPLES + 28);
	char *src = xasprintf("%s/%s", from, file), *dst = xasprintf("%s/%s", to, file);
	struct strbuf b = slurp(src);
	for (size_t at = 0; at < b.n; at += every) {
		restore(from, to);
		if (flip)
			b.p[at] ^= (char)(1 << at % 8);
		spit(dst, b.p, flip ? b.n : at);
		size_t n = open_and_count(to, &r);
		f(at, n, whole, &r);
		/* A second start finds nothing to repair, and the same samples. */
		struct head_replay again;
		assert_int_equal(open_and_count(to, &again), n);
		assert_int_equal(again.quarantined_bytes, 0);
		if (flip)
			b.p[at] ^= (char)(1 << at % 8);
	}
	strbuf_fini(&b);
	free(src);
	free(dst);
	scratch_fini(from);
	scratch_fini(to);
}

static size_t last_n;

static void more_with_every_byte(size_t at, size_t n, size_t whole, const struct head_replay *r)
{
	assert_true(n <= whole);
	assert_true(at == 0 || n >= last_n);
	last_n = n;
	if (r->corruptions)
		assert_true(r->quarantined_bytes > 0 && r->first_corruption[0]);
}

static void test_wal_cut_anywhere_keeps_whole_commits(void **state)
{
	last_n = 0;
	damage("wal/00000000", false, 3, false, more_with_every_byte);
}

static void test_wbl_cut_anywhere_keeps_whole_commits(void **state)
{
	last_n = 0;
	damage("wbl/00000000", false, 3, false, more_with_every_byte);
}

static void seen_or_harmless(size_t at, size_t n, size_t whole, const struct head_replay *r)
{
	if (n != whole)
		assert_true(r->corruptions || r->unknown_records || r->unknown_refs);
}

static void test_flips_in_logs_are_seen_or_harmless(void **state)
{
	damage("wal/00000000", true, 3, false, seen_or_harmless);
	damage("wbl/00000000", true, 3, false, seen_or_harmless);
}

static void nothing_lost(size_t at, size_t n, size_t whole, const struct head_replay *r)
{
	assert_int_equal(n, whole);
}

static void test_damaged_chunk_files_lose_nothing(void **state)
{
	damage("chunks_head/000001", true, 1, true, nothing_lost);
	damage("chunks_head/000001", false, 3, true, nothing_lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wal_cut_anywhere_keeps_whole_commits),
		cmocka_unit_test(test_wbl_cut_anywhere_keeps_whole_commits),
		cmocka_unit_test(test_flips_in_logs_are_seen_or_harmless),
		cmocka_unit_test(test_damaged_chunk_files_lose_nothing),
	};
	unsynced = sys_real;
	unsynced.fsync = unsynced.fdatasync = no_sync;
	sys = &unsynced;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
