/*
 * A head against a naive model: random appends in and out of order, floats
 * and histograms, commits that fail, restarts, flushes, truncations. After
 * each step what the head accepted is what it gives back.
 */
#include "unit/tsdb/head_test.h"

#include "tsdb/block.h"

#define SERIES 40
#define RANGE 100000 /* ms */

/* One stored sample of the model: h 0 is a float, else the number of a histogram. */
struct fact {
	int64_t t;
	double v;
	unsigned h;
	bool twice; /* another value was accepted for the same time later: not all chunks are searched */
};

struct model_series {
	VEC(struct fact) facts; /* sorted by t */
	int64_t last;           /* newest in order */
	bool any, hist;         /* the newest one in order is a histogram */
};

struct world {
	struct head *h;
	struct head_config cfg;
	struct model_series m[SERIES];
	int64_t maxt, truncated;
	int64_t now;
	uint64_t appended;
};

static uint32_t rng;

static uint32_t rnd(uint32_t n)
{
	rng = rng * 1664525 + 1013904223;
	return (rng >> 8) % n;
}

/* Histogram number `k` (> 0): all differ, layouts change now and then. */
static struct histogram make_hist(unsigned k, bool is_float)
{
	static struct hist_span spans[4][2] = {
		{ { 0, 2 }, { 1, 2 } }, { { 0, 3 }, { 0, 1 } }, { { -2, 2 }, { 2, 2 } }, { { 5, 1 }, { 3, 3 } }
	};
	static int64_t deltas[4];
	static double counts[4];
	struct histogram h = { .is_float = is_float,
			       .schema = (int32_t)(k / 64 % 3),
			       .zero_threshold = 0.001,
			       .sum = (double)k,
			       .n_pos_spans = 2,
			       .n_pos = 4 };
	h.hint = k % 7 == 0 ? HIST_HINT_GAUGE : HIST_HINT_UNKNOWN;
	h.pos_spans = spans[k / 16 % 4];
	int64_t last = 0, total = 0;
	for (unsigned i = 0; i < 4; i++) {
		int64_t c = (int64_t)(k % 50 + i);
		deltas[i] = c - last;
		counts[i] = (double)c;
		last = c;
		total += c;
	}
	if (is_float) {
		h.pos_counts = counts;
		h.zero_count_f = k % 3;
		h.count_f = (double)total + h.zero_count_f;
	} else {
		h.pos_deltas = deltas;
		h.zero_count = k % 3;
		h.count = (uint64_t)total + h.zero_count;
	}
	return h;
}

static size_t lower_bound(const struct model_series *m, int64_t t)
{
	size_t i = 0;
	while (i < m->facts.n && m->facts.p[i].t < t)
		i++;
	return i;
}

static void remember(struct model_series *m, int64_t t, double v, unsigned h)
{
	size_t i = lower_bound(m, t);
	(void)vec_push(&m->facts);
	memmove(&m->facts.p[i + 1], &m->facts.p[i], (m->facts.n - 1 - i) * sizeof(*m->facts.p));
	m->facts.p[i] = (struct fact){ t, v, h, false };
}

static struct fact *fact_at(const struct model_series *m, int64_t t)
{
	size_t i = lower_bound(m, t);
	return i < m->facts.n && m->facts.p[i].t == t ? &m->facts.p[i] : NULL;
}

/* What the rules of Prometheus say about a sample at t. */
static enum head_result rule(const struct world *w, const struct model_series *m, int64_t t, double v, unsigned h,
			     int64_t batch_maxt)
{
	int64_t min_valid = w->truncated;
	if (batch_maxt != INT64_MIN && batch_maxt - RANGE / 2 > min_valid)
		min_valid = batch_maxt - RANGE / 2;
	if (t >= min_valid) {
		if (!m->any || t > m->last)
			return HEAD_OK;
		if (t == m->last) {
			const struct fact *f = fact_at(m, t);
			return f && f->h == h && (h || double_bits(f->v) == double_bits(v)) ? HEAD_OK_SAME
											    : HEAD_DUPLICATE;
		}
	}
	if (w->cfg.ooo_window_ms)
		return batch_maxt != INT64_MIN && t >= batch_maxt - w->cfg.ooo_window_ms ? HEAD_OK_OOO : HEAD_TOO_OLD;
	return t < min_valid ? HEAD_OUT_OF_BOUNDS : HEAD_OUT_OF_ORDER;
}

/* Takes a result that differs from the rule only where samples out of order were seen before. */
static void check_result(enum head_result want, enum head_result got, const struct fact *f, unsigned h, double v)
{
	if (want == HEAD_OK_OOO && f) {
		bool same = f->h == h && (h || double_bits(f->v) == double_bits(v));
		assert_true(got == (same ? HEAD_OK_SAME : HEAD_DUPLICATE) || got == HEAD_OK_OOO);
	} else {
		assert_int_equal(want, got);
	}
}

static void append_one(struct world *w, int64_t batch_maxt)
{
	unsigned i = rnd(SERIES);
	struct model_series *m = &w->m[i];
	struct head_series *s = series_i(w->h, i);
	bool hist = i % 4 == 3 && rnd(20) > 0;
	int64_t t = m->any && rnd(10) ? m->last + 1 + rnd(2000) : w->now + rnd(3000);
	if (rnd(12) == 0)
		t = w->now - rnd(2 * RANGE);
	if (rnd(40) == 0 && m->any)
		t = m->last;
	double v = rnd(4) ? (double)rnd(5) : (double)rnd(1000000) / 7;
	unsigned k = hist ? (1 + rnd(500)) * 2 + (i % 8 == 7) : 0;
	struct histogram h = hist ? make_hist(k, k & 1) : (struct histogram){ 0 };
	struct err e;
	enum head_result want = rule(w, m, t, v, k, batch_maxt);
	enum head_result got = hist ? head_append_hist(w->h, s, t, &h, &e) : head_append(w->h, s, t, v);
	check_result(want, got, fact_at(m, t), k, v);
	if (got == HEAD_OK_OOO && fact_at(m, t))
		fact_at(m, t)->twice = true;
	else if (got == HEAD_OK || got == HEAD_OK_OOO)
		remember(m, t, v, k);
	if (got == HEAD_OK) {
		m->last = t;
		m->any = true;
		w->maxt = t > w->maxt ? t : w->maxt;
		w->now = t > w->now ? t : w->now;
		w->appended++;
	}
}

static void append_batch(struct world *w)
{
	head_batch_begin(w->h, w->now);
	int64_t batch_maxt = w->maxt;
	for (unsigned n = 1 + rnd(200); n > 0; n--)
		append_one(w, batch_maxt);
}

/* Equal but for empty buckets, which chunks may add. */
static bool same_hist(const struct histogram *x, const struct histogram *y)
{
	struct arena a;
	struct histogram cx, cy;
	arena_init(&a, NULL);
	bool same = hist_compact(&cx, x, 0, &a, NULL) == 0 && hist_compact(&cy, y, 0, &a, NULL) == 0 &&
		    hist_equal(&cx, &cy);
	arena_fini(&a);
	return same;
}

static void check_series(const struct world *w, const struct got_series *g)
{
	unsigned i;
	assert_int_equal(sscanf(strstr(g->name, "i=\"") + 3, "%u", &i), 1);
	const struct model_series *m = &w->m[i];
	size_t n = 0;
	for (size_t k = 0; k < m->facts.n; k++) {
		const struct fact *f = &m->facts.p[k];
		if (f->t < w->truncated)
			continue;
		if (n >= g->s.n || g->s.p[n].t != f->t)
			fail_msg("series %u: sample at %lld is missing", i, (long long)f->t);
		const struct got *x = &g->s.p[n++];
		if (f->twice)
			continue;
		if (f->h) {
			struct histogram h = make_hist(f->h, f->h & 1);
			assert_non_null(x->h);
			assert_true(same_hist(x->h, &h));
		} else {
			assert_null(x->h);
			assert_true(double_bits(x->v) == double_bits(f->v));
		}
	}
	if (n != g->s.n)
		fail_msg("series %u: a sample at %lld that was never accepted", i, (long long)g->s.p[n].t);
}

static void check(struct world *w)
{
	struct got_all all;
	read_all(w->h, w->truncated, INT64_MAX, &all);
	size_t want = 0, got = 0;
	for (unsigned i = 0; i < SERIES; i++) {
		struct model_series *m = &w->m[i];
		want += m->facts.n && m->facts.p[m->facts.n - 1].t >= w->truncated;
	}
	for (size_t i = 0; i < all.series.n; i++) {
		check_series(w, &all.series.p[i]);
		got += all.series.p[i].s.n > 0;
		if (i)
			assert_true(strcmp(all.series.p[i - 1].name, all.series.p[i].name) < 0);
	}
	assert_int_equal(want, got);
	got_fini(&all);
}

static void must_commit(struct world *w)
{
	struct err e;
	ok(commit(w->h, rnd(2), &e), &e);
}

/* The kernel's calls, but for syncs, of which there are thousands here. */
static struct sys_ops unsynced;

static int no_sync(int fd)
{
	return 0;
}

static ssize_t no_space(int fd, const void *p, size_t n, off_t off)
{
	errno = ENOSPC;
	return n > 20 && rnd(2) ? sys_real.pwrite(fd, p, n / 2, off) : -1;
}

/* A commit fails, appends are refused, then one succeeds and brings everything. */
static void failing_commit(struct world *w)
{
	struct err e;
	struct sys_ops ops = unsynced;
	if (!head_commit_needed(w->h))
		return;
	uint64_t wanted = head_commit_wanted(w->h);
	ops.pwrite = no_space;
	sys = &ops;
	int rc = commit(w->h, true, &e);
	sys = &unsynced;
	if (rc == 0)
		return; /* short writes went on */
	assert_false(head_writable(w->h));
	assert_true(head_committed(w->h) < wanted);
	assert_int_equal(head_append(w->h, series_i(w->h, 0), w->now + 1, 1), HEAD_UNAVAILABLE);
	must_commit(w);
	assert_true(head_writable(w->h));
	assert_true(head_committed(w->h) >= wanted);
	assert_int_equal(head_commit_wanted(w->h), 0);
}

static void restart(struct world *w)
{
	must_commit(w);
	head_close(w->h);
	struct head_replay r;
	w->cfg.min_time_ms = w->truncated == INT64_MIN ? 0 : w->truncated;
	w->h = open_head(w->cfg, &r);
	assert_int_equal(r.corruptions, 0);
	assert_int_equal(r.unknown_refs, 0);
	/* What a head knows of time after a restart comes from its samples. */
	w->maxt = head_max_time(w->h);
	for (unsigned i = 0; i < SERIES; i++) {
		struct model_series *m = &w->m[i];
		if (m->any && m->last < w->truncated)
			m->any = false;
	}
}

/* --- blocks ---------------------------------------------------------------------------- */

static bool fact_equals(const struct fact *f, const struct chunk_cols *c, size_t i)
{
	if (f->twice)
		return true;
	if (!f->h)
		return c->v && double_bits(c->v[i]) == double_bits(f->v);
	struct histogram h = make_hist(f->h, f->h & 1);
	return c->h && same_hist(&c->h[i], &h);
}

/* Every sample of the block was accepted; those found are taken out of the model when `forget`. */
static size_t check_block(struct world *w, const char *dir, const struct head_block *info, bool forget)
{
	char *path = xasprintf("%s/%s", dir, info->ulid);
	struct block *b;
	struct err e;
	struct arena a;
	struct block_selection sel;
	struct block_series s;
	size_t total = 0;
	arena_init(&a, NULL);
	ok(block_open(path, NULL, &b, &e), &e);
	assert_int_equal(block_meta(b)->mint, info->mint);
	assert_int_equal(block_meta(b)->maxt, info->maxt);
	ok(block_select(b, NULL, 0, INT64_MIN, INT64_MAX, &a, &sel, &e), &e);
	while (block_selection_next(&sel, &a, &s, &e) == 1) {
		uint64_t i;
		assert_true(str_to_u64(labels_get(s.labels, STR("i")), &i));
		struct model_series *m = &w->m[i];
		for (size_t k = 0; k < s.n_chunks; k++) {
			struct chunk_cols c;
			ok(block_series_decode(b, &s, k, INT64_MIN, INT64_MAX, &a, &c, &e), &e);
			for (size_t x = 0; x < c.n; x++) {
				struct fact *f = fact_at(m, c.t[x]);
				assert_non_null(f);
				assert_true(fact_equals(f, &c, x));
				assert_true(c.t[x] >= info->mint && c.t[x] < info->maxt);
				if (forget) {
					size_t at = (size_t)(f - m->facts.p);
					memmove(f, f + 1, (--m->facts.n - at) * sizeof(*f));
				}
				total++;
			}
		}
	}
	assert_int_equal(total, info->samples);
	block_close(b);
	arena_fini(&a);
	free(path);
	return total;
}

/* How many samples the head gives in [mint, maxt). */
static size_t samples_between(struct world *w, int64_t mint, int64_t maxt)
{
	struct got_all all;
	size_t n = 0;
	read_all(w->h, mint, maxt - 1, &all);
	for (size_t i = 0; i < all.series.n; i++)
		n += all.series.p[i].s.n;
	got_fini(&all);
	return n;
}

static void cut_block(struct world *w, int64_t mint, int64_t maxt)
{
	char *dir = scratch_new();
	struct head_block info;
	struct err e;
	ok(head_write_block(w->h, dir, mint, maxt, &info, &e), &e);
	size_t in_head = samples_between(w, mint, maxt);
	size_t in_block = info.ulid[0] ? check_block(w, dir, &info, false) : 0;
	if (w->cfg.ooo_window_ms)
		assert_true(in_block <= in_head); /* those out of order go elsewhere */
	else
		assert_int_equal(in_block, in_head);
	scratch_fini(dir);
}

static void truncate_old(struct world *w)
{
	int64_t mint, maxt;
	struct err e;
	must_commit(w);
	if (!head_cut_due(w->h, &mint, &maxt))
		return;
	assert_true(w->truncated == INT64_MIN || mint >= w->truncated);
	cut_block(w, mint, maxt);
	struct head_reader *old = head_reader_open(w->h, INT64_MIN, INT64_MAX);
	head_truncate(w->h, maxt);
	w->truncated = maxt;
	assert_int_equal(head_gc(w->h, 1000), HEAD_GC_WAIT);
	head_reader_close(old);
	int rc;
	while ((rc = head_gc(w->h, 1 + rnd(50))) == 1) {
		if (rnd(10) == 0)
			append_batch(w);
	}
	assert_int_equal(rc, 0);
	must_commit(w);
	struct head_checkpoint *c = head_checkpoint_begin(w->h);
	assert_non_null(c);
	ok(head_checkpoint_run(c, &e), &e);
	head_checkpoint_end(w->h, c, 0);
	for (unsigned i = 0; i < SERIES; i++) {
		struct model_series *m = &w->m[i];
		if (m->any && m->last < w->truncated)
			m->any = false; /* its chunks are gone */
	}
}

static void truncate_ooo(struct world *w)
{
	if (!head_ooo_due(w->h))
		return;
	struct err e;
	struct arena a;
	struct head_block *blocks;
	size_t n;
	char *dir = scratch_new();
	must_commit(w);
	size_t before = samples_between(w, INT64_MIN, INT64_MAX), moved = 0;
	uint64_t mark = head_ooo_mark(w->h);
	must_commit(w);
	assert_int_equal(before, samples_between(w, INT64_MIN, INT64_MAX));
	arena_init(&a, NULL);
	ok(head_ooo_write_blocks(w->h, mark, dir, &a, &blocks, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		moved += check_block(w, dir, &blocks[i], true);
	assert_true(moved > 0);
	head_ooo_truncate(w->h, mark);
	assert_true(before <= moved + samples_between(w, INT64_MIN, INT64_MAX));
	struct head_checkpoint *c = head_checkpoint_begin(w->h); /* deletes segments of the WBL */
	assert_non_null(c);
	ok(head_checkpoint_run(c, &e), &e);
	head_checkpoint_end(w->h, c, 0);
	arena_fini(&a);
	scratch_fini(dir);
}

static void run(uint32_t seed, int64_t ooo_window)
{
	struct world w = { .maxt = INT64_MIN, .truncated = INT64_MIN, .now = 1000000 };
	char *dir = scratch_new();
	rng = seed;
	w.cfg = (struct head_config){ .dir = dir,
				      .chunk_range_ms = RANGE,
				      .ooo_window_ms = ooo_window,
				      .ooo_cap_max = 8,
				      .wal_segment_bytes = 32768,
				      .chunk_file_bytes = 65536,
				      .compression = HEAD_COMPRESS_SNAPPY };
	w.h = open_head(w.cfg, NULL);
	for (int step = 0; step < 150; step++) {
		append_batch(&w);
		switch (rnd(12)) {
		case 0:
			restart(&w);
			break;
		case 1:
			failing_commit(&w);
			break;
		case 2:
			flush_chunks(w.h);
			break;
		case 3:
			truncate_old(&w);
			break;
		case 4:
			if (rnd(4) == 0)
				truncate_ooo(&w);
			break;
		case 5:
			w.now += rnd(RANGE / 4);
			break;
		default:
			must_commit(&w);
			break;
		}
		check(&w);
	}
	restart(&w);
	check(&w);
	assert_true(w.appended > 1000);
	head_close(w.h);
	for (unsigned i = 0; i < SERIES; i++)
		vec_fini(&w.m[i].facts);
	scratch_fini(dir);
}

static void test_head_equals_model_in_order(void **state)
{
	for (uint32_t seed = 1; seed <= 6; seed++)
		run(seed, 0);
}

static void test_head_equals_model_out_of_order(void **state)
{
	for (uint32_t seed = 101; seed <= 106; seed++)
		run(seed, RANGE);
}

int main(void)
{
	unsynced = sys_real;
	unsynced.fsync = unsynced.fdatasync = no_sync;
	sys = &unsynced;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_equals_model_in_order),
		cmocka_unit_test(test_head_equals_model_out_of_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
